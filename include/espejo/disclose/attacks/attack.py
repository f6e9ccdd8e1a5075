"""What the attacks share: their form, and which columns and classes they are about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from include.espejo.disclose.statistics.score import Score
from include.espejo.survey import Column

REMEDY = (
    "draw without calibration, raise the floors, or leave out or coarsen a column; a limit is "
    "changed in the spec alone"
)


@dataclass(frozen=True)
class Attack:
    """A gate's name, its scores, and the excess that is allowed.

    Of several scores the most significant counts, corrected by Bonferroni. `unit` says what the
    excess is a difference of, `weight` how much of the significance it gets (see excess.py).
    `only_reported` is the reason why it closes nothing, if there is
    one.
    """

    name: str
    scores: tuple[Score, ...]
    unit: str
    limit: float = 0.0
    weight: float = 1.0
    only_reported: str | None = None


def classes(values: pd.Series, column: Column) -> np.ndarray:
    """What an attacker guesses: a code, a bracket; a special code or a blank by itself.

    int64 (rows,), the same for the same value in any table whose categories are shared.
    """
    if column.is_code():
        return np.asarray(values.cat.codes, dtype=np.int64)
    numbers = values.to_numpy(dtype=float)
    cuts = np.asarray(column.brackets)
    found = np.asarray(np.searchsorted(cuts, numbers, side="right"), dtype=np.int64)
    for place, code in enumerate(column.special):
        found[numbers == code] = len(column.brackets) + 1 + place
    found[np.isnan(numbers)] = -1
    return found
