"""The releases of a survey as they lie in the public place, held against what was published.

Nothing is written here. What is read is kept by its tag, so that a page of a hundred releases
costs one listing once it was shown; a file is hashed again only when its tag changes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal

from include.espejo.errors import LakeError
from include.espejo.lake import Lake, document_bytes, join
from include.espejo.lake.keys import MANIFEST, PublicLocation, Workspace, workspace
from include.espejo.lake.store import Entry
from include.espejo.releases.documents import (
    Document,
    FileEntry,
    HistoryEntry,
    Manifest,
    Pointer,
    PublishedQuality,
    Tombstone,
    read_as,
)
from include.espejo.survey import in_order

SCORES = ("overall", "column_shapes", "column_pair_trends")
_QUALITY = "quality.json"
_READERS = 8  # objects read at the same time
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Release:
    """A release that the survey's pointer knows. `manifest` None: there is none that can be read.

    `scores`: name to score, and `ceilings` to what held-out households reach, 0 to 1; empty
    where the scores are not those that were published. A score with a ceiling is of as many rows.
    """

    period: str
    name: str
    folder: str
    current: bool
    withdrawn: bool
    reason: str | None
    manifest: Manifest | None
    scores: dict[str, float | None] = field(default_factory=dict)
    ceilings: dict[str, float | None] = field(default_factory=dict)
    entries: Mapping[str, Entry] = field(default_factory=dict)

    def entry(self, name: str) -> FileEntry | None:
        """What the manifest says of a file; None for one that is not part of the release."""
        return self.manifest.entry(name) if self.manifest else None


@dataclass(frozen=True)
class Change:
    """A file that is not as it was published; SHA-256 as hexadecimal digits."""

    file: str
    kind: Literal["changed", "missing", "unlisted"]
    expected: str | None
    found: str | None


@dataclass(frozen=True)
class Check:
    """What was changed. `vouched`: the restricted area's copy of the manifest was there to ask."""

    changes: tuple[Change, ...]
    vouched: bool


@dataclass(frozen=True)
class _Seal:
    """The manifest as it was published, and the SHA-256 of its bytes."""

    manifest: Manifest
    sha256: str


