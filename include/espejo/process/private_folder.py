"""Temporary folders that outlive no process: one that was killed is swept by the next."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from include.espejo.errors import LakeError

_PREFIX, _LOCK = "espejo-", ".lock"
_YOUNG = 3600.0  # seconds: a folder without a lock is only being made
LEAST_FREE = 64 * 2**20  # bytes: what a small run needs


@contextmanager
def private_folder() -> Iterator[Path]:
    """A folder of this process, readable by its owner only, gone at the end of the block.

    Folders that killed processes left are deleted first: they may hold rows of real people. Whose
    process is alive is told by a lock that ends with it, not by process numbers, which containers
    that share a disk do not share.
    """
    sweep_folders()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        with (folder / "unlocked").open("w") as lock:
            # Under its name only once it is held: no other process can take it in between.
            fcntl.flock(lock, fcntl.LOCK_EX)
            (folder / "unlocked").rename(folder / _LOCK)
            inside = folder / "work"
            inside.mkdir(mode=0o700)
            yield inside
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep_folders() -> None:
    """Delete the folders of processes that no longer are; those of other users are left."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            if folder.is_dir() and not folder.is_symlink() and _is_abandoned(folder):
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # gone meanwhile, or another user's
            continue


def _is_abandoned(folder: Path) -> bool:
    path = folder / _LOCK
    if not path.exists():
        return time.time() - folder.stat().st_mtime > _YOUNG
    with path.open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def require_room() -> None:
    """Raise LakeError unless temporary files have room: before hours of training, not after."""
    place = tempfile.gettempdir()
    free = shutil.disk_usage(place).free
    if free < LEAST_FREE:
        raise LakeError(
            f"{place}: {free // 2**20} MB are free for temporary files, and a run needs "
            f"{LEAST_FREE // 2**20} at least; free space there, or name another folder in TMPDIR"
        )
