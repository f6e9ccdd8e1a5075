"""The whole of general utility on odd tables; moments, associations and parts by hand."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from include.espejo.errors import MetricError
from include.espejo.evaluate.general.association import (
    compare_associations,
    correlation_ratio,
    cramers_v,
    ranks,
    spearman,
)
from include.espejo.evaluate.general.breakdown import OTHERS
from include.espejo.evaluate.general.moments import describe_numbers, floored_quantile
from include.espejo.evaluate.general.utility import general_utility
from include.espejo.evaluate.scoring.coding import code_tables
from include.espejo.survey import SurveySpec
from tests.support.documents import json_of
from tests.support.invented import code, codes, invented_rows, invented_spec, number

SPEC = invented_spec()


def utility_of(
    train: pd.DataFrame,
    synthetic: pd.DataFrame,
    holdout: pd.DataFrame | None = None,
    spec: SurveySpec = SPEC,
) -> dict[str, Any]:
    """Through JSON, which refuses NaN."""
    return dict(json_of(general_utility(train, holdout, synthetic, spec, seed=1)))


def numbers_of(values: list[float], floor: int = 10, **column: Any) -> dict[str, Any]:
    spec = invented_spec({"x": number(**column), "y": code()}, rules=[])
    frame = pd.DataFrame({"x": values, "y": pd.Categorical(["a"] * len(values))})
    coded = code_tables(frame, [frame], spec)
    numbers = describe_numbers(coded.fields, coded.tables[0], coded.tables[1], floor)
    return dict(json_of(numbers["x"]))


def test_the_whole_is_seeded_ready_for_json_and_complete() -> None:
    train, holdout, synthetic = (invented_rows(seed, 600) for seed in (1, 2, 3))
    found = utility_of(train, synthetic, holdout)
    assert found == utility_of(train, synthetic, holdout)
    assert found["settings"]["has_ceiling"]
    assert set(found["column_shapes"]["columns"]) == set(SPEC.model.columns)
    assert len(found["pair_trends"]["pairs"]) == 12 * 11 // 2
    assert found["k_marginal"]["always"] == "region"
    assert {pair["associated"] for pair in found["pair_trends"]["pairs"]} == {True, False}


def test_without_a_holdout_ceilings_are_none_and_all_else_is_there() -> None:
    train, synthetic = invented_rows(1, 600), invented_rows(3, 600)
    found = utility_of(train, synthetic)
    for name in ("column_shapes", "pair_trends", "k_marginal"):
        assert found[name]["ceiling"] is None
        assert found[name]["position"] is None
        assert found[name]["score"] is not None
        assert found[name]["floor"] is not None
    assert found["propensity"]["tree"]["ceiling"] is None
    assert found["associations"]["mean_absolute_difference"]["ceiling"] is None


def odd_frame(rows: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "same": pd.Categorical(["k"] * rows),
            "thousand": pd.Categorical([f"{n:04}" for n in random.integers(0, 1000, rows)]),
            "empty": pd.Categorical([None] * rows, categories=["z"]),
            "void": np.full(rows, np.nan),
            "seven": np.full(rows, 7.0),
            "only_special": np.full(rows, 99.0),
            "free": random.normal(size=rows),
        }
    )


def test_columns_that_do_not_vary_are_blank_or_have_a_thousand_codes() -> None:
    kinds = {"same": code(), "thousand": code(), "empty": code(), "void": number()}
    kinds |= {"seven": number(), "only_special": number(special={99: "x"}), "free": number()}
    spec = invented_spec(kinds, rules=[])
    first, second, third = (odd_frame(500, seed) for seed in (1, 2, 3))
    found = utility_of(first, second, third, spec)
    assert found["unscored_columns"] == ["empty", "void"]
    columns = found["column_shapes"]["columns"]
    assert set(columns) == {"same", "thousand", "seven", "only_special", "free"}
    assert columns["same"]["score"] == columns["seven"]["score"] == 1
    assert all(pair["score"] is not None for pair in found["pair_trends"]["pairs"])
    assert found["parts"] == {"level": None, "parts": {}, "merged": 0, "left_out": 0}
    assert found["k_marginal"]["always"] is None
    assert found["numbers"]["only_special"]["real"]["mean"] is None
    assert ["same", "thousand"] in found["associations"]["undefined"]
    assert found["propensity"]["logistic"]["score"]["ratio"] is not None


def test_a_table_of_one_column_that_does_not_vary() -> None:
    spec = invented_spec({"x": code(), "y": code()}, rules=[])
    frame = pd.DataFrame({"x": codes(*["a"] * 200), "y": codes(*[None] * 200)})
    found = utility_of(frame, frame, frame, spec)
    assert found["column_shapes"]["score"] == 1
    assert found["pair_trends"]["score"] is None
    assert found["propensity"]["tree"]["score"]["ratio"] is None


def test_what_cannot_be_compared_is_refused_with_its_remedy() -> None:
    rows = invented_rows(1, 200)
    with pytest.raises(MetricError, match=r"column age: .*lacks it; give"):
        utility_of(rows, rows.drop(columns="age"))
    with pytest.raises(MetricError, match="no rows"):
        utility_of(rows, rows.iloc[:0])
    blank = pd.DataFrame({"x": codes(None, None), "y": codes(None, None)})
    with pytest.raises(MetricError, match="check the input"):
        utility_of(blank, blank, spec=invented_spec({"x": code(), "y": code()}, rules=[]))


def parts_frame(**people: int) -> pd.DataFrame:
    random = np.random.default_rng(1)
    region = [name for name, count in people.items() for _ in range(count)]
    return pd.DataFrame(
        {
            "region": pd.Categorical(region),
            "work": pd.Categorical(random.choice(["a", "b"], len(region))),
        }
    )


PARTS = invented_spec({"region": code(), "work": code()}, rules=[])


def test_parts_of_few_people_are_merged_or_left_out() -> None:
    train = parts_frame(A=300, B=100, C=99, D=1)
    parts = utility_of(train, train, spec=PARTS)["parts"]
    assert set(parts["parts"]) == {"A", "B", OTHERS}
    assert (parts["merged"], parts["left_out"]) == (2, 0)
    train = parts_frame(A=300, B=100, C=98, D=1)
    few = utility_of(train, train, spec=PARTS)["parts"]
    assert set(few["parts"]) == {"A", "B"}
    assert (few["merged"], few["left_out"]) == (0, 2)


def test_a_part_that_the_synthetic_table_lacks_scores_nothing() -> None:
    train = parts_frame(A=300, B=100)
    parts = utility_of(train, parts_frame(A=400), spec=PARTS)["parts"]["parts"]
    assert parts["B"]["column_shapes"]["score"] == 0
    assert parts["B"]["pair_trends"]["score"] == 0
    assert parts["A"]["column_shapes"]["score"] > 0.9


def test_moments_leave_special_codes_and_blanks_out() -> None:
    values = [1.0, 2.0, 3.0, 4.0] * 25 + [99.0] * 50 + [np.nan] * 50
    figures = numbers_of(values, special={99: "x"})["real"]
    assert figures["mean"] == pytest.approx(2.5)
    assert figures["standard_deviation"] == pytest.approx(np.std(values[:100], ddof=1))
    assert figures["quantiles"]["0.5"] == 2
    assert figures["shares"] == {"99": 0.25, "blank": 0.25, "ordinary": 0.5}


@pytest.mark.parametrize(
    ("special", "blank", "told"),
    [
        (10, 30, {"99", "blank", "ordinary"}),
        (9, 30, {"others", "ordinary"}),  # with the next smallest, or it follows by subtraction
        (9, 1, {"others", "ordinary"}),
        (9, 0, set()),
    ],
)
def test_a_share_on_a_few_people_does_not_follow_from_the_others(
    special: int, blank: int, told: set[str]
) -> None:
    values = [*map(float, range(99)), *[99.0] * special, *[np.nan] * blank]
    figures = numbers_of(values, special={99: "x"})
    shares = {name for name, share in figures["real"]["shares"].items() if share > 0}
    assert shares == told
    assert figures["difference"]["shares"].keys() == figures["real"]["shares"].keys()


def test_quantiles_stand_on_the_floor() -> None:
    amounts = np.arange(100.0)
    heaped = np.full(100, 10)
    assert floored_quantile(amounts, heaped, 0.5, floor=10) == 49
    assert floored_quantile(amounts, heaped, 0.01, floor=10) == 0
    assert floored_quantile(amounts, heaped, 0.01, floor=11) is None
    assert floored_quantile(amounts, heaped, 0.99, floor=11) is None
    # One person each: the mean of ten ranks, which is nobody's amount.
    alone = floored_quantile(amounts, np.ones(100, int), 0.5, floor=10)
    assert alone == pytest.approx(48.5)


def test_associations_by_hand_and_by_scipy() -> None:
    random = np.random.default_rng(1)
    x = random.integers(0, 5, 3000)
    y = random.integers(0, 300, 3000)
    assert cramers_v(x, x, 5) == pytest.approx(1, abs=1e-3)
    assert cramers_v(x, y, 300) < 0.1  # without correction 0.3
    a, b = random.integers(0, 50, 3000), random.integers(0, 50, 3000)
    b = (a + b) // 2
    assert spearman(ranks(a, 50), ranks(b, 50)) == pytest.approx(spearmanr(a, b).statistic)
    assert correlation_ratio(x, x.astype(float)) == pytest.approx(1)
    assert correlation_ratio(y, random.normal(size=3000)) < 0.15
    assert np.isnan(correlation_ratio(np.zeros(9, int), random.normal(size=9)))


def test_a_lost_relation_shows_in_the_difference() -> None:
    spec = invented_spec({"x": code(), "y": number(), "z": number(special={99: "x"})}, rules=[])
    random = np.random.default_rng(1)
    x = random.integers(0, 3, 1000)
    y = x + random.normal(0, 0.1, 1000)
    train = pd.DataFrame({"x": pd.Categorical(x.astype(str)), "y": y, "z": -y})
    lost = train.assign(y=random.permutation(y))
    coded = code_tables(train, [lost, train], spec)
    real, synthetic, holdout = coded.tables
    found = json_of(compare_associations(coded.fields, real, synthetic, holdout, floor=10))
    assert found["measures"][0][1] == "correlation_ratio"
    assert found["measures"][1][2] == "spearman"
    assert found["real"][0][1] > 0.9
    assert found["real"][1][2] == pytest.approx(-1)
    assert found["difference"][1][2] == pytest.approx(1, abs=0.1)
    assert found["mean_absolute_difference"]["ceiling"] == 0
    assert found["mean_absolute_difference"]["score"] > 0.5


def test_an_association_of_a_few_people_is_not_told() -> None:
    spec = invented_spec({"x": number(), "y": number()}, rules=[])
    for rows, enough in ((9, False), (10, True)):
        y = np.full(50, np.nan)
        y[:rows] = np.arange(rows)
        frame = pd.DataFrame({"x": np.arange(50.0), "y": y})
        coded = code_tables(frame, [frame], spec)
        sides = coded.tables[0], coded.tables[1]
        found = json_of(compare_associations(coded.fields, *sides, None, floor=10))
        assert (found["real"][0][1] is not None) is enough
        assert found["undefined"] == ([] if enough else [["x", "y"]])
