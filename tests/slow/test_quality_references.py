"""SDMetrics' own scores between floor and ceiling, and evaluation at the edges of a spec."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.espejo.evaluate.general.utility import general_utility
from include.espejo.evaluate.quality.references import score_references
from include.espejo.evaluate.quality.reports import quality, scores_alike
from include.espejo.evaluate.quality.scores import score_quality
from include.espejo.evaluate.specific.utility import specific_utility
from include.espejo.survey import SurveySpec
from tests.support.documents import json_of
from tests.support.invented import PERIOD, code, invented_spec, number

pytestmark = pytest.mark.usefixtures("metrics_here")

NAMES = ("overall", "column_shapes", "column_pair_trends", "column_pair_trends_all_pairs")
SPEC = invented_spec({"place": code(), "job": code(), "age": number(), "pay": number()}, rules=[])
METADATA = {
    "columns": {
        n: {"sdtype": "categorical" if c.is_code() else "numerical"}
        for n, c in SPEC.model_columns().items()
    }
}


def people(seed: int, rows: int = 1500) -> pd.DataFrame:
    """A job that follows from the place, and pay from age."""
    random = np.random.default_rng(seed)
    place = random.choice(3, rows)
    age = random.integers(15, 80, rows).astype(float)
    job = np.where(random.random(rows) < 0.8, place, random.choice(3, rows))
    frame = pd.DataFrame(
        {
            "place": place,
            "job": job,
            "age": age,
            "pay": (age * 100 + random.normal(0, 500, rows)).round(),
        }
    )
    return frame.assign(
        **{n: pd.Categorical([f"c{v}" for v in frame[n]]) for n in ("place", "job")}
    )[list(SPEC.model_columns())]


def as_text(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype({"place": object, "job": object})


def references(synthetic: pd.DataFrame, holdout: pd.DataFrame | None) -> dict[str, Any]:
    real = as_text(people(1))
    others = {"score": as_text(synthetic), "floor": real}
    if holdout is not None:
        others["ceiling"] = as_text(holdout)
    found = quality(real, others["score"], METADATA)
    return dict(json_of(score_references(found, real, others, METADATA, seed=1)))


def test_a_table_scores_alike_what_the_report_scores() -> None:
    real, other = as_text(people(1)), as_text(people(2))
    found = quality(real, other, METADATA)
    alike = scores_alike(found, real, other, METADATA)
    expected = (found.overall, found.shapes, found.pair_trends, found.pair_trends_all)
    assert alike == pytest.approx(dict(zip(NAMES, expected, strict=True)))


def test_another_sample_lies_at_the_ceiling_and_shuffled_columns_at_the_floor() -> None:
    found = references(people(2), people(3))
    assert set(found) == set(NAMES)
    for name in ("overall", "column_pair_trends"):
        assert found[name]["floor"] < found[name]["ceiling"] - 0.1
        assert found[name]["position"] == pytest.approx(1, abs=0.1)
    assert found["column_shapes"]["floor"] > 0.95  # shuffling leaves columns as they are
    real, random = people(1), np.random.default_rng(7)
    shuffled = pd.DataFrame({n: real[n].iloc[random.permutation(len(real))].array for n in real})
    assert references(shuffled, people(3))["overall"]["position"] == pytest.approx(0, abs=0.1)


def test_contestants_score_on_equally_many_rows_and_the_report_on_all() -> None:
    fewer, synthetic = references(people(2), people(3, 150)), people(2)
    shapes = fewer["column_shapes"]
    # Of a table that is a sample like the holdout, fewer rows are further off by chance alone.
    assert shapes["score"] < shapes["all_rows"] - 0.01
    assert shapes["all_rows"] == quality(as_text(people(1)), as_text(synthetic), METADATA).shapes


def test_without_a_holdout_there_is_a_floor_and_no_ceiling() -> None:
    overall = references(people(2), None)["overall"]
    assert (overall["ceiling"], overall["position"]) == (None, None)
    assert overall["floor"] < overall["score"]


def test_a_column_that_does_not_vary_in_a_small_sample_has_no_reference() -> None:
    random = np.random.default_rng(1)
    real = pd.DataFrame({"a": [0.0] * 1500, "b": random.normal(size=1500)})
    real.loc[:2, "a"] = [1.0, 2.0, 3.0]
    metadata = {"columns": {name: {"sdtype": "numerical"} for name in real}}
    found = quality(real, real, metadata)
    others = {"score": real, "floor": real, "ceiling": real.iloc[100:300]}  # where it is 0
    alike = json_of(score_references(found, real, others, metadata, seed=1))
    assert alike["column_pair_trends_all_pairs"]["ceiling"] is None
    assert alike["column_shapes"]["ceiling"] > 0.9


# --- the whole evaluation at the edges ----------------------------------------------------------


def odd(rows: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "thousand": pd.Categorical([f"{n:04}" for n in random.integers(0, 1000, rows)]),
            "same": pd.Categorical(["k"] * rows),
            "empty": pd.Categorical([None] * rows, categories=["z"]),
            "void": np.full(rows, np.nan),
            "pay": random.gamma(2, 100, rows).round(),
        }
    )


def whole(
    spec: SurveySpec, train: pd.DataFrame, holdout: pd.DataFrame | None, synthetic: pd.DataFrame
) -> dict[str, Any]:
    """All that `steps.evaluate` keeps, as JSON holds it."""
    found = {
        "quality": score_quality(train, synthetic, spec, 1, holdout).document(()),
        "general": general_utility(train, holdout, synthetic, spec, 1),
        "specific": specific_utility(train, holdout, synthetic, spec, PERIOD, 1),
    }
    return dict(json_of(found))


@pytest.mark.parametrize("with_holdout", [True, False])
def test_odd_columns_and_a_survey_without_places_weight_or_indicators(with_holdout: bool) -> None:
    # Codes without labels, a thousand of them, one only, and columns that are blank throughout.
    kinds = {
        "thousand": code(),
        "same": code(),
        "empty": code(),
        "void": number(),
        "pay": number(role="sensitive", brackets=[100]),
    }
    spec = invented_spec(kinds, rules=[])
    order = list(spec.model_columns())
    train, holdout, synthetic = (odd(600, seed)[order] for seed in (1, 2, 3))
    found = whole(spec, train, holdout if with_holdout else None, synthetic)
    assert set(found["quality"]["unscored_columns"]) == {"empty", "void"}
    assert 0.3 < found["quality"]["overall"] < 1
    assert (found["quality"]["references"]["overall"]["ceiling"] is not None) is with_holdout
    assert found["general"]["parts"]["level"] is None
    assert found["specific"]["indicators"] == []
    targets = found["specific"]["learning"]["targets"]
    assert (targets is not None) is with_holdout
    if not with_holdout:
        assert found["specific"]["learning"]["reason"] == "no held-out people to test on"


def test_an_empty_holdout_gives_no_ceiling() -> None:
    found = whole(SPEC, people(1), people(3, 0), people(2))
    for scores in (found["quality"]["references"]["overall"], found["general"]["k_marginal"]):
        assert scores["ceiling"] is None
        assert scores["floor"] < scores["score"]
    assert found["specific"]["learning"]["targets"] is None
