"""The text of a CSV file on its way to the parser: looked at for what it is, its lines counted."""

from __future__ import annotations

import io
from typing import IO

import numpy as np

from include.espejo.ingest.formats.unpack import CHUNK

_UTF8_MARK = b"\xef\xbb\xbf"
_OTHER_FILES = {
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"PK\x03\x04": "a packed file within a packed one",
    b"\x1f\x8b": "a packed file within a packed one",
    b"PAR1": "a Parquet file (source.format: parquet)",
    b"$FL2": "an SPSS file (source.format: spss)",
    b"<stata_dta>": "a Stata file (source.format: stata)",
    b"\xd0\xcf\x11\xe0": "an old Excel file (source.format: excel)",
}


def as_utf8(content: bytes) -> bytes:
    """Any bytes as UTF-8, each byte as the character of its number: the parser reads a line with
    too many fields as UTF-8 to us, and fails on others. `from_utf8` gives them back."""
    return content if content.isascii() else content.decode("latin-1").encode()


def from_utf8(content: bytes) -> bytes:
    """What `as_utf8` was given."""
    return content if content.isascii() else content.decode().encode("latin-1")


class SourceStream(io.RawIOBase):
    """Reads on from an open file in one pass, as UTF-8 whatever it is written in (`as_utf8`).

    The header line is taken out first (`header`), so that the parser can be told the columns.
    """

    def __init__(self, file: IO[bytes]):
        self._file = file
        self._line_length = 0
        self.lines = 0
        self._pending = b""
        self.last_byte = b""
        self.size = 0
        self.has_mark = False
        self.header = self._take_header()

    def _take_header(self) -> bytes:
        head = b""
        while b"\n" not in head and b"\r" not in head and len(head) < 4 * CHUNK:
            chunk = self._next(CHUNK)
            if not chunk:
                break
            head += chunk
        line = head.splitlines(keepends=True)[0] if head else b""
        self._pending = head[len(line) :]
        self.has_mark = line.startswith(_UTF8_MARK)
        return line.removeprefix(_UTF8_MARK).rstrip(b"\r\n")

    def _next(self, size: int) -> bytes:
        chunk = self._file.read(size)
        if chunk:
            self._count_lines(chunk)
            self.size += len(chunk)
            self.last_byte = chunk[-1:]
        return chunk

    def _count_lines(self, chunk: bytes) -> None:
        """Count the line ends of lines that are not blank, the header's among them."""
        values = np.frombuffer(chunk, dtype=np.uint8)
        ends = np.flatnonzero(values == ord("\n"))
        if len(ends):
            lengths = np.diff(ends, prepend=-1) - 1
            # A carriage return before the line end is no content.
            lengths -= (lengths > 0) & (values[ends - 1] == ord("\r"))
            lengths[0] += self._line_length
            self.lines += int((lengths > 0).sum())
            self._line_length = 0
        rest = values[ends[-1] + 1 :] if len(ends) else values
        self._line_length += int((rest != ord("\r")).sum())

    def data_lines(self) -> int | None:
        """Lines below the header that are not blank; None where lines end otherwise than in LF."""
        if not self.lines:
            return None
        return self.lines - 1 + (self._line_length > 0)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._pending:
            chunk, self._pending = self._pending, b""
            return as_utf8(chunk)
        return as_utf8(self._next(max(size, CHUNK)))

    def looks_like(self) -> str | None:
        """What the file is if it is no text in an ASCII-like encoding."""
        for mark, kind in _OTHER_FILES.items():
            if self.header.startswith(mark):
                return kind
        return "UTF-16" if b"\x00" in self.header else None
