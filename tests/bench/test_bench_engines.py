"""The engines' benchmark: its arithmetic and tables, and our side of it on a tiny survey."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import engine_probes, engine_runs, engines, fidelity, fidelity_probes, run, trees
from bench.figures import Figure, Target, judge, render
from demo.airflow_home import ROOT
from demo.enoe_like import generate_survey, write_survey
from include.espejo.process.child import run_child
from include.espejo.table.frames import to_frame
from tests.support.learning import parks_learning


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What every probe starts from, on the typed table of a tiny survey."""
    folder = tmp_path_factory.mktemp("engines")
    write_survey(generate_survey(2015, 2, people=600, seed=1), folder / "tiny.csv")
    request = {
        "input": str(folder / "tiny.csv"),
        "typed": str(folder / "typed.parquet"),
        "period": "2015T2",
        "epochs": 1,
        "batch_size": 100,
        "seed": 1,
    }
    list(run_child("bench.probes", request | {"probe": "prepare"}))
    return request


@pytest.fixture(scope="module")
def compared(request_: dict[str, Any]) -> dict[str, float]:
    (sample,) = run_child("bench.engine_probes", request_ | {"probe": "compare", "engine": "ctgan"})
    return sample


def test_our_side_has_every_figure_of_the_extract(compared):
    assert {figure.field for figure in engines.EXTRACT_FIGURES} <= set(compared)


def test_shares_and_scores_are_shares(compared):
    shares = {k: v for k, v in compared.items() if "plain" in k or "calibrated" in k}
    shares = {k: v for k, v in shares.items() if not k.endswith(("seconds", "of_real", "broken"))}
    assert len(shares) == 18
    assert all(0 <= value <= 1 for value in shares.values())
    assert compared["best_step"] <= compared["steps"]


def test_national_steps_are_counted_and_bounded(request_):
    sample = engine_probes.national_ours(request_ | {"engine": "ctgan", "steps": 7})
    assert {figure.field for figure in engines.NATIONAL_FIGURES} <= set(sample)
    assert sample["steps"] == 7
    assert 0 < sample["step_ms"] < 1000 * sample["fit_seconds"]


def test_sdv_ends_after_its_steps(request_):
    asked = {"probe": "national_sdv", "engine": "sdv", "steps": 4, "limit_seconds": 300}
    (sample,) = run_child("bench.engine_probes", request_ | asked)
    assert sample["steps"] == 4
    beside = {figure.field for figure in engines.NATIONAL_FIGURES if figure.peer}
    assert beside <= set(sample)


def test_the_profile_names_operators(request_):
    found = engine_probes.profile(request_ | {"profiled_steps": 3})
    assert found["operators"] > 0
    assert 0 < sum(line["share"] for line in found["longest"]) <= 1
    text = engines.render_profile(found)
    assert found["longest"][0]["operator"] in text


def test_variations_differ_from_what_is_shipped():
    variations = engine_probes.variations()
    shipped, _ = variations.pop("as shipped")
    assert shipped == type(shipped)()
    assert len({str(variation) for variation in variations.values()}) == len(variations)
    assert all(changes or recipe != shipped for recipe, changes in variations.values())


def test_a_step_is_timed_without_the_warm_up():
    ends = [float(100 * i) for i in range(engine_runs.WARM_UP + 1)]
    ends += [ends[-1] + 0.5 * i for i in range(1, engine_runs.WARM_UP + 1)]
    assert engine_runs.milliseconds(ends) == pytest.approx(500)


def test_a_few_steps_are_timed_by_their_later_half():
    assert engine_runs.milliseconds([0.0, 5.0, 6.0, 7.0]) == pytest.approx(1000)


def test_the_engines_take_turns(monkeypatch):
    order = []

    def told(request: dict[str, Any]) -> list[dict[str, float]]:
        order.append((request["engine"], request["seed"]))
        return [{"x": 1.0}]

    monkeypatch.setattr(engines, "_run", told)
    sides = [{"probe": "p", "engine": name} for name in ("a", "b")]
    samples = engines._take_turns({}, sides, [1, 2, 3])
    assert order == [("a", 1), ("b", 1), ("b", 2), ("a", 2), ("a", 3), ("b", 3)]
    assert {engine: len(taken) for engine, taken in samples.items()} == {"a": 3, "b": 3}


@pytest.mark.parametrize(
    ("side", "values", "reached"),
    [
        ("at least", [0.93], True),
        ("at least", [0.929], False),
        ("at most", [0.0], True),
        ("at most", [0.001], False),
    ],
)
def test_targets_of_scores_include_their_limit(side, values, reached):
    target = Target(0.93 if side == "at least" else 0, side=side)
    case = judge(Figure("q", "", "ours", "x", target=target), {"ours": [{"x": v} for v in values]})
    assert case["reached"] is reached


