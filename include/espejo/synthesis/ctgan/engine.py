"""Engine `ctgan`: the project's own, in `include/espejo/synthesis/ctgan/`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from include.espejo.process.resources import PeakMemory
from include.espejo.survey import SurveySpec
from include.espejo.synthesis.ctgan.fit import fit
from include.espejo.synthesis.ctgan.model import load_model, save_model
from include.espejo.synthesis.ctgan.sampling import sample_rows
from include.espejo.synthesis.interface.engine import (
    FitResult,
    FitSettings,
    Learning,
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
    ) -> FitResult:
        started = time.monotonic()
        with PeakMemory() as memory:
            trained = fit(learning, settings, progress, store)
        model.mkdir(parents=True, exist_ok=True)
        save_model(trained.model, model)
        seconds = time.monotonic() - started
        return FitResult(trained.steps, seconds, memory.peak_mb, trained.losses, trained.best_step)

    def sample(self, model: Path, spec: SurveySpec, request: SampleRequest) -> Iterator[pa.Table]:
        return sample_rows(load_model(model, spec), request)
