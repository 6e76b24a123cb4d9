"""What is accepted is in a row, and only that: duplicates, shared controls, several tasks of an article, votes."""

from __future__ import annotations

import hashlib

import pytest

from helpers import CODEBOOK, build_case, build_tasks, span, task
from test_known_failures import arrow, book, item

TEXT = "Ann met Bob in Oslo."
KNOWS = {"knows": {"to": ["spans"]}}


def test_an_arrow_to_a_copy_of_its_target_is_told(tmp_path):
    result = [span(0, 3, "Ann", id="a"), span(8, 11, "Bob", id="b"), span(8, 11, "Bob", id="b2")]
    result += [arrow("a", "b", labels=["knows"]), arrow("a", "b2", labels=["knows"])]
    built = build_tasks(tmp_path, task(TEXT, result), codebook=book(relations=KNOWS))
    assert built.codes == {"duplicate-region": 1, "duplicate-relation": 1}
    assert built.results == (3, 0, 2)
    assert [len(row["knows"]) for row in built.rows("spans")] == [1, 0]


def test_marks_that_point_to_different_marks_are_different(tmp_path):
    result = [span(0, 3, "Ann", id="a"), span(0, 3, "Ann", id="a2")]
    result += [span(8, 11, "Bob", id="b"), span(8, 11, "Bob", "LOC", id="c")]
    result += [arrow("a", "b", labels=["knows"]), arrow("a2", "c", labels=["knows"])]
    built = build_tasks(tmp_path, task(TEXT, result), codebook=book(relations=KNOWS))
    assert built.codes == {}
    assert [[link["label"] for link in row["knows"]] for row in built.rows("spans")] == [["PER"], ["LOC"], [], []]


def test_the_same_label_twice_on_an_arrow_draws_it_once(tmp_path):
    result = [span(0, 3, "Ann", id="a"), span(8, 11, "Bob", id="b"), arrow("a", "b", labels=["knows", "knows"])]
    built = build_tasks(tmp_path, task(TEXT, result), codebook=book(relations=KNOWS))
    assert (built.codes, len(built.rows("spans")[0]["knows"])) == ({}, 1)


def test_a_note_shared_by_two_layers_stays_with_the_kept_one(tmp_path):
    note = {"note": {"kind": "text", "control": "note"}}
    labels = {"labels": {"PER": {}}, "attributes": note}
    codebook = CODEBOOK | {"layers": {"spans": labels, "other": labels}}
    result = [span(0, 3, "Ann", id="x"), item("note", "textarea", "x", text="so")]
    result += [span(0, 3, "Ann", id="y"), span(0, 3, "Ann", id="y", from_name="other")]
    result += [item("note", "textarea", "y", text="so")]
    built = build_tasks(tmp_path, task(TEXT, result), codebook=codebook)
    assert built.codes == {"duplicate-region": 1}
    assert [row["note"] for row in built.rows("spans") + built.rows("other")] == ["so", "so"]


def test_a_note_on_a_refused_region_is_not_about_the_article(tmp_path):
    note = {"kind": "text", "control": "note"}
    codebook = book(attributes={"remark": note}) | {"document": {"about": note}}
    result = [span(0, 3, "Ann", "NONE", id="x"), item("note", "textarea", "x", text="of the region")]
    built = build_tasks(tmp_path, task(TEXT, result), codebook=codebook)
    assert built.codes == {"unknown-label": 1, "orphan-attribute": 1}
    assert built.rows("articles")[0]["about"] is None


def test_an_empty_value_does_not_hide_the_real_one(tmp_path):
    codebook = CODEBOOK | {"document": {"about": {"kind": "text"}}}
    result = [item("about", "textarea", "n1", text=[]), item("about", "textarea", "n2", text=["war"])]
    built = build_tasks(tmp_path, task(TEXT, result), codebook=codebook)
    assert (built.codes, built.rows("articles")[0]["about"]) == ({}, "war")


@pytest.mark.parametrize("ids", [(1, 2), (2, 1)])
def test_the_task_that_has_the_text_gives_it(tmp_path, ids):
    bare = {"id": ids[0], "data": {"key": "k"}, "annotations": []}
    full = task(TEXT, [span(0, 3, "Ann")], id=ids[1])
    full["data"]["key"] = "k"
    corpus = {"articles": {"from_tasks": True, "id_field": "key"}}
    built = build_tasks(tmp_path, bare, full, corpus=corpus)
    assert built.codes == {"no-text": 1, "duplicate-task": 1}
    assert built.spans() == [(0, 3, "Ann")]


