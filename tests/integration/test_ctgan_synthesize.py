"""`synthesize` with engine ctgan, from file to release: rules, resuming, and a full lake."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from demo.enoe_like import generate_survey, write_survey
from include.espejo.engines.interface import EpochProgress, FitSettings
from include.espejo.errors import LakeError
from include.espejo.lake import open_lake
from include.espejo.train import LakeStore
from tests.conftest import ROOT
from tests.unit.test_ctgan_support import fitted, parks_learning, same_weights


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("ctgan")
    write_survey(generate_survey(2015, 2, people=1200, seed=4), folder / "sdemt215.csv")
    done = subprocess.run(
        [sys.executable, "-m", "include.espejo", "synthesize", str(folder / "sdemt215.csv"),
         str(folder / "out"), "--survey", "enoe_sdem", "--period", "2015T2", "--epochs", "1",
         "--rows", "800", "--seed", "11", "--engine", "ctgan"],
        capture_output=True, text=True, cwd=ROOT, env=dict(os.environ),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {"restricted": folder / "out.restricted", "log": done.stderr,
            "said": json.loads(done.stdout.splitlines()[-1])}  # fmt: skip


def test_no_row_breaks_a_rule(made: dict[str, Any]) -> None:
    figures = json.loads((made["restricted"] / "figures/quality.json").read_text())
    assert figures["broken_rules"] == []
    assert "synthetic rows break rule" not in made["log"]
    assert made["said"]["rows"] == 800


def test_the_model_is_two_files_and_no_checkpoint_stays(made: dict[str, Any]) -> None:
    restricted: Path = made["restricted"]
    names = {p.name for p in (restricted / "model").iterdir()}
    assert names == {"model.json", "model.safetensors"}
    assert not [p for p in restricted.rglob("*") if p.is_file() and "checkpoint" in p.as_posix()]


def test_a_killed_training_goes_on_from_the_lake(tmp_path: Path) -> None:
    settings = FitSettings(epochs=2, batch_size=50, seed=3)
    whole = fitted(parks_learning(600), settings)
    store = LakeStore(open_lake(str(tmp_path)), str(tmp_path / "checkpoint" / "last"))

    def stop(told: EpochProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted(parks_learning(600), settings, store=store, progress=stop)
    again = fitted(parks_learning(600), settings, store=store)
    assert same_weights(whole, again)
    assert again.best_step == whole.best_step


def test_a_lake_that_does_not_answer_ends_the_fit_in_words(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("where a folder should be")
    store = LakeStore(open_lake(str(tmp_path)), str(blocked / "checkpoint"))
    with pytest.raises(LakeError) as caught:
        fitted(parks_learning(600), FitSettings(epochs=1, batch_size=50, seed=3), store=store)
    assert str(tmp_path) in str(caught.value)
