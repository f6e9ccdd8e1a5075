"""What the report works out before it is drawn: distributions, axes, numbers, judgements."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.espejo.evaluate.document import Utility
from include.espejo.evaluate.general.document import GeneralUtility
from include.espejo.evaluate.periods.document import Comparison
from include.espejo.evaluate.quality.document import Quality
from include.espejo.evaluate.scoring.references import ReferencedScore
from include.espejo.language import Label
from include.espejo.report.drawings.bins import axis_bins, count_in_bins
from include.espejo.report.drawings.charts import (
    Tick,
    draw_histogram,
    moment_ticks,
    nice_ticks,
    tick_decimals,
)
from include.espejo.report.drawings.distributions import MOST_BARS, Histogram, distribution
from include.espejo.report.drawings.pyramid import pyramid
from include.espejo.report.page.estimates import labels_of_group
from include.espejo.report.page.fitness import Use, fit_for, is_near, judge_pairs, uses
from include.espejo.report.page.formats import Numbers, in_both
from include.espejo.report.page.gates import make_verdict
from include.espejo.report.page.pairs import Pairs, make_pairs
from include.espejo.report.page.places import Tile
from include.espejo.report.page.scores import Headline, headlines, track
from include.espejo.survey import SurveySpec
from include.espejo.survey.column import Column
from include.espejo.survey.disclosure import Floor
from include.espejo.survey.moments import MomentKind, read_moment, write_moment
from include.espejo.table.floors import few_of_each
from tests.support.documents import filled
from tests.support.report_pages import everybody

FLOOR = 10
TEXT = Label(es="x", en="x")


def code(**keys: object) -> Column:
    return Column.model_validate({"kind": "code", "label": TEXT, **keys})


def number(**keys: object) -> Column:
    return Column.model_validate({"kind": "integer", "label": TEXT, **keys})


def histogram_of(*asked: Any, **more: Any) -> Histogram:
    """The histogram of a number's distribution; there is one."""
    found = distribution(*asked, **more).histogram
    assert found is not None
    return found


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
    edges = histogram_of(ages, ages, number(), FLOOR, counted).edges
    assert edges.min() == 50, "the two households are in the bin of others"


def test_shares_of_a_number_do_not_tell_how_many_are_left_out() -> None:
    """Four people of a special code have no bar, and the others' shares are of the others."""
    values = pd.Series(np.concatenate([np.arange(496) % 90, np.full(4, 98.0)]))
    shown = distribution(values, values, number(special={98: TEXT}), FLOOR)
    assert shown.bars == ()
    assert shown.histogram is not None
    assert shown.histogram.real.sum() == pytest.approx(1, abs=0.02)
    again = histogram_of(values[:496], values[:496], number(special={98: TEXT}), FLOOR)
    np.testing.assert_array_equal(again.real, shown.histogram.real)


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
    assert histogram_of(income, income, number(), FLOOR).log
    assert not histogram_of(age, age, number(), FLOOR).log
    assert not histogram_of(income - 5000, income, number(), FLOOR).log  # negatives


@pytest.mark.parametrize("log", [False, True])
def test_no_bin_stands_on_fewer_than_the_floor(log: bool) -> None:
    random = np.random.default_rng(2)
    values = random.lognormal(8, 1, 400).round() if log else random.normal(50, 9, 400).round()
    shown = histogram_of(pd.Series(values), pd.Series(values), number(), FLOOR)
    assert shown.log == log
    assert shown.real.min() * len(values) >= FLOOR
    assert shown.real.sum() == pytest.approx(1, abs=0.01)
    assert shown.edges.max() < values.max()  # the extreme is somebody's


def test_a_shared_lowest_value_is_told_apart() -> None:
    values = pd.Series([0.0] * 60 + list(np.linspace(100, 900, 40)))
    shown = distribution(values, values, number(), FLOOR)
    assert [(bar.code, bar.real) for bar in shown.bars] == [("0", 0.6)]
    assert shown.histogram is not None
    assert shown.histogram.real.sum() == pytest.approx(0.4, abs=0.01)


