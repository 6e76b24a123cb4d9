"""The guidelines as Label Studio's instructions: nothing lost, nothing executed, readable in its dialog."""

from __future__ import annotations

import os
import re
import shutil
import sys
from html.parser import HTMLParser

import pytest
from playwright.sync_api import sync_playwright

from helpers import ROOT
from newsparallax.corpus import open_corpus
from newsparallax.errors import UsageError
from newsparallax.render import guidelines_html, render_guidelines
from newsparallax.render.guidelines import CONTENTS, LOOKS

CORPORA = {"own": None, "zeitung": ROOT / "tests/corpora/zeitung", "from_tasks": ROOT / "tests/corpora/from_tasks"}
VOID = {"br", "hr"}
# What Label Studio's server lets pass (label_studio/constants.py), of what Markdown can become.
KEPT = {
    "style",
    "div",
    "details",
    "summary",
    "h1",
    "h2",
    "h3",
    "h4",
    "p",
    "ul",
    "ol",
    "li",
    "strong",
    "em",
    "code",
    "a",
}
KEPT |= {"pre", "blockquote", "table", "thead", "tbody", "tr", "th", "td", "br", "hr"}
NASTY = """# A <b>title</b> & more

Text with <script>window.hit = 1</script>, <img src=x onerror="window.hit = 2"> and "a < b > c & d" 🇺🇦 é.
<iframe src="javascript:window.hit = 3"></iframe> [here](javascript:window.hit=4) <!-- note -->

## 1. First <i>section</i>: a & b?

| *label* | meaning |
|---|---|
| `a<b` | one \\| two &lt; |

```
<script>window.hit = 5</script>
```

## 2. Second

<details><summary>no</summary></details>
"""


class Page(HTMLParser):
    """A page in parts: its tags with their attributes, its text outside of the style; tags must be nested well."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.style = ""
        self.comments: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self.text += data

    def handle_comment(self, data):
        self.comments.append(data)


def guidelines(name: str) -> str:
    context = open_corpus(CORPORA[name]).context
    return render_guidelines(context.codebook, context.entities)


@pytest.mark.parametrize("name", CORPORA)
def test_only_what_label_studio_keeps(name):
    page = Page(guidelines_html(guidelines(name)))
    assert {tag for tag, _ in page.tags} <= KEPT
    assert [attrs for _, attrs in page.tags if attrs] == [{"class": "np-guidelines"}]
    assert page.comments == []
    assert not set("<>&") & set(page.style)


@pytest.mark.parametrize("name", CORPORA)
def test_every_section_folds_under_its_heading(name):
    markdown = guidelines(name)
    html = guidelines_html(markdown)
    headings = re.findall(r"^## (.*)$", markdown, re.MULTILINE)
    assert headings
    summaries = re.findall(r"<details><summary><h2>(.*?)</h2>\s*</summary>", html, re.DOTALL)
    assert [Page(summary).text for summary in summaries] == [heading.replace("`", "") for heading in headings]
    assert html.count("<details>") == html.count("</details>") == len(headings)
    inside = html.split("<details>", 1)[1]
    assert not re.search(r"</details>(?!\s*(<details>|</div>\s*$))", inside)


@pytest.mark.parametrize("name", CORPORA)
def test_no_word_is_lost(name):
    """The words of the guidelines, without marks of Markdown, contents and the line that says what made the file."""
    before, contents, after = re.split(f"{CONTENTS[0]}|{CONTENTS[1]}", guidelines(name).split("-->", 1)[1])
    assert "](#" in contents
    markdown = (before + after).replace("\\|", "|")
    told = re.sub(r"^([|:-]+$|\d+\. )", "", markdown, flags=re.MULTILINE)  # no lines of tables, no numbers of lists
    words = re.findall(r"\w+", told)
    assert len(words) > 50
    assert re.findall(r"\w+", Page(guidelines_html(guidelines(name))).text) == words


def test_markdown_alone_is_read():
    page = Page(guidelines_html(NASTY))
    assert {tag for tag, _ in page.tags} <= KEPT
    assert [attrs for _, attrs in page.tags if attrs] == [{"class": "np-guidelines"}]
    for shown in (
        "A <b>title</b> & more",
        "<script>window.hit = 1</script>",
        '<img src=x onerror="window.hit = 2">',
        '"a < b > c & d" 🇺🇦 é.',
        "[here](javascript:window.hit=4) <!-- note -->",
        "1. First <i>section</i>: a & b?",
        "a<b",
        "one | two <",
        "<script>window.hit = 5</script>",
        "<details><summary>no</summary></details>",
    ):
        assert shown in page.text
    assert [tag for tag, _ in page.tags].count("details") == 2


def test_guidelines_without_sections_are_whole():
    assert "<details>" not in guidelines_html("# Title\n\ntext\n")
    assert Page(guidelines_html("")).text.strip() == ""


def test_every_look_is_of_these_guidelines_alone():
    style = Page(guidelines_html("")).style
    rules = re.findall(r"^(\S+(?: \w+)?) *\{ .* \}$", style, re.MULTILINE)
    assert len(rules) == len(LOOKS)
    assert all(rule.startswith(".np-guidelines") for rule in rules)


def test_without_the_extra_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "markdown_it", None)
    with pytest.raises(UsageError) as caught:
        guidelines_html("")
    assert str(caught.value) == "markdown-it-py is not installed\n  `make .venv/annotate` installs it"


@pytest.mark.server
def test_it_reads_well_in_a_browser():
    """In a dialog as wide as Label Studio's: nothing is executed or wider than the dialog, sections open in place."""
    browser = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no browser found; CHROMIUM names one")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        page = opened.new_page(viewport={"width": 536, "height": 700})
        for markdown in (guidelines("own"), NASTY):
            page.set_content(f'<body style="margin: 0; white-space: pre-wrap">{guidelines_html(markdown)}</body>')
            address = page.url
            closed = page.evaluate("document.querySelector('.np-guidelines').offsetHeight")
            folds = page.locator("summary")
            assert folds.count() >= 2
            for number in range(folds.count()):
                folds.nth(number).click()
            assert page.url == address
            assert page.evaluate("document.querySelector('.np-guidelines').offsetHeight") > closed
            assert page.evaluate("document.querySelectorAll('details[open]').length") == folds.count()
            assert page.evaluate("document.documentElement.scrollWidth") == 536
            assert page.evaluate("[...document.querySelectorAll('table')].every(t => t.scrollWidth <= 536)")
            assert page.evaluate("window.hit") is None
        opened.close()
