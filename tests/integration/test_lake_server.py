"""The embedded S3 server refuses what an office's lake would refuse, and leaves nothing behind."""

import json
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import psutil
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from demo import lake_process
from demo import lake_server as module
from demo.lake_identities import (
    BUCKETS,
    DOWNSTREAM_BUCKET,
    PUBLIC_BUCKET,
    RAW_BUCKET,
    RESTRICTED_BUCKET,
)
from demo.lake_server import LakeServer
from tests.support.full_bucket import full_bucket

REPOSITORY = Path(__file__).resolve().parents[2]
LOOPBACK = "127.0.0.1"
RIGHTS = {
    "ingest": (RAW_BUCKET, "read"),
    "work": (RESTRICTED_BUCKET, "write"),
    "publish": (PUBLIC_BUCKET, "write"),
    "consumer": (PUBLIC_BUCKET, "read"),
    "downstream": (DOWNSTREAM_BUCKET, "write"),
}
Action = Callable[[Any, str, str], object]


def put(client: Any, bucket: str, key: str) -> object:
    return client.put_object(Bucket=bucket, Key=key, Body=b"new")


def upload_in_parts(client: Any, bucket: str, key: str) -> object:
    place = {"Bucket": bucket, "Key": key}
    upload = client.create_multipart_upload(**place)["UploadId"]
    part = client.upload_part(**place, UploadId=upload, PartNumber=1, Body=b"new")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    return client.complete_multipart_upload(**place, UploadId=upload, MultipartUpload=parts)


def delete_many(client: Any, bucket: str, key: str) -> object:
    """The one refusal that hides in an answer 200; it is raised here like the others."""
    answer = client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}]})
    for error in answer.get("Errors", []):
        raise ClientError({"Error": error, "ResponseMetadata": {"HTTPStatusCode": 403}}, "Delete")
    return answer


READS: dict[str, Action] = {
    "list": lambda client, bucket, key: client.list_objects_v2(Bucket=bucket),
    "list a prefix": lambda client, bucket, key: client.list_objects_v2(
        Bucket=bucket, Prefix=key[:3], Delimiter="/"
    ),
    "look at the bucket": lambda client, bucket, key: client.head_bucket(Bucket=bucket),
    "look at": lambda client, bucket, key: client.head_object(Bucket=bucket, Key=key),
    "get": lambda client, bucket, key: client.get_object(Bucket=bucket, Key=key)["Body"].read(),
}
WRITES: dict[str, Action] = {
    "put": put,
    "put if absent": lambda client, bucket, key: client.put_object(
        Bucket=bucket, Key=f"{key}-absent", Body=b"new", IfNoneMatch="*"
    ),
    "upload in parts": upload_in_parts,
    "copy": lambda client, bucket, key: client.copy_object(
        Bucket=bucket, Key=f"{key}-copy", CopySource={"Bucket": bucket, "Key": key}
    ),
    "delete": lambda client, bucket, key: client.delete_object(Bucket=bucket, Key=key),
    "delete many": delete_many,
}
NEVER: dict[str, Action] = {
    "make a bucket": lambda client, bucket, key: client.create_bucket(Bucket=f"new-{key}"),
    "remove the bucket": lambda client, bucket, key: client.delete_bucket(Bucket=bucket),
    "open the bucket to all": lambda client, bucket, key: client.put_bucket_acl(
        Bucket=bucket, ACL="public-read"
    ),
    "open the object to all": lambda client, bucket, key: client.put_object_acl(
        Bucket=bucket, Key=key, ACL="public-read"
    ),
}
MATRIX = [
    pytest.param(name, bucket, action, allowed, id=f"{name}-{bucket}-{label}")
    for name, (home, right) in RIGHTS.items()
    for bucket in BUCKETS
    for actions, allowed in (
        (READS, bucket == home),
        (WRITES, bucket == home and right == "write"),
        (NEVER, False),
    )
    for label, action in actions.items()
]


def status_of(error: pytest.ExceptionInfo[ClientError]) -> int:
    return int(error.value.response["ResponseMetadata"]["HTTPStatusCode"])


@pytest.fixture
def key() -> str:
    return f"key-{uuid4().hex}"


@pytest.fixture
def key_everywhere(lake_server: LakeServer, key: str) -> str:
    admin = lake_server.client("admin")
    for bucket in BUCKETS:
        admin.put_object(Bucket=bucket, Key=key, Body=b"old")
    return key


