"""What a spec's parts say of each other: names that must be columns, expressions, kinds.

pydantic checks each part by itself; what is checked here needs the whole spec. Every check
yields where in the spec the problem is and what is wrong.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator

from babel import Locale, UnknownLocaleError

from include.espejo.survey.expression import Kind, period_names
from include.espejo.survey.file_checks import (
    formats_problems,
    places_problems,
    source_problems,
    where_of_period,
)
from include.espejo.survey.model import Band, Geography, Indicator, SurveySpec
from include.espejo.survey.problems import Location, Problems
from include.espejo.survey.row_checks import (
    chained_ages_problems,
    derived_problems,
    expression_problems,
    rules_problems,
    weight_problems,
)
from include.espejo.survey.rules import rule_columns


def find_problems(spec: SurveySpec) -> list[tuple[Location, str]]:
    """Everything that does not fit together, as location and text."""
    unknown = list(_unknown_columns(spec))
    if unknown:
        return unknown  # the other checks look these columns up
    checks = (
        _column_names,
        source_problems,
        formats_problems,
        places_problems,
        _geography,
        rules_problems,
        chained_ages_problems,
        _model,
        weight_problems,
        derived_problems,
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
        yield where_of_period(spec, name), name
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


def _model(spec: SurveySpec) -> Problems:
    for name, count in Counter(spec.model.columns).items():
        if count > 1:
            yield ("model", "columns"), f"{name} is given {count} times"
        if spec.columns[name].kind == "text":
            problem = f"{name} is free text, which is never modelled; leave it out, or code it"
            yield ("model", "columns"), problem
    partition = spec.model.partition
    if partition is not None and (
        partition not in spec.model.columns or not spec.columns[partition].is_code()
    ):
        yield ("model", "partition"), f"{partition} is no modelled column of codes; name one"


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
            yield from expression_problems(spec, (*where, "among"), indicator.among, "condition")
        for statistic in indicator.statistics:
            wanted = kinds.get(statistic, "number")
            yield from expression_problems(spec, (*where, "of"), indicator.of, wanted)
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
