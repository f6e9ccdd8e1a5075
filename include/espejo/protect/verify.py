"""The last look: every floor and every rule, on the table as it would go to training.

Nothing that the measures are believed to have done is taken on trust; whatever is left under the
floor is refused. Messages name columns, rules and counts, never a value.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from include.espejo.protect.draft import Draft
from include.espejo.survey import Column
from include.espejo.survey.rules import GEOGRAPHY_LEVELS
from include.espejo.table.floors import count_behind
from include.espejo.table.rules import group_numbers, relations

_REMEDY = "declare a `residual` that can replace them, drop the column, or lower the floor"


def verify(draft: Draft, source: pd.DataFrame, result: pd.DataFrame) -> None:
    """Raise InputError unless the result holds every floor and rule, and still says something.

    `source`: the table before any measure.
    """
    problems = [
        *_places(draft, source, result),
        *(problem for name in draft.fields() for problem in _floor(draft, name, result[name])),
        *(problem for name in draft.fields() for problem in _lost(draft, name, source, result)),
        *_rules(draft, result),
    ]
    if problems:
        raise draft.refusal(problems)


def _under_floor(draft: Draft, codes: np.ndarray) -> tuple[int, int]:
    """How many distinct values are under the floor, and on how many rows."""
    counts = count_behind(codes, int(codes.max(initial=-1)) + 1, draft.household)
    rare = counts.rare(draft.floor)
    return int(rare.sum()), int(counts.people[rare].sum())


def _places(draft: Draft, source: pd.DataFrame, result: pd.DataFrame) -> list[str]:
    columns = list(draft.spec.geography_columns())
    if not columns:
        return []
    problems, floor = [], draft.floor
    tuples, rows = _under_floor(draft, group_numbers(result[columns]))
    if tuples:
        problems.append(
            f"columns {', '.join(columns)}, rule floor: {tuples} places on {rows} rows have fewer "
            f"than {floor.people} people or {floor.households} households; lower the floor"
        )
    widest = columns[0]
    if source[widest].notna().any() and result[widest].isna().all():
        problems.append(
            f"column {widest}, rule floor: every one of its {len(result)} rows would become blank; "
            "lower the floor, or drop the geography"
        )
    told = [n for n in draft.spec.geography_levels() if n in columns]
    levels = result[told].isna().to_numpy()
    gaps = int((levels[:, :-1] & ~levels[:, 1:]).any(axis=1).sum())
    if gaps:
        problems.append(
            f"columns {', '.join(columns)}, rule {GEOGRAPHY_LEVELS}: {gaps} rows have a level "
            "filled in below a blank level; make it blank in the source"
        )
    return problems


def _floor(draft: Draft, name: str, values: pd.Series) -> list[str]:
    codes = pd.factorize(values, use_na_sentinel=False)[0]
    count, rows = _under_floor(draft, codes)
    if not count:
        return []
    floor = draft.floor
    return [
        f"column {name}, rule floor: {count} values (blank included) on {rows} rows have fewer "
        f"than {floor.people} people or {floor.households} households behind them, and the spec "
        f"declares nothing that can replace them; {_REMEDY}"
    ]


def _lost(draft: Draft, name: str, source: pd.DataFrame, result: pd.DataFrame) -> list[str]:
    """A column that the floor would make unknown in every row."""
    column = draft.spec.columns[name]
    if not _told(source[name], column).any() or _told(result[name], column).any():
        return []
    return [
        f"column {name}, rule floor: every one of its {len(result)} rows would become unknown; "
        "drop the column, or lower the floor"
    ]


def _told(values: pd.Series, column: Column) -> np.ndarray:
    unknown = [*column.residual, *column.special]
    return np.asarray(values.notna().to_numpy() & ~values.isin(unknown).to_numpy())


def _rules(draft: Draft, result: pd.DataFrame) -> list[str]:
    return [
        f"columns {', '.join(breach.columns)}, rule {breach.rule}: {breach.count} rows break it "
        f"after rare values are replaced; {_REMEDY}"
        for breach in relations(result, draft.spec, draft.period)
        if breach.count
    ]
