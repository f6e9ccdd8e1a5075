"""What is scored beyond pairs, each threshold on both sides: classifier, group figures, views of 4.

And what is drawn of a wide survey, which a narrow one has in full.
"""

import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.espejo.evaluate.general.classifier import score_classifier
from include.espejo.evaluate.general.marginals import score_marginals
from include.espejo.evaluate.general.propensity import (
    MOST_INDICATORS,
    MOST_PRODUCTS,
    design,
    draw_pairs,
)
from include.espejo.evaluate.quality import reports
from include.espejo.evaluate.quality.references import score_references
from include.espejo.evaluate.scoring.agreement import Estimates, agree, agreement, means, shares
from include.espejo.evaluate.scoring.references import Contest, open_contest
from include.espejo.evaluate.scoring.timing import timed
from include.espejo.evaluate.specific import group_figures
from include.espejo.evaluate.specific.group_figures import group_agreement
from include.espejo.survey import SurveySpec
from include.espejo.survey.disclosure import Floor
from tests.support.documents import json_of
from tests.support.invented import code, invented_spec, number
from tests.support.towns import people, utility, without_key

FLOOR = Floor(people=10, households=3)
SPEC = invented_spec(
    {
        "home": code(role="direct"),
        "sex": code(),
        "age": number(range=[0, 97]),
        "work": code(role="sensitive"),
        "pay": number(role="sensitive", brackets=[1, 1000]),
    },
    rules=[],
    person_key="none",
)


def workers(seed: int, rows: int = 3000, spread: float = 0.0) -> pd.DataFrame:
    """People whose work depends on sex and age together, and whose pay depends on their work.

    `spread`: of a trait of households, which all members' pay shows.
    """
    random = np.random.default_rng(seed)
    home = np.arange(rows) // 3
    sex, age = random.integers(0, 2, rows), random.integers(15, 80, rows)
    works = random.random(rows) < np.where((sex == 1) ^ (age > 45), 0.8, 0.3)
    trait = random.normal(0, spread, rows)[home] if spread else 0.0
    pay = np.where(works, np.exp(random.normal(6 + sex, 1.0) + trait), 0).round()
    return pd.DataFrame(
        {
            "home": pd.Categorical([f"{seed}-{number}" for number in home]),
            "sex": pd.Categorical(sex.astype(str)),
            "age": age.astype(float),
            "work": pd.Categorical(np.where(works, "y", "n")),
            "pay": pay.astype(float),
        }
    )


def shuffled(frame: pd.DataFrame, *names: str) -> pd.DataFrame:
    random = np.random.default_rng(9)
    return frame.assign(**{n: frame[n].array[random.permutation(len(frame))] for n in names})


def contest_of(
    synthetic: pd.DataFrame, holdout: pd.DataFrame | None = None, spec: SurveySpec = SPEC
) -> Contest:
    return open_contest(workers(1), holdout, synthetic, spec, np.random.default_rng(1))


# --- views and the classifier --------------------------------------------------------------------


def test_views_of_four_stand_beside_the_score_and_are_not_in_it() -> None:
    scores = json_of(
        score_marginals(contest_of(workers(2), workers(3)), None, np.random.default_rng(1))
    )
    by_size, views = scores["by_size"], scores["marginals"]
    assert set(by_size) == {"2", "3", "4"}
    assert by_size["4"]["floor"] < by_size["4"]["ceiling"] < by_size["2"]["ceiling"]
    of_two_and_three = [by_size[k]["score"] * views[k] for k in ("2", "3")]
    assert scores["score"] == pytest.approx(sum(of_two_and_three) / (views["2"] + views["3"]))


def test_trees_tell_shuffled_rows_and_not_another_sample() -> None:
    found = json_of(score_classifier(contest_of(workers(2), workers(3)), np.random.default_rng(1)))
    assert found["score"] == pytest.approx(0.5, abs=0.04)
    assert found["ceiling"] == pytest.approx(0.5, abs=0.04)
    assert found["floor"] > 0.75
    assert found["position"] == pytest.approx(1, abs=0.2)
    lost = shuffled(workers(2), "work", "pay")
    apart = json_of(score_classifier(contest_of(lost, workers(3)), np.random.default_rng(1)))
    assert apart["score"] > 0.75
    assert apart["position"] < 0.5


