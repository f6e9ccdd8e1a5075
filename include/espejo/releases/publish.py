"""Publish: a candidate becomes a release that appears whole or not at all.

Files first, the manifest last, then the pointers and the journal of changes by conditional
writes. Whoever follows a pointer, or takes a folder for a release only if it has a manifest, never
sees half of one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from include.espejo.errors import InputError, LakeError
from include.espejo.lake import Lake, change_object, document_bytes, join
from include.espejo.lake.keys import MANIFEST, PublicLocation
from include.espejo.releases.documents import Tombstone, parse
from include.espejo.releases.entries import Withdrawn
from include.espejo.releases.journal import record_publication, record_withdrawal
from include.espejo.releases.pointer import ReleasePointer, back, forward


@dataclass(frozen=True)
class Publication:
    """Where a release is, and whether this call or an earlier one put it there."""

    manifest: str
    already_there: bool


def publish_release(
    source: Lake,
    candidate: str,
    target: Lake,
    place: PublicLocation,
    period: str,
    release: str,
    added: Mapping[str, Any] | None = None,
) -> Publication:
    """Copy a complete candidate to its public place and move the pointers to it.

    `added`: what the manifest says beside the candidate's own, such as an override.

    A rerun is harmless: files that are there and equal are left, and pointers are not moved
    back to a release that they have already left. Raises LakeError if something else lies
    where the release should go, or if it was withdrawn.
    """
    if target.exists(place.tombstone(period, release)):
        raise LakeError(
            f"{place.tombstone(period, release)}: this release was withdrawn and is not published "
            "again; change the parameters or the input for a new one"
        )
    folder = place.release(period, release)
    already = copy_release(source, candidate, target, folder, added)
    manifest = join(folder, MANIFEST)

    for pointer in (place.latest(period), place.latest()):
        _move(target, pointer, lambda now: forward(now, place.survey, period, release, manifest))
    record_publication(target, place, period, release)
    return Publication(manifest, already)


def _move(
    target: Lake, uri: str, step: Callable[[ReleasePointer | None], ReleasePointer | None]
) -> None:
    """Move a pointer, losing nobody's move; None of `step` leaves it."""

    def moved(content: bytes | None) -> bytes | None:
        pointer = step(None if content is None else parse(ReleasePointer, content, uri))
        return None if pointer is None else pointer.to_json()

    change_object(target, uri, moved)


def copy_release(
    source: Lake, candidate: str, target: Lake, folder: str, added: Mapping[str, Any] | None = None
) -> bool:
    """Copy a candidate's files, the manifest last; True if the whole release was there.

    Raises InputError if the candidate is not what its manifest says, LakeError if a file
    with other content is in the way.
    """
    manifest = source.read(join(candidate, MANIFEST))
    already = True
    for entry in json.loads(manifest)["files"]:
        content = source.read(join(candidate, entry["name"]))
        if hashlib.sha256(content).hexdigest() != entry["sha256"]:
            problem = (
                f"file {entry['name']}, rule sha256: its content does not match the manifest; run "
                "again"
            )
            raise InputError(candidate, [problem])
        already &= not _place(target, join(folder, entry["name"]), content)
    if added:
        manifest = document_bytes(json.loads(manifest) | dict(added))
    return already & (not _place(target, join(folder, MANIFEST), manifest))


def _place(target: Lake, uri: str, content: bytes) -> bool:
    """Create an object; False if it is there already, an error if it is another one."""
    if target.create(uri, content):
        return True
    if target.read(uri) != content:
        raise LakeError(f"{uri}: another file is already there, and a release is never overwritten")
    return False


def withdraw_release(
    target: Lake, place: PublicLocation, period: str, release: str, reason: str
) -> None:
    """Withdraw a release: a tombstone beside it, the pointers back to its predecessor or to none.

    The files stay, for those who already cite them; both steps are recorded in the pointers.
    Raises LakeError if there is no such release.
    """
    manifest = join(place.release(period, release), MANIFEST)
    if not target.exists(manifest):
        raise LakeError(f"{manifest}: there is no such release", exit_code=2)
    grave = place.tombstone(period, release)
    tombstone = {"survey": place.survey, "period": period, "release": release, "reason": reason}
    target.create(grave, document_bytes(tombstone))
    for pointer in (place.latest(period), place.latest()):
        _move(target, pointer, lambda now: back(now, period, release))
    record_withdrawal(
        target,
        place,
        Withdrawn(
            event="withdrawn",
            date=datetime.now(UTC).date().isoformat(),
            period=period,
            release=release,
            reason=Tombstone.model_validate_json(target.read(grave)).reason,
        ),
    )