def people(spec: SurveySpec, men: int, women: int) -> pd.DataFrame:
    first, second = list(spec.columns["SEX"].codes)[:2]
    ages = np.tile(np.arange(0.0, 60.0), (men + women) // 60 + 1)[: men + women]
    return pd.DataFrame({"EDA": ages, "SEX": [first] * men + [second] * women})


def test_a_pyramid_widens_its_bands_to_the_floor(enoe: SurveySpec) -> None:
    table = people(enoe, 600, 120)
    tower = pyramid(table, table, enoe, everybody(table))
    assert tower is not None
    assert tower.real.sum() == pytest.approx(1, abs=0.02)
    assert (tower.real * len(table)).min() >= FLOOR - 1
    assert set(np.diff(tower.edges)) == {5.0}
    thin = people(enoe, 600, 60)
    wide = pyramid(thin, thin, enoe, everybody(thin))
    assert wide is not None
    assert set(np.diff(wide.edges)) == {10.0}


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


def test_a_label_at_the_right_edge_is_anchored_at_its_end() -> None:
    """Centred, half of it would be outside of the drawing."""
    even = np.array([0.25, 0.25])
    drawn = draw_histogram(Histogram(np.array([500.0, 5000, 50000]), even, even, log=True))
    assert drawn.across[-1].value == 50000
    assert [tick.anchor for tick in drawn.across] == [*["middle"] * (len(drawn.across) - 1), "end"]


QUALITY = {"overall": 0.96, "references": {"overall": {"score": 0.95, "ceiling": 0.94}}}
ALL_ROWS = {"overall": 0.96, "references": {"overall": {}}}


@pytest.mark.parametrize(
    ("quality", "before", "change"),
    [
        pytest.param(QUALITY, {"overall": 0.97, "equal_rows": {"overall": 0.93}}, 0.02, id="equal"),
        pytest.param(QUALITY, {"overall": 0.97, "equal_rows": {}}, None, id="an-early-release"),
        pytest.param(ALL_ROWS, {"overall": 0.97, "equal_rows": {}}, -0.01, id="all-rows"),
    ],
)
def test_a_score_is_held_against_one_of_the_same_kind(
    quality: dict[str, Any], before: dict[str, object], change: float | None
) -> None:
    references = quality["references"] | {"column_shapes": {}}
    told = filled(Quality, quality | {"references": references})
    comparison = filled(Comparison, {"previous": [before]})
    shown = headlines(told, filled(Utility), comparison)[0]
    assert shown.change == (None if change is None else pytest.approx(change))
    assert (shown.track.previous is None) == (change is None)
    assert (shown.all_rows, shown.score) == ((None, 0.96) if quality is ALL_ROWS else (0.96, 0.95))


def test_a_score_lies_between_its_floor_and_its_ceiling() -> None:
    marks = track(0.8, 0.9, 0.5, previous=0.7)
    assert None not in (marks.baseline, marks.previous, marks.ceiling)
    places = np.array([marks.baseline, marks.previous, marks.score, marks.ceiling], dtype=float)
    assert ((places > 0) & (places < 100)).all()
    assert (np.diff(places) > 0).all()
    alone = track(0.8, None, None)
    assert (alone.ceiling, alone.baseline) == (None, None)
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
    assert (mexico.percent(0.305), mexico.percent(0.305, 1)) == ("30%", "30.5%")
    assert (mexico.relative(-0.25), mexico.relative(0.001)) == ("\u221225%", "0%")
    assert spain.percent(0.305, 1) == in_both("30,5\xa0%", "30.5%")
    assert spain.relative(0.25) == in_both("+25\xa0%", "+25%")


def test_texts_are_escaped() -> None:
    assert "<b>" not in in_both("<b>", "<i>")


def test_a_group_is_told_by_its_codes_labels(enoe: SurveySpec) -> None:
    indicator = next(i for i in enoe.indicators if i.name == "population_pyramid")
    parts = labels_of_group(enoe, indicator, "ENT=09, EDA=15-29")
    assert parts[0] == "Ciudad de México"
    assert "15–29" in parts[1]
    assert labels_of_group(enoe, None, "A=<b>") == ["A=&lt;b&gt;"]
    assert labels_of_group(enoe, indicator, "") == []


# --- judgements --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("score", "ceiling", "near"),
    [
        (0.86, 0.9, True),
        (0.84, 0.9, False),
        (0.9, None, True),
        (0.89, None, False),
        (0.85, 0.9, True),
        (0.9, 0.95, True),
    ],
)
def test_near_is_within_a_twentieth_of_the_ceiling(
    score: float, ceiling: float | None, near: bool
) -> None:
    assert is_near(score, ceiling) == near


