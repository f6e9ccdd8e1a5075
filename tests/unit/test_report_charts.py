"""What the report works out before it is drawn: distributions, axes, numbers, judgements."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from include.espejo.protect.floors import few_of_each
from include.espejo.report.charts import draw_histogram, nice_ticks
from include.espejo.report.distributions import MOST_BARS, Histogram, distribution
from include.espejo.report.estimates import group_labels
from include.espejo.report.fitness import is_near, uses
from include.espejo.report.formats import Numbers, in_both
from include.espejo.report.gates import make_verdict
from include.espejo.report.pairs import make_pairs
from include.espejo.report.pyramid import pyramid
from include.espejo.report.scores import track
from include.espejo.spec import SurveySpec
from include.espejo.spec.column import Column, Label
from include.espejo.spec.disclosure import Floor
from tests.report_pages import everybody

FLOOR = 10
TEXT = Label(es="x", en="x")


def code(**keys: object) -> Column:
    return Column.model_validate({"kind": "code", "label": TEXT, **keys})


def number(**keys: object) -> Column:
    return Column.model_validate({"kind": "integer", "label": TEXT, **keys})


def texts(*counts: int) -> pd.Series:
    """So many rows of `a`, of `b`, and so on."""
    return pd.Series(np.repeat(list("abcdefgh")[: len(counts)], counts))


# --- distributions -----------------------------------------------------------------------------


def test_a_bar_holds_the_floor_of_households_too() -> None:
    """Twelve people of two households are as good as named, whatever the floor of people says."""
    rows = texts(12, 12, 60)
    households = np.concatenate([np.repeat([0, 1], 6), np.arange(2, 14), np.arange(14, 74)])
    counted = few_of_each(households, Floor(people=10, households=3))
    assert counted.sum() == 8 + 12 + 60
    shown = {bar.code for bar in distribution(rows, rows, code(), FLOOR, counted).bars}
    assert "a" not in shown
    assert "c" in shown
    ages = pd.Series(np.repeat([5.0, 50.0, 90.0], [12, 12, 60]))
    edges = distribution(ages, ages, number(), FLOOR, counted).histogram.edges
    assert edges.min() == 50, "the two households are in the bin of others"


def test_codes_are_in_the_specs_order_and_unspecified_ones_last() -> None:
    column = code(codes=dict.fromkeys(("c", "a", "b")), residual={"c": ("a", "b")}, code_ranges=())
    shown = distribution(texts(20, 30, 40), texts(1, 2, 3), column, FLOOR).bars
    assert [bar.code for bar in shown] == ["a", "b", "c"]


def test_places_are_by_size_and_the_blank_comes_last() -> None:
    rows = pd.concat([texts(20, 30), pd.Series([None] * 50)])
    shown = distribution(rows, rows, code(), FLOOR, by_size=True).bars
    assert [(bar.kind, bar.code) for bar in shown] == [("code", "b"), ("code", "a"), ("blank", "")]
    assert [bar.real for bar in shown] == [0.3, 0.2, 0.5]


@pytest.mark.parametrize(("people", "shown"), [(FLOOR - 1, False), (FLOOR, True)])
def test_a_code_is_shown_from_the_floor_on(people: int, shown: bool) -> None:
    rows = texts(50, people)
    bars = distribution(rows, rows, code(), FLOOR).bars
    assert ("b" in [bar.code for bar in bars]) == shown
    # Alone under the floor, what is merged takes in the next: nothing follows by subtraction.
    assert all(bar.real * len(rows) >= FLOOR - 0.5 for bar in bars)


def test_a_thousand_codes_become_the_commonest_and_the_rest() -> None:
    rows = pd.Series(np.repeat([f"{at:04}" for at in range(1000)], 20))
    bars = distribution(rows, rows, code(), FLOOR).bars
    assert len(bars) == MOST_BARS + 1
    assert bars[-1].kind == "others"
    assert sum(bar.real for bar in bars) == pytest.approx(1, abs=0.01)


def test_a_synthetic_code_that_no_real_row_has_is_among_the_others() -> None:
    bars = distribution(texts(50, 50), texts(50, 40, 10), code(), FLOOR).bars
    assert (bars[-1].kind, bars[-1].real, bars[-1].synthetic) == ("others", 0.0, 0.1)


def test_all_missing_is_one_blank() -> None:
    rows = pd.Series([None] * 50, dtype=object)
    assert [bar.kind for bar in distribution(rows, rows, code(), FLOOR).bars] == ["blank"]
    empty = pd.Series([np.nan] * 50)
    shown = distribution(empty, empty, number(), FLOOR)
    assert (shown.histogram, [bar.kind for bar in shown.bars]) == (None, ["blank"])


def test_incomes_are_on_a_logarithmic_scale_and_ages_are_not() -> None:
    random = np.random.default_rng(1)
    income = pd.Series(random.lognormal(8, 1, 5000).round())
    age = pd.Series(random.integers(1, 90, 5000).astype(float))
    assert distribution(income, income, number(), FLOOR).histogram.log
    assert not distribution(age, age, number(), FLOOR).histogram.log
    assert not distribution(income - 5000, income, number(), FLOOR).histogram.log  # negatives


@pytest.mark.parametrize("log", [False, True])
def test_no_bin_stands_on_fewer_than_the_floor(log: bool) -> None:
    random = np.random.default_rng(2)
    values = random.lognormal(8, 1, 400).round() if log else random.normal(50, 9, 400).round()
    shown = distribution(pd.Series(values), pd.Series(values), number(), FLOOR).histogram
    assert shown.log == log
    assert shown.real.min() * len(values) >= FLOOR
    assert shown.real.sum() == pytest.approx(1, abs=0.01)
    assert shown.edges.max() < values.max()  # the extreme is somebody's


def test_a_shared_lowest_value_is_told_apart() -> None:
    values = pd.Series([0.0] * 60 + list(np.linspace(100, 900, 40)))
    shown = distribution(values, values, number(), FLOOR)
    assert [(bar.code, bar.real) for bar in shown.bars] == [("0", 0.6)]
    assert shown.histogram.real.sum() == pytest.approx(0.4, abs=0.01)


def people(spec: SurveySpec, men: int, women: int) -> pd.DataFrame:
    first, second = list(spec.columns["SEX"].codes)[:2]
    ages = np.tile(np.arange(0.0, 60.0), (men + women) // 60 + 1)[: men + women]
    return pd.DataFrame({"EDA": ages, "SEX": [first] * men + [second] * women})


def test_a_pyramid_widens_its_bands_to_the_floor(enoe: SurveySpec) -> None:
    table = people(enoe, 600, 120)
    tower = pyramid(table, table, enoe, everybody(table))
    assert tower.real.sum() == pytest.approx(1, abs=0.02)
    assert (tower.real * len(table)).min() >= FLOOR - 1
    assert set(np.diff(tower.edges)) == {5.0}
    thin = people(enoe, 600, 60)
    assert set(np.diff(pyramid(thin, thin, enoe, everybody(thin)).edges)) == {10.0}


def test_there_is_no_pyramid_of_too_few_or_where_the_spec_names_none(
    enoe: SurveySpec, parks: SurveySpec
) -> None:
    few = people(enoe, 600, FLOOR - 1)
    assert pyramid(few, few, enoe, everybody(few)) is None
    assert pyramid(few, few, parks, everybody(few)) is None


# --- drawings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [(0, 100, [0, 20, 40, 60, 80, 100]), (1920, 2015, [1920, 1940, 1960, 1980, 2000]), (3, 3, [3])],
)
def test_ticks_are_round(low: float, high: float, found: list[float]) -> None:
    assert nice_ticks(low, high).tolist() == found


def test_a_doubling_is_as_wide_as_another_on_a_logarithmic_axis() -> None:
    even = np.array([0.25, 0.25])
    drawn = draw_histogram(Histogram(np.array([1.0, 10, 100]), even, even, log=True))
    ticks = {tick.value: tick.at for tick in drawn.across}
    assert ticks[10.0] - ticks[1.0] == pytest.approx(ticks[100.0] - ticks[10.0])
    assert drawn.real == drawn.synthetic


def test_a_score_lies_between_its_floor_and_its_ceiling() -> None:
    marks = track(0.8, 0.9, 0.5, previous=0.7)
    assert 0 < marks.floor < marks.previous < marks.score < marks.ceiling < 100
    alone = track(0.8, None, None)
    assert (alone.ceiling, alone.floor) == (None, None)
    assert 0 < alone.score < 100


# --- words and numbers -------------------------------------------------------------------------


def test_numbers_follow_each_languages_locale() -> None:
    spain = Numbers(Label(es="es_ES", en="en_GB"))
    assert spain.amount(12345.0) == in_both("12.345", "12,345")
    assert spain.score(0.5) == in_both("0,50", "0.50")
    mexico = Numbers(Label(es="es_MX", en="en_US"))
    assert mexico.amount(12345.0) == "12,345"  # alike in both: once
    assert mexico.score(-0.001) == "0.00"
    assert mexico.change(-0.001) == "0"
    assert mexico.score(None) == "–"


def test_texts_are_escaped() -> None:
    assert "<b>" not in in_both("<b>", "<i>")


def test_a_group_is_told_by_its_codes_labels(enoe: SurveySpec) -> None:
    indicator = next(i for i in enoe.indicators if i.name == "population_pyramid")
    parts = group_labels(enoe, indicator, "ENT=09, EDA=15-29")
    assert parts[0] == "Ciudad de México"
    assert "15–29" in parts[1]
    assert group_labels(enoe, None, "A=<b>") == ["A=&lt;b&gt;"]
    assert group_labels(enoe, indicator, "") == []


# --- judgements --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("score", "ceiling", "near"), [(0.86, 0.9, True), (0.84, 0.9, False), (0.9, None, True),
                                   (0.89, None, False)]
)  # fmt: skip
def test_near_is_within_a_twentieth_of_the_ceiling(
    score: float, ceiling: float | None, near: bool
) -> None:
    assert is_near(score, ceiling) == near


def general(difference: float) -> dict[str, object]:
    """Two columns that are weakly related, whose association changes by so much."""
    return {
        "pair_trends": {"pairs": [
            {"columns": ["a", "b"], "associated": False, "score": 0.95, "ceiling": 0.95,
             "floor": 0.9}]},
        "associations": {
            "columns": ["a", "b"], "measures": [["cramers_v"] * 2] * 2,
            "real": [[1, 0.25], [0.25, 1]],
            "synthetic": [[1, 0.25 + difference], [0.25 + difference, 1]],
            "difference": [[0, difference], [difference, 0]],
        },
    }  # fmt: skip


@pytest.mark.parametrize(("difference", "answer"), [(-0.09, "yes"), (-0.11, "no")])
def test_a_weak_relation_that_is_lost_counts(difference: float, answer: str) -> None:
    (use,) = [use for use in uses({}, {"general": general(difference)}) if "dos" in use.name.es]
    assert use.answer == answer
    assert use.but == (() if answer == "yes" else ("a × b",))


def test_a_pair_is_the_same_from_either_side() -> None:
    pairs = make_pairs(general(-0.2))
    assert pairs.cell("difference", "a", "b") == pairs.cell("difference", "b", "a")
    assert pairs.cell("difference", "a", "b").shade == "n3"
    assert pairs.cell("real", "a", "a").shade == "own"
    assert make_pairs({}).names == ()


@pytest.mark.parametrize(
    ("passed", "override", "answer"),
    [(True, None, "passed"), (False, None, "held"),
     (False, {"gates": ["x"], "reason": "y"}, "overridden")],
)  # fmt: skip
def test_the_verdict(passed: bool, override: object, answer: str) -> None:
    gate = {"name": "x:key", "applicable": True, "passed": passed, "safe_to_within": None}
    verdict = make_verdict({"gates": [gate], "override": override})
    assert verdict.answer == answer
    assert (verdict.passed, verdict.applied) == (int(passed), 1)


def test_a_release_without_gates_is_held() -> None:
    assert make_verdict({}).answer == "held"
