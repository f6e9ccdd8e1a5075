"""The ledger: one secret, attempts that are counted before anything is known, earlier quarters."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from include.espejo.errors import EspejoError, GateError, LakeError
from include.espejo.lake import open_lake
from include.espejo.lake.failures import PreconditionError
from include.espejo.lake.keys import workspace
from include.espejo.lake.local import LocalLake
from include.espejo.releases.ledger import Ledger
from include.espejo.survey import Period

PERIOD = Period(2026, 3)
REASON = "attempts: the director of the survey, 3 May"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(open_lake(str(tmp_path)), str(tmp_path), "parks")


def attempts_file(ledger: Ledger) -> Path:
    return Path(ledger.root) / "attempts" / f"{PERIOD}.json"


# --- the salt ----------------------------------------------------------------------------------


def test_the_salt_is_made_once_by_however_many_at_once(tmp_path: Path) -> None:
    together = threading.Barrier(8)

    def make(_: int) -> bytes:
        together.wait()
        return Ledger(LocalLake(), str(tmp_path), "parks").salt()

    with ThreadPoolExecutor(8) as pool:
        salts = set(pool.map(make, range(8)))
    (salt,) = salts
    assert len(salt) == 32
    assert Ledger(LocalLake(), str(tmp_path), "parks").salt() == salt  # and stays


def test_surveys_have_salts_of_their_own(ledger: Ledger, tmp_path: Path) -> None:
    assert ledger.salt() != Ledger(ledger.lake, str(tmp_path), "museums").salt()


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 33])
def test_a_salt_that_is_none_is_refused(ledger: Ledger, content: bytes) -> None:
    ledger.lake.write(f"{ledger.root}/salt", content)
    with pytest.raises(GateError, match="it is not a salt; restore the ledger"):
        ledger.salt()


@pytest.mark.parametrize("entry", ["attempts", "households"])
def test_a_salt_that_is_gone_is_not_made_anew(ledger: Ledger, entry: str) -> None:
    ledger.salt()
    if entry == "attempts":
        ledger.attempt(PERIOD, "aaa", 3, None)
    else:
        ledger.enter(PERIOD, "aaa", np.zeros(1, dtype=np.uint64))
    salt = Path(ledger.root) / "salt"
    salt.unlink()
    with pytest.raises(
        GateError, match=r"salt: it is missing, .* 1 entries .*; restore the ledger"
    ):
        ledger.salt()
    assert not salt.exists()


# --- attempts ----------------------------------------------------------------------------------


def test_a_release_is_one_attempt_however_often_it_is_run(ledger: Ledger) -> None:
    assert ledger.attempt(PERIOD, "aaa", 3, None) == 1
    assert ledger.attempt(PERIOD, "bbb", 3, None) == 2
    assert ledger.attempt(PERIOD, "aaa", 3, None) == 1
    assert ledger.attempt(PERIOD, "bbb", 3, None) == 2
    assert len(json.loads(attempts_file(ledger).read_text())["attempts"]) == 2


def test_one_more_than_the_limit_is_refused_and_leaves_no_trace(ledger: Ledger) -> None:
    for name in ("aaa", "bbb"):
        ledger.attempt(PERIOD, name, 2, None)
    before = attempts_file(ledger).read_bytes()
    with pytest.raises(GateError, match="2 releases of 2026T3 have been tried") as caught:
        ledger.attempt(PERIOD, "ccc", 2, None)
    assert "an override reason" in str(caught.value)
    assert caught.value.exit_code == 3
    assert not caught.value.retryable
    assert attempts_file(ledger).read_bytes() == before
    assert ledger.attempt(PERIOD, "bbb", 2, None) == 2  # one that was counted may be run again
    assert ledger.attempt(Period(2026, 4), "ccc", 2, None) == 1  # other periods count apart


def test_an_override_goes_beyond_the_limit_and_is_recorded(ledger: Ledger) -> None:
    ledger.attempt(PERIOD, "aaa", 1, None)
    assert ledger.attempt(PERIOD, "bbb", 1, REASON) == 2
    recorded = json.loads(attempts_file(ledger).read_text())["attempts"]
    assert recorded == [
        {"release": "aaa", "override": None, "forgotten": 0},
        {"release": "bbb", "override": REASON, "forgotten": 0},
    ]
    assert ledger.reason_beyond(PERIOD, "aaa", 1) is None
    assert ledger.reason_beyond(PERIOD, "bbb", 1) == REASON
    assert ledger.reason_beyond(PERIOD, "bbb", 2) is None  # within the limit none is needed
    with pytest.raises(GateError, match="1 releases"):
        ledger.attempt(PERIOD, "ccc", 1, None)


@pytest.mark.parametrize(
    "reason",
    [
        "",
        "   ",
        "yes",
        " " * 40,
        "attempts",
        "membership: the director, 3 May",
        "the third of our attempted releases",
    ],
)
def test_an_override_without_a_reason_goes_nowhere(ledger: Ledger, reason: str) -> None:
    ledger.attempt(PERIOD, "aaa", 1, None)
    with pytest.raises(EspejoError, match=r"override_reason|have been tried"):
        ledger.attempt(PERIOD, "bbb", 1, reason)
    assert len(json.loads(attempts_file(ledger).read_text())["attempts"]) == 1


def test_attempts_at_once_are_all_counted_and_no_more_pass_than_may(tmp_path: Path) -> None:
    together = threading.Barrier(4)

    def attempt(name: str) -> int | None:
        together.wait()
        for _ in range(20):
            try:
                return Ledger(LocalLake(), str(tmp_path), "parks").attempt(PERIOD, name, 2, None)
            except GateError:
                return None
            except LakeError as error:
                if not error.retryable:
                    raise
        raise AssertionError("never got through")

    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(attempt, ["aaa", "bbb", "ccc", "ddd"]))
    assert sorted(n for n in numbers if n) == [1, 2]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"attempts": 3}',
        b'{"attempts": [3]}',
        b'{"attempts": [{}]}',
        b'{"attempts": {"a": 1}}',
        b'{"attempts": {}}',
        b'{"attempts": ""}',
        b"\xff\xfe",
    ],
)
def test_damaged_attempts_are_refused(ledger: Ledger, content: bytes) -> None:
    ledger.lake.write(str(attempts_file(ledger)), content)
    with pytest.raises(GateError, match="it is not what was written; restore the ledger"):
        ledger.attempt(PERIOD, "aaa", 3, REASON)
    assert attempts_file(ledger).read_bytes() == content


def test_attempts_that_are_gone_are_not_begun_anew(ledger: Ledger) -> None:
    ledger.attempt(PERIOD, "aaa", 3, None)
    ledger.enter(PERIOD, "aaa", np.zeros(1, dtype=np.uint64))
    attempts_file(ledger).unlink()
    for ask in (
        lambda: ledger.attempt(PERIOD, "bbb", 3, REASON),
        lambda: ledger.reason_beyond(PERIOD, "aaa", 3),
    ):
        with pytest.raises(GateError, match=r"json: it is missing, .*; restore the ledger"):
            ask()
    assert not attempts_file(ledger).exists()
    assert ledger.attempt(Period(2026, 4), "bbb", 3, None) == 1  # a period of which nothing is out


# --- households --------------------------------------------------------------------------------


def test_only_the_last_five_periods_of_this_survey_are_found(
    ledger: Ledger, tmp_path: Path
) -> None:
    household = np.array([7, 5, 7], dtype=np.uint64)
    entered = ["2025T2", "2025T3", "2025T4", "2026T1", "2026T2", "2026T3", "2026T4"]
    for period in entered:
        ledger.enter(Period.parse(period), f"of{period}", household)
    ledger.enter(Period(2026, 2), "again", household)
    Ledger(ledger.lake, str(tmp_path), "museums").enter(Period(2026, 1), "other", household)
    found = ledger.earlier(PERIOD, 5)
    last_four = [
        ("2025T3", "of2025T3"),
        ("2025T4", "of2025T4"),
        ("2026T1", "of2026T1"),
        ("2026T2", "again"),
        ("2026T2", "of2026T2"),
    ]
    assert found == [
        (Period.parse(period), workspace(str(tmp_path), "parks", period, release))
        for period, release in last_four
    ]
    assert ledger.earlier(PERIOD, 1) == []
    assert [str(period) for period, _ in ledger.earlier(PERIOD, 2)] == ["2026T2", "2026T2"]


def test_a_ledger_without_entries_finds_nothing(ledger: Ledger) -> None:
    assert ledger.earlier(PERIOD, 5) == []


def test_households_are_entered_once_each(ledger: Ledger) -> None:
    ledger.enter(PERIOD, "aaa", np.array([9, 2**64 - 1, 9], dtype=np.uint64))
    (path,) = Path(ledger.root).rglob("*.parquet")
    assert path.name == "2026T3.aaa.parquet"
    assert pq.read_table(path)["household"].to_pylist() == [9, 2**64 - 1]


# --- a lake that fails -------------------------------------------------------------------------


class Broken(LocalLake):
    """A lake of which some methods fail."""

    def __init__(self, *names: str) -> None:
        for name in names:
            setattr(self, name, self._fail)

    @staticmethod
    def _fail(*_: Any) -> Any:
        raise LakeError("s3://restricted/parks: cannot read it: refused")


def use(ledger: Ledger, name: str) -> None:
    match name:
        case "salt":
            ledger.salt()
        case "attempt":
            ledger.attempt(PERIOD, "aaa", 3, None)
        case "enter":
            ledger.enter(PERIOD, "aaa", np.zeros(1, dtype=np.uint64))
        case "earlier":
            ledger.earlier(PERIOD, 5)


@pytest.mark.parametrize(
    ("name", "failing"),
    [
        ("salt", "create"),
        ("salt", "read"),
        ("attempt", "read_tagged"),
        ("attempt", "create"),
        ("enter", "write"),
        ("earlier", "list"),
    ],
)
def test_a_ledger_that_cannot_be_read_or_written_ends_the_run(
    tmp_path: Path, name: str, failing: str
) -> None:
    with pytest.raises(LakeError, match="refused"):
        use(Ledger(Broken(failing), str(tmp_path), "parks"), name)
    use(Ledger(LocalLake(), str(tmp_path), "parks"), name)  # as it does where nothing fails


@pytest.mark.parametrize("name", ["salt", "attempt", "enter"])
def test_a_place_that_is_no_folder_is_a_lake_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "parks").write_text("where a folder should be")
    with pytest.raises(LakeError, match=str(tmp_path)):
        use(Ledger(LocalLake(), str(tmp_path), "parks"), name)


def test_a_ledger_that_others_keep_writing_may_be_tried_again(tmp_path: Path) -> None:
    class Busy(LocalLake):
        def replace(self, uri: str, content: bytes, tag: str) -> None:
            raise PreconditionError("changed meanwhile")

    Ledger(LocalLake(), str(tmp_path), "parks").attempt(PERIOD, "aaa", 3, None)
    with pytest.raises(LakeError, match="other processes keep writing it") as caught:
        Ledger(Busy(), str(tmp_path), "parks").attempt(PERIOD, "bbb", 3, None)
    assert caught.value.retryable


# --- households that withdrew -------------------------------------------------------------------


def hashes(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.uint64)


def test_nobody_is_forgotten_at_first(ledger: Ledger) -> None:
    assert ledger.forgotten().tolist() == []


def test_a_household_is_put_on_the_list_once(ledger: Ledger) -> None:
    assert ledger.forget(hashes(7, 2**64 - 1)) == 2
    assert ledger.forget(hashes(7, 8)) == 1
    assert ledger.forgotten().tolist() == [7, 8, 2**64 - 1]
    assert ledger.forgotten().dtype == np.uint64


def test_a_list_that_lost_a_household_ends_the_run(ledger: Ledger) -> None:
    ledger.salt()
    ledger.forget(hashes(1, 2))
    ledger.attempt(PERIOD, "a1", 3, None)
    ledger.forget(hashes(3))
    ledger.lake.write(f"{ledger.root}/forgotten.json", b'{"households": ["0000000000000001"]}')
    with pytest.raises(GateError, match="it names 1 households, and there were 2; restore"):
        ledger.forgotten()
    ledger.lake.delete_tree(f"{ledger.root}/forgotten.json")
    for act in (ledger.forgotten, lambda: ledger.forget(hashes(4))):
        with pytest.raises(GateError, match="it names 0 households, and there were 2"):
            act()


def test_without_its_salt_a_list_says_nothing(ledger: Ledger) -> None:
    ledger.salt()
    ledger.forget(hashes(1))
    ledger.lake.delete_tree(f"{ledger.root}/salt")
    with pytest.raises(GateError, match="it is missing, and there are 1 entries"):
        ledger.salt()


@pytest.mark.parametrize("content", [b"", b"{}", b'{"households": ["CD_A=09"]}'])
def test_a_list_that_is_none_is_refused(ledger: Ledger, content: bytes) -> None:
    ledger.lake.write(f"{ledger.root}/forgotten.json", content)
    with pytest.raises(GateError, match="it is not what was written"):
        ledger.forgotten()


def test_attempts_of_before_there_was_a_list_are_read(ledger: Ledger) -> None:
    ledger.lake.write(
        str(attempts_file(ledger)), b'{"attempts": [{"release": "a1", "override": null}]}'
    )
    assert ledger.forgotten().tolist() == []
    assert ledger.attempts(PERIOD) == 1


def test_which_releases_learnt_from_a_household_is_known(ledger: Ledger) -> None:
    ledger.enter(Period(2026, 2), "a1", hashes(1, 2, 3))
    ledger.enter(PERIOD, "b2", hashes(3, 4))
    told = [(one.period, one.release, one.households) for one in ledger.learnt_from(hashes(2, 3))]
    assert told == [("2026T2", "a1", 2), ("2026T3", "b2", 1)]
    assert ledger.learnt_from(hashes(9)) == ()
