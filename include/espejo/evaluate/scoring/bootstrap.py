"""The bootstrap: how far a figure might be off, by drawing households or rows again.

A survey draws households whole, so its rows are no independent draws: the real table is drawn
again by household (Efron and Tibshirani 1993, "An Introduction to the Bootstrap", section 8.3;
Davison and Hinkley 1997, section 3.8). Synthetic rows are drawn one by one, and so again.

A figure is worked out from counts of cells, so a replicate is a vector of counts, and all
replicates of a figure are one product of a sparse matrix (cells, households) by the draws.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

REPLICATES = 500
LEVEL = 0.95

_AT_ONCE = 100  # replicates that are multiplied at once: bounds the memory


def draw_units(units: int, replicates: int, generator: np.random.Generator) -> np.ndarray:
    """How often each of `units` households is drawn: uint8, shape (units, replicates).

    Each replicate draws as many as there are, with replacement; nobody is drawn 256 times.
    """
    drawn = np.empty((units, replicates), dtype=np.uint8)
    for replicate in range(replicates):
        chosen = generator.integers(units, size=units)
        drawn[:, replicate] = np.bincount(chosen, minlength=units)
    return drawn


def resample_units(
    cell: np.ndarray,
    size: int,
    unit: np.ndarray,
    drawn: np.ndarray,
    amount: np.ndarray | None = None,
) -> np.ndarray:
    """The counts of cells 0 to `size` - 1 in each replicate: float32, shape (size, replicates).

    `cell`, `unit`: int64, (rows,), each row's cell and household; rows of cell -1 are in none.
    `drawn`: from `draw_units`. `amount`, (rows,): what is summed up instead of counted.
    """
    inside = cell >= 0
    each = np.ones(len(cell), np.float32) if amount is None else amount.astype(np.float32)
    table = sparse.csr_array(
        (each[inside], (cell[inside], unit[inside])), shape=(size, drawn.shape[0])
    )
    parts = [
        table @ drawn[:, first : first + _AT_ONCE].astype(np.float32)
        for first in range(0, drawn.shape[1], _AT_ONCE)
    ]
    return np.hstack(parts)


def resample_rows(
    counts: np.ndarray, rows: int, replicates: int, generator: np.random.Generator
) -> np.ndarray:
    """The counts of cells in each replicate, rows drawn one by one: int64, (cells, replicates).

    `counts`: int64, (cells,), of a table of `rows` rows, each in one cell at most. Drawing rows
    with replacement makes their counts multinomial, so no row need be drawn.
    """
    shares = np.append(counts, rows - counts.sum()) / rows
    return np.asarray(generator.multinomial(rows, shares, size=replicates)[:, :-1].T)


def percentile_interval(replicates: np.ndarray) -> np.ndarray:
    """The middle LEVEL of each row's replicates: float64, (figures, 2); NaN where there is none.

    `replicates`: float, (figures, replicates). NaN, a replicate without anybody in it, is left
    out.
    """
    found = np.full((len(replicates), 2), np.nan)
    some = ~np.isnan(replicates).all(axis=1)
    ends = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    if some.any():
        found[some] = np.nanquantile(replicates[some].astype(float), ends, axis=1).T
    return found


def overlap(real: np.ndarray, synthetic: np.ndarray) -> np.ndarray:
    """The mean share of two intervals that lies in both: float64, (figures,).

    Karr et al. (2006), "A framework for evaluating the utility of data altered to protect
    confidentiality", The American Statistician 60(3), section 3: 1 for equal intervals, 0 where
    they touch, negative by the distance where they lie apart. `real`, `synthetic`: lower and
    upper ends, (figures, 2). An interval without width counts 1 inside the other, 0 outside.
    """
    shared = np.minimum(real[:, 1], synthetic[:, 1]) - np.maximum(real[:, 0], synthetic[:, 0])
    parts = []
    for ends in (real, synthetic):
        width = ends[:, 1] - ends[:, 0]
        share = shared / np.where(width > 0, width, 1.0)
        parts.append(np.where(width == 0, (shared == 0).astype(float), share))
    return np.asarray((parts[0] + parts[1]) / 2)
