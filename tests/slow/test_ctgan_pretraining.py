"""A part of a table goes on from what was pretrained of the whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from include.espejo.parameters import Parameters
from include.espejo.synthesis.ctgan import fit as fit_module
from include.espejo.synthesis.ctgan.beginning import field_group
from include.espejo.synthesis.ctgan.fit import Trained, fit, fit_group
from include.espejo.synthesis.ctgan.model import Model, load_model, save_model
from include.espejo.synthesis.ctgan.sampling import sample_rows
from include.espejo.synthesis.ctgan.selection import (
    selection_order,
    split_as_parts,
    split_households,
)
from include.espejo.synthesis.ctgan.trainings import Table
from include.espejo.synthesis.interface.engine import (
    FitSettings,
    Learning,
    NoStore,
    PretrainingShare,
    SampleRequest,
    Store,
)
from include.espejo.synthesis.train import pretrain_model
from include.espejo.table.frames import to_frame
from tests.support.learning import enoe_learning, hand_made, parks_learning, quiet

SETTINGS = FitSettings(epochs=3, batch_size=100, seed=3)
GROUPS = 3
PART_SEED = 9


def parted(learning: Learning, column: str) -> Learning:
    """The same, of a spec that is learnt in parts."""
    model = learning.spec.model.model_copy(update={"partition": column})
    return replace(learning, spec=learning.spec.model_copy(update={"model": model}))


def part_of(whole: Learning, rows: np.ndarray) -> Learning:
    homes = None
    if whole.households is not None:
        homes = pd.factorize(whole.households[rows])[0]
    return replace(whole, table=whole.table.take(rows), households=homes)


def share_of(whole: Learning, group: int, groups: int = GROUPS) -> PretrainingShare:
    """The parts as the tests fit them: each code of what parts the table, and one seed."""
    column = str(whole.spec.model.partition)
    values = codes(whole, column)
    parts = [(np.flatnonzero(values == code), PART_SEED) for code in np.unique(values)]
    return PretrainingShare(group, groups, parts)


def pretrained(whole: Learning, settings: FitSettings = SETTINGS) -> list[Model]:
    return [
        fit_group(whole, settings, quiet, NoStore(), share_of(whole, group)).model
        for group in reversed(range(GROUPS))
    ][::-1]


def reread(models: list[Model], folder: Path) -> list[Model]:
    """The models as another worker finds them; a fit goes on in the first one's networks."""
    found = []
    for number, model in enumerate(models):
        place = folder / str(number)
        place.mkdir(exist_ok=True)
        save_model(model, place)
        found.append(load_model(place, model.encoding.spec))
    return found


def tuned(part: Learning, models: list[Model], folder: Path, seed: int = PART_SEED) -> Trained:
    settings = replace(SETTINGS, seed=seed)
    return fit(part, settings, quiet, NoStore(), pretrained=reread(models, folder))


@pytest.fixture(scope="module")
def parks() -> tuple[Learning, list[Model]]:
    whole = parted(parks_learning(3000), "park")
    return whole, pretrained(whole)


@pytest.fixture(scope="module")
def states() -> tuple[Learning, list[Model]]:
    whole = parted(enoe_learning(1500), "ENT")
    return whole, pretrained(whole)


def codes_of(table: pa.Table, column: str) -> np.ndarray:
    return np.asarray(to_frame(table)[column].astype(object).fillna("").to_numpy())


def codes(learning: Learning, column: str) -> np.ndarray:
    return codes_of(learning.table, column)


def rows_with(learning: Learning, column: str, some: int = 2) -> np.ndarray:
    """The rows of the column's first codes."""
    values = codes(learning, column)
    return np.flatnonzero(np.isin(values, np.unique(values)[:some]))


