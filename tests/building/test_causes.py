"""A cause is listed once; what follows from it keeps its record and names the cause."""

from __future__ import annotations

import hashlib
import json
import unicodedata

import pytest
from msgspec.structs import replace

from command_line import run_script
from helpers import build_case, build_tasks, span, task, write_corpus
from newsparallax.building import build
from newsparallax.corpus import open_corpus
from newsparallax.problems import CODES, OF_FILES, OpenProblems, counted, problem

TEXT = "Ann met Bob in Oslo."
LAYER = {
    "labels": {"PER": {}, "LOC": {}},
    "attributes": {"note": {"kind": "text"}},
    "relations": {"knows": {"to": ["spans"]}},
}
CODEBOOK = {"layers": {"spans": LAYER}}
DIGEST = hashlib.sha256(TEXT.encode()).hexdigest()


def note(region):
    value = {"text": ["who?"]}
    return {"id": region, "from_name": "spans_note", "to_name": "text", "type": "textarea", "value": value}


def arrow(source, target):
    return {"type": "relation", "from_id": source, "to_id": target, "direction": "right", "labels": ["knows"]}


def by_cause(built):
    """(code, cause) of every problem; every cause is there, open, and says how many follow from it."""
    found = [(problem["code"], problem["cause"]) for problem in built.problems]
    following = [problem for problem in built.problems if problem["cause"]]
    causes = [
        problem for problem in built.problems if problem["message"].endswith(" from it)") and not problem["cause"]
    ]
    numbers = [int(cause["message"].rpartition(" (")[2].split()[0].replace(",", "")) for cause in causes]
    assert sum(numbers) == len(following) == built.counts["problems_following"]
    assert {problem["cause"] for problem in following} == {cause["code"] for cause in causes}
    assert (
        len([problem for problem in built.problems if problem["raw"] and problem["raw"].get("type")])
        == built.results[2]
    )
    return found


def openly(built):
    return [code for code, cause in by_cause(built) if cause is None]


def boxes(number):
    """Boxes of a picture as Label Studio exports them: place, label and transcription are three items of a region."""
    for box in range(number):
        for kind, name in (("rectangle", "bbox"), ("labels", "spans"), ("textarea", "spans_note")):
            value = {"x": 1, "y": box, "width": 3, "height": 4}
            value |= {"labels": ["PER"]} if kind == "labels" else {"text": ["Ann"]} if kind == "textarea" else {}
            yield {"id": f"b{box}", "from_name": name, "to_name": "image", "type": kind, "value": value}


def test_a_box_is_one_problem(tmp_path):
    built = build_tasks(tmp_path, task(TEXT, [*boxes(9), span(0, 3, "Ann")]), codebook=CODEBOOK)
    assert openly(built) == ["unsupported-control"] * 9
    assert built.results == (1, 0, 27)


def test_values_and_relations_of_a_quarantined_region_follow_from_it(tmp_path):
    bad = span(8, 11, "Bob", "HUMAN", id="r2")
    result = [note("r2"), arrow("r1", "r2"), arrow("r2", "r1"), bad, span(0, 3, "Ann"), note("r1"), note("gone")]
    built = build_tasks(tmp_path, task(TEXT, [*result, arrow("r1", "gone")]), codebook=CODEBOOK)
    assert by_cause(built) == [
        ("unknown-label", None),
        ("orphan-attribute", "unknown-label"),
        ("orphan-attribute", None),
        ("dangling-relation", "unknown-label"),
        ("dangling-relation", "unknown-label"),
        ("dangling-relation", None),
    ]
    assert built.results == (2, 0, 6)


def test_what_is_wrong_with_an_accepted_region_has_its_own_cause(tmp_path):
    twice = [note("r1"), note("r1"), span(0, 3, "Ann"), arrow("r1", "r1"), arrow("r1", "r1")]
    built = build_tasks(tmp_path, task(TEXT, twice), codebook=CODEBOOK)
    assert openly(built) == ["duplicate-value", "duplicate-relation"]