def test_a_conflicting_task_without_annotations_is_told(tmp_path):
    tasks = [task(text, id=number) for number, text in ((9, TEXT), (10, "Eve."))]
    for each in tasks:
        each["data"]["key"] = "k"
    built = build_tasks(tmp_path, *tasks, corpus={"articles": {"from_tasks": True, "id_field": "key"}})
    assert built.codes == {"article-conflict": 1}
    assert [row["text"] for row in built.rows("articles")] == [TEXT]


def test_an_empty_id_names_no_article(tmp_path):
    tasks = [task(text, id=number) for number, text in ((1, TEXT), (2, "Eve."))]
    for each in tasks:
        each["data"] |= {"key": " ", "event": ""}
    corpus = {"articles": {"from_tasks": True, "id_field": "key", "event_field": "event"}}
    built = build_tasks(tmp_path, *tasks, corpus=corpus)
    assert [(row["article_id"], row["event_id"]) for row in built.rows("articles")] == [("1", "1"), ("2", "2")]


def votes(*results):
    return [{"id": number, "completed_by": who, "result": result} for number, who, result in results]


def test_the_latest_annotation_of_one_person_counts(tmp_path):
    ann, bob = [span(0, 3, "Ann")], [span(8, 11, "Bob")]
    made = votes((9, 1, ann), (10, 1, bob), (11, 2, bob))
    built = build_tasks(tmp_path, task(TEXT, *made), corpus={"gold": "majority"})
    assert built.spans() == [(8, 11, "Bob")]


def test_an_arrow_counts_from_whichever_end_it_was_drawn(tmp_path):
    marks = [span(0, 3, "Ann", id="a"), span(8, 11, "Bob", id="b")]
    made = votes(
        (1, 1, [*marks, arrow("a", "b", labels=["knows"])]), (2, 2, [*marks, arrow("b", "a", "left", ["knows"])])
    )
    built = build_tasks(tmp_path, task(TEXT, *made), corpus={"gold": "majority"}, codebook=book(relations=KNOWS))
    assert [[link["quote"] for link in row["knows"]] for row in built.rows("spans")] == [["Bob"], []]


def test_a_bad_block_leaves_the_paragraphs(tmp_path):
    blocks = [{"kind": "body", "start": 0, "end": 9999}]
    seed = {"x.txt": TEXT}
    digest = "2a7a4e4aae516d7ab9bdbab697e5c4d3a595acaaa6b4a6e3e3d7e965aa56dfb2"
    articles = {"x": {"file": "x.txt", "sha256": digest, "blocks": blocks}}
    built = build_case(tmp_path, {"seeds": seed, "articles": articles})
    assert built.codes == {"bad-block": 1}
    assert built.rows("articles")[0]["blocks"] == [{"kind": "paragraph", "start": 0, "end": 20, "event_id": None}]


LAID = "Top line\n\nOSLO - Ann met Bob in Oslo. Then she left.\nIt rained.\n\n \n***\n\nThe end.  "


