"""Who is told of what, and of what nobody is."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from include.espejo_airflow import alerts

Sent = list[dict[str, str]]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    told: Sent = []
    monkeypatch.setattr(alerts, "send", lambda _, message: told.append(message))
    return told


def late(**run: Any) -> None:
    told = {"connection_id": "espejo_alert", "dag_id": "enoe_sdem_synthesis", "survey": "enoe_sdem"}
    asyncio.run(alerts.notify_deadline(**told, context={"dag_run": run} if run else None))


def failed(name: str, error: object, planned: object = None) -> None:
    instance = SimpleNamespace(
        dag_id="parks_synthesis",
        run_id="manual__2026-11-30T01:02:03+00:00",
        task_id=name,
        xcom_pull=lambda task_ids: planned,
    )
    alerts.notify_failure({"ti": instance, "exception": error}, "espejo_alert", "parks")


def test_a_scheduled_run_that_goes_on_is_late(sent: Sent) -> None:
    due = "2026-05-26T12:00:00+00:00"
    late(dag_run_id="scheduled__1", state="running", run_type="scheduled", logical_date=due)
    (told,) = sent
    assert (told["event"], told["dag"], told["run"]) == (
        *("late", "enoe_sdem_synthesis", "scheduled__1"),
    )
    assert (told["survey"], told["period"]) == ("enoe_sdem", "2026T1")
    assert told["link"].endswith("/dags/enoe_sdem_synthesis/runs/scheduled__1")
    late()
    assert len(sent) == 2


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        *(("failed", "scheduled"), ("success", "scheduled")),
        *(("running", "backfill"), ("running", "manual"), ("failed", "backfill")),
    ],
)
def test_nobody_is_told_of_a_run_that_has_ended_or_was_never_due(
    state: str, kind: str, sent: Sent
) -> None:
    late(dag_run_id="x", state=state, run_type=kind)
    assert sent == []


def test_a_failure_is_told_once(sent: Sent) -> None:
    """The last task fails where another has: whoever watches knows already."""
    from airflow.sdk.exceptions import AirflowFailException

    from include.espejo_airflow.turns import RunNotFinished

    failed("ingest", AirflowFailException("refused"))
    failed("end_run", RunNotFinished("ingest failed"))
    failed("end_run", AirflowFailException("no answer"))
    assert [message["task"] for message in sent] == ["ingest", "end_run"]


def test_a_refusal_is_told_with_its_cause_remedy_period_and_link(sent: Sent) -> None:
    from include.espejo_airflow.guard import Refusal

    failed("disclose", Refusal("gate attempts: 3 of 3", "GateError"), {"period": "2026T3"})
    failed("plan", Refusal("parameter rows: too few", "ParameterError"))
    gate, parameter = sent
    assert gate["cause"] == "gate attempts: 3 of 3"
    assert gate["remedy"].startswith("read the gates in the run's tab")
    assert (gate["survey"], gate["period"]) == ("parks", "2026T3")
    # A plus sign or a colon in a run's name must not end the address.
    assert gate["link"].endswith(
        "/dags/parks_synthesis/runs/manual__2026-11-30T01%3A02%3A03%2B00%3A00/tasks/disclose"
    )
    assert parameter["period"] == ""


@pytest.mark.parametrize("error", [ValueError("Juana, 34"), None, "killed: Juana"])
def test_of_a_foreign_failure_only_its_kind_is_told(error: object, sent: Sent) -> None:
    failed("train", error)
    assert "Juana" not in str(sent)
    assert "the log of the task has more" in sent[0]["cause"]


def test_where_the_plan_cannot_be_asked_for_the_alert_goes_without_a_period(sent: Sent) -> None:
    def lost(task_ids: str) -> None:
        raise RuntimeError("nobody to ask")

    told = SimpleNamespace(dag_id="parks_synthesis", run_id="x", task_id="train", xcom_pull=lost)
    alerts.notify_failure({"ti": told, "exception": None}, "espejo_alert", "parks")
    assert sent[0]["period"] == ""


def test_every_kind_of_error_has_a_remedy() -> None:
    from include.espejo import errors

    kinds = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.EspejoError)
    }
    assert set(alerts._REMEDIES) == kinds - {"EspejoError", "UnexpectedError"}