@pytest.mark.parametrize(("name", "bucket", "action", "allowed"), MATRIX)
def test_identity_does_what_it_may_and_nothing_else(
    lake_server: LakeServer,
    key_everywhere: str,
    name: str,
    bucket: str,
    action: Action,
    allowed: bool,
) -> None:
    client = lake_server.client(name)
    if allowed:
        action(client, bucket, key_everywhere)
        return
    with pytest.raises(ClientError) as error:
        action(client, bucket, key_everywhere)
    assert status_of(error) == 403
    kept = lake_server.client("admin").get_object(Bucket=bucket, Key=key_everywhere)
    assert kept["Body"].read() == b"old"


def test_identity_opens_no_bucket_whose_name_merely_starts_alike(lake_server: LakeServer) -> None:
    admin = lake_server.client("admin")
    admin.create_bucket(Bucket=f"{RAW_BUCKET}-2")
    admin.put_object(Bucket=f"{RAW_BUCKET}-2", Key="a", Body=b"")
    with pytest.raises(ClientError) as error:
        lake_server.client("ingest").get_object(Bucket=f"{RAW_BUCKET}-2", Key="a")
    assert status_of(error) == 403


def test_copying_from_a_bucket_one_may_not_read_is_refused(
    lake_server: LakeServer, key_everywhere: str
) -> None:
    source = {"Bucket": RESTRICTED_BUCKET, "Key": key_everywhere}
    with pytest.raises(ClientError) as error:
        lake_server.client("publish").copy_object(
            Bucket=PUBLIC_BUCKET, Key=f"{key_everywhere}-stolen", CopySource=source
        )
    assert status_of(error) == 403


def test_missing_object_is_404_and_not_403_to_who_may_read(
    lake_server: LakeServer, key: str
) -> None:
    with pytest.raises(ClientError) as error:
        lake_server.client("consumer").head_object(Bucket=PUBLIC_BUCKET, Key=key)
    assert status_of(error) == 404


def test_wrong_secret_is_refused(lake_server: LakeServer) -> None:
    known = lake_server.identities["consumer"].access_key
    with pytest.raises(ClientError) as error:
        lake_server.client_with(known, "not-the-secret").list_objects_v2(Bucket=PUBLIC_BUCKET)
    assert error.value.response["Error"]["Code"] == "SignatureDoesNotMatch"


def test_unknown_key_is_refused(lake_server: LakeServer) -> None:
    with pytest.raises(ClientError) as error:
        lake_server.client_with("NOBODY", "x").list_objects_v2(Bucket=PUBLIC_BUCKET)
    assert error.value.response["Error"]["Code"] == "InvalidAccessKeyId"


def test_anonymous_reader_is_refused(lake_server: LakeServer, key_everywhere: str) -> None:
    anonymous = boto3.client(
        "s3",
        endpoint_url=lake_server.endpoint_url,
        region_name=module.REGION,
        config=Config(signature_version=UNSIGNED),
    )
    with pytest.raises(ClientError) as error:
        anonymous.get_object(Bucket=PUBLIC_BUCKET, Key=key_everywhere)
    assert status_of(error) == 403


def test_conditional_create_has_one_winner(lake_server: LakeServer, key: str) -> None:
    clients = [lake_server.client("publish") for _ in range(8)]
    together = threading.Barrier(len(clients))

    def create(number: int) -> int | None:
        """None when created, the status of the refusal otherwise."""
        together.wait()
        try:
            clients[number].put_object(
                Bucket=PUBLIC_BUCKET, Key=key, Body=str(number).encode(), IfNoneMatch="*"
            )
        except clients[number].exceptions.ClientError as error:
            return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
        return None

    with ThreadPoolExecutor(len(clients)) as pool:
        outcomes = list(pool.map(create, range(len(clients))))
    winners = [str(number) for number, refusal in enumerate(outcomes) if refusal is None]
    stored = clients[0].get_object(Bucket=PUBLIC_BUCKET, Key=key)["Body"].read()
    assert winners == [stored.decode()]
    assert {refusal for refusal in outcomes if refusal is not None} <= {409, 412}


def test_replace_needs_the_etag_of_what_is_there(lake_server: LakeServer, key: str) -> None:
    client = lake_server.client("publish")
    place = {"Bucket": PUBLIC_BUCKET, "Key": key}
    first = client.put_object(**place, Body=b"1")["ETag"]
    client.put_object(**place, Body=b"2", IfMatch=first)
    with pytest.raises(ClientError) as error:
        client.put_object(**place, Body=b"3", IfMatch=first)
    assert status_of(error) == 412
    assert client.get_object(**place)["Body"].read() == b"2"


