"""Models that learn from synthetic rows, tested on held-out people: scores by hand, and runs."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss, roc_auc_score

from include.espejo.evaluate.specific import learning as subject
from include.espejo.evaluate.specific.learning_scores import HeldOutPeople, scores_of
from tests.support.towns import people, utility, without_key


def learning(train: pd.DataFrame, holdout: pd.DataFrame | None, synthetic: pd.DataFrame) -> Any:
    return utility(train, holdout, without_key(synthetic))["learning"]


def scores(found: Any, target: str) -> Any:
    return next(one for one in found["targets"] if one["target"] == target)["scores"]


def test_scores_are_those_of_scikit_learn() -> None:
    generator = np.random.default_rng(1)
    truth = generator.integers(0, 3, 300)
    chance = generator.dirichlet([1, 1, 1], 300) + 0.3 * np.eye(3)[truth]
    chance /= chance.sum(axis=1, keepdims=True)
    once = np.ones((300, 1), dtype=np.uint8)
    got = scores_of(HeldOutPeople(truth, 3, np.arange(3), np.arange(300), once), chance)
    guess = chance.argmax(axis=1)
    assert got["macro_f1"][0] == pytest.approx(f1_score(truth, guess, average="macro"))
    assert got["balanced_accuracy"][0] == pytest.approx(balanced_accuracy_score(truth, guess))
    assert got["log_loss"][0] == pytest.approx(log_loss(truth, chance), rel=1e-5)
    auc = roc_auc_score(truth, chance, multi_class="ovr", average="macro")
    assert got["auc"][0] == pytest.approx(auc, abs=2e-3)


def test_a_replicate_is_the_score_of_the_households_drawn() -> None:
    truth, household = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    chance = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.3, 0.7]])
    drawn = np.array([[1, 2, 0], [1, 0, 2]], dtype=np.uint8)
    got = scores_of(HeldOutPeople(truth, 2, np.arange(2), household, drawn), chance)
    assert got["balanced_accuracy"].tolist() == [0.75, 1.0, 0.5]
    assert got["auc"].tolist() == [0.5, 1.0, 0.0]
    assert got["log_loss"][1] == pytest.approx(-np.log([0.9, 0.6]).mean())


def test_other_people_of_the_kind_teach_as_much_and_noise_nothing() -> None:
    train, holdout = people(1200, 1), people(800, 2, start=5000)
    alike = scores(learning(train, holdout, people(1200, 3)), "job")["auc"]
    low, high = alike["difference_interval"]
    assert 0.6 < alike["train_real"] < 0.7  # the towns' shares allow 0.65
    assert low <= 0 <= high
    noise = people(1200, 3)
    noise["job"] = noise["job"].sample(frac=1, random_state=1).to_numpy()
    shuffled = learning(train, holdout, noise.astype({"job": "category"}))
    apart = scores(shuffled, "job")
    assert apart["auc"]["difference_interval"][1] < 0
    assert apart["auc"]["difference"] == pytest.approx(
        apart["auc"]["train_synthetic"] - apart["auc"]["train_real"]
    )
    assert apart["log_loss"]["difference_interval"][0] > 0


def test_the_order_of_categories_does_not_matter() -> None:
    train, holdout, synthetic = people(600, 1), people(400, 2, start=5000), people(600, 3)
    turned = synthetic.assign(
        job=synthetic["job"].cat.reorder_categories(["y", "n"]),
        town=synthetic["town"].cat.reorder_categories(["S", "N"]),
    )
    first = learning(train, holdout, synthetic)
    assert scores(first, "job")["auc"]["train_synthetic"] > 0.55
    assert learning(train, holdout, turned) == first


def test_a_number_is_guessed_in_its_brackets() -> None:
    found = learning(people(600, 1), people(400, 2, start=5000), people(600, 3))
    pay = next(one for one in found["targets"] if one["target"] == "pay")
    assert (pay["classes"], pay["scored_classes"]) == (3, 3)
    assert found["settings"]["features"] == ["town", "age"]
    assert found["settings"]["tested_households"] == 200
    assert found["settings"]["learnt_rows"] == 600


def test_rows_beyond_the_limit_are_left_out_by_household(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "TESTED_ROWS", 101)
    monkeypatch.setattr(subject, "LEARNT_ROWS", 250)
    found = learning(people(600, 1), people(400, 2, start=5000), people(300, 3))
    assert found["settings"]["tested_rows"] == 100
    assert found["settings"]["tested_households"] == 50
    assert found["settings"]["learnt_rows"] == 250


def test_without_a_holdout_there_is_a_reason_and_no_score() -> None:
    found = learning(people(200, 1), None, people(200, 3))
    assert found["targets"] is None
    assert "held-out" in found["reason"]


def test_a_class_of_too_few_held_out_people_is_not_scored() -> None:
    holdout = people(200, 2, start=5000).astype({"job": object})
    holdout.loc[holdout.index[:4], "job"] = "u"
    found = learning(people(300, 1), holdout.astype({"job": "category"}), people(300, 3))
    job = next(one for one in found["targets"] if one["target"] == "job")
    assert (job["classes"], job["scored_classes"]) == (3, 2)
    assert np.isfinite(job["scores"]["log_loss"]["train_real"])


def test_a_column_of_one_class_has_a_reason_and_no_score() -> None:
    one_class = pd.CategoricalDtype(["n", "y"])
    tables = [people(200, seed, start=5000 * seed) for seed in (1, 2, 3)]
    tables = [frame.assign(job=pd.Series("y", frame.index, dtype=one_class)) for frame in tables]
    found = learning(*tables)
    job = next(one for one in found["targets"] if one["target"] == "job")
    assert job["scores"] is None
    assert "two classes" in job["reason"]


def test_a_synthetic_table_that_lost_a_class_still_has_a_score() -> None:
    synthetic = people(300, 3).assign(job=pd.Categorical(["y"] * 300))
    job = scores(learning(people(300, 1), people(200, 2, start=5000), synthetic), "job")
    assert job["balanced_accuracy"]["train_synthetic"] == 0.5
    assert job["auc"]["train_synthetic"] == 0.5


def test_columns_that_are_blank_throughout_teach_nothing() -> None:
    tables = [people(200, seed, start=5000 * seed) for seed in (1, 2, 3)]
    found = learning(*(frame.assign(age=np.nan) for frame in tables))
    assert found["settings"]["features"] == ["town"]
    assert all(target["scores"] for target in found["targets"])
    nowhere = pd.Categorical([None] * 200, categories=["N"])
    found = learning(*(frame.assign(age=np.nan, town=nowhere) for frame in tables))
    assert found["targets"] is None
    assert "quasi-identifier" in found["reason"]
