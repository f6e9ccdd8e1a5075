"""Searches the tables: who is nearest to whom, and how near."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from include.espejo.disclose.distance import kernel
from include.espejo.disclose.distance.encode import Encoded
from include.espejo.disclose.distance.forest import Indexed, index_rows, search_tree
from include.espejo.disclose.distance.shards import Shard
from include.espejo.table.people import Population

# Of a row that has more nearest rows they are searched for again, instead of kept.
_TOLD_TIES = 4


@dataclass(frozen=True)
class Distances:
    """Distances in the weights of encode.py, 255 where there is nothing to be near to.

    Of each real row (rows,): `to_synthetic`, the least; `to_other`, the least to a real row of
    another household (isolation); `quasi_to_synthetic`, the least by quasi-identifiers, and
    `nearest_quasi`, the first synthetic row as near; `shares`, how many synthetic rows it is the
    nearest real row of, a tie being shared. Of each synthetic row (synthetic rows,): `to_train`,
    `to_holdout`, and `train_shares`, what training has of its nearest real rows.
    """

    to_synthetic: np.ndarray
    to_other: np.ndarray
    quasi_to_synthetic: np.ndarray
    nearest_quasi: np.ndarray
    shares: np.ndarray
    to_train: np.ndarray
    to_holdout: np.ndarray
    train_shares: np.ndarray


def measure_distances(encoded: Encoded, population: Population, threads: int) -> Distances:
    """Every synthetic row against every real one, and every real one against all others."""
    return join_shards([measure_shard(encoded, population, threads, Shard())])


def measure_shard(
    encoded: Encoded, population: Population, threads: int, shard: Shard
) -> Distances:
    """The shard's real and synthetic rows against all. `shares` (rows,) are those of all real rows
    in the shard's synthetic ones."""
    operations, planes = encoded.operations, encoded.synthetic
    quasi, nearest = _by_quasi(encoded, threads, shard)  # its trees are gone when the others grow
    sides = _sides(encoded, population, shard)
    del encoded  # the trees have all of it: of a census a third of a gigabyte each side
    synthetic = index_rows(planes, operations)
    queries = _queries(planes, shard.of(planes.shape[1]), synthetic, operations)
    del planes
    shared = _share(queries, sides, threads)
    nearness = [_nearest(side.queries, synthetic, threads) for side in sides]
    return Distances(
        to_synthetic=np.concatenate(nearness),
        to_other=_isolation(sides, threads),
        quasi_to_synthetic=quasi,
        nearest_quasi=nearest,
        shares=shared.shares,
        to_train=shared.least[0],
        to_holdout=shared.least[1],
        train_shares=shared.of_train,
    )


def join_shards(shards: Iterable[Distances]) -> Distances:
    """The distances of all rows, from those of every shard in order."""
    found: dict[str, list[np.ndarray]] = {field.name: [] for field in fields(Distances)}
    for shard in shards:
        for name, values in found.items():
            values.append(getattr(shard, name))
        if len(found["shares"]) > 1:  # of all real rows: no two shards' are kept beside each other
            found["shares"] = [np.add(*found["shares"])]
    joined = {name: np.concatenate(values) for name, values in found.items()}
    # Rounded, so that the number of threads and shards does not show in the last digits.
    return Distances(**joined | {"shares": np.round(joined["shares"], 9)})


@dataclass(frozen=True)
class _Side:
    """The training rows, or those held back: all of them, and the shard's, which are searched for.

    `owner` int64 (distinct rows,) of all, and `own` of the queries: see `Indexed.owner`.
    """

    rows: Indexed
    queries: Indexed
    owner: np.ndarray
    own: np.ndarray


def _sides(encoded: Encoded, population: Population, shard: Shard) -> list[_Side]:
    train_rows, asked = population.train_rows, shard.of(encoded.real.shape[1])
    ends = [asked.start, asked.stop]
    slices = [
        slice(*np.clip(ends, 0, train_rows)),
        slice(*(np.clip(ends, train_rows, None) - train_rows)),
    ]
    parts = np.split(encoded.real, [train_rows], axis=1)
    households = np.split(population.household, [train_rows])
    found = []
    for planes, household, own_rows in zip(parts, households, slices, strict=True):
        if not planes.shape[1]:
            continue
        rows = index_rows(planes, encoded.operations)
        queries = _queries(planes, own_rows, rows, encoded.operations)
        owner, own = rows.owner(household), np.empty(len(queries.times), np.int64)
        own[queries.place] = owner[rows.place[own_rows]]
        found.append(_Side(rows, queries, owner, own))
    return found


