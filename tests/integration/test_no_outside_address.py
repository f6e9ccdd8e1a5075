"""No process of a run asks for any address outside this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import plotly.graph_objects as go
import psutil
import pytest

from include.espejo.report.drawings.browser import open_browser
from tests.conftest import ROOT
from tests.surveys.parks import SPEC, parks_csv, parks_rows

PROXIES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy")

# Python reads it at the start of every process, so that the children of a run are watched, too.
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


def test_chromium_reaches_nobody_whatever_a_label_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(502)

        do_CONNECT = do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    Thread(target=server.serve_forever, daemon=True).start()
    for name in PROXIES:
        monkeypatch.setenv(name, f"http://127.0.0.1:{server.server_address[1]}")
    try:
        with open_browser() as browser:
            plain = {"title": {"text": "cost in $ and more $"}}
            pictures = browser.draw({"plain": go.Figure(layout=plain)})
            lines = [_command(p) for p in psutil.Process().children(recursive=True)]
    finally:
        server.shutdown()
        server.server_close()
    assert pictures["plain"].startswith(b"\x89PNG")
    assert asked == []
    children = [line for line in lines if not any(part.startswith("--type=") for part in line)]
    browsers = [line for line in children if "--remote-debugging-pipe" in line]
    assert browsers
    # Whatever it would ask goes to a proxy, and none is there.
    assert all("--proxy-server=http://127.0.0.1:9" in line for line in browsers)


def _command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def test_no_step_of_a_run_looks_up_or_connects_to_an_outside_address(tmp_path: Path) -> None:
    survey, told = tmp_path / "parks.csv", tmp_path / "told.txt"
    survey.write_bytes(parks_csv(parks_rows(600)))
    (tmp_path / "sitecustomize.py").write_text(_WATCH)
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "WATCHED": str(told)}
    run_in: dict[str, Any] = {"cwd": ROOT, "env": environment, "check": False, "timeout": 300}
    look_up = "import socket\nsocket.create_connection(('192.0.2.1', 9), 0.1)"  # nobody's address
    subprocess.run([sys.executable, "-c", look_up], capture_output=True, **run_in)
    assert set(told.read_text().split()) == {"192.0.2.1"}  # a process is watched
    told.unlink()
    command = [sys.executable, "-m", "include.espejo", "synthesize", str(survey)]
    options = ["--survey", str(SPEC), "--period", "2015T2", "--seed", "1", "--epochs", "1"]
    run = subprocess.run([*command, str(tmp_path / "out"), *options], **run_in)
    assert run.returncode in (0, 3)
    assert told.read_text() == ""
