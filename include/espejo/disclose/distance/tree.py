"""Grows the tree that the kernel searches: rows parted by what sets them apart most.

Apart from the kernel, of whose changes numba would know nothing here, and the other way round: what
is compiled in one of the two files calls nothing in the other.
"""

from __future__ import annotations

import numpy as np

from include.espejo.disclose.distance.kernel import GRADE, WIDE, WORD, compiled

_SAMPLE = 128  # rows of a node that say where to part it


@compiled
def _code(planes: np.ndarray, operation: np.ndarray, row: int) -> int:
    """A row's code in an operation."""
    code = int(planes[operation[1], row])
    if operation[0] in (WORD, WIDE):
        code = code * 256 + int(planes[operation[2], row])
    if operation[0] == WIDE:
        code = code * 256 + int(planes[operation[2] + 1, row])
    return code


@compiled
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


@compiled
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


@compiled
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


@compiled
def grow(
    planes: np.ndarray, operations: np.ndarray, leaf: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The order of the rows in a tree over these, and its nodes' start, stop and first child.

    A parent comes before its children; a leaf has at most `leaf` rows.
    """
    rows, nodes, node = planes.shape[1], 1, 0
    order = np.arange(rows)
    room = 4 * (rows // leaf + 1)
    start, stop = np.zeros(room, np.int64), np.zeros(room, np.int64)
    child = np.zeros(room, np.int64)
    stop[0] = rows
    while node < nodes:
        own = order[start[node] : stop[node]]
        chosen, last = -1, 0
        if own.size > leaf:
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


@compiled
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
