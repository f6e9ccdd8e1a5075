"""Keeping the journal: `releases.json` for programs, and `CHANGES.md`, drawn from it, for people.

Both are moved by conditional writes, as the pointers are: publications at the same time lose
nothing, and a rerun finds its entry there.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from include.espejo.errors import InputError, LakeError
from include.espejo.lake import Lake, change_document, change_object, read_document
from include.espejo.lake.keys import PublicLocation
from include.espejo.releases.changes import Contents, compare_releases, read_contents
from include.espejo.releases.changes_page import render_changes

log = logging.getLogger(__name__)

Entry = dict[str, Any]
Journal = dict[str, Any]


def record_publication(lake: Lake, place: PublicLocation, period: str, release: str) -> None:
    """Enter a release that the pointers know, with what is other than in its predecessor."""
    if not _is_entered(lake, place, "published", period, release):
        _enter(lake, place, _publication(lake, place, period, release))
    _redraw(lake, place)


def record_withdrawal(lake: Lake, place: PublicLocation, tombstone: Mapping[str, Any]) -> None:
    """Enter a withdrawal with what its tombstone says."""
    today = datetime.now(UTC).date().isoformat()
    told = {key: tombstone[key] for key in ("period", "release", "reason")}
    _enter(lake, place, {"event": "withdrawn", "date": today, **told})
    _redraw(lake, place)


def _publication(lake: Lake, place: PublicLocation, period: str, release: str) -> Entry:
    after = read_contents(lake, place.release(period, release))
    told = {key: after.manifest.get(key) for key in ("rows", "spec_sha256", "code_version")}
    entry = {
        "event": "published",
        "date": after.manifest["created"][:10],
        "period": period,
        "release": release,
        **told,
        "override": "override" in after.manifest,
        "predecessor": None,
        "changed": {},
    }
    predecessor = _predecessor(lake, place, period, release)
    if predecessor is None:
        return entry
    before = _read_before(lake, place.release(predecessor["period"], predecessor["release"]))
    changed = None if before is None else compare_releases(before, after)
    return entry | {"predecessor": predecessor, "changed": changed}


def _read_before(lake: Lake, folder: str) -> Contents | None:
    """The predecessor; None, with a warning, where it is damaged: the new release is out by now."""
    try:
        return read_contents(lake, folder)
    except (InputError, LakeError) as error:
        if error.retryable:
            raise
        log.warning("%s: not compared with the new release: %s", folder, error)
        return None


def _predecessor(
    lake: Lake, place: PublicLocation, period: str, release: str
) -> dict[str, str] | None:
    """Which release readers had: the last of the newest period up to this one that stood.

    Only what entered the pointer's history before this release counts, whoever else publishes.
    """
    pointer = read_document(lake, place.latest())
    history = [] if pointer is None else pointer["history"]
    names = [(entry["period"], entry["release"]) for entry in history]
    before = history[: names.index((period, release))]
    standing = [e for e in before if not e["withdrawn"] and e["period"] <= period]
    found = max(reversed(standing), key=lambda entry: str(entry["period"]), default=None)
    return None if found is None else {key: found[key] for key in ("period", "release")}


def _is_entered(lake: Lake, place: PublicLocation, event: str, period: str, release: str) -> bool:
    journal = read_document(lake, place.changes())
    return journal is not None and _find(journal, event, period, release)


def _find(journal: Journal, event: str, period: str, release: str) -> bool:
    wanted = (event, period, release)
    return any((e["event"], e["period"], e["release"]) == wanted for e in journal["entries"])


def _enter(lake: Lake, place: PublicLocation, entry: Entry) -> None:
    """Append an entry, once."""

    def append(now: Journal | None) -> Journal | None:
        journal = now or {"survey": place.survey, "entries": []}
        if _find(journal, entry["event"], entry["period"], entry["release"]):
            return None
        return journal | {"entries": [*journal["entries"], entry]}

    change_document(lake, place.changes(), append)


def _redraw(lake: Lake, place: PublicLocation) -> None:
    """Draw the page from the journal as it is once the page has been read.

    Whoever enters something later draws the page later; an older page cannot replace a newer one.
    """

    def draw(_: bytes | None) -> bytes | None:
        journal = read_document(lake, place.changes())
        return None if journal is None else render_changes(journal)

    change_object(lake, place.changes_page(), draw)
