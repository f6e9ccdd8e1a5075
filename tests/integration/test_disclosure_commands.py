"""`protect` and `audit` as a script calls them, and `synthesize` where a gate fails."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from demo.enoe_like import generate_survey, write_survey
from include.espejo.__main__ import main
from include.espejo.survey import load_spec
from include.espejo.table.frames import from_parquet, to_frame, to_parquet, to_table
from tests.support.canaries import found_in_table, found_in_text, plant
from tests.surveys.parks import SPEC, write_parks

SURVEY = ("--survey", "enoe_sdem", "--period", "2015T2")
PARKS = ("--survey", str(SPEC), "--period", "2015T2")
KEY = ["ENT", "CON", "V_SEL", "N_HOG", "H_MUD"]


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def last(self) -> dict[str, Any]:
        """The JSON object that the contract puts on the last line."""
        return dict(json.loads(self.out.splitlines()[-1]))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def run_it(*arguments: object) -> Said:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        told = capsys.readouterr()
        return Said(code, told.out, told.err)

    return run_it


@dataclass(frozen=True)
class Tables:
    """The files of one `protect`, and a table that leans on neither side."""

    survey: Path
    train: Path
    holdout: Path
    synthetic: Path
    sizes: dict[str, Any]


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, encoding="latin-1", keep_default_na=False)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    folder = tmp_path_factory.mktemp("tables")
    survey = folder / "survey.csv"
    write_survey(plant(generate_survey(2015, 2, people=1800, seed=3)), survey)
    out = folder / "protected"
    assert main(["protect", str(survey), str(out), *SURVEY, "--seed", "7"]) == 0
    train, holdout = out / "train.csv", out / "holdout.csv"
    both = pd.concat([read(train), read(holdout)])
    columns = list(load_spec("enoe_sdem").model_columns())
    # Rows of both sides alike: no attack can tell one side from the other by them.
    chosen = both.iloc[np.random.default_rng(1).permutation(len(both))]
    synthetic = folder / "synthetic.csv"
    chosen[columns].to_csv(synthetic, index=False, encoding="latin-1", lineterminator="\r\n")
    sizes = {"train": len(read(train)), "holdout": len(read(holdout))}
    return Tables(survey, train, holdout, synthetic, sizes)


# --- protect -----------------------------------------------------------------------------------


def test_protect_says_its_sizes_and_what_it_touched(
    tables: Tables, run: Any, tmp_path: Path
) -> None:
    done = run("protect", tables.survey, tmp_path / "out", *SURVEY, "--seed", "7")
    assert done.code == 0
    assert done.last["train_rows"] == tables.sizes["train"]
    assert done.last["holdout_rows"] == tables.sizes["holdout"]
    assert done.last["rows"] == len(read(tables.survey)) == sum(tables.sizes.values())
    assert done.last["touched"]["rows_touched"] > 0
    for name in ("train.csv", "holdout.csv"):  # the same seed gives the same files
        assert (tmp_path / "out" / name).read_bytes() == (tables.train.parent / name).read_bytes()
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["holdout.csv", "train.csv"]


def test_both_files_are_the_input_in_its_layout_with_keys(tables: Tables) -> None:
    source, train, holdout = (read(p) for p in (tables.survey, tables.train, tables.holdout))
    for part in (train, holdout):
        assert [name for name in source if name in set(part)] == list(part)
        assert {*KEY, "CD_A", "N_REN"} <= set(part)
    person = [*KEY, "N_REN"]
    rows = pd.concat([train, holdout])[person]
    assert sorted(map(tuple, rows.to_numpy())) == sorted(map(tuple, source[person].to_numpy()))
    households = [set(part[KEY].itertuples(index=False, name=None)) for part in (train, holdout)]
    assert not households[0] & households[1]
    share = len(households[1]) / (len(households[0]) + len(households[1]))
    assert abs(share - load_spec("enoe_sdem").disclosure.holdout_share) < 0.08
    raw = tables.train.read_bytes()
    assert raw.count(b"\r\n") == raw.count(b"\n") == len(train) + 1


@pytest.mark.parametrize("name", ["train", "holdout"])
def test_protected_files_hold_no_canary(tables: Tables, name: str) -> None:
    path = getattr(tables, name)
    assert found_in_table(read(path)) == []
    assert set(found_in_text(path.read_text("latin-1"))) <= {"48813"}  # the key of a household


def test_train_csv_is_a_file_of_the_survey(tables: Tables, run: Any) -> None:
    done = run("validate", tables.train, *SURVEY)
    assert (done.code, done.last["rows"]) == (0, tables.sizes["train"]), done.err


def test_another_share_holds_back_as_many(tables: Tables, run: Any, tmp_path: Path) -> None:
    args = (*SURVEY, "--seed", "7", "--holdout-share", "0.5")
    done = run("protect", tables.survey, tmp_path / "out", *args)
    assert abs(done.last["holdout_rows"] / done.last["rows"] - 0.5) < 0.1


@pytest.mark.parametrize("share", ["0", "1", "-0.1", "1.5", "nan"])
def test_a_share_that_is_none_ends_with_2(run: Any, tmp_path: Path, share: str) -> None:
    """Before the survey is read."""
    done = run(
        "protect", "/nowhere/survey.csv", tmp_path / "out", *SURVEY, f"--holdout-share={share}"
    )
    assert done.code == 2
    assert "holdout_share" in done.err
    assert not (tmp_path / "out").exists()


def test_a_file_that_breaks_its_rules_is_not_protected(
    tables: Tables, run: Any, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.csv"
    rows = read(tables.survey)
    rows.loc[3, "SEX"] = "7"
    write_survey(rows, bad)
    done = run("protect", bad, tmp_path / "out", *SURVEY)
    assert done.code == 2
    assert "column SEX" in done.err
    assert not (tmp_path / "out").exists()


# --- audit -------------------------------------------------------------------------------------


def test_a_table_of_both_sides_passes(tables: Tables, run: Any) -> None:
    before = sorted(tables.train.parent.iterdir())
    done = run("audit", tables.train, tables.synthetic, *SURVEY, "--holdout", tables.holdout)
    assert (done.code, done.last["failed"]) == (0, []), done.err
    assert done.last["passed"] is True
    gates = done.last["gates"]
    assert {"name", "figure", "interval", "limit", "passed"} <= set(gates[0])
    assert len(gates) > 20
    assert sorted(tables.train.parent.iterdir()) == before


def test_parquet_gives_the_figures_of_csv(tables: Tables, run: Any, tmp_path: Path) -> None:
    done = run("audit", tables.train, tables.synthetic, *SURVEY, "--holdout", tables.holdout)
    spec = load_spec("enoe_sdem")
    as_parquet = []
    for path in (tables.train, tables.holdout, tables.synthetic):
        frame = read(path).replace({" ": None, "": None})
        as_parquet.append(tmp_path / f"{path.stem}.parquet")
        as_parquet[-1].write_bytes(to_parquet(to_table(frame, spec)))
    train, holdout, synthetic = as_parquet
    again = run("audit", train, synthetic, *SURVEY, "--holdout", holdout)
    assert (again.code, again.last["failed"]) == (0, [])
    assert again.last["gates"] == done.last["gates"]


def test_copies_of_the_training_rows_end_with_3(tables: Tables, run: Any, tmp_path: Path) -> None:
    copies = tmp_path / "copies.csv"
    columns = list(load_spec("enoe_sdem").model_columns())
    read(tables.train)[columns].to_csv(copies, index=False, encoding="latin-1")
    done = run("audit", tables.train, copies, *SURVEY, "--holdout", tables.holdout)
    assert done.code == 3
    assert done.last["passed"] is False
    assert {"identical", "membership", "closest_record"} <= set(done.last["failed"])
    failed = {gate["name"] for gate in done.last["gates"] if not gate["passed"]}
    assert failed == set(done.last["failed"])
    assert f"error: held back by {', '.join(done.last['failed'])}" in done.err


def test_the_synthetic_table_may_be_parquet(tables: Tables, run: Any, tmp_path: Path) -> None:
    synthetic = tmp_path / "synthetic.parquet"
    columns = list(load_spec("enoe_sdem").model_columns())
    frame = read(tables.train).replace({" ": None, "": None})[columns]
    synthetic.write_bytes(to_parquet(to_table(frame, load_spec("enoe_sdem"))))
    done = run("audit", tables.train, synthetic, *SURVEY, "--holdout", tables.holdout)
    assert done.code == 3
    assert {"identical", "unique_matches", "membership"} <= set(done.last["failed"])
    assert "rules" not in done.last["failed"]


def test_no_holdout_is_no_pass(tables: Tables, run: Any) -> None:
    done = run("audit", tables.train, tables.synthetic, *SURVEY)
    assert done.code == 3
    reasons = {gate["reason"] for gate in done.last["gates"] if not gate["passed"]}
    assert "no holdout" in reasons
    attacks = [gate for gate in done.last["gates"] if gate["unit"] not in ("rows", "people")]
    assert len(attacks) > 20
    assert {gate["reason"] for gate in attacks} == {"no holdout"}
    assert {gate["passed"] for gate in attacks} == {False}


def rewritten(path: Path, target: Path, change: Any) -> Path:
    with path.open(encoding="latin-1", newline="") as file:
        rows = list(csv.reader(file))
    with target.open("w", encoding="latin-1", newline="") as file:
        csv.writer(file, lineterminator="\r\n").writerows(change(row) for row in rows)
    return target


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda row: [*row, "ZQX7"], "1 are not modelled"),
        (lambda row: row[1:], "column LOC"),
    ],
    ids=["a column more", "a column less"],
)
def test_another_layout_ends_with_2(
    tables: Tables, run: Any, tmp_path: Path, change: Any, told: str
) -> None:
    other = rewritten(tables.synthetic, tmp_path / "other.csv", change)
    done = run("audit", tables.train, other, *SURVEY, "--holdout", tables.holdout)
    assert done.code == 2, done.out
    assert told in done.err
    assert "ZQX7" not in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


def test_codes_that_nobody_has_break_the_rules(tables: Tables, run: Any, tmp_path: Path) -> None:
    def spoiled(row: list[str]) -> list[str]:
        return [*row[:6], "9" if row[6] in ("1", "2") else row[6], *row[7:]]

    other = rewritten(tables.synthetic, tmp_path / "other.csv", spoiled)
    done = run("audit", tables.train, other, *SURVEY, "--holdout", tables.holdout)
    assert done.code == 3
    assert "rules" in done.last["failed"]


def test_tables_of_another_survey_end_with_2(tables: Tables, run: Any, tmp_path: Path) -> None:
    write_parks(tmp_path / "parks.csv")
    (tmp_path / "parks.parquet").write_bytes(
        to_parquet(to_table(pd.DataFrame({"park": ["Álamo"] * 9}), load_spec(SPEC)))
    )
    for other in (tmp_path / "parks.csv", tmp_path / "parks.parquet"):
        asked = [
            (tables.train, other, tables.holdout),
            (other, tables.synthetic, tables.holdout),
            (tables.train, tables.synthetic, other),
        ]
        for train, synthetic, holdout in asked:
            done = run("audit", train, synthetic, *SURVEY, "--holdout", holdout)
            assert done.code == 2, done.out
            assert "Álamo" not in done.err
            assert "unexpected" not in done.err


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no parquet at all"])
def test_a_parquet_file_that_is_none_ends_with_2(
    tables: Tables, run: Any, tmp_path: Path, content: bytes
) -> None:
    bad = tmp_path / "bad.parquet"
    bad.write_bytes(content)
    done = run("audit", tables.train, bad, *SURVEY, "--holdout", tables.holdout)
    assert done.code == 2
    assert "bad.parquet" in done.err


def test_a_parquet_file_of_other_types_ends_with_2(
    tables: Tables, run: Any, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.parquet"
    frame = read(tables.synthetic)
    frame["INGOCUP"] = pd.Timestamp("2015-05-05")
    frame.to_parquet(bad)
    done = run("audit", tables.train, bad, *SURVEY, "--holdout", tables.holdout)
    assert done.code == 2
    assert "INGOCUP" in done.err


def test_a_household_on_both_sides_ends_with_2(tables: Tables, run: Any) -> None:
    done = run("audit", tables.train, tables.synthetic, *SURVEY, "--holdout", tables.train)
    assert done.code == 2
    assert "rule household split" in done.err


def test_a_file_that_is_not_there_ends_with_2(tables: Tables, run: Any) -> None:
    done = run("audit", tables.train, "/nowhere/synthetic.csv", *SURVEY)
    assert done.code == 2
    assert "not found" in done.err


# --- synthesize where a gate fails -------------------------------------------------------------


@pytest.mark.long
def test_a_failed_gate_leaves_no_release_and_keeps_the_candidate(
    run: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    no_browser: None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An engine that gives out the rows it was given: what is memorised is not released."""
    import include.espejo.synthesis.ctgan.engine as engine

    survey, out = tmp_path / "parks.csv", tmp_path / "out"
    restricted = tmp_path / "out.restricted"
    write_parks(survey, rows=600)
    spec = load_spec(SPEC)

    def remembered(*_: object) -> Any:
        table = from_parquet((restricted / "train.parquet").read_bytes())
        yield table.select(list(spec.model_columns()))

    monkeypatch.setattr(engine.CtganEngine, "sample", remembered)
    done = run("synthesize", survey, out, *PARKS, "--epochs", "1", "--rows", "400")
    assert done.code == 3, done.err
    assert done.last["passed"] is False
    assert "identical" in done.last["failed"]
    assert {"rows", "fit_seconds", "overall", "peak_rss_mb", "release"} <= set(done.last)
    assert not out.exists() or not any(out.iterdir())
    candidate = restricted / "candidate"
    manifest = json.loads((candidate / "manifest.json").read_text())
    assert manifest["release"] == done.last["release"]
    assert all((candidate / entry["name"]).is_file() for entry in manifest["files"])
    gates = {gate["name"]: gate["passed"] for gate in manifest["gates"]}
    assert gates["identical"] is False
    assert "No pasa / failed: " in (restricted / "internal.html").read_text(encoding="utf-8")
    exact = json.loads((restricted / "figures/disclosure.json").read_text())
    told = [line for line in caplog.messages if line.startswith("gate ")]
    assert len(told) == len(exact["failed"])
    assert "about 1.00" in next(line for line in told if line.startswith("gate identical:"))
    again = run("synthesize", survey, out, *PARKS, "--epochs", "1", "--rows", "400")
    assert (again.code, again.last["failed"]) == (3, done.last["failed"])


def test_frames_of_both_kinds_are_the_same(tables: Tables) -> None:
    """What the tests above write as Parquet is what the CSV says."""
    spec = load_spec("enoe_sdem")
    frame = read(tables.train).replace({" ": None, "": None})
    table = to_frame(to_table(frame, spec))
    assert table["MAN"].astype(object).fillna("").tolist() == frame["MAN"].fillna("").tolist()
