"""Plots: static SVG in the page's colours, with the numbers of the tables in words, and a table beside each."""

from __future__ import annotations

import html
import re

import pytest

from newsparallax.report import write_report
from newsparallax.report.plots import agreement_plot, label_plots, naming_plots, stance_plots
from newsparallax.report.tables import agreement_groups, naming_table, outlets_of, records, stance_tables

SVG = re.compile(r"<svg.*?</svg>", re.DOTALL)


@pytest.fixture(scope="module")
def plots(news):
    made = naming_plots(naming_table(news), outlets_of(news)) + stance_plots(stance_tables(news))
    made += label_plots(news.manifest.as_json()["labels"])
    for group in agreement_groups(records(news.agreement())):
        made += [agreement_plot(group["title"], table["points"]) for table in group["tables"] if table["points"]]
    return made


def test_plots_are_static_and_take_their_colours_from_the_page(plots):
    assert len(plots) == 6 + 2 + 6 + 3
    for plot in plots:
        svg = plot["svg"]
        assert not re.search(r"<(script|image|style|foreignObject|a)\b|@font-face|url\(", svg)
        assert set(re.findall(r"https?://[^\"]*", svg)) == {
            "http://www.w3.org/2000/svg",
            "http://www.w3.org/1999/xlink",
        }
        colours = set(re.findall(r"\b(?:fill|stroke)=\"([^\"]*)\"", svg))
        assert {colour for colour in colours if not colour.startswith("var(--")} <= {"none", "transparent"}


def test_a_plot_says_in_words_what_it_shows(news, plots):
    words = {plot["title"]: plot["svg"].partition('aria-label="')[2].partition('"')[0] for plot in plots}
    assert all(plot["svg"].startswith('<svg role="img" aria-label="') for plot in plots)
    for row in naming_table(news)[:6]:
        for outlet, cell in zip(outlets_of(news), row["cells"], strict=True):
            often = [f"{outlet}: {one['name']} {one['count']}" for one in cell if one["count"] > 1]
            assert [said for said in often if html.escape(said) not in words[row["entity"]]] == []
    assert "GPE 72" in words["entities"]
    assert "95 % interval 0.818 to 0.979" in words["exact F1, with label F1, overlap F1"]


def test_what_colours_tell_is_also_written(plots):
    naming = plots[0]["svg"]
    assert re.search(r">\d+ China Daily<", naming)
    assert re.search(r">\d+ Teller Report<", naming)
    assert {"+2", "−2"} <= set(re.findall(r">([+−]\d+)<", plots[6]["svg"]))
    assert plots[-3]["caption"] == "● exact F1, ■ with label F1, ▲ overlap F1"


def test_hostile_words_stay_text():
    labels = {"<script>": {"a&b</svg><script>x": 3, "\u202e\udcff\x00": 1}}
    (plot,) = label_plots(labels)
    assert "<script" not in plot["svg"]
    assert plot["svg"].encode("utf-8").count(b"</svg>") == 1
    assert not {"\u202e", "\udcff", "\x00"} & set(plot["svg"])


def test_the_file_is_small_and_each_plot_has_a_table(news, news_page, tmp_path):
    page = news_page.read_text(encoding="utf-8")
    assert news_page.stat().st_size < 2_000_000
    assert len(SVG.findall(page)) == 17
    for section in re.split(r"<h3", page):
        assert "<svg" not in section or "<table" in section
    assert write_report(news, tmp_path / "again.html")[-1].read_bytes() == news_page.read_bytes()
