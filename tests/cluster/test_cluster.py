"""CeleryExecutor with PostgreSQL and Redis, and two workers that share no disk.

A quiet run is the reference; a run whose worker is lost while it trains, and whose broker is
started anew, ends in the same release, byte for byte.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from demo.cluster import TRAIN_POOL, TRAIN_QUEUE, WORKERS, AirflowCluster
from demo.lake_identities import BUCKETS, PUBLIC_BUCKET, RESTRICTED_BUCKET
from demo.lake_server import LakeServer
from include.espejo.survey.load import SURVEYS_VARIABLE, surveys_directory
from tests.e2e.support import (
    DAG,
    SEED,
    SURVEY,
    Api,
    Restricted,
    Stage,
    keys,
    put_survey,
    survey,
    until,
)

PERIOD = "2015T2"
IN_PARTS = "enoe_parts"
ASKED = {"period": PERIOD, "rows": 700, "seed": SEED}
SALT = hashlib.sha256(b"end to end").digest()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("cluster")
    for part in (folder, *list(folder.parents)[:2]):
        part.chmod(0o755)  # PostgreSQL runs as another user
    settings = {
        "SOURCE_DATE_EPOCH": "1767225600",
        SURVEYS_VARIABLE: str(surveys(folder / "surveys")),
    }
    with (
        LakeServer(folder / "lake") as lake,
        AirflowCluster(folder / "airflow", lake.airflow_connections() | settings) as cluster,
    ):
        yield Stage(lake, cluster)


def surveys(folder: Path) -> Path:
    """The project's specs, and the first once more, learnt in parts."""
    shutil.copytree(surveys_directory(), folder)
    text = (folder / f"{SURVEY}.yaml").read_text(encoding="utf-8")
    for before, after in (
        (f"\nsurvey: {SURVEY}\n", f"\nsurvey: {IN_PARTS}\n"),
        ("\nmodel:\n", "\nmodel:\n  partition: SEX\n  part_rows: 1000\n"),
    ):
        assert before in text
        text = text.replace(before, after)
    (folder / f"{IN_PARTS}.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def api(stage: Stage) -> Api:
    api = Api(stage)
    for dag in (DAG, f"{IN_PARTS}_synthesis"):
        until(partial(is_known, api, dag), dag)
        api.pause(dag, False)
    return api


def is_known(api: Api, dag: str) -> bool:
    return api.status_of("GET", f"/api/v2/dags/{dag}")[0] == 200


def start_run(stage: Stage, api: Api, folder: Path, dag: str = DAG, people: int = 3000) -> str:
    """A run on a lake that holds nothing but the survey."""
    admin = stage.lake.client("admin")
    for bucket in BUCKETS:
        for key in keys(stage, bucket):
            admin.delete_object(Bucket=bucket, Key=key)
    for survey_name in (SURVEY, IN_PARTS):
        key = f"{survey_name}/ledger/salt"
        admin.put_object(Bucket=RESTRICTED_BUCKET, Key=key, Body=SALT)
    put_survey(stage, folder, PERIOD, survey(PERIOD, people))
    return api.start(dag, ASKED)


def published(stage: Stage) -> dict[str, str]:
    """The SHA-256 of every public file, by its key."""
    found = keys(stage, PUBLIC_BUCKET)
    return {key: hashlib.sha256(stage.read(PUBLIC_BUCKET, key)).hexdigest() for key in found}


def seconds_of(task: dict[str, Any]) -> float:
    ends = (datetime.fromisoformat(task[name]) for name in ("start_date", "end_date"))
    return -(next(ends) - next(ends)).total_seconds()


@pytest.fixture(scope="module")
def quiet(stage: Stage, api: Api, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The release of a run that nothing befell."""
    started = time.monotonic()
    run = start_run(stage, api, tmp_path_factory.mktemp("quiet"))
    assert api.wait(DAG, run, 300) == "success", api.tasks(run)
    whole, tasks = time.monotonic() - started, api.tasks(run)
    placed = {name: (task["queue"], task["pool"]) for name, task in tasks.items()}
    assert placed.pop("train") == (TRAIN_QUEUE, TRAIN_POOL)
    assert set(placed.values()) == {("default", "default_pool")}
    both = {name: seconds_of(tasks[name]) for name in tasks}
    beside = min(both["evaluate"], both["disclose"])  # of the two at once, the shorter adds nothing
    print(
        f"\nquiet run: {whole:.0f} s, of which tasks {sum(both.values()) - beside:.0f} s; "
        f"queue, broker and scheduler take the rest"
    )
    return published(stage)


def test_the_work_is_spread_over_workers_that_share_no_disk(
    stage: Stage, quiet: dict[str, str]
) -> None:
    assert any(key.endswith("manifest.json") for key in quiet)
    cluster = stage.airflow
    assert isinstance(cluster, AirflowCluster)
    for name in WORKERS:
        log = (cluster.temporary(name).parent / f"{name}.log").read_text()
        assert "succeeded in" in log, name
        assert not [*cluster.temporary(name).glob("espejo-*")], name


def worker_of(cluster: AirflowCluster, pid: int) -> str:
    """The worker in whose processes this one is."""
    parents = {pid, *(parent.pid for parent in psutil.Process(pid).parents())}
    return next(name for name, group in cluster.workers.items() if group.pid in parents)


def running(api: Api, run: str, name: str) -> dict[str, Any] | None:
    """The task once its process is there."""
    task = api.tasks(run)[name]
    return task if task["state"] == "running" and task["pid"] else None


def test_a_worker_lost_while_it_trains_and_a_broker_restarted_change_no_byte(
    stage: Stage, api: Api, quiet: dict[str, str], tmp_path: Path
) -> None:
    cluster = stage.airflow
    assert isinstance(cluster, AirflowCluster)
    started = time.monotonic()
    run = start_run(stage, api, tmp_path)
    work = Restricted(stage, PERIOD)
    task = until(partial(running, api, run, "train"), "the training")
    until(lambda: work.under("checkpoint/"), "a checkpoint", every=0.02)
    lost = worker_of(cluster, task["pid"])
    cluster.workers[lost].kill()
    with suppress(ProcessLookupError):
        os.killpg(task["pid"], signal.SIGKILL)  # a task has a group of its own
    assert not work.under("model/")
    cluster.broker.restart()
    assert api.wait(DAG, run, 400) == "success", api.tasks(run)
    assert api.tasks(run)["train"]["try_number"] == 2
    (other,) = set(WORKERS) - {lost}
    assert "continuing from the checkpoint" in worker_logs(cluster, other)
    assert published(stage) == quiet
    print(f"\nworker lost while training, broker restarted: {time.monotonic() - started:.0f} s")
    cluster.start_worker(lost)


def worker_logs(cluster: AirflowCluster, name: str) -> str:
    """What the tasks of a worker logged, in its own home."""
    logs = cluster.temporary(name).parent / name / "logs"
    return "".join(path.read_text() for path in logs.rglob("attempt=*.log"))


def test_parts_are_learnt_on_both_workers_and_become_one_release(
    stage: Stage, api: Api, tmp_path: Path
) -> None:
    cluster, dag = stage.airflow, f"{IN_PARTS}_synthesis"
    assert isinstance(cluster, AirflowCluster)
    run = start_run(stage, api, tmp_path, dag, people=5000)
    assert api.wait(dag, run, 400) == "success", api.tasks(run, dag)
    listed = api.call("GET", f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances?limit=200")
    parts = [task for task in listed["task_instances"] if task["task_id"] == "parts.train"]
    assert len(parts) == 2
    assert {task["queue"] for task in parts} == {TRAIN_QUEUE}
    for name in WORKERS:
        assert "task_id=parts." in "".join(
            str(path) for path in (cluster.temporary(name).parent / name / "logs").rglob("*")
        )
    (manifest,) = [key for key in published(stage) if key.endswith("manifest.json")]
    told = json.loads(stage.read(PUBLIC_BUCKET, manifest))
    assert told["rows"] == ASKED["rows"]
    assert all(gate["passed"] for gate in told["gates"] if gate["applicable"])
