"""Calibrated sampling: a pool of rows weighted to the training table's margins, then drawn from.

Raking with bounded weights (Deville and Särndal 1992, their case of a bounded distance), and a
systematic draw without replacement with probabilities proportional to the weights (Madow 1949).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from include.espejo.synthesis.ctgan.encoding.layout import Layout
from include.espejo.synthesis.ctgan.margins import Margins

POOL = 4  # rows drawn for each one kept
BOUNDS = (0.25, 3.0)  # a weight over POOL would ask for a row twice
ROUNDS = 10


@dataclass(frozen=True)
class Weighted:
    """Weights of a pool's rows, mean 1, and the effective sample size as a share of the pool."""

    weights: np.ndarray
    effective_share: float


def rake(pool: np.ndarray, margins: Margins, layout: Layout) -> Weighted:
    """Weights that bring the pool's shares to the margins', within bounds.

    `pool`: int codes, (pool rows, fields).
    """
    weights = np.ones(len(pool))
    held = [(margins.cells_of(pool, margin, layout), margin.shares) for margin in margins.held]
    for _ in range(ROUNDS):
        for cells, shares in held:
            current = np.bincount(cells, weights, minlength=len(shares) + 1)[1:] / weights.sum()
            factor = np.ones(len(shares) + 1)  # the first is of rows in no cell that is held
            # The square root damps: margins that pull against each other do not swing.
            np.sqrt(
                np.divide(shares, current, where=current > 0, out=np.ones(len(shares))),
                out=factor[1:],
            )
            weights *= factor[cells]
        weights = np.clip(weights / weights.mean(), *BOUNDS)
    effective = weights.sum() ** 2 / (weights**2).sum() / len(weights)
    return Weighted(weights / weights.mean(), float(effective))


def draw_without_replacement(
    weights: np.ndarray, rows: int, generator: np.random.Generator
) -> np.ndarray:
    """`rows` different row numbers, in random order, each with probability near its weight's."""
    shares = rows * weights / weights.sum()
    while (shares > 1).any():  # a row can be taken once: what it has too much goes to the others
        full = shares >= 1
        shares[full] = 1.0
        shares[~full] *= (rows - full.sum()) / shares[~full].sum()
    order = generator.permutation(len(weights))
    ends = np.cumsum(shares[order])
    ticks = np.arange(rows) + generator.random()
    chosen = np.searchsorted(ends, np.minimum(ticks, ends[-1] - 1e-9), side="right")
    return generator.permutation(order[np.minimum(chosen, len(order) - 1)])
