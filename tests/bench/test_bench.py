"""The benchmark on a tiny survey: its structure and arithmetic, never a threshold of time."""

import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from bench import run
from bench.figures import FIGURES, FULL_FIGURES, Figure, Target, judge, probes_of, render
from bench.probes import PROBES
from demo.airflow_home import ROOT
from demo.enoe_like import generate_survey, write_survey
from include.espejo.survey import Period


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bench") / "tiny.csv"
    write_survey(generate_survey(2015, 2, people=1200, seed=1), path)
    return path


@pytest.fixture(scope="module")
def result(survey: Path) -> dict[str, Any]:
    """bench.json of one real repeat."""
    out = survey.parent / "out" / "bench.json"
    arguments = ["--input", str(survey), "--period", "2015T2", "--repeats", "1"]
    assert run.main([*arguments, "--out", str(out)]) == 0
    return dict(json.loads(out.read_text()))


@pytest.fixture
def samples() -> dict[str, list[dict[str, float]]]:
    return {
        "ours": [{"seconds": 1.0}, {"seconds": 9.0}, {"seconds": 2.0}],
        "theirs": [{"seconds": 20.0}, {"seconds": 19.0}, {"seconds": 50.0}],
    }


def test_tells_the_machine_and_the_input_without_its_path(result, survey):
    assert set(result) == {"machine", "input", "repeats", "cases"}
    assert set(result["machine"]) == {"cpus", "python", "platform"}
    lines = survey.read_bytes().count(b"\n") - 1
    assert result["input"] == {
        "name": "tiny.csv",
        "rows": lines,
        "bytes": survey.stat().st_size,
    }
    assert str(survey.parent) not in json.dumps(result)


def test_has_a_case_for_each_figure(result):
    assert [case["name"] for case in result["cases"]] == [figure.name for figure in FIGURES]
    for case, figure in zip(result["cases"], FIGURES, strict=True):
        assert case["unit"] == figure.unit
        assert (case["peer"] is None) == (case["ratio"] is None) == (figure.peer is None)
        assert (case["asked_for"] is None) == (case["reached"] is None) == (figure.target is None)


def test_ratios_and_spreads_follow_from_the_values(result):
    for case in result["cases"]:
        for spread in filter(None, (case["measured"], case["peer"])):
            values = spread["values"]
            assert len(values) == result["repeats"]
            assert min(values) > 0
            assert spread["median"] == median(values)
            assert (spread["min"], spread["max"]) == (min(values), max(values))
        if case["peer"]:
            assert case["ratio"] == case["peer"]["median"] / case["measured"]["median"]


def test_validation_without_the_import_is_the_shorter(result):
    cases = {case["name"]: case["measured"]["median"] for case in result["cases"]}
    assert cases["validation"] < cases["validation with its import"]


def test_memory_is_the_childs_own(survey, tmp_path):
    """A parent that has held far more leaves no mark on its child's figure."""
    ballast = b"\x01" * 300_000_000  # written to, and so resident
    request = {"input": str(survey), "typed": str(tmp_path / "typed.parquet"), "seed": 1}
    assert run._run(request, "ingest")["peak_mb"] < len(ballast) / 1e6


def test_a_probe_starts_with_nothing_heavy_loaded():
    """What the harness had loaded would be missing from the DAGs' time and weigh on a peer."""
    code = """
import io, json, sys
import bench.probes as probes
probes.PROBES["seen"] = lambda request: {"modules": sorted(sys.modules)}
sys.stdin = io.StringIO(json.dumps({"probe": "seen", "seed": 1}))
probes.main()
"""
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(told.stdout)["modules"])
    assert not loaded & {"airflow", "great_expectations", "numpy", "pandas", "pyarrow", "pydantic"}


def test_judges_by_the_medians(samples):
    case = judge(Figure("f", "s", "ours", "seconds", "theirs", Target(10, of_ratio=True)), samples)
    assert case["measured"] == {"median": 2.0, "min": 1.0, "max": 9.0, "values": [1.0, 9.0, 2.0]}
    assert case["ratio"] == 10.0
    assert case["reached"] is True
    assert case["asked_for"] == ">= 10x"


@pytest.mark.parametrize(
    ("target", "reached"),
    [
        (Target(10, of_ratio=True), True),
        (Target(10.01, of_ratio=True), False),
        (Target(2.01), True),
        (Target(2), False),
    ],
)
def test_a_target_has_two_sides(samples, target, reached):
    case = judge(Figure("f", "s", "ours", "seconds", "theirs", target), samples)
    assert case["reached"] is reached


def test_a_ratio_asked_for_without_a_peer_is_not_reached(samples):
    case = judge(Figure("f", "s", "ours", "seconds", target=Target(1, of_ratio=True)), samples)
    assert case["reached"] is False


def test_the_table_says_what_is_not_reached(samples):
    missed = judge(Figure("slow", "s", "ours", "seconds", target=Target(1)), samples)
    bare = judge(Figure("bare", "MB", "ours", "seconds"), samples)
    heading, *lines = render([missed, bare]).splitlines()
    assert heading.split() == ["measured", "notebook", "ratio", "asked", "for", "reached"]
    assert lines[0].split() == ["slow", "2.00", "s", "(1.00-9.00)", "-", "-", "<", "1", "s", "no"]
    assert lines[1].split() == ["bare", "2", "MB", "(1-9)", "-", "-", "-", "-"]


def test_every_figure_has_its_probe():
    assert set(probes_of(FULL_FIGURES)) == set(PROBES) - {"prepare"}


def test_the_sides_take_turns(monkeypatch):
    order = []

    def note(request: object, probe: str) -> dict[str, float]:
        order.append(probe)
        return {"seconds": 1.0}

    monkeypatch.setattr(run, "_run", note)
    samples = run.take_turns({}, ["a", "b"], repeats=3)
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert {probe: len(taken) for probe, taken in samples.items()} == {"a": 3, "b": 3}


def test_a_missed_figure_is_no_failure(monkeypatch, survey, tmp_path, capsys):
    monkeypatch.setattr(run, "FIGURES", (Figure("f", "s", "ingest", "seconds", target=Target(0)),))
    out = tmp_path / "bench.json"
    assert run.main(["--input", str(survey), "--repeats", "1", "--out", str(out)]) == 0
    assert json.loads(out.read_text())["cases"][0]["reached"] is False
    assert capsys.readouterr().out.rstrip().endswith("no")


def test_a_missing_input_is_told(tmp_path, capsys):
    out = tmp_path / "bench.json"
    assert run.main(["--input", str(tmp_path / "none.csv"), "--out", str(out)]) == 2
    assert "none.csv" in capsys.readouterr().err
    assert not out.exists()


def test_a_file_that_is_refused_is_told(tmp_path, capsys):
    path, out = tmp_path / "bad.csv", tmp_path / "bench.json"
    path.write_bytes(b"A,B\r\n1,2\r\n")
    assert run.main(["--input", str(path), "--out", str(out)]) == 2
    assert f"{path}: refused" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("repeats", ["0", "-1", "two"])
def test_repeats_are_a_positive_number(repeats):
    with pytest.raises(SystemExit):
        run.main(["--repeats", repeats])


def test_the_made_survey_is_kept(tmp_path):
    path = run.make_survey(tmp_path / "bench", Period(2015, 2), people=1200)
    written = path.stat().st_mtime_ns
    assert run.make_survey(tmp_path / "bench", Period(2015, 2), people=1200) == path
    assert path.stat().st_mtime_ns == written
    assert [p.name for p in path.parent.iterdir()] == [path.name]
