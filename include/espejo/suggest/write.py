"""Suggested rules as YAML, ready to be pasted under `rules:` of a spec."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from include.espejo.suggest.merge import Suggested
from include.espejo.survey.rules import BlankRule, ImpliesRule, Rule

_STEP = 10  # figures are rounded down to a multiple: "so many or more" stays true

_HEAD = """\
# Rules that every row keeps and the spec does not say. Independent columns would have at least so
# many rows against each. Keep those that are true of the survey and not only of this file.
"""


def to_yaml(suggested: Sequence[Suggested]) -> str:
    """The rules as items of a list, each under a comment with its figures."""
    return _HEAD + "\n".join(_item(some) for some in suggested) if suggested else _HEAD + "[]\n"


def _item(some: Suggested) -> str:
    expected, people = (_STEP * int(n // _STEP) for n in (some.expected, some.people))
    lines = [f"{key}: {_scalar(value)}" for key, value in _content(some.rule).items()]
    text = "- " + "\n  ".join(lines) + "\n"
    return (
        f"# expected against it: {expected:,}; people behind each side: {people:,} or more\n{text}"
    )


def _scalar(value: object) -> str:
    """A value on one line, in quotes where YAML needs them."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=float("inf"))
    return text.removesuffix("...\n").strip()


def _content(rule: Rule) -> dict[str, object]:
    """The keys of a rule in the order in which specs write them, without those left to defaults."""
    content: dict[str, object] = {"kind": rule.kind, "name": rule.name}
    match rule:
        case BlankRule():
            content |= {"columns": list(rule.columns), "when": rule.when}
            return content | ({} if rule.only else {"only": False})
        case ImpliesRule():
            content |= {"if": rule.if_, "then": rule.then}
            return content | ({"both_ways": True} if rule.both_ways else {})
        case _:
            return content | {"columns": list(rule.columns)}  # type: ignore[union-attr]
