"""Counts are believed as far as they foretell of households that are left out."""

import numpy as np

from include.espejo.synthesis.ctgan.encoding.shrinkage import (
    MOST_ROWS,
    WEIGHTS,
    LeftOut,
    choose_weight,
)
from include.espejo.synthesis.ctgan.encoding.shrinkage import expected_rows as expected

ROWS = 4_000
CODES = 20


def counted(parents: np.ndarray, codes: np.ndarray) -> np.ndarray:
    return np.bincount(parents * CODES + codes, minlength=CODES**2).reshape(CODES, CODES)


def chosen(
    parents: np.ndarray, codes: np.ndarray, households: np.ndarray | None = None
) -> tuple[float, float]:
    share = np.bincount(codes, minlength=CODES) / len(codes)
    left = LeftOut.of(len(codes), households)
    return choose_weight(counted(parents, codes), share, parents, codes, left)


def test_what_hangs_together_is_believed_and_what_does_not_is_not() -> None:
    random = np.random.default_rng(1)
    parents = random.integers(0, CODES, ROWS)
    weight, gain = chosen(parents, (parents + random.integers(0, 2, ROWS)) % CODES)
    assert weight == WEIGHTS[0]
    assert gain > ROWS
    weight, gain = chosen(parents, random.integers(0, CODES, ROWS))
    assert weight == WEIGHTS[-1]
    assert gain <= 0


def test_what_only_a_household_shares_is_not_believed() -> None:
    """Four rows a household, alike in both codes: of strangers they say nothing."""
    random = np.random.default_rng(2)
    home = np.repeat(np.arange(ROWS // 4), 4)
    parents, codes = (random.integers(0, CODES, ROWS // 4)[home] for _ in range(2))
    assert chosen(parents, codes)[1] > 0, "by rows it looks as if it hung together"
    assert chosen(parents, codes, home)[1] <= 0


def test_a_gain_is_that_of_the_rows_left_out() -> None:
    """By hand: four rows, two codes, each row foretold by the other three."""
    parents, codes = np.zeros(4, dtype=int), np.array([0, 0, 0, 1])
    counts, share = np.array([[3, 1]]), np.array([0.5, 0.5])
    weight, gain = choose_weight(counts, share, parents, codes, LeftOut.of(4, None))
    by_hand = {
        w: 3 * np.log((2 + w / 2) / (3 + w) * 2) + np.log((w / 2) / (3 + w) * 2) for w in WEIGHTS
    }
    assert weight == max(by_hand, key=lambda w: by_hand[w])
    np.testing.assert_allclose(gain, by_hand[weight])


def test_a_large_table_leaves_out_whole_households_of_some() -> None:
    home = np.repeat(np.arange(30_000), 3)
    left = LeftOut.of(len(home), home)
    assert len(left.rows) <= 1.3 * MOST_ROWS
    assert np.isin(home[left.rows], home[np.delete(np.arange(len(home)), left.rows)]).sum() == 0


def tree(blocks: int, towns: int) -> np.ndarray:
    leaves = np.arange(blocks * towns)
    return np.stack([leaves // blocks, towns + leaves], axis=1)


def test_blocks_alike_are_drawn_together_and_towns_apart_stay_apart() -> None:
    """Two towns of 30 blocks, one with nine times the households, by chance on the blocks."""
    random = np.random.default_rng(3)
    town = (random.random(900) < 0.1).astype(int)
    home = 30 * town + random.integers(0, 30, 900)
    leaves = np.repeat(home, 4)
    rows = expected(tree(30, 2), leaves, LeftOut.of(len(leaves), np.repeat(np.arange(900), 4)))
    counts = np.bincount(leaves, minlength=60)
    np.testing.assert_allclose(rows.sum(), len(leaves))
    np.testing.assert_allclose(rows[:30].sum(), counts[:30].sum(), rtol=0.02)
    assert rows[:30].std() < 0.5 * counts[:30].std()


def test_blocks_of_different_size_keep_it() -> None:
    leaves = np.repeat(np.arange(4), [1_000, 500, 100, 2_000])
    rows = expected(tree(4, 1), leaves, LeftOut.of(len(leaves), None))
    np.testing.assert_allclose(rows, [1_000, 500, 100, 2_000], rtol=0.01)
