"""How a file looks: its format, delimiter, encoding, and how it writes numbers and missing ones."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from include.espejo.errors import InputError
from include.espejo.ingest.formats.unpack import StoredFile, read_whole, unpacked
from include.espejo.ingest.misfits import MARKERS

_SUFFIXES = {
    ".parquet": "parquet",
    ".dta": "stata",
    ".sav": "spss",
    ".zsav": "spss",
    ".por": "spss",
    ".sas7bdat": "sas",
    ".xpt": "sas",
    ".xlsx": "excel",
    ".xls": "excel",
    ".ods": "excel",
}
_COMMA = re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{3})*,[0-9]+")
_POINT = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})*\.[0-9]+")
_GROUPED = {
    ".": re.compile(r"[0-9]{1,3}(\.[0-9]{3})+(,[0-9]+)?"),
    ",": re.compile(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?"),
}


def format_of(source: str) -> str:
    """The format by the file's name; CSV where the name says nothing."""
    name = source.lower().removesuffix(".gz").removesuffix(".zip")
    return next((kind for suffix, kind in _SUFFIXES.items() if name.endswith(suffix)), "csv")


@dataclass(frozen=True)
class CsvLook:
    """A CSV file's delimiter, encoding, line ends and column names."""

    delimiter: str
    encoding: str
    line_end: str
    names: list[str]


def look_at_csv(content: bytes, source: str) -> CsvLook:
    """Raises InputError where the first line is no header of names."""
    file = StoredFile(io.BytesIO(content), source)
    text = read_whole(unpacked(file, source))
    encoding = _encoding_of(text)
    header = text.decode(encoding, "replace").removeprefix("\ufeff").partition("\n")[0]
    delimiter = max(",;\t|", key=header.count)
    names = [name.strip() for name in next(csv.reader([header], delimiter=delimiter), [])]
    repeated = [name for name, count in Counter(n.upper() for n in names).items() if count > 1]
    numbers = [name for name in names if re.fullmatch(r"[0-9.,]+", name)]
    if len(names) < 2 or numbers or "" in names or repeated:
        problem = "rule header: the first line must name two columns or more, each once"
        raise InputError(source, [problem])
    return CsvLook(delimiter, encoding, "crlf" if b"\r\n" in text[: 1 << 20] else "lf", names)


def _encoding_of(text: bytes) -> str:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        # Characters that only cp1252 has in place of control characters.
        return "cp1252" if any(0x80 <= byte <= 0x9F for byte in set(text)) else "latin-1"
    return "utf-8"


def decimal_of(texts: Iterable[list[str]]) -> tuple[str, str | None]:
    """The decimal sign of a file's columns, and the sign between thousands where there is one."""
    comma = point = 0
    grouped = dict.fromkeys(_GROUPED, 0)
    for column in texts:
        comma += (
            bool(column)
            and all(_COMMA.fullmatch(t) or t.isdigit() for t in column)
            and any(map(_COMMA.fullmatch, column))
        )
        point += bool(column) and any(map(_POINT.fullmatch, column))
        for sign, form in _GROUPED.items():
            grouped[sign] += any(form.fullmatch(t) for t in column)
    if comma and not point:
        return ",", "." if grouped["."] else None
    return ".", "," if point and grouped[","] else None


def missing_of(columns: Mapping[str, list[str]]) -> tuple[str, ...]:
    """The marks of missing that stand among the numbers of a column."""
    found = set()
    for texts in columns.values():
        marks = {text for text in texts if text.upper() in MARKERS}
        others = [text for text in texts if text not in marks]
        if marks and others and all(re.fullmatch(r"[+-]?[0-9.,]+", t) for t in others):
            found |= marks
    return tuple(sorted(found))
