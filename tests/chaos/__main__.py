"""`make chaos`: the DAG in real Airflow on a real S3 server, and everything that may break it.

Prints a line for each fault: how the run recovered, and in how many seconds. When a run has ended,
its release is held against that of a quiet run, byte for byte, and what was left behind is told. A
reader polls `latest.json` throughout.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
import traceback
from itertools import groupby
from pathlib import Path

from demo.run import BUILD
from tests.chaos.faults import AFTER, FRESH, ON_THE_WAY, Fault, every_fault
from tests.chaos.scene import Scene, Watcher, scene_in


def main() -> int:
    """The exit code: 0 where every fault was recovered from."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=".", metavar="PATTERN", help="of the faults' names")
    parser.add_argument("--folder", type=Path, default=BUILD.parent / "chaos")
    options = parser.parse_args()
    faults = [fault for fault in every_fault() if re.search(options.only, fault.name)]
    with scene_in(options.folder.resolve()) as scene, Watcher(scene.stage.lake) as watcher:
        scene.clear_lake()
        quiet = scene.wait(scene.start())
        reference = scene.published()
        print(f"a quiet run: {quiet}, {len(reference)} public files")
        recovered = _befall(scene, faults, reference)
    print(f"latest.json was read {watcher.looks} times; incomplete: {len(watcher.incomplete)}")
    for told in watcher.incomplete[:10]:
        print(f"  {told}")
    print(f"{len(faults)} faults, {recovered} recovered")
    whole = recovered == len(faults) and not watcher.incomplete and quiet == "success"
    return 0 if whole else 1


def _befall(scene: Scene, faults: list[Fault], reference: dict[str, str]) -> int:
    print(f"{'fault':45} {'recovered':30} {'s':>5}  {'release':9} left behind")
    recovered = 0
    for name, group in groupby(faults, key=lambda fault: fault.run):
        ended: list[bool] = []
        for fault in group:
            # What a fault left behind is not the next one's, nor is a release in the lake.
            if name == FRESH or not (ended and ended[-1]):
                run = _begin(scene, name)
            ended.append(_recovers(scene, fault, run, reference))
        if name in ON_THE_WAY:
            whole = scene.wait(run) == "success" and _is_whole(scene, f"run of {name}", reference)
            ended = [one and whole for one in ended]
        recovered += sum(ended)
    return recovered


def _begin(scene: Scene, name: str) -> str:
    """The run that these faults befall; empty where they start their own."""
    scene.clear_lake()
    run = "" if name == FRESH else scene.start()
    if name == AFTER:
        scene.wait(run)
    return run


def _recovers(scene: Scene, fault: Fault, run: str, reference: dict[str, str]) -> bool:
    scene.fault_begins()
    try:
        how = fault.befall(scene, run)
    except Exception as error:  # noqa: BLE001  told as a fault that was not recovered from
        traceback.print_exc()
        print(f"{fault.name:45} NOT: {type(error).__name__}: {str(error)[:300]}", flush=True)
        return False
    told = f"{fault.name:45} {how:30} {time.monotonic() - scene.began:5.0f}"
    if fault.run in ON_THE_WAY:
        print(told, flush=True)
        return True
    return _is_whole(scene, told, reference if fault.alike else None)


def _is_whole(scene: Scene, told: str, reference: dict[str, str] | None) -> bool:
    """Whether the release is that of the quiet run, and nothing lies about; with a line on both."""
    left, found = scene.left_behind(), scene.published()
    same = reference in (None, found)
    state = "its own" if reference is None else "the same" if same else "OTHER"
    print(f"{told:82}  {state:9} {', '.join(left) or '-'}", flush=True)
    if not same and reference is not None:
        both = sorted({*reference.items()} ^ {*found.items()})
        print("  other: " + ", ".join(dict.fromkeys(key for key, _ in both)), flush=True)
    return same and not left


if __name__ == "__main__":
    sys.exit(main())
