"""What an office asks of its lake: TLS by its own authority, and encryption at rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from demo.lake_identities import RESTRICTED_BUCKET
from demo.lake_server import LakeServer
from include.espejo.errors import LakeError
from include.espejo.lake import Lake
from tests.support.tls_proxy import tls_proxy

Opens = Callable[[dict[str, Any]], Lake]


@pytest.fixture
def opens(lake_server: LakeServer, monkeypatch: pytest.MonkeyPatch) -> Opens:
    """Opens the restricted area by a connection with these extra fields."""
    from include.espejo_airflow.connections import lake_by

    identity = lake_server.identities["work"]

    def by(extra: dict[str, Any]) -> Lake:
        told = SimpleNamespace(
            login=identity.access_key,
            password=identity.secret_key,
            extra_dejson={"endpoint_url": lake_server.endpoint_url} | extra,
        )
        monkeypatch.setattr("airflow.sdk.Connection.get", lambda _: told)
        return lake_by("espejo_work", f"s3://{RESTRICTED_BUCKET}")

    return by


@pytest.fixture
def uri() -> str:
    return f"s3://{RESTRICTED_BUCKET}/{uuid4().hex}/file"


def test_a_certificate_of_the_offices_own_authority_is_trusted_by_its_file(
    lake_server: LakeServer, opens: Opens, uri: str, tmp_path: Path
) -> None:
    port = int(lake_server.endpoint_url.rpartition(":")[2])
    with tls_proxy(tmp_path, port) as (url, authority):
        lake = opens({"endpoint_url": url, "verify": str(authority)})
        lake.write(uri, b"over TLS")
        lake.require_write(uri)
        assert lake.read(uri) == b"over TLS"
        with pytest.raises(LakeError, match=r"certificate is not trusted.*`verify`") as told:
            opens({"endpoint_url": url}).read(uri)
        assert not told.value.retryable
        assert opens({"endpoint_url": url, "verify": False}).read(uri) == b"over TLS"


def test_every_way_of_writing_asks_for_encryption_at_rest(
    lake_server: LakeServer, opens: Opens, uri: str
) -> None:
    lake = opens({"server_side_encryption": "AES256"})
    lake.write(uri, b"written")
    assert lake.create(f"{uri}-created", b"created")
    lake.write(f"{uri}-replaced", b"first")
    tagged = lake.read_tagged(f"{uri}-replaced")
    assert tagged is not None
    lake.replace(f"{uri}-replaced", b"replaced", tagged.tag)
    lake.write(f"{uri}-large", b"x" * (60 << 20))  # in several parts
    client = lake_server.client("work")
    for name in ("", "-created", "-replaced", "-large"):
        key = f"{uri}{name}".removeprefix(f"s3://{RESTRICTED_BUCKET}/")
        told = client.head_object(Bucket=RESTRICTED_BUCKET, Key=key)
        assert told.get("ServerSideEncryption") == "AES256", name
    assert lake.read(f"{uri}-replaced") == b"replaced"
    assert len(lake.read(f"{uri}-large")) == 60 << 20
