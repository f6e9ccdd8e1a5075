"""`make bench`'s second part: our engine beside SDV's, and what each of its ideas is worth.

The sides take turns, seed by seed, each in a process of its own; see `engine_probes.py`.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.figures import Figure, Target, judge, spread
from bench.probes import Sample
from demo.airflow_home import ROOT
from include.espejo.process.child import run_child
from include.espejo.survey import Period

SEEDS = (1, 2, 3)
EPOCHS = 10
BATCH_SIZE = 100
SDV_NATIONAL_STEPS = 200
SDV_NATIONAL_SECONDS = 600
_CODE = ("include/espejo/synthesis",)


def _beside(name: str, unit: str, field: str, target: Target | None = None) -> Figure:
    return Figure(name, unit, "ctgan", field, "sdv", target)


def _ours(name: str, unit: str, field: str, target: Target | None = None) -> Figure:
    return Figure(name, unit, "ctgan", field, target=target)


EXTRACT_FIGURES = (
    _beside("fit", "s", "fit_seconds", Target(4, of_ratio=True)),
    _beside("fit, CPU time", "s", "fit_cpu_seconds"),
    _beside("fit, peak memory", "MB", "fit_peak_mb"),
    _beside("a training step", "ms", "step_ms"),
    _beside("sampling, plain", "s", "plain_seconds"),
    _ours("sampling, calibrated", "s", "calibrated_seconds"),
    _beside("quality, plain", "", "plain_overall", Target(0.93, side="at least")),
    _beside("column shapes, plain", "", "plain_shapes"),
    _beside("column pair trends, plain", "", "plain_pairs"),
    _beside("all column pairs, plain", "", "plain_pairs_all"),
    _ours("quality, calibrated", "", "calibrated_overall", Target(0.95, side="at least")),
    _ours("column shapes, calibrated", "", "calibrated_shapes"),
    _ours("column pair trends, calibrated", "", "calibrated_pairs"),
    _ours("all column pairs, calibrated", "", "calibrated_pairs_all"),
    _ours(
        "distinct rows against real, calibrated",
        "",
        "calibrated_distinct_of_real",
        Target(0.95, side="at least"),
    ),
    _beside("exact copies, plain", "", "plain_copies"),
    _ours("exact copies, calibrated", "", "calibrated_copies", Target(0.02, side="at most")),
    _beside(
        "rows in places that do not exist, plain",
        "",
        "plain_impossible_places",
        Target(0, side="at most"),
    ),
    _ours(
        "rows in places that do not exist, calibrated",
        "",
        "calibrated_impossible_places",
        Target(0, side="at most"),
    ),
    _beside(
        "rows that break a relation, plain", "", "plain_broken_share", Target(0, side="at most")
    ),
    _ours(
        "rows that break a relation, calibrated",
        "",
        "calibrated_broken_share",
        Target(0, side="at most"),
    ),
    _ours("steps taken", "steps", "steps"),
    _ours("step whose checkpoint was kept", "steps", "best_step"),
)
NATIONAL_FIGURES = (
    _ours("whole fit, to its best checkpoint", "s", "best_seconds", Target(120, side="at most")),
    _ours("whole fit, to its end", "s", "fit_seconds"),
    _ours("steps taken", "steps", "steps"),
    _beside("a training step", "ms", "step_ms"),
    _beside("the same, CPU time", "ms", "step_cpu_ms"),
    _beside("fit, peak memory", "MB", "fit_peak_mb", Target(1500, side="at most")),
    _beside("fit, besides its steps", "s", "besides_steps_seconds"),
    _ours("sampling as many rows, plain", "s", "plain_seconds", Target(15, side="at most")),
    _ours("the same, calibrated", "s", "calibrated_seconds", Target(60, side="at most")),
    _ours("sampling, peak memory, calibrated", "MB", "calibrated_peak_mb"),
    _ours("quality, plain", "", "plain_overall"),
    _ours("quality, calibrated", "", "calibrated_overall"),
    _ours(
        "rows in places that do not exist, calibrated",
        "",
        "calibrated_impossible_places",
        Target(0, side="at most"),
    ),
    _ours(
        "rows that break a relation, calibrated",
        "",
        "calibrated_broken_share",
        Target(0, side="at most"),
    ),
)


def measure_extract(survey: Path, period: Period, seeds: Sequence[int]) -> dict[str, Any]:
    """Both engines on an extract, and the variations of ours."""
    with tempfile.TemporaryDirectory(prefix="espejo-bench-") as scratch:
        request, rows = _prepared(survey, period, scratch)
        sides = [{"probe": "compare", "engine": engine} for engine in ("ctgan", "sdv")]
        samples = _take_turns(request, sides, seeds)
        variations: dict[str, list[Sample]] = defaultdict(list)
        for seed in seeds:
            (found,) = _run(request | {"probe": "ablate", "seed": seed})
            for name, sample in found.items():
                if isinstance(sample, dict):
                    variations[name].append(sample)
        (profile,) = _run(request | {"probe": "profile", "seed": seeds[0]})
    return {
        "input": {"name": survey.name, "rows": int(rows), "bytes": survey.stat().st_size},
        "seeds": list(seeds),
        "epochs": EPOCHS,
        "batch_size": BATCH_SIZE,
        "cases": [judge(figure, samples) for figure in EXTRACT_FIGURES],
        "ablation": [_variation(name, taken) for name, taken in variations.items()],
        "profile": profile,
    }


def measure_national(survey: Path, period: Period, seeds: Sequence[int]) -> dict[str, Any]:
    """Steps of both engines at national size; memory, and sampling with ours."""
    with tempfile.TemporaryDirectory(prefix="espejo-bench-") as scratch:
        request, rows = _prepared(survey, period, scratch)
        sides: list[dict[str, Any]] = [
            {"probe": "national_ours", "engine": "ctgan"},
            {
                "probe": "national_sdv",
                "engine": "sdv",
                "steps": SDV_NATIONAL_STEPS,
                "limit_seconds": SDV_NATIONAL_SECONDS,
            },
        ]
        samples = _take_turns(request, sides, seeds)
        (profile,) = _run(request | {"probe": "profile", "seed": seeds[0]})
    return {
        "input": {"name": survey.name, "rows": int(rows), "bytes": survey.stat().st_size},
        "seeds": list(seeds),
        "batch_size": BATCH_SIZE,
        "steps": {"sdv": SDV_NATIONAL_STEPS},
        "cases": [judge(figure, samples) for figure in NATIONAL_FIGURES],
        "profile": profile,
    }


def code_digest() -> str:
    """Which code was measured: a digest of the engines' sources."""
    digest = hashlib.sha256()
    for path in sorted(p for folder in _CODE for p in (ROOT / folder).rglob("*.py")):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _prepared(survey: Path, period: Period, scratch: str) -> tuple[dict[str, Any], float]:
    """The request that every probe starts from, and the rows of the typed table."""
    request = {
        "input": str(survey.resolve(strict=True)),
        "typed": str(Path(scratch) / "typed.parquet"),
        "period": str(period),
        "epochs": EPOCHS,
        "batch_size": BATCH_SIZE,
        "seed": SEEDS[0],
    }
    (sample,) = run_child("bench.probes", request | {"probe": "prepare"})
    return request, sample["rows"]


