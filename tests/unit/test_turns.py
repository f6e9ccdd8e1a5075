"""Whose turn it is: the lock in the lake, and what a run does with it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from include.espejo.errors import LakeError
from include.espejo.lake.local import LocalLake
from include.espejo.lake.lock import Lock, free_lock, take_lock

LAKE = LocalLake()


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return str(tmp_path / "2026T3" / "lock.json")


def holder(uri: str) -> str:
    return Lock.of_json(LAKE.read(uri)).holder


def working(_: str) -> bool:
    return True


def gone(_: str) -> bool:
    return False


def test_one_at_a_time_and_the_next_when_it_is_given_back(uri: str) -> None:
    assert take_lock(LAKE, uri, "one", working) is None
    assert take_lock(LAKE, uri, "one", working) is None, "it is asked at every step"
    assert take_lock(LAKE, uri, "two", working) == "one"
    free_lock(LAKE, uri, "two")
    assert holder(uri) == "one", "only who has it gives it back"
    free_lock(LAKE, uri, "one")
    free_lock(LAKE, uri, "one")
    assert take_lock(LAKE, uri, "two", working) is None
    assert take_lock(LAKE, uri, "one", working) == "two"


def test_the_lock_of_a_run_that_is_no_more_is_taken_over(uri: str) -> None:
    take_lock(LAKE, uri, "killed", working)
    asked: list[str] = []

    def asks(other: str) -> bool:
        asked.append(other)
        return False

    assert take_lock(LAKE, uri, "next", asks) is None
    assert asked == ["killed"]
    assert holder(uri) == "next"
    free_lock(LAKE, uri, "killed")
    assert holder(uri) == "next", "a late end of the first one changes nothing"


def test_giving_back_what_nobody_has_makes_nothing(uri: str) -> None:
    free_lock(LAKE, uri, "one")
    assert not LAKE.exists(uri)


def test_of_many_at_once_one_gets_it(uri: str) -> None:
    start = threading.Barrier(8)

    def take(name: str) -> str | None:
        start.wait()
        try:
            return take_lock(LAKE, uri, name, working)
        except LakeError as error:
            return "to be tried again" if error.retryable else "refused"

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(take, [f"run {n}" for n in range(8)]))
    assert told.count(None) == 1
    assert "refused" not in told
    assert holder(uri) == f"run {told.index(None)}"


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"holder": 7}', b"\xff\xfe"])
def test_a_damaged_lock_lets_nobody_through(uri: str, content: bytes) -> None:
    LAKE.write(uri, content)
    with pytest.raises(LakeError, match=r"lock.json: not a lock; delete it"):
        take_lock(LAKE, uri, "one", gone)
    assert LAKE.read(uri) == content
