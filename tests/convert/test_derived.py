"""Derived columns of gold spans: outlet, kind of block, support, overruled, referents."""

from __future__ import annotations

import pytest

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
