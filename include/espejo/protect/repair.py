"""After a cell is changed, the rules that this breaks are mended by unknowns in other columns.

An age that becomes unknown takes the birth year with it, and that the month and the day, if the
spec's rules say so. Only residual codes, special codes and blanks are written: an unknown is
never false.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product

import numpy as np
import pandas as pd

from include.espejo.protect.draft import Draft, Value, assign
from include.espejo.survey import Column
from include.espejo.survey.rules import DateRule, Rule, rule_columns
from include.espejo.table.rules import broken, columns_of

Change = tuple[tuple[str, Value], ...]  # columns of a row and what each of them becomes


def unknowns(column: Column) -> list[Value]:
    """Values that may replace a suppressed one: residual codes in the spec's order, then blank."""
    blank: list[Value] = [None] if column.blank != "never" else []
    return [*column.residual, *blank]


def may_stand_for(column: Column, unknown: Value, values: pd.Series) -> np.ndarray:
    """Rows whose value may be replaced by `unknown` without a false statement: boolean, (rows,)."""
    given = values.notna().to_numpy()
    if unknown is None:
        return np.asarray(given)
    if column.is_code():
        codes = column.residual[str(unknown)]
        inside = values.isin(codes).to_numpy() if codes else given
        return np.asarray(inside & given & (values != unknown).to_numpy())
    low, high = column.residual[int(unknown)]
    numbers = values.to_numpy(float)
    return np.asarray(
        (numbers >= float(low)) & (numbers <= float(high)) & ~np.isin(numbers, [*column.special])
    )


class Mender:
    """Changes cells of some rows of a draft so that every rule holds again.

    Only rules whose columns are all in the draft count: what no reader can see breaks nothing.
    """

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.rules: list[tuple[Rule, tuple[str, ...]]] = [
            (rule, columns)
            for rule in draft.spec.rules
            if set(columns := columns_of(rule, draft.spec)) <= set(draft.frame.columns)
        ]
        self.free = list(draft.fields())

    def broken(self, part: pd.DataFrame) -> np.ndarray:
        """Which rules each row breaks: boolean, (rows, rules)."""
        spec, period = self.draft.spec, self.draft.period
        found = [broken(rule, part, spec, period) for rule, _ in self.rules]
        return np.stack(found, axis=1) if found else np.zeros((len(part), 0), dtype=bool)

    def set(self, at: np.ndarray, column: str, value: Value) -> tuple[pd.DataFrame, np.ndarray]:
        """Some rows with a column set to an unknown, and which of them keep every rule."""
        part = self.draft.rows(at)
        part[column] = assign(part[column], np.ones(len(at), dtype=bool), value)
        fixed = pd.DataFrame({name: np.full(len(at), name == column) for name in self.free})
        return self.mend(part, fixed)

    def mend(
        self, part: pd.DataFrame, fixed: pd.DataFrame | None = None
    ) -> tuple[pd.DataFrame, np.ndarray]:
        """Mend the rows; also returns which of them now keep every rule: boolean, (rows,).

        `fixed`: boolean, a column each that may be changed, where it must stay. Each cell is
        changed once at most, so this ends.
        """
        if fixed is None:
            fixed = pd.DataFrame({name: np.zeros(len(part), dtype=bool) for name in self.free})
        wrong = self.broken(part)
        progress = True
        while progress and wrong.any():
            progress = False
            for index in np.flatnonzero(wrong.any(axis=0)):
                progress |= self._mend_rule(part, fixed, int(index), wrong[:, index])
                wrong = self.broken(part)
        return part, np.asarray(~wrong.any(axis=1))

    def _mend_rule(
        self, part: pd.DataFrame, fixed: pd.DataFrame, index: int, rows: np.ndarray
    ) -> bool:
        """Mend one rule where `rows` break it, by the change that leaves fewest rules broken."""
        at = np.flatnonzero(rows)
        best, fewest = np.full(len(at), -1), np.full(len(at), np.inf)
        options = self._options(self.rules[index][0], self.rules[index][1])
        for number, change in enumerate(options):
            able = self._able(part.iloc[at], fixed.iloc[at], change) & (fewest > 0)
            trial = np.flatnonzero(able)
            if not len(trial):
                continue
            left = self.broken(_changed(part.iloc[at[trial]].reset_index(drop=True), change))
            score = np.where(left[:, index], np.inf, left.sum(axis=1))
            better = score < fewest[trial]
            best[trial[better]], fewest[trial[better]] = number, score[better]
        for number in np.unique(best[best >= 0]):
            chosen = np.zeros(len(part), dtype=bool)
            chosen[at[best == number]] = True
            for name, value in options[number]:
                part[name] = assign(part[name], chosen, value)
                fixed[name] |= chosen
        return bool((best >= 0).any())

    def _options(self, rule: Rule, columns: Sequence[str]) -> list[Change]:
        """Unknowns for one of the columns, for two of them, for all of them; blanks come last.

        Of a date the day goes before the month, and that before the year.
        """
        columns = rule_columns(rule) if isinstance(rule, DateRule) else columns
        names = [name for name in columns if name in self.free]
        each = {name: unknowns(self.draft.spec.columns[name]) for name in names}
        some: list[Change] = [
            tuple(zip(chosen, values, strict=True))
            for size in (1, 2)
            for chosen in combinations(names, size)
            for values in product(*(each[name] for name in chosen))
        ]
        some.sort(key=lambda change: (len(change), sum(value is None for _, value in change)))
        if len(names) > 2:
            some.append(tuple((name, values[0]) for name, values in each.items() if values))
            some.append(tuple((name, None) for name in names))
        return some

    def _able(self, part: pd.DataFrame, fixed: pd.DataFrame, change: Change) -> np.ndarray:
        """Where a change may be made and says nothing false; fixed cells must have it already."""
        able, new = np.ones(len(part), dtype=bool), np.zeros(len(part), dtype=bool)
        for name, value in change:
            column = self.draft.spec.columns[name]
            if value is None and column.blank == "never":
                return np.zeros(len(part), dtype=bool)
            values = part[name]
            has = (values.isna() if value is None else values == value).to_numpy()
            may = may_stand_for(column, value, values) & ~fixed[name].to_numpy()
            able &= has | may
            new |= may
        return np.asarray(able & new)


def _changed(part: pd.DataFrame, change: Change) -> pd.DataFrame:
    every = np.ones(len(part), dtype=bool)
    for name, value in change:
        part[name] = assign(part[name], every, value)
    return part
