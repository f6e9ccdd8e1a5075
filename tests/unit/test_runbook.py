"""The runbook has the words that the program says, in both languages, and what it says to do."""

from __future__ import annotations

import re

import pytest

from tests.conftest import ROOT

PAGES = ("runbook.md", "runbook.es.md")
# Its own words, and Airflow's, which stand in no message of ours.
_OTHERS = {"column", "rule", "line", "refused", "Chromium", "parameter", "period", "run"}


def said_by_the_program() -> str:
    """All of the code, its strings joined as Python joins them."""
    folders = [ROOT / "include", ROOT / "dags"]
    text = "\n".join(p.read_text(encoding="utf-8") for f in folders for p in f.rglob("*.py"))
    return re.sub(r'"\s*\n\s*f?"', "", text)


def messages(page: str) -> list[str]:
    """What stands in the first column of the table of refusals."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    table = re.split(r"^## ", text, flags=re.MULTILINE)[2]
    rows = re.findall(r"^\| (`.+?) \|", table, flags=re.MULTILINE)
    return [told for row in rows for told in re.findall(r"`([^`]+)`", row)]


def test_both_pages_have_the_same_messages() -> None:
    assert messages(PAGES[0]) == messages(PAGES[1])
    assert len(messages(PAGES[0])) > 20


@pytest.mark.parametrize("message", messages(PAGES[0]))
def test_the_program_says_so(message: str) -> None:
    code = said_by_the_program()
    for part in re.split(r"\.\.\.", message):
        words = part.strip(" ;:()'\"")
        if words and words not in _OTHERS:
            assert words.removesuffix("'s") in code, words
