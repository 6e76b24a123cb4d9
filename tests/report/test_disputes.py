"""Disputed and overruled places: those that the measures of agreement and the column `overruled` have."""

from __future__ import annotations

import json

from helpers import build_case, span, task
from newsparallax.building import measure
from newsparallax.corpus import open_corpus
from newsparallax.read import open_dataset
from newsparallax.report.disputes import disputes

TEXT = "Ann met Bob in Rome."
PEOPLE = {"a": {"kind": "human", "ids": [1]}, "b": {"kind": "model", "ids": [2]}, "c": {"kind": "human", "ids": [3]}}


def places(folder, *results):
    """The disputed and overruled places of annotations; the last one is starred."""
    made = [
        {"id": number, "completed_by": number, "result": found, "ground_truth": number == len(results)}
        for number, found in enumerate(results, 1)
    ]
    case = {"annotators": PEOPLE, "exports": {"x.json": [task(TEXT, *made)]}}
    return disputes(open_dataset(build_case(folder, case).place))


ANN, BOB, ROME = span(0, 3, "Ann"), span(8, 11, "Bob", id="r2"), span(15, 19, "Rome", "LOC", id="r3")


def test_annotators_who_agree_with_the_gold_dispute_nothing(tmp_path):
    assert places(tmp_path, [ANN, BOB], [BOB, ANN], [ANN, BOB]) == ([], [])


def test_each_difference_is_named_with_who_said_what(tmp_path):
    other = [span(0, 3, "Ann", "LOC"), span(4, 11, "met Bob", id="r2")]
    disputed, overruled = places(tmp_path, [ANN, BOB, ROME], other, [ANN, BOB, ROME])
    assert overruled == []
    assert [place["differs"] for place in disputed] == [["labels"], ["span"], ["marked"]]
    assert [[said["words"] for said in place["said"]] for place in disputed] == [
        ["PER", "LOC"],
        ["PER; 8–11 “Bob”", "PER; 4–11 “met Bob”"],
        ["LOC; 15–19 “Rome”", "not marked"],
    ]
    assert [(said["who"], said["kind"]) for said in disputed[0]["said"]] == [("a", "human"), ("b", "model")]
    assert [place["gold"] for place in disputed] == ["PER", "PER; 8–11 “Bob”", "LOC; 15–19 “Rome”"]


def test_the_gold_overrules_by_adding_changing_and_dropping(tmp_path):
    disputed, overruled = places(tmp_path, [ANN, BOB], [ANN, BOB], [span(0, 3, "Ann", "LOC"), ROME])
    assert disputed == []
    assert [(place["gold_differs"], place["gold"]) for place in overruled] == [
        (["labels"], "LOC"),
        (["marked"], "not marked"),
        (["marked"], "LOC; 15–19 “Rome”"),
    ]
    dropped = overruled[1]
    assert (dropped["span_id"], dropped["href"].partition(".")[2]) == (
        None,
        "0",
    )  # the passage, since the span is not shown


def test_one_annotator_disputes_nothing(tmp_path):
    assert places(tmp_path, [ANN], [BOB]) == ([], [])


def test_the_corpus_has_the_disputes_of_its_agreement_and_the_overruled_of_its_rows(news):
    with measure(open_corpus(None)) as measured:
        known = [
            (record["article_id"], record["layer"], [(mark["start"], mark["end"]) for mark in record["marks"] if mark])
            for record in json.loads(b"".join(measured.json()))["disputes"]
        ]
    disputed, overruled = disputes(news)
    assert known
    assert len(disputed) == len(known)
    for place in disputed:
        assert any(
            place["article_id"] == article and place["layer"] == layer and (place["start"], place["end"]) in marks
            for article, layer, marks in known
        )
    flagged = {row["span_id"] for layer in news.codebook.layers for row in news.rows(layer) if row["overruled"]}
    assert flagged
    assert flagged <= {place["span_id"] for place in overruled}


def test_each_place_leads_to_a_span_or_passage_of_the_page(news, news_page):
    page = news_page.read_text(encoding="utf-8")
    for place in [place for several in disputes(news) for place in several]:
        assert f'href="#{place["href"]}"' in page
        assert f'id="{place["href"]}"' in page
    spans = json.loads(page.partition('id="spans">')[2].partition("</script>")[0])
    assert {place["span_id"] for place in disputes(news)[0] if place["span_id"]} <= spans.keys()
