"""The floor: how many people and households stand behind a value.

The threshold rule of statistical disclosure control (Hundepool et al. 2012, "Statistical
Disclosure Control", section 4.2): a cell is safe if enough contributors, of enough different
households, are behind it. Everything is counted on the whole input, before any split.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from include.espejo.survey.disclosure import Floor


def few_of_each(household: np.ndarray, floor: Floor) -> np.ndarray:
    """A few rows of each household, so few that any `people` of them come from `households`.

    The first rows of each household, boolean (rows,): a count of these alone that holds the
    floor's people holds its households too.
    """
    if floor.households == 1:
        return np.ones(len(household), dtype=bool)
    most = (floor.people - 1) // (floor.households - 1)
    return np.asarray(pd.Series(household).groupby(household).cumcount() < most)


@dataclass(frozen=True)
class Counts:
    """People and households behind each of some values: int64, shape (values,)."""

    people: np.ndarray
    households: np.ndarray

    def hold(self, floor: Floor) -> np.ndarray:
        """Which values hold the floor: boolean, shape (values,)."""
        return np.asarray((self.people >= floor.people) & (self.households >= floor.households))

    def rare(self, floor: Floor) -> np.ndarray:
        """Which values occur, and are under the floor: boolean, shape (values,)."""
        return np.asarray((self.people > 0) & ~self.hold(floor))


def count_behind(codes: np.ndarray, size: int, household: np.ndarray) -> Counts:
    """Count for each code from 0 to `size` - 1. `codes` and `household`: integers, (rows,)."""
    people = np.bincount(codes, minlength=size)
    width = int(household.max(initial=0)) + 1
    pairs = pd.unique(codes.astype(np.int64) * width + household)
    return Counts(people, np.bincount(pairs // width, minlength=size))
