"""Engine ctgan, training: repeatable, resumable, and never silently wrong."""

from __future__ import annotations

import random as standard_random
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from include.espejo.errors import LakeError, ModelError, ParameterError
from include.espejo.parameters import Parameters
from include.espejo.synthesis.ctgan import adversarial, likelihood, selection
from include.espejo.synthesis.ctgan import run as run_module
from include.espejo.synthesis.ctgan import trainings as trainings_module
from include.espejo.synthesis.ctgan.encoding.layout import Layout
from include.espejo.synthesis.ctgan.encoding.masks import Masks
from include.espejo.synthesis.ctgan.fit import Trained
from include.espejo.synthesis.ctgan.generator import Generator
from include.espejo.synthesis.ctgan.likelihood import LikelihoodTraining, StartRates
from include.espejo.synthesis.ctgan.selection import HeldOut, split_households
from include.espejo.synthesis.ctgan.trainings import Trainings
from include.espejo.synthesis.interface.engine import EpochProgress, Learning
from include.espejo.table.frames import to_frame
from tests.support.learning import (
    drawn,
    enoe_learning,
    fitted,
    hand_made,
    quiet,
    same_weights,
    weights_of,
)
from tests.support.learning import parks_learning as parks_of

START_STEPS, STEPS = 20, 24  # of two epochs of 600 rows, 150 held out, in batches of 50
LOOK = 2


def parks_learning() -> Learning:
    return parks_of(600)


class Kept:
    """A store in memory that remembers every checkpoint."""

    def __init__(self, content: bytes | None = None) -> None:
        self.content = content
        self.all: list[bytes] = []

    def read(self) -> bytes | None:
        return self.content

    def write(self, content: bytes) -> None:
        self.content = content
        self.all.append(content)


class InterruptedFitError(Exception):
    """The task is killed."""


def stop_after(epochs: int) -> Callable[[EpochProgress], None]:
    def progress(told: EpochProgress) -> None:
        if told.epoch == epochs:
            raise InterruptedFitError

    return progress


