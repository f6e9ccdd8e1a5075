"""Tells people when a run fails or is late, where a connection for it exists.

The connection named in the spec (`connections.alert`) is of type `http`, whose address gets a
JSON message by POST, or `smtp`, with `{"to_email": ..., "from_email": ...}` in its extra field.
Without one, the failure is in Airflow's own pages only.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from include.espejo.errors import EspejoError
from include.espejo.survey import SurveySpec, load_spec
from include.espejo_airflow.guard import Refusal

log = logging.getLogger(__name__)

_ENDED = {"success", "failed"}
_NEVER_DUE = {"backfill", "manual"}  # of the kinds of runs: people wait for these
# What to do, by kind of refusal; `docs/runbook.md` has more of each.
_REMEDIES = {
    "InputError": "mend the survey's file, or its spec, as the message says; then clear the task",
    "SpecError": "mend the spec as the message says, and bring it to every machine",
    "ParameterError": "trigger again with other parameters",
    "LakeError": "see that the lake answers and that the connection has its rights; then clear the "
    "task",
    "GateError": "read the gates in the run's tab; change one thing and trigger again",
    "MetricError": "tell the maintainers; clearing the task gives the same answer",
    "ModelError": "delete the release's folder in the restricted area, and trigger again",
    "BrowserError": "install the browser on the workers, as the message says; then clear the task",
}
_UNKNOWN = "look at the task's log; clear the task when its cause is mended"


def notify_failure(context: Any, connection_id: str, survey: str) -> None:
    """Callback of a task that has failed for good; what only repeats another's failure sends
    nothing."""
    from include.espejo_airflow.turns import RunNotFinished

    error = context.get("exception")
    if isinstance(error, RunNotFinished):
        return
    instance = context["ti"]
    kind, cause = _cause(error)
    run = {"dag": instance.dag_id, "run": instance.run_id, "task": instance.task_id}
    send(
        connection_id,
        {
            "event": "failed",
            "survey": survey,
            "period": _period(instance),
            **run,
            "cause": cause,
            "remedy": _REMEDIES.get(kind, _UNKNOWN),
            "message": f"{instance.task_id} failed: {cause}",
            "link": _link(instance.dag_id, instance.run_id, instance.task_id),
        },
    )


def _cause(error: object) -> tuple[str, str]:
    """The kind of a failure, and its words where they are the library's: these hold no person's
    value. Of others only the kind is told."""
    if isinstance(error, Refusal):
        return error.kind, str(error)
    if isinstance(error, EspejoError):
        return type(error).__name__, str(error)
    kind = "an end without a message" if error is None else type(error).__name__
    return kind, f"{kind}; the log of the task has more"


def _period(instance: Any) -> str:
    """The period that the run is for; empty where it has not been planned, or where the plan cannot
    be asked for: of a task whose process is lost, another component tells."""
    try:
        planned = instance.xcom_pull(task_ids="plan")
    except Exception:  # noqa: BLE001  not swallowed: the alert says what is known, without a period
        log.warning("the period of run %s is not known here", instance.run_id)
        return ""
    return str(planned["period"]) if isinstance(planned, Mapping) else ""


def _link(dag: str, run: str, task: str = "") -> str:
    from airflow.sdk.configuration import conf

    base = str(conf.get("api", "base_url", fallback="")).rstrip("/")
    at_task = f"/tasks/{quote(task, safe='')}" if task else ""
    return f"{base}/dags/{dag}/runs/{quote(run, safe='')}{at_task}"


async def notify_deadline(
    connection_id: str, dag_id: str, survey: str, context: Any = None, **_: Any
) -> None:
    """Callback of a run's deadline, in the triggerer, which may read connections wherever they are
    kept. Nothing is sent of a run that has ended, however, or that was never due: Airflow asks
    about failed runs and backfills, too."""
    from asgiref.sync import sync_to_async

    run = {} if context is None else context.get("dag_run", {})
    if run.get("state") in _ENDED or run.get("run_type") in _NEVER_DUE:
        log.info("run %s is not late: no alert is sent", run.get("dag_run_id"))
        return
    name = str(run.get("dag_run_id", ""))
    late = "the run has not ended by its deadline"
    message = {
        "event": "late",
        "survey": survey,
        "period": _period_due(load_spec(survey), run),
        "dag": dag_id,
        "run": name,
        "cause": late,
        "remedy": "see which task it is at: a wait for the file, a queue without a worker, a "
        "training that takes longer",
        "message": f"{late}: {name or dag_id}",
        "link": _link(dag_id, name) if name else "",
    }
    await sync_to_async(send)(connection_id, message)


def _period_due(spec: SurveySpec, run: Mapping[str, Any]) -> str:
    """The period of a run of the schedule; empty where its date is not told."""
    due = run.get("logical_date")
    if due is None or spec.schedule.by_hand:
        return ""
    day = due if isinstance(due, datetime) else datetime.fromisoformat(str(due))
    return str(spec.schedule.last_out(spec.period, spec.schedule.local(day)))


def send(connection_id: str, message: dict[str, str]) -> None:
    """Send a message by the connection, if there is one."""
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        connection = Connection.get(connection_id)
    except AirflowNotFoundException:
        log.info("no connection %s: no alert is sent", connection_id)
        return
    if connection.conn_type == "smtp":
        _send_mail(connection_id, connection.extra_dejson, message)
    else:
        _post(connection_id, message)


def _post(connection_id: str, message: dict[str, str]) -> None:
    from airflow.providers.http.hooks.http import HttpHook

    hook = HttpHook(method="POST", http_conn_id=connection_id)
    hook.run(data=json.dumps(message), headers={"Content-Type": "application/json"})


def _send_mail(connection_id: str, extra: dict[str, Any], message: dict[str, str]) -> None:
    from html import escape

    from airflow.providers.smtp.hooks.smtp import SmtpHook

    with SmtpHook(smtp_conn_id=connection_id) as hook:
        hook.send_email_smtp(
            to=extra["to_email"],
            from_email=extra.get("from_email"),
            subject=f"{message['dag']}: {message['event']}",
            html_content=f"<pre>{escape(json.dumps(message, indent=2))}</pre>",
        )
