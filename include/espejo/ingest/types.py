"""Turns a column's raw bytes into its declared type, by its distinct values.

A survey's column has few distinct values: each is decoded, stripped and checked once, and the
rows only carry indices into them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from include.espejo.survey import Column
from include.espejo.table.frames import arrow_type

_INTEGER = re.compile(r"[+-]?[0-9]{1,10}(\.0*)?")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_INT32 = 2**31 - 1


@dataclass(frozen=True)
class RawColumn:
    """Distinct values as bytes, and for each row the index of its own: shape (rows,)."""

    values: list[bytes]
    indices: np.ndarray

    @classmethod
    def of(cls, chunks: pa.ChunkedArray) -> RawColumn:
        encoded = pa.chunked_array(chunks).unify_dictionaries().combine_chunks()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.chunk(0)
        return cls(encoded.dictionary.to_pylist(), encoded.indices.to_numpy())

    def count(self, chosen: Iterable[int]) -> int:
        """How many rows hold one of these values."""
        return int(np.isin(self.indices, np.fromiter(chosen, dtype=np.int64)).sum())


def pick_encoding(columns: Iterable[RawColumn], encodings: Iterable[str]) -> str | None:
    """The first encoding in which every value can be read; None if none fits."""
    foreign = [v for column in columns for v in column.values if not v.isascii()]
    for encoding in encodings:
        if all(_decodes(value, encoding) for value in foreign):
            return encoding
    return None


def _decodes(value: bytes, encoding: str) -> bool:
    try:
        value.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def convert(raw: RawColumn, column: Column, encoding: str, blank: str = "") -> tuple[pa.Array, int]:
    """The typed column, and how many rows hold something of another type (blank in it).

    Missing is what is empty, white space, or the survey's own `blank`.
    """
    stripped = [value.decode(encoding).strip() for value in raw.values]
    texts = ["" if text == blank.strip() else text for text in stripped]
    typed = [_typed(text, column) if text else None for text in texts]
    misfits = [
        i
        for i, (text, value) in enumerate(zip(texts, typed, strict=True))
        if text and value is None
    ]
    array = _codes(typed, raw.indices) if column.is_code() else _numbers(typed, raw.indices)
    return array.cast(arrow_type(column)), raw.count(misfits)


def _typed(text: str, column: Column) -> str | float | None:
    if column.kind == "integer":
        number = int(float(text)) if _INTEGER.fullmatch(text) else None
        return number if number is not None and abs(number) <= _INT32 else None
    if column.kind == "decimal":
        return _finite(text)
    # `9` and `09` are the same code: INEGI writes both, the table holds the declared width.
    return text.zfill(column.width or 0) if text.isascii() and text.isdigit() else text


def _finite(text: str) -> float | None:
    # Python's own float() also takes `1_000`, `nan` and the digits of other scripts.
    number = float(text) if _DECIMAL.fullmatch(text) else math.inf
    return number if math.isfinite(number) else None


def _codes(typed: list[str | float | None], indices: np.ndarray) -> pa.Array:
    categories = sorted({str(value) for value in typed if value is not None})
    place = {code: i for i, code in enumerate(categories)}
    new = np.array([-1 if v is None else place[str(v)] for v in typed] or [-1], dtype=np.int32)
    mapped = new[indices]
    return pa.DictionaryArray.from_arrays(
        pa.array(mapped, mask=mapped < 0), pa.array(categories, pa.string())
    )


def _numbers(typed: list[str | float | None], indices: np.ndarray) -> pa.Array:
    numbers = np.array([np.nan if v is None else float(v) for v in typed] or [np.nan])
    return pa.array(numbers[indices], from_pandas=True)
