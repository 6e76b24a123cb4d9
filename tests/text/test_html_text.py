"""The text of HTML and the points in it, against hand-written pages and real exports (folder: REAL_EXPORTS)."""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from newsparallax.text import RenderedHtml, render_html
from newsparallax.text.html import DEEPEST


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("plain", "plain"),
        ("<h1>こんにちは！</h1>", "こんにちは！"),
        ("one<br>two<br/>three<br />", "one\ntwo\nthree\n"),
        ("<p>one</p><p>two</p>", "onetwo"),
        ("<p>a &amp; b &lt;c&gt; &#128169; &#x1F4A9; &nbsp;</p>", "a & b <c> 💩 💩 \xa0"),
        ("<div>a<b>b<i>c</i></b>d</div>", "abcd"),
        ("<p>a<!-- no <b>one</b> -->b</p>", "ab"),
        ("<p>a<script>if (1 < 2) { '<p>' }</script>b</p>", "ab"),
        ("<p>a</p><style>p > a {}</style><title>b</title>", "ap > a {}b"),
        ("<iframe></iframe>\n a<iframe>x</iframe> b", "a b"),
        ("<body><iframe></iframe> a", " a"),
        ("<pre>\na</pre><pre>\n\nb</pre><textarea>\nc</textarea><listing>\nd</listing>", "a\nbcd"),
        ("<table>a<tr>b<td>c</td>d</table>e", "abdce"),
        ("<p>a\0b</p><svg>c\0d</svg><textarea>e\0f</textarea>", "abc\ufffdde\ufffdf"),
        ("<frameset>a<frame></frameset>b", ""),
        ("<p>a<noscript>b<i>c</i></noscript>", "ab<i>c</i>"),
        ("<p>a<template>b</template>c", "ac"),
        ("\ufeffa", "a"),
        ("a\ud800b&#xD800;", "a\ufffd\ufffd\ufffdb\ufffd"),
        ("<p>a\r\nb\rc</p>", "a\nb\nc"),
        ("<p>1 < 2 & 3</p>", "1 < 2 & 3"),
        ("<!doctype html>\n<html>\n<head><title>T</title>\n</head>\n<body> <p>x</p></body></html>", " x"),
        ("\n<style>p {}</style>\n<p>x</p>\n", "x\n"),
        ("<p>open <b>for ever", "open for ever"),
    ],
)
def test_text(html: str, text: str) -> None:
    assert render_html(html).text == text


@pytest.mark.parametrize(
    ("html", "xpath", "offset", "position"),
    [
        ("<h1>こんにちは！</h1>", "/h1[1]/text()[1]", 0, 0),
        ("<h1>こんにちは！</h1>", "/h1[1]/text()[1]", 5, 5),
        ("<h1>こんにちは！</h1>", "/h1[1]/text()[1]", 7, None),
        ("<h1>こんにちは！</h1>", "/h1[1]/text()[1]", -1, None),
        ("bare", "/text()[1]", 2, 2),
        ("<p>💩 a</p>", "/p/text()", 2, 2),
        ("<p>a<br>b</p>", "/p[1]/text()[2]", 1, 3),
        ("<p>a<br>b</p>", "/p[1]", 0, 0),
        ("<p>a<br>b</p>", "/p[1]", 1, 1),
        ("<p>a<br>b</p>", "/p[1]", 2, 2),
        ("<p>a<br>b</p>", "/p[1]", 3, 3),
        ("<p>a<br>b</p>", "/p[1]", 4, None),
        ("<p>a<br>b</p>", "/p[1]/br[1]", 0, 1),
        ("<p>a</p><P>b</P>", "/P[2]/text()[1]", 1, 2),
        ("<p>a<b>b</b>c</p>", "/p[1]/text()[2]", 1, 3),
        ("<p>a<!-- x -->b<script>x</script>c</p>", "/p[1]/text()[1]", 3, 3),
        ("<p>a</p>", "/", 1, 1),
        ("<html><body><p>a</p></body></html>", "/html[1]/body[1]/p[1]/text()[1]", 1, 1),
        ("<html><body><p>a</p></body></html>", "/p[1]/text()[1]", 1, 1),
        ("<p>a</p>", "/html[1]/body[1]/p[1]/text()[1]", 1, 1),
        ("<p>a<p>b", "/p[2]/text()[1]", 1, 2),
        ("<p>a<div>b</div>c</p>d<p>e", "/p[3]/text()[1]", 0, 4),
        ("<ul><li>a<li>b<ul><li>c</ul><li>d</ul>", "/ul[1]/li[3]/text()[1]", 0, 3),
        ("<dl><dt>a<dd>b<dt>c</dl>", "/dl[1]/dt[2]/text()[1]", 0, 2),
        ("<table><tr><td>a<td>b<tr><td>c</table>", "/table[1]/tbody[1]/tr[2]/td[1]/text()[1]", 1, 3),
        ("<table><tr><td>a<td>b<tr><td>c</table>", "/table[1]/tr[1]/td[2]/text()[1]", 1, 2),
        ("<table><tbody><tr><td>a</table>", "/table[1]/tbody[1]/tr[1]/td[1]/text()[1]", 0, 0),
        ("<table><thead><tr><th>h<tbody><tr><td>a</table>", "/table[1]/tbody[1]/tr[1]/td[1]/text()[1]", 0, 1),
        ("<table></table>", "/table[1]/tbody[1]/tr[1]", 0, None),
        ("<table>a<tr><td>b</table>c", "/table[1]/tbody[1]/tr[1]/td[1]/text()[1]", 0, 1),
        ("<b>a<p>b</b>c</p>d", "/p[1]/b[1]/text()[1]", 1, 2),
        ("<iframe></iframe>\n<p>a", "/p[1]/text()[1]", 0, 0),
        ("<o:p>a</o:p><x-y>b</x-y>", "/o:p[1]/text()[1]", 1, 1),
        ("<svg><path/><text>a</text></svg><div/>b", "/svg[1]/text[1]/text()[1]", 1, 1),
        ("<svg><path/></svg><div/>b", "/div[1]/text()[1]", 1, 1),
    ],
)
def test_resolve(html: str, xpath: str, offset: int, position: int | None) -> None:
    assert render_html(html).resolve(xpath, offset) == position


