"""Association of every two columns, from 0 to 1 (from -1 for two numbers), by their kinds.

Two codes: Cramér's V, bias-corrected (Bergsma 2013, "A bias-correction for Cramér's V and
Tschuprow's T", Journal of the Korean Statistical Society 42). A code and a number: the unbiased
correlation ratio (Kelley 1935, PNAS 21), of ranks. Two numbers: Spearman's rank correlation. Ranks
throughout, so that no single income moves a published figure; corrections, so that a column of a
thousand codes is not associated with everything. Only rows where both columns are filled count,
and special codes are not amounts.
"""

from __future__ import annotations

import numpy as np

from include.espejo.evaluate.general.document import Associations, Matrix, MeanDifference
from include.espejo.evaluate.general.shapes import chi_squared
from include.espejo.evaluate.scoring.coding import CodedColumn, Rows

CRAMER, RATIO, SPEARMAN = "cramers_v", "correlation_ratio", "spearman"


def compare_associations(
    fields: tuple[CodedColumn, ...], train: Rows, synthetic: Rows, holdout: Rows | None, floor: int
) -> Associations:
    """The matrices, real, synthetic and synthetic less real; None where there is no figure.

    There is none where fewer than `floor` rows have both columns, or one does not vary there:
    `undefined` names those pairs of the real rows. `mean_absolute_difference` is over the pairs
    that both tables have; its `ceiling` is that of the held-out households.
    """
    names = [field.name for field in fields]
    real, other = (association_matrix(fields, rows, floor) for rows in (train, synthetic))
    ceiling = None
    if holdout is not None:
        ceiling = _mean_difference(real, association_matrix(fields, holdout, floor))
    return Associations(
        columns=tuple(names),
        measures=tuple(tuple(measure_association(a, b) for b in fields) for a in fields),
        real=_listed(real),
        synthetic=_listed(other),
        difference=_listed(other - real),
        undefined=tuple(
            (names[i], names[j])
            for i, j in zip(*np.triu_indices(len(names), 1), strict=True)
            if np.isnan(real[i, j])
        ),
        mean_absolute_difference=MeanDifference(
            score=_mean_difference(real, other), ceiling=ceiling
        ),
    )


def measure_association(left: CodedColumn, right: CodedColumn) -> str:
    """Which measure two columns' kinds ask for."""
    return (CRAMER, RATIO, SPEARMAN)[left.number + right.number]


def association_matrix(fields: tuple[CodedColumn, ...], rows: Rows, floor: int) -> np.ndarray:
    """Symmetric, float64, (columns, columns); NaN where there is no figure."""
    matrix = np.full((len(fields), len(fields)), np.nan)
    filled = {field.name: field.ordinary[rows[field.name]] for field in fields}
    for i, left in enumerate(fields):
        for j, right in enumerate(fields[: i + 1]):
            both = filled[left.name] & filled[right.name]
            if both.sum() >= floor:
                levels = rows[left.name][both], rows[right.name][both]
                matrix[i, j] = matrix[j, i] = associate(left, right, *levels)
    return matrix


def associate(left: CodedColumn, right: CodedColumn, a: np.ndarray, b: np.ndarray) -> float:
    """One pair's figure; `a` and `b`: levels of the rows that have both. NaN without one."""
    if left is right:
        return 1.0 if a.min() < a.max() else np.nan
    if left.number and right.number:
        return spearman(ranks(a, left.levels), ranks(b, right.levels))
    if left.number:
        return correlation_ratio(b, ranks(a, left.levels))
    if right.number:
        return correlation_ratio(a, ranks(b, right.levels))
    return cramers_v(a, b, right.levels)


def ranks(levels: np.ndarray, size: int) -> np.ndarray:
    """Mean ranks, from 0.5 on; levels are in rising order, so there is nothing to sort."""
    counts = np.bincount(levels, minlength=size)
    return np.asarray((np.cumsum(counts) - counts / 2)[levels])


def cramers_v(a: np.ndarray, b: np.ndarray, size: int) -> float:
    """Bias-corrected V of two codes; `size`: levels of `b`."""
    chi_square, rows, columns = chi_squared(a.astype(np.int64) * size + b, size)
    free = len(a) - 1
    if min(rows, columns) < 2:
        return np.nan
    phi = max(0.0, chi_square / len(a) - (rows - 1) * (columns - 1) / free)
    least = min(n - (n - 1) ** 2 / free for n in (rows, columns)) - 1
    return float(min(np.sqrt(phi / least), 1.0)) if least > 0 else np.nan


def correlation_ratio(groups: np.ndarray, values: np.ndarray) -> float:
    """Unbiased eta: the root of the share of the values' variance that lies between groups."""
    counts = np.bincount(groups)
    kinds, total = int((counts > 0).sum()), len(values)
    centred = values - values.mean()
    whole = float(centred @ centred)
    if kinds < 2 or whole <= 0 or total <= kinds:
        return np.nan
    between = float((np.bincount(groups, centred) ** 2 / np.maximum(counts, 1)).sum())
    unexplained = (1 - between / whole) * (total - 1) / (total - kinds)
    return float(np.sqrt(np.clip(1 - unexplained, 0, 1)))


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's correlation of two columns' ranks."""
    left, right = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((left @ left) * (right @ right)))
    return float(np.clip(left @ right / scale, -1, 1)) if scale > 0 else np.nan


def _mean_difference(real: np.ndarray, other: np.ndarray) -> float | None:
    apart = np.abs(other - real)[np.triu_indices(len(real), 1)]
    known = apart[~np.isnan(apart)]
    return float(known.mean()) if len(known) else None


def _listed(matrix: np.ndarray) -> Matrix:
    return tuple(tuple(None if np.isnan(x) else float(x) for x in row) for row in matrix)
