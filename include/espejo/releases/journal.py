"""Keeping the journal: `releases.json` for programs, and `CHANGES.md`, drawn from it, for people.

Both are moved by conditional writes, as the pointers are: publications at the same time lose
nothing, and a rerun finds its entry there.
"""

from __future__ import annotations

import logging

from include.espejo.errors import InputError, LakeError
from include.espejo.lake import Lake, change_object
from include.espejo.lake.keys import PublicLocation
from include.espejo.releases.changes import (
    Changes,
    Contents,
    compare_releases,
    read_contents,
)
from include.espejo.releases.changes_page import render_changes
from include.espejo.releases.documents import parse
from include.espejo.releases.entries import Journal, Published, ReleaseName, Withdrawn
from include.espejo.releases.pointer import read_pointer
from include.espejo.survey import in_order

log = logging.getLogger(__name__)


def record_publication(lake: Lake, place: PublicLocation, period: str, release: str) -> None:
    """Enter a release that the pointers know, with what is other than in its predecessor."""
    journal = _read(lake, place)
    if journal is None or not journal.holds("published", period, release):
        _enter(lake, place, _publication(lake, place, period, release))
    _redraw(lake, place)


def record_withdrawal(lake: Lake, place: PublicLocation, withdrawn: Withdrawn) -> None:
    """Enter a withdrawal."""
    _enter(lake, place, withdrawn)
    _redraw(lake, place)


def _read(lake: Lake, place: PublicLocation) -> Journal | None:
    stored = lake.read_tagged(place.changes())
    return None if stored is None else parse(Journal, stored.content, place.changes())


def _publication(lake: Lake, place: PublicLocation, period: str, release: str) -> Published:
    after = read_contents(lake, place.release(period, release))
    predecessor, changed = _predecessor(lake, place, period, release), None
    if predecessor is None:
        changed = Changes()
    else:
        before = _read_before(lake, place.release(predecessor.period, predecessor.release))
        changed = None if before is None else compare_releases(before, after)
    return Published(
        event="published",
        date=after.manifest.created[:10],
        period=period,
        release=release,
        rows=after.manifest.rows,
        spec_sha256=after.manifest.spec_sha256,
        code_version=after.manifest.code_version,
        override=after.manifest.override is not None,
        predecessor=predecessor,
        changed=changed,
    )


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
) -> ReleaseName | None:
    """Which release readers had: the last of the newest period up to this one that stood.

    Only what entered the pointer's history before this release counts, whoever else publishes.
    """
    pointer = read_pointer(lake, place.latest())
    history = () if pointer is None else pointer.history
    names = [(entry.period, entry.release) for entry in history]
    before = history[: names.index((period, release))]
    now = in_order(period)
    standing = [e for e in before if not e.withdrawn and in_order(e.period) <= now]
    found = max(reversed(standing), key=lambda entry: in_order(entry.period), default=None)
    return None if found is None else ReleaseName(period=found.period, release=found.release)


def _enter(lake: Lake, place: PublicLocation, entry: Published | Withdrawn) -> None:
    """Append an entry, once."""

    def append(now: bytes | None) -> bytes | None:
        journal = Journal(survey=place.survey, entries=())
        if now is not None:
            journal = parse(Journal, now, place.changes())
        if journal.holds(entry.event, entry.period, entry.release):
            return None
        return journal.model_copy(update={"entries": (*journal.entries, entry)}).to_json()

    change_object(lake, place.changes(), append)


def _redraw(lake: Lake, place: PublicLocation) -> None:
    """Draw the page from the journal as it is once the page has been read.

    Whoever enters something later draws the page later; an older page cannot replace a newer one.
    """

    def draw(_: bytes | None) -> bytes | None:
        journal = _read(lake, place)
        return None if journal is None else render_changes(journal)

    change_object(lake, place.changes_page(), draw)
