"""What a spec says of rows: rules, weights and derived columns over columns that fit them."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

from include.espejo.survey.expression import ExpressionError, Kind
from include.espejo.survey.model import Geography, SurveySpec
from include.espejo.survey.period import FORMS
from include.espejo.survey.problems import Location, Problems
from include.espejo.survey.rules import (
    GEOGRAPHY_LEVELS,
    BirthYearRule,
    function_rule,
    rule_expressions,
)


def rules_problems(spec: SurveySpec) -> Problems:
    names = Counter(rule.name for rule in spec.rules)
    implied = {GEOGRAPHY_LEVELS}
    if isinstance(spec.geography, Geography):
        implied |= {function_rule(*pair) for pair in spec.geography.functions.items()}
    for index, rule in enumerate(spec.rules):
        if names[rule.name] > 1 or rule.name in implied:
            yield ("rules", index, "name"), f"the name {rule.name} is used by another rule"
        for key, text in rule_expressions(rule).items():
            yield from expression_problems(spec, ("rules", index, key), text, "condition")
        if isinstance(rule, BirthYearRule) and not FORMS[spec.period].has_year:
            yield ("rules", index, "kind"), "periods of this survey have no year"
        elif isinstance(rule, BirthYearRule):
            yield from _birth_year(spec, rule, ("rules", index))


def chained_ages_problems(spec: SurveySpec) -> Problems:
    years = {rule.birth_year for rule in spec.rules if isinstance(rule, BirthYearRule)}
    for index, rule in enumerate(spec.rules):
        if isinstance(rule, BirthYearRule) and rule.age in years:
            yield ("rules", index, "age"), f"{rule.age} is the birth year of another rule"


def _birth_year(spec: SurveySpec, rule: BirthYearRule, where: Location) -> Problems:
    if rule.gap[0] > rule.gap[1]:
        yield (
            (*where, "gap"),
            "the range has its bounds in the wrong order; write the lower one first",
        )
    for key, name in (("age", rule.age), ("birth_year", rule.birth_year)):
        if spec.columns[name].is_code():
            yield (*where, key), f"{name} must be a number for this rule"


def weight_problems(spec: SurveySpec) -> Problems:
    """The weight is a modelled number that no attacker knows, its totals of modelled codes."""
    declared = spec.weight.column if spec.weight else None
    for name, column in spec.columns.items():
        if column.role == "weight" and name != declared:
            yield ("columns", name, "role"), "a weight is named in `weight.column`; name it there"
    if spec.weight is None:
        return
    column = spec.columns[spec.weight.column]
    if column.is_code() or column.moment or spec.weight.column not in spec.model.columns:
        yield ("weight", "column"), f"{spec.weight.column} must be a modelled number"
    if column.role != "weight":
        yield ("columns", spec.weight.column, "role"), "it is the survey weight: write role: weight"
    for index, total in enumerate(spec.weight.totals):
        for name in total.by:
            if name not in spec.model.columns or not spec.columns[name].is_code():
                yield ("weight", "totals", index, "by"), f"{name} must be a modelled code column"
        listed = spec.columns[total.by[0]].code_set
        for code in total.values:
            if listed and code not in listed:
                where = ("weight", "totals", index, "values")
                yield where, f"{code!r} is no code of {total.by[0]}"


def derived_problems(spec: SurveySpec) -> Problems:
    """A derived column has a name of its own, and reads modelled columns alone."""
    taken = {name.upper() for name in spec.columns}
    for name, one in spec.derived.items():
        where: Location = ("derived", name)
        if name.upper() in taken or not name.strip():
            yield where, f"the name {name} is used by a column; write another"
        yield from expression_problems(spec, (*where, "of"), one.of, "number")
        with suppress(ExpressionError):
            others = spec.expression(one.of).columns - set(spec.model.columns)
            if others:
                yield (*where, "of"), f"{sorted(others)[0]} is not modelled, so that no row has it"


def expression_problems(spec: SurveySpec, where: Location, text: str, wanted: Kind) -> Problems:
    try:
        kind = spec.expression(text).kind
    except ExpressionError as error:
        yield where, str(error)
        return
    if kind != wanted:
        yield where, f"{text!r} is a {kind}; a {wanted} is expected here"
