"""Publish: a candidate becomes a release that appears whole or not at all.

Files first, the manifest last, then the pointers and the journal of changes by conditional
writes. Whoever follows a pointer, or takes a folder for a release only if it has a manifest, never
sees half of one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from include.espejo.errors import InputError, LakeError
from include.espejo.lake import Lake, change_document, document_bytes, join, read_document
from include.espejo.lake.keys import MANIFEST, PublicLocation
from include.espejo.releases.documents import Tombstone
from include.espejo.releases.entries import Withdrawn
from include.espejo.releases.journal import record_publication, record_withdrawal


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

    def forward(now: Pointer | None) -> Pointer | None:
        return _forward(now, place.survey, period, release, manifest)

    for pointer in (place.latest(period), place.latest()):
        change_document(target, pointer, forward)
    record_publication(target, place, period, release)
    return Publication(manifest, already)


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
            problem = f"file {entry['name']}, rule sha256: not what its manifest says; run again"
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
        raise LakeError(f"{uri}: another file is already there; a release is never overwritten")
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
        raise LakeError(f"{manifest}: there is no such release to withdraw", exit_code=2)
    grave = place.tombstone(period, release)
    tombstone = {"survey": place.survey, "period": period, "release": release, "reason": reason}
    target.create(grave, document_bytes(tombstone))
    for pointer in (place.latest(period), place.latest()):
        change_document(target, pointer, lambda now: _back(now, period, release))
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


def read_pointer(lake: Lake, pointer: str) -> dict[str, Any] | None:
    """A pointer's content; None where nothing was ever published."""
    return read_document(lake, pointer)


# --- pointers: the current release, and the history that a withdrawal steps back through ---------

Pointer = dict[str, Any]


def _forward(
    now: Pointer | None, survey: str, period: str, release: str, manifest: str
) -> Pointer | None:
    """The pointer with this release as its current one; None if it must stay as it is."""
    history = list(now["history"]) if now else []
    if any(_is(entry, period, release) for entry in history):
        return None  # it has been here: a rerun does not move a pointer back
    entry = {"period": period, "release": release, "manifest": manifest, "withdrawn": False}
    return _pointer(survey, [*history, entry])


def _back(now: Pointer | None, period: str, release: str) -> Pointer | None:
    """The pointer with this release marked as withdrawn."""
    if now is None or not any(_is(entry, period, release) for entry in now["history"]):
        return None
    history = [e | {"withdrawn": True} if _is(e, period, release) else e for e in now["history"]]
    return _pointer(now["survey"], history)


def _pointer(survey: str, history: list[dict[str, Any]]) -> Pointer:
    """A pointer: its current release is the newest period's last one that stands."""
    standing = [entry for entry in history if not entry["withdrawn"]]
    # max() keeps the first of equals; reversed, that is the last published of a period.
    current = max(reversed(standing), key=lambda entry: str(entry["period"]), default=None)
    empty = {"period": None, "release": None, "manifest": None}
    shown = empty if current is None else {k: current[k] for k in empty}
    return {"survey": survey, **shown, "history": history}


def _is(entry: dict[str, Any], period: str, release: str) -> bool:
    return bool(entry["period"] == period and entry["release"] == release)
