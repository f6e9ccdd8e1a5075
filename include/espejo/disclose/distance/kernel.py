"""Exact nearest neighbours among rows of small integer codes: a tree of boxes, and its search.

A row is a column of a matrix of bytes ("planes", shape (planes, rows)), so that a plane's codes
of neighbouring rows lie side by side and one instruction compares 32 of them. The distance of
two rows is the sum of `operations`, an int64 matrix of shape (operations, 4) that holds kind,
first plane, second plane and weight:

    BYTE   the weight where the plane's codes differ
    WORD   the weight where the codes of either plane differ (codes above 255, in two bytes)
    GRADE  the difference of the plane's codes, at most the weight

The weights sum to at most 254; 255 stands for "no row".

The rows are parted by the operation that parts them most, again and again, down to leaves of some
hundred (a k-d tree: Friedman, Bentley and Finkel 1977, "An algorithm for finding best matches in
logarithmic expected time", ACM TOMS 3(3)). A node knows the range of each operation's codes below
it; the sum of the query's distances from these ranges is at most its distance from any row there,
so a node whose sum is beyond the nearest row found so far holds nothing nearer and is left out.
The answers are those of comparing every pair. The rows of a tree are distinct, or ties among many
equal rows would cost what comparing them all does.

The functions hold no lock, so threads may share the work. Compiling takes some seconds; numba keeps
the result on disk where it may write (`NUMBA_CACHE_DIR`, beside this file, or the user's cache),
and compiles again when this file or the processor changes: all of it is in one file, since of
another file's change numba would know nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import float32, njit, uint8
from numba.core.caching import FunctionCache

BYTE, WORD, GRADE = 0, 1, 2
LEAF = 128  # rows at most
FAR = 255  # a distance that no pair has
_SAMPLE = 128  # rows of a node that say where to part it


class Tree(NamedTuple):
    """Rows in the order of their leaves, uint8 (planes, rows + LEAF), and the nodes over them.

    The last LEAF columns are of no row, so that what reads so many from any row on stays inside.
    Of each node (nodes,): `start` and `stop` of its rows, and the first of its two children, which
    lie side by side (0 at a leaf); `low` and `high` float32 (nodes, operations): the range of the
    codes below it. Of each operation: `scale`, by which a gap is multiplied, and `weight`, which it
    then reaches at most.
    """

    planes: np.ndarray
    operations: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    child: np.ndarray
    low: np.ndarray
    high: np.ndarray
    scale: np.ndarray
    weight: np.ndarray


def _may_cache() -> bool:
    """Whether numba may write anywhere: a read-only image compiles in each process."""
    try:
        FunctionCache(_may_cache)  # type: ignore[no-untyped-call]
    except RuntimeError:
        return False
    return True


_compiled = njit(nogil=True, cache=_may_cache())
# Sums of whole numbers below 2**24: exact in any order.
_compiled_sums = njit(nogil=True, cache=_may_cache(), fastmath=True)


# --- distances ---------------------------------------------------------------------------------


@_compiled
def _code(planes: np.ndarray, operation: np.ndarray, row: int) -> int:
    """A row's code in an operation."""
    first = int(planes[operation[1], row])
    return first * 256 + int(planes[operation[2], row]) if operation[0] == WORD else first


@_compiled
def _measure(sums: np.ndarray, queries: np.ndarray, query: int, tree: Tree, start: int) -> None:
    """Write to sums (LEAF,) a query's distances from the tree's rows from `start` on.

    Always of so many, whoever's the last ones are: known in advance, the loops become a few
    instructions without a remainder.
    """
    for j in range(LEAF):
        sums[j] = uint8(0)
    for o in range(tree.operations.shape[0]):
        one, two = tree.operations[o, 1], tree.operations[o, 2]
        weight = uint8(tree.operations[o, 3])
        code, codes = queries[one, query], tree.planes[one, start : start + LEAF]
        if tree.operations[o, 0] == BYTE:
            for j in range(LEAF):
                sums[j] = uint8(sums[j] + (weight if codes[j] != code else uint8(0)))
        elif tree.operations[o, 0] == WORD:
            rest, others = queries[two, query], tree.planes[two, start : start + LEAF]
            for j in range(LEAF):
                differs = (codes[j] != code) | (others[j] != rest)
                sums[j] = uint8(sums[j] + (weight if differs else uint8(0)))
        else:
            for j in range(LEAF):
                gap = uint8(codes[j] - code) if codes[j] > code else uint8(code - codes[j])
                sums[j] = uint8(sums[j] + (gap if gap < weight else weight))


@_compiled
def _smallest(sums: np.ndarray) -> int:
    least = uint8(FAR)
    for j in range(sums.size):
        least = sums[j] if sums[j] < least else least
    return int(least)


@_compiled_sums
def _bound(tree: Tree, node: int, codes: np.ndarray) -> np.float32:
    """The least distance that a row below the node can have."""
    total = float32(0)
    for o in range(codes.size):
        gap = max(tree.low[node, o] - codes[o], codes[o] - tree.high[node, o])
        total += min(max(gap, float32(0)) * tree.scale[o], tree.weight[o])
    return total


