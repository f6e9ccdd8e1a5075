"""The tables of a release: the CSV in the source's layout and the data package."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import pandas as pd
import pyarrow as pa

from include.espejo.spec import Column, SurveySpec
from include.espejo.tables import to_frame

_DECIMALS = 2  # of a public score: exact ones can be asked back into rows
_LINE_ENDS = {"lf": "\n", "crlf": "\r\n"}
_MOST_CATEGORIES = 200


def public_figures(exact: Mapping[str, bytes]) -> dict[str, bytes]:
    """The score files as a release holds them: rounded, and without the size of the split.

    `exact`: quality.json and the CSV files of the details, by name.
    """
    return {name: _public(name, content) for name, content in exact.items()}


def _public(name: str, content: bytes) -> bytes:
    if name.endswith(".csv"):
        text: str = pd.read_csv(io.BytesIO(content)).round(_DECIMALS).to_csv(index=False)
        return text.encode()
    quality = json.loads(content)
    quality["settings"]["rows"].pop("real")
    for metric in quality["metrics"]["table"]:
        metric.pop("rows")
    return json.dumps(_rounded(quality), indent=2, ensure_ascii=False).encode() + b"\n"


def _rounded(content: Any) -> Any:
    match content:
        case float():
            return round(content, _DECIMALS)
        case dict():
            return {key: _rounded(value) for key, value in content.items()}
        case list():
            return [_rounded(value) for value in content]
        case _:
            return content


def source_csv(table: pa.Table, spec: SurveySpec) -> bytes:
    """The table as the survey's own files are written: encoding, line ends, blanks, widths.

    Column names are the spec's: consumers rely on them whatever a quarter's file called them.
    """
    frame = to_frame(table)
    text = pd.DataFrame({n: _as_written(frame[n], spec.columns[n]) for n in frame.columns})
    sink = io.StringIO(newline="")
    text.to_csv(
        sink,
        index=False,
        sep=spec.source.delimiter,
        na_rep=spec.source.blank,
        lineterminator=_LINE_ENDS[spec.source.line_end],
    )
    return sink.getvalue().encode(spec.source.output_encoding)


def _as_written(values: pd.Series, column: Column) -> pd.Series:
    if column.is_code():
        return values.astype(object)
    distinct = {v: _number(v, column) for v in values.dropna().unique()}
    return values.map(distinct).astype(object)


def _number(value: float, column: Column) -> str:
    if column.kind == "decimal":
        return f"{value:.10g}"
    return f"{int(value):0{column.width or 1}}"


def data_package(spec: SurveySpec, columns: list[str], release: dict[str, Any]) -> bytes:
    """A Frictionless data package descriptor of the release's tables."""
    source = spec.source
    package = {
        "profile": "tabular-data-package",
        "name": spec.survey.replace("_", "-"),
        "id": f"{spec.survey}/{release['period']}/{release['release']}",
        "title": spec.title.en,
        "title_es": spec.title.es,
        "description": f"{spec.description.en} {spec.outputs.caution.en}",
        "description_es": f"{spec.description.es} {spec.outputs.caution.es}",
        "licenses": [{"title": spec.outputs.licence, "path": spec.outputs.licence_url}],
        "sources": [{"title": spec.outputs.attribution.en}],
        "created": release["created"],
        "keywords": ["synthetic data", "datos sintéticos"],
        "resources": [
            {
                "profile": "tabular-data-resource",
                "name": "synthetic",
                "path": "synthetic.csv",
                "format": "csv",
                "mediatype": "text/csv",
                "encoding": source.output_encoding,
                "dialect": {
                    "delimiter": source.delimiter,
                    "lineTerminator": _LINE_ENDS[source.line_end],
                },
                "schema": {
                    "missingValues": sorted({"", source.blank}),
                    "fields": [_field(name, spec.columns[name]) for name in columns],
                },
            },
            {
                "name": "synthetic-parquet",
                "path": "synthetic.parquet",
                "format": "parquet",
                "mediatype": "application/vnd.apache.parquet",
            },
        ],
    }
    return json.dumps(package, indent=2, ensure_ascii=False).encode() + b"\n"


def _field(name: str, column: Column) -> dict[str, Any]:
    kinds = {"code": "string", "integer": "integer", "decimal": "number"}
    field: dict[str, Any] = {
        "name": name,
        "type": kinds[column.kind],
        "title": column.label.en,
        "title_es": column.label.es,
    }
    if column.unit:
        field["unit"] = column.unit.en
    labels = column.codes if column.is_code() else {str(k): v for k, v in column.special.items()}
    named = [
        {"value": code, "label": label.en, "label_es": label.es}
        for code, label in labels.items()
        if label
    ]
    if named:
        field["categories" if column.is_code() else "special"] = named
    constraints = _constraints(column)
    return field | ({"constraints": constraints} if constraints else {})


def _constraints(column: Column) -> dict[str, Any]:
    if column.is_code():
        if column.code_set and len(column.code_set) <= _MOST_CATEGORIES:
            return {"enum": list(column.listed_codes())}
        return {"minLength": column.width, "maxLength": column.width} if column.width else {}
    if column.range is None:
        return {}
    bounds = [*column.range, *column.special]
    low, high = min(bounds), max(bounds)
    return {"minimum": low, "maximum": high} if column.kind == "decimal" else {
        "minimum": int(low), "maximum": int(high)}  # fmt: skip