def test_what_two_columns_do_not_show_the_trees_see() -> None:
    """Work given sex and age together; with either alone it is as it was."""
    synthetic = workers(2)
    works = np.random.default_rng(4).random(len(synthetic)) < (synthetic["work"] == "y").mean()
    spec = invented_spec({"sex": code(), "age": number(), "work": code()}, rules=[])
    synthetic["work"] = pd.Categorical(np.where(works, "y", "n"))
    found = json_of(score_classifier(contest_of(synthetic, spec=spec), np.random.default_rng(1)))
    assert found["score"] > 0.6
    assert found["ceiling"] is found["position"] is None


def test_a_household_is_in_one_fold() -> None:
    """Members share a trait: in another fold they would give away whose table a row is of."""
    spec = invented_spec(
        {"home": code(role="direct"), "block": code(), "sex": code()},
        rules=[],
        geography="none",
        person_key="none",
    )
    frames = [workers(seed, 1500)[["home", "sex"]] for seed in (1, 2, 3)]
    for seed, frame in enumerate(frames):
        home = np.arange(1500) // 10
        drawn = np.random.default_rng(seed).integers(0, 250, 150)[home]
        frame["home"] = pd.Categorical([f"{seed}-{number}" for number in home])
        frame["block"] = pd.Categorical(drawn.astype(str))
    train, holdout, synthetic = frames
    contest = open_contest(train, holdout, synthetic, spec, np.random.default_rng(1))
    whole = json_of(score_classifier(contest, np.random.default_rng(1)))["ceiling"]
    apart = Contest(contest.fields, contest.train, contest.others)
    split = json_of(score_classifier(apart, np.random.default_rng(1)))["ceiling"]
    assert whole < 0.6
    assert split > 0.7


# --- figures of groups ---------------------------------------------------------------------------


def one(value: float, error: float, people: int = 100) -> Estimates:
    return Estimates(np.array([people]), np.array([value]), np.array([error]), True)


@pytest.mark.parametrize(("errors", "close"), [(1.95, True), (1.97, False)])
def test_figures_agree_within_both_their_errors(errors: float, close: bool) -> None:
    real, other = one(0.5, 0.03), one(0.5 + errors * 0.05, 0.04)  # hypot: 0.05
    assert agree(real, other).tolist() == [close]
    assert agree(other, real).tolist() == [close]


@pytest.mark.parametrize(("rows", "told"), [(4, False), (5, True)])
def test_a_figure_of_hardly_any_row_agrees_with_nothing(rows: int, told: bool) -> None:
    assert agree(one(0.5, 0.1), one(0.5, 0.1, rows)).tolist() == [told]


@pytest.mark.parametrize(
    ("people", "with_it", "stands"),
    [
        (29, 14, False),
        (30, 15, True),  # people of the group
        (100, 9, False),
        (100, 10, True),
        (100, 90, True),
        (100, 91, False),
    ],  # on either side
)
def test_a_share_stands_on_enough_people(people: int, with_it: int, stands: bool) -> None:
    found = shares(np.array([with_it]), np.array([people]))
    assert found.stand(FLOOR).tolist() == [stands]


def test_a_group_is_not_chosen_by_its_own_share() -> None:
    """Nobody of the first group has it; by the share of all, ten of it would."""
    found = shares(np.array([0, 40]), np.array([50, 150]))
    assert found.stand(FLOOR).tolist() == [True, True]


@pytest.mark.parametrize(("people", "stands"), [(39, False), (40, True)])
def test_a_floor_above_thirty_is_held(people: int, stands: bool) -> None:
    found = means(np.zeros(people, int), np.arange(float(people)), 1)
    assert found.stand(Floor(people=40)).tolist() == [stands]


def test_means_and_shares_by_hand() -> None:
    values = np.array([1e8 + 1, 1e8 + 3, 5.0])
    found = means(np.array([0, 0, 1]), values, 3)
    assert found.value.tolist() == [1e8 + 2, 5, 0]
    assert found.people.tolist() == [2, 1, 0]
    assert found.error[0] == pytest.approx(1 / np.sqrt(2), rel=1e-3)
    told = shares(np.array([1, 0]), np.array([4, 0]))
    assert told.value.tolist() == [0.25, 0]
    assert told.error[0] == pytest.approx(np.sqrt(0.25 * 0.75 / 4))


def test_views_are_weighed_by_their_figures() -> None:
    views = [
        {"score": np.array([True, True, False]), "floor": np.zeros(3, bool)},
        {"score": np.array([True]), "floor": np.array([True])},
    ]
    found = json_of(agreement(views))
    assert (found["score"], found["floor"], found["figures"]) == (0.75, 0.25, 4)
    assert json_of(agreement([]))["score"] is None
    assert json_of(agreement([]))["figures"] == 0


