"""A training that is killed: Airflow tries again, and the task goes on from its checkpoint."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from typing import Any

import pandas as pd

from demo.lake_server import RESTRICTED_BUCKET

from .conftest import DAG, QUICK, Api, Stage, keys

LAST = QUICK["epochs"]


def test_a_killed_training_is_retried_from_its_checkpoint_to_the_same_model(
    stage: Stage, api: Api, done: str
) -> None:
    """The training of the whole run is done again and killed; the first one is the reference."""
    model, table = summed(stage, "model/"), losses(fetched(stage, "losses.csv"))
    before = api.tasks(done)["train"]["try_number"]
    forget_training(stage)
    clear(api, done, "train")
    until(lambda: stored(stage, "checkpoint/"), "a checkpoint")
    task = api.tasks(done)["train"]
    assert (task["state"], task["try_number"]) == ("running", before + 1)
    os.killpg(task["pid"], signal.SIGKILL)  # the process group of this task and no other
    until(lambda: api.tasks(done)["train"]["state"] == "up_for_retry", "the retry")
    assert stored(stage, "checkpoint/")
    assert not stored(stage, "model/")
    retry_at_once(stage, done)
    until(lambda: api.tasks(done)["train"]["state"] in ("success", "failed"), "the next attempt")
    task = api.tasks(done)["train"]
    killed, resumed = (log_of(api, done, before + n) for n in (1, 2))
    assert (task["state"], task["try_number"]) == ("success", before + 2), resumed
    assert "SIGKILL" in killed
    assert f"epoch 1 of {LAST}" in killed
    assert f"epoch {LAST} of {LAST}" not in killed
    assert "going on from the checkpoint" in resumed
    assert f"epoch 1 of {LAST}" not in resumed
    assert f"epoch {LAST} of {LAST}" in resumed
    assert summed(stage, "model/") == model
    assert losses(fetched(stage, "losses.csv")) == table
    assert not stored(stage, "checkpoint/")


def forget_training(stage: Stage) -> None:
    """Take away what says that the training was done, and the model."""
    admin = stage.lake.client("admin")
    for key in (*stored(stage, "model/"), *stored(stage, "training.json")):
        admin.delete_object(Bucket=RESTRICTED_BUCKET, Key=key)


def clear(api: Api, run: str, task: str) -> None:
    body = {"dag_run_id": run, "task_ids": [task], "only_failed": False, "dry_run": False}
    api.call("POST", f"/api/v2/dags/{DAG}/clearTaskInstances", body)


def until(holds: Callable[[], Any], what: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not come in {seconds} s"
        time.sleep(0.1)


def stored(stage: Stage, folder: str = "") -> list[str]:
    """The keys that the period's workspace has in a folder."""
    return [k for k in keys(stage, RESTRICTED_BUCKET, "enoe_sdem/2015T2/") if f"/{folder}" in k]


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


def log_of(api: Api, run: str, attempt: int) -> str:
    path = f"/api/v2/dags/{DAG}/dagRuns/{run}/taskInstances/train/logs/{attempt}"
    return str(api.call("GET", path))
