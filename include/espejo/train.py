"""Train: fit an engine, with its progress in the log."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import pyarrow as pa

from include.espejo.engines import EpochProgress, FitResult, FitSettings, make_engine
from include.espejo.parameters import Parameters

log = logging.getLogger(__name__)


def fit_model(
    table: pa.Table, parameters: Parameters, seed: int
) -> tuple[FitResult, dict[str, bytes]]:
    """Fit the engine that the parameters name; the model comes back as files by name."""
    settings = FitSettings(parameters.epochs, parameters.batch_size, seed)
    with tempfile.TemporaryDirectory(prefix="espejo-") as folder:
        result = make_engine(parameters.engine).fit(table, settings, Path(folder), log_epoch)
        return result, {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def log_epoch(progress: EpochProgress) -> None:
    """One line an epoch: losses, seconds so far and left."""
    left = progress.seconds / progress.epoch * (progress.epochs - progress.epoch)
    log.info(
        "epoch %d of %d: generator loss %.3f, critic loss %.3f, %.0f s so far, %.0f s left",
        progress.epoch,
        progress.epochs,
        progress.generator_loss,
        progress.critic_loss,
        progress.seconds,
        left,
    )
