"""Finds the spec's columns in a file's header, whatever its case and renamings."""

from __future__ import annotations

import csv
import difflib
from dataclasses import dataclass

from include.espejo.survey import SurveySpec

_MOST_COLUMNS = 10_000
_DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}


@dataclass(frozen=True)
class Header:
    """Where the spec's columns stand in the file, and what is wrong or worth knowing."""

    width: int
    positions: dict[str, int]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]


def read_header(line: bytes, spec: SurveySpec) -> Header:
    """Match the header line's names with the columns of the spec and their aliases."""
    text = _decode(line, spec.source.encodings)
    try:
        names = [
            n.strip().upper() for n in next(csv.reader([text], delimiter=spec.source.delimiter))
        ]
    except csv.Error:
        names = []
    if not 0 < len(names) <= _MOST_COLUMNS:
        problem = "rule header: the first line is not a header of column names; send the file again"
        return Header(len(names), {}, (problem,), ())
    delimiter = _delimiter_problem(text, names, spec)
    if delimiter:
        return Header(len(names), {}, (delimiter,), ())
    positions: dict[str, int] = {}
    problems, warnings = [], []
    for name, column in spec.columns.items():
        accepted = [written.upper() for written in (name, *column.aliases)]
        found = [i for i, written in enumerate(names) if written in accepted]
        if found:
            positions[name] = found[0]
        if len(found) > 1:
            written = ", ".join(names[i] for i in found)
            problems.append(
                f"column {name}, rule once: given {len(found)} times ({written}); keep one of them"
            )
        elif not found and column.optional:
            warnings.append(
                f"column {name}: absent from the file; it is optional, and blank in every row"
            )
        elif not found:
            problems.append(_missing(name, accepted, names))
    if len(positions) < len(problems):
        # It may be a row: nothing of it is told, and no column is missed one by one.
        problems = [
            f"rule header: {len(problems)} of the spec's columns are missing from the "
            "first line; the file has no header, or is of another survey"
        ]
    return Header(len(names), positions, tuple(problems), tuple(warnings))


def _decode(line: bytes, encodings: tuple[str, ...]) -> str:
    for encoding in encodings:
        try:
            return line.decode(encoding)
        except UnicodeDecodeError:
            continue
    return line.decode("latin-1")


def _missing(name: str, accepted: list[str], names: list[str]) -> str:
    also = f" (also looked for as {', '.join(accepted[1:])})" if len(accepted) > 1 else ""
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"; the file has {near[0]}: rename it, or add it to the aliases" if near else ""
    return f"column {name}, rule present: missing from the header{also}{hint or '; add it'}"


def _delimiter_problem(text: str, names: list[str], spec: SurveySpec) -> str | None:
    if len(names) > 1:
        return None
    for delimiter, called in _DELIMITERS.items():
        if delimiter != spec.source.delimiter and text.count(delimiter) >= 1:
            expected = _DELIMITERS.get(spec.source.delimiter, repr(spec.source.delimiter))
            return (
                f"rule delimiter: the header is divided by {called}, not by {expected} as the "
                "spec says; save the file with the spec's delimiter"
            )
    return None
