"""How Airflow meets the lake: the wait for files, and what a connection may say."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from include.espejo.errors import LakeError
from include.espejo.lake import open_lake


def sensor_of(patterns: list[str], parts: list[int], other: str | None = None) -> Any:
    from include.espejo_airflow.sensor import RawFileSensor

    return RawFileSensor(
        task_id="wait_for_file",
        patterns=patterns,
        parts=parts,
        connection_id="espejo_ingest",
        other_run=lambda _: other,
    )


def test_the_wait_ends_when_all_files_are_there_by_the_rule_of_ingest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from include.espejo.ingest import find_input

    persons, homes = str(tmp_path / "2026T1" / "p*.csv"), str(tmp_path / "2026T1" / "home.csv")
    wait = sensor_of([persons, homes], [2, 1])
    assert not wait.poke({})
    old = tmp_path / "2026T1" / "old"
    old.mkdir(parents=True)
    for name in ("old/p1.csv", "old/p2.csv", "P3.CSV", "home.csv", "p1.csv"):
        (tmp_path / "2026T1" / name).write_text("x")
    capsys.readouterr()
    assert not wait.poke({})
    told = capsys.readouterr().out
    assert "1 of 2 files match" in told
    assert "P3.CSV" in told
    assert "old/p1.csv" in told
    (tmp_path / "2026T1" / "p2.csv").write_text("x")
    assert wait.poke({})
    assert len(find_input(open_lake(persons), persons, 2)) == 2


def test_the_wait_goes_on_while_another_run_is_at_the_period(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p1.csv").write_text("x")
    capsys.readouterr()
    assert not sensor_of([str(tmp_path / "p*.csv")], [1], "backfill__7").poke({})
    assert "run backfill__7 is making this period" in capsys.readouterr().out
    assert sensor_of([str(tmp_path / "p*.csv")], [1]).poke({})


@pytest.mark.parametrize("retryable", [True, False])
def test_a_lake_that_refuses_ends_the_wait_and_one_that_does_not_answer_does_not(
    monkeypatch: pytest.MonkeyPatch, *, retryable: bool
) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    from include.espejo_airflow import sensor

    def refuse(*_: object) -> None:
        raise LakeError("s3://a: cannot list it: refused", retryable=retryable)

    lake = SimpleNamespace(list=refuse, tree=refuse)
    monkeypatch.setattr(sensor, "lake_by", lambda *_: lake)
    wait = sensor_of(["s3://a/*.csv"], [1])
    if retryable:
        assert not wait.poke({})
    else:
        with pytest.raises(AirflowFailException, match="cannot list it: refused"):
            wait.poke({})


def lake_of(monkeypatch: pytest.MonkeyPatch, extra: dict[str, Any]) -> dict[str, Any]:
    """What a lake is opened with by a connection with these extra fields."""
    from include.espejo_airflow import connections

    told = SimpleNamespace(login="key", password="secret", extra_dejson=extra)
    monkeypatch.setattr("airflow.sdk.Connection.get", lambda _: told)
    opened: dict[str, Any] = {}
    monkeypatch.setattr(
        "include.espejo.lake.open_lake", lambda _, options, who: opened.update(options, who=who)
    )
    connections.lake_by("espejo_ingest", "s3://a/b")
    return opened


def test_all_that_a_connection_says_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = lake_of(
        monkeypatch,
        {
            "aws_session_token": "token",
            "verify": "/etc/ca.pem",
            "endpoint_url": "https://lake",
            "region_name": "mx-central-1",
            "server_side_encryption": "aws:kms",
            "sse_kms_key_id": "alias/espejo",
        },
    )
    assert opened == {
        "key": "key",
        "secret": "secret",
        "token": "token",
        "endpoint_url": "https://lake",
        "client_kwargs": {"region_name": "mx-central-1", "verify": "/etc/ca.pem"},
        "s3_additional_kwargs": {
            "ServerSideEncryption": "aws:kms",
            "SSEKMSKeyId": "alias/espejo",
        },
        "who": "connection espejo_ingest",
    }


@pytest.mark.parametrize("field", ["role_arn", "profile_name", "config_kwargs", "endpoint"])
def test_a_field_that_is_not_understood_is_refused_by_name(
    field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    with pytest.raises(AirflowFailException, match=f"its extra field `{field}` is not understood"):
        lake_of(monkeypatch, {"endpoint_url": "https://lake", field: "x"})


def test_two_specs_of_one_survey_are_an_import_error_that_names_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.dag_processing.dagbag import DagBag

    from include.espejo.survey import load_specs
    from tests.conftest import ROOT

    parks = (ROOT / "tests/surveys/parks.yaml").read_text(encoding="utf-8")
    (tmp_path / "parks.yaml").write_text(parks, encoding="utf-8")
    (tmp_path / "copy.yml").write_text(parks, encoding="utf-8")
    other = parks.replace("survey: parks", "survey: gardens")
    (tmp_path / "gardens.yml").write_text(other, encoding="utf-8")
    monkeypatch.setenv("ESPEJO_SURVEYS", str(tmp_path))
    assert [spec.survey for spec in load_specs()[0]] == ["gardens"]
    bag = DagBag(str(ROOT / "dags"))
    (problem,) = bag.import_errors.values()
    assert "copy.yml and parks.yaml: `survey` is parks in each" in problem
    assert set(bag.dags) == {
        f"gardens_{kind}" for kind in ("synthesis", "indicators", "maintenance")
    }
    (tmp_path / "gardens.yaml").write_text(other, encoding="utf-8")
    from include.espejo.errors import SpecError
    from include.espejo.survey import load_spec

    with pytest.raises(SpecError, match=r"it has two specs, gardens\.yaml and gardens\.yml"):
        load_spec("gardens")
