"""The stored object on its way to a reader: hashed as it lies in the lake, unpacked on the way."""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
import zlib
from typing import IO, cast

from include.espejo.errors import InputError
from include.espejo.lake.failures import told_clearly

CHUNK = 1 << 20
_GZIP, _ZIP = b"\x1f\x8b", (b"PK\x03\x04", b"PK\x05\x06")
# Surveys shrink to a tenth. What grows a hundredfold, and beyond this size, is no survey.
_MOST_GROWTH, _HARMLESS = 100, 256 << 20


class StoredFile(io.RawIOBase):
    """An object of the lake, read once from its start to its end, every byte hashed."""

    def __init__(self, file: IO[bytes], source: str):
        self._file = file
        self._source = source
        self._sha256 = hashlib.sha256()
        self._ahead = b""
        self.size = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._ahead:
            chunk, self._ahead = self._ahead, b""
            return chunk
        return self._next(max(size, CHUNK))

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """For readers that ask for no more than they can hold."""
        if not self._ahead:
            self._ahead = self._next(CHUNK)
        chunk, self._ahead = self._ahead[: len(buffer)], self._ahead[len(buffer) :]
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def peek(self, size: int) -> bytes:
        """The first bytes, which are read again later."""
        while len(self._ahead) < size and (chunk := self._next(CHUNK)):
            self._ahead += chunk
        return self._ahead[:size]

    def rest(self) -> bytes:
        """All that is left."""
        parts = [self._ahead]
        self._ahead = b""
        while chunk := self._next(8 * CHUNK):
            parts.append(chunk)
        return b"".join(parts)

    def digest(self) -> str:
        """SHA-256 of the whole object, whatever of it nobody has read."""
        while self._next(8 * CHUNK):
            pass
        return self._sha256.hexdigest()

    def _next(self, size: int) -> bytes:
        with told_clearly(self._source, "read it"):
            chunk = self._file.read(size)
        self._sha256.update(chunk)
        self.size += len(chunk)
        return chunk


def unpacked(file: StoredFile, source: str) -> IO[bytes]:
    """The text of a plain, a gzip or a zip file with one member. Raises InputError."""
    start = file.peek(4)
    if start.startswith(_GZIP):
        return cast(
            IO[bytes], _Unpacked(gzip.GzipFile(fileobj=io.BufferedReader(file)), file, source)
        )
    if start in _ZIP:
        return cast(IO[bytes], _Unpacked(_only_member(file, source), file, source))
    return cast(IO[bytes], file)


def read_whole(file: IO[bytes]) -> bytes:
    """All that is left of a file that gives a piece at a time."""
    return b"".join(iter(lambda: file.read(CHUNK), b""))


def _only_member(file: StoredFile, source: str) -> IO[bytes]:
    problem = "rule zip: it is damaged; send it again"
    try:
        archive = zipfile.ZipFile(io.BytesIO(file.rest()))
        members = [info for info in archive.infolist() if not info.is_dir()]
        if "[Content_Types].xml" in archive.namelist():
            problem = "rule format: it looks like an Excel file; write `source.format: excel`"
        elif len(members) == 1 and not members[0].flag_bits & 1:
            return archive.open(members[0])
        elif len(members) != 1:
            problem = f"rule zip: it has {len(members)} files; leave exactly one in it"
        else:
            problem = "rule zip: it is locked with a password; send it without one"
    except (zipfile.BadZipFile, NotImplementedError, OSError):
        pass
    raise InputError(source, [problem])


class _Unpacked(io.RawIOBase):
    """What comes out of a packed file, as long as it is not out of all proportion."""

    def __init__(self, plain: IO[bytes] | gzip.GzipFile, packed: StoredFile, source: str):
        self._plain, self._packed, self._source = plain, packed, source
        self._size = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        chunk, problem = b"", ""
        try:
            chunk = self._plain.read(size if size > 0 else CHUNK)
        except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile):
            problem = "rule packed: it is damaged or cut off; send it again"
        self._size += len(chunk)
        if self._size > max(_HARMLESS, _MOST_GROWTH * self._packed.size):
            problem = (
                f"rule packed: it grows more than {_MOST_GROWTH}-fold, which no survey does; send "
                "the plain file"
            )
        if problem:
            raise InputError(self._source, [problem])
        return chunk
