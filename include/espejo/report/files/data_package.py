"""The data package of a release: a Frictionless descriptor of its two tables.

Valid by the `frictionless` library, which also reads `synthetic.csv` by it
(https://specs.frictionlessdata.io/data-package/). What has no place in the standard is in custom
properties: Spanish texts (`title_es`), units, numbers that are codes (`special`), and the rules
that hold on every row (`rules`).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

from include.espejo.lake import document_bytes
from include.espejo.lake.keys import CSV, parquet_files
from include.espejo.language import Label, text
from include.espejo.report.files.csv import LINE_ENDS
from include.espejo.survey import Column, SurveySpec
from include.espejo.survey.moments import write_moment
from include.espejo.survey.rules import Rule
from include.espejo.survey.source import Source
from include.espejo.table.rules import columns_of

_MOST_CATEGORIES = 200
_KINDS = {
    "code": "string",
    "boolean": "boolean",
    "text": "string",
    "integer": "integer",
    "decimal": "number",
    "date": "date",
    "datetime": "datetime",
    "time": "time",
}

Descriptor = dict[str, Any]


def data_package(
    spec: SurveySpec,
    columns: Sequence[str],
    release: Mapping[str, Any],
    tables: Mapping[str, bytes],
) -> bytes:
    """The descriptor; `tables`: the table's files by name, CSV and Parquet."""
    outputs = spec.outputs
    package = {
        "profile": "data-package",
        "name": spec.survey.replace("_", "-"),
        "id": f"{spec.survey}/{release['period']}/{release['release']}",
        "version": release["release"],
        "title": f"{spec.title.en}, {release['period']}",
        "title_es": f"{spec.title.es}, {release['period']}",
        "description": f"{spec.description.ended().en} {outputs.caution.en}",
        "description_es": f"{spec.description.ended().es} {outputs.caution.es}",
        "licenses": [{"title": outputs.licence, "path": outputs.licence_url}],
        "sources": [{"title": outputs.attribution.en, "title_es": outputs.attribution.es}],
        "created": release["created"],
        "keywords": ["synthetic data", "datos sintéticos"],
        "rules": [_rule(r) for r in spec.rules if set(columns_of(r, spec)) <= set(columns)],
        **_weights(spec),
        "resources": _resources(spec, columns, tables),
    }
    return document_bytes(package)


def _weights(spec: SurveySpec) -> Descriptor:
    """The survey weight and what may be computed by it, where the release has one."""
    if spec.weight is None:
        return {}
    by = [list(total.by) for total in spec.weight.totals]
    told = text(
        "The weights of the groups of {by} add up to the survey's totals. Weighted totals, shares "
        "and means of these groups may be computed; sampling errors may not.",
        by="; ".join(" x ".join(names) for names in by),
    )
    return {
        "weights": {
            "column": spec.weight.column,
            "totals": by,
            "description": told.en,
            "description_es": told.es,
        }
    }


def _resources(
    spec: SurveySpec, columns: Sequence[str], tables: Mapping[str, bytes]
) -> list[Descriptor]:
    """The CSV, and the same table as Parquet; the first of them tells the columns."""
    parquet = _parquet_resource({name: tables[name] for name in parquet_files(tables)})
    if CSV not in tables:
        return [parquet | {"schema": _schema(spec, columns)}]
    return [_csv_resource(spec, columns, tables[CSV]), parquet]


def _schema(spec: SurveySpec, columns: Sequence[str]) -> Descriptor:
    source, known = spec.source, spec.released_columns()
    return {
        "missingValues": sorted({"", source.blank}),
        "fields": [_field(name, known[name], source) for name in columns],
    }


def _csv_resource(spec: SurveySpec, columns: Sequence[str], content: bytes) -> Descriptor:
    source = spec.source
    return {
        "profile": "tabular-data-resource",
        "name": "synthetic",
        "path": CSV,
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": source.output_encoding,
        **_integrity(content),
        "dialect": {
            "delimiter": source.delimiter,
            "lineTerminator": LINE_ENDS[source.line_end],
        },
        "schema": _schema(spec, columns),
    }


def _parquet_resource(files: Mapping[str, bytes]) -> Descriptor:
    """The same table, as a file or several: they carry their own types."""
    names = list(files)
    # The standard has a hash of one file only; those of several are in the manifest.
    integrity = (
        _integrity(files[names[0]])
        if len(names) == 1
        else {"bytes": sum(len(content) for content in files.values())}
    )
    return {
        "profile": "data-resource",
        "type": "file",  # its readers would ask for a Parquet plugin otherwise
        "name": "synthetic-parquet",
        "path": names[0] if len(names) == 1 else names,
        "format": "parquet",
        "mediatype": "application/vnd.apache.parquet",
        **integrity,
    }


def _integrity(content: bytes) -> Descriptor:
    return {"bytes": len(content), "hash": f"sha256:{hashlib.sha256(content).hexdigest()}"}


def _rule(rule: Rule) -> Descriptor:
    """A relation that holds on every row of the table, in the spec's own words."""
    told: Descriptor = rule.model_dump(mode="json", by_alias=True, exclude={"label"})
    titles = {"title": rule.label.en, "title_es": rule.label.es} if rule.label else {}
    return titles | {key: value for key, value in told.items() if value is not None}


def _field(name: str, column: Column, source: Source) -> Descriptor:
    field: Descriptor = {
        "name": name,
        "type": _KINDS[column.kind],
        "title": column.label.en,
        "title_es": column.label.es,
    }
    if column.kind == "decimal" and source.decimal != ".":
        field["decimalChar"] = source.decimal
    if column.unit:
        field |= {"unit": column.unit.en, "unit_es": column.unit.es}
    if column.top_code is not None:
        field["topCode"] = _value(column, column.top_code)
    if column.format:
        field["format"] = column.format
    if labels := _labels(column):
        field |= labels
    constraints = _constraints(column)
    return field | ({"constraints": constraints} if constraints else {})


def _labels(column: Column) -> Descriptor:
    """Labelled codes: `categories` if they are all that may come, else `special`.

    To readers of the standard's second version a value outside `categories` is an error.
    """
    if column.kind == "boolean":
        return {}
    if not column.is_code():
        named = [_category(column.text(code), label) for code, label in column.special.items()]
        return {"special": named} if named else {}
    if not any(column.codes.values()):
        return {}
    if _few_codes(column):
        every = column.listed_codes()
        return {"categories": [_category(code, column.codes.get(code)) for code in every]}
    return {"special": [_category(code, label) for code, label in column.codes.items() if label]}


def _category(code: str, label: Label | None) -> dict[str, str]:
    return {"value": code} | ({"label": label.en, "label_es": label.es} if label else {})


def _few_codes(column: Column) -> bool:
    return 0 < len(column.code_set) <= _MOST_CATEGORIES


def _constraints(column: Column) -> Descriptor:
    if not column.is_code():
        return _bounds(column)
    if column.kind == "boolean":
        return {}
    if _few_codes(column):
        return {"enum": list(column.listed_codes())}
    return {"minLength": column.width, "maxLength": column.width} if column.width else {}


def _bounds(column: Column) -> Descriptor:
    if column.range is None:
        return {}
    low, high = column.bounds
    bounds = {"minimum": min([low, *column.special]), "maximum": max([high, *column.special])}
    return {key: _value(column, at) for key, at in bounds.items() if math.isfinite(at)}


def _value(column: Column, number: float) -> float | str:
    """A number as JSON has it, a moment as the file writes it."""
    if column.moment:
        return write_moment(column.moment, number, column.format)
    return int(number) if column.kind == "integer" else number
