"""The form in which annotations are kept, and how what is pulled meets what is there."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsparallax.core.exchange import AGAIN, MARK, REVIEW, Keeper, file_text, key, merge, sent_mark
from newsparallax.edges.folder import open_corpus

ROOT = Path(__file__).parents[1]
CONTEXT = open_corpus(ROOT).context
KEEPER = Keeper(CONTEXT)
EXPORTS = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(ROOT.glob("annotations/exports/*.json"))]
DATA = {"article_id": "x", "text": "Putin went to Pyongyang."}


def served(identity, by, result=(), **more):
    """An annotation as the server hands it out."""
    return {
        "id": identity,
        "completed_by": by,
        "result": list(result),
        "was_cancelled": False,
        "ground_truth": False,
        "lead_time": 3.2,
        "updated_at": "2024-01-01T00:00:00Z",
        "created_username": "ann@example.org",
        **more,
    }


def kept(identity, by, result=(), **more):
    return {
        "id": identity,
        "completed_by": by,
        "was_cancelled": False,
        "ground_truth": False,
        "result": list(result),
    } | more


def task(*annotations, identity=7, data=DATA, **more):
    return {
        "id": identity,
        "data": data,
        "meta": {},
        "annotations": list(annotations),
        "drafts": [],
        "predictions": [],
    } | more


def region(start, end, identity="r1", **more):
    value = {"labels": ["PER"], "end": end, "start": start, "text": DATA["text"][start:end]}
    return {"value": value, "id": identity, "from_name": "entities", "to_name": "text", "type": "labels"} | more


@pytest.mark.parametrize("tasks", EXPORTS, ids=lambda tasks: tasks[0]["data"]["article_id"])
def test_the_committed_exports_are_in_the_form_kept(tasks):
    for found in tasks:
        for annotation in found["annotations"]:
            mixed = list(annotation["result"])
            random.Random(1).shuffle(mixed)
            assert KEEPER.result(mixed) == annotation["result"]
    (path,) = (ROOT / "annotations/exports").glob(f"{tasks[0]['data']['article_id']}.json")
    assert file_text(tasks) == path.read_bytes()


def test_a_task_is_kept_without_what_changes_by_itself():
    meta = {MARK: {"article": "x", "sha256": "0", "task": 3}, "desk": "foreign"}
    found = {
        **task(served(5, 11, [region(0, 5)]), identity=99, meta=meta, data=DATA | {REVIEW: "1 dispute"}),
        "updated_at": "2024-01-01T00:00:00Z",
        "inner_id": 4,
        "drafts": [{"result": []}],
        "predictions": [{"result": []}],
    }
    assert KEEPER.task(found, {11: 1}) == task(kept(5, 1, [region(0, 5)]), identity=3, meta={"desk": "foreign"})
    assert list(KEEPER.task(found, {11: 1})["annotations"][0]["result"][0]["value"]) == [
        "start",
        "end",
        "text",
        "labels",
    ]


def test_an_editor_is_kept_where_it_is_another_person():
    found = task(served(5, 11, updated_by=12), served(6, 11, updated_by=11), served(8, None))
    annotations = KEEPER.task(found, {11: 1, 12: 2})["annotations"]
    assert annotations == [kept(5, 1, updated_by=2), kept(6, 1), kept(8, None)]


def test_imported_annotations_keep_their_ids_and_no_id_stands_twice():
    found = task(served(5, 11), served(11, 12), served(6, 11, import_id=11))
    assert [(one["id"], one["completed_by"]) for one in KEEPER.task(found, {11: 1, 12: 2})["annotations"]] == [
        (5, 1),
        (11, 1),
        (f"{AGAIN}11", 2),
    ]


def test_marks_for_adjudicators_are_taken_off():
    mark = region(0, 5, "d-1", from_name=REVIEW)
    note = {"id": "d-1", "from_name": "other", "to_name": "text", "type": "textarea", "value": {"text": ["?"]}}
    arrow = {"type": "relation", "from_id": "r1", "to_id": "d-1", "direction": "right", "labels": ["user"]}
    assert KEEPER.result([mark, region(0, 5), note, arrow]) == [region(0, 5)]


def test_broken_items_are_kept_as_they_are():
    odd = [3, None, {"type": "labels"}, {"type": "relation"}, {"id": "x", "type": "labels", "value": {"start": "a"}}]
    assert sorted(map(repr, KEEPER.result(odd))) == sorted(map(repr, odd))


ITEMS = st.lists(
    st.builds(
        lambda start, length, identity: region(start, start + length, f"r{identity}"),
        st.integers(0, 20),
        st.integers(0, 4),
        st.integers(0, 5),
    ),
    max_size=8,
    unique_by=lambda item: item["id"],
)


@given(ITEMS, st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_the_order_it_came_in(items, generator):
    mixed = list(items)
    generator.shuffle(mixed)
    assert KEEPER.result(mixed) == KEEPER.result(items) == KEEPER.result(KEEPER.result(items))


def test_what_is_from_elsewhere_stays_and_the_file_s_task_keeps_its_id():
    merged, elsewhere = merge([task(kept(11, 1), kept(12, 2), identity=1)], [task(kept(40, 4, [region(0, 5)]))], [])
    assert elsewhere == [kept(11, 1), kept(12, 2)]
    assert merged == [task(kept(11, 1), kept(12, 2), kept(40, 4, [region(0, 5)]), identity=1)]


def test_what_the_server_had_and_has_no_more_goes():
    before = [task(kept(11, 1), kept(40, 4))]
    assert merge(before, [task()], [key(kept(40, 4))])[0] == [task(kept(11, 1))]
    assert merge(before, [task()], [key(kept(11, 4))])[0] == before  # somebody else's with that number


def test_a_number_that_is_taken_by_another_annotation():
    """A new server counts from 1 again; its annotation 11 is not the one that the file has."""
    before = [task(kept(11, 1, [region(0, 5)]))]
    first, _ = merge(before, [task(kept(11, 4))], [])
    assert first == [task(kept(11, 1, [region(0, 5)]), kept(f"{AGAIN}11", 4))]
    again, elsewhere = merge(first, [task(kept(11, 4, [region(14, 23)]))], [key(kept(11, 4))])
    assert elsewhere == [kept(11, 1, [region(0, 5)])]
    assert again == [task(kept(11, 1, [region(0, 5)]), kept(f"{AGAIN}11", 4, [region(14, 23)]))]
    assert merge(first, [task()], [key(kept(11, 4))])[0] == before


def test_the_same_work_pulled_from_a_new_server_is_not_there_twice():
    before = [task(kept(11, 1, [region(0, 5)]))]
    merged, elsewhere = merge(before, [task(kept(3, 1, [region(0, 5)]))], [])
    assert (merged, elsewhere) == ([task(kept(3, 1, [region(0, 5)]))], [])


def test_a_task_that_shows_another_text_stays_apart():
    old = task(kept(11, 1), data=DATA | {"text": "Another."}, identity=1)
    assert merge([old], [task(kept(40, 4))], [])[0] == [task(kept(40, 4)), old]
    empty = task(data=DATA | {"text": "Another."}, identity=1)
    assert merge([empty], [task(kept(40, 4))], [])[0] == [task(kept(40, 4))]


ANNOTATIONS = st.lists(
    st.builds(kept, st.integers(1, 6), st.integers(1, 3), ITEMS),
    max_size=5,
    unique_by=lambda one: (one["id"], one["completed_by"]),
)


@given(ANNOTATIONS, ANNOTATIONS)
def test_merging_twice_is_merging_once_and_loses_nothing(old, new):
    before, now = [task(*old, identity=1)], [task(*new)]
    once, elsewhere = merge(before, now, [])
    twice, _ = merge(once, now, [key(one) for one in new])
    assert twice == once
    results = [json.dumps(one["result"]) for found in once for one in found["annotations"]]
    assert all(json.dumps(one["result"]) in results for one in [*new, *elsewhere])
    assert len({key(one) for one in elsewhere} & {key(one) for one in new}) == 0
    replaced = {key(one) for one in new} | {json.dumps([one["completed_by"], one["result"]]) for one in new}
    lost = [one for one in old if one not in elsewhere]
    assert all(key(one) in replaced or json.dumps([one["completed_by"], one["result"]]) in replaced for one in lost)


def test_a_file_that_holds_half_a_surrogate_pair_can_be_written():
    assert json.loads(file_text([task(data={"text": "\ud83d"})]))[0]["data"]["text"] == "\ud83d"


@pytest.mark.parametrize("meta", [None, {}, [], {MARK: None}, {MARK: {"article": 3}}, {MARK: "x"}])
def test_a_task_that_is_not_ours(meta):
    assert sent_mark(meta) is None
