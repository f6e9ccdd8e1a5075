"""Shapes, pairs, k-marginals and propensity against SDMetrics, hand counts and their references."""

import numpy as np
import pandas as pd
import pytest
from sdmetrics.column_pairs import ContingencySimilarity
from sdmetrics.single_column import KSComplement, TVComplement

from include.espejo.evaluate.general.marginals import draw_views, score_marginals
from include.espejo.evaluate.general.propensity import design, logistic, score_propensity, tree
from include.espejo.evaluate.general.shapes import pair_scores, score_pairs, score_shapes
from include.espejo.evaluate.scoring.coding import code_tables, cut_evenly, pool_rare, variation
from include.espejo.evaluate.scoring.references import (
    Contest,
    mean_scores,
    open_contest,
    with_position,
)
from include.espejo.survey import SurveySpec
from tests.support.documents import json_of
from tests.support.invented import code, invented_rows, invented_spec, number

SPEC = invented_spec(
    {
        "sex": code(),
        "place": code(),
        "age": number(special={98: "x"}, range=[0, 97]),
        "pay": number(),
    },
    rules=[],
)


def people(seed: int, rows: int = 2000) -> pd.DataFrame:
    """Columns that depend on each other, with blanks and a special code."""
    random = np.random.default_rng(seed)
    place = random.choice(4, rows, p=[0.4, 0.3, 0.2, 0.1])
    age = np.clip(random.normal(20 + 15 * place, 8), 0, 97).round()
    pay = np.where(
        random.random(rows) < 0.5, 0, (age * 100 + random.normal(0, 300, rows)).round(-2)
    )
    texts = np.array(["a", "b", "c", "d"])[place]
    sexes = np.array(["1", "2", None], dtype=object)
    return pd.DataFrame(
        {
            "sex": pd.Categorical(random.choice(sexes, rows, p=[0.48, 0.5, 0.02])),
            "place": pd.Categorical(texts),
            "age": np.where(random.random(rows) < 0.02, 98, age),
            "pay": np.where(random.random(rows) < 0.02, np.nan, pay),
        }
    )


def contest_of(
    train: pd.DataFrame,
    synthetic: pd.DataFrame,
    holdout: pd.DataFrame | None = None,
    spec: SurveySpec = SPEC,
) -> Contest:
    return open_contest(train, holdout, synthetic, spec, np.random.default_rng(1))


def test_a_table_against_itself_scores_one_everywhere() -> None:
    train = people(1)
    contest = contest_of(train, train.sample(frac=1, random_state=1))
    assert json_of(score_shapes(contest))["score"] == pytest.approx(1)
    assert json_of(score_pairs(contest))["score"] == pytest.approx(1)
    scores = json_of(score_marginals(contest, "place", np.random.default_rng(1)))
    assert scores["score"] == pytest.approx(1000)
    assert scores["ceiling"] is None
    assert scores["position"] is None
    found = json_of(score_propensity(contest, np.random.default_rng(1)))
    assert found["logistic"]["score"]["ratio"] < 0.01
    assert found["tree"]["score"]["ratio"] < 2


def test_shapes_and_pairs_of_codes_are_those_of_sdmetrics() -> None:
    train, synthetic = people(1), people(2).iloc[:1500].assign(place=people(3)["place"][:1500])
    contest = contest_of(train, synthetic)
    left, right = (f.astype({"sex": object, "place": object}) for f in (train, synthetic))
    columns = json_of(score_shapes(contest))["columns"]
    for name in ("sex", "place"):
        expected = TVComplement.compute(left[name], right[name])
        assert columns[name]["all_rows"] == pytest.approx(expected)
    for name in ("age", "pay"):
        expected = KSComplement.compute(left[name], right[name])
        assert columns[name]["all_rows"] == pytest.approx(expected)
    pair = ["sex", "place"]
    expected = ContingencySimilarity.compute(left[pair], right[pair])
    assert pair_scores(contest)["place", "sex"]["all_rows"] == pytest.approx(expected)


