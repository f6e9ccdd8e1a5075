"""The manifest as the project writes it. What is read of others' is in `documents.py`."""

from __future__ import annotations

from typing import Any, Literal

from include.espejo.disclose.verdict import Override, PublicGate
from include.espejo.lake.document import Document, document_bytes


class PublicFacts(Document):
    """What is settled about a release, and may leave the restricted area."""

    survey: str
    period: str
    release: str
    engine: str
    epochs: int
    batch_size: int
    calibrated: bool
    spec_sha256: str
    code_version: str


class ReleasedFile(Document):
    """A file of a release. `size`: bytes."""

    name: str
    size: int
    sha256: str


class ReleaseManifest(PublicFacts):
    """What a release is, what it passed, what it is fit for, and its files."""

    rows: int
    gates: tuple[PublicGate, ...]
    override: Override | None = None
    created: str
    versions: dict[str, str]
    overall: float | None
    fit_for: dict[str, Literal["fit", "care", "not_fit"]]
    files: tuple[ReleasedFile, ...]

    def public(self) -> dict[str, Any]:
        """Its entries as JSON has them; no `override` where there was none."""
        return self.model_dump(mode="json", exclude=None if self.override else {"override"})

    def to_json(self) -> bytes:
        return document_bytes(self.public())
