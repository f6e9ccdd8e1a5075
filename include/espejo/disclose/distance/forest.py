"""Trees over the distinct rows of the tables, and what is searched in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from include.espejo.disclose.distance import kernel
from include.espejo.disclose.distance.tree import enclose, grow

_CHUNKS = 16  # of a thread: one that has hard queries leaves the others to the rest


@dataclass(frozen=True)
class Indexed:
    """A table's distinct rows in a tree, and where they are in it.

    `place` int64 (rows,): each row's among the distinct ones; `times` int64 (distinct,): how many
    rows each stands for.
    """

    tree: kernel.Tree
    place: np.ndarray
    times: np.ndarray

    def smallest(self, values: np.ndarray) -> np.ndarray:
        """The least of these values (rows,) of each distinct row, int64."""
        found = np.full(len(self.times), np.iinfo(np.int64).max)
        np.minimum.at(found, self.place, values)
        return found

    def leaves(self) -> np.ndarray:
        """The tree's leaves in the order of their rows."""
        leaves = np.flatnonzero(self.tree.child == 0)
        return leaves[np.argsort(self.tree.start[leaves])]

    def planes(self, leaves: np.ndarray) -> np.ndarray:
        """The rows of leaves that follow each other, uint8 (planes, rows)."""
        ends = zip(self.tree.start[leaves], self.tree.stop[leaves], strict=True)
        height, blocks = self.tree.height, self.tree.blocks
        return np.concatenate(
            [blocks[a * height : b * height].reshape(height, b - a) for a, b in ends], axis=1
        )

    def owner(self, household: np.ndarray) -> np.ndarray:
        """Whose each distinct row is, int64 (distinct,): -1 where it is several households'."""
        least, most = self.smallest(household), -self.smallest(-household)
        return np.where(least == most, least, -1)


def index_rows(planes: np.ndarray, operations: np.ndarray) -> Indexed:
    """The rows of `planes`, uint8 (planes, rows), by these operations (see `kernel`)."""
    chosen, number = _distinct(planes)
    distinct = np.ascontiguousarray(planes[:, chosen])
    order, start, stop, child = grow(distinct, operations, kernel.LEAF)
    distinct = np.ascontiguousarray(distinct[:, order])
    low, high = enclose(distinct, operations, start, stop, child)
    kind, weight = operations[:, 0], operations[:, 3].astype(np.float32)
    scale = np.where(kind == kernel.GRADE, np.float32(1), weight)
    blocks = _blocks(distinct, start, stop, child)
    tree = kernel.Tree(
        *(blocks, len(distinct), operations, start, stop, child, low, high, scale, weight)
    )
    place_of = np.empty(len(order), np.int64)
    place_of[order] = np.arange(len(order))
    place = place_of[number]
    return Indexed(tree, place, np.bincount(place, minlength=len(order)))


def _blocks(
    planes: np.ndarray, start: np.ndarray, stop: np.ndarray, child: np.ndarray
) -> np.ndarray:
    """The planes leaf by leaf: see `kernel.Tree`."""
    blocks = np.zeros(planes.size + kernel.LEAF, np.uint8)
    for leaf in np.flatnonzero(child == 0):
        own = planes[:, start[leaf] : stop[leaf]]
        first = start[leaf] * len(planes)
        blocks[first : first + own.size] = own.ravel()
    return blocks


def _distinct(planes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A row of each kind, and the kind of each row (rows,)."""
    height, rows = planes.shape
    words = np.zeros((rows, -(-max(height, 1) // 8) * 8), np.uint8)
    words[:, :height] = planes.T
    keys = words.view(np.uint64)
    order = np.lexsort(keys.T)
    ordered = keys[order]
    is_new = np.ones(rows, dtype=bool)
    is_new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    number = np.empty(rows, np.int64)
    number[order] = np.cumsum(is_new) - 1
    return order[is_new], number


def search_tree(
    find: Callable[..., None],
    rows: Indexed,
    queries: Indexed,
    threads: int,
    of_queries: Sequence[np.ndarray],
    of_rows: Sequence[np.ndarray] = (),
) -> None:
    """Run a search of the kernel for all `queries` over `rows`, a part of them on each thread.

    `of_queries` (queries,): what it is told of them and writes of them; `of_rows` (rows,).
    """

    def find_part(leaves: np.ndarray) -> None:
        planes = queries.planes(leaves)
        codes = _codes(planes, rows.tree.operations)
        first, last = queries.tree.start[leaves[0]], queries.tree.stop[leaves[-1]]
        find(rows.tree, planes, codes, *(values[first:last] for values in of_queries), *of_rows)

    parts = np.array_split(queries.leaves(), threads * _CHUNKS)
    with ThreadPoolExecutor(threads) as pool:
        done = [pool.submit(find_part, part) for part in parts if len(part)]
    for part in done:
        part.result()


def _codes(planes: np.ndarray, operations: np.ndarray) -> np.ndarray:
    """The rows' code in each operation, float32 (rows, operations)."""
    codes = planes[operations[:, 1]].astype(np.float32)
    kind, second = operations[:, 0], operations[:, 2]
    wide = kind == kernel.WIDE
    words = wide | (kind == kernel.WORD)
    codes[words] = codes[words] * 256 + planes[second[words]]
    codes[wide] = codes[wide] * 256 + planes[second[wide] + 1]
    return np.ascontiguousarray(codes.T)