def _queries(planes: np.ndarray, asked: slice, rows: Indexed, operations: np.ndarray) -> Indexed:
    """These of the rows, which lie in a tree of their own only where they are not all of them."""
    if asked == slice(0, planes.shape[1]):
        return rows
    return index_rows(planes[:, asked], operations)


def _nearest(queries: Indexed, rows: Indexed, threads: int) -> np.ndarray:
    """The least distance of each row of `queries` from one of `rows`."""
    nobody, nobodies = (np.full(len(table.times), -1) for table in (queries, rows))
    best = np.full(len(nobody), kernel.FAR, np.uint8)
    search_tree(kernel.lower_nearest, rows, queries, threads, (nobody, best), (nobodies,))
    return np.asarray(best[queries.place])


def _isolation(sides: Sequence[_Side], threads: int) -> np.ndarray:
    """The least distance of each real row of the shard from one of another household."""
    found = []
    for side in sides:
        # Rows that several households have are near each other; others may have no neighbour.
        best = np.where(side.own < 0, 0, kernel.FAR).astype(np.uint8)
        for other in sides:
            given = (side.own, best)
            search_tree(
                kernel.lower_nearest, other.rows, side.queries, threads, given, (other.owner,)
            )
        found.append(best[side.queries.place])
    return np.concatenate(found)


def _by_quasi(encoded: Encoded, threads: int, shard: Shard) -> tuple[np.ndarray, np.ndarray]:
    """Least distances of the real rows by the quasi-identifiers, and the first row as near."""
    operations = encoded.operations[: encoded.quasi]
    last = operations[:, 1:3].max(axis=1) + (operations[:, 0] == kernel.WIDE)
    planes = int(last.max(initial=-1)) + 1
    real = index_rows(encoded.real[:planes, shard.of(encoded.real.shape[1])], operations)
    synthetic = index_rows(encoded.synthetic[:planes], operations)
    places = synthetic.smallest(np.arange(len(synthetic.place)))
    best, nearest = np.empty(len(real.times), np.uint8), np.zeros(len(real.times), np.int64)
    search_tree(kernel.find_first, synthetic, real, threads, (best, nearest), (places,))
    return best[real.place], nearest[real.place]


@dataclass(frozen=True)
class _Shared:
    """What the real rows have of the synthetic ones; see `Distances`. `least`: of both sides."""

    shares: np.ndarray
    of_train: np.ndarray
    least: tuple[np.ndarray, np.ndarray]


def _share(synthetic: Indexed, sides: Sequence[_Side], threads: int) -> _Shared:
    """Share each synthetic row among the real rows that are nearest to it."""
    shape = (2, len(synthetic.times))  # without a holdout nothing is near in the second
    least, ties = np.full(shape, kernel.FAR, np.uint8), np.zeros(shape, np.int64)
    tied = np.empty((*shape, _TOLD_TIES), np.int32)
    for side, best, count, which in zip(sides, least, ties, tied, strict=False):
        given, times = (best, count, which), (side.rows.times,)
        search_tree(kernel.count_ties, side.rows, synthetic, threads, given, times)
    ties[least > least.min(axis=0)] = 0
    shares = []
    for side, best, count, which in zip(sides, least, ties, tied, strict=False):
        portions = np.where(count > 0, synthetic.times / ties.sum(axis=0), 0.0)
        own = _share_out(side.rows, synthetic, (best, portions, which), threads)
        shares.append(own[side.rows.place])
    return _Shared(
        shares=np.concatenate(shares),
        of_train=(ties[0] / ties.sum(axis=0))[synthetic.place],
        least=(least[0][synthetic.place], least[1][synthetic.place]),
    )


def _share_out(
    side: Indexed, synthetic: Indexed, of_synthetic: Sequence[np.ndarray], threads: int
) -> np.ndarray:
    """What each distinct row of a side gets of the portions, (distinct,): see the kernel."""
    sums = [np.zeros(len(side.times)) for _ in range(threads)]
    add: Callable[..., None] = kernel.share_out

    def share_out(*given: Any) -> None:
        own = sums.pop()  # no two threads add to the same
        add(*given, own)
        sums.append(own)

    search_tree(share_out, side, synthetic, threads, of_synthetic)
    return np.asarray(np.sum(sums, axis=0))
