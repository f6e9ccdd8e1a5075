"""Which codes are learnt together, and how many rows each part draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from include.espejo.errors import SpecError
from include.espejo.protect.parts import MOST_PARTS, part_numbers, plan_parts, share_rows
from include.espejo.survey import SurveySpec
from include.espejo.survey.load import parse_spec
from tests.surveys.parks import SPEC

PARKS: dict[str, Any] = yaml.safe_load(SPEC.read_text(encoding="utf-8"))


def column(**counts: int) -> pd.Series:
    """So many rows of each code; `blank` is a blank."""
    codes = [None if name == "blank" else name[1:] for name in counts]
    return pd.Series(pd.Categorical(np.repeat(np.array(codes, dtype=object), [*counts.values()])))


def codes_of(values: pd.Series, least: int = 100) -> list[tuple[str, ...]]:
    return [part.codes for part in plan_parts(values, least)]


def test_each_code_with_enough_rows_is_a_part() -> None:
    values = column(_09=500, _01=100, _32=200)
    assert codes_of(values) == [("01",), ("09",), ("32",)]
    assert [part.rows for part in plan_parts(values, 100)] == [100, 500, 200]


def test_a_code_with_few_rows_joins_the_next_and_the_last_the_one_before() -> None:
    assert codes_of(column(_01=10, _02=300, _03=99)) == [("01", "02", "03")]
    assert codes_of(column(_01=300, _02=60, _03=60, _04=400, _05=10)) == [
        ("01",),
        ("02", "03"),
        ("04", "05"),
    ]


def test_blanks_are_a_code_that_comes_last() -> None:
    assert codes_of(column(_01=300, _02=300, blank=200)) == [("01",), ("02",), ("",)]
    assert codes_of(column(_01=300, _02=300, blank=2)) == [("01",), ("02", "")]


def test_a_table_of_few_rows_is_one_part() -> None:
    assert codes_of(column(_01=3)) == [("01",)]


def test_there_are_never_more_parts_than_the_scheduler_can_carry() -> None:
    values = pd.Series(np.repeat(np.arange(3000), 40).astype(str))
    assert len(plan_parts(values, 10)) <= MOST_PARTS


def test_every_row_is_of_one_part() -> None:
    values = column(_01=300, _02=60, _03=60, _04=400, blank=120)
    parts = plan_parts(values, 100)
    assert len({part.name for part in parts}) == len(parts)
    numbers = part_numbers(parts, values)
    assert np.bincount(numbers).tolist() == [part.rows for part in parts]
    codes = values.astype(object).fillna("")
    for number, part in enumerate(parts):
        assert set(codes[numbers == number]) == set(part.codes)


@pytest.mark.parametrize("rows", [0, 1, 7, 100, 99_999])
def test_parts_draw_what_is_asked_for_by_their_size(rows: int) -> None:
    parts = plan_parts(column(_01=300, _02=150, _03=151), 100)
    drawn = share_rows(parts, rows)
    assert sum(drawn.values()) == rows
    for part in parts:
        assert abs(drawn[part.name] - rows * part.rows / 601) < 1


@pytest.mark.parametrize("wrong", ["age", "nothing", "home"])
def test_a_partition_is_a_modelled_column_of_codes(wrong: str) -> None:
    model = PARKS["model"]
    assert parks(model | {"partition": "park"}).model.partition == "park"
    with pytest.raises(SpecError, match=f"`model.partition`: {wrong} is no modelled column"):
        parks(model | {"partition": wrong})


def parks(model: dict[str, Any]) -> SurveySpec:
    return parse_spec(yaml.safe_dump(PARKS | {"model": model}, allow_unicode=True), "parks.yaml")
