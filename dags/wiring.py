"""How the library's steps meet Airflow: connections, parameters, failures. No DAG is here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.sdk import Asset, Connection, Param, get_current_context
from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException

from include.espejo.errors import EspejoError
from include.espejo.keys import PublicPlace
from include.espejo.parameters import BOUNDS, Parameters
from include.espejo.spec import PERIOD_PATTERN, Period, SurveySpec, latest_published
from include.espejo.spec.model import ENGINES

if TYPE_CHECKING:
    from include.espejo.lake import Lake, Lakes
    from include.espejo.ledger import Ledger
    from include.espejo.steps import Job


def form(spec: SurveySpec) -> dict[str, Param]:
    """The trigger form. Empty fields take the spec's settings, an empty period the last one out."""

    def number(name: str, default: int | None, title: str, text: str, **more: Any) -> Param:
        low, high, step = BOUNDS[name]
        kind: list[str] | str = ["null", "integer"] if default is None else "integer"
        return Param(default, type=kind, minimum=low, maximum=high, multipleOf=step,
                     title=title, description_md=text, **more)  # fmt: skip

    how: dict[str, Any] = {"section": "Cómo / How"}  # folded; what has no section is seen at once
    return {
        "period": Param(
            None, type=["null", "string"], pattern=PERIOD_PATTERN,
            title="Periodo / Period",
            description_md="Trimestre, p. ej. `2026T3`; vacío: el último publicado. "
            "Quarter, such as `2026T3`; empty: the last one published.",
        ),
        "rows": number("rows", None, "Filas / Rows",
                       "Vacío: tantas como la encuesta. Empty: as many as the survey."),
        "dry_run": Param(
            False, type="boolean", title="Ensayo / Dry run",
            description_md="Hace todo salvo publicar. Everything but publishing.",
        ),
        "override_reason": Param(
            None, type=["null", "string"], minLength=10, maxLength=2000,
            title="Motivo para publicar pese a una prueba / Reason to override a gate",
            description_md="Qué pruebas (`attempts`: el límite de intentos), quién lo decide y por "
            "qué; va al manifiesto. Vacío: una prueba que no pasa detiene la publicación. Which "
            "gates (`attempts`: the limit of attempts), who decides and why; into the manifest. "
            "Empty: a gate that fails holds the release back.", **how,
        ),
        "engine": Param(spec.model.engine, type="string", enum=list(ENGINES), **how,
                        title="Motor / Engine"),
        "epochs": number("epochs", spec.model.epochs, "Épocas / Epochs",
                         "Pasadas por la tabla. Passes over the table.", **how),
        "batch_size": number("batch_size", spec.model.batch_size, "Lote / Batch size",
                             "Múltiplo de 10. A multiple of 10.", **how),
        "calibrate": Param(
            spec.model.calibrate, type="boolean", title="Calibrar / Calibrate",
            description_md="A los márgenes de la encuesta. To the survey's margins.", **how,
        ),
        "seed": number("seed", None, "Semilla / Seed",
                       "Vacío: la que sigue de la encuesta. Empty: follows from the survey.",
                       **how),
    }  # fmt: skip


def period_of_run(spec: SurveySpec, context: Mapping[str, Any]) -> Period:
    """The period asked for in the form, or the last one published when the run was due."""
    asked = context["params"].get("period")
    if asked:
        return Period.parse(asked)
    due: datetime = context.get("logical_date") or context["dag_run"].run_after
    local = due.astimezone(ZoneInfo(spec.schedule.timezone))
    return latest_published(local, spec.schedule.months_after, spec.schedule.day)


def job_of(spec: SurveySpec, period: str) -> Job:
    """The job of the running task, its parameters straight from the form."""
    from include.espejo.steps import Job

    params = get_current_context()["params"]
    names = ("rows", "epochs", "batch_size", "seed", "engine", "calibrate")
    given = {name: params.get(name) for name in names}
    return Job(spec, Period.parse(period), Parameters.of(spec, given))


def lake_by(connection_id: str, uri: str, address: str = "endpoint_url") -> Lake:
    """The lake at `uri` as the identity of an Airflow connection sees it.

    `address`: the extra field that has the endpoint, `endpoint_url` where that field is not there.
    """
    from include.espejo.lake import open_lake

    if not uri.startswith("s3://"):
        return open_lake(uri)
    try:
        connection = Connection.get(connection_id)
    except AirflowNotFoundException:
        missing = f"connection {connection_id}: there is none; make one of type aws for {uri}"
    else:
        missing = ""
    if missing:
        raise AirflowFailException(missing)
    extra = connection.extra_dejson
    return open_lake(uri, {
        "key": connection.login,
        "secret": connection.password,
        "endpoint_url": extra.get(address) or extra.get("endpoint_url"),
        "client_kwargs": {"region_name": extra.get("region_name", "us-east-1")},
    })  # fmt: skip


def lakes_of(spec: SurveySpec) -> Lakes:
    """The lake as the flow's three identities see it."""
    from include.espejo.lake import Lakes

    places, connections = spec.places, spec.connections
    return Lakes(
        ingest=lake_by(connections.ingest, places.raw),
        work=lake_by(connections.work, places.restricted),
        publish=lake_by(connections.publish, places.public),
    )


def told_to_airflow(function: Callable[..., Any]) -> Callable[..., Any]:
    """A task that fails at once where trying again cannot help, and without foreign messages."""

    @wraps(function)
    def task(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except EspejoError as error:
            if error.retryable:
                raise
            refusal = AirflowFailException(str(error))
        raise refusal

    return task


def ledger_of(spec: SurveySpec, lakes: Lakes) -> Ledger:
    """The survey's ledger, which only the restricted area's identity may touch."""
    from include.espejo.ledger import Ledger

    return Ledger(lakes.work, spec.places.restricted, spec.survey)


def override_of_run() -> str | None:
    """The reason given in the form to publish although a gate failed; None without one."""
    return get_current_context()["params"].get("override_reason") or None


def release_asset(spec: SurveySpec) -> Asset:
    """What a publication updates, and what downstream DAGs are scheduled on."""
    place = PublicPlace(spec.places.public, spec.survey)
    return Asset(name=f"{spec.survey}_release", uri=place.latest())


class RawFileSensor(S3KeySensor):
    """Waits for the file; being refused, or a bucket that is not there, ends the wait at once."""

    def poke(self, context: Any) -> bool:
        from botocore.exceptions import ClientError

        try:
            return bool(super().poke(context))
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            if status not in (401, 403, 404):
                raise
        raise self._refused(str(status))

    def execute_complete(self, context: Any, event: dict[str, Any]) -> None:
        """The trigger's answer after a wait; it tells a refusal by its text only."""
        text = str(event.get("message", ""))
        for sign in ("403", "401", "404", "AccessDenied", "Forbidden", "NoSuchBucket"):
            if event.get("status") == "error" and sign in text:
                raise self._refused(sign)
        super().execute_complete(context, event)

    def _refused(self, answer: str) -> AirflowFailException:
        return AirflowFailException(
            f"{self.bucket_key}: the lake answered {answer}; check the bucket and the rights of "
            f"connection {self.aws_conn_id}"
        )
