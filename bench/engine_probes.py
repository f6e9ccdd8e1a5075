"""What is measured of the engines: each probe runs once in a fresh process (see `probes.py`).

A probe fits as the flow does, through the engine's own interface, and draws as the flow does,
into a Parquet file. Scores are against the table that the engine was given.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from bench.probes import MEGABYTE, SURVEY, Request, Sample, answer

if TYPE_CHECKING:
    import pyarrow as pa

    from include.espejo.synthesis.ctgan.fit import Trained
    from include.espejo.synthesis.ctgan.model import Model
    from include.espejo.synthesis.ctgan.recipe import Recipe
    from include.espejo.synthesis.interface.engine import FitSettings, Learning

MEBIBYTE = 2**20
WARM_UP = 20  # steps whose time does not count
PROFILED_STEPS = 50
PROFILE_LINES = 12


def compare(request: Request) -> Sample:
    """One engine, one seed: fit, draw as many rows, score them."""
    from include.espejo.synthesis.engines import make_engine
    from include.espejo.synthesis.interface.engine import NoStore

    learning = _learning(request)
    engine, calibrated = make_engine(request["engine"]), request["engine"] == "ctgan"
    with tempfile.TemporaryDirectory(prefix="espejo-bench-") as name:
        model = Path(name)
        before = _cpu_seconds()
        fitted = engine.fit(learning, _settings(request), model, lambda told: None, NoStore())
        cpu_seconds = _cpu_seconds() - before
        first, last = fitted.losses[0], fitted.losses[-1]
        result: Sample = {
            "fit_seconds": fitted.seconds,
            "fit_cpu_seconds": cpu_seconds,
            "fit_peak_mb": fitted.peak_rss_mb * MEBIBYTE / MEGABYTE,
            "steps": fitted.steps,
            "best_step": fitted.best_step,
        }
        an_epoch = _steps_an_epoch(learning, request)
        if fitted.steps > an_epoch:  # the first epoch has the warm-up in it
            seconds = last.seconds - first.seconds
            result["step_ms"] = 1000 * seconds / (fitted.steps - an_epoch)
        for label, calibrate in [("plain", False), ("calibrated", True)][: 1 + calibrated]:
            drawn, seconds = _draw(model, request, learning, calibrate)
            result[f"{label}_seconds"] = seconds
            result |= {f"{label}_{k}": v for k, v in _scores(learning, drawn).items()}
    return result


def ablate(request: Request) -> dict[str, Any]:
    """One seed, every variation of the recipe in turn: scores plain and calibrated."""
    from include.espejo.synthesis.ctgan.fit import fit
    from include.espejo.synthesis.interface.engine import NoStore, SampleRequest

    learning, found = _learning(request), {}
    for name, (recipe, changes) in variations().items():
        settings = replace(_settings(request), **changes)
        started = perf_counter()
        trained: Trained = fit(learning, settings, lambda told: None, NoStore(), recipe)
        found[name] = {
            "fit_seconds": perf_counter() - started,
            "steps": trained.steps,
            "best_step": trained.best_step,
        }
        for label, calibrate in (("plain", False), ("calibrated", True)):
            wanted = SampleRequest(learning.table.num_rows, request["seed"], calibrate)
            scores = _scores(learning, _all_rows(trained.model, wanted))
            found[name] |= {f"{label}_{k}": v for k, v in scores.items()}
        print(f"seed {request['seed']}: {name}", file=sys.stderr)
    return found


def variations() -> dict[str, tuple[Recipe, dict[str, Any]]]:
    """Each variation's recipe, and what it changes in the fit's settings.

    The last state is compared apart from the kept one: a part of the training says nothing of its
    worth where what is kept was there before it.
    """
    from include.espejo.synthesis.ctgan.adversarial import Rates
    from include.espejo.synthesis.ctgan.generator import Shape
    from include.espejo.synthesis.ctgan.recipe import Recipe

    last = Recipe(selection=False)
    return {
        "as shipped": (Recipe(), {}),
        "margins alone": (Recipe(likelihood=False, adversary=False), {}),
        "without the adversary": (Recipe(adversary=False), {}),
        "without likelihood": (Recipe(likelihood=False), {}),
        "last, not the best kept": (last, {}),
        "last, without the adversary": (replace(last, adversary=False), {}),
        "last, training-by-sampling alone": (replace(last, rates=Rates(adversary=0)), {}),
        "last, the adversary ten times as strong": (replace(last, rates=Rates(adversary=1)), {}),
        "last, without training-by-sampling": (replace(last, rates=Rates(conditional=0)), {}),
        "last, pac 1": (replace(last, shape=Shape(pac=1)), {}),
        "without dropout": (Recipe(shape=Shape(dropout=0)), {}),
    }


def profile(request: Request) -> dict[str, Any]:
    """What a training step is made of: operators called, and the longest of them."""
    import torch
    from torch.profiler import ProfilerActivity

    from include.espejo.synthesis.ctgan.trainings import Trainings

    learning, profiled = _learning(request), request.get("profiled_steps", PROFILED_STEPS)
    left = {"steps": WARM_UP + profiled}
    original = Trainings.step
    profiler = torch.profiler.profile(activities=[ProfilerActivity.CPU])

    def step(run: Trainings) -> tuple[float, float | None]:
        if left["steps"] == profiled:
            profiler.start()
        left["steps"] -= 1
        return original(run)

    with _patched_step(step):
        _fit_here(learning, replace(_settings(request), max_steps=WARM_UP + profiled))
    profiler.stop()
    events = sorted(profiler.key_averages(), key=lambda e: -e.self_cpu_time_total)
    total = sum(e.self_cpu_time_total for e in events)
    return {
        "operators": sum(e.count for e in events) / profiled,
        "kernel_ms": total / 1000 / profiled,
        "longest": [
            {"operator": e.key, "calls": e.count / profiled,
             "share": e.self_cpu_time_total / total}
            for e in events[:PROFILE_LINES]
        ],
    }  # fmt: skip


def national_ours(request: Request) -> Sample:
    """Our engine on the national table: a whole fit, its memory, and as many rows drawn."""
    from include.espejo.process.resources import PeakMemory
    from include.espejo.synthesis.ctgan.model import save_model
    from include.espejo.synthesis.ctgan.trainings import Trainings

    learning, ends, cpu = _learning(request), [], []
    original = Trainings.step

    def step(run: Trainings) -> tuple[float, float | None]:
        losses = original(run)
        ends.append(perf_counter())
        cpu.append(_cpu_seconds())
        return losses

    started = perf_counter()
    with PeakMemory() as memory, _patched_step(step):
        trained = _fit_here(learning, replace(_settings(request), max_steps=request.get("steps")))
    fitted = perf_counter()
    result: Sample = {
        "steps": trained.steps,
        "best_step": trained.best_step,
        "step_ms": _milliseconds(ends),
        "step_cpu_ms": _milliseconds(cpu),
        "fit_seconds": fitted - started,
        "best_seconds": ends[max(trained.best_step, 1) - 1] - started,
        "besides_steps_seconds": fitted - started - _milliseconds(ends) * len(ends) / 1000,
        "fit_peak_mb": memory.peak_mb * MEBIBYTE / MEGABYTE,
    }
    with tempfile.TemporaryDirectory(prefix="espejo-bench-") as name:
        save_model(trained.model, Path(name))
        del trained
        for label, calibrate in (("plain", False), ("calibrated", True)):
            with PeakMemory() as memory:
                drawn, seconds = _draw(Path(name), request, learning, calibrate)
            result[f"{label}_seconds"] = seconds
            result[f"{label}_peak_mb"] = memory.peak_mb * MEBIBYTE / MEGABYTE
            result |= {f"{label}_{k}": v for k, v in _scores(learning, drawn).items()}
            del drawn
    return result


def national_sdv(request: Request) -> Sample:
    """SDV's CTGAN on the national table, until it has done some steps: a fit of it takes hours.

    Its own child's code runs here, so that its optimisers' steps can be counted; a step is one
    of the critic and one of the generator.
    """
    import pyarrow.parquet as pq

    from include.espejo.process.resources import PeakMemory
    from include.espejo.synthesis.sdv import child as sdv_child

    learning, started, steps = _learning(request), perf_counter(), _Steps(request["steps"])
    with tempfile.TemporaryDirectory(prefix="espejo-bench-") as name, PeakMemory() as memory:
        table = Path(name) / "table.parquet"
        pq.write_table(learning.table, table)
        del learning
        with suppress(_Enough), steps.counted(request["limit_seconds"]):
            sdv_child.handle({
                "task": "fit", "epochs": 10, "batch_size": request["batch_size"],
                "seed": request["seed"], "table": str(table), "model": str(Path(name) / "sdv.pkl"),
            })  # fmt: skip
    return {
        "steps": len(steps.ends),
        "step_ms": _milliseconds(steps.ends),
        "step_cpu_ms": _milliseconds(steps.cpu),
        "besides_steps_seconds": steps.ends[0] - started,
        "fit_peak_mb": memory.peak_mb * MEBIBYTE / MEGABYTE,
    }


class _Steps:
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
            self.cpu.append(_cpu_seconds())
        if len(self.ends) >= self.most:
            raise _Enough

    def _out_of_time(self, number: int, frame: FrameType | None) -> NoReturn:
        raise _Enough


class _Enough(BaseException):
    """Enough steps, or enough time: no library catches it on its way out."""


def _cpu_seconds() -> float:
    """CPU time of this process and of children that have ended: what other load adds little to."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _milliseconds(ends: list[float]) -> float:
    """A step's time from the moments at which steps ended, without the warm-up."""
    counted = ends[min(WARM_UP, len(ends) // 2) :]
    return 1000 * (counted[-1] - counted[0]) / (len(counted) - 1)


def _learning(request: Request) -> Learning:
    from include.espejo.survey import Period, load_spec
    from include.espejo.synthesis.train import prepare_learning
    from include.espejo.table.frames import from_parquet

    table = from_parquet(Path(request["typed"]).read_bytes())
    return prepare_learning(table, load_spec(SURVEY), Period.parse(request["period"]))


def _settings(request: Request) -> FitSettings:
    from include.espejo.synthesis.interface.engine import FitSettings

    return FitSettings(request["epochs"], request["batch_size"], request["seed"])


def _steps_an_epoch(learning: Learning, request: Request) -> int:
    """Our engine trains on what its selection leaves, SDV's on all."""
    import numpy as np

    from include.espejo.synthesis.ctgan.selection import split_households

    rows = learning.table.num_rows
    if request["engine"] == "ctgan":
        shuffle = np.random.default_rng([request["seed"], 1])
        rows = len(split_households(rows, learning.households, shuffle)[0])
    return max(int(rows) // int(request["batch_size"]), 1)


def _fit_here(learning: Learning, settings: FitSettings) -> Trained:
    from include.espejo.synthesis.ctgan.fit import fit
    from include.espejo.synthesis.interface.engine import NoStore

    return fit(learning, settings, lambda told: None, NoStore())


@contextmanager
def _patched_step(step: Any) -> Iterator[None]:
    """Put `step` in the place of the training's, and back."""
    from include.espejo.synthesis.ctgan.trainings import Trainings

    original = Trainings.step
    Trainings.step = step  # type: ignore[method-assign]
    try:
        yield
    finally:
        Trainings.step = original  # type: ignore[method-assign]


def _draw(
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


def _all_rows(model: Model, wanted: Any) -> pa.Table:
    import pyarrow as pa

    from include.espejo.synthesis.ctgan.sampling import sample_rows

    return pa.concat_tables(sample_rows(model, wanted)).unify_dictionaries()


def _scores(learning: Learning, drawn: pa.Table) -> Sample:
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
    metadata = {"columns": {n: {"sdtype": "categorical" if c.is_code() else "numerical"}
                            for n, c in columns.items()}}  # fmt: skip
    left, right = (f[list(columns)].astype(kinds) for f in (real, synthetic))
    report = quality(left, right, metadata)
    broken = broken_rules(drawn, learning.table, spec, learning.period)
    places = [b["share"] for b in broken if b["rule"] == "places_that_exist"]
    wrong = [b.rows for b in relations(synthetic, spec, learning.period)]
    rows = group_numbers(pd.concat([left, right], ignore_index=True))
    ours, theirs = rows[: len(left)], rows[len(left) :]
    distinct = [len(np.unique(side)) / len(side) for side in (ours, theirs)]
    random = np.random.default_rng(0)
    views = score_marginals(open_contest(real, None, synthetic, spec, random), None, random)
    return {
        **{f"views_{k}": views["by_size"][str(k)]["all_rows"] / 1000 for k in (3, 4)},
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


PROBES = {
    "compare": compare,
    "ablate": ablate,
    "profile": profile,
    "national_ours": national_ours,
    "national_sdv": national_sdv,
}

if __name__ == "__main__":
    answer(PROBES)
