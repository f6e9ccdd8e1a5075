"""Engine ctgan, sampling: conditions, calibration, and the same rows however they are taken."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from include.espejo.errors import ParameterError
from include.espejo.synthesis.ctgan import sampling
from include.espejo.synthesis.ctgan.calibrate import BOUNDS, draw_without_replacement, rake
from include.espejo.synthesis.ctgan.encoding.encode import encode
from include.espejo.synthesis.ctgan.encoding.layout import Layout
from include.espejo.synthesis.ctgan.margins import FLOOR, count_margins
from include.espejo.synthesis.ctgan.sampling import sample_rows
from include.espejo.synthesis.interface.engine import SampleRequest
from include.espejo.synthesis.sample import broken_rules
from include.espejo.table.frames import to_frame
from tests.support.learning import (
    PERIOD,
    drawn,
    enoe_learning,
    fitted,
    hand_made,
    parks_learning,
    trained_enoe,
    trained_parks,
)


def shares(values: pd.Series) -> pd.Series:
    return values.astype(object).fillna("blank").value_counts(normalize=True)


def distance(one: pd.Series, other: pd.Series) -> float:
    """Total variation between the shares of two columns."""
    return float(shares(one).sub(shares(other), fill_value=0).abs().sum() / 2)


@pytest.mark.parametrize("rows", [1, 100, 999])
@pytest.mark.parametrize("calibrate", [True, False])
def test_as_many_rows_as_asked_for_and_the_table_s_columns(rows: int, calibrate: bool) -> None:
    table = drawn(trained_parks(), rows, calibrate=calibrate)
    assert table.num_rows == rows
    assert table.schema.equals(parks_learning().table.schema)


@pytest.mark.parametrize("calibrate", [True, False])
def test_blocks_do_not_hang_on_how_they_are_taken(
    monkeypatch: pytest.MonkeyPatch, calibrate: bool
) -> None:
    monkeypatch.setattr(sampling, "BLOCK", 300)
    request = SampleRequest(1000, 5, calibrate=calibrate)
    together = list(sample_rows(trained_parks().model, request))
    assert [t.num_rows for t in together] == [300, 300, 300, 100]
    # Two iterators in turns, with other rows drawn in between.
    one, two = (sample_rows(trained_parks().model, request) for _ in range(2))
    for block in together:
        drawn(trained_parks(), 50, seed=9)
        assert next(one).equals(block)
        assert next(two).equals(block)
    assert not together[0].equals(together[1])
    # Whole blocks are the same whatever comes after them.
    shorter = list(sample_rows(trained_parks().model, SampleRequest(600, 5, calibrate=calibrate)))
    assert [a.equals(b) for a, b in zip(shorter, together, strict=False)] == [True, True]


@pytest.mark.parametrize(
    "conditions",
    [
        {"SEX": "2"},
        {"ENT": "09"},
        {"SEX": "2", "ENT": "09"},
        {"T_LOC": "4"},
        {"POS_OCU": "3", "SEX": "1"},
    ],
    ids=str,
)
def test_every_row_has_the_codes(conditions: dict[str, str]) -> None:
    real = to_frame(enoe_learning().table)
    if "ENT" in conditions and not (real["ENT"] == conditions["ENT"]).any():
        conditions = conditions | {"ENT": str(real["ENT"].mode()[0])}
    table = drawn(trained_enoe(), 700, conditions=conditions)
    frame = to_frame(table)
    for column, code in conditions.items():
        assert set(frame[column]) == {code}
    learning = enoe_learning()
    assert broken_rules(to_frame(table), to_frame(learning.table), learning.spec, PERIOD) == []
    assert table.equals(drawn(trained_enoe(), 700, conditions=conditions))
    assert frame.drop_duplicates().shape[0] > 300


def test_the_rest_of_a_conditional_row_is_as_without_conditions() -> None:
    """What the condition leaves open is as among the rows that have the code anyway; a training
    of two epochs leaves both at some distance from the table."""
    real = to_frame(enoe_learning().table)
    made = to_frame(drawn(trained_enoe(), 3000, conditions={"SEX": "2"}))
    plain = to_frame(drawn(trained_enoe(), 6000, calibrate=False))
    for column in ("POS_OCU", "CS_P13_1", "T_LOC", "NAC_MES"):
        women = real.loc[real["SEX"] == "2", column]
        assert distance(made[column], plain.loc[plain["SEX"] == "2", column]) < 0.06, column
        assert distance(made[column], women) < 0.25, column


def test_a_condition_works_backwards_on_what_is_drawn_before_it() -> None:
    """Sex is drawn before the occupation: women among the unpaid as without a condition, and more
    or less as in training, of which ten epochs do not learn all."""
    random = np.random.default_rng(1)
    sex = random.choice(["1", "2"], 2000, p=[0.5, 0.5]).astype(object)
    rare = np.where(random.random(2000) < np.where(sex == "2", 0.2, 0.02), "y", "n").astype(object)
    trained = fitted(hand_made({"sex": sex, "rare": rare}), epochs=10)
    made = to_frame(drawn(trained, 3000, conditions={"rare": "y"}))
    plain = to_frame(drawn(trained, 30_000, calibrate=False))
    women = (made["sex"] == "2").mean()
    assert women == pytest.approx((plain.loc[plain["rare"] == "y", "sex"] == "2").mean(), abs=0.04)
    assert women == pytest.approx((sex[rare == "y"] == "2").mean(), abs=0.12)


def test_a_condition_chooses_its_places() -> None:
    """A language that is spoken in one state only: its speakers live there."""
    random = np.random.default_rng(2)
    state = random.choice(["A", "B"], 1500).astype(object)
    tongue = np.where((state == "A") & (random.random(1500) < 0.2), "X", "Y").astype(object)
    learning = hand_made(
        {"state": state, "tongue": tongue, "other": random.choice(["1", "2"], 1500).astype(object)},
        geography={"levels": ["state"]},
    )
    made = to_frame(drawn(fitted(learning), 2000, conditions={"tongue": "X"}))
    assert set(made["tongue"]) == {"X"}
    assert (made["state"] == "A").mean() > 0.95


@pytest.mark.parametrize(
    "conditions",
    [
        {"SEX": "9"},
        {"ENT": "99"},
        {"ENT": ""},
        {"NOPE": "1"},
        {"N_REN": "01"},
        {"SEX": "2", "MUN": "575x"},
    ],
    ids=str,
)
def test_a_code_never_seen_is_refused(conditions: dict[str, str]) -> None:
    with pytest.raises(ParameterError, match="condition"):
        drawn(trained_enoe(), 100, conditions=conditions)


def test_places_that_do_not_go_together_are_refused() -> None:
    real = to_frame(enoe_learning().table)
    pairs = set(zip(real["ENT"], real["CD_A"], strict=True))
    one, other = next(
        (a, b) for a in set(real["ENT"]) for b in set(real["CD_A"]) if (a, b) not in pairs
    )
    with pytest.raises(ParameterError, match="no place satisfies all of them"):
        drawn(trained_enoe(), 100, conditions={"ENT": one, "CD_A": other})


def pair_distance(real: pd.DataFrame, made: pd.DataFrame, columns: list[str]) -> float:
    found = [
        distance(
            real[a].astype(str) + real[b].astype(str), made[a].astype(str) + made[b].astype(str)
        )
        for a, b in combinations(columns, 2)
    ]
    return float(np.mean(found))


def test_calibrated_rows_are_nearer_to_the_training_margins() -> None:
    columns = ["T_LOC", "SEX", "CS_P13_1", "POS_OCU", "NAC_MES"]
    real = to_frame(enoe_learning().table)
    plain, calibrated = (
        np.mean(
            [
                pair_distance(
                    real, to_frame(drawn(trained_enoe(), 1200, seed, calibrate=calibrate)), columns
                )
                for seed in (1, 2, 3)
            ]
        )
        for calibrate in (False, True)
    )
    assert calibrated < 0.9 * plain


def test_weights_are_bounded_and_the_effective_share_is_theirs() -> None:
    random = np.random.default_rng(3)
    one, other = random.choice(3, 5000, p=[0.7, 0.2, 0.1]), random.integers(0, 4, 5000)
    learning = hand_made(
        {"a": np.array(list("xyz"))[one].tolist(), "b": np.array(list("pqrs"))[other].tolist()}
    )
    encoding, leaves, codes = encode(to_frame(learning.table), learning.spec, PERIOD)
    layout = Layout.of(encoding)
    margins = count_margins(layout.rows(leaves, codes), encoding, layout)
    far = np.stack(
        [random.integers(0, 3, 8000), random.choice(4, 8000, p=[0.97, 0.01, 0.01, 0.01])], 1
    )
    found = rake(far, margins, layout)
    assert found.weights.mean() == pytest.approx(1)
    assert found.weights.max() / found.weights.min() <= BOUNDS[1] / BOUNDS[0] + 1e-9
    expected = found.weights.sum() ** 2 / (found.weights**2).sum() / len(far)
    assert found.effective_share == pytest.approx(expected)
    assert 0 < found.effective_share < 1
    mild = np.stack([random.choice(3, 8000, p=[0.6, 0.25, 0.15]), random.integers(0, 4, 8000)], 1)
    weights = rake(mild, margins, layout).weights
    share = np.bincount(mild[:, 0], weights) / weights.sum()
    np.testing.assert_allclose(share, np.bincount(one) / 5000, atol=0.01)


@pytest.mark.parametrize(("rows", "held"), [(FLOOR - 1, False), (FLOOR, True)])
def test_a_cell_is_held_from_the_floor_up(rows: int, held: bool) -> None:
    learning = hand_made(
        {
            "a": ["x"] * rows + ["y"] * 400,
            "b": ["p", "q"] * ((rows + 400) // 2) + ["p"] * ((rows + 400) % 2),
        }
    )
    encoding, leaves, codes = encode(to_frame(learning.table), learning.spec, PERIOD)
    layout = Layout.of(encoding)
    margins = count_margins(layout.rows(leaves, codes), encoding, layout)
    shares = [round(s * (rows + 400)) for m in margins.held if m.fields == (0,) for s in m.shares]
    assert (rows in shares) == held
    assert all(s * (rows + 400) >= FLOOR - 0.5 for m in margins.held for s in m.shares)


def test_a_draw_without_replacement_takes_no_row_twice() -> None:
    random = np.random.default_rng(4)
    for _ in range(30):
        weights = random.gamma(0.3, 1, 400) + 1e-6
        for rows in (1, 100, 399, 400):
            kept = draw_without_replacement(weights, rows, random)
            assert len(kept) == rows == len(set(kept))


def test_a_row_is_drawn_with_its_weight_s_probability() -> None:
    random = np.random.default_rng(5)
    weights = random.uniform(0.25, 3, 60)
    counts = np.zeros(60)
    for _ in range(4000):
        counts[draw_without_replacement(weights, 15, random)] += 1
    np.testing.assert_allclose(counts / 4000, 15 * weights / weights.sum(), atol=0.035)


def test_few_calibrated_rows_repeat() -> None:
    made = to_frame(drawn(trained_enoe(), 1200))
    real = to_frame(enoe_learning().table)
    mine, theirs = (len(f.drop_duplicates()) / len(f) for f in (made, real))
    assert mine >= 0.95 * theirs
    known = {tuple(r) for r in real.astype(str).to_numpy()}
    assert np.mean([tuple(r) in known for r in made.astype(str).to_numpy()]) < 0.05


def test_a_number_that_is_no_value_of_its_own_is_not_called_unseen() -> None:
    """That would say of a number that somebody has that nobody has it."""
    random = np.random.default_rng(0)
    income = np.round(random.gamma(2, 3000, 1000))
    trained = fitted(hand_made({"income": income, "c": ["x", "y"] * 500}), max_steps=2)
    with pytest.raises(ParameterError, match="income: this number is not modelled as a value"):
        drawn(trained, 5, conditions={"income": str(int(np.sort(income)[500]))})
    with pytest.raises(ParameterError, match="c: the training table does not have this code"):
        drawn(trained, 5, conditions={"c": "z"})
