"""Reads a survey's files, in whatever format, into one typed Arrow table."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import pyarrow as pa

from include.espejo.errors import InputError
from include.espejo.ingest.formats.csv import read_csv
from include.espejo.ingest.formats.excel import excel_names, read_excel
from include.espejo.ingest.formats.fixed_width import read_fixed_width
from include.espejo.ingest.formats.labelled import LABELLED, read_labelled, read_labels
from include.espejo.ingest.formats.parquet import parquet_names, read_parquet
from include.espejo.ingest.formats.raw import RawTable, stacked
from include.espejo.ingest.formats.unpack import StoredFile, unpacked
from include.espejo.ingest.join import join_tables
from include.espejo.ingest.types import typed_table
from include.espejo.lake import Lake
from include.espejo.lake.listing import near_misses
from include.espejo.survey import SurveySpec


@dataclass(frozen=True)
class Ingested:
    """A survey as a typed table: the spec's columns in its order, codes at declared width.

    `sha256` is of the file, or, of several files, of their hashes in order; `size` in bytes.
    `other_columns`: how many columns of the file the spec does not name.
    """

    source: str
    table: pa.Table
    sha256: str
    size: int
    encoding: str
    warnings: tuple[str, ...]
    other_columns: int


@dataclass(frozen=True)
class _Read:
    """A file's columns, and what it was."""

    table: RawTable
    sha256: str
    size: int


def find_input(lake: Lake, pattern: str, parts: int = 1) -> tuple[str, ...]:
    """The file, or as many parts as a period has, that a pattern names, in the order of names.

    Raises InputError where there are others than so many; names that the pattern nearly fits are
    told.
    """
    found = lake.list(pattern)
    if len(found) == parts:
        return tuple(found)
    if not found and not set("*?[") & set(pattern.rpartition("/")[2]):
        raise InputError(pattern, ["rule one file: not found; check the path"])
    count = "exactly one file" if parts == 1 else f"exactly {parts} files"
    what = f"{len(found)} files match" if found else "no file matches"
    near = near_misses(lake, pattern)
    hint = f"; nearly fitting: {', '.join(near)}" if near and not found else ""
    raise InputError(pattern, [f"rule one file: {what}{hint}; leave {count} for each period there"])


def read_survey(
    lake: Lake, source: str | Sequence[str], spec: SurveySpec, joined: str | None = None
) -> Ingested:
    """Read a file or the parts of a table. Raises InputError with every problem found at once.

    Understood: a header in either case and renamed columns, codes with or without leading zeros,
    a byte-order mark, the spec's encodings, blanks as missing, absent optional columns. `joined`:
    the file of the table that `source.join` names, whose columns each row takes by its key.
    """
    sources = (source,) if isinstance(source, str) else tuple(source)
    join = spec.source.join
    if (join is None) != (joined is None):
        problem = "the spec joins no other file" if join is None else "the spec joins another file"
        raise InputError(sources[0], [f"rule join: {problem}; give {'one' if join else 'none'}"])
    here = spec if join is None else narrowed(spec, set(spec.columns) - set(join.columns))
    found = _read_table(lake, sources, here)
    if join is None or joined is None:
        return found
    there = _read_table(lake, (joined,), narrowed(spec, {*join.keys, *join.columns}))
    table, warnings = join_tables(found.table, there.table, join.keys, sources[0], joined)
    return replace(
        found,
        table=table.select([name for name in spec.columns if name in table.column_names]),
        sha256=_digest([found.sha256, there.sha256]),
        size=found.size + there.size,
        warnings=(*found.warnings, *there.warnings, *warnings),
    )


def narrowed(spec: SurveySpec, names: set[str]) -> SurveySpec:
    """The spec of some of its columns."""
    columns = {name: column for name, column in spec.columns.items() if name in names}
    return spec.model_copy(update={"columns": columns})


def csv_of(spec: SurveySpec, names: set[str]) -> SurveySpec:
    """The spec of one CSV with some of the columns, whatever the survey's own files are."""
    as_csv: dict[str, object] = {"format": "csv", "layout": {}, "join": None, "parts": 1}
    source = spec.source.model_copy(update=as_csv)
    return narrowed(spec, names).model_copy(update={"source": source})


def _read_table(lake: Lake, sources: tuple[str, ...], spec: SurveySpec) -> Ingested:
    read = [_read(lake, uri, spec) for uri in sources]
    raw = stacked([one.table for one in read], sources)
    if not raw.rows:
        raise InputError(
            sources[0], ["rule rows: there is a header but no row; send the whole file again"]
        )
    table, encoding, warnings = typed_table(raw, spec, sources[0])
    return Ingested(
        source=sources[0],
        table=table,
        sha256=_digest([one.sha256 for one in read]),
        size=sum(one.size for one in read),
        encoding=encoding,
        warnings=(*raw.header.warnings, *raw.warnings, *warnings),
        other_columns=raw.header.width - len(raw.header.positions),
    )


def _read(lake: Lake, source: str, spec: SurveySpec) -> _Read:
    with closing(lake.open(source)) as file:
        stored = StoredFile(file, source)
        if not stored.peek(1):
            raise InputError(source, ["rule rows: the file is empty; send it again"])
        table = READERS[spec.source.format](stored, source, spec)
        return _Read(table, stored.digest(), stored.size)


def read_raw(lake: Lake, source: str, spec: SurveySpec) -> RawTable:
    """The texts of one file's columns, before they are anything else. Raises InputError."""
    return _read(lake, source, spec).table


def names_of(content: bytes, source: str, kind: str) -> list[str]:
    """The names of the columns of a typed file. Raises InputError."""
    if kind == "parquet":
        return parquet_names(content, source)
    if kind == "excel":
        return excel_names(content, source)
    return list(read_labels(content, source, kind).column_names)


def _digest(hashes: Sequence[str]) -> str:
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


READERS: dict[str, Callable[[StoredFile, str, SurveySpec], RawTable]] = {
    "csv": lambda file, source, spec: read_csv(unpacked(file, source), source, spec),
    "fixed_width": lambda file, *rest: read_fixed_width(unpacked(file, rest[0]), *rest),
    "parquet": lambda file, *rest: read_parquet(file.rest(), *rest),
    "excel": lambda file, *rest: read_excel(file.rest(), *rest),
    **dict.fromkeys(LABELLED, lambda file, *rest: read_labelled(file.rest(), *rest)),
}
