"""Checks the relations that a spec declares, on real and on synthetic tables alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from include.espejo.survey import Period, SurveySpec
from include.espejo.survey.model import Geography
from include.espejo.survey.rules import (
    BirthYearRule,
    BlankRule,
    DateRule,
    ImpliesRule,
    Rule,
    TogetherRule,
    function_rule,
    rule_columns,
    rule_expressions,
)
from include.espejo.table.conditions import rows_that_meet


@dataclass(frozen=True)
class Breach:
    """A rule, the columns it is about, and which rows break it: boolean, shape (rows,)."""

    rule: str
    columns: tuple[str, ...]
    rows: np.ndarray

    @property
    def count(self) -> int:
        return int(self.rows.sum())


def columns_of(rule: Rule, spec: SurveySpec) -> tuple[str, ...]:
    """Every column that a rule reads, in the spec's order."""
    named = set(rule_columns(rule))
    for text in rule_expressions(rule).values():
        named |= spec.expression(text).columns
    return tuple(name for name in spec.columns if name in named)


def relations(frame: pd.DataFrame, spec: SurveySpec, period: Period) -> list[Breach]:
    """Every declared relation whose columns are all in the frame, and the rows that break it."""
    found = []
    for rule in spec.rules:
        columns = columns_of(rule, spec)
        if set(columns) <= set(frame.columns):
            found.append(Breach(rule.name, columns, broken(rule, frame, spec, period)))
    return found + _functions_of_geography(frame, spec)


def without_tolerated(frame: pd.DataFrame, spec: SurveySpec, period: Period) -> np.ndarray:
    """The rows that break no rule which some rows may break (`at_most`): boolean, (rows,)."""
    kept = np.ones(len(frame), dtype=bool)
    for rule in spec.rules:
        if rule.at_most and set(columns_of(rule, spec)) <= set(frame.columns):
            kept &= ~broken(rule, frame, spec, period)
    return kept


def unchecked(frame: pd.DataFrame, spec: SurveySpec) -> list[str]:
    """The names of the rules that this frame has not all columns for."""
    have = set(frame.columns)
    return [rule.name for rule in spec.rules if not set(columns_of(rule, spec)) <= have]


def broken(rule: Rule, frame: pd.DataFrame, spec: SurveySpec, period: Period) -> np.ndarray:
    """Which rows break a rule: boolean, shape (rows,)."""
    match rule:
        case BlankRule():
            return _blank(rule, frame, spec, period)
        case TogetherRule():
            blank = frame[list(rule.columns)].isna().to_numpy()
            return np.asarray(blank.any(axis=1) & ~blank.all(axis=1))
        case ImpliesRule():
            premise = rows_that_meet(spec.expression(rule.if_), frame, period)
            conclusion = rows_that_meet(spec.expression(rule.then), frame, period)
            wrong = premise != conclusion if rule.both_ways else premise & ~conclusion
            return np.asarray(wrong)
        case BirthYearRule():
            return _birth_year(rule, frame, spec, period)
        case DateRule():
            return _date(rule, frame, spec)


def _blank(rule: BlankRule, frame: pd.DataFrame, spec: SurveySpec, period: Period) -> np.ndarray:
    blank = frame[list(rule.columns)].isna().to_numpy()
    when = rows_that_meet(spec.expression(rule.when), frame, period)[:, None]
    wrong = (blank != when) if rule.only else (when & ~blank)
    if rule.unless:
        wrong = wrong & ~rows_that_meet(spec.expression(rule.unless), frame, period)[:, None]
    return np.asarray(wrong.any(axis=1))


def _birth_year(
    rule: BirthYearRule, frame: pd.DataFrame, spec: SurveySpec, period: Period
) -> np.ndarray:
    age, year = frame[rule.age].to_numpy(float), frame[rule.birth_year].to_numpy(float)
    known = _is_number(age, spec, rule.age) & _is_number(year, spec, rule.birth_year)
    gap = period.year - year - age
    wrong = (gap < rule.gap[0]) | (gap > rule.gap[1])
    top = spec.columns[rule.age].top_code
    if top is not None:
        # "97 or more" bounds the birth year from above only.
        wrong = np.where(age == top, gap < rule.gap[0], wrong)
    return np.asarray(known & wrong)


