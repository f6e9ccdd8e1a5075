"""Conditions and values that a spec writes as text: `POS_OCU != "0" and EDA >= 15`.

A small, safe part of Python's grammar: column names, those that are no plain word in backticks;
the parts of the survey's period (`survey_year`); numbers, codes and dates in quotes; `+ - * /`,
`abs`, `min`, `max`; comparisons, `in`, `and`, `or`, `not`, and `blank(COLUMN)`. It is parsed and
checked against the columns here, and evaluated in `include/espejo/table/conditions.py`: a DAG file
reads specs, and must not wait for pandas.
"""

from __future__ import annotations

import ast
import copy
import keyword
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, cast

from include.espejo.survey.moments import MOMENTS, MomentKind, read_moment, write_moment
from include.espejo.survey.period import FORMS, PeriodKind

PERIOD_PREFIX = "survey_"
FUNCTIONS = ("abs", "min", "max")

_LONGEST = 1000
_LARGEST = 2**53
# A column's name in backticks; two of them stand for one within it.
_QUOTED = re.compile(r"`((?:[^`]|``)+)`")
_TEXT = re.compile(r"""("[^"\\]*(?:\\.[^"\\]*)*"|'[^'\\]*(?:\\.[^'\\]*)*')""")

Kind = Literal["condition", "number", "code", "date", "datetime", "time"]
# Of a code column its codes (none listed: an empty set), of a moment its kind, of a number None.
Columns = Mapping[str, frozenset[str] | MomentKind | None]


class ExpressionError(ValueError):
    """A text that is no expression over the given columns; says what is wrong and where."""


@dataclass(frozen=True)
class Expression:
    """A parsed expression; `columns` are those it reads, `kind` what it gives for each row.

    `tree` names columns as the spec does, whatever a name holds; a moment in quotes that is
    compared with a moment is a number in it, as the table has it.
    """

    text: str
    columns: frozenset[str]
    kind: Kind
    tree: ast.expr = field(compare=False, repr=False)


def quoted(name: str) -> str:
    """A column's name as expressions write it: in backticks, unless it is a plain word."""
    plain = name.isidentifier() and unicodedata.normalize("NFKC", name) == name
    if plain and not keyword.iskeyword(name):
        return name
    return "`" + name.replace("`", "``") + "`"


def period_names(kind: PeriodKind) -> dict[str, str]:
    """What expressions call the parts of a period: `survey_year` and so on, to the part."""
    return {PERIOD_PREFIX + part: part for part in FORMS[kind].parts}


def parse_expression(text: str, columns: Columns, period: PeriodKind = "quarter") -> Expression:
    """Parse and check `text` over these columns, of a survey with periods of this kind.

    Raises ExpressionError.
    """
    if len(text) > _LONGEST:
        raise ExpressionError(f"it is longer than {_LONGEST} characters; split it into two rules")
    try:
        tree = _tree(text, columns)
        kind = _Checked(columns, period).kind(tree)
    except ExpressionError:
        raise
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError(
            f"{text!r} cannot be read ({type(error).__name__}); write names that are no plain word "
            "in backticks, such as `Ingreso mensual`"
        ) from None
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return Expression(text, frozenset(names & columns.keys()), kind, tree)


def _tree(text: str, columns: Columns) -> ast.expr:
    """The syntax tree, its names spelt as the columns' are."""
    names: list[str] = []

    def stand_in(found: re.Match[str]) -> str:
        names.append(found[1].replace("``", "`"))
        return f" _quoted_{len(names) - 1}_ "

    # Backticks within quoted codes are part of the code.
    parts = [
        part if index % 2 else _QUOTED.sub(stand_in, part)
        for index, part in enumerate(_TEXT.split(text))
    ]
    tree = ast.parse("".join(parts).strip(), mode="eval").body
    meant = {f"_quoted_{index}_": name for index, name in enumerate(names)}
    # Python reads names in their compatibility form (`Nº` as `No`): the spec's spelling is meant.
    spelt = {unicodedata.normalize("NFKC", name): name for name in columns}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = meant.get(
                node.id, node.id if node.id in columns else spelt.get(node.id, node.id)
            )
    return tree


