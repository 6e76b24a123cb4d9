"""Tokens are those of the library, though it is asked about pieces of a text, and characters where no spaces are."""

from __future__ import annotations

import sys
from itertools import pairwise

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st
from tokenizers.pre_tokenizers import BertPreTokenizer

from newsparallax.text import UNSPACED, token_edges

WHOLE = BertPreTokenizer()
LETTER = regex.compile(rf"[[{UNSPACED}]--\p{{M}}]", regex.VERSION1)


def by_the_library(text):
    return [offsets for _, offsets in WHOLE.pre_tokenize_str(text)]


def by_us(text, cuts=()):
    starts, ends = token_edges(text, cuts)
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def tokens(text):
    return [text[start:end] for start, end in by_us(text)]


@pytest.mark.slow
def test_every_code_point_divides_tokens_as_for_the_library():
    points = [chr(point) for point in range(sys.maxunicode + 1) if not 0xD800 <= point < 0xE000]
    spaced = [point for point in points if not LETTER.match(point)]
    for at in range(0, len(spaced), 4096):
        text = "".join(f"a{point}b " for point in spaced[at : at + 4096])
        assert by_us(text) == by_the_library(text)


@pytest.mark.slow
def test_every_letter_of_a_script_without_spaces_is_a_token():
    letters = [chr(point) for point in range(sys.maxunicode + 1) if LETTER.match(chr(point))]
    marks = set("\u0e33\u0eb3\uff9e\uff9f")  # letters by category, yet nothing stands between them and the one before
    for at in range(0, len(letters), 4096):
        some = letters[at : at + 4096]
        expected = [[f"a{letter}b"] if letter in marks else ["a", letter, "b"] for letter in some]
        assert tokens(" ".join(f"a{letter}b" for letter in some)) == [token for found in expected for token in found]


@given(
    st.text(
        st.one_of(
            st.sampled_from("ab.,-'’ \n\r\t\x1c\x85\u2028\u200b👩\u200d🇫🇷é\u0301"),
            st.characters(codec="utf-8").filter(lambda point: not LETTER.match(point)),
        )
    )
)
def test_any_text_with_spaces_has_the_tokens_of_the_library(text):
    assert by_us(text) == by_us(text) == by_the_library(text)


@given(st.text("ab .,漢か", max_size=30), st.lists(st.integers(0, 30), max_size=5))
def test_no_token_crosses_a_cut(text, cuts):
    edges = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    pieces = [(begin, by_us(text[begin:end])) for begin, end in pairwise(edges)]
    assert by_us(text, edges) == [(begin + start, begin + end) for begin, piece in pieces for start, end in piece]


SPACED = "漢 字 か カ\u3099 ﾊﾞ ー ก น้ำ รั ខ្មែ ស្រុ က မြ ab é e\u0301 。 ， . \u200b 葛\U000e0100 𠮷 💩 1 ๑"


@given(st.lists(st.sampled_from([*SPACED.split(" "), " "]), max_size=60).map("".join))
def test_characters_of_scripts_without_spaces_divide_the_tokens_of_the_library(text):
    found, whole = by_us(text), by_the_library(text)
    assert {end for _, end in whole} <= {end for _, end in found}
    assert "".join(tokens(text)) == text.replace(" ", "")
    graphemes = {match.start() for match in regex.finditer(r"\X", text)}
    assert {start for start, _ in found} <= graphemes | {start for start, _ in whole}
    assert [part for part in tokens(text) if LETTER.search(part) and not regex.fullmatch(r"\X", part)] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("外交部Google在3月，说。", "外 交 部 Google 在 3 月 ， 说 。"),
        ("コーヒーをカ\u3099飲むﾊﾞ々", "コ ー ヒ ー を カ\u3099 飲 む ﾊﾞ 々"),
        ("นายก น้ำ กำ ๑๒", "น า ย ก น้ำ กำ ๑ ๒"),
        ("ນາຍົກ ດຳ", "ນ າ ຍົ ກ ດຳ"),
        ("ស្រុកខ្មែរ", "ស្រុ ក ខ្មែ រ"),
        ("မြန်မာ အင်္ဂ", "မြ န် မာ အ င်္ဂ"),
        ("𠮷野家 葛\U000e0100城", "𠮷 野 家 葛\U000e0100 城"),
        ("한국어 띄어쓰기", "한국어 띄어쓰기"),
    ],
)
def test_tokens_of_scripts_without_spaces(text, expected):
    assert tokens(text) == expected.split()
    assert tokens(f"{text} " * 40) == expected.split() * 40
    assert tokens(f"-{text}-" * 40) == ["-", *expected.split(), "-"] * 40  # a long piece
