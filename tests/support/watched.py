"""Processes that tell every address outside this machine that they ask for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

# Python reads it at the start of every process, so that the children of one are watched, too.
_WATCH = """
import os, sys
def watch(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        address = str(arguments[1][0])
    elif event == "socket.getaddrinfo":
        address = str(arguments[0])
    else:
        return
    if address not in ("127.0.0.1", "::1", "localhost", "None", ""):
        with open(os.environ["WATCHED"], "a") as told:
            told.write(address + "\\n")
with open(os.environ["WATCHED"], "a") as told:
    told.write("")
sys.addaudithook(watch)
"""


class Watch:
    """What watched processes asked for; `environment` is theirs."""

    def __init__(self, folder: Path):
        self._told = folder / "told.txt"
        (folder / "sitecustomize.py").write_text(_WATCH)
        self.environment = {"PYTHONPATH": str(folder), "WATCHED": str(self._told)}

    def works(self) -> bool:
        """Whether it sees a process that asks for nobody's address."""
        asked = "import socket\nsocket.create_connection(('192.0.2.1', 9), 0.1)"
        command = [sys.executable, "-c", asked]
        subprocess.run(command, capture_output=True, check=False, env=os.environ | self.environment)
        seen = self.addresses() == {"192.0.2.1"}
        self._told.unlink()
        return seen

    def addresses(self) -> set[str]:
        """Those that were asked for. Raises FileNotFoundError where no process was watched."""
        return set(self._told.read_text().split())
