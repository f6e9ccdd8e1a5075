"""Who is told of what, and of what nobody is."""

from __future__ import annotations

from typing import Any

import pytest

from include.espejo_airflow import alerts


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    told: list[dict[str, str]] = []
    monkeypatch.setattr(alerts, "send", lambda _, message: told.append(message))
    return told


def late(**run: Any) -> None:
    alerts.notify_deadline("espejo_alert", "parks_synthesis", context={"dag_run": run})


def test_a_scheduled_run_that_goes_on_is_late(sent: list[dict[str, str]]) -> None:
    late(dag_run_id="scheduled__1", state="running", run_type="scheduled")
    (told,) = sent
    assert (told["event"], told["dag"], told["run"]) == ("late", "parks_synthesis", "scheduled__1")
    alerts.notify_deadline("espejo_alert", "parks_synthesis")
    assert len(sent) == 2


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        *(("failed", "scheduled"), ("success", "scheduled")),
        *(("running", "backfill"), ("running", "manual"), ("failed", "backfill")),
    ],
)
def test_nobody_is_told_of_a_run_that_has_ended_or_was_never_due(
    state: str, kind: str, sent: list[dict[str, str]]
) -> None:
    late(dag_run_id="x", state=state, run_type=kind)
    assert sent == []


def test_a_failure_is_told_once(sent: list[dict[str, str]]) -> None:
    """The last task fails where another has: whoever watches knows already."""
    from types import SimpleNamespace

    from airflow.sdk.exceptions import AirflowFailException

    from include.espejo_airflow.turns import RunNotFinished

    for name, error in (
        ("ingest", AirflowFailException("refused")),
        ("end_run", RunNotFinished("ingest failed")),
        ("end_run", AirflowFailException("no answer")),
    ):
        instance = SimpleNamespace(dag_id="parks_synthesis", run_id="x", task_id=name)
        alerts.notify_failure({"ti": instance, "exception": error}, "espejo_alert")
    assert [message["task"] for message in sent] == ["ingest", "end_run"]
