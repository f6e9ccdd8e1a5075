"""The file's bytes on their way to the parser: hashed, and looked at for what they are."""

from __future__ import annotations

import hashlib
import io
from typing import IO

_CHUNK = 1 << 20
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class SourceStream(io.RawIOBase):
    """Reads on from an open file, one pass, hashing every byte as it goes by.

    The header line is taken out first (`header`), so that the parser can be told the columns.
    """

    def __init__(self, file: IO[bytes]):
        self._file = file
        self._sha256 = hashlib.sha256()
        self._pending = b""
        self.last_byte = b""
        self.size = 0
        self.header = self._take_header()

    def _take_header(self) -> bytes:
        head = b""
        while b"\n" not in head and b"\r" not in head and len(head) < 4 * _CHUNK:
            chunk = self._next(_CHUNK)
            if not chunk:
                break
            head += chunk
        line = head.splitlines(keepends=True)[0] if head else b""
        self._pending = head[len(line) :]
        return line.removeprefix(_UTF8_MARK).rstrip(b"\r\n")

    def _next(self, size: int) -> bytes:
        chunk = self._file.read(size)
        if chunk:
            self._sha256.update(chunk)
            self.size += len(chunk)
            self.last_byte = chunk[-1:]
        return chunk

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._pending:
            chunk, self._pending = self._pending, b""
            return chunk
        return self._next(max(size, _CHUNK))

    def digest(self) -> str:
        """SHA-256 of the whole file, once it has been read to its end."""
        return self._sha256.hexdigest()

    def looks_like_utf16(self) -> bool:
        return self.header.startswith(_UTF16_MARKS) or b"\x00" in self.header