def test_a_score_beside_its_peer_has_no_ratio():
    samples = {"ours": [{"x": 0.0}], "theirs": [{"x": 0.42}]}
    case = judge(Figure("impossible", "", "ours", "x", "theirs"), samples)
    assert case["ratio"] is None
    heading, line = render([case], peer="sdv").splitlines()
    assert heading.split()[:2] == ["measured", "sdv"]
    assert line.split() == [
        "impossible",
        "0.0000",
        "(0.0000-0.0000)",
        "0.4200",
        "(0.4200-0.4200)",
        "-",
        "-",
        "-",
    ]


def test_the_ablations_table_has_medians_and_spread():
    columns = engines.ABLATION_COLUMNS.values()
    samples = [dict.fromkeys(columns, value) for value in (1.0, 3.0, 2.0)]
    line = engines.render_ablation([engines._variation("whole", samples)]).splitlines()[1]
    assert line.startswith("whole  2.0000 (1.0000-3.0000)")


def test_the_code_measured_is_told_by_its_digest(monkeypatch, tmp_path):
    assert engines.code_digest() == engines.code_digest()
    for folder in engines._CODE:
        assert len(list((ROOT / folder).rglob("*.py"))) > 10
    folder = tmp_path / "engine"
    folder.mkdir()
    (folder / "a.py").write_text("x = 1")
    monkeypatch.setattr(engines, "ROOT", tmp_path)
    monkeypatch.setattr(engines, "_CODE", ("engine",))
    before = engines.code_digest()
    (folder / "a.py").write_text("x = 2")
    assert engines.code_digest() != before


def test_the_engines_enter_the_file_and_the_tables(monkeypatch, tmp_path, capsys):
    variation = engines._variation("whole", [dict.fromkeys(engines.ABLATION_COLUMNS.values(), 1)])
    profile = {"operators": 7.0, "longest": [{"operator": "mm", "calls": 2.0, "share": 0.5}]}
    case = judge(Figure("fit", "s", "ctgan", "x", "sdv"), {"ctgan": [{"x": 1}], "sdv": [{"x": 4}]})
    part = {
        "input": {"name": "tiny.csv", "rows": 5, "bytes": 9},
        "seeds": [1],
        "cases": [case],
        "profile": profile,
    }
    asked: list[tuple[Path, list[int]]] = []

    def measured(path: Path, period: object, seeds: list[int]) -> dict[str, Any]:
        asked.append((path, seeds))
        return part if len(asked) == 2 else part | {"ablation": [variation]}

    monkeypatch.setattr(run, "measure_extract", measured)
    monkeypatch.setattr(run, "measure_national", measured)
    peers: list[dict[str, str]] = []

    def compared(*asked_for: Any) -> dict[str, Any]:
        peers.append(asked_for[3])
        return {"seeds": [4], "contestants": {"circuits": [{"k3": 940.0, "closed": 2.0}]}}

    monkeypatch.setattr(run, "measure_fidelity", compared)
    monkeypatch.setattr(
        run,
        "measure",
        lambda *_: {
            "machine": {"cpus": 1, "python": "3"},
            "input": part["input"],
            "repeats": 1,
            "cases": [],
        },
    )
    extract, national, out = (tmp_path / name for name in ("e.csv", "n.csv", "bench.json"))
    arguments = ["--input", str(extract), "--national", str(national), "--out", str(out)]
    arguments += ["--engines", "--seeds", "4", "5", "--peer", "circuits=python it.py --fast"]
    assert run.main(arguments) == 0
    assert peers == [{"circuits": "python it.py --fast"}]
    assert asked == [(extract, [4, 5]), (national, [4])]
    written = json.loads(out.read_text())["engines"]
    assert set(written) == {"code_sha256", "extract", "national", "fidelity"}
    printed = capsys.readouterr().out
    assert "4.00x" in printed
    assert "7 operators a step" in printed
    assert "whole" in printed
    assert "circuits" in printed


def test_a_contestant_without_a_figure_has_a_dash_and_others_their_spread():
    samples = {"people": [{"k3": 900.0}], "ours": [{"k3": 950.0, "lost": x} for x in (0.1, 0.3)]}
    lines = fidelity.render_fidelity({"contestants": samples}).splitlines()
    assert lines[2].split()[:2] == ["people", "900"]
    assert lines[2].split()[-1] == "-"
    assert "0.200 (0.100-0.300)" in lines[3]


def test_sequential_trees_draw_values_that_there_are():
    frame = to_frame(parks_learning(600).table)
    made = trees.synthesize(frame, 1)
    assert made.shape == frame.shape
    assert not made.equals(frame)
    for name in frame:
        assert set(made[name].dropna()) <= set(frame[name].dropna())
    assert made.equals(trees.synthesize(frame, 1))


def test_a_contestant_is_scored_and_attacked(request_, metrics_here):
    """One that copies the training rows: near to them in every figure, and held back."""
    copy = f"{sys.executable} -c 'import shutil, sys; shutil.copy(sys.argv[1], sys.argv[2])'"
    asked = {"contestant": "copies", "seed": 1, "command": copy}
    sample = fidelity_probes.fidelity(request_ | asked)
    assert {"k3", "k4", "auc", "lost", "groups", "overall"} <= set(sample)
    assert sample["k3"] == sample["k4"] == 1000
    assert sample["groups"] == 1
    assert sample["closed"] > 0
