"""A page on paper is the same file whenever it is printed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from include.espejo.report.drawings.browser import Browser
from include.espejo.report.drawings.printing import print_page

CREATED = "2026-01-02T03:04:05+00:00"


class Printer:
    """Prints as Chromium does: at a time of its own, the nodes counted from a number of its own."""

    def __init__(self, time: str, first: int):
        self._time, self._first = time.encode(), first

    def print(self, page: bytes, languages: Iterable[str]) -> dict[str, bytes]:
        nodes = b"".join(b"/ID (node%08d)\n" % (self._first + n) for n in (98, 99, 100, 98))
        dates = b"/CreationDate (D:%s+00'00')\n/ModDate (D:%s+00'00')\n" % (self._time, self._time)
        return {language: b"%PDF " + page + nodes + dates for language in languages}


def printed(time: str, first: int) -> dict[str, bytes]:
    return print_page(b"(node of a text)", CREATED, cast(Browser, Printer(time, first)))


def test_the_same_page_is_the_same_file_at_any_time_and_after_any_other_page() -> None:
    first = printed("20260102030405", 0)
    assert printed("20270809101112", 1) == first
    assert printed("20270809101112", 900) == first
    assert list(first) == ["es", "en"]


def test_what_is_told_apart_stays_so_and_nothing_moves() -> None:
    (pdf, _) = printed("20270809101112", 7).values()
    nodes = b"/ID (node00000000)\n/ID (node00000001)\n/ID (node00000002)\n/ID (node00000000)\n"
    dates = b"/CreationDate (D:20260102030405+00'00')\n/ModDate (D:20260102030405+00'00')\n"
    assert pdf == b"%PDF (node of a text)" + nodes + dates
