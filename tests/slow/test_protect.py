"""The whole of protection: floors and rules on many small surveys, and what it may not do."""

import copy
import pickle
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.espejo.errors import InputError
from include.espejo.ingest import Ingested, read_survey
from include.espejo.lake import open_lake
from include.espejo.protect import hold_floors
from include.espejo.survey import Period, SurveySpec
from include.espejo.table.frames import to_frame
from include.espejo.table.households import household_numbers
from include.espejo.table.rules import relations
from tests.support.invented import (
    COLUMNS,
    PERIOD,
    all_under_floor,
    code,
    invented_rows,
    invented_spec,
    number,
)
from tests.surveys.parks import parks_csv, parks_rows

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "enoe" / "sdem_2015t2_ent09.csv"


def check(source: pd.DataFrame, result: pd.DataFrame, spec: SurveySpec, period: Period) -> None:
    """Floors, rules, truth: all that a protected table promises."""
    household = household_numbers(source, spec)
    assert len(result) == len(source)
    assert result.index.equals(source.index)
    assert all_under_floor(result, spec, household) == []
    assert {b.rule: b.count for b in relations(result, spec, period) if b.count} == {}
    for name in spec.geography_columns():
        same = (result[name].astype(object) == source[name].astype(object)).to_numpy()
        assert (same | result[name].isna().to_numpy()).all(), name
    places = set(spec.geography_columns())
    for name, column in spec.model_columns().items():
        if column.is_code() and name not in places:
            pairs = zip(source[name].astype(object), result[name].astype(object), strict=True)
            for old, new in pairs:
                if not pd.isna(new) and new != old:
                    assert new in column.residual, name
                    assert not column.residual[new] or old in column.residual[new], name
    for above, below in pairwise(spec.geography_levels()):
        assert not (result[above].isna() & result[below].notna()).any()
    for name in result.columns:
        if name in spec.model.columns and spec.columns[name].is_code():
            # A category list is written into files: it must not name what is gone.
            assert set(result[name].cat.categories) == set(result[name].dropna())


@pytest.mark.parametrize("seed", range(24))
def test_floors_rules_and_truth_hold_on_any_small_survey(seed: int) -> None:
    spec, source = invented_spec(), invented_rows(seed)
    assert not any(breach.count for breach in relations(source, spec, PERIOD))
    check(source, hold_floors(source, spec, PERIOD, seed).frame, spec, PERIOD)


@pytest.mark.parametrize(("people", "households"), [(3, 1), (5, 3), (20, 12)])
def test_the_floor_is_the_specs(people: int, households: int) -> None:
    spec = invented_spec(floor={"people": people, "households": households})
    source = invented_rows(7, people=900)
    check(source, hold_floors(source, spec, PERIOD, 1).frame, spec, PERIOD)


def test_a_survey_shaped_like_enoe(ingested: Ingested, enoe: SurveySpec, period: Period) -> None:
    source = to_frame(ingested.table)
    protected = hold_floors(source, enoe, period, 1)
    check(source, protected.frame, enoe, period)
    keys = {*enoe.key("person"), *enoe.panel_key()} & set(source.columns)
    assert set(protected.frame.columns) == {*enoe.model.columns, *keys, "PER"}
    assert list(protected.frame.columns) == [c for c in source if c in protected.frame]


@pytest.mark.parametrize("rows", [60, 300])
def test_a_survey_without_geography_and_households(
    rows: int, parks: SurveySpec, period: Period, ingest_bytes: Callable[..., Ingested]
) -> None:
    source = to_frame(ingest_bytes(parks_csv(parks_rows(rows)), parks).table)
    result = hold_floors(source, parks, period, 1).frame
    check(source, result, parks, period)
    assert np.array_equal(np.unique(household_numbers(source, parks)), np.arange(rows))


def test_the_real_extract(enoe: SurveySpec, period: Period) -> None:
    if not REAL.exists():
        pytest.skip("the real extract is not here")
    source = to_frame(read_survey(open_lake(str(REAL)), str(REAL), enoe).table)
    protected = hold_floors(source, enoe, period, 1)
    check(source, protected.frame, enoe, period)
    columns = protected.touched.columns
    assert columns["MAN"]["coarsened"] < 0.15 * len(source)
    assert columns["LOC"]["coarsened"] < 0.01 * len(source)
    assert columns["INGOCUP"]["merged"] < 0.05 * len(source)
    assert "ENT" not in columns
    assert "SEX" not in columns


# --- what it may not do ------------------------------------------------------------------------


def test_the_input_stays_as_it_is() -> None:
    source = invented_rows(3).set_index(pd.Index(range(1000, 1300)))
    before = copy.deepcopy(source)
    hold_floors(source, invented_spec(), PERIOD, 1)
    pd.testing.assert_frame_equal(source, before, check_categorical=True)