def test_a_group_learns_its_own_fields_and_no_other(parks: tuple[Learning, list[Model]]) -> None:
    whole, models = parks
    margins = fit_group(
        whole, replace(SETTINGS, max_steps=1), quiet, NoStore(), share_of(whole, 0)
    ).model.generator
    learnt = []
    for group, model in enumerate(models):
        for at, net in enumerate(model.generator.from_field(0)):
            start = margins.from_field(0)[at].state_dict()
            same = all(torch.equal(start[n], tensor) for n, tensor in net.state_dict().items())
            if field_group(at, GROUPS) != group:
                assert same, at
            elif not same:
                learnt.append(at)
    assert len(learnt) > len(models[0].generator.nets) / 2


def test_a_part_begins_with_every_field_that_was_learnt(
    parks: tuple[Learning, list[Model]], tmp_path: Path
) -> None:
    whole, models = parks
    part = part_of(whole, rows_with(whole, "park"))
    settings = replace(SETTINGS, max_steps=1)  # of which nothing is kept
    begun = fit(part, settings, quiet, NoStore(), pretrained=reread(models, tmp_path)).model
    for at, net in enumerate(begun.generator.from_field(0)):
        learnt = models[field_group(at, GROUPS)].generator.from_field(0)[at].state_dict()
        changed = {
            n for n, tensor in net.state_dict().items() if not torch.equal(tensor, learnt[n])
        }
        assert changed <= ({"bias"} if begun.encoding.fields[at].column == "park" else set())


def test_a_part_is_foretold_no_worse_than_by_the_whole(
    states: tuple[Learning, list[Model]], tmp_path: Path
) -> None:
    whole, models = states
    part = part_of(whole, rows_with(whole, "ENT"))

    def scores(settings: FitSettings) -> list[float]:
        told: list[float] = []
        known = reread(models, tmp_path)
        fit(part, settings, lambda p: told.append(p.score or 0.0), NoStore(), pretrained=known)
        return told

    (at_first,) = scores(replace(SETTINGS, max_steps=1))
    tuned_scores = scores(SETTINGS)
    assert [at_first, *tuned_scores] == sorted([at_first, *tuned_scores])


