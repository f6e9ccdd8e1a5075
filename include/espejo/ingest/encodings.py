"""Which encoding a file's texts are in, and what says that they are in two."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from include.espejo.ingest.formats.raw import RawColumn, decodes

_CONTROLS = {chr(code) for code in range(0x80, 0xA0)}


def pick_encoding(columns: Iterable[RawColumn], encodings: Sequence[str]) -> str | None:
    """The first encoding in which every value can be read; None if none fits."""
    foreign = [v for column in columns for v in column.values if not v.isascii()]
    for encoding in encodings:
        if all(decodes(value, encoding) for value in foreign):
            return encoding
    return None


def mixed_encodings(
    columns: Mapping[str, RawColumn], encoding: str, encodings: Sequence[str]
) -> Iterator[str]:
    """Warnings: UTF-8 in a file that as a whole is not, and characters that no text has."""
    marked = encodings[0] == "utf-8" != encoding
    for name, column in columns.items():
        foreign = [(at, value) for at, value in enumerate(column.values) if not value.isascii()]
        if encoding != "utf-8":
            utf8 = [at for at, value in foreign if decodes(value, "utf-8")]
            if utf8:
                yield (
                    f"column {name}: {column.count(utf8):,} rows look like UTF-8 in a file that "
                    f"is read as {encoding}; save the whole file in one encoding"
                )
            if marked and len(utf8) < len(foreign):
                others = column.count({at for at, _ in foreign} - set(utf8))
                yield (
                    f"column {name}: {others:,} rows are not UTF-8, which comes first among the "
                    "encodings or is what the file's mark says; save the file in one encoding"
                )
        controls = [at for at, value in foreign if _CONTROLS & set(value.decode(encoding))]
        if controls:
            yield (
                f"column {name}: {column.count(controls):,} rows hold control characters (0x80 to "
                f"0x9F) when read as {encoding}; if the file is cp1252, put that first in the spec"
            )
