"""Where a region lies: every way in which offsets go wrong, in the order in which they are judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from helpers import build_tasks, span, task
from newsparallax.convert import Located, locate_span
from newsparallax.convert.locate import NEARBY
from newsparallax.text import TextIndex

EMOJI = "💩This is an annotation."
FAR = "x" * (NEARBY + 20)


@pytest.mark.parametrize(
    ("text", "start", "end", "quote", "found"),
    [
        # as they stand
        ("Ann met Bob.", 8, 11, "Bob", (8, 11, None)),
        ("Ann met Bob.", 8, 11, None, (8, 11, None)),
        ("Ann met Bob.", 8, 11, "", (8, 11, None)),
        ("Bob met Bob.", 8, 11, "Bob", (8, 11, None)),
        (EMOJI, 12, 22, "annotation", (12, 22, None)),
        ("👨🏻‍🚒 firemen drive firetrucks at work", 19, 29, "firetrucks", (19, 29, None)),
        ("Line\r\nBob left", 6, 9, "Bob", (6, 9, None)),
        ("Ann", 0, 3, "Ann", (0, 3, None)),
        # as they stand, with a quote that lost white space on its way
        ("Text: Berlin,  Germany.", 6, 22, "Berlin, Germany", (6, 22, None)),
        ("a\nb", 0, 3, "ab", (0, 3, None)),
        ("a\nb", 0, 3, "a\\nb", (0, 3, None)),
        ("a\r\nb", 0, 4, "a\\r\\nb", (0, 4, None)),
        ("a\tb", 0, 3, "a\\tb", (0, 3, None)),
        ("a\u00a0b", 0, 3, "a b", (0, 3, None)),
        ("a\u2028b", 0, 3, "a b", (0, 3, None)),
        # UTF-16 units
        (EMOJI, 13, 23, "annotation", (12, 22, "utf16")),
        ("💩💩 a 💩 b", 10, 11, "b", (7, 8, "utf16")),
        ("💩💩 a 💩 b", 0, 4, "💩💩", (0, 2, "utf16")),
        ("Ann 💩", 4, 6, "💩", (4, 5, "utf16")),
        ("💩 New  York", 3, 12, "New York", (2, 11, "utf16")),
        # CRLF counted as one
        ("Line\r\nBob left", 5, 8, "Bob", (6, 9, "crlf")),
        ("a\r\n\r\nb\r\nBob", 5, 8, "Bob", (8, 11, "crlf")),
        ("one\r\ntwo", 0, 7, "one\ntwo", (0, 8, "crlf")),
        # a unique occurrence close by
        ("Hello Bob", 6, 11, "Bob", (6, 9, "nearby")),
        ("Ann met Bob.", 7, 10, "Bob", (8, 11, "nearby")),
        ("Ann met Bob.", 0, 3, "Bob", (8, 11, "nearby")),
        ("Ann met Bob.", -5, -2, "Ann", (0, 3, "nearby")),
        ("Ann met Bob.", 11, 8, "Bob", (8, 11, "nearby")),
        ("Ann met Bob.", 8, 8, "Bob", (8, 11, "nearby")),
        ("New\nYork  City", 3, 8, "New York City", (0, 14, "nearby")),
        ("💩\r\n\r\nBob met Ann", 4, 7, "Bob", (5, 8, "crlf+utf16")),  # both at once
        ("Ann met Bob.", 8, 10**18, "Bob", (8, 11, "nearby")),
        ("a" + FAR + "Bob", 3, 6, "Bob", "quote-mismatch"),
        # edge spaces
        ("stars Frankie James as", 5, 19, " Frankie James", (6, 19, "trim")),
        ("stars Frankie James as", 5, 20, "Frankie James", (6, 19, "trim")),
        ("a  b", 0, 3, None, (0, 1, "trim")),
        ("💩 Bob ", 3, 7, "Bob ", (2, 5, "utf16")),
        # nothing proves them
        ("Ann met Bob.", 0, 3, "Eve", "quote-mismatch"),
        ("Ann met Bob and met Eve.", 0, 3, "met", "quote-mismatch"),
        ("Bob met Bob.", 4, 7, "Bob", "quote-mismatch"),
        ("aaaa", 0, 4, "aaa", "quote-mismatch"),  # occurrences that overlap are two
        ("Ann met Bob.", 0, 3, "   ", "quote-mismatch"),
        ("Ann met Bob.", 8, 99, None, "offsets-out-of-range"),
        ("Ann met Bob.", 8, 99, "Eve", "offsets-out-of-range"),
        ("Ann met Bob.", 8, 10**18, "Bob" * 2, "offsets-out-of-range"),
        ("Ann met Bob.", -3, 3, None, "offsets-out-of-range"),
        ("Ann met Bob.", -3, -3, None, "offsets-out-of-range"),
        ("Ann met Bob.", 99, 99, None, "offsets-out-of-range"),
        ("Ann met Bob.", 11, 8, None, "reversed-offsets"),
        ("Ann met Bob.", 11, 8, "Eve", "reversed-offsets"),
        ("Ann met Bob.", 8, 8, None, "empty-span"),
        ("Ann met Bob.", 3, 4, " ", "empty-span"),
        ("Ann met Bob.", 3, 4, None, "empty-span"),
        ("Ann \u3000\u00a0 Bob", 3, 6, None, "empty-span"),
        ("", 0, 0, None, "empty-span"),
        ("", 0, 1, "a", "offsets-out-of-range"),
    ],
)
def test_judge(text: str, start: int, end: int, quote: str | None, found: Any) -> None:
    judged = locate_span(TextIndex(text), start, end, quote)
    if isinstance(judged, Located):
        assert judged == found
        assert text[judged.start : judged.end].strip()
    else:
        assert judged.code == found
        assert judged.message


def test_utf16_offset_inside_of_a_pair_is_no_place() -> None:
    index = TextIndex("a💩b")
    assert [index.from_utf16(offset) for offset in range(6)] == [0, 1, None, 2, 3, 4]
    assert locate_span(index, 2, 4, "b") == Located(2, 3, "nearby")


def test_crlf_offsets() -> None:
    index = TextIndex("a\r\n\nb\r\n")  # as one character each: a, end, end, b, end
    assert [index.from_single_newlines(offset) for offset in range(6)] == [0, 1, 3, 4, 5, 7]


def test_the_first_method_that_fits_wins() -> None:
    text = "💩\r\nBob Bob Bob"  # "Bob" at 3, 7, 11
    assert locate_span(TextIndex(text), 3, 6, "Bob") == Located(3, 6, None)
    assert locate_span(TextIndex(text), 4, 7, "Bob") == Located(3, 6, "utf16")
    assert locate_span(TextIndex(text), 2, 5, "Bob") == Located(3, 6, "crlf")
    assert locate_span(TextIndex(text), 5, 8, "Bob") != Located(3, 6, "nearby")


def test_edge_spaces_stay_where_the_corpus_keeps_them() -> None:
    index = TextIndex("stars Frankie James as")
    assert locate_span(index, 5, 19, " Frankie James", trim=False) == Located(5, 19, None)
    blank = locate_span(index, 5, 6, " ", trim=False)
    assert not isinstance(blank, Located)
    assert blank.code == "empty-span"


@pytest.mark.parametrize(
    ("start", "end", "quote", "outcome"),
    [
        (8, 11, "Bob", (8, 11, None)),
        (8.0, 11.0, "Bob", (8, 11, None)),
        (-0.0, 3, "Ann", (0, 3, None)),
        ("8", "11", "Bob", (8, 11, "number")),
        (" 8 ", "11", "Bob", (8, 11, "number")),
        ("8", 11, "Bob", (8, 11, "number")),
        ("7", "10", "Bob", (8, 11, "nearby")),
        ("-1", "2", "Ann", (0, 3, "nearby")),
        ("8", "11", None, "bad-offsets"),
        ("8.0", "11.0", "Bob", "bad-offsets"),
        ("eight", "eleven", "Bob", "bad-offsets"),
        ("٨", "١١", "Bob", "bad-offsets"),
        ("", "", "Bob", "bad-offsets"),
        ("9" * 40, "9" * 41, "Bob", "bad-offsets"),
        (8.5, 11, "Bob", "bad-offsets"),
        (True, 11, "Bob", "bad-offsets"),
        ([8], [11], "Bob", "bad-offsets"),
        ({"line": 1}, 11, "Bob", "bad-offsets"),
        (8, 2**63, "Bob", "bad-offsets"),
        (8, 2**70, "Bob", "bad-offsets"),
        (8, 1e300, "Bob", "bad-offsets"),
        (8, 10**15, "Eve", "offsets-out-of-range"),
        (None, None, "Bob", "no-offsets"),
        (8, None, "Bob", "no-offsets"),
    ],
)
def test_offsets_of_any_type(tmp_path: Path, start: Any, end: Any, quote: str | None, outcome: Any) -> None:
    built = build_tasks(tmp_path, task("Ann met Bob.", [span(start, end, quote)]))
    votes = built.rows("votes")
    if isinstance(outcome, str):
        assert built.codes == {outcome: 1}
        assert (built.results, votes) == ((0, 0, 1), [])
        assert built.problem(outcome)["region_id"] == "r1"
    else:
        (row,) = votes
        assert (row["start"], row["end"], row["repair"]) == outcome
        assert row["quote"] == "Ann met Bob."[row["start"] : row["end"]]


def test_a_repair_says_what_the_offsets_were(tmp_path: Path) -> None:
    built = build_tasks(tmp_path, task(EMOJI, [span(13, 23, "annotation"), span(0, 1, "💩", id="r2")]))
    moved, fitted = sorted(built.rows("spans"), key=lambda row: row["repair"] or "z")
    assert (moved["repair"], moved["original_start"], moved["original_end"]) == ("utf16", 13, 23)
    assert (fitted["repair"], fitted["original_start"], fitted["original_end"]) == (None, None, None)
    assert built.results == (1, 1, 0)
    assert built.counts["repairs"] == {"utf16": 1}


@pytest.mark.slow
def test_a_long_article() -> None:
    """1.4 million characters with an emoji and a CRLF in each line, thousands of regions in every notation."""
    line = "💩 The minister said on Friday that Bob number {:06d} had left.\r\n"
    lines = [line.format(number) for number in range(22_000)]
    text, index = "".join(lines), TextIndex("".join(lines))
    assert len(text) > 1_400_000
    width = len(lines[0])
    for number in range(0, 22_000, 7):
        quote = f"Bob number {number:06d}"
        start = text.index(quote, number * width)
        units = start + number + 1
        single = start - number
        assert locate_span(index, start, start + 17, quote) == Located(start, start + 17, None)
        assert locate_span(index, units, units + 17, quote) == Located(start, start + 17, "utf16")
        assert locate_span(index, single, single + 17, quote) == Located(start, start + 17, "crlf" if number else None)
        assert locate_span(index, start - 50, start - 33, quote)[:2] == (start, start + 17)


def test_a_region_over_a_long_article() -> None:
    text = "Ann met Bob.  " * 100_000
    index = TextIndex(text)
    assert locate_span(index, 0, len(text), text.replace("  ", " ")) == Located(0, len(text) - 2, "trim")
    assert locate_span(index, 5, len(text) + 5, text) == Located(0, len(text) - 2, "nearby")
