"""What is known to go wrong with exports elsewhere, each checked from the export to the dataset.

Every test is named after the entry of the list of known failures that it answers to, and names the report in which
others met it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from datasets import load_dataset

from helpers import CODEBOOK, ROOT, Dataset, build_case, build_tasks, span, task

ANN_TEXT = "Ann met Bob in Oslo."
ANN, BOB, OSLO = span(0, 3, "Ann"), span(8, 11, "Bob", id="r2"), span(15, 19, "Oslo", "LOC", id="r3")


def book(**parts: Any) -> dict[str, Any]:
    """The usual codebook with more in its only layer."""
    return CODEBOOK | {"layers": {"spans": CODEBOOK["layers"]["spans"] | parts}}


def item(control: str, kind: str, region: str | None = None, **value: Any) -> dict[str, Any]:
    found = {"from_name": control, "to_name": "text", "type": kind, "value": value}
    return found | ({} if region is None else {"id": region})


def arrow(start: str, end: str, direction: str | None = "right", labels: list[str] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "relation", "from_id": start, "to_id": end}
    found |= {} if direction is None else {"direction": direction}
    return found if labels is None else found | {"labels": labels}


def repairs(built: Dataset) -> list[tuple[str, str | None]]:
    return [(row["quote"], row["repair"]) for row in built.rows("spans")]


# ---------------------------------------------------------------------------------------------------------- offsets


def test_off_utf16(tmp_path: Path) -> None:
    """HumanSignal/label-studio#1347."""
    built = build_case(
        tmp_path,
        {"exports": {"a.json": task("💩This is an annotation.", [span(13, 23, "annotation")])}},
        read_back=True,
    )
    row = load_dataset(str(built.place), "spans", split="train", cache_dir=str(tmp_path / "cache"))[0]
    assert (row["start"], row["end"], row["quote"], row["repair"]) == (12, 22, "annotation", "utf16")
    assert (row["original_start"], row["original_end"]) == (13, 23)
    assert built.results == (0, 1, 0)


def test_off_zwj(tmp_path: Path) -> None:
    """HumanSignal/label-studio#4988."""
    built = build_tasks(tmp_path, task("👨🏻‍🚒 firemen drive firetrucks at work", [span(19, 29, "firetrucks")]))
    assert built.spans() == [(19, 29, "firetrucks")]
    assert repairs(built) == [("firetrucks", None)]


@pytest.mark.parametrize("from_seed", [True, False])
def test_off_crlf(tmp_path: Path, from_seed: bool) -> None:
    """HumanSignal/label-studio#6645."""
    text = "Line\r\nBob left"
    case = {"exports": {"a.json": task(text, [span(6, 9, "Bob")]) | {"id": 1}}}
    case |= {"seeds": {"1.txt": text}} if from_seed else {}
    built = build_case(tmp_path, case, read_back=True)
    assert [row["text"] for row in built.rows("articles")] == [text]
    assert built.spans() == [(6, 9, "Bob")]
    assert repairs(built) == [("Bob", None)]
    streamed = load_dataset(str(built.place), "articles", split="train", streaming=True)
    assert next(iter(streamed))["text"].encode() == text.encode()
    parquet = f"{built.place}/articles/*.parquet"
    assert duckdb.sql(f"select text[7:9] from '{parquet}'").fetchall() == [("Bob",)]


def test_off_crlf_counted_as_one(tmp_path: Path) -> None:
    built = build_tasks(tmp_path, task("Line\r\nBob and Bob left", [span(5, 8, "Bob")]))
    assert built.spans() == [(6, 9, "Bob")]
    assert repairs(built) == [("Bob", "crlf")]


def test_off_spaces_collapsed(tmp_path: Path) -> None:
    """HumanSignal/label-studio#3078."""
    built = build_tasks(tmp_path, task("Text: Berlin,  Germany.", [span(6, 22, "Berlin, Germany", "LOC")]))
    assert built.spans() == [(6, 22, "Berlin,  Germany")]
    assert (built.results, built.problems) == ((1, 0, 0), [])


