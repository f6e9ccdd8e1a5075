"""The CSV of a release, as the survey's own files are written."""

from __future__ import annotations

import io
from typing import BinaryIO

import pandas as pd
import pyarrow as pa

from include.espejo.survey import Column, SurveySpec
from include.espejo.survey.moments import write_moment
from include.espejo.survey.source import Source
from include.espejo.table.frames import to_frame

_BLOCK = 100_000  # rows that are text at a time
LINE_ENDS = {"lf": "\n", "crlf": "\r\n"}


def source_csv(table: pa.Table, spec: SurveySpec) -> bytes:
    """The table as the survey's own files are written: encoding, line ends, blanks, widths.

    Column names are the spec's: consumers rely on them whatever a quarter's file called them.
    """
    sink = io.BytesIO()
    write_csv(table, spec, sink)
    return sink.getvalue()


def write_csv(table: pa.Table, spec: SurveySpec, sink: BinaryIO, *, header: bool = True) -> None:
    """Write the table to `sink` as `source_csv` has it; `header`: with the columns' names."""
    for start in range(0, max(table.num_rows, 1), _BLOCK):
        text = _text(to_frame(table.slice(start, _BLOCK)), spec, header=header and not start)
        sink.write(text.encode(spec.source.output_encoding))


def _text(frame: pd.DataFrame, spec: SurveySpec, *, header: bool) -> str:
    known = spec.columns | spec.released_columns()
    written = pd.DataFrame({n: _as_written(frame[n], known[n], spec.source) for n in frame.columns})
    return str(
        written.to_csv(
            index=False,
            header=header,
            sep=spec.source.delimiter,
            na_rep=spec.source.blank,
            lineterminator=LINE_ENDS[spec.source.line_end],
        )
    )


def _as_written(values: pd.Series, column: Column, source: Source) -> pd.Series:
    if column.is_code():
        return values.astype(object)
    distinct = {v: _number(v, column, source) for v in values.dropna().unique()}
    return values.map(distinct).astype(object)


def _number(value: float, column: Column, source: Source) -> str:
    if column.moment:
        return write_moment(column.moment, value, column.format)
    written = column.text(value)
    if column.kind == "integer":
        return written.zfill(column.width or 1)
    return written.replace(".", source.decimal)
