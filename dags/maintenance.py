"""One DAG for each survey spec that keeps its lake in order between releases: once a week what the
spec lets expire is deleted, and every published file is held against its hash."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

from airflow.sdk import DAG, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException
from airflow.timetables.trigger import CronTriggerTimetable

from include.espejo.steps.run import Summary
from include.espejo.survey import SurveySpec, load_specs
from include.espejo_airflow import metrics
from include.espejo_airflow.alerts import notify_failure
from include.espejo_airflow.connections import catalog_of, lakes_of, ledger_of
from include.espejo_airflow.docs import maintenance_doc
from include.espejo_airflow.guard import guarded
from include.espejo_airflow.turns import turn_of_upkeep

_SUNDAY_NIGHT = "0 3 * * 0"


def build_maintenance(spec: SurveySpec) -> DAG:
    """The DAG `<survey>_maintenance`."""
    with DAG(
        dag_id=f"{spec.survey}_maintenance",
        schedule=CronTriggerTimetable(_SUNDAY_NIGHT, timezone=spec.schedule.timezone),
        catchup=False,
        max_active_runs=1,
        doc_md=maintenance_doc(spec),
        tags=["espejo", spec.survey, "maintenance"],
        default_args={
            "retries": 3,
            "retry_delay": timedelta(minutes=1),
            "retry_exponential_backoff": True,
            "execution_timeout": timedelta(hours=spec.schedule.step_hours),
            "on_failure_callback": partial(
                notify_failure, connection_id=spec.connections.alert, survey=spec.survey
            ),
        },
    ) as dag:
        _wire(spec)
    return dag


def _wire(spec: SurveySpec) -> None:
    @task
    @guarded
    def expire() -> Summary:
        from include.espejo.upkeep.expiry import expire_runs

        if spec.keep is None:
            raise AirflowSkipException("the spec does not say how long runs are kept")
        lakes = lakes_of(spec)
        turn = partial(turn_of_upkeep, spec, get_current_context())
        done = expire_runs(lakes.work, ledger_of(spec, lakes), spec, datetime.now(UTC), turn)
        return {"runs": done.runs, "files": done.files, "bytes": done.bytes, "busy": [*done.busy]}

    @task
    @guarded
    def verify() -> Summary:
        from include.espejo.upkeep.verification import verify_releases

        found = verify_releases(catalog_of(spec, lakes_of(spec)))
        metrics.send_figure("espejo.release.changed_files", len(found.changes), spec.survey)
        if found.last is not None:
            age = datetime.now(UTC) - found.last
            metrics.send_figure("espejo.release.age_days", age.days, spec.survey)
        found.require()
        return {"releases": found.releases, "files": found.files, "vouched": found.vouched}

    @task(trigger_rule="none_failed")  # also where nothing expires
    @guarded
    def measure_space() -> Summary:
        from include.espejo.upkeep.space import space_used

        used = space_used(lakes_of(spec), spec)
        for area, size in used.items():
            metrics.send_figure("espejo.space.bytes", size, spec.survey, area=area)
        return dict(used)

    expire() >> measure_space()
    verify()


# Specs that cannot be used are an import error of dags/check_specs.py; the others go on.
for survey in load_specs()[0]:
    globals()[f"{survey.survey}_maintenance"] = build_maintenance(survey)