def test_ceiling_lies_above_the_floor_and_another_sample_at_the_ceiling() -> None:
    contest = contest_of(people(1), people(2), people(3))
    random = np.random.default_rng(1)
    for scores in (
        json_of(score_pairs(contest))["associated"],
        json_of(score_marginals(contest, "place", random)),
        json_of(score_marginals(contest, None, random))["by_size"]["3"],
    ):
        assert scores["floor"] < scores["ceiling"]
        assert scores["position"] == pytest.approx(1, abs=0.15)
    found = json_of(score_propensity(contest, random))
    for model in ("logistic", "tree"):
        ceiling = found[model]["ceiling"]["ratio"]
        assert found[model]["floor"]["ratio"] > 3 * ceiling
        # Two independent samples have twice the noise of the null.
        assert 1 < ceiling < 3.5
        assert 1 < found[model]["score"]["ratio"] < 3.5


def test_shuffled_columns_score_near_the_floor_and_keep_their_shapes() -> None:
    train, random = people(1), np.random.default_rng(9)
    shuffled = pd.DataFrame(
        {n: train[n].iloc[random.permutation(len(train))].array for n in train.columns}
    )
    contest = contest_of(train, shuffled, people(3))
    assert json_of(score_pairs(contest))["associated"]["position"] == pytest.approx(0, abs=0.1)
    assert json_of(score_marginals(contest, "place", random))["position"] == pytest.approx(
        0, abs=0.1
    )
    shapes = json_of(score_shapes(contest))
    assert shapes["all_rows"] == pytest.approx(1)
    assert shapes["floor"] == pytest.approx(1, abs=0.03)
    assert shapes["uniform"] < 0.9


def test_contestants_have_equally_many_rows() -> None:
    contest = contest_of(people(1), people(2, 3000), people(3, 500))
    assert contest.sizes() == {"all_rows": 3000, "score": 500, "floor": 500, "ceiling": 500}


@pytest.mark.parametrize(("rows", "there"), [(99, False), (100, True)])
def test_a_holdout_of_a_few_people_gives_no_ceiling(rows: int, there: bool) -> None:
    contest = contest_of(people(1), people(2), people(3, rows))
    assert ("ceiling" in contest.others) is there
    assert contest.sizes()["score"] == (rows if there else 2000)


def test_losing_a_rare_special_code_costs_next_to_nothing() -> None:
    spec = invented_spec({"born": number(special={9999: "x"}), "sex": code()}, rules=[])
    random = np.random.default_rng(1)
    train = pd.DataFrame(
        {
            "born": random.integers(1930, 2016, 5000).astype(float),
            "sex": pd.Categorical(random.choice(["1", "2"], 5000)),
        }
    )
    without = train.copy()
    train.loc[:9, "born"] = 9999.0
    assert pair_scores(contest_of(train, without, spec=spec))["born", "sex"]["score"] > 0.99


def test_small_tables_by_hand() -> None:
    spec = invented_spec({"x": code(), "y": code()}, rules=[])
    real = pd.DataFrame({"x": pd.Categorical(list("aabb")), "y": pd.Categorical(list("kkll"))})
    other = pd.DataFrame({"x": pd.Categorical(list("aaab")), "y": pd.Categorical(list("kllk"))})
    contest = contest_of(real, other, spec=spec)
    # x: 2/4 against 3/4; y the same shares; cells ak .5/.25, al 0/.5, bl .5/0, bk 0/.25.
    columns = json_of(score_shapes(contest))["columns"]
    assert columns["x"]["score"] == pytest.approx(0.75)
    assert columns["y"]["score"] == pytest.approx(1)
    pair = pair_scores(contest)["x", "y"]
    assert pair["score"] == pytest.approx(0.25)
    assert pair["association"] == pytest.approx(1)
    assert variation(np.array([1, 3]), np.array([3, 1])) == pytest.approx(0.5)
    assert variation(np.array([1, 3]), np.array([0, 0])) == 1


