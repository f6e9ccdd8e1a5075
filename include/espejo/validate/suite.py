"""The Great Expectations suite of a survey, built from its spec.

Each expectation carries in its `meta` what a finding says of it: columns, rule and remedy.
Relations between columns are computed by `include/espejo/table/rules.py`, the same code that checks
synthetic rows, and enter the suite as true-or-false columns.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pandas as pd

# Great Expectations reports its use to its maker unless told not to, before it is imported.
os.environ.setdefault("GX_ANALYTICS_ENABLED", "False")

import great_expectations as gx
import great_expectations.expectations as gxe
from great_expectations.expectations.row_conditions import Column as GxColumn

from include.espejo.survey import Column, Period, SurveySpec
from include.espejo.survey.rules import GEOGRAPHY_LEVELS
from include.espejo.table.rules import Breach, relations
from include.espejo.validate.oddities import near_codes

Settings = dict[str, Any]  # of an expectation
RELATION = "relation "
_CORRECT = "correct the file, or the spec if the survey has changed"


class ExpectColumnValuesToBeInCodeList(gxe.ExpectColumnValuesToBeInSet):  # type: ignore[misc]
    """That values are of a list, as the library has it, but for what it takes: the library asks an
    expectation for its settings dozens of times, and would copy each code of the list each time."""

    def dict(self, **asked: Any) -> Settings:
        """The settings; the list is copied as a whole."""
        settings: Settings = super().dict(**asked | {"exclude": {"value_set"}})
        return settings | {"value_set": list(self.value_set or ())}


def with_relations(
    frame: pd.DataFrame, spec: SurveySpec, period: Period
) -> tuple[pd.DataFrame, dict[str, tuple[str, ...]]]:
    """The frame with a true-or-false column for each relation, true where it holds; and the
    columns that each relation is about."""
    found = relations(frame, spec, period)
    levels = tuple(level for level in spec.geography_levels() if level in frame)
    if levels:
        found.append(Breach(GEOGRAPHY_LEVELS, levels, ~_no_gap(frame[list(levels)])))
    columns = {RELATION + breach.rule: ~breach.rows for breach in found}
    about = {RELATION + breach.rule: breach.columns for breach in found}
    beside = pd.DataFrame(columns, index=frame.index, copy=False)
    return pd.concat([frame, beside], axis=1, copy=False), about


def _no_gap(levels: pd.DataFrame) -> Any:
    """True where no level is blank while a deeper one is not."""
    blank = levels.isna().to_numpy()
    return ~(blank[:, :-1] & ~blank[:, 1:]).any(axis=1)


def build_suite(
    spec: SurveySpec, frame: pd.DataFrame, period: Period, about: dict[str, tuple[str, ...]]
) -> gx.ExpectationSuite:
    """Everything that the spec says of this frame as expectations; `frame` and `about` are what
    `with_relations` gives."""
    expectations = [*_whole_table(spec, frame, period)]
    for name, column in spec.columns.items():
        if name in frame:
            expectations += _types(name, column)
            expectations += _values(name, column, frame[name])
            expectations += _blanks(name, column)
    tolerances = {RELATION + rule.name: rule.at_most for rule in spec.rules}
    expectations += [
        _relation(name, columns, tolerances.get(name, 0)) for name, columns in about.items()
    ]
    return gx.ExpectationSuite(name=f"{spec.survey} {period}", expectations=expectations)


def _meta(columns: list[str], rule: str, remedy: str = _CORRECT) -> dict[str, object]:
    return {"columns": columns, "rule": rule, "remedy": remedy}


def _whole_table(
    spec: SurveySpec, frame: pd.DataFrame, period: Period
) -> Iterator[gxe.Expectation]:
    source = spec.source
    yield gxe.ExpectTableRowCountToBeBetween(
        min_value=source.min_rows,
        meta=_meta([], f"at least {source.min_rows:,} rows", "ship the whole file"),
    )
    yield gxe.ExpectTableRowCountToBeBetween(
        max_value=source.max_rows,
        severity="warning",
        meta=_meta([], f"at most {source.max_rows:,} rows", "raise max_rows if this is right"),
    )
    key = [name for name in spec.key("person") if name in frame]
    if len(key) == 1:
        yield gxe.ExpectColumnValuesToNotBeNull(column=key[0], meta=_meta(key, "key never blank"))
        yield gxe.ExpectColumnValuesToBeUnique(column=key[0], meta=_meta(key, "person key unique"))
    elif key:
        yield gxe.ExpectCompoundColumnsToBeUnique(
            column_list=key,
            meta=_meta(key, "person key unique", "remove repeats, or complete the key in the spec"),
        )
    for column, pattern in source.period_formats().items():
        if column in frame:
            written = period.format(pattern)
            remedy = f"give the period of this file, or give the file of {period}"
            yield gxe.ExpectColumnValuesToBeInSet(
                column=column,
                value_set=[written if spec.columns[column].is_code() else float(written)],
                meta=_meta([column], f"period {period}", remedy),
            )


def _types(name: str, column: Column) -> Iterator[gxe.Expectation]:
    yield gxe.ExpectColumnValuesToBeOfType(
        column=name,
        type_="CategoricalDtypeType" if column.is_code() else "float64",
        meta=_meta([name], f"type {column.kind}"),
    )


def _values(name: str, column: Column, values: pd.Series) -> Iterator[gxe.Expectation]:
    if column.code_set:
        yield ExpectColumnValuesToBeInCodeList(
            column=name,
            value_set=sorted(column.code_set),
            meta=_meta([name], "code list", _remedy_of_codes(values, column)),
        )
    elif column.is_code() and column.width:
        yield gxe.ExpectColumnValueLengthsToEqual(
            column=name, value=column.width, meta=_meta([name], f"width {column.width}")
        )
    if column.range is not None:
        low, high = column.range
        special = sorted(column.special)
        rule = _range_rule(column, low, high)
        rule += f" or {', '.join(map(column.text, special))}" if special else ""
        outside = {"row_condition": GxColumn(name).is_not_in(special)} if special else {}
        yield gxe.ExpectColumnValuesToBeBetween(
            column=name, min_value=low, max_value=high, meta=_meta([name], rule), **outside
        )


def _remedy_of_codes(values: pd.Series, column: Column) -> str:
    near = near_codes(values, column)
    if near:
        return (
            f"{near:,} rows differ from a listed code by case or accents only: name how they are "
            "written in `code_aliases`"
        )
    if not column.width and any(code.startswith("0") for code in column.code_set):
        return f"if zeros in front are lost, write `width`; or {_CORRECT}"
    return _CORRECT


def _range_rule(column: Column, low: float | None, high: float | None) -> str:
    if low is None or high is None:
        bound = column.text(low) if low is not None else column.text(high or 0)
        return f"range {bound} or {'less' if low is None else 'more'}"
    return f"range {column.text(low)} to {column.text(high)}"


def _blanks(name: str, column: Column) -> Iterator[gxe.Expectation]:
    if column.blank != "allowed":
        yield gxe.ExpectColumnValuesToNotBeNull(column=name, meta=_meta([name], "never blank"))
    elif column.max_blank_share is not None:
        yield gxe.ExpectColumnValuesToNotBeNull(
            column=name,
            mostly=1 - column.max_blank_share,
            severity="warning",
            meta=_meta([name], f"blank in at most {column.max_blank_share:.0%}", "ask the field"),
        )


def _relation(name: str, columns: tuple[str, ...], at_most: int) -> gxe.Expectation:
    rule = name.removeprefix(RELATION)
    # A gap in the hierarchy is how some periods blank for confidentiality: worth knowing only.
    severity = "warning" if rule == GEOGRAPHY_LEVELS else "critical"
    return gxe.ExpectColumnValuesToBeInSet(
        column=name,
        value_set=[True],
        severity=severity,
        meta=_meta(list(columns), f"relation {rule}", _remedy_of_relation(at_most))
        | {"at_most": at_most},
    )


def _remedy_of_relation(at_most: int) -> str:
    if not at_most:
        return _CORRECT
    return f"up to {at_most:,} are allowed, and left out before training; beyond them {_CORRECT}"
