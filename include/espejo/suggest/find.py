"""From a valid table to the rules that its spec seems to lack."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from include.espejo.suggest.classes import Classes, classes_of
from include.espejo.suggest.cover import ClassPair, Suggestion, cover
from include.espejo.suggest.declared import Excluded, excluded_by
from include.espejo.suggest.merge import Suggested, merge
from include.espejo.suggest.zeros import suggest_zeros
from include.espejo.survey import Period, SurveySpec
from include.espejo.survey.expression import ExpressionError, quoted
from include.espejo.survey.rules import BirthYearRule, BlankRule, rule_expressions
from include.espejo.table.households import household_numbers
from include.espejo.table.rules import columns_of
from include.espejo.table.structural import EXPECTED

_ROUNDS = 10


def suggest(
    frame: pd.DataFrame, spec: SurveySpec, period: Period, expected: float = EXPECTED
) -> list[Suggested]:
    """Rules that every row of a valid table keeps and that no declared rule says.

    Of the modelled columns, in pairs, where independence would put `expected` rows or more.
    """
    household = household_numbers(frame, spec)
    names = _nameable(frame, spec)
    columns = {name: classes_of(frame[name], name, spec, household) for name in names}
    drawn = {n: c for n, c in columns.items() if n in spec.model.columns and n not in _below(spec)}
    places = [frozenset(pair) for pair in combinations(spec.geography_columns(), 2)]
    floor = spec.disclosure.floor
    # The age says what the year of birth would, and says it in every quarter.
    years = {rule.birth_year for rule in spec.rules if isinstance(rule, BirthYearRule)}
    zeros = suggest_zeros(drawn, household, floor, expected, places, years)
    found: list[Suggested] = []
    # What is suggested counts as declared, until nothing more is: a second look finds nothing.
    for _ in range(_ROUNDS):
        rules = [*spec.rules, *(some.rule for some in found)]
        excluded = excluded_by(rules, spec, period, columns)
        new = [
            said
            for (a, b), empty in zeros.items()
            for said in cover(
                _pair(columns[a], columns[b], empty, excluded, household, spec), expected
            )
        ]
        more = merge(_needed(new, excluded), spec, [rule.name for rule in rules])
        if not more:
            break
        found += more
    return sorted(found, key=lambda some: -some.expected)


def _nameable(frame: pd.DataFrame, spec: SurveySpec) -> list[str]:
    """The modelled columns, and those of rules, whose names an expression can hold."""
    of_rules = {name for rule in spec.rules for name in columns_of(rule, spec)}
    return [
        name
        for name in spec.columns
        if name in frame
        and (name in spec.model.columns or name in of_rules)
        and _is_name(name, spec)
    ]


def _is_name(name: str, spec: SurveySpec) -> bool:
    try:
        return spec.expression(f"blank({quoted(name)})").columns == {name}
    except ExpressionError:
        return False


def _below(spec: SurveySpec) -> set[str]:
    """The levels under the widest: their codes mean something only inside their parent."""
    return set(spec.geography_levels()[1:])


def _pair(
    first: Classes,
    second: Classes,
    empty: np.ndarray,
    excluded: Excluded,
    household: np.ndarray,
    spec: SurveySpec,
) -> ClassPair:
    said = excluded.of(first.name, second.name)
    return ClassPair(first, second, empty & ~said, empty | said, household, spec.disclosure.floor)


def _needed(new: Sequence[Suggestion], excluded: Excluded) -> list[Suggestion]:
    """Without those that follow from the others: of a chain of rules its links are enough."""
    now, kept = excluded.copy(), []
    for said in sorted(new, key=_preference):
        if not _is_said(said, excluded, now.of(*said.pair)):
            now.add_with_all_that_follows(*said.pair, said.cells_of(said.pair[0]))
            kept.append(said)
    return _without_detours(kept, excluded)


def _preference(said: Suggestion) -> tuple[int, float, str]:
    """Sort key: among equivalent rules, the one that reads best comes first."""
    rule, texts = said.rule, " ".join(rule_expressions(said.rule).values())
    names_blank = "blank(" in texts
    if isinstance(rule, BlankRule):
        rank = 3 if names_blank else 1 if rule.only else 4
    else:
        rank = 5 if names_blank else 0 if rule.both_ways else 2
    return rank, -said.expected, texts


def _is_said(said: Suggestion, excluded: Excluded, cells: np.ndarray) -> bool:
    """Whether these cells, with the pair's first column first, hold all of it that people have."""
    first, second = (excluded.met[name] for name in said.pair)
    wanted = said.cells_of(said.pair[0]) & ~cells
    return not wanted[np.ix_(first, second)].any()


def _without_detours(kept: Sequence[Suggestion], excluded: Excluded) -> list[Suggestion]:
    """An early one may follow from two later ones."""
    now = excluded.copy()
    of_pair: dict[tuple[str, str], list[Suggestion]] = {}
    for said in kept:
        of_pair.setdefault(said.pair, []).append(said)
        now.add(*said.pair, said.cells_of(said.pair[0]))
    for said in sorted(kept, key=_preference, reverse=True):
        others = [other for other in of_pair[said.pair] if other is not said]
        own = excluded.of(*said.pair)
        for other in others:
            own = own | other.cells_of(said.pair[0])
        if _is_said(said, excluded, own | now.between(*said.pair)):
            of_pair[said.pair] = others
            now.put(*said.pair, own)
    return [said for some in of_pair.values() for said in some]
