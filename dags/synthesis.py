"""One DAG for each survey spec: from the confidential survey in the lake to a release in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from airflow.sdk import (
    DAG,
    chain,
    get_current_context,
    setup,
    task,
    task_group,
    teardown,
)
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference
from airflow.sdk.exceptions import AirflowSkipException

from include.espejo.lake.keys import scratch
from include.espejo.steps.pretrain import FIELD_GROUPS
from include.espejo.steps.run import Summary
from include.espejo.steps.table import (
    COMBINE,
    INGEST,
    PRETRAIN,
    PUBLISH,
    SEARCH,
    STAGES,
    VALIDATE,
    Step,
)
from include.espejo.survey import SurveySpec, load_specs
from include.espejo_airflow import metrics
from include.espejo_airflow.alerts import notify_deadline, notify_failure
from include.espejo_airflow.connections import lakes_of, release_asset, require_rights
from include.espejo_airflow.docs import synthesis_doc
from include.espejo_airflow.form import (
    form,
    job_of,
    joined_pattern,
    period_if_any,
    period_of_run,
    run_of,
)
from include.espejo_airflow.guard import guarded
from include.espejo_airflow.lineage import datasets_of_release, traced
from include.espejo_airflow.placement import placement
from include.espejo_airflow.sensor import RawFileSensor
from include.espejo_airflow.timetable import PublicationTimetable
from include.espejo_airflow.turns import give_back, other_run, require_turn

# Runs of one period take turns (`turns.py`); those of others need not wait for a file that is late.
_PERIODS_AT_ONCE = 4


def build_synthesis(spec: SurveySpec) -> DAG:
    """The DAG `<survey>_synthesis`."""
    schedule, connections = spec.schedule, spec.connections
    cron = schedule.cron(spec.period)
    with DAG(
        dag_id=f"{spec.survey}_synthesis",
        # No start date: unpausing waits for the next publication day.
        schedule=None if cron is None else PublicationTimetable(cron, timezone=schedule.timezone),
        catchup=False,
        max_active_runs=_PERIODS_AT_ONCE,
        params=form(spec),
        doc_md=synthesis_doc(spec),
        tags=["espejo", spec.survey],
        deadline=DeadlineAlert(
            # Of a run by hand, which has no such date, somebody waits for the end.
            reference=DeadlineReference.DAGRUN_LOGICAL_DATE,
            interval=timedelta(days=schedule.wait_days, hours=schedule.deadline_hours),
            callback=AsyncCallback(
                notify_deadline,
                kwargs={
                    "connection_id": connections.alert,
                    "dag_id": f"{spec.survey}_synthesis",
                    "survey": spec.survey,
                },
            ),
        ),
        default_args={
            "retries": 3,
            "retry_delay": timedelta(minutes=1),
            "retry_exponential_backoff": True,
            "max_retry_delay": timedelta(minutes=30),
            "execution_timeout": timedelta(hours=schedule.step_hours),
            "on_failure_callback": partial(
                notify_failure, connection_id=connections.alert, survey=spec.survey
            ),
        },
    ) as dag:
        _wire(spec)
    return dag


def _wire(spec: SurveySpec) -> None:
    """The tasks, in the order in which data passes."""
    planned = _plan_and_end(spec)
    _wire_release(spec, _wire_intake(spec, planned))
    dag = planned.operator.dag
    dag.get_task("end_run").set_upstream([dag.get_task(name) for name in _last_to_end(spec)])


def _last_to_end(spec: SurveySpec) -> list[str]:
    """The tasks that may go on when one beside them has failed, or that come last."""
    beside = [step.name for stage in STAGES if len(stage) > 1 for step in stage]
    of_parts = [step.name for stage in STAGES for step in stage if step.of_parts]
    parts = [f"parts.{of_parts[-1]}", SEARCH.name, PRETRAIN.name] if spec.model.partition else []
    return ["close_scratch", *parts, *beside, "publish"]


def _plan_and_end(spec: SurveySpec) -> Any:
    """The plan of a run, and its end, which comes whatever happens in between: also where the run
    is ended before it has planned anything, so that the end asks nothing of the plan."""

    @task
    @guarded
    def plan() -> dict[str, str]:
        period = period_of_run(spec, get_current_context())
        # What makes no sense or is not allowed fails here, and not after the wait and the training.
        job_of(spec, str(period))
        require_rights(spec, str(period), publishes=not get_current_context()["params"]["dry_run"])
        return {
            "period": str(period),
            "source": period.format(spec.places.raw),
            "joined": joined_pattern(spec, period),
            "scratch": scratch(spec.places.restricted, spec.survey, str(period)),
        }

    @teardown(on_failure_fail_dagrun=True)  # type: ignore[untyped-decorator]
    @guarded
    def end_run() -> None:
        give_back(spec, period_if_any(spec, get_current_context()))

    end_run()
    return plan()


def _wire_intake(spec: SurveySpec, planned: Any) -> Any:
    """From the plan of a run to a table that is valid; what is not yet valid lies in scratch."""

    @setup
    @guarded
    def open_scratch(planned: dict[str, str]) -> None:
        require_turn(spec, planned["period"])
        lakes_of(spec).work.delete_tree(planned["scratch"])

    @teardown
    @guarded
    def close_scratch(planned: dict[str, str]) -> None:
        lakes_of(spec).work.delete_tree(planned["scratch"])

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
        other_run=partial(other_run, spec),
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
        require_turn(spec, str(told["period"]))
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
    """The same, where workers share what the parts have in common (`pretrain`), the parts, and the
    shards of the audit's search."""
    before, *rest = STAGES
    of_parts = [step for stage in rest for step in stage if step.of_parts]
    (protected,) = _whole(spec, validated, [before])

    @task
    def list_parts(told: dict[str, Any]) -> list[str]:
        """Airflow maps over all that a task returns, and not over a part of it."""
        return list(told["parts"])

    @task
    def list_shards(told: dict[str, Any]) -> list[str]:
        return list(told["shards"])

    @task_group(group_id="parts")
    def make_part(part: str) -> None:
        chain(*(_task_of(spec, step)(validated, part) for step in of_parts))

    after = [stage for stage in rest if not any(step.of_parts for step in stage)]
    combined, *made = _whole(spec, validated, [(COMBINE,), *after])
    searched = _task_of(spec, SEARCH).partial(told=validated).expand(part=list_shards(protected))
    combined >> searched >> searched.operator.dag.get_task("disclose")
    pretrained = _task_of(spec, PRETRAIN).partial(told=validated).expand(part=list(FIELD_GROUPS))
    return [protected, pretrained, make_part.expand(part=list_parts(protected)), combined, *made]


def _task_of(spec: SurveySpec, step: Step) -> Any:
    """The task of a step, which has its name. Beside what the step tells, it tells the period."""
    limit = timedelta(hours=step.most_hours(spec.schedule))

    @task(task_id=step.name, execution_timeout=limit, **placement(step))
    @guarded
    def run_step(told: Summary, part: str = "") -> Summary:
        require_turn(spec, str(told["period"]))
        run = run_of(spec, told).of_part(part)
        with metrics.watched(spec.survey, step.name):
            done = step.call(run)
        # `validate` names the release that its figures are of.
        metrics.tell_step(run.of_release(str(done.get("release", run.release))), step.name, done)
        return {"period": told["period"]} | done

    return run_step


# Specs that cannot be used are an import error of dags/check_specs.py; the others go on.
for survey in load_specs()[0]:
    globals()[f"{survey.survey}_synthesis"] = build_synthesis(survey)
