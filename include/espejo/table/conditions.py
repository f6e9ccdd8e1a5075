"""Evaluates a spec's expressions on whole columns.

A comparison with a blank is false, also `!=`: a missing answer satisfies no condition but
`blank()`.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from include.espejo.survey.expression import PERIOD_PREFIX, Expression
from include.espejo.survey.period import Period

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def _divide(left: Any, right: Any) -> Any:
    """A quotient; blank where the divisor is zero."""
    if isinstance(right, pd.Series):
        return left / right.where(right != 0)
    return left / right if right else left * float("nan")


_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: _divide,
}
# The least and the greatest of several; blank where one of them is.
_FURTHEST: dict[str, Callable[[list[pd.Series]], pd.Series]] = {
    "min": lambda parts: pd.concat(parts, axis=1).min(axis=1, skipna=False),
    "max": lambda parts: pd.concat(parts, axis=1).max(axis=1, skipna=False),
}


def rows_that_meet(expression: Expression, frame: pd.DataFrame, period: Period) -> np.ndarray:
    """Evaluate on every row: shape (rows,), boolean for conditions, float for values."""
    result = _evaluate(expression.tree, frame, period)
    return np.broadcast_to(np.asarray(result), (len(frame),))


def _evaluate(node: ast.expr, frame: pd.DataFrame, period: Period) -> Any:
    match node:
        case ast.BoolOp(op=op, values=values):
            parts = [np.asarray(_evaluate(value, frame, period), dtype=bool) for value in values]
            combine = np.logical_and if isinstance(op, ast.And) else np.logical_or
            return combine.reduce(np.broadcast_arrays(*parts))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return ~np.asarray(_evaluate(operand, frame, period), dtype=bool)
        case ast.UnaryOp(operand=operand):
            return -_evaluate(operand, frame, period)
        case ast.BinOp(left=left, op=op, right=right):
            return _ARITHMETIC[type(op)](
                _evaluate(left, frame, period), _evaluate(right, frame, period)
            )
        case ast.Call(func=ast.Name(id="abs"), args=[operand]):
            return abs(_evaluate(operand, frame, period))
        case ast.Call(func=ast.Name(id="min" | "max" as name), args=parts):
            values = [_evaluate(part, frame, period) for part in parts]
            return _FURTHEST[name]([pd.Series(v, index=frame.index, dtype=float) for v in values])
        case ast.Compare():
            return _compare(node, frame, period)
        case ast.Call(args=[ast.Name(id=column)]):
            return frame[column].isna().to_numpy()
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            return [_evaluate(element, frame, period) for element in elements]
        case ast.Name(id=name) if name in frame:
            return frame[name]
        case ast.Name(id=name):
            return period.parts()[name.removeprefix(PERIOD_PREFIX)]
        case ast.Constant(value=value):
            return value
    raise AssertionError("the parser lets nothing else through")


def _compare(node: ast.Compare, frame: pd.DataFrame, period: Period) -> np.ndarray:
    """Chained comparisons; false wherever a side is blank."""
    sides = [_evaluate(side, frame, period) for side in (node.left, *node.comparators)]
    result = np.ones(len(frame), dtype=bool)
    for op, left, right in zip(node.ops, sides, sides[1:], strict=False):
        if isinstance(op, ast.In | ast.NotIn):
            inside = np.asarray(pd.Series(left).isin(right))
            result &= ~inside if isinstance(op, ast.NotIn) else inside
        else:
            result &= np.asarray(_COMPARE[type(op)](*_comparable(left, right)), dtype=bool)
        for side in (left, right):
            if isinstance(side, pd.Series):
                result &= side.notna().to_numpy()
    return result


def _comparable(left: Any, right: Any) -> tuple[Any, Any]:
    """Two code columns are compared as text: their category lists differ."""
    if isinstance(left, pd.Series) and isinstance(right, pd.Series):
        if isinstance(left.dtype, pd.CategoricalDtype):
            left = left.astype(object)
        if isinstance(right.dtype, pd.CategoricalDtype):
            right = right.astype(object)
    return left, right
