"""An embedded S3 server (SeaweedFS) for the demo, the Airflow UI and the tests.

It is a real S3 server, so credentials, identities, conditional writes and multipart uploads behave
as they do in an office's lake. It listens on loopback only and sends no telemetry.

Not for production: the parts behind the S3 port talk to each other without TLS, so whoever has a
shell on the same machine should be trusted. An office's server is described in docker-compose.yaml.
"""

from __future__ import annotations

import ctypes
import json
import os
import secrets
import signal
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from demo.lake_identities import (
    ADMIN,
    BUCKETS,
    Identity,
    identities_document,
    load_or_create_identities,
    write_private,
)
from demo.lake_process import (
    LOOPBACK,
    Ports,
    end_group,
    find_free_ports,
    find_weed,
    remove_dead_sockets,
    server_command,
    server_environment,
)

REGION: Final = "us-east-1"
START_SECONDS: Final = 60.0
ATTEMPTS: Final = 3
LOG_LINES: Final = 20
SET_PARENT_DEATH_SIGNAL: Final = 1  # PR_SET_PDEATHSIG in <linux/prctl.h>

# Loaded here, because the child may do very little between fork and exec.
_LIBC: Final = ctypes.CDLL(None)


class LakeServer:
    """A SeaweedFS server over one directory, usable as a context manager.

    Data and credentials stay in the directory: a later start on it finds both again. The ports are
    new at each start. Start it from a thread that lives as long as the server is needed: the
    kernel stops the server when the thread that started it ends, however it ends.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        self.endpoint_url = ""
        self.identities: dict[str, Identity] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._ports: Ports | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def log_path(self) -> Path:
        """What the server printed at its last start."""
        return self.directory / "server.log"

    @property
    def process_id(self) -> int | None:
        """The server's process, which leads its own group and session; None when stopped."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the server, wait until it answers and make the missing buckets.

        Raises RuntimeError with the last log lines when it does not come up; nothing is left
        running then.
        """
        if self._process is not None:
            raise RuntimeError("the lake server is already running; stop it first")
        for folder in (self.directory, *self._folders().values()):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.identities = load_or_create_identities(self.directory / "credentials.json")
        write_private(self._config_path, identities_document(self.identities))
        if self._ports_path.exists():  # an earlier server's parent was killed: it tidied nothing
            remove_dead_sockets(Ports(**json.loads(self._ports_path.read_text(encoding="utf-8"))))
        try:
            self._launch_until_ready()
            self._create_buckets()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server and remove its sockets; harmless when it is not running."""
        process, ports = self._process, self._ports
        self._process = self._ports = None
        if process is not None:
            end_group(process)
        if ports is not None:
            remove_dead_sockets(ports)
            self._ports_path.unlink(missing_ok=True)

    def client(self, name: str) -> Any:
        """A boto3 S3 client speaking as the named identity; KeyError when there is no such one."""
        return self.client_with(self.identities[name].access_key, self.identities[name].secret_key)

    def client_with(self, access_key: str, secret_key: str) -> Any:
        """A boto3 S3 client with the given keys and no retries, so that refusals show at once."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name=REGION,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    def airflow_connections(self) -> dict[str, str]:
        """Environment variables that give Airflow one connection per identity but the admin."""
        return {
            f"AIRFLOW_CONN_ESPEJO_{identity.name.upper()}": json.dumps(
                {
                    "conn_type": "aws",
                    "login": identity.access_key,
                    "password": identity.secret_key,
                    "extra": {"endpoint_url": self.endpoint_url, "region_name": REGION},
                }
            )
            for identity in self.identities.values()
            if identity.name != ADMIN
        }

    @property
    def _config_path(self) -> Path:
        return self.directory / "identities.json"

    @property
    def _ports_path(self) -> Path:
        return self.directory / "ports.json"

    def _encryption_key(self) -> str:
        """Made at the first start, and kept: without it what it encrypted could not be read."""
        path = self.directory / "encryption.json"
        if not path.exists():
            write_private(path, {"key": secrets.token_urlsafe(32)})
        return str(json.loads(path.read_text(encoding="utf-8"))["key"])

    def _folders(self) -> dict[str, Path]:
        return {name: self.directory / name for name in ("data", "log", "tmp")}

    def _launch_until_ready(self) -> None:
        """Try a few sets of ports: one may be taken between finding it free and binding it."""
        for attempt in range(1, ATTEMPTS + 1):
            self._launch(find_free_ports())
            if self._wait_until_ready():
                return
            self.stop()
            taken = "address already in use" in self._read_log()
            if attempt == ATTEMPTS or not taken:
                lines = self._last_log_lines()
                raise RuntimeError(f"the lake server did not come up; its last lines:\n{lines}")

    def _launch(self, ports: Ports) -> None:
        folders = self._folders()
        command = server_command(ports, folders["data"], folders["log"], self._config_path)
        parent = os.getpid()

        def die_with_parent() -> None:
            _LIBC.prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
            if os.getppid() != parent:  # the parent went before the kernel was told
                os._exit(1)

        with self.log_path.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=server_environment(folders["tmp"], self._encryption_key()),
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        self._ports = ports
        write_private(self._ports_path, asdict(ports))
        self.endpoint_url = f"http://{LOOPBACK}:{ports.s3}"

    def _wait_until_ready(self) -> bool:
        """Whether the server answered before it ended or the time was up.

        The S3 port answers before the disk's volumes are known, and an earlier start's objects
        cannot be read until they are. What answers must also know this start's keys: it could be
        another server that took the port first.
        """
        process, ports = self._process, self._ports
        deadline = time.monotonic() + START_SECONDS
        while process and ports and process.poll() is None and time.monotonic() < deadline:
            topology = json.loads(_get(ports.master, "/dir/status") or "{}").get("Topology", {})
            if topology.get("DataCenters") and self._knows_admin():
                return True
            time.sleep(0.1)
        return False

    def _knows_admin(self) -> bool:
        assert self._ports is not None
        if _get(self._ports.s3, "/status") is None:
            return False
        try:
            self.client(ADMIN).list_buckets()
        except (BotoCoreError, ClientError):
            return False
        return True

    def _last_log_lines(self) -> str:
        return "\n".join(self._read_log().splitlines()[-LOG_LINES:])

    def _read_log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def _create_buckets(self) -> None:
        admin = self.client(ADMIN)
        try:
            present = {bucket["Name"] for bucket in admin.list_buckets()["Buckets"]}
            for bucket in BUCKETS:
                if bucket not in present:
                    admin.create_bucket(Bucket=bucket)
        except (BotoCoreError, ClientError) as error:
            lines = self._last_log_lines()
            raise RuntimeError(
                f"no buckets could be made; the server's last lines:\n{lines}"
            ) from error

    def run_shell(self, command: str) -> None:
        """Give the server's own shell one command; RuntimeError with its output when it fails."""
        if self._ports is None:
            raise RuntimeError("the lake server is not running")
        ports = self._ports
        result = subprocess.run(
            [
                str(find_weed()),
                "shell",
                f"-master={LOOPBACK}:{ports.master}.{ports.master_grpc}",
                f"-filer={LOOPBACK}:{ports.filer}.{ports.filer_grpc}",
            ],
            input=f"lock\n{command}\nunlock\n",
            env=server_environment(self._folders()["tmp"]),
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
        )
        if result.returncode != 0 or "error:" in result.stdout + result.stderr:
            raise RuntimeError(f"{command!r} failed:\n{result.stdout}{result.stderr}")


def _get(port: int, path: str) -> str | None:
    """What a part of the server answers to GET, or None while it does not answer with 200."""
    with (
        suppress(urllib.error.URLError, OSError),
        urllib.request.urlopen(f"http://{LOOPBACK}:{port}{path}", timeout=2) as answer,
    ):
        return str(answer.read(), "utf-8")
    return None
