"""Makes small releases of any survey from its spec alone, for tests of what consumers read."""

from __future__ import annotations

import hashlib
import json
from itertools import cycle, islice
from typing import Any

import pandas as pd
import pyarrow as pa

from include.espejo.lake import Lake, join
from include.espejo.report.files.data_package import data_package
from include.espejo.report.files.tables import released_table
from include.espejo.survey import Column, SurveySpec
from include.espejo.survey.load import spec_digest
from include.espejo.table.frames import to_parquet, to_table


def every_value(spec: SurveySpec) -> pa.Table:
    """A table in which each modelled column takes every code, bound and special, and a blank.

    It breaks the spec's rules across columns: it is for whatever reads columns one by one.
    """
    values = {name: _values(column) for name, column in spec.model_columns().items()}
    rows = max(map(len, values.values()))
    return to_table(
        pd.DataFrame(
            {n: pd.Series(islice(cycle(v), rows), dtype=object) for n, v in values.items()}
        ),
        spec,
    )


def _values(column: Column) -> list[Any]:
    if column.is_code():
        codes = list(column.listed_codes()) or ["0" * (column.width or 1)]
        return [*codes, None]
    low, high = column.bounds if column.range else (0, 9)
    return [low, (low + high) // 2, high, *column.special, None]


def release_files(spec: SurveySpec, table: pa.Table, period: str, release: str) -> dict[str, bytes]:
    """The tables, the data package and the manifest of a release, by name."""
    about = {"period": period, "release": release, "created": "2026-10-01T06:00:00+00:00"}
    tables = released_table(to_parquet(table), spec, spec.parse_period(period)).files
    files = tables | {"datapackage.json": data_package(spec, table.column_names, about, tables)}
    entries = [
        {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in sorted(files.items())
    ]
    manifest = about | {
        "survey": spec.survey,
        "rows": table.num_rows,
        "spec_sha256": spec_digest(spec),
        "code_version": "0.1.0",
        "files": entries,
    }
    return files | {"manifest.json": json.dumps(manifest).encode()}


def write_candidate(lake: Lake, folder: str, files: dict[str, bytes]) -> str:
    """Put a release's files where a run leaves its candidate; gives the folder."""
    for name, content in files.items():
        lake.write(join(folder, name), content)
    return folder
