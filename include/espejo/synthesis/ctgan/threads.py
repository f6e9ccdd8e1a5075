"""How torch uses the CPU while the engine works."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Use so many threads inside the block; 0: one.

    The matrices are small: a second thread waits more than it works, and on a busy machine it
    has been seen to make a step twenty times slower. With one thread the order of every sum is
    fixed too, so that a seed means the same result.

    Numbers too small for full precision count as zero: averages that decay over thousands of
    steps end there, where a processor is many times slower.
    """
    before, flushed = torch.get_num_threads(), _flushes_denormal()
    torch.set_num_threads(threads or 1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.set_flush_denormal(flushed)


def _flushes_denormal() -> bool:
    """Whether such numbers count as zero now; torch has no call that says so."""
    return bool(torch.full((), 1e-40).mul(1.0) == 0)
