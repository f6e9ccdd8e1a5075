"""The test of excess: what is significant, what is not, and what could have been found."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from include.espejo.disclose.statistics import significance
from include.espejo.disclose.statistics.excess import holm, measure_excess
from include.espejo.disclose.statistics.score import Score, TrainedHouseholds

SIGNIFICANCE = 0.001


def households(trained: int, held: int, members: int = 1) -> TrainedHouseholds:
    """So many households of so many rows each, those of train first."""
    number = np.repeat(np.arange(trained + held), members)
    return TrainedHouseholds(number, np.arange(trained + held) < trained)


def flags(rows: TrainedHouseholds, in_train: int, in_control: int) -> Score:
    """A flag on the first rows of so many households of each side."""
    chosen = [*range(in_train), *range(rows.trained, rows.trained + in_control)]
    first = np.searchsorted(rows.number, chosen)
    values = np.zeros(len(rows.number))
    values[first] = 1.0
    return Score(values)


def p_value(rows: TrainedHouseholds, score: Score, seed: int = 1) -> float:
    return measure_excess([score], [1.0], rows, SIGNIFICANCE, seed)[0].p_value


@pytest.mark.parametrize(
    ("in_train", "in_control", "closes"),
    [
        (14, 0, False),  # by chance at four to one: 0.8 ** 14 is 4 %
        (60, 0, True),
        (60, 15, False),
        (120, 8, True),
    ],
)
def test_few_matches_prove_nothing_and_many_do(in_train: int, in_control: int, closes: bool):
    rows = households(800, 200)
    assert (p_value(rows, flags(rows, in_train, in_control)) <= SIGNIFICANCE / 50) == closes


def test_rare_flags_are_exact():
    rows = households(800, 200)
    expected = stats.hypergeom.sf(13, 1000, 14, 800)
    assert p_value(rows, flags(rows, 14, 0)) == pytest.approx(expected)


def test_a_household_counts_once():
    """Twenty people of one household are one chance of four to one, not twenty."""
    rows = households(80, 20, members=20)
    one = Score((rows.number == 0).astype(float))
    assert p_value(rows, one) == pytest.approx(0.8)


def test_honest_scores_are_rarely_significant():
    """p-values of scores that know nothing of the split are uniform, skewed sums included."""
    random, rows = np.random.default_rng(3), households(240, 60, members=3)
    household = random.exponential(size=(300, 200)) ** 2
    scores = [Score(column[rows.number]) for column in household.T]
    found = [f.p_value for f in measure_excess(scores, [0.005] * 200, rows, SIGNIFICANCE, 1)]
    assert stats.kstest(found, "uniform").pvalue > 0.01


def test_normal_approximation_agrees_with_permutation(monkeypatch: pytest.MonkeyPatch):
    random, rows = np.random.default_rng(5), households(400, 100, members=2)
    score = Score(random.normal(size=1000) + 0.1 * rows.in_train[rows.number])
    permuted = p_value(rows, score)
    monkeypatch.setattr(significance, "MONTE_CARLO_HOUSEHOLDS", 100)
    assert p_value(rows, score) == pytest.approx(permuted, abs=0.01)


def test_interval_holds_the_figure_and_comes_from_the_households():
    random, rows = np.random.default_rng(6), households(400, 100, members=4)
    one_each = np.repeat(random.normal(size=500), 4)
    apart = random.normal(size=2000)
    clustered, single = measure_excess([Score(one_each), Score(apart)], [0.5, 0.5], rows, 0.001, 1)
    for found in (clustered, single):
        assert found.interval[0] < found.figure < found.interval[1]
    widths = [f.interval[1] - f.interval[0] for f in (clustered, single)]
    assert widths[0] == pytest.approx(2 * widths[1], rel=0.25)


def test_a_score_may_be_about_some_rows_only():
    rows = households(100, 100)
    among = np.arange(200) % 2 == 0
    values = np.where(among, np.arange(200) < 100, 9.0)
    found = measure_excess([Score(values, among)], [1.0], rows, SIGNIFICANCE, 1)[0]
    assert found.figure == 1.0
    none = Score(np.zeros(200), np.arange(200) < 100)
    assert np.isnan(measure_excess([none], [1.0], rows, SIGNIFICANCE, 1)[0].figure)


@pytest.mark.parametrize("in_control", [0, 5])
def test_what_is_detectable_is_found(in_control: int):
    rows = households(800, 200)
    smallest = measure_excess([flags(rows, 4 * in_control, in_control)], [1.0], rows, 1e-4, 1)[
        0
    ].detectable
    assert smallest is not None
    leaked = 4 * in_control + int(np.ceil(smallest * 800))
    assert p_value(rows, flags(rows, leaked, in_control)) <= 1e-4
    assert p_value(rows, flags(rows, 4 * in_control + leaked // 4, in_control)) > 1e-4


def test_nothing_is_detectable_with_few_households():
    rows = households(8, 2)
    assert measure_excess([flags(rows, 1, 0)], [1.0], rows, SIGNIFICANCE, 1)[0].detectable is None
    assert rows.least_p_value() == pytest.approx(1 / 45)


def test_holm():
    assert holm([0.01, 0.04, 0.03], [1, 1, 1]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9], [1, 1]) == [1.0, 1.0]
    # Of five weights, four are on the second: it is the first to be tested, with 5/4.
    assert holm([0.01, 0.01], [1, 4]) == pytest.approx([0.0125, 0.0125])
    assert holm([0.001, 0.02], [1, 4]) == pytest.approx([0.005, 0.02])
