"""Engine ctgan, numbers: bins, what is drawn within them, and what neighbours share."""

from __future__ import annotations

import numpy as np
import pytest

from include.espejo.synthesis.ctgan.encoding.bins import (
    FEWEST_ROWS,
    HEAP_ROWS,
    LEAST_ROWS_OF_VALUE,
    MOST_BINS,
    Bins,
    cut_bins,
    locate,
)
from include.espejo.synthesis.ctgan.encoding.features import (
    FEATURES,
    FEWEST_CODES,
    KNOTS,
    line_features,
)
from include.espejo.synthesis.ctgan.encoding.fields import number_field


def incomes(rows: int = 5000, seed: int = 1) -> np.ndarray:
    """Lopsided, heaped at thousands, and zero for some: as survey incomes are."""
    random = np.random.default_rng(seed)
    exact = np.round(np.exp(random.normal(8.5, 0.9, rows)))
    heaped = np.where(random.random(rows) < 0.5, np.round(exact, -3), exact)
    return np.where(random.random(rows) < 0.3, 0.0, heaped)


def rows_of(bins: Bins, values: np.ndarray) -> np.ndarray:
    return np.bincount(locate(values, bins.low), minlength=len(bins.low))


def test_values_of_a_few_rows_each_are_not_chained_into_a_few_bins() -> None:
    values = np.repeat(np.arange(1.0, 1001.0), 7)
    bins = cut_bins(values, [], [])
    assert 64 <= len(bins.low) <= MOST_BINS
    assert rows_of(bins, values).max() < 2 * 7000 / 64


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_bins_hold_enough_rows_and_do_not_overlap(seed: int) -> None:
    values = incomes(seed=seed)
    bins = cut_bins(values, [], [])
    assert (bins.low <= bins.high).all()
    assert (bins.high[:-1] < bins.low[1:]).all()
    assert rows_of(bins, values).min() >= FEWEST_ROWS / 2  # of the rows to expect, all hold it
    assert bins.mass.min() >= FEWEST_ROWS - 1e-9
    assert bins.mass.sum() == pytest.approx(len(values))


def test_a_value_is_drawn_as_often_as_it_is_there_and_a_tail_ends_where_it_ends() -> None:
    values = incomes()
    bins, random = cut_bins(values, [], []), np.random.default_rng(5)
    drawn = np.concatenate([bins.draw(locate(values, bins.low), 0, random) for _ in range(10)])
    assert drawn.mean() == pytest.approx(values.mean(), rel=0.01)
    for share, apart in ((0.5, 0.03), (0.9, 0.03), (0.95, 0.03), (0.99, 0.05)):
        assert np.quantile(drawn, share) == pytest.approx(np.quantile(values, share), rel=apart)
    assert drawn.max() <= values.max()
    for heap in (0.0, 2000.0, 5000.0):
        assert (drawn == heap).mean() == pytest.approx((values == heap).mean(), rel=0.1)


@pytest.mark.parametrize("rows", [LEAST_ROWS_OF_VALUE - 1, LEAST_ROWS_OF_VALUE])
def test_a_value_of_too_few_rows_is_not_drawn_as_it_is(rows: int) -> None:
    values = np.concatenate([np.arange(100, 160.0), np.repeat(120.25, rows)])
    values = np.concatenate([values, np.repeat(values[:60:4], 4)])
    bins = cut_bins(values, [], [])
    assert (120.25 in bins.values) == (rows >= LEAST_ROWS_OF_VALUE)
    drawn = bins.draw(locate(values, bins.low), 6, np.random.default_rng(1))
    at = locate(values, bins.low)
    assert ((bins.low[at] <= drawn) & (drawn <= bins.high[at])).all()


@pytest.mark.parametrize(("rows", "believed"), [(HEAP_ROWS, True), (HEAP_ROWS - 10, False)])
def test_a_heap_is_believed_and_less_is_drawn_towards_its_neighbours(
    rows: int, believed: bool
) -> None:
    values = np.concatenate([np.repeat(np.arange(1.0, 600.0), 4), np.repeat(300.0, rows - 4)])
    bins = cut_bins(values, [], [])
    found = bins.rows[np.flatnonzero(bins.values == 300.0)[0]]
    assert (found > 0.95 * rows) == believed


def test_constants_of_rules_and_special_codes_stand_alone() -> None:
    values = np.concatenate([np.repeat(np.arange(50.0), 20), np.full(30, 999.0), [60.5] * 12])
    bins = cut_bins(values, [999.0], [10.0, 20.5])
    alone = set(bins.low[bins.low == bins.high])
    assert {10.0, 999.0} <= alone
    assert not ((bins.low < 20.5) & (bins.high > 20.5)).any()


def test_no_value_and_one_value() -> None:
    assert len(cut_bins(np.empty(0), [], []).low) == 0
    one = cut_bins(np.full(40, 7.0), [], [])
    assert one.draw(np.zeros(5, dtype=int), 0, np.random.default_rng(1)).tolist() == [7.0] * 5


def test_bins_come_back_from_the_model_file_and_the_blank_is_drawn_as_blank() -> None:
    bins = cut_bins(incomes(), [], []).with_blank()
    again = Bins.from_dict(bins.as_dict())
    codes = np.array([0, len(bins.low) - 1, 3])
    one, other = (b.draw(codes, 0, np.random.default_rng(2)) for b in (bins, again))
    np.testing.assert_array_equal(one, other)
    assert np.isnan(one[1])
    assert not np.isnan(one[[0, 2]]).any()


def test_features_are_of_rank_and_size_and_none_off_the_line() -> None:
    values = np.concatenate([np.repeat(np.arange(40.0), 25), np.full(50, 99.0), [np.nan] * 20])
    field, codes = number_field("n", values, [99.0], [])
    features = line_features(field, np.bincount(codes, minlength=field.size))
    assert features is not None
    assert features.shape == (field.size, FEATURES)
    np.testing.assert_allclose(features[:40, :KNOTS].sum(1), 1, atol=1e-6)
    assert (np.diff(features[:40, KNOTS]) > 0).all()
    assert (np.diff(features[:40, KNOTS + 1]) > 0).all()
    assert not features[40:].any()  # the special code and the blank
    near, far = (np.abs(features[20] - features[i]).sum() for i in (21, 39))
    assert near < far / 4


@pytest.mark.parametrize("values", [FEWEST_CODES - 1, FEWEST_CODES])
def test_a_few_values_are_no_line(values: int) -> None:
    field, codes = number_field("n", np.repeat(np.arange(float(values)), 30), [], [])
    assert (line_features(field, np.bincount(codes)) is None) == (values < FEWEST_CODES)
