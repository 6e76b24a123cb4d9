"""The invented reports measure the guidelines: the page on agreement has the figures, and they reach the targets."""

from __future__ import annotations

import json

import pytest

from helpers import CORPORA, ROOT
from newsparallax.building import measure, problems_of
from newsparallax.corpus import open_corpus

INVENTED = CORPORA / "invented"
EXPECTED = {"entities": 0.95, "euphemisms": 0.85, "cues": 0.8, "stances": 0.75}  # F1, same offsets and label
EXPECTED_STANCES = 0.85  # label with relations


@pytest.fixture(scope="module")
def layers():
    with measure(open_corpus(INVENTED)) as measured:
        (pair,) = measured.figures["overall"]
        return pair["layers"]


def test_the_corpus_has_no_problems():
    assert [entry for entry in problems_of(open_corpus(INVENTED)) if entry.open] == []


@pytest.mark.parametrize("layer", EXPECTED)
def test_two_blind_passes_agree_as_expected(layers, layer):
    assert layers[layer]["exact_label"]["value"] >= EXPECTED[layer]


def test_two_blind_passes_agree_on_who_is_for_whom(layers):
    assert layers["stances"]["tuples"]["f1"]["value"] >= EXPECTED_STANCES


def test_the_page_has_the_figures(layers):
    page = (ROOT / "docs/agreement.md").read_text("utf-8")
    for name in EXPECTED:
        assert f"| {name} | {marks(name)} | {layers[name]['exact_label']['value']:.3f} |" in page
    stances = layers["stances"]["tuples"]["f1"]["value"]
    assert f"| stances, label with holder and target | {marks('stances')} | {stances:.3f} |" in page


def marks(layer):
    """The numbers of marks of both passes, counted in the exports."""
    numbers = {1: 0, 2: 0}
    for file in open_corpus(INVENTED).exports.files:
        for annotation in json.loads(file.read_bytes())[0]["annotations"]:
            numbers[annotation["completed_by"]] += sum(item.get("from_name") == layer for item in annotation["result"])
    return f"{numbers[1]} and {numbers[2]}"
