"""What stands before the lake and breaks it on demand: one request, or all of a kind."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote, urlsplit

from tests.support.passing import PassingHandler, PassingServer, serving

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


class FaultyLake(PassingServer):
    """Passes requests on, but for those that a trouble befalls."""

    def __init__(self, behind: str):
        super().__init__(behind, _Handler)
        self.troubles: list[Trouble] = []
        self._lock = threading.Lock()

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


class _Handler(PassingHandler):
    server: FaultyLake

    def handle_it(self) -> None:
        path = unquote(urlsplit(self.path).path)
        signed = _KEY_OF_SIGNATURE.search(self.headers.get("Authorization", ""))
        trouble = self.server.trouble_of(self.command, path, signed[1] if signed else "")
        if trouble is None:
            super().handle_it()
        elif trouble.act == "slow":
            time.sleep(trouble.seconds)
            super().handle_it()
        else:
            self._fail(trouble)

    def _fail(self, trouble: Trouble) -> None:
        if trouble.act == "answer":
            self.body()
            trouble.reached.set()
            self.refuse(trouble.status, trouble.code)
            return
        body = self.body({"gone": 0.0, "cut": 0.5}.get(trouble.act, 1.0))
        if trouble.act == "hold after":
            self.asked(body)
        trouble.reached.set()
        if trouble.act in ("hold", "hold after"):
            trouble.released.wait(300)
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def faulty_lake(behind: str) -> Iterator[FaultyLake]:
    """Such a lake before the server at `behind`, on a free port of the loopback address."""
    with serving(FaultyLake(behind)) as server:
        yield server
