"""Birth years follow the ages that they agree with, and dates that no longer exist are mended."""

from __future__ import annotations

import numpy as np
import pandas as pd

from include.espejo.protect.codes import known, make_unknown
from include.espejo.protect.draft import Draft, assign
from include.espejo.protect.repair import Mender
from include.espejo.survey.rules import BirthYearRule, DateRule
from include.espejo.table.floors import Counts, count_behind

_EVERY_MONTH_HAS = 28


def follow_age(draft: Draft, mender: Mender, rule: BirthYearRule, before: np.ndarray) -> None:
    """Move birth years with the ages, and further until each year holds the floor.

    `before`: the ages before they were merged, float64, (rows,). A row keeps its gap (survey
    year minus birth year minus age) within the rule's, unless its year would be under the floor.
    A year told where the age is not joins the nearest year that holds it.
    """
    age, years = (draft.frame[n].to_numpy(float) for n in (rule.age, rule.birth_year))
    column = draft.spec.columns[rule.birth_year]
    tied = known(draft.spec.columns[rule.age], age) & known(column, years)
    gap = np.clip(draft.period.year - years - before, *rule.gap)
    moved = _with_common_gaps(draft, rule, np.where(tied, age, np.nan), gap, years)
    rare = _in_rare_years(draft, rule.birth_year, moved)
    moved = _join_nearest(moved, rare & ~tied, known(column, moved) & ~rare)
    draft.put_numbers(rule.birth_year, moved, "followed_age")
    left = np.flatnonzero(_in_rare_years(draft, rule.birth_year, moved))
    make_unknown(draft, mender, rule.birth_year, left)


def _with_common_gaps(
    draft: Draft, rule: BirthYearRule, age: np.ndarray, gap: np.ndarray, years: np.ndarray
) -> np.ndarray:
    """Birth years where every year of an age holds the floor: float64, (rows,).

    `age`: NaN where age and year are not both told. Where a year is under the floor, all of its
    ages take their most common gap, each age once. With one gap an age, each year holds whole
    ages, which have been merged so that those with a year hold the floor: so this ends well.
    """
    tied, gap = ~np.isnan(age), gap.copy()
    pending = set(np.unique(age[tied]))
    while True:
        moved = np.where(tied, draft.period.year - age - gap, years)
        rare = _in_rare_years(draft, rule.birth_year, moved)
        ages = pending & set(np.unique(age[tied & rare]))
        if not ages:
            return moved
        pending -= ages
        for one in ages:
            gap[age == one] = _most_common(gap[age == one])


def _in_rare_years(draft: Draft, name: str, years: np.ndarray) -> np.ndarray:
    """Rows whose year stands on fewer than the floor: boolean, (rows,)."""
    ordinary = known(draft.spec.columns[name], years)
    distinct, codes = np.unique(years[ordinary], return_inverse=True)
    counts: Counts = count_behind(codes, len(distinct), draft.household[ordinary])
    rows = np.zeros(len(years), dtype=bool)
    rows[ordinary] = counts.rare(draft.floor)[codes]
    return rows


def _most_common(values: np.ndarray) -> float:
    distinct, counts = np.unique(values, return_counts=True)
    return float(distinct[counts.argmax()])


def _join_nearest(years: np.ndarray, rows: np.ndarray, safe: np.ndarray) -> np.ndarray:
    """Years that no age holds move to the nearest one that holds the floor."""
    if not (rows.any() and safe.any()):
        return years
    held, joined = np.unique(years[safe]), years.copy()
    joined[rows] = held[np.abs(years[rows][:, None] - held[None, :]).argmin(axis=1)]
    return joined


def mend_rows(draft: Draft, mender: Mender, at: np.ndarray) -> None:
    """Mend the rules that rows break; a day that its month does not have may become the 28th.

    Rows that cannot be mended stay: verification refuses them.
    """
    if not len(at):
        return
    part = draft.rows(at)
    broken = mender.broken(part).any(axis=1)
    at, part = at[broken], part[broken].reset_index(drop=True)
    if not len(at):
        return
    part, kept = mender.mend(part)
    draft.put(at[kept], part[kept], "rule")
    at = at[~kept]
    for rule, _ in mender.rules if len(at) else []:
        if isinstance(rule, DateRule) and rule.day in mender.free:
            part = _on_the_28th(draft.rows(at), draft, rule)
            part, kept = mender.mend(part)
            draft.put(at[kept], part[kept], "rule")
            at = at[~kept]


def _on_the_28th(part: pd.DataFrame, draft: Draft, rule: DateRule) -> pd.DataFrame:
    day, column = part[rule.day], draft.spec.columns[rule.day]
    if column.is_code():
        numbers = pd.to_numeric(pd.Series(day.cat.categories), errors="coerce").to_numpy(float)
        later = np.append(numbers, np.nan)[day.cat.codes.to_numpy()]
        codes = day.cat.categories[numbers == _EVERY_MONTH_HAS]
    else:
        later, codes = day.to_numpy(float), [_EVERY_MONTH_HAS]
    past = (later > _EVERY_MONTH_HAS) & (later <= 31)
    for code in codes:
        part[rule.day] = assign(part[rule.day], past, code)
    return part
