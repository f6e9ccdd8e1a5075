"""Awkward surveys end in a table that keeps its spec, or in a refusal before anything is trained.

Gates fail closed, so that a table held back (exit code 3) is an end like a release (0). The
pictures and the print are left out: a browser a case would take longer than all the rest.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.espejo.__main__ import main
from include.espejo.disclose.audit import run_audit
from include.espejo.lake import Lakes, open_lake
from include.espejo.lake.keys import Workspace
from include.espejo.parameters import Parameters
from include.espejo.steps.disclose import disclose
from include.espejo.steps.ingest import ingest
from include.espejo.steps.protect import protect
from include.espejo.steps.run import Job, Run
from include.espejo.steps.sample import sample
from include.espejo.steps.train import train
from include.espejo.steps.validate import validate
from include.espejo.survey import Period, SurveySpec
from include.espejo.table.frames import from_parquet, to_frame
from include.espejo.table.rules import relations
from tests.surveys.made import PERIOD, codes, content_of, independent, spec_of, write

pytestmark = [pytest.mark.usefixtures("metrics_here"), pytest.mark.long]

ROWS = 900


@dataclass(frozen=True)
class End:
    """How a `synthesize` ended: exit code, standard error, its folder, and the spec."""

    code: int
    told: str
    folder: Path
    spec: SurveySpec

    def file(self, name: str) -> Path:
        return self.folder / "out.restricted" / name


@pytest.fixture
def synthesize(
    tmp_path: Path, no_browser: None, capsys: pytest.CaptureFixture[str]
) -> Callable[..., End]:
    def run(frame: pd.DataFrame, content: dict[str, Any]) -> End:
        table, spec = write(frame, content, tmp_path)
        code = main(
            [
                "synthesize",
                table,
                str(tmp_path / "out"),
                "--survey",
                spec,
                "--period",
                PERIOD,
                "--epochs",
                "1",
                "--seed",
                "5",
            ]
        )
        told = capsys.readouterr().err
        # A spec that is refused is none to compare with.
        return End(code, told, tmp_path, spec_of(content) if code != 2 else None)  # type: ignore[arg-type]

    return run


def survey(rows: int = ROWS, **columns: pd.Series) -> pd.DataFrame:
    """People of three a household; who is under 15 has no work."""
    random = np.random.default_rng(1)
    age = random.integers(0, 90, rows).astype(float)
    return pd.DataFrame(
        {
            "area": codes(random.integers(0, 4, rows), list("abcd")),
            "sex": codes(random.integers(0, 2, rows), ["m", "f"]),
            "age": age,
            "work": codes(random.integers(0, 3, rows), list("xyz"), age < 15),
            "home": codes(np.arange(rows) // 3, [f"h{i}" for i in range(rows // 3 + 1)]),
        }
        | columns
    )


def content(frame: pd.DataFrame, **columns: Any) -> dict[str, Any]:
    """The spec of such a survey, with its rule where it has the columns."""
    made = content_of(frame, "home" if "home" in frame else None, **columns)
    if frame["age"].nunique() > 1 and len(frame["work"].cat.categories) == 3:
        made["rules"] = [
            {"kind": "blank", "name": "work_from_15", "columns": ["work"], "when": "age < 15"}
        ]
    return made


def assert_keeps_its_spec(end: End) -> None:
    assert end.code in (0, 3), end.told
    keeps_its_spec(end.file("synthetic.parquet").read_bytes(), end.spec)
    gates = {
        g["name"]: g for g in json.loads(end.file("figures/disclosure.json").read_text())["gates"]
    }
    for name in ("rules", "floor", "floor_codes"):
        assert gates[name]["passed"], gates[name]["reason"]


def keeps_its_spec(content: bytes, spec: SurveySpec) -> None:
    table = to_frame(from_parquet(content))
    assert set(table.columns) == set(spec.model.columns)
    assert [b.rule for b in relations(table, spec, Period.parse(PERIOD)) if b.count] == []
    for name in table.columns:
        listed = spec.columns[name].code_set
        if listed:
            assert set(table[name].dropna()) <= listed


def assert_refused_before_training(end: End, *words: str) -> None:
    assert end.code == 2, end.told
    for word in words:
        assert word in end.told
    assert "Traceback" not in end.told
    assert not end.file("model").exists()
    assert not (end.folder / "out").exists()


# --- what ends in a table ----------------------------------------------------------------------


def test_three_hundred_rows(synthesize: Callable[..., End]) -> None:
    frame = survey(300)
    assert_keeps_its_spec(synthesize(frame, content(frame)))


def test_awkward_columns_beside_each_other(synthesize: Callable[..., End]) -> None:
    """A number of one value, a column that is blank throughout, a code that one household has, and
    five thousand codes of which some are frequent."""
    rows, random = 1500, np.random.default_rng(2)
    held = random.integers(0, 3, rows)
    held[:3] = 3
    many = np.minimum(random.geometric(0.01, rows), 4999)
    frame = survey(
        rows,
        hours=pd.Series(np.full(rows, 40.0)),
        empty=codes(np.zeros(rows, int), ["x"], np.ones(rows, bool)),
        rare=codes(held, ["x", "y", "z", "only"]),
        job=codes(many, [f"{i:04}" for i in range(5000)]),
    )
    end = synthesize(frame, content(frame))
    assert_keeps_its_spec(end)
    table = to_frame(from_parquet(end.file("synthetic.parquet").read_bytes()))
    assert "only" not in set(table["rare"].dropna())
    assert (table["hours"] == 40).all()
    assert table["empty"].isna().all()


def test_numbers_only(synthesize: Callable[..., End]) -> None:
    random = np.random.default_rng(3)
    frame = pd.DataFrame(
        {f"n{i}": np.round(random.gamma(2, 50 * (i + 1), ROWS), i % 3) for i in range(4)}
    )
    assert_keeps_its_spec(synthesize(frame, content_of(frame)))


def test_codes_only(synthesize: Callable[..., End]) -> None:
    frame = survey().drop(columns=["age", "home"])
    assert_keeps_its_spec(synthesize(frame, content_of(frame)))


def test_a_hundred_and_fifty_columns(tmp_path: Path) -> None:
    """To the audit's verdict, after a few steps; the evaluation of so many pairs takes minutes."""
    frame = independent(7, 400, 150)
    made = content_of(frame)
    made["rules"] = [{"kind": "together", "name": "same", "columns": ["c3", "c9"]}]
    frame.loc[frame["c3"].isna(), "c9"] = None
    frame.loc[frame["c9"].isna(), "c3"] = None
    table, _ = write(frame, made, tmp_path)
    spec, work = spec_of(made), Workspace(str(tmp_path / "restricted"))
    asked = {"epochs": 1, "seed": 5, "max_steps": 20}
    job = Job(spec, Period.parse(PERIOD), Parameters.of(spec, asked))
    lakes = Lakes(*(open_lake(str(tmp_path)) for _ in range(3)))
    run = Run(job, lakes, table, str(tmp_path / "scratch"), lambda release: work)
    ingest(run)
    run = run.of_release(str(validate(run)["release"]))
    for step in (protect, train, sample):
        step(run)
    failed = json.loads(json.dumps(disclose(run)["failed"]))
    assert not {"rules", "floor", "floor_codes"} & set(failed)
    keeps_its_spec(Path(work.synthetic).read_bytes(), spec)
    learnt, holdout = run.sides()
    copied = run_audit(learnt, holdout, learnt[list(spec.model.columns)], spec, job.period, 5)
    assert {"identical", "closest_record", "membership"} <= set(copied.failed)


