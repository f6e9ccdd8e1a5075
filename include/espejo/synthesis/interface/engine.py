"""The interface between the pipeline and an engine that learns the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa

from include.espejo.survey import Period, SurveySpec


@dataclass(frozen=True)
class Learning:
    """What is to be learnt: the model's columns, typed, and what the spec says of them.

    `households`: an integer a row, the same for the rows of one household; None without a key.
    """

    table: pa.Table
    spec: SurveySpec
    period: Period
    households: np.ndarray | None = None


@dataclass(frozen=True)
class FitSettings:
    """What a fit is asked for; the seed makes it repeatable on the same machine and threads.

    `max_minutes` ends training by the clock, `max_steps` by steps: the steps that a budget
    reached replay it. `threads` 0: as many as the engine finds best. `device`: auto, cpu, cuda.
    """

    epochs: int
    batch_size: int
    seed: int
    max_minutes: float | None = None
    max_steps: int | None = None
    threads: int = 0
    device: str = "auto"


@dataclass(frozen=True)
class PretrainingShare:
    """The fields of group `group`, from 0, of so many `groups`; and the `parts` of the table that
    will be fitted from there: each one's row numbers, (its rows,), and the seed of its fit."""

    group: int
    groups: int
    parts: Sequence[tuple[np.ndarray, int]]


@dataclass(frozen=True)
class EpochProgress:
    """Losses at the end of an epoch, seconds since the fit began, and, where the engine has
    them, its score on held-out rows (0 to 1) and the rows it trains on in a second. There is no
    loss of a critic while none is trained."""

    epoch: int
    epochs: int
    generator_loss: float
    critic_loss: float | None
    seconds: float
    score: float | None = None
    rows_per_second: float | None = None


@dataclass(frozen=True)
class FitResult:
    """What a fit did: optimiser steps of the generator, seconds, peak memory, losses by epoch.

    `best_step` is the step whose checkpoint was kept: the last where the engine keeps the last.
    """

    steps: int
    seconds: float
    peak_rss_mb: float
    losses: tuple[EpochProgress, ...]
    best_step: int


@dataclass(frozen=True)
class SampleRequest:
    """How many rows, from which seed; calibrated to the training margins where the engine can;
    `conditions`: codes by column that every row shall have."""

    rows: int
    seed: int
    calibrate: bool = True
    conditions: Mapping[str, str] | None = None


Progress = Callable[[EpochProgress], None]


class Store(Protocol):
    """Where a training keeps its last checkpoint."""

    def read(self) -> bytes | None:
        """The last checkpoint, or None."""

    def write(self, content: bytes) -> None:
        """Keep this one instead."""


class NoStore:
    """Keeps nothing."""

    def read(self) -> None:
        return None

    def write(self, content: bytes) -> None:
        return None


class Engine(Protocol):
    """Learns a typed table (codes as dictionaries, numbers) and draws rows like it."""

    def fit(
        self,
        learning: Learning,
        settings: FitSettings,
        model: Path,
        progress: Progress,
        store: Store,
        pretrained: Sequence[Path] = (),
    ) -> FitResult:
        """Learn the table and leave the model in the folder `model`.

        `pretrained`: the folders of what `pretrain` has made, in order, of a table of which this
        one is a part; the fit goes on from there.
        """

    def pretrain(
        self,
        learning: Learning,
        settings: FitSettings,
        model: Path,
        progress: Progress,
        store: Store,
        share: PretrainingShare,
    ) -> FitResult | None:
        """Learn a share of a whole table for the fits of its parts. None from an engine that learns
        every part by itself."""

    def sample(self, model: Path, spec: SurveySpec, request: SampleRequest) -> Iterator[pa.Table]:
        """Draw rows, a chunk at a time, in the columns and types of the table that was learnt."""
