"""A file's columns before their types are known: distinct texts, and where each stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from include.espejo.errors import InputError
from include.espejo.ingest.formats.header import Header


@dataclass(frozen=True)
class RawColumn:
    """Distinct values as bytes, and for each row the index of its own: shape (rows,)."""

    values: list[bytes]
    indices: np.ndarray

    @classmethod
    def of(cls, chunks: pa.ChunkedArray) -> RawColumn:
        """Of dictionary-encoded bytes."""
        encoded = pa.chunked_array(chunks).unify_dictionaries().combine_chunks()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.chunk(0)
        return cls(encoded.dictionary.to_pylist(), encoded.indices.to_numpy())

    @classmethod
    def of_values(cls, values: Any, written: Callable[[Any], str]) -> RawColumn:
        """Of anything that can be told apart; a missing value is an empty text."""
        codes, distinct = pd.factorize(pd.Series(values), use_na_sentinel=True)
        texts = [written(value).encode() for value in distinct]
        return cls([*texts, b""], np.where(codes < 0, len(texts), codes).astype(np.int64))

    @classmethod
    def joined(cls, parts: Iterable[RawColumn]) -> RawColumn:
        """The rows of several, one after the other."""
        values: list[bytes] = []
        indices = []
        for part in parts:
            indices.append(part.indices + len(values))
            values += part.values
        return cls(values, np.concatenate(indices))

    def mapped(self, change: Callable[[bytes], bytes]) -> RawColumn:
        """The same rows, each distinct value changed."""
        return RawColumn([change(value) for value in self.values], self.indices)

    def count(self, chosen: Iterable[int]) -> int:
        """How many rows hold one of these values."""
        return int(np.isin(self.indices, np.fromiter(chosen, dtype=np.int64)).sum())


@dataclass(frozen=True)
class RawTable:
    """The spec's columns as a file has them. `encodings`: those in which its texts may be; the
    first that fits is taken."""

    header: Header
    columns: dict[str, RawColumn]
    rows: int
    encodings: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def stacked(tables: Sequence[RawTable], sources: Sequence[str]) -> RawTable:
    """The rows of the parts of a table, in order. Raises InputError where columns differ."""
    first = tables[0]
    if len(tables) == 1:
        return first
    problems = []
    for name in {name for table in tables for name in table.columns}:
        having = sum(name in table.columns for table in tables)
        if having < len(tables):
            problems.append(
                f"column {name}, rule parts: {having} of {len(tables)} files have it; send all "
                "parts with the same columns"
            )
    if problems:
        raise InputError(sources[0], sorted(problems))
    columns = {name: RawColumn.joined([t.columns[name] for t in tables]) for name in first.columns}
    warnings = dict.fromkeys(warning for table in tables for warning in table.warnings)
    rows = sum(table.rows for table in tables)
    return RawTable(first.header, columns, rows, first.encodings, tuple(warnings))


def decodes(value: bytes, encoding: str) -> bool:
    try:
        value.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
