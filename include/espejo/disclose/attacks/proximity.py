"""Attacks by distance: identical rows, rows too near, whose nearest neighbours, membership.

Isolation, a real row's distance to the nearest real row of another household, is worked out in
train and holdout together: it says how near a synthetic row would lie by chance (the calibration
of Watson et al. 2022, "On the importance of difficulty calibration in membership inference").
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from include.espejo.disclose.attacks.attack import Attack
from include.espejo.disclose.distance.distances import Distances
from include.espejo.disclose.distance.encode import FULL_WEIGHT
from include.espejo.disclose.statistics.score import Score
from include.espejo.survey import SurveySpec
from include.espejo.table.people import Population

NEAREST_SHARES = (0.005, 0.01, 0.02, 0.04)  # of the rows
NEAREST_HOUSEHOLD_SHARES = (0.01, 0.02, 0.03, 0.04)
ISOLATED_SHARE = 0.1
OUTLIER_SHARE = 0.1
OUTLIERS_PER_SIDE = 1_000
# Of some 110 in all (see excess.py). What happens to whole households, or to few rows, has the
# fewest households to show it.
COPY_WEIGHT, FEW_WEIGHT = 20.0, 30.0
_NEAR = 0.1  # of its isolation: a row that is matched, and hardly ever by chance
_CLOSE = FULL_WEIGHT / 2  # distances below it hardly differ in what they tell


def proximity_attacks(
    distances: Distances, population: Population, spec: SurveySpec
) -> list[Attack]:
    """The attacks that need distances only."""
    isolation = distances.to_other.astype(float)
    # How much nearer the synthetic table comes than any stranger does.
    nearness = np.log((isolation + _CLOSE) / (distances.to_synthetic + _CLOSE))
    rank, isolation_rank = _rank(nearness), _rank(isolation)
    same_quasi = Score(distances.quasi_to_synthetic == 0)
    nearest = tuple(Score(rank > 1 - share) for share in NEAREST_SHARES)
    return [
        *_matches(distances, isolation_rank),
        Attack("near_identical", nearest, "share of rows", weight=COPY_WEIGHT / 2),
        _near_households(nearness, population, spec),
        Attack("identical_quasi", (same_quasi,), "share of rows"),
        _closest_record(distances, population, spec),
        Attack("membership", (Score(rank),), "AUC", spec.disclosure.limits.membership),
        _outliers(nearness, isolation_rank, population, spec),
    ]


def _matches(distances: Distances, isolation_rank: np.ndarray) -> list[Attack]:
    """Rows that come out again as they are, and those far from everybody that nearly do."""
    matched = distances.to_synthetic <= _NEAR * distances.to_other
    alone = Score(matched & (isolation_rank > 1 - ISOLATED_SHARE))
    same = Score(distances.to_synthetic == 0)
    return [
        Attack("identical", (same,), "share of rows", weight=COPY_WEIGHT),
        Attack("isolated_matched", (alone,), "share of rows", weight=FEW_WEIGHT),
    ]


def _near_households(nearness: np.ndarray, population: Population, spec: SurveySpec) -> Attack:
    """Households whose members together come nearer to synthetic rows than to strangers.

    One row a little changed may be chance, all of a household hardly; members add up as
    independent evidence does, by the root of their number.
    """
    number = population.household
    members = np.bincount(number)
    rank = _rank(np.bincount(number, nearness) / np.sqrt(members))[number]
    nearest = tuple(Score(rank > 1 - share) for share in NEAREST_HOUSEHOLD_SHARES)
    same = None if spec.key("household") else "each household is one row: see near_identical"
    return Attack(
        "near_identical_households",
        nearest,
        "share of rows",
        weight=FEW_WEIGHT,
        only_reported=same,
    )


def _rank(values: np.ndarray) -> np.ndarray:
    """Mid-ranks over both sides, above 0 to 1: the difference of their means is AUC - 1/2."""
    return np.asarray(stats.rankdata(values) / max(len(values), 1))


def _closest_record(distances: Distances, population: Population, spec: SurveySpec) -> Attack:
    """The share of synthetic rows that are nearer to train, over what sizes alone give.

    A real row's score is what it has of that share: with n synthetic rows, of which it is the
    nearest to `shares`, scaled so that the difference of means is the share less its null.
    """
    rows, train = len(population.real), population.train_rows
    count = len(population.synthetic)
    scale = train * (rows - train) / (rows * count)
    noise = float(distances.train_shares.var() / count)
    score = Score(distances.shares * scale, noise=noise)
    limit = spec.disclosure.limits.closest_record
    return Attack("closest_record", (score,), "share of synthetic rows", limit)


def _outliers(
    nearness: np.ndarray, isolation_rank: np.ndarray, population: Population, spec: SurveySpec
) -> Attack:
    """Membership of the most isolated rows; gated only if there are enough of them."""
    among = isolation_rank > 1 - OUTLIER_SHARE
    rank = np.zeros(len(among))
    rank[among] = _rank(nearness[among])
    sides = [int((among & side).sum()) for side in (population.in_train, ~population.in_train)]
    few = None
    if min(sides) < OUTLIERS_PER_SIDE:
        few = f"fewer than {OUTLIERS_PER_SIDE:,} isolated rows on a side: reported, not gated"
    limit = spec.disclosure.limits.membership
    return Attack("membership_outliers", (Score(rank, among),), "AUC", limit, only_reported=few)
