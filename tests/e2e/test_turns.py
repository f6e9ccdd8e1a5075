"""Whose turn it is, in Airflow itself: two runs of a period, a run that is ended, a backfill."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from demo.lake_identities import RESTRICTED_BUCKET

from .support import DAG, QUICK, SURVEY, Api, Stage, put_survey, survey, until


def holder(stage: Stage, period: str) -> str:
    """The run that is at a period; empty for none."""
    return str(json.loads(stage.read(RESTRICTED_BUCKET, f"{SURVEY}/{period}/lock.json"))["holder"])


def states(api: Api, run: str) -> dict[str, str | None]:
    return {name: task["state"] for name, task in api.tasks(run).items()}


def state_of(api: Api, run: str, task: str) -> str | None:
    return states(api, run)[task]


def end(api: Api, run: str) -> None:
    """What *Mark as failed* does in Airflow's pages."""
    api.call("PATCH", f"/api/v2/dags/{DAG}/dagRuns/{run}", {"state": "failed"})


def test_two_runs_of_one_period_take_turns(stage: Stage, api: Api, tmp_path: Path) -> None:
    put_survey(stage, tmp_path, "2014T2", survey("2014T2"))
    first = api.trigger(period="2014T2", **QUICK)
    until(lambda: state_of(api, first, "ingest") == "running", "the first run's ingest")
    second = api.trigger(period="2014T2", **(QUICK | {"seed": 7}))
    until(lambda: state_of(api, second, "wait_for_file") == "up_for_reschedule", "its wait")
    assert holder(stage, "2014T2") == first
    assert f"run {first} is making this period" in api.log(second, "wait_for_file")
    assert state_of(api, second, "open_scratch") is None
    end(api, first)
    assert api.wait(DAG, first) == "failed"
    assert holder(stage, "2014T2") == ""
    api.clear(second, "wait_for_file")  # rather than at the next look
    until(lambda: state_of(api, second, "ingest") == "success", "the second run's turn")
    assert holder(stage, "2014T2") == second
    end(api, second)
    assert api.wait(DAG, second) == "failed"
    assert holder(stage, "2014T2") == ""


def test_a_wait_that_is_ended_by_hand_is_a_failed_run_and_holds_nobody_up(
    stage: Stage, api: Api, done: str
) -> None:
    run = api.trigger(period="2013T1", **QUICK)
    until(lambda: state_of(api, run, "wait_for_file") == "up_for_reschedule", "the wait")
    # Another period does not wait for this file.
    other = api.trigger(period="2015T2", **QUICK)
    assert api.wait(DAG, other) == "success", states(api, other)
    end(api, run)
    assert api.wait(DAG, run) == "failed"
    assert "the run did not get to its end" in api.log(run, "end_run")
    assert state_of(api, run, "publish") == "skipped"


def test_a_backfill_of_the_past_starts_no_other_run(stage: Stage, api: Api, done: str) -> None:
    def runs(kind: str) -> list[dict[str, Any]]:
        found = api.call("GET", f"/api/v2/dags/{DAG}/dagRuns?limit=100")["dag_runs"]
        return [run for run in found if run["run_type"] == kind]

    asked = {"dag_id": DAG, "from_date": "2015-08-25T00:00:00Z", "to_date": "2015-08-27T00:00:00Z"}
    api.call("POST", "/api/v2/backfills", asked | {"dag_run_conf": QUICK})
    (run,) = until(lambda: runs("backfill"), "the run of the backfill")
    name = run["dag_run_id"]
    assert api.wait(DAG, name) == "success", states(api, name)
    told = api.call("GET", f"/api/v2/dags/{DAG}/details")
    token = told["file_token"]
    api.call("PUT", f"/api/v2/parseDagFile/{token}")
    parsed = told["last_parsed_time"]
    details = until(
        lambda: next(
            (
                d
                for d in [api.call("GET", f"/api/v2/dags/{DAG}/details")]
                if d["last_parsed_time"] != parsed
            ),
            None,
        ),
        "the DAG read again",
    )
    assert datetime.fromisoformat(details["next_dagrun_run_after"]) > datetime.now(UTC)
    assert runs("scheduled") == []