def be_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (likelihood, adversarial):
        monkeypatch.setattr(module, "PATIENCE", 1000)
    monkeypatch.setattr(trainings_module, "FEWEST_STEPS", START_STEPS)
    monkeypatch.setattr(run_module, "STEPS_BETWEEN_LOOKS", (LOOK, LOOK))


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small tables stop early; where that is not the question, training goes on to its end."""
    be_patient(monkeypatch)


def losses_of(trained: Trained) -> list[str]:
    """What each epoch told, but for the time it took; as text, for a NaN equals no other."""
    return [
        repr((t.epoch, t.epochs, t.generator_loss, t.critic_loss, t.score)) for t in trained.losses
    ]


def assert_same(one: Trained, other: Trained) -> None:
    assert same_weights(one, other)
    assert losses_of(one) == losses_of(other)
    assert (one.steps, one.best_step) == (other.steps, other.best_step)


def test_the_same_seed_gives_the_same_and_another_seed_another() -> None:
    first, again = fitted(parks_learning()), fitted(parks_learning())
    assert_same(first, again)
    assert drawn(first, 500).equals(drawn(again, 500))
    assert not same_weights(first, fitted(parks_learning(), seed=4))
    assert not drawn(first, 500).equals(drawn(first, 500, seed=6))


def test_the_callers_random_state_and_threads_are_left_alone() -> None:
    standard_random.seed(1)
    np.random.seed(1)  # noqa: NPY002  the global state is what is looked at
    torch.manual_seed(1)
    threads = torch.get_num_threads()

    def states() -> tuple[Any, ...]:
        legacy = np.random.get_state()  # noqa: NPY002
        return standard_random.getstate(), str(legacy), torch.get_rng_state().tolist()

    before = states()
    drawn(fitted(parks_learning(), epochs=1), 300)
    assert states() == before
    assert torch.get_num_threads() == threads
    # And the other way round: what the caller has drawn changes nothing.
    torch.manual_seed(99)
    assert same_weights(fitted(parks_learning(), epochs=1), fitted(parks_learning(), epochs=1))


def test_the_number_of_threads_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likelihood, "LARGE_BATCH", 0)
    before = threading.active_count()
    seen: set[str] = set()
    learn = Generator.surprise

    def surprise(*given: Any) -> torch.Tensor:
        seen.add(threading.current_thread().name)
        assert torch.get_num_threads() == 1
        return learn(*given)

    monkeypatch.setattr(Generator, "surprise", surprise)
    alone = fitted(parks_learning(), threads=1)
    assert seen == {threading.current_thread().name}
    assert_same(fitted(parks_learning(), threads=3), alone)
    assert len(seen) > 2  # more than one beside this one
    assert threading.active_count() == before


@pytest.mark.parametrize(("epochs", "stop"), [(2, 1), (5, 2)])
def test_a_killed_fit_goes_on_to_the_same_end(epochs: int, stop: int) -> None:
    whole = fitted(parks_learning(), epochs=epochs)
    store = Kept()
    with pytest.raises(InterruptedFitError):
        fitted(parks_learning(), epochs=epochs, store=store, progress=stop_after(stop))
    assert store.content is not None
    assert_same(fitted(parks_learning(), epochs=epochs, store=store), whole)


@pytest.mark.long
def test_a_fit_goes_on_from_any_checkpoint() -> None:
    store = Kept()
    whole = fitted(parks_learning(), store=store)
    assert len(store.all) >= 10
    for content in (store.all[0], store.all[5], store.all[-1]):
        assert_same(fitted(parks_learning(), store=Kept(content)), whole)


@pytest.mark.long
def test_an_early_stop_survives_the_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likelihood, "PATIENCE", 1)
    monkeypatch.setattr(adversarial, "PATIENCE", 1)
    store = Kept()
    whole = fitted(enoe_learning(), epochs=3, store=store)
    assert_same(fitted(enoe_learning(), epochs=3, store=Kept(store.all[0])), whole)
    assert_same(fitted(enoe_learning(), epochs=3, store=store), whole)


@pytest.mark.parametrize(
    "changes", [{"batch_size": 100}, {"epochs": 5}, {"seed": 4}, {}], ids=lambda c: str(c)
)
def test_a_checkpoint_of_another_training_is_refused(changes: dict[str, Any]) -> None:
    store = Kept()
    fitted(parks_learning(), epochs=1, store=store)
    other = parks_learning()
    if not changes:  # another table of the same shape
        order = np.random.default_rng(1).integers(0, other.table.num_rows, other.table.num_rows)
        order[:300] = np.arange(300)
        other = replace(other, table=other.table.take(order))
    with pytest.raises(ModelError, match="checkpoint: it does not fit"):
        fitted(other, **({"epochs": 1} | changes), store=store)


def test_a_checkpoint_of_another_survey_is_refused() -> None:
    store = Kept()
    fitted(enoe_learning(), epochs=1, store=store)
    with pytest.raises(ModelError, match="checkpoint: it does not fit"):
        fitted(parks_learning(), epochs=1, store=store)


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "other"])
def test_a_damaged_checkpoint_is_refused(damage: str) -> None:
    store = Kept()
    fitted(parks_learning(), epochs=1, store=store)
    assert store.content is not None
    from safetensors.torch import save

    store.content = {
        "empty": b"",
        "cut": store.content[: len(store.content) // 2],
        "text": b"no checkpoint at all, but quite long enough to be one",
        "other": save({"x": torch.zeros(3)}),
    }[damage]
    with pytest.raises(ModelError, match="checkpoint"):
        fitted(parks_learning(), epochs=1, store=store)


def test_a_store_that_cannot_write_ends_the_fit_with_its_own_error() -> None:
    class Full(Kept):
        def write(self, content: bytes) -> None:
            if len(self.all) == 2:
                raise LakeError("s3://x: no space left", retryable=True)
            super().write(content)

    store = Full()
    with pytest.raises(LakeError, match="no space left") as caught:
        fitted(parks_learning(), store=store)
    assert caught.value.retryable
    # What was written before is good to go on from.
    assert_same(fitted(parks_learning(), store=Kept(store.content)), fitted(parks_learning()))


def test_a_store_that_cannot_read_is_no_fresh_start() -> None:
    class Lost(Kept):
        def read(self) -> bytes | None:
            raise LakeError("s3://x: does not answer", retryable=True)

    with pytest.raises(LakeError, match="does not answer"):
        fitted(parks_learning(), store=Lost())


@pytest.mark.parametrize("ticks", [9, 12])
def test_max_steps_replays_a_time_budget(monkeypatch: pytest.MonkeyPatch, ticks: int) -> None:
    clock = iter(np.arange(0, 10_000, 1.0))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    limited = fitted(parks_learning(), max_minutes=(ticks - 0.5) / 60)
    monkeypatch.undo()
    be_patient(monkeypatch)
    assert 0 < limited.steps < STEPS
    replayed = fitted(parks_learning(), max_steps=limited.steps)
    assert_same(limited, replayed)


def test_max_steps_beyond_the_epochs_changes_nothing() -> None:
    assert_same(fitted(parks_learning(), max_steps=10_000), fitted(parks_learning()))


def test_a_field_stops_when_it_gets_no_better(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likelihood, "PATIENCE", 3)
    monkeypatch.setattr(adversarial, "PATIENCE", 1)
    monkeypatch.setattr(HeldOut, "is_better", lambda *_: False)
    trained = fitted(parks_learning())
    assert trained.best_step == 0
    assert trained.steps == 3 * LOOK + LOOK


def test_the_best_checkpoint_is_kept_not_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = len(fitted(parks_learning(), epochs=1).model.generator.nets)
    better = iter([*[False] * fields, *[True] * fields, *[False] * 10_000])
    monkeypatch.setattr(HeldOut, "is_better", lambda *_: next(better))
    long = fitted(parks_learning())
    monkeypatch.setattr(HeldOut, "is_better", lambda *_: False)
    start = fitted(parks_learning())
    assert long.best_step == 2 * LOOK
    assert start.best_step == 0
    assert not same_weights(long, start)
    assert long.steps == start.steps == STEPS


def test_each_field_is_kept_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the first field gets better: of the others the start is kept, to the last weight."""
    first = iter([True, *[False] * 100_000])
    monkeypatch.setattr(HeldOut, "is_better", lambda *_: next(first))
    some = weights_of(fitted(parks_learning()))
    monkeypatch.setattr(HeldOut, "is_better", lambda *_: False)
    none = weights_of(fitted(parks_learning()))
    changed = {name.split(".")[1] for name in none if not torch.equal(some[name], none[name])}
    assert changed == {"0"}


