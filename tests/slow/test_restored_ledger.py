"""A ledger that was lost in part ends every run; restored from a copy, it is as if nothing was."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from include.espejo.errors import GateError
from include.espejo.survey import Period
from tests.slow.test_forgotten_households import Office
from tests.slow.test_forgotten_households import table as table
from tests.surveys.made import PERIOD

BEFORE = "2015T1"


class Published(Office):
    """An office whose ledger knows an earlier release, and a household that withdrew."""

    def __init__(self, folder: Path, table: pd.DataFrame):
        super().__init__(folder, table)
        self.ledger.salt()
        self.command("forget", self.list_of("home\n42\n"))
        earlier = Period.parse(BEFORE)
        self.ledger.attempt(earlier, "a1", 3, None)
        self.ledger.enter(earlier, "a1", np.array([1, 2], dtype=np.uint64))
        self.folder_of_ledger = Path(self.ledger.root)

    def go_on(self) -> None:
        """This period, and another try of the one before."""
        self.held_out()
        self.ledger.attempt(Period.parse(BEFORE), "b2", 3, None)

    def held_out(self) -> list[str]:
        """The households that are held out, by name; all that the audit asks of the ledger."""
        release, _ = self.protected()
        self.ledger.attempt(Period.parse(PERIOD), release, 3, None)
        self.ledger.earlier(Period.parse(PERIOD), 5)
        path = self.folder / "restricted" / release / "holdout.parquet"
        return sorted(set(pd.read_parquet(path)["home"]))


@pytest.fixture
def office(tmp_path: Path, table: pd.DataFrame) -> Published:
    return Published(tmp_path, table)


@pytest.mark.parametrize("lost", ["salt", "forgotten.json", f"attempts/{BEFORE}.json"])
def test_what_is_lost_is_missed_and_a_copy_puts_it_right(office: Published, lost: str) -> None:
    before = office.held_out()
    copy = office.folder / "copy"
    shutil.copytree(office.folder_of_ledger, copy)
    (office.folder_of_ledger / lost).unlink()
    with pytest.raises(GateError, match="restore the ledger from the bucket's versions or a copy"):
        office.go_on()
    shutil.rmtree(office.folder_of_ledger)
    shutil.copytree(copy, office.folder_of_ledger)
    assert office.held_out() == before
    assert office.ledger.attempts(Period.parse(BEFORE)) == 1


def test_a_new_salt_would_have_held_out_others(office: Published) -> None:
    """Why the copy matters: who was learnt from would be held out, and the other way round."""
    before = office.held_out()
    shutil.rmtree(office.folder_of_ledger)
    shutil.rmtree(office.folder / "restricted")
    assert office.held_out() != before
