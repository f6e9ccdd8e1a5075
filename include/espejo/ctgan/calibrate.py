"""Calibrated sampling: a pool of rows weighted to the training table's margins, then drawn from.

Raking to all two-way margins of the fields with bounded weights (Deville and Särndal 1992, their
case of a bounded distance), and a systematic draw without replacement with probabilities
proportional to the weights (Madow 1949). Only cells that enough training rows stand on are held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

POOL = 4  # rows drawn for each one kept
BOUNDS = (0.25, 3.0)  # a weight over POOL would ask for a row twice
ROUNDS = 10
# Training rows under a cell that is held to its frequency. Smaller ones say more of the people who
# happened to be trained on than of the population, and draw the table towards them.
FLOOR = 50


@dataclass(frozen=True)
class Weighted:
    """Weights of a pool's rows, mean 1, and the effective sample size as a share of the pool."""

    weights: np.ndarray
    effective_share: float


def rake(
    pool: np.ndarray, moments: np.ndarray, rows: int, sizes: Sequence[int], offsets: np.ndarray
) -> Weighted:
    """Weights that bring the pool's two-way shares to `moments` (width, width), within bounds.

    `pool`: int codes, (pool rows, fields); `rows`: training rows behind `moments`.
    """
    weights = np.ones(len(pool))
    pairs = [p for p in combinations(range(len(sizes)), 2) if min(sizes[p[0]], sizes[p[1]]) > 1]
    cells = [_cells(pool, a, b, sizes) for a, b in pairs]
    targets = [_target(moments, a, b, sizes, offsets) for a, b in pairs]
    for _ in range(ROUNDS):
        for cell, target in zip(cells, targets, strict=True):
            current = np.bincount(cell, weights, minlength=len(target)) / weights.sum()
            held = (target * rows >= FLOOR) & (current > 0)
            factor = np.ones(len(target))
            # The square root damps: margins that pull against each other do not swing.
            factor[held] = np.sqrt(target[held] / current[held])
            weights *= factor[cell]
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


def _cells(pool: np.ndarray, a: int, b: int, sizes: Sequence[int]) -> np.ndarray:
    return np.asarray(pool[:, a].astype(np.int32) * sizes[b] + pool[:, b], dtype=np.int32)


def _target(
    moments: np.ndarray, a: int, b: int, sizes: Sequence[int], offsets: np.ndarray
) -> np.ndarray:
    block = moments[offsets[a] : offsets[a] + sizes[a], offsets[b] : offsets[b] + sizes[b]]
    return block.astype(np.float64).ravel()
