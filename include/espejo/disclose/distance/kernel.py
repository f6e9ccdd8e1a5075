"""Exact nearest neighbours among rows of small integer codes: the search of a tree of boxes.

A row is a column of a matrix of bytes ("planes", shape (planes, rows)), so that a plane's codes
of neighbouring rows lie side by side and one instruction compares 32 of them. The distance of
two rows is the sum of `operations`, an int64 matrix of shape (operations, 4) that holds kind,
first plane, second plane and weight:

    BYTE   the weight where the plane's codes differ
    WORD   the weight where the codes of either plane differ (codes above 255, in two bytes)
    WIDE   the same with a third plane, which follows the second (codes above 65,535)
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
and compiles again when this file or the processor changes. Of another file's change it would know
nothing: what is compiled here calls nothing that is compiled elsewhere.

Every search is given `queries`, their planes uint8 (planes, queries), and `codes`, the same by
operation, float32 (queries, operations).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import float32, njit, uint8, uint64
from numba.core.caching import FunctionCache

BYTE, WORD, GRADE, WIDE = 0, 1, 2, 3
LEAF = 128  # rows at most
FAR = 255  # a distance that no pair has


class Tree(NamedTuple):
    """Rows in the order of their leaves, and the nodes over them.

    `blocks` uint8 (planes * rows + LEAF,): leaf after leaf, and its rows plane by plane, so that
    what a query is compared with lies in one piece of memory. The last LEAF codes are of no row:
    what reads so many from any plane on stays inside. `height`: how many planes. Of each node
    (nodes,): `start` and `stop` of its rows, and the first of its two children, which lie side by
    side (0 at a leaf); `low` and `high` float32 (nodes, operations): the range of the codes below
    it. Of each operation: `scale`, by which a gap is multiplied, and `weight`, which it then
    reaches at most.
    """

    blocks: np.ndarray
    height: int
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


compiled = njit(nogil=True, cache=_may_cache())
# Sums of whole numbers below 2**24: exact in any order.
_compiled_sums = njit(nogil=True, cache=_may_cache(), fastmath=True)


# --- distances ---------------------------------------------------------------------------------


@compiled
def _measure(
    sums: np.ndarray,
    queries: np.ndarray,
    query: int,
    blocks: np.ndarray,
    first: int,
    size: int,
    operations: np.ndarray,
) -> None:
    """Write to sums (LEAF,) a query's distances from a leaf's rows, and behind them anything.

    The leaf has `size` rows, which begin at `first` of the blocks. Always so many sums: known in
    advance, the loops become a few instructions without a remainder. No tree is given and no slice
    taken, since counting their users takes as long as comparing; places are unsigned, or each would
    be asked whether it counts from the end.
    """
    for j in range(LEAF):
        sums[j] = uint8(0)
    for o in range(operations.shape[0]):
        kind, plane, second = operations[o, 0], operations[o, 1], operations[o, 2]
        weight, code = uint8(operations[o, 3]), queries[plane, query]
        one, two = uint64(first + plane * size), uint64(first + second * size)
        if kind == BYTE:
            for j in range(LEAF):
                differs = blocks[one + uint64(j)] != code
                sums[j] = uint8(sums[j] + (weight if differs else uint8(0)))
        elif kind == GRADE:
            for j in range(LEAF):
                other = blocks[one + uint64(j)]
                gap = uint8(max(other, code) - min(other, code))
                sums[j] = uint8(sums[j] + min(gap, weight))
        elif kind == WORD:
            rest = queries[second, query]
            for j in range(LEAF):
                differs = (blocks[one + uint64(j)] != code) | (blocks[two + uint64(j)] != rest)
                sums[j] = uint8(sums[j] + (weight if differs else uint8(0)))
        else:
            rest, last = queries[second, query], queries[second + 1, query]
            three = two + uint64(size)
            for j in range(LEAF):
                differs = (blocks[one + uint64(j)] != code) | (blocks[two + uint64(j)] != rest)
                differs |= blocks[three + uint64(j)] != last
                sums[j] = uint8(sums[j] + (weight if differs else uint8(0)))


@compiled
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


# --- searching ---------------------------------------------------------------------------------


@compiled
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


@compiled
def _room(tree: Tree) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a search needs: nodes that wait, the root being the first, their bounds, and sums."""
    nodes = np.zeros(tree.start.size + 1, np.int64)
    return nodes, np.zeros(nodes.size, np.float32), np.empty(LEAF, np.uint8)


