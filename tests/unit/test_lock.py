"""The lock files name what constraints.txt names, and a hash for every file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("requirements.lock", "requirements-dev.lock", "requirements-cuda.lock")
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;#]+)", re.M)


def pins(*files: str) -> dict[str, str]:
    """The version of each package that these files name."""
    found: list[tuple[str, str]] = []
    for file in files:
        found += PINNED.findall((ROOT / file).read_text(encoding="utf-8"))
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def test_the_locks_are_what_was_tested() -> None:
    """Where this fails: `make lock`."""
    tested = pins("constraints.txt") | pins("requirements-server.txt")
    assert tested.items() >= pins("requirements.txt", "requirements-dev.txt").items()
    torch = {"torch": tested.pop("torch")}
    assert pins(*NAMES[:2]) == tested
    assert pins(NAMES[2]).items() >= torch.items()


def test_the_pipeline_runs_without_what_tests_need() -> None:
    runtime, rest = pins(NAMES[0]), pins(NAMES[1])
    assert not runtime.keys() & rest.keys()
    needed = pins("requirements.txt", "requirements-server.txt").keys() - {"torch"}
    assert runtime.keys() >= needed
    assert {"pytest", "mypy"} <= rest.keys()


@pytest.mark.parametrize("name", NAMES)
def test_every_package_has_a_hash_and_no_address(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=[a-z])", text)[1:]
    assert len(blocks) == len(pins(name))
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}(?:\s|$)", block) for block in blocks)
    assert not re.search(r"://|--find-links|--index", text)
