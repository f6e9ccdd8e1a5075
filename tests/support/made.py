"""A small made-up survey in one table, for tests of specs, files and rules."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pyarrow as pa
import yaml

from include.espejo.survey import SurveySpec
from include.espejo.survey.load import parse_spec
from include.espejo.table.frames import arrow_type

ROWS = 300

COLUMNS: dict[str, Any] = {
    "ID": {"kind": "code", "role": "direct", "label": "Identifier"},
    "MUN": {"kind": "code", "width": 3, "role": "quasi", "label": "Municipality"},
    "SEX": {"kind": "code", "role": "quasi", "label": "Sex", "codes": {"1": "Man", "2": "Woman"}},
    "AGE": {"kind": "integer", "role": "quasi", "label": "Age", "range": [0, 120]},
    "INC": {
        "kind": "decimal",
        "role": "sensitive",
        "label": "Income",
        "brackets": [1, 1000],
        "special": {99.9: "Refused"},
    },
    "BORN": {"kind": "date", "role": "free", "label": "Birth"},
    "WORKS": {"kind": "boolean", "role": "free", "label": "Works"},
}


def content_of(columns: dict[str, Any] | None = None, **source: Any) -> str:
    given = columns or COLUMNS
    content = {
        "survey": "made",
        "title": "Made",
        "description": "Made up.",
        "period": "none",
        "source": {"encodings": ["utf-8"], "min_rows": 1, "max_rows": 1000} | source,
        "places": {"raw": "s3://a/*.csv", "restricted": "s3://b", "public": "s3://c"}
        | {"downstream": "s3://d"},
        "schedule": {},
        "columns": given,
        "geography": "none",
        "household_key": "none",
        "person_key": "none",
        "model": {"columns": [n for n, c in given.items() if c["role"] != "direct"]},
        "disclosure": {"key_sets": {"all": ["MUN"]}},
        "outputs": {"licence": "x", "licence_url": "https://x", "attribution": "x", "caution": "x"},
    }
    return yaml.safe_dump(content, allow_unicode=True, sort_keys=False)


def spec_of(columns: dict[str, Any] | None = None, **source: Any) -> SurveySpec:
    return parse_spec(content_of(columns, **source), "made.yaml")


def table_of(spec: SurveySpec, **values: list[Any]) -> pa.Table:
    """Rows that keep the spec, but for the values given."""
    usual: dict[str, list[Any]] = {
        "ID": [f"{row}" for row in range(ROWS)],
        "MUN": ["009", "010"] * (ROWS // 2),
        "SEX": ["1", "2"] * (ROWS // 2),
        "AGE": [row % 90 for row in range(ROWS)],
        "INC": [float(row) for row in range(ROWS)],
        "BORN": [None, 7000, None, 8000] * (ROWS // 4),
        "WORKS": ["true", "false"] * (ROWS // 2),
    }
    arrays = {}
    for name, column in spec.columns.items():
        given = values.get(name, usual.get(name))
        kind = pa.string() if column.is_code() else pa.int32() if column.moment else None
        arrays[name] = pa.array(given, kind).cast(arrow_type(column))
    return pa.table(arrays)


def zipped(*contents: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for number, content in enumerate(contents):
            file.writestr(f"survey{number}.csv", content)
    return archive.getvalue()
