"""Where the words of a mark occur in the text of the worked example."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsparallax.corpus import Codebook, WorkedExample, copied_examples
from newsparallax.text import token_edges


@pytest.mark.parametrize(
    ("text", "span", "offsets"),
    [
        ("The minister is in Linz.", "in", [16]),  # not in *minister* or *Linz*
        ("Prado met Ines Prado.", "Prado", [0, 15]),
        ("The minister left.", "minis", [4]),  # only inside a word
        ("北京的新机场在北京", "北京", [0, 7]),
        ("a (b) c", "(b)", [2]),
        ("a a a", "a a", [0, 2]),
        ("a b", "c", []),
        ("a b", "", []),
    ],
)
def test_occurrences_are_whole_words_where_there_are_any(text, span, offsets):
    assert WorkedExample(text, []).occurrences(span) == offsets


@given(st.text("ab 北.(", min_size=1), st.data())
def test_words_that_are_cut_from_the_text_occur_where_they_were_cut(text, data):
    start = data.draw(st.integers(0, len(text) - 1))
    span = text[start : data.draw(st.integers(start + 1, len(text)))]
    found = WorkedExample(text, []).occurrences(span)
    starts, ends = map(set, token_edges(text))
    whole = [at in starts and at + len(span) in ends for at in (start, *found)]
    assert all(text[at:].startswith(span) for at in found)
    assert found == sorted({*found, start}) if whole[0] or not any(whole) else all(whole[1:])


def test_the_reasons_of_marks_are_compared_with_the_corpus():
    mark = {"layer": "a", "label": "X", "span": "b", "why": "unlike *she left the room*"}
    spec = {"codebook": {"version": "1"}, "worked_example": {"text": "a b", "marks": [mark]}}
    found = copied_examples(msgspec.convert(spec, Codebook), (), [("a", "She left the room.")])
    assert list(found) == [("worked_example.marks[1].why", "she left the", "a")]
