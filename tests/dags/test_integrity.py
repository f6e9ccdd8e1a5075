"""Every DAG that is found: it imports, and has what a run of years needs."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import ROOT

KINDS = ("synthesis", "indicators", "maintenance")
SPECS = [*sorted((ROOT / "include/surveys").glob("*.yaml")), ROOT / "tests/surveys/parks.yaml"]


@pytest.fixture(scope="module")
def surveys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place with two surveys' specs, as an office with two surveys has it."""
    folder = tmp_path_factory.mktemp("surveys")
    for spec in SPECS:
        shutil.copy(spec, folder)
    return folder


def find_dags(surveys: Path) -> Any:
    from airflow.dag_processing.dagbag import DagBag

    before = os.environ.get("ESPEJO_SURVEYS")
    os.environ["ESPEJO_SURVEYS"] = str(surveys)
    try:
        return DagBag(str(ROOT / "dags"))
    finally:
        del os.environ["ESPEJO_SURVEYS"]
        if before is not None:
            os.environ["ESPEJO_SURVEYS"] = before


@pytest.fixture(scope="module")
def bag(surveys: Path) -> Any:
    return find_dags(surveys)


def test_every_survey_has_its_dags(bag: Any) -> None:
    assert bag.import_errors == {}
    expected = {f"{p.stem}_{kind}" for p in SPECS for kind in KINDS}
    assert set(bag.dags) == expected


def test_every_dag_says_what_it_is_and_runs_alone(bag: Any) -> None:
    for dag in bag.dags.values():
        assert dag.doc_md, dag.dag_id
        assert "espejo" in dag.tags, dag.dag_id
        # Runs of one period take turns; those of others do not wait for a file that is late.
        assert dag.max_active_runs == (4 if dag.dag_id.endswith("_synthesis") else 1), dag.dag_id
        assert not dag.catchup, dag.dag_id


def test_every_task_is_retried_with_back_off_and_limited(bag: Any) -> None:
    for dag in bag.dags.values():
        for task in dag.tasks:
            assert task.retries >= 1, task
            assert task.retry_exponential_backoff, task
            assert task.execution_timeout, task


def test_a_synthesis_has_deadline_setup_teardown_and_asset(bag: Any) -> None:
    for dag_id, dag in bag.dags.items():
        if not dag_id.endswith("_synthesis"):
            continue
        assert dag.deadline
        assert [t.task_id for t in dag.tasks if t.is_setup] == ["open_scratch"]
        teardowns = {t.task_id: t.on_failure_fail_dagrun for t in dag.tasks if t.is_teardown}
        assert teardowns == {"end_run": True, "close_scratch": False}
        # The period is given back when nothing of the run is going on any more.
        last = {"close_scratch", "evaluate", "disclose", "publish"}
        assert dag.get_task("end_run").upstream_task_ids == last
        assert [asset.name for asset in dag.get_task("publish").outlets] == [
            dag_id.replace("_synthesis", "_release")
        ]
        assert dag.get_task("wait_for_file").mode == "reschedule"
        order = [t.task_id for t in dag.topological_sort()]
        flow = [
            "ingest",
            "validate",
            "protect",
            "train",
            "sample",
            "evaluate",
            "disclose",
            "report",
            "publish",
        ]
        assert [t for t in order if t in flow] == flow
        # The metrics and the attacks ask nothing of each other.
        assert dag.get_task("sample").downstream_task_ids == {"evaluate", "disclose"}
        assert dag.get_task("report").upstream_task_ids >= {"evaluate", "disclose"}


