"""The page on paper: a PDF in each language, printed by the Chromium that draws the plots."""

from __future__ import annotations

import asyncio
import base64
import logging
import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

from include.espejo.errors import BrowserError

LANGUAGES = ("es", "en")
_MOST_SECONDS = 120
_FOOTER = (
    '<div style="font: 7pt sans-serif; width: 100%; padding: 0 13mm; color: #555;'
    ' display: flex; justify-content: space-between"><span class="title"></span>'
    '<span><span class="pageNumber"></span> / <span class="totalPages"></span></span></div>'
)
_PAPER = {
    "printBackground": True,
    "preferCSSPageSize": True,
    "generateTaggedPDF": True,
    "generateDocumentOutline": True,
    "displayHeaderFooter": True,
    "headerTemplate": "<span></span>",
    "footerTemplate": _FOOTER,
}


def print_page(page: bytes, created: str) -> dict[str, bytes]:
    """The page as a PDF, by language. One browser prints both. Raises BrowserError.

    `created`: ISO 8601; it stands in the files where Chromium writes the time of printing, so that
    the same page is the same file.
    """
    logging.getLogger("choreographer").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="espejo-") as folder:
        path = Path(folder) / "report.html"
        path.write_bytes(page)
        try:
            # In a thread of its own: whoever calls may be in an event loop already.
            with ThreadPoolExecutor(1) as thread:
                printed = thread.submit(asyncio.run, _print_in_time(path.as_uri())).result()
        except (TimeoutError, OSError, RuntimeError) as error:
            raise BrowserError(
                "the report could not be printed: Chromium did not answer; look at the memory and "
                "the processes of this machine, and run again"
            ) from error
    return {name: _dated(pdf, created) for name, pdf in printed.items()}


async def _print_in_time(address: str) -> dict[str, bytes]:
    return await asyncio.wait_for(_print(address), _MOST_SECONDS)


async def _print(address: str) -> dict[str, bytes]:
    from choreographer import Browser

    async with Browser(headless=True) as browser:
        tab = await browser.create_tab()
        printed = {}
        await tab.send_command("Page.enable")
        loaded = tab.subscribe_once("Page.loadEventFired")
        await tab.send_command("Page.navigate", {"url": address})
        await loaded
        for language in LANGUAGES:
            await _run(tab, f"document.getElementById('language-{language}').click()")
            answer = await tab.send_command("Page.printToPDF", _PAPER)
            printed[language] = base64.b64decode(answer["result"]["data"])
        return printed


async def _run(tab: Any, script: str) -> None:
    answer = await tab.send_command("Runtime.evaluate", {"expression": script})
    if "error" in answer or "exceptionDetails" in answer["result"]:
        raise RuntimeError("a script of the page failed")


def _dated(pdf: bytes, created: str) -> bytes:
    """With another date of creation and change, of the same length: offsets stay right."""
    written = f"{datetime.fromisoformat(created):%Y%m%d%H%M%S}".encode()
    return re.sub(rb"(/(?:Creation|Mod)Date \(D:)\d{14}", rb"\g<1>" + written, pdf)
