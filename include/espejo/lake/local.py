"""The lake on a local disk. A file is written under another name and then put in place whole."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from include.espejo.errors import LakeError
from include.espejo.lake.failures import PreconditionError, told_clearly
from include.espejo.lake.store import Entry, Stored

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
            if _path(uri).is_file():
                _path(uri).unlink()
            elif _path(uri).exists():
                shutil.rmtree(_path(uri))


def _path(uri: str) -> Path:
    return Path(uri.removeprefix("file://"))


def _entry(stat: os.stat_result) -> Entry:
    tag = f"{stat.st_ino}-{stat.st_mtime_ns}-{stat.st_size}"
    return Entry(stat.st_size, tag, datetime.fromtimestamp(stat.st_mtime, UTC))


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
