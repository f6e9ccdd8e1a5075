"""Can boosted trees distinguish the rows of another table from the training rows?

A classifier two-sample test (Lopez-Paz and Oquab 2017, "Revisiting classifier two-sample tests",
ICLR): gradient-boosted trees learn on two thirds of both tables' rows and say of the third which
table each is from. Its AUC is 0.5 where they cannot tell and 1 where they always can; less is
better. Trees of many splits see what several columns do together, which shapes and pairs do not.

score: synthetic rows against training rows; ceiling: people of other households against them;
floor: the training rows themselves, each column shuffled. A household is in one third as a whole:
else its other members, whose table is known, give a row away. The AUC is the mean over the thirds.
A table of copies scores under 0.5: whether it is one is for the disclosure gates.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from include.espejo.evaluate.general.document import Classifier
from include.espejo.evaluate.scoring.coding import CodedColumn, Rows
from include.espejo.evaluate.scoring.references import (
    Contest,
    ReferencedScore,
    count_rows,
    draw_places,
    take_rows,
    with_position,
)

MOST_ROWS = 10_000  # of each table
FOLDS = 3
TREES = 100
_MOST_CATEGORIES = 254  # of a column that the trees take as codes; above, as numbers in order


def score_classifier(contest: Contest, random: np.random.Generator) -> Classifier:
    """The AUC by contestant, with `position` 0 at the floor and 1 at the ceiling."""
    named = contest.only("score", "ceiling", "floor")
    rows = min(MOST_ROWS, count_rows(contest.train), *named.sizes().values())
    seed = int(random.integers(2**31))
    real, real_homes = _draw(contest.train, contest.households.get("train"), rows, random)
    found: dict[str, float | None] = {}
    for name, table in named.others.items():
        other, homes = _draw(table, contest.households.get(name), rows, random)
        label = np.repeat([0, 1], rows)
        # A household is on one side only, so numbers of both sides are kept apart.
        fold = np.concatenate([_folds(real_homes, random), _folds(homes, random)])
        matrix, codes = _matrix(contest.fields, real, other)
        found[name] = _auc(matrix, codes, label, fold, seed)
    return _placed(found).within(Classifier, rows=rows, folds=FOLDS, trees=TREES)


def _placed(auc: Mapping[str, float | None]) -> ReferencedScore:
    """The scores as they are, less being better, and the position as for any other score."""
    likeness = {name: None if value is None else 1 - value for name, value in auc.items()}
    position = with_position(likeness).position
    return with_position(auc).model_copy(update={"position": position})


def _draw(
    table: Rows, households: np.ndarray | None, rows: int, random: np.random.Generator
) -> tuple[Rows, np.ndarray]:
    """So many rows and their households; rows that are of none are each one of their own."""
    chosen = draw_places(count_rows(table), rows, random)
    homes = np.arange(len(chosen)) if households is None else households[chosen]
    return take_rows(table, chosen), homes


def _folds(households: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The third of each row: int64, (rows,); that of its household, in thirds of households."""
    known, number = np.unique(households, return_inverse=True)
    return np.asarray((random.permutation(len(known)) % FOLDS)[number])


def _matrix(
    fields: tuple[CodedColumn, ...], real: Rows, other: Rows
) -> tuple[np.ndarray, list[bool]]:
    """Both tables' rows as the trees take them, float64 (rows, columns), and which are codes.

    A number is its place among all values, since trees look at order alone; a blank comes last.
    """
    columns, codes = [], []
    for field in fields:
        columns.append(np.concatenate([real[field.name], other[field.name]]).astype(float))
        codes.append(not field.number and field.levels <= _MOST_CATEGORIES)
    return np.column_stack(columns), codes


def _auc(
    matrix: np.ndarray, codes: list[bool], label: np.ndarray, fold: np.ndarray, seed: int
) -> float | None:
    """The mean AUC over the folds; None where one of them lacks a table's rows."""
    told = []
    for held in range(FOLDS):
        inside = fold == held
        if min(len(np.unique(label[side])) for side in (inside, ~inside)) < 2:
            return None
        trees = HistGradientBoostingClassifier(
            categorical_features=codes, max_iter=TREES, early_stopping=False, random_state=seed
        )
        # One thread, as in learning.py.
        with threadpool_limits(limits=1):
            trees.fit(matrix[~inside], label[~inside])
            chance = trees.predict_proba(matrix[inside])[:, 1]
        told.append(roc_auc_score(label[inside], chance))
    return float(np.mean(told))
