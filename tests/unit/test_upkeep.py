"""What the maintenance deletes, and what it never does; what it finds changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from include.espejo.errors import GateError, ParameterError
from include.espejo.lake import Lakes, open_lake
from include.espejo.releases.ledger import Ledger
from include.espejo.releases.publish import withdraw_release
from include.espejo.survey import Period, SurveySpec, load_spec
from include.espejo.survey.model import Keep
from include.espejo.upkeep.expiry import Expiry, expire_runs
from include.espejo.upkeep.space import space_used
from include.espejo.upkeep.verification import verify_releases
from tests.support.shop import PERIOD, Shop

OLD, NOW = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC)
FILES = (
    *("run.json", "typed.parquet", "validation.json", "train.parquet", "holdout.parquet"),
    *("model/model.safetensors", "parts/01/train.parquet", "synthetic.parquet", "new.file"),
    *("candidate/manifest.json", "candidate/synthetic.csv", "figures/disclosure.json"),
    *("manifest.json", "override.json", "protection.json", "training.json", "sampling.json"),
)
ROWS = ("typed.parquet", "validation.json", "train.parquet", "holdout.parquet", "new.file")


class Office:
    """A restricted area with runs of several quarters, all of them old."""

    def __init__(self, root: Path):
        spec = load_spec("enoe_sdem")
        places = spec.places.model_copy(update={"restricted": str(root)})
        self.root, self.busy = root, set[str]()
        self.spec: SurveySpec = spec.model_copy(update={"places": places, "keep": Keep(days=90)})
        self.ledger = Ledger(open_lake(str(root)), str(root), spec.survey)

    def run(self, period: str, release: str, *, published: bool) -> Path:
        folder = self.root / "enoe_sdem" / period / release
        for name in FILES:
            write(folder / name)
        if published:
            self.ledger.enter(Period.parse(period), release, np.array([1], dtype=np.uint64))
        return folder

    @contextmanager
    def turn(self, period: str) -> Iterator[bool]:
        yield period not in self.busy

    def expire(self) -> Expiry:
        return expire_runs(self.ledger.lake, self.ledger, self.spec, NOW, self.turn)


def write(path: Path, when: datetime = OLD) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("rows")
    os.utime(path, (when.timestamp(), when.timestamp()))


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_what_the_ledger_needs_stays_whatever_its_age(office: Office) -> None:
    kept = [office.run(f"2026T{n}", "a1", published=True) for n in (3, 2, 1)]
    kept += [office.run(f"2025T{n}", "a1", published=True) for n in (4, 3)]
    beyond = office.run("2025T2", "a1", published=True)
    done = office.expire()
    assert all(names(folder) == set(FILES) for folder in kept)
    assert done.runs == 1
    assert not names(beyond) & set(ROWS)


def test_of_a_published_run_what_holds_no_row_stays(office: Office) -> None:
    office.run("2026T3", "a1", published=True)
    old = office.run("2024T1", "b2", published=True)
    done = office.expire()
    stays = {
        *("run.json", "manifest.json", "override.json"),
        *("protection.json", "training.json", "sampling.json"),
        *("candidate/manifest.json", "candidate/synthetic.csv", "figures/disclosure.json"),
    }
    assert names(old) == stays
    assert (done.files, done.bytes) == (len(FILES) - len(stays), 4 * (len(FILES) - len(stays)))
    assert office.expire() == Expiry(0, 0, 0, ())


def test_a_run_that_was_not_published_goes_whole_and_its_scratch_with_it(office: Office) -> None:
    held_back = office.run("2026T3", "c3", published=False)
    for name in ("scratch/typed.parquet", "refused.json", "lock.json"):
        write(held_back.parent / name)
    assert office.expire().runs == 3
    assert names(held_back.parent) == {"lock.json"}


def test_what_was_written_lately_stays_and_so_does_what_a_run_is_at(office: Office) -> None:
    recent = office.run("2026T2", "c3", published=False)
    write(recent / "sampling.json", NOW - timedelta(days=89))
    at_work = office.run("2026T1", "d4", published=False)
    office.busy = {"2026T1"}
    assert office.expire() == Expiry(0, 0, 0, ("2026T1",))
    assert names(recent) == names(at_work) == set(FILES)


def test_the_ledger_never_expires(office: Office) -> None:
    office.ledger.salt()
    office.run("2026T3", "a1", published=True)
    office.ledger.forget(np.array([5], dtype=np.uint64))
    ledger = office.root / "enoe_sdem" / "ledger"
    for path in ledger.rglob("*"):
        os.utime(path, (0, 0))
    before = names(ledger)
    office.expire()
    assert names(ledger) == before


def test_without_keep_nothing_expires(office: Office) -> None:
    office.spec = office.spec.model_copy(update={"keep": None})
    with pytest.raises(ParameterError, match="write `keep`"):
        office.expire()


# --- verification and space ----------------------------------------------------------------------


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setattr("include.espejo.releases.publish.record_publication", lambda *_: None)
    return Shop(tmp_path)


def test_what_is_as_it_was_published_passes(shop: Shop) -> None:
    shop.release("a" * 12)
    found = verify_releases(shop.catalog)
    found.require()
    assert (found.releases, found.vouched, found.changes) == (1, 1, ())
    assert found.files > 1
    assert found.last is not None
    assert verify_releases(Shop(shop.root / "empty").catalog).last is None


def test_a_changed_a_missing_and_an_added_file_are_named(shop: Shop) -> None:
    name = "a" * 12
    shop.release(name)
    folder = Path(shop.place.release(PERIOD, name))
    (folder / "synthetic.csv").write_bytes(b"other")
    (folder / "report.html").unlink(missing_ok=True)
    (folder / "extra.txt").write_bytes(b"")
    found = verify_releases(shop.catalog)
    with pytest.raises(GateError, match=f"{PERIOD}/{name}/synthetic.csv changed") as told:
        found.require()
    assert f"{name}/extra.txt unlisted" in str(told.value)
    assert "withdraw the release" in str(told.value)


def test_files_of_a_withdrawn_release_may_be_gone_and_not_changed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.espejo.releases.publish.record_withdrawal", lambda *_: None)
    name = "a" * 12
    shop.release(name)
    withdraw_release(shop.lake, shop.place, PERIOD, name, "under review")
    folder = Path(shop.place.release(PERIOD, name))
    (folder / "synthetic.csv").unlink()
    found = verify_releases(shop.catalog)
    assert (found.changes, found.last) == ((), None)
    (folder / "report.html").write_bytes(b"other")
    assert verify_releases(shop.catalog).changes == (f"{PERIOD}/{name}/report.html changed",)


def test_many_changes_are_counted_and_not_all_named(shop: Shop) -> None:
    name = "a" * 12
    shop.release(name)
    for number in range(14):
        Path(shop.place.release(PERIOD, name), f"extra-{number:02d}.txt").write_bytes(b"")
    with pytest.raises(GateError, match="and 4 more; find out"):
        verify_releases(shop.catalog).require()


def test_space_is_counted_for_each_area(tmp_path: Path) -> None:
    spec, lake = load_spec("enoe_sdem"), open_lake(str(tmp_path))
    places = {
        "raw": f"{tmp_path}/raw/enoe_sdem/{{period}}/*.csv",
        "restricted": f"{tmp_path}/restricted",
        "public": f"{tmp_path}/public",
    }
    spec = spec.model_copy(update={"places": spec.places.model_copy(update=places)})
    lake.write(f"{tmp_path}/raw/enoe_sdem/2026T3/a.csv", b"123")
    lake.write(f"{tmp_path}/raw/other/2026T3/a.csv", b"12345")
    lake.write(f"{tmp_path}/restricted/enoe_sdem/2026T3/a/typed.parquet", b"12")
    assert space_used(Lakes(lake, lake, lake), spec) == {"raw": 3, "restricted": 2, "public": 0}
