"""Searches the tables: who is nearest to whom, and how near."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from include.espejo.disclose.distance import kernel
from include.espejo.disclose.distance.encode import Encoded
from include.espejo.disclose.distance.forest import Indexed, index_rows, search
from include.espejo.table.people import Population


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
    train_rows, operations = population.train_rows, encoded.operations
    quasi, nearest = _by_quasi(encoded, threads)  # first: its trees are gone when the others grow
    parts = np.split(encoded.real, [train_rows], axis=1)
    synthetic = index_rows(encoded.synthetic, operations)
    sides = [index_rows(part, operations) for part in parts if part.shape[1]]
    whose = np.split(population.household, [train_rows])[: len(sides)]
    shared = _share(synthetic, sides, threads)
    return Distances(
        to_synthetic=np.concatenate([_nearest(side, synthetic, threads) for side in sides]),
        to_other=_isolation(sides, whose, threads),
        quasi_to_synthetic=quasi,
        nearest_quasi=nearest,
        shares=shared.shares,
        to_train=shared.least[0],
        to_holdout=shared.least[1],
        train_shares=shared.of_train,
    )


def _nearest(queries: Indexed, rows: Indexed, threads: int) -> np.ndarray:
    """The least distance of each row of `queries` from one of `rows`."""
    nobody, nobodies = (np.full(len(table.times), -1) for table in (queries, rows))
    best = np.full(len(nobody), kernel.FAR, np.uint8)
    search(kernel.lower_nearest, rows, queries, threads, (nobody, best), (nobodies,))
    return np.asarray(best[queries.place])


def _isolation(
    sides: Sequence[Indexed], households: Sequence[np.ndarray], threads: int
) -> np.ndarray:
    """The least distance of each real row from one of another household."""
    owners = [side.owner(whose) for side, whose in zip(sides, households, strict=True)]
    found = []
    for side, own in zip(sides, owners, strict=True):
        # Rows that several households have are near each other; others may have no neighbour.
        best = np.where(own < 0, 0, kernel.FAR).astype(np.uint8)
        for other, theirs in zip(sides, owners, strict=True):
            search(kernel.lower_nearest, other, side, threads, (own, best), (theirs,))
        found.append(best[side.place])
    return np.concatenate(found)


def _by_quasi(encoded: Encoded, threads: int) -> tuple[np.ndarray, np.ndarray]:
    """Least distances of the real rows by the quasi-identifiers, and the first row as near."""
    operations = encoded.operations[: encoded.quasi]
    last = operations[:, 1:3].max(axis=1) + (operations[:, 0] == kernel.WIDE)
    planes = int(last.max(initial=-1)) + 1
    real = index_rows(encoded.real[:planes], operations)
    synthetic = index_rows(encoded.synthetic[:planes], operations)
    places = synthetic.smallest(np.arange(len(synthetic.place)))
    best, nearest = np.empty(len(real.times), np.uint8), np.zeros(len(real.times), np.int64)
    search(kernel.find_first, synthetic, real, threads, (best, nearest), (places,))
    return best[real.place], nearest[real.place]


@dataclass(frozen=True)
class _Shared:
    """What the real rows have of the synthetic ones; see `Distances`. `least`: of both sides."""

    shares: np.ndarray
    of_train: np.ndarray
    least: tuple[np.ndarray, np.ndarray]


def _share(synthetic: Indexed, sides: Sequence[Indexed], threads: int) -> _Shared:
    """Share each synthetic row among the real rows that are nearest to it."""
    shape = (2, len(synthetic.times))  # without a holdout nothing is near in the second
    least, ties = np.full(shape, kernel.FAR, np.uint8), np.zeros(shape, np.int64)
    for side, best, tied in zip(sides, least, ties, strict=False):
        search(kernel.count_ties, side, synthetic, threads, (best, tied), (side.times,))
    ties[least > least.min(axis=0)] = 0
    shares = []
    for side, best, tied in zip(sides, least, ties, strict=False):
        portions = np.where(tied > 0, synthetic.times / ties.sum(axis=0), 0.0)
        shares.append(_share_out(side, synthetic, best, portions, threads)[side.place])
    return _Shared(
        # Rounded, so that the number of threads does not show in the last digits.
        shares=np.round(np.concatenate(shares), 9),
        of_train=(ties[0] / ties.sum(axis=0))[synthetic.place],
        least=(least[0][synthetic.place], least[1][synthetic.place]),
    )


def _share_out(
    side: Indexed, synthetic: Indexed, best: np.ndarray, portions: np.ndarray, threads: int
) -> np.ndarray:
    """What each distinct row of a side gets of the portions, (distinct,)."""
    sums = [np.zeros(len(side.times)) for _ in range(threads)]
    add: Callable[..., None] = kernel.share_out

    def share_out(*given: Any) -> None:
        own = sums.pop()  # no two threads add to the same
        add(*given, own)
        sums.append(own)

    search(share_out, side, synthetic, threads, (best, portions))
    return np.asarray(np.sum(sums, axis=0))
