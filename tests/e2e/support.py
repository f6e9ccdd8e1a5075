"""Airflow and the lake as the end-to-end tests handle them: triggering, waiting, looking."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pandas as pd
import sqlalchemy

from demo.enoe_like import generate_survey, write_survey
from demo.lake_identities import RESTRICTED_BUCKET
from demo.lake_server import LakeServer
from demo.run import upload
from include.espejo.survey import Period, load_spec
from tests.support.canaries import found_in_text, plant
from tests.support.ears import Ear

SURVEY = "enoe_sdem"
DAG, INDICATORS = f"{SURVEY}_synthesis", f"{SURVEY}_indicators"
MAINTENANCE = f"{SURVEY}_maintenance"
SEED = 987_654_321  # must be nowhere but in the run's own parameters and the restricted area
# Some seconds of training: one test kills it half way.
QUICK = {"epochs": 10, "batch_size": 100, "rows": 700, "seed": SEED}
# Times, names of releases and identifiers of Airflow's: any digits may be in them.
_BY_CHANCE = re.compile(
    r"\d{4}-\d\d-\d\d[T ][\d:.]+|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{12}\b"
)


class RunningAirflow(Protocol):
    """Airflow, however it was started: its home, and the address of UI and API."""

    home: Path
    url: str

    def password(self, user: str = "admin") -> str:
        """Of a user of this home."""


@dataclass(frozen=True)
class Stage:
    """The running lake and Airflow."""

    lake: LakeServer
    airflow: RunningAirflow
    ear: Ear = field(default_factory=Ear)  # it hears alerts and figures where Airflow is told of it

    def read(self, bucket: str, key: str) -> bytes:
        body = self.lake.client("admin").get_object(Bucket=bucket, Key=key)["Body"]
        return bytes(body.read())


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
        with urlopen(request, timeout=180) as answer:  # SQLite makes writers wait for each other
            return json.loads(answer.read() or b"null")

    def status_of(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        try:
            self.call(method, path, body)
        except HTTPError as error:
            return error.code, error.read().decode()
        return 200, ""

    def trigger(self, **conf: Any) -> str:
        return self.start(DAG, conf)

    def start(self, dag: str, conf: dict[str, Any]) -> str:
        """Trigger a DAG by hand; the run's name."""
        run = self.call("POST", f"/api/v2/dags/{dag}/dagRuns", {"logical_date": None, "conf": conf})
        return str(run["dag_run_id"])

    def wait(self, dag: str, run: str, seconds: float = 600) -> str:
        def ended() -> str | None:
            state = str(self.call("GET", f"/api/v2/dags/{dag}/dagRuns/{run}")["state"])
            return state if state in ("success", "failed") else None

        return str(until(ended, f"the end of {run}", seconds))

    def tasks(self, run: str, dag: str = DAG) -> dict[str, dict[str, Any]]:
        path = f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances"
        return {t["task_id"]: t for t in self.call("GET", path)["task_instances"]}

    def log(self, run: str, task: str, attempt: int = 1) -> str:
        path = f"/api/v2/dags/{DAG}/dagRuns/{run}/taskInstances/{task}/logs/{attempt}"
        return json.dumps(self.call("GET", path))

    def pause(self, dag: str, paused: bool) -> None:
        """A paused DAG starts no task, of runs under way neither."""
        self.call("PATCH", f"/api/v2/dags/{dag}", {"is_paused": paused})

    def clear(self, run: str, task: str, downstream: bool = False) -> None:
        """Have the task done again, and what comes after it if asked."""
        body = {
            "dag_run_id": run,
            "task_ids": [task],
            "include_downstream": downstream,
            "only_failed": False,
            "dry_run": False,
        }
        self.call("POST", f"/api/v2/dags/{DAG}/clearTaskInstances", body)


@dataclass(frozen=True)
class Restricted:
    """What the releases of a period have in the restricted area."""

    stage: Stage
    period: str

    def under(self, part: str = "") -> list[str]:
        """The keys of a folder (`model/`), or of a file by its name."""
        found = keys(self.stage, RESTRICTED_BUCKET, f"{SURVEY}/{self.period}/")
        return [key for key in found if f"/{part}" in key]

    def key(self, name: str) -> str:
        (key,) = [key for key in self.under() if key.endswith(f"/{name}")]
        return key

    def read(self, name: str) -> bytes:
        return self.stage.read(RESTRICTED_BUCKET, self.key(name))

    def replace(self, name: str, content: bytes) -> None:
        admin = self.stage.lake.client("admin")
        admin.put_object(Bucket=RESTRICTED_BUCKET, Key=self.key(name), Body=content)

    def forget(self, *parts: str) -> None:
        for key in (key for part in parts for key in self.under(part)):
            self.stage.lake.client("admin").delete_object(Bucket=RESTRICTED_BUCKET, Key=key)

    def sums(self, part: str) -> dict[str, str]:
        """The SHA-256 of each object of a folder, by its name."""
        names = [key.rpartition("/")[2] for key in self.under(part)]
        return {name: hashlib.sha256(self.read(f"{part}{name}")).hexdigest() for name in names}


def keys(stage: Stage, bucket: str, prefix: str = "") -> dict[str, str]:
    """The tags of a bucket's objects, by key."""
    found = stage.lake.client("admin").list_objects_v2(Bucket=bucket, Prefix=prefix)
    return {item["Key"]: item["ETag"] for item in found.get("Contents", [])}


def survey(period: str, people: int = 3000) -> pd.DataFrame:
    """A made-up survey with canaries in it."""
    parsed = Period.parse(period)
    return plant(generate_survey(parsed.year, parsed.number, people=people, seed=5))


def put_survey(stage: Stage, folder: Path, period: str, table: pd.DataFrame) -> None:
    path = folder / f"sdem_{period}.csv"
    write_survey(table, path)
    upload(stage.lake, load_spec(SURVEY), Period.parse(period), path)


def told_of_people(text: str) -> list[str]:
    """What a log or a message must not hold: canaries of the survey, and the seed."""
    text = _BY_CHANCE.sub(" ", text)
    return [*found_in_text(text), *(["the seed"] if str(SEED) in text else [])]


def until(holds: Callable[[], Any], what: str, seconds: float = 300, every: float = 0.5) -> Any:
    """What the function gives, once it gives something."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, f"{what} did not come in {seconds} s"
        time.sleep(every)
    return found


def retry_at_once(database: str, run: str, task: str) -> None:
    """Spare a test the minute or two of the DAG's retry delay, by Airflow's own field for it.

    `database`: Airflow's, as SQLAlchemy names it.
    """
    change = "update task_instance set retry_delay_override = 0"
    which = sqlalchemy.text(f"{change} where run_id = :run and task_id = :task")
    engine = sqlalchemy.create_engine(database, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        connection.execute(which, {"run": run, "task": task})
