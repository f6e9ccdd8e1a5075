"""`make demo` on a second, invented survey: a YAML file and no Python, through the same DAG."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from demo import run
from tests.conftest import ROOT
from tests.surveys.parks import write_parks

SPEC = ROOT / "tests/surveys/parks.yaml"


def demo(build: Path, survey: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "demo.run",
            "--survey",
            str(SPEC),
            "--input",
            str(survey),
            "--build",
            str(build),
            *more,
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ,
    )


@pytest.mark.long
def test_a_second_survey_goes_through_the_same_dag(tmp_path: Path) -> None:
    survey = tmp_path / "parks.csv"
    write_parks(survey, rows=400)
    done = demo(tmp_path / "build", survey, "--epochs", "1")
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-3000:]
    release = tmp_path / "build" / "release"
    manifest = json.loads((release / "manifest.json").read_text())
    table = pd.read_csv(release / "synthetic.csv", sep=";", encoding="utf-8", dtype=str)
    assert len(table) == manifest["rows"] == 400
    gates = [gate["passed"] for gate in manifest["gates"] if gate["applicable"]]
    assert f"confidencialidad   {len(gates)} of {len(gates)} passed" in done.stdout
    assert "Tabla sintética" in (release / "report.html").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Ended:
    """What the demo asks of a run, and of its tasks."""

    state: str
    task_id: str = ""

    def get_task_instances(self) -> list[Ended]:
        return [Ended("success", "plan"), Ended("failed", "ingest")]


def test_a_run_that_fails_ends_the_demo_with_its_tasks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the task itself says of a bad file, tests/e2e looks at."""
    write_parks(tmp_path / "parks.csv", rows=400)
    arguments = ["--survey", str(SPEC), "--input", str(tmp_path / "parks.csv")]
    monkeypatch.setattr(sys, "argv", ["demo", *arguments, "--build", str(tmp_path / "build")])
    monkeypatch.setattr(run, "_run_dag", lambda *_: Ended("failed"))
    monkeypatch.setattr(os, "environ", os.environ.copy())
    assert run.main() == 1
    assert "The run failed in: ingest." in capsys.readouterr().err
    assert not (tmp_path / "build" / "release").exists()
