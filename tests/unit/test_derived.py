"""Columns that follow from others of the same row hold by construction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from include.espejo.errors import SpecError
from include.espejo.report.files.csv import source_csv
from include.espejo.report.files.data_package import data_package
from include.espejo.survey import Period, SurveySpec
from include.espejo.survey.load import parse_spec
from include.espejo.table.derived import with_derived
from include.espejo.table.frames import to_table
from tests.support.made import COLUMNS, content_of

PERIOD = Period.parse("once")
BODY = {
    "WEIGHT": {"kind": "decimal", "role": "free", "label": "Weight", "special": {999: "No"}},
    "HEIGHT": {"kind": "integer", "role": "free", "label": "Height", "special": {0: "No"}},
}
BMI = {"label": "Body-mass index", "of": "WEIGHT / (HEIGHT / 100 * HEIGHT / 100)", "decimals": 1}


def spec_of(derived: dict[str, Any]) -> SurveySpec:
    content = yaml.safe_load(content_of({**COLUMNS, **BODY}))
    return parse_spec(yaml.safe_dump(content | {"derived": derived}), "made.yaml")


def test_a_derived_column_is_computed_of_each_row() -> None:
    spec = spec_of({"BMI": BMI})
    frame = pd.DataFrame(
        {"WEIGHT": [70.0, 999.0, 80.5, np.nan], "HEIGHT": [170.0, 180.0, 0.0, 170.0]}
    )
    table = with_derived(to_table(frame, spec), spec, PERIOD)
    assert table.column_names == ["WEIGHT", "HEIGHT", "BMI"]
    assert table["BMI"].to_pylist() == [24.2, None, None, None]
    assert table["WEIGHT"].to_pylist() == [70.0, 999.0, 80.5, None]
    assert source_csv(table, spec).decode().splitlines() == [
        "WEIGHT,HEIGHT,BMI",
        "70,170,24.2",
        "999,180,",
        "80.5,0,",
        ",170,",
    ]
    tables = {"synthetic.csv": b"", "synthetic.parquet": b""}
    release = {"period": "once", "release": "0" * 12, "created": "2026-01-01"}
    told = yaml.safe_load(data_package(spec, table.column_names, release, tables))
    assert told["resources"][0]["schema"]["fields"][-1] == {
        "name": "BMI",
        "type": "number",
        "title": "Body-mass index",
        "title_es": "Body-mass index",
    }


@pytest.mark.parametrize(
    ("derived", "told"),
    [
        ({"AGE": BMI}, "the name AGE is used by a column"),
        ({"age": BMI}, "the name age is used by a column"),
        ({"X": BMI | {"of": "AGE > 5"}}, "'AGE > 5' is a condition; a number is expected here"),
        ({"X": BMI | {"of": "SIZE * 2"}}, "it names SIZE, which is not a column"),
        ({"X": BMI | {"decimals": 12}}, "less than or equal to 9"),
    ],
)
def test_a_derived_column_that_does_not_fit_is_refused(derived: dict[str, Any], told: str) -> None:
    with pytest.raises(SpecError) as caught:
        spec_of(derived)
    assert told in str(caught.value)


def test_a_derived_column_reads_modelled_columns_alone() -> None:
    content = yaml.safe_load(content_of({**COLUMNS, **BODY}))
    content["model"]["columns"].remove("HEIGHT")
    with pytest.raises(SpecError, match="HEIGHT is not modelled, so that no row has it"):
        parse_spec(yaml.safe_dump(content | {"derived": {"BMI": BMI}}), "made.yaml")
