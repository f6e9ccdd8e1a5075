"""The gates that need no statistics: whether the table keeps its spec, and the floors."""

from __future__ import annotations

import numpy as np
import pandas as pd

from include.espejo.disclose.gates import Gate, Outcome, not_applicable
from include.espejo.language import message
from include.espejo.survey import Period, SurveySpec
from include.espejo.survey.disclosure import Floor
from include.espejo.table.floors import Counts, count_behind
from include.espejo.table.keeping import breaches
from include.espejo.table.people import Population
from include.espejo.table.rules import group_numbers

_REMEDY_RULES = message(
    "correct the engine or its constraints so that sampled rows satisfy the spec"
)
_REMEDY_FLOOR = message("run protect again with this floor, train again, and publish that table")


def check_rules(population: Population, spec: SurveySpec, period: Period) -> Gate:
    """Every synthetic row keeps the spec, and the codes and places of real people."""
    found = breaches(population.synthetic, population.real, spec, period)
    broken = np.zeros(len(population.synthetic), dtype=bool)
    for breach in found:
        broken |= breach.rows
    return Gate(
        name="rules",
        figure=float(broken.sum()),
        unit="rows",
        limit=0.0,
        outcome=Outcome.BROKEN if found else Outcome.PASSED,
        about="; ".join(
            f"column {', '.join(b.columns)}, rule {b.rule}: {b.count:,} rows" for b in found
        ),
        remedy=_REMEDY_RULES,
    )


def check_floors(population: Population, spec: SurveySpec) -> list[Gate]:
    """The fewest real people behind a released place, and behind a released code."""
    floor, place = spec.disclosure.floor, list(spec.geography_columns())
    codes = _released_codes(population, spec)
    gates = []
    if place:
        gates.append(_floor_gate("floor", [population.synthetic[place]], population, floor))
    else:
        reason = "the spec declares no geography, or models none of it"
        gates.append(not_applicable("floor", "people", reason))
    if codes:
        gates.append(_floor_gate("floor_codes", codes, population, floor))
    else:
        gates.append(not_applicable("floor_codes", "people", "the spec models no codes"))
    return gates


def _released_codes(population: Population, spec: SurveySpec) -> list[pd.DataFrame]:
    """The released rows of each column of codes, and of each number those with a special code."""
    found = []
    for name, column in spec.model_columns().items():
        rows = population.synthetic[[name]]
        special = rows[name].isin(list(column.special))
        if column.is_code():
            found.append(rows)
        elif special.any():
            found.append(rows[special])
    return found


def _floor_gate(
    name: str, tuples: list[pd.DataFrame], population: Population, floor: Floor
) -> Gate:
    """The fewest people, and households, over all released values of each tuple of columns."""
    fewest, problems = [], []
    for released in tuples:
        behind = _behind(released, population)
        if not len(behind.people):
            continue
        least = int(behind.people.min()), int(behind.households.min())
        fewest.append(least)
        under = int((~behind.hold(floor)).sum())
        if under:
            problems.append(
                f"column {', '.join(released)}, rule floor: {under:,} released values are below "
                f"it; the fewest people are {least[0]}, the fewest households {least[1]}"
            )
    figure = float(min(people for people, _ in fewest)) if fewest else None
    reason = "; ".join(problems) if fewest else "the table has no such value to count people for"
    outcome = Outcome.PASSED if fewest and not problems else Outcome.BROKEN
    return Gate(
        name=name,
        figure=figure,
        unit="people",
        limit=float(floor.people),
        outcome=outcome,
        about=reason,
        remedy=_REMEDY_FLOOR,
    )


def _behind(released: pd.DataFrame, population: Population) -> Counts:
    """People and households behind each released tuple. A blank is a value of a tuple of places;
    a blank in a single column is no code."""
    if released.shape[1] == 1:
        released = released.dropna()
    released, real = released.drop_duplicates(), population.real[list(released)]
    both = group_numbers(pd.concat([real, released], ignore_index=True))
    counts = count_behind(both[: len(real)], int(both.max(initial=0)) + 1, population.household)
    out = both[len(real) :]
    return Counts(counts.people[out], counts.households[out])
