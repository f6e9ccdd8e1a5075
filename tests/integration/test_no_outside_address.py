"""A run's browser asks for no address outside this machine; `test_commands` watches the rest."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import plotly.graph_objects as go
import psutil
import pytest

from include.espejo.report.drawings.browser import open_browser

PROXIES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy")


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
