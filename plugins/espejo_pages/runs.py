"""A run of a synthesis, from Airflow's database and the run's workspace."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from include.espejo.disclose.verdict import failed_gates
from include.espejo.errors import LakeError
from include.espejo.language import text
from include.espejo.parameters import schema_of
from include.espejo.steps.table import INGEST, PUBLISH, VALIDATE, steps_in_parts
from include.espejo.synthesis.progress import read_progress
from include.espejo_airflow.form import settings_of
from plugins.espejo_pages.surveys import Survey
from plugins.espejo_pages.views import Answer, gate_name, uses_of

# In the order in which data passes; others of the DAG follow.
TASKS = (
    "plan",
    "wait_for_file",
    "open_scratch",
    INGEST.name,
    VALIDATE.name,
    "close_scratch",
    *(step.name for step in steps_in_parts()),
    PUBLISH.name,
    "end_run",
)
# Of the restricted area, where it does not answer.
_NOTHING_KNOWN: Answer = {
    "lake_answers": False,
    "progress": None,
    "failed_gates": [],
    "candidate": None,
}
# Of a task that each part of a table has, the state that readers must know first.
_URGENT = ("failed", "upstream_failed", "up_for_retry", "running", "queued", "scheduled", "None")


def describe_run(survey: Survey, run_id: str, session: Session) -> Answer | None:
    """State, tasks, training, gates that failed and the release of a run; None without one."""
    query = select(DagRun).where(DagRun.dag_id == survey.dag_id, DagRun.run_id == run_id)
    run = session.scalar(query)
    if run is None:
        return None
    tasks = _tasks(session, survey.dag_id, run_id)
    states = {task["id"]: task["state"] for task in tasks}
    made = _returned(session, survey.dag_id, run_id, "validate") or {}
    planned = _returned(session, survey.dag_id, run_id, "plan") or {}
    reported = _returned(session, survey.dag_id, run_id, "report") or {}
    conf = run.conf or {}
    told = {
        "state": str(run.state),
        "dry_run": bool(conf.get("dry_run")),
        "override": bool(conf.get("override_reason")),
        "period": made.get("period") or planned.get("period"),
        "release": made.get("release"),
        "published": states.get("publish") == "success",
        "asked": _asked(survey, conf),
        "fit_for": uses_of(reported.get("fit_for", {})),
        "tasks": tasks,
    }
    try:
        facts = _workspace_facts(survey, told, states)
    except LakeError:  # what Airflow itself knows of the run is told all the same
        facts = _NOTHING_KNOWN
    return told | facts


def _asked(survey: Survey, conf: Answer) -> list[Answer]:
    """The settings that the form gave, as they were taken."""
    taken = settings_of(survey.spec, conf)
    titles: dict[str, str] = {name: schema_of(name)["title"] for name in taken}
    return [{"label": text(titles[n]).model_dump(), "value": value} for n, value in taken.items()]


def _workspace_facts(survey: Survey, told: Answer, states: dict[str, str | None]) -> Answer:
    """What the restricted area says of the run that may be shown: no row, no exact figure."""
    if told["release"] is None:
        return _NOTHING_KNOWN | {"lake_answers": True}
    work = survey.workspace(told["period"], told["release"])
    audited = states.get("disclose") == "success" and not told["published"]
    failed = failed_gates(survey.work, work) if audited else []
    progress = read_progress(survey.work, work.progress)
    return {
        "lake_answers": True,
        "progress": None if progress is None else progress.model_dump(mode="json"),
        "failed_gates": [
            gate_name(name) | {"remedy": text(remedy).model_dump()}
            for name, remedy in ((gate["name"], gate["remedy"]) for gate in failed)
        ],
        "candidate": work.candidate if states.get("report") == "success" else None,
    }


def _tasks(session: Session, dag_id: str, run_id: str) -> list[Answer]:
    query = select(TaskInstance).where(TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id)
    return tell_tasks(session.scalars(query))


def tell_tasks(tasks: Iterable[TaskInstance]) -> list[Answer]:
    """The tasks in the order of the flow, each once: of those of parts the most urgent."""
    found: dict[str, TaskInstance] = {}
    for task in sorted(tasks, key=_urgency):
        found.setdefault(task.task_id, task)
    return [_task(found[name]) for name in sorted(found, key=_place)]


def _urgency(task: TaskInstance) -> int:
    state = str(task.state)
    return _URGENT.index(state) if state in _URGENT else len(_URGENT)


def _place(task_id: str) -> int:
    """Where a task is in the flow; those of a part have its group before their name."""
    name = task_id.rpartition(".")[2]
    return TASKS.index(name) if name in TASKS else len(TASKS)


def _task(task: TaskInstance) -> Answer:
    end = task.end_date or datetime.now(UTC)
    seconds = (end - task.start_date).total_seconds() if task.start_date else None
    return {
        "id": task.task_id,
        "state": None if task.state is None else str(task.state),
        "try_number": task.try_number,
        "most_tries": task.max_tries + 1,
        "seconds": None if seconds is None else round(max(seconds, 0)),
    }


def _returned(session: Session, dag_id: str, run_id: str, task_id: str) -> Answer | None:
    """What a task of the run gave to those after it."""
    query = XComModel.get_many(
        run_id=run_id, key="return_value", task_ids=task_id, dag_ids=dag_id
    ).limit(1)
    row = session.scalars(query).first()
    return None if row is None else XComModel.deserialize_value(row)
