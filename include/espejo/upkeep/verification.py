"""Verification: what is public is held against what was published, file by file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from include.espejo.errors import GateError
from include.espejo.releases.catalog import Catalog

_MOST_NAMED = 10


@dataclass(frozen=True)
class Verification:
    """What was held against what was published.

    vouched  releases for which the restricted area's copy of the manifest was there to ask
    changes  what is not as it was, in words
    last     when the newest release that stands was made; None where none does
    """

    releases: int
    files: int
    vouched: int
    changes: tuple[str, ...]
    last: datetime | None

    def require(self) -> None:
        """Raise GateError where a public file is not what was published."""
        if not self.changes:
            return
        more = len(self.changes) - _MOST_NAMED
        told = [*self.changes[:_MOST_NAMED], *([f"and {more} more"] if more > 0 else [])]
        raise GateError(
            "public files are not as they were published: "
            + "; ".join(told)
            + "; find out who wrote there, and put the files back from candidate/ of the release's "
            "folder in the restricted area, or withdraw the release"
        )


def verify_releases(catalog: Catalog) -> Verification:
    """Hash every file of every release that the survey's pointer knows, withdrawn or not."""
    changes: list[str] = []
    files = vouched = 0
    releases = catalog.releases()
    for release in releases:
        check = catalog.check(release)
        vouched += check.vouched
        files += len(release.manifest.files) if release.manifest else 0
        changes += [
            f"{release.period}/{release.name}/{change.file} {change.kind}"
            for change in check.changes
            # The files of a withdrawn release may have been taken away on purpose.
            if not (release.withdrawn and change.kind == "missing")
        ]
    made = [
        datetime.fromisoformat(release.manifest.created)
        for release in releases
        if release.manifest is not None and not release.withdrawn
    ]
    last = max(made, default=None)
    return Verification(len(releases), files, vouched, tuple(changes), last)