@pytest.mark.parametrize("quote", ["ab", "a\\nb", "a b", "a\nb"])
def test_off_update_drops_newlines(tmp_path: Path, quote: str) -> None:
    """HumanSignal/label-studio#1863."""
    built = build_tasks(tmp_path, task("a\nb", [span(0, 3, quote)]))
    assert built.spans() == [(0, 3, "a\nb")]
    assert (built.results, built.problems) == ((1, 0, 0), [])


def test_off_beyond_end(tmp_path: Path) -> None:
    """HumanSignal/label-studio#2007."""
    built = build_tasks(
        tmp_path,
        task("Hello Bob", [span(6, 11, "Bob")], id=1),
        task("Bob, hello Bob", [span(12, 17, "Bob", id="r7")], id=2),
    )
    assert built.spans() == [(6, 9, "Bob")]
    assert repairs(built) == [("Bob", "nearby")]
    problem = built.problem("offsets-out-of-range")
    assert (problem["task_id"], problem["annotation_id"], problem["region_id"]) == ("2", "11", "r7")
    assert "12..17" in problem["message"]


HTML = {"codebook": CODEBOOK | {"texts": {"text": {"field": "html", "kind": "html"}}}}


def html_span(path: str, start: int, end: int, text: str | None, offsets: tuple[int, int] | None) -> dict[str, Any]:
    value: dict[str, Any] = {"start": path, "end": path, "startOffset": start, "endOffset": end}
    value |= {"hypertextlabels": ["PER"]} | ({"text": text} if text else {})
    value |= {"globalOffsets": {"start": offsets[0], "end": offsets[1]}} if offsets else {}
    return {"id": "r1", "from_name": "spans", "to_name": "text", "type": "hypertextlabels", "value": value}


@pytest.mark.parametrize(
    ("region", "found"),
    [
        (html_span("/h1[1]/text()[1]", 0, 5, "こんにちは", (0, 5)), ("こんにちは", None)),
        (html_span("/h1[1]/text()[1]", 0, 5, "こんにちは", None), ("こんにちは", "xpath")),
        (html_span("/h1[1]/text()[1]", 0, 5, None, (0, 5)), ("こんにちは", None)),
        (html_span("/h1[1]/text()[1]", 0, 5, "さようなら", (0, 5)), None),
        (html_span("/h1[1]/text()[1]", 0, 5, None, None), None),
        (html_span("/h1[1]/text()[1]", 0, 5, None, (1, 6)), None),
        (html_span("/p[1]/text()[1]", 0, 5, None, (0, 5)), None),
    ],
)
def test_off_html_global(tmp_path: Path, region: dict[str, Any], found: tuple[str, str | None] | None) -> None:
    """HumanSignal/label-studio#4843."""
    built = build_tasks(tmp_path, task("", [region]) | {"data": {"html": "<h1>こんにちは！</h1>"}}, **HTML)
    assert [row["text"] for row in built.rows("articles")] == ["こんにちは！"]
    assert repairs(built) == ([found] if found else [])
    assert built.codes == ({} if found else {"unproven-offsets": 1})


def test_off_html_path_in_a_plain_text(tmp_path: Path) -> None:
    """A path is never read as a number."""
    built = build_tasks(tmp_path, task(ANN_TEXT, [html_span("/div[1]/text()[1]", 0, 3, "Ann", None)]))
    assert built.codes == {"bad-offsets": 1}


def test_off_region_not_shown(tmp_path: Path) -> None:
    """HumanSignal/label-studio#6579: a region over line ends and spaces keeps its characters."""
    text = "guidance on appendix 4.\n\n Next"
    built = build_tasks(tmp_path, task(text, [span(0, 30, None)]))
    assert built.spans() == [(0, 30, text)]
    assert built.counts["results_without_quote"] == 1


REFERENCE = task("/data/upload/1/a.txt", [span(8, 11, None, id="r2")])


@pytest.mark.parametrize("reference", ["/data/upload/1/a.txt", "https://example.org/a.txt", "s3://bucket/a.txt"])
def test_off_url_text(tmp_path: Path, reference: str) -> None:
    """HumanSignal/label-studio#6027."""
    built = build_tasks(tmp_path, REFERENCE | {"data": {"text": reference}})
    assert built.codes == {"text-is-reference": 1, "no-text": 1}
    assert reference in built.problem("text-is-reference")["message"]
    assert [(row["text"], row["gold"]) for row in built.rows("articles")] == [(None, 1)]
    assert built.results == (0, 0, 1)


