"""Rare codes become unknown, and an unknown that is itself rare is joined by a few others.

Global recoding into a declared residual, and local suppression (Hundepool et al. 2012, sections
3.3.1 and 3.3.2). Both only ever put an unknown in the place of what is known: "not told" is
never false, whereas another code would be.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from include.espejo.protect.draft import Draft, Value
from include.espejo.protect.repair import Mender, may_stand_for, unknowns
from include.espejo.survey import Column
from include.espejo.survey.rules import BirthYearRule
from include.espejo.table.cuts import Cuts, find_cuts
from include.espejo.table.floors import Counts, count_behind

Kind = Literal["code", "segment", "unknown", "blank"]

_FIRST_LOOK = 64  # candidates that are tried at first; then eight times as many, and so on
_LOOK_GROWTH = 8
_MOST_LOOKED_AT = 50_000  # whoever fits is found among these, or is too rare to be looked for


@dataclass(frozen=True)
class CodedValues:
    """A column's values as small integers: `codes`, int64, (rows,); a kind and a value for each.

    A number's ordinary values are told apart only by the cuts between them: within a segment
    they can be merged, so a segment is what must hold the floor.
    """

    codes: np.ndarray
    kinds: tuple[Kind, ...]
    values: tuple[Value, ...]
    counts: Counts

    def rows_of(self, which: np.ndarray) -> np.ndarray:
        """Positions of the rows in some classes. `which`: boolean, (classes,)."""
        return np.flatnonzero(which[self.codes])

    def of_kind(self, *kinds: Kind) -> np.ndarray:
        return np.array([kind in kinds for kind in self.kinds], dtype=bool)


def classify(draft: Draft, name: str) -> CodedValues:
    """The classes of a modelled column as it stands."""
    column = draft.spec.columns[name]
    codes, kinds, values = _codes(draft, name) if column.is_code() else _stretches(draft, name)
    codes = np.where(codes < 0, len(kinds), codes).astype(np.int64)
    counts = count_behind(codes, len(kinds) + 1, draft.household)
    return CodedValues(codes, (*kinds, "blank"), (*values, None), counts)


def known(column: Column, values: np.ndarray) -> np.ndarray:
    """Where a number is neither blank nor special: boolean, (rows,)."""
    return np.asarray(~np.isnan(values) & ~np.isin(values, list(column.special)))


def cuts_of(draft: Draft, name: str) -> Cuts:
    """The cuts that rules make; a top code that holds the floor stays apart, as "this or more"."""
    top = draft.spec.columns[name].top_code
    alone: tuple[float, ...] = ()
    if top is not None:
        at_top = (draft.frame[name].to_numpy(float) == top).astype(np.int64)
        holds = count_behind(at_top, 2, draft.household).hold(draft.floor)[1]
        alone = (float(top),) if holds else ()
    return find_cuts(draft.spec, draft.period, name, alone)


def birth_year_rules(draft: Draft) -> list[BirthYearRule]:
    """The rules whose age and birth year are both modelled: such a year follows its age."""
    fields = draft.fields()
    return [
        rule
        for rule in draft.spec.rules
        if isinstance(rule, BirthYearRule) and {rule.age, rule.birth_year} <= set(fields)
    ]


def _codes(draft: Draft, name: str) -> tuple[np.ndarray, list[Kind], list[Value]]:
    residual, accessor = draft.spec.columns[name].residual, draft.frame[name].cat
    values: list[Value] = [str(code) for code in accessor.categories]
    kinds: list[Kind] = ["unknown" if value in residual else "code" for value in values]
    return accessor.codes.to_numpy(), kinds, values


def _stretches(draft: Draft, name: str) -> tuple[np.ndarray, list[Kind], list[Value]]:
    column, numbers = draft.spec.columns[name], draft.frame[name].to_numpy(float)
    ordinary, codes = known(column, numbers), np.full(len(numbers), -1, dtype=np.int64)
    special: list[Value] = list(column.special)
    for code, value in enumerate(column.special):
        codes[numbers == value] = code
    segments = cuts_of(draft, name).segment(numbers[ordinary])
    if any(name == rule.birth_year for rule in birth_year_rules(draft)):
        segments = np.zeros(int(ordinary.sum()), dtype=np.int64)  # its years follow the age
    distinct, codes[ordinary] = np.unique(segments, return_inverse=True)
    codes[ordinary] += len(special)
    size = len(special) + len(distinct)
    kinds: list[Kind] = ["unknown" if at < len(special) else "segment" for at in range(size)]
    return codes, kinds, [*special, *(None for _ in distinct)]


def replace_rare(draft: Draft, mender: Mender) -> None:
    """Make every ordinary code, and every stretch of numbers, that is under the floor unknown.

    Rows where no unknown keeps the rules stay as they are: verification refuses them.
    """
    for name in draft.fields():
        classes = classify(draft, name)
        rare = classes.counts.rare(draft.floor) & classes.of_kind("code", "segment")
        make_unknown(draft, mender, name, classes.rows_of(rare))


def make_unknown(draft: Draft, mender: Mender, name: str, at: np.ndarray) -> None:
    """Give rows the first unknown, the most common before others, that keeps every rule."""
    if not len(at):
        return
    column, values = draft.spec.columns[name], draft.frame[name]
    common: dict[Value, int] = {u: int((values == u).sum()) for u in column.residual}
    for unknown in sorted(unknowns(column), key=lambda u: (u is None, -common.get(u, 0))):
        able = at[may_stand_for(column, unknown, values.iloc[at])]
        if not len(able):
            continue
        part, kept = mender.set(able, name, unknown)
        measure = "blanked" if unknown is None else "residual"
        draft.put(able[kept], part[kept], measure, name)
        at = np.setdiff1d(at, able[kept])


def fill_unknown(draft: Draft, mender: Mender) -> None:
    """Fill up residuals, special codes and blanks that are under the floor.

    Where they cannot be, the residual or special code itself becomes blank.
    """
    for name, column in draft.fields().items():
        classes = classify(draft, name)
        rare = classes.counts.rare(draft.floor) & classes.of_kind("unknown", "blank")
        for code in np.flatnonzero(rare):
            classes = classify(draft, name)  # filling one may have followed a rule to another
            if not classes.counts.rare(draft.floor)[code]:
                continue
            if _fill(draft, mender, name, classes, int(code)) or column.blank == "never":
                continue
            at = classes.rows_of(np.arange(len(classes.kinds)) == code)
            part, kept = mender.set(at, name, None)
            if kept.all() and classes.kinds[code] != "blank":
                draft.put(at, part, "blanked", name)


def _fill(draft: Draft, mender: Mender, name: str, classes: CodedValues, code: int) -> bool:
    """Let chosen rows take an unknown too until it holds the floor; False if too few can."""
    value, column = classes.values[code], draft.spec.columns[name]
    if value is not None and value not in column.residual:
        return False
    filling = _Filling(draft, classes, code)
    candidates = filling.in_order(np.flatnonzero(may_stand_for(column, value, draft.frame[name])))
    able, look = np.empty(0, dtype=np.int64), _FIRST_LOOK
    joined = None
    while joined is None and len(candidates):
        part, kept = mender.set(candidates[:look], name, value)
        able = np.concatenate([able, candidates[:look][kept]])
        candidates, look = candidates[look:], look * _LOOK_GROWTH
        joined = filling.enough(filling.spared(able))
    if joined is None:
        # No value can spare that many: the smallest ones go, and become unknown altogether.
        by_size = classes.counts.people[classes.codes[able]].argsort(kind="stable")
        joined = filling.enough(able[by_size])
    if joined is None:
        return False
    part, _ = mender.set(joined, name, value)
    draft.put(joined, part, "filled", name)
    return True


@dataclass(frozen=True)
class _Filling:
    """Who is to join the unknown `code` of a column. Rows are positions."""

    draft: Draft
    classes: CodedValues
    code: int

    @cached_property
    def behind(self) -> np.ndarray:
        """The households behind the unknown already."""
        return np.unique(self.draft.household[self.classes.codes == self.code])

    def in_order(self, rows: np.ndarray) -> np.ndarray:
        """In random order, but one of each new household before any other."""
        mixed = self.draft.random.permutation(rows)
        new = self._new_households(mixed)
        return np.concatenate([mixed[new], mixed[~new]])[:_MOST_LOOKED_AT]

    def spared(self, rows: np.ndarray) -> np.ndarray:
        """As many rows of each value as it can spare and still hold the floor itself."""
        counts, floor = self.classes.counts, self.draft.floor
        spare = np.minimum(counts.people - floor.people, counts.households - floor.households)
        own = self.classes.codes[rows]
        taken = pd.Series(own).groupby(own).cumcount().to_numpy()
        return np.asarray(rows[taken < spare[own]])

    def enough(self, rows: np.ndarray) -> np.ndarray | None:
        """The first of the rows that together lift the unknown to the floor."""
        counts, floor = self.classes.counts, self.draft.floor
        people = counts.people[self.code] + np.arange(1, len(rows) + 1)
        households = len(self.behind) + np.cumsum(self._new_households(rows))
        enough = (people >= floor.people) & (households >= floor.households)
        return rows[: int(enough.argmax()) + 1] if enough.any() else None

    def _new_households(self, rows: np.ndarray) -> np.ndarray:
        """Which rows are the first of a household that is not behind the unknown yet."""
        household = self.draft.household[rows]
        new = np.zeros(len(rows), dtype=bool)
        new[np.unique(household, return_index=True)[1]] = True
        return np.asarray(new & ~np.isin(household, self.behind))
