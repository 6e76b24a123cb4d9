"""Agreement: matching, measures, what is counted and who, resampling, and what is printed."""

from __future__ import annotations

import copy
import itertools
import json
import math
import os
import random
import re
import subprocess
import sys
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import krippendorff
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nervaluate import Evaluator

from command_line import run_script
from generate_corpus import make_tasks
from generate_corpus import write_corpus as write_generated
from helpers import CODEBOOK, CORPORA, ROOT, build_case, span, task, write_corpus
from newsparallax.agreement import BRACKETS, NO_PAIRS, Agreement, AgreementReport, agreement_block, figures, matching
from newsparallax.agreement import counts as samples
from newsparallax.agreement.compare import _count_numbers
from newsparallax.agreement.counts import ArticleCounts, Group, Sample, seed_of
from newsparallax.agreement.disputes import AROUND
from newsparallax.agreement.matching import ONE, assign, dice, match_spans, ranges
from newsparallax.agreement.measures import (
    RESAMPLES,
    Resampled,
    Table,
    _weights,
    alpha,
    f1,
    interval_alpha,
    kappa,
    library_alpha,
    masi,
    stat,
)
from newsparallax.building import measure
from newsparallax.building.run import SHOWN
from newsparallax.building.workers import convert_corpus
from newsparallax.convert import Span
from newsparallax.convert.model import SpanRelation
from newsparallax.corpus import open_corpus
from newsparallax.dataset import BuildCounts

SCRIPT = ROOT / "scripts/agreement.py"
PEOPLE = {
    "ann": {"kind": "human", "ids": [1]},
    "ben": {"kind": "human", "ids": [2]},
    "cy": {"kind": "model", "ids": [3], "given": "the guidelines"},
    "dee": {"kind": "model", "ids": [4]},
    "eve": {"kind": "human", "ids": [9], "role": "adjudicator"},
}


# ------------------------------------------------------------------------------------------------------------- matching


def mark(start: int, end: int, label: str = "A", **rest: Any) -> Span:
    name = f"{start}-{end}-{label}"
    made = Span(name, "layer", name, "text", start, end, (label,), None, (None, None), {}, [])
    made.attributes = rest
    return made


def by_place(spans: list[Span]) -> dict[tuple[int, int], list[Span]]:
    places: dict[tuple[int, int], list[Span]] = {}
    for found in spans:
        places.setdefault((found.start, found.end), []).append(found)
    return places


def matched(a: list[Span], b: list[Span]) -> list[tuple[str | None, str | None]]:
    sides = match_spans(by_place(a), by_place(b))
    return sorted(((x and x.span_id, y and y.span_id) for x, y in sides), key=repr)


def several(*places: str) -> list[Span]:
    """Spans out of "start-end-label"."""
    parts = (place.split("-") for place in places)
    return [mark(int(start), int(end), *label) for start, end, *label in parts]


spans = st.lists(
    st.tuples(st.integers(0, 25), st.integers(1, 12), st.sampled_from("AB")).map(
        lambda t: mark(t[0], t[0] + t[1], t[2])
    ),
    max_size=7,
)


@pytest.mark.parametrize(
    ("a", "b", "pairs"),
    [
        pytest.param("0-4-A 6-9-B", "0-4-A 6-9-B", "0-4-A=0-4-A 6-9-B=6-9-B", id="same"),
        pytest.param("0-4-A", "4-8-A", "0-4-A= =4-8-A", id="that touch"),
        pytest.param("0-4-A", "0-4-B", "0-4-A=0-4-B", id="labels swapped"),
        pytest.param("0-9-A 2-5-A", "0-9-A 2-5-A", "0-9-A=0-9-A 2-5-A=2-5-A", id="nested"),
        pytest.param("2-5-A", "0-9-A 2-5-B", "2-5-A=2-5-B =0-9-A", id="the inner one is the same"),
        pytest.param("0-9-A", "0-3-A 4-9-A", "0-9-A=4-9-A =0-3-A", id="one over two: the one with more in common"),
        pytest.param("0-9-A", "0-3-A 4-9-B", "0-9-A=4-9-B =0-3-A", id="labels do not steer what overlaps"),
        pytest.param("0-4-A 0-4-B", "0-4-B", "0-4-A= 0-4-B=0-4-B", id="but they do at one place"),
        pytest.param("0-6-A 5-9-A", "4-6-A 0-1-A", "0-6-A=0-1-A 5-9-A=4-6-A", id="as many as possible"),
        pytest.param("0-9-A 0-9-B", "0-9-A 1-9-B", "0-9-A=0-9-A 0-9-B=1-9-B", id="one place is left over and overlaps"),
        pytest.param("", "0-4-A", "=0-4-A", id="one has nothing"),
    ],
)
def test_spans_are_matched(a, b, pairs):
    expected = [tuple(name or None for name in pair.split("=")) for pair in pairs.split()]
    one, other = several(*a.split()), several(*b.split())
    assert matched(one, other) == sorted(expected, key=repr)
    assert matched(other, one) == sorted(((y, x) for x, y in expected), key=repr)


def test_at_one_place_the_marks_that_are_most_alike_belong_together():
    """As when the same words show what two holders think."""
    north, south, paper = mark(30, 35), mark(40, 45), mark(50, 55)
    first, second = mark(0, 5, holder="entity"), mark(0, 5, holder="author")
    first.links, second.links = [SpanRelation("target", "right", north, 0)], [SpanRelation("target", "right", south, 1)]
    other, another = mark(0, 5, holder="author"), mark(0, 5, holder="entity")
    other.links, another.links = (
        [SpanRelation("target", "right", south, 0)],
        [SpanRelation("target", "right", paper, 1)],
    )
    sides = match_spans(by_place([first, second]), by_place([other, another]))
    assert {(id(x), id(y)) for x, y in sides} == {(id(first), id(another)), (id(second), id(other))}


@settings(max_examples=300, deadline=None)
@given(spans, spans, st.randoms(use_true_random=False))
def test_matching_is_one_to_one_symmetric_and_complete(a, b, chance):
    sides = match_spans(by_place(a), by_place(b))
    assert sorted(id(x) for x, _ in sides if x) == sorted(map(id, a))
    assert sorted(id(y) for _, y in sides if y) == sorted(map(id, b))
    shuffled = (chance.sample(a, len(a)), chance.sample(b, len(b)))
    assert matched(*shuffled) == matched(a, b)
    assert sorted(((y, x) for x, y in matched(b, a)), key=repr) == matched(a, b)
    same = Counter((x.start, x.end) for x in a) & Counter((y.start, y.end) for y in b)
    exact = [(x, y) for x, y in sides if x and y and (x.start, x.end) == (y.start, y.end)]
    assert len(exact) == same.total()
    labelled = Counter(map(Span.place, a)) & Counter(map(Span.place, b))
    assert sum(x.labels == y.labels for x, y in exact) == labelled.total()
    rest_a = [x for x in a if all(x is not one for one, _ in exact)]
    rest_b = [y for y in b if all(y is not other for _, other in exact)]
    most = most_pairs(rest_a, rest_b)
    assert sum(x is not None and y is not None for x, y in sides) == len(exact) + most


