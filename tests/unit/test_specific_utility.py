"""Indicators on real and synthetic rows, by hand on small tables."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.espejo.errors import InputError
from include.espejo.evaluate.scoring.bootstrap import REPLICATES
from include.espejo.evaluate.specific.cells import quantile, statistics_of, tabulate
from include.espejo.table.indicators import compute_indicators
from tests.support.towns import (
    FREE_SPEC,
    PERIOD,
    SPEC,
    indicator,
    people,
    spec_of,
    utility,
    without_key,
)


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    train, holdout = people(400, 1), people(200, 2, start=1000)
    return utility(train, holdout, without_key(people(500, 3)))


def test_figures_are_those_of_all_real_people_and_of_the_synthetic_rows() -> None:
    train, holdout = people(400, 1), people(200, 2, start=1000)
    synthetic = without_key(people(500, 3))
    found = utility(train, holdout, synthetic)
    real = pd.concat([train, holdout])
    (north, south) = indicator(found, "employed")["figures"]
    assert (north["group"], south["group"]) == ("town=N", "town=S")
    for table, side in ((real, "real"), (synthetic, "synthetic")):
        share = (table["job"][table["town"] == "N"] == "y").mean()
        assert north[side] == pytest.approx(share)
        low, high = north[f"{side}_interval"]
        assert low < share < high
    error = (north["synthetic"] - north["real"]) / north["real"]
    assert north["relative_error"] == pytest.approx(error)
    young = [f for f in indicator(found, "pay")["figures"] if f["group"] == "age=-29"]
    by_statistic = {figure["statistic"]: figure["real"] for figure in young}
    pay = real["pay"][(real["pay"] > 0) & (real["age"] < 30)]
    assert by_statistic == pytest.approx(
        {
            "mean": pay.mean(),
            "median": pay.median(),
            "first_quartile": pay.quantile(0.25),
            "third_quartile": pay.quantile(0.75),
        }
    )


def test_counts_give_the_figures_that_the_indicators_module_gives() -> None:
    spec, table = spec_of(), people(300, 4)
    table.loc[::17, "age"] = np.nan
    expected = compute_indicators(table, spec, PERIOD)
    for one in spec.indicators:
        cells = tabulate(one, table, spec, PERIOD)
        counts = np.bincount(cells.cell[cells.cell >= 0], minlength=cells.size)[:, None]
        got = {key: figure[0] for key, figure in statistics_of(one, cells, counts).items()}
        rows = expected[(expected["indicator"] == one.name) & (expected["value"] > 0)]
        keys = zip(rows["statistic"], rows["group"], rows["category"], strict=True)
        assert got == pytest.approx(dict(zip(keys, rows["value"], strict=True)))


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_a_weighted_quantile_is_that_of_the_values_repeated(share: float) -> None:
    values, counts = np.array([1.0, 5.0, 7.0, 20.0]), np.array([[3, 0], [1, 2], [4, 0], [2, 0]])
    repeated = pd.Series(np.repeat(values, counts[:, 0]))
    assert quantile(values, counts, share) == pytest.approx([repeated.quantile(share), 5.0])
    assert np.isnan(quantile(values, np.zeros((4, 1)), share)).all()


def test_it_says_that_it_is_unweighted_and_what_not_to_compute(found: dict[str, Any]) -> None:
    assert found["weighted"] is False
    assert set(found["note"]) == {"es", "en"}
    assert found["must_not_be_computed"] == {"es": "Sin totales.", "en": "No totals."}
    assert found["settings"]["drawn_by"] == {"real": "household", "synthetic": "row"}
    assert found["settings"]["households"] == 300


def test_identical_tables_overlap_nearly_wholly_and_others_not() -> None:
    table = people(600, 5)
    same = utility(table, None, without_key(table), FREE_SPEC)
    assert same["settings"]["drawn_by"]["real"] == "row"
    assert same["settings"]["households"] is None
    for one in same["indicators"]:
        assert one["mean_overlap"] > 0.85
        assert one["median_absolute_relative_error"] == 0
        assert one["disjoint"] == 0
    other = without_key(table).assign(job=pd.Categorical(["n"] * 590 + ["y"] * 10))
    apart = indicator(utility(table, None, other, FREE_SPEC), "employed")
    assert apart["disjoint"] == 2
    assert apart["mean_overlap"] == 0
    assert all(figure["overlap"] < 0 for figure in apart["figures"])


def test_a_household_key_that_the_table_lacks_is_refused() -> None:
    with pytest.raises(InputError, match="household key"):
        utility(without_key(people(50, 1)), None, without_key(people(50, 2)))


def with_west(west: list[str]) -> pd.DataFrame:
    """A table with some people, each of a household of one's own, in a third town."""
    more = pd.DataFrame(
        {
            "home": [f"w{n}" for n in range(len(west))],
            "town": "W",
            "job": west,
            "age": 40.0,
            "pay": 50.0,
        }
    )
    frame = pd.concat(
        [people(200, 6).astype({"home": object, "town": object, "job": object}), more]
    )
    return frame.astype({name: "category" for name in ("home", "town", "job")})


