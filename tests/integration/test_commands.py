"""The commands of docs/contract.md as a script calls them: files, exit codes, last line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from demo.enoe_like import generate_survey, write_survey
from demo.lake_identities import RAW_BUCKET, RESTRICTED_BUCKET
from demo.lake_server import LakeServer
from include.espejo.__main__ import main
from tests.conftest import ROOT
from tests.support.canaries import found_in_file, found_in_table, found_in_text, plant
from tests.support.watched import Watch

COLUMNS = [
    "LOC",
    "MUN",
    "MAN",
    "T_LOC",
    "CD_A",
    "ENT",
    "SEX",
    "EDA",
    "NAC_DIA",
    "NAC_MES",
    "NAC_ANIO",
    "CS_P13_1",
    "POS_OCU",
    "INGOCUP",
]
SEED = "987654321"  # must be nowhere but in the restricted area
SETTINGS = ("--epochs", "1", "--rows", "900", "--seed", SEED)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "include.espejo", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | environment,
    )


@dataclass(frozen=True)
class Ended:
    """As a process ends, without the seconds that one takes to import everything."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    def run_here(*arguments: str) -> Ended:
        try:
            code = main(arguments)
        except SystemExit as ended:  # argparse ends so
            code = int(str(ended.code))
        told = capsys.readouterr()
        return Ended(code, told.out, told.err)

    return run_here


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("survey") / "sdemt215.csv"
    write_survey(plant(generate_survey(2015, 2, people=3013, seed=3)), path)
    return path


