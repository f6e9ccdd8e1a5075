"""Scores of tables at the edge of what a spec allows: constant, sparse, codes only."""

import json

import numpy as np
import pandas as pd
import pytest

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


def test_a_synthetic_number_that_does_not_vary_scores_nothing_with_the_others() -> None:
    spec = spec_of(first="decimal", second="decimal")
    real = pd.DataFrame({"first": NUMBERS, "second": HALF + HALF})
    scores = score_quality(real, real.assign(second=1.0), spec, seed=1)
    assert scores.quality.pair_trends_all == 0
    assert scores.quality.unscored_pairs == ()


def test_a_column_that_the_synthetic_rows_lost_scores_nothing() -> None:
    spec = spec_of(first="decimal", second="decimal")
    real = pd.DataFrame({"first": NUMBERS, "second": HALF + HALF})
    lost = score_quality(real, real.assign(second=np.nan), spec, seed=1)
    assert lost.quality.shapes <= 0.5
    assert lost.document(()).unscored_columns == ()


def test_a_column_of_which_so_few_rows_have_hardly_a_value_is_not_scored() -> None:
    spec = spec_of(first="decimal", second="decimal")
    few = [1.0, 2.0, *[np.nan] * (ROWS - 2)]
    real = pd.DataFrame({"first": NUMBERS, "second": few})
    scores = score_quality(real, real.assign(second=np.nan), spec, seed=1)
    told = scores.document(())
    assert told.unscored_columns == ("second",)
    assert told.column_shapes == pytest.approx(1)
    reasons = {metric.metric: metric.reason for metric in told.metrics.table}
    assert reasons["CSTest"] == "no_columns"
    assert "NaN" not in json.dumps(json_of(told))


def test_a_metric_that_sdmetrics_cannot_compute_is_told_with_its_reason() -> None:
    spec = spec_of(first="decimal", second="decimal")
    real = pd.DataFrame({"first": NUMBERS, "second": HALF + HALF})
    scores = score_quality(real, real.assign(first=1.0, second=1.0), spec, seed=1)
    table = {metric.metric: metric for metric in scores.metrics}
    assert table["CorrelationSimilarity"].score is None
    assert table["CorrelationSimilarity"].reason == "not_computable"
    known = [metric.score for metric in scores.metrics if metric.score is not None]
    assert scores.aggregate == pytest.approx(sum(known) / len(known))
