"""A bucket over its quota, as an office's lake may be."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError

from demo.lake_identities import ADMIN
from demo.lake_server import LakeServer

QUOTA_SECONDS = 10.0


@contextmanager
def full_bucket(server: LakeServer, bucket: str) -> Iterator[None]:
    """Within the block the bucket is over its quota: reads and deletes work, writes fail.

    A write then gets HTTP 500, code InternalError: SeaweedFS has no code of its own for it. The
    read-only mark is the one its quota enforcement sets; it is set directly, because the
    enforcement looks at sizes only now and then and a test would wait half a minute for it.
    Raises RuntimeError when the mark does not take.
    """
    location = f"-locationPrefix=/buckets/{bucket}/"
    server.run_shell(f"fs.configure {location} -readOnly=true -apply")
    try:
        _wait_for_writes(server, bucket, allowed=False)
        yield
    finally:
        server.run_shell(f"fs.configure {location} -delete -apply")
        _wait_for_writes(server, bucket, allowed=True)


def _wait_for_writes(server: LakeServer, bucket: str, *, allowed: bool) -> None:
    """Wait until the bucket takes or refuses a probe object, which is removed again."""
    admin, key = server.client(ADMIN), f".probe-{secrets.token_hex(8)}"
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
