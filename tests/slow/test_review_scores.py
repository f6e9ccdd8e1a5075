"""Scores of tables at the edge of what a spec allows: constant, sparse, codes only."""

import json

import numpy as np
import pandas as pd
import pytest

from include.espejo.errors import MetricError
from include.espejo.evaluate.quality.scores import Scores, score_quality
from include.espejo.survey import SurveySpec
from include.espejo.survey.load import parse_spec
from tests.support.documents import json_of
from tests.surveys.parks import SPEC as PARKS_SPEC

pytestmark = pytest.mark.usefixtures("metrics_here")

ROWS = 200
NUMBERS = np.random.default_rng(1).normal(size=ROWS)
HALF = [1.0, 2.0] * (ROWS // 4)
GAP = [np.nan] * (ROWS // 2)


def spec_of(**kinds: str) -> SurveySpec:
    """The invented survey with other columns."""
    head, _, rest = PARKS_SPEC.read_text(encoding="utf-8").partition("\ncolumns:\n")
    outputs = rest.partition("\noutputs:\n")[2].partition("\nindicators:\n")[0]
    columns = "".join(
        f"  {name}: {{kind: {kind}, label: x, role: quasi}}\n" for name, kind in kinds.items()
    )
    return parse_spec(
        f"{head.replace('  period_column: quarter', '  period_column: null')}\ncolumns:\n{columns}"
        "geography: none\nhousehold_key: none\nperson_key: none\n"
        f"model: {{columns: [{', '.join(kinds)}]}}\n"
        f"disclosure: {{key_sets: {{all: [{', '.join(kinds)}]}}}}\noutputs:\n{outputs}",
        "edge.yaml",
    )


def scores_of(spec: SurveySpec, columns: dict[str, object]) -> Scores:
    frame = pd.DataFrame(columns)
    return score_quality(frame, frame.iloc[::-1].reset_index(drop=True), spec, seed=1)


@pytest.mark.parametrize(
    "second",
    [
        pytest.param([5.0] * ROWS, id="constant"),
        pytest.param([1.5, 1.5, *[np.nan] * (ROWS - 2)], id="constant-where-filled"),
        pytest.param([np.nan] * ROWS, id="blank-throughout"),
    ],
)
def test_a_number_that_does_not_vary_leaves_the_rest_scored(second: list[float]) -> None:
    spec = spec_of(first="decimal", second="decimal", third="integer")
    scores = scores_of(spec, {"first": NUMBERS, "second": second, "third": HALF + HALF})
    assert scores.quality.overall == pytest.approx(1)
    assert scores.quality.pair_trends is None
    table = {metric.metric: metric.score for metric in scores.metrics}
    assert table["CorrelationSimilarity"] == pytest.approx(1)


def test_two_numbers_that_are_never_filled_together_have_no_correlation() -> None:
    spec = spec_of(first="decimal", second="decimal")
    scores = scores_of(spec, {"first": HALF + GAP, "second": GAP + HALF})
    assert scores.quality.pair_trends_all is None
    assert "NaN" not in json.dumps(json_of(scores.document(())))


def test_a_survey_of_codes_only_is_scored() -> None:
    spec = spec_of(first="code", second="code")
    codes = pd.Categorical(["a", "b"] * (ROWS // 2))
    scores = scores_of(spec, {"first": codes, "second": pd.Categorical(["k"] * ROWS)})
    table = {metric.metric: metric.score for metric in scores.metrics}
    assert table["MissingValueSimilarity"] is None
    assert table["TVComplement"] == pytest.approx(1)


def test_a_synthetic_number_that_does_not_vary_is_told_with_its_remedy() -> None:
    spec = spec_of(first="decimal", second="decimal")
    real = pd.DataFrame({"first": NUMBERS, "second": HALF + HALF})
    with pytest.raises(MetricError, match=r"first x second.*train longer"):
        score_quality(real, real.assign(second=1.0), spec, seed=1)
