"""What stands before the lake and breaks it on demand: one request, or all of a kind."""

from __future__ import annotations

import http.client
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import unquote, urlsplit

Act = Literal["answer", "slow", "gone", "cut", "hold", "hold after"]
_KEY_OF_SIGNATURE = re.compile(r"Credential=([^/]+)/")


@dataclass
class Trouble:
    """What befalls requests.

    path    a pattern that is searched for in bucket and key
    method  the request's; empty for any
    act     `answer` a failure; be `slow`; be `gone`; `cut` an upload half way; `hold` a request,
            or the answer to one that was carried out, until `released`, and then drop it
    status, code   of the answer
    access_key     whose requests; empty for anybody's
    most           how many requests it befalls
    """

    path: str
    act: Act
    method: str = ""
    status: int = 503
    code: str = "SlowDown"
    access_key: str = ""
    most: int = 1_000_000
    seconds: float = 1.0
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    count: int = 0

    def befalls(self, method: str, path: str, access_key: str) -> bool:
        return (
            self.count < self.most
            and (not self.method or self.method == method)
            and (not self.access_key or self.access_key == access_key)
            and re.search(self.path, path) is not None
        )


class FaultyLake(ThreadingHTTPServer):
    """Passes requests on to `behind`, but for those that a trouble befalls."""

    daemon_threads = True

    def __init__(self, behind: str):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = urlsplit(behind).netloc
        self.troubles: list[Trouble] = []
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def trouble_of(self, method: str, path: str, access_key: str) -> Trouble | None:
        with self._lock:
            for trouble in self.troubles:
                if trouble.befalls(method, path, access_key):
                    trouble.count += 1
                    return trouble
        return None

    @contextmanager
    def troubled(self, *troubles: Trouble) -> Iterator[None]:
        """These troubles within the block; what is held is dropped at its end."""
        self.troubles = list(troubles)
        try:
            yield
        finally:
            self.troubles = []
            for trouble in troubles:
                trouble.released.set()

    def handle_error(self, *_: object) -> None:
        """A connection that was cut is no news here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyLake

    def _pass_on(self) -> None:
        path = unquote(urlsplit(self.path).path)
        signed = _KEY_OF_SIGNATURE.search(self.headers.get("Authorization", ""))
        trouble = self.server.trouble_of(self.command, path, signed[1] if signed else "")
        if trouble is not None and trouble.act in ("gone", "cut"):
            trouble.reached.set()
            if trouble.act == "cut":
                self.rfile.read(int(self.headers.get("Content-Length") or 0) // 2)
            self._drop()
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if trouble is None or trouble.act == "slow":
            time.sleep(0 if trouble is None else trouble.seconds)
            self._answer(*self._asked(body))
            return
        if trouble.act == "answer":
            trouble.reached.set()
            xml = f"<Error><Code>{trouble.code}</Code><Message>so it is told</Message></Error>"
            self._answer(trouble.status, {"Content-Type": "application/xml"}, xml.encode())
            return
        if trouble.act == "hold after":
            self._asked(body)
        trouble.reached.set()
        trouble.released.wait(300)
        self._drop()

    def _asked(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        # With the headers as they are: the signature is of the host that the client named.
        connection = http.client.HTTPConnection(self.server.behind, timeout=120)
        try:
            connection.request(self.command, self.path, body, dict(self.headers.items()))
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        length = headers.get("Content-Length", str(len(content)))  # of HEAD, of what is not sent
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _drop(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def faulty_lake(behind: str) -> Iterator[FaultyLake]:
    """Such a lake before the server at `behind`, on a free port of the loopback address."""
    with FaultyLake(behind) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
