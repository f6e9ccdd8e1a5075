"""The bootstrap and the overlap of intervals, against counts and formulas worked out by hand."""

import numpy as np
import pytest

from include.espejo.evaluate.scoring.bootstrap import (
    draw_units,
    overlap,
    percentile_interval,
    resample_rows,
    resample_units,
)


def ends(*pairs: tuple[float, float]) -> np.ndarray:
    return np.array(pairs, dtype=float)


@pytest.mark.parametrize(
    ("real", "synthetic", "expected"),
    [
        ((0, 4), (0, 4), 1.0),
        ((0, 4), (2, 4), (2 / 4 + 2 / 2) / 2),  # one inside the other
        ((0, 4), (3, 5), (1 / 4 + 1 / 2) / 2),
        ((0, 4), (4, 6), 0.0),  # they touch
        ((0, 4), (6, 8), (-2 / 4 + -2 / 2) / 2),  # they lie apart
        ((6, 8), (0, 4), (-2 / 2 + -2 / 4) / 2),
        ((1, 1), (1, 1), 1.0),  # without width
        ((1, 1), (2, 2), 0.0),
        ((1, 1), (0, 2), (1 + 0 / 2) / 2),
    ],
)
def test_overlap_is_the_mean_of_both_shares(
    real: tuple[float, float], synthetic: tuple[float, float], expected: float
) -> None:
    assert overlap(ends(real), ends(synthetic))[0] == pytest.approx(expected)


def test_every_replicate_draws_as_many_units_as_there_are() -> None:
    drawn = draw_units(40, 30, np.random.default_rng(1))
    assert drawn.shape == (40, 30)
    assert (drawn.sum(axis=0) == 40).all()
    assert len(np.unique(drawn, axis=1).T) == 30
    assert (drawn == draw_units(40, 30, np.random.default_rng(1))).all()


def test_counts_follow_the_households_drawn() -> None:
    cell, unit = np.array([0, 1, 1, -1, 0]), np.array([0, 0, 1, 1, 2])
    drawn = np.array([[2, 0], [1, 0], [0, 3]], dtype=np.uint8)
    assert resample_units(cell, 2, unit, drawn).tolist() == [[2, 3], [3, 0]]
    amounts = np.array([10.0, 1.0, 5.0, 99.0, 2.0])
    assert resample_units(cell, 2, unit, drawn, amounts).tolist() == [[20, 6], [7, 0]]


def test_rows_drawn_one_by_one_are_multinomial() -> None:
    counts = resample_rows(np.array([30, 50]), 100, 4000, np.random.default_rng(2))
    assert (counts.sum(axis=0) <= 100).all()
    assert counts.mean(axis=1) == pytest.approx([30, 50], abs=0.5)
    assert counts.std(axis=1) == pytest.approx([21**0.5, 5], rel=0.06)


def test_drawing_households_widens_what_they_share() -> None:
    household = np.repeat(np.arange(100), 5)
    cell = np.where(household < 50, 0, -1)  # whole households, or none of their members
    by_household = resample_units(
        cell, 1, household, draw_units(100, 800, np.random.default_rng(3))
    )
    by_row = resample_rows(np.array([250]), 500, 800, np.random.default_rng(3))
    # Five people of one mind are one person: the variance is five times as large.
    assert by_household.std() / by_row.std() == pytest.approx(5**0.5, rel=0.12)


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    generator, covered = np.random.default_rng(4), 0
    for _ in range(200):
        counts = np.array([generator.binomial(200, 0.4)])
        (low, high), *_ = percentile_interval(resample_rows(counts, 200, 300, generator) / 200)
        covered += low <= 0.4 <= high
    assert 0.88 <= covered / 200 <= 0.99


def test_replicates_without_anybody_are_left_out_of_an_interval() -> None:
    figures = np.array([[np.nan, 1, 2, 3, np.nan], [np.nan] * 5])
    first, second = percentile_interval(figures)
    assert first == pytest.approx([1.05, 2.95])
    assert np.isnan(second).all()