def test_what_refers_to_an_id_of_two_regions_follows_from_that(tmp_path):
    result = [span(0, 3, "Ann"), span(8, 11, "Bob"), note("r1"), arrow("r1", "r2"), span(15, 19, "Oslo", id="r2")]
    built = build_tasks(tmp_path, task(TEXT, result), codebook=CODEBOOK)
    assert openly(built) == ["duplicate-region-id"]
    assert built.results == (3, 0, 2)


def test_a_region_marked_twice_is_one_problem(tmp_path):
    result = [span(0, 3, "Ann"), note("r1"), span(0, 3, "Ann", id="r2"), note("r2"), span(8, 11, "Bob", id="r3")]
    result += [arrow("r1", "r3"), arrow("r2", "r3")]
    built = build_tasks(tmp_path, task(TEXT, result), codebook=CODEBOOK)
    assert by_cause(built)[0] == ("duplicate-region", None)
    assert {cause for _, cause in by_cause(built)[1:]} == {"duplicate-region"}
    assert built.results == (4, 0, 3)


@pytest.mark.parametrize("where", ["annotation", "task", "file"])
def test_a_duplicate_is_one_problem(where, tmp_path):
    made = {"id": 11, "completed_by": 1, "result": [span(0, 3, "Ann"), span(8, 11, "Bob", id="r2")]}
    tasks = [task(TEXT, made, made)] if where == "annotation" else [task(TEXT, made), task(TEXT, made, id=2)]
    exports = {"a.json": tasks[:1], "b.json": tasks[1:]} if where == "file" else {"a.json": tasks}
    built = build_case(tmp_path, {"exports": exports})
    assert openly(built) == ["duplicate-annotation" if where == "annotation" else "duplicate-task"]
    assert built.results == (2, 0, 2)


def test_copies_of_a_task_in_three_files_are_one_problem_that_names_all_places(tmp_path):
    made = {"id": 11, "completed_by": 1, "result": [span(0, 3, "Ann"), span(8, 11, "Bob", id="r2")]}
    built = build_case(tmp_path, {"exports": {f"{name}.json": [task(TEXT, made)] for name in "abc"}})
    assert openly(built) == ["duplicate-task"]
    cause = next(problem for problem in built.problems if not problem["cause"])
    assert ": task 1 in a.json, task 1 in b.json, task 1 in c.json (" in cause["message"]
    assert built.codes["duplicate-task"] == 2
    assert built.results == (2, 0, 4)


KEYED = {"articles": {"from_tasks": True, "id_field": "key"}}


def keyed(text, **rest):
    return task(None, [span(0, 3, text[:3])], data={"text": text, "key": "k"}, **rest)


def test_a_task_that_shows_another_text_is_not_said_to_be_merged(tmp_path):
    exports = {"a.json": [keyed(TEXT)], "b.json": [keyed("Eve met Bob.", id=2)]}
    built = build_case(tmp_path, {"corpus": KEYED, "exports": exports})
    assert openly(built) == ["article-conflict"]
    assert built.codes == {"article-conflict": 2}


def test_what_is_merged_is_said_beside_what_conflicts(tmp_path):
    exports = {"a.json": [keyed(TEXT)], "b.json": [keyed("Eve met Bob.", id=2)], "c.json": [keyed(TEXT, id=3)]}
    built = build_case(tmp_path, {"corpus": KEYED, "exports": exports})
    assert openly(built) == ["article-conflict", "duplicate-task"]
    (told,) = (problem for problem in built.problems if problem["code"] == "duplicate-task")
    assert " 2 tasks: task 1 in a.json, task 3 in c.json (" in told["message"]


def test_problems_of_many_kinds_are_counted_by_kind():
    found = OpenProblems()
    kinds = [problem("bad-item", f"kind {number}") for number in range(30)]
    found.add([*kinds, *kinds[10:], counted(kinds[25], 1200), replace(kinds[3], cause="no-text")])
    assert (found.total, len(found.listed()), found.unlisted, found.alike, found.following) == (30, 20, 10, 21, 1200)


def test_every_missing_unlisted_or_stale_file_is_listed():
    found = OpenProblems()
    found.add(problem(code, "words", file=file) for code in OF_FILES for file in ("a", "b", "b"))
    found.add(problem("bad-item", "words", file=file) for file in ("a", "b"))
    assert (found.total, found.alike) == (2 * len(OF_FILES) + 1, len(OF_FILES) + 1)


