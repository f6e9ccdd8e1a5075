"""Reads the tables of an audit as they are: CSV in the source's layout, or Parquet."""

from __future__ import annotations

from contextlib import suppress

import pandas as pd
import pyarrow as pa

from include.espejo.errors import InputError
from include.espejo.ingest import csv_of, read_survey
from include.espejo.lake import open_lake
from include.espejo.survey import SurveySpec
from include.espejo.table.frames import arrow_type, from_parquet, to_frame


def read_real(uri: str, spec: SurveySpec) -> pd.DataFrame:
    """Real people: the modelled columns and those of the household key. Raises InputError."""
    wanted = {*spec.model.columns, *spec.key("household")}
    return _read(uri, spec, [name for name in spec.columns if name in wanted])[0]


def read_synthetic(uri: str, spec: SurveySpec) -> pd.DataFrame:
    """Synthetic rows: the modelled columns and no others. Raises InputError."""
    frame, others = _read(uri, spec, list(spec.model_columns()))
    if others not in (0, len(spec.derived)):
        problem = f"rule columns: {others} are not modelled; remove them"
        raise InputError(uri, [problem])
    return frame


def _read(uri: str, spec: SurveySpec, names: list[str]) -> tuple[pd.DataFrame, int]:
    """The columns named, and how many others the file has."""
    lake = open_lake(uri)
    if uri.endswith(".parquet"):
        table = _parquet(uri, lake.read(uri))
        missing = [name for name in spec.model.columns if name not in table.column_names]
        if missing:
            problem = f"column {', '.join(missing)}: not in the table; give all modelled columns"
            raise InputError(uri, [problem])
        known = [name for name in names if name in table.column_names]
        return _typed(uri, table.select(known), spec), table.num_columns - len(known)
    # Of the spec, the parser is told these columns only: a table without the others is whole.
    found = read_survey(lake, uri, csv_of(spec, set(names)))
    return to_frame(found.table), found.other_columns


def _parquet(uri: str, content: bytes) -> pa.Table:
    with suppress(pa.ArrowInvalid):
        return from_parquet(content)
    # Outside the handler: Arrow's own words may quote the file's.
    raise InputError(uri, ["rule parquet: not readable as Parquet; write the table again"])


def _typed(uri: str, table: pa.Table, spec: SurveySpec) -> pd.DataFrame:
    """Codes as text and numbers as numbers, whoever wrote the file."""
    arrays, problems = {}, []
    for name in table.column_names:
        column = spec.columns[name]
        kind = pa.string() if column.is_code() else pa.float64()
        if column.moment:
            kind = arrow_type(column)
        try:
            arrays[name] = table[name].cast(kind)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            what = "text codes" if spec.columns[name].is_code() else "numbers"
            problems.append(
                f"column {name}, rule types: not {what}; write it as the spec declares it"
            )
    if problems:
        raise InputError(uri, problems)
    return to_frame(pa.table(arrays))