def group_scores(synthetic: pd.DataFrame, spec: SurveySpec = SPEC) -> dict[str, Any]:
    contest = contest_of(synthetic, workers(3), spec)
    views = group_agreement(contest, spec, np.random.default_rng(1))[1]
    return dict(json_of(agreement(views)))


def test_another_sample_agrees_and_lost_relations_do_not() -> None:
    alike, lost = group_scores(workers(2)), group_scores(shuffled(workers(2), "work", "pay"))
    assert alike["figures"] == lost["figures"] > 30
    assert alike["score"] == pytest.approx(0.95, abs=0.06)
    assert alike["ceiling"] == pytest.approx(0.95, abs=0.06)
    assert alike["floor"] < 0.7
    assert lost["score"] < 0.7
    assert lost["position"] < 0.3 < 0.7 < alike["position"]


def test_a_column_that_is_lost_is_told_by_its_name() -> None:
    contest = contest_of(shuffled(workers(2), "work"), workers(3))
    by_column = json_of(group_agreement(contest, SPEC, np.random.default_rng(1))[0])
    assert set(by_column) == {"work", "pay"}
    assert by_column["work"]["score"] < by_column["pay"]["score"] - 0.1


def test_a_survey_without_a_sensitive_column_has_no_such_figure() -> None:
    spec = invented_spec({"sex": code(), "age": number(), "work": code()}, rules=[])
    assert group_scores(workers(2), spec)["figures"] == 0


@pytest.mark.parametrize(("views", "seeds_differ"), [(1, True), (100, False)])
def test_views_beyond_the_limit_are_drawn_by_the_seed(
    monkeypatch: pytest.MonkeyPatch, views: int, seeds_differ: bool
) -> None:
    monkeypatch.setattr(group_figures, "MOST_VIEWS", views)
    contest = contest_of(workers(2), workers(3))

    def figures(seed: int) -> int:
        found = group_agreement(contest, SPEC, np.random.default_rng(seed))[1]
        return sum(len(view["score"]) for view in found)

    assert figures(1) == figures(1)
    assert (len({figures(seed) for seed in range(8)}) > 1) is seeds_differ


def test_a_place_is_its_code_within_the_level_above() -> None:
    """Town 1 of region A works, town 1 of region B does not: by the code alone both are half."""
    spec = invented_spec(
        {"region": code(), "town": code(), "work": code(role="sensitive")},
        rules=[],
        geography={"levels": ["region", "town"]},
    )

    def rows(seed: int, turned: bool = False) -> pd.DataFrame:
        random = np.random.default_rng(seed)
        region, town = random.integers(0, 2, 2000), random.integers(0, 2, 2000)
        works = random.random(2000) < np.where((region == town) ^ turned, 0.8, 0.2)
        return pd.DataFrame(
            {
                "region": pd.Categorical(region.astype(str)),
                "town": pd.Categorical(town.astype(str)),
                "work": pd.Categorical(np.where(works, "y", "n")),
            }
        )

    def score(synthetic: pd.DataFrame) -> float:
        contest = open_contest(rows(1), rows(2), synthetic, spec, np.random.default_rng(1))
        views = group_agreement(contest, spec, np.random.default_rng(1))[1]
        return float(json_of(agreement(views))["score"])

    assert score(rows(3)) > 0.8
    assert score(rows(3, turned=True)) < 0.5


def test_lopsided_numbers_are_compared_by_their_logarithms() -> None:
    """One income of a billion moves the mean of all, and hardly that of the logarithms."""
    rich = workers(2)
    at = int(np.flatnonzero(rich["pay"] > 0)[0])
    rich.loc[at, "pay"] = 1e9
    plain = contest_of(workers(2), workers(3))
    moved = contest_of(rich, workers(3))
    pay = [
        group_agreement(contest, SPEC, np.random.default_rng(1))[0]["pay"].all_rows
        for contest in (plain, moved)
    ]
    assert pay[1] == pytest.approx(pay[0], abs=0.05)


def test_indicators_agree_with_other_people_and_not_with_noise() -> None:
    train, holdout = people(1200, 1), people(800, 2, start=5000)
    alike = utility(train, holdout, without_key(people(1200, 3)))["groups"]
    noise = people(1200, 3)
    noise["job"] = noise["job"].to_numpy()[np.random.default_rng(1).permutation(1200)]
    apart = utility(train, holdout, without_key(noise.astype({"job": "category"})))["groups"]
    assert alike["indicators"]["figures"] == apart["indicators"]["figures"] > 3
    assert alike["indicators"]["score"] > 0.8
    assert apart["indicators"]["score"] < alike["indicators"]["score"]
    assert alike["figures"] == alike["derived"]["figures"] + alike["indicators"]["figures"]


