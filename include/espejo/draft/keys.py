"""Which columns seem to name a person, and which a household."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from include.espejo.draft.columns import Drafted
from include.espejo.table.rules import group_numbers

_MOST_TRIED = 12  # columns of most values, of which two or three together are tried
_MEMBERS = (1.3, 12)  # people of a household, on average


def person_key(frame: pd.DataFrame, drafted: list[Drafted]) -> list[str]:
    """One column that tells every row apart, or else two or three; none where there are none."""
    filled = [one for one in drafted if frame[one.name].notna().all()]
    for one in filled:
        if one.distinct == len(frame):
            return [one.name]
    most = sorted(filled, key=lambda one: -one.distinct)[:_MOST_TRIED]
    names = [one.name for one in drafted if one in most and one.keys["kind"] in ("code", "integer")]
    for size in (2, 3):
        for chosen in combinations(names, size):
            if _groups(frame, list(chosen)) == len(frame):
                return list(chosen)
    return []


def household_key(frame: pd.DataFrame, person: list[str]) -> list[str]:
    """The part of a key that groups people as households do; none where there is none."""
    for size in range(1, len(person)):
        for chosen in combinations(person, size):
            members = len(frame) / max(_groups(frame, list(chosen)), 1)
            if _MEMBERS[0] <= members <= _MEMBERS[1]:
                return list(chosen)
    return []


def _groups(frame: pd.DataFrame, names: list[str]) -> int:
    return len(np.unique(group_numbers(frame[names])))
