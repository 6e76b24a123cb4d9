"""What several annotators agree on, and what is left to an adjudicator."""

from __future__ import annotations

import json
from xml.etree.ElementTree import fromstring

import pytest

from helpers import ROOT, span, task, write_corpus
from newsparallax.convert import RawTask, Rows, convert_article
from newsparallax.corpus import open_corpus
from newsparallax.labelling.adjudication import dispute_items, review, review_config, to_review
from newsparallax.labelling.exchange import REVIEW, Keeper
from newsparallax.render import render_label_config

TEXT = "Putin went to Pyongyang on Sunday to see Kim Jong-un."
CODEBOOK = {
    "document": {"tone": {"kind": "choice", "values": {"calm": {}, "loud": {}}}},
    "layers": {
        "spans": {
            "labels": {"PER": {}, "LOC": {}},
            "attributes": {
                "kind": {"kind": "choice", "values": {"name": {}, "title": {}}},
                "gist": {"kind": "text"},
                "year": {"kind": "text", "pattern": r"\d{4}"},
            },
            "relations": {"near": {"to": ["spans"]}},
        }
    },
}
PEOPLE = {
    "a": {"kind": "human", "ids": [1]},
    "b": {"kind": "human", "ids": [2]},
    "m": {"kind": "model", "ids": [3]},
    "n": {"kind": "model", "ids": [4]},
    "boss": {"kind": "human", "ids": [5], "role": "adjudicator"},
}


def place(word):
    return TEXT.index(word), TEXT.index(word) + len(word), word


def mark(word, label="PER", identity="r1"):
    return span(*place(word), label, id=identity)


def choice(word, value, identity="r1"):
    start, end, _ = place(word)
    item = {"id": identity, "from_name": "spans_kind", "to_name": "text", "type": "choices"}
    return item | {"value": {"start": start, "end": end, "choices": [value]}}


def words(word, name, text, identity="r1"):
    start, end, _ = place(word)
    item = {"id": identity, "from_name": f"spans_{name}", "to_name": "text", "type": "textarea"}
    return item | {"value": {"start": start, "end": end, "text": [text]}}


def arrow(source, target):
    return {"type": "relation", "from_id": source, "to_id": target, "direction": "right", "labels": ["near"]}


def made(by, items, **more):
    return {"id": by * 10, "completed_by": by, "result": items, **more}


@pytest.fixture
def converted(tmp_path):
    def convert(*annotations):
        write_corpus(tmp_path, {"codebook": CODEBOOK, "annotators": PEOPLE, "exports": {}})
        context = open_corpus(tmp_path).context
        raw = RawTask("x.json", json.dumps(task(TEXT, *annotations)).encode())
        return context, convert_article(context, "1", [raw], lambda _: None)

    return convert


def reviewed(converted, *annotations):
    context, found = converted(*annotations)
    assert [problem.code for problem in found.problems] in ([], ["gold-undecided"])
    return context, review(context, found.marked, {name: shown.index.text for name, shown in found.texts.items()})


def test_agreed_spans_with_their_values_and_arrows_are_proposed(converted):
    items = [
        *(mark("Putin"), choice("Putin", "name"), mark("Pyongyang", "LOC", "r2"), arrow("r1", "r2")),
        {"id": "t", "from_name": "tone", "to_name": "text", "type": "choices", "value": {"choices": ["calm"]}},
    ]
    other = [item | {k: f"z{item[k]}" for k in ("id", "from_id", "to_id") if k in item} for item in items]
    _, found = reviewed(converted, made(1, items), made(2, other))
    assert found.disputes == []
    proposed = [item if item["type"] == "relation" else item | {"origin": "prediction"} for item in items]
    assert found.items == sorted(proposed, key=lambda item: item["type"] == "relation")


def test_what_one_marked_alone_is_shown_and_not_proposed(converted):
    context, found = reviewed(
        converted, made(1, [mark("Putin"), mark("Sunday", identity="r2")]), made(2, [mark("Putin")])
    )
    assert [item["value"]["text"] for item in found.items] == ["Putin"]
    assert [one.line() for one in found.disputes] == ["27-33 “Sunday” spans · a: PER “Sunday”; b: nothing"]
    (item,) = dispute_items(found, context)
    assert (item["from_name"], item["value"]["start"], item["value"]["end"]) == (REVIEW, 27, 33)
    assert item["meta"] == {"text": ["spans · a: PER “Sunday”; b: nothing"]}


def test_marks_at_one_place_are_paired_by_what_they_have_in_common(converted):
    """Of two marks on the same words, the one that both have is agreed, in whatever order they come."""
    alone = [mark("Putin"), choice("Putin", "title"), words("Putin", "gist", "a title")]
    two = [mark("Putin", identity="x"), choice("Putin", "name", "x"), *alone]
    for first, second in ((alone, two), (two, alone)):
        _, found = reviewed(converted, made(1, first), made(2, second))
        (only,) = found.disputes
        assert only.what == "spans"
        assert sorted(only.says.values()) == ["PER “Putin”", "nothing"]
        assert [item["value"].get("choices") for item in found.items] == [None, ["title"], None]