def seeds(content, *, named=True, blocks=(), digest=DIGEST):
    """A seed that was changed after it was annotated; its task shows what was annotated."""
    result = [span(0, 3, "Ann"), note("r1"), span(8, 11, "Bob", id="r2"), span(15, 19, "Oslo", "LOC", id="r3")]
    data = {"text": TEXT} | ({"article_id": "x"} if named else {})
    article = {"file": "x.txt", "sha256": digest, "blocks": list(blocks)}
    return {
        "codebook": CODEBOOK,
        "seeds": {"y.txt": "Another text altogether, about nobody.", **content},
        "articles": {"x": article},
        "exports": {"a.json": [task(TEXT, result, data=data)]},
    }


@pytest.mark.parametrize("named", [True, False])
def test_an_edited_seed_is_one_problem(named, tmp_path):
    blocks = [{"kind": "body", "start": 0, "end": 20, "head": "Ann met", "tail": "Oslo."}]
    built = build_case(tmp_path, seeds({"x.txt": "Eve met Eve in Rome."}, named=named, blocks=blocks))
    assert [code for code in openly(built) if code != "seed-unlisted"] == ["seed-digest"]
    assert ("bad-block", "seed-digest") in by_cause(built)
    assert ("text-differs", "seed-digest") in by_cause(built)
    assert ("orphan-attribute", "seed-digest") in by_cause(built)
    assert built.results == (0, 0, 4)


@pytest.mark.parametrize(
    ("content", "code"), [({}, "seed-missing"), ({"x.txt": {"base64": "Wm/rLg=="}}, "seed-not-utf8")]
)
def test_a_seed_that_cannot_be_read_is_one_problem(content, code, tmp_path):
    built = build_case(tmp_path, seeds(content))
    assert [code for code in openly(built) if code != "seed-unlisted"] == [code]
    assert built.results == (0, 0, 4)


def test_a_task_with_another_text_is_one_problem(tmp_path):
    text = "Eve met Eve in Rome."
    built = build_case(tmp_path, seeds({"x.txt": text}, digest=hashlib.sha256(text.encode()).hexdigest()))
    assert [code for code in openly(built) if code != "seed-unlisted"] == ["text-differs"]


@pytest.mark.parametrize("data", [{"article_id": "z", "text": "Nobody is here."}, {"article_id": "z"}])
def test_an_unknown_article_is_one_problem(data, tmp_path):
    case = seeds({"x.txt": TEXT})
    case["exports"]["a.json"][0]["data"] = data
    built = build_case(tmp_path, case)
    assert [code for code in openly(built) if code != "seed-unlisted"] == ["unknown-article"]
    assert built.results == (0, 0, 4)


@pytest.mark.parametrize("data", [{"body": TEXT}, {"text": "https://example.org/a.txt"}])
def test_a_task_without_its_text_is_one_problem(data, tmp_path):
    built = build_tasks(
        tmp_path, task(None, [span(0, 3, "Ann"), note("r1"), span(8, 11, id="r2")], data=data), codebook=CODEBOOK
    )
    assert openly(built) == ["no-text" if "body" in data else "text-is-reference"]
    assert built.results == (0, 0, 3)


REPORT = "The minister said on Monday that nothing had been decided, and that nobody would be asked before the summer."


