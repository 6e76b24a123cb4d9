"""Who is one person: copies of an annotation, the newest of several, and annotations that name nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from helpers import Dataset, build_case, build_tasks, span, task, write_corpus
from newsparallax.building import build, measure, problems_of
from newsparallax.convert import RawTask
from newsparallax.corpus import open_corpus
from newsparallax.labelling.exchange import as_predictions
from newsparallax.labelling.pushing import chosen_units

TEXT = "Anna met Bob in Rome."
ANNA, BOB = span(0, 4, "Anna"), span(9, 12, "Bob", id="r2")
ROME = span(16, 20, "Rome", "LOC", id="r3")
MAJORITY = {"corpus": {"gold": "majority", "articles": {"from_tasks": True}}}
NOBODY = {"nobody": {"kind": "unknown", "anonymous": True}}


def made(by: Any, *items: Any, number: Any = 11, **more: Any) -> dict[str, Any]:
    return {"id": number, "completed_by": by, "result": list(items), **more}


def quotes(built: Dataset) -> list[str]:
    return [quote for _, _, quote in built.spans()]


# --------------------------------------------------------------------------------------------------------------- nobody


@pytest.mark.parametrize("annotators", [NOBODY, {}])
@pytest.mark.parametrize("ids", [(11, 12, 13), (None, None, None), (11, 11, 11)])
@pytest.mark.parametrize("spelled", ["null", "absent"])
def test_each_anonymous_annotation_votes_alone(tmp_path: Path, annotators: Any, ids: Any, spelled: str) -> None:
    found = [made(None, *items, number=n) for n, items in zip(ids, ([ANNA], [ANNA, BOB], [ROME]), strict=True)]
    for annotation in found:
        if spelled == "absent":
            del annotation["completed_by"]
    built = build_tasks(tmp_path, task(TEXT, *found), annotators=annotators, **MAJORITY)
    assert quotes(built) == ["Anna"]
    assert "annotator-twice" not in built.codes
    (article,) = built.rows("articles")
    assert article["gold"] == 2
    name = "nobody" if annotators else "unknown"
    assert article["annotator"] == f"{name}+{name}+{name}"


def test_equal_marks_of_two_who_are_not_named_are_two_votes(tmp_path: Path) -> None:
    found = [made(None, *items, number=None) for items in ([ANNA], [ANNA], [ROME])]
    built = build_tasks(tmp_path, task(TEXT, *found), annotators=NOBODY, **MAJORITY)
    assert (quotes(built), built.codes) == (["Anna"], {})


def test_anonymous_annotations_without_a_majority_policy_are_undecided(tmp_path: Path) -> None:
    found = [made(None, ANNA, number=n) for n in (11, 12)]
    built = build_tasks(tmp_path, task(TEXT, *found), annotators=NOBODY)
    assert (quotes(built), built.codes) == ([], {"gold-undecided": 1})


def test_anonymous_annotations_are_compared_with_each_other(tmp_path: Path) -> None:
    found = [made(None, *items, number=n) for n, items in ((11, [ANNA]), (12, [ANNA]), (13, [ROME]))]
    write_corpus(tmp_path, {"annotators": NOBODY, "exports": {"a.json": [task(TEXT, *found)]}})
    with measure(open_corpus(tmp_path)) as measured:
        assert [record["annotators"] for record in measured.first] == [["nobody", "nobody"]] * 4
        (overall,) = measured.figures["overall"]
        assert overall["layers"]["spans"]["n"]["matched"] == 1


# ----------------------------------------------------------------------------------------------------------- the newest


EARLY, LATE = "2021-07-06T06:44:08.446371Z", "2021-07-06T06:44:09Z"
ORDERS = [
    ({"updated_at": LATE}, {"updated_at": EARLY}, 11),
    ({"updated_at": EARLY}, {"updated_at": LATE}, 12),
    ({"updated_at": EARLY}, {}, 11),
    ({"updated_at": EARLY}, {"updated_at": None, "created_at": LATE}, 11),
    ({"updated_at": EARLY}, {"updated_at": "yesterday"}, 11),
    ({"updated_at": EARLY}, {"updated_at": "2021-02-30T00:00:00Z"}, 11),
    ({"updated_at": EARLY, "created_at": LATE}, {"updated_at": EARLY, "created_at": EARLY}, 11),
    ({"created_at": LATE}, {"created_at": EARLY}, 11),
    ({}, {}, 12),
    ({"updated_at": EARLY}, {"updated_at": EARLY}, 12),
    # One second in different forms: the same second is no later, so that the id decides; a later one is.
    ({"updated_at": "2021-07-06T06:44:08Z"}, {"updated_at": "2021-07-06T06:44:08.000000+00:00"}, 12),
    ({"updated_at": "2021-07-06T08:44:09+02:00"}, {"updated_at": "2021-07-06T06:44:08Z"}, 11),
    ({"updated_at": "2021-07-06T07:00:00+02:00"}, {"updated_at": "2021-07-06T06:44:08Z"}, 12),
    ({"updated_at": "2021-07-06T06:44:08.5"}, {"updated_at": "2021-07-06T06:44:08.446371+0000"}, 11),
    ({"updated_at": "2021-07-06 06:44:09"}, {"updated_at": EARLY}, 11),
    ({"updated_at": "2021-07-06 06:44:09 UTC"}, {"updated_at": EARLY}, 11),
    ({"updated_at": "2021-07-07"}, {"updated_at": EARLY}, 11),
    ({"created_at": 1625553849}, {"created_at": 1625553848.9}, 11),  # seconds since 1970, as in old exports
    ({"created_at": 1625553849000}, {"created_at": 1625553848}, 11),
    ({"created_at": 1625553849}, {"created_at": EARLY}, 11),
]


@pytest.mark.parametrize(("first", "second", "newest"), ORDERS)
def test_the_newest_of_one_persons_annotations_counts(tmp_path: Path, first: Any, second: Any, newest: int) -> None:
    found = [made(1, ANNA, **first), made(1, BOB, number=12, **second), made(2, ANNA, BOB, number=9)]
    built = build_tasks(tmp_path / "build", task(TEXT, *found), **MAJORITY)
    kept = {11: "Anna", 12: "Bob"}[newest]
    assert (quotes(built), built.codes) == ([kept], {"annotator-twice": 1})
    assert built.problem("annotator-twice")["message"].endswith(f"(11, 12); the newest is {newest}")
    with measure(open_corpus(tmp_path / "build/corpus")) as measured:
        alone = [mark["quote"] for record in measured.first for mark in record["marks"] if mark]
        assert alone == [{11: "Bob", 12: "Anna"}[newest]]


def test_the_number_of_an_annotation_is_compared_as_a_number(tmp_path: Path) -> None:
    found = [made(1, ANNA, number=101), made(1, BOB, number=11), made(2, ANNA, BOB, number=9)]
    assert quotes(build_tasks(tmp_path, task(TEXT, *found), **MAJORITY)) == ["Anna"]


def test_times_that_task_and_slow_way_read_alike(tmp_path: Path) -> None:
    """A number that the fast way refuses sends the task the slow way."""
    slow = BOB | {"value": BOB["value"] | {"odd": float("nan")}}
    found = [made(1, ANNA, updated_at=LATE), made(1, slow, number=12, updated_at=EARLY), made(2, ANNA, BOB, number=9)]
    assert quotes(build_tasks(tmp_path, task(TEXT, *found), **MAJORITY)) == ["Anna"]


def test_one_person_is_no_majority_of_several(tmp_path: Path) -> None:
    built = build_tasks(tmp_path, task(TEXT, made(1, ANNA), made(1, BOB, number=12)), **MAJORITY)
    assert quotes(built) == ["Bob"]
    assert [(row["gold"], row["span_id"][:2]) for row in built.rows("spans")] == [(1, "s-")]


def test_a_number_that_no_registry_knows_is_one_person(tmp_path: Path) -> None:
    found = [made(7, ANNA), made(7, ANNA, BOB, number=12), made(8, ROME, number=13)]
    assert quotes(build_tasks(tmp_path, task(TEXT, *found), **MAJORITY)) == []


def test_the_newest_of_each_person_is_sent_as_a_prediction(tmp_path: Path) -> None:
    """Annotations that name nobody were taken for each other, so that only the last was sent."""
    found = [made(1, ANNA, updated_at=LATE), made(1, BOB, number=12, updated_at=EARLY)]
    found += [made(None, ANNA, number=13), made(None, ROME, number=14)]
    context = open_corpus(write_corpus(tmp_path, {"annotators": {"a": {"kind": "human", "ids": [1]}} | NOBODY})).context
    sent = as_predictions(context, [RawTask("a.json", json.dumps(task(TEXT, *found)).encode())])
    assert {source: [item["value"]["text"] for item in items] for source, items in sent} == {
        "annotation of a (human)": ["Anna"],
        "annotation of nobody 13 (unknown)": ["Anna"],
        "annotation of nobody 14 (unknown)": ["Rome"],
    }


# --------------------------------------------------------------------------------------------------------------- copies


def renamed(items: list[Any], tail: str = "x") -> list[Any]:
    """The same items in another order under other ids of regions."""
    keys = ("id", "from_id", "to_id", "parentID")
    return [
        item | {key: f"{item[key]}{tail}" for key in keys if key in item} if isinstance(item, dict) else item
        for item in reversed(items)
    ]


BOOK = {
    "codebook": {"version": "1"},
    "texts": {"text": {"field": "text"}},
    "document": {"tone": {"kind": "choice", "values": {"calm": {}, "loud": {}}}},
    "layers": {
        "spans": {
            "labels": {"PER": {}, "LOC": {}},
            "attributes": {"sort": {"kind": "choice", "values": {"name": {}, "title": {}}, "control": "sort"}},
            "relations": {"near": {"to": ["spans"]}},
        }
    },
}
SORT = {"id": "r1", "from_name": "sort", "to_name": "text", "type": "choices", "value": {"choices": ["name"]}}
TONE = {"id": "t", "from_name": "tone", "to_name": "text", "type": "choices", "value": {"choices": ["calm"]}}


def arrow(source: str, target: str) -> dict[str, Any]:
    return {"type": "relation", "from_id": source, "to_id": target, "direction": "right", "labels": ["near"]}


FULL = [ANNA, BOB, ROME, SORT, TONE, arrow("r1", "r2"), arrow("r1", "r3"), 5]


def test_identical_annotations_of_one_person_in_two_tasks_are_one(tmp_path: Path) -> None:
    tasks = [task(TEXT, made(1, *FULL)), task(TEXT, made(1, *renamed(FULL), number=12)) | {"id": 2}]
    built = build_tasks(tmp_path, *tasks, codebook=BOOK)
    assert quotes(built) == ["Anna", "Bob", "Rome"]
    assert built.codes == {"bad-item": 1, "duplicate-task": 1, "duplicate-annotation": 9}
    assert built.results == (7, 0, 9)
    told = [problem for problem in built.problems if problem["code"] == "duplicate-annotation"]
    assert {problem["severity"] for problem in told} == {"warning"}
    assert {problem["message"].partition(" (")[0] for problem in told} == {"annotation 11 is the same as 12"}
    assert {problem["cause"] for problem in told} == {"duplicate-task"}
    assert [row["annotation_id"] for row in built.rows("votes")] == ["12"] * 4


@pytest.mark.parametrize(
    "other",
    [
        [ANNA, BOB, ROME, SORT, TONE, arrow("r1", "r2"), arrow("r1", "r2"), 5],  # an arrow that leads elsewhere
        [ANNA, BOB, ROME, SORT, TONE, arrow("r2", "r1"), arrow("r1", "r3"), 5],
        [ANNA, BOB, ROME, SORT | {"id": "r2"}, TONE, arrow("r1", "r2"), arrow("r1", "r3"), 5],
        [ANNA, BOB, ROME, SORT, arrow("r1", "r2"), arrow("r1", "r3"), 5],
        [ANNA | {"meta": {"text": ["sure"]}}, *FULL[1:]],
        FULL[:-1],
    ],
)
def test_what_differs_in_anything_is_no_copy(tmp_path: Path, other: list[Any]) -> None:
    built = build_tasks(tmp_path, task(TEXT, made(1, *FULL), made(1, *other, number=12)), codebook=BOOK)
    assert built.codes["annotator-twice"] == built.codes["gold-undecided"] == 1
    assert "duplicate-annotation" not in built.codes


def test_the_order_of_keys_makes_no_difference(tmp_path: Path) -> None:
    one, other = ({"meta": {key: [key] for key in keys}} for keys in (("text", "lead"), ("lead", "text")))
    built = build_tasks(tmp_path, task(TEXT, made(1, ANNA | one), made(1, ANNA | other, number=12)))
    assert built.codes == {"duplicate-annotation": 2}


def test_regions_that_are_alike_are_told_apart_by_their_arrows(tmp_path: Path) -> None:
    twins = [ANNA, ANNA | {"id": "r1b"}, BOB, ROME]
    one, other = [*twins, arrow("r1", "r2"), arrow("r1", "r3")], [*twins, arrow("r1", "r2"), arrow("r1b", "r3")]
    built = build_tasks(tmp_path, task(TEXT, made(1, *one), made(1, *other, number=12)), codebook=BOOK)
    assert built.codes["annotator-twice"] == 1


@pytest.mark.parametrize(
    ("first", "second", "codes"),
    [
        (made(1), made(1, number=12), {"duplicate-annotation": 1}),  # nothing was marked, twice
        (made(1, ANNA), made(2, ANNA, number=12), {"gold-undecided": 1}),
        (made(1, ANNA), made(None, ANNA, number=12), {"unknown-annotator": 1, "gold-undecided": 1}),
        (made(1, ANNA), made({"id": 1, "email": "a@example.org"}, ANNA, number=12), {"duplicate-annotation": 2}),
        (made({}, ANNA), made({}, ANNA, number=12), {"unknown-annotator": 2, "gold-undecided": 1}),
        (made(1, ANNA), made(1, ANNA, number=12, was_cancelled=True), {}),
        (made(1, ANNA, ground_truth=True), made(1, ANNA, number=12), {"duplicate-annotation": 2}),
        (made(1, ANNA, ground_truth=True), made(1, ANNA, number=12, ground_truth=True), {"duplicate-annotation": 2}),
    ],
)  # fmt: skip
def test_whose_copies_are_one(tmp_path: Path, first: Any, second: Any, codes: dict[str, int]) -> None:
    built = build_tasks(tmp_path, task(TEXT, first, second))
    assert built.codes == codes
    (article,) = built.rows("articles")
    starred = first.get("ground_truth", False)
    assert article["gold"] == (None if "gold-undecided" in codes else 0 if starred else 1)


def test_a_copy_in_a_task_that_shows_another_text_is_none(tmp_path: Path) -> None:
    """The later task is refused whole; what it holds must not stand for the annotation of the first."""
    codebook = BOOK | {"codebook": {"version": "1"}}
    tasks = [task(TEXT, made(1, ANNA)), task(f"{TEXT} Then", made(1, ANNA, number=12)) | {"id": 2}]
    for number, found in enumerate(tasks):
        found["data"]["key"] = "a"
        found["annotations"][0]["updated_at"] = f"202{number}-01-01T00:00:00Z"
    corpus = {"articles": {"from_tasks": True, "id_field": "key"}}
    built = build_tasks(tmp_path, *tasks, codebook=codebook, corpus=corpus)
    assert quotes(built) == ["Anna"]
    assert built.codes == {"article-conflict": 2}


def test_which_copy_is_kept_does_not_depend_on_the_order(tmp_path: Path) -> None:
    tasks = [task(TEXT, made(1, *FULL, number=n, updated_at=when)) | {"id": n} for n, when in ((1, LATE), (2, EARLY))]
    digests = set()
    for name, listed in (("ab", tasks), ("ba", tasks[::-1])):
        built = build_tasks(tmp_path / name, *listed, codebook=BOOK)
        assert {row["annotation_id"] for row in built.rows("votes")} == {"1"}
        digests.add(built.manifest.content_digest)
        assert json.dumps(built.problems).count("annotation 2 is the same as 1") == 9
    assert len(digests) == 1


# -------------------------------------------------------------------------------------------- one number, two addresses


def address(name: str, number: int = 1) -> dict[str, Any]:
    return {"id": number, "email": f"{name}@example.org"}


def test_different_addresses_under_a_number_are_different_people(tmp_path: Path) -> None:
    who = [address("ann"), address("bob"), address(" ANN"), {"id": 1}]
    found = [made(by, ANNA, number=n) for n, by in enumerate(who, 11)]
    built = build_tasks(tmp_path, task(TEXT, *found, made(2, ROME, number=20)), **MAJORITY)
    assert built.codes == {"duplicate-annotation": 2, "shared-number": 1}
    votes = {row["annotation_id"]: row["annotator"] for row in built.rows("votes")}
    assert votes == {"12": "user-1 (2)", "13": "user-1 (1)", "14": "user-1", "20": "b"}
    assert quotes(built) == ["Anna"]
    assert not any(b"example.org" in path.read_bytes() for path in built.place.rglob("*") if path.is_file())


def two_servers(*, reverse: bool = False) -> dict[str, Any]:
    """Two servers give number 1 to different people, in one article and in another two; `reverse` swaps the files."""
    files = ("b.json", "a.json") if reverse else ("a.json", "b.json")
    first = [
        task(TEXT, made(address("zoe"), ANNA, number=11), made(1, ROME, number=12)),
        task("Anna came.", made(address("zoe"), ANNA, number=13)) | {"id": 2},
    ]
    second = [
        task("Anna left.", made(address("bob") | {"id": "1"}, ANNA, number=21)) | {"id": 3},
        task(TEXT, made(address("bob"), BOB, number=22) | {"updated_by": 1}, made(address("eve", 7), BOB, number=23)),
    ]
    return {"exports": dict(zip(files, (first, second[:: -1 if reverse else 1]), strict=True))}


def test_people_who_share_a_number_are_different_in_all_articles(tmp_path: Path) -> None:
    """A number that comes without an address is the person whose address its file gives."""
    built = build_case(tmp_path, two_servers() | {"corpus": {"gold": "majority", "articles": {"from_tasks": True}}})
    assert {row["annotation_id"]: row["annotator"] for row in built.rows("votes")} == {
        "11": "user-1 (2)",
        "12": "user-1 (2)",
        "13": "user-1 (2)",
        "21": "user-1 (1)",
        "22": "user-1 (1)",
        "23": "user-7",
    }
    whose = {row["article_id"]: row["annotator"] for row in built.rows("articles")}
    assert whose == {"1": "user-1 (1)+user-1 (2)+user-7", "2": "user-1 (2)", "3": "user-1 (1)"}
    assert built.counts["annotations_edited_by_another"] == 0
    assert built.codes == {"shared-number": 1, "duplicate-task": 1, "annotator-twice": 1, "unknown-annotator": 1}
    assert built.problem("shared-number")["message"].endswith("annotators.toml gives it to 'a' only")
    assert not any(b"example.org" in path.read_bytes() for path in built.place.rglob("*") if path.is_file())


def test_people_who_share_a_number_are_a_pair_of_annotators(tmp_path: Path) -> None:
    """In agreement, and as the makers of predictions."""
    folder = open_corpus(write_corpus(tmp_path, two_servers()))
    with measure(folder) as measured:
        pairs = {tuple(one["annotators"]) for one in measured.figures["pairs"]}
    assert pairs == {("user-1 (1)", "user-1 (2)"), ("user-1 (1)", "user-7"), ("user-1 (2)", "user-7")}
    _, ready = chosen_units(folder, ["1"])
    tasks = [RawTask(name, json.dumps(found).encode()) for name, (found, *_) in two_servers()["exports"].items()]
    sent = as_predictions(ready.context, tasks)
    assert [source for source, _ in sent] == [
        "annotation of user-1 (2) (unknown)",
        "annotation of user-1 (1) (unknown)",
    ]


def test_a_number_that_its_file_never_gives_with_an_address_means_what_it_means_elsewhere(tmp_path: Path) -> None:
    exports = {
        "a.json": [task(TEXT, made(1, ANNA))],
        "b.json": [task("Anna came.", made(address(name), ANNA)) | {"id": 2} for name in ("ann", "bob")],
    }
    for number, registered in enumerate(({"annotators": {}}, {})):
        built = build_case(tmp_path / str(number), {"exports": exports} | registered)
        names = {(row["article_id"], row["annotator"]) for row in built.rows("votes")}
        assert names == {("1", "a" if not registered else "user-1"), ("2", "user-1 (1)"), ("2", "user-1 (2)")}


@pytest.mark.parametrize("workers", [1, 2])
def test_who_shares_a_number_depends_on_neither_order_nor_workers(tmp_path: Path, workers: int) -> None:
    digests = set()
    for name, reverse in (("as-is", False), ("reversed", True)):
        folder = open_corpus(write_corpus(tmp_path / name / "corpus", two_servers(reverse=reverse)))
        built = Dataset(build(folder, tmp_path / name / "built", workers=workers).place)
        assert built.codes["shared-number"] == 1
        digests.add(built.manifest.content_digest)
    assert len(digests) == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_two_addresses_in_different_articles_are_told(tmp_path: Path, workers: int) -> None:
    """Nothing in an article shows that its number means somebody else elsewhere; the whole corpus does."""
    tasks = [task(name, made(address(name), number=n)) | {"id": n} for n, name in enumerate(("ann", "bob", "Ann"), 1)]
    folder = open_corpus(write_corpus(tmp_path, {"exports": {"a.json": tasks}}))
    (found,) = problems_of(folder, workers)
    assert (found.code, found.message) == (
        "shared-number",
        "Label Studio's user number 1 belongs to 2 people, by their e-mail addresses; "
        "annotators.toml gives it to 'a' only",
    )