_MOMENT = "moment"  # of a constant's node: which kind of moment its number was written as


class _Checked:
    """The check of a tree: what each part gives, and that parts fit together."""

    def __init__(self, columns: Columns, period: PeriodKind):
        self.columns = columns
        self.period_names = period_names(period)

    def kind(self, node: ast.expr) -> Kind:
        """What a node gives for each row; every part of it is checked on the way."""
        if isinstance(node, ast.Constant) and hasattr(node, _MOMENT):
            return cast(Kind, getattr(node, _MOMENT))
        match node:
            case ast.BoolOp(values=values):
                return self._all_of("condition", values, "condition")
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self._all_of("condition", [operand], "condition")
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._all_of("number", [operand], "number")
            case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div()):
                return self._arithmetic(node)
            case ast.Compare():
                return self._comparison(node)
            case ast.Call(func=ast.Name(id="blank"), args=[ast.Name(id=name)], keywords=[]):
                if name not in self.columns:
                    raise ExpressionError(f"blank() needs a column, and {name} is not one")
                return "condition"
            case ast.Call(func=ast.Name(id="abs"), args=[one], keywords=[]):
                return self._all_of("number", [one], "number")
            case ast.Call(func=ast.Name(id="min" | "max"), args=[_, _, *_] as parts, keywords=[]):
                return self._all_of("number", parts, "number")
            case ast.Name(id=name):
                return self._named(name)
            case ast.Constant(value=str()):
                return "code"
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                if not abs(value) <= _LARGEST:
                    raise ExpressionError("one of its numbers is too large to be compared exactly")
                return "number"
        raise ExpressionError(
            f"{written(node)!r} is not allowed: write columns, numbers, quoted codes, "
            "+ - * /, abs, min, max, comparisons, in, and, or, not, blank(COLUMN)"
        )

    def _named(self, name: str) -> Kind:
        if name in self.columns:
            about = self.columns[name]
            if isinstance(about, str):
                return cast(Kind, about)
            return "number" if about is None else "code"
        if name in self.period_names:
            return "number"
        if name.startswith(PERIOD_PREFIX):
            known = ", ".join(self.period_names) or "nothing of it"
            raise ExpressionError(
                f"it names {name}; of this survey's periods expressions know {known}"
            )
        raise ExpressionError(f"it names {name}, which is not a column of the spec")

    def _all_of(self, result: Kind, parts: list[ast.expr], wanted: Kind) -> Kind:
        for part in parts:
            kind = self.kind(part)
            if kind != wanted:
                raise ExpressionError(f"{written(part)!r} is a {kind}; a {wanted} is expected here")
        return result

    def _arithmetic(self, node: ast.BinOp) -> Kind:
        """Numbers, or what lies between two moments, in days or seconds."""
        self._read_moments([node.left, node.right])
        kinds = self.kind(node.left), self.kind(node.right)
        if isinstance(node.op, ast.Sub) and kinds[0] in MOMENTS and kinds[0] == kinds[1]:
            return "number"
        if isinstance(node.op, ast.Add | ast.Sub) and kinds[0] in MOMENTS and kinds[1] == "number":
            return kinds[0]
        return self._all_of("number", [node.left, node.right], "number")

    def _comparison(self, node: ast.Compare) -> Kind:
        """Numbers are compared with numbers, codes with codes of their own list."""
        sides = [node.left, *node.comparators]
        self._read_moments(sides)
        for op, (left, right) in zip(node.ops, pairwise(sides), strict=True):
            if isinstance(op, ast.In | ast.NotIn):
                self._membership(left, right)
                continue
            if isinstance(op, ast.Is | ast.IsNot):
                raise ExpressionError("`is` is not allowed: write == or blank(COLUMN)")
            kinds = self.kind(left), self.kind(right)
            _check_kinds(left, right, kinds, ordered=not isinstance(op, ast.Eq | ast.NotEq))
            self._check_listed(left, [right])
            self._check_listed(right, [left])
        return "condition"

    def _read_moments(self, sides: list[ast.expr]) -> None:
        """Quoted texts beside a moment become the number that the table has for it."""
        moments = {kind for side in sides if (kind := self._moment(side))}
        if len(moments) != 1:
            return
        kind = moments.pop()
        for side in sides:
            listed = side.elts if isinstance(side, ast.Tuple | ast.List) else [side]
            for constant in listed:
                if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
                    number = read_moment(kind, constant.value)
                    if number is None:
                        raise ExpressionError(
                            f"{constant.value!r} is no {kind}; write it such as "
                            f"{MOMENTS[kind].example!r}"
                        )
                    constant.value = number
                    setattr(constant, _MOMENT, kind)

    def _moment(self, node: ast.expr) -> MomentKind | None:
        if isinstance(node, ast.Tuple | ast.List):
            return None
        kind = self.kind(node)
        return cast(MomentKind, kind) if kind in MOMENTS else None

    def _membership(self, left: ast.expr, right: ast.expr) -> None:
        constants = right.elts if isinstance(right, ast.Tuple | ast.List) else []
        if not constants or not all(isinstance(_unsigned(c), ast.Constant) for c in constants):
            raise ExpressionError('`in` needs a list of constants, such as ("1", "2") or (98, 99)')
        kind = self.kind(left)
        for constant in constants:
            _check_kinds(left, constant, (kind, self.kind(constant)), ordered=False)
        self._check_listed(left, constants)

    def _check_listed(self, column: ast.expr, constants: list[ast.expr]) -> None:
        """A code that is written must be one of the column's list, where it has a list."""
        listed = self.columns.get(column.id) if isinstance(column, ast.Name) else None
        if not isinstance(listed, frozenset) or not listed:
            return
        for constant in constants:
            if isinstance(constant, ast.Constant) and constant.value not in listed:
                raise ExpressionError(f"{constant.value!r} is no code of {written(column)}")


