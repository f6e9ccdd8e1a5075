"""The empty cells of every pair of columns, by the sets that are fixed beforehand."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import combinations

import numpy as np

from include.espejo.suggest.classes import Classes
from include.espejo.suggest.sets import Sets, sets_of
from include.espejo.survey.disclosure import Floor
from include.espejo.table.structural import enough, least_rows

Pair = tuple[str, str]


def suggest_zeros(
    columns: Mapping[str, Classes],
    household: np.ndarray,
    floor: Floor,
    expected: float,
    passed_over: Collection[frozenset[str]] = (),
    derived: Collection[str] = (),
) -> dict[Pair, np.ndarray]:
    """For each pair of columns that has some: boolean, (classes of the first, of the second).

    `passed_over` are pairs, `derived` numbers whose ordinary values follow from another column's.
    """
    rows = len(household)
    sets = {
        name: sets_of(own, household, floor, expected, ends=name not in derived)
        for name, own in columns.items()
    }
    pairs = [p for p in combinations(columns, 2) if frozenset(p) not in passed_over]
    # Twice, pair by pair: the cells of all pairs of a wide survey would not fit into memory.
    tested = sum(int(_looked_at(sets[a], sets[b], rows, expected)[0].sum()) for a, b in pairs)
    least = least_rows(tested)
    found = {}
    for first, second in pairs:
        looked_at, alone = _looked_at(sets[first], sets[second], rows, expected)
        cells = _cells(
            columns[first], columns[second], sets[first], sets[second], looked_at & (alone >= least)
        )
        if cells.any():
            found[first, second] = cells
    return found


def _looked_at(a: Sets, b: Sets, rows: int, expected: float) -> tuple[np.ndarray, np.ndarray]:
    """Which sets are looked at, boolean, and for how many rows those expected count: (a, b).

    Two stretches of wide numbers are not: what ties two numbers is seldom a rule of stretches.
    """
    cells, alone = enough(a, b, rows, expected)
    return cells & ~np.logical_and.outer(a.stretch, b.stretch), alone


def _cells(a: Classes, b: Classes, sets_a: Sets, sets_b: Sets, looked_at: np.ndarray) -> np.ndarray:
    """The cells of classes that lie in an empty pair of sets: boolean, (classes, classes)."""
    if not looked_at.any():
        return np.zeros((a.size, b.size), dtype=bool)
    both = crossed(a, b).astype(float)
    counts = sets_a.has.astype(float) @ both @ sets_b.has.T.astype(float)
    empty = (looked_at & (counts == 0)).astype(float)
    return np.asarray(sets_a.has.T.astype(float) @ empty @ sets_b.has.astype(float) > 0)


def crossed(a: Classes, b: Classes) -> np.ndarray:
    """Rows of each pair of classes: int64, (classes, classes)."""
    at = a.codes * b.size + b.codes
    return np.bincount(at, minlength=a.size * b.size).reshape(a.size, b.size)