@pytest.mark.parametrize(
    ("laid", "expected"),
    [
        (
            [("OSLO", "dateline")],
            ["Top line", "OSLO", "- Ann met Bob in Oslo. Then she left.\nIt rained.", "***", "The end."],
        ),
        (
            [("OSLO", "dateline"), ("Ann met Bob in Oslo.", "body")],  # the dash between them belongs to neither
            ["Top line", "OSLO", "Ann met Bob in Oslo.", "Then she left.\nIt rained.", "***", "The end."],
        ),
        (
            [("It rained.", "promo"), ("The end.", "body")],
            ["Top line", "OSLO - Ann met Bob in Oslo. Then she left.", "It rained.", "***", "The end."],
        ),
        (
            [("Ann met", "body"), ("in Oslo.", "body")],
            ["Top line", "OSLO -", "Ann met", "Bob", "in Oslo.", "Then she left.\nIt rained.", "***", "The end."],
        ),
        ([(LAID, "body")], [LAID]),
        ([], ["Top line", "OSLO - Ann met Bob in Oslo. Then she left.\nIt rained.", "***", "The end."]),
    ],
)
def test_what_lies_outside_of_blocks_is_paragraphs(laid, expected, tmp_path):
    places = [(LAID.index(words), LAID.index(words) + len(words), kind) for words, kind in laid]
    blocks = [{"kind": kind, "start": start, "end": end} for start, end, kind in reversed(places)]
    digest = hashlib.sha256(LAID.encode()).hexdigest()
    articles = {"x": {"file": "x.txt", "sha256": digest, "blocks": blocks}}
    data = {"article_id": "x", "text": LAID}
    at = LAID.index("rained")
    made = task(LAID, [span(at, at + 6, "rained")], data=data)
    built = build_case(tmp_path, {"seeds": {"x.txt": LAID}, "articles": articles, "exports": {"a.json": [made]}})
    found = built.rows("articles")[0]["blocks"]
    assert [LAID[block["start"] : block["end"]] for block in found] == expected
    kinds = {(start, end): kind for start, end, kind in places}
    assert [block["kind"] for block in found] == [kinds.get((b["start"], b["end"]), "paragraph") for b in found]
    assert [(row["start"], row["end"]) for row in built.rows("tokens")] == [(b["start"], b["end"]) for b in found]
    assert built.counts["tokens"] == {"shown": 1, "spans": 1}


def test_the_offsets_of_shown_html_are_kept_when_they_are_trimmed(tmp_path):
    value = {"start": "/p[1]/text()[1]", "end": "/p[1]/text()[1]", "startOffset": 0, "endOffset": 4}
    value |= {"globalOffsets": {"start": 0, "end": 4}, "text": "Ann ", "labels": ["PER"]}
    region = {"id": "r", "from_name": "spans", "to_name": "text", "type": "hypertextlabels", "value": value}
    codebook = CODEBOOK | {"texts": {"text": {"field": "text", "kind": "html"}}}
    built = build_tasks(tmp_path, task(f"<p>{TEXT}</p>", [region]), codebook=codebook)
    (row,) = built.rows("spans")
    assert (row["repair"], row["original_start"], row["original_end"], row["quote"]) == ("trim", 0, 4, "Ann")


def test_a_value_is_about_the_text_that_its_item_names(tmp_path):
    codebook = CODEBOOK | {
        "texts": {"text": {"field": "text"}, "title": {"field": "title"}},
        "document": {"about": {"kind": "text"}, "body_only": {"kind": "text", "text": "text"}},
    }
    result = [item("about", "textarea", "n1", text=["body"]), item("about", "textarea", "n2", text=["head"])]
    result.append(item("body_only", "textarea", "n3", text=["wrong"]))
    for found in result[1:]:
        found["to_name"] = "title"
    made = task(TEXT, result)
    made["data"]["title"] = "News"
    built = build_tasks(tmp_path, made, codebook=codebook)
    assert built.codes == {"wrong-text": 1}
    assert {row["text_name"]: row["about"] for row in built.rows("articles")} == {"text": "body", "title": "head"}


@pytest.mark.parametrize(
    "text", ["ftp://host/a.txt", "HTTPS://x.org/a", "/storage/upload/a.txt", "data:text/plain,abc"]
)
def test_a_reference_is_no_text(tmp_path, text):
    built = build_tasks(tmp_path, task(text, [span(3, 12)]))
    assert built.codes == {"text-is-reference": 1, "no-text": 1}


def test_an_arrow_between_regions_of_two_layers_is_ambiguous(tmp_path):
    layer = {"labels": {"PER": {}}, "relations": {"knows": {"to": ["spans", "other"]}}}
    codebook = CODEBOOK | {"layers": {"spans": layer, "other": layer}}
    both = [span(s, e, q, id=i, from_name=c) for s, e, q, i in ((0, 3, "Ann", "a"), (8, 11, "Bob", "b")) for c in ("spans", "other")]  # fmt: skip  # noqa: E501
    built = build_tasks(tmp_path, task(TEXT, [*both, arrow("a", "b", labels=["knows"])]), codebook=codebook)
    assert "ambiguous" in built.problem("unknown-relation")["message"]


def test_regions_with_empty_ids_are_regions_without_ids(tmp_path):
    built = build_tasks(tmp_path, task(TEXT, [span(0, 3, "Ann", id=""), span(8, 11, "Bob", id="")]))
    assert (built.codes, len(built.spans())) == ({}, 2)
