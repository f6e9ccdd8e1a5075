"""A part of a table goes on from what was pretrained of the whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from include.espejo.synthesis.ctgan import fit as fit_module
from include.espejo.synthesis.ctgan.beginning import field_group
from include.espejo.synthesis.ctgan.fit import Trained, fit, fit_group
from include.espejo.synthesis.ctgan.model import Model, load_model, save_model
from include.espejo.synthesis.ctgan.sampling import sample_rows
from include.espejo.synthesis.ctgan.trainings import Table
from include.espejo.synthesis.interface.engine import (
    FitSettings,
    Learning,
    NoStore,
    SampleRequest,
)
from include.espejo.table.frames import to_frame
from tests.support.learning import enoe_learning, hand_made, parks_learning, quiet

SETTINGS = FitSettings(epochs=3, batch_size=100, seed=3)
GROUPS = 3


def parted(learning: Learning, column: str) -> Learning:
    """The same, of a spec that is learnt in parts, and with the rows that none of them sees."""
    model = learning.spec.model.model_copy(update={"partition": column})
    spec = learning.spec.model_copy(update={"model": model})
    homes = np.arange(learning.table.num_rows)
    held = (homes if learning.households is None else learning.households) % 10 == 3
    return replace(learning, spec=spec, held=held)


def part_of(whole: Learning, rows: np.ndarray) -> Learning:
    homes = None
    if whole.households is not None:
        homes = np.unique(whole.households[rows], return_inverse=True)[1]
    assert whole.held is not None
    table = whole.table.take(rows)
    return replace(whole, table=table, households=homes, held=whole.held[rows])


def pretrained(whole: Learning, settings: FitSettings = SETTINGS) -> list[Model]:
    return [
        fit_group(whole, settings, quiet, NoStore(), (group, GROUPS)).model
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


def tuned(part: Learning, models: list[Model], folder: Path, seed: int = 9) -> Trained:
    settings = replace(SETTINGS, seed=seed)
    return fit(part, settings, quiet, NoStore(), pretrained=reread(models, folder))


@pytest.fixture(scope="module")
def parks() -> tuple[Learning, list[Model]]:
    whole = parted(parks_learning(3000), "park")
    return whole, pretrained(whole)


@pytest.fixture(scope="module")
def states() -> tuple[Learning, list[Model]]:
    whole = parted(enoe_learning(3000), "ENT")
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
        whole, replace(SETTINGS, max_steps=1), quiet, NoStore(), (0, GROUPS)
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
    one, again, other = (tuned(part, models, tmp_path, seed) for seed in (9, 9, 10))
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
        fit_group(whole, once, quiet, NoStore(), (0, 1))
    assert whole.held is not None
    assert seen == [300, 300, int((~whole.held).sum())]