def test_other_words_for_a_free_text_are_no_dispute_and_a_text_with_a_pattern_is(converted):
    _, found = reviewed(
        converted,
        made(1, [mark("Putin"), words("Putin", "gist", "he went"), words("Putin", "year", "2024")]),
        made(2, [mark("Putin"), words("Putin", "gist", "he travelled"), words("Putin", "year", "2023")]),
    )
    assert [one.line() for one in found.disputes] == ["0-5 “Putin” spans year · a: 2024; b: 2023"]
    assert [one.line() for one in found.notes] == ["0-5 “Putin” spans gist · a: he went; b: he travelled"]
    assert [item["value"]["text"] for item in found.items if item["type"] == "textarea"] == [["he went"]]
    _, found = reviewed(
        converted, made(1, [mark("Putin"), words("Putin", "gist", "he went")]), made(2, [mark("Putin")])
    )
    assert [one.what for one in found.disputes] == ["spans gist"]


def test_overlapping_marks_are_one_dispute(converted):
    _, found = reviewed(
        converted,
        made(1, [mark("see Kim"), mark("Putin", identity="r2")]),
        made(2, [mark("Kim Jong-un", "LOC"), mark("Jong-un", identity="r3"), mark("Putin", "LOC", "r4")]),
    )
    assert [one.line() for one in found.disputes] == [
        "0-5 “Putin” spans · a: PER “Putin”; b: LOC “Putin”",
        "37-52 “see Kim Jong-un” spans · a: PER “see Kim”; b: LOC “Kim Jong-un”, PER “Jong-un”",
    ]
    assert found.items == []


def test_a_value_on_which_they_differ_is_left_open(converted):
    _, found = reviewed(
        converted,
        made(1, [mark("Putin"), choice("Putin", "name"), mark("Pyongyang", "LOC", "r2"), arrow("r1", "r2")]),
        made(2, [mark("Putin"), choice("Putin", "title"), mark("Pyongyang", "LOC", "r2"), mark("Sunday", identity="r3"),
                 arrow("r1", "r3")]),
    )  # fmt: skip
    assert [item["type"] for item in found.items] == ["labels", "labels"]
    assert [one.line() for one in found.disputes] == [
        "0-5 “Putin” spans kind · a: name; b: title",
        "0-5 “Putin” spans relation near · a: “Pyongyang”; b: “Sunday”",
        "27-33 “Sunday” spans · a: nothing; b: PER “Sunday”",
    ]


def test_an_arrow_to_a_disputed_span_is_no_proposal(converted):
    both = [mark("Putin"), mark("Pyongyang", "LOC", "r2"), arrow("r1", "r2")]
    _, found = reviewed(converted, made(1, both), made(2, [both[0], mark("Pyongyang", "PER", "r2"), both[2]]))
    assert [item["type"] for item in found.items] == ["labels"]


def test_values_about_the_article(converted):
    def tone(value):
        return {"id": "t", "from_name": "tone", "to_name": "text", "type": "choices", "value": {"choices": [value]}}

    context, found = reviewed(converted, made(1, [tone("calm")]), made(2, [tone("loud")]))
    assert [one.line() for one in found.disputes] == ["tone · a: calm; b: loud"]
    assert dispute_items(found, context) == found.items == []


def test_the_same_span_twice_with_different_arrows_is_not_lost(converted):
    items = [mark("Putin"), mark("Putin", identity="r2"), mark("Sunday", identity="r3"), arrow("r2", "r3")]
    _, found = reviewed(converted, made(1, items), made(2, items))
    assert found.disputes == []
    assert [item.get("id") for item in found.items].count("r1") == 1
    assert [item.get("id") for item in found.items].count("r2") == 1


def test_repaired_offsets_are_proposed(converted):
    wrong = mark("Sunday")
    wrong["value"] = wrong["value"] | {"start": 25, "end": 31}
    _, found = reviewed(converted, made(1, [wrong]), made(2, [mark("Sunday")]))
    assert [(item["value"]["start"], item["value"]["end"]) for item in found.items] == [(27, 33)]


@pytest.mark.parametrize(
    ("annotations", "named", "who"),
    [
        ([made(1, []), made(2, [])], False, ["a", "b"]),
        ([made(1, [])], False, []),
        ([made(3, []), made(4, [])], False, ["m", "n"]),
        ([made(1, []), made(3, [])], False, ["a", "m"]),
        ([made(1, []), made(2, []), made(3, [])], False, ["a", "b"]),
        ([made(1, []), made(2, []), made(5, [], ground_truth=True)], False, []),
        ([made(1, []), made(2, []), made(5, [], ground_truth=True)], True, ["a", "b"]),
        ([made(3, []), made(4, []), made(4, [], id=99, ground_truth=True)], False, []),
        ([made(1, []), made(3, []), made(4, [], ground_truth=True)], False, ["a", "m"]),
        ([made(1, []), made(5, [])], False, []),
    ],
)
def test_who_is_adjudicated(converted, annotations, named, who):
    _, found = converted(*annotations)
    assert [one.annotator.name for one in to_review(found.marked, {"boss"}, named=named)] == who


