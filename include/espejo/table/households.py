"""Households: who lives together in a table, and who answers in several of its periods."""

from __future__ import annotations

import numpy as np
import pandas as pd

from include.espejo.survey import SurveySpec
from include.espejo.table.rules import group_numbers


def household_numbers(frame: pd.DataFrame, spec: SurveySpec) -> np.ndarray:
    """The household of each row: int64, shape (rows,). Without a key a household is a row."""
    key = [name for name in spec.key("household") if name in frame]
    if not key:
        return np.arange(len(frame), dtype=np.int64)
    return np.asarray(group_numbers(frame[key]), dtype=np.int64)


def panel_unit(frame: pd.DataFrame, spec: SurveySpec) -> list[str]:
    """The columns that name who answers in several quarters; none where nobody can be named.

    The panel's key if whole households share it, else the household's, else the person's.

    The optional columns of a key may be missing from a file.
    """
    panel, household = (
        [n for n in k if n in frame] for k in (spec.panel_key(), spec.key("household"))
    )
    if panel and (not household or set(panel) <= set(household)):
        return panel
    return household or [n for n in spec.key("person") if n in frame]
