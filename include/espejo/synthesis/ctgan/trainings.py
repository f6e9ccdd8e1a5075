"""Both trainings of one generator in turn: by likelihood, then against the critic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from include.espejo.synthesis.ctgan.adversarial import AdversarialTraining
from include.espejo.synthesis.ctgan.encoding.masks import Masks
from include.espejo.synthesis.ctgan.generator import Generator
from include.espejo.synthesis.ctgan.likelihood import LikelihoodTraining
from include.espejo.synthesis.ctgan.recipe import Recipe
from include.espejo.synthesis.ctgan.selection import Kept
from include.espejo.synthesis.ctgan.threads import Each, one_by_one
from include.espejo.synthesis.interface.engine import FitSettings

START_SHARE = 0.8  # of the epochs are for likelihood, the rest for the adversary
FEWEST_STEPS = 300  # of the start: a small table has few rows an epoch
STEPS_AN_EPOCH = 60  # of the start; a large table is learnt in larger batches, not in more steps
LARGEST_BATCH = 10  # batches in one


@dataclass(frozen=True)
class Table:
    """What is trained on. `rows`: int codes, (rows, fields); `leaves`: int64, (rows,)."""

    rows: np.ndarray
    leaves: np.ndarray


class Trainings:
    """The start, then the adversary; they share the generator and what is kept of it.

    `learnt`: for each drawn field whether the start learns it; None: all.
    """

    def __init__(
        self,
        table: Table,
        generator: Generator,
        masks: Masks,
        kept: Kept,
        settings: FitSettings,
        recipe: Recipe,
        each: Each = one_by_one,
        learnt: Sequence[bool] | None = None,
    ):
        self.table, self.generator, self.masks, self.kept = table, generator, masks, kept
        self.settings, self.recipe, self.each, self.learnt = settings, recipe, each, learnt
        self.start = self._likelihood()
        self.adversary: AdversarialTraining | None = None

    @property
    def current(self) -> LikelihoodTraining | AdversarialTraining:
        return self.adversary or self.start

    @property
    def steps(self) -> int:
        """Steps of both trainings so far."""
        return self.start.steps + (self.adversary.steps if self.adversary else 0)

    @property
    def over(self) -> bool:
        both = self.start.over and (self.adversary.over if self.adversary else False)
        return both or (self.start.over and not self.recipe.adversary)

    @property
    def epochs_done(self) -> float:
        """Each training has its share of the epochs; one that stops early has fewer."""
        start = self.start.steps / self.start.planned if self.start.planned else 0.0
        after = self.adversary.steps / self.adversary.planned if self.adversary else 0.0
        share = START_SHARE if self.recipe.adversary else 1.0
        return self.settings.epochs * (share * start + (1 - share) * after)

    def last_state(self) -> dict[str, Tensor]:
        """The averaged generator as it is now."""
        return dict(self.current.averaged.state_dict())

    def step(self) -> tuple[float, float | None]:
        """One step of the training that is on: the generator's loss, and the critic's."""
        if self.adversary:
            return self.adversary.step()
        return self.start.step(), None

    def begin_adversary(self) -> None:
        """Go on from the best of the start."""
        self.generator.load_state_dict(self.kept.state)
        epochs, size = (1 - START_SHARE) * self.settings.epochs, self.settings.batch_size
        planned = max(1, round(epochs * len(self.table.rows) / size))
        self.adversary = AdversarialTraining(
            self.table.rows,
            self.table.leaves,
            self.generator,
            self.masks,
            self.kept,
            size,
            planned,
            self.settings.seed,
            self.recipe.rates,
        )

    def _likelihood(self) -> LikelihoodTraining:
        rows, size = len(self.table.rows), self.settings.batch_size
        size *= min(max(rows // (size * STEPS_AN_EPOCH), 1), LARGEST_BATCH)
        epochs = START_SHARE * self.settings.epochs
        planned = max(FEWEST_STEPS, round(epochs * rows / size)) if self.recipe.likelihood else 0
        return LikelihoodTraining(
            self.table.rows,
            self.table.leaves,
            self.generator,
            self.masks,
            self.kept,
            size,
            planned,
            self.settings.seed,
            self.recipe.start,
            self.each,
            self.learnt,
        )
