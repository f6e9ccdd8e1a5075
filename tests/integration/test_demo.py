"""`make demo` on a second, invented survey: a YAML file and no Python, through the same DAG."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd

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


def test_a_bad_file_ends_the_demo_with_its_message(tmp_path: Path) -> None:
    survey = tmp_path / "parks.csv"
    write_parks(survey, rows=400)
    survey.write_bytes(survey.read_bytes().replace(b";", b","))
    done = demo(tmp_path / "build", survey)
    assert done.returncode == 1
    assert "rule delimiter" in done.stdout + done.stderr
    assert "The run failed in: ingest" in done.stderr
    assert not (tmp_path / "build" / "release").exists()
