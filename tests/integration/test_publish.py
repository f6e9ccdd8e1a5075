"""Publishing on a real S3 server: whole or not at all, once, and back again."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from demo.lake_identities import PUBLIC_BUCKET, RESTRICTED_BUCKET
from demo.lake_server import LakeServer
from include.espejo.errors import GateError, InputError, LakeError
from include.espejo.lake import Lake, open_lake
from include.espejo.lake.keys import PublicLocation
from include.espejo.releases.ledger import Ledger
from include.espejo.releases.pointer import read_pointer
from include.espejo.releases.publish import publish_release, withdraw_release
from include.espejo.survey import Period, load_spec
from tests.support.full_bucket import full_bucket
from tests.support.releases import every_value, release_files, write_candidate
from tests.surveys.parks import SPEC as PARKS

PERIOD = "2026T3"
FILES = 3  # of a candidate here, beside its manifest


def lake_as(server: LakeServer, name: str) -> Lake:
    identity = server.identities[name]
    return open_lake(
        "s3://",
        {
            "key": identity.access_key,
            "secret": identity.secret_key,
            "endpoint_url": server.endpoint_url,
        },
    )


@pytest.fixture
def work(lake_server: LakeServer) -> Lake:
    return lake_as(lake_server, "work")


@pytest.fixture
def public(lake_server: LakeServer) -> Lake:
    return lake_as(lake_server, "publish")


@pytest.fixture
def place() -> PublicLocation:
    """A public place of its own for each test."""
    return PublicLocation(f"s3://{PUBLIC_BUCKET}/{uuid4().hex}", "parks")


def candidate(work: Lake, release: str, rows: int = 5) -> str:
    spec = load_spec(PARKS)
    table = every_value(spec).slice(0, rows)
    files = release_files(spec, table, PERIOD, release)
    return write_candidate(work, f"s3://{RESTRICTED_BUCKET}/{uuid4().hex}/candidate", files)


def current(lake: Lake, place: PublicLocation, period: str | None = PERIOD) -> str | None:
    pointer = read_pointer(lake, place.latest(period))
    return None if pointer is None else pointer.release


def test_a_release_appears_with_its_pointers(
    lake_server: LakeServer, work: Lake, public: Lake, place: PublicLocation
) -> None:
    done = publish_release(work, candidate(work, "aaa"), public, place, PERIOD, "aaa")
    assert not done.already_there
    reader = lake_as(lake_server, "consumer")
    assert current(reader, place) == current(reader, place, None) == "aaa"
    manifest = json.loads(reader.read(place.release(PERIOD, "aaa") + "/manifest.json"))
    for entry in manifest["files"]:
        content = reader.read(f"{place.release(PERIOD, 'aaa')}/{entry['name']}")
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    journal = json.loads(reader.read(place.changes()))
    assert [entry["release"] for entry in journal["entries"]] == ["aaa"]


def test_a_rerun_changes_nothing(work: Lake, public: Lake, place: PublicLocation) -> None:
    folder = candidate(work, "aaa")
    publish_release(work, folder, public, place, PERIOD, "aaa")
    moving = (place.latest(), place.latest(PERIOD), place.changes(), place.changes_page())
    before = [public.read_tagged(uri) for uri in moving]
    assert publish_release(work, folder, public, place, PERIOD, "aaa").already_there
    assert [public.read_tagged(uri) for uri in moving] == before


def test_a_rerun_of_an_older_release_does_not_move_the_pointer_back(
    work: Lake, public: Lake, place: PublicLocation
) -> None:
    first = candidate(work, "aaa")
    publish_release(work, first, public, place, PERIOD, "aaa")
    publish_release(work, candidate(work, "bbb"), public, place, PERIOD, "bbb")
    publish_release(work, first, public, place, PERIOD, "aaa")
    assert current(public, place) == "bbb"


def test_an_older_period_does_not_become_the_surveys_latest(
    work: Lake, public: Lake, place: PublicLocation
) -> None:
    publish_release(work, candidate(work, "new"), public, place, "2026T3", "new")
    publish_release(work, candidate(work, "old"), public, place, "2025T4", "old")
    assert current(public, place, None) == "new"
    assert current(public, place, "2025T4") == "old"


@pytest.mark.parametrize("writes", [0, 1, FILES, FILES + 1])
def test_a_publication_cut_off_shows_nothing_and_can_be_finished(
    work: Lake, public: Lake, place: PublicLocation, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """Cut off before the manifest no manifest is there; before a pointer, none points to it."""
    folder = candidate(work, "aaa")
    create = public.create
    done: list[str] = []

    def cut_off(uri: str, content: bytes) -> bool:
        if len(done) == writes:
            raise LakeError("cut off", retryable=True)
        done.append(uri)
        return create(uri, content)

    with monkeypatch.context() as patch:
        patch.setattr(public, "create", cut_off)
        with pytest.raises(LakeError, match="cut off"):
            publish_release(work, folder, public, place, PERIOD, "aaa")
    whole = writes > FILES
    assert public.exists(place.release(PERIOD, "aaa") + "/manifest.json") == whole
    assert current(public, place) is None
    publish_release(work, folder, public, place, PERIOD, "aaa")
    assert current(public, place) == "aaa"


def test_a_release_is_never_overwritten(work: Lake, public: Lake, place: PublicLocation) -> None:
    publish_release(work, candidate(work, "aaa"), public, place, PERIOD, "aaa")
    table = place.release(PERIOD, "aaa") + "/synthetic.csv"
    before = public.read(table)
    other = candidate(work, "aaa", rows=4)
    with pytest.raises(LakeError, match="never overwritten"):
        publish_release(work, other, public, place, PERIOD, "aaa")
    assert public.read(table) == before


def test_a_candidate_that_was_changed_is_refused(
    work: Lake, public: Lake, place: PublicLocation
) -> None:
    folder = candidate(work, "aaa")
    work.write(f"{folder}/synthetic.csv", b"tampered")
    with pytest.raises(InputError, match="rule sha256"):
        publish_release(work, folder, public, place, PERIOD, "aaa")
    assert current(public, place) is None


def test_a_withdrawal_steps_back_to_the_predecessor_and_then_to_none(
    work: Lake, public: Lake, place: PublicLocation
) -> None:
    first, second = candidate(work, "aaa"), candidate(work, "bbb")
    publish_release(work, first, public, place, PERIOD, "aaa")
    publish_release(work, second, public, place, PERIOD, "bbb")
    withdraw_release(public, place, PERIOD, "bbb", "wrong weights")
    assert current(public, place) == current(public, place, None) == "aaa"
    tombstone = json.loads(public.read(place.tombstone(PERIOD, "bbb")))
    assert tombstone["reason"] == "wrong weights"
    assert public.exists(place.release(PERIOD, "bbb") + "/manifest.json")
    withdraw_release(public, place, PERIOD, "aaa", "too")
    assert current(public, place) is None
    pointer = read_pointer(public, place.latest(PERIOD))
    assert pointer is not None
    assert [entry.withdrawn for entry in pointer.history] == [True, True]
    journal = json.loads(public.read(place.changes()))
    told = [(entry["event"], entry["release"]) for entry in journal["entries"]]
    assert told == [
        ("published", "aaa"),
        ("published", "bbb"),
        ("withdrawn", "bbb"),
        ("withdrawn", "aaa"),
    ]
    with pytest.raises(LakeError, match="was withdrawn"):
        publish_release(work, second, public, place, PERIOD, "bbb")


def test_what_is_not_there_cannot_be_withdrawn(public: Lake, place: PublicLocation) -> None:
    with pytest.raises(LakeError, match="no such release"):
        withdraw_release(public, place, PERIOD, "zzz", "why")


def test_releases_published_at_once_all_enter_the_history(
    lake_server: LakeServer, work: Lake, place: PublicLocation
) -> None:
    names = [f"r{i}" for i in range(4)]
    folders = {name: candidate(work, name) for name in names}

    def run(name: str) -> None:
        lake = lake_as(lake_server, "publish")
        for _ in range(20):
            try:
                publish_release(
                    lake_as(lake_server, "work"), folders[name], lake, place, PERIOD, name
                )
                return
            except LakeError as error:
                if not error.retryable:
                    raise
        raise AssertionError("never got through")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, names))
    pointer = read_pointer(lake_as(lake_server, "consumer"), place.latest(PERIOD))
    assert pointer is not None
    assert sorted(entry.release for entry in pointer.history) == names
    reader = lake_as(lake_server, "consumer")
    journal = json.loads(reader.read(place.changes()))
    assert sorted(entry["release"] for entry in journal["entries"]) == names
    assert all(f"`{name}`" in reader.read(place.changes_page()).decode() for name in names)


@pytest.mark.parametrize("name", ["ingest", "work", "consumer", "downstream"])
def test_nobody_else_may_publish(
    lake_server: LakeServer, work: Lake, place: PublicLocation, name: str
) -> None:
    with pytest.raises(LakeError) as caught:
        lake_as(lake_server, name).create(place.latest(), b"{}")
    assert "refused" in str(caught.value)
    assert not caught.value.retryable


def test_a_full_public_bucket_leaves_nothing_half_seen(
    lake_server: LakeServer, work: Lake, public: Lake, place: PublicLocation
) -> None:
    folder = candidate(work, "aaa")
    with (
        full_bucket(lake_server, PUBLIC_BUCKET),
        pytest.raises(LakeError, match=place.release(PERIOD, "aaa")),
    ):
        publish_release(work, folder, public, place, PERIOD, "aaa")
    assert current(public, place) is None
    assert not public.exists(place.release(PERIOD, "aaa") + "/manifest.json")


def test_the_ledger_is_one_for_all_who_write_at_once(lake_server: LakeServer) -> None:
    restricted = f"s3://{RESTRICTED_BUCKET}/{uuid4().hex}"

    def use(name: str) -> tuple[bytes, int | None]:
        ledger = Ledger(lake_as(lake_server, "work"), restricted, "parks")
        salt = ledger.salt()
        for _ in range(20):
            try:
                return salt, ledger.attempt(Period(2026, 3), name, 2, None)
            except GateError:
                return salt, None
            except LakeError as error:
                if not error.retryable:
                    raise
        raise AssertionError("never got through")

    with ThreadPoolExecutor(4) as pool:
        salts, numbers = zip(*pool.map(use, ["aaa", "bbb", "ccc", "ddd"]), strict=True)
    assert len(set(salts)) == 1
    assert sorted(n for n in numbers if n) == [1, 2]


@pytest.mark.parametrize("name", ["ingest", "publish", "consumer", "downstream"])
def test_nobody_else_may_use_the_ledger(lake_server: LakeServer, name: str) -> None:
    restricted = f"s3://{RESTRICTED_BUCKET}/{uuid4().hex}"
    Ledger(lake_as(lake_server, "work"), restricted, "parks").salt()
    ledger = Ledger(lake_as(lake_server, name), restricted, "parks")
    for use in (
        ledger.salt,
        lambda: ledger.attempt(Period(2026, 3), "aaa", 3, None),
        lambda: ledger.earlier(Period(2026, 3), 5),
    ):
        with pytest.raises(LakeError, match="refused"):
            use()


def test_an_unreachable_lake_is_told_and_may_be_tried_again() -> None:
    lake = open_lake("s3://", {"key": "k", "secret": "s", "endpoint_url": "http://127.0.0.1:9"})
    with pytest.raises(LakeError, match="no answer") as caught:
        lake.read("s3://anything/key")
    assert caught.value.retryable
