"""Columns as attackers and models take them: classes to guess, and features to guess by."""

from __future__ import annotations

import numpy as np
import pandas as pd

from include.espejo.survey import Column

_MOST_CATEGORIES = 255


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


def features_of(table: pd.DataFrame) -> pd.DataFrame:
    """The columns as the trees take them: codes as categories where they are few.

    Alike for all tables whose categories are shared.
    """
    codes = {
        name: values.cat.codes.astype(float)
        for name, values in table.items()
        if isinstance(values.dtype, pd.CategoricalDtype)
        and len(values.cat.categories) > _MOST_CATEGORIES
    }
    return table.assign(**codes)
