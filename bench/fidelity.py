"""`make bench`'s third part: what tables tell beyond pairs, ours beside the peers'.

Each seed is another split of the households. All contestants learn from the same protected
training rows, draw as many, and are scored by the project's own evaluation and audit, each in a
process of its own (`fidelity_probes.py`). A peer that needs packages of its own is a command, as
`--peer NAME=COMMAND`: it is run as `COMMAND TRAIN.csv OUT.csv`, both in the survey's own layout.
"""

from __future__ import annotations

import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.figures import spread
from bench.probes import Sample
from include.espejo.process.child import run_child
from include.espejo.survey import Period

OURS = ("ctgan calibrated", "ctgan plain")
PEERS = ("sdv", "sequential trees")
COLUMNS = {  # heading: field, and the target of our first contestant
    "views of 3": ("k3", ">= 945"),
    "views of 4": ("k4", ">= 890"),
    "told apart (AUC)": ("auc", ""),
    "models lose (AUC)": ("lost", "<= 0.035"),
    "group figures agree": ("groups", ">= 0.92"),
    "overall": ("overall", ">= 0.97"),
    "gates closed": ("closed", "0"),
    "fit, s": ("fit_seconds", ""),
}


def measure_fidelity(
    survey: Path, period: Period, seeds: Sequence[int], peers: Mapping[str, str]
) -> dict[str, Any]:
    """The figures of each contestant, one sample a seed; `peers`: commands by name."""
    found: dict[str, list[Sample]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="espejo-bench-") as scratch:
        request = {
            "probe": "prepare",
            "input": str(survey.resolve(strict=True)),
            "typed": str(Path(scratch) / "typed.parquet"),
            "period": str(period),
        }
        list(run_child("bench.probes", request))
        for seed in seeds:
            for name in ("held-out people", *OURS, *PEERS, *peers):
                asked = request | {
                    "probe": "fidelity",
                    "contestant": name,
                    "seed": seed,
                    "command": peers.get(name),
                }
                (sample,) = run_child("bench.fidelity_probes", asked)
                found[name].append(sample)
                print(f"fidelity {name}, seed {seed}", file=sys.stderr)
    return {"seeds": list(seeds), "contestants": dict(found)}


def render_fidelity(measured: Mapping[str, Any]) -> str:
    """A plain table: medians, and in brackets the lowest and highest."""
    lines = [("", *COLUMNS), ("asked of the first", *(asked for _, asked in COLUMNS.values()))]
    for name, samples in measured["contestants"].items():
        lines.append((name, *(_cell(samples, field) for field, _ in COLUMNS.values())))
    return _aligned(lines)


def _cell(samples: Sequence[Sample], field: str) -> str:
    told = [sample for sample in samples if field in sample]
    if not told:
        return "-"
    values = spread(told, field)
    digits = 0 if field in ("k3", "k4", "closed") else 1 if field == "fit_seconds" else 3
    return "{} ({}-{})".format(*(f"{values[k]:.{digits}f}" for k in ("median", "min", "max")))


def _aligned(lines: Iterable[Sequence[str]]) -> str:
    rows = list(lines)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
