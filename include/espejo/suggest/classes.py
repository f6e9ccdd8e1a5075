"""A column's values as a few classes, each of which a rule can name.

Codes and special codes are classes of their own, and so is the blank, where each holds the floor;
what does not is one class, the rest, that no rule names. A number's other values are intervals
between cuts. A cut is a value that holds the floor, a round number that nobody has or that as
many have, or a constant of the spec's rules.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal

import numpy as np
import pandas as pd

from include.espejo.survey import Column, SurveySpec
from include.espejo.survey.disclosure import Floor
from include.espejo.survey.rules import rule_expressions
from include.espejo.table.floors import count_behind

MOST_CUTS = 100
MOST_VALUES = 300  # codes of a column, the most frequent ones
_EXAMPLES = 5  # of a class's values that rules are tried on
_DIGITS = 2  # of a round number

Value = str | float | None


@dataclass(frozen=True)
class Class:
    """A set of values: above `low` and up to `high`, or one value, the blank, or the rest."""

    kind: Literal["interval", "value", "blank", "rest"]
    examples: tuple[Value, ...]
    low: float = -np.inf
    high: float = np.inf
    value: str | float = 0.0


@dataclass(frozen=True)
class Classes:
    """A column's classes, and each row's: int64, (rows,). The intervals come first, in rising
    order, the rest last; every value is in one."""

    name: str
    column: Column
    members: tuple[Class, ...]
    codes: np.ndarray

    @property
    def size(self) -> int:
        return len(self.members)

    @cached_property
    def people(self) -> np.ndarray:
        """How many have each class: int64, (classes,)."""
        return np.bincount(self.codes, minlength=self.size)

    @property
    def intervals(self) -> int:
        return sum(member.kind == "interval" for member in self.members)


def classes_of(values: pd.Series, name: str, spec: SurveySpec, household: np.ndarray) -> Classes:
    """The classes of one column of a typed table. `household`: integers from 0, (rows,)."""
    column = spec.columns[name]
    if column.is_code():
        own = values.astype(object).where(values.notna(), None).to_numpy()
        listed: list[Value] = [*sorted({v for v in own if v is not None})]
        return _assemble(name, column, own, listed, np.empty(0), spec, household)
    numbers: np.ndarray = values.to_numpy(float)
    ordinary = ~np.isnan(numbers) & ~np.isin(numbers, list(column.special))
    cuts = _cuts(numbers[ordinary], household[ordinary], name, spec)
    own = numbers.astype(object)
    own[np.isnan(numbers)] = None
    return _assemble(name, column, own, [float(v) for v in column.special], cuts, spec, household)


def _assemble(
    name: str,
    column: Column,
    own: np.ndarray,
    values: list[Value],
    cuts: np.ndarray,
    spec: SurveySpec,
    household: np.ndarray,
) -> Classes:
    """Number the classes, and each row by its value: `own`, objects with None for a blank."""
    singles: list[Value] = [*values, None]
    place = {value: i for i, value in enumerate(singles)}
    at = np.array([place.get(value, -1) for value in own], dtype=np.int64)
    held = _held(at, len(singles), household, spec.disclosure.floor)
    edges = [] if column.is_code() else [-np.inf, *cuts.tolist(), np.inf]
    first = max(len(edges) - 1, 0)
    number = np.full(len(singles) + 1, first + int(held.sum()), dtype=np.int64)
    number[:-1][held] = first + np.arange(held.sum())
    codes: np.ndarray = number[at]
    if not column.is_code():
        inside = at < 0
        codes[inside] = np.searchsorted(cuts, own[inside].astype(float), side="left")
    members = [
        _interval(low, high, own[codes == i]) for i, (low, high) in enumerate(pairwise(edges))
    ]
    members += [_single(v) for v, holds in zip(singles, held, strict=True) if holds]
    unheld = [v for v, holds in zip(singles, held, strict=True) if not holds]
    return Classes(name, column, (*members, _rest(column, unheld, singles)), codes)


def _held(at: np.ndarray, size: int, household: np.ndarray, floor: Floor) -> np.ndarray:
    """Which values hold the floor and are not too many: boolean, (size,). `at`: -1 for another."""
    counts = count_behind(at + 1, size + 1, household)
    held, people = counts.hold(floor)[1:], counts.people[1:]
    if held.sum() > MOST_VALUES:
        held &= people >= np.sort(people)[-MOST_VALUES]
    return np.asarray(held)


def _interval(low: float, high: float, inside: np.ndarray) -> Class:
    some = np.unique(inside.astype(float)) if len(inside) else np.empty(0)
    picked = (
        some[np.unique(np.linspace(0, len(some) - 1, _EXAMPLES).astype(int))]
        if len(some)
        else np.array([high if np.isfinite(high) else low + 1])
    )
    return Class("interval", tuple(picked.tolist()), low=low, high=high)


def _single(value: Value) -> Class:
    return Class("blank", (None,)) if value is None else Class("value", (value,), value=value)


def _rest(column: Column, unheld: list[Value], singles: list[Value]) -> Class:
    """What may come though too few have it: codes that the column allows, and its blank."""
    blank = [None] if None in unheld and column.blank != "never" else []
    rare = [v for v in unheld if v is not None]
    if column.is_code():
        rare += [c for c in column.listed_codes() if c not in singles][:_EXAMPLES]
        # Any text is a code where none is listed: one that stands for those not met.
        rare += [] if column.code_set else ["\x00"]
    return Class("rest", (*rare[: 2 * _EXAMPLES], *blank))


def _cuts(values: np.ndarray, household: np.ndarray, name: str, spec: SurveySpec) -> np.ndarray:
    """Where a number's ordinary values are cut, rising: float64; the constants, and MOST_CUTS."""
    distinct, inverse = np.unique(values, return_inverse=True)
    low, high = spec.columns[name].bounds
    constants = {c for c in _constants(spec, name) if low <= c < high}
    if not len(distinct):
        return np.array(sorted(constants))
    counts = count_behind(inverse, len(distinct), household)
    held = counts.hold(spec.disclosure.floor)
    found = set(distinct[held].tolist())
    if len(found) < MOST_CUTS:
        few = set(distinct[~held].tolist())
        round_ones = {_rounded(q) for q in np.quantile(values, np.linspace(0.02, 0.98, 49))}
        found |= {q for q in round_ones - few if distinct[0] <= q < distinct[-1]}
    if len(found) > MOST_CUTS:
        # By rank in the rows, so that every interval has about as many.
        ranks = np.searchsorted(np.sort(values), sorted(found), side="right")
        wanted = np.linspace(0, len(values), MOST_CUTS)
        chosen = np.unique(np.clip(np.searchsorted(ranks, wanted), 0, len(found) - 1))
        found = set(np.array(sorted(found))[chosen].tolist())
    # Nothing lies above the highest one.
    return np.array(sorted({c for c in found if low <= c < distinct[-1]} | constants))


def _rounded(number: float) -> float:
    if number == 0:
        return 0.0
    digits = _DIGITS - 1 - int(np.floor(np.log10(abs(number))))
    return float(np.round(number, digits))


def _constants(spec: SurveySpec, name: str) -> set[float]:
    """Cuts that make the rules' own comparisons of this column true or false of a whole class."""
    below = 1.0 if spec.columns[name].is_whole() else 0.0
    special = {float(code) for code in spec.columns[name].special}
    found: set[float] = set()
    for rule in spec.rules:
        for text in rule_expressions(rule).values():
            for node in ast.walk(spec.expression(text).tree):
                if isinstance(node, ast.Compare) and _names(node) == {name}:
                    exact = any(isinstance(op, ast.LtE | ast.Gt) for op in node.ops)
                    numbers = {
                        float(c.value)
                        for c in ast.walk(node)
                        if isinstance(c, ast.Constant) and isinstance(c.value, int | float)
                    } - special
                    signed = numbers | {-n for n in numbers if _has_minus(node)}
                    found |= signed | (set() if exact else {n - below for n in signed})
    return found


def _names(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def _has_minus(node: ast.AST) -> bool:
    return any(isinstance(n, ast.USub) for n in ast.walk(node))
