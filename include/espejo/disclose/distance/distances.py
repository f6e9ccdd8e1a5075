"""Runs the kernel over the tables: who is nearest to whom, and how near."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from include.espejo.disclose.distance import kernel
from include.espejo.disclose.distance.encode import Encoded
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
    rows, queries = encoded.real.shape[1], encoded.synthetic.shape[1]
    train = population.train_rows
    starts = np.array([*range(0, train, kernel.BLOCK), *range(train, rows, kernel.BLOCK), rows])
    block_least = np.empty((queries, len(starts) - 1), dtype=np.uint8)
    best, quasi, nearest = _cross(encoded, starts, block_least, threads)
    in_train = starts[:-1] < train
    to_train = block_least[:, in_train].min(axis=1)
    to_holdout = block_least[:, ~in_train].min(axis=1, initial=kernel.FAR)
    least = np.minimum(to_train, to_holdout)
    shares, train_shares = _share(encoded, starts, train, block_least, least, threads)
    return Distances(
        to_synthetic=best,
        to_other=_isolation(encoded, population.household, threads),
        quasi_to_synthetic=quasi,
        nearest_quasi=nearest,
        shares=shares,
        to_train=to_train,
        to_holdout=to_holdout,
        train_shares=train_shares,
    )


def _in_threads(work: Callable[[int, int, int], None], count: int, threads: int) -> None:
    """Call work(thread, first, last) for as many equal parts as there are threads."""
    bounds = np.linspace(0, count, threads + 1).astype(int)
    with ThreadPoolExecutor(threads) as pool:
        parts = range(threads)
        done = [pool.submit(work, t, int(bounds[t]), int(bounds[t + 1])) for t in parts]
    for part in done:
        part.result()


def _cross(
    encoded: Encoded, starts: np.ndarray, block_least: np.ndarray, threads: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Least distances of the real rows, by all columns and by quasi-identifiers, with whose."""
    shape = (threads, encoded.real.shape[1])
    best, quasi = np.full(shape, kernel.FAR, np.uint8), np.full(shape, kernel.FAR, np.uint8)
    nearest = np.zeros(shape, np.int32)

    def work(thread: int, first: int, last: int) -> None:
        kernel.cross(
            *(encoded.synthetic, encoded.real, encoded.operations, encoded.quasi, first, last),
            *(starts, block_least, best[thread], quasi[thread], nearest[thread]),
        )

    _in_threads(work, encoded.synthetic.shape[1], threads)
    # The first thread that is as near has the first of the nearest rows.
    winner = quasi.argmin(axis=0)[None]
    return best.min(axis=0), quasi.min(axis=0), np.take_along_axis(nearest, winner, axis=0)[0]


def _share(
    encoded: Encoded,
    starts: np.ndarray,
    train: int,
    block_least: np.ndarray,
    least: np.ndarray,
    threads: int,
) -> tuple[np.ndarray, np.ndarray]:
    shares = np.zeros((threads, encoded.real.shape[1]))
    train_shares = np.zeros(encoded.synthetic.shape[1])

    def work(thread: int, first: int, last: int) -> None:
        kernel.share_ties(
            *(encoded.synthetic, encoded.real, encoded.operations, first, last, starts, train),
            *(block_least, least, shares[thread], train_shares),
        )

    _in_threads(work, encoded.synthetic.shape[1], threads)
    # Rounded, so that the number of threads does not show in the last digits.
    return np.round(shares.sum(axis=0), 9), train_shares


def _isolation(encoded: Encoded, household: np.ndarray, threads: int) -> np.ndarray:
    start = np.searchsorted(household, household, side="left").astype(np.int64)
    stop = np.searchsorted(household, household, side="right").astype(np.int64)
    best = np.full(len(household), kernel.FAR, np.uint8)

    def work(_: int, first: int, last: int) -> None:
        kernel.nearest_other(encoded.real, encoded.operations, first, last, start, stop, best)

    _in_threads(work, len(household), threads)
    return best
