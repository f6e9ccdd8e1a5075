"""A training that is killed: Airflow tries again, and the task goes on from its checkpoint."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from demo.lake_server import RESTRICTED_BUCKET
from include.espejo import steps
from include.espejo.keys import Workspace
from include.espejo.lake import Lakes, open_lake
from include.espejo.parameters import Parameters
from include.espejo.spec import Period, load_spec

from .conftest import Stage
from .test_airflow import DAG, Api, keys, put_survey, wait_for_dag

PERIOD = "2015T4"
# Some seconds of training, of which a late step is kept.
PARAMETERS = {"epochs": 20, "batch_size": 50, "rows": 700, "seed": 77}


@pytest.fixture(scope="module")
def api(stage: Stage) -> Api:
    api = Api(stage)
    wait_for_dag(api, DAG)
    api.call("PATCH", f"/api/v2/dags/{DAG}", {"is_paused": False})
    return api


def test_a_killed_training_is_retried_from_its_checkpoint_to_the_same_model(
    stage: Stage, api: Api, tmp_path: Path
) -> None:
    put_survey(stage, tmp_path, PERIOD)
    run = api.trigger(period=PERIOD, dry_run=True, **PARAMETERS)
    until(lambda: stored(stage, "checkpoint/"), "a checkpoint")
    task = api.tasks(run)["train"]
    assert (task["state"], task["try_number"]) == ("running", 1)
    os.killpg(task["pid"], signal.SIGKILL)  # the process group of this task and no other
    until(lambda: api.tasks(run)["train"]["state"] == "up_for_retry", "the retry")
    assert stored(stage, "checkpoint/")
    assert not stored(stage, "model/")
    retry_at_once(stage, run)
    here = train_here(stage, tmp_path / "here")
    until(lambda: api.tasks(run)["train"]["state"] in ("success", "failed"), "the second attempt")
    task, (first, second) = api.tasks(run)["train"], (log_of(api, run, n) for n in (1, 2))
    assert (task["state"], task["try_number"]) == ("success", 2), second
    assert "SIGKILL" in first
    assert "epoch 1 of 20" in first
    assert "epoch 20 of 20" not in first
    assert "going on from the checkpoint" in second
    assert "epoch 1 of 20" not in second
    assert "epoch 20 of 20" in second
    assert summed(stage, "model/") == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in here.glob("model/*")
    }
    assert losses(fetched(stage, "losses.csv")) == losses((here / "losses.csv").read_bytes())
    assert not stored(stage, "checkpoint/")
    api.call("PATCH", f"/api/v2/dags/{DAG}/dagRuns/{run}", {"state": "failed"})  # it has shown all


def until(holds: Callable[[], Any], what: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not come in {seconds} s"
        time.sleep(0.1)


def stored(stage: Stage, folder: str = "") -> list[str]:
    """The keys that the period's workspace has in a folder."""
    return [k for k in keys(stage, RESTRICTED_BUCKET, f"enoe_sdem/{PERIOD}/") if f"/{folder}" in k]


def fetched(stage: Stage, name: str) -> bytes:
    (key,) = [key for key in stored(stage) if key.endswith(f"/{name}")]
    body = stage.lake.client("admin").get_object(Bucket=RESTRICTED_BUCKET, Key=key)["Body"]
    return bytes(body.read())


def summed(stage: Stage, folder: str) -> dict[str, str]:
    """The SHA-256 of each object in a folder of the workspace, by its name."""
    names = [key.rpartition("/")[2] for key in stored(stage, folder)]
    return {name: hashlib.sha256(fetched(stage, name)).hexdigest() for name in names}


def losses(table: bytes) -> list[list[float]]:
    """By epoch, what hangs on every step before it and not on the clock."""
    columns = ["epoch", "generator_loss", "critic_loss", "score"]
    epochs: list[list[float]] = pd.read_csv(io.BytesIO(table))[columns].to_numpy().tolist()
    return epochs


def retry_at_once(stage: Stage, run: str) -> None:
    """Spare the test the minute or two of the DAG's retry delay, by Airflow's own field for it."""
    with sqlite3.connect(stage.airflow.home / "airflow.db", timeout=30) as database:
        database.execute(
            "update task_instance set retry_delay_override = 0 where run_id = ? and task_id = ?",
            (run, "train"),
        )


def train_here(stage: Stage, folder: Path) -> Path:
    """The same step on the same table, by itself and without a stop: the folder it worked in."""
    folder.mkdir()
    for name in ("train.parquet", "run.json"):
        (folder / name).write_bytes(fetched(stage, name))
    spec, lake = load_spec("enoe_sdem"), open_lake(str(folder))
    job = steps.Job(spec, Period.parse(PERIOD), Parameters.of(spec, PARAMETERS))
    trained = steps.train(job, Lakes(lake, lake, lake), Workspace(str(folder)))
    # A model from before the kill would be the same whatever came after: choose other PARAMETERS.
    assert trained["best_step"] > trained["steps"] / 2
    return folder


def log_of(api: Api, run: str, attempt: int) -> str:
    path = f"/api/v2/dags/{DAG}/dagRuns/{run}/taskInstances/train/logs/{attempt}"
    return str(api.call("GET", path))
