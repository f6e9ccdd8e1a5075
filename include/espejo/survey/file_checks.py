"""What a spec says of files, places and dates: patterns, encodings and schedules that fit."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from include.espejo.survey.model import SurveySpec
from include.espejo.survey.period import FORMS, Period
from include.espejo.survey.problems import Location, Problems


def source_problems(spec: SurveySpec) -> Problems:
    source = spec.source
    for name in source.period_formats():
        if spec.columns[name].kind not in ("code", "integer"):
            yield where_of_period(spec, name), f"{name} must be a code or a whole number"
    if source.join and set(source.join.keys) & set(source.join.columns):
        yield ("source", "join", "columns"), "a key is in both files; leave it out here"
    if source.decimal == source.delimiter or source.decimal == source.thousands:
        yield ("source", "decimal"), "it is the delimiter, or stands between thousands; write both"
    for name, column in spec.columns.items():
        for marker in (source.blank.strip(), *source.missing, *column.missing):
            if marker in column.code_set:
                yield ("source", "blank"), f"{marker!r} is a code of {name}; write another blank"
        if name in spec.model.columns and not source.can_write("".join(column.codes)):
            problem = f"its codes cannot be written in {source.output_encoding}"
            yield ("columns", name, "codes"), f"{problem}; choose another `output_encoding`"
    if not source.can_write(source.blank):
        yield ("source", "blank"), f"it cannot be written in {source.output_encoding}"


def places_problems(spec: SurveySpec) -> Problems:
    """Who may read the public place must find nothing of the others in it."""
    public = spec.places.public
    raw = [spec.places.raw, *([spec.source.join.raw] if spec.source.join else [])]
    places = [("raw", one.partition("{")[0].partition("*")[0].rpartition("/")[0]) for one in raw]
    for name, place in (("restricted", spec.places.restricted), *places):
        if _within(place, public) or _within(public, place):
            yield ("places", "public"), f"it overlaps the {name} place; separate them"


def _within(inner: str, outer: str) -> bool:
    return f"{inner.rstrip('/')}/".startswith(f"{outer.rstrip('/')}/")


def formats_problems(spec: SurveySpec) -> Problems:
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


def where_of_period(spec: SurveySpec, name: str) -> Location:
    one = name == spec.source.period_column
    return ("source", "period_column") if one else ("source", "period_columns", name)
