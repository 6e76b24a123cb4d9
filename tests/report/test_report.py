"""The report in a real browser: every span with exactly its words, nothing hostile runs, nothing is fetched."""

from __future__ import annotations

import json

import pytest

from newsparallax.read import open_dataset
from newsparallax.report import summary, write_report
from roles_corpus import HOSTILE, make


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return open_dataset(make(tmp_path_factory.mktemp("report")))


@pytest.fixture(scope="module")
def file(dataset, tmp_path_factory):
    return write_report(dataset, tmp_path_factory.mktemp("page") / "report.html")[-1]


@pytest.fixture
def page(browser, file):
    """The page on a phone; nothing may be said on the console, fetched or run."""
    page = browser.new_page(viewport={"width": 390, "height": 800})
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    yield page
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert page.evaluate("window.ran") is None
    page.close()


def rows(dataset):
    return [row for layer in dataset.codebook.layers for row in dataset.rows(layer)]


def test_hostile_words_are_text(file):
    page = file.read_text(encoding="utf-8")
    assert "<script>window" not in page
    assert "<img" not in page


def test_summary_has_the_tables(dataset):
    tables = {shown.title: shown.rows for shown in summary(dataset)}
    assert tables["Naming"][1] == ["Peru", "Lima 1, Peru 1", "Peru 1"]
    assert ["Peru", "Anna", "+1", "1"] in [row[1:] for row in tables["Stances"]]
    assert tables["Passages"] == [["event-0", "2", "0", "1", "2"]]
    assert tables["Annotators"] == [["a", "human", "2"], ["b", "human", "0"]]
    assert tables["Terms"] == [["the war", HOSTILE, "clean-up", "Post", "war"]]


def test_summary_has_the_numbers_of_the_page(news, news_page):
    tables = {shown.title: shown for shown in summary(news)}
    page = news_page.read_text(encoding="utf-8")
    assert tables["Passages"].rows == [["putin-dprk-visit-2024", "2", "0", "4", "24"]]
    assert (page.count('<div class="row reworded">'), page.count('<div class="row alone">')) == (4, 24)
    places = tables["Places in question"].rows
    assert all("".join(f'<td class="n">{n}</td>' for n in row[1:]) in page for row in places)
    for title in ("Disputed", "Overruled"):
        total = sum(int(row[1 + ("Disputed", "Overruled").index(title)]) for row in places)
        assert len(tables[title].rows) == total > 0
    figures = [shown for title, shown in tables.items() if title.startswith("Agreement")]
    assert all(value in page for shown in figures for row in shown.rows for value in row[1:])


@pytest.mark.slow
def test_many_events_have_an_index_and_a_page_each(tmp_path):
    files = write_report(open_dataset(make(tmp_path, copies=11)), tmp_path / "many.html")
    assert len(files) == 12
    index = files[-1].read_text(encoding="utf-8")
    assert all(f'href="many-events/{file.name}"' in index for file in files[:-1])
    assert all("Annotated by: human." in file.read_text(encoding="utf-8") for file in files)
    own = tmp_path / "many-events/notes.html"
    own.write_text("mine", encoding="utf-8")
    write_report(open_dataset(make(tmp_path / "fewer", copies=2)), tmp_path / "many.html")
    assert [*own.parent.iterdir()] == [own]  # the pages of the earlier report are gone


def test_a_problem_leads_to_its_article(dataset, file):
    page = file.read_text(encoding="utf-8")
    (problem,) = map(json.loads, (dataset.folder / "problems.jsonl").read_text(encoding="utf-8").splitlines())
    assert (
        page.count(f'href="#article-{problem["article_id"]}"')
        == page.count(f'id="article-{problem["article_id"]}"')
        == 1
    )


def test_the_same_dataset_gives_the_same_bytes(dataset, file, tmp_path):
    again = write_report(dataset, tmp_path / "report.html")[-1]
    assert again.read_bytes() == file.read_bytes()


@pytest.mark.server
def test_every_span_is_there_with_its_words(page, dataset):
    for row in rows(dataset):
        parts = page.eval_on_selector_all(
            ".m", "(all, id) => all.filter(m => m.dataset.s === id).map(m => m.textContent)", row["span_id"]
        )
        assert "".join(parts) == row["quote"]
        assert page.locator(f"[id='{row['span_id']}']").count() == 1


@pytest.mark.server
def test_a_span_opens_by_keyboard_and_link_and_layers_can_be_hidden(page, file):
    handle = page.locator(".h").first
    handle.focus()
    page.keyboard.press("Enter")
    assert page.locator("#panel").is_visible()
    page.keyboard.press("Escape")
    assert page.locator("#panel").is_hidden()
    id_ = page.locator(".h").nth(2).get_attribute("id")
    page.goto(f"{file.as_uri()}#{id_}")
    assert page.locator("#panel").is_visible()
    page.locator(".layer").first.uncheck()
    assert page.locator(".m.off").count() > 0


@pytest.mark.server
def test_the_index_is_searched_without_a_server(browser, tmp_path):
    index = write_report(open_dataset(make(tmp_path, copies=105)), tmp_path / "many.html")[-1]
    page = browser.new_page()
    page.goto(index.as_uri())
    assert page.locator("#index tbody tr").count() == 100
    page.fill("#search", "clean-UP event-104")
    assert page.locator("#index tbody tr").count() == 1
    assert page.locator("#found").inner_text() == "1 event"
    page.locator("#index a").click()
    assert "event-104" in page.title()
    page.locator("nav a").first.click()
    assert page.locator("#search").is_visible()
    page.close()


@pytest.mark.server
def test_a_phone_shows_the_page_without_scrolling_sideways(page):
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
