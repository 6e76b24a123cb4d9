"""Regions of an annotation located together: what their quotes, paths and units prove about each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from helpers import build_tasks, span, task
from newsparallax.convert import Located, locate_span
from newsparallax.convert.locate import XPATH, Claim, claim_offsets, locate
from newsparallax.problems import Rejection
from newsparallax.text import TextIndex, shown_apart

HTML = {
    "codebook": {"layers": {"spans": {"labels": {"PER": {}}}}, "texts": {"text": {"field": "html", "kind": "html"}}}
}


def places(text: str, *regions: tuple[int, int, str | None], unit: str | None = None) -> list[Any]:
    """Start, end and method of each region, or the code of its rejection."""
    index = TextIndex(text)
    located = locate([claim_offsets(index, *region) for region in regions], unit=unit)
    return [tuple(place) if isinstance(place, Located) else place.code for place in located]


# ------------------------------------------------------------------------------------------------------------- units


def test_an_unambiguous_region_proves_the_unit_of_an_ambiguous_one() -> None:
    text = "💩💩💩💩 Ann Ann"
    assert places(text, (9, 12, "Ann"), (13, 16, "Ann")) == [(5, 8, "utf16"), (9, 12, "utf16")]
    assert places(text, (9, 12, "Ann"), (5, 8, "Ann")) == [(9, 12, None), (5, 8, None)]
    assert places(text, (9, 12, "Ann")) == ["ambiguous-offsets"]


def test_the_other_regions_prove_the_unit_of_one_without_a_quote() -> None:
    text = "😀 Ann 😀 Bob 😀 Oslo x"
    assert places(text, (3, 6, "Ann"), (10, 13, None), (17, 21, "Oslo")) == [
        (2, 5, "utf16"), (8, 11, "utf16"), (14, 18, "utf16"),
    ]  # fmt: skip
    assert places(text, (2, 5, "Ann"), (8, 11, None)) == [(2, 5, None), (8, 11, None)]
    assert places(text, (8, 11, None)) == [(8, 11, None)]  # in UTF-16 units it would begin within the second emoji
    assert places(text, (9, 11, None)) == ["ambiguous-offsets"]
    assert places(text, (9, 11, None), unit="code points") == [(9, 11, None)]
    assert places(text, (10, 13, None), unit="utf16") == [(8, 11, "utf16")]
    assert places(text, (20, 21, None)) == [(17, 18, "utf16")]  # in code points it lies outside of the text


def test_regions_that_contradict_each_other_prove_no_unit() -> None:
    text = "😀 Ann 😀 Bob 😀 Oslo Ann"
    mixed = [(3, 6, "Ann"), (14, 18, "Oslo"), (10, 13, None)]
    assert places(text, *mixed) == [(2, 5, "utf16"), (14, 18, None), "ambiguous-offsets"]
    assert places(text, *mixed, unit="utf16")[2] == "ambiguous-offsets"  # even if the corpus says so


def test_the_unit_is_shared_by_the_plain_texts_of_an_annotation() -> None:
    first, second = TextIndex("😀 Ann left"), TextIndex("💩💩💩💩 Ann Ann")
    located = locate([claim_offsets(first, 3, 6, "Ann"), claim_offsets(second, 9, 12, "Ann")])
    assert located == [Located(2, 5, "utf16"), Located(5, 8, "utf16")]


def test_an_exact_quote_in_any_unit_comes_before_a_tolerant_one() -> None:
    assert places("Wow 😀 I I think so", (7, 9, "I ")) == [(6, 7, "utf16")]
    assert places("a  b 😀a b", (0, 4, "a b")) == [(0, 4, None)]


def test_units_with_crlf() -> None:
    text = "a\r\nb Ann\r\nb Ann"
    assert places(text, (3, 4, "b"), (4, 7, "Ann")) == [(3, 4, None), (5, 8, "crlf")]  # each at its only place
    assert places(text, (2, 3, "b"), (4, 7, "Ann"), (10, 13, None)) == [
        (3, 4, "crlf"), (5, 8, "crlf"), (12, 15, "crlf"),
    ]  # fmt: skip


def test_units_in_a_build(tmp_path: Path) -> None:
    regions = [span(9, 12, "Ann"), span(13, 16, "Ann", id="r2")]
    built = build_tasks(tmp_path, task("💩💩💩💩 Ann Ann", regions))
    rows = built.rows("votes")
    assert [(row["start"], row["end"], row["repair"], row["original_start"]) for row in rows] == [
        (5, 8, "utf16", 9),
        (9, 12, "utf16", 13),
    ]
    assert (built.codes, built.results) == ({}, (0, 2, 0))


# ------------------------------------------------------------------------------------------------- tolerance, nearby


@pytest.mark.parametrize(
    ("text", "region", "place"),
    [
        ("We saw the dog on Friday", (0, 2, "he"), "quote-mismatch"),  # t-he
        ("Friday, she said", (0, 2, "he"), "quote-mismatch"),
        ("We saw him, he left", (0, 2, "he"), (12, 14, "nearby")),
        ("We saw the dog on Friday", (0, 2, "Frid"), (18, 22, "nearby")),  # four code points, once in the text
        ("We saw the dog on Friday, Fridays", (0, 2, "Frid"), "quote-mismatch"),
        ("cafe\u0301s, cafe\u0301", (0, 3, "cafe"), "quote-mismatch"),  # a combining mark belongs to the word
        ("They came together", (10, 18, "to get her"), "quote-mismatch"),
        ("They came together", (8, 18, "to get her"), "quote-mismatch"),
        ("They came to get her", (10, 20, "together"), (10, 20, None)),  # a quote may have lost white space
        ("They came to  get\nher", (10, 21, "to get her"), (10, 21, None)),
        ("They came to get her.", (10, 20, "to get her "), "quote-mismatch"),
        ("They came to get her", (10, 20, "to get her\\n"), (10, 20, None)),  # the text ends there
        ("a b", (0, 1, "a  "), (0, 1, None)),
    ],
)
def test_white_space_and_words(text: str, region: tuple[int, int, str], place: Any) -> None:
    assert places(text, region) == [place]


@pytest.mark.parametrize(
    ("region", "place"),
    [
        ((15, 26, "te d'Az"), (15, 26, "word")),
        ((15, 26, "côte"), (15, 19, "nearby")),  # more than parts of words are missing
        ((15, 25, "te d'Az"), (17, 24, "nearby")),  # not whole words
        ((0, 4, "ic"), (0, 4, "word")),
    ],
)
def test_whole_words_around_an_old_quote(region: tuple[int, int, str], place: Any) -> None:
    assert places("Nice is on the côte d'Azur, in France", region) == [place]


def test_a_message_escapes_what_looks_the_same() -> None:
    rejection = locate_span(TextIndex("Caf\u0065\u0301 and more"), 0, 5, "Café")
    assert rejection == ("quote-mismatch", r"the offsets 0..5 contain 'Cafe\u0301'; expected the quote 'Caf\xe9'")
    rejection = locate_span(TextIndex("Zu\u200bg and more"), 0, 4, "Zug")
    assert rejection[1] == r"the offsets 0..4 contain 'Zu\u200bg'; expected the quote 'Zug'"


# -------------------------------------------------------------------------------------------------------------- HTML


def region(name: str, path: str, start: int, end: int, quote: str | None, offsets: tuple[int, int] | None) -> Any:
    value: dict[str, Any] = {"start": path, "end": path, "startOffset": start, "endOffset": end}
    value |= {"hypertextlabels": ["PER"]} | ({"text": quote} if quote else {})
    value |= {"globalOffsets": {"start": offsets[0], "end": offsets[1]}} if offsets else {}
    return {"id": name, "from_name": "spans", "to_name": "text", "type": "hypertextlabels", "value": value}


def titled(length: int) -> str:
    filler = "The minister spoke for an hour about roads. " * 3 + "Nobody asked"
    body = f"<p>Anna met Bob.</p><p>{filler}</p><p>Then Anna left.</p>"
    return f"<html><head><title>{'t' * length}</title></head><body>{body}</body></html>"


def built_places(folder: Path, html: str, *regions: Any) -> tuple[list[Any], dict[str, int]]:
    built = build_tasks(folder, {"id": 1, "data": {"html": html}, "annotations": [{"id": 11, "completed_by": 1, "result": list(regions)}]}, **HTML)  # fmt: skip  # noqa: E501
    return [(row["start"], row["end"], row["quote"], row["repair"]) for row in built.rows("votes")], built.codes


def test_an_exact_path_comes_before_an_occurrence_close_by(tmp_path: Path) -> None:
    """The editor counted the title of the page; close to the shifted offsets stands another Anna."""
    rows, codes = built_places(tmp_path, titled(120), region("r1", "/p[1]/text()[1]", 0, 4, "Anna", (120, 124)))
    assert (rows, codes) == ([(0, 4, "Anna", "xpath")], {})


def test_a_path_and_offsets_that_fit_at_two_places_are_ambiguous(tmp_path: Path) -> None:
    html = titled(162)  # the second Anna stands where the first one's shifted offsets lead
    text_at = "Anna met Bob." + "The minister spoke for an hour about roads. " * 3 + "Nobody asked" + "Then "
    shift = len(text_at)
    html = titled(shift)
    first = region("r1", "/p[1]/text()[1]", 0, 4, "Anna", (shift, shift + 4))
    rows, codes = built_places(tmp_path / "alone", html, first)
    assert (rows, codes) == ([], {"ambiguous-offsets": 1})
    bob = region("r2", "/p[1]/text()[1]", 9, 12, "Bob", (shift + 9, shift + 12))
    rows, codes = built_places(tmp_path / "both", html, first, bob)
    assert (rows, codes) == ([(0, 4, "Anna", "xpath"), (9, 12, "Bob", "xpath")], {})


def test_a_shift_that_all_regions_share(tmp_path: Path) -> None:
    html = titled(60)
    known = [
        region("r1", "/p[1]/text()[1]", 0, 4, "Anna", (60, 64)),
        region("r2", "/p[1]/text()[1]", 9, 12, "Bob", (69, 72)),
    ]
    lost = region("r3", "/article[7]/text()[1]", 0, 8, "minister", (77, 85))
    unquoted = region("r4", "/article[7]/text()[1]", 0, 8, None, (77, 85))
    rows, codes = built_places(tmp_path / "quoted", html, *known, lost)
    assert (rows[2], codes) == ((17, 25, "minister", "shift"), {})
    rows, codes = built_places(tmp_path / "unquoted", html, *known, unquoted)
    assert (rows[2], codes) == ((17, 25, "minister", "shift"), {})
    rows, codes = built_places(tmp_path / "one", html, known[0], unquoted)
    assert (len(rows), codes) == (1, {"unproven-offsets": 1})  # one region alone proves no shift


def test_a_shift_is_counted_in_the_unit_of_the_offsets(tmp_path: Path) -> None:
    """An emoji between two regions makes the shift another number in code points than in UTF-16 units."""
    html = f"<html><head><title>{'t' * 5}</title></head><body><p>x x x x x x x 😀😀</p><p>then Anna</p></body></html>"
    anna = region("r1", "/p[2]/text()[1]", 5, 9, "Anna", (28, 32))
    lost = region("r2", "/div[3]/text()[1]", 0, 1, "x", (13, 14))
    rows, codes = built_places(tmp_path / "one", html, anna, lost)
    assert (rows, codes) == ([(21, 25, "Anna", "xpath")], {"ambiguous-offsets": 1})
    first = region("r3", "/p[1]/text()[1]", 0, 1, "x", (5, 6))
    rows, codes = built_places(tmp_path / "two", html, anna, first, lost)
    assert (rows[1], codes) == ((8, 9, "x", "shift+utf16"), {})


def test_one_fit_by_chance_proves_nothing_about_regions_without_a_quote(tmp_path: Path) -> None:
    html = "<html><head><title>tttt</title></head><body><p>Ann Ann Rome</p><p>Bob x</p><p>more text</p></body></html>"
    chance = region("r1", "/div[3]/text()[1]", 0, 3, "Ann", (4, 7))
    unquoted = region("r2", "/p[2]/text()[1]", 0, 3, None, (16, 19))
    rows, codes = built_places(tmp_path / "chance", html, chance, unquoted)
    assert codes == {"unproven-offsets": 1}
    rome = region("r3", "/p[1]/text()[1]", 8, 12, "Rome", (12, 16))
    rows, codes = built_places(tmp_path / "shift", html, chance, unquoted, rome)
    assert [row[:3] for row in rows] == [(0, 3, "Ann"), (8, 12, "Rome"), (12, 15, "Bob")]
    assert codes == {}


def test_a_shift_without_any_path(tmp_path: Path) -> None:
    def offsets(name: str, start: int, quote: str) -> Any:
        return region(name, "/gone[1]", 0, 1, quote, (start + 60, start + 60 + len(quote)))

    regions = [offsets("r1", 0, "Anna"), offsets("r2", 9, "Bob"), offsets("r3", 17, "minister")]
    rows, codes = built_places(tmp_path, titled(60), *regions)
    assert codes == {}
    assert rows == [(0, 4, "Anna", "shift"), (9, 12, "Bob", "shift"), (17, 25, "minister", "shift")]


def test_markup_may_add_white_space_to_a_quote(tmp_path: Path) -> None:
    html = "<p>Ann</p><p>met Bob</p><p>together</p>"
    good = region("r1", "/gone[1]", 0, 1, "Ann\n\nmet", (0, 6))
    rows, codes = built_places(tmp_path / "seam", html, good)
    assert (rows, codes) == ([(0, 6, "Annmet", None)], {})
    rows, codes = built_places(tmp_path / "word", html, region("r1", "/gone[1]", 0, 1, "to gether", (10, 18)))
    assert (rows, codes) == ([], {"unproven-offsets": 1})


def test_markup_of_the_task_counts_where_the_text_is_a_seed(tmp_path: Path) -> None:
    html = "<p>Ann</p><p>met Bob</p>"
    data = {"article_id": "a1", "html": html}
    items = [region("r1", "/gone[1]", 0, 1, "Ann\n\nmet", (0, 6))]
    case = HTML | {"seeds": {"a1.txt": "Annmet Bob"}}
    built = build_tasks(tmp_path, {"id": 1, "data": data, "annotations": [{"id": 11, "completed_by": 1, "result": items}]}, **case)  # fmt: skip  # noqa: E501
    assert (built.spans(), built.codes) == ([(0, 6, "Annmet")], {})


def test_without_a_quote_path_and_offsets_have_to_agree_or_others_to_prove_one(tmp_path: Path) -> None:
    html = titled(60)
    unquoted = region("r9", "/p[1]/text()[1]", 0, 4, None, (60, 64))
    rows, codes = built_places(tmp_path / "alone", html, unquoted)
    assert (rows, codes) == ([], {"unproven-offsets": 1})
    bob = region("r2", "/p[1]/text()[1]", 9, 12, "Bob", (69, 72))
    rows, codes = built_places(tmp_path / "proved", html, bob, unquoted)
    assert (rows, codes) == ([(0, 4, "Anna", "xpath"), (9, 12, "Bob", "xpath")], {})


@pytest.mark.parametrize(
    ("path", "quote", "message"),
    [
        ("/p[1]/text()[1]", "Rome", "the text at the region's path is 'Ann'; expected the quote 'Rome'"),
        ("/gone[1]", "Rome", "the region's path leads to no text; expected the quote 'Rome'"),
        ("/gone[1]", None, "the region's path leads to no text, and the region has no quote"),
    ],
)
def test_the_message_of_a_wrong_path_shows_the_quote(path: str, quote: str | None, message: str) -> None:
    index = TextIndex("Ann met Bob")
    place = (0, 3) if path.startswith("/p") else None
    (found,) = locate([Claim(index, None, None, quote, {XPATH: place}, page="text")])
    assert found == Rejection("unproven-offsets", message)


def test_utf16_units_within_a_text_node(tmp_path: Path) -> None:
    html = "<p>💩💩 Ann</p><p>Bob</p>"
    rows, codes = built_places(tmp_path, html, region("r1", "/p[1]/text()[1]", 5, 8, "Ann", None))
    assert (rows, codes) == ([(3, 6, "Ann", "xpath+utf16")], {})


# -------------------------------------------------------------------------------------------------- what is not seen


@pytest.mark.parametrize(
    "blank",
    [
        "\u200b",
        "\u034f",
        "\u3164",
        "\u115f\u1160",
        "\uffa0",
        "\u2800",
        "\u206a",
        "\ufff9",
        "\U000e0041",
        "\u200d\ufe0f",
        "\x00 ",
    ],
)
def test_a_span_of_nothing_that_is_seen_is_empty(blank: str) -> None:
    text = f"Ann{blank}Bob"
    assert places(text, (3, 3 + len(blank), blank)) == ["empty-span"]


@pytest.mark.parametrize("filler", "\u3164\u115f\u1160\uffa0\u2800")
def test_a_filler_is_no_letter_of_a_word(filler: str) -> None:
    assert places(f"We saw{filler}Bob there.", (0, 3, "Bob")) == [(7, 10, "nearby")]


@pytest.mark.parametrize(
    "pair", [("Anna", "\u0410nna"), ("caf\xe9", "cafe\u0301"), ("Zug", "Zu\u200bg"), ("cafe", "caf\xe9")]
)
def test_what_may_look_the_same_is_escaped(pair: tuple[str, str]) -> None:
    assert shown_apart(*pair) == (ascii(pair[0]), ascii(pair[1]))


def test_what_looks_different_is_shown_as_it_is() -> None:
    assert shown_apart("Путин", "Москва") == ("'Путин'", "'Москва'")


def test_names_in_scripts_without_spaces_are_found_close_by() -> None:
    assert places("今天北京下雨。我去上海。", (0, 2, "北京")) == [(2, 4, "nearby")]
    assert places("今天北京下雨。我去北京。", (0, 2, "北京")) == ["quote-mismatch"]
