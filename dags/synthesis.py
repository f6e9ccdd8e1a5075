"""One DAG for each survey spec: from the confidential survey in the lake to a release in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from airflow.sdk import (
    DAG,
    CronTriggerTimetable,
    chain,
    get_current_context,
    setup,
    task,
    task_group,
    teardown,
)
from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference
from airflow.sdk.exceptions import AirflowSkipException

from include.espejo.lake.keys import scratch
from include.espejo.steps.run import Summary
from include.espejo.steps.table import COMBINE, INGEST, PUBLISH, STAGES, VALIDATE, Step
from include.espejo.survey import SurveySpec, load_specs
from include.espejo_airflow.alerts import notify_deadline, notify_failure
from include.espejo_airflow.connections import lakes_of, release_asset
from include.espejo_airflow.docs import synthesis_doc
from include.espejo_airflow.form import form, job_of, joined_pattern, period_of_run, run_of
from include.espejo_airflow.guard import guarded
from include.espejo_airflow.lineage import datasets_of_release, traced
from include.espejo_airflow.placement import placement
from include.espejo_airflow.sensor import RawFileSensor


def build_synthesis(spec: SurveySpec) -> DAG:
    """The DAG `<survey>_synthesis`."""
    schedule, connections = spec.schedule, spec.connections
    cron = schedule.cron(spec.period)
    with DAG(
        dag_id=f"{spec.survey}_synthesis",
        # No start date, and a first run of the past only within no time at all: unpausing waits
        # for the next publication day. (False would mean "within a tenth of the interval".)
        schedule=None
        if cron is None
        else CronTriggerTimetable(cron, timezone=schedule.timezone, run_immediately=timedelta(0)),
        catchup=False,
        max_active_runs=1,
        params=form(spec),
        doc_md=synthesis_doc(spec),
        tags=["espejo", spec.survey],
        deadline=DeadlineAlert(
            # Of a run by hand, which has no such date, somebody waits for the end.
            reference=DeadlineReference.DAGRUN_LOGICAL_DATE,
            interval=timedelta(days=schedule.wait_days, hours=schedule.deadline_hours),
            callback=SyncCallback(
                notify_deadline,
                kwargs={"connection_id": connections.alert, "dag_id": f"{spec.survey}_synthesis"},
            ),
        ),
        default_args={
            "retries": 3,
            "retry_delay": timedelta(minutes=1),
            "retry_exponential_backoff": True,
            "max_retry_delay": timedelta(minutes=30),
            "execution_timeout": timedelta(hours=schedule.step_hours),
            "on_failure_callback": partial(notify_failure, connection_id=connections.alert),
        },
    ) as dag:
        _wire(spec)
    return dag


def _wire(spec: SurveySpec) -> None:
    """The tasks, in the order in which data passes."""
    _wire_release(spec, _wire_intake(spec))


def _wire_intake(spec: SurveySpec) -> Any:
    """From the plan of a run to a table that is valid; what is not yet valid lies in scratch."""

    @task
    @guarded
    def plan() -> dict[str, str]:
        period = period_of_run(spec, get_current_context())
        job_of(spec, str(period))  # parameters that make no sense fail here, not after the wait
        return {
            "period": str(period),
            "source": period.format(spec.places.raw),
            "joined": joined_pattern(spec, period),
            "scratch": scratch(spec.places.restricted, spec.survey, str(period)),
        }

    @setup
    @guarded
    def open_scratch(planned: dict[str, str]) -> None:
        lakes_of(spec).work.delete_tree(planned["scratch"])

    @teardown
    @guarded
    def close_scratch(planned: dict[str, str]) -> None:
        lakes_of(spec).work.delete_tree(planned["scratch"])

    planned = plan()
    opened, closed = open_scratch(planned), close_scratch(planned)
    ingested, validated = _task_of(spec, INGEST)(planned), _task_of(spec, VALIDATE)(planned)
    planned >> _wait_for_file(spec) >> opened >> ingested >> validated >> closed
    opened >> closed
    return validated


def _wait_for_file(spec: SurveySpec) -> RawFileSensor:
    limit = timedelta(days=spec.schedule.wait_days)
    wanted = {"source": spec.source.parts} | ({"joined": 1} if spec.source.join else {})
    return RawFileSensor(
        task_id="wait_for_file",
        patterns=[f"{{{{ ti.xcom_pull(task_ids='plan')['{name}'] }}}}" for name in wanted],
        parts=list(wanted.values()),
        connection_id=spec.connections.ingest,
        poke_interval=600,
        timeout=limit.total_seconds(),
        execution_timeout=limit + timedelta(hours=1),
    )


def _wire_release(spec: SurveySpec, validated: Any) -> None:
    """From the valid table to the release, all in the release's own workspace."""
    asset = release_asset(spec)

    @traced(partial(datasets_of_release, spec), outlets=[asset])
    @guarded
    def publish(told: Summary, *, outlet_events: Any = None) -> Summary:
        if get_current_context()["params"]["dry_run"]:
            raise AirflowSkipException("dry run: the candidate stays in the restricted area")
        done = PUBLISH.call(run_of(spec, told))
        shown = {name: done[name] for name in ("rows", "overall", "manifest")}
        outlet_events[asset].extra = {"period": told["period"], **shown}
        return {"period": told["period"], "release": told["release"], **done}

    made = _in_parts(spec, validated) if spec.model.partition else _whole(spec, validated, STAGES)
    chain(validated, *made, publish(validated))


def _whole(spec: SurveySpec, validated: Any, stages: Sequence[Sequence[Step]]) -> list[Any]:
    """The tasks of these stages; a list only where there are several, since no two may meet."""
    made = [[_task_of(spec, step)(validated) for step in stage] for stage in stages]
    return [tasks if len(tasks) > 1 else tasks[0] for tasks in made]


def _in_parts(spec: SurveySpec, validated: Any) -> list[Any]:
    """The same, where each part of the table is learnt and drawn on any worker that is free."""
    before, *rest = STAGES
    of_parts = [step for stage in rest for step in stage if step.of_parts]
    (protected,) = _whole(spec, validated, [before])

    @task
    def list_parts(told: dict[str, Any]) -> list[str]:
        """Airflow maps over all that a task returns, and not over a part of it."""
        return list(told["parts"])

    @task_group(group_id="parts")
    def make_part(part: str) -> None:
        chain(*(_task_of(spec, step)(validated, part) for step in of_parts))

    after = [stage for stage in rest if not any(step.of_parts for step in stage)]
    parts = make_part.expand(part=list_parts(protected))
    return [protected, parts, *_whole(spec, validated, [(COMBINE,), *after])]


def _task_of(spec: SurveySpec, step: Step) -> Any:
    """The task of a step, which has its name. Beside what the step tells, it tells the period."""
    limit = timedelta(hours=step.most_hours(spec.schedule))

    @task(task_id=step.name, execution_timeout=limit, **placement(step))
    @guarded
    def run_step(told: Summary, part: str = "") -> Summary:
        return {"period": told["period"]} | step.call(run_of(spec, told).of_part(part))

    return run_step


# Specs that cannot be used are an import error of dags/check_specs.py; the others go on.
for survey in load_specs()[0]:
    globals()[f"{survey.survey}_synthesis"] = build_synthesis(survey)
