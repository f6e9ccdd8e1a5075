"""Each kind of period makes a DAG: its schedule, its form, and the period that a run takes."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from include.espejo.errors import ParameterError
from include.espejo.survey import load_specs
from include.espejo.survey.period import FORMS, PeriodKind
from tests.conftest import ROOT

SCHEDULES: dict[str, dict[str, int]] = {
    **{"year": {"months_after": 6, "day": 1}, "half": {"months_after": 1, "day": 1}},
    **{"four_month": {"months_after": 1, "day": 1}, "month": {"months_after": 1, "day": 5}},
    **{"quarter": {}, "week": {"days_after": 2}, "day": {"days_after": 1}, "wave": {}, "none": {}},
}
LAST = {"year": "2025", "half": "2026S1", "four_month": "2026C2", "month": "2026M07"} | {
    **{"week": "2026W35", "day": "2026-08-31"}
}


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from airflow.dag_processing.dagbag import DagBag

    folder = tmp_path_factory.mktemp("surveys")
    parks = yaml.safe_load((ROOT / "tests/surveys/parks.yaml").read_text(encoding="utf-8"))
    parks["rules"] = [rule for rule in parks["rules"] if rule["kind"] != "birth_year"]
    parks["source"].pop("period_column"), parks["source"].pop("period_format")
    for kind, schedule in SCHEDULES.items():
        spec = parks | {"survey": f"parks_{kind}", "period": kind, "schedule": schedule}
        spec["places"] = parks["places"] | {"raw": f"s3://espejo-raw/{kind}/{{period}}/*.csv"}
        (folder / f"parks_{kind}.yaml").write_text(yaml.safe_dump(spec, allow_unicode=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ESPEJO_SURVEYS", str(folder))
        yield DagBag(str(ROOT / "dags")), {spec.period: spec for spec in load_specs()[0]}


@pytest.mark.parametrize("kind", FORMS)
def test_each_kind_makes_a_dag(kind: PeriodKind, bag: Any) -> None:
    found, specs = bag
    assert found.import_errors == {}
    dag, spec = found.dags[f"parks_{kind}_synthesis"], specs[kind]
    cron = spec.schedule.cron(kind)
    assert (dag.timetable.serialize()["expression"] if cron else dag.schedule) == cron
    assert ("period" in dag.params) == (kind != "none")
    if kind != "none":
        field = dag.params.get_param("period")
        wanted = "string" if spec.schedule.by_hand else ["null", "string"]
        assert field.schema["type"] == wanted
        assert f"`{FORMS[kind].example}`" in field.schema["description_md"]


@pytest.mark.parametrize(("kind", "period"), LAST.items())
def test_a_scheduled_run_takes_the_last_period_that_is_out(
    kind: str, period: str, bag: Any
) -> None:
    from include.espejo_airflow.form import period_of_run

    due = datetime(2026, 9, 1, 12, tzinfo=UTC)
    context = {"params": {}, "logical_date": due, "dag_run": SimpleNamespace(run_after=due)}
    assert str(period_of_run(bag[1][kind], context)) == period


def test_a_run_that_only_people_start_needs_its_period(bag: Any) -> None:
    from include.espejo_airflow.form import period_of_run

    due = datetime(2026, 9, 1, 12, tzinfo=UTC)
    context: dict[str, Any] = {"params": {}, "logical_date": due}
    assert str(period_of_run(bag[1]["none"], context)) == "once"
    with pytest.raises(ParameterError, match="not a wave; write it such as R7"):
        period_of_run(bag[1]["wave"], context)
    asked = context | {"params": {"period": "R12"}}
    assert str(period_of_run(bag[1]["wave"], asked)) == "R12"


def test_the_page_of_a_dag_opens_with_its_kind_of_period(bag: Any) -> None:
    month = bag[0].dags["parks_month_synthesis"].doc_md
    assert "Cada mes el DAG espera" in month
    assert "Each month the DAG waits" in month
    assert "such as `2026M03`" in month
