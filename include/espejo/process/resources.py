"""Memory of this process and its children, watched while something runs."""

from __future__ import annotations

import threading
from types import TracebackType

import psutil

_EVERY_SECONDS = 0.1


class PeakMemory:
    """Context manager; `peak_mb` is the highest resident memory of process plus children, MiB.

    Pages that parent and child share count twice: the figure is an upper bound. `largest_mb` is the
    highest of a single one of these processes.
    """

    def __init__(self) -> None:
        self.peak_mb = 0.0
        self.largest_mb = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._measure()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._measure()

    def _watch(self) -> None:
        while not self._stop.wait(_EVERY_SECONDS):
            self._measure()

    def _measure(self) -> None:
        root = psutil.Process()
        resident = [0]
        for process in [root, *root.children(recursive=True)]:
            try:
                resident.append(process.memory_info().rss)
            except psutil.NoSuchProcess:
                continue  # it ended between listing and reading
        self.peak_mb = max(self.peak_mb, sum(resident) / 2**20)
        self.largest_mb = max(self.largest_mb, max(resident) / 2**20)
