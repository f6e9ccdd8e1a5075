"""Conditions and values that a spec writes as text: `POS_OCU != "0" and EDA >= 15`.

A small, safe part of Python's grammar: column names, the survey's year and quarter, numbers,
quoted codes, `+ - *`, comparisons, `in`, `and`, `or`, `not`, and `blank(COLUMN)`. It is
parsed and checked against the columns here, and evaluated in `include/espejo/conditions.py`:
a DAG file reads specs, and must not wait for pandas.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass

PERIOD_NAMES = {"survey_year": "year", "survey_quarter": "quarter"}


class ExpressionError(ValueError):
    """A text that is no expression over the given columns; says what is wrong and where."""


@dataclass(frozen=True)
class Expression:
    """A parsed expression; `columns` are those it reads."""

    text: str
    columns: frozenset[str]


def parse_expression(text: str, codes: Mapping[str, frozenset[str] | None]) -> Expression:
    """Parse and check `text`.

    `codes` maps every column to its codes: a set for a code column with a list, an empty set
    for a code column without one, None for a number. Raises ExpressionError.
    """
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise ExpressionError(f"{text!r} cannot be read: {error.msg}") from None
    _check(tree, codes)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return Expression(text, frozenset(names & codes.keys()))


def _check(node: ast.expr, codes: Mapping[str, frozenset[str] | None]) -> None:
    match node:
        case ast.BoolOp(values=values):
            parts = list(values)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            parts = [operand]
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult(), right=right):
            parts = [left, right]
        case ast.Compare(left=left, comparators=comparators):
            _check_compared_codes(node, codes)
            parts = [left, *comparators]
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            parts = list(elements)
        case ast.Call(func=ast.Name(id="blank"), args=[ast.Name() as column], keywords=[]):
            parts = [column]
        case ast.Name(id=name):
            if name not in codes and name not in PERIOD_NAMES:
                raise ExpressionError(f"it names {name}, which is no column of the spec")
            parts = []
        case ast.Constant(value=bool()) | ast.Constant(value=str() | int() | float()):
            parts = []
        case _:
            raise ExpressionError(
                f"{ast.unparse(node)!r} is not allowed: write columns, numbers, quoted codes, "
                "+ - *, comparisons, in, and, or, not, blank(COLUMN)"
            )
    for part in parts:
        _check(part, codes)


def _check_compared_codes(node: ast.Compare, codes: Mapping[str, frozenset[str] | None]) -> None:
    """A code is compared with quoted codes of its own list, a number with numbers."""
    sides = [node.left, *node.comparators]
    columns = [s.id for s in sides if isinstance(s, ast.Name) and s.id in codes]
    constants = [c.value for s in sides for c in ast.walk(s) if isinstance(c, ast.Constant)]
    for column in columns:
        listed = codes[column]
        if listed is None:
            if any(isinstance(value, str) for value in constants):
                raise ExpressionError(f"{column} is a number: compare it with unquoted numbers")
            continue
        if any(not isinstance(value, str) for value in constants):
            raise ExpressionError(f"{column} is a code: write its codes in quotes")
        if any(not isinstance(op, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for op in node.ops):
            raise ExpressionError(f"{column} is a code: codes have no order, use ==, != or in")
        unknown = [value for value in constants if listed and value not in listed]
        if unknown:
            raise ExpressionError(f"{unknown[0]!r} is no code of {column}")
