"""What neighbouring values of a number have in common, so that what is learnt of one helps others.

A number's codes lie on a line. Each is described by its rank among the rows (a linear B-spline,
Eilers and Marx 1996, "Flexible smoothing with B-splines and penalties", section 2, on knots of
equal rows), by the rank itself and by its size. Special codes and the blank are not on the line.
"""

from __future__ import annotations

import numpy as np

from include.espejo.synthesis.ctgan.encoding.fields import Field

KNOTS = 12
FEWEST_CODES = 5  # on a line; fewer are told apart well enough by themselves
FEATURES = KNOTS + 2


def line_features(field: Field, rows: np.ndarray) -> np.ndarray | None:
    """Features of each code: float32, (codes, FEATURES), zero off the line; None without a line.

    `rows`: of each code, (codes,).
    """
    line = np.flatnonzero(field.on_the_line)
    if len(line) < FEWEST_CODES:
        return None
    middle = (field.low[line] + field.high[line]) / 2
    line, middle = line[np.argsort(middle)], np.sort(middle)
    weight = rows[line] + 0.5
    rank = (np.cumsum(weight) - weight / 2) / weight.sum()
    features = np.zeros((field.size, FEATURES), dtype=np.float32)
    away = np.abs(rank[:, None] * (KNOTS - 1) - np.arange(KNOTS))
    features[line, :KNOTS] = np.clip(1 - away, 0, 1)
    features[line, KNOTS] = (rank - 0.5) * np.sqrt(12)  # a standard deviation of 1
    features[line, KNOTS + 1] = _standard(middle, weight)
    return features


def _standard(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Values on a scale that is linear near zero and logarithmic far from it, standardised."""
    scale = np.median(np.abs(values)) or 1.0
    bent = np.arcsinh(values / scale)
    mean = np.average(bent, weights=weight)
    deviation = np.sqrt(np.average((bent - mean) ** 2, weights=weight))
    return np.asarray(np.clip((bent - mean) / max(deviation, 1e-9), -4, 4))
