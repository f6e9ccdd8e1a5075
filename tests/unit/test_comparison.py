"""A release beside those that came before it: which are read, and what is told of them."""

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.espejo.evaluate.document import Utility
from include.espejo.evaluate.periods.comparison import compare_periods
from include.espejo.evaluate.periods.document import Inputs
from include.espejo.lake import Lakes, open_lake
from include.espejo.lake.keys import PublicLocation, Workspace, workspace
from include.espejo.parameters import Parameters
from include.espejo.releases.documents import Manifest
from include.espejo.releases.ledger import Ledger
from include.espejo.releases.pointer import ReleasePointer
from include.espejo.releases.previous import (
    EarlierIndicator,
    EarlierQuality,
    EarlierRelease,
    read_previous,
)
from include.espejo.steps.comparison import write_comparison
from include.espejo.steps.run import Job, Run
from include.espejo.survey import Period
from include.espejo.table.frames import to_parquet, to_table
from tests.support.documents import filled, json_of
from tests.support.invented import code, invented_spec

SPEC = invented_spec(
    {
        "home": code(role="direct", blank="never"),
        "line": code(role="direct", blank="never"),
        "job": code(),
        "dog": code(),
    },
    rules=[],
    floor={"people": 5, "households": 3},
)
NOW = Period(2026, 3)


def utility(real: float) -> dict[str, Any]:
    figure = {
        "statistic": "share",
        "group": "",
        "category": "",
        "real": real,
        "synthetic": 0.5,
        "real_interval": [0.4, 0.6],
    }
    agreement = {
        "mean_overlap": real,
        "median_absolute_relative_error": 0.1,
        "disjoint": 1,
        "missing": 0,
    }
    indicator = {"name": "working", "label": {"es": "x", "en": "x"}, "figures": [figure]}
    return {"general": {}, "specific": {"indicators": [indicator | agreement]}}


@dataclass(frozen=True)
class Office:
    """Lake, ledger and public place of the invented survey, on a disk."""

    root: Path

    @property
    def lakes(self) -> Lakes:
        lake = open_lake(str(self.root))
        return Lakes(lake, lake, lake)

    @property
    def place(self) -> PublicLocation:
        return PublicLocation(str(self.root / "public"), SPEC.survey)

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.lakes.work, str(self.root / "restricted"), SPEC.survey)

    def publish(self, *releases: tuple[str, str, float | None], withdrawn: str = "") -> None:
        """Period, name, score of each in the order of publication; None: without utility."""
        for period, name, score in releases:
            quality = dict.fromkeys(
                ("overall", "column_shapes", "column_pair_trends"), score or 0.1
            )
            files = {"quality.json": json.dumps(quality).encode()}
            if score is not None:
                files["utility.json"] = json.dumps(utility(score)).encode()
            entries = [
                {"name": n, "size": len(c), "sha256": hashlib.sha256(c).hexdigest()}
                for n, c in files.items()
            ]
            gates = [{"name": "rules", "applicable": True, "passed": True}]
            manifest = {"rows": 1, "created": "2026-10-01", "gates": gates, "files": entries}
            files["manifest.json"] = json.dumps(manifest).encode()
            for file, content in files.items():
                self.lakes.publish.write(f"{self.place.release(period, name)}/{file}", content)
        history = [
            {"period": period, "release": name, "manifest": "", "withdrawn": name == withdrawn}
            for period, name, _ in releases
        ]
        self.lakes.publish.write(
            self.place.latest(), filled(ReleasePointer, {"history": history}).to_json()
        )

    def names(self, release: str = "new", periods: int = 5) -> list[tuple[str, str]]:
        found = read_previous(self.lakes.publish, self.place, NOW, release, periods)
        return [(one.period, one.name) for one in found]

    def work(self, period: Period, release: str, dog: str) -> Workspace:
        """A workspace as `evaluate` leaves it, of people who have this kind of dog."""
        work = workspace(str(self.root / "restricted"), SPEC.survey, str(period), release)
        write = self.lakes.work.write
        write(work.run, json.dumps({"public": {"release": release}}).encode())
        write(work.figure("utility.json"), filled(Utility, utility(0.75)).to_json())
        for uri, rows in ((work.train, 40), (work.holdout, 20)):
            homes = [f"{release}{uri[-9]}{row}" for row in range(rows)]
            frame = pd.DataFrame({"home": homes, "line": "1", "job": "a", "dog": dog})
            write(uri, to_parquet(to_table(frame.astype("category"), SPEC)))
        return work


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def test_the_last_standing_release_of_each_period_is_read_newest_first(office: Office) -> None:
    assert office.names() == []
    office.publish(
        ("2026T1", "old", 0.7),
        ("2025T4", "older", None),
        ("2026T2", "first", 0.8),
        ("2026T2", "second", 0.85),
        ("2026T2", "bad", 0.1),
        ("2026T3", "new", 0.9),
        ("2026T4", "later", 0.9),
        withdrawn="bad",
    )
    assert office.names() == [("2026T2", "second"), ("2026T1", "old"), ("2025T4", "older")]
    assert office.names(periods=2) == [("2026T2", "second"), ("2026T1", "old")]
    # Another release of the same period stands beside it.
    assert office.names("newer")[0] == ("2026T3", "new")


@pytest.mark.parametrize("gone", [True, False])
def test_a_release_that_was_changed_or_is_gone_is_left_out_with_a_warning(
    office: Office, caplog: pytest.LogCaptureFixture, gone: bool
) -> None:
    office.publish(("2026T1", "old", 0.7), ("2026T2", "last", 0.8))
    folder = Path(office.place.release("2026T2", "last"))
    if gone:
        (folder / "manifest.json").unlink()
    else:
        (folder / "utility.json").write_text("{}")
    with caplog.at_level(logging.WARNING):
        assert office.names() == [("2026T1", "old")]
    assert "not compared with" in caplog.text