def _is_number(values: np.ndarray, spec: SurveySpec, name: str) -> np.ndarray:
    """Neither blank nor one of the column's special codes."""
    return np.asarray(~np.isnan(values) & ~np.isin(values, list(spec.columns[name].special)))


def _date(rule: DateRule, frame: pd.DataFrame, spec: SurveySpec) -> np.ndarray:
    day, month = _as_number(frame[rule.day]), _as_number(frame[rule.month])
    year = np.full(len(frame), np.nan) if rule.year is None else _as_number(frame[rule.year])
    if rule.year is not None:
        year = np.where(_is_number(year, spec, rule.year), year, np.nan)
    day_known, month_known = (day >= 1) & (day <= 31), (month >= 1) & (month <= 12)
    lengths = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
    last = lengths[np.where(month_known, month, 1).astype(int) - 1].astype(float)
    # An unknown year may have been a leap year.
    leap = np.isnan(year) | ((year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0)))
    last = last + ((month == 2) & leap)
    return np.asarray(day_known & month_known & (day > last))


def _as_number(values: pd.Series) -> np.ndarray:
    """Numbers of a number column or of a code column's digits: float64, NaN for blank."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        numbers = pd.to_numeric(values.cat.categories.to_series(), errors="coerce").to_numpy(float)
        codes = values.cat.codes.to_numpy()
        return np.where(codes >= 0, np.append(numbers, np.nan)[codes], np.nan)
    return np.asarray(values, dtype=float)


def _functions_of_geography(frame: pd.DataFrame, spec: SurveySpec) -> list[Breach]:
    """Columns that a place fixes: one value for each place, where the place is fully known."""
    if not isinstance(spec.geography, Geography):
        return []
    found = []
    for name, level in spec.geography.functions.items():
        levels = spec.geography.levels
        place = [*levels[: levels.index(level) + 1]]
        if not {name, *place} <= set(frame.columns):
            continue
        known = frame[place].notna().all(axis=1).to_numpy()
        rows = np.zeros(len(frame), dtype=bool)
        rows[known] = _not_the_most_common(frame.loc[known, place], frame.loc[known, name])
        found.append(Breach(function_rule(name, level), (*place, name), rows))
    return found


def _not_the_most_common(place: pd.DataFrame, values: pd.Series) -> np.ndarray:
    """Rows whose value differs from the most common one of their place, of several the first."""
    group = group_numbers(place)
    code = pd.factorize(values, use_na_sentinel=False)[0]
    width = int(code.max(initial=0)) + 1
    pairs, counts = np.unique(group * width + code, return_counts=True)
    groups, codes = np.divmod(pairs, width)
    order = np.lexsort((codes, -counts, groups))
    first = np.unique(groups[order], return_index=True)[1]
    return np.asarray(code != codes[order][first][group])


def group_numbers(keys: pd.DataFrame) -> np.ndarray:
    """One integer for each distinct row, blanks counting as a value: int64, shape (rows,).

    0, 1, ... in the order of their first rows.
    """
    codes = _joint_codes((keys[name] for name in keys.columns), len(keys))
    return np.asarray(pd.factorize(codes)[0], dtype=np.int64)


def tuple_numbers(columns: Iterable[pd.Series], rows: int) -> np.ndarray:
    """The same in no order that matters, of columns that come one by one, so that no table of them
    is kept. By sorting: of mostly different rows a table to look them up is twice as large."""
    return np.asarray(np.unique(_joint_codes(columns, rows), return_inverse=True)[1])


def _joint_codes(columns: Iterable[pd.Series], rows: int) -> np.ndarray:
    """An integer for each row, the same for the same tuples: int64, (rows,)."""
    joint, different = np.zeros(rows, dtype=np.int64), 1
    for column in columns:
        codes, size = _codes(column)
        if different * size > np.iinfo(np.int64).max:
            found, joint = np.unique(joint, return_inverse=True)
            different = len(found)
        joint *= size
        joint += codes
        different *= size
    return joint


def _codes(column: pd.Series) -> tuple[np.ndarray, int]:
    """One number below the second for each value, the same for the same, blanks having one."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy(dtype=np.int64) + 1, len(column.cat.categories) + 1
    codes, found = pd.factorize(column, use_na_sentinel=False)
    return codes, len(found)