@pytest.mark.parametrize("epochs", [1, 4])
def test_a_model_is_never_worse_than_its_start(
    monkeypatch: pytest.MonkeyPatch, epochs: int
) -> None:
    """And so more epochs never end with households foretold worse."""
    scores: list[float] = []
    score = selection.Kept.take_better

    def remember(self: selection.Kept, *arguments: Any) -> list[bool]:
        scores.append(self.score)
        return score(self, *arguments)

    monkeypatch.setattr(selection.Kept, "take_better", remember)
    trained = fitted(parks_learning(), epochs=epochs)
    assert scores == sorted(scores)
    final = trained.losses[-1].score
    assert final is not None
    assert final >= scores[0]


def one_field_layout() -> Layout:
    no_place = np.zeros((1, 0), dtype=np.int64)
    return Layout((1,), 0, no_place.astype(np.int32), no_place, 0)


def held_out(rows: int, households: np.ndarray | None = None) -> HeldOut:
    empty = np.zeros((rows, 1), dtype=np.int32)
    return HeldOut(
        empty, np.zeros(rows, dtype=np.int64), households, Masks([], one_field_layout(), {})
    )


def test_a_gain_within_chance_is_not_kept() -> None:
    """A gain of as many standard errors as are asked for, from both sides."""
    random = np.random.default_rng(2)
    noise = torch.from_numpy(random.normal(size=2000))
    noise = (noise - noise.mean()) / noise.std(unbiased=False)
    error = selection.STANDARD_ERRORS * 2000**-0.5
    held, old = held_out(2000), torch.zeros(2000, dtype=torch.float64)
    assert held.is_better(old, -(noise + 1.05 * error))
    assert not held.is_better(old, -(noise + 0.95 * error))
    assert not held.is_better(old, noise * float("nan"))


