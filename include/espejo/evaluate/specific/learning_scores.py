"""Scores of a classifier on held-out people, from counts: as they are, and drawn again.

Each score is worked out from counts of cells, (cells, replicates): the table's own counts are the
first replicate, so that a score and its interval come out of the same lines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from include.espejo.evaluate.scoring.bootstrap import resample_units

_BINS = 256  # ranks of a probability: two people of one bin count as a tie of the AUC
_LEAST = 1e-6  # a class that a model never saw has some probability, or its log loss is infinite


@dataclass(frozen=True)
class HeldOutPeople:
    """Held-out people: `truth`, class 0 to `classes` - 1, and `household`, int64 (rows,).

    `scored`: the classes that scores average over. `drawn`: (households, 1 + replicates), each
    household once in the first.
    """

    truth: np.ndarray
    classes: int
    scored: np.ndarray
    household: np.ndarray
    drawn: np.ndarray

    def count(self, cell: np.ndarray, size: int, amount: np.ndarray | None = None) -> np.ndarray:
        """The counts, or sums of amounts, of cells: float64, (size, 1 + replicates)."""
        counts = resample_units(cell, size, self.household, self.drawn, amount)
        return counts.astype(float)


def scores_of(tested: HeldOutPeople, chance: np.ndarray) -> dict[str, np.ndarray]:
    """Every score, float64 (1 + replicates,); NaN where a replicate lacks a scored class.

    `chance`: the probability of each class for each person, (rows, classes).
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            **_of_guesses(tested, chance.argmax(axis=1)),
            "auc": np.mean([_auc(tested, chance[:, c], c) for c in tested.scored], axis=0),
            "log_loss": _log_loss(tested, chance),
        }


def _of_guesses(tested: HeldOutPeople, guess: np.ndarray) -> dict[str, np.ndarray]:
    """Macro F1 and balanced accuracy (the mean recall), both over the scored classes."""
    size = tested.classes
    table = tested.count(tested.truth * size + guess, size * size).reshape(size, size, -1)
    right = np.einsum("ccr->cr", table)[tested.scored]
    are = table.sum(axis=1)[tested.scored]
    guessed = table.sum(axis=0)[tested.scored]
    return {
        "macro_f1": (2 * right / (are + guessed)).mean(axis=0),
        "balanced_accuracy": (right / are).mean(axis=0),
    }


def _auc(tested: HeldOutPeople, chance: np.ndarray, of_class: int) -> np.ndarray:
    """How often somebody of the class has a higher probability of it than somebody else has.

    The Mann-Whitney form, half for ties (Hanley and McNeil 1982, Radiology 143(1)).
    """
    edges = np.unique(np.quantile(chance, np.arange(1, _BINS) / _BINS, method="higher"))
    rank = np.searchsorted(edges, chance, side="right")
    of_it = (tested.truth == of_class).astype(np.int64)
    size = len(edges) + 1
    counts = tested.count(of_it * size + rank, 2 * size).reshape(2, size, -1)
    below = counts[0].cumsum(axis=0) - counts[0] / 2
    pairs = counts[0].sum(axis=0) * counts[1].sum(axis=0)
    return np.asarray((counts[1] * below).sum(axis=0) / pairs)


def _log_loss(tested: HeldOutPeople, chance: np.ndarray) -> np.ndarray:
    """The mean surprise in nats, each probability being _LEAST at least."""
    known = np.maximum(chance[np.arange(len(chance)), tested.truth], _LEAST)
    everybody = np.zeros(len(chance), dtype=np.int64)
    surprise = tested.count(everybody, 1, -np.log(known))
    return np.asarray((surprise / tested.count(everybody, 1))[0])
