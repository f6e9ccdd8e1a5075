"""Documents: JSON contents, the same in memory as in the lake."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """A JSON document with declared fields. It cannot be changed; unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def of_json(cls, content: bytes) -> Self:
        """Read a document that this code wrote."""
        return cls.model_validate_json(content)

    def to_json(self) -> bytes:
        """The document as UTF-8, indented, its fields in their declared order."""
        return document_bytes(self.model_dump(mode="json"))


def document_bytes(content: Mapping[str, Any]) -> bytes:
    """A JSON object as UTF-8, indented for people, its keys in their order."""
    return json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n"


def read_json(content: bytes) -> dict[str, Any]:
    """A JSON object whose fields no type declares."""
    return dict(json.loads(content))