def test_people_of_one_household_are_one_witness() -> None:
    gain = torch.from_numpy(np.random.default_rng(3).normal(0, 1, 400))
    gain = (gain - gain.mean()) / gain.std(unbiased=False)
    old = torch.zeros(2000, dtype=torch.float64)
    alone, together = held_out(2000), held_out(2000, np.repeat(np.arange(400), 5))
    error = selection.STANDARD_ERRORS * 400**-0.5
    for share, kept in ((1.1, True), (0.7, False)):  # of what a witness each would need 0.45
        new = -(gain + share * error).repeat_interleave(5)
        assert alone.is_better(old, new)
        assert together.is_better(old, new) == kept


def test_no_household_is_on_both_sides() -> None:
    random = np.random.default_rng(1)
    households = random.integers(0, 1500, 5000)
    households = np.unique(households, return_inverse=True)[1]
    fitted_rows, held = split_households(5000, households, random)
    assert set(households[fitted_rows]).isdisjoint(households[held])
    np.testing.assert_array_equal(np.sort(np.concatenate([fitted_rows, held])), np.arange(5000))
    assert 400 <= len(held) <= 500


@pytest.mark.parametrize(
    ("rows", "held"), [(100_000, 10_000), (3000, 500), (1000, 250), (200, 50), (1_000_000, 20_000)]
)
def test_so_many_rows_are_held_out(rows: int, held: int) -> None:
    assert len(split_households(rows, None, np.random.default_rng(1))[1]) == held


@pytest.mark.parametrize("rows", [1, 50, 199])
def test_a_table_too_small_to_spare_rows_is_used_whole(rows: int) -> None:
    one, other = split_households(rows, None, np.random.default_rng(1))
    np.testing.assert_array_equal(one, np.arange(rows))
    np.testing.assert_array_equal(other, np.arange(rows))


def test_a_table_too_small_to_spare_rows_stays_at_its_margins() -> None:
    trained = fitted(hand_made({"a": ["x", "y"] * 60, "b": ["p", "q"] * 60}))
    assert trained.best_step == 0


def test_the_rows_trained_on_are_where_the_networks_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """`meta` stands for a device that is not the CPU; it has no fused optimiser."""
    monkeypatch.setattr(torch.optim, "AdamW", lambda weights, **_: torch.optim.SGD(weights))
    learning = hand_made({"a": ["x", "y"] * 100, "b": ["p", "q"] * 100})
    generator = fitted(learning, max_steps=1).model.generator.to("meta")
    rows, leaves = np.zeros((200, 2), dtype=np.int32), np.zeros(200, dtype=np.int64)
    masks = Masks([], generator.layout, {}, "meta")
    kept = selection.Kept(generator, HeldOut(rows, leaves, None, masks, True, "meta"))
    training = LikelihoodTraining(rows, leaves, generator, masks, kept, 50, 10, 0, StartRates())
    # Reading a figure back is the first thing that `meta` cannot do, after the whole step.
    with pytest.raises((NotImplementedError, RuntimeError), match=r"meta|Meta"):
        training.step()
    assert training.steps == 1


def test_a_few_great_households_are_not_held_out() -> None:
    """A blank key that thousands share is no household to judge by, and no reason to have none."""
    mixed = np.r_[np.zeros(3000, dtype=int), np.arange(1, 3001)]
    for seed in range(5):
        _, held = split_households(6000, mixed, np.random.default_rng(seed))
        assert 0 not in mixed[held]
        assert len(held) > 400
    five = np.repeat(np.arange(5), 2000)
    assert len(split_households(10_000, five, np.random.default_rng(1))[0]) == 10_000


def test_one_household_of_all_is_not_held_out() -> None:
    one, _ = split_households(5000, np.zeros(5000, dtype=int), np.random.default_rng(1))
    assert len(one) == 5000


