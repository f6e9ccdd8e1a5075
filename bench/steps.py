"""The flow step by step, each in a process of its own, as Airflow's tasks are: seconds and memory.

    python -m bench.steps INPUT [--survey enoe_sdem] [--period 2015T2] [--work DIR]
        [--from STEP] [--to STEP] [--serial] [--workers 2] [--out FILE]

Evaluation and audit run beside each other, as in the DAG; `--serial` runs them one after the other.
Of a spec with a partition, so many parts are learnt at a time.
`peak_mb` is the highest resident memory of the largest process of a step; `tree_mb` that of all its
processes together. With `--work` the folder stays, and `--from` goes on in it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any

from bench.probes import answer, peak_memory
from include.espejo.disclose.distance.shards import shards_of
from include.espejo.lake import Lakes, join, open_lake
from include.espejo.lake.keys import Workspace
from include.espejo.parameters import Parameters
from include.espejo.process.child import run_child
from include.espejo.process.resources import PeakMemory
from include.espejo.steps.documents import ProtectionSummary
from include.espejo.steps.pretrain import FIELD_GROUPS
from include.espejo.steps.run import Job, Run
from include.espejo.steps.table import (
    INGEST,
    MAKE_RELEASE,
    PRETRAIN,
    SEARCH,
    STAGES,
    VALIDATE,
    steps_in_parts,
)
from include.espejo.survey import load_spec

STEPS = {step.name: step for step in (INGEST, VALIDATE, *steps_in_parts())}
BESIDE = next(tuple(step.name for step in stage) for stage in STAGES if len(stage) > 1)
OF_PARTS = tuple(step.name for step in MAKE_RELEASE if step.of_parts)

Figures = dict[str, Any]


def run_step(request: Figures) -> Figures:
    """One step of the flow, in this process; the clock starts after Python's own start."""
    spec = load_spec(request["survey"])
    work, parameters = Workspace(request["work"]), Parameters.of(spec, request["parameters"])
    lakes = Lakes(open_lake(request["input"]), open_lake(work.base), open_lake(work.base))
    run = Run(
        job=Job(spec, spec.parse_period(request["period"]), parameters),
        lakes=lakes,
        source=request["input"],
        scratch=join(work.base, "scratch"),
        workspaces=lambda _: work,
        release=request["release"],
    )
    started = perf_counter()
    with PeakMemory() as memory:
        told = STEPS[request["step"]].call(run.of_part(request["part"]))
    return {
        "seconds": round(perf_counter() - started, 1),
        "peak_mb": round(max(peak_memory(), memory.largest_mb * 2**20 / 1e6)),
        "tree_mb": round(memory.peak_mb * 2**20 / 1e6),
        "told": told,
    }


def measure_flow(options: argparse.Namespace, work: Path) -> Figures:
    """Every step from `--from` on; the whole is what a run takes beside its scheduler."""
    kept = work / "release.txt"
    flow = _Flow(options, work, kept.read_text() if kept.exists() else "")
    partition = load_spec(options.survey).model.partition
    steps = (INGEST, VALIDATE, *(steps_in_parts() if partition else MAKE_RELEASE))
    names = [step.name for step in steps]
    found: Figures = {}
    started = perf_counter()
    for name in names[names.index(options.first) : names.index(options.last) + 1]:
        if name in found:
            continue
        if name == BESIDE[0] and not options.serial:
            found |= flow.measure_each([(name,) for name in BESIDE])
        elif partition and name in OF_PARTS:
            parts = flow.planned()["parts"]
            found |= flow.measure_each([tuple(f"{n} {part}" for n in OF_PARTS) for part in parts])
            found |= dict.fromkeys(OF_PARTS)
        elif name == PRETRAIN.name:
            found |= flow.measure_each([(f"{name} {group}",) for group in FIELD_GROUPS])
        elif name == SEARCH.name:
            found |= flow.measure_each([(f"{name} {shard}",) for shard in flow.planned()["shards"]])
        else:
            found[name] = flow.measure(name)
        if name == VALIDATE.name:
            flow.release = str(found[name]["told"]["release"])
            kept.write_text(flow.release)
    seconds = round(perf_counter() - started, 1)
    return {"seconds": seconds, "steps": {n: told for n, told in found.items() if told}}


class _Flow:
    """A run on its way: its steps as processes, some of them at the same time."""

    def __init__(self, options: argparse.Namespace, work: Path, release: str):
        self._options, self._work, self.release = options, work, release

    def planned(self) -> dict[str, list[str]]:
        """The parts of the table and the shards of its audit's search, as `protect` left them."""
        told = ProtectionSummary.of_json(Path(Workspace(str(self._work)).protection).read_bytes())
        shards = [shard.name for shard in shards_of(told.rows)]
        return {"parts": [part.name for part in told.parts], "shards": shards}

    def measure_each(self, chains: Sequence[Sequence[str]]) -> Figures:
        """The steps of each chain one after another, and so many chains at a time."""
        with ThreadPoolExecutor(self._options.workers) as pool:
            done = pool.map(lambda chain: {name: self.measure(name) for name in chain}, chains)
            return {name: told for chain in done for name, told in chain.items()}

    def measure(self, name: str) -> Figures:
        """A step; of a part, its name follows the step's."""
        step, _, part = name.partition(" ")
        request = {
            "probe": "step",
            "step": step,
            "part": part,
            "seed": 0,
            "survey": str(self._options.survey),
            "period": self._options.period,
            "input": str(self._options.input),
            "work": str(self._work),
            "release": self.release,
            "parameters": {"seed": self._options.seed, "rows": self._options.rows},
        }
        (told,) = run_child("bench.steps", request)
        print(f"{name}: {told}", file=sys.stderr)
        return told


def main() -> None:
    if len(sys.argv) == 1:
        return answer({"step": run_step})
    parser = argparse.ArgumentParser(description="The flow step by step: seconds and memory.")
    parser.add_argument("input", type=Path)
    parser.add_argument("--survey", default="enoe_sdem")
    parser.add_argument("--period", default="2015T2")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--from", dest="first", choices=list(STEPS), default=INGEST.name)
    parser.add_argument("--to", dest="last", choices=list(STEPS), default=MAKE_RELEASE[-1].name)
    parser.add_argument("--serial", action="store_true")
    parser.add_argument("--workers", type=int, default=2, help="parts at a time")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = options.work or Path(folder)
        work.mkdir(parents=True, exist_ok=True)
        text = json.dumps(measure_flow(options, work), indent=1)
    if options.out:
        options.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
