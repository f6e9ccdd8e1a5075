"""What storage is asked for: reads and writes by URI, with the conditional writes that publishing
stands on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import IO, Protocol


@dataclass(frozen=True)
class Stored:
    """An object's bytes and the tag that a conditional replacement names."""

    content: bytes
    tag: str


@dataclass(frozen=True)
class Entry:
    """What a listing says of an object: its size in bytes, a tag that changes with it, and when it
    was last written."""

    size: int
    tag: str
    modified: datetime


class Lake(Protocol):
    """Storage as one identity sees it. Every method raises LakeError where storage fails."""

    def open(self, uri: str) -> IO[bytes]:
        """Open for reading, forward only."""

    def read(self, uri: str) -> bytes:
        """The whole object."""

    def read_tagged(self, uri: str) -> Stored | None:
        """The object with its tag, or None where there is none."""

    def write(self, uri: str, content: bytes) -> None:
        """Write, replacing what is there: for the restricted area only."""

    def create(self, uri: str, content: bytes) -> bool:
        """Write where nothing is yet; False, and nothing written, where something is."""

    def replace(self, uri: str, content: bytes, tag: str) -> None:
        """Write over the object with this tag. Raises PreconditionError if it has changed."""

    def exists(self, uri: str) -> bool:
        """Whether there is an object."""

    def list(self, pattern: str) -> list[str]:
        """The URIs that match a shell pattern in their last part."""

    def tree(self, folder: str) -> dict[str, Entry]:
        """Everything below a folder, by its path from there; empty where there is nothing."""

    def link(self, uri: str, seconds: int, name: str) -> str:
        """An address that gives the object to whoever has it, as a file of this name."""

    def require_write(self, uri: str) -> None:
        """Raise LakeError unless an object could be written there; nothing is written."""

    def delete_tree(self, uri: str) -> None:
        """Delete an object, or all below a folder; harmless where there is nothing."""


@dataclass(frozen=True)
class Lakes:
    """The lake as the identities of the flow see it: which may read or write what."""

    ingest: Lake
    work: Lake
    publish: Lake


def join(base: str, *parts: str) -> str:
    """Join a place and the parts of a key."""
    return "/".join([base.rstrip("/"), *(part.strip("/") for part in parts)])
