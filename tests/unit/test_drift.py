"""Drift of the input and its codes, by hand and by simulation."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.espejo.evaluate.periods.drift import chance_distance, compare_inputs
from include.espejo.survey import SurveySpec
from tests.support.documents import json_of
from tests.support.invented import code, invented_spec, number

SPEC = invented_spec(
    {
        "home": code(role="direct", blank="never"),
        "line": code(role="direct", blank="never"),
        "job": code(),
        "age": number(special={98: "x"}, range=[0, 97]),
    },
    rules=[],
    floor={"people": 4, "households": 3},
)


def people(jobs: str, ages: list[float] | None = None, homes: int | None = None) -> pd.DataFrame:
    """A person a letter, `.` for a blank; each in a home of their own, or in one of `homes`."""
    rows = len(jobs)
    return pd.DataFrame(
        {
            "home": pd.Categorical([f"h{row % (homes or rows)}" for row in range(rows)]),
            "line": pd.Categorical(["1"] * rows),
            "job": pd.Categorical([None if job == "." else job for job in jobs]),
            "age": ages or [30.0] * rows,
        }
    )


def compared(before: pd.DataFrame, now: pd.DataFrame, spec: SurveySpec = SPEC) -> dict[str, Any]:
    return dict(json_of(compare_inputs(before, now, spec)))


def test_the_distance_is_the_share_that_would_have_to_answer_otherwise() -> None:
    before, now = people("aaaaaabbbb"), people("aaaabbbb..")
    found = compared(before, now)["drift"]
    # a .6/.4, b .4/.4, blank 0/.2
    assert found["job"]["distance"] == pytest.approx(0.2)
    assert found["age"]["distance"] == 0
    same = compared(before, before)
    assert same["drift"]["job"]["distance"] == 0
    assert same["codes"] == {}


@pytest.mark.parametrize(
    ("rows", "homes", "there"),
    [
        pytest.param(4, None, True, id="on-the-floor"),
        pytest.param(3, None, False, id="too-few-people"),
        pytest.param(6, 2, False, id="too-few-households"),
    ],
)
def test_a_code_is_told_where_it_stands_on_the_floor(
    rows: int, homes: int | None, there: bool
) -> None:
    without, having = people("a" * 8), people("a" * 8 + "b" * rows)
    if homes:
        having.loc[8:, "home"] = [f"h{row % homes}" for row in range(rows)]
    expected = ["b"] if there else []
    appeared = compared(without, having)["codes"].get("job", {"appeared": []})
    vanished = compared(having, without)["codes"].get("job", {"vanished": []})
    assert appeared["appeared"] == expected
    assert vanished["vanished"] == expected


def test_a_code_that_somebody_had_has_not_appeared() -> None:
    assert compared(people("a" * 8 + "b"), people("a" * 8 + "b" * 8))["codes"] == {}


def test_special_numbers_are_codes_and_other_numbers_are_not() -> None:
    before, now = people("a" * 8, [30.0] * 8), people("a" * 8, [98.0] * 4 + [31.0] * 4)
    assert compared(before, now)["codes"] == {"age": {"appeared": ["98"], "vanished": []}}


@pytest.mark.parametrize(
    ("rows", "changed", "published", "moved"),
    [
        pytest.param(20_000, 120, (0.01, 0.0), False, id="0.006-where-chance-gives-0.004"),
        pytest.param(90_000, 405, (0.0, 0.0), True, id="0.0045-where-chance-gives-0.0019"),
    ],
)
def test_a_column_has_moved_by_exact_figures(
    rows: int, changed: int, published: tuple[float, float], moved: bool
) -> None:
    half = rows // 2
    before, now = (
        people("a" * half + "b" * half),
        people("a" * (half - changed) + "b" * (half + changed)),
    )
    found = compared(before, now)["drift"]["job"]
    assert (round(found["distance"], 2), round(found["chance"], 2)) == published
    assert found["moved"] == moved


def test_what_chance_gives_is_what_samples_of_one_population_show() -> None:
    random = np.random.default_rng(1)
    shares, sizes = np.array([0.5, 0.3, 0.15, 0.05]), (400, 900)
    seen, expected = [], []
    for _ in range(400):
        before, now = (random.multinomial(size, shares) for size in sizes)
        seen.append(np.abs(before / sizes[0] - now / sizes[1]).sum() / 2)
        expected.append(chance_distance(before, now))
    assert np.mean(expected) == pytest.approx(np.mean(seen), rel=0.05)


def test_places_inside_others_and_columns_of_one_period_are_left_out() -> None:
    columns = {"region": code(), "town": code(), "job": code(), "dog": code(optional=True)}
    spec = invented_spec(columns, rules=[])
    before = pd.DataFrame({name: pd.Categorical(list("ab" * 10)) for name in columns})
    now = before.assign(dog=pd.Categorical([None] * 20))
    assert set(compared(before, now, spec)["drift"]) == {"region", "job"}
    assert compared(before[["town"]], now, spec) == {"drift": {}, "codes": {}}