@pytest.fixture(scope="module")
def made(survey: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One whole `synthesize`, what it said, and whom it asked."""
    out = tmp_path_factory.mktemp("made") / "release"
    watch = Watch(tmp_path_factory.mktemp("watch"))
    assert watch.works()
    done = run("synthesize", str(survey), str(out), *SURVEY, *SETTINGS, **watch.environment)
    assert done.returncode == 0, done.stderr
    restricted = out.with_name(out.name + ".restricted")
    return {
        "out": out,
        "restricted": restricted,
        "said": json.loads(done.stdout.splitlines()[-1]),
        "log": done.stderr,
        "addresses": watch.addresses(),
    }


SURVEY = ("--survey", "enoe_sdem", "--period", "2015T2")


def test_validate_says_so_and_writes_nothing(call: Callable[..., Ended], survey: Path) -> None:
    before = sorted(survey.parent.iterdir())
    done = call("validate", str(survey), *SURVEY)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["rows"] >= 3000
    assert sorted(survey.parent.iterdir()) == before


def test_synthesize_says_what_the_contract_lists(made: dict[str, Any]) -> None:
    said = made["said"]
    assert {
        "rows",
        "fit_seconds",
        "sample_seconds",
        "steps",
        "overall",
        "peak_rss_mb",
        "fit_peak_rss_mb",
        "release",
    } <= set(said)
    assert said["rows"] == 900
    assert said["passed"] is True
    assert said["failed"] == []
    assert said["peak_rss_mb"] >= said["fit_peak_rss_mb"] > 0
    assert 0 < said["overall"] < 1
    assert "epoch 1 of 1" in made["log"]
    manifest = json.loads((made["out"] / "manifest.json").read_text())
    assert said["fit_for"] == manifest["fit_for"]
    assert {"structure", "columns", "pairs", "several_columns", "groups", "models"} <= set(
        said["fit_for"]
    )
    assert set(said["fit_for"].values()) <= {"fit", "care", "not_fit"}
    assert said["fit_for"]["structure"] == "fit"
    assert "fit for: structure" in made["log"]


def test_no_step_looks_up_or_connects_to_an_outside_address(made: dict[str, Any]) -> None:
    assert made["addresses"] == set()


def test_the_release_has_its_files_and_the_manifest_knows_them(made: dict[str, Any]) -> None:
    import hashlib

    out: Path = made["out"]
    manifest = json.loads((out / "manifest.json").read_text())
    present = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    assert present == {entry["name"] for entry in manifest["files"]} | {"manifest.json"}
    assert {
        "synthetic.parquet",
        "synthetic.csv",
        "report.html",
        "quality.json",
        "column_shapes.csv",
        "column_pair_trends.csv",
        "utility.json",
        "comparison.json",
        "datapackage.json",
    } <= present
    assert {f"plots/{name}.png" for name in COLUMNS} <= present
    for entry in manifest["files"]:
        content = (out / entry["name"]).read_bytes()
        assert len(content) == entry["size"]
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]


def test_the_notebooks_own_read_csv_reads_it(made: dict[str, Any]) -> None:
    text = [
        "LOC",
        "MUN",
        "T_LOC",
        "MAN",
        "CD_A",
        "ENT",
        "AGEB",
        "SEX",
        "NAC_DIA",
        "NAC_MES",
        "CS_P13_1",
        "POS_OCU",
    ]
    numbers = ["EDA", "NAC_ANIO", "INGOCUP", "FAC"]
    table = pd.read_csv(
        made["out"] / "synthetic.csv",
        encoding="latin-1",
        low_memory=False,
        dtype=dict.fromkeys(text, "str") | dict.fromkeys(numbers, "float32"),
        na_values=[" ", ""],
    )
    assert list(table.columns) == COLUMNS
    assert len(table) == 900
    assert set(table["ENT"].str.len().dropna()) == {2}
    assert set(table["MAN"].str.len().dropna()) == {3}
    raw = (made["out"] / "synthetic.csv").read_bytes()
    assert raw.count(b"\r\n") == 901
    assert raw.count(b"\n") == 901
    parquet = pd.read_parquet(made["out"] / "synthetic.parquet")
    assert list(parquet.columns) == COLUMNS
    assert parquet["INGOCUP"].tolist() == table["INGOCUP"].astype(int).tolist()


def test_restricted_things_stay_in_the_restricted_folder(made: dict[str, Any]) -> None:
    out: Path = made["out"]
    restricted = out.with_name(out.name + ".restricted")
    for name in (
        "typed.parquet",
        "run.json",
        "validation.json",
        "training.json",
        "losses.csv",
        "manifest.json",
        "candidate/manifest.json",
        "figures/quality.json",
        "figures/utility.json",
        "figures/comparison.json",
        "figures/disclosure.json",
        "train.parquet",
        "holdout.parquet",
        "protection.json",
        "internal.html",
    ):
        assert (restricted / name).is_file(), name
    assert not (restricted / "scratch").exists()
    assert json.loads((restricted / "manifest.json").read_text())["seed"] == int(SEED)
    assert '"seed"' not in (out / "manifest.json").read_text()


def test_no_row_breaks_a_rule(made: dict[str, Any]) -> None:
    figures = json.loads((made["restricted"] / "figures/quality.json").read_text())
    assert figures["broken_rules"] == []
    assert "synthetic rows break rule" not in made["log"]


def test_the_model_is_two_files_and_no_checkpoint_stays(made: dict[str, Any]) -> None:
    restricted: Path = made["restricted"]
    names = {p.name for p in (restricted / "model").iterdir()}
    assert names == {"model.json", "model.safetensors"}
    assert not [p for p in restricted.rglob("*") if p.is_file() and "checkpoint" in p.as_posix()]


def test_no_public_byte_and_no_message_holds_a_canary(survey: Path, made: dict[str, Any]) -> None:
    planted = found_in_table(pd.read_csv(survey, dtype=str, encoding="latin-1"))
    assert len(planted) == 10  # what the search finds where the canaries are
    assert len(set(found_in_text(survey.read_text("latin-1")))) == 7
    found = {p.name: found_in_file(p.name, p.read_bytes()) for p in public_files(made)}
    assert not any(found.values()), found
    assert found_in_text(made["log"]) == []
    assert found_in_text(json.dumps(made["said"])) == []


@pytest.mark.parametrize("name", ["train.parquet", "holdout.parquet"])
def test_what_training_and_the_audit_see_holds_no_canary_but_keys(
    made: dict[str, Any], name: str
) -> None:
    table = pd.read_parquet(made["restricted"] / name)
    assert found_in_table(table) == []
    assert {"AGEB", "FAC"}.isdisjoint(table.columns)


def test_no_file_of_the_model_holds_a_canary(made: dict[str, Any]) -> None:
    for path in (made["restricted"] / "model").iterdir():
        assert found_in_text(path.read_text("latin-1")) == [], path.name


def test_public_files_tell_scores_to_two_decimals(made: dict[str, Any]) -> None:
    exact = json.loads((made["restricted"] / "figures/quality.json").read_text())
    public = json.loads((made["out"] / "quality.json").read_text())
    assert public["overall"] == round(exact["overall"], 2) != exact["overall"]
    finer = {
        p.name: re.findall(r"(?<![\w.])\d+\.\d{3,}(?![\w.])", text_of(p))
        for p in public_files(made)
        if p.suffix in (".json", ".html") or p.name.startswith("column_")
    }
    assert {"utility.json", "comparison.json", "quality.json", "report.html"} <= set(finer)
    assert not any(finer.values()), finer


def test_public_files_tell_nothing_of_split_seed_or_distances(made: dict[str, Any]) -> None:
    restricted = made["restricted"]
    split = json.loads((restricted / "protection.json").read_text())
    audit = json.loads((restricted / "figures/disclosure.json").read_text())
    assert split["train_rows"] + split["holdout_rows"] == split["rows"]
    figures = [gate[name] for gate in audit["gates"] for name in ("figure", "p", "detectable")]
    figures += [bound for gate in audit["gates"] for bound in gate["interval"] or ()]
    figures += list(audit["information"].values())
    told = [f"{abs(f):.4f}" for f in figures if f is not None and round(f, 2) != f]
    secrets = [SEED, *told, *(str(split[name]) for name in ("train_rows", "holdout_rows", "rows"))]
    assert len(told) > 20
    for path in public_files(made):
        if path.suffix in (".json", ".html") or path.name.startswith("column_"):
            text = text_of(path)
            words = set(re.findall(r"(?<!\w)[\d.]+(?!\w)", re.sub(r"(?<=\d),(?=\d{3})", "", text)))
            assert not [secret for secret in secrets if secret in words], path.name
            sizes = "holdout_rows|train_rows|learnt_rows|tested_(rows|households)|distance_to"
            assert not re.search(sizes, text), path.name
    # Indicators have intervals; gates tell none.
    assert not re.search("interval|detectable", (made["out"] / "manifest.json").read_text())
    assert "gates" in json.loads((made["out"] / "manifest.json").read_text())


def test_the_page_shows_every_gate(made: dict[str, Any]) -> None:
    page = (made["out"] / "report.html").read_text(encoding="utf-8")
    gates = json.loads((made["out"] / "manifest.json").read_text())["gates"]
    assert len(gates) > 20
    for gate in gates:
        assert set(gate) == {"name", "applicable", "passed", "safe_to_within"}
        assert f"<code>{gate['name']}</code>" in page


def public_files(made: dict[str, Any]) -> list[Path]:
    return sorted(path for path in made["out"].rglob("*") if path.is_file())


def text_of(path: Path) -> str:
    """A public file's text, without its pictures and without sizes and hashes of other files."""
    text = path.read_text(encoding="utf-8")
    if path.name == "manifest.json":
        return json.dumps(json.loads(text) | {"files": []})
    return re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)