@pytest.mark.parametrize("name", ["manifest.json", "quality.json", "utility.json"])
@pytest.mark.parametrize("content", [None, b"{}", b"[]", b"not json"])
def test_a_release_of_another_form_is_left_out_with_a_warning(
    office: Office, caplog: pytest.LogCaptureFixture, name: str, content: bytes | None
) -> None:
    """Also one whose manifest lists the file as it is: releases of an older form are such."""
    office.publish(("2026T1", "old", 0.7), ("2026T2", "last", 0.8))
    folder = Path(office.place.release("2026T2", "last"))
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
        if name != "manifest.json":
            manifest = json.loads((folder / "manifest.json").read_text())
            for entry in manifest["files"]:
                if entry["name"] == name:
                    entry["sha256"] = hashlib.sha256(content).hexdigest()
            (folder / "manifest.json").write_text(json.dumps(manifest))
    with caplog.at_level(logging.WARNING):
        assert office.names() == [("2026T1", "old")]
    assert f"last/{name}" in caplog.text
    assert "not compared with" in caplog.text


def test_a_release_from_before_there_were_gates_is_compared_with(office: Office) -> None:
    office.publish(("2026T2", "last", None))
    path = Path(office.place.release("2026T2", "last")) / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["gates"]
    path.write_text(json.dumps(manifest))
    assert office.names() == [("2026T2", "last")]


def test_figures_of_every_period_stand_side_by_side() -> None:
    early = {"overall": 0.9, "column_shapes": 0.95, "column_pair_trends": None}
    quality = early | {"references": {"overall": {"score": 0.88, "ceiling": 0.9}}}
    gates = [{"name": "rules", "passed": True}, {"name": "floor", "passed": False}]
    manifest = filled(Manifest, {"gates": gates})
    told = utility(0.8)["specific"]["indicators"]
    indicators = tuple(EarlierIndicator.model_validate(indicator) for indicator in told)
    last_quality, old_quality = (EarlierQuality.model_validate(q) for q in (quality, early))
    previous = [
        EarlierRelease("2026T2", "last", manifest, last_quality, indicators),
        EarlierRelease("2026T1", "old", manifest, old_quality, ()),
    ]
    now = filled(Utility, utility(0.75)).specific.indicators
    inputs = filled(Inputs, {"drift": {"job": {}}, "codes": {}})
    found = json_of(compare_periods("2026T3", now, previous, "2026T2", inputs))
    assert (found["periods"], found["compared_with"]) == (["2026T3", "2026T2", "2026T1"], "2026T2")
    last, old = found["previous"]
    assert last["gates"] == {"rules": True, "floor": False}
    assert (last["overall"], last["column_pair_trends"]) == (0.9, None)
    assert last["indicators"]["working"]["mean_overlap"] == 0.8
    assert (last["equal_rows"], old["equal_rows"]) == ({"overall": 0.88}, {})
    assert old["indicators"] == {}
    (indicator,) = found["indicators"]
    assert indicator["figures"] == [
        {
            "statistic": "share",
            "group": "",
            "category": "",
            "real": [0.75, 0.8, None],
            "synthetic": [0.5, 0.5, None],
        }
    ]
    assert set(found["drift"]) == {"job"}


def compared(office: Office, work: Workspace, *places: Any) -> dict[str, Any]:
    job = Job(SPEC, NOW, Parameters.of(SPEC, {}))
    place, ledger = places or (office.place, office.ledger)
    run = Run(job, office.lakes, "", "", lambda release: work, "new", place, ledger)
    write_comparison(run)
    return dict(json.loads(Path(work.figure("comparison.json")).read_text()))


def test_a_first_release_has_nothing_to_be_compared_with(office: Office) -> None:
    work = office.work(NOW, "new", "k")
    found = compared(office, work)
    assert (found["previous"], found["compared_with"]) == ([], None)
    assert (found["codes"], found["drift"], found["periods"]) == ({}, {}, ["2026T3"])


def test_on_the_command_line_there_is_neither_place_nor_ledger(office: Office) -> None:
    office.publish(("2026T2", "last", 0.8))
    assert compared(office, office.work(NOW, "new", "k"), None, None)["previous"] == []


def test_a_release_is_held_against_the_newest_rows_and_done_once(office: Office) -> None:
    households = np.array([1], dtype=np.uint64)
    for period, release, dog in ((Period(2026, 1), "old", "z"), (Period(2026, 2), "last", "k")):
        office.work(period, release, dog)
        office.ledger.enter(period, release, households)
    office.ledger.enter(NOW, "other", households)  # of the same period: the same people
    office.publish(("2026T2", "last", 0.8))
    work = office.work(NOW, "new", "m")
    found = compared(office, work)
    assert [entry["release"] for entry in found["previous"]] == ["last"]
    assert found["compared_with"] == "2026T2"
    assert found["codes"] == {"dog": {"appeared": ["m"], "vanished": ["k"]}}
    assert found["drift"]["dog"]["distance"] == 1
    assert found["drift"]["job"]["distance"] == 0
    office.publish(("2026T2", "last", 0.8), withdrawn="last")
    assert compared(office, work) == found  # as the candidate was made


def test_rows_that_are_no_longer_there_give_no_drift(office: Office) -> None:
    office.ledger.enter(Period(2026, 2), "last", np.array([1], dtype=np.uint64))
    found = compared(office, office.work(NOW, "new", "m"))
    assert (found["compared_with"], found["drift"]) == (None, {})
