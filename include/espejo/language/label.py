"""A text in both languages."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Label(BaseModel):
    """A text for readers, in both languages."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    es: str = Field(min_length=1)
    en: str = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _same_in_both(cls, value: object) -> object:
        """A plain text, such as a proper name, stands for both languages."""
        return {"es": value, "en": value} if isinstance(value, str) else value

    @classmethod
    def same(cls, name: str) -> Label:
        """What has one name in both languages, such as a code."""
        return cls(es=name, en=name)