def test_off_url_text_resolved(tmp_path: Path) -> None:
    articles = {"from_tasks": True, "references": {"/data/upload/1/a.txt": "texts/a.txt"}}
    case = {"corpus": {"articles": articles}, "exports": {"a.json": [REFERENCE]}}
    built = build_case(tmp_path, case | {"generated": {"texts/a.txt": ANN_TEXT}})
    assert built.problems == []
    assert built.spans() == [(8, 11, "Bob")]
    missing = build_case(tmp_path / "missing", case)
    assert missing.codes == {"no-text": 2}
    assert any("texts/a.txt" in problem["message"] for problem in missing.problems)


@pytest.mark.parametrize(
    ("policy", "found"), [("trim", [(6, 19, "Frankie James")]), ("keep", [(5, 19, " Frankie James")])]
)
def test_off_space_edges(tmp_path: Path, policy: str, found: list[tuple[int, int, str]]) -> None:
    """HumanSignal/label-studio-converter#27."""
    items = [span(5, 19, " Frankie James"), span(5, 6, " ", id="r2")]
    corpus = {"offsets": {"edge_spaces": policy}}
    built = build_tasks(tmp_path, task("stars Frankie James as", items), corpus=corpus)
    assert built.spans() == found
    assert built.counts["repairs"] == ({"trim": 1} if policy == "trim" else {})
    assert built.codes == {"empty-span": 1}


def test_off_uima(tmp_path: Path) -> None:
    """inception-project/inception#1811: UTF-16 units, told by the quote."""
    text = "Hello 😊, my name is John."
    built = build_tasks(tmp_path, task(text, [span(21, 25, "John")]))
    assert built.spans() == [(20, 24, "John")]
    assert repairs(built) == [("John", "utf16")]
    unquoted = build_tasks(tmp_path / "unquoted", task(text, [span(21, 25, None)]))
    assert unquoted.codes == {"ambiguous-offsets": 1}
    unit = {"offsets": {"unit": "utf16"}}
    declared = build_tasks(tmp_path / "declared", task(text, [span(21, 25, None)]), corpus=unit)
    assert declared.spans() == [(20, 24, "John")]
    assert declared.counts["results_without_quote"] == 1


@pytest.mark.parametrize(("start", "end", "method"), [(5, 8, None), (8, 11, "utf16"), (2, 5, "nearby")])
def test_off_doccano(tmp_path: Path, start: int, end: int, method: str | None) -> None:
    """doccano/doccano#1931: code points, UTF-16 units and graphemes, each tried against the quote."""
    built = build_tasks(tmp_path, task("👩🏽‍🌾 Ann", [span(start, end, "Ann")]))
    assert built.spans() == [(5, 8, "Ann")]
    assert repairs(built) == [("Ann", method)]


# ----------------------------------------------------------------------------------------------------------- export


def test_shape_perregion(tmp_path: Path) -> None:
    """HumanSignal/label-studio-converter#49."""
    notes = book(attributes={"note": {"kind": "text", "many": True, "control": "note"}})
    built = build_case(
        tmp_path,
        {
            "codebook": notes,
            "exports": {
                "a.json": task(
                    ANN_TEXT,
                    [
                        item("note", "textarea", "r1", start=0, end=3, text=["who?"]),
                        ANN,
                        BOB,
                        item("note", "textarea", "r2", start=8, end=11, text=["a", "b"]),
                        OSLO,
                        item("note", "textarea", "r6", text=["lost?"]),
                    ],
                )
            },
        },
        read_back=True,
    )
    spans = load_dataset(str(built.place), "spans", split="train", cache_dir=str(tmp_path / "cache"))
    assert [(row["quote"], row["note"]) for row in spans] == [("Ann", ["who?"]), ("Bob", ["a", "b"]), ("Oslo", [])]
    assert str(spans.features["note"]) == "List(Value('string'))"
    assert built.problem("orphan-attribute")["region_id"] == "r6"
    assert built.problem("orphan-attribute")["raw"]["value"] == {"text": ["lost?"]}


