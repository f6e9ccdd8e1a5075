"""Which pairs of classes the rules of a spec exclude already, alone or one after the other."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pandas as pd

from include.espejo.suggest.classes import Classes
from include.espejo.survey import Period, SurveySpec
from include.espejo.survey.expression import written
from include.espejo.survey.rules import BlankRule, ImpliesRule, Rule, TogetherRule
from include.espejo.table.rules import broken, columns_of

MOST_COMBINATIONS = 2_000_000  # of examples: a rule of more is taken to exclude nothing
_ROUNDS = 4


@dataclass
class Excluded:
    """For pairs of columns, which of their classes no row may have: boolean, (classes, classes).

    `met`: which classes of a column some row has. The others are no way round a rule.
    """

    met: Mapping[str, np.ndarray]
    tables: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)
    beside: dict[str, set[str]] = field(default_factory=dict)

    def of(self, first: str, second: str) -> np.ndarray:
        if (first, second) in self.tables:
            return self.tables[first, second]
        if (second, first) in self.tables:
            return self.tables[second, first].T
        return np.zeros((len(self.met[first]), len(self.met[second])), dtype=bool)

    def add(self, first: str, second: str, cells: np.ndarray) -> bool:
        """Exclude more; says whether it is more."""
        if not cells.any():
            return False
        if (second, first) in self.tables:
            first, second, cells = second, first, cells.T
        old = self.of(first, second)
        self.tables[first, second] = old | cells
        self.beside.setdefault(first, set()).add(second)
        self.beside.setdefault(second, set()).add(first)
        return bool((cells & ~old).any())

    def put(self, first: str, second: str, cells: np.ndarray) -> None:
        """Exclude these, and no others that were."""
        if (second, first) in self.tables:
            first, second, cells = second, first, cells.T
        self.tables[first, second] = cells

    def copy(self) -> Excluded:
        beside = {name: set(near) for name, near in self.beside.items()}
        return Excluded(self.met, dict(self.tables), beside)

    def between(self, first: str, second: str) -> np.ndarray:
        """What follows from third columns: no class of one of them goes with both."""
        found = np.zeros((len(self.met[first]), len(self.met[second])), dtype=bool)
        for third in self.beside.get(first, set()) & self.beside.get(second, set()):
            met = self.met[third]
            go_with = (~self.of(first, third))[:, met].astype(np.float32)
            go_with = go_with @ (~self.of(third, second))[met].astype(np.float32)
            found |= go_with == 0
        return found

    def add_with_all_that_follows(self, first: str, second: str, cells: np.ndarray) -> None:
        """Exclude more, and what follows from it beside what is excluded already."""
        waiting = [(first, second, cells)]
        while waiting:
            first, second, cells = waiting.pop()
            if self.add(first, second, cells):
                for a, b in ((first, second), (second, first)):
                    waiting += [
                        (a, third, self.between(a, third)) for third in self.beside[b] if third != a
                    ]

    def close(self) -> None:
        """Add what follows, and what follows from that (path consistency, Montanari 1974)."""
        for _ in range(_ROUNDS):
            pairs = {
                tuple(sorted(p)) for near in self.beside.values() for p in combinations(near, 2)
            }
            # All are looked at, also after one has grown.
            if not any([self.add(a, b, self.between(a, b)) for a, b in sorted(pairs)]):
                return


def excluded_by(
    rules: Sequence[Rule], spec: SurveySpec, period: Period, columns: Mapping[str, Classes]
) -> Excluded:
    """What these rules exclude of the pairs of these columns."""
    found = Excluded({name: own.people > 0 for name, own in columns.items()})
    for rule in rules:
        for part in parts_of(rule, spec):
            names = columns_of(part, spec)
            if len(names) > 1 and set(names) <= columns.keys():
                _exclude(found, part, [columns[n] for n in names], spec, period)
    found.close()
    return found


def parts_of(rule: Rule, spec: SurveySpec) -> Iterator[Rule]:
    """Rules of fewer columns that say the same together."""
    match rule:
        case BlankRule():
            for name in rule.columns:
                yield rule.model_copy(update={"columns": (name,)})
        case TogetherRule():
            for pair in combinations(rule.columns, 2):
                yield rule.model_copy(update={"columns": pair})
        case ImpliesRule(both_ways=False):
            then = spec.expression(rule.then).tree
            every = isinstance(then, ast.BoolOp) and isinstance(then.op, ast.And)
            for text in [written(v) for v in then.values] if every else [rule.then]:  # type: ignore[attr-defined]
                yield rule.model_copy(update={"then": text})
        case _:
            yield rule


def _exclude(
    found: Excluded, rule: Rule, columns: list[Classes], spec: SurveySpec, period: Period
) -> None:
    """Try a rule on every combination of its columns' examples."""
    examples = [
        [(i, value) for i, member in enumerate(own.members) for value in member.examples]
        for own in columns
    ]
    lengths = [len(some) for some in examples]
    if np.prod(lengths, dtype=float) > MOST_COMBINATIONS:
        return
    at = np.unravel_index(np.arange(int(np.prod(lengths))), lengths)
    frame, place = {}, []
    for own, some, picked in zip(columns, examples, at, strict=True):
        frame[own.name] = _column(own, [value for _, value in some], picked)
        place.append(np.array([i for i, _ in some])[picked])
    kept = ~broken(rule, pd.DataFrame(frame), spec, period)
    allowed = np.zeros([own.size for own in columns], dtype=bool)
    allowed[tuple(codes[kept] for codes in place)] = True
    for a, b in combinations(range(len(columns)), 2):
        others = tuple(k for k in range(len(columns)) if k not in (a, b))
        found.add(columns[a].name, columns[b].name, ~np.asarray(allowed.any(axis=others)))


def _column(classes: Classes, values: list[str | float | None], picked: np.ndarray) -> pd.Series:
    if not classes.column.is_code():
        return pd.Series(np.array([np.nan if v is None else v for v in values], float)[picked])
    known = sorted({v for v in values if isinstance(v, str)})
    codes = np.array([-1 if v is None else known.index(str(v)) for v in values])
    return pd.Series(pd.Categorical.from_codes(codes[picked], categories=known))