def written(node: ast.expr) -> str:
    """A tree as expressions write it."""
    return ast.unparse(_AsWritten().visit(copy.deepcopy(node)))


class _AsWritten(ast.NodeTransformer):
    """Names in backticks where they need them, moments as texts."""

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(id=quoted(node.id), ctx=ast.Load())

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        kind = getattr(node, _MOMENT, None)
        return ast.Constant(write_moment(kind, node.value)) if kind else node  # type: ignore[arg-type]


def _check_kinds(
    left: ast.expr, right: ast.expr, kinds: tuple[Kind, Kind], *, ordered: bool
) -> None:
    if "condition" in kinds:
        raise ExpressionError("conditions cannot be compared; join them with and, or, not")
    if kinds[0] != kinds[1]:
        if not {"code", "number"} == set(kinds):
            raise ExpressionError(
                f"{written(left)} is a {kinds[0]} and {written(right)} a {kinds[1]}: they cannot "
                "be compared"
            )
        code, number = (left, right) if kinds[0] == "code" else (right, left)
        if isinstance(_unsigned(number), ast.Constant):
            raise ExpressionError(f"{written(code)} is a code: write its codes in quotes")
        raise ExpressionError(f"{written(number)} is a number: compare it with unquoted numbers")
    if ordered and kinds[0] == "code":
        name = written(left if isinstance(left, ast.Name) else right)
        raise ExpressionError(f"{name} is a code: codes have no order, use ==, != or in")


def _unsigned(node: ast.expr) -> ast.expr:
    negative = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
    return node.operand if negative else node  # type: ignore[attr-defined]
