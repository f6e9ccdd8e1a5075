"""The Chromium that draws the plots and prints the page: one start for all that a report needs.

It is kaleido's, which draws; the page is printed in a tab beside.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from include.espejo.errors import BrowserError
from include.espejo.process.environment import environment_of_children
from include.espejo.process.private_folder import private_folder

_MOST_SECONDS = 120  # a page in a language, or one picture
_PICTURE = {"format": "png", "width": 900, "height": 480, "scale": 1}
_PAPER = {
    "printBackground": True,
    "preferCSSPageSize": True,
    "generateTaggedPDF": True,
    "generateDocumentOutline": True,
    "displayHeaderFooter": True,
    "headerTemplate": "<span></span>",
    "footerTemplate": (
        '<div style="font: 7pt sans-serif; width: 100%; padding: 0 13mm; color: #555;'
        ' display: flex; justify-content: space-between"><span class="title"></span>'
        '<span><span class="pageNumber"></span> / <span class="totalPages"></span></span></div>'
    ),
}

Work = Coroutine[Any, Any, Any]


def require_browser() -> None:
    """Raise BrowserError unless a Chromium will be found: better before training than after."""
    from choreographer.browsers.chromium import Chromium

    try:
        found = Chromium.find_browser(skip_local=False)
    except (OSError, RuntimeError):
        found = None
    if not found:
        raise BrowserError(
            "no Chromium or Chrome on this machine, and the plots need one; run: "
            "apt-get install -y chromium fonts-dejavu-core"
        )


_NOWHERE = "http://127.0.0.1:9"  # the port of the discard protocol, which nobody serves


@contextmanager
def open_browser() -> Iterator[Browser]:
    """A Chromium without a window, closed at the end. Raises BrowserError if it does not start."""
    import kaleido

    for name in ("kaleido", "choreographer"):
        logging.getLogger(name).setLevel(logging.WARNING)  # dozens of lines a page otherwise
    with private_folder() as folder, _loop() as wait:
        # All that they write is in this folder, which is gone even if this process is killed.
        page = folder / "plots.html"
        # Without MathJax kaleido asks the network for nothing; what Chromium itself would ask its
        # maker ends at a proxy that is not there.
        page.write_text(kaleido.PageGenerator(mathjax=False).generate_index(), encoding="utf-8")
        chromium = kaleido.Kaleido(
            n=1,
            page_generator=page,
            proxy_server=_NOWHERE,
            tmp_dir=str(folder),
            browser_cls=_chromium_without_keys(),
        )
        wait(chromium.open())
        try:
            yield Browser(chromium, folder, wait)
        finally:
            wait(chromium.close())


def _chromium_without_keys() -> type[Any]:
    """Kaleido's Chromium, whose environment holds nobody's keys."""
    from choreographer.browsers.chromium import Chromium

    class ChromiumWithoutKeys(Chromium):
        def get_env(self) -> dict[str, str]:
            return environment_of_children()

    return ChromiumWithoutKeys


@contextmanager
def _loop() -> Iterator[Callable[[Work], Any]]:
    """An event loop in a thread of its own, since whoever calls may be in one already."""
    with ThreadPoolExecutor(1) as thread:
        runner = thread.submit(asyncio.Runner).result()

        def wait(work: Work) -> Any:
            try:
                return thread.submit(runner.run, asyncio.wait_for(work, _MOST_SECONDS)).result()
            except (TimeoutError, OSError, RuntimeError) as error:
                raise BrowserError(
                    "the report could not be drawn: Chromium did not answer; look at the memory "
                    "and the processes of this machine, and run again"
                ) from error

        try:
            yield wait
        finally:
            thread.submit(runner.close).result()


class Browser:
    """An open Chromium. Its methods raise BrowserError where it does not answer in time."""

    def __init__(self, chromium: Any, folder: Path, wait: Callable[[Work], Any]):
        self._chromium, self._folder, self._wait = chromium, folder, wait

    def draw(self, figures: Mapping[str, Any]) -> dict[str, bytes]:
        """Plotly's figures as PNGs, by name."""
        return {
            name: bytes(self._wait(self._chromium.calc_fig(figure, opts=_PICTURE)))
            for name, figure in figures.items()
        }

    def print(self, page: bytes, languages: Iterable[str]) -> dict[str, bytes]:
        """The page as a PDF, by language: each is chosen as a reader would choose it."""
        tab = self._wait(self._show(page))
        return {language: self._wait(_print(tab, language)) for language in languages}

    async def _show(self, page: bytes) -> Any:
        """A tab with the page, loaded."""
        path = self._folder / "page.html"
        path.write_bytes(page)
        tab = await self._chromium.create_tab()
        await tab.send_command("Page.enable")
        loaded = tab.subscribe_once("Page.loadEventFired")
        await tab.send_command("Page.navigate", {"url": path.as_uri()})
        await loaded
        return tab


async def _print(tab: Any, language: str) -> bytes:
    await _run(tab, f"document.getElementById('language-{language}').click()")
    answer = await tab.send_command("Page.printToPDF", _PAPER)
    return base64.b64decode(answer["result"]["data"])


async def _run(tab: Any, script: str) -> None:
    answer = await tab.send_command("Runtime.evaluate", {"expression": script})
    if "error" in answer or "exceptionDetails" in answer["result"]:
        raise RuntimeError("a script of the page failed")
