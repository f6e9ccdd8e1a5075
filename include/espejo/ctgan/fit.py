"""Fits a model: encode, start at the training frequencies, train, keep the best checkpoint."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from include.espejo.ctgan.checkpoint import pack, unpack
from include.espejo.ctgan.constraints import find_constraints
from include.espejo.ctgan.encode import Encoding, encode
from include.espejo.ctgan.frequencies import (
    pair_frequencies,
    start_at_frequencies,
    without_small_cells,
)
from include.espejo.ctgan.layout import Layout
from include.espejo.ctgan.model import Model
from include.espejo.ctgan.networks import Generator, Masks, Shape
from include.espejo.ctgan.selection import pair_score, split_households
from include.espejo.ctgan.shrinkage import Households, expected_rows
from include.espejo.ctgan.threads import torch_threads
from include.espejo.ctgan.training import Rates, Training
from include.espejo.engines.interface import EpochProgress, FitSettings, Learning, Progress, Store
from include.espejo.errors import ParameterError
from include.espejo.tables import to_frame

log = logging.getLogger(__name__)

SCORES = 10  # times that the selection score is looked at in a training
PATIENCE = 8  # of those without a better one, after which training stops
_SCORED_ROWS = 6_000


@dataclass(frozen=True)
class Trained:
    """A model, the steps it took, the step that was kept, and the losses by epoch."""

    model: Model
    steps: int
    best_step: int
    losses: tuple[EpochProgress, ...]


@dataclass(frozen=True)
class Recipe:
    """What makes the engine what it is, in one place and the same for every survey.

    `frequencies`: start at the training frequencies; `selection`: keep the best checkpoint rather
    than the last. The benchmark switches parts off to show what each is worth.
    """

    rates: Rates = field(default_factory=Rates)
    shape: Shape = field(default_factory=Shape)
    frequencies: bool = True
    selection: bool = True


def fit(
    learning: Learning,
    settings: FitSettings,
    progress: Progress,
    store: Store,
    recipe: Recipe | None = None,
) -> Trained:
    """Fit on `learning`; the same seed and threads give the same model.

    Checkpoints go to `store`; a fit that finds one there goes on from it and ends with the same
    model. Training stops early when the selection score stops rising, and at the time budget;
    `Trained.steps` then replays it as `max_steps`.
    """
    with torch_threads(settings.threads):
        return _fit(learning, settings, progress, store, recipe or Recipe())


def _fit(
    learning: Learning, settings: FitSettings, progress: Progress, store: Store, recipe: Recipe
) -> Trained:
    frame = to_frame(learning.table)
    encoding, leaves, codes = encode(frame, learning.spec, learning.period)
    encoding = _with_expected_places(encoding, leaves, learning.households)
    layout = Layout.of(encoding)
    device = pick_device(settings.device)
    constraints, unforced = find_constraints(encoding)
    for name in unforced:
        log.warning("rule %s has too many combinations of codes to hold by construction: rows that "
                    "break it are drawn again", name)  # fmt: skip
    masks = Masks(constraints, layout, device)
    rows = layout.rows(leaves, codes)
    shuffle = np.random.default_rng([settings.seed, 1])
    fitted, held = split_households(len(rows), learning.households, shuffle)
    with _seeded(settings.seed):
        generator = Generator(layout, recipe.shape)
        if recipe.frequencies:
            homes = None if learning.households is None else learning.households[fitted]
            left_out = Households.of(len(fitted), homes)
            start_at_frequencies(generator, rows[fitted], left_out)
        generator.to(device)
        training = Training(rows[fitted], leaves[fitted], layout, masks, generator,
                            settings.batch_size, _planned(len(fitted), settings),
                            settings.seed, recipe.rates)  # fmt: skip
    # Sampling is on the CPU, whatever trained: the kept weights come back to it at the end.
    run = _Run(training, Selection(rows[held], leaves[held], layout, settings.seed), settings,
               progress, len(fitted))  # fmt: skip
    saved = store.read()
    if saved is not None:
        unpack(saved, run)
    run.to_the_end(store)
    kept = run.best if recipe.selection else training.averaged.state_dict()
    generator.to("cpu").load_state_dict(kept)
    moments = without_small_cells(pair_frequencies(rows, layout).numpy(), len(rows),
                                  learning.spec.disclosure.floor.people)  # fmt: skip
    model = Model(encoding, generator, moments, len(rows))
    return Trained(model, training.steps, run.best_step, tuple(run.losses))


def _with_expected_places(
    encoding: Encoding, leaves: np.ndarray, households: np.ndarray | None
) -> Encoding:
    """How many of a block's households were trained on is chance, and theirs: it is not kept."""
    places = encoding.places
    if places is None:
        return encoding
    rows = expected_rows(places.paths, leaves, Households.of(len(leaves), households))
    return replace(encoding, places=replace(places, counts=rows))


