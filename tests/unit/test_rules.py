"""Each kind of relation with rows that keep it and rows that break it, on ten-row tables."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.espejo.survey import Period, SurveySpec
from include.espejo.survey.model import Geography
from include.espejo.survey.rules import (
    BirthYearRule,
    BlankRule,
    DateRule,
    ImpliesRule,
    Rule,
    TogetherRule,
)
from include.espejo.table.rules import broken, columns_of, group_numbers, relations, unchecked


def codes(*values: str | None) -> pd.Categorical:
    return pd.Categorical(values)


def numbers(*values: float | None) -> np.ndarray:
    return np.array([np.nan if v is None else v for v in values], dtype=float)


def breaks(rule: Rule, spec: SurveySpec, period: Period, **columns: Any) -> list[bool]:
    """Which rows of a small frame break a rule."""
    rows = broken(rule, pd.DataFrame(columns), spec, period)
    assert rows.dtype == bool
    return list(rows)


# --- blank: skip rules -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("only", "unless", "expected"),
    [
        #                  asked and answered, asked and blank, skipped and blank, skipped answered,
        #                  unknown answered, unknown blank
        (True, None, [False, True, False, True, False, True]),
        (False, None, [False, False, False, True, False, False]),
        (True, "EDA == 99", [False, True, False, True, False, False]),
    ],
)
def test_a_skip_rule(
    only: bool, unless: str | None, expected: list[bool], enoe: SurveySpec, period: Period
) -> None:
    rule = BlankRule(
        kind="blank", name="r", columns=("CS_P13_1",), when="EDA < 5", only=only, unless=unless
    )
    frame = {
        "EDA": numbers(5, 5, 4, 4, 99, 99),
        "CS_P13_1": codes("02", None, None, "02", "02", None),
    }
    assert breaks(rule, enoe, period, **frame) == expected


def test_a_skip_rule_looks_at_each_of_its_columns(enoe: SurveySpec, period: Period) -> None:
    rule = BlankRule(kind="blank", name="r", columns=("SEX", "EDA"), when='C_RES == "2"')
    frame = {
        "C_RES": codes("2", "2", "2", "1", "1", "1"),
        "SEX": codes(None, "1", None, "1", "1", None),
        "EDA": numbers(None, None, 30, 30, None, None),
    }
    assert breaks(rule, enoe, period, **frame) == [False, True, True, False, True, True]


def test_a_skip_rule_whose_condition_is_blank_asks(enoe: SurveySpec, period: Period) -> None:
    rule = BlankRule(kind="blank", name="r", columns=("CS_P13_1",), when="EDA < 5")
    frame = {"EDA": numbers(None, None), "CS_P13_1": codes("02", None)}
    assert breaks(rule, enoe, period, **frame) == [False, True]


# --- together and implies ----------------------------------------------------------------------


def test_columns_blank_together(enoe: SurveySpec, period: Period) -> None:
    rule = TogetherRule(kind="together", name="r", columns=("SEX", "EDA", "NAC_DIA"))
    frame = {
        "SEX": codes("1", None, None, "1", "1"),
        "EDA": numbers(0, None, 5, None, 5),
        "NAC_DIA": codes("01", None, "01", "01", None),
    }
    assert breaks(rule, enoe, period, **frame) == [False, False, True, True, True]


@pytest.mark.parametrize(
    ("both_ways", "expected"),
    [(False, [False, True, False, False, True]), (True, [False, True, True, False, True])],
)
def test_an_implication(
    both_ways: bool, expected: list[bool], enoe: SurveySpec, period: Period
) -> None:
    rule = ImpliesRule.model_validate(
        {"kind": "implies", "name": "r", "if": 'T_LOC == "4"', "then": 'CD_A == "86"'}
        | {"both_ways": both_ways}
    )
    # The last premise holds and its conclusion is blank: a blank concludes nothing.
    frame = {"T_LOC": codes("4", "4", "1", "1", "4"), "CD_A": codes("86", "01", "86", "01", None)}
    assert breaks(rule, enoe, period, **frame) == expected


def test_a_blank_premise_asks_for_nothing(enoe: SurveySpec, period: Period) -> None:
    rule = ImpliesRule.model_validate(
        {"kind": "implies", "name": "r", "if": "INGOCUP > 0", "then": 'POS_OCU != "4"'}
    )
    frame = {"INGOCUP": numbers(None, 0, 1, 1), "POS_OCU": codes("4", "4", "4", "3")}
    assert breaks(rule, enoe, period, **frame) == [False, False, True, False]


# --- age and year of birth ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "birth_year", "broken_row"),
    [
        # surveyed in 2015, gap 0 to 1
        *((30, 1985, False), (30, 1984, False), (30, 1986, True), (30, 1983, True)),
        *((0, 2015, False), (0, 2014, False), (0, 2016, True), (0, 2013, True)),
        *((96, 1919, False), (96, 1918, False), (96, 1917, True)),
        # 97 means 97 or more: bounded from above only
        *((97, 1918, False), (97, 1917, False), (97, 1900, False), (97, 1919, True)),
        # special codes and blanks say nothing
        *((98, 1985, False), (99, 1985, False), (30, 9999, False)),
        *((None, 1985, False), (30, None, False), (None, None, False)),
    ],
)
def test_age_agrees_with_the_year_of_birth(
    age: float | None, birth_year: float | None, broken_row: bool, enoe: SurveySpec, period: Period
) -> None:
    rule = BirthYearRule(kind="birth_year", name="r", age="EDA", birth_year="NAC_ANIO", gap=(0, 1))
    frame = {"EDA": numbers(age), "NAC_ANIO": numbers(birth_year)}
    assert breaks(rule, enoe, period, **frame) == [broken_row]


def test_the_surveys_year_is_that_of_the_period(enoe: SurveySpec) -> None:
    rule = BirthYearRule(kind="birth_year", name="r", age="EDA", birth_year="NAC_ANIO", gap=(0, 1))
    frame = {"EDA": numbers(30), "NAC_ANIO": numbers(1985)}
    for year, expected in ((2014, True), (2015, False), (2016, False), (2017, True)):
        assert breaks(rule, enoe, Period(year, 2), **frame) == [expected]


# --- dates -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "month", "year", "broken_row"),
    [
        # the ends of the months
        *(("31", "01", 2015, False), ("30", "04", 2015, False), ("31", "04", 2015, True)),
        *(("31", "12", 2015, False), ("31", "06", 2015, True), ("30", "06", 2015, False)),
        # leap years: by four, not by a hundred, but by four hundred
        *(("28", "02", 2015, False), ("29", "02", 2015, True), ("29", "02", 2016, False)),
        *(("29", "02", 1900, True), ("28", "02", 1900, False), ("29", "02", 2000, False)),
        *(("30", "02", 2016, True), ("30", "02", 2000, True)),
        # an unknown year may have been a leap year
        *(("29", "02", 9999, False), ("30", "02", 9999, True), ("29", "02", None, False)),
        # an unknown day or month is left out
        *(("99", "02", 2015, False), ("31", "99", 2015, False), ("99", "99", 9999, False)),
        *((None, "02", 2015, False), ("31", None, 2015, False)),
    ],
)
def test_a_date_exists(
    day: str | None,
    month: str | None,
    year: float | None,
    broken_row: bool,
    enoe: SurveySpec,
    period: Period,
) -> None:
    rule = DateRule(kind="date", name="r", day="NAC_DIA", month="NAC_MES", year="NAC_ANIO")
    frame = {"NAC_DIA": codes(day), "NAC_MES": codes(month), "NAC_ANIO": numbers(year)}
    assert breaks(rule, enoe, period, **frame) == [broken_row]


def test_a_date_without_a_year(enoe: SurveySpec, period: Period) -> None:
    rule = DateRule(kind="date", name="r", day="NAC_DIA", month="NAC_MES")
    frame = {"NAC_DIA": codes("29", "30", "31"), "NAC_MES": codes("02", "02", "03")}
    assert breaks(rule, enoe, period, **frame) == [False, True, False]


def test_a_date_in_numbers_and_one_in_unused_categories(parks: SurveySpec, period: Period) -> None:
    rule = DateRule(kind="date", name="r", day="rating", month="hours")
    assert breaks(rule, parks, period, rating=numbers(31, 31), hours=numbers(5, 6)) == [False, True]
    rule = DateRule(kind="date", name="r", day="day", month="month")
    empty = pd.Categorical([None, None], categories=[])
    assert breaks(rule, parks, period, day=empty, month=codes("02", "02")) == [False, False]


# --- functions of geography --------------------------------------------------------------------


def function_breaches(
    enoe: SurveySpec, period: Period, t_loc: Sequence[str | None], **places: Any
) -> list[bool]:
    frame = pd.DataFrame({**places, "T_LOC": codes(*t_loc)})
    (breach,) = [b for b in relations(frame, enoe, period) if b.rule == "t_loc_of_loc"]
    assert breach.count == breach.rows.sum()
    assert breach.columns == ("ENT", "MUN", "LOC", "T_LOC")
    return list(breach.rows)


def test_a_place_has_one_value_and_the_rarer_one_is_wrong(enoe: SurveySpec, period: Period) -> None:
    places = {
        "ENT": codes("01", "01", "01", "02", "02"),
        "MUN": codes("001", "001", "001", "001", "001"),
        "LOC": codes("0001", "0001", "0001", "0001", "0001"),
    }
    kept = function_breaches(enoe, period, ["1", "1", "1", "4", "4"], **places)
    assert kept == [False] * 5
    one = function_breaches(enoe, period, ["1", "2", "1", "4", "4"], **places)
    assert one == [False, True, False, False, False]
    blank = function_breaches(enoe, period, ["1", None, "1", "4", "4"], **places)
    assert blank == [False, True, False, False, False]


def test_a_code_of_a_place_means_something_only_inside_its_parent(
    enoe: SurveySpec, period: Period
) -> None:
    places = {
        "ENT": codes("01", "01", "01"),
        "MUN": codes("001", "002", "002"),
        "LOC": codes("0001", "0001", "0002"),
    }
    assert function_breaches(enoe, period, ["1", "2", "3"], **places) == [False] * 3


def test_a_place_not_fully_known_says_nothing(enoe: SurveySpec, period: Period) -> None:
    places = {
        "ENT": codes("01", "01", "01", "01"),
        "MUN": codes("001", "001", None, None),
        "LOC": codes(None, None, "0001", "0001"),
    }
    assert function_breaches(enoe, period, ["1", "2", "1", "2"], **places) == [False] * 4


def test_a_function_whose_place_is_not_in_the_frame_is_left_out(
    enoe: SurveySpec, period: Period
) -> None:
    frame = pd.DataFrame({"ENT": codes("01", "01"), "T_LOC": codes("1", "2")})
    assert relations(frame, enoe, period) == []


def test_a_function_of_an_inner_level_ignores_the_deeper_ones(
    enoe: SurveySpec, period: Period
) -> None:
    spec = enoe.model_copy(
        update={"geography": Geography(levels=("ENT", "MUN", "LOC"), functions={"T_LOC": "ENT"})}
    )
    frame = pd.DataFrame({"ENT": codes("01", "01", "01"), "T_LOC": codes("1", "1", "2")})
    (breach,) = relations(frame, spec, period)
    assert (breach.rule, breach.columns) == ("t_loc_of_ent", ("ENT", "T_LOC"))
    assert list(breach.rows) == [False, False, True]


# --- all relations of a spec -------------------------------------------------------------------


def test_only_relations_whose_columns_are_all_there_are_checked(
    enoe: SurveySpec, period: Period
) -> None:
    frame = pd.DataFrame({"POS_OCU": codes("4", "4"), "INGOCUP": numbers(0, 1)})
    (breach,) = relations(frame, enoe, period)
    assert (breach.rule, breach.columns) == ("income_employed", ("POS_OCU", "INGOCUP"))
    assert (list(breach.rows), breach.count) == ([False, True], 1)
    skipped = unchecked(frame, enoe)
    assert set(skipped) == {rule.name for rule in enoe.rules} - {"income_employed"}


def test_a_whole_frame_leaves_no_relation_unchecked(parks: SurveySpec, period: Period) -> None:
    frame = pd.DataFrame({name: [np.nan] for name in parks.columns})
    assert unchecked(frame, parks) == []
    assert [b.rule for b in relations(frame, parks, period)] == [r.name for r in parks.rules]


def test_a_rules_columns_are_those_it_names_and_those_it_reads(enoe: SurveySpec) -> None:
    rules = {rule.name: columns_of(rule, enoe) for rule in enoe.rules}
    assert rules["schooling_from_5"] == ("EDA", "CS_P13_1")
    assert rules["rural_city"] == ("T_LOC", "CD_A")
    assert rules["birth_date_exists"] == ("NAC_DIA", "NAC_MES", "NAC_ANIO")


def test_relations_hold_on_an_empty_frame(parks: SurveySpec, period: Period) -> None:
    frame = pd.DataFrame(
        {n: codes() if c.is_code() else numbers() for n, c in parks.columns.items()}
    )
    assert [b.count for b in relations(frame, parks, period)] == [0] * len(parks.rules)


# --- group numbers -----------------------------------------------------------------------------


def same_groups(keys: pd.DataFrame) -> list[list[int]]:
    found = group_numbers(keys)
    return [list(np.flatnonzero(found == number)) for number in range(int(found.max()) + 1)]


def test_equal_rows_share_a_number_and_others_do_not() -> None:
    keys = pd.DataFrame({"a": ["1", "1", "2", "1"], "b": ["1", "2", "1", "1"]})
    assert same_groups(keys) == [[0, 3], [1], [2]]


def test_columns_are_not_glued_together() -> None:
    keys = pd.DataFrame({"a": ["1", "11"], "b": ["11", "1"]})
    assert same_groups(keys) == [[0], [1]]


def test_a_blank_is_a_value_of_its_own() -> None:
    keys = pd.DataFrame({"a": codes("1", None, None, "1"), "b": numbers(None, 1, 1, 1)})
    assert same_groups(keys) == [[0], [1, 2], [3]]


def test_a_blank_is_not_taken_for_the_last_value_of_the_group_before() -> None:
    keys = pd.DataFrame({"a": codes("1", "1", "2"), "b": codes("x", "y", None)})
    assert same_groups(keys) == [[0], [1], [2]]


def test_many_columns_of_many_values_do_not_overflow() -> None:
    random = np.random.default_rng(1)
    values = {f"c{i}": random.integers(0, 500, 1000) for i in range(12)}
    keys = pd.DataFrame(values)
    twice = pd.concat([keys, keys], ignore_index=True)
    found = group_numbers(twice)
    assert len(np.unique(found)) == len(keys.drop_duplicates())
    assert np.array_equal(found[:1000], found[1000:])


def test_groups_are_numbered_in_the_order_of_their_first_rows() -> None:
    random = np.random.default_rng(2)
    drawn = pd.DataFrame({f"c{i}": random.integers(0, 3, 200) for i in range(40)})  # 3**40 > 2**63
    of_codes = drawn.astype(str).astype("category").where(drawn > 0)
    for keys in (
        drawn.iloc[:, :4],
        of_codes.iloc[:, :4],
        drawn,
        of_codes.assign(number=drawn["c0"]),
    ):
        rows = [tuple("blank" if v != v else v for v in row) for row in keys.to_numpy(object)]
        first = list(dict.fromkeys(rows))
        assert group_numbers(keys).tolist() == [first.index(row) for row in rows]


def test_no_rows_have_no_groups() -> None:
    assert group_numbers(pd.DataFrame({"a": [], "b": []})).shape == (0,)
