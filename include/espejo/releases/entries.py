"""The journal of a survey's releases: `releases.json`, the oldest entry first."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from include.espejo.lake.publication import FigureDocument
from include.espejo.releases.changes import Changes


class ReleaseName(FigureDocument):
    """The period and the name of a release."""

    period: str
    release: str


class Published(FigureDocument):
    """A publication; `changed` is None where its predecessor could not be read."""

    model_config = ConfigDict(extra="allow")  # what another version has written stays

    event: Literal["published"]
    date: str
    period: str
    release: str
    rows: int
    spec_sha256: str | None
    code_version: str | None
    override: bool
    predecessor: ReleaseName | None
    changed: Changes | None


class Withdrawn(FigureDocument):
    """A withdrawal, with the reason from its tombstone."""

    model_config = ConfigDict(extra="allow")

    event: Literal["withdrawn"]
    date: str
    period: str
    release: str
    reason: str


class Journal(FigureDocument):
    """What readers must know of each publication and withdrawal."""

    model_config = ConfigDict(extra="allow")

    survey: str
    entries: tuple[Annotated[Published | Withdrawn, Field(discriminator="event")], ...]

    def holds(self, event: str, period: str, release: str) -> bool:
        """Whether there is such an entry."""
        wanted = (event, period, release)
        return any((e.event, e.period, e.release) == wanted for e in self.entries)