@pytest.mark.parametrize(
    ("shown", "at"),
    [
        (REPORT.replace("Monday", "Tuesday"), 21),
        ("Breaking: " + REPORT, 0),
        (REPORT[:80], 80),
        (REPORT.replace(", and", ",\r\nand"), 58),
        ("這" + "北京今天下雨了很多人都在街上走", 0),
        (unicodedata.normalize("NFD", "Café à Orléans"), 3),
        ("Ｃａｆé à Orléans", 0),
        (unicodedata.normalize("NFD", "서울에서 비가 내렸다"), 0),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_a_text_that_resembles_a_seed_says_which_and_where_it_differs(shown, at, named, tmp_path):
    """Once for the task, whether it names an article that is not known, or none."""
    seeds = {
        "a.txt": "Nobody was there.",
        "b.txt": REPORT,
        "c.txt": REPORT[:30] + " something else.",
        "d.txt": "北京今天下雨了很多人都在街上走",
        "e.txt": "Café à Orléans",
        "f.txt": "서울에서 비가 내렸다",
    }
    begins = {"這": "d", "C": "e", "Ｃ": "e", "\u1109": "f"}
    which = begins.get(shown[0], "b")
    data = {"text": shown} | ({"article_id": "x"} if named else {})
    made = task(None, [span(0, 3), note("r1"), span(4, 6, id="r2")], data=data)
    built = build_case(tmp_path, {"codebook": CODEBOOK, "seeds": seeds, "exports": {"a.json": [made]}})
    assert openly(built) == ["text-differs"]
    assert built.results == (0, 0, 3)
    message = built.problems[0]["message"]
    assert f"resembles article '{which}'" in message
    assert f"from offset {at} on, " in message


def test_the_very_text_of_a_seed_under_another_name(tmp_path):
    made = task(None, [span(0, 3)], data={"text": REPORT, "article_id": "x"})
    built = build_case(tmp_path, {"seeds": {"b.txt": REPORT}, "exports": {"a.json": [made]}})
    assert openly(built) == ["unknown-article"]
    assert "the task shows the text of article 'b'" in built.problems[0]["message"]


def test_waiving_the_cause_is_enough_and_a_waiver_of_what_follows_is_of_use(tmp_path):
    result = [span(0, 3, "Ann", "HUMAN"), note("r1")]
    for number, codes in enumerate((["unknown-label"], ["unknown-label", "orphan-attribute"])):
        waivers = [{"code": code, "reason": "known"} for code in codes]
        case = {"codebook": CODEBOOK, "exports": {"a.json": [task(TEXT, result)]}, "waivers": waivers}
        built = build(open_corpus(write_corpus(tmp_path / str(number), case)), tmp_path / f"out{number}")
        assert (built.open.total, built.open.listed()) == (0, [])


def test_the_command_line_lists_causes_and_what_is_alike_once(tmp_path):
    """One entry for nine boxes of one control, with the number of others; the JSON has every problem."""
    case = {"codebook": CODEBOOK, "exports": {"a.json": [task(TEXT, [*boxes(9), span(0, 3, "x", "NEW", id="n")])]}}
    corpus = write_corpus(tmp_path / "corpus", case)
    for command in (["check.py"], ["build.py", "--out", str(tmp_path / "out")]):
        ran = run_script(command[0], "--corpus", corpus, *command[1:])
        assert ran.returncode == 1
        lines = ran.stderr.splitlines()
        assert lines[0].startswith("unsupported-control a.json, article 1, task 1, annotation 11, region b0: ")
        assert lines[0].endswith("(and 8 more like this)")
        assert lines[2].startswith("unknown-label ")
        assert lines[4:5] == ["2 problems that no waiver covers (not counted: 8 of the same kinds, 18 caused by these)"]
    ran = run_script("check.py", "--corpus", corpus, "--json")
    assert len([json.loads(line) for line in ran.stdout.splitlines()]) == 28
    assert set(CODES) > {json.loads(line)["code"] for line in ran.stdout.splitlines()}


def test_a_problem_of_its_own_stays_open_beside_another_one_of_the_region(tmp_path):
    """A note of an unknown control would be lost with or without the region's own problem."""
    unknown = note("r2") | {"from_name": "notte"}
    twice = [span(0, 3, "Ann"), span(0, 3, "Ann", id="r2"), unknown]
    assert openly(build_tasks(tmp_path / "twice", task(TEXT, twice), codebook=CODEBOOK)) == ["unknown-control", "duplicate-region"]  # fmt: skip  # noqa: E501
    wrong = [span(0, 3, "Eve", id="r2"), unknown]
    assert openly(build_tasks(tmp_path / "wrong", task(TEXT, wrong), codebook=CODEBOOK)) == ["unknown-control", "quote-mismatch"]  # fmt: skip  # noqa: E501
