"""Attribute inference: a sensitive column guessed from the quasi-identifiers.

Two attackers know the synthetic table and a person's quasi-identifiers: one copies the nearest
synthetic row, the other fits gradient-boosted trees. How often they are right about people whom
the synthetic table never saw is what statistics teach; only the excess over that is a leak
(Giomi et al. 2023, "A unified framework for quantifying privacy risk", PoPETs).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from include.espejo.disclose.attacks.attack import Attack
from include.espejo.disclose.distance.distances import Distances
from include.espejo.disclose.statistics.score import Score
from include.espejo.survey import SurveySpec
from include.espejo.table.classes import classes, features_of
from include.espejo.table.people import Population

FITTED_ROWS = 50_000
_TREES = 40
# A round of boosting grows a tree for each class, so that time grows with them, and among many rare
# ones the fit diverges: of 2,000 copied rows with 200 uneven classes it guessed no more than of
# strangers. With the rarest sharing one, it guesses half of them. Each rare class by itself is what
# the nearest neighbour and the key sets look for.
_MOST_CLASSES = 50


def inference_attacks(
    distances: Distances, population: Population, spec: SurveySpec, seed: int, threads: int
) -> list[Attack]:
    """Both attackers on each sensitive column; the score is whether the guess is right.

    Where the synthetic table tells of no quasi-identifier there is no figure.
    """
    told_rows = population.synthetic[:FITTED_ROWS]
    # A column that is blank throughout teaches nothing, and the trees cannot cut it.
    known = [name for name in spec.with_role("quasi") if told_rows[name].notna().any()]
    learnt = features_of(told_rows[known])
    scored = np.full(len(population.real), bool(known))
    found = []
    for target in spec.with_role("sensitive"):
        column = spec.columns[target]
        truth = classes(population.real[target], column)
        told = classes(population.synthetic[target], column)
        guesses = {
            "nearest": told[distances.nearest_quasi],
            "boosted": _boosted_guesses(population.real, learnt, told, seed, threads),
        }
        found += [
            Attack(
                f"attribute_inference:{target}:{attacker}",
                (Score(guess == truth, scored),),
                "share guessed right",
                spec.disclosure.limits.attribute_inference,
            )
            for attacker, guess in guesses.items()
        ]
    return found


def _boosted_guesses(
    real: pd.DataFrame, learnt: pd.DataFrame, told: np.ndarray, seed: int, threads: int
) -> np.ndarray:
    """The classes of real rows that trees guess: (rows,). `learnt`: the features of the first
    synthetic rows, which come in a seeded order; `told` the classes of all of them."""
    told = _with_rare_as_one(told[: len(learnt)])
    if np.ptp(told) == 0 or learnt.empty:
        return np.full(len(real), told[0])
    trees = HistGradientBoostingClassifier(
        categorical_features="from_dtype",
        max_iter=_TREES,
        early_stopping=False,
        random_state=seed % (1 << 32),
    )
    trees.fit(learnt, told)

    def guess(first: int) -> np.ndarray:
        return np.asarray(trees.predict(features_of(real[first : first + FITTED_ROWS][names])))

    # In parts: each has a probability for every class of every row.
    names, parts = list(learnt), range(0, len(real), FITTED_ROWS)
    # The audit's limit of one thread holds for the thread that set it: see `audit_population`.
    with ThreadPoolExecutor(threads, initializer=threadpool_limits, initargs=(1,)) as pool:
        return np.concatenate(list(pool.map(guess, parts))).astype(np.int64)


def _with_rare_as_one(told: np.ndarray) -> np.ndarray:
    """Classes (rows,), all rare ones replaced by the most frequent of them."""
    found, counts = np.unique(told, return_counts=True)
    rest = found[np.argsort(-counts, kind="stable")[_MOST_CLASSES - 1 :]]
    return np.where(np.isin(told, rest), rest[0], told) if len(rest) else told
