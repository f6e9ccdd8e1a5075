"""What is measured of the engines: each probe runs once in a fresh process (see `probes.py`).

A probe fits as the flow does, through the engine's own interface, and draws as the flow does,
into a Parquet file. Scores are against the table that the engine was given.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from bench.engine_runs import (
    WARM_UP,
    Enough,
    Steps,
    all_rows,
    cpu_seconds,
    draw_to,
    fit_here,
    learning_of,
    milliseconds,
    patched_step,
    scores_of,
    settings_of,
    steps_an_epoch,
)
from bench.probes import MEGABYTE, Request, Sample, answer

if TYPE_CHECKING:
    from include.espejo.synthesis.ctgan.fit import Trained
    from include.espejo.synthesis.ctgan.recipe import Recipe

MEBIBYTE = 2**20
PROFILED_STEPS = 50
PROFILE_LINES = 12


def compare(request: Request) -> Sample:
    """One engine, one seed: fit, draw as many rows, score them."""
    from include.espejo.synthesis.engines import make_engine
    from include.espejo.synthesis.interface.engine import NoStore

    learning = learning_of(request)
    engine, calibrated = make_engine(request["engine"]), request["engine"] == "ctgan"
    with tempfile.TemporaryDirectory(prefix="espejo-bench-") as name:
        model = Path(name)
        before = cpu_seconds()
        fitted = engine.fit(learning, settings_of(request), model, lambda told: None, NoStore())
        spent = cpu_seconds() - before
        first, last = fitted.losses[0], fitted.losses[-1]
        result: Sample = {
            "fit_seconds": fitted.seconds,
            "fit_cpu_seconds": spent,
            "fit_peak_mb": fitted.peak_rss_mb * MEBIBYTE / MEGABYTE,
            "steps": fitted.steps,
            "best_step": fitted.best_step,
        }
        an_epoch = steps_an_epoch(learning, request)
        if fitted.steps > an_epoch:  # the first epoch has the warm-up in it
            seconds = last.seconds - first.seconds
            result["step_ms"] = 1000 * seconds / (fitted.steps - an_epoch)
        for label, calibrate in [("plain", False), ("calibrated", True)][: 1 + calibrated]:
            drawn, seconds = draw_to(model, request, learning, calibrate)
            result[f"{label}_seconds"] = seconds
            result |= {f"{label}_{k}": v for k, v in scores_of(learning, drawn).items()}
    return result


def ablate(request: Request) -> dict[str, Any]:
    """One seed, every variation of the recipe in turn: scores plain and calibrated."""
    from include.espejo.synthesis.ctgan.fit import fit
    from include.espejo.synthesis.interface.engine import NoStore, SampleRequest

    learning, found = learning_of(request), {}
    for name, (recipe, changes) in variations().items():
        settings = replace(settings_of(request), **changes)
        started = perf_counter()
        trained: Trained = fit(learning, settings, lambda told: None, NoStore(), recipe)
        found[name] = {
            "fit_seconds": perf_counter() - started,
            "steps": trained.steps,
            "best_step": trained.best_step,
        }
        for label, calibrate in (("plain", False), ("calibrated", True)):
            wanted = SampleRequest(learning.table.num_rows, request["seed"], calibrate)
            scores = scores_of(learning, all_rows(trained.model, wanted))
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

    learning, profiled = learning_of(request), request.get("profiled_steps", PROFILED_STEPS)
    left = {"steps": WARM_UP + profiled}
    original = Trainings.step
    profiler = torch.profiler.profile(activities=[ProfilerActivity.CPU])

    def step(run: Trainings) -> tuple[float, float | None]:
        if left["steps"] == profiled:
            profiler.start()
        left["steps"] -= 1
        return original(run)

    with patched_step(step):
        fit_here(learning, replace(settings_of(request), max_steps=WARM_UP + profiled))
    profiler.stop()
    events = sorted(profiler.key_averages(), key=lambda e: -e.self_cpu_time_total)
    total = sum(e.self_cpu_time_total for e in events)
    return {
        "operators": sum(e.count for e in events) / profiled,
        "kernel_ms": total / 1000 / profiled,
        "longest": [
            {"operator": e.key, "calls": e.count / profiled, "share": e.self_cpu_time_total / total}
            for e in events[:PROFILE_LINES]
        ],
    }


def national_ours(request: Request) -> Sample:
    """Our engine on the national table: a whole fit, its memory, and as many rows drawn."""
    from include.espejo.process.resources import PeakMemory
    from include.espejo.synthesis.ctgan.model import save_model
    from include.espejo.synthesis.ctgan.trainings import Trainings

    learning, ends, cpu = learning_of(request), [], []
    original = Trainings.step

    def step(run: Trainings) -> tuple[float, float | None]:
        losses = original(run)
        ends.append(perf_counter())
        cpu.append(cpu_seconds())
        return losses

    started = perf_counter()
    with PeakMemory() as memory, patched_step(step):
        trained = fit_here(learning, replace(settings_of(request), max_steps=request.get("steps")))
    fitted = perf_counter()
    result: Sample = {
        "steps": trained.steps,
        "best_step": trained.best_step,
        "step_ms": milliseconds(ends),
        "step_cpu_ms": milliseconds(cpu),
        "fit_seconds": fitted - started,
        "best_seconds": ends[max(trained.best_step, 1) - 1] - started,
        "besides_steps_seconds": fitted - started - milliseconds(ends) * len(ends) / 1000,
        "fit_peak_mb": memory.peak_mb * MEBIBYTE / MEGABYTE,
    }
    with tempfile.TemporaryDirectory(prefix="espejo-bench-") as name:
        save_model(trained.model, Path(name))
        del trained
        for label, calibrate in (("plain", False), ("calibrated", True)):
            with PeakMemory() as memory:
                drawn, seconds = draw_to(Path(name), request, learning, calibrate)
            result[f"{label}_seconds"] = seconds
            result[f"{label}_peak_mb"] = memory.peak_mb * MEBIBYTE / MEGABYTE
            result |= {f"{label}_{k}": v for k, v in scores_of(learning, drawn).items()}
            del drawn
    return result


def national_sdv(request: Request) -> Sample:
    """SDV's CTGAN on the national table, until it has done some steps: a fit of it takes hours.

    Its own child's code runs here, so that its optimisers' steps can be counted; a step is one
    of the critic and one of the generator.
    """
    import pyarrow.parquet as pq

    from include.espejo.process.resources import PeakMemory
    from include.espejo.synthesis.sdv.child import handle

    learning, started, steps = learning_of(request), perf_counter(), Steps(request["steps"])
    with tempfile.TemporaryDirectory(prefix="espejo-bench-") as name, PeakMemory() as memory:
        table = Path(name) / "table.parquet"
        pq.write_table(learning.table, table)
        del learning
        with suppress(Enough), steps.counted(request["limit_seconds"]):
            handle(
                {
                    "task": "fit",
                    "epochs": 10,
                    "batch_size": request["batch_size"],
                    "seed": request["seed"],
                    "table": str(table),
                    "model": str(Path(name) / "sdv.pkl"),
                }
            )
    return {
        "steps": len(steps.ends),
        "step_ms": milliseconds(steps.ends),
        "step_cpu_ms": milliseconds(steps.cpu),
        "besides_steps_seconds": steps.ends[0] - started,
        "fit_peak_mb": memory.peak_mb * MEBIBYTE / MEGABYTE,
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
