"""Which checkpoint is kept: a score on households that training does not see."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

SHARE = 0.1
MOST_ROWS = 20_000
FEWEST_ROWS = 200


def split_households(
    rows: int, households: np.ndarray | None, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers for training and for selection, no household in both.

    A tenth of the households, at most 20,000 rows. A table too small to spare any is used whole
    for both: the score then only tells the training's own progress.
    """
    group = np.arange(rows) if households is None else households
    order = generator.permutation(int(group.max()) + 1)
    sizes = np.bincount(group, minlength=len(order))[order]
    wanted = min(SHARE * rows, MOST_ROWS)
    chosen = np.zeros(len(order), dtype=bool)
    chosen[order[np.cumsum(sizes) <= wanted]] = True
    held = chosen[group]
    if held.sum() < FEWEST_ROWS:
        return np.arange(rows), np.arange(rows)
    return np.flatnonzero(~held), np.flatnonzero(held)


def pair_score(real: np.ndarray, synthetic: np.ndarray, sizes: Sequence[int]) -> float:
    """Mean over pairs of fields of one minus the total variation distance, 0 to 1.

    `real`, `synthetic`: int codes, (rows, fields). A lone field is scored by itself.
    """
    pairs = list(combinations(range(len(sizes)), 2)) or [(0, 0)]
    distances = []
    for a, b in pairs:
        shares = [_shares(rows, a, b, sizes) for rows in (real, synthetic)]
        distances.append(np.abs(shares[0] - shares[1]).sum() / 2)
    return 1 - float(np.mean(distances))


def _shares(rows: np.ndarray, a: int, b: int, sizes: Sequence[int]) -> np.ndarray:
    joint = rows[:, a].astype(np.int64) * sizes[b] + rows[:, b]
    return np.bincount(joint, minlength=sizes[a] * sizes[b]) / len(rows)