@pytest.mark.parametrize(
    "xpath",
    [
        "",
        "p",
        "//p",
        "/p[0]",
        "/p[2]",
        "/p[-1]",
        "/p[x]",
        "/p[1",
        "/p[1]/",
        "/p[1]/text()[1]/b",
        "/🙂",
        "/p[99999999999]",
    ],
)
def test_garbage_paths_resolve_to_nothing(xpath: str) -> None:
    assert render_html("<p>text</p>").resolve(xpath, 0) is None


@pytest.mark.slow
def test_nesting_of_any_depth_keeps_the_text_and_the_paths_of_10000_elements() -> None:
    for depth in (DEEPEST, DEEPEST + 1, 20 * DEEPEST):
        page = render_html("<div>" * depth + "a" + "</div>" * depth + "<p>b")
        assert page.text == "ab"
        assert page.resolve("/p[1]/text()[1]", 0) == 1
        assert page.resolve("/div[1]" * DEEPEST + "/text()[1]", 1) == 1


@pytest.mark.slow
def test_many_elements_that_are_not_nested_all_keep_their_paths() -> None:
    pieces = {"<p>a": "p", "<br>": "br", "<div>a</div>": "div", "<li>a": "li", "<x y='</div><div>'>a</x>": "x"}
    for piece, name in pieces.items():
        page = render_html(piece * (3 * DEEPEST))
        assert page.resolve(f"/{name}[{3 * DEEPEST}]", 0) == 3 * DEEPEST - 1


def test_threads_read_the_same() -> None:
    pages = [f"<p>{number}<table>x<td>{'<b>y' * number}</table>" for number in range(200)]
    alone = [render_html(page).text for page in pages]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda page: render_html(page).text, pages * 4)) == alone * 4


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    [
        "<ul><li>",
        "<a ",
        "<a '\"",
        "<div>",
        "<table>x<b>",
        "<p>words and &amp; more</p>",
        "<b>",
        "<p>",
        "<li>",
        "<",
        "&",
        "<td>",
        "<p><table><b></p>",
        "<tr><td>x<ul>",
        "</p>",
    ],
)
def test_takes_linear_time(piece: str) -> None:
    html = piece * (1_400_000 // len(piece))
    started = time.perf_counter()
    page = render_html(html)
    page.resolve("/p[1]/text()[1]", 0)
    assert time.perf_counter() - started < 30


def _exported(name: str) -> tuple[RenderedHtml, dict[str, dict[str, Any]]]:
    folder = os.environ.get("REAL_EXPORTS")
    if not folder:
        pytest.skip("REAL_EXPORTS names no folder")
    task = json.loads((Path(folder) / name).read_text(encoding="utf-8"))
    items = task["annotations"][0]["result"]
    return render_html(task["data"]["text"]), {item["id"]: item["value"] for item in items}


def _span(page: RenderedHtml, value: dict[str, Any]) -> tuple[int | None, int | None]:
    return page.resolve(value["start"], value["startOffset"]), page.resolve(value["end"], value["endOffset"])


def test_real_dialogue() -> None:
    page, values = _exported("lsf_rich_text_html.json")
    assert len(values) == 4
    for value in values.values():
        assert _span(page, value) == (value["globalOffsets"]["start"], value["globalOffsets"]["end"])
    quotes = {key: page.text[slice(*_span(page, value))] for key, value in values.items()}
    odd = quotes.pop("fyHRX3DdNv")
    assert quotes == {key: values[key]["text"] for key in quotes}
    # Paths and global offsets of this region agree with each other; its quote runs on, and has line ends of its own.
    assert odd == "appreciated.Vincent: Look, Mr. Wolfe"[: len(odd)]
    assert len(odd) == 35
    assert values["fyHRX3DdNv"]["text"] == "appreciated.\\n\\nVincent: Look, Mr. Wolfe, I respect you."


def test_real_document() -> None:
    page, values = _exported("lsf_html_document.json")
    assert {key: page.text[slice(*_span(page, value))] for key, value in values.items()} == {
        "1vCqqolDxn": "Michael",
        "ik-EVvYtBU": "Michael",
        "sT3lKCLzUx": "Company Name",
    }
    assert all(value["text"] == page.text[slice(*_span(page, value))] for value in values.values())
