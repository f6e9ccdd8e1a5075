"""Sets of classes as conditions, in the grammar of the spec's expressions."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

from include.espejo.suggest.classes import Classes
from include.espejo.survey import Column
from include.espejo.survey.expression import quoted
from include.espejo.survey.moments import MOMENTS


def condition(classes: Classes, chosen: np.ndarray) -> str | None:
    """The condition that holds for these classes and for no other value; None where none does.

    The rest of a column cannot be named: a set that holds it is told by what it leaves out.
    """
    if not chosen[-1]:
        return _any_of(classes, chosen)
    left_out = _any_of(classes, ~chosen)
    if left_out is None:
        return None
    alone = left_out.startswith("blank(") and " or " not in left_out
    return f"not {left_out}" if alone else f"not ({left_out})"


def _any_of(classes: Classes, chosen: np.ndarray) -> str | None:
    """A condition for classes without the rest."""
    members = [m for m, yes in zip(classes.members, chosen, strict=True) if yes]
    singles = [m.value for m in members if m.kind == "value"]
    parts = []
    for low, high in _runs(classes, chosen):
        text, taken = _between(classes, low, high, singles)
        parts.append(text)
        singles = [value for value in singles if value not in taken]
    if singles:
        parts.append(_one_of(classes, singles))
    if any(m.kind == "blank" for m in members):
        parts.append(f"blank({quoted(classes.name)})")
    if len(parts) == 1:
        return (
            parts[0].removeprefix("(").removesuffix(")") if parts[0].startswith("(") else parts[0]
        )
    return " or ".join(parts) or None


def _one_of(classes: Classes, values: list[str | float]) -> str:
    name, column = quoted(classes.name), classes.column
    texts = [
        json.dumps(v, ensure_ascii=False) if isinstance(v, str) else _number(v, column)
        for v in values
    ]
    return f"{name} == {texts[0]}" if len(texts) == 1 else f"{name} in ({', '.join(texts)})"


def _runs(classes: Classes, chosen: np.ndarray) -> Iterator[tuple[float, float]]:
    """Neighbouring intervals as one: above the first number, up to the second."""
    start: float | None = None
    for index in range(classes.intervals):
        if not chosen[index]:
            continue
        if start is None:
            start = classes.members[index].low
        if index + 1 == classes.intervals or not chosen[index + 1]:
            yield start, classes.members[index].high
            start = None


def _between(
    classes: Classes, low: float, high: float, singles: list[str | float]
) -> tuple[str, set[float]]:
    """The condition of a run, and the special codes of the set that lie in it.

    Special codes are numbers to a comparison: those that are not of the set are taken out.
    """
    special = {float(code) for code in classes.column.special if low < code <= high}
    taken = special & {float(v) for v in singles}
    text = _comparison(classes, low, high)
    if not special or special == taken:
        return text, taken
    others = [_number(code, classes.column) for code in sorted(special)]
    name = quoted(classes.name)
    out = f"{name} not in ({', '.join(others)})" if len(others) > 1 else f"{name} != {others[0]}"
    return f"({text} and {out})", set()


def _comparison(classes: Classes, low: float, high: float) -> str:
    """Above `low` and up to `high`: a single value where the column holds no other of them."""
    name, column = quoted(classes.name), classes.column
    lowest = column.bounds[0]
    one = column.is_whole() and low + 1 == high
    if np.isfinite(high) and (one or high == lowest):
        return f"{name} == {_number(high, column)}"
    if np.isinf(low):
        return f"{name} <= {_number(high, column)}" if np.isfinite(high) else f"not blank({name})"
    if np.isinf(high):
        return f"{name} > {_number(low, column)}"
    return f"{_number(low, column)} < {name} <= {_number(high, column)}"


def _number(value: str | float, column: Column) -> str:
    """A number as expressions write it; a moment in quotes."""
    written = column.text(float(value))
    return json.dumps(written) if column.kind in MOMENTS else written
