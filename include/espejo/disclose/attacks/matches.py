"""Attacks by equality: uniques that come out again, and what known columns give away.

Uniqueness is that in train and holdout together, so that a score means the same on both sides.
Sources: NIST SDNist (unique exact matches); Raab, Nowok and Dibben, arXiv 2406.16826, and Raab,
arXiv 2409.04257 (repU, replicated uniques; DiSCO, disclosive in synthetic, correct in original).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from include.espejo.disclose.attacks.attack import Attack
from include.espejo.disclose.distance.encode import fixed_columns
from include.espejo.disclose.statistics.score import Score
from include.espejo.survey import SurveySpec
from include.espejo.table.classes import classes
from include.espejo.table.people import Population
from include.espejo.table.rules import tuple_numbers


def match_attacks(population: Population, spec: SurveySpec) -> list[Attack]:
    """Unique matches on all columns; repU and DiSCO on each key set; rare numbers released."""
    limits = spec.disclosure.limits
    every = _unique_in_both(
        _groups(population, list(population.real.columns)), population.household
    )
    found = [
        Attack("unique_matches", (Score(every),), "share of rows", limits.unique_matches),
        _rare_numbers(population, spec),
    ]
    for name, key in spec.disclosure.key_sets.items():
        groups = _groups(population, list(key))
        unique = Score(_unique_in_both(groups, population.household))
        found.append(
            Attack(
                f"replicated_uniques:{name}", (unique,), "share of rows", limits.replicated_uniques
            )
        )
        targets = [t for t in spec.with_role("sensitive") if t not in key]
        for target in targets:
            if target in fixed_columns(spec, key):
                continue
            score = Score(_disclosed(groups, target, population, spec))
            title = f"disclosive:{name}:{target}"
            found.append(Attack(title, (score,), "share of rows", limits.disclosive))
    return found


def _groups(population: Population, columns: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the distinct tuples, blanks being values: of real and of synthetic rows."""
    tables = population.real, population.synthetic
    numbers = tuple_numbers(
        (pd.concat([table[name] for table in tables], ignore_index=True) for name in columns),
        sum(map(len, tables)),
    )
    return numbers[: len(population.real)], numbers[len(population.real) :]


def _unique_in_both(groups: tuple[np.ndarray, np.ndarray], household: np.ndarray) -> np.ndarray:
    """Real rows of the only household with their tuple, which one synthetic row has: (rows,).

    By household: who answers in several quarters is not less unique for it.
    """
    real, synthetic = groups
    size = max(int(real.max(initial=0)), int(synthetic.max(initial=0))) + 1
    households = int(household.max(initial=0)) + 1
    pairs = np.unique(real * households + household)
    of_one = np.bincount(pairs // households, minlength=size) == 1
    drawn_once = np.bincount(synthetic, minlength=size) == 1
    return np.asarray((of_one & drawn_once)[real])


def _disclosed(
    groups: tuple[np.ndarray, np.ndarray], target: str, population: Population, spec: SurveySpec
) -> np.ndarray:
    """Real rows whose keys all have one target in the synthetic table, the right one: (rows,)."""
    column = spec.columns[target]
    told = pd.Series(classes(population.synthetic[target], column)).groupby(groups[1])
    bounds = told.agg(["min", "max"])
    single = bounds.loc[bounds["min"] == bounds["max"], "min"]
    guess = single.reindex(groups[0]).to_numpy()
    return np.asarray(guess == classes(population.real[target], column))


def _rare_numbers(population: Population, spec: SurveySpec) -> Attack:
    """Numbers of fewer real people than the floor that the synthetic table holds, too.

    A value that stands for a single person (an odd income, a planted canary) tells of that
    person wherever it comes out.
    """
    flagged = np.zeros(len(population.real), dtype=bool)
    for name in population.real.columns:
        if not spec.columns[name].is_code():
            values = population.real[name]
            people = values.map(values.value_counts()).fillna(len(values))
            rare = people < spec.disclosure.floor.people
            flagged |= (rare & values.isin(population.synthetic[name].dropna())).to_numpy()
    return Attack("rare_numbers", (Score(flagged),), "share of rows")