def test_shape_perregion_one_string(tmp_path: Path) -> None:
    """A note may be a string or a list of one: the column has one type."""
    notes = book(attributes={"note": {"kind": "text", "control": "note"}})
    items = [ANN, item("note", "textarea", "r1", text="2024"), BOB, item("note", "textarea", "r2", text=["true"])]
    built = build_tasks(tmp_path, task(ANN_TEXT, items), codebook=notes)
    assert [row["note"] for row in built.rows("spans")] == ["2024", "true"]


KNOWS = book(relations={"knows": {"to": ["spans"], "unlabelled": True}, "lives_in": {"to": ["spans"]}})


@pytest.mark.parametrize(
    ("drawn", "found"),
    [
        (arrow("r1", "r2", "right", ["knows"]), [("Ann", "knows", "right", "Bob")]),
        (arrow("r1", "r2", "left", ["knows"]), [("Bob", "knows", "left", "Ann")]),
        (arrow("r1", "r2", "bi", ["knows"]), [("Ann", "knows", "bi", "Bob")]),
        (arrow("r1", "r2", None, ["knows"]), [("Ann", "knows", "right", "Bob")]),
        (arrow("r1", "r2", "right", []), [("Ann", "knows", "right", "Bob")]),
        (arrow("r1", "r2", "right"), [("Ann", "knows", "right", "Bob")]),
        (arrow("r1", "r3", "right", ["lives_in"]), [("Ann", "lives_in", "right", "Oslo")]),
        (
            arrow("r1", "r2", "right", ["knows", "lives_in"]),
            [("Ann", "knows", "right", "Bob"), ("Ann", "lives_in", "right", "Bob")],
        ),
    ],
)
def test_shape_relations(tmp_path: Path, drawn: dict[str, Any], found: list[tuple[str, ...]]) -> None:
    """HumanSignal/label-studio#1803."""
    built = build_tasks(tmp_path, task(ANN_TEXT, [drawn, ANN, BOB, OSLO]), codebook=KNOWS)
    assert built.problems == []
    directions = ("right", "left", "bi")
    spans = built.rows("spans")
    ids = {row["span_id"]: row["quote"] for row in spans}
    for rows in (spans, built.rows("articles")[0]["spans"]):
        assert [
            (row["quote"], name, directions[link["direction"]], link["quote"])
            for row in rows
            for name in ("knows", "lives_in")
            for link in row[name]
            if ids[link["span_id"]] == link["quote"]
        ] == found
    assert [link["name"] for row in built.rows("votes") for link in row["relations"]] == [
        name for _, name, _, _ in found
    ]


def test_shape_relations_without_labels_need_the_codebook(tmp_path: Path) -> None:
    plain = book(relations={"knows": {"to": ["spans"]}})
    built = build_tasks(tmp_path, task(ANN_TEXT, [ANN, BOB, arrow("r1", "r2")]), codebook=plain)
    assert built.codes == {"unknown-relation": 1}
    assert "without label" in built.problem("unknown-relation")["message"]


def test_shape_clobber_jsonmin(tmp_path: Path) -> None:
    """The SDK's converter: a control that is called as a field of the data replaces it."""
    data = {"text": "body of it", "id": "art-7", "created_at": "2020-05-05", "annotator": "desk", "lead_time": 3}
    codebook = book(control="text") | {"texts": {"body": {"field": "text"}}}
    made = {"id": 11, "completed_by": 1, "created_at": "2021-01-01", "lead_time": 9.5}
    made |= {"result": [span(0, 4, "body", from_name="text", to_name="body")]}
    built = build_tasks(tmp_path, task("", made) | {"data": data, "meta": {"id": "m"}}, codebook=codebook)
    (article,) = built.rows("articles")
    assert article["text"] == "body of it"
    assert json.loads(article["metadata"]) == {
        "data": {key: value for key, value in data.items() if key != "text"},
        "meta": {"id": "m"},
    }
    assert [(note["annotation_id"], note["annotator"]) for note in article["annotations"]] == [("11", "a")]
    assert built.spans() == [(0, 4, "body")]


