"""Changing what others may be changing, too: read, change, write if it is still the same."""

from __future__ import annotations

import logging
from collections.abc import Callable

from include.espejo.errors import LakeError
from include.espejo.lake.failures import PreconditionError
from include.espejo.lake.store import Lake

log = logging.getLogger(__name__)

_TRIES = 5


def change_object(lake: Lake, uri: str, change: Callable[[bytes | None], bytes | None]) -> None:
    """Replace an object by what `change` makes of it, losing nobody's change.

    `change` gets the content, None where there is no object, and gives the new one, None to leave
    it; it is called again when somebody else wrote meanwhile. Raises a LakeError that may be tried
    again when others keep writing.
    """
    for _ in range(_TRIES):
        stored = lake.read_tagged(uri)
        new = change(None if stored is None else stored.content)
        if new is None or (stored is not None and new == stored.content):
            return
        try:
            if stored is None:
                if lake.create(uri, new):
                    return
            else:
                lake.replace(uri, new, stored.tag)
                return
        except PreconditionError:
            pass
        log.info("%s was written by another process; trying again", uri)
    raise LakeError(f"{uri}: other processes keep writing it; try again later", retryable=True)
