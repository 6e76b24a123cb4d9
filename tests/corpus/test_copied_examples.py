"""Examples of a codebook that repeat words of the corpus."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsparallax.corpus import Codebook, copied_examples
from newsparallax.text import word_runs


def codebook(**parts):
    layer = {"labels": {"PER": parts.pop("label", {})}, **parts}
    return msgspec.convert({"codebook": {"version": "1"}, "texts": {}, "layers": {"spans": layer}}, Codebook)


@pytest.mark.parametrize(
    ("parts", "place"),
    [
        ({"instructions": "As in *she left the room*."}, "layers.spans.instructions"),
        ({"rules": [{"ask": "*She left THE room*?", "answer": "No."}]}, "layers.spans.rules[1].ask"),
        ({"label": {"definition": "**she left the**"}}, "layers.spans.labels.PER.definition"),
        ({"label": {"example": {"text": "Then she left the room.", "span": "she"}}}, "layers.spans.labels.PER.example"),
        (
            {"label": {"near_miss": {"text": "She left the", "span": "left", "instead": "nothing", "why": ""}}},
            "layers.spans.labels.PER.near_miss",
        ),
        (
            {"label": {"near_miss": {"text": "-", "span": "-", "instead": "nothing", "why": "as *she left the*"}}},
            "layers.spans.labels.PER.near_miss.why",
        ),
    ],
)
def test_every_part_of_the_codebook_is_read(parts, place):
    found = list(copied_examples(codebook(**parts), (), [("a", "Yesterday she left the room."), ("b", "She left.")]))
    assert found == [(place, "she left the", "a")]


def test_the_text_of_the_worked_example_is_an_example():
    spec = {"codebook": {"version": "1"}, "worked_example": {"text": "Then she left the room.", "marks": []}}
    found = copied_examples(msgspec.convert(spec, Codebook), (), [("a", "She left the room.")])
    assert list(found) == [("worked_example", "she left the", "a")]


def test_labels_and_values_may_be_called_like_the_keys_of_examples():
    values = {"example": {}, "near_miss": {"definition": "*she left the*"}}
    layer = {"labels": values, "attributes": {"example": {"kind": "choice", "values": values}}}
    spec = {"codebook": {"version": "1"}, "texts": {}, "layers": {"example": layer}}
    found = copied_examples(msgspec.convert(spec, Codebook), (), [("a", "She left the room.")])
    places = [place for place, _, _ in found]
    assert places == ["layers.example.labels.near_miss.definition", "layers.example.attributes.example.values.near_miss.definition"]  # fmt: skip  # noqa: E501


@pytest.mark.parametrize(
    "instructions",
    [
        "She left the room, without italics.",
        "*she left* and *the room* are two examples",
        "*Anna Maria Moser* is a name",
        "",
    ],
)
def test_what_is_no_example_or_too_short_or_a_name_does_not_count(instructions):
    seeds = [("a", "Anna Maria Moser: she left the room.")]
    assert list(copied_examples(codebook(instructions=instructions), ["Anna Maria Moser"], seeds)) == []


def test_a_name_with_words_around_it_counts():
    seeds = [("a", "Chancellor Anna Maria Moser left.")]
    found = list(copied_examples(codebook(instructions="*Chancellor Anna Maria Moser*"), ["Anna Maria Moser"], seeds))
    assert [words for _, words, _ in found] == ["chancellor anna maria"]


@pytest.mark.parametrize(
    ("example", "number"), [("北京的新", 0), ("北京的新机", 1), ("กรุงเทพม", 0), ("กรุงเทพมหานคร", 1)]
)
def test_in_unspaced_scripts_characters_count_less_than_words(example, number):
    seeds = [("a", "他说北京的新机场很大。กรุงเทพมหานครใหญ่")]
    assert len(list(copied_examples(codebook(instructions=f"*{example}*"), (), seeds))) == number


@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=12), st.integers(1, 4))
def test_runs_of_spaced_words_are_all_their_neighbours(words, length):
    expected = [" ".join(words[at : at + length]) for at in range(len(words) - length + 1)]
    assert list(word_runs(", ".join(words), length)) == expected