@compiled
def lower_nearest(
    tree: Tree,
    queries: np.ndarray,
    codes: np.ndarray,
    owner: np.ndarray,
    best: np.ndarray,
    owners: np.ndarray,
) -> None:
    """Lower best (queries,) of the queries to their least distance from a row.

    `owner` (queries,) and `owners` (rows,): a query of owner 0 or above is not compared with rows
    of the same.
    """
    nodes, bounds, room = _room(tree)
    for query in range(codes.shape[0]):
        nodes[0], bounds[0] = 0, float32(0)
        waiting, least = 1, int(best[query])
        while True:
            node, waiting = _descend(tree, codes[query], nodes, bounds, waiting, least - 1)
            if node < 0:
                break
            start, size = tree.start[node], tree.stop[node] - tree.start[node]
            sums, first = room[:size], start * tree.height
            _measure(room, queries, query, tree.blocks, first, size, tree.operations)
            if _smallest(sums) >= least:
                continue
            for j in range(sums.size):
                if sums[j] < least and (owner[query] < 0 or owners[start + j] != owner[query]):
                    least = int(sums[j])
        best[query] = least


@compiled
def find_first(
    tree: Tree,
    queries: np.ndarray,
    codes: np.ndarray,
    best: np.ndarray,
    nearest: np.ndarray,
    places: np.ndarray,
) -> None:
    """Write the least distances of the queries, and the first of the nearest rows.

    `places` (rows,): what a row is called, and by which it is first.
    """
    nodes, bounds, room = _room(tree)
    for query in range(codes.shape[0]):
        nodes[0], bounds[0] = 0, float32(0)
        waiting, least = 1, FAR
        while True:
            node, waiting = _descend(tree, codes[query], nodes, bounds, waiting, least)
            if node < 0:
                break
            start, size = tree.start[node], tree.stop[node] - tree.start[node]
            sums, first = room[:size], start * tree.height
            _measure(room, queries, query, tree.blocks, first, size, tree.operations)
            if _smallest(sums) > least:
                continue
            for j in range(sums.size):
                place, distance = places[start + j], int(sums[j])
                if distance < least or (distance == least and place < nearest[query]):
                    least, nearest[query] = distance, place
        best[query] = least


@compiled
def count_ties(
    tree: Tree,
    queries: np.ndarray,
    codes: np.ndarray,
    best: np.ndarray,
    ties: np.ndarray,
    tied: np.ndarray,
    times: np.ndarray,
) -> None:
    """Write the least distances of the queries, how many rows are as near, and which.

    `times` (rows,): how many rows each of the tree's distinct ones stands for. `tied` int32
    (queries, some): the distinct ones as near, the first -1 where they are more than that.
    """
    nodes, bounds, room = _room(tree)
    for query in range(codes.shape[0]):
        nodes[0], bounds[0] = 0, float32(0)
        waiting, least, found, distinct = 1, FAR, 0, 0
        while True:
            node, waiting = _descend(tree, codes[query], nodes, bounds, waiting, least)
            if node < 0:
                break
            start, size = tree.start[node], tree.stop[node] - tree.start[node]
            sums, first = room[:size], start * tree.height
            _measure(room, queries, query, tree.blocks, first, size, tree.operations)
            nearest = _smallest(sums)
            if nearest > least:
                continue
            if nearest < least:
                least, found, distinct = nearest, 0, 0
            for j in range(sums.size):
                if sums[j] == least:
                    if distinct < tied.shape[1]:
                        tied[query, distinct] = start + j
                    found += times[start + j]
                    distinct += 1
        best[query], ties[query] = least, found
        if distinct > tied.shape[1]:
            tied[query, 0] = -1
        else:
            tied[query, distinct:] = -1


@compiled
def share_out(
    tree: Tree,
    queries: np.ndarray,
    codes: np.ndarray,
    best: np.ndarray,
    portion: np.ndarray,
    tied: np.ndarray,
    shares: np.ndarray,
) -> None:
    """Add to shares (rows,) the portion of each query to whose least distance, `best`, they are.

    Queries of portion 0 are not looked at, and of those whose rows `count_ties` has told no row is
    searched for again.
    """
    nodes, bounds, room = _room(tree)
    for query in range(codes.shape[0]):
        nodes[0], bounds[0] = 0, float32(0)
        if portion[query] == 0:
            continue
        if tied[query, 0] >= 0:
            for row in tied[query]:
                if row >= 0:
                    shares[row] += portion[query]
            continue
        waiting, least = 1, int(best[query])
        while True:
            node, waiting = _descend(tree, codes[query], nodes, bounds, waiting, least)
            if node < 0:
                break
            start, size = tree.start[node], tree.stop[node] - tree.start[node]
            sums, first = room[:size], start * tree.height
            _measure(room, queries, query, tree.blocks, first, size, tree.operations)
            for j in range(sums.size):
                if sums[j] == least:
                    shares[start + j] += portion[query]
