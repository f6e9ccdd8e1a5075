"""Train: fit an engine, with its progress in the log and wherever else it is asked for."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from include.espejo.errors import InputError
from include.espejo.lake import Lake
from include.espejo.parameters import Parameters
from include.espejo.process.private_folder import private_folder
from include.espejo.survey import Period, SurveySpec
from include.espejo.synthesis.engines import make_engine
from include.espejo.synthesis.interface.engine import (
    EpochProgress,
    FitResult,
    FitSettings,
    Learning,
    PretrainingShare,
    Progress,
    Store,
)
from include.espejo.synthesis.progress import seconds_left
from include.espejo.table.frames import to_frame
from include.espejo.table.rules import group_numbers

log = logging.getLogger(__name__)

ModelFiles = dict[str, bytes]


class LakeStore:
    """Keeps a training's last checkpoint in the restricted area: a retried task goes on from it."""

    def __init__(self, lake: Lake, uri: str):
        self._lake, self._uri = lake, uri

    def read(self) -> bytes | None:
        stored = self._lake.read_tagged(self._uri)
        if stored is not None:
            log.info("continuing from the checkpoint of an attempt that did not finish")
        return None if stored is None else stored.content

    def write(self, content: bytes) -> None:
        self._lake.write(self._uri, content)


def prepare_learning(table: pa.Table, spec: SurveySpec, period: Period) -> Learning:
    """What an engine learns from a typed table: the model's columns, and who lives together."""
    key = [name for name in spec.key("household") if name in table.column_names]
    households: np.ndarray | None = None
    if key:
        keys: pd.DataFrame = to_frame(table.select(key))
        households = group_numbers(keys)
    modelled = table.select(list(spec.model_columns()))
    _refuse_constant(modelled, spec)
    return Learning(modelled, spec, period, households)


def _refuse_constant(modelled: pa.Table, spec: SurveySpec) -> None:
    """A table of one row again and again has nothing to learn, and no score to be judged by."""
    if not any(_varies(modelled[n], spec.columns[n].is_code()) for n in modelled.column_names):
        raise InputError(
            f"training {spec.survey}",
            [
                f"column {', '.join(modelled.column_names)}, rule varies: no column varies among "
                "the rows left after the floor; model a column that varies, or lower the floor"
            ],
        )


def _varies(values: pa.ChunkedArray, is_code: bool) -> bool:
    """Whether scores can be had of a column: a blank is a code like others, but no number."""
    return len((values if is_code else values.drop_null()).unique()) > 1


def fit_model(
    learning: Learning,
    parameters: Parameters,
    seed: int,
    store: Store,
    tell: Progress,
    pretrained: Sequence[ModelFiles] = (),
) -> tuple[FitResult, ModelFiles]:
    """Fit the engine that the parameters name; the model comes back as files by name.

    `tell` is called after each epoch, beside the log. `pretrained`: what `pretrain_model` has given
    for each group of fields, of a table of which this one is a part.
    """
    engine, settings = make_engine(parameters.engine), _settings(parameters, seed)
    with private_folder() as folder, private_folder() as known:
        for number, files in enumerate(pretrained):
            (known / str(number)).mkdir()
            for name, content in files.items():
                (known / str(number) / name).write_bytes(content)
        folders = [known / str(number) for number in range(len(pretrained))]
        with _shown_and_told(parameters.epochs, tell) as progress:
            result = engine.fit(learning, settings, folder, progress, store, folders)
        return result, _files(folder)


def pretrain_model(
    learning: Learning,
    parameters: Parameters,
    seed: int,
    store: Store,
    tell: Progress,
    share: PretrainingShare,
) -> tuple[FitResult, ModelFiles]:
    """The same for a share of a table in parts; no file from an engine that learns every part by
    itself."""
    engine, settings = make_engine(parameters.engine), _settings(parameters, seed)
    with private_folder() as folder, _shown_and_told(parameters.epochs, tell) as progress:
        result = engine.pretrain(learning, settings, folder, progress, store, share)
        return result or FitResult(0, 0.0, 0.0, (), 0), _files(folder)


def _settings(parameters: Parameters, seed: int) -> FitSettings:
    return FitSettings(
        epochs=parameters.epochs,
        batch_size=parameters.batch_size,
        seed=seed,
        max_minutes=parameters.max_training_minutes,
        max_steps=parameters.max_steps,
        threads=parameters.threads,
        device=parameters.device,
    )


def _files(folder: Path) -> ModelFiles:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@contextmanager
def _shown_and_told(epochs: int, tell: Progress) -> Iterator[Progress]:
    with epoch_progress(epochs) as show:

        def progress(told: EpochProgress) -> None:
            show(told)
            tell(told)

        yield progress


@contextmanager
def epoch_progress(epochs: int) -> Iterator[Progress]:
    """A line an epoch in the log; on a terminal, a bar that stands still."""
    if not sys.stderr.isatty():
        yield log_epoch
        return
    from tqdm import tqdm

    with tqdm(total=epochs, unit="epoch") as bar:

        def show(progress: EpochProgress) -> None:
            bar.n, bar.total = progress.epoch, progress.epochs  # of a part fewer than asked for
            figures = {
                "generator": progress.generator_loss,
                "critic": progress.critic_loss,
                "score": progress.score,
            }
            bar.set_postfix({n: f"{x:.4f}" for n, x in figures.items() if x is not None})

        yield show


def log_epoch(progress: EpochProgress) -> None:
    """One line an epoch: losses, score and speed where the engine has them, and time left."""
    score = "" if progress.critic_loss is None else f", critic loss {progress.critic_loss:.3f}"
    if progress.score is not None:
        score += f", held-out score {progress.score:.4f}"
    if progress.rows_per_second is not None:
        score += f", {progress.rows_per_second:,.0f} rows a second"
    log.info(
        "epoch %d of %d: generator loss %.3f%s, %.0f s so far, %.0f s left",
        progress.epoch,
        progress.epochs,
        progress.generator_loss,
        score,
        progress.seconds,
        seconds_left(progress),
    )
