"""A drafted spec as YAML, with what its owners are asked beside each key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from include.espejo.draft.columns import Drafted
from include.espejo.survey.period import FORMS, PeriodKind

_HEAD = """\
# A draft, made from the file alone. Lines that end in a question are for those who know the survey;
# docs/spec.md explains every key. Nothing here stands on fewer than {people} people.
"""
_ROLES = "role: direct (identifies), quasi (may be known), sensitive (worth learning), or free?"


@dataclass(frozen=True)
class SpecParts:
    """All that the text is made of."""

    survey: str
    period: PeriodKind
    source: Mapping[str, Any]
    columns: tuple[Drafted, ...]
    modelled: tuple[str, ...]
    quasi: tuple[str, ...]
    direct: frozenset[str]
    person: tuple[str, ...]
    household: tuple[str, ...]
    people: int
    rules: str = field(default="")


def to_text(parts: SpecParts) -> str:
    """The spec."""
    return "".join(
        [
            _HEAD.format(people=parts.people),
            _line("survey", parts.survey),
            _line("title", parts.survey, question="what is its name in Spanish and English?"),
            _line("description", parts.survey, question="what does it ask, of whom, how often?"),
            _line("period", parts.period, question=f"one of {', '.join(FORMS)}?"),
            _line("source", dict(parts.source)),
            _places(parts),
            _line("schedule", {}, question="when is a period out? docs/spec.md, `schedule`"),
            "columns:\n",
            *(_column(column, parts) for column in parts.columns),
            _line("geography", "none", question="which columns say where, from the widest down?"),
            _line("household_key", list(parts.household) or "none", question="who lives together?"),
            _line("person_key", list(parts.person) or "none", question="what tells people apart?"),
            _rules(parts.rules),
            _line("model", {"columns": list(parts.modelled)}),
            _line(
                "disclosure",
                {"key_sets": {"known": list(parts.quasi[:4])}},
                question="what may somebody know of a person, together?",
            ),
            _line("outputs", _OUTPUTS, question="on what terms, and how is it cited?"),
        ]
    )


_OUTPUTS = {
    "licence": "not yet chosen",
    "licence_url": "https://example.org",
    "attribution": "not yet written",
    "caution": "not yet written",
}


def _places(parts: SpecParts) -> str:
    once = parts.period == "none"
    folder = f"s3://espejo-raw/{parts.survey}" + ("" if once else "/{period}")
    places = {
        "raw": f"{folder}/*",
        "restricted": "s3://espejo-restricted",
        "public": "s3://espejo-public",
        "downstream": "s3://espejo-downstream",
    }
    return _line("places", places, question="where in the lake?")


def _column(column: Drafted, parts: SpecParts) -> str:
    keys = {key: value for key, value in column.keys.items() if key != "role"}
    codes = keys.pop("codes", None)
    questions = list(column.questions)
    if column.name in parts.direct or not column.modelled:
        keys["role"] = "direct"
    else:
        keys["role"] = "quasi" if column.name in parts.quasi else "free"
        questions.append(_ROLES)
    lines = [f"  {_scalar(column.name)}:\n"]
    lines += [f"    # {question}\n" for question in questions]
    lines += [f"    {key}: {_flow(value)}\n" for key, value in keys.items()]
    if codes:
        lines.append("    codes:\n")
        for code, label in codes.items():
            lines.append(f"      {_text(code)}:{' ' + _text(label) if label else ''}\n")
    return "".join(lines)


def _rules(suggested: str) -> str:
    if not suggested:
        return ""
    body = "".join(f"  {line}\n" if line else "\n" for line in suggested.splitlines())
    return f"rules:\n{body}"


def _line(key: str, value: Any, question: str = "") -> str:
    asked = f"  # {question}\n" if question else "\n"
    if isinstance(value, dict) and value:
        inner = "".join(f"  {name}: {_flow(one)}\n" for name, one in value.items())
        return f"{key}:{asked}{inner}"
    return f"{key}: {_flow(value)}{asked}"


def _flow(value: Any) -> str:
    """A value on one line, in quotes where YAML needs them; a column's name always as text."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(one) for one in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    return _scalar(value)


def _text(value: str) -> str:
    """A text in quotes unless it is a plain word."""
    return value if value.isidentifier() and _scalar(value) == value else _quoted(value)


def _quoted(value: str) -> str:
    written = yaml.safe_dump(value, default_style='"', allow_unicode=True, width=float("inf"))
    return written.strip().removesuffix("\n...")


def _scalar(value: Any) -> str:
    written = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=float("inf"))
    return written.removesuffix("...\n").strip()
