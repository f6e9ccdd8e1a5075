"""Conditions and values that a spec writes as text: `POS_OCU != "0" and EDA >= 15`.

A small, safe part of Python's grammar: column names, the survey's year and quarter, numbers,
quoted codes, `+ - *`, comparisons, `in`, `and`, `or`, `not`, and `blank(COLUMN)`. It is
parsed and checked against the columns here, and evaluated in `include/espejo/table/conditions.py`:
a DAG file reads specs, and must not wait for pandas.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

PERIOD_NAMES = {"survey_year": "year", "survey_quarter": "quarter"}

_LONGEST = 1000
_LARGEST = 2**53

Kind = Literal["condition", "number", "code"]
Codes = Mapping[str, frozenset[str] | None]


class ExpressionError(ValueError):
    """A text that is no expression over the given columns; says what is wrong and where."""


@dataclass(frozen=True)
class Expression:
    """A parsed expression; `columns` are those it reads, `kind` what it gives for each row."""

    text: str
    columns: frozenset[str]
    kind: Kind


def parse_expression(text: str, codes: Codes) -> Expression:
    """Parse and check `text`.

    `codes` maps every column to its codes: a set for a code column with a list, an empty set
    for a code column without one, None for a number. Raises ExpressionError.
    """
    if len(text) > _LONGEST:
        raise ExpressionError(f"it is longer than {_LONGEST} characters; split it into two rules")
    try:
        tree = ast.parse(text, mode="eval").body
        kind = _kind(tree, codes)
    except ExpressionError:
        raise
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError(f"{text!r} cannot be read ({type(error).__name__})") from None
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return Expression(text, frozenset(names & codes.keys()), kind)


def _kind(node: ast.expr, codes: Codes) -> Kind:
    """What a node gives for each row; every part of it is checked on the way."""
    match node:
        case ast.BoolOp(values=values):
            return _all_of("condition", values, "condition", codes)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _all_of("condition", [operand], "condition", codes)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _all_of("number", [operand], "number", codes)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult(), right=right):
            return _all_of("number", [left, right], "number", codes)
        case ast.Compare():
            return _comparison(node, codes)
        case ast.Call(func=ast.Name(id="blank"), args=[ast.Name(id=name)], keywords=[]):
            if name not in codes:
                raise ExpressionError(f"blank() needs a column, and {name} is not one")
            return "condition"
        case ast.Name(id=name):
            return _named(name, codes)
        case ast.Constant(value=str()):
            return "code"
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            if not abs(value) <= _LARGEST:
                raise ExpressionError("one of its numbers is too large to be compared exactly")
            return "number"
    raise ExpressionError(
        f"{ast.unparse(node)!r} is not allowed: write columns, numbers, quoted codes, "
        "+ - *, comparisons, in, and, or, not, blank(COLUMN)"
    )


def _named(name: str, codes: Codes) -> Kind:
    if name in codes:
        return "number" if codes[name] is None else "code"
    if name in PERIOD_NAMES:
        return "number"
    raise ExpressionError(f"it names {name}, which is not a column of the spec")


def _all_of(result: Kind, parts: list[ast.expr], wanted: Kind, codes: Codes) -> Kind:
    for part in parts:
        kind = _kind(part, codes)
        if kind != wanted:
            raise ExpressionError(f"{ast.unparse(part)!r} is a {kind}; a {wanted} is expected here")
    return result


def _comparison(node: ast.Compare, codes: Codes) -> Kind:
    """Numbers are compared with numbers, codes with codes of their own list."""
    sides = [node.left, *node.comparators]
    for op, (left, right) in zip(node.ops, pairwise(sides), strict=True):
        if isinstance(op, ast.In | ast.NotIn):
            _check_membership(left, right, codes)
            continue
        if isinstance(op, ast.Is | ast.IsNot):
            raise ExpressionError("`is` is not allowed: write == or blank(COLUMN)")
        kinds = _kind(left, codes), _kind(right, codes)
        _check_kinds(left, right, kinds, ordered=not isinstance(op, ast.Eq | ast.NotEq))
        _check_listed(left, [right], codes)
        _check_listed(right, [left], codes)
    return "condition"


def _check_kinds(
    left: ast.expr, right: ast.expr, kinds: tuple[Kind, Kind], *, ordered: bool
) -> None:
    if "condition" in kinds:
        raise ExpressionError("conditions cannot be compared; join them with and, or, not")
    if kinds[0] != kinds[1]:
        code, number = (left, right) if kinds[0] == "code" else (right, left)
        if isinstance(_unsigned(number), ast.Constant):
            raise ExpressionError(f"{ast.unparse(code)} is a code: write its codes in quotes")
        raise ExpressionError(
            f"{ast.unparse(number)} is a number: compare it with unquoted numbers"
        )
    if ordered and kinds[0] == "code":
        name = ast.unparse(left if isinstance(left, ast.Name) else right)
        raise ExpressionError(f"{name} is a code: codes have no order, use ==, != or in")


def _check_membership(left: ast.expr, right: ast.expr, codes: Codes) -> None:
    constants = right.elts if isinstance(right, ast.Tuple | ast.List) else []
    if not constants or not all(isinstance(_unsigned(c), ast.Constant) for c in constants):
        raise ExpressionError('`in` needs a list of constants, such as ("1", "2") or (98, 99)')
    kind = _kind(left, codes)
    for constant in constants:
        _check_kinds(left, constant, (kind, _kind(constant, codes)), ordered=False)
    _check_listed(left, constants, codes)


def _unsigned(node: ast.expr) -> ast.expr:
    negative = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
    return node.operand if negative else node  # type: ignore[attr-defined]


def _check_listed(column: ast.expr, constants: list[ast.expr], codes: Codes) -> None:
    """A code that is written must be one of the column's list, where it has a list."""
    listed = codes.get(column.id) if isinstance(column, ast.Name) else None
    for constant in constants:
        if listed and isinstance(constant, ast.Constant) and constant.value not in listed:
            raise ExpressionError(f"{constant.value!r} is no code of {ast.unparse(column)}")