@pytest.mark.parametrize(
    ("rows", "figures", "groups", "shares"),
    [
        # Under the floor; the next smallest town goes with it, or a total would tell of them.
        (4, 1, 2, 0),
        (6, 2, 0, 1),  # enough people, but three of each answer
        (10, 3, 0, 0),
    ],
)
def test_a_group_of_too_few_real_people_is_left_out(
    rows: int, figures: int, groups: int, shares: int
) -> None:
    train = with_west(["y", "n"] * (rows // 2))
    one = indicator(utility(train, None, without_key(people(200, 7))), "employed")
    assert len(one["figures"]) == figures
    assert (one["left_out"]["groups"], one["left_out"]["shares"]) == (groups, shares)


def test_what_is_left_out_together_is_of_enough_households_too() -> None:
    """Eight people of two homes: enough people to be left out alone, and too few households."""
    west = with_west(["y", "n"] * 4)
    west["home"] = west["home"].astype(object)
    west.loc[west["town"] == "W", "home"] = ["w1"] * 4 + ["w2"] * 4
    train = west.astype({"home": "category"})
    one = indicator(utility(train, None, without_key(people(200, 7))), "employed")
    assert one["left_out"]["groups"] == 2


def test_what_all_of_a_group_are_is_left_out() -> None:
    one = indicator(utility(with_west(["y"] * 12), None, without_key(people(200, 7))), "employed")
    assert [figure["group"] for figure in one["figures"]] == ["town=N", "town=S"]
    assert one["left_out"]["shares"] == 1


def test_a_rare_category_goes_with_the_next_smallest() -> None:
    train = people(200, 8).astype({"job": object})
    train.loc[train.index[:3], "job"] = "u"
    train.loc[train.index[:3], "age"] = 20.0
    one = indicator(
        utility(train.astype({"job": "category"}), None, without_key(people(200, 9))), "jobs"
    )
    assert one["left_out"]["shares"] == 2
    assert len(one["figures"]) == 1


def test_a_group_that_only_one_side_has() -> None:
    train, bare = with_west(["y", "n"] * 20), without_key(people(200, 7))
    one = indicator(utility(train, None, bare), "employed")
    west = one["figures"][-1]
    assert (west["group"], west["synthetic"], west["overlap"]) == ("town=W", None, None)
    assert west["real"] == 0.5
    assert one["missing"] == 1
    invented = indicator(
        utility(people(200, 6), None, without_key(with_west(["y", "n"] * 20))), "employed"
    )
    assert invented["left_out"]["synthetic_groups_without_real_people"] == 1
    assert [figure["group"] for figure in invented["figures"]] == ["town=N", "town=S"]


def test_an_indicator_about_nobody_has_no_figures() -> None:
    text = SPEC.replace("among: age >= 15", "among: age >= 99")
    one = indicator(utility(people(60, 1), None, without_key(people(60, 2)), text), "jobs")
    assert (one["figures"], one["mean_overlap"]) == ([], None)


def test_a_seed_gives_the_same_and_leaves_the_global_generator_alone() -> None:
    train, synthetic = people(120, 1), without_key(people(120, 2))
    np.random.seed(7)  # noqa: NPY002 (the state under test is the global one)
    expected = np.random.random()  # noqa: NPY002 (as above)
    np.random.seed(7)  # noqa: NPY002 (as above)
    first, again = (utility(train, None, synthetic) for _ in range(2))
    assert np.random.random() == expected  # noqa: NPY002 (as above)
    assert first == again
    assert first != utility(train, None, synthetic, seed=2)
    assert first["settings"]["replicates"] == REPLICATES


def test_real_intervals_are_as_wide_as_households_make_them() -> None:
    table = people(600, 9)
    table["job"] = table["job"].to_numpy()[np.arange(600) // 2 * 2]  # both of a home do alike
    table["town"] = "N"
    table = table.astype({"job": "category", "town": "category"})
    widths = []
    for text in (SPEC, FREE_SPEC):
        (figure,) = indicator(utility(table, None, without_key(table), text), "employed")["figures"]
        low, high = figure["real_interval"]
        widths.append(high - low)
    assert widths[0] / widths[1] == pytest.approx(2**0.5, rel=0.15)
