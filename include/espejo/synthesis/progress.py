"""The progress of a training, as a small document in the lake for those who wait.

It holds no row and no seed. Losses and scores are rounded, and the speed to two digits, since it
is shown outside the restricted area that it lies in.
"""

from __future__ import annotations

import logging
import math
import time

from pydantic import ValidationError

from include.espejo.errors import LakeError
from include.espejo.lake import Document, Lake
from include.espejo.synthesis.interface.engine import EpochProgress

log = logging.getLogger(__name__)

DECIMALS = 3  # of losses and held-out scores
MOST_POINTS = 200  # of the curve: beyond, every second one goes
SECONDS_BETWEEN = 1.0  # short epochs are not all written


class ProgressPoint(Document):
    """An epoch's losses and held-out score; None where there is no figure."""

    epoch: int
    generator_loss: float | None
    critic_loss: float | None
    score: float | None


class Progress(ProgressPoint):
    """The state of a training of `of` epochs, and its curve; times in seconds."""

    done: bool
    of: int
    seconds: int
    seconds_left: int
    rows_per_second: int | None
    curve: tuple[ProgressPoint, ...]


class LiveProgress:
    """Writes the state of a training after an epoch, and its last one when it has ended."""

    def __init__(self, lake: Lake, uri: str):
        self._lake, self._uri = lake, uri
        self._curve: list[ProgressPoint] = []
        self._state: Progress | None = None
        self._written = -math.inf

    def tell(self, told: EpochProgress) -> None:
        """Keep an epoch's figures, and write them unless others were written just now."""
        if not self._curve:
            self._curve = self._of_earlier_attempt(told.epoch)
        self._curve.append(_point(told))
        if len(self._curve) > MOST_POINTS:
            self._curve = self._curve[::-2][::-1]  # the last one stays
        speed = told.rows_per_second
        self._state = Progress(
            **dict(self._curve[-1]),
            done=False,
            of=told.epochs,
            seconds=round(told.seconds),
            seconds_left=round(seconds_left(told)),
            rows_per_second=None if speed is None else _two_digits(speed),
            curve=tuple(self._curve),
        )
        if time.monotonic() - self._written >= SECONDS_BETWEEN:
            self._write(self._state)

    def end(self) -> None:
        """Write the last state as final; do nothing if no epoch was reported."""
        if self._state is not None:
            # Nothing is left to do, also where training stopped early.
            self._write(self._state.model_copy(update={"done": True, "seconds_left": 0}))

    def _write(self, state: Progress) -> None:
        try:
            self._lake.write(self._uri, state.to_json())
        except LakeError as error:
            # It is for onlookers: a training of hours does not end for it, and tells more later.
            log.warning("progress is not shown: %s", error)
        self._written = time.monotonic()

    def _of_earlier_attempt(self, epoch: int) -> list[ProgressPoint]:
        """The curve of an attempt that did not end, where this one goes on from its checkpoint."""
        if epoch == 1:
            return []
        stored = read_progress(self._lake, self._uri)
        return [] if stored is None else [point for point in stored.curve if point.epoch < epoch]


def read_progress(lake: Lake, uri: str) -> Progress | None:
    """The last state written; None if training has not reported yet.

    One that is damaged is none, too: it is for onlookers, and no training ends for it.
    """
    stored = lake.read_tagged(uri)
    try:
        return None if stored is None else Progress.of_json(stored.content)
    except ValidationError:
        return None


def seconds_left(told: EpochProgress) -> float:
    """By the pace so far."""
    return told.seconds / told.epoch * (told.epochs - told.epoch)


def _point(told: EpochProgress) -> ProgressPoint:
    return ProgressPoint(
        epoch=told.epoch,
        generator_loss=_rounded(told.generator_loss),
        critic_loss=_rounded(told.critic_loss),
        score=_rounded(told.score),
    )


def _rounded(value: float | None) -> float | None:
    """None where there is no figure: also the loss of a training that diverged."""
    return round(value, DECIMALS) if value is not None and math.isfinite(value) else None


def _two_digits(value: float) -> int:
    """Two significant digits: enough for a pace, too few to count rows by."""
    return int(round(value, 1 - math.floor(math.log10(max(value, 1)))))
