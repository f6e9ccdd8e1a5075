"""One test for every attack: is a score higher among those trained on than among the others?

A score is a number for each real row, of train and holdout alike, worked out without looking at
who is where. The excess is its mean over train less its mean over holdout. Significance is that
of permuted households (significance.py); intervals are by bootstrap of the households within each
side (Efron 1979), above 20,000 by the variance that it tends to.

Over the gates p-values are corrected by Holm's method with weights (Holm 1979, Scand. J. Statist.
6, section 4): the sum of weights left takes the place of the number of gates left. Copies of
people are what a release must not hold, and few copies are what a small holdout hardly shows, so
the gates for them weigh more; the chance of closing any gate on an honest table stays the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from include.espejo.disclose.statistics.score import Score, Sums, TrainedHouseholds
from include.espejo.disclose.statistics.significance import (
    MONTE_CARLO_HOUSEHOLDS,
    detectable,
    p_values,
)

_BOOTSTRAPS = 1_000


@dataclass(frozen=True)
class Excess:
    """The difference of a score's means over train and control.

    `interval` is two-sided at 1 - 2 x significance; `p_value` one-sided, uncorrected;
    `detectable` the smallest difference found with a power of 80 % at the corrected significance,
    None where not even the largest would be.
    """

    figure: float
    interval: tuple[float, float]
    p_value: float
    detectable: float | None


def measure_excess(
    scores: Sequence[Score],
    shares: Sequence[float],
    households: TrainedHouseholds,
    significance: float,
    seed: int,
) -> list[Excess]:
    """The excess of each score; NaN for figures where a side has no row of it.

    `shares`: the part of the significance that each score has when all are tested together.
    Both sides must hold a household.
    """
    least = significance * min(shares)
    # Draws are shared by all scores. Without any each is by itself: of a census the sums of all of
    # them would take a gigabyte.
    at_once = 1 if households.count > MONTE_CARLO_HOUSEHOLDS else len(scores)
    found = []
    for first in range(0, len(scores), at_once):
        some = slice(first, first + at_once)
        added = [households.add_up(score) for score in scores[some]]
        chances = p_values(added, households, least, seed)
        errors = _bootstrap_errors(added, households, seed)
        for score, sums, share, chance, error in zip(
            scores[some], added, shares[some], chances, errors, strict=True
        ):
            figure = float(np.subtract(*sums.means(households.in_train)))
            margin = float(stats.norm.isf(significance) * np.sqrt(error**2 + score.noise))
            smallest = detectable(sums, households, significance * share)
            found.append(Excess(figure, (figure - margin, figure + margin), chance, smallest))
    return found


def holm(chances: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Adjusted p-values, in the order given; with equal weights those of the plain method."""
    p, weight = np.asarray(chances, dtype=float), np.asarray(weights, dtype=float)
    order = np.argsort(p / weight, kind="stable")
    left = np.cumsum(weight[order][::-1])[::-1]
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] / weight[order] * left), 1.0)
    return [float(value) for value in adjusted]


def _bootstrap_errors(
    scores: Sequence[Sums], households: TrainedHouseholds, seed: int
) -> np.ndarray:
    """Standard errors of the excess over resamples of the households of each side: (scores,)."""
    random, variance = np.random.default_rng([seed, 2]), np.zeros(len(scores))
    large = households.count > MONTE_CARLO_HOUSEHOLDS
    for side in (households.in_train, ~households.in_train):
        variance += _limit(scores, side) if large else _resampled(scores, side, random)
    return np.asarray(np.sqrt(variance))


def _resampled(scores: Sequence[Sums], side: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Variance of each score's mean over resamples of a side's households: (scores,)."""
    values = np.stack([sums.values[side] for sums in scores], axis=1)
    rows, size = np.stack([sums.rows[side] for sums in scores], axis=1), int(side.sum())
    means = []
    for _ in range(0, _BOOTSTRAPS, 100):
        times = random.multinomial(size, np.full(size, 1 / size), 100).astype(float)
        with np.errstate(invalid="ignore", divide="ignore"):
            means.append((times @ values) / (times @ rows))
    return np.asarray(np.concatenate(means).var(axis=0))


def _limit(scores: Sequence[Sums], side: np.ndarray) -> np.ndarray:
    """What the variance of `_resampled` tends to: that of the mean's linear part."""
    found = []
    for sums in scores:
        own = Sums(sums.values[side], sums.rows[side], sums.is_flag)
        found.append(float((own.apart() ** 2).sum()) / max(float(own.rows.sum()), 1.0) ** 2)
    return np.array(found)
