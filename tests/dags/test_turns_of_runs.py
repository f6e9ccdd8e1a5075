"""What the end of a run says of it, and who counts as being at a period."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from include.espejo.errors import LakeError
from include.espejo.survey import load_spec

PERIOD = "2026T3"


class Airflow:
    """Runs, their states and those of their tasks, as a task sees them."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch):
        from include.espejo_airflow import turns

        self.turns, self.folder = turns, folder
        spec = load_spec("enoe_sdem")
        places = spec.places.model_copy(update={"restricted": str(folder)})
        self.spec = spec.model_copy(update={"places": places})
        self.working: set[str] = set()
        self.states: dict[str, dict[str, str | None]] = {}
        self.context: Any = None
        monkeypatch.setattr(turns, "get_current_context", lambda: self.context)

    def in_task_of(self, run: str, *, dry_run: bool = False) -> None:
        def count(_: str, run_ids: list[str], states: list[str]) -> int:
            assert states == ["queued", "running"]
            return len(self.working.intersection(run_ids))

        told = SimpleNamespace(
            get_dr_count=count,
            get_task_states=lambda dag_id, run_ids: {run_ids[0]: self.states.get(run_ids[0], {})},
            xcom_pull=lambda task_ids: {"period": PERIOD},
        )
        dag_run = SimpleNamespace(run_id=run, dag_id="enoe_sdem_synthesis")
        self.context = {"dag_run": dag_run, "ti": told, "params": {"dry_run": dry_run}}

    def holder(self) -> str:
        path = self.folder / "enoe_sdem" / PERIOD / "lock.json"
        return str(json.loads(path.read_text())["holder"])


@pytest.fixture
def airflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Airflow:
    return Airflow(tmp_path, monkeypatch)


def test_a_run_waits_for_one_that_airflow_knows_to_be_going_on(airflow: Airflow) -> None:
    airflow.working = {"one", "two"}
    airflow.in_task_of("one")
    assert airflow.turns.other_run(airflow.spec, airflow.context) is None
    airflow.turns.require_turn(airflow.spec, PERIOD)
    airflow.in_task_of("two")
    assert airflow.turns.other_run(airflow.spec, airflow.context) == "one"
    with pytest.raises(LakeError, match=r"run one is making it.*clear this task") as told:
        airflow.turns.require_turn(airflow.spec, PERIOD)
    assert told.value.retryable
    airflow.working = {"two"}  # the first was deleted in the middle
    airflow.turns.require_turn(airflow.spec, PERIOD)
    assert airflow.holder() == "two"


@pytest.mark.parametrize(
    ("states", "dry_run", "told"),
    [
        ({"publish": "success"}, False, None),
        ({"publish": "skipped"}, True, None),
        ({"publish": "skipped"}, False, "ended before it was done"),
        ({"report": "skipped", "publish": "skipped"}, True, "ended before it was done"),
        ({"wait_for_file": "failed", "publish": "upstream_failed"}, False, "wait_for_file failed"),
        ({"parts.train_2": "failed", "publish": "upstream_failed"}, True, "parts.train_2 failed"),
        ({"train": "upstream_failed", "publish": "removed"}, False, "a task before others failed"),
    ],
)
def test_the_end_of_a_run_gives_the_period_back_and_says_how_it_went(
    airflow: Airflow, states: dict[str, str | None], dry_run: bool, told: str | None
) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    airflow.working = {"one"}
    airflow.in_task_of("one", dry_run=dry_run)
    airflow.turns.require_turn(airflow.spec, PERIOD)
    airflow.states["one"] = states | {"end_run": "running", "close_scratch": "success"}
    if told is None:
        airflow.turns.give_back(airflow.spec, PERIOD)
    else:
        with pytest.raises(AirflowFailException, match=told):
            airflow.turns.give_back(airflow.spec, PERIOD)
    assert airflow.holder() == ""


def test_a_run_that_asks_for_no_period_has_none_to_give_back(airflow: Airflow) -> None:
    from include.espejo_airflow.form import period_if_any

    airflow.in_task_of("one")
    assert period_if_any(airflow.spec, {"params": {"period": "2026T3"}}) == "2026T3"
    assert period_if_any(airflow.spec, {"params": {"period": "yesterday"}}) is None
    airflow.states["one"] = {"plan": "failed", "publish": "upstream_failed"}
    with pytest.raises(airflow.turns.RunNotFinished, match="plan failed"):
        airflow.turns.give_back(airflow.spec, None)


def test_the_upkeep_takes_its_turn_and_waits_for_none(airflow: Airflow) -> None:
    airflow.working = {"one"}
    airflow.in_task_of("one")
    airflow.turns.require_turn(airflow.spec, PERIOD)
    context = dict(airflow.context)
    context["dag_run"] = SimpleNamespace(run_id="weekly", dag_id="enoe_sdem_maintenance")
    with airflow.turns.turn_of_upkeep(airflow.spec, context, PERIOD) as mine:
        assert not mine
    assert airflow.holder() == "one"
    airflow.working = {"weekly"}
    with airflow.turns.turn_of_upkeep(airflow.spec, context, PERIOD) as mine:
        assert mine
        assert airflow.holder() == "enoe_sdem_maintenance:weekly"
        airflow.in_task_of("two")
        assert airflow.turns.other_run(airflow.spec, airflow.context) is not None
    assert airflow.holder() == ""
    airflow.turns.require_turn(airflow.spec, PERIOD)
