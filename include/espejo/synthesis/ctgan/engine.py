"""Engine `ctgan`: the project's own, in `include/espejo/synthesis/ctgan/`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from include.espejo.process.resources import PeakMemory
from include.espejo.survey import SurveySpec
from include.espejo.synthesis.ctgan.fit import Trained, fit, fit_group
from include.espejo.synthesis.ctgan.model import load_model, save_model
from include.espejo.synthesis.ctgan.sampling import sample_rows
from include.espejo.synthesis.interface.engine import (
    FitResult,
    FitSettings,
    Learning,
    PretrainingShare,
    Progress,
    SampleRequest,
    Store,
)


class CtganEngine:
    """See interface.Engine."""

    def fit(
        self,
        learning: Learning,
        settings: FitSettings,
        model: Path,
        progress: Progress,
        store: Store,
        pretrained: Sequence[Path] = (),
    ) -> FitResult:
        known = [load_model(folder, learning.spec) for folder in pretrained]
        return _saved(model, lambda: fit(learning, settings, progress, store, pretrained=known))

    def pretrain(
        self,
        learning: Learning,
        settings: FitSettings,
        model: Path,
        progress: Progress,
        store: Store,
        share: PretrainingShare,
    ) -> FitResult:
        return _saved(model, lambda: fit_group(learning, settings, progress, store, share))

    def sample(self, model: Path, spec: SurveySpec, request: SampleRequest) -> Iterator[pa.Table]:
        return sample_rows(load_model(model, spec), request)


def _saved(folder: Path, learn: Callable[[], Trained]) -> FitResult:
    """Learn, and save the model in the folder."""
    started = time.monotonic()
    with PeakMemory() as memory:
        trained = learn()
    folder.mkdir(parents=True, exist_ok=True)
    save_model(trained.model, folder)
    seconds = time.monotonic() - started
    return FitResult(trained.steps, seconds, memory.peak_mb, trained.losses, trained.best_step)
