"""Cuts: where on a number line the spec's rules change their mind.

Two values with no cut between them are the same to every rule that compares the column with
constants, so that one may stand for the other.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from include.espejo.survey import Period, SurveySpec
from include.espejo.survey.expression import PERIOD_PREFIX
from include.espejo.survey.rules import rule_expressions


@dataclass(frozen=True)
class Cuts:
    """`below`: constants c with a cut between what is under c and c; `above`: between c and
    what is over it. Both rise."""

    below: np.ndarray
    above: np.ndarray

    def segment(self, values: np.ndarray) -> np.ndarray:
        """The stretch between cuts that each value lies in: int64, the shape of `values`."""
        return np.searchsorted(self.below, values, side="right") + np.searchsorted(
            self.above, values, side="left"
        )


def find_cuts(spec: SurveySpec, period: Period, name: str, alone: tuple[float, ...] = ()) -> Cuts:
    """The cuts of a number column; each value of `alone` is cut off from both sides."""
    below, above = set(alone), set(alone)
    for rule in spec.rules:
        for text in rule_expressions(rule).values():
            for node in ast.walk(spec.expression(text).tree):
                if isinstance(node, ast.Compare) and name in _names(node):
                    for constant, sides in _constants(node, name, period):
                        below |= {constant} if "below" in sides else set()
                        above |= {constant} if "above" in sides else set()
    return Cuts(np.array(sorted(below), dtype=float), np.array(sorted(above), dtype=float))


_BOTH = ("below", "above")
_SIDES: dict[type[ast.cmpop], tuple[str, ...]] = {
    ast.Lt: ("below",),
    ast.GtE: ("below",),
    ast.LtE: ("above",),
    ast.Gt: ("above",),
}
_MIRROR: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.Gt,
    ast.Gt: ast.Lt,
    ast.LtE: ast.GtE,
    ast.GtE: ast.LtE,
}


def _constants(
    node: ast.Compare, name: str, period: Period
) -> Iterator[tuple[float, tuple[str, ...]]]:
    """The constants that a comparison holds the column against, and the sides that they cut."""
    sides = [node.left, *node.comparators]
    for op, left, right in zip(node.ops, sides, sides[1:], strict=False):
        for column, other, kind in ((left, right, type(op)), (right, left, _mirror(op))):
            if not (isinstance(column, ast.Name) and column.id == name):
                continue
            listed = other.elts if isinstance(other, ast.Tuple | ast.List) else [other]
            for element in listed:
                constant = _number(element, period)
                if constant is not None:
                    yield constant, _SIDES.get(kind, _BOTH)
        if any(name in _names(side) and not isinstance(side, ast.Name) for side in (left, right)):
            # Inside a sum or product: any constant, of either sign, may be where it turns.
            for part in (*ast.walk(left), *ast.walk(right)):
                constant = _number(part, period) if isinstance(part, ast.expr) else None
                if constant is not None:
                    yield from ((constant, _BOTH), (-constant, _BOTH))


def _mirror(op: ast.cmpop) -> type[ast.cmpop]:
    return _MIRROR.get(type(op), type(op))


def _names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _number(node: ast.expr, period: Period) -> float | None:
    """A constant's number, with its sign; the survey's year and quarter are constants too."""
    match node:
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.Name(id=name) if name.startswith(PERIOD_PREFIX):
            part = period.parts().get(name.removeprefix(PERIOD_PREFIX))
            return None if part is None else float(part)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _number(operand, period)
            return None if inner is None else -inner
    return None