def test_shape_multi_annotator(tmp_path: Path) -> None:
    """HumanSignal/label-studio-converter#28."""
    forms = [1, {"id": 2}, {"email": "x@example.org"}, None]
    made = [{"id": n, "completed_by": who, "result": [ANN]} for n, who in enumerate(forms, 11)]
    built = build_tasks(tmp_path, task(ANN_TEXT, *made))
    expected = [("11", "a"), ("12", "b"), ("13", "unknown"), ("14", "unknown")]
    assert [(row["annotation_id"], row["annotator"]) for row in built.rows("votes")] == expected
    (article,) = built.rows("articles")
    assert [(note["annotation_id"], note["annotator"]) for note in article["annotations"]] == expected
    assert built.codes == {"gold-undecided": 1, "unknown-annotator": 2}
    assert built.rows("spans") == []


def test_shape_multi_annotator_without_marks(tmp_path: Path) -> None:
    made = [{"id": 11, "completed_by": 1, "result": []}, {"id": 12, "completed_by": {"id": 2}, "result": []}]
    built = build_tasks(tmp_path, task(ANN_TEXT, *made))
    (article,) = built.rows("articles")
    assert [(note["annotation_id"], note["annotator"]) for note in article["annotations"]] == [("11", "a"), ("12", "b")]


def test_shape_overlap(tmp_path: Path) -> None:
    """HumanSignal/label-studio-converter#254."""
    text = "New York City mayor"
    items = [span(0, 13, "New York City", "LOC"), span(4, 8, "York", id="r2"), span(14, 19, "mayor", id="r3")]
    built = build_tasks(tmp_path, task(text, items))
    assert built.spans() == [(0, 13, "New York City"), (4, 8, "York"), (14, 19, "mayor")]
    assert built.counts["tokens"] == {"nested": 1, "shown": 2, "spans": 3}
    (block,) = built.rows("tokens")
    assert (block["tokens"], block["tags"]) == (["New", "York", "City", "mayor"], [3, 4, 4, 1])


def test_shape_second_control(tmp_path: Path) -> None:
    """The SDK's converter: only the first control of labels is exported."""
    codebook = CODEBOOK | {
        "layers": {
            "names": {"labels": {"PER": {}}, "control": "label"},
            "euphemisms": {"labels": {"EUPHEMISM": {}}, "control": "euph"},
        }
    }
    items = [span(0, 3, "Ann", from_name="label"), span(4, 7, "met", "EUPHEMISM", id="r2", from_name="euph")]
    built = build_tasks(tmp_path, task(ANN_TEXT, items), codebook=codebook)
    assert built.spans("names") == [(0, 3, "Ann")]
    assert built.spans("euphemisms") == [(4, 7, "met")]
    assert [(row["layer"], row["labels"]) for row in built.rows("votes")] == [
        ("names", ["PER"]),
        ("euphemisms", ["EUPHEMISM"]),
    ]


OLD = [span(0, 3, "Ann", "ORGANISATION", from_name="ner_old"), span(8, 11, "Bob", "ORGANISATION", id="r2")]


def test_shape_unknown_from(tmp_path: Path) -> None:
    """HumanSignal/label-studio#9738."""
    built = build_tasks(tmp_path, task(ANN_TEXT, OLD))
    assert built.codes == {"unknown-control": 1, "unknown-label": 1}
    assert "'ner_old'" in built.problem("unknown-control")["message"]
    assert "'ORGANISATION'" in built.problem("unknown-label")["message"]
    assert built.results == (0, 0, 2)


def test_shape_unknown_from_mapped(tmp_path: Path) -> None:
    codebook = book(labels={"ORG": {"former": ["ORGANISATION"]}}, former_controls=["ner_old"])
    built = build_tasks(tmp_path, task(ANN_TEXT, OLD), codebook=codebook)
    assert built.problems == []
    assert built.spans() == [(0, 3, "Ann"), (8, 11, "Bob")]
    assert {row["label"] for row in built.rows("spans")} == {0}


# ----------------------------------------------------------------------------------------------------------- states


