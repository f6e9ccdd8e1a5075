"""Reads a survey's CSV in one pass into a typed Arrow table."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.csv as pa_csv

from include.espejo.errors import InputError
from include.espejo.ingest.header import Header, read_header
from include.espejo.ingest.stream import SourceStream
from include.espejo.ingest.types import RawColumn, convert, pick_encoding
from include.espejo.lake import Lake
from include.espejo.survey import SurveySpec
from include.espejo.table.frames import arrow_type


@dataclass(frozen=True)
class Ingested:
    """A survey as a typed table: the spec's columns in its order, codes at declared width.

    `other_columns`: how many columns of the file the spec does not name.
    """

    source: str
    table: pa.Table
    sha256: str
    size: int
    encoding: str
    warnings: tuple[str, ...]
    other_columns: int


def find_input(lake: Lake, pattern: str) -> str:
    """The one file that a raw place's pattern names. Raises InputError on none or several."""
    found = lake.list(pattern)
    if len(found) == 1:
        return found[0]
    what = f"{len(found)} files match" if found else "no file matches"
    raise InputError(
        pattern, [f"rule one file: {what}; leave exactly one file for each period there"]
    )


def read_survey(lake: Lake, source: str, spec: SurveySpec) -> Ingested:
    """Read `source` through `lake`. Raises InputError with every problem found at once.

    Understood: header in either case and renamed columns, codes with or without leading zeros,
    a byte-order mark, the spec's encodings, blanks as missing, absent optional columns.
    """
    with closing(lake.open(source)) as file:
        stream = SourceStream(file, source)
        header = _checked_header(stream, source, spec)
        lines = _LineCounter()
        raw = _parse(stream, header, spec, lines, source)
    cut = stream.last_byte not in (b"\n", b"\r")
    if lines.misfits:
        raise InputError(source, [_misfit_lines(lines.misfits, header.width, cut)])
    lost = (stream.data_lines() or raw.num_rows) - raw.num_rows
    if lost > 0:
        raise InputError(source, [_LOST_LINES.format(lost)])
    if not raw.num_rows:
        raise InputError(
            source, ["rule rows: there is a header but no row; send the whole file again"]
        )
    table, encoding = _typed_table(raw, header, spec, source)
    warnings = list(header.warnings)
    if cut:
        warnings.append("last line: it has no line end; make sure that the file is not truncated")
    others = header.width - len(header.positions)
    digest, size = stream.digest(), stream.size
    return Ingested(source, table, digest, size, encoding, tuple(warnings), others)


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
    "rule CSV: {} lines open a quote and do not close it; remove stray quotes, and line ends "
    "inside fields"
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
                delimiter=spec.source.delimiter, invalid_row_handler=lines
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


def _typed_table(
    raw: pa.Table, header: Header, spec: SurveySpec, source: str
) -> tuple[pa.Table, str]:
    columns = {
        name: RawColumn.of(raw.column(f"f{position}"))
        for name, position in header.positions.items()
    }
    encoding = pick_encoding(columns.values(), spec.source.encodings)
    if encoding is None:
        allowed = " or ".join(spec.source.encodings)
        raise InputError(source, [f"rule encoding: not {allowed}; save the file in one of them"])
    arrays, problems = {}, []
    for name, column in spec.columns.items():
        if name not in columns:
            if name in spec.model.columns:
                arrays[name] = pa.nulls(raw.num_rows, arrow_type(column))
            continue
        arrays[name], misfits = convert(columns[name], column, encoding, spec.source.blank)
        if misfits:
            problems.append(
                f"column {name}, rule {column.kind}: {misfits} rows have another kind of value; "
                "write plain digits, or a blank if there is no answer"
            )
    if problems:
        raise InputError(source, problems)
    return pa.table(arrays), encoding
