"""Fixed width: each column at its place in the line, as the spec's layout says."""

from __future__ import annotations

from typing import IO

import numpy as np

from include.espejo.errors import InputError
from include.espejo.ingest.formats.header import match_names
from include.espejo.ingest.formats.raw import RawColumn, RawTable, decodes
from include.espejo.ingest.formats.unpack import read_whole
from include.espejo.survey import SurveySpec

_MARK = b"\xef\xbb\xbf"


def read_fixed_width(file: IO[bytes], source: str, spec: SurveySpec) -> RawTable:
    """Read lines of one length. Raises InputError where the layout does not fit them."""
    layout = spec.source.layout
    content = read_whole(file)
    encoding = next((e for e in spec.source.encodings if decodes(content, e)), None)
    if encoding is None:
        allowed = " or ".join(spec.source.encodings)
        raise InputError(source, [f"rule encoding: not {allowed}; save the file in one of them"])
    lines = _lines(content, encoding)
    if not lines:
        raise InputError(source, ["rule rows: the file is empty; send it again"])
    header = match_names(list(layout), spec)
    problems = [*header.problems, *_misfits(lines, max(end for _, end in layout.values()))]
    if problems:
        raise InputError(source, problems)
    # One character a cell: a column is then a slice, whatever its place.
    width = len(lines[0])
    cells = np.array(lines, dtype=f"U{width}").view("U1").reshape(len(lines), width)
    names = list(layout)
    columns = {}
    for name, at in header.positions.items():
        start, end = layout[names[at]]
        part = np.ascontiguousarray(cells[:, start - 1 : end]).view(f"U{end - start + 1}")
        columns[name] = RawColumn.of_values(part.ravel(), str.strip)
    return RawTable(header, columns, len(lines), ("utf-8",))


def _lines(content: bytes, encoding: str) -> list[str]:
    """The lines without their ends; the end-of-file mark of old systems is no line."""
    text = content.removeprefix(_MARK).decode(encoding).rstrip("\x1a")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _misfits(lines: list[str], needed: int) -> list[str]:
    lengths = np.array([len(line) for line in lines])
    usual = int(np.bincount(lengths).argmax())
    if usual < needed:
        return [
            f"rule layout: it reads up to character {needed}, and most lines have {usual}; give "
            "the layout of this file, or the whole file"
        ]
    others = int((lengths != usual).sum())
    if others:
        return [
            f"rule layout: {others} lines do not have the {usual} characters of the others; the "
            "file is truncated, or its lines are not padded with spaces: send it again"
        ]
    return []
