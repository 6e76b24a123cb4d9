"""A report of a stand-off release: places, counts and matrices, no words of the texts, and how to get them back."""

from __future__ import annotations

import html
import re

import pytest

from newsparallax.corpus import read_toml
from newsparallax.report import summary

RUN = 5  # words in a row by which a text is known again


def words(text):
    return re.findall(r"\w+", text.casefold())


def runs(text):
    found = words(text)
    return {tuple(found[at : at + RUN]) for at in range(len(found) - RUN + 1)}


def strings(value):
    """Every text in a value at any depth."""
    if isinstance(value, str):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings(part)


@pytest.fixture(scope="module")
def shown(bare_page):
    """Everything that the page says, without its own style and script."""
    page = re.sub(r"<style>.*?</style>", "", bare_page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return html.unescape(re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), page))


@pytest.fixture(scope="module")
def released(bare):
    """What the release itself says: values that annotators wrote, names of the registry, notes of the codebook."""
    rows = [text for config in bare.configs for text in strings(bare.rows(config))]
    return "\n".join([*rows, *((bare.folder / name).read_text("utf-8") for name in ("entities.toml", "codebook.toml"))])


@pytest.mark.parametrize("what", ["page", "summary"])
def test_no_word_is_shown_that_the_release_withholds(news, bare, shown, released, what):
    assert all(article["text"] is None for article in bare.articles.values())
    tables = "\n".join("\n".join(row) for table in summary(bare) for row in table.rows)
    said = re.split(r"<[^>]*>|→", shown) if what == "page" else tables.splitlines()  # cells are not one sentence
    texts = set().union(*(runs(article["text"]) for article in news.articles.values()))
    assert len(texts) > 800
    assert texts & set().union(*map(runs, said)) - runs(released) == set()
    quotes = {tuple(words(row["quote"])) for layer in news.codebook.layers for row in news.rows(layer)}
    here, there = (f" {' '.join(words(text))} " for text in ("\n".join(said), released))
    found = {quote for quote in quotes if len(quote) > 1 and f" {' '.join(quote)} " in here}
    assert {quote for quote in found if f" {' '.join(quote)} " not in there} == set()


def test_places_counts_and_matrices_are_there(news, bare, bare_page):
    page = bare_page.read_text(encoding="utf-8")
    assert "2 of 2 texts are withheld" in page
    assert "newsparallax rehydrate DATASET --seeds COPIES --out FOLDER" in page
    for layer in bare.codebook.layers:
        for row in bare.rows(layer):
            assert f'id="{row["span_id"]}" data-l="{layer}">' in page
    assert len(re.findall(r'<summary class="(?:for|against|)">', page)) > 20
    assert page.count("<svg") == 2 + 6 + 3  # all but the names
    assert read_toml(bare.folder / "codebook.toml", type(bare.codebook)).codebook.version in page


@pytest.mark.server
def test_a_place_opens_with_its_values(browser, bare, bare_page):
    page = browser.new_page()
    page.goto(bare_page.as_uri())
    id_ = bare.rows("stances")[0]["span_id"]
    page.locator(f"[id='{id_}']").click()
    assert page.locator("#panel dt").first.inner_text() == "label"
    assert "Putin" not in page.locator("#panel blockquote").all_inner_texts()
    page.close()
