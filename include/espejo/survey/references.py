"""What a spec's parts say of each other: names that must be columns, expressions, kinds.

pydantic checks each part by itself; what is checked here needs the whole spec. Every check
yields where in the spec the problem is and what is wrong.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError

from include.espejo.survey.expression import ExpressionError, Kind, period_names
from include.espejo.survey.model import Band, Geography, Indicator, SurveySpec
from include.espejo.survey.period import FORMS, Period
from include.espejo.survey.rules import (
    GEOGRAPHY_LEVELS,
    BirthYearRule,
    function_rule,
    rule_columns,
    rule_expressions,
)
from include.espejo.survey.source import Source

Location = tuple[str | int, ...]
Problems = Iterator[tuple[Location, str]]


def find_problems(spec: SurveySpec) -> list[tuple[Location, str]]:
    """Everything that does not fit together, as location and text."""
    unknown = list(_unknown_columns(spec))
    if unknown:
        return unknown  # the other checks look these columns up
    checks = (
        _column_names,
        _source,
        _formats,
        _places,
        _geography,
        _rules,
        _chained_ages,
        _model,
        _weight,
        _derived,
        _disclosure,
        _outputs,
        _indicators,
    )
    return [problem for check in checks for problem in check(spec)]


def _unknown_columns(spec: SurveySpec) -> Problems:
    for location, name in _references(spec):
        if name not in spec.columns:
            yield location, f"it names {name}, which is not a column of the spec"


def _references(spec: SurveySpec) -> Iterator[tuple[Location, str]]:
    for name in spec.source.period_formats():
        yield _where_of_period(spec, name), name
    if spec.source.join:
        for key in ("keys", "columns"):
            for name in getattr(spec.source.join, key):
                yield ("source", "join", key), name
    for name in spec.key("household"):
        yield ("household_key",), name
    for name in spec.key("person"):
        yield ("person_key",), name
    if isinstance(spec.geography, Geography):
        for name in spec.geography.levels:
            yield ("geography", "levels"), name
        for name in spec.geography.functions:
            yield ("geography", "functions"), name
    for name in spec.model.columns:
        yield ("model", "columns"), name
    for name in spec.disclosure.panel_key or ():
        yield ("disclosure", "panel_key"), name
    for key_set, names in spec.disclosure.key_sets.items():
        for name in names:
            yield ("disclosure", "key_sets", key_set), name
    if spec.weight:
        yield ("weight", "column"), spec.weight.column
        for index, total in enumerate(spec.weight.totals):
            for name in total.by:
                yield ("weight", "totals", index, "by"), name
    if spec.outputs.pyramid:
        yield ("outputs", "pyramid", "age"), spec.outputs.pyramid.age
        yield ("outputs", "pyramid", "sex"), spec.outputs.pyramid.sex
    for index, rule in enumerate(spec.rules):
        for name in rule_columns(rule):
            yield ("rules", index), name
    for index, indicator in enumerate(spec.indicators):
        for by in indicator.by:
            yield ("indicators", index, "by"), by if isinstance(by, str) else by.column


def _where_of_period(spec: SurveySpec, name: str) -> Location:
    one = name == spec.source.period_column
    return ("source", "period_column") if one else ("source", "period_columns", name)


def _column_names(spec: SurveySpec) -> Problems:
    owner: dict[str, str] = {}
    reserved = period_names(spec.period)
    for name, column in spec.columns.items():
        if name in reserved:
            yield ("columns", name), "expressions reserve this name; use an alias for the column"
        if not name.strip() or any(unicodedata.category(c) == "Cc" for c in name):
            problem = "a name needs a letter, and no line end; write another, and this as an alias"
            yield ("columns", name), problem
        for written in (name, *column.aliases):
            if owner.setdefault(written.upper(), name) != name:
                other = owner[written.upper()]
                yield ("columns", name), f"the name {written} is already used by column {other}"


def _source(spec: SurveySpec) -> Problems:
    source = spec.source
    for name in source.period_formats():
        if spec.columns[name].kind not in ("code", "integer"):
            yield _where_of_period(spec, name), f"{name} must be a code or a whole number"
    if source.join and set(source.join.keys) & set(source.join.columns):
        yield ("source", "join", "columns"), "a key is in both files; leave it out here"
    if source.decimal == source.delimiter or source.decimal == source.thousands:
        yield ("source", "decimal"), "it is the delimiter, or stands between thousands; write both"
    for name, column in spec.columns.items():
        for marker in (source.blank.strip(), *source.missing, *column.missing):
            if marker in column.code_set:
                yield ("source", "blank"), f"{marker!r} is a code of {name}; write another blank"
        if name in spec.model.columns and not _encodes("".join(column.codes), source):
            problem = f"its codes cannot be written in {source.output_encoding}"
            yield ("columns", name, "codes"), f"{problem}; choose another `output_encoding`"
    if not _encodes(source.blank, source):
        yield ("source", "blank"), f"it cannot be written in {source.output_encoding}"


def _encodes(text: str, source: Source) -> bool:
    try:
        text.encode(source.output_encoding)
    except UnicodeEncodeError:
        return False
    return True


def _places(spec: SurveySpec) -> Problems:
    """Who may read the public place must find nothing of the others in it."""
    public = spec.places.public
    raw = [spec.places.raw, *([spec.source.join.raw] if spec.source.join else [])]
    places = [("raw", one.partition("{")[0].partition("*")[0].rpartition("/")[0]) for one in raw]
    for name, place in (("restricted", spec.places.restricted), *places):
        if _within(place, public) or _within(public, place):
            yield ("places", "public"), f"it overlaps the {name} place; separate them"


def _within(inner: str, outer: str) -> bool:
    return f"{inner.rstrip('/')}/".startswith(f"{outer.rstrip('/')}/")


def _formats(spec: SurveySpec) -> Problems:
    patterns: dict[Location, str] = {
        ("source", "period_format"): spec.source.period_format,
        ("places", "raw"): spec.places.raw,
    }
    if spec.source.join:
        patterns["source", "join", "raw"] = spec.source.join.raw
    for name, pattern in spec.source.period_columns.items():
        patterns["source", "period_columns", name] = pattern
    form = FORMS[spec.period]
    for location, pattern in patterns.items():
        try:
            Period.parse(form.example, spec.period).format(pattern)
        except (KeyError, IndexError, ValueError, AttributeError):
            known = ["period", *form.parts, *(["yy"] if "year" in form.parts else [])]
            braced = ", ".join("{" + part + "}" for part in known)
            yield location, f"use only {braced} in braces"
    yield from _schedule(spec)
    try:
        ZoneInfo(spec.schedule.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield ("schedule", "timezone"), "no such time zone; write one such as America/Mexico_City"


def _schedule(spec: SurveySpec) -> Problems:
    """Only what has dates is out on a day, and what months do not measure so many days after."""
    schedule, form = spec.schedule, FORMS[spec.period]
    if schedule.by_hand:
        return
    by_months = schedule.months_after is not None
    if spec.period in ("wave", "none"):
        yield (
            ("schedule",),
            f"a period of kind {spec.period} has no date: leave out `months_after`, `day` and "
            "`days_after`, and start runs by hand",
        )
    elif by_months != bool(form.months):
        wanted = "`months_after` and `day`" if form.months else "`days_after`"
        yield ("schedule",), f"a {spec.period} is out by {wanted}; write them instead"


def _geography(spec: SurveySpec) -> Problems:
    if not isinstance(spec.geography, Geography):
        return
    for name in spec.geography.levels:
        if not spec.columns[name].is_code():
            yield ("geography", "levels"), f"{name} is no code column"
    for name, level in spec.geography.functions.items():
        if level not in spec.geography.levels:
            yield ("geography", "functions", name), f"{level} is no level of the geography"
    widest = spec.geography.levels[0]
    tiles = Counter(code for row in spec.geography.tiles for code in row if code is not None)
    for code, count in tiles.items():
        if code not in spec.columns[widest].code_set:
            yield ("geography", "tiles"), f"{code!r} is no code of {widest}"
        elif count > 1:
            yield ("geography", "tiles"), f"{code!r} has {count} tiles; give it one"


def _rules(spec: SurveySpec) -> Problems:
    names = Counter(rule.name for rule in spec.rules)
    implied = {GEOGRAPHY_LEVELS}
    if isinstance(spec.geography, Geography):
        implied |= {function_rule(*pair) for pair in spec.geography.functions.items()}
    for index, rule in enumerate(spec.rules):
        if names[rule.name] > 1 or rule.name in implied:
            yield ("rules", index, "name"), f"the name {rule.name} is used by another rule"
        for key, text in rule_expressions(rule).items():
            yield from _expression(spec, ("rules", index, key), text, "condition")
        if isinstance(rule, BirthYearRule) and not FORMS[spec.period].has_year:
            yield ("rules", index, "kind"), "periods of this survey have no year"
        elif isinstance(rule, BirthYearRule):
            yield from _birth_year(spec, rule, ("rules", index))


def _chained_ages(spec: SurveySpec) -> Problems:
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


def _model(spec: SurveySpec) -> Problems:
    for name, count in Counter(spec.model.columns).items():
        if count > 1:
            yield ("model", "columns"), f"{name} is given {count} times"
        if spec.columns[name].kind == "text":
            problem = f"{name} is free text, which is never modelled; leave it out, or code it"
            yield ("model", "columns"), problem


def _derived(spec: SurveySpec) -> Problems:
    """A derived column has a name of its own, and reads modelled columns alone."""
    taken = {name.upper() for name in spec.columns}
    for name, one in spec.derived.items():
        where: Location = ("derived", name)
        if name.upper() in taken or not name.strip():
            yield where, f"the name {name} is used by a column; write another"
        yield from _expression(spec, (*where, "of"), one.of, "number")
        with suppress(ExpressionError):
            others = spec.expression(one.of).columns - set(spec.model.columns)
            if others:
                yield (*where, "of"), f"{sorted(others)[0]} is not modelled, so that no row has it"


def _weight(spec: SurveySpec) -> Problems:
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


def _disclosure(spec: SurveySpec) -> Problems:
    """Every modelled column has a role: where the spec says nothing, nothing is modelled."""
    for name in spec.model.columns:
        role = spec.columns[name].role
        if role is None:
            yield ("columns", name), "it is modelled: give it a `role` (quasi, sensitive or free)"
        if role == "direct":
            yield ("columns", name, "role"), "a direct identifier is never modelled; leave it out"
    for name in spec.with_role("sensitive"):
        if not spec.columns[name].is_code() and not spec.columns[name].brackets:
            problem = "a sensitive number is attacked in `brackets`: write their cuts"
            yield ("columns", name), problem
    if not spec.with_role("quasi"):
        yield (
            ("model", "columns"),
            "no modelled column has the role quasi; attacks need at least one",
        )
    for key_set, names in spec.disclosure.key_sets.items():
        if spec.weight and spec.weight.column in names:
            yield ("disclosure", "key_sets", key_set), "nobody is known by a survey weight"
        if not names or not set(names) <= set(spec.model.columns):
            problem = "a key set must have at least one modelled column"
            yield ("disclosure", "key_sets", key_set), problem


def _outputs(spec: SurveySpec) -> Problems:
    for language, name in spec.outputs.locales:
        try:
            Locale.parse(name)
        except (UnknownLocaleError, ValueError):
            yield ("outputs", "locales", language), f"no such locale {name!r}; write such as es_MX"
    if spec.outputs.pyramid is None:
        return
    for key, name in spec.outputs.pyramid:
        wanted = "code" if key == "sex" else "number"
        if name not in spec.model.columns or spec.columns[name].is_code() != (key == "sex"):
            yield ("outputs", "pyramid", key), f"{name} is no modelled {wanted}"


def _indicators(spec: SurveySpec) -> Problems:
    kinds: dict[str, Kind] = {"share": "condition", "distribution": "code"}
    for index, indicator in enumerate(spec.indicators):
        where: Location = ("indicators", index)
        if indicator.among:
            yield from _expression(spec, (*where, "among"), indicator.among, "condition")
        for statistic in indicator.statistics:
            wanted = kinds.get(statistic, "number")
            yield from _expression(spec, (*where, "of"), indicator.of, wanted)
        yield from _groups(spec, indicator, (*where, "by"))


def _groups(spec: SurveySpec, indicator: Indicator, where: Location) -> Problems:
    for by in indicator.by:
        if isinstance(by, str) and not spec.columns[by].is_code():
            yield where, f"{by} is a number: give it `cuts`"
        if isinstance(by, Band):
            if spec.columns[by.column].is_code():
                yield where, f"{by.column} is a code: it has no order to cut"
            if list(by.cuts) != sorted(set(by.cuts)):
                yield where, "`cuts` must rise"


def _expression(spec: SurveySpec, where: Location, text: str, wanted: Kind) -> Problems:
    try:
        kind = spec.expression(text).kind
    except ExpressionError as error:
        yield where, str(error)
        return
    if kind != wanted:
        yield where, f"{text!r} is a {kind}; a {wanted} is expected here"
