"""Pairs that no row has are found where a rule is behind them, and nowhere else."""

import tracemalloc

import numpy as np
import pytest

from include.espejo.survey.disclosure import Floor
from include.espejo.table.structural import impossible_pairs


def independent(seed: int, rows: int, columns: int, most: int = 12) -> tuple[np.ndarray, list[int]]:
    """Columns that have nothing to do with each other, of some codes with uneven shares."""
    random = np.random.default_rng(seed)
    sizes = [int(random.integers(2, most + 1)) for _ in range(columns)]
    shares = [random.dirichlet(np.full(size, 0.7)) for size in sizes]
    drawn = [random.choice(s, rows, p=p) for s, p in zip(sizes, shares, strict=True)]
    return np.stack(drawn, axis=1), sizes


def two_columns(rows: int, first: int, second: int) -> np.ndarray:
    """`first` rows have code 1 in one column, `second` others in the other: never the same row."""
    codes = np.zeros((rows, 2), dtype=int)
    codes[:first, 0] = 1
    codes[rows - second :, 1] = 1
    return codes


@pytest.mark.parametrize(("second", "found"), [(199, False), (200, True)])
def test_twenty_rows_must_be_expected(second: int, found: bool) -> None:
    zeros = impossible_pairs(two_columns(1000, 100, second), [2, 2])
    assert bool(zeros) == found
    if found:
        assert zeros[0, 1].tolist() == [[False, False], [False, True]]


def test_a_filled_cell_is_not_impossible() -> None:
    codes = two_columns(1000, 300, 300)
    codes[0] = (1, 1)
    assert impossible_pairs(codes, [2, 2]) == {}


@pytest.mark.parametrize(("people", "found"), [(101, False), (100, True)])
def test_both_codes_hold_the_floor(people: int, found: bool) -> None:
    floor = Floor(people=people, households=1)
    assert bool(impossible_pairs(two_columns(1000, 100, 300), [2, 2], floor=floor)) == found


@pytest.mark.parametrize(("homes", "found"), [(2, False), (3, True)])
def test_both_codes_hold_the_floor_of_households(homes: int, found: bool) -> None:
    codes = two_columns(3000, 300, 1500)
    household = np.arange(3000)
    household[:300] = np.arange(300) % homes
    # Its people live close together, and count for few: the other code is spread over all.
    zeros = impossible_pairs(codes, [2, 2], household=np.unique(household, return_inverse=True)[1])
    assert bool(zeros) == found


def test_what_whole_households_share_counts_once() -> None:
    # Of 200 households of five, 20 are of one kind and 20 of another: two are expected of both.
    household = np.repeat(np.arange(200), 5)
    codes = np.repeat(two_columns(200, 20, 20), 5, axis=0)
    assert impossible_pairs(codes, [2, 2], expected=5.0) != {}
    assert impossible_pairs(codes, [2, 2], expected=5.0, household=household) == {}


def test_codes_without_rows_and_columns_of_one_code_are_passed_over() -> None:
    codes = np.zeros((500, 3), dtype=int)
    assert impossible_pairs(codes, [1, 4, 2]) == {}
    assert impossible_pairs(codes[:0], [1, 4, 2]) == {}


def test_independent_columns_have_none() -> None:
    for seed in range(20):
        codes, sizes = independent(seed, 5_000, 30)
        assert impossible_pairs(codes, sizes) == {}


def test_independent_columns_of_alike_households_have_none() -> None:
    for seed in range(10):
        codes, sizes = independent(seed, 1_000, 20)
        household = np.repeat(np.arange(1_000), 4)
        shared = np.repeat(codes, 4, axis=0)
        own, more = independent(100 + seed, 4_000, 10)
        both = np.concatenate([shared, own], axis=1)
        assert impossible_pairs(both, [*sizes, *more], household=household) == {}


def test_a_planted_pair_is_the_only_one_found() -> None:
    codes, sizes = independent(3, 10_000, 30, most=4)
    first, second = (int(np.bincount(codes[:, k]).argmax()) for k in (4, 9))
    both = (codes[:, 4] == first) & (codes[:, 9] == second)
    codes[both, 9] = (second + 1) % sizes[9]
    zeros = impossible_pairs(codes, sizes)
    assert list(zeros) == [(4, 9)]
    assert np.argwhere(zeros[4, 9]).tolist() == [[first, second]]


def test_memory_does_not_grow_with_the_pairs_of_a_wide_table() -> None:
    random = np.random.default_rng(1)
    columns, size, rows = 40, 60, 6_000
    codes = np.where(
        random.random((rows, columns)) < 0.5, size - 1, random.integers(0, size, (rows, columns))
    )
    tracemalloc.start()
    impossible_pairs(codes, [size] * columns)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    of_pairs = 9 * size * size * columns * (columns - 1) / 2  # what they need all at once
    assert peak < of_pairs / 2
