"""The catalogue of texts for readers: brought up to date with the code, or checked.

    python -m checks.texts            writes the catalogue: new sentences come in untranslated
    python -m checks.texts --check    fails where a sentence has no Spanish, or another's gaps

A sentence is found where the code calls `text`, `message` or `sentence` (Python), `t` (templates),
`text` or `say` (scripts) with it.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

from babel.messages import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from checks.figures import ROOT
from include.espejo.language.catalogue import SPANISH

FOLDERS = ("include", "dags", "plugins")
METHODS = [("**.py", "python"), ("**.j2", "jinja2"), ("**.js", "javascript")]
CALLS = ("text", "message", "sentence", "t", "say")
WIDTH = 100


def collect(root: Path = ROOT) -> dict[str, list[str]]:
    """The sentences of the code, each with the files that it stands in."""
    found: dict[str, set[str]] = {}
    for folder in FOLDERS:
        for name, _, sentence, *_ in extract_from_dir(
            root / folder, METHODS, keywords=dict.fromkeys(CALLS), directory_filter=None
        ):
            sentences = (sentence,) if isinstance(sentence, str) else sentence
            for one in sentences:
                found.setdefault(one, set()).add(f"{folder}/{name}")
    return {sentence: sorted(found[sentence]) for sentence in sorted(found)}


def renew(old: Catalog, sentences: dict[str, list[str]]) -> Catalog:
    """A catalogue of these sentences, with the Spanish that the old one has."""
    new = Catalog(
        locale="es",
        project="Espejo",
        version="1",
        header_comment="# What Espejo tells readers, in Spanish. Made with: make texts",
        creation_date=old.creation_date,
        revision_date=old.revision_date,
        msgid_bugs_address="see DEVELOPERS.md",
        last_translator="the owners of Espejo",
        language_team="Spanish",
        fuzzy=False,
    )
    for sentence, files in sentences.items():
        known = old.get(sentence)
        translated = "" if known is None else known.string
        new.add(sentence, translated, [(file, 0) for file in files], context=None)
    return new


def find_problems(catalogue: Catalog, sentences: dict[str, list[str]]) -> Iterator[str]:
    """What is missing in a catalogue, or too much."""
    for sentence, files in sentences.items():
        known = catalogue.get(sentence)
        if known is None or not known.string or known.fuzzy:
            yield f"{files[0]}: no Spanish for {sentence!r}"
        elif _gaps(str(known.string)) != _gaps(sentence):
            yield f"{files[0]}: the gaps of the Spanish are not those of {sentence!r}"
    for entry in _entries(catalogue):
        if entry.id not in sentences:
            yield f"{SPANISH.name}: no code says {entry.id!r}; run: make texts"


def write(catalogue: Catalog) -> bytes:
    """The catalogue as gettext's tools write it, without numbers of lines."""
    sink = io.BytesIO()
    write_po(sink, catalogue, width=WIDTH, include_lineno=False)
    return sink.getvalue()


def _entries(catalogue: Catalog) -> list[Message]:
    return [entry for entry in catalogue if entry.id]


def _gaps(sentence: str) -> set[str]:
    return {name for _, name, *_ in Formatter().parse(sentence) if name}


def main() -> int:
    with SPANISH.open("rb") as file:
        catalogue = read_po(file, locale="es")
    sentences = collect()
    if "--check" not in sys.argv[1:]:
        catalogue = renew(catalogue, sentences)
        SPANISH.write_bytes(write(catalogue))
    problems = list(find_problems(catalogue, sentences))
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