def nan_from(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def diverging(self: Trainings) -> tuple[float, float | None]:
        losses = real(self)
        if self.steps < step:
            return losses
        with torch.no_grad():
            for parameter in self.current.averaged.parameters():
                parameter.fill_(float("nan"))
        return float("nan"), None

    real = Trainings.step
    monkeypatch.setattr(Trainings, "step", diverging)


@pytest.mark.parametrize("step", [1, 5, 20, 23])
def test_a_training_that_diverges_ends_with_the_best_so_far(
    monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    nan_from(step, monkeypatch)
    store = Kept()
    trained = fitted(parks_learning(), store=store)
    assert all(torch.isfinite(t).all() for t in weights_of(trained).values())
    assert trained.best_step < step
    assert trained.steps < STEPS
    assert drawn(trained, 200).num_rows == 200
    # A retry must not go on from a checkpoint that has diverged.
    assert_same(fitted(parks_learning(), store=store), trained)


def test_a_divergence_at_the_end_of_a_time_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    nan_from(9, monkeypatch)
    clock = iter(np.arange(0, 10_000, 1.0))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    trained = fitted(parks_learning(), max_minutes=9.5 / 60)
    assert all(torch.isfinite(t).all() for t in weights_of(trained).values())


@pytest.mark.parametrize("rows", [1, 30])
def test_fewer_rows_than_a_batch(rows: int) -> None:
    learning = parks_learning()
    few = Learning(learning.table.slice(0, rows), learning.spec, learning.period)
    trained = fitted(few)
    assert trained.steps >= 1
    assert drawn(trained, 120).num_rows == 120
    assert drawn(trained, 120, calibrate=False).num_rows == 120


@pytest.mark.parametrize("batch", [5, 55, 105, 0, -10])
def test_a_batch_that_packs_do_not_divide_is_refused(batch: int) -> None:
    with pytest.raises(ParameterError, match="batch_size"):
        Parameters.of(parks_learning().spec, {"batch_size": batch})


@pytest.mark.parametrize(
    "columns",
    [
        {"a": ["x"] * 60, "n": [1] * 60},
        {"a": ["x", "y"] * 30, "n": [None, 5] * 30},
        {"a": [f"{i:04}" for i in range(1000)], "n": list(range(1000))},
        {"a": ["x", "y", None] * 100, "b": [None] * 300, "n": [-1, 0, 10**9] * 100},
    ],
    ids=["constant", "mostly_blank", "thousand", "all_missing"],
)
def test_odd_columns_train_and_sample(columns: dict[str, Any]) -> None:
    learning = hand_made(columns, kinds={"b": {"kind": "code"}} if "b" in columns else None)
    trained = fitted(learning, epochs=1)
    table = drawn(trained, 150)
    assert table.schema.equals(learning.table.schema)
    real, made = to_frame(learning.table), to_frame(table)
    for column in real:
        assert made[column].isna().all() == real[column].isna().all()
        if learning.spec.columns[column].is_code():
            assert set(made[column].dropna()) <= set(real[column].dropna())
        else:
            assert set(made[column].dropna().between(real[column].min(), real[column].max())) <= {
                True
            }


def test_one_single_field() -> None:
    learning = hand_made({"only": ["a", "b", "c"] * 40})
    table = drawn(fitted(learning, epochs=1), 200)
    assert set(to_frame(table)["only"]) == {"a", "b", "c"}


def test_an_epoch_is_told_with_its_score_and_speed() -> None:
    told: list[EpochProgress] = []
    trained = fitted(parks_learning(), progress=told.append)
    assert [t.epoch for t in told] == [1, 2]
    assert [t.critic_loss is None for t in told] == [True, False]
    assert tuple(told) == trained.losses
    assert all(0 <= (t.score or -1) <= 1 for t in told)
    assert all((t.rows_per_second or 0) > 0 for t in told)


def test_a_training_that_stops_within_its_first_epoch_still_tells_its_losses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(likelihood, "PATIENCE", 2)
    monkeypatch.setattr(HeldOut, "is_better", lambda *_: False)
    assert fitted(parks_learning(), epochs=1, progress=quiet).losses


def test_training_leaves_the_table_alone() -> None:
    before = to_frame(parks_learning().table)
    assert fitted(parks_learning(), epochs=1)
    assert before.equals(to_frame(parks_learning().table))


def test_the_shared_tables_are_what_the_tests_take_them_for() -> None:
    assert 1200 <= enoe_learning().table.num_rows < 1300
    assert parks_of().table.num_rows == 1200
    assert enoe_learning().households is not None
    assert hand_made({"a": ["x", None], "n": [1, 2]}).table.num_rows == 2
