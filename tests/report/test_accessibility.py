"""Report pages in a real Chromium: axe-core finds nothing serious, in both themes, on a desk, a phone and paper."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

from newsparallax.read import open_dataset
from newsparallax.report import write_report
from roles_corpus import make

pytestmark = pytest.mark.server
WIDTHS = {"desktop": 1280, "phone": 390}


@pytest.fixture(scope="module")
def pages(news_page, bare_page, tmp_path_factory):
    """The kinds of pages: one event, without texts, an index, an event of an index."""
    folder = tmp_path_factory.mktemp("many")
    files = write_report(open_dataset(make(folder, copies=11)), folder / "many.html")
    return {"news": news_page, "bare": bare_page, "index": files[-1], "event": files[0]}


@pytest.fixture
def opened(browser, pages):
    """Opens a kind of page."""
    contexts = []

    def open_page(kind, width="desktop", theme="light"):
        context = browser.new_context(viewport={"width": WIDTHS[width], "height": 900}, color_scheme=theme)
        contexts.append(context)
        page = context.new_page()
        page.goto(pages[kind].as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()


def violations(page):
    found = Axe().run(page).response["violations"]
    return [
        (rule["id"], rule["impact"], [node["html"][:200] for node in rule["nodes"]][:3])
        for rule in found
        if rule["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", ["news", "bare", "index", "event"])
def test_axe_finds_nothing_serious(opened, kind, width, theme):
    page = opened(kind, width, theme)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    if kind != "index":
        page.locator(".h").first.focus()
        page.keyboard.press("Enter")
        assert page.locator("#panel").is_visible()
    assert violations(page) == []


def test_axe_would_find_something(opened):
    page = opened("news")
    page.evaluate("document.querySelector('h1').style.color = '#ddd'")
    assert [rule for rule, _, _ in violations(page)] == ["color-contrast"]


@pytest.mark.parametrize("kind", ["news", "bare", "index", "event"])
def test_a_phone_does_not_scroll_sideways(opened, kind):
    assert opened(kind, "phone").evaluate("document.documentElement.scrollWidth") <= 390


def test_passages_of_a_row_stand_side_by_side_on_a_desk_and_below_each_other_on_a_phone(opened):
    for width, together in (("desktop", True), ("phone", False)):
        page = opened("news", width)
        cells = page.locator(".reworded").nth(1).locator(".cell")
        tops = [cells.nth(number).bounding_box()["y"] for number in range(2)]
        assert (abs(tops[0] - tops[1]) < 1) == together


def test_paper_has_the_light_colours_all_cells_open_and_no_controls(opened):
    page = opened("news", theme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    style = "getComputedStyle(document.body)"
    assert page.evaluate(f"[{style}.backgroundColor, {style}.color]") == ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]
    for hidden in (".layers", "nav", "#panel"):
        assert page.locator(hidden).is_hidden()
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    page.set_viewport_size({"width": 688, "height": 1000})  # A4 between the margins
    assert page.evaluate("document.documentElement.scrollWidth") <= 688
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0


def test_the_page_becomes_a_pdf(opened):
    made = opened("news").pdf(format="A4")
    assert made.startswith(b"%PDF")
    assert 8 <= made.count(b"/Type /Page\n") <= 40
