"""The page on paper: a PDF in each language."""

from __future__ import annotations

import re
from datetime import datetime

from include.espejo.report.drawings.browser import Browser

LANGUAGES = ("es", "en")


def print_page(page: bytes, created: str, browser: Browser) -> dict[str, bytes]:
    """The page as a PDF, by language. Raises BrowserError.

    `created`: ISO 8601; it stands in the files where Chromium writes the time of printing, so that
    the same page is the same file.
    """
    printed = browser.print(page, LANGUAGES)
    return {language: _dated(pdf, created) for language, pdf in printed.items()}


def _dated(pdf: bytes, created: str) -> bytes:
    """With another date of creation and change, of the same length: offsets stay right."""
    written = f"{datetime.fromisoformat(created):%Y%m%d%H%M%S}".encode()
    return re.sub(rb"(/(?:Creation|Mod)Date \(D:)\d{14}", rb"\g<1>" + written, pdf)
