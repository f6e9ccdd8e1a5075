"""What stands before a server and passes requests on, for those that would change some of them."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeVar
from urllib.parse import urlsplit

_SECONDS = 120


class PassingServer(ThreadingHTTPServer):
    """On a free port of the loopback address, before the server at `behind`."""

    daemon_threads = True

    def __init__(self, behind: str, handler: type[PassingHandler]):
        super().__init__(("127.0.0.1", 0), handler)
        self.behind = urlsplit(behind).netloc

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class PassingHandler(BaseHTTPRequestHandler):
    """Asks the server behind, and answers; classes of it change what they want in `handle_it`."""

    protocol_version = "HTTP/1.1"
    server: PassingServer

    def handle_it(self) -> None:
        """Answer the request."""
        self.answer(*self.asked(self.body()))

    def body(self, share: float = 1.0) -> bytes:
        """The request's body, or the first part of it."""
        return self.rfile.read(int(int(self.headers.get("Content-Length") or 0) * share))

    def asked(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and content of the answer of the server behind."""
        # With the headers as they are: the signature is of the host that the client named.
        connection = http.client.HTTPConnection(self.server.behind, timeout=_SECONDS)
        try:
            connection.request(self.command, self.path, body, dict(self.headers.items()))
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        length = headers.get("Content-Length", str(len(content)))  # of HEAD, of what is not sent
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def refuse(self, status: int, code: str) -> None:
        """Answer as S3 does where it fails."""
        xml = f"<Error><Code>{code}</Code><Message>so it is told</Message></Error>"
        self.answer(status, {"Content-Type": "application/xml"}, xml.encode())

    def do_GET(self) -> None:
        self.handle_it()

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


Server = TypeVar("Server", bound=PassingServer)


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    """The server at work within the block."""
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
