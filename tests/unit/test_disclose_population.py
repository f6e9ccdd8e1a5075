"""The tables under audit: who is one household, and on which side."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from demo.enoe_like import generate_survey, write_survey
from include.espejo.disclose.audit import run_audit
from include.espejo.errors import InputError
from include.espejo.ingest import read_survey
from include.espejo.lake import open_lake
from include.espejo.survey import Period, SurveySpec
from include.espejo.table.frames import to_frame
from include.espejo.table.people import gather

KEY = ["CD_A", "ENT", "CON", "V_SEL", "N_HOG", "H_MUD"]

Sides = tuple[pd.DataFrame, pd.DataFrame]


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory, enoe: SurveySpec) -> Sides:
    """People by household, half of them on each side."""
    path = tmp_path_factory.mktemp("population") / "survey.csv"
    write_survey(generate_survey(2015, 2, people=1600, seed=6), path)
    frame = to_frame(read_survey(open_lake(str(path)), str(path), enoe).table)
    left = frame.groupby(KEY, observed=True, dropna=False).ngroup().to_numpy() % 2 == 0
    return frame[left].reset_index(drop=True), frame[~left].reset_index(drop=True)


def rows(sides: Sides, spec: SurveySpec) -> pd.DataFrame:
    return sides[0][list(spec.model_columns())]


def a_year(side: pd.DataFrame) -> pd.DataFrame:
    """The same people in two quarters; a part of the household's key is another one each time."""
    calls = [side.assign(MES_CAL=pd.Categorical([month] * len(side))) for month in ("1", "2")]
    return pd.concat(calls, ignore_index=True).assign(
        MES_CAL=lambda table: table["MES_CAL"].astype("category")
    )


def test_across_quarters_a_household_is_what_the_panel_key_names(
    sides: Sides, enoe: SurveySpec
) -> None:
    now = gather(*sides, rows(sides, enoe), enoe, 1)
    year = a_year(sides[0]), a_year(sides[1])
    apart = gather(*year, rows(sides, enoe), enoe, 1)
    together = gather(*year, rows(sides, enoe), enoe, 1, across_periods=True)
    households = [int(found.household.max()) + 1 for found in (now, apart, together)]
    assert households == [households[0], 2 * households[0], households[0]]


def test_copies_are_caught_although_the_people_answer_again(
    sides: Sides, enoe: SurveySpec, period: Period
) -> None:
    """Nobody is hidden by her own answers of another quarter: by uniqueness, or by isolation."""
    year = a_year(sides[0]), a_year(sides[1])
    found = run_audit(*year, rows(sides, enoe), enoe, period, 1, across_periods=True)
    expected = {"unique_matches", "near_identical", "identical", "replicated_uniques:birthday"}
    assert expected <= set(found.failed)


@pytest.mark.parametrize("side", [0, 1], ids=["train", "holdout"])
def test_a_key_without_a_column_on_one_side_is_refused(
    sides: Sides, enoe: SurveySpec, side: int
) -> None:
    """It would hide that the same households are on both sides."""
    same = [sides[0], sides[0]]
    same[side] = same[side].drop(columns="H_MUD")
    with pytest.raises(InputError, match="column H_MUD"):
        gather(same[0], same[1], rows(sides, enoe), enoe, 1)
    same = [sides[0], sides[0]]
    same[side] = same[side].assign(TIPO=pd.Categorical(["1"] * len(sides[0])))  # it is optional
    with pytest.raises(InputError, match="column TIPO: in only one of train and holdout"):
        gather(same[0], same[1], rows(sides, enoe), enoe, 1)


def test_a_key_that_protection_has_blanked_merges_nobody_across_the_split(
    sides: Sides, enoe: SurveySpec
) -> None:
    """Control numbers may repeat from town to town: without the town two are alike."""
    named, held = sides
    alike = held.assign(**{name: held[name] for name in KEY})
    first, other = named.index[:1], alike.index[:1]
    for name in KEY[1:]:
        alike[name] = alike[name].astype(object)
        alike.loc[other, name] = named.loc[first[0], name]
    for table, row in ((named := named.copy(), first), (alike, other)):
        table["CD_A"] = table["CD_A"].astype(object)
        table.loc[row, "CD_A"] = np.nan
    found = gather(named, alike, rows(sides, enoe), enoe, 1)
    assert found.train_rows == len(named)
    with pytest.raises(InputError, match="households are also in train"):
        gather(named, pd.concat([alike, named[5:6]]), rows(sides, enoe), enoe, 1)
