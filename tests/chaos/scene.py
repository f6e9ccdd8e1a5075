"""The scene of the faults: each service of Airflow by itself, a real lake behind a faulty one, and
a reader who never looks away."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from demo.airflow_home import airflow_environment, free_port
from demo.cluster import PostgreSQL
from demo.lake_identities import BUCKETS, PUBLIC_BUCKET, RAW_BUCKET, RESTRICTED_BUCKET
from demo.lake_server import LakeServer
from demo.process_group import ProcessGroup
from demo.ui import is_healthy, password_of
from tests.chaos.proxy import FaultyLake, Trouble, faulty_lake
from tests.e2e.support import (
    DAG,
    INDICATORS,
    SEED,
    SURVEY,
    Api,
    Stage,
    keys,
    put_survey,
    retry_at_once,
    survey,
    until,
)

PERIOD = "2015T2"
ITSELF = "by itself"
CLEARED = "cleared, as its message says"
# What each step writes first: held there, its process is in the middle of the step.
WRITES = {
    "ingest": "/scratch/typed[.]parquet$",
    "validate": "/[0-9a-f]{12}/typed[.]parquet$",
    "protect": "/train[.]parquet$",
    "train": "/checkpoint/",
    "sample": "/[0-9a-f]{12}/synthetic[.]parquet$",
    "evaluate": "/figures/quality[.]json$",
    "report": "/candidate/manifest[.]json$",
}
ASKED = {"period": PERIOD, "epochs": 10, "batch_size": 100, "rows": 700, "seed": SEED}
SALT = hashlib.sha256(b"end to end").digest()
SERVICES = ("api-server", "scheduler", "dag-processor", "triggerer")
_CLOCK = Path(__file__).parent / "clock.c"
_ENDED = ("success", "failed", "upstream_failed", "skipped", "removed")


class AirflowServices:
    """Airflow's services on one machine, each a group of processes that may be killed alone."""

    def __init__(self, folder: Path, connections: dict[str, str], database: str):
        self.home, self._folder, self.database = folder / "home", folder, database
        self.url = f"http://127.0.0.1:{free_port()}"
        self.temporary = folder / "tmp"
        self.temporary.mkdir(parents=True)
        self._environment = airflow_environment(self.home, connections) | {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
            "AIRFLOW__API__PORT": self.url.rpartition(":")[2],
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
            # A task whose scheduler is gone is missed after so long; the defaults are minutes.
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
            # What another scheduler had begun is looked for so often; the default is five minutes.
            "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
            # Releases of one seed are then the same byte for byte.
            "SOURCE_DATE_EPOCH": "1767225600",
            "TMPDIR": str(self.temporary),
        }
        self.parts: dict[str, ProcessGroup] = {}

    def __enter__(self) -> AirflowServices:
        words = [sys.executable, "-m", "airflow", "db", "migrate"]
        with (self._folder / "init.log").open("wb") as log:
            subprocess.run(words, env=self._environment, check=True, stdout=log, stderr=log)
        try:
            for name in SERVICES:
                self.start(name)
            until(lambda: is_healthy(self.url), "Airflow", 300)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for part in reversed(self.parts.values()):
            part.stop()

    def start(self, name: str, **more: str) -> None:
        words, log = [sys.executable, "-m", "airflow", name], self._folder / f"{name}.log"
        self.parts[name] = ProcessGroup(words, self._environment | more, log)

    @contextmanager
    def other_clock(self) -> Iterator[Callable[[int], object]]:
        """Airflow's services on a machine whose clock can be moved, by seconds."""
        library, told = self._folder / "clock.so", self._folder / "clock"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, _CLOCK, "-ldl"], check=True)
        told.write_text("0")
        try:
            self._start_again(LD_PRELOAD=str(library), CLOCK_SHIFT=str(told))
            yield lambda seconds: told.write_text(str(seconds))
        finally:
            self._start_again()

    def _start_again(self, **more: str) -> None:
        for name in SERVICES:
            self.parts[name].stop()
            self.start(name, **more)
        until(lambda: is_healthy(self.url), "Airflow", 300)

    def password(self, user: str = "admin") -> str:
        return password_of(self.home, user)


