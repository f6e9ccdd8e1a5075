"""The interface between the flow and whatever learns the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa


@dataclass(frozen=True)
class FitSettings:
    """What a fit is asked for; the seed makes it repeatable on the same machine and threads."""

    epochs: int
    batch_size: int
    seed: int


@dataclass(frozen=True)
class EpochProgress:
    """Losses at the end of an epoch, and seconds since the fit began."""

    epoch: int
    epochs: int
    generator_loss: float
    critic_loss: float
    seconds: float


@dataclass(frozen=True)
class FitResult:
    """What a fit did: optimiser steps of the generator, seconds, peak memory, losses by epoch."""

    steps: int
    seconds: float
    peak_rss_mb: float
    losses: tuple[EpochProgress, ...]


Progress = Callable[[EpochProgress], None]


class Engine(Protocol):
    """Learns a typed table (codes as dictionaries, numbers) and draws rows like it."""

    def fit(
        self, table: pa.Table, settings: FitSettings, model: Path, progress: Progress
    ) -> FitResult:
        """Learn `table` and leave the model in the folder `model`."""

    def sample(self, model: Path, rows: int, seed: int) -> pa.Table:
        """Draw `rows` rows, in the columns and types of the table that was learnt."""
