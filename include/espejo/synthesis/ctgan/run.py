"""A training under way: its steps, looks at held-out households, budgets and checkpoints."""

from __future__ import annotations

import logging
import math
import time

import numpy as np

from include.espejo.synthesis.ctgan.checkpoint import Tally, pack, unpack
from include.espejo.synthesis.ctgan.trainings import Trainings
from include.espejo.synthesis.interface.engine import EpochProgress, Progress, Store

log = logging.getLogger(__name__)

LOOKS_AN_EPOCH = 2
STEPS_BETWEEN_LOOKS = (20, 150)


class TrainingLoop:
    """Runs the trainings to their end and reports each epoch."""

    def __init__(self, trainings: Trainings, progress: Progress):
        self.trainings, self._progress = trainings, progress
        self.tally = Tally()

    def to_the_end(self, store: Store) -> None:
        """Train until both trainings are over, or a budget is."""
        saved = store.read()
        if saved is not None:
            self.tally = unpack(saved, self.trainings)
        trainings, tally = self.trainings, self.tally
        started = time.monotonic() - tally.seconds
        while not self._over():
            if trainings.current.over:
                trainings.begin_adversary()
                continue
            tally.rows_learnt += trainings.current.batch_size
            losses = trainings.step()
            tally.seconds = time.monotonic() - started
            look = self._looks_now()
            healthy = all(math.isfinite(x) for x in losses if x is not None)
            if healthy and look and trainings.current.look():
                tally.best_step = trainings.steps
            if self._over() or not healthy or self._epoch_ends():
                self._tell(*losses)
            if not healthy:
                log.warning(
                    "training diverged at step %d; the model kept at step %d is used",
                    trainings.steps,
                    tally.best_step,
                )
                return
            if look:
                store.write(pack(trainings, tally))

    def _over(self) -> bool:
        settings = self.trainings.settings
        budget = 60 * (settings.max_minutes or math.inf)
        steps = settings.max_steps or math.inf
        return self.trainings.over or self.trainings.steps >= steps or self.tally.seconds > budget

    def _looks_now(self) -> bool:
        """A few times an epoch, and at every end: the last state may be the best."""
        training = self.trainings.current
        an_epoch = len(self.trainings.table.rows) // training.batch_size
        every = int(np.clip(an_epoch // LOOKS_AN_EPOCH, *STEPS_BETWEEN_LOOKS))
        return training.steps % every == 0 or training.over or self._over()

    def _last_epoch(self) -> int:
        return self.tally.losses[-1].epoch if self.tally.losses else 0

    def _epoch_ends(self) -> bool:
        return math.floor(self.trainings.epochs_done + 1e-9) > self._last_epoch()

    def _tell(self, generator_loss: float, critic_loss: float | None) -> None:
        done = self.trainings.epochs_done
        whole = math.floor(done + 1e-9)
        epoch = EpochProgress(
            epoch=whole if whole > self._last_epoch() else max(1, math.ceil(done)),  # one cut short
            epochs=self.trainings.settings.epochs,
            generator_loss=generator_loss,
            critic_loss=critic_loss,
            seconds=self.tally.seconds,
            score=self.trainings.kept.score,
            rows_per_second=self.tally.rows_learnt / max(self.tally.seconds, 1e-9),
        )
        self.tally.losses.append(epoch)
        self._progress(epoch)