QUALITY_OF_NOTHING = filled(Quality, {"references": {"overall": {}, "column_shapes": {}}})


def uses_of(**parts: dict[str, Any]) -> list[Use]:
    """Of a release that has evidence on nothing else; `general` and `specific` figures."""
    found = uses(QUALITY_OF_NOTHING, filled(Utility, parts))
    return [use for use in found if use.key != "structure"]


def pairs_of(general: dict[str, Any]) -> Pairs:
    return make_pairs(filled(GeneralUtility, general))


def general(difference: float) -> dict[str, Any]:
    """Two columns that are weakly related, whose association changes by so much."""
    return {
        "pair_trends": {
            "pairs": [
                {
                    "columns": ["a", "b"],
                    "associated": False,
                    "score": 0.95,
                    "ceiling": 0.95,
                    "floor": 0.9,
                }
            ]
        },
        "associations": {
            "columns": ["a", "b"],
            "measures": [["cramers_v"] * 2] * 2,
            "real": [[1, 0.25], [0.25, 1]],
            "synthetic": [[1, 0.25 + difference], [0.25 + difference, 1]],
            "difference": [[0, difference], [difference, 0]],
        },
    }


@pytest.mark.parametrize(("difference", "answer"), [(-0.09, "fit"), (-0.11, "not_fit")])
def test_a_weak_relation_that_is_lost_counts(difference: float, answer: str) -> None:
    (use,) = uses_of(general=general(difference))
    assert use.answer == answer
    assert use.but == (() if answer == "fit" else ("a × b",))


def test_a_relation_that_the_synthetic_rows_do_not_have_is_not_kept() -> None:
    told = general(0.0)
    told["associations"]["synthetic"] = told["associations"]["difference"] = [[1, None], [None, 1]]
    assert dict(judge_pairs(filled(GeneralUtility, told))) == {("a", "b"): False}
    told["pair_trends"]["pairs"][0]["score"] = None
    assert dict(judge_pairs(filled(GeneralUtility, told))) == {("a", "b"): False}


def test_a_relation_that_is_gone_is_listed_by_all_of_it() -> None:
    apart = [[0, 0.1, None], [0.1, 0, 0.2], [None, 0.2, 0]]
    known = {
        "columns": ["a", "b", "c"],
        "measures": [["cramers_v"] * 3] * 3,
        "real": [[0.5] * 3] * 3,
        "synthetic": apart,
        "difference": apart,
    }
    scored = [
        {"columns": [*names], "associated": True, "score": 0.5} for names in ("ab", "bc", "ac")
    ]
    told = {"associations": known, "pair_trends": {"pairs": scored}}
    assert ["".join(pair.columns) for pair in pairs_of(told).listed] == ["ac", "bc", "ab"]
    (use,) = uses_of(general=told)
    assert use.but == ("a × c", "b × c", "a × b")


def indicator(name: str, *figures: tuple[float | None, float | None]) -> dict[str, object]:
    """An indicator whose figures have these synthetic values and overlaps."""
    told = [{"real": 0.5, "synthetic": value, "overlap": overlap} for value, overlap in figures]
    return {"name": name, "label": {"es": name, "en": name}, "figures": told}


@pytest.mark.parametrize(("missing", "answer"), [(1, "fit"), (2, "care")])
def test_a_figure_without_a_synthetic_one_is_bad(missing: int, answer: str) -> None:
    told = indicator("x", *[(0.5, 0.8)] * (10 - missing), *[(None, None)] * missing)
    (use,) = uses_of(specific={"indicators": [told]})
    assert (use.answer, use.near, use.of) == (answer, 10 - missing, 10)


