"""Says how long each part of an evaluation took, so that a long one shows where it is."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


@contextmanager
def timed(part: str) -> Iterator[None]:
    """Log one line when the part ends; a part that fails raises its own error."""
    start = time.monotonic()
    yield
    log.info("evaluated %s: %.1f s", part, time.monotonic() - start)
