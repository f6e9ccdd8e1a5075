"""The gates that need no statistics: declared rules and code lists, and the floors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from include.espejo.disclose.gates import Gate, Outcome, not_applicable
from include.espejo.survey import Column, Period, SurveySpec
from include.espejo.survey.disclosure import Floor
from include.espejo.survey.model import Geography
from include.espejo.survey.rules import function_rule
from include.espejo.table.people import Population
from include.espejo.table.rules import group_numbers, relations

_REMEDY_RULES = "mend the engine or its constraints, so that what it samples keeps the spec"
_REMEDY_FLOOR = "protect the input again at this floor, train anew, and release what holds it"

# A rule's name with its columns, and which rows break it: boolean, shape (rows,).
Broken = tuple[str, np.ndarray]


def check_rules(population: Population, spec: SurveySpec, period: Period) -> Gate:
    """Every synthetic row keeps the declared relations, code lists, ranges and real places."""
    rows = population.synthetic
    found = [
        (f"column {', '.join(b.columns)}, rule {b.rule}", b.rows)
        for b in relations(rows, spec, period)
    ]
    for name, column in spec.model_columns().items():
        check = _check_codes if column.is_code() else _check_numbers
        found += check(name, column, rows[name], population.real[name])
        if column.blank == "never":
            found.append((f"column {name}, rule not_blank", rows[name].isna().to_numpy()))
    found += _check_places(population, spec)
    broken = [(about, which) for about, which in found if which.any()]
    count = int(np.logical_or.reduce([which for _, which in found]).sum())
    reason = "; ".join(f"{about}: {int(which.sum()):,} rows" for about, which in broken)
    outcome = Outcome.BROKEN if broken else Outcome.PASSED
    return Gate(
        name="rules",
        figure=float(count),
        unit="rows",
        limit=0.0,
        outcome=outcome,
        about=reason,
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


def _check_codes(name: str, column: Column, values: pd.Series, real: pd.Series) -> Iterator[Broken]:
    codes = values.astype(object)
    filled = values.notna().to_numpy()
    listed = np.ones(len(values), dtype=bool)
    if column.code_set:
        listed = codes.isin(column.code_set).to_numpy()
    elif column.width is not None:
        listed = (codes.str.len() == column.width).to_numpy()
    yield f"column {name}, rule code_list", filled & ~listed
    unknown = ~codes.isin(set(real.dropna().unique())).to_numpy()
    yield f"column {name}, rule code_that_no_real_row_has", filled & unknown


def _check_numbers(
    name: str, column: Column, values: pd.Series, real: pd.Series
) -> Iterator[Broken]:
    numbers = values.to_numpy()
    ordinary = ~np.isnan(numbers) & ~np.isin(numbers, list(column.special))
    if column.range is not None:
        low, high = column.range
        yield f"column {name}, rule range", ordinary & ~((numbers >= low) & (numbers <= high))
    if column.kind == "integer":
        yield f"column {name}, rule whole_numbers", ordinary & (numbers != np.rint(numbers))


def _check_places(population: Population, spec: SurveySpec) -> Iterator[Broken]:
    """What a place fixes has, in each fully known place, a value that real people there have."""
    if not isinstance(spec.geography, Geography):
        return
    real, rows = population.real, population.synthetic
    for name, level in spec.geography.functions.items():
        levels = spec.geography.levels
        place = [*levels[: levels.index(level) + 1], name]
        if set(place) <= set(rows.columns):
            both = group_numbers(pd.concat([real[place], rows[place]], ignore_index=True))
            known = rows[place[:-1]].notna().all(axis=1).to_numpy()
            strange = known & ~np.isin(both[len(real) :], both[: len(real)])
            about = f"column {', '.join(place)}, rule {function_rule(name, level)}_of_real_places"
            yield about, strange


def _floor_gate(
    name: str, tuples: list[pd.DataFrame], population: Population, floor: Floor
) -> Gate:
    """The fewest people, and households, over all released values of each tuple of columns."""
    fewest, problems = [], []
    for released in tuples:
        people, households = _behind(released, population)
        if not len(people):
            continue
        fewest.append((int(people.min()), int(households.min())))
        under = int(((people < floor.people) | (households < floor.households)).sum())
        if under:
            problems.append(
                f"column {', '.join(released)}, rule floor: {under:,} released under it, the "
                f"fewest people {people.min()}, the fewest households {households.min()}"
            )
    least = float(min(people for people, _ in fewest)) if fewest else None
    reason = "; ".join(problems) if fewest else "nothing was released to count behind"
    outcome = Outcome.PASSED if fewest and not problems else Outcome.BROKEN
    return Gate(
        name=name,
        figure=least,
        unit="people",
        limit=float(floor.people),
        outcome=outcome,
        about=reason,
        remedy=_REMEDY_FLOOR,
    )


def _behind(released: pd.DataFrame, population: Population) -> tuple[np.ndarray, np.ndarray]:
    """People and households of each released tuple: int64 (tuples,). A blank is a value of a
    tuple of places; a blank in a single column is no code."""
    if released.shape[1] == 1:
        released = released.dropna()
    real = population.real[list(released)]
    both = group_numbers(pd.concat([real, released], ignore_index=True))
    group, size = both[: len(real)], int(both.max(initial=0)) + 1
    out = np.unique(both[len(real) :])
    pairs = np.unique(np.column_stack([group, population.household]), axis=0)
    return (
        np.bincount(group, minlength=size)[out],
        np.bincount(pairs[:, 0], minlength=size)[out],
    )
