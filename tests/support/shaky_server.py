"""An S3 server before which something stands that lists slowly and refuses every tenth request."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.passing import PassingHandler, PassingServer, serving

EVERY = 10
SLOW_SECONDS = 0.5


class ShakyServer(PassingServer):
    """Passes requests on, but for every tenth, which it answers with 503."""

    def __init__(self, behind: str):
        super().__init__(behind, _Handler)
        self.count = itertools.count(1)
        self.refused = 0


class _Handler(PassingHandler):
    server: ShakyServer

    def handle_it(self) -> None:
        body = self.body()
        if next(self.server.count) % EVERY == 0:
            self.server.refused += 1
            self.refuse(503, "SlowDown")
            return
        if self.command == "GET" and "list-type=2" in self.path:
            time.sleep(SLOW_SECONDS)
        self.answer(*self.asked(body))


@contextmanager
def shaky_server(behind: str) -> Iterator[ShakyServer]:
    """Such a server before the one at `behind`, on a free port of the loopback address."""
    with serving(ShakyServer(behind)) as server:
        yield server
