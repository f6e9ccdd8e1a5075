"""Engine ctgan: rules that hold for some values of a bin only."""

from __future__ import annotations

import numpy as np
import pytest

from include.espejo.errors import InputError, ParameterError
from include.espejo.synthesis.ctgan.encoding.constraints import find_constraints
from include.espejo.synthesis.ctgan.encoding.encode import encode
from include.espejo.synthesis.ctgan.encoding.layout import Layout
from include.espejo.synthesis.interface.engine import Learning
from include.espejo.synthesis.train import prepare_learning
from include.espejo.table.frames import to_frame
from tests.support.learning import PERIOD, drawn, fitted, hand_made

ROWS = 4000


def two_amounts() -> Learning:
    random = np.random.default_rng(0)
    low = np.round(random.gamma(2, 3000, ROWS))
    high = low + np.round(random.gamma(2, 1500, ROWS)) * (random.random(ROWS) < 0.7)
    return hand_made(
        {"net": low, "gross": high, "group": np.where(low > 6000, "x", "y")},
        rules=[
            {"kind": "implies", "name": "net_in_gross", "if": "net >= 0", "then": "net <= gross"}
        ],
    )


def birth_dates() -> Learning:
    """Ages of few people share a bin, whose lowest age was born in no leap year."""
    random = np.random.default_rng(0)
    age = np.r_[random.integers(0, 86, ROWS - 8), 87, 87, 87, 88, 89, 90, 90, 90].astype(float)
    month, day = random.integers(1, 13, ROWS), random.integers(1, 29, ROWS)
    month[-1], day[-1] = 2, 29  # 2014 - 90 = 1924
    two = {"MONTH": month, "DAY": day}
    return hand_made(
        {"AGE": age, "YEAR": 2014 - age} | {n: [f"{v:02d}" for v in x] for n, x in two.items()},
        rules=[
            {
                "kind": "birth_year",
                "name": "born",
                "age": "AGE",
                "birth_year": "YEAR",
                "gap": [0, 1],
            },
            {"kind": "date", "name": "date", "day": "DAY", "month": "MONTH", "year": "YEAR"},
        ],
    )


@pytest.mark.parametrize("learning", [two_amounts(), birth_dates()], ids=["amounts", "dates"])
def test_what_a_training_row_has_is_never_forbidden(learning: Learning) -> None:
    encoding, leaves, codes = encode(to_frame(learning.table), learning.spec, PERIOD)
    rows = Layout.of(encoding).rows(leaves, codes)
    constraints, _ = find_constraints(encoding, rows)
    assert constraints
    for constraint in constraints:
        assert constraint.allowed[constraint.at(rows), rows[:, constraint.target]].all()


def test_two_amounts_tied_by_a_rule_are_learnt_and_keep_it() -> None:
    """Many rows have both amounts in one bin, where either may be the greater."""
    learning = two_amounts()
    trained = fitted(learning, max_steps=200, epochs=10)
    assert trained.best_step > 0, "it has learnt nothing"
    assert np.isfinite([told.generator_loss for told in trained.losses]).all()
    real, frame = to_frame(learning.table), to_frame(drawn(trained, ROWS))
    assert (frame.net <= frame.gross).all()
    assert frame.net.corr(frame.gross) > real.net.corr(real.gross) - 0.05


def test_a_rule_that_the_bins_lose_is_told_before_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "include.espejo.synthesis.ctgan.run.TrainingLoop.to_the_end",
        lambda *_: pytest.fail("trains"),
    )
    amount = np.round(np.random.default_rng(0).gamma(2, 3000, ROWS))
    learning = hand_made(
        {"paid": amount, "received": amount},
        rules=[{"kind": "implies", "name": "same", "if": "paid >= 0", "then": "paid == received"}],
    )
    with pytest.raises(ParameterError, match=r"column paid, received, rule same: about \d+%"):
        fitted(learning)


def test_equal_numbers_of_few_values_are_no_loss() -> None:
    rooms = np.random.default_rng(0).integers(1, 9, ROWS).astype(float)
    learning = hand_made(
        {"rooms": rooms, "again": rooms},
        rules=[{"kind": "implies", "name": "same", "if": "rooms >= 0", "then": "rooms == again"}],
    )
    frame = to_frame(drawn(fitted(learning, max_steps=20), 500))
    assert (frame.rooms == frame.again).all()


@pytest.mark.parametrize("rows", [150, 1000])
def test_the_blank_of_a_number_is_as_frequent_as_in_training(rows: int) -> None:
    random = np.random.default_rng(0)
    known = random.integers(0, 8, rows).astype(float)
    learning = hand_made(
        {
            "a": np.where(random.random(rows) < 0.4, np.nan, known),
            "c": np.where(random.random(rows) < 0.5, "x", "y").tolist(),
        }
    )
    real = to_frame(learning.table).a.isna().mean()
    trained = fitted(learning, max_steps=20, epochs=1)
    for calibrate in (True, False):
        blank = to_frame(drawn(trained, 4000, calibrate=calibrate)).a.isna().mean()
        assert blank == pytest.approx(real, abs=0.04)


@pytest.mark.parametrize("other", [1.0, None])
def test_numbers_of_one_value_or_blank_are_refused_before_training(other: float | None) -> None:
    blank = np.random.default_rng(0).random(200) < 0.5
    learning = hand_made({"a": np.where(blank, np.nan, 5.0), "b": [other] * 200})
    with pytest.raises(InputError, match="no column varies"):
        prepare_learning(learning.table, learning.spec, PERIOD)