def test_a_small_part_knows_what_holds_in_the_whole(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    trade = rng.integers(10, 30, 3000).astype(str)
    known = rng.random(3000) < 0.95
    learning = hand_made(
        {
            "state": np.where(np.arange(3000) < 120, "1", "2"),
            "trade": trade,
            "taught": np.where(known, trade, rng.integers(10, 30, 3000).astype(str)),
        }
    )
    whole = parted(learning, "state")
    part = part_of(whole, np.arange(120))

    def agreement(trained: Trained) -> float:
        (drawn,) = sample_rows(trained.model, SampleRequest(1000, 5))
        return float((codes_of(drawn, "trade") == codes_of(drawn, "taught")).mean())

    settings = replace(SETTINGS, epochs=20)
    alone = agreement(fit(part, settings, quiet, NoStore()))
    assert agreement(tuned(part, pretrained(whole, settings), tmp_path)) > max(0.8, alone + 0.2)


@pytest.mark.parametrize(("survey", "column"), [("parks", "park"), ("states", "ENT")])
def test_a_part_draws_its_own_codes_and_places_only(
    request: pytest.FixtureRequest, survey: str, column: str, tmp_path: Path
) -> None:
    whole, models = request.getfixturevalue(survey)
    part = part_of(whole, rows_with(whole, column))
    trained = tuned(part, models, tmp_path)
    save_model(trained.model, tmp_path)
    read = load_model(tmp_path, whole.spec)
    for calibrate in (True, False):
        (drawn,) = sample_rows(read, SampleRequest(2000, 5, calibrate=calibrate))
        (before,) = sample_rows(trained.model, SampleRequest(2000, 5, calibrate=calibrate))
        assert drawn.equals(before)
        assert set(drawn[column].to_pylist()) == set(codes(part, column))
        for name in whole.spec.geography_columns():
            places = set(to_frame(part.table)[name].astype(object).fillna("").tolist())
            assert set(to_frame(drawn)[name].astype(object).fillna("").tolist()) <= places


def test_a_part_of_few_households_is_drawn_as_the_whole_is(
    states: tuple[Learning, list[Model]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole, models = states
    part = part_of(whole, np.arange(60))
    trained = tuned(part, models, tmp_path)
    assert "drawn as the whole is" in caplog.text
    assert trained.best_step == 0
    (drawn,) = sample_rows(trained.model, SampleRequest(500, 5))
    assert set(drawn["ENT"].to_pylist()) <= set(codes(part, "ENT"))


def test_a_part_is_the_same_again(parks: tuple[Learning, list[Model]], tmp_path: Path) -> None:
    whole, models = parks
    part = part_of(whole, rows_with(whole, "park"))
    one, again, other = (tuned(part, models, tmp_path, seed) for seed in (PART_SEED, PART_SEED, 10))
    states_of = [trained.model.generator.state_dict() for trained in (one, again, other)]
    assert all(torch.equal(states_of[0][n], states_of[1][n]) for n in states_of[0])
    assert any(not torch.equal(states_of[0][n], states_of[2][n]) for n in states_of[0])


def test_a_small_table_has_fewer_fields_than_groups(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    sex = rng.choice(["1", "2"], 1000)
    learning = hand_made({"sex": sex, "own": np.where(rng.random(1000) < 0.9, sex, "1")})
    whole = parted(learning, "sex")
    models = pretrained(whole)
    trained = tuned(part_of(whole, np.flatnonzero(sex == "1")), models, tmp_path)
    (drawn,) = sample_rows(trained.model, SampleRequest(300, 5))
    assert set(drawn["sex"].to_pylist()) == {"1"}


def test_of_very_many_rows_some_are_pretrained_from_the_same_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = parted(parks_learning(1200), "park")
    seen: list[int] = []
    table = Table

    def watched(rows: np.ndarray, leaves: np.ndarray) -> Table:
        seen.append(len(rows))
        return table(rows, leaves)

    monkeypatch.setattr(fit_module, "Table", watched)
    once = replace(SETTINGS, max_steps=20)
    for most in (300, 300, 5000):
        monkeypatch.setattr(fit_module, "_PRETRAINED_ROWS", most)
        fit_group(whole, once, quiet, NoStore(), share_of(whole, 0))
    assert seen[:2] == [300, 300]
    assert 800 < seen[2] < 1200


def test_what_a_part_holds_out_the_whole_does_not_learn_from() -> None:
    for learning, column in ((enoe_learning(3000), "ENT"), (enoe_learning(3000), "SEX")):
        whole = parted(learning, column)
        homes = whole.households
        assert homes is not None
        share = share_of(whole, 0)
        order = selection_order(SETTINGS.seed)
        fitted, scored = split_as_parts(len(homes), homes, share.parts, order)
        assert set(homes[fitted]).isdisjoint(homes[scored])
        assert 0.05 < 1 - len(fitted) / len(homes) < 0.5
        for rows, seed in share.parts:
            own = part_of(whole, rows)
            trained, held = split_households(len(rows), own.households, selection_order(seed))
            if len(trained) < len(rows):
                assert set(homes[rows[held]]).isdisjoint(homes[fitted])


def test_parts_too_small_to_hold_anyone_out_leave_the_whole_at_its_margins() -> None:
    parts = [(np.arange(start, start + 20), 1) for start in range(0, 100, 20)]
    fitted, scored = split_as_parts(100, None, parts, selection_order(1))
    assert len(fitted) == len(scored) == 100


def test_a_part_of_one_household_is_drawn_as_the_whole_is(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    sex = rng.choice(["1", "2"], 1200)
    state = np.where(np.arange(1200) < 120, "1", "2")
    homes = np.concatenate([np.zeros(120, dtype=np.int64), 1 + np.arange(1080) // 2])
    learning = replace(hand_made({"state": state, "sex": sex}), households=homes)
    whole = parted(learning, "state")
    trained = tuned(part_of(whole, np.arange(120)), pretrained(whole), tmp_path)
    assert trained.best_step == 0
    (drawn,) = sample_rows(trained.model, SampleRequest(300, 5))
    assert set(drawn["state"].to_pylist()) == {"1"}


@pytest.mark.parametrize("calibrate", [True, False])
def test_a_rule_that_concludes_what_parts_the_table_does_not_lead_out_of_the_part(
    tmp_path: Path, calibrate: bool
) -> None:
    rng = np.random.default_rng(1)
    state = np.where(np.arange(2000) < 300, "b", "a")
    trade = np.where(state == "b", "2", rng.choice(["1", "2"], 2000))
    learning = hand_made(
        {"trade": trade, "state": state, "other": rng.choice(["x", "y"], 2000)},
        rules=[{"kind": "implies", "name": "r", "if": 'trade == "1"', "then": 'state == "a"'}],
    )
    whole = parted(learning, "state")
    trained = tuned(part_of(whole, np.arange(300)), pretrained(whole), tmp_path)
    (drawn,) = sample_rows(trained.model, SampleRequest(1000, 5, calibrate=calibrate))
    assert set(drawn["state"].to_pylist()) == {"b"}
    assert set(drawn["trade"].to_pylist()) == {"2"}


def test_a_column_that_is_blank_throughout_a_part_stays_blank(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    state = np.where(np.arange(2000) < 400, "b", "a")
    asked = state == "a"
    learning = hand_made(
        {
            "state": state,
            "income": np.where(asked, rng.integers(0, 80, 2000).astype(float), np.nan),
            "trade": [str(i % 9) if a else None for i, a in enumerate(asked)],
        }
    )
    whole = parted(learning, "state")
    trained = tuned(part_of(whole, np.arange(400)), pretrained(whole), tmp_path)
    (drawn,) = sample_rows(trained.model, SampleRequest(2000, 5))
    assert [drawn[name].null_count for name in ("income", "trade")] == [2000, 2000]


def test_fits_leave_what_was_pretrained_as_it_is(parks: tuple[Learning, list[Model]]) -> None:
    whole, models = parks
    part = part_of(whole, rows_with(whole, "park"))
    before = [{n: t.clone() for n, t in model.generator.state_dict().items()} for model in models]
    fit(part, SETTINGS, quiet, NoStore(), pretrained=models)
    for model, state in zip(models, before, strict=True):
        assert all(torch.equal(model.generator.state_dict()[n], t) for n, t in state.items())


def test_a_group_and_a_part_that_were_interrupted_end_as_others(
    parks: tuple[Learning, list[Model]], tmp_path: Path
) -> None:
    whole, models = parks
    part = part_of(whole, rows_with(whole, "park"))
    share = share_of(whole, 1)

    def learn(store: Store, most: int | None, of_part: bool) -> Model:
        asked = replace(SETTINGS, max_steps=most)
        if of_part:
            return fit(part, asked, quiet, store, pretrained=models).model
        return fit_group(whole, asked, quiet, store, share).model

    for of_part in (False, True):
        store = Interrupted()
        learn(store, 60, of_part)
        assert store.content is not None
        ended = learn(store, None, of_part).generator.state_dict()
        quiet_run = learn(NoStore(), None, of_part).generator.state_dict()
        assert all(torch.equal(ended[n], quiet_run[n]) for n in ended)


class Interrupted:
    """A store in memory."""

    def __init__(self) -> None:
        self.content: bytes | None = None

    def read(self) -> bytes | None:
        return self.content

    def write(self, content: bytes) -> None:
        self.content = content


def test_an_engine_that_does_not_pretrain_leaves_no_model(tmp_path: Path) -> None:
    whole = parted(parks_learning(600), "park")
    parameters = Parameters.of(whole.spec, {"engine": "sdv"})
    result, files = pretrain_model(whole, parameters, 1, NoStore(), quiet, share_of(whole, 0))
    assert (result.steps, files) == (0, {})
