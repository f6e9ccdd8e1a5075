"""The report as people read it: in a real Chromium, in both languages, on a phone and on paper."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright
from pypdf import PdfReader

from include.espejo.report.drawings.browser import open_browser
from include.espejo.report.drawings.printing import print_page
from tests.support.chromium import browser_path
from tests.support.report_pages import REASON, bare_page, enoe_page, odd_page, parks_page

POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data:"
)
ADDRESS = "http://report.test/"
MOST_BYTES = 3_000_000
MAKERS = {"enoe": enoe_page, "parks": parks_page, "bare": bare_page, "odd": odd_page}
HTML = {"Content-Type": "text/html; charset=utf-8"}
DESKTOP, PHONE = (1280, 900), (360, 740)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder: Path = tmp_path_factory.mktemp("pages")
    return {name: make(folder) for name, make in MAKERS.items()}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser_path(), args=["--no-sandbox"])
        yield chromium
        chromium.close()


Opened = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser, pages: dict[str, bytes]) -> Iterator[Opened]:
    """Opens a page as Airflow shows it: under its policy, so without storage and network."""
    contexts, told = [], []

    def open_page(
        name: str,
        locale: str = "es-MX",
        size: tuple[int, int] = DESKTOP,
        scheme: Literal["light", "dark"] = "light",
        scripts: bool = True,
        policy: str = POLICY,
    ) -> Page:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            locale=locale,
            color_scheme=scheme,
            java_script_enabled=scripts,
        )
        contexts.append(context)
        page = context.new_page()
        headers = HTML | {"Content-Security-Policy": policy}
        page.route(
            "**",
            lambda route: (
                route.fulfill(body=pages[name], headers=headers)
                if route.request.url == ADDRESS
                else route.abort()
            ),
        )
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("requestfailed", lambda request: told.append(request.url))
        page.goto(ADDRESS)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [text for text in told if "favicon" not in text] == []


def text_of(page: Page) -> str:
    return page.inner_text("body")


@pytest.mark.parametrize("name", MAKERS)
def test_a_page_is_whole_and_small(pages: dict[str, bytes], name: str) -> None:
    text = pages[name].decode()
    assert len(pages[name]) < MOST_BYTES
    assert text.rstrip().endswith("</html>")
    assert "http://" not in text.replace("http://www.w3.org", "")


@pytest.mark.parametrize("name", MAKERS)
def test_both_languages_are_shown_one_at_a_time(opened: Opened, name: str) -> None:
    page = opened(name)
    assert "Tabla sintética" in text_of(page)
    assert "Synthetic table" not in text_of(page)
    page.locator("label[for=language-en]").click()
    assert "Synthetic table" in text_of(page)
    assert "Tabla sintética" not in text_of(page)
    assert page.evaluate("document.documentElement.lang") == "en"


def test_the_browsers_language_is_shown_first(opened: Opened) -> None:
    assert "Synthetic table" in text_of(opened("parks", locale="en-GB"))
    assert "Synthetic table" in text_of(opened("parks", locale="fr-FR"))
    assert "Tabla sintética" in text_of(opened("parks", locale="es-ES"))


def test_the_language_chosen_last_is_remembered_where_that_is_allowed(opened: Opened) -> None:
    page = opened("parks", policy="default-src 'unsafe-inline'")
    page.locator("label[for=language-en]").click()
    page.reload()
    assert "Synthetic table" in text_of(page)


def test_in_a_frame_it_has_the_language_and_the_colours_of_the_page_around_it(
    browser: Browser, pages: dict[str, bytes]
) -> None:
    page = browser.new_page(locale="es-MX", color_scheme="light")
    around = f'<iframe sandbox="allow-scripts" src="{ADDRESS}"></iframe>'
    body = {ADDRESS: pages["parks"], "http://around.test/": around.encode()}
    page.route("**", lambda route: route.fulfill(body=body[route.request.url], headers=HTML))
    page.goto("http://around.test/")
    report = page.frames[1]
    for language, theme, paper in (
        ("en", "dark", "rgb(15, 21, 27)"),
        ("es", "light", "rgb(255, 255, 255)"),
        ("en", "dark", "rgb(15, 21, 27)"),
        ("es", None, "rgb(255, 255, 255)"),  # that of the reader's system
    ):
        looks = {"language": language, "theme": theme}
        page.evaluate("looks => frames[0].postMessage(looks, '*')", looks)
        report.wait_for_function(f"document.documentElement.lang === '{language}'")
        assert report.evaluate("getComputedStyle(document.body).backgroundColor") == paper
    page.close()


def test_without_scripts_it_is_spanish_and_can_be_english(opened: Opened) -> None:
    page = opened("enoe", locale="en-US", scripts=False)
    assert page.locator("h1").inner_text().startswith("Tabla sintética")
    page.locator("label[for=language-en]").click()
    assert page.locator("h1").inner_text().startswith("Synthetic table")


def test_numbers_are_written_as_the_locale_does(opened: Opened) -> None:
    page = opened("parks")
    score = page.locator(".scores .figure").first
    assert score.inner_text() == "0,95"
    page.locator("label[for=language-en]").click()
    assert score.inner_text() == "0.95"


# --- accessibility -----------------------------------------------------------------------------


OPEN_ALL = "document.querySelectorAll('details').forEach(part => part.open = true)"


@pytest.mark.parametrize(
    ("name", "scheme", "open_all"),
    [
        ("enoe", "light", False),
        ("enoe", "dark", False),
        ("parks", "dark", False),
        ("bare", "light", True),
        ("odd", "light", True),
    ],
)
def test_axe_finds_nothing(opened: Opened, name: str, scheme: str, open_all: bool) -> None:
    page = opened(name, scheme=scheme, policy="default-src 'unsafe-inline' 'unsafe-eval'")
    if open_all:
        page.evaluate(OPEN_ALL)
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    told = [(v["id"], [node["html"][:150] for node in v["nodes"][:3]]) for v in found]
    assert told == []


@pytest.mark.parametrize("name", MAKERS)
def test_a_phone_does_not_scroll_sideways(opened: Opened, name: str) -> None:
    page = opened(name, size=PHONE)
    page.evaluate(OPEN_ALL)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


def test_the_pairs_are_walked_by_keyboard(opened: Opened) -> None:
    page = opened("enoe")
    cells = page.locator(".matrix:visible td[data-pair]")
    cells.first.focus()
    first = page.locator("#drill h3").inner_text()
    assert "Localidad" in first
    assert "Municipio" in first
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    # Over the diagonal, where there is no pair.
    assert page.evaluate("document.activeElement.dataset.pair") == "3-1"
    assert page.locator("#drill h3").inner_text() != first
    assert page.locator("#drill dd").first.inner_text() != ""


def test_the_language_is_switched_by_keyboard(opened: Opened) -> None:
    page = opened("parks")
    page.locator("#language-es").focus()
    page.keyboard.press("ArrowRight")
    assert "Synthetic table" in text_of(page)


# --- what is told ------------------------------------------------------------------------------


def test_the_first_screen_tells_verdict_scores_and_uses(opened: Opened) -> None:
    page = opened("enoe")
    for place in (".answer .word", ".uses li", ".mustnot", ".scores .figure"):
        box = page.locator(place).first.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= DESKTOP[1], place
    first = page.inner_text("#verdict")
    assert "Pasa todas las pruebas" in first
    assert "+0.03" in first  # 0.95 since the previous release, both of equally many rows
    assert page.locator(".scores .before").count() == 1  # of the others it told no such score
    assert "Con todas las filas: 0.96" in first
    assert "0.15" in first  # the AUC that a model may lose
    assert "no deben calcularse totales" in first


def test_a_gate_that_fails_is_told_first(opened: Opened) -> None:
    told = opened("parks").inner_text(".answer")
    assert "no la publique" in told
    assert "Inferencia de pertenencia" in told
    assert "Pasan 5 de 6 pruebas (no aplican: 1)" in told


def test_an_override_shows_its_reason(opened: Opened) -> None:
    page = opened("odd")
    assert REASON in page.inner_text(".answer")
    assert "no pasa" in page.inner_text("#gates")


def test_places_lie_where_the_spec_draws_them(opened: Opened) -> None:
    page = opened("enoe")
    tile = page.locator(".tile[style]", has_text="Ciudad de México").first
    neighbour = page.locator(".tile[style]", has_text="Jalisco").first
    here, there = tile.bounding_box(), neighbour.bounding_box()
    assert here is not None
    assert there is not None
    assert there["x"] < here["x"]  # west of it
    assert there["y"] < here["y"]  # and a row above


def test_codes_are_told_by_their_labels(opened: Opened) -> None:
    page = opened("enoe")
    assert "Posición en la ocupación" in page.inner_text("#columns")
    assert "Por cuenta propia" in page.inner_text("#columns")
    assert "Ciudad de México · Hombre" in page.inner_text("#indicators")
    assert "escala logarítmica" in (page.locator("#columns").text_content() or "")


def test_periods_are_compared(opened: Opened) -> None:
    told = opened("enoe").inner_text("#history")
    assert "2014T4" in told
    assert "Doctorado" in told
    assert "cambió más que el azar" in told


def test_a_release_without_an_earlier_one_says_so(opened: Opened) -> None:
    page = opened("parks")
    assert "No hay una publicación anterior" in page.inner_text("#history")
    assert page.locator(".key.before").count() == 0


def test_the_matrices_are_called_in_the_pages_language(opened: Opened) -> None:
    page = opened("enoe")
    shown = page.locator(".matrix:visible")
    assert shown.get_by_role("group", name="Pares de columnas Diferencia", exact=True).count() == 1
    page.locator("label[for=language-en]").click()
    assert shown.get_by_role("group", name="Pairs of columns Difference", exact=True).count() == 1


def test_what_is_missing_leaves_no_empty_section(opened: Opened) -> None:
    page = opened("bare")
    assert "Sin pruebas de confidencialidad: no la publique" in page.inner_text(".answer")
    assert "Nada que mostrar" in page.inner_text("#columns")
    for section in ("pairs", "indicators", "models", "places"):
        assert page.locator(f"#{section}").count() == 0
        assert page.locator(f"nav a[href='#{section}']").count() == 0


def test_odd_columns_are_shown_and_nothing_in_them_runs(opened: Opened) -> None:
    page = opened("odd")
    assert page.title() == "Encuesta <b>rara</b> · 2015T2"
    told = page.inner_text("#columns")
    assert "<script>" in told
    assert "los demás" in told  # the thousand codes beyond those that are shown
    assert "100" in page.locator("article", has_text="Única").first.inner_text()
    assert page.locator("article", has_text="en blanco").count() >= 1
    page.locator("label[for=language-en]").click()
    assert page.title() == "An <b>odd</b> survey · 2015T2"


def test_the_data_set_is_described_for_search_engines(opened: Opened) -> None:
    for name in ("enoe", "odd"):
        told = opened(name).locator("script[type='application/ld+json']").text_content()
        assert told is not None
        assert json.loads(told)["@type"] == "Dataset"


# --- paper -------------------------------------------------------------------------------------


def test_a_pdf_is_printed_in_each_language(pages: dict[str, bytes]) -> None:
    with open_browser() as browser:
        printed = print_page(pages["enoe"], "2026-01-02T03:04:05+00:00", browser)
    assert list(printed) == ["es", "en"]
    words = {"es": "Tabla sintética", "en": "Synthetic table"}
    for language, pdf in printed.items():
        reader = PdfReader(io.BytesIO(pdf))
        text = " ".join(page.extract_text() for page in reader.pages)
        other = words["en" if language == "es" else "es"]
        assert words[language] in text
        assert other not in text
        assert reader.metadata is not None
        assert str(reader.metadata["/CreationDate"]).startswith("D:20260102030405")
        assert all(page.extract_text().strip() for page in reader.pages)  # none is blank