class Watcher:
    """A reader who follows `latest.json` all the time and opens what it names."""

    def __init__(self, lake: LakeServer):
        self._client = lake.client("consumer")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.looks, self.incomplete = 0, list[str]()

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.2):
            with suppress(ClientError):
                pointer = json.loads(self._read(f"{SURVEY}/latest.json"))
                if pointer["release"] is not None:
                    self._open(f"{SURVEY}/{pointer['period']}/{pointer['release']}")
            self.looks += 1

    def _open(self, folder: str) -> None:
        try:
            listed = json.loads(self._read(f"{folder}/manifest.json"))["files"]
            for entry in listed:
                self._client.head_object(Bucket=PUBLIC_BUCKET, Key=f"{folder}/{entry['name']}")
        except ClientError as error:
            # Unless the scene was cleared since the pointer was read.
            with suppress(ClientError):
                self._read(f"{SURVEY}/latest.json")
                self.incomplete.append(f"{folder}: {error.response['Error']['Code']}")

    def _read(self, key: str) -> bytes:
        return bytes(self._client.get_object(Bucket=PUBLIC_BUCKET, Key=key)["Body"].read())


class Scene:
    """Runs of the DAG, and what befalls them."""

    def __init__(self, stage: Stage, proxy: FaultyLake, airflow: AirflowServices, folder: Path):
        self.stage, self.proxy, self.airflow, self.folder = stage, proxy, airflow, folder
        self.api = Api(stage)
        for dag in (DAG, INDICATORS):
            until(partial(self._knows, dag), dag)
            self.api.pause(dag, False)
        self.began = 0.0

    def _knows(self, dag: str) -> bool:
        return self.api.status_of("GET", f"/api/v2/dags/{dag}")[0] == 200

    # --- the lake ---

    def clear_lake(self) -> None:
        """Nothing but the survey's file and the ledger's salt."""
        for bucket in BUCKETS:
            self.forget(bucket, ".")
        admin = self.stage.lake.client("admin")
        admin.put_object(Bucket=RESTRICTED_BUCKET, Key=f"{SURVEY}/ledger/salt", Body=SALT)
        put_survey(self.stage, self.folder, PERIOD, survey(PERIOD))

    def forget(self, bucket: str, pattern: str) -> None:
        """Delete what has such a key, as if it had never been written; what names others first."""
        found = [key for key in keys(self.stage, bucket) if re.search(pattern, key)]
        for key in sorted(found, key=lambda key: not key.endswith("/latest.json")):
            self.stage.lake.client("admin").delete_object(Bucket=bucket, Key=key)

    def raw_key(self) -> str:
        (key,) = keys(self.stage, RAW_BUCKET)
        return key

    def access_key(self, identity: str) -> str:
        return self.stage.lake.identities[identity].access_key

    def published(self) -> dict[str, str]:
        """The SHA-256 of every public file, by its key."""
        found = keys(self.stage, PUBLIC_BUCKET)
        return {k: hashlib.sha256(self.stage.read(PUBLIC_BUCKET, k)).hexdigest() for k in found}

    def left_behind(self) -> list[str]:
        """What no ended run may leave: scratch, checkpoints, temporary folders of rows."""
        until(lambda: not self._busy(), "the end of all tasks", 120)
        kept = [k for k in keys(self.stage, RESTRICTED_BUCKET) if "/scratch/" in k]
        kept += [k for k in keys(self.stage, RESTRICTED_BUCKET) if "/checkpoint/" in k]
        kept += [path.name for path in self.airflow.temporary.glob("espejo-*")]
        return kept

    def _busy(self) -> bool:
        path = f"/api/v2/dags/{DAG}/dagRuns/~/taskInstances?state=running"
        return bool(self.api.call("GET", path)["task_instances"])

    # --- runs ---

    def start(self, **more: Any) -> str:
        return self.api.trigger(**ASKED | more)

    def runs(self, kind: str) -> list[dict[str, Any]]:
        """Airflow's runs of this kind: `manual`, `scheduled` or `backfill`."""
        found = self.api.call("GET", f"/api/v2/dags/{DAG}/dagRuns?limit=100")["dag_runs"]
        return [run for run in found if run["run_type"] == kind]

    @contextmanager
    def other_clock(self) -> Iterator[Callable[[int], None]]:
        """As that of the services; whoever asks them is let in anew at each time."""
        try:
            with self.airflow.other_clock() as write:

                def set_clock(seconds: int) -> None:
                    write(seconds)
                    self.api = Api(self.stage)

                yield set_clock
        finally:
            self.api = Api(self.stage)

    def not_done(self, run: str) -> dict[str, str | None]:
        """The tasks that did not succeed, and their states."""
        states = {name: task["state"] for name, task in self.api.tasks(run).items()}
        return {name: state for name, state in states.items() if state != "success"}

    def state(self, run: str, task: str) -> str | None:
        found = self.api.tasks(run).get(task)
        return None if found is None else found["state"]

    def wait(self, run: str, seconds: float = 600) -> str:
        return self.api.wait(DAG, run, seconds)

    def wait_for(self, run: str, task: str, *states: str, seconds: float = 300) -> str:
        def there() -> str | None:
            state = self.state(run, task)
            return state if state in states else None

        return str(until(there, f"{task} {' or '.join(states)}", seconds))

    def ended(self, run: str, task: str, seconds: float = 300) -> str:
        return self.wait_for(run, task, *_ENDED, seconds=seconds)

    def log(self, run: str, task: str) -> str:
        return self.api.log(run, task, self.api.tasks(run)[task]["try_number"])

    def retry(self, run: str, task: str) -> None:
        """Have the next attempt now, and not in the minutes that the DAG waits."""
        if self.wait_for(run, task, "up_for_retry", "success", "failed") == "up_for_retry":
            retry_at_once(self.airflow.database, run, task)

    def recovers(self, run: str, task: str) -> None:
        """The task gets to its end, at its next attempt where this one has failed."""
        self.retry(run, task)
        assert self.ended(run, task) == "success", self.log(run, task)

    def kill(self, run: str, task: str) -> None:
        def process() -> int | None:
            told = self.api.tasks(run)[task]
            return told["pid"] if told["state"] == "running" else None

        os.killpg(int(until(process, f"the process of {task}")), signal.SIGKILL)

    def fault_begins(self) -> None:
        """From here on the seconds to recovery are counted."""
        self.began = time.monotonic()

    @contextmanager
    def troubled(self, *troubles: Trouble) -> Iterator[None]:
        with self.proxy.troubled(*troubles):
            yield

    @contextmanager
    def full_temporary_folder(self) -> Iterator[None]:
        """The workers' temporary folder as a disk without room; needs the right to mount one."""
        folder = str(self.airflow.temporary)
        options = ["-t", "tmpfs", "-o", "size=64k", "none", folder]
        subprocess.run(["mount", *options], check=True)
        try:
            with suppress(OSError), (self.airflow.temporary / "filler").open("wb") as filler:
                filler.write(b"x" * 64_000)
            yield
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


@contextmanager
def scene_in(folder: Path) -> Iterator[Scene]:
    """All of it, started and stopped."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with LakeServer(folder / "lake") as lake, faulty_lake(lake.endpoint_url) as proxy:
        connections = {
            name: told.replace(lake.endpoint_url, proxy.url)
            for name, told in lake.airflow_connections().items()
        }
        # As an office has it: SQLite lets one writer in at a time, and the services are many.
        with PostgreSQL(folder / "postgres") as database:
            address = f"postgresql+psycopg2://{database.address}"
            with AirflowServices(folder / "airflow", connections, address) as airflow:
                yield Scene(Stage(lake, airflow), proxy, airflow, folder)
