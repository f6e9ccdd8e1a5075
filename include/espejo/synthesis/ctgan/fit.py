"""Fits a model: encode, train by likelihood and against a critic, keep what foretells best."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch

from include.espejo.errors import ParameterError
from include.espejo.synthesis.ctgan.beginning import (
    EncodedTable,
    encode_as_pretrained,
    encode_table,
    field_group,
    new_generator,
    pretrained_generator,
)
from include.espejo.synthesis.ctgan.encoding.masks import Masks
from include.espejo.synthesis.ctgan.encoding.shrinkage import LeftOut
from include.espejo.synthesis.ctgan.generator import Generator
from include.espejo.synthesis.ctgan.margins import NO_MARGINS, count_margins
from include.espejo.synthesis.ctgan.model import Model
from include.espejo.synthesis.ctgan.recipe import Recipe, tuning_epochs
from include.espejo.synthesis.ctgan.run import TrainingLoop
from include.espejo.synthesis.ctgan.selection import (
    HeldOut,
    Kept,
    selection_order,
    split_as_parts,
    split_households,
)
from include.espejo.synthesis.ctgan.threads import Each, one_torch_thread, several_at_once
from include.espejo.synthesis.ctgan.trainings import Table, Trainings
from include.espejo.synthesis.interface.engine import (
    EpochProgress,
    FitSettings,
    Learning,
    PretrainingShare,
    Progress,
    Store,
)

log = logging.getLogger(__name__)

_PRETRAINED_ROWS = 2_000_000


@dataclass(frozen=True)
class Trained:
    """A model, the steps it took, the last step that was kept, and the losses by epoch."""

    model: Model
    steps: int
    best_step: int
    losses: tuple[EpochProgress, ...]


def fit(
    learning: Learning,
    settings: FitSettings,
    progress: Progress,
    store: Store,
    recipe: Recipe | None = None,
    pretrained: Sequence[Model] = (),
) -> Trained:
    """Fit on `learning`; the same seed gives the same model, on any number of threads.

    Checkpoints go to `store`; a fit that finds one there goes on from it and ends with the same
    model. Training stops early when held-out households are foretold no better, and at the time
    budget; `Trained.steps` then replays it as `max_steps`.

    `pretrained`: what `fit_group` has made of each group of fields, of a table of which this one is
    a part. The fit begins there, and what foretells the part no better than it is not kept.
    """
    recipe = recipe or Recipe()
    settings = replace(settings, device=pick_device(settings.device))  # or nothing is begun
    if pretrained:
        settings = replace(settings, epochs=tuning_epochs(settings.epochs))
        encoded = encode_as_pretrained(learning, pretrained[0])
        tuning = _Task(learning, encoded, settings, recipe.of_tuning(), pretrained)
        return _fit(tuning, progress, store)
    encoded = encode_table(learning, settings.seed)
    return _fit(_Task(learning, encoded, settings, recipe), progress, store)


def fit_group(
    learning: Learning,
    settings: FitSettings,
    progress: Progress,
    store: Store,
    share: PretrainingShare,
) -> Trained:
    """Learn one group of the fields, each given all before it, of the whole of a table.

    A field's network is learnt apart from the others', so that groups can be learnt at the same
    time. Of more rows than two million so many are trained on: the parts see the rest. The model
    has no margins, since nothing is drawn from it.
    """
    settings = replace(settings, device=pick_device(settings.device))  # or nothing is begun
    encoded, recipe = encode_table(learning, settings.seed), Recipe(adversary=False)
    return _fit(_Task(learning, encoded, settings, recipe, share=share), progress, store)


@dataclass(frozen=True)
class _Task:
    """What is to be learnt, from what and how."""

    learning: Learning
    encoded: EncodedTable
    settings: FitSettings
    recipe: Recipe
    pretrained: Sequence[Model] = ()
    share: PretrainingShare | None = None


def _fit(task: _Task, progress: Progress, store: Store) -> Trained:
    seed, threads = task.settings.seed, task.settings.threads
    with one_torch_thread(), several_at_once(threads) as each, _seeded(seed):
        trainings = _trainings(task, each)
        run = TrainingLoop(trainings, progress)
        run.to_the_end(store)
    # Sampling is on the CPU, whatever trained: the kept weights come back to it at the end.
    generator, encoded = trainings.generator, task.encoded
    generator.load_state_dict(
        trainings.kept.state if task.recipe.selection else trainings.last_state()
    )
    margins = NO_MARGINS
    if task.share is None:
        margins = count_margins(encoded.rows, encoded.encoding, encoded.layout)
    model = Model(
        encoded.encoding,
        generator.to("cpu"),
        margins,
        encoded.constraints,
        encoded.zeros,
        len(encoded.rows),
    )
    return Trained(model, trainings.steps, run.tally.best_step, tuple(run.tally.losses))


def _trainings(task: _Task, each: Each) -> Trainings:
    """Everything at its start: who is held out, the generator, and both trainings of it."""
    learning, encoded, settings = task.learning, task.encoded, task.settings
    rows, leaves, device = encoded.rows, encoded.leaves, settings.device
    masks = Masks(encoded.constraints, encoded.layout, encoded.zeros, device)
    fitted, held = _selection(task)
    homes = None if learning.households is None else learning.households[held]
    generator = _generator(task, fitted).to(device)
    apart = len(fitted) < len(rows)
    if not apart:
        log.warning(
            "the table has too few households to hold some out, so that nothing learnt can be "
            "checked; %s",
            "it is drawn as the whole is"
            if task.pretrained
            else "relations between columns are not kept",
        )
    kept = Kept(generator, HeldOut(rows[held], leaves[held], homes, masks, apart, device))
    table = Table(rows[fitted], leaves[fitted])
    share, learnt = task.share, None
    if share is not None:
        groups = [field_group(at, share.groups) for at in range(len(generator.nets))]
        learnt = [group == share.group for group in groups]
    return Trainings(table, generator, masks, kept, settings, task.recipe, each, learnt)


def _selection(task: _Task) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers for training and for selection."""
    rows, homes = task.learning.table.num_rows, task.learning.households
    generator = selection_order(task.settings.seed)
    if task.share is None:
        return split_households(rows, homes, generator)
    fitted, held = split_as_parts(rows, homes, task.share.parts, generator)
    if len(fitted) > _PRETRAINED_ROWS:
        fitted = np.sort(generator.choice(fitted, _PRETRAINED_ROWS, replace=False))
    return fitted, held


def _generator(task: _Task, fitted: np.ndarray) -> Generator:
    if task.pretrained:
        return pretrained_generator(task.encoded, task.pretrained)
    homes = task.learning.households
    left_out = LeftOut.of(len(fitted), None if homes is None else homes[fitted])
    return new_generator(task.encoded, fitted, left_out, task.recipe.shape)


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


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Layers draw their first weights from the global generator: its state is put back after."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
