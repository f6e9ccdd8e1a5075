"""What the documents of the public place must hold to be shown: whoever may write there wrote them.

A document of another form is taken for one that was tampered with.
"""

from __future__ import annotations

from typing import Literal, TypeVar

from pydantic import AliasPath, BaseModel, ConfigDict, Field, JsonValue, ValidationError

from include.espejo.disclose.verdict import Override
from include.espejo.errors import LakeError
from include.espejo.survey import period_pattern

Document = TypeVar("Document", bound=BaseModel)


def read_as(kind: type[Document], content: bytes) -> Document | None:
    """A JSON document of this kind; None if the content is of another form."""
    try:
        return kind.model_validate_json(content)
    except ValidationError:
        return None


def parse(kind: type[Document], content: bytes, uri: str) -> Document:
    """A document that only publishing writes. Raises LakeError where it is of another form."""
    read = read_as(kind, content)
    if read is None:
        raise LakeError(
            f"{uri}: its content is not what publishing writes; restore it from the bucket's "
            "versions"
        )
    return read


class PublishedGate(BaseModel):
    """A gate as the manifest shows it."""

    name: str
    applicable: bool
    passed: bool


class FileEntry(BaseModel):
    """A file of a release."""

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$")
    size: int
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Manifest(BaseModel):
    """What is shown of a manifest; one that was tampered with may lack it.

    The first releases of all were published before there were gates.
    """

    rows: int
    created: str
    engine: str = ""
    spec_sha256: str | None = None
    code_version: str | None = None
    gates: tuple[PublishedGate, ...] = ()
    fit_for: dict[str, Literal["fit", "care", "not_fit"]] = {}
    files: tuple[FileEntry, ...]
    override: Override | None = None

    def entry(self, name: str) -> FileEntry | None:
        """What it says of a file; None for one that is not part of the release."""
        return next((entry for entry in self.files if entry.name == name), None)


class HistoryEntry(BaseModel):
    """An entry of a pointer's history."""

    period: str = Field(pattern=period_pattern())
    release: str = Field(pattern=r"^[0-9a-f]{12}$")
    withdrawn: bool


class Pointer(BaseModel):
    """Which release is the current one, and all there were."""

    release: str | None
    history: tuple[HistoryEntry, ...]


class Tombstone(BaseModel):
    """Why a release was withdrawn."""

    reason: str


class Reference(BaseModel):
    """What a score is compared with. `score`: of as many rows as the ceiling's."""

    score: float | None = None
    ceiling: float | None = None


class PublishedQuality(BaseModel):
    """The scores of a release."""

    overall: float | None = None
    column_shapes: float | None = None
    column_pair_trends: float | None = None
    references: dict[str, Reference] = {}


class PackageField(BaseModel):
    """A column as the data package describes it: its type and its texts, codes among them."""

    name: str
    type: str
    title: str | None = None
    title_es: str | None = None
    unit: str | None = None
    unit_es: str | None = None
    categories: JsonValue = None
    special: JsonValue = None


class PackageRule(BaseModel):
    """A declared rule with everything that the data package says of it."""

    model_config = ConfigDict(extra="allow")

    name: str


class DataPackage(BaseModel):
    """What of it is compared between releases. `rules` is None in the first releases of all."""

    columns: tuple[PackageField, ...] = Field(
        validation_alias=AliasPath("resources", 0, "schema", "fields")
    )
    rules: tuple[PackageRule, ...] | None = None
