"""How unlikely an excess is if nobody's being trained on mattered, and what would be found.

If the synthetic table does not depend on who was trained on, any other choice of households for
training would have been as likely; so the households' labels are permuted:

    a rare yes or no       exactly: the flagged households are hypergeometric
    up to 20,000 of them   by Monte Carlo; the draws end early once nothing looks significant
                           (sequential p-values: Besag and Clifford 1991, Biometrika 78)
    more                   by the normal approximation of the permutation distribution
                           (Hoeffding 1951, Ann. Math. Statist. 22)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from include.espejo.disclose.statistics.score import Sums, TrainedHouseholds

MONTE_CARLO_HOUSEHOLDS = 20_000
_RARE_SHARE = 0.2  # of the households: below it a flag on a household says nearly all
_FIRST_DRAWS, _CHUNK = 2_000, 500
_ENOUGH = 20  # permutations that reach the score: its p-value is then known well enough
_POWER = 0.8


def p_values(
    scores: Sequence[Sums], households: TrainedHouseholds, least: float, seed: int
) -> list[float]:
    """One-sided p-values, each by the test that suits its score.

    `least` is the smallest p-value that must be reachable.
    """
    found: dict[int, float] = {}
    drawn: list[int] = []
    for k, sums in enumerate(scores):
        if _is_rare(sums, households):
            found[k] = _hypergeometric(sums, households)
        elif households.count > MONTE_CARLO_HOUSEHOLDS:
            found[k] = _normal(sums, households)
        else:
            drawn.append(k)
    if drawn:
        draws = max(50_000, int(np.ceil(1.2 / least)))
        permuted = _permuted([scores[k] for k in drawn], households, draws, seed)
        found |= dict(zip(drawn, permuted, strict=True))
    return [found[k] for k in range(len(scores))]


def detectable(sums: Sums, households: TrainedHouseholds, threshold: float) -> float | None:
    """The smallest excess that the score's test finds at `threshold` with a power of 80 %.

    None where not even the largest would be found.
    """
    if _is_rare(sums, households):
        return _detectable_flags(sums, households, threshold)
    needed = stats.norm.isf(threshold) + stats.norm.ppf(_POWER)
    # A score that does not vary would have shown a single row.
    rows = float(sums.rows[households.in_train].sum())
    return float(needed * _null_error(sums, households)) or 1 / max(rows, 1.0)


def _is_rare(sums: Sums, households: TrainedHouseholds) -> bool:
    flagged = int(np.count_nonzero(sums.values))
    return sums.is_flag and flagged <= _RARE_SHARE * households.count


def _hypergeometric(sums: Sums, households: TrainedHouseholds) -> float:
    """Chance of as many flagged households in train, were they drawn from all."""
    flagged = sums.values > 0
    reached = int(flagged[households.in_train].sum())
    drawn = (households.count, int(flagged.sum()), households.trained)
    return float(stats.hypergeom.sf(reached - 1, *drawn))


def _normal(sums: Sums, households: TrainedHouseholds) -> float:
    train, control = sums.means(households.in_train)
    error = _null_error(sums, households)
    if error == 0 or np.isnan(train - control):
        return 1.0  # the score does not vary, or a side has no row of it
    return float(stats.norm.sf((train - control) / error))


def _null_error(sums: Sums, households: TrainedHouseholds) -> float:
    """Standard error of the excess under permutation, by its linear part."""
    size, trained, rows = households.count, households.trained, float(sums.rows.sum())
    variance = float((sums.apart() ** 2).sum()) * trained * (size - trained)
    variance /= size * max(size - 1, 1)
    inside = rows * trained / size
    return float(np.sqrt(variance) * rows / max(inside * (rows - inside), 1e-300))


def _permuted(
    scores: Sequence[Sums], households: TrainedHouseholds, draws: int, seed: int
) -> list[float]:
    """Monte-Carlo p-values over random choices of as many households for training."""
    random = np.random.default_rng([seed, 1])
    values = np.stack([sums.values for sums in scores], axis=1)
    rows = np.stack([sums.rows for sums in scores], axis=1)
    told = np.array([np.subtract(*sums.means(households.in_train)) for sums in scores])
    reached, done = np.zeros(len(scores)), 0
    while done < draws and not (done >= _FIRST_DRAWS and (reached >= _ENOUGH).all()):
        chosen = _choices(households, random)
        excess = _excess(chosen @ values, chosen @ rows, values.sum(axis=0), rows.sum(axis=0))
        # A draw with no row on a side says nothing, and counts as one that reaches the score.
        reached += (~(excess < told - 1e-9)).sum(axis=0)
        done += _CHUNK
    return [float(p) for p in (1 + reached) / (1 + done)]


def _choices(households: TrainedHouseholds, random: np.random.Generator) -> np.ndarray:
    """Random choices of households for training: 0 or 1, float64 (draws, households)."""
    keys = random.random((_CHUNK, households.count), dtype=np.float32)
    first = np.argpartition(keys, households.trained - 1, axis=1)[:, : households.trained]
    chosen = np.zeros(keys.shape)
    np.put_along_axis(chosen, first, 1.0, axis=1)
    return chosen


def _excess(
    values: np.ndarray, rows: np.ndarray, all_values: np.ndarray, all_rows: np.ndarray
) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(values / rows - (all_values - values) / (all_rows - rows))


def _detectable_flags(sums: Sums, households: TrainedHouseholds, threshold: float) -> float | None:
    """As many leaked households as are found beside what the control has of flagged ones."""
    flagged, trained, size = sums.values > 0, households.trained, households.count
    rate = flagged[~households.in_train].sum() / max(size - trained, 1)
    usual = rate * trained
    expected = max(usual - stats.norm.ppf(_POWER) * np.sqrt(usual), 0)
    leaked = np.arange(1, trained + 1)
    reached = np.minimum(np.floor(expected + leaked), trained)
    total = np.minimum(np.rint(rate * size + leaked), size)
    enough = stats.hypergeom.sf(reached - 1, size, total, trained) <= threshold
    if not enough.any():
        return None
    rows = sums.values.sum() / flagged.sum() if flagged.any() else 1.0
    trained_rows = max(float(sums.rows[households.in_train].sum()), 1.0)
    return float(leaked[enough.argmax()] * rows / trained_rows)
