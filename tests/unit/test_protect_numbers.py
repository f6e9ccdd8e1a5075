"""Numbers: cuts, merging with neighbours, and birth years that follow their ages."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.espejo.protect import hold_floors
from include.espejo.protect.numbers import merge_rare, representative, written_decimals
from include.espejo.survey import SurveySpec
from include.espejo.survey.disclosure import Floor
from include.espejo.table.cuts import Cuts, find_cuts
from include.espejo.table.rules import relations
from tests.support.invented import PERIOD, code, codes, invented_spec, number, under_floor

FLOOR = Floor(people=10, households=3)
NO_CUTS = Cuts(np.array([]), np.array([]))


def merge(values: Sequence[float], cuts: Cuts = NO_CUTS, **more: Any) -> dict[float, int]:
    """Merge with a household for each row; how many rows tell each number."""
    numbers = np.array(values, dtype=float)
    merged = merge_rare(numbers, np.arange(len(numbers)), FLOOR, cuts, **more)
    distinct, counts = np.unique(merged, return_counts=True)
    return dict(zip(distinct.tolist(), counts.tolist(), strict=True))


# --- merging -----------------------------------------------------------------------------------


def test_what_holds_the_floor_stays_and_strays_join_the_nearest() -> None:
    values = [1000] * 10 + [1100, 1900] + [2000] * 10 + [5000]
    assert merge(values) == {1000: 11, 2000: 12}


def test_tails_become_groups_of_the_floor_with_a_rounded_number() -> None:
    values = [500] * 10 + [1000 + 37 * n for n in range(25)]
    merged = merge(values)
    assert merged.pop(500) == 10
    assert sorted(merged.values()) == [10, 15]
    assert all(number % 100 == 0 for number in merged)
    assert max(merged) < 1000 + 37 * 20


def test_a_group_needs_households_too() -> None:
    values = np.array([float(n) for n in range(40)])
    household = np.where(values < 20, 0, values)
    merged = merge_rare(values, household.astype(int), FLOOR, NO_CUTS)
    for value in np.unique(merged):
        assert len(np.unique(household[merged == value])) >= 3
        assert (merged == value).sum() >= 10


@pytest.mark.parametrize("seed", range(20))
def test_the_floor_holds_and_no_cut_is_crossed(seed: int) -> None:
    random = np.random.default_rng(seed)
    values = np.round(random.lognormal(3, 1.2, 300), int(random.integers(0, 3)))
    household = random.integers(0, 120, 300)
    below, above = (np.sort(random.choice(values, 2)) for _ in range(2))
    cuts = Cuts(below, above)
    merged = merge_rare(values, household, FLOOR, cuts, never=[20.0], decimals=2)
    assert (cuts.segment(merged) == cuts.segment(values)).all()
    assert merged.min() >= values.min()
    assert merged.max() <= values.max()
    order = np.argsort(values, kind="stable")
    assert (np.diff(merged[order]) >= 0).all()  # who earns more is never told to earn less
    for segment in np.unique(cuts.segment(values)):
        rows = cuts.segment(values) == segment
        if rows.sum() >= 10 and len(np.unique(household[rows])) >= 3:
            frame = pd.DataFrame({"v": merged[rows]})
            assert under_floor(frame, ["v"], household[rows], 10, 3) == 0


@pytest.mark.parametrize("canary", [777777.0, 999999.0, -5000.0])
@pytest.mark.parametrize("times", [1, 2, 9])
def test_extremes_vanish(canary: float, times: int) -> None:
    merged = merge([1000] * 30 + [1500 + n for n in range(12)] + [canary] * times)
    assert canary not in merged


def test_the_same_again_changes_nothing() -> None:
    values = np.round(np.random.default_rng(1).lognormal(8, 1, 500))
    once = merge_rare(values, np.arange(500), FLOOR, NO_CUTS)
    assert (merge_rare(once, np.arange(500), FLOOR, NO_CUTS) == once).all()


@pytest.mark.parametrize(
    ("members", "decimals", "expected"),
    [
        ([4310, 4355, 4390, 4440], 0, 4400),  # two digits
        ([93, 94, 95], 0, 94),
        ([1951, 1952, 1953, 1954], 0, 1952),  # 2000 is outside; the even median goes to one side
        ([12, 13], 0, 12),  # nothing in between: one of the two
        ([0.254, 0.261, 0.302], 2, 0.26),
        ([-40, -33, -20], 0, -33),
        ([85000, 86000, 777777, 777777, 777777], 0, 770000),  # not the extreme itself
    ],
)
def test_the_number_of_a_group(members: list[float], decimals: int, expected: float) -> None:
    found = representative(np.array(members, dtype=float), (), decimals)
    assert found == pytest.approx(expected)


def test_the_number_of_a_group_is_no_special_or_top_code() -> None:
    assert representative(np.array([96.0, 97, 97, 97]), (97.0,), 0) == 96
    assert representative(np.array([97.0, 98.5, 99]), (98.0, 99.0), 0) not in (98, 99)


def test_decimals_as_written() -> None:
    assert written_decimals(np.array([1.0, 2.0])) == 0
    assert written_decimals(np.array([1.25, 2.5])) == 2


# --- cuts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "below", "above"),
    [
        ("pay < 5", [5], []),
        ("pay >= 5", [5], []),
        ("pay <= 5", [], [5]),
        ("5 < pay", [], [5]),
        ("pay == 5 or pay in (7, -8)", [-8, 5, 7], [-8, 5, 7]),
        ("2 < pay < 9", [9], [2]),
        ("pay + age > 20", [-20, 20], [-20, 20]),
        ("born > survey_year", [], []),
        ("pay > survey_year", [], [2015]),
    ],
)
def test_cuts_are_where_rules_change_their_mind(
    condition: str, below: list[float], above: list[float]
) -> None:
    rules = [{"kind": "implies", "name": "r", "if": condition, "then": 'work != "3"'}]
    cuts = find_cuts(invented_spec(rules=rules), PERIOD, "pay")
    assert (cuts.below.tolist(), cuts.above.tolist()) == (below, above)


def test_segments() -> None:
    cuts = Cuts(np.array([5.0]), np.array([9.0]))
    assert cuts.segment(np.array([4.0, 5, 9, 9.5])).tolist() == [0, 1, 1, 2]


# --- birth years -------------------------------------------------------------------------------

COLUMNS: dict[str, Any] = {
    "age": number(range=[0, 97], top_code=97, special={98: "x"}, residual={98: [0, 97]}),
    "born": number(range=[1900, 2099], special={9999: "x"}, residual={9999: [1900, 2099]}),
    "month": code("02", "07"),
    "day": code(*(f"{n:02}" for n in range(1, 32)), "99", residual={"99": []}),
}
RULES: list[dict[str, Any]] = [
    {"kind": "birth_year", "name": "y", "age": "age", "birth_year": "born", "gap": [0, 1]},
    {"kind": "date", "name": "d", "day": "day", "month": "month", "year": "born"},
]


def people(ages: np.ndarray, gaps: np.ndarray, **more: Any) -> pd.DataFrame:
    rows = len(ages)
    frame = {"age": ages.astype(float), "born": (2015 - ages - gaps).astype(float)}
    rest = {"month": codes(*["07"] * rows), "day": codes(*["01"] * rows)}
    return pd.DataFrame(frame | rest | more)


def spec_of(**columns: Any) -> SurveySpec:
    return invented_spec({**COLUMNS, **columns}, rules=RULES)


@pytest.mark.parametrize("seed", range(10))
def test_years_and_ages_hold_the_floor_and_agree(seed: int) -> None:
    random = np.random.default_rng(seed)
    ages = np.minimum((random.beta(1, 3, 250) * 130).astype(int), 97)
    source = people(ages, random.integers(0, 2, 250))
    result = hold_floors(source, spec_of(), PERIOD, 1).frame
    assert not any(breach.count for breach in relations(result, spec_of(), PERIOD))
    for name in ("age", "born"):
        assert under_floor(result, [name], np.arange(250), 10, 3) == 0
    assert np.abs(result["age"] - source["age"]).median() <= 1
    assert (result["born"] != 9999).all()


def test_a_top_code_that_is_rare_is_told_of_nobody_and_one_that_holds_stays() -> None:
    ages = np.array([30] * 30 + [95] * 6 + [97] * 6)
    result = hold_floors(people(ages, ages * 0), spec_of(), PERIOD, 1).frame
    assert sorted(result["age"].unique()) == [30, 96]
    ages = np.array([30] * 30 + [95] * 6 + [97] * 12)
    result = hold_floors(people(ages, ages * 0), spec_of(), PERIOD, 1).frame
    assert result["age"].value_counts().to_dict() == {30: 36, 97: 12}


def test_the_oldest_year_is_nobodys_own() -> None:
    ages = np.array([40] * 30 + [97] * 12)
    source = people(ages, ages * 0)
    source.loc[41, "born"] = 1901.0
    result = hold_floors(source, spec_of(), PERIOD, 1).frame
    assert result["born"].min() >= 2015 - 97 - 1
    assert (result["age"] == source["age"]).all()


def test_a_birthday_that_its_new_year_does_not_have_is_mended() -> None:
    ages = np.array([30] * 30 + [43] * 2 + [44] * 12)  # 1972 (leap) joins 1971
    month = codes(*["07"] * 30, *["02"] * 2, *["07"] * 12)
    day = codes(*["01"] * 15, *["99"] * 15, *["29"] * 2, *["01"] * 12)
    source = people(ages, ages * 0, month=month, day=day)
    columns = {"month": code("02", "07"), "day": COLUMNS["day"]}
    source["month"] = codes(*["07"] * 18, *["02"] * 14, *["07"] * 12)
    result = hold_floors(source, spec_of(**columns), PERIOD, 1).frame
    assert result["age"].iloc[30:32].tolist() == [44, 44]
    assert result["born"].iloc[30:32].tolist() == [1971, 1971]
    assert result["day"].iloc[30:32].tolist() == ["99", "99"]


def test_without_a_residual_that_birthday_becomes_the_28th() -> None:
    ages = np.array([30] * 30 + [43] * 12 + [44] * 60)
    source = people(ages, ages * 0)
    source["month"] = codes(*["07"] * 18, *["02"] * 84)
    source["day"] = codes(*["01"] * 15, *["28"] * 15, *["29"] * 12, *["01"] * 60)
    source.loc[30:39, ["age", "born"]] = [30.0, 1985.0]
    source.loc[30:39, "day"] = "28"
    source.loc[42:51, ["age", "born"]] = [47.0, 1968.0]
    source.loc[42:51, "day"] = "29"
    day = code(*(f"{n:02}" for n in range(1, 32)), blank="never")
    never = {"month": code("02", "07", blank="never"), "born": number(blank="never")}
    spec = spec_of(day=day, **never)
    result = hold_floors(source, spec, PERIOD, 1).frame
    assert result["age"].iloc[40:42].tolist() == [44, 44]
    assert result["day"].iloc[40:42].tolist() == ["28", "28"]


def test_years_without_an_age_join_years_that_hold_the_floor() -> None:
    ages = np.array([30] * 30 + [98] * 12)
    source = people(ages, ages * 0)
    source.loc[30:, "born"] = [1990.0 + n for n in range(12)]
    result = hold_floors(source, spec_of(), PERIOD, 1).frame
    assert under_floor(result, ["born"], np.arange(42), 10, 3) == 0
    assert set(result["born"]) == {1985}
