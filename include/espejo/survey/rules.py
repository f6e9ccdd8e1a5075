"""Relations between columns that a spec declares, and that hold on every row.

The kinds are few on purpose: validation checks them, and an engine that knows a kind can
make its violation impossible. Expressions are in the grammar of `expression.py`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from include.espejo.language import Label
from include.espejo.survey.column import Strict

GEOGRAPHY_LEVELS = "geography_levels"  # implied: no level is blank above one that is not


def function_rule(name: str, level: str) -> str:
    """The implied rule that a column is a function of the geography down to a level."""
    return f"{name.lower()}_of_{level.lower()}"


def _rows(given: Any) -> Any:
    """`5 rows` as well as 5."""
    found = re.fullmatch(r"([0-9]+) rows?", given) if isinstance(given, str) else None
    return int(found[1]) if found else given


# How many rows of the survey may break a rule; they are left out before training.
AtMost = Annotated[int, Field(ge=0), BeforeValidator(_rows)]


class _Rule(Strict):
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    label: Label | None = None
    at_most: AtMost = 0


class BlankRule(_Rule):
    """`columns` are blank where `when` holds and, if `only`, nowhere else (a skip rule)."""

    kind: Literal["blank"]
    columns: tuple[str, ...] = Field(min_length=1)
    when: str
    only: bool = True
    unless: str | None = None


class TogetherRule(_Rule):
    """`columns` are all blank or none of them is."""

    kind: Literal["together"]
    columns: tuple[str, ...] = Field(min_length=2)


class ImpliesRule(_Rule):
    """Where `if` holds, `then` holds; with `both_ways` also the converse."""

    kind: Literal["implies"]
    if_: str = Field(alias="if")
    then: str
    both_ways: bool = False


class BirthYearRule(_Rule):
    """Survey year minus birth year minus age lies within `gap`.

    Rows where either is blank or special are left out; a top-coded age bounds the birth year
    from one side only.
    """

    kind: Literal["birth_year"]
    age: str
    birth_year: str
    gap: tuple[int, int]


class DateRule(_Rule):
    """Day, month and year make a date that exists; unknown parts (special or listed codes
    that are no day or month) are left out."""

    kind: Literal["date"]
    day: str
    month: str
    year: str | None = None


Rule = Annotated[
    BlankRule | TogetherRule | ImpliesRule | BirthYearRule | DateRule, Field(discriminator="kind")
]


def rule_columns(rule: Rule) -> tuple[str, ...]:
    """The columns that a rule names outside its expressions."""
    match rule:
        case BlankRule() | TogetherRule():
            return rule.columns
        case BirthYearRule():
            return (rule.age, rule.birth_year)
        case DateRule():
            return tuple(c for c in (rule.day, rule.month, rule.year) if c)
        case ImpliesRule():
            return ()


def rule_expressions(rule: Rule) -> dict[str, str]:
    """The expressions of a rule by the key that holds them."""
    match rule:
        case BlankRule():
            unless = {"unless": rule.unless} if rule.unless else {}
            return {"when": rule.when} | unless
        case ImpliesRule():
            return {"if": rule.if_, "then": rule.then}
        case _:
            return {}