def test_full_bucket_refuses_writes_only(lake_server: LakeServer, key_everywhere: str) -> None:
    client, place = lake_server.client("publish"), {"Bucket": PUBLIC_BUCKET, "Key": key_everywhere}
    with full_bucket(lake_server, PUBLIC_BUCKET):
        with pytest.raises(ClientError) as error:
            client.put_object(**place, Body=b"more")
        assert status_of(error) == 500
        assert error.value.response["Error"]["Code"] == "InternalError"
        assert client.get_object(**place)["Body"].read() == b"old"
        lake_server.client("work").put_object(Bucket=RESTRICTED_BUCKET, Key="elsewhere", Body=b"")
        client.delete_object(**place)
    client.put_object(**place, Body=b"more")


def test_connections_are_those_of_the_limited_identities(lake_server: LakeServer) -> None:
    connections = lake_server.airflow_connections()
    assert set(connections) == {f"AIRFLOW_CONN_ESPEJO_{name.upper()}" for name in RIGHTS}
    ingest = json.loads(connections["AIRFLOW_CONN_ESPEJO_INGEST"])
    identity = lake_server.identities["ingest"]
    assert ingest == {
        "conn_type": "aws",
        "login": identity.access_key,
        "password": identity.secret_key,
        "extra": {"endpoint_url": lake_server.endpoint_url, "region_name": "us-east-1"},
    }


def test_every_listening_socket_is_on_loopback(lake_server: LakeServer) -> None:
    assert lake_server.process_id is not None
    root = psutil.Process(lake_server.process_id)
    listening = [
        connection.laddr.ip
        for process in (root, *root.children(recursive=True))
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 8
    assert set(listening) == {LOOPBACK}


def test_secrets_are_private_files_and_not_on_the_command_line(lake_server: LakeServer) -> None:
    for name in ("credentials.json", "identities.json"):
        mode = (lake_server.directory / name).stat().st_mode
        assert stat.S_IMODE(mode) == 0o600
    command = " ".join(psutil.Process(lake_server.process_id).cmdline())
    assert "-master.telemetry=false" in command
    assert not [i for i in lake_server.identities.values() if i.secret_key in command]


def test_second_start_keeps_data_and_credentials_and_stop_leaves_nothing(tmp_path: Path) -> None:
    ports: list[int] = []
    before = set(Path("/tmp").glob("seaweedfs-*.sock"))  # of servers that were killed, of any port
    with LakeServer(tmp_path) as first:
        assert first._ports is not None
        ports += asdict(first._ports).values()
        identities, process_id = first.identities, first.process_id
        assert process_id is not None
        first.client("work").put_object(Bucket=RESTRICTED_BUCKET, Key="kept", Body=b"x" * 100_000)
    assert not group_members(process_id)
    first.stop()
    with LakeServer(tmp_path) as second:
        assert second._ports is not None
        ports += asdict(second._ports).values()
        assert second.identities == identities
        kept = second.client("work").get_object(Bucket=RESTRICTED_BUCKET, Key="kept")
        assert kept["Body"].read() == b"x" * 100_000
    found = set(Path("/tmp").glob("seaweedfs-*.sock")) - before
    left = [path.stem.rpartition("-")[2] for path in found]
    assert not set(left) & set(map(str, ports))  # another server's may be there


def test_server_dies_with_its_parent(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from demo.lake_server import LakeServer\n"
        "server = LakeServer(Path(sys.argv[1])); server.start()\n"
        "print(server.process_id, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    process_id = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 5
    while group_members(process_id) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not group_members(process_id)
    ports = lake_process.Ports(**json.loads((tmp_path / "ports.json").read_text(encoding="utf-8")))
    lake_process.remove_dead_sockets(ports)


def test_server_that_does_not_come_up_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "weed"
    program.write_text("#!/bin/sh\necho the disk is upside down\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(lake_process, "find_weed", lambda: program)
    server = LakeServer(tmp_path / "lake")
    with pytest.raises(RuntimeError, match="the disk is upside down"):
        server.start()
    assert server.process_id is None


def test_port_taken_meanwhile_is_tried_again_with_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lake_server: LakeServer
) -> None:
    find = lake_process.find_free_ports
    found: list[lake_process.Ports] = []

    def first_the_ports_in_use() -> lake_process.Ports:
        assert lake_server._ports is not None
        found.append(find() if found else lake_server._ports)
        return found[-1]

    monkeypatch.setattr(module, "find_free_ports", first_the_ports_in_use)
    with LakeServer(tmp_path) as server:
        assert len(found) == 2
        server.client("admin").head_bucket(Bucket=RAW_BUCKET)
    lake_server.client("admin").head_bucket(Bucket=RAW_BUCKET)


def group_members(group: int) -> list[int]:
    """The processes still alive in the server's group; a zombie is one that has ended."""
    members = []
    for process in psutil.process_iter():
        try:
            path = Path(f"/proc/{process.pid}/stat")
            fields = path.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            members.append(process.pid)
    return members
