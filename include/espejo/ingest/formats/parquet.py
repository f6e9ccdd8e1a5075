"""Parquet."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq

from include.espejo.errors import InputError
from include.espejo.ingest.formats.header import match_names
from include.espejo.ingest.formats.raw import RawColumn, RawTable
from include.espejo.ingest.formats.written import text_of
from include.espejo.survey import SurveySpec


def read_parquet(content: bytes, source: str, spec: SurveySpec) -> RawTable:
    """Read the columns that the spec names. Raises InputError."""
    names = parquet_names(content, source)
    file = pq.ParquetFile(io.BytesIO(content))
    header = match_names(names, spec)
    problems = [*header.problems]
    for name, at in header.positions.items():
        if pa.types.is_nested(file.schema_arrow.field(at).type):
            problems.append(f"column {name}, rule types: it holds lists; give one value a row")
    if problems:
        raise InputError(source, problems)
    table = file.read([names[at] for at in header.positions.values()])
    columns = {
        name: RawColumn.of_values(_plain(table[names[at]]), text_of)
        for name, at in header.positions.items()
    }
    return RawTable(header, columns, table.num_rows, ("utf-8",))


def parquet_names(content: bytes, source: str) -> list[str]:
    """The names of a file's columns. Raises InputError."""
    try:
        names = list(pq.ParquetFile(io.BytesIO(content)).schema_arrow.names)
    except pa.ArrowException:
        names = []
    if not names:
        raise InputError(source, ["rule parquet: not readable as Parquet; write the file again"])
    return names


def _plain(values: pa.ChunkedArray) -> object:
    """Distinct Python values for what pandas would change: moments, decimals, long integers."""
    kind = values.type
    if pa.types.is_floating(kind) or (pa.types.is_integer(kind) and not values.null_count):
        return values.to_numpy()
    encoded = values if pa.types.is_dictionary(kind) else values.dictionary_encode()
    one = encoded.unify_dictionaries().combine_chunks()
    if isinstance(one, pa.ChunkedArray):
        one = one.chunk(0) if one.num_chunks else pa.array([], one.type)
    distinct = [text_of(value) for value in one.dictionary.to_pylist()]
    return [None if at is None else distinct[at] for at in one.indices.to_pylist()]
