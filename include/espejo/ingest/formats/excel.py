"""Excel: one sheet, its first row the names."""

from __future__ import annotations

import io
from typing import Any

from include.espejo.errors import InputError
from include.espejo.ingest.formats.header import match_names
from include.espejo.ingest.formats.raw import RawColumn, RawTable
from include.espejo.ingest.formats.written import text_of
from include.espejo.survey import SurveySpec


def read_excel(content: bytes, source: str, spec: SurveySpec) -> RawTable:
    """Read the first sheet, or the one that the spec names. Raises InputError."""
    rows = _rows(content, source, spec.source.sheet)
    if not rows:
        raise InputError(source, ["rule rows: the sheet is empty; send it again"])
    header = match_names([text_of(name) for name in rows[0]], spec)
    if header.problems:
        raise InputError(source, header.problems)
    columns = {
        name: RawColumn.of_values([text_of(row[at]) for row in rows[1:]], str)
        for name, at in header.positions.items()
    }
    return RawTable(header, columns, len(rows) - 1, ("utf-8",))


def excel_names(content: bytes, source: str) -> list[str]:
    """The names in the first row of the first sheet. Raises InputError."""
    rows = _rows(content, source, None)
    return [text_of(name) for name in rows[0]] if rows else []


def _rows(content: bytes, source: str, sheet: str | None) -> list[list[Any]]:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        names = book.sheet_names
        if (sheet is None and names) or sheet in names:
            return list(book.get_sheet_by_name(sheet or names[0]).to_python())
        problem = f"rule sheet: there is no sheet {sheet}; the file has {len(names)}"
    except CalamineError:
        problem = "rule excel: not readable as an Excel file; write it again"
    raise InputError(source, [problem])