def test_the_indicators_that_are_apart_are_named_the_worst_first() -> None:
    told = [
        indicator("good", (0.5, 0.8)),
        indicator("far", (0.5, -0.2), (0.5, 0.9)),
        indicator("farther", (0.9, -3.0)),
        indicator("missing", (None, None)),
    ]
    (use,) = uses_of(specific={"indicators": told})
    assert [getattr(label, "en", label) for label in use.but] == ["missing", "farther", "far"]


@pytest.mark.parametrize(
    ("real", "synthetic", "side"),
    [
        (-0.19, -0.07, "n"),
        (-0.19, -0.4, "p"),
        (-0.19, 0.1, "n"),
        (-0.1, 0.5, "n"),
        (0.3, 0.1, "n"),
        (0.3, 0.5, "p"),
        (0.0, -0.3, "p"),
        (0.0, 0.3, "p"),
    ],
)
def test_a_relation_that_is_weaker_or_reversed_is_on_one_side_and_a_stronger_one_on_the_other(
    real: float, synthetic: float, side: str
) -> None:
    told = general(0.0)
    for name, value in (("real", real), ("synthetic", synthetic), ("difference", synthetic - real)):
        told["associations"][name] = [[1, value], [value, 1]]
    assert pairs_of(told).cell("difference", "a", "b").shade.startswith(side)


def test_what_a_score_lacks_is_exact_at_the_bounds_of_the_colours() -> None:
    """0.95 - 0.9 is more than 0.05 to a computer."""
    told = general(0.0)
    told["pair_trends"]["pairs"][0] |= {"score": 0.9, "ceiling": 0.95}
    assert pairs_of(told).cell("score", "a", "b").shade == "e1"
    tile = Tile(
        "09",
        TEXT,
        filled(ReferencedScore, {"score": 0.9, "ceiling": 0.95}),
        filled(ReferencedScore),
    )
    assert (tile.gap, tile.shade) == (0.05, "e1")


def test_a_pair_is_the_same_from_either_side() -> None:
    pairs = pairs_of(general(-0.2))
    assert pairs.cell("difference", "a", "b") == pairs.cell("difference", "b", "a")
    assert pairs.cell("difference", "a", "b").shade == "n3"
    assert pairs.cell("real", "a", "a").shade == "own"
    assert pairs_of({}).names == ()


@pytest.mark.parametrize(
    ("passed", "override", "answer"),
    [
        (True, None, "passed"),
        (False, None, "held"),
        (False, {"gates": ["x"], "reason": "y"}, "overridden"),
    ],
)
def test_the_verdict(passed: bool, override: object, answer: str) -> None:
    gate = {"name": "x:key", "applicable": True, "passed": passed, "safe_to_within": None}
    verdict = make_verdict({"gates": [gate], "override": override})
    assert verdict.answer == answer
    assert (verdict.passed, verdict.applied) == (int(passed), 1)


def test_a_release_without_gates_is_held() -> None:
    assert make_verdict({}).answer == "held"


def judged(**parts: dict[str, Any]) -> dict[str, str]:
    """The answers but for the table's structure, which any release has."""
    found = fit_for(QUALITY_OF_NOTHING, filled(Utility, parts))
    return {use: answer for use, answer in found.items() if use != "structure"}


@pytest.mark.parametrize(
    ("apart", "answer"), [(0.05, "fit"), (0.06, "care"), (0.2, "care"), (0.21, "not_fit")]
)
def test_group_figures_are_judged_by_their_ceiling(apart: float, answer: str) -> None:
    told = {"score": 0.9 - apart, "ceiling": 0.9, "floor": 0.3, "figures": 200, "columns": {}}
    assert judged(specific={"groups": told}) == {"groups": answer}


@pytest.mark.parametrize(
    ("figures", "score", "answer"), [(200, 0.9, "fit"), (200, 0.89, "care"), (0, None, None)]
)
def test_group_figures_without_a_ceiling(figures: int, score: float, answer: str | None) -> None:
    told: dict[str, Any]
    told = {"score": score, "ceiling": None, "floor": 0.3, "figures": figures, "columns": {}}
    found = judged(specific={"groups": told})
    assert found == ({"groups": answer} if answer else {})


