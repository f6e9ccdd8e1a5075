"""How a survey's files look."""

from __future__ import annotations

import codecs
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from include.espejo.survey.column import Strict

Format = Literal["csv", "fixed_width", "parquet", "stata", "spss", "sas", "excel"]
TEXT_FORMATS = ("csv", "fixed_width")  # where numbers and moments are texts that a spec describes

# By Python's own names of them, which many others lead to: `UTF8`, `ISO-8859-1`, `Windows-1252`.
_ENCODINGS = {
    "utf-8": "utf-8",
    "utf-8-sig": "utf-8",
    "iso8859-1": "latin-1",
    "cp1252": "cp1252",
    "iso8859-15": "iso-8859-15",
    "iso8859-2": "iso-8859-2",
    "cp1250": "cp1250",
    "cp850": "cp850",
    "cp437": "cp437",
    "mac-roman": "mac-roman",
}


def _known_encoding(given: Any) -> Any:
    try:
        return _ENCODINGS[codecs.lookup(given).name]
    except (LookupError, TypeError):
        known = ", ".join(dict.fromkeys(_ENCODINGS.values()))
        raise ValueError(f"{given!r} is no encoding that is known; write one of {known}") from None


Encoding = Annotated[str, BeforeValidator(_known_encoding)]


class Join(Strict):
    """Another table whose `columns` each row takes from the row with its `keys`: persons those of
    their household. `raw` is the pattern of its one file."""

    raw: str
    keys: tuple[str, ...] = Field(min_length=1)
    columns: tuple[str, ...] = Field(min_length=1)


class Source(Strict):
    """How the survey's files look, and how many rows a whole one has."""

    delimiter: str = Field(default=",", pattern=r"^[,;:|\t ]$")
    format: Format = "csv"
    encodings: tuple[Encoding, ...] = Field(default=("utf-8",), min_length=1)
    layout: dict[str, tuple[int, int]] = Field(default_factory=dict)
    sheet: str | None = None
    parts: int = Field(default=1, ge=1, le=1000)
    join: Join | None = None
    quoted_line_ends: bool = False
    blank: str = ""
    missing: tuple[str, ...] = Field(default=())
    decimal: Literal[".", ","] = "."
    thousands: Literal[".", ",", " ", "'"] | None = None
    line_end: Literal["lf", "crlf"] = "lf"
    output_encoding: Encoding = "utf-8"
    period_column: str | None = None
    period_format: str = "{period}"
    period_columns: dict[str, str] = Field(default_factory=dict)
    min_rows: int = Field(ge=1)
    max_rows: int = Field(ge=1)

    @model_validator(mode="after")
    def _check_bounds(self) -> Source:
        if self.min_rows > self.max_rows:
            raise ValueError("`min_rows` is above `max_rows`; write the lower bound first")
        return self

    def can_write(self, text: str) -> bool:
        """Whether a release's CSV can hold a text."""
        try:
            text.encode(self.output_encoding)
        except UnicodeEncodeError:
            return False
        return True

    def period_formats(self) -> dict[str, str]:
        """The columns that say which period a row is of, and how each writes it."""
        one = {self.period_column: self.period_format} if self.period_column else {}
        return {**one, **self.period_columns}

    @model_validator(mode="after")
    def _check_layout(self) -> Source:
        if bool(self.layout) != (self.format == "fixed_width"):
            raise ValueError("`layout` and `format: fixed_width` go together; write both")
        taken: list[tuple[int, int, str]] = []
        for name, (start, end) in self.layout.items():
            if not 1 <= start <= end:
                raise ValueError(f"`layout` of {name}: write its first and last character, from 1")
            taken.append((start, end, name))
        taken.sort()
        for (_, end, one), (start, _, other) in pairwise(taken):
            if start <= end:
                raise ValueError(f"`layout` has {one} and {other} in the same place; correct one")
        return self
