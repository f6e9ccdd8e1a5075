"""The processes that a step starts: they know no keys, and end with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from include.espejo.process.child import run_child
from include.espejo.process.environment import environment_of_children
from tests.conftest import ROOT
from tests.surveys.parks import SPEC, write_parks

_CHILD = """
import os, time
from include.espejo.process.child import answer, tell
def handle(request):
    tell({"names": sorted(os.environ), "pid": os.getpid()})
    time.sleep(request["seconds"])
if __name__ == "__main__":
    answer(handle)
"""
_CALLER = """
import sys
from include.espejo.process.child import run_child
for told in run_child("idle_child", {"seed": 1, "seconds": 60}):
    print(told["pid"], flush=True)
"""
KEYS = {
    "AIRFLOW_CONN_ESPEJO_WORK": "aws://key:secret@",
    "AIRFLOW__CORE__FERNET_KEY": "secret",
    "AWS_SECRET_ACCESS_KEY": "secret",
}


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "idle_child.py").write_text(_CHILD)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{ROOT}")
    return "idle_child"


def test_a_child_gets_what_it_needs_and_no_keys(
    child: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    (told,) = run_child(child, {"seed": 1, "seconds": 0})
    assert not set(KEYS) & set(told["names"])
    assert {"PATH", "PYTHONPATH", "PYTHONHASHSEED"} <= set(told["names"])
    assert "secret" not in str(environment_of_children())


def test_a_child_ends_with_its_caller_however_that_ends(child: str) -> None:
    caller = subprocess.Popen(
        [sys.executable, "-c", _CALLER], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert caller.stdout is not None
    process = psutil.Process(int(caller.stdout.readline()))
    caller.send_signal(signal.SIGKILL)
    caller.wait()
    caller.stdout.close()
    deadline = time.monotonic() + 20
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_benchmark_s_child_answers_before_its_caller_has_ended(tmp_path: Path) -> None:
    write_parks(tmp_path / "parks.csv", rows=60)
    request = {
        "probe": "step",
        "step": "ingest",
        "part": "",
        "survey": str(SPEC),
        "period": "2015T2",
        "input": str(tmp_path / "parks.csv"),
        "work": str(tmp_path / "work"),
        "release": "",
        "parameters": {"seed": 1},
    }
    (told,) = run_child("bench.steps", request)
    assert told["told"]["rows"] == 60
    assert told["seconds"] >= 0
