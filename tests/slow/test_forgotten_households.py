"""Households that withdraw: on the list by their key alone, and in no later training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.espejo.__main__ import main
from include.espejo.lake import Lakes, open_lake
from include.espejo.lake.keys import PublicLocation, Workspace
from include.espejo.parameters import Parameters
from include.espejo.releases.ledger import Ledger
from include.espejo.steps.protect import protect
from include.espejo.steps.run import Job, Run
from include.espejo.steps.table import INGEST, VALIDATE
from include.espejo.survey import Period
from tests.surveys.made import PERIOD, codes, content_of, spec_of, write

PEOPLE = 240


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Eighty households of three; `home` is written with its leading zeros."""
    random = np.random.default_rng(3)
    frame = pd.DataFrame({"colour": codes(random.integers(0, 3, PEOPLE), ["a", "b", "c"])})
    frame["age"] = random.integers(0, 90, PEOPLE).astype(float)
    frame["home"] = codes(np.arange(PEOPLE) // 3, [f"{n:04d}" for n in range(PEOPLE // 3)])
    return frame


class Office:
    """A survey with a ledger, and the commands on it."""

    def __init__(self, folder: Path, table: pd.DataFrame, **content: Any):
        self.folder = folder
        described = content_of(table, "home", home={"width": 4}) | content
        described["places"] |= {"restricted": f"{folder}/restricted"}
        self.source, self.spec_file = write(table, described, folder)
        self.spec = spec_of(described)
        self.ledger = Ledger(open_lake(str(folder)), f"{folder}/restricted", self.spec.survey)

    def list_of(self, text: str) -> str:
        path = self.folder / "withdrew.csv"
        path.write_text(text)
        return str(path)

    def command(self, name: str, households: str) -> int:
        return main([name, "--survey", self.spec_file, "--households", households])

    def protected(self) -> tuple[str, pd.DataFrame]:
        """The release's name, and every row that its run keeps, on either side."""
        lake = open_lake(str(self.folder))
        run = Run(
            job=Job(self.spec, Period.parse(PERIOD), Parameters.of(self.spec, {})),
            lakes=Lakes(lake, lake, lake),
            source=self.source,
            scratch=f"{self.folder}/restricted/scratch",
            workspaces=lambda release: Workspace(f"{self.folder}/restricted/{release}"),
            public=PublicLocation(f"{self.folder}/public", self.spec.survey),
            ledger=self.ledger,
        )
        INGEST.call(run)
        run = run.of_release(str(VALIDATE.call(run)["release"]))
        protect(run)
        kept = [pd.read_parquet(run.work.typed), *run.sides()]
        assert len(kept[0]) == len(kept[1]) + len(kept[2])
        return run.release, pd.concat(kept)


@pytest.fixture
def office(tmp_path: Path, table: pd.DataFrame) -> Office:
    return Office(tmp_path, table)


def test_a_household_on_the_list_is_in_no_later_table(
    office: Office, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    before, rows = office.protected()
    assert {"0007", "0042"} <= set(rows["home"])
    capsys.readouterr()
    # As a letter has it: another order, without leading zeros, one of them twice.
    assert office.command("forget", office.list_of("home\n42\n7\n0007\n")) == 0
    assert json.loads(capsys.readouterr().out) == {"households": 2, "releases": [], "added": 2}
    after, rows = office.protected()
    assert not {"0007", "0042"} & set(rows["home"])
    assert len(set(rows["home"])) == PEOPLE / 3 - 2
    assert after != before  # what was learnt from other rows is another release
    assert "withdrew are left out: 2" in caplog.text
    assert not {"0042", "0007"} & set(caplog.text.split())
    assert office.protected()[0] == after


def test_a_household_of_another_file_changes_no_release(office: Office) -> None:
    before = office.protected()[0]
    assert office.command("forget", office.list_of("home\n9999\n")) == 0
    assert office.protected()[0] == before


def test_which_releases_learnt_is_one_command(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    from include.espejo.protect import household_hashes

    frame = pd.DataFrame({"home": pd.Categorical(["0001", "0002"])})
    hashes = household_hashes(frame, office.spec, office.ledger.salt())
    office.ledger.enter(Period.parse(PERIOD), "a1b2", hashes)
    assert office.command("learnt-from", office.list_of("home\n2\n3\n")) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["releases"] == [{"period": PERIOD, "release": "a1b2", "households": 1}]
    assert told["households"] == 2
    assert office.ledger.forgotten().tolist() == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("house\n0007\n", "columns are missing from the first line"),
        ("", "the file is empty"),
        ("home\n", "there is a header but no row"),
    ],
)
def test_a_list_that_names_nobody_is_refused(
    office: Office, capsys: pytest.CaptureFixture[str], text: str, told: str
) -> None:
    assert office.command("forget", office.list_of(text)) == 2
    assert told in capsys.readouterr().err


def test_a_survey_without_keys_says_so(
    tmp_path: Path, table: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    office = Office(tmp_path, table, household_key="none")
    assert office.command("forget", office.list_of("home\n0007\n")) == 2
    assert "neither a key of households nor one of persons" in capsys.readouterr().err
