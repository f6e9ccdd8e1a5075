"""CSV in one pass: the parser gives each column as distinct bytes."""

from __future__ import annotations

import threading
from typing import IO

import pyarrow as pa
import pyarrow.csv as pa_csv

from include.espejo.errors import InputError
from include.espejo.ingest.formats.header import Header, read_header
from include.espejo.ingest.formats.raw import RawColumn, RawTable
from include.espejo.ingest.formats.stream import SourceStream, from_utf8
from include.espejo.survey import SurveySpec


def read_csv(file: IO[bytes], source: str, spec: SurveySpec) -> RawTable:
    """Read a CSV file. Raises InputError with every problem found at once."""
    stream = SourceStream(file)
    header = _checked_header(stream, source, spec)
    lines = _LineCounter()
    raw = _parse(stream, header, spec, lines, source)
    cut = stream.last_byte not in (b"\n", b"\r")
    if lines.misfits:
        raise InputError(source, [_misfit_lines(lines.misfits, header.width, cut)])
    if not spec.source.quoted_line_ends:
        lost = (stream.data_lines() or raw.num_rows) - raw.num_rows
        if lost > 0:
            raise InputError(source, [_LOST_LINES.format(lost)])
    warnings = []
    if cut:
        warnings.append("last line: it has no line end; make sure that the file is not truncated")
    columns = {
        name: RawColumn.of(raw.column(f"f{position}")).mapped(from_utf8)
        for name, position in header.positions.items()
    }
    encodings = spec.source.encodings
    if stream.has_mark:
        encodings = ("utf-8", *(encoding for encoding in encodings if encoding != "utf-8"))
    return RawTable(header, columns, raw.num_rows, encodings, tuple(warnings))


def _checked_header(stream: SourceStream, source: str, spec: SurveySpec) -> Header:
    if not stream.size:
        raise InputError(source, ["rule rows: the file is empty; send it again"])
    kind = stream.looks_like()
    if kind:
        allowed = " or ".join(spec.source.encodings)
        problem = f"rule encoding: it looks like {kind}; send it as plain text in {allowed}"
        raise InputError(source, [problem])
    header = read_header(stream.header, spec)
    if header.problems:
        raise InputError(source, header.problems)
    return header


_LOST_LINES = (
    "rule CSV: {} lines open a quote and do not close it; remove stray quotes; if fields "
    "hold line ends, write `source.quoted_line_ends: true`"
)


class _LineCounter:
    """Counts lines with a wrong number of fields; the parser calls it from its threads."""

    def __init__(self) -> None:
        self.misfits = 0
        self._lock = threading.Lock()

    def __call__(self, row: pa_csv.InvalidRow) -> str:
        with self._lock:
            self.misfits += 1
        return "skip"  # counted here and refused by the caller: Arrow's own message quotes the row


def _parse(
    stream: SourceStream, header: Header, spec: SurveySpec, lines: _LineCounter, source: str
) -> pa.Table:
    names = [f"f{i}" for i in range(header.width)]
    wanted = [names[position] for position in header.positions.values()]
    raw_type = pa.dictionary(pa.int32(), pa.binary())
    try:
        return pa_csv.read_csv(
            pa.PythonFile(stream, mode="r"),
            read_options=pa_csv.ReadOptions(column_names=names, block_size=4 << 20),
            parse_options=pa_csv.ParseOptions(
                delimiter=spec.source.delimiter,
                invalid_row_handler=lines,
                newlines_in_values=spec.source.quoted_line_ends,
            ),
            convert_options=pa_csv.ConvertOptions(
                include_columns=wanted,
                column_types=dict.fromkeys(wanted, raw_type),
                strings_can_be_null=False,
                check_utf8=False,
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            return pa.table({name: pa.array([], raw_type) for name in wanted})
        # Arrow's message may quote the text it stumbled over; its kind is told, not its words.
        problem = "rule CSV: a line is too long or a quote is not closed; send the file again"
    raise InputError(source, [problem])


def _misfit_lines(count: int, width: int, cut: bool) -> str:
    where = ", among them the last line, which is cut off" if cut else ""
    return (
        f"rule fields: {count} lines do not have the header's {width} fields{where}; "
        "the file is truncated, a field holds the delimiter, or a quote is not closed: send it "
        "again"
    )