def test_the_same_again_is_harmless(
    call: Callable[..., Ended], survey: Path, made: dict[str, Any]
) -> None:
    out: Path = made["out"]
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file()}
    done = call("synthesize", str(survey), str(out), *SURVEY, *SETTINGS)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["release"] == made["said"]["release"]
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file()} == before


def test_another_release_does_not_overwrite_it(
    call: Callable[..., Ended], survey: Path, made: dict[str, Any]
) -> None:
    out: Path = made["out"]
    before = (out / "manifest.json").read_bytes()
    done = call(
        "synthesize",
        str(survey),
        str(out),
        *SURVEY,
        "--epochs",
        "2",
        "--restricted",
        str(out.parent / "other"),
    )
    assert done.returncode == 2
    assert "never overwritten" in done.stderr
    assert (out / "manifest.json").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--survey", "enoe_sdem", "--period", "2015-2"), "not a quarter"),
        (("--survey", "nonsense", "--period", "2015T2"), "known surveys"),
        ((*SURVEY, "--epochs", "0"), "parameter epochs"),
        ((*SURVEY, "--batch-size", "105"), "multiple of 10"),
        ((*SURVEY, "--engine", "nonsense"), "parameter engine"),
        ((*SURVEY, "--rows", "-5"), "parameter rows"),
        (("--period", "2015T2"), "--survey"),
    ],
)
def test_bad_arguments_end_with_2(
    call: Callable[..., Ended], survey: Path, tmp_path: Path, arguments: tuple[str, ...], text: str
) -> None:
    done = call("synthesize", str(survey), str(tmp_path / "out"), *arguments)
    assert done.returncode == 2
    assert text in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_bad_file_ends_with_2_and_leaves_no_release(
    call: Callable[..., Ended], survey: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.csv"
    lines = survey.read_bytes().splitlines(keepends=True)
    bad.write_bytes(b"".join(lines[:-1]) + lines[-1][:20])
    done = call("synthesize", str(bad), str(tmp_path / "out"), *SURVEY)
    assert done.returncode == 2
    assert "rule fields: 1 lines" in done.stderr
    assert not (tmp_path / "out").exists()
    assert "Traceback" not in done.stderr


def test_the_commands_take_s3_addresses(
    call: Callable[..., Ended],
    lake_server: LakeServer,
    survey: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lake_server.client("admin").upload_file(str(survey), RAW_BUCKET, "commands/sdem.csv")

    def validate_as(name: str, uri: str) -> Ended:
        identity = lake_server.identities[name]
        for variable, value in (
            ("AWS_ACCESS_KEY_ID", identity.access_key),
            ("AWS_SECRET_ACCESS_KEY", identity.secret_key),
            ("AWS_ENDPOINT_URL", lake_server.endpoint_url),
        ):
            monkeypatch.setenv(variable, value)
        return call("validate", uri, *SURVEY)

    uri = f"s3://{RAW_BUCKET}/commands/sdem.csv"
    done = validate_as("ingest", uri)
    assert done.returncode == 0, done.stderr
    refused = validate_as("consumer", uri)
    assert refused.returncode == 2
    assert "refused; check this connection's credentials" in refused.stderr
    absent = validate_as("ingest", f"s3://{RAW_BUCKET}/nothing.csv")
    assert absent.returncode == 2
    assert "not found" in absent.stderr
    assert RESTRICTED_BUCKET not in done.stderr
