"""What a document says in English it says in Spanish: the same parts, figures, code and links."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SPANISH = sorted([*ROOT.glob("*.es.md"), *(ROOT / "docs").glob("*.es.md")])
ONE_LANGUAGE = {"CHANGELOG.md", "DEVELOPERS.md", "contract.md"}  # for those who build on it


def without_blocks(text: str) -> str:
    return re.sub(r"```.*?```", "", text, flags=re.S)


def headings(text: str) -> list[int]:
    """The level of each."""
    return [len(marks) for marks in re.findall(r"^(#+) ", without_blocks(text), re.M)]


def table_rows(text: str) -> int:
    return len(re.findall(r"^\|", without_blocks(text), re.M))


def blocks(text: str) -> int:
    return len(re.findall(r"^```", text, re.M)) // 2


def code(text: str) -> set[str]:
    """What is written as code, but for what stands for a value of the reader's own."""
    found = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", without_blocks(text))
    return {token for token in found if re.fullmatch(r"[A-Za-z0-9_.:/*-]+", token)}


def links(text: str) -> Counter[str]:
    """Where they lead, the same page in either language being one."""
    found = re.findall(r"\]\(([^)]+)\)", without_blocks(text))
    return Counter(link.partition("#")[0].replace(".es.", ".") for link in found)


def figures(text: str) -> Counter[str]:
    """Every number outside of code, however its thousands are told apart."""
    prose = re.sub(r"`[^`]*`|\]\([^)]*\)", "", without_blocks(text))
    joined = re.sub(r"(?<=\d)[,\u00a0 ](?=\d{3}\b)", "", prose)
    return Counter(re.findall(r"\d+(?:\.\d+)?", joined))


@pytest.mark.parametrize("part", [headings, table_rows, blocks, code, links, figures])
@pytest.mark.parametrize("spanish", SPANISH, ids=lambda path: path.name)
def test_both_languages_say_the_same(spanish: Path, part: Callable[[str], object]) -> None:
    english = spanish.with_name(spanish.name.replace(".es.md", ".md"))
    assert part(english.read_text("utf-8")) == part(spanish.read_text("utf-8"))


def test_every_document_for_users_is_in_both_languages() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    english = {page.name for page in pages if not page.name.endswith(".es.md")} - ONE_LANGUAGE
    assert {name.replace(".md", ".es.md") for name in english} == {page.name for page in SPANISH}
