"""Tokens are those of the library, though it is asked about pieces of a text."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st
from tokenizers.pre_tokenizers import BertPreTokenizer

from newsparallax.edges.pretokenize import pretokenize

WHOLE = BertPreTokenizer()


def by_the_library(text):
    return [offsets for _, offsets in WHOLE.pre_tokenize_str(text)]


def test_every_code_point_divides_tokens_as_for_the_library():
    points = [chr(point) for point in range(sys.maxunicode + 1) if not 0xD800 <= point < 0xE000]
    for at in range(0, len(points), 4096):
        text = "".join(f"a{point}b " for point in points[at : at + 4096])
        assert pretokenize(text) == by_the_library(text)


@given(
    st.text(
        st.one_of(st.sampled_from("ab.,-'’ \n\r\t\x1c\x85\u2028\u200b👩\u200d🇫🇷é\u0301"), st.characters(codec="utf-8"))
    )
)
def test_any_text_has_the_tokens_of_the_library(text):
    assert pretokenize(text) == pretokenize(text) == by_the_library(text)
