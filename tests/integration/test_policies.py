"""The rights of docs/security.md, given by deploy/policies to a real server and tried there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import ClientError

from demo import lake_process
from demo import lake_server as module
from demo.lake_identities import ADMIN, BUCKETS, PUBLIC_BUCKET
from demo.lake_server import REGION, LakeServer
from include.espejo.lake import Lake, open_lake
from include.espejo.lake.keys import PublicLocation
from include.espejo.releases.pointer import read_pointer
from include.espejo.releases.publish import publish_release
from tests.conftest import ROOT

from .test_publish import PERIOD, candidate

Table = dict[str, dict[str, set[str]]]
SPANISH = {"listar": "list", "leer": "read", "escribir": "write", "borrar": "delete", "todo": "all"}
ACTS: dict[str, Callable[[Any, str, str], object]] = {
    "list": lambda client, bucket, key: client.list_objects_v2(Bucket=bucket),
    "read": lambda client, bucket, key: client.get_object(Bucket=bucket, Key=key)["Body"].read(),
    "write": lambda client, bucket, key: client.put_object(Bucket=bucket, Key=f"{key}-2", Body=b""),
    "delete": lambda client, bucket, key: client.delete_object(Bucket=bucket, Key=key),
    "make bucket": lambda client, bucket, key: client.create_bucket(Bucket=f"{bucket}-{key}"),
    "change policy": lambda client, bucket, key: client.put_bucket_policy(
        Bucket=bucket, Policy=_open_to_all(bucket)
    ),
}


def _open_to_all(bucket: str) -> str:
    everybody = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
    statement = everybody | {"Resource": f"arn:aws:s3:::{bucket}/*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def stated(page: str) -> Table:
    """The page's table: identity, bucket, rights."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|(.+)\|$", text, re.MULTILINE)
    return {
        name: {
            bucket: {SPANISH.get(word, word) for word in re.findall(r"\w+", cell)}
            for bucket, cell in zip(BUCKETS, cells.split("|"), strict=True)
        }
        for name, cells in rows
    }


def test_both_languages_state_the_same_rights() -> None:
    table = stated("security.md")
    assert len(table) == 6
    assert table == stated("security.es.md")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LakeServer]:
    """A server whose administrator may make users, as an office's does."""
    patch, command = pytest.MonkeyPatch(), lake_process.server_command

    def with_users(*of: Any) -> list[str]:
        kept = [word for word in command(*of) if not word.startswith("-s3.iam")]
        return [*kept, "-s3.iam=true", "-s3.iam.readOnly=false"]

    patch.setattr(module, "server_command", with_users)
    with LakeServer(tmp_path_factory.mktemp("lake")) as running:
        yield running
    patch.undo()


@pytest.fixture(scope="module")
def clients(server: LakeServer) -> dict[str, Any]:
    """A client of each identity: a user with its policy, and the administrator."""
    admin = server.identities[ADMIN]
    iam = boto3.client(
        "iam",
        endpoint_url=server.endpoint_url,
        region_name=REGION,
        aws_access_key_id=admin.access_key,
        aws_secret_access_key=admin.secret_key,
    )
    made = {ADMIN: server.client(ADMIN)}
    for path in sorted((ROOT / "deploy/policies").glob("*.json")):
        user = f"office-{path.stem}"
        iam.create_user(UserName=user)
        key = iam.create_access_key(UserName=user)["AccessKey"]
        iam.put_user_policy(UserName=user, PolicyName=user, PolicyDocument=path.read_text())
        made[path.stem] = server.client_with(key["AccessKeyId"], key["SecretAccessKey"])
    return made


def test_each_identity_has_the_rights_that_are_stated_and_no_others(
    server: LakeServer, clients: dict[str, Any]
) -> None:
    table, admin = stated("security.md"), clients[ADMIN]
    assert set(clients) == set(table)
    wrong, tried = [], 0
    for name, rights in table.items():
        for bucket in BUCKETS:
            for act, call in ACTS.items():
                key = f"key-{uuid4().hex}"
                admin.put_object(Bucket=bucket, Key=key, Body=b"old")
                expected = bool(rights[bucket] & {act, "all"})
                tried += 1
                if name == ADMIN and act == "change policy":
                    continue  # it would open the bucket for those that come after
                if _may(clients[name], call, bucket, key) != expected:
                    wrong.append((name, bucket, act))
    assert wrong == []
    assert tried == 6 * 4 * 6


def _may(client: Any, call: Callable[[Any, str, str], object], bucket: str, key: str) -> bool:
    try:
        call(client, bucket, key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 403:
            raise
        return False
    return True


def test_a_release_is_published_with_these_rights(
    server: LakeServer, clients: dict[str, Any]
) -> None:
    def lake_of(name: str) -> Lake:
        keys = clients[name]._request_signer._credentials
        options = {"key": keys.access_key, "secret": keys.secret_key}
        return open_lake("s3://", options | {"endpoint_url": server.endpoint_url})

    work, public = lake_of("work"), lake_of("publish")
    place = PublicLocation(f"s3://{PUBLIC_BUCKET}/{uuid4().hex}", "parks")
    for name in ("r1", "r2"):
        public.require_write(place.release(PERIOD, name))
        folder = candidate(work, name, rows=5)
        publish_release(work, folder, public, place, PERIOD, name)
    pointer = read_pointer(lake_of("consumer"), place.latest())
    assert pointer is not None
    assert pointer.release == "r2"


@pytest.mark.parametrize("path", sorted(Path(ROOT / "deploy/policies").glob("*.json")))
def test_a_policy_names_the_bucket_and_what_is_stated(path: Path) -> None:
    """For servers that part the rights: no statement of another bucket, no star, no denied one."""
    words = {
        "list": {"s3:ListBucket", "s3:GetBucketLocation"},
        "read": {"s3:GetObject"},
        "write": {"s3:PutObject", "s3:AbortMultipartUpload"},
        "delete": {"s3:DeleteObject"},
    }
    policy = json.loads(path.read_text())
    allowed: dict[str, set[str]] = {}
    for statement in policy["Statement"]:
        assert set(statement) == {"Effect", "Action", "Resource"}
        assert statement["Effect"] == "Allow"
        for resource in statement["Resource"]:
            bucket, _, keys = resource.removeprefix("arn:aws:s3:::").partition("/")
            assert keys in ("", "*")
            allowed.setdefault(bucket, set()).update(statement["Action"])
    rights = stated("security.md")[path.stem]
    expected = {
        bucket: set[str]().union(*(words[word] for word in told))
        for bucket, told in rights.items()
        if told
    }
    assert allowed == expected
