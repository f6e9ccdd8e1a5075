"""The typed table: Arrow and Parquet for keeping, pandas for working."""

from __future__ import annotations

import io
from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from include.espejo.survey import Column, SurveySpec

_TYPES = {
    "code": pa.dictionary(pa.int32(), pa.string()),
    "boolean": pa.dictionary(pa.int32(), pa.string()),
    "text": pa.dictionary(pa.int32(), pa.string()),
    "integer": pa.int32(),
    "decimal": pa.float64(),
    "date": pa.date32(),
    "datetime": pa.timestamp("s"),
    "time": pa.time32("s"),
}
# What moments are counted in.
_NUMBERS = {pa.date32(): pa.int32(), pa.timestamp("s"): pa.int64(), pa.time32("s"): pa.int32()}


def arrow_type(column: Column) -> pa.DataType:
    """Codes as dictionaries of text, numbers as 32-bit integers or doubles, moments as such."""
    return _TYPES[column.kind]


def numbers_array(numbers: np.ndarray, column: Column) -> pa.Array:
    """Numbers, NaN for blank, as the column's type: whole ones are rounded."""
    kind = arrow_type(column)
    if column.is_whole():
        numbers = np.rint(numbers)
    array = pa.array(numbers, from_pandas=True)
    # A moment is a whole number of its unit first.
    return array.cast(_NUMBERS[kind]).cast(kind) if kind in _NUMBERS else array.cast(kind)


def to_parquet(table: pa.Table) -> bytes:
    """The table as one Parquet file, zstd-compressed."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def from_parquet(content: bytes, columns: Iterable[str] | None = None) -> pa.Table:
    """Read a Parquet file; `columns` picks and orders."""
    return pq.read_table(io.BytesIO(content), columns=list(columns) if columns else None)


def read_frame(content: bytes, columns: Iterable[str] | None = None) -> pd.DataFrame:
    """What `to_frame` makes of a Parquet file. The file is read column by column: a frame holds a
    code in one or two bytes, Arrow in four."""
    with pq.ParquetFile(io.BytesIO(content)) as file:
        names = file.schema_arrow.names if columns is None else list(columns)
        return _frame({name: _to_series(file.read([name])[name]) for name in names})


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Pandas view: codes as categoricals of text, numbers as float64 with NaN for blank; moments
    are numbers, too (`survey/moments.py`)."""
    both = zip(table.column_names, table, strict=True)
    return _frame({name: _to_series(array) for name, array in both})


def _frame(columns: dict[str, pd.Series]) -> pd.DataFrame:
    # Nothing is copied: a frame of its own would hold each column twice for a while.
    return pd.DataFrame(columns, copy=False)


def _to_series(array: pa.ChunkedArray) -> pd.Series:
    if array.type in _NUMBERS:
        array = array.cast(_NUMBERS[array.type])
    values = array.to_pandas(strings_to_categorical=True)
    is_code = isinstance(values.dtype, pd.CategoricalDtype)
    return values if is_code else values.astype("float64", copy=False)


def to_table(frame: pd.DataFrame, spec: SurveySpec) -> pa.Table:
    """Arrow table in the spec's types; the columns are those of the frame, in its order."""
    arrays = [_to_array(frame[name], spec.columns[name]) for name in frame.columns]
    return pa.table(dict(zip(frame.columns, arrays, strict=True)))


def _to_array(values: pd.Series, column: Column) -> pa.Array:
    if column.is_code():
        return pa.array(values.astype(object).where(values.notna(), None), pa.string()).cast(
            arrow_type(column)
        )
    numbers = pd.to_numeric(values).to_numpy(dtype="float64", na_value=np.nan)
    return numbers_array(numbers, column)
