"""Brute-force distances between rows of small integer codes, exact, one pair at a time.

A row is a column of a matrix of bytes ("planes", shape (planes, rows)), so that a plane's codes
of neighbouring rows lie side by side and one instruction compares 32 of them. The distance of
two rows is the sum of `operations`, an int64 matrix of shape (operations, 4) that holds kind,
first plane, second plane and weight:

    BYTE   the weight where the plane's codes differ
    WORD   the weight where the codes of either plane differ (codes above 255, in two bytes)
    GRADE  the difference of the plane's codes, at most the weight

The weights sum to at most 254; 255 stands for "no row". References come in blocks whose planes
and sums stay in the L1 and L2 caches. The functions hold no lock, so threads may share the work.
Compiling takes some seconds; numba keeps the result on disk where it may write (`NUMBA_CACHE_DIR`,
beside this file, or the user's cache), and compiles again when this file or the processor changes.

How far from the machine's limit: a pair of ENOE's rows takes 20 comparisons of a byte. Beside a
loop that does nothing but compare and add bytes in the L1 cache (0.014 ns a byte, some 28 a cycle)
`cross` has been measured at 1.4 times that on a core to itself, and the whole at 3.7 times on two
cores that five busy processes shared. Grades and two-byte codes cost more than one operation; the
rest goes to the minima and to looking for improvements. bench/disclosure.py measures both.
"""

from __future__ import annotations

import numpy as np
from numba import int64, njit, uint8
from numba.core.caching import FunctionCache

BYTE, WORD, GRADE = 0, 1, 2
BLOCK = 2048
FAR = 255  # a distance that no pair has


def _may_cache() -> bool:
    """Whether numba may write anywhere: a read-only image compiles in each process."""
    try:
        FunctionCache(_may_cache)  # type: ignore[no-untyped-call]
    except RuntimeError:
        return False
    return True


_CACHED = _may_cache()
_LINE, _PLANES = "uint8[::1]", "uint8[:, ::1]"
_PAIR = f"{_PLANES}, {_PLANES}, int64[:, ::1]"


@njit(f"void({_LINE}, {_LINE}, uint8, uint8)", nogil=True, cache=_CACHED)
def _add_byte(sums: np.ndarray, codes: np.ndarray, code: np.uint8, weight: np.uint8) -> None:
    for j in range(sums.size):
        sums[j] = uint8(sums[j] + (weight if codes[j] != code else uint8(0)))


@njit(f"void({_LINE}, {_LINE}, {_LINE}, uint8, uint8, uint8)", nogil=True, cache=_CACHED)
def _add_word(
    sums: np.ndarray,
    high: np.ndarray,
    low: np.ndarray,
    code: np.uint8,
    rest: np.uint8,
    weight: np.uint8,
) -> None:
    for j in range(sums.size):
        differs = (high[j] != code) | (low[j] != rest)
        sums[j] = uint8(sums[j] + (weight if differs else uint8(0)))


@njit(f"void({_LINE}, {_LINE}, uint8, uint8)", nogil=True, cache=_CACHED)
def _add_grade(sums: np.ndarray, codes: np.ndarray, code: np.uint8, weight: np.uint8) -> None:
    for j in range(sums.size):
        gap = uint8(codes[j] - code) if codes[j] > code else uint8(code - codes[j])
        sums[j] = uint8(sums[j] + (gap if gap < weight else weight))


@njit(f"void({_LINE}, {_PAIR}, int64, int64, int64, int64)", nogil=True, cache=_CACHED)
def _add_operations(
    sums: np.ndarray,
    queries: np.ndarray,
    references: np.ndarray,
    operations: np.ndarray,
    query: int,
    start: int,
    first: int,
    last: int,
) -> None:
    """Add operations `first` to `last` between one query and the references from `start` on."""
    stop = start + sums.size
    for o in range(first, last):
        kind, one, two = operations[o, 0], operations[o, 1], operations[o, 2]
        weight, codes = uint8(operations[o, 3]), references[one, start:stop]
        if kind == BYTE:
            _add_byte(sums, codes, queries[one, query], weight)
        elif kind == WORD:
            other = references[two, start:stop]
            _add_word(sums, codes, other, queries[one, query], queries[two, query], weight)
        else:
            _add_grade(sums, codes, queries[one, query], weight)


@njit(f"uint8({_LINE})", nogil=True, cache=_CACHED)
def _smallest(sums: np.ndarray) -> np.uint8:
    least = uint8(FAR)
    for j in range(sums.size):
        least = sums[j] if sums[j] < least else least
    return least


@njit(f"void({_LINE}, {_LINE})", nogil=True, cache=_CACHED)
def _keep_smaller(best: np.ndarray, sums: np.ndarray) -> None:
    for j in range(sums.size):
        best[j] = sums[j] if sums[j] < best[j] else best[j]


