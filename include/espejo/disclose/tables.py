"""Reads the tables of an audit as they are: CSV in the source's layout, or Parquet."""

from __future__ import annotations

import pandas as pd

from include.espejo.errors import InputError
from include.espejo.ingest import ingest
from include.espejo.lake import open_lake
from include.espejo.spec import SurveySpec
from include.espejo.tables import from_parquet, to_frame


def read_real(uri: str, spec: SurveySpec) -> pd.DataFrame:
    """Real people: the modelled columns and those of the household key. Raises InputError."""
    wanted = {*spec.model.columns, *spec.key("household")}
    return _read(uri, spec, [name for name in spec.columns if name in wanted])[0]


def read_synthetic(uri: str, spec: SurveySpec) -> pd.DataFrame:
    """Synthetic rows: the modelled columns and no others. Raises InputError."""
    frame, others = _read(uri, spec, list(spec.model_columns()))
    if others:
        problem = f"rule columns: {others} that are not modelled; take them out"
        raise InputError(uri, [problem])
    return frame


def _read(uri: str, spec: SurveySpec, names: list[str]) -> tuple[pd.DataFrame, int]:
    """The columns named, and how many others the file has."""
    lake = open_lake(uri)
    if uri.endswith(".parquet"):
        frame = to_frame(from_parquet(lake.read(uri)))
        return frame[[n for n in names if n in frame]], len(set(frame.columns) - set(names))
    # Of the spec, the parser is told these columns only: a table without the others is whole.
    narrowed = spec.model_copy(update={"columns": {name: spec.columns[name] for name in names}})
    found = ingest(lake, uri, narrowed)
    return to_frame(found.table), found.other_columns