def _take_turns(
    request: Mapping[str, Any], sides: Sequence[Mapping[str, Any]], seeds: Sequence[int]
) -> dict[str, list[Sample]]:
    """Each engine's samples, one a seed; every other seed begins with the other engine."""
    samples: dict[str, list[Sample]] = defaultdict(list)
    for turn, seed in enumerate(seeds):
        for side in sides if turn % 2 == 0 else reversed(sides):
            (sample,) = _run({**request, **side, "seed": seed})
            samples[side["engine"]].append(sample)
            print(f"{side['probe']} {side['engine']}, seed {seed}", file=sys.stderr)
    return samples


def _run(request: dict[str, Any]) -> Iterable[dict[str, Any]]:
    return run_child("bench.engine_probes", request)


def _variation(name: str, samples: Sequence[Sample]) -> dict[str, Any]:
    return {"name": name} | {field: spread(samples, field) for field in samples[0]}


ABLATION_COLUMNS = {
    "plain": "plain_overall",
    "plain, views of 3": "plain_views_3",
    "plain, views of 4": "plain_views_4",
    "calibrated": "calibrated_overall",
    "calibrated, views of 3": "calibrated_views_3",
    "calibrated, views of 4": "calibrated_views_4",
    "step kept": "best_step",
    "steps": "steps",
}


def render_ablation(variations: Iterable[Mapping[str, Any]]) -> str:
    """The variations as a plain table: medians, and in brackets the lowest and highest."""
    lines = [("", *ABLATION_COLUMNS)]
    for variation in variations:
        cells = []
        for field in ABLATION_COLUMNS.values():
            digits = 0 if "step" in field else 4
            values = (f"{variation[field][k]:.{digits}f}" for k in ("median", "min", "max"))
            cells.append("{} ({}-{})".format(*values))
        lines.append((variation["name"], *cells))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def render_profile(profile: Mapping[str, Any]) -> str:
    """Operators of a training step."""
    lines = [f"{profile['operators']:.0f} operators a step; of their own time:"]
    lines += [
        f"  {100 * line['share']:4.1f} %  {line['calls']:5.1f} calls  {line['operator']}"
        for line in profile["longest"]
    ]
    return "\n".join(lines)
