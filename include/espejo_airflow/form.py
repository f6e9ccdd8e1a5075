"""The trigger form, and what a run was asked for in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import Param, get_current_context

from include.espejo.lake.keys import PublicLocation, scratch, workspace
from include.espejo.parameters import SHORTEST_REASON, Parameters, schema_of
from include.espejo.steps.run import Job, Run
from include.espejo.survey import PERIOD_PATTERN, Period, SurveySpec, latest_published
from include.espejo_airflow.connections import lakes_of, ledger_of


def form(spec: SurveySpec) -> dict[str, Param]:
    """The trigger form. Empty fields take the spec's settings, an empty period the last one out."""

    how: dict[str, Any] = {"section": "Cómo / How"}  # folded; what has no section is seen at once
    return {
        "period": Param(
            None,
            type=["null", "string"],
            pattern=PERIOD_PATTERN,
            title="Periodo / Period",
            description_md="Trimestre, p. ej. `2026T3`; vacío: el último publicado. "
            "Quarter, such as `2026T3`; empty: the last one published.",
        ),
        "rows": _setting("rows", None),
        "dry_run": Param(
            False,
            type="boolean",
            title="Ensayo / Dry run",
            description_md="Hace todo salvo publicar. Everything but publishing.",
        ),
        "override_reason": Param(
            None,
            type=["null", "string"],
            minLength=SHORTEST_REASON,
            maxLength=2000,
            title="Motivo para publicar pese a una prueba / Reason to override a gate",
            description_md="Qué pruebas (`attempts`: el límite de intentos), quién lo decide y por "
            "qué; va al manifiesto. Vacío: una prueba que no pasa detiene la publicación. Which "
            "gates (`attempts`: the limit of attempts), who decides and why; into the manifest. "
            "Empty: a gate that fails holds the release back.",
            **how,
        ),
        "engine": _setting("engine", spec.model.engine, **how),
        "epochs": _setting("epochs", spec.model.epochs, **how),
        "batch_size": _setting("batch_size", spec.model.batch_size, **how),
        "calibrate": _setting("calibrate", spec.model.calibrate, **how),
        "seed": _setting("seed", None, **how),
    }


def _setting(name: str, default: int | bool | str | None, **more: Any) -> Param:
    """A parameter's field, with the bounds and texts that its type declares."""
    schema = schema_of(name) | more
    if "description" in schema:
        schema["description_md"] = schema.pop("description")
    kind: str = schema.pop("type")
    schema.pop("default", None)
    return Param(default, type=["null", kind] if default is None else kind, **schema)


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
    params = get_current_context()["params"]
    names = ("rows", "epochs", "batch_size", "seed", "engine", "calibrate")
    given = {name: params.get(name) for name in names}
    return Job(spec, Period.parse(period), Parameters.of(spec, given))


def override_of_run() -> str | None:
    """The reason given in the form to publish although a gate failed; None without one."""
    return get_current_context()["params"].get("override_reason") or None


def run_of(spec: SurveySpec, told: Mapping[str, Any]) -> Run:
    """The running task's run. `told`: what an earlier task said of it, its period at least."""
    places, survey, period = spec.places, spec.survey, told["period"]
    lakes = lakes_of(spec)
    return Run(
        job=job_of(spec, period),
        lakes=lakes,
        source=Period.parse(period).format(places.raw),
        scratch=scratch(places.restricted, survey, period),
        workspaces=partial(workspace, places.restricted, survey, period),
        release=told.get("release", ""),
        public=PublicLocation(places.public, survey),
        ledger=ledger_of(spec, lakes),
        override=override_of_run(),
    )
