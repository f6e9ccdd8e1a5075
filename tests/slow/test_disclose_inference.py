"""The attackers that guess a sensitive column: many classes, most of them rare."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from include.espejo.disclose.attacks.inference import _boosted_guesses

ROWS, TOWNS = 2_000, 30


def strangers(generator: np.random.Generator, classes: int) -> tuple[pd.DataFrame, np.ndarray]:
    """People whose class has nothing to do with what is known of them; most classes are rare."""
    odds = 1 / np.arange(1, classes + 1)
    towns = pd.CategoricalDtype([f"{town:02}" for town in range(TOWNS)])
    known = pd.DataFrame(
        {
            "age": generator.integers(15, 90, ROWS).astype(float),
            "town": pd.Series([f"{t:02}" for t in generator.integers(0, TOWNS, ROWS)], dtype=towns),
        }
    )
    return known, generator.choice(classes, ROWS, p=odds / odds.sum())


@pytest.mark.parametrize("classes", [20, 200])
def test_copied_people_are_guessed_however_many_classes_there_are(classes: int):
    generator = np.random.default_rng(0)
    (trained, told), (others, truth) = (strangers(generator, classes) for _ in range(2))
    with threadpool_limits(1):  # as the audit does
        guesses = _boosted_guesses(pd.concat([trained, others]), trained, told, 1, 2)
    right = guesses == np.concatenate([told, truth])
    assert right[:ROWS].mean() - right[ROWS:].mean() > 0.3


def test_only_so_many_classes_are_learnt_from():
    """Time grows with them: 200 that are as easy to tell apart as can be take no more than 50."""
    told = np.repeat(np.arange(200), 10)
    known = pd.DataFrame({"age": told.astype(float)})
    with threadpool_limits(1):
        guesses = _boosted_guesses(known, known, told, 1, 2)
    assert 2 <= len(np.unique(guesses)) <= 50