def test_bins_hold_equal_shares_and_heaps_stand_alone() -> None:
    assert list(cut_evenly(np.ones(10, int), 5)) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    heaped = cut_evenly(np.array([1, 1, 50, 1, 1]), 2)
    assert list(heaped) == [0, 0, 1, 2, 2]


def test_rare_codes_are_pooled_and_the_blank_is_apart() -> None:
    assert list(pool_rare(np.array([10, 9, 30]), floor=10)) == [0, 2, 1, 3]
    assert list(pool_rare(np.array([10, 9, 30]), floor=9)) == [0, 1, 2, 4]
    assert len(set(pool_rare(np.arange(1000) + 20, floor=10))) == 52


def test_views_are_different_seeded_and_hold_the_geography() -> None:
    names = [f"c{n}" for n in range(20)]
    views = draw_views(names, 3, ("c7",), np.random.default_rng(4))
    assert views == draw_views(names, 3, ("c7",), np.random.default_rng(4))
    assert views != draw_views(names, 3, ("c7",), np.random.default_rng(5))
    assert len({frozenset(view) for view in views}) == 50
    assert all("c7" in view and len(set(view)) == 3 for view in views)
    assert len(draw_views(names[:3], 2, (), np.random.default_rng(4))) == 3
    assert draw_views(names[:1], 2, (), np.random.default_rng(4)) == []


def test_the_logistic_null_is_that_of_the_paper() -> None:
    """Over many pairs of samples pMSE is twice (k - 1)(1 - c)^2 c / N, and k is the rank."""
    random = np.random.default_rng(1)
    matrix = random.normal(size=(1000, 5))
    matrix = np.column_stack([matrix, matrix[:, 0]])  # adds no parameter
    label = np.repeat([0, 1], 500)
    found = [json_of(logistic(matrix, random.permutation(label))) for _ in range(60)]
    assert found[0]["null"] == pytest.approx(5 * 0.5**3 / 1000)
    assert np.mean([f["ratio"] for f in found]) == pytest.approx(2, rel=0.2)


def test_a_tree_sees_a_relation_that_main_effects_do_not() -> None:
    random = np.random.default_rng(1)
    x, y = random.integers(0, 4, 4000), random.integers(0, 4, 4000)
    label = np.repeat([0, 1], 2000)
    y[label == 1] = x[label == 1] ^ 1
    assert json_of(tree({"x": x, "y": y}, label, random))["ratio"] > 50


def test_tables_that_are_told_apart_at_once_reach_a_quarter() -> None:
    train = people(1)
    synthetic = train.assign(place=pd.Categorical(["z"] * len(train)))
    found = json_of(score_propensity(contest_of(train, synthetic), np.random.default_rng(1)))
    assert found["logistic"]["score"]["pmse"] == pytest.approx(0.25, abs=0.01)
    assert found["tree"]["score"]["pmse"] == pytest.approx(0.25, abs=0.01)


def test_a_design_leaves_a_bin_to_the_intercept() -> None:
    coded = code_tables(people(1), [], SPEC)
    place = (coded.field("place"),)
    assert design(place, coded.tables[0], []).shape == (2000, 3)


def test_positions_are_told_only_between_two_references() -> None:
    both = json_of(with_position({"score": 0.8, "ceiling": 0.9, "floor": 0.7}))
    assert both["position"] == pytest.approx(0.5)
    assert (
        json_of(with_position({"score": 0.8, "ceiling": 0.703, "floor": 0.7}))["position"] is None
    )
    assert json_of(with_position({"score": 0.8, "floor": 0.7}))["ceiling"] is None
    assert json_of(mean_scores([]))["score"] is None


def test_real_relations_of_the_invented_survey_are_found_associated() -> None:
    rows = invented_rows(1, 1000)
    pairs = pair_scores(contest_of(rows, rows, spec=invented_spec()))
    assert pairs["size", "town"]["association"] > 0.9
    assert pairs["month", "sex"]["association"] < 0.3
