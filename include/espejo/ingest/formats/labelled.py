"""Stata, SPSS and SAS files, whose labels stay in the spec: codes are read, not their labels."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from include.espejo.errors import InputError
from include.espejo.ingest.formats.header import match_names
from include.espejo.ingest.formats.raw import RawColumn, RawTable
from include.espejo.ingest.formats.written import text_of
from include.espejo.survey import SurveySpec

_How = dict[str, Any]  # arguments of pyreadstat

LABELLED = ("stata", "spss", "sas")


def read_labelled(content: bytes, source: str, spec: SurveySpec) -> RawTable:
    """Read the columns that the spec names. Raises InputError.

    Missing values that a person declared stay what they are: 9 in SPSS, `.a` in Stata and SAS.
    """
    names = list(_read(content, source, spec.source.format, metadataonly=True)[1].column_names)
    header = match_names(names, spec)
    if header.problems:
        raise InputError(source, header.problems)
    wanted = [names[at] for at in header.positions.values()]
    frame, about = _read(content, source, spec.source.format, usecols=wanted, user_missing=True)
    kinds = about.readstat_variable_types
    columns = {
        name: RawColumn.of_values(
            frame[names[at]], text_of if kinds[names[at]] == "string" else _text
        )
        for name, at in header.positions.items()
    }
    return RawTable(header, columns, len(frame), ("utf-8",))


def read_labels(content: bytes, source: str, kind: str) -> Any:
    """Names, labels and value labels, as pyreadstat tells them. Raises InputError."""
    return _read(content, source, kind, metadataonly=True)[1]


def _text(value: Any) -> str:
    """A number or moment; a letter among numbers is how Stata and SAS tell missing ones apart."""
    return f".{value.lower()}" if isinstance(value, str) else text_of(value)


def _read(content: bytes, source: str, kind: str, **how: Any) -> Any:
    import pyreadstat

    readers: dict[str, tuple[Callable[..., Any], ...]] = {
        "stata": (pyreadstat.read_dta,),
        "spss": (pyreadstat.read_sav, pyreadstat.read_por),
        "sas": (pyreadstat.read_sas7bdat, pyreadstat.read_xport),
    }
    for read in readers[kind]:
        try:
            return read(io.BytesIO(content), **_accepted(read, how))
        except (pyreadstat.ReadstatError, pyreadstat.PyreadstatError, ValueError, OverflowError):
            continue
    raise InputError(source, [f"rule {kind}: not readable as a {kind} file; write it again"])


def _accepted(read: Callable[..., Any], how: _How) -> _How:
    """Not every format knows declared missing values."""
    if read.__name__ in ("read_por", "read_xport"):
        return {key: value for key, value in how.items() if key != "user_missing"}
    return how