def test_the_seed_alone_decides_and_no_global_generator_is_touched() -> None:
    spec, source = invented_spec(), invented_rows(12)
    before: Any = np.random.get_state()  # noqa: NPY002  it is this one that must not move
    first, again, other = (hold_floors(source, spec, PERIOD, seed) for seed in (1, 1, 2))
    after: Any = np.random.get_state()  # noqa: NPY002
    assert (after[1] == before[1]).all()
    pd.testing.assert_frame_equal(first.frame, again.frame)
    assert first.touched == again.touched
    assert not first.frame.equals(other.frame)


def test_detail_that_is_not_modelled_is_dropped_and_the_summary_has_counts_only() -> None:
    source = invented_rows(5).assign(detail=codes_of_length(300))
    protected = hold_floors(source, invented_spec(), PERIOD, 1)
    assert "detail" not in protected.frame
    assert {"home", "line"} <= set(protected.frame)
    told = protected.touched.model_dump(mode="json")
    assert told["rows"] == 300
    assert 0 < told["rows_touched"] <= 300
    for measures in told["columns"].values():
        assert all(0 < rows <= 300 for rows in measures.values())


def codes_of_length(rows: int) -> pd.Categorical:
    return pd.Categorical([f"d{n}" for n in range(rows)])


def test_planted_canaries_are_nowhere_in_the_table() -> None:
    """One household's own block, income, school and age, outside every valid margin."""
    source = invented_rows(9)
    planted = source["home"] == source["home"].iloc[0]
    for name, value in (("block", "ZQX7"), ("school", "ZQX7")):
        column = source[name].astype(object)
        column[planted] = value
        source[name] = pd.Categorical(column)
    source.loc[planted, ["age", "born", "pay"]] = [60.0, 1955.0, 777777.0]
    source["work"] = source["work"].where(~planted, "1")
    spec = invented_spec({**COLUMNS, "school": code(residual={"9": []})})
    protected = hold_floors(source, spec, PERIOD, 1)
    modelled = protected.frame[list(spec.model.columns)]
    assert b"ZQX7" not in pickle.dumps(modelled)
    assert "777777" not in modelled.to_csv()
    assert modelled["pay"].max() < 100_000
    assert "777777" not in protected.touched.model_dump_json()


def test_refusals_name_column_rule_count_and_remedy_and_no_value(
    assert_no_canary: Callable[[object], None],
) -> None:
    source = invented_rows(4)
    values = source["school"].astype(object)
    values.iloc[np.flatnonzero(values.notna())[:4]] = "ZQX7"
    source["school"] = pd.Categorical(values)
    spec = invented_spec({**COLUMNS, "school": code()}, floor={"people": 10})
    with pytest.raises(InputError) as refused:
        hold_floors(source, spec, PERIOD, 1)
    message = str(refused.value)
    assert "column school, rule floor" in message
    assert re.search(r"[0-9]+ values .* on [0-9]+ rows", message)
    assert "`residual`" in message
    assert_no_canary(refused.value)


def test_rows_that_break_a_rule_are_refused() -> None:
    source = invented_rows(4)
    source.loc[source["age"] == 30, "born"] = 1900.0
    with pytest.raises(InputError, match="rule"):
        hold_floors(source.assign(pay=5.0), invented_spec(), PERIOD, 1)


def test_fewer_rows_than_the_floor_are_refused() -> None:
    with pytest.raises(InputError, match="9 rows are fewer"):
        hold_floors(invented_rows(1, people=9), invented_spec(), PERIOD, 1)


def test_a_missing_modelled_column_is_refused() -> None:
    with pytest.raises(InputError, match="column pay"):
        hold_floors(invented_rows(1).drop(columns="pay"), invented_spec(), PERIOD, 1)


def test_a_column_of_which_nothing_would_be_left_is_refused() -> None:
    columns = {"sex": code("1", "2"), "id": code(residual={"zz": []})}
    spec = invented_spec(columns, rules=[])
    source = pd.DataFrame(
        {
            "sex": pd.Categorical(["1", "2"] * 20),
            "id": pd.Categorical([f"n{n}" for n in range(40)]),
        }
    )
    with pytest.raises(InputError, match="column id, rule floor: every one of its 40 rows"):
        hold_floors(source, spec, PERIOD, 1)


def test_a_column_blank_throughout_is_no_problem() -> None:
    spec = invented_spec({"sex": code("1", "2"), "dog": code("1"), "pay": number()}, rules=[])
    source = pd.DataFrame({"sex": pd.Categorical(["1", "2"] * 20)})
    source["dog"] = pd.Categorical([None] * 40, categories=[])
    source["pay"] = np.nan
    pd.testing.assert_frame_equal(hold_floors(source, spec, PERIOD, 1).frame, source)
