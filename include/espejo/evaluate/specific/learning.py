"""Models that learn from synthetic rows, beside models that learn from real ones.

Both are tested on the same held-out real people: train on synthetic, test on real, beside train
on real, test on real (Esteban, Hyland and Raetsch 2017, arXiv:1706.02633, section 4.2). Each
sensitive column is guessed from the quasi-identifiers, a number in its brackets, by
gradient-boosted trees. Both learn from equally many rows, so that only their kind differs.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from include.espejo.evaluate.scoring.bootstrap import LEVEL, draw_units, percentile_interval
from include.espejo.evaluate.specific.document import (
    LearningScore,
    LearningSettings,
    LearningUtility,
    Target,
)
from include.espejo.evaluate.specific.learning_scores import HeldOutPeople, scores_of
from include.espejo.survey import SurveySpec
from include.espejo.table.classes import classes, features_of
from include.espejo.table.floors import count_behind
from include.espejo.table.people import Population

LEARNT_ROWS = 30_000
TESTED_ROWS = 30_000
REPLICATES = 200
_TREES = 40
_FEWEST_CLASSES = 2


def learning_utility(population: Population, spec: SurveySpec, seed: int) -> LearningUtility:
    """The scores of both models for each sensitive column.

    Without a holdout `targets` is None and `reason` says so.
    """
    targets = spec.with_role("sensitive")
    if not population.has_holdout:
        return _nothing("no held-out people to test on")
    if not targets:
        return _nothing("no modelled column is sensitive")
    course = _Course(population, spec, seed)
    if not course.known:
        return _nothing("no quasi-identifier is filled: nothing to learn from")
    settings = LearningSettings(
        features=tuple(course.known),
        learnt_rows=len(course.learnt),
        tested_rows=len(course.tested),
        tested_households=course.drawn.shape[0],
        trees=_TREES,
        replicates=REPLICATES,
        level=LEVEL,
    )
    scored = tuple(course.score(target) for target in targets)
    return LearningUtility(targets=scored, reason=None, settings=settings)


def _nothing(reason: str) -> LearningUtility:
    return LearningUtility(targets=None, reason=reason)


class _Course:
    """Who is learnt from and who is tested: the same for every column."""

    def __init__(self, population: Population, spec: SurveySpec, seed: int) -> None:
        self.population, self.spec, self.seed = population, spec, seed
        generator = np.random.default_rng([seed, 4])
        rows = min(population.train_rows, len(population.synthetic), LEARNT_ROWS)
        self.learnt = generator.permutation(population.train_rows)[:rows]
        sides = (population.real.iloc[self.learnt], population.synthetic[:rows])
        # A column that is blank throughout teaches nothing, and the trees cannot cut it.
        self.known = [
            name
            for name in spec.with_role("quasi")
            if all(side[name].notna().any() for side in sides)
        ]
        tables = population.real, population.synthetic
        self.features = tuple(features_of(table[self.known]) for table in tables)
        self.tested = _whole_households(population, generator)
        self.household = pd.factorize(population.household[self.tested])[0].astype(np.int64)
        households = int(self.household.max()) + 1
        once = np.ones((households, 1), dtype=np.uint8)
        self.drawn = np.hstack([once, draw_units(households, REPLICATES, generator)])

    def score(self, target: str) -> Target:
        """Both models' scores for a column."""
        column = self.spec.columns[target]
        real = classes(self.population.real[target], column)
        synthetic = classes(self.population.synthetic[target], column)[: len(self.learnt)]
        truth = real[self.tested]
        known = np.unique(np.concatenate([real[self.learnt], synthetic, truth]))
        tested = self._tested(np.searchsorted(known, truth), len(known))
        told = Target(
            target=target,
            classes=len(known),
            scored_classes=len(tested.scored),
            scores=None,
            reason="fewer than two classes hold the floor",
        )
        if len(tested.scored) < _FEWEST_CLASSES:
            return told
        real_rows, synthetic_rows = self.features
        found = [
            scores_of(tested, self._chance(rows, np.searchsorted(known, learnt), len(known)))
            for rows, learnt in (
                (real_rows.iloc[self.learnt], real[self.learnt]),
                (synthetic_rows.iloc[: len(self.learnt)], synthetic),
            )
        ]
        compared = _compared(found[0], found[1])
        return told.model_copy(update={"scores": compared, "reason": None})

    def _tested(self, truth: np.ndarray, size: int) -> HeldOutPeople:
        """A class that too few held-out people are in is left out of the averages."""
        counts = count_behind(truth, size, self.household)
        scored = np.flatnonzero(counts.hold(self.spec.disclosure.floor))
        return HeldOutPeople(truth, size, scored, self.household, self.drawn)

    def _chance(self, rows: pd.DataFrame, learnt: np.ndarray, size: int) -> np.ndarray:
        """Each class's probability for each tested person, (rows, size), by what was learnt."""
        chance = np.zeros((len(self.tested), size))
        if np.ptp(learnt) == 0:
            chance[:, learnt[0]] = 1.0
            return chance
        trees = HistGradientBoostingClassifier(
            categorical_features="from_dtype",
            max_iter=_TREES,
            early_stopping=False,
            random_state=self.seed % (1 << 32),
        )
        # One thread: the trees' own wait in a loop for a core that others use, many times longer
        # than they compute; and sums do not depend on the number of cores.
        with threadpool_limits(limits=1):
            trees.fit(rows, learnt)
            chance[:, trees.classes_] = trees.predict_proba(self.features[0].iloc[self.tested])
        return chance


def _whole_households(population: Population, generator: np.random.Generator) -> np.ndarray:
    """The positions of at most TESTED_ROWS held-out people, households whole, at least one."""
    held = np.arange(population.train_rows, len(population.real))
    number = pd.factorize(population.household[held])[0]
    sizes = np.bincount(number)
    order = generator.permutation(len(sizes))
    taken = order[np.cumsum(sizes[order]) <= max(TESTED_ROWS, int(sizes[order[0]]))]
    return np.asarray(held[np.isin(number, taken)])


def _compared(
    real: dict[str, np.ndarray], synthetic: dict[str, np.ndarray]
) -> dict[str, LearningScore]:
    """Of each score both models' and the difference, synthetic less real, with its interval."""
    found = {}
    for name in real:
        apart = synthetic[name] - real[name]
        ends = percentile_interval(apart[None, 1:])[0]
        found[name] = LearningScore(
            train_real=float(real[name][0]),
            train_synthetic=float(synthetic[name][0]),
            difference=float(apart[0]),
            difference_interval=(
                None if np.isnan(ends).any() else (float(ends[0]), float(ends[1]))
            ),
        )
    return found