def most_pairs(a: list[Span], b: list[Span]) -> int:
    """The size of the largest matching of overlapping spans, by trying everything."""
    if not a:
        return 0
    first, rest = a[0], a[1:]
    overlapping = [y for y in b if y.start < first.end and first.start < y.end]
    tried = (1 + most_pairs(rest, [y for y in b if y is not other]) for other in overlapping)
    return max([most_pairs(rest, b), *tried])


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.tuples(st.integers(0, 4), st.integers(0, 4)), st.integers(1, 30), max_size=12))
def test_assignment_is_the_heaviest(weights):
    def heaviest(pairs: list[tuple[int, int]]) -> int:
        if not pairs:
            return 0
        (i, j), rest = pairs[0], pairs[1:]
        with_it = weights[i, j] + heaviest([pair for pair in rest if pair[0] != i and pair[1] != j])
        return max(with_it, heaviest(rest))

    chosen = assign(weights)
    assert len({i for i, _ in chosen}) == len({j for _, j in chosen}) == len(chosen)
    assert sum(weights[pair] for pair in chosen) == heaviest(sorted(weights))


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.tuples(st.integers(0, 9), st.integers(0, 9)), st.integers(1, 10**9), min_size=1))
def test_large_groups_are_matched_like_small_ones(weights):
    """Random weights of this size rarely leave a choice; where they do, both find the same total."""
    large, small = matching._heaviest_of_many(weights), matching._heaviest(weights)
    assert len({i for i, _ in large}) == len({j for _, j in large}) == len(large)
    total = sum(weights[pair] for pair in small)
    assert sum(weights[pair] for pair in large) == total
    for pair in small:  # if the matching is the only heaviest one, every other is lighter
        rest = {other: weight for other, weight in weights.items() if other != pair}
        if rest and sum(weights[other] for other in matching._heaviest(rest)) == total:
            return
    assert sorted(large) == small


def test_crowds_of_overlaps_are_matched_as_many_and_as_well_as_possible():
    """300 spans by 300, most of which overlap: the loop for small groups takes a minute and a half."""
    chance = random.Random(1)
    a, b = (
        [mark(start, start + chance.randrange(1, 200)) for start in chance.choices(range(100), k=300)] for _ in "ab"
    )
    sides = match_spans(by_place(a), by_place(b))
    assert sorted(id(x) for x, _ in sides if x) == sorted(map(id, a))
    assert sorted(id(y) for _, y in sides if y) == sorted(map(id, b))
    assert sum(x is not None and y is not None for x, y in sides) == 300


def test_long_chains_of_overlaps_are_matched():
    """Two who cut a text into clauses at different places."""
    a = [mark(10 * n, 10 * n + 10) for n in range(300)]
    b = [mark(10 * n + 3, 10 * n + 13) for n in range(300)]
    sides = match_spans(by_place(a), by_place(b))
    assert {(x.start, y.start) for x, y in sides} == {(10 * n, 10 * n + 3) for n in range(300)}


def test_dice():
    def shared(a: str, b: str) -> int:
        return dice(ranges(several(*a.split())), ranges(several(*b.split())))

    assert shared("0-10", "0-10") == ONE
    assert shared("0-10", "5-10") == 2 * 5 * ONE // 15
    assert shared("0-10 20-30", "0-10") == 2 * 10 * ONE // 30
    assert shared("0-10 5-20", "0-20") == ONE  # what two spans share counts once
    assert shared("0-10", "10-20") == 0


# --------------------------------------------------------------------------------------------- compared with nervaluate


@st.composite
def flat_pairs(draw):
    """Spans of two people such that each overlaps at most one of the other: there greedy matching is right, too."""
    cells = draw(
        st.lists(st.tuples(*[st.sampled_from(("", "long", "head", "tail"))] * 2, *[st.sampled_from("AB")] * 2))
    )
    shapes = {"long": (0, 8), "head": (0, 5), "tail": (3, 8)}
    sides: tuple[list[Span], list[Span]] = ([], [])
    for number, (one, other, *labels) in enumerate(cells):
        for side, shape, label in zip(sides, (one, other), labels, strict=True):
            if shape:
                start, end = shapes[shape]
                side.append(mark(20 * number + start, 20 * number + end, label))
    return sides


@settings(max_examples=100, deadline=None)
@given(flat_pairs())
def test_counts_are_those_of_nervaluate_where_its_order_does_not_matter(pair):
    a, b = pair
    if not a or not b:
        return
    as_dicts = [[{"label": x.labels[0], "start": x.start, "end": x.end - 1} for x in side] for side in (a, b)]
    found = Evaluator([as_dicts[0]], [as_dicts[1]], tags=["A", "B"], loader="dict").evaluate()["overall"]
    sides = [(x, y) for x, y in match_spans(by_place(a), by_place(b)) if x and y]
    exact = [(x, y) for x, y in sides if (x.start, x.end) == (y.start, y.end)]
    assert found["exact"].correct == len(exact)
    assert found["strict"].correct == sum(x.labels == y.labels for x, y in exact)
    assert found["partial"].correct + found["partial"].partial == len(sides)


def test_an_overlap_before_it_does_not_take_the_partner_of_the_same_span():
    """What nervaluate 1.2 makes of it depends on the order."""
    gold, predicted = several("0-9-A", "4-9-A"), several("2-9-A", "0-9-A")
    as_dicts = [[{"label": "A", "start": x.start, "end": x.end - 1} for x in side] for side in (gold, predicted)]
    counts = [
        Evaluator([one], [other], tags=["A"], loader="dict").evaluate()["overall"]["exact"].correct
        for one, other in (as_dicts, [side[::-1] for side in as_dicts])
    ]
    assert counts == [0, 1]
    assert matched(gold, predicted) == [("0-9-A", "0-9-A"), ("4-9-A", "2-9-A")]


# ------------------------------------------------------------------------------------------------------------- measures

# Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability": part C, four observers, and its figures.
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]
# The example of three observers in the article "Krippendorff's alpha" of Wikipedia.
THREE = [
    [None, None, None, None, None, 3, 4, 1, 2, 1, 1, 3, 3, None, 3],
    [1, None, 2, 1, 3, 3, 4, 3, None, None, None, None, None, None, None],
    [None, None, 2, 1, 3, 4, 4, None, 2, 1, 1, 3, 3, None, 4],
]


def table_of(data: list[list[Any]], order: list[Any] | None = None) -> Table:
    """Observers' values, a list each, as the pairs of values that `alpha` takes."""
    cells: Counter[Any] = Counter()
    for unit in zip(*data, strict=True):
        given_values = [value for value in unit if value is not None]
        for x, y in itertools.combinations(given_values, 2):
            cells[x, y] += Fraction(1, len(given_values) - 1)
    values = order or sorted({value for row in data for value in row if value is not None})
    named = {value: value if isinstance(value, tuple) else (str(value),) for value in values}
    counted = [(named[x], named[y], np.full(RESAMPLES + 1, float(number))) for (x, y), number in cells.items()]
    return Table([named[value] for value in values], counted)


def library(data: list[list[Any]], level: Any) -> float:
    return krippendorff.alpha([[np.nan if v is None else v for v in row] for row in data], level_of_measurement=level)


def numbers_alpha(data: list[list[Any]]) -> float | None:
    """Interval alpha from counts, as of one article."""
    found = ArticleCounts()
    for unit in zip(*data, strict=True):
        given_values = [Fraction(value) for value in unit if value is not None]
        if len(given_values) > 1:
            _count_numbers(found, None, ("l", "x"), given_values)
    sample = Sample()
    sample.take(found, lambda _: 0)
    resampled = Resampled(sample)
    by_rows, exact = interval_alpha(*resampled.numbers(("l", "number", "x")))
    assert exact is None or by_rows[0] == pytest.approx(exact)
    return exact


@pytest.mark.parametrize(
    ("data", "level", "expected"),
    [(OBSERVERS, "nominal", 0.743), (OBSERVERS, "ordinal", 0.815), (THREE, "nominal", 0.691)],
)
def test_alpha_of_published_examples(data, level, expected):
    assert alpha(table_of(data), level)[0] == pytest.approx(expected, abs=5e-4)
    assert alpha(table_of(data), level)[0] == pytest.approx(library(data, level))


