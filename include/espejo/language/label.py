"""A text in both languages."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Label(BaseModel):
    """A text for readers, in both languages."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    es: str = Field(min_length=1)
    en: str = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _in_both(cls, value: object) -> object:
        """A plain text stands for both languages, and so does one language for the other.

        Labels in other languages, by their ISO 639-1 codes, stand in where neither is there.
        """
        if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
            return {"es": str(value), "en": str(value)}
        if not isinstance(value, dict) or not all(map(_is_language, value)):
            return value
        known = [value[language] for language in ("en", "es") if language in value]
        other = (known or list(value.values()))[:1]
        return {language: value.get(language, *other) for language in ("es", "en") if value}

    @classmethod
    def same(cls, name: str) -> Label:
        """What has one name in both languages, such as a code."""
        return cls(es=name, en=name)

    def ended(self) -> Label:
        """A sentence with its full stop, where others follow it."""
        return Label(es=_ended(self.es), en=_ended(self.en))


def _ended(sentence: str) -> str:
    sentence = sentence.strip()
    return sentence if sentence.endswith((".", "!", "?", "…", ":")) else sentence + "."


def _is_language(key: object) -> bool:
    return isinstance(key, str) and re.fullmatch("[a-z]{2}", key) is not None
