"""Blind passes with guidelines that do not know the texts: the page has the figures, and they reach the targets."""

from __future__ import annotations

import json

import pytest

from helpers import CORPORA, ROOT
from newsparallax.building import measure, problems_of
from newsparallax.corpus import open_corpus

PLACES = {"invented": CORPORA / "invented", "own": ROOT}
# F1, same offsets and label
TARGETS = {"entities": 0.95, "cues": 0.8, "quotes": 0.8, "euphemisms": 0.85, "stances": 0.75}
TARGET_OF_STANCES = 0.85  # label with relations


@pytest.fixture(scope="module")
def layers():
    """The figures of all layers, by corpus."""
    figures = {}
    for name, place in PLACES.items():
        with measure(open_corpus(place)) as measured:
            (pair,) = measured.figures["overall"]
            figures[name] = pair["layers"]
    return figures


@pytest.mark.parametrize("name", PLACES)
def test_the_corpus_has_no_problems(name):
    assert [entry for entry in problems_of(open_corpus(PLACES[name])) if entry.open] == []


@pytest.mark.parametrize("name", PLACES)
def test_two_blind_passes_reach_the_targets(layers, name):
    reached = {layer: layers[name][layer]["exact_label"]["value"] for layer in TARGETS}
    assert [layer for layer, value in reached.items() if value < TARGETS[layer]] == []
    assert layers[name]["stances"]["tuples"]["f1"]["value"] >= TARGET_OF_STANCES


def test_the_page_has_the_figures(layers):
    page = (ROOT / "docs/agreement.md").read_text("utf-8")
    for layer in TARGETS:
        values = [f"{layers[name][layer]['exact_label']['value']:.3f} ({marks(name, layer)} marks)" for name in PLACES]
        assert f"| {layer} | {' | '.join(values)} |" in page
    values = [f"{layers[name]['stances']['tuples']['f1']['value']:.3f}" for name in PLACES]
    assert f"| stances, label with holder and target | {' | '.join(values)} |" in page


def marks(name, layer):
    """The numbers of marks of both passes, counted in the exports."""
    numbers = {}
    for file in open_corpus(PLACES[name]).exports.files:
        for annotation in json.loads(file.read_bytes())[0]["annotations"]:
            if annotation["ground_truth"]:
                continue
            number = sum(item.get("from_name") == layer for item in annotation["result"])
            numbers[annotation["completed_by"]] = numbers.get(annotation["completed_by"], 0) + number
    return " and ".join(str(number) for _, number in sorted(numbers.items()))