@pytest.mark.parametrize(("data", "expected"), [(OBSERVERS, 0.849), (THREE, 0.811)])
def test_interval_alpha_of_published_examples(data, expected):
    assert numbers_alpha(data) == pytest.approx(expected, abs=5e-4)


reliability = st.integers(2, 4).flatmap(
    lambda people: st.lists(
        st.lists(st.none() | st.integers(1, 4), min_size=people, max_size=people), min_size=1, max_size=12
    ).map(lambda units: [list(row) for row in zip(*units, strict=True)])
)


@settings(max_examples=200, deadline=None)
@given(reliability, st.sampled_from(["nominal", "ordinal", "interval"]))
def test_alpha_is_that_of_the_library(data, level):
    paired = [
        v for unit in zip(*data, strict=True) for v in unit if v is not None and sum(w is not None for w in unit) > 1
    ]
    if len({*paired}) < 2:
        if level == "interval" and paired:
            assert numbers_alpha(data) is None
        elif level != "interval":
            assert math.isnan(alpha(table_of(data), level)[0])
        return
    found = numbers_alpha(data) if level == "interval" else alpha(table_of(data), level)[0]
    assert found == pytest.approx(library(data, level))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(*[st.sets(st.sampled_from("xyz"), min_size=1)] * 2), min_size=1, max_size=9))
def test_alpha_of_sets_is_that_of_the_library(units):
    data = [[tuple(sorted(value)) for value in row] for row in zip(*units, strict=True)]
    found = alpha(table_of(data), "masi")[0]
    by_library = library_alpha(table_of(data), "masi") if len({*data[0], *data[1]}) > 1 else None
    assert math.isnan(found) if by_library is None else found == pytest.approx(by_library)


def test_masi_distances():
    """Passonneau 2006: Jaccard's share, times 1 for the same sets, 2/3 for subsets, 1/3 for others that share any."""
    assert masi({"a", "b"}, {"a", "b"}) == 0
    assert masi({"a", "b"}, {"a", "b", "c", "d"}) == pytest.approx(1 - 2 / 4 * 2 / 3)
    assert masi({"a", "b"}, {"b", "c"}) == pytest.approx(1 - 1 / 3 * 1 / 3)
    assert masi({"a"}, {"b"}) == 1


@pytest.mark.parametrize(
    ("counts", "expected"),
    [  # the examples of the article "Cohen's kappa" of Wikipedia
        ([[20, 5], [10, 15]], 0.4),
        ([[45, 15], [25, 15]], 0.1304),
        ([[25, 35], [5, 35]], 0.2593),
        ([[0, 7], [0, 0]], 0.0),
    ],
)
def test_kappa_of_textbook_examples(counts, expected):
    cells = [((x,), (y,), np.full(RESAMPLES + 1, counts[i][j])) for i, x in enumerate("yn") for j, y in enumerate("yn")]
    assert kappa(Table([("y",), ("n",)], cells))[0] == pytest.approx(expected, abs=5e-5)


def test_where_all_have_one_value_nothing_is_said():
    table = Table([("y",)], [(("y",), ("y",), np.full(RESAMPLES + 1, 5.0))])
    for measured in (alpha(table, "nominal"), kappa(table), alpha(Table([], []), "nominal")):
        assert np.isnan(measured).all()
    assert stat(kappa(table), "why", 50).as_json() == {"value": None, "interval": None, "reason": "why"}


def test_f1():
    both, a, b = (np.array([number, 0.0]) for number in (3.0, 4.0, 8.0))
    assert f1(both, a, b)[0] == 0.5
    assert math.isnan(f1(both, a, b)[1])


def test_an_interval_needs_units_and_resamples_in_which_the_measure_is_defined():
    values = np.concatenate([[0.5], np.linspace(0, 1, RESAMPLES)])
    assert stat(values, "", 10).interval == (0.025, 0.975)
    assert stat(values, "", 9) == (0.5, None, "only 9 units to resample")
    values[1:52] = np.nan
    assert stat(values, "", 10) == (0.5, None, "undefined in 51 of 1,000 resamples")


# --------------------------------------------------------------------------------------------- what is counted, and who

TEXT = "Ann met Bob in Rome. Bob met Cy in Oslo. Ann and Bob and Cy left."
LAYERS = {
    "spans": {
        "labels": {"PER": {}, "LOC": {}},
        "attributes": {
            "tone": {"kind": "choice", "values": {"warm": {}, "cold": {}}},
            "force": {"kind": "choice", "ordered": True, "values": {"low": {}, "mid": {}, "high": {}}},
            "kinds": {"kind": "choice", "many": True, "values": {"x": {}, "y": {}, "z": {}}},
            "who": {"kind": "ref", "many": True},
            "stars": {"kind": "rating"},
            "remark": {"kind": "text"},
            "town": {"kind": "choice", "labels": ["LOC"], "values": {"big": {}, "small": {}}},
        },
    },
    "moves": {
        "labels": {"FOR": {}, "AGAINST": {}, "EVEN": {}},
        "ordered": ["AGAINST", "EVEN", "FOR"],
        "relations": {"holder": {"to": ["spans"]}, "target": {"to": ["spans"]}},
    },
    "tags": {"multiple": True, "labels": {"p": {}, "q": {}, "r": {}}},
}
FULL: dict[str, Any] = {
    "codebook": CODEBOOK
    | {"layers": LAYERS, "document": {"mood": {"kind": "choice", "values": {"up": {}, "down": {}}}}},
    "annotators": PEOPLE,
    "entities": {"ann": {"type": "PER"}, "bob": {"type": "PER"}},
}
VALUES = {"choices": "choices", "rating": "rating", "text": "textarea"}


def region(words: str, label: str | list[str] = "PER", layer: str = "spans", nth: int = 0, **values: Any) -> list[dict]:
    """The items of a mark of some words of TEXT, with an id made of them, and its values."""
    start = [found.start() for found in re.finditer(re.escape(words), TEXT)][nth]
    name = f"{layer}-{start}-{words}"
    labels = [label] if isinstance(label, str) else label
    place = {"start": start, "end": start + len(words), "text": words}
    common = {"id": name, "to_name": "text"}
    items = [{**common, "from_name": layer, "type": "labels", "value": {**place, "labels": labels}}]
    for key, value in values.items():
        kind = {"stars": "rating", "remark": "text"}.get(key, "choices")
        held = value if kind == "rating" else [value] if isinstance(value, str) else value
        item = {"from_name": f"{layer}_{key}", "type": VALUES[kind], "value": {**place, kind: held}}
        items.append({**common, **item})
    return items


def arrow(source: list[dict], name: str, target: list[dict]) -> dict[str, Any]:
    ends = {"from_id": source[0]["id"], "to_id": target[0]["id"]}
    return {"type": "relation", "direction": "right", "labels": [name], **ends}


def by(person: int | None, *parts: Any, number: int = 0, **rest: Any) -> dict[str, Any]:
    """An annotation of one person out of regions (lists of items) and single items."""
    items = [item for part in parts for item in (part if isinstance(part, list) else [part])]
    return {"id": number or 10 + (person or 0), "completed_by": person, "result": items} | rest


def measured(folder: Path, *annotations: dict[str, Any], text: str = TEXT, **case: Any) -> dict[str, Any]:
    """The JSON object of a corpus of one article."""
    return measured_tasks(folder, [task(text, *annotations)], **case)


def measured_tasks(folder: Path, tasks: list[Any], **case: Any) -> dict[str, Any]:
    corpus = write_corpus(folder, FULL | case | {"exports": {"a.json": tasks}})
    with measure(open_corpus(corpus)) as found:
        return documented(b"".join(found.json()))


