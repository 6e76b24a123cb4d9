"""Derived columns of gold spans: outlet, kind of block, support, overruled, referents, quotation and its voice."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers import CODEBOOK, build_case, item, span, task

REFS = {
    "labels": {"PER": {}, "LOC": {}},
    "referent": ["stands_for", "entity"],
    "attributes": {
        "entity": {"kind": "ref", "many": True},
        "stands_for": {"kind": "ref"},
        "kind": {"kind": "choice", "values": {"a": {}, "b": {}}},
        "note": {"kind": "text"},
    },
    "relations": {"of": {"to": ["spans"]}},
}
ANNOTATORS = {
    "a": {"kind": "human", "ids": [1]},
    "b": {"kind": "human", "ids": [2]},
    "c": {"kind": "human", "ids": [3], "role": "adjudicator"},
}
ENTITIES = {"oslo": {"type": "LOC", "names": {"Oslo": ""}}, "norway": {"type": "LOC", "names": {}}}
TEXT = "Ann met Bob in Oslo."


def ann(label="PER", **values):
    """A region "Ann" with values; `of` draws a relation to a region "Bob"."""
    items = [span(0, 3, "Ann", label)]
    for name, value in values.items():
        if name == "of":
            items += [span(8, 11, "Bob", id="r2"), {"type": "relation", "from_id": "r1", "to_id": "r2", "direction": "right", "labels": ["of"]}]  # fmt: skip  # noqa: E501
        elif name == "note":
            items.append(item("r1", "spans_note", "textarea", {"text": [value]}))
        else:
            items.append(item("r1", f"spans_{name}", "choices", {"choices": [value]}))
    return items


def rows(tmp_path, *results, gold="adjudicated", **parts):
    annotations = [
        {"id": 10 + number, "completed_by": number, "result": result, "ground_truth": number == 3}
        for number, result in enumerate(results, 1)
        if result is not None
    ]
    case = {
        "codebook": CODEBOOK | {"layers": {"spans": REFS}},
        "annotators": ANNOTATORS,
        "entities": ENTITIES,
        "corpus": {"gold": gold, "articles": {"from_tasks": True}},
        "exports": {"a.json": [task(TEXT, *annotations)]},
    }
    built = build_case(tmp_path, case | parts)
    assert built.codes == {}
    return built.rows("spans")


@pytest.mark.parametrize(
    ("a", "b", "gold", "support", "overruled"),
    [
        (ann(), ann(), ann(), 2, False),
        (ann(), ann("LOC"), ann(), 1, False),
        (ann("LOC"), ann("LOC"), ann(), 0, True),
        (ann("LOC"), [], ann(), 0, False),
        ([], [], ann(), 0, True),
        (ann(), None, ann(), 1, False),
        (None, None, ann(), 0, False),
        (None, [], ann(), 0, False),
        (ann(kind="a"), ann(kind="a"), ann(kind="b"), 2, True),
        (ann(kind="a"), ann(kind="b"), ann(kind="b"), 2, False),
        (ann(kind="a"), ann(kind="a"), ann(), 2, True),
        (ann(note="x"), ann(note="y"), ann(note="z"), 2, False),
        (ann(of=1), ann(of=1), [*ann(), span(8, 11, "Bob", id="r2")], 2, True),
        (ann(of=1), ann(of=1), ann(of=1), 2, False),
    ],
)
def test_support_and_overruled(tmp_path, a, b, gold, support, overruled):
    row = rows(tmp_path, a, b, gold)[0]
    assert (row["quote"], row["support"], row["overruled"]) == ("Ann", support, overruled)


def test_support_of_a_majority_and_of_a_single_annotation(tmp_path):
    (row,) = rows(tmp_path / "two", ann(), [*ann(), span(8, 11, "Bob", id="r2")], gold="majority")
    assert (row["support"], row["overruled"]) == (2, False)
    (row,) = rows(tmp_path / "one", ann())
    assert (row["support"], row["overruled"]) == (1, False)


def test_the_newest_annotation_of_an_annotator_counts_once(tmp_path):
    first = {"id": 1, "completed_by": 1, "result": ann("LOC"), "updated_at": "2026-01-01T00:00:00Z"}
    second = {"id": 2, "completed_by": 1, "result": ann(), "updated_at": "2026-01-02T00:00:00Z"}
    star = {"id": 3, "completed_by": 3, "result": ann(), "ground_truth": True}
    exports = {"a.json": [task(TEXT, first, second, star)]}
    built = build_case(tmp_path, {"codebook": CODEBOOK, "annotators": ANNOTATORS, "exports": exports})
    (row,) = built.rows("spans")
    assert (row["support"], row["overruled"]) == (1, False)


def test_what_the_words_refer_to(tmp_path):
    (row,) = rows(tmp_path / "one", ann("LOC", entity="oslo"))
    assert row["referent_ids"] == ["oslo"]
    (row,) = rows(tmp_path / "two", ann("LOC", entity="oslo", stands_for="norway"))
    assert (row["entity"], row["referent_ids"]) == (["oslo"], ["norway"])
    (row,) = rows(tmp_path / "three", ann())
    assert row["referent_ids"] == []


def test_outlet_and_kind_of_block(tmp_path):
    sha = "2a7a4e4aae516d7ab9bdbab697e5c4d3a595acaaa6b4a6e3e3d7e965aa56dfb2"
    block = {"kind": "headline", "start": 0, "end": 7, "head": "Ann", "tail": "met", "event": "other"}
    articles = {"x": {"file": "x.txt", "sha256": sha, "outlet": "The Bee", "blocks": [block]}}
    marks = [*ann(), span(8, 11, "Bob", id="r2")]
    exports = {"a.json": [task(TEXT, marks) | {"data": {"article_id": "x", "text": TEXT}}]}
    case = {"codebook": CODEBOOK, "seeds": {"x.txt": TEXT}, "articles": articles, "exports": exports}
    built = build_case(tmp_path, case)
    first, second = built.rows("spans")
    assert (first["outlet"], first["block_kind"]) == ("The Bee", "headline")
    assert second["block_kind"] == "paragraph"
    (article,) = built.rows("articles")
    assert [block["event_id"] for block in article["blocks"]] == ["other", None]
    assert {article["event_id"], first["event_id"], second["event_id"]} == {"x"}  # the article decides the split


SPOKEN = {
    "who": {
        "labels": {"PER": {}},
        "referent": ["entity"],
        "attributes": {"entity": {"kind": "ref", "many": True}},
    },
    "quotes": {"labels": {"CONTENT": {}}, "speaker": "source", "relations": {"source": {"to": ["who"]}}},
}
EXTENTS = st.tuples(st.integers(0, 19), st.integers(1, 8)).map(lambda pair: (pair[0], min(sum(pair), 20)))


def mark(layer, label, start, end, name):
    return span(start, end, TEXT[start:end], label, id=name) | {"from_name": layer}


def spoken(tmp_path, marks):
    case = {
        "codebook": CODEBOOK | {"layers": SPOKEN},
        "entities": {"ann": {"type": "PER"}, "bob": {"type": "PER"}},
        "corpus": {"articles": {"from_tasks": True}, "offsets": {"edge_spaces": "keep"}},
        "exports": {"a.json": [task(TEXT, marks)]},
    }
    return build_case(tmp_path, case)


def test_the_voice_of_a_span_is_the_source_of_the_innermost_quotation(tmp_path):
    def arrow(start, end):
        return {"type": "relation", "from_id": start, "to_id": end, "direction": "right", "labels": ["source"]}

    marks = [
        mark("who", "PER", 0, 3, "ann"), item("ann", "who_entity", "choices", {"choices": ["ann"]}),
        mark("who", "PER", 8, 11, "bob"), item("bob", "who_entity", "choices", {"choices": ["bob"]}),
        mark("quotes", "CONTENT", 4, 19, "outer"), arrow("outer", "ann"),
        mark("quotes", "CONTENT", 4, 11, "inner"), arrow("inner", "bob"), arrow("inner", "ann"),
        mark("quotes", "CONTENT", 12, 14, "nobody's"),
        mark("who", "PER", 12, 14, "in"), mark("who", "PER", 15, 19, "oslo"),
    ]  # fmt: skip
    built = spoken(tmp_path, marks)
    assert built.codes == {}
    ids = {row["span_id"]: row["quote"] for row in built.rows("quotes")}

    def voices(layer):
        return [(row["quote"], ids.get(row["quote_id"]), row["voice_ids"]) for row in built.rows(layer)]

    assert voices("who") == [
        ("Ann", None, []),
        ("Bob", "met Bob", ["ann", "bob"]),
        ("in", "in", []),
        ("Oslo", "met Bob in Oslo", ["ann"]),
    ]
    assert voices("quotes") == [
        ("met Bob in Oslo", None, []),
        ("met Bob", "met Bob in Oslo", ["ann"]),
        ("in", "met Bob in Oslo", ["ann"]),
    ]


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(quotes=st.sets(EXTENTS, max_size=6), mentions=st.sets(EXTENTS, max_size=4))
def test_the_innermost_quotation_is_the_shortest_that_holds_the_span(tmp_path_factory, quotes, mentions):
    marks = [mark("quotes", "CONTENT", *extent, f"q{extent}") for extent in sorted(quotes)]
    marks += [mark("who", "PER", *extent, f"m{extent}") for extent in sorted(mentions)]
    built = spoken(tmp_path_factory.mktemp("spoken"), marks)
    extents = {row["span_id"]: (row["start"], row["end"]) for row in built.rows("quotes")}
    for layer in ("quotes", "who"):
        for row in built.rows(layer):
            own = (row["start"], row["end"])
            holding = [q for q in quotes if q[0] <= own[0] and own[1] <= q[1] and (layer == "who" or q != own)]
            found = extents.get(row["quote_id"])
            assert (found in holding) if holding else found is None
            if found:
                assert found[1] - found[0] == min(end - start for start, end in holding)


def test_without_a_layer_of_quotations_there_are_no_such_columns(tmp_path):
    (row,) = rows(tmp_path, ann())
    assert not {"quote_id", "voice_ids"} & row.keys()