# --- building ----------------------------------------------------------------------------------


@_compiled
def _spread(codes: np.ndarray, graded: bool, weight: int) -> tuple[float, int]:
    """How far a cut of these sorted codes sets rows apart, and the last code on its near side."""
    size, middle = codes.size, codes[codes.size // 2]
    below = np.searchsorted(codes, middle)  # codes under the middle one
    upto = np.searchsorted(codes, middle, side="right")
    near, last = (below, codes[below - 1]) if below > size - upto else (upto, middle)
    if near in (0, size):
        return 0.0, 0
    apart = float(weight)
    if graded:
        apart = 0.0
        for j in range(size):
            apart += min(abs(codes[j] - middle), weight) / size
    return apart * near * (size - near), last


@_compiled
def _cut(
    planes: np.ndarray, operations: np.ndarray, order: np.ndarray, sample: int
) -> tuple[int, int]:
    """Which operation parts these rows most, and the last code of its near side; -1 for none."""
    size = min(order.size, sample)
    codes, best, chosen, last = np.empty(size, np.int64), 0.0, -1, 0
    for o in range(operations.shape[0]):
        for j in range(size):
            codes[j] = _code(planes, operations[o], order[j * order.size // size])
        ordered = np.sort(codes)
        apart, at = _spread(ordered, operations[o, 0] == GRADE, operations[o, 3])
        if apart > best:
            best, chosen, last = apart, o, at
    return chosen, last


@_compiled
def _part(planes: np.ndarray, operation: np.ndarray, last: int, order: np.ndarray) -> int:
    """Bring the rows of codes up to `last` to the front of `order`; how many they are."""
    front, back = 0, order.size - 1
    while front <= back:
        row = order[front]
        if _code(planes, operation, row) <= last:
            front += 1
        else:
            order[front], order[back] = order[back], row
            back -= 1
    return front


@_compiled
def grow(
    planes: np.ndarray, operations: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The order of the rows in a tree over these, and its nodes' start, stop and first child.

    A parent comes before its children.
    """
    rows, nodes, node = planes.shape[1], 1, 0
    order = np.arange(rows)
    room = 4 * (rows // LEAF + 1)
    start, stop = np.zeros(room, np.int64), np.zeros(room, np.int64)
    child = np.zeros(room, np.int64)
    stop[0] = rows
    while node < nodes:
        own = order[start[node] : stop[node]]
        chosen, last = -1, 0
        if own.size > LEAF:
            chosen, last = _cut(planes, operations, own, _SAMPLE)
            if chosen < 0:  # rows that differ, but not in the sample
                chosen, last = _cut(planes, operations, own, own.size)
        if chosen >= 0:
            if nodes + 2 > room:
                more = np.zeros(room, np.int64)
                start, stop = np.concatenate((start, more)), np.concatenate((stop, more))
                child, room = np.concatenate((child, more)), 2 * room
            middle = start[node] + _part(planes, operations[chosen], last, own)
            child[node] = nodes
            start[nodes], stop[nodes] = start[node], middle
            start[nodes + 1], stop[nodes + 1] = middle, stop[node]
            nodes += 2
        node += 1
    return order, start[:nodes].copy(), stop[:nodes].copy(), child[:nodes].copy()


@_compiled
def enclose(
    planes: np.ndarray,
    operations: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    child: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and the highest code of each operation below each node, float32; see `Tree`."""
    shape = (start.size, operations.shape[0])
    low, high = np.empty(shape, np.float32), np.empty(shape, np.float32)
    for node in range(start.size - 1, -1, -1):
        first = child[node]
        for o in range(operations.shape[0]):
            if first:
                low[node, o] = min(low[first, o], low[first + 1, o])
                high[node, o] = max(high[first, o], high[first + 1, o])
                continue
            least = most = _code(planes, operations[o], start[node])
            for row in range(start[node] + 1, stop[node]):
                code = _code(planes, operations[o], row)
                least, most = min(least, code), max(most, code)
            low[node, o], high[node, o] = least, most
    return low, high


# --- searching ---------------------------------------------------------------------------------


@_compiled
def _open(
    tree: Tree,
    queries: np.ndarray,
    query: int,
    codes: np.ndarray,
    nodes: np.ndarray,
    bounds: np.ndarray,
) -> int:
    """Begin a query's search at the root; how many nodes wait, the nearest last."""
    for o in range(codes.size):
        codes[o] = _code(queries, tree.operations[o], query)
    nodes[0], bounds[0] = 0, float32(0)
    return 1


@_compiled
def _descend(
    tree: Tree,
    codes: np.ndarray,
    nodes: np.ndarray,
    bounds: np.ndarray,
    waiting: int,
    limit: int,
) -> tuple[int, int]:
    """The next leaf that may hold a row within `limit`, or -1, and how many nodes still wait."""
    while waiting:
        waiting -= 1
        node = nodes[waiting]
        if bounds[waiting] > limit:
            continue
        first = tree.child[node]
        if not first:
            return node, waiting
        one, two = _bound(tree, first, codes), _bound(tree, first + 1, codes)
        nearer = first if one <= two else first + 1
        if max(one, two) <= limit:
            nodes[waiting], bounds[waiting] = 2 * first + 1 - nearer, max(one, two)
            waiting += 1
        if min(one, two) <= limit:
            nodes[waiting], bounds[waiting] = nearer, min(one, two)
            waiting += 1
    return -1, 0


@_compiled
def _room(tree: Tree) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What a search needs: codes of a query, nodes that wait with their bounds, and sums."""
    codes = np.empty(tree.operations.shape[0], np.float32)
    nodes = np.empty(tree.start.size + 1, np.int64)
    return codes, nodes, np.empty(nodes.size, np.float32), np.empty(LEAF, np.uint8)


@_compiled
def lower_nearest(
    tree: Tree,
    queries: np.ndarray,
    first: int,
    last: int,
    owner: np.ndarray,
    owners: np.ndarray,
    best: np.ndarray,
) -> None:
    """Lower best (queries,) of queries `first` to `last` to their least distance from a row.

    `owner` (queries,) and `owners` (rows,): a query of owner 0 or above is not compared with rows
    of the same.
    """
    codes, nodes, bounds, room = _room(tree)
    for query in range(first, last):
        waiting, least = _open(tree, queries, query, codes, nodes, bounds), int(best[query])
        while True:
            node, waiting = _descend(tree, codes, nodes, bounds, waiting, least - 1)
            if node < 0:
                break
            start = tree.start[node]
            sums = room[: tree.stop[node] - start]
            _measure(room, queries, query, tree, start)
            if _smallest(sums) >= least:
                continue
            for j in range(sums.size):
                if sums[j] < least and (owner[query] < 0 or owners[start + j] != owner[query]):
                    least = int(sums[j])
        best[query] = least


@_compiled
def find_first(
    tree: Tree,
    queries: np.ndarray,
    first: int,
    last: int,
    places: np.ndarray,
    best: np.ndarray,
    nearest: np.ndarray,
) -> None:
    """Write the least distances of queries `first` to `last`, and the first of the nearest rows.

    `places` (rows,): what a row is called, and by which it is first.
    """
    codes, nodes, bounds, room = _room(tree)
    for query in range(first, last):
        waiting, least = _open(tree, queries, query, codes, nodes, bounds), FAR
        while True:
            node, waiting = _descend(tree, codes, nodes, bounds, waiting, least)
            if node < 0:
                break
            start = tree.start[node]
            sums = room[: tree.stop[node] - start]
            _measure(room, queries, query, tree, start)
            if _smallest(sums) > least:
                continue
            for j in range(sums.size):
                place, distance = places[start + j], int(sums[j])
                if distance < least or (distance == least and place < nearest[query]):
                    least, nearest[query] = distance, place
        best[query] = least


@_compiled
def count_ties(
    tree: Tree,
    queries: np.ndarray,
    first: int,
    last: int,
    times: np.ndarray,
    best: np.ndarray,
    ties: np.ndarray,
) -> None:
    """Write the least distances of queries `first` to `last`, and how many rows are as near.

    `times` (rows,): how many rows each of the tree's distinct ones stands for.
    """
    codes, nodes, bounds, room = _room(tree)
    for query in range(first, last):
        waiting, least, found = _open(tree, queries, query, codes, nodes, bounds), FAR, 0
        while True:
            node, waiting = _descend(tree, codes, nodes, bounds, waiting, least)
            if node < 0:
                break
            start = tree.start[node]
            sums = room[: tree.stop[node] - start]
            _measure(room, queries, query, tree, start)
            nearest = _smallest(sums)
            if nearest > least:
                continue
            if nearest < least:
                least, found = nearest, 0
            for j in range(sums.size):
                found += times[start + j] if sums[j] == least else 0
        best[query], ties[query] = least, found


@_compiled
def share_out(
    tree: Tree,
    queries: np.ndarray,
    first: int,
    last: int,
    best: np.ndarray,
    portion: np.ndarray,
    shares: np.ndarray,
) -> None:
    """Add to shares (rows,) the portion of each query to whose least distance, `best`, they are.

    Queries of portion 0 are not looked at.
    """
    codes, nodes, bounds, room = _room(tree)
    for query in range(first, last):
        if portion[query] == 0:
            continue
        waiting, least = _open(tree, queries, query, codes, nodes, bounds), int(best[query])
        while True:
            node, waiting = _descend(tree, codes, nodes, bounds, waiting, least)
            if node < 0:
                break
            start = tree.start[node]
            sums = room[: tree.stop[node] - start]
            _measure(room, queries, query, tree, start)
            for j in range(sums.size):
                if sums[j] == least:
                    shares[start + j] += portion[query]
