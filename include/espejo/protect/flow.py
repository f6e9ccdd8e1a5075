"""Protect a table before training: the measures in their order, and the look at the result."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from include.espejo.protect.births import follow_age, mend_rows
from include.espejo.protect.codes import birth_year_rules, fill_unknown, known, replace_rare
from include.espejo.protect.draft import Draft, differs
from include.espejo.protect.numbers import merge_column
from include.espejo.protect.places import coarsen
from include.espejo.protect.repair import Mender
from include.espejo.protect.verify import verify
from include.espejo.survey import Period, SurveySpec
from include.espejo.table.document import Touched

_MOST_ROUNDS = 20  # three are usual; what is not settled by then is refused


@dataclass(frozen=True)
class Protected:
    """`frame`: modelled columns, keys and period, the rows in their order; floors and rules hold.

    `touched`: how many rows each measure changed, in all and by column, and which geography
    columns are blank throughout where they were not. Counts of real people: for the restricted
    area.
    """

    frame: pd.DataFrame
    touched: Touched


def hold_floors(frame: pd.DataFrame, spec: SurveySpec, period: Period, seed: int) -> Protected:
    """Take everything under the floor out of a validated table (docs/disclosure.md).

    `frame`: the whole input as `frames.to_frame` gives it, shape (rows, columns); it is not
    changed. `seed` chooses the rows that fill up a rare unknown. Raises InputError, without any
    row's value, where a floor cannot be held or a rule would be broken: never a part of it.
    """
    draft = Draft(frame, spec, period, seed)
    source = draft.as_it_stands()
    mender = Mender(draft)
    coarsen(draft)
    mend_rows(draft, mender, _changed_rows(source, draft))
    for _ in range(_MOST_ROUNDS):
        before = draft.changes
        replace_rare(draft, mender)
        fill_unknown(draft, mender)
        _merge_numbers(draft, mender)
        if draft.changes == before:
            break
    verify(draft, source, draft.frame)
    return Protected(draft.result(), draft.touched(_lost_levels(source, draft)))


def _merge_numbers(draft: Draft, mender: Mender) -> None:
    """Merge rare numbers, let birth years follow ages, and repair the rules that this breaks."""
    unmerged = draft.as_it_stands()
    rules = birth_year_rules(draft)
    years = {rule.birth_year for rule in rules}
    for name, column in draft.fields().items():
        if not column.is_code() and name not in years:
            with_year = [
                known(
                    draft.spec.columns[rule.birth_year], unmerged[rule.birth_year].to_numpy(float)
                )
                for rule in rules
                if rule.age == name
            ]
            merge_column(draft, name, with_year)
    for rule in rules:
        follow_age(draft, mender, rule, unmerged[rule.age].to_numpy(float))
    mend_rows(draft, mender, _changed_rows(unmerged, draft))


def _changed_rows(before: pd.DataFrame, draft: Draft) -> np.ndarray:
    """Positions of the rows that differ from an earlier state."""
    changed = np.zeros(len(before), dtype=bool)
    for name in draft.spec.model.columns:
        changed |= differs(before[name], draft.frame[name])
    return np.flatnonzero(changed)


def _lost_levels(source: pd.DataFrame, draft: Draft) -> list[str]:
    """Geography columns that ended blank throughout; the widest is refused before."""
    return [
        name
        for name in draft.spec.geography_columns()
        if source[name].notna().any() and draft.frame[name].isna().all()
    ]
