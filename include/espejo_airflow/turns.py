"""Runs of one period take turns: a lock in the lake says whose it is.

Airflow's `max_active_runs` neither counts backfills nor knows of periods. Two runs of one period
would delete each other's scratch, and the slower one would write over what the other published.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowFailException

from include.espejo.errors import LakeError
from include.espejo.lake.keys import period_lock
from include.espejo.survey import SurveySpec
from include.espejo_airflow.connections import lake_by

_AT_WORK = ["queued", "running"]
_FAILED = {"failed", "upstream_failed"}


class RunNotFinished(AirflowFailException):
    """A run that did not get to its end: what failed has been told already."""


def other_run(spec: SurveySpec, context: Any) -> str | None:
    """Take the period that was planned; the run that is at it instead, None for none."""
    return _take(spec, context["ti"].xcom_pull(task_ids="plan")["period"], context)


def _take(spec: SurveySpec, period: str, context: Any) -> str | None:
    from include.espejo.lake.lock import take_lock

    run = context["dag_run"]
    lake = lake_by(spec.connections.work, spec.places.restricted)
    uri = period_lock(spec.places.restricted, spec.survey, period)
    return take_lock(lake, uri, run.run_id, partial(_is_working, context["ti"], run.dag_id))


@contextmanager
def turn_of_upkeep(spec: SurveySpec, context: Any, period: str) -> Iterator[bool]:
    """Whether the maintenance may delete in a period: no run is at it or begins meanwhile."""
    from include.espejo.lake.lock import free_lock, take_lock

    run = context["dag_run"]
    holder = f"{run.dag_id}:{run.run_id}"
    lake = lake_by(spec.connections.work, spec.places.restricted)
    uri = period_lock(spec.places.restricted, spec.survey, period)
    working = partial(_is_working, context["ti"], f"{spec.survey}_synthesis")
    if take_lock(lake, uri, holder, working) is not None:
        yield False
        return
    try:
        yield True
    finally:
        free_lock(lake, uri, holder)


def require_turn(spec: SurveySpec, period: str) -> None:
    """Raise a LakeError, to be tried again, where another run is at the period."""
    other = _take(spec, period, get_current_context())
    if other is not None:
        raise LakeError(
            f"period {period}: run {other} is making it; wait until that run has ended, then clear "
            "this task",
            retryable=True,
        )


def give_back(spec: SurveySpec, period: str | None) -> None:
    """The end of a run, however it came: the next one of its period may begin. None: it has none.

    Raises RunNotFinished where a task failed, or the run was ended by hand: Airflow takes the state
    of the last task for that of the run.
    """
    from include.espejo.lake.lock import free_lock

    context = get_current_context()
    run = context["dag_run"]
    if period is not None:
        lake = lake_by(spec.connections.work, spec.places.restricted)
        free_lock(lake, period_lock(spec.places.restricted, spec.survey, period), run.run_id)
    states = context["ti"].get_task_states(dag_id=run.dag_id, run_ids=[run.run_id])
    told = _unfinished(states.get(run.run_id, {}), dry_run=context["params"]["dry_run"])
    if told:
        raise RunNotFinished(f"the run did not get to its end: {told}")


def _is_working(instance: Any, dag_id: str, run_id: str) -> bool:
    """Whether Airflow knows the holder of a lock to be at it: a run of the DAG, or the upkeep."""
    upkeep = f"{dag_id.removesuffix('_synthesis')}_maintenance"
    if run_id.startswith(f"{upkeep}:"):
        dag_id, run_id = upkeep, run_id.removeprefix(f"{upkeep}:")
    return bool(instance.get_dr_count(dag_id, run_ids=[run_id], states=_AT_WORK))


def _unfinished(states: dict[str, str | None], *, dry_run: bool) -> str:
    """What kept a run from its end; empty for nothing."""
    failed = sorted(name for name, state in states.items() if state == "failed")
    if failed:
        return f"{', '.join(failed)} failed"
    if _FAILED & set(states.values()):
        return "a task before others failed"
    skipped = {name for name, state in states.items() if state == "skipped"}
    if skipped - ({"publish"} if dry_run else set()):
        return "it was ended before it was done"
    return ""
