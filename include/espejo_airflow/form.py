"""The trigger form, and what a run was asked for in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from airflow.sdk import Param, get_current_context

from include.espejo.errors import ParameterError
from include.espejo.lake.keys import PublicLocation, scratch, workspace
from include.espejo.language import Label, text
from include.espejo.parameters import SHORTEST_REASON, Parameters, bounds_of, schema_of
from include.espejo.steps.run import Job, Run
from include.espejo.survey import Period, SurveySpec, period_pattern
from include.espejo.survey.period import FORMS
from include.espejo_airflow.connections import lakes_of, ledger_of

_SETTINGS = ("rows", "engine", "epochs", "batch_size", "calibrate")


def form(spec: SurveySpec) -> dict[str, Param]:
    """The trigger form. Empty fields take the spec's settings, an empty period the last one out."""

    # A section is folded; what has none is seen at once.
    how: dict[str, Any] = {"section": _both(text("How"))}
    return {
        **({} if spec.period == "none" else {"period": _period(spec)}),
        "rows": _setting("rows", None),
        "dry_run": Param(
            False,
            type="boolean",
            title=_both(text("Dry run")),
            description_md=_lines(text("Do everything except publish.")),
        ),
        "override_reason": Param(
            None,
            type=["null", "string"],
            minLength=SHORTEST_REASON,
            maxLength=2000,
            title=_both(text("Reason to override a gate")),
            description_md=_lines(
                text(
                    "Name the gates (`attempts` is the limit of attempts), who decides and why; "
                    "the manifest will show it. If it is empty, a gate that fails stops the "
                    "release."
                )
            ),
            **how,
        ),
        "engine": _setting("engine", spec.model.engine, **how),
        "epochs": _setting("epochs", spec.model.epochs, **how),
        "batch_size": _setting("batch_size", spec.model.batch_size, **how),
        "calibrate": _setting("calibrate", spec.model.calibrate, **how),
        "seed": _setting("seed", None, **how),
    }


def _period(spec: SurveySpec) -> Param:
    """The field of the period, which runs that only people start cannot do without."""
    form = FORMS[spec.period]
    told = {"period": text(form.called), "example": form.example}
    field: dict[str, Any] = {
        "pattern": period_pattern(spec.period),
        "title": _both(text("Period")),
    }
    if spec.schedule.by_hand:
        about = text("Write {period}, such as `{example}`.", **told)
        return Param(type="string", description_md=_lines(about), **field)
    about = text(
        "Write {period}, such as `{example}`. Leave it empty for the last one published.", **told
    )
    return Param(None, type=["null", "string"], description_md=_lines(about), **field)


def _setting(name: str, default: int | bool | str | None, **more: Any) -> Param:
    """A parameter's field, with the bounds and texts that its type declares."""
    schema = schema_of(name) | more
    title, about = schema.pop("title"), schema.pop("description", None)
    schema["title"] = _both(text(title))
    told = [text(about)] if about else []
    if "minimum" in schema:  # Airflow's form moves a number that lies outside, and does not say so
        low, high, _ = bounds_of(name)
        told.append(text("From {low} to {high}.", low=f"{low:,}", high=f"{high:,}"))
    if told:
        schema["description_md"] = _lines(*told)
    kind: str = schema.pop("type")
    schema.pop("default", None)
    return Param(default, type=["null", kind] if default is None else kind, **schema)


def _both(name: Label) -> str:
    """Airflow's form has one text for all of its readers."""
    return f"{name.es} / {name.en}"


def _lines(*told: Label) -> str:
    return f"{' '.join(one.es for one in told)} *{' '.join(one.en for one in told)}*"


def period_of_run(spec: SurveySpec, context: Mapping[str, Any]) -> Period:
    """The period asked for in the form, or the last one published when the run was due."""
    asked = context["params"].get("period")
    if asked or spec.schedule.by_hand:
        return spec.parse_period(asked or FORMS["none"].written)
    due: datetime = context.get("logical_date") or context["dag_run"].run_after
    return spec.schedule.last_out(spec.period, spec.schedule.local(due))


def period_if_any(spec: SurveySpec, context: Mapping[str, Any]) -> str | None:
    """The same, as it is written; None where the form asks for none that there is."""
    try:
        return str(period_of_run(spec, context))
    except ParameterError:
        return None


def job_of(spec: SurveySpec, period: str) -> Job:
    """The job of the running task, its parameters straight from the form."""
    params = get_current_context()["params"]
    given = {name: params.get(name) for name in (*_SETTINGS, "seed")}
    return Job(spec, spec.parse_period(period), Parameters.of(spec, given))


def joined_pattern(spec: SurveySpec, period: Period) -> str:
    """Where the table that the spec joins lies; empty for none."""
    return period.format(spec.source.join.raw) if spec.source.join else ""


def settings_of(spec: SurveySpec, conf: Mapping[str, Any]) -> dict[str, Any]:
    """What a run was asked for that is not as the spec has it; nothing of a form that is refused.

    Without the seed, which is for the restricted area alone.
    """
    given = {name: conf.get(name) for name in _SETTINGS}
    try:
        asked = Parameters.of(spec, given).model_dump(include={*_SETTINGS})
    except ParameterError:
        return {}
    usual = Parameters.of(spec, {}).model_dump()
    return {name: value for name, value in asked.items() if value != usual[name]}


def override_of_run() -> str | None:
    """The reason given in the form to publish although a gate failed; None without one."""
    return get_current_context()["params"].get("override_reason") or None


def run_of(spec: SurveySpec, told: Mapping[str, Any]) -> Run:
    """The run of the running task. `told`: an earlier task's summary, with the period at least."""
    places, survey, period = spec.places, spec.survey, told["period"]
    lakes = lakes_of(spec)
    return Run(
        job=job_of(spec, period),
        lakes=lakes,
        source=spec.parse_period(period).format(places.raw),
        joined=joined_pattern(spec, spec.parse_period(period)),
        scratch=scratch(places.restricted, survey, period),
        workspaces=partial(workspace, places.restricted, survey, period),
        release=told.get("release", ""),
        public=PublicLocation(places.public, survey),
        ledger=ledger_of(spec, lakes),
        override=override_of_run(),
    )
