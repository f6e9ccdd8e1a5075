"""The lake in an S3 bucket: an object appears whole or not at all."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import IO, Any, cast

from include.espejo.errors import LakeError
from include.espejo.lake.failures import PreconditionError, told_clearly
from include.espejo.lake.store import Entry, Stored

_NO_TAG = '"00000000000000000000000000000000"'


class S3Lake:
    """An S3 bucket through s3fs. `identity`: whose rights these are, for messages."""

    _identity = ""

    def __init__(self, options: Mapping[str, Any], identity: str = ""):
        import s3fs

        self._identity = identity

        config = {
            "connect_timeout": 10,
            "read_timeout": 120,
            "retries": {"mode": "standard", "max_attempts": 3},
            "signature_version": "s3v4",  # also of links: the older one is refused by many servers
            # Not botocore's own checksums in each request: many servers answer them with 501.
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
        }
        # No shared instance and no listing cache: identities must not mix, nor answers be old.
        self._fs = s3fs.S3FileSystem(
            **options, config_kwargs=config, use_listings_cache=False, skip_instance_cache=True
        )

    def _told(self, uri: str, action: str) -> AbstractContextManager[None]:
        return told_clearly(uri, action, self._identity)

    def open(self, uri: str) -> IO[bytes]:
        with self._told(uri, "read it"):
            handle = self._fs.open(uri, "rb", block_size=8 << 20, cache_type="readahead")
            return cast(IO[bytes], handle)

    def read(self, uri: str) -> bytes:
        with self._told(uri, "read it"):
            return bytes(self._fs.cat_file(uri))

    def read_tagged(self, uri: str) -> Stored | None:
        with self._told(uri, "read it"):
            try:
                # The tag first: if the object changes in between, the replacement is refused.
                tag = self._fs.info(uri)["ETag"]
                return Stored(self._fs.cat_file(uri), tag)
            except FileNotFoundError:
                return None

    def write(self, uri: str, content: bytes) -> None:
        with self._told(uri, "write it"):
            self._fs.pipe_file(uri, content)

    def create(self, uri: str, content: bytes) -> bool:
        try:
            with self._told(uri, "write it"):
                self._fs.pipe_file(uri, content, mode="create")
        except PreconditionError:
            return False
        return True

    def replace(self, uri: str, content: bytes, tag: str) -> None:
        bucket, key, _ = self._fs.split_path(uri)
        with self._told(uri, "replace it"):
            self._fs.call_s3("put_object", Bucket=bucket, Key=key, Body=content, IfMatch=tag)

    def exists(self, uri: str) -> bool:
        with self._told(uri, "look for it"):
            try:
                self._fs.info(uri)
            except FileNotFoundError:
                return False
            return True

    def list(self, pattern: str) -> list[str]:
        with self._told(pattern, "list it"):
            folder, _, last = pattern.rpartition("/")
            try:
                found = self._fs.ls(folder, detail=True)
            except FileNotFoundError:
                return []
            files = [f"s3://{item['name']}" for item in found if _is_file(item)]
            return sorted(f for f in files if fnmatch.fnmatch(f.rpartition("/")[2], last))

    def tree(self, folder: str) -> dict[str, Entry]:
        base = folder.removeprefix("s3://").rstrip("/") + "/"
        with self._told(folder, "list it"):
            found = self._fs.find(base, detail=True)
            if not found:  # nothing there, or no such bucket, which is an error
                self._fs.call_s3("head_bucket", Bucket=base.partition("/")[0])
        return {
            path.removeprefix(base): Entry(
                int(info["size"]), str(info["ETag"]), info["LastModified"]
            )
            for path, info in found.items()
            if _is_file(info)
        }

    def link(self, uri: str, seconds: int, name: str) -> str:
        disposition = f'attachment; filename="{name}"'
        with self._told(uri, "make a link to it"):
            return str(self._fs.url(uri, expires=seconds, ResponseContentDisposition=disposition))

    def require_write(self, uri: str) -> None:
        bucket, key, _ = self._fs.split_path(uri)
        try:
            with self._told(uri, "write it"):
                # No object has this tag: whoever may write is told so, and nothing is written.
                self._fs.call_s3("put_object", Bucket=bucket, Key=key, Body=b"", IfMatch=_NO_TAG)
        except PreconditionError:
            return
        except LakeError as error:
            if not error.absent:
                raise

    def delete_tree(self, uri: str) -> None:
        with self._told(uri, "delete it"):
            try:
                self._fs.rm(uri, recursive=True)
            except FileNotFoundError:
                return


def _is_file(info: Mapping[str, Any]) -> bool:
    """Consoles make folders as empty objects whose name ends with a slash: these are no files."""
    return info["type"] == "file" and not str(info["name"]).endswith("/")