@njit(f"boolean({_LINE}, {_LINE})", nogil=True, cache=_CACHED)
def _improves(best: np.ndarray, sums: np.ndarray) -> bool:
    changed = uint8(0)
    for j in range(sums.size):
        smaller = sums[j] if sums[j] < best[j] else best[j]
        changed = uint8(changed | uint8(smaller ^ best[j]))
    return bool(changed != 0)


@njit(
    f"void({_PAIR}, int64, int64, int64, int64[::1], {_PLANES}, {_LINE}, {_LINE}, int32[::1])",
    nogil=True,
    cache=_CACHED,
)
def cross(
    queries: np.ndarray,
    references: np.ndarray,
    operations: np.ndarray,
    quasi: int,
    first: int,
    last: int,
    starts: np.ndarray,
    block_least: np.ndarray,
    best: np.ndarray,
    best_quasi: np.ndarray,
    nearest: np.ndarray,
) -> None:
    """Queries `first` to `last` against every reference.

    Writes block_least (queries, blocks): the least distance of a query within each block, whose
    bounds are `starts`; and lowers best and best_quasi (references,): the least distance of a
    reference to a query, over all operations and over the first `quasi`; with the latter's query
    in `nearest`, the first of those as near.
    """
    sums = np.empty(BLOCK, np.uint8)
    for block in range(starts.size - 1):
        start, stop = starts[block], starts[block + 1]
        part = sums[: stop - start]
        part_best, part_quasi = best[start:stop], best_quasi[start:stop]
        for query in range(first, last):
            part[:] = 0
            _add_operations(part, queries, references, operations, query, start, 0, quasi)
            if _improves(part_quasi, part):
                for j in range(part.size):
                    if part[j] < part_quasi[j]:
                        part_quasi[j] = part[j]
                        nearest[start + j] = query
            _add_operations(
                part, queries, references, operations, query, start, quasi, operations.shape[0]
            )
            block_least[query, block] = _smallest(part)
            _keep_smaller(part_best, part)


@njit(
    f"void({_PAIR}, int64, int64, int64[::1], int64, {_PLANES}, {_LINE}, "
    "float64[::1], float64[::1])",
    nogil=True,
    cache=_CACHED,
)
def share_ties(
    queries: np.ndarray,
    references: np.ndarray,
    operations: np.ndarray,
    first: int,
    last: int,
    starts: np.ndarray,
    train: int,
    block_least: np.ndarray,
    least: np.ndarray,
    shares: np.ndarray,
    train_shares: np.ndarray,
) -> None:
    """Share each query among the references that are nearest to it, at distance `least`.

    Adds to shares (references,) what each gets, and writes to train_shares (queries,) what those
    before reference `train` get together. Only blocks that hold a nearest one are looked at.
    """
    sums = np.empty(BLOCK, np.uint8)
    tied = np.empty(references.shape[1], np.int64)
    for query in range(first, last):
        ties, ties_in_train = 0, 0
        for block in range(starts.size - 1):
            if block_least[query, block] != least[query]:
                continue
            start = starts[block]
            part = sums[: starts[block + 1] - start]
            part[:] = 0
            _add_operations(
                part, queries, references, operations, query, start, 0, operations.shape[0]
            )
            for j in range(part.size):
                if part[j] == least[query]:
                    tied[ties] = start + j
                    ties += 1
                    ties_in_train += start + j < train
        for tie in range(ties):
            shares[tied[tie]] += 1.0 / ties
        train_shares[query] = ties_in_train / ties


@njit(
    f"void({_PLANES}, int64[:, ::1], int64, int64, int64[::1], int64[::1], {_LINE})",
    nogil=True,
    cache=_CACHED,
)
def nearest_other(
    rows: np.ndarray,
    operations: np.ndarray,
    first: int,
    last: int,
    group_start: np.ndarray,
    group_stop: np.ndarray,
    best: np.ndarray,
) -> None:
    """Rows `first` to `last`: the least distance to a row of another group, into best (rows,).

    A group's rows lie side by side, from group_start[row] to group_stop[row].
    """
    sums, count = np.empty(BLOCK, np.uint8), rows.shape[1]
    for start in range(0, count, BLOCK):
        stop = min(start + BLOCK, count)
        part = sums[: stop - start]
        for row in range(first, last):
            part[:] = 0
            _add_operations(part, rows, rows, operations, row, start, 0, operations.shape[0])
            for own in range(max(group_start[row], start), min(group_stop[row], stop)):
                part[own - start] = uint8(FAR)
            best[row] = min(best[row], _smallest(part))


@njit(f"void({_LINE}, {_LINE}, int64)", nogil=True, cache=_CACHED)
def add_bytes(sums: np.ndarray, codes: np.ndarray, times: int) -> None:
    """The machine's pace, for the benchmark: one comparison and addition a byte, in the cache."""
    for _ in range(times):
        _add_byte(sums, codes, uint8(int64(codes[0]) & 1), uint8(1))