@pytest.mark.parametrize(
    ("three", "four", "auc", "answer"),
    [
        (870, 760, 0.7, "fit"),
        (840, 760, 0.7, "care"),
        (840, 740, 0.7, "not_fit"),
        (870, 760, 0.76, "care"),
        (840, 740, 0.76, "not_fit"),
    ],
)
def test_several_columns_together_are_views_and_a_classifier(
    three: int, four: int, auc: float, answer: str
) -> None:
    sizes = {"3": {"score": three, "ceiling": 900}, "4": {"score": four, "ceiling": 800}}
    general = {"k_marginal": {"by_size": sizes}, "classifier": {"score": auc, "ceiling": 0.7}}
    assert judged(general=general) == {"several_columns": answer}


@pytest.mark.parametrize(
    ("lost", "answer"), [(0.05, "fit"), (0.06, "care"), (0.15, "care"), (0.16, "not_fit")]
)
def test_models_are_judged_by_the_column_that_loses_most(lost: float, answer: str) -> None:
    targets = [
        {"target": n, "scores": {"auc": {"difference": -x, "train_real": 0.8}}}
        for n, x in (("pay", lost), ("work", 0.0))
    ]
    specific = {"learning": {"targets": targets}}
    assert judged(specific=specific) == {"models": answer}
    shown = last_headline(specific=specific)
    assert shown.score == pytest.approx(lost / 2)
    assert shown.baseline == pytest.approx(0.3)


def last_headline(**parts: dict[str, Any]) -> Headline:
    """After those of quality.json, which every release has."""
    return headlines(QUALITY_OF_NOTHING, filled(Utility, parts), filled(Comparison))[-1]


def test_less_is_better_to_the_right_on_its_track() -> None:
    general = {"classifier": {"score": 0.7, "ceiling": 0.6, "floor": 0.95}}
    shown = last_headline(general=general)
    assert shown.track.ceiling is not None
    assert shown.track.baseline is not None
    assert shown.track.baseline < shown.track.score < shown.track.ceiling


# --- axes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("top", "decimals"), [(1.0, 0), (0.05, 0), (0.02, 1), (0.004, 1), (0.0007, 2), (0.00003, 3)]
)
def test_the_ticks_of_small_shares_are_told_apart(top: float, decimals: int) -> None:
    ticks = [Tick(0, float(value)) for value in nice_ticks(0, top, 4)]
    assert tick_decimals(ticks) == decimals
    written = [f"{100 * tick.value:.{decimals}f}" for tick in ticks]
    assert len(set(written)) == len(ticks)


@pytest.mark.parametrize("log", [False, True])
def test_whole_numbers_are_cut_at_whole_numbers(*, log: bool) -> None:
    for high in (3, 8, 12, 40, 95):
        values = np.repeat(np.arange(1, high + 1), 15).astype(float)
        edges = axis_bins(values, 10, log, whole=True)
        assert (edges == np.round(edges)).all()
        assert (np.diff(edges) >= 1).all()
        assert count_in_bins(values, edges).min() >= 10
        assert count_in_bins(values, edges).sum() == len(values)


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        ("date", "2025-01-03", "2025-12-30"),
        ("date", "1940-01-01", "2008-06-30"),
        ("date", "2025-03-01", "2025-03-20"),
        ("datetime", "2025-01-03T10:00:00", "2025-12-30T11:00:00"),
        ("time", "06:10:00", "22:50:00"),
        ("time", "06:10:00", "06:14:00"),
    ],
)
def test_ticks_of_moments_are_round_and_few(kind: MomentKind, low: str, high: str) -> None:
    ends = read_moment(kind, low), read_moment(kind, high)
    assert ends[0] is not None
    assert ends[1] is not None
    ticks = moment_ticks(kind, ends[0], ends[1])
    assert 2 <= len(ticks) <= 7
    assert ends[0] <= ticks.min() <= ticks.max() <= ends[1]
    written = [write_moment(kind, tick) for tick in ticks]
    if ends[1] - ends[0] > 100:
        assert all(text[8:10] == "01" or kind == "time" for text in written)
        assert all(text.endswith(("00", "01")) for text in written)