def test_the_deployment_says_where_a_training_runs(
    bag: Any, surveys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = bag.dags["parks_synthesis"].get_task("train")
    assert (train.queue, train.pool, train.executor_config) == ("default", "default_pool", {})
    monkeypatch.setenv("ESPEJO_TRAIN_QUEUE", "train")
    monkeypatch.setenv("ESPEJO_TRAIN_POOL", "trainings")
    monkeypatch.setenv("ESPEJO_PODS", str(ROOT / "deploy/pods"))
    dag = find_dags(surveys).dags["parks_synthesis"]
    train, sample = dag.get_task("train"), dag.get_task("sample")
    assert (train.queue, train.pool) == ("train", "trainings")
    (container,) = train.executor_config["pod_override"].spec.containers
    assert container.name == "base"  # what Airflow calls the container that runs the task
    assert container.resources.limits == {"memory": "3Gi"}
    assert (sample.queue, sample.pool, sample.executor_config) == ("default", "default_pool", {})


def test_a_partitioned_survey_learns_its_parts_on_any_worker(surveys: Path, tmp_path: Path) -> None:
    text = (surveys / "parks.yaml").read_text(encoding="utf-8")
    (tmp_path / "parks.yaml").write_text(
        text.replace("\nmodel:\n", "\nmodel:\n  partition: park\n")
    )
    bag = find_dags(tmp_path)
    assert bag.import_errors == {}
    dag = bag.dags["parks_synthesis"]
    group = dag.task_group.get_child_by_label("parts")
    assert set(group.children) == {"parts.train", "parts.sample"}
    assert list(group.iter_mapped_dependencies()) == [dag.get_task("list_parts")]
    assert dag.get_task("list_parts").upstream_task_ids == {"protect"}
    pretrained = dag.get_task("pretrain")
    assert pretrained.upstream_task_ids == {"protect", "validate"}
    assert pretrained.downstream_task_ids == {"parts.train", "end_run"}
    assert pretrained.op_kwargs_expand_input.value == {"part": ["1", "2", "3", "4"]}
    assert pretrained.execution_timeout == dag.get_task("parts.train").execution_timeout
    assert dag.get_task("parts.train").downstream_task_ids == {"parts.sample"}
    assert dag.get_task("combine").upstream_task_ids >= {"parts.sample"}
    assert dag.get_task("combine").downstream_task_ids == {"evaluate", "disclose", "search"}
    assert dag.get_task("search").downstream_task_ids == {"disclose", "end_run"}
    assert list(dag.get_task("search").iter_mapped_dependencies()) == [dag.get_task("list_shards")]
    assert dag.get_task("list_shards").upstream_task_ids == {"protect"}
    assert "parts.sample" in dag.get_task("end_run").upstream_task_ids
    assert dag.get_task("parts.train").execution_timeout > dag.get_task("combine").execution_timeout


def next_date(
    bag: Any, monkeypatch: pytest.MonkeyPatch, now: str, last: tuple[str, str] | None = None
) -> str:
    """When the ENOE's DAG runs next. `last`: the kind and the date of its last run."""
    import airflow.timetables.trigger as trigger
    import pendulum
    from airflow.serialization.decoders import decode_timetable
    from airflow.serialization.encoders import encode_timetable
    from airflow.timetables.base import TimeRestriction

    timetable = decode_timetable(encode_timetable(bag.dags["enoe_sdem_synthesis"].timetable))
    monkeypatch.setattr(trigger, "utcnow", lambda: pendulum.parse(now))
    info = None
    if last is not None:
        kind, at = last[0], pendulum.parse(last[1])
        run: Any = SimpleNamespace(
            run_type=kind, run_after=at, logical_date=at, partition_date=None
        )
        run.data_interval_start = run.data_interval_end = at
        run.partition_key = None
        info = timetable.run_info_from_dag_run(dag_run=run)
    restriction = TimeRestriction(None, None, False)
    found = timetable.next_dagrun_info_v2(last_dagrun_info=info, restriction=restriction)
    assert found is not None
    return str(found.run_after.in_timezone("UTC").format("YYYY-MM-DDTHH:mm"))


MAY, AUGUST = "2026-05-26T12:00", "2026-08-26T12:00"  # 6:00 in Mexico City


@pytest.mark.parametrize(
    "now", ["2026-05-26T12:11", "2026-05-27T12:00", "2026-06-03T00:00", "2026-08-26T11:59"]
)
@pytest.mark.parametrize("last", [None, ("backfill", "2015-08-26T12:00"), ("backfill", MAY)])
def test_unpausing_waits_for_the_next_publication_day_whatever_was_backfilled(
    bag: Any, monkeypatch: pytest.MonkeyPatch, now: str, last: tuple[str, str] | None
) -> None:
    assert next_date(bag, monkeypatch, now, last) == AUGUST


def test_a_first_publication_day_is_not_lost_while_airflow_reads_the_dag(
    bag: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for last in (None, ("backfill", "2015-08-26T12:00")):
        assert next_date(bag, monkeypatch, "2026-05-26T12:05", last) == MAY


@pytest.mark.parametrize(
    ("now", "expected"), [("2026-08-25T12:00", AUGUST), ("2026-09-30T12:00", AUGUST)]
)
def test_a_day_that_passes_after_a_scheduled_run_is_made_up_for(
    bag: Any, monkeypatch: pytest.MonkeyPatch, now: str, expected: str
) -> None:
    assert next_date(bag, monkeypatch, now, ("scheduled", MAY)) == expected


@pytest.mark.parametrize(
    ("due", "period"),
    [
        ("2026-05-26T12:00", "2026T1"),
        ("2026-05-26T05:00", "2025T4"),  # still the 25th in Mexico City
        ("2026-08-26T12:00", "2026T2"),
        ("2026-02-26T12:00", "2025T4"),
    ],
)
def test_a_scheduled_run_takes_the_quarter_just_published(due: str, period: str) -> None:
    from include.espejo.survey import load_spec
    from include.espejo_airflow.form import period_of_run

    when = datetime.fromisoformat(due).replace(tzinfo=UTC)
    context: dict[str, Any] = {"params": {}, "logical_date": when}
    assert str(period_of_run(load_spec("enoe_sdem"), context)) == period
    manual: dict[str, Any]
    manual = {"params": {}, "logical_date": None, "dag_run": SimpleNamespace(run_after=when)}
    assert str(period_of_run(load_spec("enoe_sdem"), manual)) == period
    asked = {"params": {"period": "2015T2"}, "logical_date": when}
    assert str(period_of_run(load_spec("enoe_sdem"), asked)) == "2015T2"


def test_a_broken_spec_is_shown_and_stops_no_other_survey(surveys: Path, tmp_path: Path) -> None:
    shutil.copytree(surveys, tmp_path / "surveys")
    broken = tmp_path / "surveys" / "parks.yaml"
    broken.write_text(broken.read_text(encoding="utf-8").replace("delimiter:", "delimeter:"))
    bag = find_dags(tmp_path / "surveys")
    others = {path.stem for path in SPECS} - {"parks"}
    assert {dag.removesuffix("_synthesis") for dag in bag.dags if "synth" in dag} == others
    (text,) = bag.import_errors.values()
    assert "parks.yaml line" in text
    assert "did you mean `delimiter`?" in text


def test_parsing_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from airflow.dag_processing.dagbag import DagBag\n"
        "import airflow.sdk\n"
        "before = set(sys.modules)\n"
        "import dags.synthesis, dags.indicators, dags.maintenance, dags.check_specs\n"
        "heavy = {'pandas', 'numpy', 'torch', 'sdv', 'sdmetrics', 'great_expectations',"
        " 'pyarrow', 'plotly', 's3fs', 'fsspec'}\n"
        "print(sorted(heavy & (set(sys.modules) - before)))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert run.stdout.strip().endswith("[]"), run.stdout + run.stderr[-2000:]


def test_a_failure_is_told_where_a_connection_for_it_exists(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    from include.espejo_airflow.alerts import notify_deadline, notify_failure
    from include.espejo_airflow.guard import Refusal

    received: list[bytes] = []

    class Ear(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    planned = {"period": "2026T3"}
    task = SimpleNamespace(
        dag_id="d", run_id="r", task_id="validate", xcom_pull=lambda task_ids: planned
    )
    told: dict[str, Any] = {"ti": task, "exception": Refusal("column A: blank", "InputError")}
    # Nobody to tell: no error.
    notify_failure(told, connection_id="espejo_alert_absent", survey="parks")
    with HTTPServer(("127.0.0.1", 0), Ear) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AIRFLOW_CONN_EAR", f"http://127.0.0.1:{server.server_port}/")
        notify_failure(told, connection_id="ear", survey="parks")
        asyncio.run(notify_deadline(connection_id="ear", dag_id="d", survey="enoe_sdem"))
        server.shutdown()
    failed, late = map(json.loads, received)
    assert (failed["task"], failed["period"], failed["survey"]) == ("validate", "2026T3", "parks")
    assert failed["cause"] == "column A: blank"
    assert "mend the survey's file" in failed["remedy"]
    assert failed["link"].endswith("/dags/d/runs/r/tasks/validate")
    assert late["event"] == "late"
