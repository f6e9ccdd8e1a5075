"""Airflow over several machines, on one: PostgreSQL, Redis, each service, and two Celery workers.

The workers have homes and temporary folders of their own and share nothing but the lake and the
queue, as on two machines. All of it listens on the loopback address, on ports found free. Needs
Debian's packages postgresql and redis-server.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

from demo.airflow_home import airflow_environment, free_port
from demo.process_group import ProcessGroup
from demo.ui import is_healthy, password_of

TRAIN_QUEUE, TRAIN_POOL = "train", "trainings"
WORKERS = ("one", "two")
_START_SECONDS = 300.0


class PostgreSQL:
    """A database server of its own, stopped with the context; `address` holds its password."""

    def __init__(self, folder: Path):
        self._data, self._log = folder / "data", folder / "postgres.log"
        self._port, self._password = free_port(), secrets.token_urlsafe(24)
        folder.mkdir(parents=True)
        # It refuses to run as root.
        self._as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self._as_user:
            shutil.chown(folder, "postgres")
        self._process: ProcessGroup | None = None

    @property
    def address(self) -> str:
        return f"airflow:{self._password}@127.0.0.1:{self._port}/postgres"

    def __enter__(self) -> PostgreSQL:
        secret = self._data.with_name("password")
        secret.write_text(self._password)
        secret.chmod(0o600)
        if self._as_user:
            shutil.chown(secret, "postgres")
        self._run("initdb", "-U", "airflow", "-A", "scram-sha-256", f"--pwfile={secret}")
        secret.unlink()
        options = ("-h", "127.0.0.1", "-p", str(self._port), "-k", "")
        command = [*self._as_user, _program("postgres"), "-D", str(self._data), *options]
        self._process = ProcessGroup(command, dict(os.environ), self._log)
        _wait(lambda: self._run("pg_isready", *options[:4], check=False) == 0, self._log)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.stop()

    def _run(self, program: str, *options: str, check: bool = True) -> int:
        own = ["-D", str(self._data)] if program == "initdb" else []
        command = [*self._as_user, _program(program), *own, *options]
        done = subprocess.run(command, check=check, stdout=subprocess.DEVNULL, cwd="/")
        return done.returncode


class Redis:
    """A broker that keeps its queue on disk, so that it may be restarted with tasks in it."""

    def __init__(self, folder: Path):
        self._folder, self._log = folder, folder / "redis.log"
        self._port, self._password = free_port(), secrets.token_urlsafe(24)
        folder.mkdir(parents=True)
        self._process: ProcessGroup | None = None

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    def __enter__(self) -> Redis:
        settings = self._folder / "redis.conf"
        settings.touch(mode=0o600)
        settings.write_text(
            f"bind 127.0.0.1\nport {self._port}\ndir {self._folder}\nappendonly yes\n"
            f"requirepass {self._password}\n"
        )
        self._process = ProcessGroup(["redis-server", str(settings)], dict(os.environ), self._log)
        return self

    def restart(self) -> None:
        """End it by force, and start it again."""
        assert self._process is not None
        self._process.kill()
        self.__enter__()

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.stop()


class AirflowCluster:
    """The running cluster. Context manager; `url` is the address of UI and API."""

    def __init__(self, folder: Path, connections: dict[str, str]):
        self.home = folder / "server"
        self.url = f"http://127.0.0.1:{free_port()}"
        self._folder = folder
        self._database, self.broker = PostgreSQL(folder / "postgres"), Redis(folder / "redis")
        # Redis gives a task to another worker when it was not answered for so long.
        seconds = str(12 * 3600)
        self._environment = airflow_environment(self.home, connections) | {
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{self._database.address}",
            "AIRFLOW__CELERY__BROKER_URL": self.broker.url,
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+postgresql+psycopg2://{self._database.address}",
            "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": seconds,
            "AIRFLOW__API__PORT": self.url.rpartition(":")[2],
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            # A worker that is lost is missed after so long; the defaults are minutes.
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
            "ESPEJO_TRAIN_QUEUE": TRAIN_QUEUE,
            "ESPEJO_TRAIN_POOL": TRAIN_POOL,
        }
        self.workers: dict[str, ProcessGroup] = {}
        self._stack = ExitStack()

    def __enter__(self) -> AirflowCluster:
        with ExitStack() as stack:
            stack.enter_context(self._database)
            stack.enter_context(self.broker)
            self._airflow("db", "migrate")
            self._airflow("pools", "set", TRAIN_POOL, "1", "trainings at the same time")
            running = []
            for service, options in (
                ("api-server", ()),
                ("scheduler", ("--skip-serve-logs",)),
                ("dag-processor", ()),
                ("triggerer", ("--skip-serve-logs",)),
            ):
                running.append(self._start(service, self._environment, service, *options))
                stack.callback(running[-1].stop)
            for name in WORKERS:
                self.start_worker(name)
                stack.callback(self._stop_worker, name)
            running += self.workers.values()
            _wait(lambda: is_healthy(self.url) or not _all_run(running), self._folder)
            if not _all_run(running):
                raise RuntimeError(f"a service ended; the logs are in {self._folder}")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start_worker(self, name: str) -> None:
        """A worker with a home and a temporary folder that no other process has."""
        home, temporary = self._folder / name, self.temporary(name)
        for folder in (home, temporary):
            folder.mkdir(exist_ok=True)
        own = self._environment | {"AIRFLOW_HOME": str(home), "TMPDIR": str(temporary)}
        options = ("--queues", f"default,{TRAIN_QUEUE}", "--concurrency", "1")
        self.workers[name] = self._start(
            name, own, "celery", "worker", *options, "--celery-hostname", name, "--skip-serve-logs"
        )

    def _stop_worker(self, name: str) -> None:
        self.workers[name].stop()  # the one that has the name by then

    def temporary(self, name: str) -> Path:
        """The temporary folder of a worker."""
        return self._folder / f"{name}-tmp"

    def password(self, user: str = "admin") -> str:
        return password_of(self.home, user)

    def _start(self, name: str, environment: dict[str, str], *command: str) -> ProcessGroup:
        words = [sys.executable, "-m", "airflow", *command]
        return ProcessGroup(words, environment, self._folder / f"{name}.log")

    def _airflow(self, *command: str) -> None:
        words = [sys.executable, "-m", "airflow", *command]
        with (self._folder / "init.log").open("ab") as log:
            subprocess.run(words, env=self._environment, check=True, stdout=log, stderr=log)


def _all_run(groups: Iterable[ProcessGroup]) -> bool:
    return all(group.is_running() for group in groups)


def _program(name: str) -> str:
    """A program of PostgreSQL's, which Debian keeps out of the PATH."""
    found = [*Path("/usr/lib/postgresql").glob(f"*/bin/{name}")]
    return str(max(found)) if found else name


def _wait(holds: Callable[[], bool], log: Path) -> None:
    """Until it holds, or it has taken too long."""
    deadline = time.monotonic() + _START_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError(f"it did not come up; its log is {log}")
        time.sleep(0.5)