def states(built: Dataset) -> list[tuple[str, str]]:
    names = load_dataset(str(built.place), split="train", streaming=True).features["state"].names
    return [(row["article_id"], names[row["state"]]) for row in built.rows("articles")]


def test_state_skip(tmp_path: Path) -> None:
    """HumanSignal/label-studio#2042."""
    skipped = {"id": 12, "completed_by": 2, "was_cancelled": True, "result": []}
    built = build_tasks(tmp_path, task(ANN_TEXT, {"id": 11, "completed_by": 1, "result": [ANN]}, skipped))
    (article,) = built.rows("articles")
    assert [(made["annotator"], made["cancelled"]) for made in article["annotations"]] == [("a", False), ("b", True)]
    assert built.counts["annotations_cancelled"] == 1
    assert built.spans() == [(0, 3, "Ann")]
    assert built.problems == []


def test_state_unlabelled(tmp_path: Path) -> None:
    """The SDK's converter: an article without annotations looks like one annotated with nothing."""
    cancelled = {"id": 11, "completed_by": 1, "was_cancelled": True, "result": []}
    built = build_tasks(
        tmp_path,
        task("One.", id=1),
        task("Two.", [], id=2),
        task("Three.", cancelled, id=3),
        task("Ann.", [ANN], id=4),
        task("Refused.", [span(0, 99, None)], id=5),
    )
    assert states(built) == [
        ("1", "unannotated"),
        ("2", "annotated_empty"),
        ("3", "cancelled"),
        ("4", "annotated"),
        ("5", "annotated"),  # marks that could not be kept are not nothing
    ]
    assert built.counts["article_states"] == {"annotated": 2, "annotated_empty": 1, "cancelled": 1, "unannotated": 1}
    # No gold is not the same as gold without spans.
    assert [row["spans"] is None for row in built.rows("articles")] == [True, False, True, False, False]


@pytest.mark.parametrize("predictions", [[1, 2], [{"id": 1, "result": [BOB]}, {"id": 2}], [1, {"id": 2}]])
def test_state_predictions(tmp_path: Path, predictions: list[Any]) -> None:
    """HumanSignal/label-studio#5654."""
    built = build_tasks(tmp_path, task(ANN_TEXT, [ANN], predictions=predictions))
    assert built.counts["predictions"] == 2
    assert built.problems == []
    assert [row["quote"] for row in built.rows("votes")] == ["Ann"]


def test_state_editor(tmp_path: Path) -> None:
    """HumanSignal/label-studio#8520."""
    made = {"id": 11, "completed_by": 1, "updated_by": 2, "last_created_by": None, "result": [ANN]}
    built = build_tasks(tmp_path, task(ANN_TEXT, made), task("Ann.", made | {"id": 12, "updated_by": 1}, id=2))
    assert [(row["annotator"], row["editor"]) for row in built.rows("votes")] == [("a", "b"), ("a", "a")]
    assert built.counts["annotations_edited_by_another"] == 1


# ----------------------------------------------------------------------------------------------------------- import


def test_imp_ground_truth(tmp_path: Path) -> None:
    """An annotation without the key is nobody's ground truth; Label Studio stars what is imported so."""
    made = {"id": 11, "completed_by": 1, "result": [ANN]}
    built = build_tasks(
        tmp_path,
        task("Ann.", made, id=1),
        task("Ann..", made | {"ground_truth": False}, id=2),
        task("Ann...", made | {"ground_truth": None}, id=3),
        task("Ann....", made | {"ground_truth": True}, id=4),
    )
    assert [(row["adjudicated"], row["gold"]) for row in built.rows("spans")] == [
        (False, 1), (False, 1), (False, 1), (True, 0)
    ]  # fmt: skip
    assert [row["ground_truth"] for row in built.rows("votes")] == [False, False, False, True]


