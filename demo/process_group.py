"""A program in a session of its own, so that all that it starts can be stopped with it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path


def end_in_order() -> None:
    """Have SIGTERM, and a terminal that is closed, end this program as Ctrl-C does: what it started
    is stopped then, and not left behind."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, interrupt)


class ProcessGroup:
    """A running program and its children. A signal to the parent alone would orphan them."""

    def __init__(self, command: Sequence[str], environment: dict[str, str], log: Path):
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command, env=environment, stdout=output, stderr=output, start_new_session=True
            )

    @property
    def pid(self) -> int:
        """Of the program, and so of the group."""
        return self._process.pid

    def is_running(self) -> bool:
        return self._process.poll() is None

    def stop(self, grace: float = 15.0) -> None:
        """End every process of the group, after `grace` seconds by force."""
        for first, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
            sign, deadline = int(first), time.monotonic() + seconds
            while self._signal(sign) and time.monotonic() < deadline:
                self._process.poll()  # a parent that has ended must be waited for to be gone
                sign = 0  # only look whether any of the group is left
                time.sleep(0.1)

    def kill(self) -> None:
        """End the group at once, as a machine that loses its power does."""
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, sign: int) -> bool:
        """Send a signal to the group; False if none of it is left."""
        try:
            os.killpg(self._process.pid, sign)
        except ProcessLookupError:
            return False
        return True
