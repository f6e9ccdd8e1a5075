"""Finds the spec's columns among a file's names, whatever their case and renamings."""

from __future__ import annotations

import csv
import difflib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from include.espejo.survey import Column, SurveySpec

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
        names = [name.strip() for name in next(csv.reader([text], delimiter=spec.source.delimiter))]
    except csv.Error:
        names = []
    if not 0 < len(names) <= _MOST_COLUMNS:
        problem = "rule header: the first line is not a header of column names; send the file again"
        return Header(len(names), {}, (problem,), ())
    delimiter = _delimiter_problem(text, names, spec)
    if delimiter:
        return Header(len(names), {}, (delimiter,), ())
    return match_names(names, spec)


def match_names(names: Sequence[str], spec: SurveySpec) -> Header:
    """Where each column of the spec stands among a file's names.

    A name is matched as it is spelt, and only where no column is spelt so in any other case.
    """
    matched = {name: _matches(names, name, column) for name, column in spec.columns.items()}
    positions = {name: found[0] for name, found in matched.items() if found}
    claimed = {at for found in matched.values() for at in found}
    free = [written for at, written in enumerate(names) if at not in claimed]
    problems, warnings = [], []
    for name, column in spec.columns.items():
        found = matched[name]
        if len(found) > 1:
            written = ", ".join(names[at] for at in found)
            problems.append(
                f"column {name}, rule once: given {len(found)} times ({written}); keep one of them"
            )
        elif not found and column.optional:
            warnings.append(
                f"column {name}: absent from the file; it is optional, and blank in every row"
            )
        elif not found:
            problems.append(_missing(name, column, free))
    if len(positions) < len(problems):
        # It may be a row: nothing of it is told, and no column is missed one by one.
        problems = [
            f"rule header: {len(problems)} of the spec's columns are missing from the "
            "first line; the file has no header, or is of another survey"
        ]
    return Header(len(names), positions, tuple(problems), tuple(warnings))


def _matches(names: Sequence[str], name: str, column: Column) -> list[int]:
    """The places of a column: where it or an alias is spelt exactly, else in any case."""
    accepted = (name, *column.aliases)
    found = [at for at, written in enumerate(names) if written in accepted]
    folded = {_folded(one) for one in accepted}
    return found or [at for at, written in enumerate(names) if _folded(written) in folded]


def _folded(name: str) -> str:
    """Without what editors change: case, and how an accent is composed."""
    return unicodedata.normalize("NFC", name).upper()


def _decode(line: bytes, encodings: tuple[str, ...]) -> str:
    for encoding in encodings:
        try:
            return line.decode(encoding)
        except UnicodeDecodeError:
            continue
    return line.decode("latin-1")


def _missing(name: str, column: Column, free: Sequence[str]) -> str:
    """What is told of a missing column; only a name that no other column has is suggested."""
    also = f" (also looked for as {', '.join(column.aliases)})" if column.aliases else ""
    spelt = {_folded(written): written for written in free}
    near = difflib.get_close_matches(_folded(name), spelt, n=1)
    hint = (
        f"; the file has {spelt[near[0]]}, which the spec does not name: if it is the same, add it "
        "to the aliases"
        if near
        else "; add it"
    )
    return f"column {name}, rule present: missing from the header{also}{hint}"


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
