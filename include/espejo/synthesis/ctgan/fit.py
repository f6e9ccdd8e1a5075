"""Fits a model: encode, train by likelihood and against a critic, keep what foretells best."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch

from include.espejo.errors import ParameterError
from include.espejo.synthesis.ctgan.encoding.constraints import find_constraints
from include.espejo.synthesis.ctgan.encoding.encode import Encoding, encode
from include.espejo.synthesis.ctgan.encoding.features import line_features
from include.espejo.synthesis.ctgan.encoding.layout import Layout
from include.espejo.synthesis.ctgan.encoding.masks import Masks
from include.espejo.synthesis.ctgan.encoding.shrinkage import LeftOut, expected_rows
from include.espejo.synthesis.ctgan.encoding.zeros import find_zeros
from include.espejo.synthesis.ctgan.generator import Generator, Shape
from include.espejo.synthesis.ctgan.keeping import refuse_lost_rules
from include.espejo.synthesis.ctgan.lifts import find_lifts
from include.espejo.synthesis.ctgan.margins import count_margins
from include.espejo.synthesis.ctgan.model import Model
from include.espejo.synthesis.ctgan.parents import choose_parents
from include.espejo.synthesis.ctgan.recipe import Recipe
from include.espejo.synthesis.ctgan.run import TrainingLoop
from include.espejo.synthesis.ctgan.selection import HeldOut, Kept, split_households
from include.espejo.synthesis.ctgan.threads import Each, one_torch_thread, several_at_once
from include.espejo.synthesis.ctgan.trainings import Table, Trainings
from include.espejo.synthesis.interface.engine import (
    EpochProgress,
    FitSettings,
    Learning,
    Progress,
    Store,
)
from include.espejo.table.frames import to_frame

log = logging.getLogger(__name__)


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
) -> Trained:
    """Fit on `learning`; the same seed gives the same model, on any number of threads.

    Checkpoints go to `store`; a fit that finds one there goes on from it and ends with the same
    model. Training stops early when held-out households are foretold no better, and at the time
    budget; `Trained.steps` then replays it as `max_steps`.
    """
    with one_torch_thread(), several_at_once(settings.threads) as each:
        return _fit(learning, settings, progress, store, recipe or Recipe(), each)


def _fit(
    learning: Learning,
    settings: FitSettings,
    progress: Progress,
    store: Store,
    recipe: Recipe,
    each: Each,
) -> Trained:
    device = pick_device(settings.device)
    encoding, layout, rows, leaves = _encoded(learning, settings.seed)
    constraints, unforced = find_constraints(encoding, rows)
    for name in unforced:
        log.warning(
            "rule %s has too many combinations of codes to be built into the model; rows that "
            "break it are drawn again",
            name,
        )
    zeros = find_zeros(rows, layout, learning.households, learning.spec.disclosure.floor)
    masks = Masks(constraints, layout, zeros, device)
    shuffle = np.random.default_rng([settings.seed, 1])
    fitted, held = split_households(len(rows), learning.households, shuffle)
    homes = None if learning.households is None else learning.households[held]
    with _seeded(settings.seed):
        known = None if learning.households is None else learning.households[fitted]
        left_out = LeftOut.of(len(fitted), known)
        generator = _new_generator(encoding, layout, rows[fitted], left_out, recipe.shape)
        generator.to(device)
        apart = len(fitted) < len(rows)
        if not apart:
            log.warning(
                "the table has too few households to hold some out, so that nothing learnt can be "
                "checked; relations between columns are not kept"
            )
        kept = Kept(generator, HeldOut(rows[held], leaves[held], homes, masks, apart, device))
        table = Table(rows[fitted], leaves[fitted])
        trainings = Trainings(table, generator, masks, kept, settings, recipe, each)
        run = TrainingLoop(trainings, progress)
        run.to_the_end(store)
    # Sampling is on the CPU, whatever trained: the kept weights come back to it at the end.
    generator.load_state_dict(kept.state if recipe.selection else trainings.last_state())
    margins = count_margins(rows, encoding, layout)
    model = Model(encoding, generator.to("cpu"), margins, constraints, zeros, len(rows))
    return Trained(model, trainings.steps, run.tally.best_step, tuple(run.tally.losses))


def _encoded(learning: Learning, seed: int) -> tuple[Encoding, Layout, np.ndarray, np.ndarray]:
    """The table as codes: int32, (rows, fields), and the leaf of each row's place, (rows,)."""
    frame = to_frame(learning.table)
    encoding, leaves, codes = encode(frame, learning.spec, learning.period, learning.households)
    encoding = _with_expected_places(encoding, leaves, learning.households)
    layout = Layout.of(encoding)
    refuse_lost_rules(frame, encoding, leaves, codes, np.random.default_rng([seed, 2]))
    return encoding, layout, layout.rows(leaves, codes), leaves


def _new_generator(
    encoding: Encoding, layout: Layout, rows: np.ndarray, left: LeftOut, shape: Shape
) -> Generator:
    """Every field at its margin; of the others only one of many codes knows anything yet."""
    features = {}
    for number, drawn in zip(layout.drawn, encoding.fields, strict=True):
        counts = np.bincount(rows[:, number], minlength=layout.sizes[number])
        of_line = line_features(drawn, counts)
        if of_line is not None:
            features[number] = of_line
    lifts = find_lifts(rows, layout, set(features), left)
    generator = Generator(layout, choose_parents(rows, layout), features, lifts, shape)
    generator.start_at_margins(
        rows,
        {
            f: drawn.bins.mass
            for f, drawn in zip(layout.drawn, encoding.fields, strict=True)
            if f in features
        },
    )
    return generator


def _with_expected_places(
    encoding: Encoding, leaves: np.ndarray, households: np.ndarray | None
) -> Encoding:
    """How many of a block's households were trained on is chance, and theirs: it is not kept."""
    places = encoding.places
    if places is None:
        return encoding
    rows = expected_rows(places.paths, leaves, LeftOut.of(len(leaves), households))
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


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Layers draw their first weights from the global generator: its state is put back after."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
