"""Shapes of columns and trends of pairs, quickly, each between its floor and its ceiling.

Shapes are SDMetrics' own: TVComplement for codes and KSComplement for numbers, blanks left out.
Pairs of codes are SDMetrics' ContingencySimilarity, where a blank is a code: it is pairs that
tell of blanks. Pairs with a number are not: SDMetrics cuts each table at its own ten equal
widths, so that a sample without a rare 9999 falls into other bins and loses its score; and of two
numbers it compares Pearson's r, special codes counted as amounts. Here every table is cut at the
training rows' tenths, special codes, blanks and heaped values are bins of their own, and any pair
is 1 - TVD of its cells.

The scores are sums over all cells and tell no cell; SDMetrics: docs.sdv.dev/sdmetrics.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from include.espejo.evaluate.general.document import (
    ColumnShape,
    ColumnShapes,
    PairTrend,
    PairTrends,
)
from include.espejo.evaluate.scoring.coding import (
    CodedColumn,
    binned,
    cell_counts,
    joint_keys,
    variation,
)
from include.espejo.evaluate.scoring.references import Contest, each, mean_scores, with_position

# A pair of the training rows is associated above SDMetrics' own threshold (reports.py).
ASSOCIATED = 0.3

Scores = dict[str, float]


def score_shapes(contest: Contest) -> ColumnShapes:
    """Mean of the columns' shapes, and each column's.

    Shuffling leaves every column as it is, so the floor is close to 1: shapes alone say nothing
    of relations. `uniform` is what a table scores that has every level of the training rows
    equally often.
    """
    scores = {field.name: shape_scores(contest, field) for field in contest.fields}
    uniform = {field.name: _uniform(contest, field) for field in contest.fields}
    return mean_scores(scores.values()).within(
        ColumnShapes,
        uniform=float(np.mean(list(uniform.values()))),
        columns={
            n: with_position(s).within(ColumnShape, uniform=uniform[n]) for n, s in scores.items()
        },
    )


def shape_scores(contest: Contest, field: CodedColumn) -> Scores:
    """One column's shape for every contestant."""
    real = np.bincount(contest.train[field.name], minlength=field.levels)
    return each(
        contest.others,
        lambda rows: shape(real, np.bincount(rows[field.name], minlength=field.levels), field),
    )


def shape(real: np.ndarray, other: np.ndarray, field: CodedColumn) -> float:
    """1 - TVD of two tables' counts of codes, 1 - KS of those of numbers; (levels,) each.

    Columns that are blank throughout in both tables are alike, in one of them not at all.
    """
    left, right = real[:-1], other[:-1]
    if not field.number or not left.sum() or not right.sum():
        return 1 - variation(left, right)
    return float(1 - np.abs(np.cumsum(left) / left.sum() - np.cumsum(right) / right.sum()).max())


def _uniform(contest: Contest, field: CodedColumn) -> float:
    real = np.bincount(contest.train[field.name], minlength=field.levels)
    return shape(real, (real > 0).astype(int), field)


def score_pairs(contest: Contest) -> PairTrends:
    """Mean of the pairs' trends over all pairs and over those that are associated, and each.

    Most pairs of a survey are as good as independent, and there the floor scores as well as the
    ceiling: `associated` is the mean that tells tables apart.
    """
    scores = pair_scores(contest)
    associated = {pair: s for pair, s in scores.items() if s.pop("association") > ASSOCIATED}
    return mean_scores(scores.values()).within(
        PairTrends,
        associated=mean_scores(associated.values()),
        pairs=[
            with_position(s).within(PairTrend, columns=pair, associated=pair in associated)
            for pair, s in scores.items()
        ],
    )


def pair_scores(contest: Contest) -> dict[tuple[str, str], Scores]:
    """Every pair's trend for every contestant, and the training rows' "association"."""
    sizes = {field.name: int(field.bins.max()) + 1 for field in contest.fields}
    tables = [binned(contest.fields, rows) for rows in (contest.train, *contest.others.values())]
    found = {}
    for pair in combinations(sizes, 2):
        keys = [joint_keys(table, sizes, pair) for table in tables]
        real, *others = cell_counts(keys, sizes[pair[0]] * sizes[pair[1]])
        similar = [1 - variation(real, other) for other in others]
        scores = dict(zip(contest.others, similar, strict=True))
        found[pair] = scores | {"association": contingency(keys[0], sizes[pair[1]])}
    return found


def contingency(keys: np.ndarray, columns: int) -> float:
    """Cramér's V of the cells, without correction, as SDMetrics' threshold takes it.

    `keys`: row * `columns` + column of each table row. 0 where either side does not vary.
    """
    chi_square, rows, across = chi_squared(keys, columns)
    least = min(rows, across) - 1
    return float(np.sqrt(chi_square / len(keys) / least)) if least > 0 else 0.0


def chi_squared(keys: np.ndarray, columns: int) -> tuple[float, int, int]:
    """Pearson's chi-squared of the cells, and how many rows and columns have any.

    Cells without rows are never visited: n * (sum of O^2 / (row * column) - 1).
    """
    cells, counts = _filled_cells(keys)
    row, column = cells // columns, cells % columns
    by_row, by_column = np.bincount(row, counts), np.bincount(column, counts)
    total = counts.sum()
    chi_square = total * ((counts**2 / (by_row[row] * by_column[column])).sum() - 1)
    return max(float(chi_square), 0.0), int((by_row > 0).sum()), int((by_column > 0).sum())


def _filled_cells(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cells that have rows, and how many, as float64."""
    if keys.max() <= max(2**16, 4 * len(keys)):
        counts = np.bincount(keys)
        cells = np.flatnonzero(counts)
        return cells, counts[cells].astype(float)
    cells, counts = np.unique(keys, return_counts=True)
    return cells, counts.astype(float)