def pick_device(name: str) -> str:
    """`auto` is the GPU where there is one. Raises ParameterError where a GPU asked for is not.

    Mixed precision is not used: at these batch sizes a step is bound by the number of its
    operations, not by their width.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise ParameterError("device cuda: there is none on this machine; use auto or cpu")
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return name


def _planned(rows: int, settings: FitSettings) -> int:
    return settings.epochs * max(rows // settings.batch_size, 1)


class Selection:
    """The score of a generator on held-out rows, always on the same noise."""

    def __init__(self, rows: np.ndarray, leaves: np.ndarray, layout: Layout, seed: int):
        self._rows, self._layout, self._seed = rows, layout, seed
        repeats = max(1, _SCORED_ROWS // len(rows))
        self._leaves = np.tile(leaves, repeats)[:_SCORED_ROWS]

    def score(self, generator: Generator, masks: Masks) -> float:
        layout = self._layout
        random = torch.Generator().manual_seed(self._seed)
        generator.eval()
        count, device = len(self._leaves), generator.bias.device
        codes = torch.zeros(count, len(layout.sizes), dtype=torch.long)
        codes[:, : layout.given] = torch.from_numpy(layout.given_by_leaf[self._leaves]).long()
        with torch.no_grad():
            noise = torch.randn(count, generator.shape.noise, generator=random).to(device)
            uniform = torch.rand(count, len(layout.sizes), generator=random).to(device)
            none = torch.zeros(count, dtype=torch.long, device=device)
            scores = generator.scores(noise, torch.from_numpy(self._leaves).to(device), none)
            drawn, _ = generator.draw(scores, codes.to(device), layout.given, masks, uniform)
        return pair_score(self._rows, drawn.cpu().numpy(), layout.sizes)


class _Run:
    """A training under way; all that a checkpoint holds."""

    def __init__(
        self, training: Training, selection: Selection, settings: FitSettings, progress: Progress,
        rows: int,
    ):  # fmt: skip
        self.training, self.selection, self.settings = training, selection, settings
        self._progress, self._rows = progress, rows
        self.steps_an_epoch = max(rows // settings.batch_size, 1)
        self.best = {n: t.clone() for n, t in training.averaged.state_dict().items()}
        self.best_score = selection.score(training.averaged, training.masks)
        self.best_step, self.stale, self.seconds = 0, 0, 0.0
        self.score = self.best_score
        self.losses: list[EpochProgress] = []

    def to_the_end(self, store: Store) -> None:
        started = time.monotonic() - self.seconds
        end = min(self.training.planned, self.settings.max_steps or self.training.planned)
        every = max(1, self.training.planned // SCORES)
        budget = 60 * (self.settings.max_minutes or math.inf)
        while self.training.steps < end and self.stale < PATIENCE and self.seconds <= budget:
            generator_loss, critic_loss = self.training.step()
            self.seconds = time.monotonic() - started
            # The end of a time budget is looked at like any other: it may be the best.
            last = self.training.steps == end or self.seconds > budget
            due = last or self.training.steps % every == 0
            diverged = due and not self._look(generator_loss, critic_loss)
            over = last or diverged or self.stale >= PATIENCE
            if over or self.training.steps % self.steps_an_epoch == 0:
                self._tell(generator_loss, critic_loss)  # also an epoch that is cut short
            if diverged:
                told = "training diverged at step %d: the best checkpoint is kept, of step %d"
                log.warning(told, self.training.steps, self.best_step)
                return
            if due:
                store.write(pack(self))  # with the losses of an epoch that ends here

    def _look(self, generator_loss: float, critic_loss: float) -> bool:
        """Score the averaged generator and keep it if it is the best; False if it has diverged.

        A training that diverges (a loss that is no number) ends with the best so far, which is
        at worst the start at the training frequencies.
        """
        if not (math.isfinite(generator_loss) and math.isfinite(critic_loss)):
            return False
        self.score = self.selection.score(self.training.averaged, self.training.masks)
        if self.score > self.best_score:
            self.best_score, self.best_step, self.stale = self.score, self.training.steps, 0
            self.best = {n: t.clone() for n, t in self.training.averaged.state_dict().items()}
        else:
            self.stale += 1
        return True

    def _tell(self, generator_loss: float, critic_loss: float) -> None:
        trained = self.training.steps * self.settings.batch_size
        told = EpochProgress(
            epoch=-(-self.training.steps // self.steps_an_epoch),
            epochs=self.settings.epochs,
            generator_loss=generator_loss,
            critic_loss=critic_loss,
            seconds=self.seconds,
            score=self.score,
            rows_per_second=trained / max(self.seconds, 1e-9),
        )
        self.losses.append(told)
        self._progress(told)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Layers draw their first weights from the global generator: its state is put back after."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
