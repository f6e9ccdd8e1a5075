"""Turns a column's raw bytes into its declared type, by its distinct values.

A survey's column has few distinct values: each is decoded, stripped and checked once, and the
rows only carry indices into them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from include.espejo.errors import MOST_REFUSED, InputError
from include.espejo.ingest.encodings import mixed_encodings, pick_encoding
from include.espejo.ingest.formats.raw import RawColumn, RawTable
from include.espejo.ingest.misfits import advice
from include.espejo.survey import Column, SurveySpec
from include.espejo.survey.moments import read_moment
from include.espejo.survey.source import TEXT_FORMATS, Source
from include.espejo.table.frames import arrow_type, numbers_array

_INTEGER = re.compile(r"[+-]?[0-9]{1,10}(\.0*)?")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_EXPORTED = re.compile(r"([0-9]+)\.0+")
_DOTTED = re.compile(r"[0-9]+\.[0-9]+")
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}([^0-9][0-9]{3})+([^0-9][0-9]*)?")
_INT32 = 2**31 - 1
_SPELLINGS = {
    "true": ("true", "t", "yes", "y", "sí", "si", "s", "verdadero", "v", "1"),
    "false": ("false", "f", "no", "n", "falso", "0"),
}
TRUTH = {written: code for code, all_of in _SPELLINGS.items() for written in all_of}


def typed_table(
    raw: RawTable, spec: SurveySpec, source: str
) -> tuple[pa.Table, str, tuple[str, ...]]:
    """The typed table, the encoding of its texts, and warnings. Raises InputError."""
    encoding = pick_encoding(raw.columns.values(), raw.encodings)
    if encoding is None:
        allowed = " or ".join(spec.source.encodings)
        raise InputError(source, [f"rule encoding: not {allowed}; save the file in one of them"])
    warnings = list(mixed_encodings(raw.columns, encoding, raw.encodings))
    arrays: dict[str, pa.Array] = {}
    problems = []
    refused: dict[str, object] = {}
    for name, column in spec.columns.items():
        if name not in raw.columns:
            if name in spec.model.columns:
                arrays[name] = pa.nulls(raw.rows, arrow_type(column))
            continue
        typed = Typed(raw.columns[name], column, spec.source, encoding)
        arrays[name] = typed.array
        if typed.misfits:
            problems.append(f"column {name}, rule {column.kind}: {typed.problem()}")
            refused[name] = typed.refused()
        warnings += [f"column {name}: {told}" for told in typed.warnings()]
    if problems:
        raise InputError(source, problems, refused)
    _refuse_blank_rows(arrays, raw, source)
    return pa.table(arrays), encoding, tuple(warnings)


def _refuse_blank_rows(arrays: Mapping[str, pa.Array], raw: RawTable, source: str) -> None:
    """A row without any answer is no person: spreadsheets leave such rows behind."""
    blank = np.ones(raw.rows, dtype=bool)
    for name in raw.columns:
        blank &= arrays[name].is_null().to_numpy(zero_copy_only=False)
    count = int(blank.sum())
    if count:
        where = ", all at the end" if blank[-count:].all() else ""
        problem = (
            f"rule rows: {count:,} rows of {raw.rows:,} are blank in every column that the spec "
            f"names{where}; remove them"
        )
        raise InputError(source, [problem])


@dataclass(frozen=True)
class Typed:
    """A column's values in its declared type; what is of another type is blank, and counted."""

    raw: RawColumn
    column: Column
    source: Source
    encoding: str

    @cached_property
    def texts(self) -> list[str]:
        """The distinct values, stripped; empty for every marker of missing."""
        markers = {self.source.blank.strip(), *self.source.missing, *self.column.missing}
        stripped = (value.decode(self.encoding).strip() for value in self.raw.values)
        return ["" if text in markers else text for text in stripped]

    @cached_property
    def values(self) -> list[str | float | None]:
        """The distinct values in the column's type, None for missing and for misfits."""
        return [self._value(text) if text else None for text in self.texts]

    @cached_property
    def array(self) -> pa.Array:
        if not self.column.is_code():
            numbers = np.array([math.nan if v is None else float(v) for v in self.values])
            return numbers_array(numbers[self.raw.indices], self.column)
        categories = sorted({str(value) for value in self.values if value is not None})
        place = {code: at for at, code in enumerate(categories)}
        new = np.array([-1 if v is None else place[str(v)] for v in self.values], dtype=np.int32)
        mapped = new[self.raw.indices]
        return pa.DictionaryArray.from_arrays(
            pa.array(mapped, mask=mapped < 0), pa.array(categories, pa.string())
        )

    @cached_property
    def misfits(self) -> list[int]:
        """Which distinct values are of another type."""
        both = zip(self.texts, self.values, strict=True)
        return [at for at, (text, value) in enumerate(both) if text and value is None]

    def problem(self) -> str:
        """How many rows hold something of another type, and what to do."""
        count = self.raw.count(self.misfits)
        told = advice([self.texts[at] for at in self.misfits], self.column, self.source)
        return f"{count} rows have another kind of value; {told}"

    def refused(self) -> dict[str, object]:
        """Rows, counted from 1 below the header, and texts of another type; some of many."""
        rows = np.flatnonzero(np.isin(self.raw.indices, self.misfits))[:MOST_REFUSED] + 1
        texts = [self.texts[at] for at in self.misfits[:MOST_REFUSED]]
        return {"rows": rows.tolist(), "values": texts}

    @cached_property
    def exported(self) -> bool:
        """Whether a program wrote the codes as numbers: 9.0, and nowhere 9.5."""
        column = self.column
        dotted = [text for text in self.texts if _DOTTED.fullmatch(text)]
        return (
            column.is_code()
            and bool(column.width or column.code_set)
            and not column.code_set.intersection(dotted)
            and all(map(_EXPORTED.fullmatch, dotted))
        )

    def warnings(self) -> list[str]:
        """Codes that were read as others, because a program wrote them as numbers."""
        if not self.exported:
            return []
        count = self.raw.count(at for at, t in enumerate(self.texts) if _EXPORTED.fullmatch(t))
        if not count:
            return []
        return [
            f"{count:,} rows are written as decimal numbers, such as 9.0, and read as codes; "
            "export the column as text"
        ]

    def _value(self, text: str) -> str | float | None:
        column = self.column
        if column.moment:
            form = column.format if self.source.format in TEXT_FORMATS else None
            return read_moment(column.moment, text, form)
        if not column.is_code():
            return _number(_plain(text, self.source), column)
        if column.kind == "boolean":
            return TRUTH.get(column.code_aliases.get(text, text).lower())
        found = _EXPORTED.fullmatch(text) if self.exported else None
        return _code(column.code_aliases.get(text, found[1] if found else text), column)


def _code(text: str, column: Column) -> str:
    if text in column.code_set or not text.isascii():
        return text
    # `9` and `09` are the same code: INEGI writes both, the table holds the declared width.
    return text.zfill(column.width or 0) if text.isdigit() else text


def _plain(text: str, source: Source) -> str:
    """A number with a point for its decimals and nothing between thousands; typed files have it."""
    if source.format not in TEXT_FORMATS:
        return text
    if source.thousands and _GROUPED.fullmatch(text):
        text = text.replace(source.thousands, "")
    if source.decimal == ".":
        return text
    return "" if "." in text else text.replace(source.decimal, ".")


def _number(text: str, column: Column) -> float | None:
    if column.kind == "integer":
        number = int(float(text)) if _INTEGER.fullmatch(text) else None
        return number if number is not None and abs(number) <= _INT32 else None
    # Python's own float() also takes `1_000`, `nan` and the digits of other scripts.
    decimal = float(text) if _DECIMAL.fullmatch(text) else math.inf
    return decimal if math.isfinite(decimal) else None
