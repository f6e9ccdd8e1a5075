"""A score of the real rows, and their households: what every test of excess is about."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import special


@dataclass(frozen=True)
class Score:
    """Values (rows,) of the real rows, float64 or yes and no, and which rows they are about (all,
    if None).

    `noise` is the figure's variance from the draw of the synthetic rows, for the interval.
    """

    values: np.ndarray
    among: np.ndarray | None = None
    noise: float = 0.0


@dataclass(frozen=True)
class TrainedHouseholds:
    """`number` int64 (rows,): 0, 1, ...; `in_train` boolean (households,)."""

    number: np.ndarray
    in_train: np.ndarray

    @property
    def count(self) -> int:
        return len(self.in_train)

    @property
    def trained(self) -> int:
        return int(self.in_train.sum())

    def add_up(self, score: Score) -> Sums:
        """A score by household."""
        values, rows = score.values, self.sizes
        if score.among is not None:
            values = np.where(score.among, values, 0.0)
            rows = np.bincount(self.number, score.among, self.count)
        return Sums(
            np.bincount(self.number, values, self.count),
            rows,
            is_flag=score.values.dtype == bool or bool(np.isin(score.values, (0.0, 1.0)).all()),
        )

    @cached_property
    def sizes(self) -> np.ndarray:
        """The rows of each household, float64 (households,)."""
        return np.bincount(self.number, minlength=self.count).astype(float)

    def least_p_value(self) -> float:
        """The smallest that any permutation test can give with so many households."""
        sizes = np.array([self.count, self.trained, self.count - self.trained])
        ways = special.gammaln(sizes + 1.0)
        return float(np.exp(ways[1] + ways[2] - ways[0]))


@dataclass(frozen=True)
class Sums:
    """A score's sum and its number of rows in each household: float64 (households,)."""

    values: np.ndarray
    rows: np.ndarray
    is_flag: bool

    def means(self, in_train: np.ndarray) -> tuple[float, float]:
        """The means over the rows of train and of the control; NaN where a side has none."""
        found = []
        for side in (in_train, ~in_train):
            rows = float(self.rows[side].sum())
            found.append(float(self.values[side].sum()) / rows if rows else float("nan"))
        return found[0], found[1]

    def apart(self) -> np.ndarray:
        """What each household has above its share, were all rows alike: float64 (households,)."""
        rows = max(float(self.rows.sum()), 1.0)
        return np.asarray(self.values - self.rows * (float(self.values.sum()) / rows))
