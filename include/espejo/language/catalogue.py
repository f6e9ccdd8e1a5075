"""Sentences by their English, with gaps in braces: `text("{n} rows", n=3)`."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from include.espejo.language.label import Label

if TYPE_CHECKING:
    from babel.messages import Message

SPANISH = Path(__file__).parent / "locale" / "es" / "LC_MESSAGES" / "espejo.po"


def text(sentence: str, **gaps: object) -> Label:
    """A sentence in both languages, its gaps filled; a Label fills a gap in its language."""
    written = Label(es=spanish(sentence), en=sentence)
    if not gaps:
        return written
    return Label(
        es=written.es.format(**{name: side(gap, "es") for name, gap in gaps.items()}),
        en=written.en.format(**{name: side(gap, "en") for name, gap in gaps.items()}),
    )


def message(sentence: str) -> str:
    """The sentence itself: marks it for the catalogue where `text` is only called with it later."""
    return sentence


def spanish(sentence: str) -> str:
    """The sentence in Spanish; as it is where the catalogue does not have it."""
    return _catalogue().get(sentence, sentence)


def side(gap: object, language: str) -> object:
    """What fills a gap in one language: that side of what has both, else the thing itself."""
    return getattr(gap, language, gap)


@functools.cache
def sentences_of(folder: str) -> dict[str, str]:
    """The sentences that files of a folder of the project say, by their English."""
    return {
        str(entry.id): str(entry.string)
        for entry in _entries()
        if any(name.startswith(f"{folder}/") for name, _ in entry.locations)
    }


@functools.cache
def _catalogue() -> dict[str, str]:
    return {str(entry.id): str(entry.string) for entry in _entries()}


def _entries() -> list[Message]:
    """Those that are translated."""
    from babel.messages.pofile import read_po  # only those who are told something need it

    with SPANISH.open("rb") as file:
        catalogue = read_po(file, locale="es")
    return [entry for entry in catalogue if entry.id and entry.string and not entry.fuzzy]