class Catalog:
    """A survey's releases, as an identity that may read the public place sees them.

    `work` sees the restricted area `restricted`, whose copy of the manifest vouches for the
    public one. Its methods raise LakeError where storage fails.
    """

    def __init__(self, public: Lake, place: PublicLocation, work: Lake, restricted: str):
        self._public, self._place = public, place
        self._work, self._restricted = work, restricted
        self._documents: dict[str, tuple[str, bytes]] = {}
        self._hashes: dict[str, tuple[str, str]] = {}

    def releases(self) -> list[Release]:
        """All that were ever published, the newest period first, its last release first."""
        root = join(self._place.root, self._place.survey)
        tree = self._public.tree(root)
        if "latest.json" not in tree:
            return []
        pointer = self._document(self._place.latest(), tree["latest.json"], Pointer)
        if pointer is None:
            raise LakeError(
                f"{self._place.latest()}: its content is not what publishing writes; restore it "
                "from the bucket's versions"
            )
        with ThreadPoolExecutor(_READERS) as readers:
            found = readers.map(
                lambda told: self._release(told, tree, pointer.release), pointer.history
            )
            return sorted(
                reversed(list(found)), key=lambda release: in_order(release.period), reverse=True
            )

    def find(self, period: str, name: str) -> Release | None:
        """The release of this name, None where none was published."""
        known = self.releases()
        return next((r for r in known if (r.period, r.name) == (period, name)), None)

    def check(self, release: Release) -> Check:
        """Hold every file of a release against the hashes that it was published with."""
        sealed = self._seal(release)
        changes = self._compare_manifest(release, sealed)
        manifest = sealed.manifest if sealed else release.manifest
        files = manifest.files if manifest else ()
        with ThreadPoolExecutor(_READERS) as readers:
            for found in readers.map(lambda f: self._compare(release, f.name, f.sha256), files):
                changes += found
        if manifest is not None:
            listed = {MANIFEST, *(entry.name for entry in files)}
            unlisted = sorted(set(release.entries) - listed)
            changes += [Change(name, "unlisted", None, None) for name in unlisted]
        return Check(tuple(changes), sealed is not None)

    def check_file(self, release: Release, name: str) -> Change | None:
        """How the manifest, or a file that it lists, was changed; None where it was not."""
        sealed = self._seal(release)
        if name == MANIFEST:
            return next(iter(self._compare_manifest(release, sealed)), None)
        manifest = sealed.manifest if sealed else release.manifest
        listed = manifest.entry(name) if manifest else None
        expected = listed.sha256 if listed else None
        return next(iter(self._compare(release, name, expected)), None)

    def read(self, release: Release, name: str) -> bytes:
        """A file of a release, changed or not."""
        return self._public.read(join(release.folder, name))

    def _release(
        self, told: HistoryEntry, tree: Mapping[str, Entry], current: str | None
    ) -> Release:
        base = f"{told.period}/{told.release}/"
        entries = {n.removeprefix(base): e for n, e in tree.items() if n.startswith(base)}
        folder = self._place.release(told.period, told.release)
        manifest = self._document(join(folder, MANIFEST), entries.get(MANIFEST), Manifest)
        tombstone = self._place.tombstone(told.period, told.release)
        grave = tree.get(f"{told.period}/{tombstone.rpartition('/')[2]}")
        why = self._document(tombstone, grave, Tombstone)
        release = Release(
            told.period,
            told.release,
            folder,
            current=told.release == current,
            withdrawn=told.withdrawn or grave is not None,
            reason=why.reason if why else None,
            manifest=manifest,
            entries=entries,
        )
        return self._with_scores(release)

    def _with_scores(self, release: Release) -> Release:
        """With its scores, if they are those that the manifest was published with."""
        listed, entry = release.entry(_QUALITY), release.entries.get(_QUALITY)
        if listed is None or entry is None:
            return release
        uri = join(release.folder, _QUALITY)
        quality = self._document(uri, entry, PublishedQuality)
        if quality is None or self._sha256(uri, entry) != listed.sha256:
            return release
        known = {n: quality.references[n] for n in SCORES if n in quality.references}
        ceilings = {n: r.ceiling for n, r in known.items()}
        # Scores depend on the number of rows: beside a ceiling stands that of as many.
        alike = {n: r.score for n, r in known.items() if None not in (r.score, r.ceiling)}
        scores = {n: getattr(quality, n) for n in SCORES} | alike
        return Release(**vars(release) | {"scores": scores, "ceilings": ceilings})

    def _compare(self, release: Release, name: str, expected: str | None) -> list[Change]:
        """What is wrong with a file: one change, or none."""
        entry = release.entries.get(name)
        if entry is None:
            return [Change(name, "missing", expected, None)]
        found = self._sha256(join(release.folder, name), entry)
        return [] if found == expected else [Change(name, "changed", expected, found)]

    def _compare_manifest(self, release: Release, sealed: _Seal | None) -> list[Change]:
        """What is wrong with the manifest; without a seal only that it cannot be read."""
        if sealed is None and release.manifest is not None:
            return []
        return self._compare(release, MANIFEST, sealed.sha256 if sealed else None)

    def _seal(self, release: Release) -> _Seal | None:
        """The manifest as it was published, by the restricted area; None where it is gone there.

        It is read each time: what vouches for the public place is never a copy of yesterday's.
        """
        work = workspace(self._restricted, self._place.survey, release.period, release.name)
        content = _sealed_manifest(self._work, work)
        manifest = None if content is None else read_as(Manifest, content)
        if content is None or manifest is None:
            return None
        return _Seal(manifest, hashlib.sha256(content).hexdigest())

    def _document(self, uri: str, entry: Entry | None, kind: type[Document]) -> Document | None:
        """A JSON document of the public place; None where there is none of this form."""
        if entry is None:
            return None
        tag, content = self._documents.get(uri, ("", b""))
        if tag != entry.tag:
            content = self._public.read(uri)
            self._documents[uri] = (entry.tag, content)
        return read_as(kind, content)

    def _sha256(self, uri: str, entry: Entry) -> str:
        tag, known = self._hashes.get(uri, ("", ""))
        if tag == entry.tag:
            return known
        digest = hashlib.sha256()
        with self._public.open(uri) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        self._hashes[uri] = (entry.tag, digest.hexdigest())
        return digest.hexdigest()


def _sealed_manifest(lake: Lake, work: Workspace) -> bytes | None:
    """The bytes that publishing writes: the candidate's manifest, with the override if any."""
    candidate = lake.read_tagged(join(work.candidate, MANIFEST))
    if candidate is None:
        return None
    override = lake.read_tagged(work.override)
    if override is None:
        return candidate.content
    manifest = json.loads(candidate.content) | {"override": json.loads(override.content)}
    return document_bytes(manifest)
