"""The page on paper: a PDF in each language."""

from __future__ import annotations

import re
from datetime import datetime

from include.espejo.report.drawings.browser import Browser

LANGUAGES = ("es", "en")


def print_page(page: bytes, created: str, browser: Browser) -> dict[str, bytes]:
    """The page as a PDF, by language. Raises BrowserError.

    `created`: ISO 8601; it stands in the files where Chromium writes the time of printing. The same
    page is the same file: a report that is made again must be the one that was published.
    """
    printed = browser.print(page, LANGUAGES)
    return {language: _numbered(_dated(pdf, created)) for language, pdf in printed.items()}


def _dated(pdf: bytes, created: str) -> bytes:
    """With another date of creation and change, of the same length: offsets stay right."""
    written = f"{datetime.fromisoformat(created):%Y%m%d%H%M%S}".encode()
    return re.sub(rb"(/(?:Creation|Mod)Date \(D:)\d{14}", rb"\g<1>" + written, pdf)


def _numbered(pdf: bytes) -> bytes:
    """With the parts of its structure counted from 0, in the order and of the length they have.

    Chromium counts all nodes that its process ever made, now and then one more.
    """
    names = re.compile(rb"\(node\d{8}\)")
    ranks = {name: rank for rank, name in enumerate(sorted(set(names.findall(pdf))))}
    return names.sub(lambda found: b"(node%08d)" % ranks[found[0]], pdf)
