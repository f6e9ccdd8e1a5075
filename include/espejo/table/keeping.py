"""Whether a synthetic table keeps its spec: one answer, for sampling, its figures and the gate."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from include.espejo.survey import Column, Period, SurveySpec
from include.espejo.survey.model import Geography
from include.espejo.survey.rules import function_rule
from include.espejo.table.rules import Breach, group_numbers, relations


def breaches(
    synthetic: pd.DataFrame, real: pd.DataFrame, spec: SurveySpec, period: Period
) -> list[Breach]:
    """The rules that rows of `synthetic` break; none where it keeps its spec.

    The declared relations; of each modelled column its code list or range, its kind and its blanks,
    and no code that no row of `real` has; and what a place fixes, as it is there in `real`. The
    floors ask how many people live in a place.
    """
    found = relations(synthetic, spec, period)
    for name, column in spec.model_columns().items():
        check = _codes if column.is_code() else _numbers
        found += check(name, column, synthetic[name], real[name])
        if column.blank == "never":
            found.append(Breach("not_blank", (name,), synthetic[name].isna().to_numpy()))
    found += _functions(synthetic, real, spec)
    return [breach for breach in found if breach.count]


def _codes(name: str, column: Column, values: pd.Series, real: pd.Series) -> Iterator[Breach]:
    values = values.astype("category")
    codes = [str(code) for code in values.cat.categories]
    known = set(map(str, real.dropna().unique()))
    for rule, holds in (
        ("code_list", [_is_listed(code, column) for code in codes]),
        ("code_that_no_real_row_has", [code in known for code in codes]),
    ):
        # A blank has code -1, and so the last: it breaks neither.
        yield Breach(rule, (name,), ~np.array([*holds, True])[values.cat.codes.to_numpy()])


def _is_listed(code: str, column: Column) -> bool:
    if column.code_set:
        return code in column.code_set
    return column.width is None or len(code) == column.width


def _numbers(name: str, column: Column, values: pd.Series, real: pd.Series) -> Iterator[Breach]:
    numbers = values.to_numpy()
    ordinary = ~np.isnan(numbers) & ~np.isin(numbers, list(column.special))
    if column.range is not None:
        low, high = column.bounds
        yield Breach("range", (name,), ordinary & ~((numbers >= low) & (numbers <= high)))
    if column.is_whole():
        yield Breach("whole_numbers", (name,), ordinary & (numbers != np.rint(numbers)))


def unknown_places(synthetic: pd.DataFrame, real: pd.DataFrame, spec: SurveySpec) -> list[Breach]:
    """The places, tuples of the geography's levels, that no row of `real` has."""
    levels = [level for level in spec.geography_levels() if level in synthetic]
    if not levels:
        return []
    found = Breach("places_that_exist", tuple(levels), _unseen(synthetic, real, levels))
    return [found] if found.count else []


def _functions(synthetic: pd.DataFrame, real: pd.DataFrame, spec: SurveySpec) -> Iterator[Breach]:
    """What a place fixes has, in each fully known place, a value that real people there have."""
    if not isinstance(spec.geography, Geography):
        return
    for name, level in spec.geography.functions.items():
        of_spec = spec.geography.levels
        place = [*of_spec[: of_spec.index(level) + 1], name]
        if set(place) <= set(synthetic.columns):
            known = synthetic[place[:-1]].notna().all(axis=1).to_numpy()
            rule = f"{function_rule(name, level)}_of_real_places"
            yield Breach(rule, tuple(place), known & _unseen(synthetic, real, place))


def _unseen(synthetic: pd.DataFrame, real: pd.DataFrame, columns: list[str]) -> np.ndarray:
    """Rows whose tuple of values no real row has."""
    together = pd.concat([real[columns], synthetic[columns]], ignore_index=True)
    groups = group_numbers(together)
    return ~np.isin(groups[len(real) :], groups[: len(real)])
