"""Engine ctgan: what a table tells of several columns together is in its synthetic rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from include.espejo.synthesis.ctgan.encoding.layout import Layout
from include.espejo.synthesis.ctgan.encoding.masks import Masks
from include.espejo.synthesis.ctgan.encoding.shrinkage import LeftOut
from include.espejo.synthesis.ctgan.generator import Generator, Shape
from include.espejo.synthesis.ctgan.lifts import MANY_CODES, find_lifts
from include.espejo.synthesis.ctgan.parents import MOST_PARENTS, choose_parents, gain
from include.espejo.synthesis.interface.engine import FitSettings
from include.espejo.table.frames import to_frame
from tests.support.learning import drawn, fitted, hand_made

SETTINGS = FitSettings(epochs=10, batch_size=100, seed=3)
ROWS = 4000


def plain_layout(*sizes: int) -> Layout:
    no_place = np.zeros((1, 0), dtype=np.int64)
    return Layout(sizes, 0, no_place.astype(np.int32), no_place, 0)


def bodies() -> dict[str, np.ndarray]:
    """Height and weight of hundreds of values each, few rows a value."""
    random = np.random.default_rng(1)
    man = random.random(ROWS) < 0.5
    height = np.round(random.normal(np.where(man, 176, 163), 7), 0) * 10
    weight = np.round((height / 10 - 100) * random.normal(0.95, 0.05, ROWS), 0) * 10
    return {"sex": np.where(man, "M", "F"), "height": height, "weight": weight}


def test_numbers_of_many_values_keep_their_rank_correlation() -> None:
    real = bodies()
    made = to_frame(drawn(fitted(hand_made(real), SETTINGS), ROWS))
    kept = made[["height", "weight"]].corr("spearman").iloc[0, 1]
    there = pd.DataFrame(real)[["height", "weight"]].corr("spearman").iloc[0, 1]
    assert there > 0.9
    assert kept > there - 0.05


def test_two_columns_act_together_on_a_third() -> None:
    """Neither of them tells anything of it by itself: no table of pairs holds this."""
    random = np.random.default_rng(2)
    a, b = random.integers(0, 2, ROWS), random.integers(0, 2, ROWS)
    c = np.where(random.random(ROWS) < 0.9, a ^ b, 1 - (a ^ b))
    learning = hand_made({n: np.array(["n", "y"])[x] for n, x in (("a", a), ("b", b), ("c", c))})
    made = to_frame(drawn(fitted(learning, SETTINGS), ROWS))
    odd = (made["a"] == "y") ^ (made["b"] == "y")
    assert (odd == (made["c"] == "y")).mean() == pytest.approx(0.9, abs=0.04)


def test_a_gap_between_groups_keeps_its_size() -> None:
    random = np.random.default_rng(3)
    woman = random.random(ROWS) < 0.5
    wage = np.round(np.exp(random.normal(9 + np.where(woman, -0.25, 0), 0.6, ROWS)), -1)
    learning = hand_made({"sex": np.where(woman, "w", "m"), "wage": wage})
    made = to_frame(drawn(fitted(learning, SETTINGS), ROWS))

    def gap(sex: pd.Series, wages: pd.Series) -> float:
        return float(wages[sex == "w"].mean() / wages[sex == "m"].mean() - 1)

    there = gap(pd.Series(np.where(woman, "w", "m")), pd.Series(wage))
    assert there == pytest.approx(-0.22, abs=0.04)
    assert gap(made["sex"], made["wage"]) == pytest.approx(there, abs=0.05)


def students(rows: int = 3000) -> dict[str, np.ndarray]:
    random = np.random.default_rng(4)
    enrolled = random.random(rows) < 0.4
    kind = np.where(enrolled, random.choice(["full", "part"], rows), "none")
    columns = {f"c{i}": random.choice(["p", "q", "r"], rows) for i in range(12)}
    return {"kind": kind, **columns, "student": np.where(enrolled, "yes", "no")}


@pytest.mark.parametrize("calibrate", [True, False])
def test_pairs_that_no_row_has_are_not_drawn(calibrate: bool) -> None:
    """An undeclared rule across a wide table: no 'no' beside 'full-time', however little it has
    been trained."""
    learning = hand_made(students())
    made = to_frame(drawn(fitted(learning), 2000, calibrate=calibrate))
    assert not ((made["student"] == "no") & (made["kind"] != "none")).any()
    assert not ((made["student"] == "yes") & (made["kind"] == "none")).any()


def test_a_row_whose_codes_are_all_zeros_is_still_drawn() -> None:
    layout = plain_layout(2, 3)
    zeros = {(0, 1): np.array([[True, True, True], [True, False, False]])}
    generator = Generator(layout, [(), (0,)], {}, {}, Shape())
    codes = np.repeat([[0, 0], [1, 0]], 200, axis=0)
    found, _ = generator.draw(
        torch.from_numpy(codes),
        torch.zeros(400, dtype=torch.long),
        1,
        Masks([], layout, zeros),
        torch.rand(400, 2, generator=torch.Generator().manual_seed(1)),
    )
    assert set(found[:200, 1].tolist()) == {0, 1, 2}
    assert set(found[200:, 1].tolist()) == {1, 2}


def test_a_wide_table_reads_the_fields_that_tell_most() -> None:
    random = np.random.default_rng(5)
    rows = random.integers(0, 3, (2000, MOST_PARENTS + 10)).astype(np.int32)
    rows[:, -1] = np.where(random.random(2000) < 0.5, rows[:, 0], rows[:, 5])
    parents = choose_parents(rows, plain_layout(*[3] * rows.shape[1]))
    assert [len(p) for p in parents[:3]] == [0, 1, 2]
    assert len(parents[-1]) == MOST_PARENTS
    assert {0, 5} <= set(parents[-1])
    assert parents[MOST_PARENTS] == tuple(range(MOST_PARENTS))


def test_a_wide_table_in_parts_reads_what_parts_it_in_every_field() -> None:
    random = np.random.default_rng(5)
    rows = random.integers(0, 3, (2000, MOST_PARENTS + 30)).astype(np.int32)
    layout = plain_layout(*[3] * rows.shape[1])
    for always, unread in ((7, False), (None, True)):
        parents = choose_parents(rows, layout, always)[MOST_PARENTS + 1 :]
        assert any(7 not in read for read in parents) == unread
        assert {len(read) for read in parents} == {MOST_PARENTS}


def test_fields_that_have_nothing_to_do_with_each_other_gain_nothing() -> None:
    random = np.random.default_rng(6)
    one, other = random.integers(0, 8, 3000), random.integers(0, 8, 3000)
    assert abs(gain(one, other, 8, 8)) < 0.01
    assert gain(one, one, 8, 8) > 1.5


@pytest.mark.parametrize("codes", [MANY_CODES, MANY_CODES + 1])
def test_a_field_of_many_codes_starts_from_counts(codes: int) -> None:
    random = np.random.default_rng(7)
    towns = random.integers(0, codes, 6000)
    born = np.where(random.random(6000) < 0.9, towns, random.integers(0, codes, 6000))
    rows = np.stack([random.integers(0, 2, 6000), towns, born], 1).astype(np.int32)
    lifts = find_lifts(rows, plain_layout(2, codes, codes), set(), LeftOut.of(6000, None))
    assert (2 in lifts) == (codes > MANY_CODES)
    assert 1 not in lifts  # nothing before it tells of it
    if 2 in lifts:
        assert lifts[2].parent == 1
        assert (lifts[2].table.argmax(1) == np.arange(codes)).mean() > 0.95
