"""How the probes of engines fit, count steps, draw and score."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from bench.probes import SURVEY, Request, Sample

if TYPE_CHECKING:
    import pyarrow as pa

    from include.espejo.synthesis.ctgan.fit import Trained
    from include.espejo.synthesis.ctgan.model import Model
    from include.espejo.synthesis.interface.engine import FitSettings, Learning

WARM_UP = 20  # steps whose time does not count


class Steps:
    """Counts a training's steps, by two updates of an optimiser each, and ends it after `most`."""

    def __init__(self, most: int):
        self.most, self.updates = most, 0
        self.ends: list[float] = []
        self.cpu: list[float] = []

    @contextmanager
    def counted(self, limit_seconds: int) -> Iterator[None]:
        from torch.optim.optimizer import register_optimizer_step_post_hook

        signal.signal(signal.SIGALRM, self._out_of_time)
        signal.alarm(limit_seconds)
        hook = register_optimizer_step_post_hook(self._count)
        try:
            yield
        finally:
            signal.alarm(0)
            hook.remove()

    def _count(self, *_: object) -> None:
        self.updates += 1
        if self.updates % 2 == 0:
            self.ends.append(perf_counter())
            self.cpu.append(cpu_seconds())
        if len(self.ends) >= self.most:
            raise Enough

    def _out_of_time(self, number: int, frame: FrameType | None) -> NoReturn:
        raise Enough


class Enough(BaseException):
    """Enough steps, or enough time: no library catches it on its way out."""


def cpu_seconds() -> float:
    """CPU time of this process and of children that have ended: what other load adds little to."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def milliseconds(ends: list[float]) -> float:
    """A step's time from the moments at which steps ended, without the warm-up."""
    counted = ends[min(WARM_UP, len(ends) // 2) :]
    return 1000 * (counted[-1] - counted[0]) / (len(counted) - 1)


def learning_of(request: Request) -> Learning:
    from include.espejo.survey import Period, load_spec
    from include.espejo.synthesis.train import prepare_learning
    from include.espejo.table.frames import from_parquet

    table = from_parquet(Path(request["typed"]).read_bytes())
    return prepare_learning(table, load_spec(SURVEY), Period.parse(request["period"]))


def settings_of(request: Request) -> FitSettings:
    from include.espejo.synthesis.interface.engine import FitSettings

    return FitSettings(request["epochs"], request["batch_size"], request["seed"])


def steps_an_epoch(learning: Learning, request: Request) -> int:
    """Our engine trains on what its selection leaves, SDV's on all."""
    import numpy as np

    from include.espejo.synthesis.ctgan.selection import split_households

    rows = learning.table.num_rows
    if request["engine"] == "ctgan":
        shuffle = np.random.default_rng([request["seed"], 1])
        rows = len(split_households(rows, learning.households, shuffle)[0])
    return max(int(rows) // int(request["batch_size"]), 1)


def fit_here(learning: Learning, settings: FitSettings) -> Trained:
    from include.espejo.synthesis.ctgan.fit import fit
    from include.espejo.synthesis.interface.engine import NoStore

    return fit(learning, settings, lambda told: None, NoStore())


@contextmanager
def patched_step(step: Any) -> Iterator[None]:
    """Put `step` in the place of the training's, and back."""
    from include.espejo.synthesis.ctgan.trainings import Trainings

    original = Trainings.step
    Trainings.step = step  # type: ignore[method-assign]
    try:
        yield
    finally:
        Trainings.step = original  # type: ignore[method-assign]


def draw_to(
    model: Path, request: Request, learning: Learning, calibrate: bool
) -> tuple[pa.Table, float]:
    """As many rows as were learnt, as the flow draws them, and the seconds that it takes."""
    import pyarrow.parquet as pq

    from include.espejo.synthesis.interface.engine import SampleRequest
    from include.espejo.synthesis.sample import sampled_parquet

    files = {path.name: path.read_bytes() for path in model.iterdir()}
    wanted = SampleRequest(learning.table.num_rows, request["seed"], calibrate)
    with sampled_parquet(files, request["engine"], learning.spec, wanted) as (path, seconds):
        return pq.read_table(path), seconds


def all_rows(model: Model, wanted: Any) -> pa.Table:
    import pyarrow as pa

    from include.espejo.synthesis.ctgan.sampling import sample_rows

    return pa.concat_tables(sample_rows(model, wanted)).unify_dictionaries()


def scores_of(learning: Learning, drawn: pa.Table) -> Sample:
    """Quality, and shares of rows: broken rules, places, distinct, copied."""
    import numpy as np
    import pandas as pd

    from include.espejo.evaluate.general.marginals import score_marginals
    from include.espejo.evaluate.quality.reports import quality
    from include.espejo.evaluate.scoring.references import open_contest
    from include.espejo.synthesis.sample import broken_rules
    from include.espejo.table.frames import to_frame
    from include.espejo.table.rules import group_numbers, relations

    real, synthetic, spec = to_frame(learning.table), to_frame(drawn), learning.spec
    columns = {n: spec.columns[n] for n in real.columns if real[n].notna().any()}
    kinds = {n: "object" for n, c in columns.items() if c.is_code()}
    metadata = {
        "columns": {
            n: {"sdtype": "categorical" if c.is_code() else "numerical"} for n, c in columns.items()
        }
    }
    left, right = (f[list(columns)].astype(kinds) for f in (real, synthetic))
    report = quality(left, right, metadata)
    broken = broken_rules(synthetic, real, spec, learning.period)
    places = [b.share for b in broken if b.rule == "places_that_exist"]
    wrong = [b.rows for b in relations(synthetic, spec, learning.period)]
    rows = group_numbers(pd.concat([left, right], ignore_index=True))
    ours, theirs = rows[: len(left)], rows[len(left) :]
    distinct = [len(np.unique(side)) / len(side) for side in (ours, theirs)]
    random = np.random.default_rng(0)
    views = score_marginals(open_contest(real, None, synthetic, spec, random), None, random)
    return {
        **{f"views_{k}": (views.by_size[str(k)].all_rows or 0.0) / 1000 for k in (3, 4)},
        "overall": report.overall,
        "shapes": report.shapes,
        "pairs": report.pair_trends or 0.0,
        "pairs_all": report.pair_trends_all or 0.0,
        "broken_share": float(np.logical_or.reduce(wrong).mean()) if wrong else 0.0,
        "rules_broken": float(len(broken)),
        "impossible_places": places[0] if places else 0.0,
        "distinct_of_real": distinct[1] / distinct[0],
        "copies": float(np.isin(theirs, ours).mean()),
    }