# --- wide surveys --------------------------------------------------------------------------------


@pytest.mark.parametrize(("columns", "products"), [(25, 300), (26, MOST_PRODUCTS)])
def test_products_of_a_wide_survey_are_drawn(columns: int, products: int) -> None:
    names = [f"c{n}" for n in range(columns)]
    found = draw_pairs(names, np.random.default_rng(1))
    assert len(set(found)) == products
    assert draw_pairs(names, np.random.default_rng(1)) == found
    # What a narrow survey has depends on no seed.
    assert (draw_pairs(names, np.random.default_rng(2)) == found) is (columns == 25)


def test_the_design_of_a_wide_survey_is_bounded() -> None:
    random, names = np.random.default_rng(1), [f"c{n}" for n in range(145)]
    spec = invented_spec({name: code() for name in names}, rules=[])
    frame = pd.DataFrame(
        {name: pd.Categorical(random.integers(0, 30, 600).astype(str)) for name in names}
    )
    contest = open_contest(frame, None, frame, spec, random)
    matrix = design(contest.fields, contest.train, draw_pairs(names, random))
    assert matrix.shape[1] <= MOST_INDICATORS + MOST_PRODUCTS


@pytest.mark.parametrize(("columns", "paired"), [(60, 60), (61, 60), (150, 60)])
def test_sdmetrics_pairs_of_a_wide_survey_are_drawn(columns: int, paired: int) -> None:
    metadata = {"columns": {f"c{n}": {"sdtype": "categorical"} for n in range(columns)}}
    found = reports.paired_columns(metadata, 1)
    assert len(found) == len(set(found)) == paired
    assert found == [name for name in metadata["columns"] if name in found]  # in their order
    assert reports.paired_columns(metadata, 1) == found
    assert (reports.paired_columns(metadata, 2) == found) is (columns == 60)


def plain(seed: int) -> tuple[pd.DataFrame, dict[str, Any]]:
    frame = workers(seed)[["sex", "age", "work", "pay"]].astype({"sex": object, "work": object})
    kinds = {name: "numerical" if name in ("age", "pay") else "categorical" for name in frame}
    return frame, {"columns": {name: {"sdtype": kind} for name, kind in kinds.items()}}


def test_the_scores_of_a_narrow_survey_are_sdmetrics_own() -> None:
    (real, metadata), (other, _) = plain(1), plain(2)
    report = reports._report("QualityReport")
    report.num_rows_subsample = None
    report.real_correlation_threshold = reports.CORRELATION_THRESHOLD
    report.real_association_threshold = reports.ASSOCIATION_THRESHOLD
    report.generate(real, other, metadata, verbose=False)
    assert reports.quality(real, other, metadata).overall == pytest.approx(report.get_score())


def test_of_a_wide_survey_every_shape_and_the_drawn_pairs_are_scored() -> None:
    (real, metadata), (other, _) = plain(1), plain(2)
    few = ["sex", "work", "pay"]
    found, whole = (reports.quality(real, other, metadata, paired) for paired in (few, None))
    assert list(found.shape_details["Column"]) == list(real)
    assert found.shapes == pytest.approx(whole.shapes)
    assert len(found.pair_details) == 3
    assert set(found.pair_details["Column 1"]) | set(found.pair_details["Column 2"]) == set(few)
    pairs = whole.pair_details.set_index(["Column 1", "Column 2"])["Score Without Threshold"]
    for row in found.pair_details.itertuples():
        assert row[-1] == pytest.approx(pairs[row[1], row[2]])
    sides = {"score": other, "floor": real}
    told = json_of(score_references(found, real, sides, metadata, 1))
    assert told["column_shapes"]["score"] == pytest.approx(found.shapes, abs=0.01)
    assert told["column_pair_trends_all_pairs"]["score"] == pytest.approx(
        found.pair_trends_all, abs=0.01
    )


def test_each_part_tells_its_seconds(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "include.espejo.evaluate.scoring.timing")
    with timed("a part"):
        assert caplog.messages == []
    (message,) = caplog.messages
    assert message.startswith("evaluated a part: ")
    assert message.endswith(" s")
