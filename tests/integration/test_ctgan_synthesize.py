"""Training with engine ctgan on a lake: it goes on after a kill, and tells of a lake that fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.espejo.errors import LakeError
from include.espejo.lake import open_lake
from include.espejo.synthesis.interface.engine import EpochProgress, FitSettings
from include.espejo.synthesis.train import LakeStore
from tests.support.learning import fitted, parks_learning, same_weights


def test_a_killed_training_goes_on_from_the_lake(tmp_path: Path) -> None:
    settings = FitSettings(epochs=2, batch_size=50, seed=3)
    whole = fitted(parks_learning(600), settings)
    store = LakeStore(open_lake(str(tmp_path)), str(tmp_path / "checkpoint" / "last"))

    def stop(told: EpochProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted(parks_learning(600), settings, store=store, progress=stop)
    again = fitted(parks_learning(600), settings, store=store)
    assert same_weights(whole, again)
    assert again.best_step == whole.best_step


def test_a_lake_that_does_not_answer_ends_the_fit_in_words(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("where a folder should be")
    store = LakeStore(open_lake(str(tmp_path)), str(blocked / "checkpoint"))
    with pytest.raises(LakeError) as caught:
        fitted(parks_learning(600), FitSettings(epochs=1, batch_size=50, seed=3), store=store)
    assert str(tmp_path) in str(caught.value)
