"""Pointers: `latest.json`, which release is the current one, and all there were.

There is one of the survey and one of each period. A withdrawal steps back through the history.
"""

from __future__ import annotations

from pydantic import ConfigDict

from include.espejo.lake import Lake
from include.espejo.lake.publication import FigureDocument
from include.espejo.releases.documents import parse
from include.espejo.survey import in_order


class PointedRelease(FigureDocument):
    """A release that was published; `manifest`: its address."""

    model_config = ConfigDict(extra="allow")  # what another version has written stays

    period: str
    release: str
    manifest: str
    withdrawn: bool

    def is_named(self, period: str, release: str) -> bool:
        return (self.period, self.release) == (period, release)


class ReleasePointer(FigureDocument):
    """The current release, None where none stands, and all in the order of their publication."""

    model_config = ConfigDict(extra="allow")

    survey: str
    period: str | None
    release: str | None
    manifest: str | None
    history: tuple[PointedRelease, ...]

    def holds(self, period: str, release: str) -> bool:
        """Whether it was ever published."""
        return any(entry.is_named(period, release) for entry in self.history)


def read_pointer(lake: Lake, uri: str) -> ReleasePointer | None:
    """A pointer; None where nothing was ever published. Raises LakeError for a damaged one."""
    stored = lake.read_tagged(uri)
    return None if stored is None else parse(ReleasePointer, stored.content, uri)


def forward(
    now: ReleasePointer | None, survey: str, period: str, release: str, manifest: str
) -> ReleasePointer | None:
    """The pointer with this release as its current one; None if it must stay as it is."""
    if now is not None and now.holds(period, release):
        return None  # it has been here: a rerun does not move a pointer back
    history = () if now is None else now.history
    entry = PointedRelease(period=period, release=release, manifest=manifest, withdrawn=False)
    return _pointing(survey, (*history, entry))


def back(now: ReleasePointer | None, period: str, release: str) -> ReleasePointer | None:
    """The pointer with this release marked as withdrawn; None if it must stay as it is."""
    if now is None or not now.holds(period, release):
        return None
    history = tuple(
        entry.model_copy(update={"withdrawn": True}) if entry.is_named(period, release) else entry
        for entry in now.history
    )
    return _pointing(now.survey, history)


def _pointing(survey: str, history: tuple[PointedRelease, ...]) -> ReleasePointer:
    """The current release is the newest period's last one that stands."""
    standing = [entry for entry in history if not entry.withdrawn]
    # max() keeps the first of equals; reversed, that is the last published of a period.
    current = max(reversed(standing), key=lambda entry: in_order(entry.period), default=None)
    return ReleasePointer(
        survey=survey,
        period=None if current is None else current.period,
        release=None if current is None else current.release,
        manifest=None if current is None else current.manifest,
        history=history,
    )
