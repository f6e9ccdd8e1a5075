"""A lock in the lake: whose turn it is at what only one may do at a time."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import ValidationError

from include.espejo.errors import LakeError
from include.espejo.lake.conditional import change_object
from include.espejo.lake.document import Document
from include.espejo.lake.store import Lake


class Lock(Document):
    """Who holds it; nobody where `holder` is empty."""

    holder: str


def take_lock(lake: Lake, uri: str, holder: str, is_working: Callable[[str], bool]) -> str | None:
    """Take a lock: None where `holder` has it now or had it before, else who has it.

    `is_working`: whether another holder is still at it. The lock of one that is not, because its
    run was killed or deleted, is taken over.
    """
    other: str | None = None

    def taken(content: bytes | None) -> bytes | None:
        nonlocal other
        other = None if content is None else _read(content, uri).holder
        if other and other != holder and is_working(other):
            return None
        other = None
        return Lock(holder=holder).to_json()

    change_object(lake, uri, taken)
    return other


def free_lock(lake: Lake, uri: str, holder: str) -> None:
    """Give a lock back; harmless where somebody else has it, or nobody."""

    def freed(content: bytes | None) -> bytes | None:
        own = content is not None and _read(content, uri).holder == holder
        return Lock(holder="").to_json() if own else None

    change_object(lake, uri, freed)


def _read(content: bytes, uri: str) -> Lock:
    try:
        return Lock.of_json(content)
    except ValidationError:
        damaged = LakeError(f"{uri}: not a lock; delete it when no run of this period is going on")
    raise damaged