def documented(content: bytes) -> dict[str, Any]:
    """The JSON object; each of its keys and values has to be as the types in docs/reference/formats.md say."""
    msgspec.json.decode(content, type=AgreementReport)
    return dict(json.loads(content))


def only_pair(found: dict[str, Any]) -> dict[str, Any]:
    (pair,) = found["pairs"]
    return pair


def values(field: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(field[name]["value"] for name in names)


def test_spans_by_hand(tmp_path):
    """ann: 4 marks, ben: 3. One the same, one with another label, one that overlaps, one that ben has not."""
    ann = by(1, region("Ann"), region("Bob"), region("in Rome", "LOC"), region("Cy"))
    ben = by(2, region("Ann"), region("Bob", "LOC"), region("Rome", "LOC"))
    layer = only_pair(measured(tmp_path, ann, ben))["layers"]["spans"]
    assert layer["n"] == {"a": 4, "b": 3, "matched": 3}
    exact, with_label, overlap = values(layer, "exact", "exact_label", "overlap")
    assert (exact, with_label, overlap) == pytest.approx((2 * 2 / 7, 2 * 1 / 7, 2 * 3 / 7), abs=1e-6)
    assert layer["labels"]["table"] == [["PER", "PER", 1], ["PER", "LOC", 1], ["PER", None, 1], ["LOC", "LOC", 1]]
    # two of three alike; by chance: ann PER 2/3, LOC 1/3, ben PER 1/3, LOC 2/3
    assert values(layer["labels"], "equal", "kappa") == pytest.approx((2 / 3, (2 / 3 - 4 / 9) / (1 - 4 / 9)), abs=1e-6)
    # coincidences PER-PER 2, LOC-LOC 2, PER-LOC 1 and 1: 1 - (6 - 1) * 2 / (36 - 18)
    assert values(layer["labels"], "alpha") == pytest.approx((1 - 5 * 2 / 18,), abs=1e-6)


def test_the_order_of_the_two_does_not_matter(tmp_path):
    ann = (region("Ann", tone="warm"), region("in Rome", "LOC"), region("Bob and Cy"))
    ben = (region("Ann", "LOC"), region("Rome", "LOC"), region("Bob", nth=2), region("Cy", nth=1))
    one = only_pair(measured(tmp_path / "one", by(1, *ann), by(2, *ben)))["layers"]
    other = only_pair(measured(tmp_path / "other", by(1, *ben), by(2, *ann)))["layers"]
    assert one["spans"]["n"] == {"a": 3, "b": 4, "matched": 3}
    assert one["spans"]["labels"].pop("table") == [
        ["PER", "PER", 1],
        ["PER", "LOC", 1],
        ["LOC", "LOC", 1],
        [None, "PER", 1],
    ]
    other["spans"]["labels"].pop("table")
    other["spans"]["n"] |= {"a": 3, "b": 4}
    table = other["spans"]["attributes"]["tone"].pop("table")
    assert one["spans"]["attributes"]["tone"].pop("table") == [[y, x, n] for x, y, n in table] == [["warm", None, 1]]
    assert one == other


def test_values_of_matched_spans(tmp_path):
    """Only what both gave is compared; what one gave is in the table."""
    ann = by(
        1,
        region("Ann", tone="warm", force="low", kinds=["x", "y"], stars=1, remark="a"),
        region("Bob", tone="warm", force="mid", kinds=["y", "x"], stars=2, remark="b"),
        region("Cy", tone="cold", force="high", kinds=["z"], stars=5),
        region("Rome", "LOC", town="big"),
        region("Oslo", "LOC", town="big"),
    )
    ben = by(
        2,
        region("Ann", tone="warm", force="mid", kinds=["x"], stars=1, remark="quite another"),
        region("Bob", tone="cold", force="mid", kinds=["x", "y"], stars=4),
        region("Cy", force="high", kinds=["x"], stars=5),
        region("Rome", "LOC"),
        region("Oslo"),
    )
    fields = only_pair(measured(tmp_path, ann, ben))["layers"]["spans"]["attributes"]
    tone = fields["tone"]
    assert (tone["n"], tone["level"]) == (2, "nominal")
    assert tone["table"] == [["warm", "warm", 1], ["warm", "cold", 1], ["cold", None, 1]]
    # warm-warm 2, warm-cold 1 and 1: 1 - (4 - 1) * 2 / (16 - 9 - 1); ann always says warm, so chance is 1/2
    assert values(tone, "equal", "alpha", "kappa") == (0.5, 0.0, 0.0)
    force = fields["force"]
    by_library = krippendorff.alpha([[0, 1, 2], [1, 1, 2]], level_of_measurement="ordinal")
    assert (force["n"], force["level"]) == (3, "ordinal")
    assert values(force, "alpha") == pytest.approx((by_library,), abs=1e-6)
    kinds = fields["kinds"]
    assert (kinds["n"], kinds["level"], "kappa" in kinds) == (3, "masi", False)
    assert values(kinds, "equal") == pytest.approx((1 / 3,), abs=1e-6)  # x, y is y, x
    assert kinds["table"] == [["x + y", "x", 1], ["x + y", "x + y", 1], ["z", "x", 1]]
    stars = fields["stars"]
    by_library = krippendorff.alpha([[1, 2, 5], [1, 4, 5]], level_of_measurement="interval")
    assert (stars["n"], stars["level"]) == (3, "interval")
    assert values(stars, "equal", "alpha") == pytest.approx((2 / 3, by_library), abs=1e-6)
    assert fields["remark"]["n"] == {"both": 1, "a": 1, "b": 0, "none": 3}
    assert (fields["town"]["n"], fields["town"]["table"]) == (0, [["big", None, 1]])  # Oslo is no LOC to ben


def test_values_that_are_looked_up_have_no_alpha(tmp_path):
    layers = copy.deepcopy(LAYERS)
    layers["spans"]["attributes"]["tone"]["looked_up"] = True
    annotations = [
        by(person, region("Ann", tone="warm"), region("Bob", tone=tone)) for person, tone in ((1, "cold"), (2, "warm"))
    ]
    case = {"codebook": FULL["codebook"] | {"layers": layers}}
    found = measured(tmp_path, *annotations, **case)
    tone = only_pair(found)["layers"]["spans"]["attributes"]["tone"]
    assert (tone["n"], tone["looked_up"], values(tone, "equal")) == (2, True, (0.5,))
    assert not {"alpha", "kappa"} & tone.keys()
    assert "| spans.tone | 2 | 0.500 | nominal | looked up |  |" in "\n".join(
        agreement_block(found | {"pairs_not_shown": 0})
    )


def test_ids_count_on_all_spans(tmp_path):
    """ann gave 4 ids, ben 3; two are the same on matched spans."""
    ann = by(1, region("Ann", who=["ann", "bob"]), region("Bob", who=["bob"]), region("Cy", who=["ann"]))
    ben = by(2, region("Ann", who=["ann"]), region("Bob", who=["bob"]), region("Rome", "LOC", who=["ann"]))
    found = only_pair(measured(tmp_path, ann, ben))["layers"]["spans"]["attributes"]["who"]
    assert found == {"kind": "ref", "n": {"a": 4, "b": 3, "both": 2}, "f1": found["f1"]}
    assert values(found, "f1") == pytest.approx((2 * 2 / 7,), abs=1e-6)


def test_arrows_and_tuples(tmp_path):
    """An arrow is the same if both its ends are matched; a tuple needs the label, and some of every place."""
    ann_name, bob, rome = region("Ann"), region("Bob"), region("in Rome", "LOC")
    met, left = region("met", "FOR", "moves"), region("left", "EVEN", "moves")
    ann = by(1, ann_name, bob, rome, met, left, arrow(met, "holder", ann_name), arrow(met, "target", bob),
             arrow(met, "target", rome), arrow(left, "holder", bob))  # fmt: skip
    bob_and, short = region("Bob", "LOC"), region("Rome", "LOC")
    met_bob, gone = region("met Bob", "FOR", "moves"), region("left", "AGAINST", "moves")
    ben = by(2, ann_name, bob_and, short, met_bob, gone, arrow(met_bob, "holder", ann_name),
             arrow(met_bob, "target", short), arrow(gone, "holder", bob_and))  # fmt: skip
    layer = only_pair(measured(tmp_path, ann, ben))["layers"]["moves"]
    assert layer["n"] == {"a": 2, "b": 2, "matched": 2}
    assert layer["labels"]["level"] == "ordinal"
    assert layer["relations"]["holder"] == {"n": {"a": 2, "b": 2, "both": 2}, "f1": layer["relations"]["holder"]["f1"]}
    assert layer["relations"]["target"]["n"] == {"a": 2, "b": 1, "both": 1}
    assert values(layer["relations"]["target"], "f1") == pytest.approx((2 / 3,), abs=1e-6)
    # holder the same; target: 4 of 3 + 7 and 4 code points; the other two have different labels
    share = (1 + 2 * 4 / 14) / 2
    assert layer["tuples"]["n"] == {"a": 2, "b": 2, "both": pytest.approx(share, abs=1e-6)}
    assert values(layer["tuples"], "f1") == pytest.approx((2 * share / 4,), abs=1e-6)


def test_a_tuple_without_one_of_the_arrows_is_another(tmp_path):
    ann_name, bob, met = region("Ann"), region("Bob"), region("met", "FOR", "moves")
    ann = by(1, ann_name, bob, met, arrow(met, "holder", ann_name), arrow(met, "target", bob))
    ben = by(2, ann_name, bob, met, arrow(met, "target", bob))
    layer = only_pair(measured(tmp_path, ann, ben))["layers"]["moves"]
    assert values(layer["tuples"], "f1") == (0.0,)
    assert values(layer["relations"]["target"], "f1") == (1.0,)


def test_regions_with_several_labels(tmp_path):
    ann = by(1, region("Ann", ["p", "q"], "tags"), region("Bob", ["r"], "tags"))
    ben = by(2, region("Ann", ["p"], "tags"), region("Bob", ["r"], "tags"))
    layer = only_pair(measured(tmp_path, ann, ben))["layers"]["tags"]
    assert values(layer, "exact", "exact_label") == (1.0, 0.5)
    assert (layer["labels"]["level"], "kappa" in layer["labels"]) == ("masi", False)
    assert layer["labels"]["table"] == [["p + q", "p", 1], ["r", "r", 1]]
    # distances: p q to p 2/3, all others to r 1; 1 - 3 * (2 * 2/3) / (2 * 2/3 + 4 * 2 * 1)
    assert values(layer["labels"], "alpha") == pytest.approx((1 - 3 * (4 / 3) / (4 / 3 + 8),), abs=1e-6)


def test_values_about_the_article(tmp_path):
    def mood(person: int, value: str, number: int) -> dict[str, Any]:
        item = {"from_name": "mood", "to_name": "text", "type": "choices", "value": {"choices": [value]}}
        return by(person, item, number=number)

    tasks = [
        {**task(f"Text {n}.", mood(1, x, 10 + n), mood(2, y, 50 + n)), "id": n}
        for n, (x, y) in enumerate([("up", "up"), ("up", "down"), ("down", "down")], 1)
    ]
    tasks.append({**task("Text 4.", mood(1, "up", 14), by(2, number=54)), "id": 4})
    found = measured_tasks(tmp_path, tasks)
    mood_found = only_pair(found)["document"]["mood"]
    assert mood_found["n"] == 3
    assert mood_found["table"] == [["up", "up", 1], ["up", "down", 1], ["up", None, 1], ["down", "down", 1]]
    assert values(mood_found, "alpha") == pytest.approx((1 - 5 * 2 / 18,), abs=1e-6)
    assert [(d["layer"], d["differs"], [m["value"] for m in d["marks"]]) for d in found["disputes"]] == [
        ("mood", ["value"], ["up", "down"]),
        ("mood", ["value"], ["up", None]),
    ]


def test_whose_annotations_count(tmp_path):
    """Not what is cancelled, starred, an adjudicator's, or replaced by a later one of the same person."""
    found = measured(
        tmp_path,
        by(1, region("Bob"), number=11),
        by(1, region("Ann"), number=101),  # after 11, though before it as text
        by(2, region("Ann"), number=12),
        by(3, region("Ann"), number=13, was_cancelled=True),
        by(9, region("Bob"), number=19),
        by(4, region("Ann"), region("Cy"), number=14, ground_truth=True),
    )
    assert [pair["annotators"] for pair in found["pairs"]] == [["ann", "ben"]]
    assert values(only_pair(found)["layers"]["spans"], "exact") == (1.0,)
    gold = [(group["annotators"], values(group["layers"]["spans"], "exact")[0]) for group in found["against_gold"]]
    assert gold == [(["ann", "dee"], pytest.approx(2 / 3)), (["ben", "dee"], pytest.approx(2 / 3))]
    assert found["left_out"] == {"results_quarantined": 0, "annotations_cancelled": 1}


def test_nobody_is_compared_with_their_own_star(tmp_path):
    found = measured(
        tmp_path, by(1, region("Ann")), by(2, region("Bob")), by(1, region("Bob"), number=99, ground_truth=True)
    )
    assert [pair["annotators"] for pair in found["pairs"]] == [["ann", "ben"]]
    assert [group["annotators"] for group in found["against_gold"]] == [["ben", "ann"]]


def test_who_is_not_in_the_registry_is_one_person_by_number_and_without_a_number_somebody_else_each_time(tmp_path):
    found = measured(
        tmp_path,
        by(77, region("Bob"), number=1),
        by(77, region("Ann"), number=2),
        by(1, region("Ann"), number=3),
        by(None, region("Ann"), number=4),
        by(None, region("Bob"), number=5),
    )
    pairs = {tuple(pair["annotators"]): values(pair["layers"]["spans"], "exact")[0] for pair in found["pairs"]}
    halves = {("ann", "unknown"): 0.5, ("unknown", "user-77"): 0.5}
    assert pairs == halves | {("ann", "user-77"): 1.0, ("unknown", "unknown"): 0.0}
    assert found["annotators"]["user-77"] == {"kind": "unknown", "role": None, "given": None}
    assert {pair["between"] for pair in found["pairs"]} == {
        "a human and an annotator of unknown kind",
        "annotators of unknown kind",
    }


def test_humans_and_models_are_never_pooled(tmp_path):
    ann, ben = by(1, region("Ann"), region("Bob")), by(2, region("Ann"))
    cy, dee = by(3, region("Ann"), region("Bob", "LOC")), by(4, region("Ann"), region("Bob", "LOC"))
    found = measured(tmp_path, ann, ben, cy, dee)
    overall = {group["between"]: group["layers"]["spans"] for group in found["overall"]}
    assert {name: layer["n"] for name, layer in overall.items()} == {
        "humans": {"a_and_b": 3, "matched": 1},
        "models": {"a_and_b": 4, "matched": 2},
        "a human and a model": {"a_and_b": 2 * 2 + 2 * 1 + 4 * 2, "matched": 6},
    }
    assert overall["models"]["labels"]["alpha"]["value"] == 1.0
    assert overall["a human and a model"]["labels"]["alpha"] == {
        "value": None,
        "interval": None,
        "reason": "annotators of different kinds are not compared together",
    }
    assert found["annotators"]["cy"]["given"] == "the guidelines"
    assert [pair["kinds"] for pair in found["pairs"] if "cy" in pair["annotators"]] == [
        ["human", "model"], ["human", "model"], ["model", "model"],
    ]  # fmt: skip


def test_sums_over_all_pairs(tmp_path):
    """F1 from the sums of all pairs; alpha from what several marked at the same place."""
    third = {**PEOPLE, "cy": {"kind": "human", "ids": [3]}}
    people = (
        by(1, region("Ann"), region("Bob"), region("Rome", "LOC")),
        by(2, region("Ann"), region("Bob", "LOC"), region("Rome", "LOC")),
        by(3, region("Ann"), region("Bob"), region("in Rome", "LOC")),
    )
    found = measured(tmp_path, *people, annotators=third)
    (overall,) = found["overall"]
    layer = overall["layers"]["spans"]
    assert layer["n"] == {"a_and_b": 18, "matched": 9}
    assert values(layer, "exact", "exact_label", "overlap") == pytest.approx((14 / 18, 10 / 18, 1.0), abs=1e-6)
    data = [["PER", "PER", "LOC"], ["PER", "LOC", "LOC"], ["PER", "PER", "nan"]]
    by_library = krippendorff.alpha(np.array(data), level_of_measurement="nominal")
    assert (layer["labels"]["n"], layer["labels"]["values"]) == (9, 8)
    assert values(layer["labels"], "alpha") == pytest.approx((by_library,), abs=1e-6)
    assert layer["labels"]["table"] == [["PER", "PER", 4], ["PER", "LOC", 2], ["LOC", "LOC", 3]]


def test_two_marks_of_one_place_are_two_things_for_alpha(tmp_path):
    """The same words with two labels, by three people: FOR and AGAINST, two times each, never FOR against AGAINST."""
    third = {**PEOPLE, "cy": {"kind": "human", "ids": [3]}}
    both = [*region("met", "FOR", "moves"), *region("met", "AGAINST", "moves")]
    both[1]["id"] = "another"
    people = (by(1, both), by(2, both), by(3, region("met", "AGAINST", "moves")))
    (overall,) = measured(tmp_path, *people, annotators=third)["overall"]
    labels = overall["layers"]["moves"]["labels"]
    assert (labels["values"], labels["alpha"]["value"], labels["equal"]["value"]) == (5, 1.0, 1.0)


def test_marks_that_could_not_be_taken_are_left_out(tmp_path):
    wrong = [{**region("Bob")[0], "value": {"start": 0, "end": 3, "text": "Zoe", "labels": ["PER"]}}]
    found = measured(tmp_path, by(1, region("Ann"), wrong), by(2, region("Ann")))
    assert values(only_pair(found)["layers"]["spans"], "exact") == (1.0,)
    assert found["left_out"]["results_quarantined"] == 1


def test_nothing_marked_is_no_agreement(tmp_path):
    """Also where one of two layers has nothing: null with the reason, never 1."""
    found = measured(tmp_path, by(1), by(2))
    assert (found["pairs"], found["overall"], found["disputes"]) == ([], [], [])
    layers = only_pair(measured(tmp_path / "again", by(1, region("Ann")), by(2)))["layers"]
    assert values(layers["spans"], "exact", "overlap") == (0.0, 0.0)
    assert layers["spans"]["labels"]["alpha"] == {"value": None, "interval": None, "reason": "nothing to compare"}
    assert layers["moves"]["exact"] == {"value": None, "interval": None, "reason": "no annotator marked anything"}
    assert layers["moves"]["tuples"]["f1"]["value"] is None


def test_one_value_only_is_no_alpha(tmp_path):
    ann = by(1, region("Ann", stars=3), region("Bob", stars=3))
    found = only_pair(measured(tmp_path, ann, {**ann, "id": 5, "completed_by": 2}))["layers"]["spans"]
    for field in (found["labels"], found["attributes"]["stars"]):
        assert field["alpha"] == {"value": None, "interval": None, "reason": "only one value occurs"}
        assert field["equal"]["value"] == 1.0
    assert found["labels"]["kappa"]["reason"] == "only one value occurs"


# ------------------------------------------------------------------------------------------------------------- disputes


def test_disputes_show_both_sides(tmp_path):
    ann = by(1, region("Ann", tone="warm", remark="x"), region("in Rome", "LOC"), region("Cy", nth=1))
    ben = by(2, region("Ann", tone="cold", remark="y"), region("Rome", "PER"))
    found = measured(tmp_path, ann, ben)
    assert found["disputes_total"] == 3
    assert [(d["layer"], d["differs"]) for d in found["disputes"]] == [
        ("spans", ["attributes.tone"]),
        ("spans", ["span", "labels"]),
        ("spans", ["marked"]),
    ]
    tone, rome, cy = found["disputes"]
    assert [mark["attributes"] for mark in tone["marks"]] == [
        {"tone": "warm", "remark": "x"},
        {"tone": "cold", "remark": "y"},
    ]
    assert [(m["start"], m["end"], m["quote"], m["labels"]) for m in rome["marks"]] == [
        (12, 19, "in Rome", ["LOC"]),
        (15, 19, "Rome", ["PER"]),
    ]
    assert cy["marks"][1] is None
    for dispute in found["disputes"]:
        context = dispute["context"]
        assert context["text"] == TEXT[context["start"] : context["end"]]
        for found_mark in filter(None, dispute["marks"]):
            assert TEXT[found_mark["start"] : found_mark["end"]] == found_mark["quote"]
            assert context["start"] == max(0, min(m["start"] for m in dispute["marks"] if m) - AROUND)


def test_an_arrow_to_another_place_is_a_dispute(tmp_path):
    name, bob, met = region("Ann"), region("Bob"), region("met", "FOR", "moves")
    ann = by(1, name, bob, met, arrow(met, "holder", name))
    ben = by(2, name, bob, met, arrow(met, "holder", bob))
    (dispute,) = measured(tmp_path, ann, ben)["disputes"]
    assert dispute["differs"] == ["relations.holder"]
    assert [mark["relations"][0]["quote"] for mark in dispute["marks"]] == ["Ann", "Bob"]


def test_where_blocks_begin_is_told(tmp_path):
    text = "One line.\n\nAnn is\nin it.\n\nA third."
    item = {"start": 11, "end": 14, "text": "Ann", "labels": ["PER"]}
    one = {"id": "r", "from_name": "spans", "to_name": "text", "type": "labels", "value": item}
    (dispute,) = measured(tmp_path, by(1, one), by(2), text=text)["disputes"]
    assert dispute["context"] == {"start": 0, "end": 34, "text": text, "block_starts": [11, 26]}
    shown = run("--corpus", tmp_path).stdout
    assert "One line. ¶ [Ann] is in it. ¶ A third." in shown


# ----------------------------------------------------------------------------------------------------------- resampling


def counts_of(units: dict[str, int]) -> Sample:
    return Sample(
        1,
        {seed_of(name): {seed_of(name): Counter({("l", "exact", "", ("A",), ("A",)): n})} for name, n in units.items()},
    )


def test_weights_never_change():
    """They are part of what is published: drawn from a hash, with mean 1 and variance 1."""
    weights = _weights(seed_of("a"), 64)
    assert weights[:13].astype(int).tolist() == [1, 0, 1, 1, 1, 2, 1, 0, 0, 1, 3, 1, 1]
    many = np.concatenate([_weights(seed_of(n), 64)[1:] for n in range(300)])
    assert (many.mean(), many.var()) == pytest.approx((1, 1), abs=0.02)
    assert np.bincount(many.astype(int))[:4] / len(many) == pytest.approx(
        [math.exp(-1) / f for f in (1, 1, 2, 6)], abs=0.005
    )


def test_a_resample_is_what_the_library_says_of_repeated_units():
    chance = random.Random(3)
    sample = Sample()
    for number in range(60):
        counts = Counter(("l", "exact", "", (chance.choice("AB"),), (chance.choice("AB"),)) for _ in range(4))
        sample.add(Sample(1, {seed_of(number): {seed_of(number): counts}}))
    resampled = Resampled(sample)
    cells = resampled.cells(("l", "exact", ""))
    found = alpha(Table([("A",), ("B",)], cells), "nominal")
    for row in (0, 1, 2, RESAMPLES):
        data: list[list[int]] = [[], []]
        for seed, counts in sample.units()[0].items():
            for (_, _, _, x, y), n in counts.items():
                times = n * int(_weights(seed, 64)[row])
                data[0] += ["AB".index(x[0])] * times
                data[1] += ["AB".index(y[0])] * times
        assert found[row] == pytest.approx(krippendorff.alpha(data, level_of_measurement="nominal"))


def test_an_interval_is_about_as_wide_as_theory_says():
    """400 articles with one pair each, of which 80 % agree: 0.8 +- 1.96 * sqrt(0.8 * 0.2 / 400)."""
    sample = Sample()
    for number in range(400):
        measured_as = "exact" if number % 5 else "alone"
        keys = [("l", measured_as, "", ("A",), ("A",) if number % 5 else None)]
        sample.add(Sample(1, {seed_of(number): {seed_of(number): Counter(keys)}}))
    resampled = Resampled(sample)
    exact = resampled.total(resampled.cells(("l", "exact", "")))
    alone = resampled.total(resampled.cells(("l", "alone", "")))
    low, high = stat(exact / (exact + alone), "", 400).interval
    assert (low, high) == pytest.approx((0.8 - 0.0392, 0.8 + 0.0392), abs=0.006)


def make_article(number: int) -> Agreement:
    """What a single article holds, of several pairs."""
    made, chance = Agreement(), random.Random(number)
    found: dict[Group, ArticleCounts] = {}
    for pair in chance.sample(["ab", "ac", "bc"], chance.randint(1, 3)):
        mine = found[Group("pair", tuple(pair), ("human", "human"))] = ArticleCounts()
        for block in range(chance.randint(1, 3)):
            mine.keys["text", block] = [("l", "exact", "", (chance.choice("AB"),), ("A",))] * chance.randint(0, 2)
            mine.sums.append((("text", block), ("l", "number", "x", "sum", ""), Fraction(chance.randint(-2, 2), 3)))
    made.take(found, lambda block: seed_of(number, block))
    return made


@pytest.mark.slow
@pytest.mark.parametrize("count", [12, 70, 700])
def test_counts_are_the_same_for_any_order_and_grouping(count, monkeypatch):
    monkeypatch.setattr(samples, "MAX_UNITS", 128)
    articles = [make_article(number) for number in range(count)]
    whole = Agreement()
    for article in articles:
        whole.add(article)
    states = {(sample.blocks is None, sample.depth < samples.BITS) for sample in whole.samples.values()}
    assert states == {{12: (False, False), 70: (True, False), 700: (True, True)}[count]}
    assert all(len(sample.units()[0]) <= 128 for sample in whole.samples.values())

    @settings(max_examples=15, deadline=None)
    @given(st.randoms(use_true_random=False))
    def holds(chance):
        parts = [Agreement() for _ in range(chance.randint(1, 9))]
        for article in chance.sample(articles, len(articles)):
            chance.choice(parts).add(article)
        while len(parts) > 1:
            chance.shuffle(parts)
            parts[0].add(parts.pop())
        assert parts[0] == whole

    holds()


def test_what_is_added_is_left_as_it_is():
    one, other = make_article(1), make_article(2)
    before = repr(other)
    one.add(other)
    one.add(other)
    assert repr(other) == before


def test_of_very_many_pairs_the_same_ones_are_kept(monkeypatch):
    monkeypatch.setattr(samples, "MAX_PAIRS", 5)
    singles = [
        Agreement({Group("pair", ("a", f"b{n}"), ("human", "human")): counts_of({f"{n}-{k}": 1})})
        for n in range(20)
        for k in range(3)
    ]
    results = []
    for seed in range(4):
        whole, half = Agreement(), Agreement()
        for article in random.Random(seed).sample(singles, len(singles)):
            random.Random(repr(article)).choice((whole, half)).add(article)
        whole.add(half)
        results.append(whole)
    assert all(result == results[0] for result in results)
    assert results[0].dropped
    assert [sample.articles for sample in results[0].samples.values()] == [3] * 5


def test_articles_are_resampled_from_30_on(tmp_path):
    def corpus(count: int) -> dict[str, Any]:
        parts = [
            [by(1, region("Ann"), number=n), by(2, region("Ann"), region("Cy"), number=n + 100)] for n in range(count)
        ]
        return measured_tasks(tmp_path / str(count), [task(f"{TEXT} {n}", *part, id=n) for n, part in enumerate(parts)])

    few, enough = only_pair(corpus(29)), only_pair(corpus(30))
    assert (few["articles"], few["unit"], few["units"]) == (29, "blocks", 29)
    assert (enough["articles"], enough["unit"], enough["units"]) == (30, "articles", 30)
    assert enough["layers"]["spans"]["exact"] == {"value": 0.666667, "interval": [0.666667, 0.666667]}


@pytest.mark.slow
def test_workers_and_parts_give_the_same_figures(tmp_path):
    corpus = write_generated(tmp_path, make_tasks(150, seed=4, hard=True))
    folder = open_corpus(corpus)
    totals = []
    for workers in (1, 2):
        tally = BuildCounts()
        for part in convert_corpus(folder, workers):
            tally.add(part.tally)
        totals.append(tally.agreement)
    assert totals[0] == totals[1]
    assert {group.part for group in totals[0].samples} == {"pair", "overall"}
    with measure(folder) as found:
        by_script = {key: found.figures[key] for key in ("overall", "pairs")}
    from_build = figures(folder.context, totals[0])
    assert {key: from_build[key] for key in by_script} == by_script


# ----------------------------------------------------------------------------------------------- this and other corpora


def run(*options: Any) -> subprocess.CompletedProcess[str]:
    return run_script("agreement.py", *options)


@pytest.fixture(scope="module")
def own():
    with measure(open_corpus(None)) as found:
        return documented(b"".join(found.json()))


def test_the_two_passes_of_this_corpus(own):
    pair = only_pair(own)
    assert (pair["annotators"], pair["kinds"], pair["between"]) == (["m4", "m5"], ["model", "model"], "models")
    n = {name: tuple(layer["n"].values()) for name, layer in pair["layers"].items()}
    assert n == {
        "entities": (200, 200, 200), "cues": (26, 26, 26), "quotes": (37, 37, 37), "euphemisms": (4, 4, 4),
        "stances": (31, 33, 31), "defects": (12, 13, 12),
    }  # fmt: skip
    same = {name: round(layer["exact_label"]["value"] * sum(n[name][:2]) / 2) for name, layer in pair["layers"].items()}
    assert same == {"entities": 200, "cues": 26, "quotes": 37, "euphemisms": 4, "stances": 29, "defects": 12}
    assert pair["layers"]["stances"]["labels"]["level"] == "ordinal"
    assert pair["layers"]["stances"]["attributes"]["intensity"]["level"] == "ordinal"
    assert pair["layers"]["stances"]["tuples"]["n"] == {"a": 31, "b": 33, "both": 31.0}
    assert pair["layers"]["euphemisms"]["exact"] == {
        "value": 1.0,
        "interval": None,
        "reason": "only 3 units to resample",
    }
    assert Counter(tuple(dispute["differs"]) for dispute in own["disputes"]) == {
        ("span",): 2, ("marked",): 3,
    }  # fmt: skip
    assert [group["annotators"] for group in own["against_gold"]] == [["m4", "m6"], ["m5", "m6"]]


def test_spans_of_this_corpus_counted_another_way(own):
    marks: dict[int, Counter[Any]] = {4: Counter(), 5: Counter()}
    for path in sorted((ROOT / "annotations/exports").glob("*.json")):
        for exported in json.loads(path.read_text("utf-8")):
            for annotation in exported["annotations"]:
                for item in annotation["result"] if annotation["completed_by"] in marks else ():
                    if item["type"] == "labels":
                        place = (
                            item["from_name"],
                            item["value"]["start"],
                            item["value"]["end"],
                            *item["value"]["labels"],
                        )
                        marks[annotation["completed_by"]][path.name, *place] += 1
    for name, layer in only_pair(own)["layers"].items():
        one, other = ({key: n for key, n in found.items() if key[1] == name} for found in marks.values())
        both = (Counter(one) & Counter(other)).total()
        assert layer["exact_label"]["value"] == round(2 * both / (sum(one.values()) + sum(other.values())), 6)


def test_a_corpus_of_somebody_else():
    with measure(open_corpus(CORPORA / "from_tasks")) as found:
        figures_found = documented(b"".join(found.json()))
    names = {tuple(pair["annotators"]): pair for pair in figures_found["pairs"]}
    assert set(names) == {("aline", "basile"), ("aline", "colette"), ("basile", "colette")}
    pair = names["aline", "basile"]
    assert {name: layer["n"] for name, layer in pair["layers"].items()} == {
        "accroches": {"a": 2, "b": 1, "matched": 1},
        "promesses": {"a": 2, "b": 3, "matched": 2},
    }
    assert pair["layers"]["promesses"]["relations"]["reprend"]["n"] == {"a": 1, "b": 1, "both": 1}
    (overall,) = figures_found["overall"]
    clarity = krippendorff.alpha([[3], [4], [4]], level_of_measurement="interval")
    assert overall["document"]["clarté"]["alpha"]["value"] == pytest.approx(clarity)
    assert figures_found["disputes_total"] == len(figures_found["disputes"]) == 12


def test_a_corpus_without_two_annotators(tmp_path):
    done = run("--corpus", write_corpus(tmp_path, FULL | {"exports": {"a.json": [task(TEXT, by(1, region("Ann")))]}}))
    assert (done.returncode, done.stderr) == (0, "")
    assert " ".join(done.stdout.split()).endswith(NO_PAIRS)
    done = run("--corpus", CORPORA / "zeitung")
    assert done.returncode == 0
    assert "No article has annotations by two annotators other than the adjudicator." in done.stdout
    assert json.loads(run("--corpus", CORPORA / "zeitung", "--json").stdout)["pairs"] == []


# ------------------------------------------------------------------------------------------------------ what is printed


def test_the_table_fits_80_columns_and_names_who_is_a_model(own):
    done = run()
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "m4 and m5: between models, not between humans" in done.stdout
    given_words = " ".join(done.stdout.split())
    assert "saw: guidelines.md and the text alone" in given_words
    assert "Compared with gold: m4 and m6: between models, not between humans. m6 decided the gold." in given_words
    assert "Disputes: 5" in done.stdout
    for dispute in own["disputes"]:
        for found_mark in filter(None, dispute["marks"]):
            first = found_mark["quote"].split()[0]  # the rest may be on the next line of its column
            assert f"{found_mark['start']}..{found_mark['end']}  {first}" in done.stdout


def test_many_disputes_are_cut_in_the_table_and_all_in_json(tmp_path):
    tasks = [
        task(f"{TEXT} {n}", by(1, region("Ann"), number=n + 1), by(2, number=n + 100), id=n) for n in range(SHOWN + 3)
    ]
    corpus = write_corpus(tmp_path, FULL | {"exports": {"a.json": tasks}})
    assert "... and 3 more; --json shows all" in run("--corpus", corpus).stdout
    assert len(json.loads(run("--corpus", corpus, "--json").stdout)["disputes"]) == SHOWN + 3


def test_problems_do_not_stop_it_but_are_told(tmp_path):
    wrong = [{**region("Bob")[0], "value": {"start": 0, "end": 3, "text": "Zoe", "labels": ["PER"]}}]
    annotations = (by(1, region("Ann"), wrong), by(2, region("Ann")))
    corpus = write_corpus(tmp_path, FULL | {"exports": {"a.json": [task(TEXT, *annotations)]}})
    for options in ([], ["--json"]):
        done = run("--corpus", corpus, *options)
        assert done.returncode == 0
        assert done.stderr == "not compared: 1 quarantined result item; `newsparallax check` lists them\n"


def test_what_cannot_go_on_ends_with_2(tmp_path):
    done = run("--corpus", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    corpus = write_corpus(tmp_path / "corpus", FULL | {"exports": {"a.json": {"raw": "{"}}})
    done = run("--corpus", corpus, "--json")
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (2, "", False)


def test_json_is_utf8_whatever_the_terminal_can_show(own):
    done = subprocess.run(
        [sys.executable, SCRIPT, "--json"], capture_output=True, env=os.environ | {"PYTHONIOENCODING": "ascii"}
    )
    assert done.returncode == 0
    assert json.loads(done.stdout.decode("utf-8")) == own
    assert "NaN" not in done.stdout.decode("utf-8")


@pytest.mark.slow
def test_a_reader_that_has_seen_enough_is_no_failure():
    for option in ("", "--json"):
        command = f"{sys.executable} {SCRIPT} {option} | head -1 > /dev/null; exit ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


# ------------------------------------------------------------------------------------------------------------- the card


def block(card: str) -> str:
    return card.partition("<!-- begin generated: agreement -->")[2].partition("<!-- end")[0]


def test_the_card_has_the_figures_and_no_words_of_the_articles(own):
    text = block((ROOT / "dataset_card.md").read_text("utf-8"))
    shown = "\n".join(agreement_block({**own, "pairs_not_shown": 0}))
    assert text.strip() == shown.strip()
    assert "**m4 and m5: between models, not between humans.**" in text
    words = {word for d in own["disputes"] for m in d["marks"] if m for word in re.findall(r"\w{5,}", m["quote"])}
    assert len(words) >= 3
    assert {word for word in words if word in text} == set()


def test_a_build_says_so_in_its_readme(tmp_path):
    pair = build_case(
        tmp_path / "two", FULL | {"exports": {"a.json": [task(TEXT, by(1, region("Ann")), by(2, region("Ann")))]}}
    )
    text = block((pair.place / "README.md").read_text("utf-8"))
    assert "**ann and ben: between humans.** 1 article; the intervals resample 1 blocks." in text
    assert "| spans | 1 / 1 | 1.000 | 1.000 | 1.000 |" in text
    assert BRACKETS.format(0.95) in text
    alone = build_case(tmp_path / "one", {"exports": {"a.json": [task("Ann met Bob.", [span(0, 3, "Ann")])]}})
    assert block((alone.place / "README.md").read_text("utf-8")).strip() == NO_PAIRS


def test_of_many_pairs_the_card_has_the_sums(tmp_path):
    people = {f"p{n}": {"kind": "human", "ids": [n]} for n in range(1, 6)}
    annotations = [by(n, region("Ann")) for n in range(1, 6)]
    built = build_case(tmp_path, FULL | {"annotators": people, "exports": {"a.json": [task(TEXT, *annotations)]}})
    text = block((built.place / "README.md").read_text("utf-8"))
    assert "**All pairs between humans.**" in text
    assert "| spans | 20 | 1.000 | 1.000 | 1.000 |" in text
    assert "`newsparallax agreement` shows each of the 10 pairs." in text
    assert "p1 and p2" not in text
