"""Airflow itself, all components, on an embedded lake: started once for these tests."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from demo.enoe_like import generate_survey, write_survey
from demo.lake_server import LakeServer
from demo.run import upload
from demo.ui import AirflowStandalone
from include.espejo.spec import Period, load_spec
from tests.canaries import plant

DAG = "enoe_sdem_synthesis"
SEED = 987_654_321  # must be nowhere but in the run's own parameters and the restricted area
# Some seconds of training: test_retry.py kills it half way.
QUICK = {"epochs": 10, "batch_size": 100, "rows": 700, "seed": SEED}


@dataclass(frozen=True)
class Stage:
    """The running lake and Airflow."""

    lake: LakeServer
    airflow: AirflowStandalone


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("stage")
    with (
        LakeServer(folder / "lake") as lake,
        AirflowStandalone(folder / "airflow", lake.airflow_connections()) as airflow,
    ):
        yield Stage(lake, airflow)


class Api:
    """Airflow's REST API as one user."""

    def __init__(self, stage: Stage, user: str = "admin"):
        self._url = stage.airflow.url
        body = {"username": user, "password": stage.airflow.password(user)}
        self._token: str | None = None
        self._token = self.call("POST", "/auth/token", body)["access_token"]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        data = None if body is None else json.dumps(body).encode()
        request = Request(self._url + path, data=data, headers=headers, method=method)
        with urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def status_of(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        try:
            self.call(method, path, body)
        except HTTPError as error:
            return error.code, error.read().decode()
        return 200, ""

    def trigger(self, **conf: Any) -> str:
        run = self.call("POST", f"/api/v2/dags/{DAG}/dagRuns", {"logical_date": None, "conf": conf})
        return str(run["dag_run_id"])

    def wait(self, dag: str, run: str, seconds: float = 240) -> str:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            state = self.call("GET", f"/api/v2/dags/{dag}/dagRuns/{run}")["state"]
            if state in ("success", "failed"):
                return str(state)
            time.sleep(1)
        raise AssertionError(f"{dag} {run} did not end in {seconds} s")

    def tasks(self, run: str) -> dict[str, dict[str, Any]]:
        path = f"/api/v2/dags/{DAG}/dagRuns/{run}/taskInstances"
        return {t["task_id"]: t for t in self.call("GET", path)["task_instances"]}

    def log(self, run: str, task: str) -> str:
        path = f"/api/v2/dags/{DAG}/dagRuns/{run}/taskInstances/{task}/logs/1"
        return json.dumps(self.call("GET", path))


def put_survey(stage: Stage, folder: Path, period: str, change: Any = None) -> Path:
    parsed = Period.parse(period)
    table = plant(generate_survey(parsed.year, parsed.quarter, people=3000, seed=5))
    if change is not None:
        change(table)
    path = folder / f"sdem_{period}.csv"
    write_survey(table, path)
    upload(stage.lake, load_spec("enoe_sdem"), parsed, path)
    return path


def keys(stage: Stage, bucket: str, prefix: str = "") -> dict[str, str]:
    found = stage.lake.client("admin").list_objects_v2(Bucket=bucket, Prefix=prefix)
    return {item["Key"]: item["ETag"] for item in found.get("Contents", [])}


@pytest.fixture(scope="session")
def api(stage: Stage) -> Api:
    api = Api(stage)
    for dag in (DAG, "enoe_sdem_indicators"):
        wait_for_dag(api, dag)
        api.call("PATCH", f"/api/v2/dags/{dag}", {"is_paused": False})
    return api


def wait_for_dag(api: Api, dag: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while api.status_of("GET", f"/api/v2/dags/{dag}")[0] == 404:
        assert time.monotonic() < deadline, f"{dag} never appeared"
        time.sleep(1)


@pytest.fixture(scope="session")
def done(stage: Stage, api: Api, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A whole run of 2015T2, ended well."""
    put_survey(stage, tmp_path_factory.mktemp("survey"), "2015T2")
    run = api.trigger(period="2015T2", **QUICK)
    assert api.wait(DAG, run) == "success", api.tasks(run)
    return run
