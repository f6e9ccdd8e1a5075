"""Lifts: what one earlier field says about a field of many codes, counted instead of learnt.

A small network cannot learn which of a thousand towns goes with which (the town of birth and of
residence): there are too many to have enough rows of each. Counts can, believed as far as they
foretell households left out (`shrinkage.py`). The best single parent is taken, as in a tree after
Chow and Liu (1968); the network learns what it leaves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from include.espejo.synthesis.ctgan.encoding.layout import Layout
from include.espejo.synthesis.ctgan.encoding.shrinkage import LeftOut, choose_weight

MANY_CODES = 64
MOST_CELLS = 4_000_000


@dataclass(frozen=True)
class Lift:
    """`table`: the log of a code's share given the parent's code over its share: float32,
    (parent codes, codes)."""

    parent: int
    table: np.ndarray


def find_lifts(
    rows: np.ndarray, layout: Layout, numbers: set[int], left: LeftOut
) -> dict[int, Lift]:
    """The lift of each drawn field of many codes that has one. `rows`: int codes, (rows, fields).

    `numbers`: fields whose codes lie on a line; what they have in common is learnt better.
    """
    found = {}
    for field in layout.drawn:
        if layout.sizes[field] > MANY_CODES and field not in numbers:
            lift = _best_lift(rows, field, layout, numbers, left)
            if lift is not None:
                found[field] = lift
    return found


def _best_lift(
    rows: np.ndarray, field: int, layout: Layout, numbers: set[int], left: LeftOut
) -> Lift | None:
    """The parent that foretells most of the field in households left out; None if none does."""
    size = layout.sizes[field]
    counts = np.bincount(rows[:, field], minlength=size) + 0.5
    share, best = counts / counts.sum(), 0.0
    found: Lift | None = None
    for parent in set(range(field)) - numbers:
        if layout.sizes[parent] * size > MOST_CELLS:
            continue
        pairs = rows[:, parent].astype(np.int64) * size + rows[:, field]
        table = np.bincount(pairs, minlength=layout.sizes[parent] * size).reshape(-1, size)
        weight, gain = choose_weight(table, share, rows[:, parent], rows[:, field], left)
        if gain > best:
            smoothed = (table + weight * share) / (table.sum(1, keepdims=True) + weight)
            found, best = Lift(parent, np.log(smoothed / share).astype(np.float32)), gain
    return found
