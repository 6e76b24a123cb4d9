"""The form in which annotations are kept, and how what is pulled meets what is there."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import ROOT, write_corpus
from newsparallax.corpus import open_corpus
from newsparallax.errors import ExportError, UsageError
from newsparallax.labelling import split_exports
from newsparallax.labelling.exchange import AGAIN, MARK, REVIEW, Keeper, beginning, file_text, merge, sent_mark
from newsparallax.labelling.pulling import ExportFiles, file_name

CONTEXT = open_corpus(ROOT).context
KEEPER = Keeper(CONTEXT)
EXPORTS = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(ROOT.glob("annotations/exports/*.json"))]
HERE = beginning("p", 7)
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


def ours(identity, by, result=(), task=7, **more):
    """An annotation made on the server, as it is kept."""
    return {"id": identity, "unique_id": f"{beginning('p', task)}{identity}"} | kept(identity, by, result) | more


def kept(identity, by, result=(), **more):
    """An annotation of another origin, as it is kept."""
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
    assert KEEPER.task(found, {11: 1}, "p") == task(
        ours(5, 1, [region(0, 5)], task=99), identity=3, meta={"desk": "foreign"}
    )
    assert list(KEEPER.task(found, {11: 1}, "p")["annotations"][0]["result"][0]["value"]) == [
        "start",
        "end",
        "text",
        "labels",
    ]


def test_an_editor_is_kept_where_it_is_another_person():
    found = task(served(5, 11, updated_by=12), served(6, 11, updated_by=11), served(8, None))
    annotations = KEEPER.task(found, {11: 1, 12: 2}, "p")["annotations"]
    assert annotations == [ours(5, 1, updated_by=2), ours(6, 1), ours(8, None)]


def test_imported_annotations_keep_their_ids_and_no_id_stands_twice():
    found = task(served(5, 11), served(11, 12), served(6, 11, import_id=11))
    assert [(one["id"], one["completed_by"]) for one in KEEPER.task(found, {11: 1, 12: 2}, "p")["annotations"]] == [
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
    new = ours(40, 4, [region(0, 5)])
    merged, elsewhere = merge([task(kept(11, 1), kept(12, 2), identity=1)], [task(new)], [HERE])
    assert elsewhere == [kept(11, 1), kept(12, 2)]
    assert merged == [task(kept(11, 1), kept(12, 2), new, identity=1)]


def test_what_was_deleted_on_the_server_goes():
    before = [task(kept(11, 1), ours(40, 4))]
    assert merge(before, [task()], [HERE])[0] == [task(kept(11, 1))]


@pytest.mark.parametrize("here", [beginning("p", 8), beginning("q", 7)])
def test_what_another_task_or_another_server_had_stays(here):
    """A task deleted and pushed again, and a server begun anew at the same address: neither deletes what was pulled."""
    before = [task(ours(40, 4))]
    assert merge(before, [task()], [here]) == (before, [ours(40, 4)])


def test_a_number_that_is_taken_by_another_annotation():
    """A new server counts from 1 again; its annotation 11 is not the one that the file has, whoever made it."""
    old = kept(11, 4, [region(0, 5)])
    renamed = ours(11, 4, id=f"{AGAIN}11")
    first, _ = merge([task(old)], [task(ours(11, 4))], [HERE])
    assert first == [task(old, renamed)]
    again, elsewhere = merge(first, [task(ours(11, 4, [region(14, 23)]))], [HERE])
    assert elsewhere == [old]
    assert again == [task(old, renamed | {"result": [region(14, 23)]})]
    assert merge(first, [task()], [HERE])[0] == [task(old)]


def test_the_same_work_pulled_from_a_new_server_is_not_there_twice():
    new = ours(3, 1, [region(0, 5)])
    assert merge([task(kept(11, 1, [region(0, 5)]))], [task(new)], [HERE]) == ([task(new)], [])
    by_hand = kept(3, 99, [region(0, 5)])  # an export of the same server by hand, with the server's own number
    assert merge([task(by_hand)], [task(new)], [HERE]) == ([task(new)], [])


def test_who_was_removed_from_the_server_stays_the_one_who_made_it():
    merged, _ = merge([task(ours(40, 4))], [task(ours(40, None, [region(0, 5)]))], [HERE])
    assert merged == [task(ours(40, 4, [region(0, 5)]))]


def test_an_imported_annotation_that_was_revised_replaces_what_was_imported():
    merged, elsewhere = merge([task(kept(11, 1))], [task(kept(11, 1, [region(0, 5)]))], [HERE])
    assert (merged, elsewhere) == ([task(kept(11, 1, [region(0, 5)]))], [])


def test_a_task_that_shows_another_text_stays_apart():
    old = task(kept(11, 1), data=DATA | {"text": "Another."}, identity=1)
    assert merge([old], [task(ours(40, 4))], [HERE])[0] == [task(ours(40, 4)), old]
    empty = task(data=DATA | {"text": "Another."}, identity=1)
    assert merge([empty], [task(ours(40, 4))], [HERE])[0] == [task(ours(40, 4))]


def test_two_tasks_with_the_same_text_stay_two():
    tasks = [task(ours(40, 4)), task(ours(41, 4, task=8), identity=8)]
    here = [HERE, beginning("p", 8)]
    once, _ = merge([], tasks, here)
    assert merge(once, tasks, here) == (tasks, [])


def annotations(make):
    made = st.builds(make, st.integers(1, 6), st.integers(1, 3), ITEMS)
    return st.lists(made, max_size=5, unique_by=lambda one: one["id"])


@given(
    annotations(lambda *made: kept(*made[:2], [region(0, 1, "other"), *made[2]])), annotations(ours), annotations(ours)
)
def test_merging_twice_is_merging_once_and_loses_nothing(elsewhere, earlier, new):
    before, _ = merge([task(*elsewhere, identity=1)], [task(*earlier)], [HERE])
    once, kept_ones = merge(before, [task(*new)], [HERE])
    assert merge(once, [task(*new)], [HERE])[0] == once
    results = [json.dumps(one["result"]) for found in once for one in found["annotations"]]
    assert all(json.dumps(one["result"]) in results for one in [*elsewhere, *new, *kept_ones])
    assert kept_ones == sorted(elsewhere, key=lambda one: one["id"])
    assert len({str(one["id"]) for found in once for one in found["annotations"]}) == len(results)


def corpus_with(tmp_path, files):
    """A corpus of the articles x and y with these export files."""
    case = {"seeds": {"x.txt": DATA["text"], "y.txt": "Another text."}, "exports": files}
    return open_corpus(write_corpus(tmp_path, case))


def about(article, *annotations, **more):
    return task(*annotations, data={"article_id": article, "text": "..."}) | more


@pytest.mark.parametrize(
    ("odd", "results"),
    [
        (about("x", kept(1, 1), completions=[kept(2, 1)]), 2),
        ({"data": {"article_id": "x", "text": "..."}, "annotations": [kept(1, 1)]}, 1),
        (about("x", kept(1, 1, [{"id": "\ud800"}])), 1),
    ],
)
def test_tasks_of_other_shapes_keep_their_annotations(tmp_path, odd, results):
    _, (found,) = ExportFiles(corpus_with(tmp_path, {"x.json": [odd]})).of("x")
    merged, elsewhere = merge([found], [about("x", ours(40, 4))], [HERE])
    assert len(elsewhere) == results
    assert len(merged[0]["annotations"]) == results + 1
    assert merged[0]["id"] == odd.get("id", 7)


def test_what_is_no_annotation_is_told(tmp_path):
    files = ExportFiles(corpus_with(tmp_path, {"x.json": [about("x", None)]}))
    with pytest.raises(ExportError, match=r"x\.json: contains an entry that is not a task or an annotation"):
        files.of("x")


def test_a_file_that_has_another_article_is_not_written_over(tmp_path):
    folder = corpus_with(tmp_path, {"y.json": [about("x", kept(1, 1))]})
    files = ExportFiles(folder)
    assert files.of("x")[0].name == "y.json"
    path, tasks = files.of("y")
    assert (path.name.startswith("y-"), path.exists(), tasks) == (True, False, [])


@pytest.mark.parametrize("name", ["both.jsonl", "both.json", "x.json"])
def test_articles_that_share_a_file_get_one_each(tmp_path, name):
    """Also where the file is called like one of them, and so large that it is read bit by bit."""
    many = [kept(number, 1, [region(0, 5)] * 50) for number in range(200)]
    tasks = [about("y", *many), about("x", kept(1, 1))]
    content = {"raw": "\n".join(map(json.dumps, tasks))} if name.endswith("l") else tasks
    folder = corpus_with(tmp_path, {name: content})
    with pytest.raises(UsageError, match="--split"):
        ExportFiles(folder).of("x")
    work = tmp_path / "work"
    work.mkdir()
    split_exports(folder, work, lambda _: None)
    assert {path.name for path in folder.exports.root.iterdir()} == {"x.json", "y.json"}
    files = ExportFiles(open_corpus(tmp_path))
    assert [len(files.of(article)[1][0]["annotations"]) for article in ("x", "y")] == [1, 200]
    assert list(work.iterdir()) == []


@pytest.mark.parametrize("article", ["a/b", "..", ".x", "x" * 300, "é ü", "CON", '<b>"', "%2E"])
def test_any_id_makes_a_file_name(article):
    name = file_name(article)
    assert "/" not in name
    assert not name.startswith(".")
    assert len(name) <= 200


def test_a_file_that_holds_half_a_surrogate_pair_can_be_written():
    assert json.loads(file_text([task(data={"text": "\ud83d"})]))[0]["data"]["text"] == "\ud83d"


@pytest.mark.parametrize("meta", [None, {}, [], {MARK: None}, {MARK: {"article": 3}}, {MARK: "x"}])
def test_a_task_that_is_not_ours(meta):
    assert sent_mark(meta) is None
