"""Suggestions of two columns become rules of more, with names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from include.espejo.suggest.cover import Suggestion
from include.espejo.survey import SurveySpec
from include.espejo.survey.rules import BlankRule, ImpliesRule, Rule, TogetherRule

_LONGEST = 60  # characters of a name


@dataclass(frozen=True)
class Suggested:
    """A rule for the spec, the fewest rows that one of its parts would be expected to have and
    the fewest people behind a side of it."""

    rule: Rule
    expected: float
    people: int


def merge(said: Sequence[Suggestion], spec: SurveySpec, taken: Iterable[str]) -> list[Suggested]:
    """One rule where columns are blank together, or under one condition; names that are free."""
    names = set(taken)
    found = [*_together(said), *_blanks(said), *_others(said)]
    order = list(spec.columns).index
    rules = []
    for rule, parts in found:
        columns = sorted({n for part in parts for n in (part.first, part.second)}, key=order)
        update: dict[str, object] = {"name": _name(rule.kind, columns, names)}
        if isinstance(rule, BlankRule | TogetherRule):
            update["columns"] = tuple(sorted(rule.columns, key=order))
        expected = min(part.expected for part in parts)
        people = min(min(part.behind) for part in parts)
        rules.append(Suggested(rule.model_copy(update=update), expected, people))
    return rules


Group = tuple[BlankRule | ImpliesRule | TogetherRule, list[Suggestion]]


def _are_together(said: Suggestion) -> bool:
    rule = said.rule
    return (
        isinstance(rule, BlankRule)
        and rule.only
        and rule.when in (f"blank({said.first})", f"blank({said.second})")
    )


def _together(said: Sequence[Suggestion]) -> Iterator[Group]:
    """Groups of columns in which every two are blank together."""
    parts = [one for one in said if _are_together(one)]
    while parts:
        group, grown = {parts[0].first, parts[0].second}, True
        while grown:
            near = {n for p in parts if group & {p.first, p.second} for n in (p.first, p.second)}
            grown = not near <= group
            group |= near
        inside = [p for p in parts if p.first in group]
        parts = [p for p in parts if p.first not in group]
        yield TogetherRule(kind="together", name="suggested", columns=tuple(group)), inside


def _blanks(said: Sequence[Suggestion]) -> Iterator[Group]:
    """Columns that are blank under the same condition."""
    groups: dict[tuple[str, bool], list[Suggestion]] = {}
    for one in said:
        if isinstance(one.rule, BlankRule) and not _are_together(one):
            groups.setdefault((one.rule.when, one.rule.only), []).append(one)
    for (when, only), parts in groups.items():
        columns = tuple(c for p in parts if isinstance(p.rule, BlankRule) for c in p.rule.columns)
        yield (
            BlankRule(kind="blank", name="suggested", columns=columns, when=when, only=only),
            parts,
        )


def _others(said: Sequence[Suggestion]) -> Iterator[Group]:
    for one in said:
        if isinstance(one.rule, ImpliesRule):
            yield one.rule, [one]


def _name(kind: str, columns: Sequence[str], taken: set[str]) -> str:
    words = [re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") for name in columns]
    stem = "_".join([kind, *words])[:_LONGEST].rstrip("_")
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}_{number}"
    taken.add(name)
    return name
