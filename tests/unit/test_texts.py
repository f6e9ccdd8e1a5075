"""The catalogue of texts: every sentence has its Spanish, and gaps are filled in both languages."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from babel.messages import Catalog
from babel.messages.pofile import read_po

from checks.texts import collect, find_problems, renew, write
from include.espejo.language import Label, text
from include.espejo.language.catalogue import SPANISH, sentences_of
from include.espejo.report.page.formats import in_both, sentence


def catalogue_of(**spanish: str) -> Catalog:
    catalogue = Catalog(locale="es")
    for english, translated in spanish.items():
        catalogue.add(english, translated)
    return catalogue


def test_every_sentence_of_the_code_has_its_spanish() -> None:
    with SPANISH.open("rb") as file:
        catalogue = read_po(file, locale="es")
    sentences = collect()
    assert list(find_problems(catalogue, sentences)) == []
    assert write(renew(catalogue, sentences)) == SPANISH.read_bytes()  # make texts changes nothing


def test_what_is_missing_or_too_much_is_told_with_its_file() -> None:
    catalogue = catalogue_of(rows="filas", gates="", gone="ido")
    found = "\n".join(
        find_problems(catalogue, {"rows": ["a.py"], "gates": ["b.py"], "new": ["c.py"]})
    )
    assert "b.py: no Spanish for 'gates'" in found
    assert "c.py: no Spanish for 'new'" in found
    assert "no code says 'gone'" in found
    assert "a.py" not in found


def test_the_spanish_has_the_gaps_of_the_english() -> None:
    catalogue = Catalog(locale="es")
    catalogue.add("{rows} of {all}", "{filas} de {all}")
    assert "gaps" in next(find_problems(catalogue, {"{rows} of {all}": ["a.py"]}))


def test_sentences_are_found_in_python_templates_and_scripts(tmp_path: Path) -> None:
    for folder in ("include", "dags", "plugins"):
        (tmp_path / folder).mkdir()
    (tmp_path / "include/a.py").write_text('text("One {n}", n=1)\nFRAME = message("Two " "and")\n')
    (tmp_path / "include/b.html.j2").write_text('<p>{{ t("Three", n=f("x")) }}</p>')
    (tmp_path / "plugins/c.js").write_text(
        'el("p", {}, say("Four", { n })); const x = [text("Five")];'
    )
    assert collect(tmp_path) == {
        "Five": ["plugins/c.js"],
        "Four": ["plugins/c.js"],
        "One {n}": ["include/a.py"],
        "Three": ["include/b.html.j2"],
        "Two and": ["include/a.py"],
    }


def test_a_renewed_catalogue_keeps_its_spanish_and_asks_for_the_rest() -> None:
    old = catalogue_of(rows="filas", gone="ido")
    new = read_po(io.BytesIO(write(renew(old, {"rows": ["a.py"], "new": ["b.py"]}))), locale="es")
    assert {entry.id: entry.string for entry in new if entry.id} == {"rows": "filas", "new": ""}


def test_a_gap_is_filled_in_each_language() -> None:
    told = text("{near} of {all} {things}", near=1, all=2, things=Label(es="pares", en="pairs"))
    assert (told.es, told.en) == ("1 de 2 pares", "1 of 2 pairs")


def test_a_gap_of_a_page_is_filled_in_each_language_and_escaped() -> None:
    told = sentence("ceiling {figure}", figure=in_both("0,5", "0.5"))
    assert told == '<span lang="es">techo 0,5</span><span lang="en">ceiling 0.5</span>'
    assert "&lt;b&gt;" in sentence("ceiling {figure}", figure="<b>")


def test_a_sentence_without_spanish_is_said_in_english() -> None:
    assert text("nobody has written this").es == "nobody has written this"


@pytest.mark.parametrize("word", ["Withdrawn", "Held-out score"])
def test_pages_get_their_own_sentences_alone(word: str) -> None:
    sentences = sentences_of("plugins")
    assert sentences[word]
    assert "Skip to the verdict" not in sentences