def test_people_whom_nobody_knows_are_different_people(converted):
    """They are all called unknown; one of them was taken for the other."""
    strangers = [
        {"id": n, "completed_by": {"email": f"{n}@example.org"}, "result": [mark(word)]}
        for n, word in ((7, "Putin"), (8, "Sunday"))
    ]
    context, found = converted(*strangers)
    chosen = to_review(found.marked, set(), named=False)
    texts = {name: shown.index.text for name, shown in found.texts.items()}
    assert [one.line() for one in review(context, chosen, texts).disputes] == [
        "0-5 “Putin” spans · unknown 7: PER “Putin”; unknown 8: nothing",
        "27-33 “Sunday” spans · unknown 7: nothing; unknown 8: PER “Sunday”",
    ]


def test_the_latest_annotation_of_somebody_counts(converted):
    _, found = converted(made(1, [mark("Putin")]), made(1, [], id=99), made(2, []))
    assert [len(one.spans) for one in to_review(found.marked, set(), named=False)] == [0, 0]


@pytest.mark.parametrize("corpus", [".", "tests/corpora/zeitung", "tests/corpora/from_tasks"])
def test_the_page_of_the_adjudicator_has_all_controls_of_the_annotators(corpus):
    context = open_corpus(ROOT / corpus).context
    plain = render_label_config(context.codebook, context.entities)
    names = [element.get("name") for element in fromstring(plain).iter() if element.get("name")]
    found = [element.get("name") for element in fromstring(review_config(plain, context)).iter() if element.get("name")]
    assert sorted(found) == sorted([*names, REVIEW, f"{REVIEW}_list"])


def test_of_two_starred_annotations_the_human_one_is_gold(converted):
    _, found = converted(made(3, [], ground_truth=True), made(1, [mark("Putin")], ground_truth=True))
    assert (found.gold.annotator, found.gold.kind, found.problems) == ("a", "human", [])
    _, found = converted(made(2, [], ground_truth=True), made(1, [], ground_truth=True), made(3, [], ground_truth=True))
    assert [problem.code for problem in found.problems] == ["gold-conflict"]


TWO_TEXTS = CODEBOOK | {"texts": {"text": {"field": "text"}, "other": {"field": "other"}}}


def tone(value, to_name):
    return {"id": f"t-{to_name}", "from_name": "tone", "to_name": to_name, "type": "choices", "value": {"choices": [value]}}  # fmt: skip  # noqa: E501


@pytest.fixture
def of_two_texts(tmp_path):
    def convert(*annotations, data):
        write_corpus(tmp_path, {"codebook": TWO_TEXTS, "annotators": PEOPLE, "exports": {}})
        context = open_corpus(tmp_path).context
        raw = RawTask("x.json", json.dumps({"id": 1, "data": data, "annotations": list(annotations)}).encode())
        return context, convert_article(context, "1", [raw], lambda _: None)

    return convert


@pytest.mark.parametrize("order", [1, -1])
def test_a_value_that_is_disputed_about_one_text_is_not_agreed_because_it_is_about_another(of_two_texts, order):
    """Both are values of one control: an adjudicator got the disputed one as agreed."""
    first = [tone("calm", "text"), tone("calm", "other")][::order]
    second = [tone("calm", "text"), tone("loud", "other")][::order]
    context, found = of_two_texts(made(1, first), made(2, second), data={"text": TEXT, "other": "Quiet."})
    texts = {name: shown.index.text for name, shown in found.texts.items()}
    reviewed = review(context, found.marked, texts)
    assert [one.line() for one in reviewed.disputes] == ["tone of other · a: calm; b: loud"]
    assert reviewed.items == [tone("calm", "text") | {"origin": "prediction"}]


def test_values_about_several_texts_are_kept_in_one_order(of_two_texts):
    context, _ = of_two_texts(data={"text": TEXT, "other": "Quiet."})
    items = [tone("calm", "text"), tone("loud", "other")]
    assert Keeper(context).result(items) == Keeper(context).result(items[::-1])


def test_a_value_about_a_text_that_is_missing_does_not_replace_that_of_the_first(of_two_texts):
    for items in ([tone("loud", "other"), tone("calm", "text")], [tone("calm", "text"), tone("loud", "other")]):
        context, found = of_two_texts(made(1, items), data={"text": TEXT})
        rows = Rows(context)
        rows.add(found)
        assert rows.tables()["articles"]["tone"].to_pylist() == [0]
