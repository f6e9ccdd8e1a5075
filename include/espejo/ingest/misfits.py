"""What is told of values that are not of their column's type: how they are written, never what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from include.espejo.survey import Column
from include.espejo.survey.moments import MOMENTS
from include.espejo.survey.source import Source

_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")
_POINT = re.compile(r"[+-]?[0-9]+\.[0-9]+")
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}([., \u00a0'’][0-9]{3})+([.,][0-9]+)?")
_MONEY = re.compile(r"[$€£¥]|\b(MXN|USD|EUR|pesos?)\b", re.IGNORECASE)
MARKERS = {
    "NA",
    "N/A",
    "NAN",
    "NULL",
    "NONE",
    "ND",
    "N.D.",
    "S/D",
    ".",
    "-",
    "--",
    "*",
    "?",
    "#N/A",
}
_DATE = re.compile(r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}.*")


def advice(texts: Sequence[str], column: Column, source: Source) -> str:
    """The remedy for texts that are no value of the column."""
    if column.moment:
        return (
            "name how they are written in `format`, such as '%d/%m/%Y'"
            if all(map(_DATE.fullmatch, texts)) and column.format is None
            else f"write a {column.kind} such as {MOMENTS[column.moment].example}, as `format` says"
        )
    found = list(dict.fromkeys(_patterns(texts, column, source)))
    usual = "write plain digits, or a blank if there is no answer"
    if column.kind == "boolean":
        usual = "write true or false, or name the spellings in `code_aliases`"
    return "; ".join(found) if found else usual


def _patterns(texts: Sequence[str], column: Column, source: Source) -> Iterator[str]:
    for text in texts:
        if text.upper() in MARKERS:
            yield f"some hold {text}, a mark of missing: name it in `missing`"
        elif _MONEY.search(text):
            yield "some hold a currency sign: remove it"
        elif _THOUSANDS.fullmatch(text) and source.thousands is None:
            yield "some have a sign between thousands: name it in `source.thousands`"
            if _COMMA.fullmatch(text):
                yield "or, if it is a decimal comma, write `source.decimal: ','`"
        elif _COMMA.fullmatch(text):
            yield "some have a decimal comma: write `source.decimal: ','`"
        elif text.endswith("%"):
            yield "some end in a per cent sign: remove it"
        elif column.kind == "integer" and _POINT.fullmatch(text):
            yield "some have decimals: write kind: decimal, or whole numbers"
