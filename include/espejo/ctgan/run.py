"""A training under way: by likelihood, then against the critic, with looks and checkpoints."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from include.espejo.ctgan.adversarial import AdversarialTraining
from include.espejo.ctgan.checkpoint import pack, unpack
from include.espejo.ctgan.generator import Generator
from include.espejo.ctgan.likelihood import LikelihoodTraining
from include.espejo.ctgan.masks import Masks
from include.espejo.ctgan.selection import Kept
from include.espejo.engines.interface import EpochProgress, FitSettings, Progress, Store

if TYPE_CHECKING:
    from include.espejo.ctgan.fit import Recipe

log = logging.getLogger(__name__)

START_SHARE = 0.8  # of the epochs are for likelihood, the rest for the adversary
FEWEST_STEPS = 300  # of the start: a small table has few rows an epoch
STEPS_AN_EPOCH = 60  # of the start; a large table is learnt in larger batches, not in more steps
LARGEST_BATCH = 10  # batches in one
LOOKS_AN_EPOCH = 2
STEPS_BETWEEN_LOOKS = (20, 150)


@dataclass(frozen=True)
class Table:
    """What is trained on. `rows`: int codes, (rows, fields); `leaves`: int64, (rows,)."""

    rows: np.ndarray
    leaves: np.ndarray


class Run:
    """Both trainings in turn; all that a checkpoint holds."""

    def __init__(
        self, table: Table, generator: Generator, masks: Masks, kept: Kept, settings: FitSettings,
        recipe: Recipe, progress: Progress,
    ):  # fmt: skip
        self.table, self.generator, self.masks, self.kept = table, generator, masks, kept
        self.settings, self.recipe, self._progress = settings, recipe, progress
        self.start = self._likelihood()
        self.adversary: AdversarialTraining | None = None
        self.best_step, self.seconds, self.rows_learnt = 0, 0.0, 0
        self.losses: list[EpochProgress] = []

    @property
    def training(self) -> LikelihoodTraining | AdversarialTraining:
        return self.adversary or self.start

    @property
    def steps(self) -> int:
        """Steps of both trainings so far."""
        return self.start.steps + (self.adversary.steps if self.adversary else 0)

    def last_state(self) -> dict[str, Tensor]:
        """The averaged generator as it is now."""
        return dict(self.training.averaged.state_dict())

    def to_the_end(self, store: Store) -> None:
        """Train until both trainings are over, or a budget is."""
        saved = store.read()
        if saved is not None:
            unpack(saved, self)
        started = time.monotonic() - self.seconds
        while not self._over():
            if self.training.over:
                self.begin_adversary()
                continue
            losses = self._step()
            self.seconds = time.monotonic() - started
            look = self._looks_now()
            healthy = all(math.isfinite(x) for x in losses if x is not None)
            if healthy and look and self.training.look():
                self.best_step = self.steps
            over = self._over() or not healthy
            if over or self._epoch_ends():
                self._tell(*losses)
            if not healthy:
                log.warning("training diverged at step %d: what was kept until step %d is used",
                            self.steps, self.best_step)  # fmt: skip
                return
            if look:
                store.write(pack(self))

    def begin_adversary(self) -> None:
        """Go on from the best of the start."""
        self.generator.load_state_dict(self.kept.state)
        size = self.settings.batch_size
        self.adversary = AdversarialTraining(
            self.table.rows, self.table.leaves, self.generator, self.masks, self.kept, size,
            self._adversarial_steps(), self.settings.seed, self.recipe.rates,
        )  # fmt: skip

    def _step(self) -> tuple[float, float | None]:
        self.rows_learnt += self.training.batch_size
        if self.adversary:
            return self.adversary.step()
        return self.start.step(), None

    def _likelihood(self) -> LikelihoodTraining:
        rows, size = len(self.table.rows), self.settings.batch_size
        size *= min(max(rows // (size * STEPS_AN_EPOCH), 1), LARGEST_BATCH)
        epochs = START_SHARE * self.settings.epochs
        planned = max(FEWEST_STEPS, round(epochs * rows / size)) if self.recipe.likelihood else 0
        return LikelihoodTraining(self.table.rows, self.table.leaves, self.generator, self.masks,
                                  self.kept, size, planned, self.settings.seed,
                                  self.recipe.start)  # fmt: skip

    def _adversarial_steps(self) -> int:
        epochs = (1 - START_SHARE) * self.settings.epochs
        return max(1, round(epochs * len(self.table.rows) / self.settings.batch_size))

    def _over(self) -> bool:
        both = self.start.over and (self.adversary.over if self.adversary else False)
        done = both or (self.start.over and not self.recipe.adversary)
        budget = 60 * (self.settings.max_minutes or math.inf)
        return done or self.steps >= (self.settings.max_steps or math.inf) or self.seconds > budget

    def _looks_now(self) -> bool:
        """A few times an epoch, and at every end: the last state may be the best."""
        an_epoch = len(self.table.rows) // self.training.batch_size
        every = int(np.clip(an_epoch // LOOKS_AN_EPOCH, *STEPS_BETWEEN_LOOKS))
        return self.training.steps % every == 0 or self.training.over or self._over()

    def _epochs_done(self) -> float:
        """Each training has its share of the epochs; one that stops early has fewer."""
        start = self.start.steps / self.start.planned if self.start.planned else 0.0
        after = self.adversary.steps / self.adversary.planned if self.adversary else 0.0
        share = START_SHARE if self.recipe.adversary else 1.0
        return self.settings.epochs * (share * start + (1 - share) * after)

    def _told(self) -> int:
        return self.losses[-1].epoch if self.losses else 0

    def _epoch_ends(self) -> bool:
        return math.floor(self._epochs_done() + 1e-9) > self._told()

    def _tell(self, generator_loss: float, critic_loss: float | None) -> None:
        done = self._epochs_done()
        whole = math.floor(done + 1e-9)
        told = EpochProgress(
            epoch=whole if whole > self._told() else max(1, math.ceil(done)),  # one cut short
            epochs=self.settings.epochs,
            generator_loss=generator_loss,
            critic_loss=critic_loss,
            seconds=self.seconds,
            score=self.kept.score,
            rows_per_second=self.rows_learnt / max(self.seconds, 1e-9),
        )
        self.losses.append(told)
        self._progress(told)
