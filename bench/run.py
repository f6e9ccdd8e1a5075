"""`make bench`: the flow's speed and memory, measured on this machine, beside the notebook's.

    python -m bench.run [--input FILE --period 2015T2] [--repeats 3] [--full] [--out FILE]
                        [--engines [--national FILE] [--peer NAME=COMMAND ...]]

Each measurement is a process of its own; the sides take turns, so that other load on the
machine falls on both. A figure that is not reached is told, and is not a failure. With
`--engines` also the engines, ours beside SDV's: on the input, on a file of national size, and what
their tables tell beyond pairs, beside other peers.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.engines import (
    SEEDS,
    code_digest,
    measure_extract,
    measure_national,
    render_ablation,
    render_profile,
)
from bench.fidelity import measure_fidelity, render_fidelity
from bench.figures import FIGURES, FULL_FIGURES, Figure, judge, probes_of, render
from bench.probes import Sample
from demo.airflow_home import ROOT
from demo.enoe_like import generate_survey, write_survey
from include.espejo.errors import EspejoError
from include.espejo.process.child import run_child
from include.espejo.survey import Period

BUILD = ROOT / "build"
NATIONAL_PEOPLE = 450_000
EXTRACT_PEOPLE = 10_000
SEED = 1
SHIPPED_COLUMNS = 105


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table and write bench.json; 2 if something cannot be measured at all."""
    options = _options(arguments)
    figures = FULL_FIGURES if options.full else FIGURES
    try:
        period = Period.parse(options.period)
        survey = options.input or make_survey(BUILD / "bench", period, NATIONAL_PEOPLE)
        result = measure(survey, period, options.repeats, figures)
        if options.engines:
            result["engines"] = measure_engines(options, period)
    except (EspejoError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(_heading(result))
    print(render(result["cases"]))
    if "engines" in result:
        print(_engine_tables(result["engines"]))
    return 0


def measure_engines(options: argparse.Namespace, period: Period) -> dict[str, Any]:
    """The engines on an extract and at national size; made-up surveys where no file is given."""
    extract = options.input or make_survey(BUILD / "bench", period, EXTRACT_PEOPLE)
    national = options.national or make_survey(BUILD / "bench", period, NATIONAL_PEOPLE)
    return {
        "code_sha256": code_digest(),
        "extract": measure_extract(extract, period, options.seeds),
        "national": measure_national(national, period, options.seeds[: options.national_seeds]),
        "fidelity": measure_fidelity(extract, period, options.seeds, dict(options.peer)),
    }


def _engine_tables(engines: dict[str, Any]) -> str:
    parts = []
    for name in ("extract", "national"):
        found = engines[name]
        source = found["input"]
        seeds = ", ".join(map(str, found["seeds"]))
        parts += [
            f"\nEngine ctgan beside sdv, {source['name']}: {source['rows']:,} rows; seeds {seeds}",
            render(found["cases"], peer="sdv"),
        ]
        if "ablation" in found:
            parts += ["\nWhat each idea is worth", render_ablation(found["ablation"])]
        parts.append(render_profile(found["profile"]))
    parts += [
        "\nBeyond pairs, a split of the households for each seed",
        render_fidelity(engines["fidelity"]),
    ]
    return "\n".join(parts)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--input", type=Path, help="a survey file (default: one of national size)")
    parser.add_argument("--period", default="2015T2")
    parser.add_argument("--repeats", type=_positive, default=3)
    parser.add_argument("--full", action="store_true", help="the evaluation too: minutes")
    parser.add_argument("--engines", action="store_true", help="the engines too: tens of minutes")
    parser.add_argument("--national", type=Path, help="a survey file of national size")
    parser.add_argument(
        "--peer",
        type=_peer,
        action="append",
        default=[],
        metavar="NAME=COMMAND",
        help="another method, run as COMMAND TRAIN.csv OUT.csv",
    )
    parser.add_argument("--seeds", type=_positive, nargs="+", default=list(SEEDS))
    parser.add_argument("--national-seeds", type=_positive, default=1, help="how many of them")
    parser.add_argument("--out", type=Path, default=BUILD / "bench.json")
    return parser.parse_args(arguments)


def _peer(text: str) -> tuple[str, str]:
    name, equals, command = text.partition("=")
    if not (name and equals and command):
        raise argparse.ArgumentTypeError(f"{text!r}: write NAME=COMMAND")
    return name, command


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: write a whole number from 1 up")
    return int(text)


def make_survey(folder: Path, period: Period, people: int) -> Path:
    """A made-up survey of this size, generated once and kept in the folder."""
    path = folder / f"enoe_like_{period}_{people}.csv"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        write_survey(
            _as_wide_as_shipped(generate_survey(period.year, period.number, people, SEED)), part
        )
        part.replace(path)
    return path


def _as_wide_as_shipped(table: pd.DataFrame) -> pd.DataFrame:
    """The survey's own files have some 105 columns, most of which nobody here reads: filled up
    with columns of one to four digits, so that reading costs what it costs in the office."""
    generator = np.random.default_rng(SEED)
    digits = [np.array([f"{i}" for i in range(10**width)], dtype=object) for width in (1, 1, 2, 4)]
    filler = {
        f"X{i}": digits[i % 4][generator.integers(len(digits[i % 4]), size=len(table))]
        for i in range(SHIPPED_COLUMNS - table.shape[1])
    }
    return pd.concat([table, pd.DataFrame(filler, index=table.index)], axis=1)


def measure(
    survey: Path, period: Period, repeats: int, figures: Sequence[Figure]
) -> dict[str, Any]:
    """The content of bench.json. Raises EspejoError where a probe fails."""
    with tempfile.TemporaryDirectory(prefix="espejo-bench-") as scratch:
        request = {
            "input": str(survey.resolve(strict=True)),
            "typed": str(Path(scratch) / "typed.parquet"),
            "scratch": scratch,
            "period": str(period),
            "seed": SEED,
        }
        rows = int(_run(request, "prepare")["rows"])
        samples = take_turns(request, probes_of(figures), repeats)
    return {
        "machine": _machine(),
        "input": {"name": survey.name, "rows": rows, "bytes": survey.stat().st_size},
        "repeats": repeats,
        "cases": [judge(figure, samples) for figure in figures],
    }


def take_turns(
    request: dict[str, Any], probes: Sequence[str], repeats: int
) -> dict[str, list[Sample]]:
    """Each probe's samples, one a repeat; every other repeat runs them the other way round."""
    samples: dict[str, list[Sample]] = defaultdict(list)
    for repeat in range(repeats):
        for probe in probes if repeat % 2 == 0 else reversed(probes):
            samples[probe].append(_run(request, probe))
            print(f"{probe}, {repeat + 1} of {repeats}", file=sys.stderr)
    return samples


def _run(request: dict[str, Any], probe: str) -> Sample:
    """One probe in a process of its own."""
    (sample,) = run_child("bench.probes", request | {"probe": probe})
    return sample


def _machine() -> dict[str, Any]:
    return {
        "cpus": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def _heading(result: dict[str, Any]) -> str:
    source, machine = result["input"], result["machine"]
    return (
        f"{source['name']}: {source['rows']:,} rows, {source['bytes'] / 1e6:.1f} MB; "
        f"{machine['cpus']} CPUs, Python {machine['python']}; "
        f"median of {result['repeats']} (lowest-highest)"
    )


if __name__ == "__main__":
    sys.exit(main())
