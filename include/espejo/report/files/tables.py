"""The synthetic table as the files of a release, written in blocks of rows."""

from __future__ import annotations

import io
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from include.espejo.lake.keys import CSV, PARQUET, part_file
from include.espejo.report.files.csv import write_csv
from include.espejo.survey import Period, SurveySpec
from include.espejo.table.derived import with_derived

_BLOCK = 1_000_000  # rows at a time


@dataclass(frozen=True)
class ReleasedTable:
    """`columns` as they are released, and the `files` by name."""

    columns: tuple[str, ...]
    files: dict[str, bytes]


def released_table(content: bytes, spec: SurveySpec, period: Period) -> ReleasedTable:
    """The Parquet files and the CSV of a synthetic table, with its derived columns.

    `content`: the table as Parquet. One file, `synthetic.parquet`, or, where the spec says how many
    rows a file has, `synthetic/part-0001.parquet` and so on. A table of more rows than the spec
    allows a CSV of has none.
    """
    most, text, parquet = spec.outputs.max_csv_rows, io.BytesIO(), _Parquet(spec)
    columns: tuple[str, ...] = ()
    with pq.ParquetFile(io.BytesIO(content)) as table:
        with_csv = most is None or table.metadata.num_rows <= most
        for batch in table.iter_batches(_BLOCK):
            block = with_derived(pa.Table.from_batches([batch]), spec, period)
            parquet.write(block)
            if with_csv:
                write_csv(block, spec, text, header=not columns)
            columns = tuple(block.column_names)
    return ReleasedTable(columns, parquet.end() | ({CSV: text.getvalue()} if with_csv else {}))


class _Parquet:
    """The table's Parquet files, one after another."""

    def __init__(self, spec: SurveySpec) -> None:
        self._rows = spec.outputs.rows_per_file
        self._files: dict[str, bytes] = {}
        self._sink, self._room = io.BytesIO(), self._rows
        self._writer: pq.ParquetWriter | None = None

    def write(self, block: pa.Table) -> None:
        while block.num_rows:
            if self._writer is None:
                self._writer = pq.ParquetWriter(self._sink, block.schema, compression="zstd")
            here = block if self._room is None else block.slice(0, self._room)
            self._writer.write_table(here)
            block = block.slice(here.num_rows)
            if self._room is not None:
                self._room -= here.num_rows
                if not self._room:
                    self._close()

    def end(self) -> dict[str, bytes]:
        """The files by name."""
        if self._writer is not None:
            self._close()
        return self._files

    def _close(self) -> None:
        assert self._writer is not None
        self._writer.close()
        name = PARQUET if self._rows is None else part_file(len(self._files) + 1)
        self._files[name] = self._sink.getvalue()
        self._sink, self._writer, self._room = io.BytesIO(), None, self._rows
