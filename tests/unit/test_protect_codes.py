"""Codes and unknowns: what stands for a rare code, and how a rare unknown is filled up."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.espejo.errors import InputError
from include.espejo.protect import hold_floors
from include.espejo.protect.draft import Draft
from include.espejo.protect.repair import Mender, may_stand_for
from include.espejo.table.rules import relations
from tests.support.invented import PERIOD, code, codes, invented_spec, number


def count(values: pd.Series) -> dict[Any, int]:
    """Rows of each value, the blank as None."""
    found = values.astype(object).where(values.notna(), None).value_counts(dropna=False)
    return {None if pd.isna(value) else value: int(n) for value, n in found.items()}


def protected(
    columns: dict[str, Any],
    rules: Sequence[dict[str, Any]] = (),
    seed: int = 1,
    **values: list[Any],
) -> pd.DataFrame:
    """Protect a table of these columns, without places and households."""
    spec = invented_spec({**columns, "x": code("1", "2")}, rules=list(rules), floor={"people": 10})
    rows = len(next(iter(values.values())))
    frame = pd.DataFrame(
        {
            name: pd.Categorical(v) if columns[name]["kind"] == "code" else np.array(v, dtype=float)
            for name, v in values.items()
        }
    )
    frame["x"] = pd.Categorical(["1", "2"] * (rows // 2) + ["1"] * (rows % 2))
    return hold_floors(frame, spec, PERIOD, seed).frame


def test_a_rare_code_becomes_the_residual() -> None:
    columns = {"c": code("1", "2", "9", residual={"9": []})}
    result = protected(columns, c=["1"] * 40 + ["2"] * 5 + ["9"] * 10)
    assert count(result["c"]) == {"1": 40, "9": 15}


def test_a_residual_stands_only_for_the_codes_that_it_declares() -> None:
    columns = {"c": code("0", "1", "2", "9", residual={"9": ["1", "2"]})}
    result = protected(columns, c=["1"] * 40 + ["2"] * 5 + ["9"] * 10 + ["0"] * 12)
    assert count(result["c"]) == {"1": 40, "9": 15, "0": 12}
    result = protected(columns, c=["1"] * 40 + ["0"] * 12 + ["9"] * 9)
    assert count(result["c"]) == {"1": 39, "9": 10, "0": 12}


def test_without_a_residual_a_rare_code_becomes_blank_and_the_blank_is_filled_up() -> None:
    result = protected({"c": code("1", "2")}, c=["1"] * 40 + ["2"] * 4)
    assert count(result["c"]) == {"1": 34, None: 10}
    assert result["c"].iloc[40:].isna().all()


def test_a_rare_code_that_nothing_may_stand_for_is_refused() -> None:
    with pytest.raises(InputError, match=r"column c, rule floor: 1 values .* on 4 rows"):
        protected({"c": code("1", "2", blank="never")}, c=["1"] * 40 + ["2"] * 4)


def test_a_rare_residual_is_filled_from_values_that_can_spare_it() -> None:
    columns = {"c": code("1", "2", "3", "9", residual={"9": []}, blank="never")}
    result = protected(columns, c=["1"] * 60 + ["2"] * 11 + ["3"] * 10 + ["9"] * 2)
    assert count(result["c"]) == {"1": 52, "2": 11, "3": 10, "9": 10}


def test_a_residual_is_filled_from_other_households() -> None:
    columns = {
        "home": code(role="direct"),
        "c": code("1", "9", residual={"9": []}, blank="never"),
        "x": code("1"),
    }
    spec = invented_spec(
        columns, rules=[], person_key="none", floor={"people": 10, "households": 9}
    )
    values, homes = ["9"] * 9 + ["1"] * 60, ["one"] * 12 + [f"h{n // 5}" for n in range(57)]
    frame = pd.DataFrame({"home": codes(*homes), "c": codes(*values), "x": codes(*["1"] * 69)})
    result = hold_floors(frame, spec, PERIOD, 1).frame
    assert result.loc[result["c"] == "9", "home"].nunique() == 9
    assert count(result["c"]) == {"9": 17, "1": 52}


@pytest.mark.parametrize("seed", range(5))
def test_a_rare_special_code_is_filled_from_the_ages_that_it_may_stand_for(seed: int) -> None:
    age = number(range=[0, 97], special={98: "x", 99: "x"}, residual={98: [12, 97], 99: [0, 11]})
    ages = [*([5] * 20), *([30] * 20), *([60] * 20), 98, 99]
    result = protected({"age": age}, seed=seed, age=ages)
    assert (result["age"] == 98).sum() == (result["age"] == 99).sum() == 10
    assert result["age"].iloc[:20].isin([5, 99]).all()
    assert result["age"].iloc[20:60].isin([30, 60, 98]).all()


def test_a_special_code_without_residual_that_is_rare_becomes_blank_or_is_refused() -> None:
    age = number(range=[0, 97], special={98: "x"})
    assert count(protected({"age": age}, age=[30] * 40 + [98])["age"]) == {30.0: 31, None: 10}
    with pytest.raises(InputError, match="column age, rule floor: 1 values"):
        protected({"age": age | {"blank": "never"}}, age=[30] * 40 + [98])


def test_a_rare_zero_cannot_be_merged_across_the_rule_that_names_it() -> None:
    columns = {"pay": number(range=[0, 999999]), "c": code("1", "2", blank="never")}
    rules = [{"kind": "implies", "name": "r", "if": "pay > 0", "then": 'c == "1"'}]
    result = protected(columns, rules, pay=[0, 0] + [500] * 40, c=["1"] * 30 + ["1"] * 12)
    assert count(result["pay"]) == {500.0: 32, None: 10}


# --- rules -------------------------------------------------------------------------------------

CHAIN: list[dict[str, Any]] = [
    {"kind": "implies", "name": "a", "if": "age == 98", "then": "born == 9999", "both_ways": True},
    {"kind": "implies", "name": "b", "if": "born == 9999", "then": 'month == "99"'},
    {"kind": "implies", "name": "c", "if": 'month == "99"', "then": 'day == "99"'},
]
CHAIN_COLUMNS = {
    "age": number(range=[0, 97], special={98: "x"}, residual={98: [12, 97]}),
    "born": number(range=[1900, 2099], special={9999: "x"}, residual={9999: [1900, 2099]}),
    "month": code("01", "99", residual={"99": []}),
    "day": code("01", "99", residual={"99": []}),
}


def test_an_unknown_age_takes_year_month_and_day_with_it() -> None:
    result = protected(
        CHAIN_COLUMNS,
        CHAIN,
        age=[30.0] * 40 + [98] * 2,
        born=[1985.0] * 40 + [9999] * 2,
        month=["01"] * 40 + ["99"] * 2,
        day=["01"] * 40 + ["99"] * 2,
    )
    unknown = result["age"] == 98
    assert unknown.sum() == 10
    for name, value in (("born", 9999), ("month", "99"), ("day", "99")):
        assert ((result[name] == value) == unknown).all(), name


def test_a_blank_takes_the_whole_set_with_it() -> None:
    columns = {"a": code("1", "2"), "b": code("1", "2"), "n": number()}
    rules = [{"kind": "together", "name": "t", "columns": ["a", "b", "n"]}]
    values = ["1"] * 40 + ["2"] * 3
    result = protected(columns, rules, a=values, b=["1", "2"] * 21 + ["1"], n=[7] * 43)
    blank = result["a"].isna()
    assert blank.sum() == 10
    assert blank.iloc[40:].all()
    assert (result["b"].isna() == blank).all()
    assert (result["n"].isna() == blank).all()


def test_only_rows_where_every_rule_can_be_kept_fill_an_unknown() -> None:
    """`w` has no unknown, so the set can be blanked only where it is 0 already."""
    columns = {"a": code("1", "2"), "b": code("1"), "w": code("0", "1", blank="never")}
    rules: list[dict[str, Any]] = [
        {"kind": "together", "name": "t", "columns": ["a", "b"]},
        {"kind": "implies", "name": "i", "if": "blank(a)", "then": 'w == "0"'},
    ]
    a: list[str | None] = [None] * 2 + ["1"] * 60
    b: list[str | None] = [None] * 2 + ["1"] * 60
    result = protected(columns, rules, a=a, b=b, w=["0"] * 22 + ["1"] * 40)
    assert result["a"].isna().sum() == 10
    assert result["a"].iloc[22:].notna().all()
    with pytest.raises(InputError, match="column a, rule floor"):
        protected(columns, rules, a=a, b=b, w=["0"] * 2 + ["1"] * 60)


def test_mending_leaves_no_rule_broken_and_changes_what_is_fixed_nowhere() -> None:
    spec = invented_spec({**CHAIN_COLUMNS, "x": code("1")}, rules=CHAIN)
    frame = pd.DataFrame(
        {
            "age": [30.0] * 12,
            "born": [1985.0] * 12,
            "month": codes(*["01"] * 12),
            "day": codes(*["01"] * 12),
            "x": codes(*["1"] * 12),
        }
    )
    mender = Mender(Draft(frame, spec, PERIOD, 1))
    part, kept = mender.set(np.arange(5), "month", "99")
    assert kept.all()
    assert part["month"].tolist() == part["day"].tolist() == ["99"] * 5
    assert part["age"].tolist() == [30] * 5
    part, kept = mender.set(np.arange(5), "born", 9999)
    assert part["age"].tolist() == [98] * 5
    assert not any(b.count for b in relations(part, spec, PERIOD))


def test_what_an_unknown_may_stand_for() -> None:
    spec = invented_spec()
    values = pd.Series([5.0, 11, 12, 97, 98, 99, np.nan])
    age = spec.columns["age"]
    assert may_stand_for(age, 98, values).tolist() == [False, False, True, True] + [False] * 3
    assert may_stand_for(age, 99, values).tolist() == [True, True] + [False] * 5
    assert may_stand_for(age, None, values).tolist() == [True] * 6 + [False]
    work = pd.Series(codes("0", "1", "5", None))
    assert may_stand_for(spec.columns["work"], "5", work).tolist() == [False, True, False, False]
