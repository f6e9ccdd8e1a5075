"""Survey weights: raked to totals, out of the attacker's view, figures by them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from include.espejo.errors import SpecError
from include.espejo.report.files.data_package import data_package
from include.espejo.survey import Period, SurveySpec
from include.espejo.survey.load import parse_spec
from include.espejo.table.frames import to_frame
from include.espejo.table.indicators import compute_indicators, with_weighted
from include.espejo.table.weights import absent_groups, raked_weights, weight_margins
from include.espejo.validate import check_survey
from tests.support.made import COLUMNS, content_of, table_of

PERIOD = Period.parse("once")
FAC = {"kind": "integer", "role": "weight", "label": "Weight", "range": [1, 99999]}
TOTALS: list[dict[str, Any]] = [{"by": ["MUN"]}, {"by": ["SEX", "WORKS"]}]


def spec_of(totals: list[dict[str, Any]] | None = None, **changes: Any) -> SurveySpec:
    fac = FAC | changes.pop("fac", {})
    content = yaml.safe_load(content_of({**COLUMNS, "FAC": fac}))
    content["weight"] = {"column": "FAC", "totals": totals or TOTALS}
    content["indicators"] = [
        {"name": "men", "label": "x", "statistics": ["share"], "of": 'SEX == "1"'},
        {"name": "age", "label": "x", "statistics": ["mean", "median"], "of": "AGE"},
    ]
    return parse_spec(yaml.safe_dump(content | changes, allow_unicode=True), "made.yaml")


def rows(seed: int, people: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    columns = {
        "ID": [str(n) for n in range(people)],
        "MUN": random.choice(["009", "010", "011"], people, p=[0.6, 0.3, 0.1]),
        "SEX": random.choice(["1", "2"], people),
        "WORKS": random.choice(["true", "false"], people),
        "AGE": random.integers(0, 90, people).astype(float),
        "INC": random.gamma(2, 500, people),
        "FAC": random.integers(20, 900, people).astype(float),
    }
    frame = pd.DataFrame(columns)
    return frame.astype(dict.fromkeys(["ID", "MUN", "SEX", "WORKS"], "category"))


@pytest.mark.parametrize("kind", ["integer", "decimal"])
def test_released_weights_add_up_to_the_survey_s_totals(kind: str) -> None:
    spec = spec_of(fac={"kind": kind})
    real, synthetic = rows(1, 3000), rows(2, 1500)
    synthetic["FAC"] = raked_weights(synthetic, weight_margins(real, spec), spec)
    for by in (["MUN"], ["SEX", "WORKS"]):
        wanted = real.groupby(by, observed=True)["FAC"].sum()
        found = synthetic.groupby(by, observed=True)["FAC"].sum()
        assert np.abs(found - wanted).max() <= (24 if kind == "integer" else 1e-2)
    assert (synthetic["FAC"] >= 1).all()
    if kind == "integer":
        assert (synthetic["FAC"] == synthetic["FAC"].round()).all()


def test_published_totals_take_the_place_of_the_survey_s_own() -> None:
    values = {"009": 900_000.0, "010": 80_000.0, "011": 20_000.0}
    spec = spec_of([{"by": ["MUN"], "values": values}])
    synthetic = rows(2, 1500)
    margins = weight_margins(rows(1, 3000), spec)
    synthetic["FAC"] = raked_weights(synthetic, margins, spec)
    found = synthetic.groupby("MUN", observed=True)["FAC"].sum()
    assert found.to_dict() == pytest.approx(values, abs=2)


def test_no_total_stands_on_fewer_people_than_the_floor() -> None:
    real = rows(1, 3000)
    real["MUN"] = real["MUN"].astype(object)
    real.loc[:4, "MUN"] = "777"
    (margin, _) = weight_margins(real.astype({"MUN": "category"}), spec_of())
    assert set(margin.totals) == {("009",), ("010",), ("011",)}


def test_totals_of_groups_that_the_table_has_not_refuse_it() -> None:
    spec = spec_of([{"by": ["MUN"], "values": {"009": 5.0, "010": 5.0, "555": 7.0}}])
    table = table_of(spec, FAC=[30] * 300)
    assert absent_groups(rows(1, 300), spec) == {"MUN": 1}
    (error,) = [e for e in check_survey(to_frame(table), spec, PERIOD).errors if "totals" in e.rule]
    assert "1 groups have a total and no row here: correct `weight.totals`" in error.remedy


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"fac": {"role": "free"}}, "it is the survey weight: write role: weight"),
        ({"totals": [{"by": ["AGE"]}]}, "AGE must be a modelled code column"),
        ({"totals": [{"by": ["SEX"], "values": {"9": 5}}]}, "'9' is no code of SEX"),
        ({"totals": [{"by": ["SEX"], "values": {"1": 0}}]}, "write numbers above 0"),
        ({"totals": [{"by": ["SEX", "MUN"], "values": {"1": 5}}]}, "`values` are of one column"),
        ({"weight": None}, "a weight is named in `weight.column`"),
        ({"disclosure": {"key_sets": {"all": ["MUN", "FAC"]}}}, "nobody is known by a survey"),
    ],
)
def test_a_weight_that_does_not_fit_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(SpecError) as caught:
        spec_of(**changes)
    assert told in str(caught.value)


def test_an_attacker_s_spec_has_no_weight() -> None:
    spec = spec_of().without_weight()
    assert "FAC" not in spec.model.columns
    assert spec.without_weight() is spec
    assert spec_of().model.columns != spec.model.columns


def test_indicators_are_weighted_beside_unweighted() -> None:
    spec, frame = spec_of(), rows(1, 2000)
    told = with_weighted(frame, spec, PERIOD).set_index(["indicator", "statistic"])
    men = (frame["SEX"] == "1").to_numpy()
    assert told.loc[("men", "share"), "value"] == pytest.approx(men.mean())
    weighted = np.average(men, weights=frame["FAC"])
    assert told.loc[("men", "share"), "weighted_value"] == pytest.approx(weighted)
    mean = np.average(frame["AGE"], weights=frame["FAC"])
    assert told.loc[("age", "mean"), "weighted_value"] == pytest.approx(mean)
    repeated = frame["AGE"].repeat(frame["FAC"].astype(int)).median()
    assert told.loc[("age", "median"), "weighted_value"] == pytest.approx(repeated, abs=1)


def test_weights_of_one_change_no_figure() -> None:
    spec, frame = spec_of(), rows(1, 500).assign(FAC=1.0)
    plain = compute_indicators(frame, spec, PERIOD)
    weighted = compute_indicators(frame, spec, PERIOD, weighted=True)
    pd.testing.assert_frame_equal(plain, weighted)


def test_the_data_package_says_what_may_be_computed() -> None:
    release = {"period": "once", "release": "0" * 12, "created": "2026-01-01"}
    tables = {"synthetic.csv": b"", "synthetic.parquet": b""}
    told = yaml.safe_load(data_package(spec_of(), ["MUN", "FAC"], release, tables))["weights"]
    assert told["column"] == "FAC"
    assert told["totals"] == [["MUN"], ["SEX", "WORKS"]]
    assert "sampling errors may not" in told["description"]
    assert "no errores de muestreo" in told["description_es"]
