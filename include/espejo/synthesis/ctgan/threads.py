"""How the engine uses the CPU: one thread for an operation, and several fields at once."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import torch

MOST_AT_ONCE = 4  # Python itself runs in one thread at a time: more threads would wait for it

Result = TypeVar("Result")
Each = Callable[..., list[Any]]  # calls a function for each of some things, as `map` does


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """One thread for each operation inside the block.

    The matrices are small: a second thread waits more than it works, and on a busy machine it
    has been seen to make a step twenty times slower. With one thread the order of every sum is
    fixed too, so that a seed means the same result.
    """
    before, flushed = torch.get_num_threads(), _flushes_denormal()
    _prepare_thread()
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.set_flush_denormal(flushed)


@contextmanager
def several_at_once(threads: int) -> Iterator[Each]:
    """Gives what calls a function for each of some things, on so many threads; 0: a thread for
    each core, but not more than four. The result is the same for every number of threads, where
    the calls don't depend on each other."""
    threads = threads or min(_cores(), MOST_AT_ONCE)
    if threads == 1:
        yield one_by_one
        return
    with ThreadPoolExecutor(threads, "field", initializer=_prepare_thread) as pool:
        yield lambda call, *things: list(pool.map(call, *things))


def call_in_order(call: Callable[..., Result], *things: Iterable[Any]) -> Iterator[Result]:
    """`call` for each of some things, on a thread for each core, but not more than four.

    The results come in the order of the things; no more of them wait than there are threads.
    """
    threads, waiting = min(_cores(), MOST_AT_ONCE), deque[Future[Result]]()
    with ThreadPoolExecutor(threads, "block", initializer=_prepare_thread) as pool:
        try:
            for thing in zip(*things, strict=True):
                waiting.append(pool.submit(call, *thing))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for left in waiting:  # where one failed, or nobody asks for more
                left.cancel()


def one_by_one(call: Callable[..., Any], *things: Any) -> list[Any]:
    """`call` for each of some things, in this thread."""
    return list(map(call, *things))


def _cores() -> int:
    """Those that this process may use, where the system says so."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _prepare_thread() -> None:
    """Both settings are the thread's own.

    Numbers too small for full precision count as zero: averages that decay over thousands of
    steps end there, where a processor is many times slower.
    """
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


def _flushes_denormal() -> bool:
    """Whether such numbers count as zero now; torch has no call that says so."""
    return bool(torch.full((), 1e-40).mul(1.0) == 0)
