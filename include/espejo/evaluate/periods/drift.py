"""How far the input of a period is from that of an earlier one, column by column.

Drift is the total variation distance: the share of people who would have to answer otherwise for
the columns to be alike; 1 less SDMetrics' TVComplement (Gibbs and Su 2002, "On choosing and
bounding probability metrics", International Statistical Review 70(3)). Beside it stands what
chance alone gives at these sizes, so that a small survey does not seem to drift.

Both tables are protected rows: a code that too few people had is not in them, and numbers are
coarse. Codes of a place inside another say nothing by themselves, and are left out.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from include.espejo.evaluate.periods.document import ChangedCodes, Drift, Inputs
from include.espejo.evaluate.scoring.coding import Coded, CodedColumn, code_tables, variation
from include.espejo.survey import SurveySpec
from include.espejo.table.floors import count_behind
from include.espejo.table.households import household_numbers

_SEEMS_REAL = 2  # times what chance gives


def compare_inputs(before: pd.DataFrame, now: pd.DataFrame, spec: SurveySpec) -> Inputs:
    """`drift` and `codes` by column, of two periods' protected rows with their household keys.

    drift: `distance`, 0 to 1, `chance`, and whether it `moved` more than twice that. codes: of the
    columns that have some, those (special numbers, too) that `appeared` or `vanished`; each stands
    on the floor in the period that has it, and on nobody in the other. Columns that either table
    lacks or has blank throughout are left out.
    """
    names = [name for name in spec.model_columns() if _is_comparable(name, (before, now), spec)]
    if not names:
        return Inputs(drift={}, codes={})
    coded = code_tables(before[names], [now[names]], spec)
    homes = [household_numbers(table, spec) for table in (before, now)]
    codes = {field.name: _changed(field, coded, homes, spec) for field in coded.fields}
    return Inputs(
        drift={field.name: _drift(field, coded) for field in coded.fields},
        codes={name: told for name, told in codes.items() if told.appeared or told.vanished},
    )


def _is_comparable(name: str, tables: tuple[pd.DataFrame, ...], spec: SurveySpec) -> bool:
    nested = spec.geography_levels()[1:]
    return name not in nested and all(
        name in table and bool(table[name].notna().any()) for table in tables
    )


def _drift(field: CodedColumn, coded: Coded) -> Drift:
    """The distance of the bins, blanks one of them, cut where the earlier period's rows say.

    `moved` is decided here: published figures are too coarse for it.
    """
    bins = [field.pooled[table[field.name]] for table in coded.tables]
    size = int(field.pooled.max()) + 1
    before, now = (np.bincount(rows, minlength=size) for rows in bins)
    distance, chance = variation(before, now), chance_distance(before, now)
    moved = distance > _SEEMS_REAL * chance
    return Drift(distance=distance, chance=chance, moved=moved)


def chance_distance(before: np.ndarray, now: np.ndarray) -> float:
    """The expected distance of two samples of one population. `before`, `now`: counts, (bins,).

    Half the sum of the mean absolute deviations of normal differences of shares. It takes people
    for independent: households that answer in both periods, or alike, are not.
    """
    rows = before.sum() + now.sum()
    share = (before + now) / rows
    variance = share * (1 - share) * (1 / before.sum() + 1 / now.sum())
    return float(np.sqrt(2 / np.pi * variance).sum() / 2)


def _changed(
    field: CodedColumn, coded: Coded, homes: list[np.ndarray], spec: SurveySpec
) -> ChangedCodes:
    sides = [
        count_behind(table[field.name], field.levels, home)
        for table, home in zip(coded.tables, homes, strict=True)
    ]
    before, now = (side.hold(spec.disclosure.floor)[:-1] for side in sides)
    is_code = ~field.ordinary[:-1] if field.number else np.ones(field.levels - 1, dtype=bool)
    gone, new = (is_code & (side.people[:-1] == 0) for side in reversed(sides))
    return ChangedCodes(
        appeared=tuple(_written(field, now & new)), vanished=tuple(_written(field, before & gone))
    )


def _written(field: CodedColumn, levels: np.ndarray) -> list[str]:
    return [field.labels[at] for at in np.flatnonzero(levels)]
