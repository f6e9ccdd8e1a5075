"""What the documents of the public place must hold to be shown: whoever may write there wrote them.

A document of another form is taken for one that was tampered with.
"""

from __future__ import annotations

from pydantic import BaseModel, Field

from include.espejo.spec import PERIOD_PATTERN


class Gate(BaseModel):
    """A gate as the manifest tells it."""

    name: str
    applicable: bool
    passed: bool


class Override(BaseModel):
    """Which gates a reason let pass."""

    gates: tuple[str, ...]
    reason: str


class FileEntry(BaseModel):
    """A file of a release."""

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$")
    size: int
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Manifest(BaseModel):
    """What is shown of a manifest; one that was tampered with may lack it."""

    rows: int
    created: str
    engine: str = ""
    gates: tuple[Gate, ...]
    files: tuple[FileEntry, ...]
    override: Override | None = None


class Published(BaseModel):
    """An entry of a pointer's history."""

    period: str = Field(pattern=PERIOD_PATTERN)
    release: str = Field(pattern=r"^[0-9a-f]{12}$")
    withdrawn: bool


class Pointer(BaseModel):
    """Which release is the current one, and all there were."""

    release: str | None
    history: tuple[Published, ...]


class Tombstone(BaseModel):
    """Why a release was withdrawn."""

    reason: str


class Reference(BaseModel):
    """What a score is compared with."""

    ceiling: float | None = None


class Quality(BaseModel):
    """The scores of a release."""

    overall: float | None = None
    column_shapes: float | None = None
    column_pair_trends: float | None = None
    references: dict[str, Reference] = {}
