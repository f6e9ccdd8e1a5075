"""A lake that version 0.5.0 made is read by this one, and the next quarter is published on it.

`tests/data/lake_0_5_0.zip` is what that version left of one release of the invented survey of parks
(400 rows, seed 5), without pictures, pages and the model's weights.
"""

from __future__ import annotations

import shutil
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from include.espejo.disclose.gates import read_audit
from include.espejo.lake import Lakes, open_lake
from include.espejo.lake.document import read_json
from include.espejo.lake.keys import PublicLocation, scratch, workspace
from include.espejo.parameters import Parameters
from include.espejo.releases.catalog import Catalog
from include.espejo.releases.ledger import Ledger
from include.espejo.releases.pointer import read_pointer
from include.espejo.steps.documents import (
    ProtectionSummary,
    RunFacts,
    SamplingSummary,
    TrainingSummary,
)
from include.espejo.steps.run import Job, Run, Summary
from include.espejo.steps.table import INGEST, PUBLISH, VALIDATE, make_release
from include.espejo.survey import Period, load_spec
from tests.conftest import ROOT
from tests.surveys.parks import SPEC, write_parks

OLD, NEW = "2015T2", "2015T3"
REASON = (
    "membership closest_record attribute_inference disclosive unique_matches replicated_uniques "
    "closest_record_across_periods membership_across_periods: a survey that nobody answered"
)


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    with zipfile.ZipFile(ROOT / "tests/data/lake_0_5_0.zip") as stored:
        stored.extractall(tmp_path)
    return tmp_path


def ledger_of(lake: Path) -> Ledger:
    return Ledger(open_lake(str(lake)), f"{lake}/restricted", "parks")


def catalog_of(lake: Path) -> Catalog:
    storage = open_lake(str(lake))
    place = PublicLocation(f"{lake}/public", "parks")
    return Catalog(storage, place, storage, f"{lake}/restricted")


def test_its_ledger_is_read(lake: Path) -> None:
    ledger = ledger_of(lake)
    ((period, release),) = ledger.published()
    assert period == OLD
    assert len(ledger.salt()) == 32
    assert ledger.attempts(Period.parse(OLD)) == 1
    assert ledger.forgotten().tolist() == []
    (earlier,) = ledger.earlier(Period.parse(NEW), 5)
    assert earlier[1].base.endswith(f"/{OLD}/{release}")


def test_its_release_is_told_and_vouched_for(lake: Path) -> None:
    catalog = catalog_of(lake)
    (release,) = catalog.releases()
    assert release.current
    assert release.manifest is not None
    assert release.scores["overall"] is not None
    check = catalog.check(release)
    assert check.vouched
    # What the archive was made without, and nothing else.
    left_out = (".png", ".pdf", ".html")
    assert {change.kind for change in check.changes} == {"missing"}
    assert all(change.file.endswith(left_out) for change in check.changes)


def test_its_documents_are_read(lake: Path) -> None:
    (folder,) = [path for path in (lake / "restricted/parks" / OLD).iterdir() if path.is_dir()]
    for kind, name in (
        (RunFacts, "run"),
        (ProtectionSummary, "protection"),
        (TrainingSummary, "training"),
        (SamplingSummary, "sampling"),
    ):
        kind.of_json((folder / f"{name}.json").read_bytes())
    assert read_audit((folder / "figures/disclosure.json").read_bytes()).gates


def test_the_next_quarter_is_published_on_it(
    lake: Path, no_browser: None, metrics_here: None
) -> None:
    spec, storage = load_spec(str(SPEC)), open_lake(str(lake))
    write_parks(lake / "parks.csv", rows=400, period=NEW)
    place, restricted = PublicLocation(f"{lake}/public", "parks"), f"{lake}/restricted"
    run = Run(
        job=Job(spec, Period.parse(NEW), Parameters.of(spec, {"epochs": 1, "seed": 5})),
        lakes=Lakes(storage, storage, storage),
        source=str(lake / "parks.csv"),
        scratch=scratch(restricted, "parks", NEW),
        workspaces=partial(workspace, restricted, "parks", NEW),
        public=place,
        ledger=ledger_of(lake),
        override=REASON,
    )
    run, published = publish_all(run)
    assert not published["already_there"]
    pointer = read_pointer(storage, place.latest())
    assert pointer is not None
    assert [entry.period for entry in pointer.history] == [OLD, NEW]
    # Held against the households of the old release, compared with its scores, and in one journal.
    audit = read_audit(storage.read(run.work.audit))
    assert audit.periods == 2
    assert any(gate.name.endswith("_across_periods") for gate in audit.gates)
    comparison = read_json(storage.read(f"{place.release(NEW, run.release)}/comparison.json"))
    assert OLD in str(comparison)
    journal = storage.read(place.changes()).decode()
    assert journal.count('"published"') == 2
    assert ledger_of(lake).learnt_from(np.zeros(0, dtype=np.uint64)) == ()
    # What expired is made again, and is the release that is there.
    shutil.rmtree(run.work.base)
    assert publish_all(run)[1]["already_there"]


def publish_all(run: Run) -> tuple[Run, Summary]:
    """Every step; the run of the release, and what publishing tells."""
    INGEST.call(run)
    run = run.of_release(str(VALIDATE.call(run)["release"]))
    make_release(run)
    return run, PUBLISH.call(run)
