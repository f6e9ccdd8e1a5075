"""`synthesize` and the folders it is given: nothing of another run is lost or shown."""

import json
from pathlib import Path

import pytest

from include.espejo.__main__ import main
from tests.surveys.parks import SPEC, write_parks

SURVEY = ("--survey", str(SPEC), "--period", "2015T2")


@pytest.fixture
def survey(tmp_path: Path) -> Path:
    path = tmp_path / "input" / "parks.csv"
    path.parent.mkdir()
    write_parks(path)
    return path


def test_a_refused_release_leaves_the_other_runs_restricted_folder(
    survey: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, restricted = tmp_path / "out", tmp_path / "out.restricted"
    (restricted / "model").mkdir(parents=True)
    (restricted / "model" / "sdv.pkl").write_bytes(b"hours of training")
    (restricted / "run.json").write_text(json.dumps({"public": {"release": "another"}}))
    out.mkdir()
    (out / "manifest.json").write_text(json.dumps({"release": "another"}))
    assert main(["synthesize", str(survey), str(out), *SURVEY]) == 2
    assert "never overwritten" in capsys.readouterr().err
    assert (restricted / "model" / "sdv.pkl").read_bytes() == b"hours of training"


@pytest.mark.parametrize(
    ("restricted", "told"),
    [("out", "OUT_DIR"), ("out/rows", "OUT_DIR"), (".", "OUT_DIR"), ("input", "INPUT")],
)
def test_the_restricted_folder_lies_apart(
    survey: Path, tmp_path: Path, restricted: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place = str(tmp_path / restricted)
    code = main(["synthesize", str(survey), str(tmp_path / "out"), *SURVEY, "--restricted", place])
    assert code == 2
    assert told in capsys.readouterr().err
    assert survey.is_file()
    assert [p.name for p in tmp_path.iterdir()] == ["input"]
