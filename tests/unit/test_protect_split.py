"""The split: whole households, on the same side in every quarter, for whoever has the salt."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.espejo.errors import InputError, ParameterError
from include.espejo.ingest import Ingested
from include.espejo.protect import split
from include.espejo.survey import SurveySpec
from include.espejo.table.frames import to_frame
from include.espejo.table.households import household_numbers
from tests.support.invented import code, invented_rows, invented_spec

SALT = b"a salt of the restricted area"


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_no_household_is_on_both_sides(share: float) -> None:
    source, spec = invented_rows(1, people=2000), invented_spec()
    holdout = split(source, spec, share, SALT)
    assert holdout.dtype == bool
    assert holdout.shape == (2000,)
    sides = pd.Series(holdout).groupby(source["home"].to_numpy()).nunique()
    assert (sides == 1).all()
    assert holdout.mean() == pytest.approx(share, abs=0.06)


def test_a_survey_shaped_like_enoe(ingested: Ingested, enoe: SurveySpec) -> None:
    source = to_frame(ingested.table)
    holdout = split(source, enoe, 0.2, SALT)
    assert pd.Series(holdout).groupby(household_numbers(source, enoe)).nunique().max() == 1


def test_a_household_keeps_its_side_whoever_else_is_asked() -> None:
    source, spec = invented_rows(1), invented_spec()
    other = pd.concat([invented_rows(2), source], ignore_index=True).iloc[::-1]
    other["home"] = other["home"].astype("category")
    sides = [
        dict(zip(frame["home"].astype(str), split(frame, spec, 0.3, SALT), strict=True))
        for frame in (source, other)
    ]
    assert all(sides[1][home] == side for home, side in sides[0].items())


def test_a_panel_key_keeps_a_dwelling_together_over_its_households() -> None:
    source = invented_rows(1).assign(
        dwelling=lambda f: f["home"].str.slice(0, 2).astype("category")
    )
    columns = {
        "dwelling": code(role="direct"),
        "home": code(role="direct"),
        "sex": code(),
        "school": code(),
    }
    disclosure = {"key_sets": {"all": ["sex"]}, "panel_key": ["dwelling"]}
    keys: dict[str, Any]
    keys = {"household_key": ["dwelling", "home"], "person_key": "none", "disclosure": disclosure}
    spec = invented_spec(columns, rules=[], **keys)
    sides = pd.Series(split(source, spec, 0.5, SALT)).groupby(source["dwelling"].to_numpy())
    assert sides.nunique().max() == 1


def test_a_panel_key_finer_than_the_household_does_not_split_it() -> None:
    columns = {
        "home": code(role="direct"),
        "line": code(role="direct"),
        "sex": code(),
        "school": code(),
    }
    disclosure = {"key_sets": {"all": ["sex"]}, "panel_key": ["home", "line"]}
    spec = invented_spec(columns, rules=[], disclosure=disclosure)
    source = invented_rows(1)
    sides = pd.Series(split(source, spec, 0.5, SALT)).groupby(source["home"].to_numpy())
    assert sides.nunique().max() == 1


def test_without_households_persons_are_split_and_without_keys_rows() -> None:
    source = invented_rows(1, people=1000)
    columns = {"line": code(role="direct"), "sex": code(), "school": code()}
    by_person = invented_spec(columns, rules=[], person_key=["line"])
    holdout = split(source, by_person, 0.3, SALT)
    assert 0.2 < holdout.mean() < 0.4
    shuffled = source.iloc[::-1]
    assert (split(shuffled, by_person, 0.3, SALT)[::-1] == holdout).all()
    by_row = invented_spec({"sex": code(), "school": code()}, rules=[])
    assert (split(shuffled, by_row, 0.3, SALT) == split(source, by_row, 0.3, SALT)).all()


def test_the_salt_decides() -> None:
    source, spec = invented_rows(1), invented_spec()
    assert (split(source, spec, 0.3, SALT) == split(source, spec, 0.3, SALT)).all()
    assert (split(source, spec, 0.3, SALT) != split(source, spec, 0.3, b"other")).any()


def test_values_do_not_run_into_each_other() -> None:
    """ "1" and "23" name another household than "12" and "3", and a blank is no value."""
    rows = [(f"{n}", f"{m}") for n in range(60) for m in range(60)]
    frame = pd.DataFrame(rows, columns=["a", "b"]).astype("category")
    columns = {"a": code(role="direct"), "b": code(role="direct"), "sex": code(), "school": code()}
    spec = invented_spec(columns, rules=[], household_key=["a", "b"], person_key="none")
    holdout = split(frame, spec, 0.5, SALT)
    joined = (
        pd.Series(holdout)
        .groupby((frame["a"].astype(str) + frame["b"].astype(str)).to_numpy())
        .nunique()
    )
    assert joined.max() == 2


@pytest.mark.parametrize("share", [0.0001, 0.9999])
def test_a_side_without_two_households_is_refused(share: float) -> None:
    with pytest.raises(InputError, match="rule households"):
        split(invented_rows(1), invented_spec(), share, SALT)


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(InputError, match="rule households: 0"):
        split(invented_rows(1).iloc[:0], invented_spec(), 0.2, SALT)


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, np.nan])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(ParameterError, match="holdout_share"):
        split(invented_rows(1), invented_spec(), share, SALT)


@pytest.mark.parametrize("salt", [b"", b"x" * 65])
def test_a_salt_that_is_none_is_refused(salt: bytes) -> None:
    with pytest.raises(ParameterError, match="salt"):
        split(invented_rows(1), invented_spec(), 0.2, salt)
