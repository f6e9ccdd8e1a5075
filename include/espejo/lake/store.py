"""Reads and writes by URI, with the conditional writes that publishing stands on.

An S3 object appears whole or not at all; on a local disk the same holds because a file is
written under another name and then linked or renamed into place.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol, cast

from include.espejo.errors import LakeError
from include.espejo.lake.failures import PreconditionError, told_clearly


@dataclass(frozen=True)
class Stored:
    """An object's bytes and the tag that a conditional replacement names."""

    content: bytes
    tag: str


@dataclass(frozen=True)
class Entry:
    """What a listing says of an object: its size in bytes, and a tag that changes with it."""

    size: int
    tag: str


class Lake(Protocol):
    """Storage as one identity sees it. Every method raises LakeError where storage fails."""

    def open(self, uri: str) -> IO[bytes]:
        """Open for reading, forward only."""

    def read(self, uri: str) -> bytes:
        """The whole object."""

    def read_tagged(self, uri: str) -> Stored | None:
        """The object with its tag, or None where there is none."""

    def write(self, uri: str, content: bytes) -> None:
        """Write, replacing what is there: for the restricted area only."""

    def create(self, uri: str, content: bytes) -> bool:
        """Write where nothing is yet; False, and nothing written, where something is."""

    def replace(self, uri: str, content: bytes, tag: str) -> None:
        """Write over the object with this tag. Raises PreconditionError if it has changed."""

    def exists(self, uri: str) -> bool:
        """Whether there is an object."""

    def list(self, pattern: str) -> list[str]:
        """The URIs that match a shell pattern in their last part."""

    def tree(self, folder: str) -> dict[str, Entry]:
        """Everything below a folder, by its path from there; empty where there is nothing."""

    def link(self, uri: str, seconds: int, name: str) -> str:
        """An address that gives the object to whoever has it, as a file of this name."""

    def require_write(self, uri: str) -> None:
        """Raise LakeError unless an object could be written there; nothing is written."""

    def delete_tree(self, uri: str) -> None:
        """Delete all below a prefix; harmless where there is nothing."""


@dataclass(frozen=True)
class Lakes:
    """The lake as the identities of the flow see it: which may read or write what."""

    ingest: Lake
    work: Lake
    publish: Lake


def open_lake(uri: str, options: Mapping[str, Any] | None = None, identity: str = "") -> Lake:
    """A lake for URIs like this one; `options` are s3fs's (key, secret, endpoint_url), `identity`
    is what messages call whoever has these rights."""
    return S3Lake(options or {}, identity) if uri.startswith("s3://") else LocalLake()


def join(base: str, *parts: str) -> str:
    """Join a place and the parts of a key."""
    return "/".join([base.rstrip("/"), *(part.strip("/") for part in parts)])


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
            path.removeprefix(base): Entry(int(info["size"]), str(info["ETag"]))
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


_FOR_OTHERS = 0o644  # what is created or replaced on condition is a release or a pointer


class LocalLake:
    """A local disk; `file://` before a path is understood."""

    def open(self, uri: str) -> IO[bytes]:
        with told_clearly(uri, "read it"):
            return _path(uri).open("rb")

    def read(self, uri: str) -> bytes:
        with told_clearly(uri, "read it"):
            return _path(uri).read_bytes()

    def read_tagged(self, uri: str) -> Stored | None:
        with told_clearly(uri, "read it"):
            try:
                content = _path(uri).read_bytes()
            except FileNotFoundError:
                return None
            return Stored(content, hashlib.sha256(content).hexdigest())

    def write(self, uri: str, content: bytes) -> None:
        with told_clearly(uri, "write it"), _staged(_path(uri), content) as staged:
            staged.replace(_path(uri))

    def create(self, uri: str, content: bytes) -> bool:
        with told_clearly(uri, "write it"), _staged(_path(uri), content) as staged:
            try:
                staged.chmod(_FOR_OTHERS)
                os.link(staged, _path(uri))
            except FileExistsError:
                return False
            return True

    def replace(self, uri: str, content: bytes, tag: str) -> None:
        with told_clearly(uri, "replace it"), _locked(_path(uri)):
            current = self.read_tagged(uri)
            if current is None or current.tag != tag:
                raise PreconditionError(f"{uri}: another process changed it")
            with _staged(_path(uri), content) as staged:
                staged.chmod(_FOR_OTHERS)
                staged.replace(_path(uri))

    def exists(self, uri: str) -> bool:
        return _path(uri).is_file()

    def list(self, pattern: str) -> list[str]:
        path = _path(pattern)
        with told_clearly(pattern, "list it"):
            return sorted(str(p) for p in path.parent.glob(path.name) if p.is_file())

    def tree(self, folder: str) -> dict[str, Entry]:
        base = _path(folder)
        with told_clearly(folder, "list it"):
            files = [path for path in base.rglob("*") if path.is_file()]
            return {path.relative_to(base).as_posix(): _entry(path.stat()) for path in files}

    def link(self, uri: str, seconds: int, name: str) -> str:
        raise LakeError(f"{uri}: a local disk has no links; read the file itself")

    def require_write(self, uri: str) -> None:
        place = next(folder for folder in _path(uri).absolute().parents if folder.exists())
        with told_clearly(uri, "write it"):
            if not os.access(place, os.W_OK):
                raise PermissionError

    def delete_tree(self, uri: str) -> None:
        with told_clearly(uri, "delete it"):
            if _path(uri).exists():
                shutil.rmtree(_path(uri))


def _path(uri: str) -> Path:
    return Path(uri.removeprefix("file://"))


def _entry(stat: os.stat_result) -> Entry:
    return Entry(stat.st_size, f"{stat.st_ino}-{stat.st_mtime_ns}-{stat.st_size}")


@contextmanager
def _staged(target: Path, content: bytes) -> Iterator[Path]:
    """The content in a file beside the target, readable by its owner only."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".part")
    staged = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield staged
    finally:
        staged.unlink(missing_ok=True)


@contextmanager
def _locked(target: Path) -> Iterator[None]:
    """One replacement at a time among the processes of this machine."""
    import fcntl

    with target.parent.joinpath(f".{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
