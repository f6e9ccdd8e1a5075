"""Temporary folders: what a killed process left is swept, and what lives is not."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from include.espejo.errors import LakeError, UnexpectedError, without_values
from include.espejo.process.private_folder import private_folder, require_room, sweep_folders
from tests.conftest import ROOT

_CHILD = """
import sys, time
from include.espejo.process.private_folder import private_folder
with private_folder() as folder:
    (folder / "rows.parquet").write_bytes(b"rows")
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def test_a_folder_is_private_and_gone_at_the_end(temporary: Path) -> None:
    with private_folder() as folder:
        (folder / "x").write_text("1")
        assert folder.is_relative_to(temporary)
        assert folder.parent.stat().st_mode & 0o077 == 0
        assert list(folder.iterdir()) == [folder / "x"]
    assert list(temporary.iterdir()) == []


def test_what_a_killed_process_left_is_swept_by_the_next(temporary: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    folder = Path(child.stdout.readline().strip())
    with private_folder():
        assert (folder / "rows.parquet").exists(), "its process is alive"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert (folder / "rows.parquet").exists()
    with private_folder():
        assert not folder.parent.exists()


def test_folders_of_others_and_new_ones_are_left(temporary: Path) -> None:
    made = temporary / "espejo-new"  # another process has just made it, and locks it next
    made.mkdir()
    old = temporary / "espejo-old"
    old.mkdir()
    os.utime(old, (0, 0))
    (temporary / "other-program").mkdir()
    (temporary / "espejo-file").write_text("x")
    (temporary / "espejo-link").symlink_to(temporary / "other-program")
    sweep_folders()
    assert {path.name for path in temporary.iterdir()} == {
        *("espejo-new", "other-program", "espejo-file", "espejo-link")
    }
    os.utime(made, (time.time() - 7200,) * 2)
    sweep_folders()
    assert not made.exists()


def test_too_little_room_is_told_before_anything_is_done(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_room()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5 * 2**20))
    with pytest.raises(LakeError, match=r"5 MB are free .* needs 64 at least; .* TMPDIR") as told:
        require_room()
    assert str(temporary) in str(told.value)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fills_up_is_named(temporary: Path, number: int) -> None:
    @without_values
    def train() -> None:
        raise OSError(number, "No space left on device", "/secret/Ana Pérez")

    with pytest.raises(LakeError, match="train: no room for temporary files in ") as told:
        train()
    assert str(temporary) in str(told.value)
    assert "Ana" not in str(told.value)


def test_another_failure_of_a_file_is_told_without_its_text() -> None:
    @without_values
    def train() -> None:
        raise OSError(errno.EIO, "Ana Pérez")

    with pytest.raises(UnexpectedError, match="unexpected OSError") as told:
        train()
    assert "Ana" not in str(told.value)