# --- what is refused ---------------------------------------------------------------------------


def test_one_column_to_model(synthesize: Callable[..., End]) -> None:
    frame = survey()
    made = content(frame)
    made["model"]["columns"] = ["sex"]
    made["disclosure"]["key_sets"] = {"some": ["sex"]}
    end = synthesize(frame, made)
    assert_refused_before_training(end, "`model.columns`", "write 2 or more")


def test_all_columns_constant(synthesize: Callable[..., End]) -> None:
    same = codes(np.zeros(ROWS, int), ["k"])
    frame = survey(area=same, sex=same, work=same, age=pd.Series(np.full(ROWS, 30.0)))
    end = synthesize(frame, content(frame))
    assert_refused_before_training(end, "column area, sex, age, work", "model a column that varies")


def test_five_thousand_codes_that_nobody_shares(synthesize: Callable[..., End]) -> None:
    labels = [f"{i:04}" for i in range(5000)]
    frame = survey(5001, work=codes(np.arange(5001) % 5000, labels))
    end = synthesize(frame, content(frame))
    assert_refused_before_training(end, "column work, rule floor", "drop the column")


def test_a_rare_code_that_nothing_may_stand_for(synthesize: Callable[..., End]) -> None:
    held = np.random.default_rng(2).integers(0, 3, ROWS)
    held[:3] = 3
    frame = survey(work=codes(held, ["x", "y", "z", "only"]))
    end = synthesize(frame, content(frame, work={"blank": "never"}))
    assert_refused_before_training(end, "column work, rule floor", "declare a `residual`")
