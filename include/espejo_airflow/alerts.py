"""Tells people when a run fails or is late, where a connection for it exists.

The connection named in the spec (`connections.alert`) is of type `http`, whose address gets a
JSON message by POST, or `smtp`, with `{"to_email": ..., "from_email": ...}` in its extra field.
Without one, the failure is in Airflow's own pages only.
"""

from __future__ import annotations

import json
import logging
from typing import Any

log = logging.getLogger(__name__)

_ENDED = {"success", "failed"}
_NEVER_DUE = {"backfill", "manual"}  # of the kinds of runs: people wait for these


def notify_failure(context: Any, connection_id: str) -> None:
    """Callback of a task that has failed for good; what only repeats another's failure sends
    nothing."""
    from include.espejo_airflow.turns import RunNotFinished

    if isinstance(context.get("exception"), RunNotFinished):
        return
    instance = context["ti"]
    send(
        connection_id,
        {
            "event": "failed",
            "dag": instance.dag_id,
            "run": instance.run_id,
            "task": instance.task_id,
            # The library's messages hold no person's value; others' are withheld before here.
            "message": f"{instance.task_id} failed; its log says what to do",
        },
    )


def notify_deadline(connection_id: str, dag_id: str, context: Any = None, **_: Any) -> None:
    """Callback of a run's deadline. Nothing is sent of a run that has ended, however, or that was
    never due: Airflow asks about failed runs and backfills, too."""
    run = {} if context is None else context.get("dag_run", {})
    if run.get("state") in _ENDED or run.get("run_type") in _NEVER_DUE:
        log.info("run %s is not late: no alert is sent", run.get("dag_run_id"))
        return
    told = {"event": "late", "dag": dag_id, "message": "not ended by its deadline"}
    send(connection_id, told | ({"run": run["dag_run_id"]} if "dag_run_id" in run else {}))


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
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    with SmtpHook(smtp_conn_id=connection_id) as hook:
        hook.send_email_smtp(
            to=extra["to_email"],
            from_email=extra.get("from_email"),
            subject=f"{message['dag']}: {message['event']}",
            html_content=f"<pre>{json.dumps(message, indent=2)}</pre>",
        )
