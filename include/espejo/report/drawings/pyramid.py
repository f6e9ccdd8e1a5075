"""The population pyramid: real and synthetic rows by age and sex, no bar under the floor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from include.espejo.report.drawings.bins import count_in_bins
from include.espejo.report.drawings.distributions import DECIMALS
from include.espejo.survey import SurveySpec


@dataclass(frozen=True)
class PyramidShares:
    """Shares of all rows with both: (bands, 2), real and synthetic; `edges`: (bands + 1,)."""

    edges: np.ndarray
    real: np.ndarray
    synthetic: np.ndarray
    codes: tuple[str, str]


_BAND = 5  # years


def pyramid(
    real: pd.DataFrame, synthetic: pd.DataFrame, spec: SurveySpec, counted: np.ndarray
) -> PyramidShares | None:
    """The population pyramid; None where the spec has none, or it would stand on too few.

    Bands of five years; a band is wider where either side of it would be under the floor. Its
    sides are the first two codes of the spec's list. `counted`: see `distributions`.
    """
    names, floor = spec.outputs.pyramid, spec.disclosure.floor.people
    if names is None or not {names.age, names.sex} <= set(synthetic.columns):
        return None
    first, second = [*spec.columns[names.sex].listed_codes(), "", ""][:2]
    codes = first, second
    special = list(spec.columns[names.age].special)
    sides = [
        _by_side(table[names.age], table[names.sex], special, codes) for table in (real, synthetic)
    ]
    some = _by_side(real[names.age][counted], real[names.sex][counted], special, codes)
    if min(len(side) for side in some) < floor:
        return None
    highest = max(np.sort(side)[-floor] for side in some)
    grid = np.arange(0, highest + 2 * _BAND, _BAND, dtype=float)
    people = np.array([count_in_bins(side, grid) for side in some])
    edges, pending = [grid[0]], np.zeros(2, dtype=int)
    for edge, counts in zip(grid[1:], people.T, strict=True):
        pending = pending + counts
        if (pending >= floor).all():
            edges.append(edge)
            pending = np.zeros(2, dtype=int)
    if len(edges) < 3:
        return None
    found = []
    for side in sides:
        counts = np.array([count_in_bins(values, np.array(edges)) for values in side]).T
        found.append(np.round(counts / max(counts.sum(), 1), DECIMALS))
    return PyramidShares(np.array(edges), found[0], found[1], codes)


def _by_side(
    age: pd.Series, sex: pd.Series, special: list[int | float], codes: tuple[str, str]
) -> list[np.ndarray]:
    ages, sexes = age.to_numpy(float), sex.astype(object).to_numpy()
    known = ~np.isnan(ages) & ~np.isin(ages, special)
    return [ages[known & (sexes == code)] for code in codes]