def test_imp_duplicates(tmp_path: Path) -> None:
    """HumanSignal/label-studio#540."""
    first = task(ANN_TEXT, {"id": 11, "completed_by": 1, "result": [ANN], "ground_truth": True}, id=7)
    again = task(ANN_TEXT, {"id": 30, "completed_by": 2, "result": [BOB]}, id=19)
    built = build_case(tmp_path, {"exports": {"a.json": [first], "b.json": [again]}})
    assert (built.counts["articles"], built.counts["tasks"]) == (1, 2)
    assert built.codes == {"duplicate-task": 1}
    assert [row["article_id"] for row in built.rows("articles")] == ["7"]
    assert [(row["annotator"], row["task_id"], row["quote"]) for row in built.rows("votes")] == [
        ("a", "7", "Ann"),
        ("b", "19", "Bob"),
    ]


def test_imp_duplicates_of_a_seed(tmp_path: Path) -> None:
    """A task that names no article but shows the text of a seed is about that seed."""
    twice = [task(ANN_TEXT, id=7), task(ANN_TEXT, [ANN], id=19)]
    built = build_case(tmp_path, {"seeds": {"x.txt": ANN_TEXT}, "exports": {"a.json": twice}})
    assert built.codes == {"duplicate-task": 1}
    assert [row["article_id"] for row in built.rows("spans")] == ["x"]


ATTRIBUTES = book(
    attributes={
        "sort": {"kind": "choice", "values": {"name": {}, "nominal": {}}, "control": "sort"},
        "note": {"kind": "text", "control": "note"},
    }
)


def test_imp_novalidation_of_ids(tmp_path: Path) -> None:
    """Two regions with one id are two regions; only what refers to the id is not accepted."""
    items = [ANN, BOB | {"id": "r1"}, span(0, 3, "Ann", id="r2"), item("note", "textarea", "r1", text=["who?"])]
    items += [arrow("r2", "r1", "right", ["knows"])]
    built = build_tasks(tmp_path, task(ANN_TEXT, items), codebook=ATTRIBUTES)
    assert built.codes == {
        "duplicate-region-id": 1,
        "orphan-attribute": 1,
        "dangling-relation": 1,
        "duplicate-region": 1,
    }
    assert built.spans() == [(0, 3, "Ann"), (8, 11, "Bob")]
    assert len({row["span_id"] for row in built.rows("votes")}) == 2


@pytest.mark.parametrize(
    ("items", "codes"),
    [
        ([span(0, 3, "Ann", from_name="nope")], {"unknown-control": 1}),
        ([span(0, 3, "Ann", "ZZZ")], {"unknown-label": 1}),
        ([span(0, 999, None)], {"offsets-out-of-range": 1}),
        ([span(11, 8, None)], {"reversed-offsets": 1}),
        ([span(0, 3, "Eve")], {"quote-mismatch": 1}),
        ([ANN | {"value": ANN["value"] | {"labels": []}}], {"no-label": 1}),
        ([ANN, item("sort", "choices", "r1", choices=["name", "nominal"])], {"several-values": 1}),
        ([ANN, item("sort", "choices", "r1", choices=["nickname"])], {"unknown-value": 1}),
        ([ANN, item("note", "textarea", "gone", text=["who?"])], {"orphan-attribute": 1}),
        ([ANN, item("note", "textarea", text=["who?"])], {"orphan-attribute": 1}),
        ([ANN, arrow("r1", "gone", "right", ["knows"])], {"dangling-relation": 1}),
        ([span(0, 999, None, "ZZZ", id="q", from_name="nope")], {"unknown-control": 1}),
    ],
)
def test_imp_novalidation(tmp_path: Path, items: list[Any], codes: dict[str, int]) -> None:
    """Neither the server nor the SDK refuses any of these."""
    built = build_tasks(tmp_path, task(ANN_TEXT, items), codebook=ATTRIBUTES)
    assert built.codes == codes
    assert built.results == (len(items) - sum(codes.values()), 0, sum(codes.values()))
    for problem in built.problems:
        assert problem["raw"] in items
        assert (problem["file"], problem["article_id"], problem["task_id"], problem["annotation_id"]) == (
            ("a.json", "1", "1", "11")
        )
        assert problem["region_id"] == problem["raw"].get("id", problem["raw"].get("from_id"))


def test_imp_validate_task() -> None:
    """The SDK's `validate_task` fails on any task with annotations: nothing here calls it."""
    sources = (ROOT / "src").rglob("*.py")
    assert not [path for path in sources if "validate_task" in path.read_text(encoding="utf-8")]
