"""Corpus folders made from exports: what is proposed, what is copied, and that nothing is changed on failure."""

from __future__ import annotations

import gzip
import json
import tomllib
import zipfile
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from command_line import run_script
from helpers import ROOT, Dataset, build_tasks, span, task
from newsparallax.adopt import adopt, report
from newsparallax.adopt.corpus_folder import Adopted
from newsparallax.adopt.label_config_reader import read_config
from newsparallax.adopt.propose import propose
from newsparallax.adopt.scan import Scan
from newsparallax.building import build
from newsparallax.corpus import Codebook, Head, RequiredWhen, open_corpus
from newsparallax.corpus.toml import parse_toml
from newsparallax.corpus.validate import validate_codebook
from newsparallax.errors import ExportError, UsageError
from newsparallax.exports import NAMES_READ, decode_task

SCRIPT = ROOT / "scripts" / "adopt.py"
TEXT = "Ann met Bob in Rome."
ANN, BOB, ROME = (0, 3, "Ann"), (8, 11, "Bob"), (15, 19, "Rome")


def value(name: str, type_: str, value: Any, **rest: Any) -> dict[str, Any]:
    """A result item that holds a value; with the id of a region it is about that."""
    return {"id": f"v-{name}", "from_name": name, "to_name": "text", "type": type_, "value": {type_: value}} | rest


def note(name: str, *texts: str, **rest: Any) -> dict[str, Any]:
    return value(name, "textarea", None) | {"value": {"text": list(texts)}} | rest


def arrow(source: str, target: str, *labels: str, direction: str = "right") -> dict[str, Any]:
    found: dict[str, Any] = {"type": "relation", "from_id": source, "to_id": target, "direction": direction}
    return found | ({"labels": list(labels)} if labels else {})


class Adopting:
    """Writes exports into a folder and adopts them."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.place = folder / "corpus"

    def write(self, name: str, content: Any) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    def adopt(self, *tasks: Any, config: str | None = None) -> Adopted:
        path = self.write("export.json", list(tasks))
        return adopt([path], self.place, self.write("config.xml", config) if config else None)

    def codebook(self, *tasks: Any, config: str | None = None) -> Codebook:
        """The codebook as it was written and is read again."""
        self.adopt(*tasks, config=config)
        return open_corpus(self.place).context.codebook

    def build(self) -> Dataset:
        return Dataset(build(open_corpus(self.place), verify=False).place)

    def copies(self) -> dict[str, bytes]:
        root = self.place / "annotations" / "exports"
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def adopting(tmp_path):
    return Adopting(tmp_path)


# ---------------------------------------------------------------- the folder


def test_the_folder_builds_and_is_not_stale(adopting):
    found = adopting.adopt(task(TEXT, [span(*ANN)]))
    names = {path.name for path in (adopting.place / "annotations").iterdir()}
    assert names == {
        *("corpus.toml", "codebook.toml", "annotators.toml", "waivers.toml"),
        *("label_config.xml", "guidelines.md", "cheat_sheet.md", "exports"),
    }
    assert open_corpus(adopting.place).context.corpus.name == "corpus"
    built = adopting.build()
    assert (built.results, built.codes) == ((1, 0, 0), {})
    assert built.spans() == [ANN]
    assert list(report(found))[-1] == f"next: newsparallax build --corpus {adopting.place}"
    assert [path.name for path in adopting.folder.iterdir() if "partial" in path.name] == []


def test_the_corpus_says_what_was_decided(adopting):
    adopting.adopt(task(TEXT, [span(*ANN)]))
    text = (adopting.place / "annotations/corpus.toml").read_text(encoding="utf-8")
    assert tomllib.loads(text) == {
        "name": "corpus",
        "version": "0.1.0",
        "gold": "adjudicated",
        "splits": {"train": 1},
        "articles": {"from_tasks": True, "redistribute": False},
        "offsets": {"edge_spaces": "trim", "unit": "proved"},
    }
    assert 'edge_spaces = "trim" # ' in text


def test_a_folder_that_is_not_empty_is_left_alone(adopting):
    kept = adopting.write("corpus/mine.txt", "mine")
    with pytest.raises(UsageError, match="is not empty"):
        adopting.adopt(task(TEXT, [span(*ANN)]))
    assert list(adopting.place.iterdir()) == [kept]


def test_a_file_in_its_place_is_left_alone(adopting):
    adopting.write("corpus", "mine")
    with pytest.raises(UsageError, match="is not a folder"):
        adopting.adopt(task(TEXT, [span(*ANN)]))
    assert adopting.place.read_text() == "mine"


def test_an_empty_folder_is_filled_and_stays_the_same_one(adopting):
    adopting.place.mkdir()
    before = adopting.place.stat().st_ino
    adopting.adopt(task(TEXT, [span(*ANN)]))
    assert adopting.place.stat().st_ino == before
    assert adopting.build().spans() == [ANN]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "empty-file"),
        ("id,text\n1,Ann", "not-json"),
        ('[{"data": {', "truncated-json"),
        ('[{"annotation_id": 1}]', "unknown-shape"),
    ],
)
def test_an_export_that_cannot_be_read_changes_nothing(adopting, content, code):
    good, bad = adopting.write("good.json", [task(TEXT)]), adopting.write("bad.json", content)
    with pytest.raises(ExportError, match=r"bad\.json") as raised:
        adopt([good, bad], adopting.folder / "deep" / "corpus")
    assert raised.value.code == code
    assert sorted(path.name for path in adopting.folder.iterdir()) == ["bad.json", "good.json"]


def test_a_missing_export_or_an_empty_folder_of_exports(adopting):
    with pytest.raises(ExportError, match=r"nowhere\.json: cannot be read"):
        adopt([adopting.folder / "nowhere.json"], adopting.place)
    (adopting.folder / "none").mkdir()
    with pytest.raises(UsageError, match="contains no export"):
        adopt([adopting.folder / "none"], adopting.place)
    assert not adopting.place.exists()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "<View>",
        "no XML",
        '<!DOCTYPE v [<!ENTITY a "b">]><View>&a;</View>',
        '<?xml version="1.0" encoding="x"?><a/>',
    ],
)
def test_a_configuration_that_cannot_be_read_changes_nothing(adopting, content):
    config = adopting.write("config.xml", content)
    with pytest.raises(UsageError, match=r"config\.xml is not XML"):
        adopt([adopting.write("a.json", [task(TEXT)])], adopting.place, config)
    assert not adopting.place.exists()


@pytest.mark.parametrize(
    ("paths", "message"),
    [(["a.json"], "expected one or more exports and a folder"), (["no.json", "corpus"], "cannot be read")],
)
def test_the_command_line_fails_with_one_message(adopting, paths, message):
    adopting.write("a.json", [task(TEXT)])
    done = run_script("adopt.py", *(adopting.folder / path for path in paths))
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not adopting.place.exists()


def test_the_command_line_takes_several_exports(adopting):
    for name in ("a.json", "b.json"):
        adopting.write(f"in/{name}", [task(f"{TEXT} {name}", [span(*ANN)], id=name)])
    paths = [adopting.folder / "in/a.json", adopting.folder / "in/b.json", adopting.place]
    done = run_script("adopt.py", *paths)
    assert (done.returncode, done.stderr) == (0, "")
    assert "layer spans: PER" in done.stdout
    assert adopting.copies().keys() == {"a.json", "b.json"}


# ---------------------------------------------------------------- exports


def test_exports_are_copied_byte_for_byte(adopting):
    odd = '\ufeff[ {"id" : 1,\r\n "data":{"text":"Ann\\u00e9"}, "annotations": []} ]\n'
    path = adopting.write("odd.json", odd)
    adopt([path], adopting.place)
    assert adopting.copies() == {"odd.json": path.read_bytes()}


def test_names_of_copies(adopting):
    """Folders keep their inner order; names that clash or that a build would not see are changed."""
    one = adopting.write("one/a.json", [task("one")])
    other = adopting.write("two/A.json", [task("two")])
    odd = adopting.write(".hidden.txt", [task("three")])
    adopting.write("folder/sub/b.jsonl", json.dumps(task("four")) + "\n" + json.dumps(task("five")))
    adopting.write("folder/.skipped/c.json", "not read")
    adopt([one, other, odd, adopting.folder / "folder"], adopting.place)
    assert adopting.copies().keys() == {"a.json", "A-2.json", "hidden.txt.json", "sub/b.jsonl"}
    assert len(open_corpus(adopting.place).exports.files) == 4


def test_colliding_task_ids(adopting):
    paths = [adopting.write(f"{name}.json", [task(name, [span(0, 3, name)])]) for name in ("Ann", "Bob")]
    found = adopt(paths, adopting.place)
    assert found.proposal.corpus.articles.id_from == "data"
    built = adopting.build()
    assert (built.counts["articles"], built.results, built.codes) == (2, (2, 0, 0), {})


def test_the_same_export_twice(adopting):
    path = adopting.write("a.json", [task(TEXT, [span(*ANN)])])
    adopt([path, path], adopting.place)
    assert adopting.copies().keys() == {"a.json", "a-2.json"}
    built = adopting.build()
    assert (built.counts["articles"], built.results) == (1, (1, 0, 1))
    assert set(built.codes) == {"duplicate-task", "duplicate-annotation"}


def test_an_explicit_id_is_used_where_it_is_one(adopting):
    tasks = [task(TEXT, id=n, data={"text": TEXT, "article_id": f"art-{n}"}) for n in (1, 2)]
    assert adopting.adopt(*tasks).proposal.corpus.articles.id_field == "article_id"
    assert [row["article_id"] for row in adopting.build().rows("articles")] == ["art-1", "art-2"]


@pytest.mark.parametrize("other", [{"text": "Other.", "article_id": "art-1"}, {"text": TEXT}, {"article_id": None}])
def test_an_id_that_is_missing_or_shared_is_not_used(adopting, other):
    tasks = [task(TEXT, id=1, data={"text": TEXT, "article_id": "art-1"}), task(TEXT, id=2, data=other)]
    assert adopting.adopt(*tasks).proposal.corpus.articles.id_field is None


def stored(number: int, who: int, items: list[Any], text: str = TEXT) -> dict[str, Any]:
    """An annotation as a storage target of Label Studio writes it."""
    by = {"id": who, "email": f"p{who}@example.org", "first_name": "P", "last_name": ""}
    inner = {"id": 7, "data": {"text": text}, "is_labeled": True, "project": 1}
    return {"id": number, "result": items, "completed_by": by, "was_cancelled": False, "task": inner}


def test_a_folder_of_a_storage_target(adopting):
    """A file for each annotation, without a suffix; annotations of one task come together without a complaint."""
    adopting.write("out/21", stored(21, 3, [span(*ANN)]))
    adopting.write("out/22", stored(22, 4, [span(*BOB)]))
    adopting.write("out/README", "What this is.")
    adopting.write("out/list.csv", "a,b")
    found = adopt([adopting.folder / "out"], adopting.place)
    assert adopting.copies().keys() == {"21.json", "22.json"}
    assert not any(b"example.org" in copy for copy in adopting.copies().values())
    assert f"  not read (only {NAMES_READ} are read): README, list.csv" in list(report(found))
    built = adopting.build()
    assert (built.counts["articles"], built.codes, built.results) == (1, {"gold-undecided": 1}, (2, 0, 0))
    assert [(row["task_id"], row["annotator"], row["quote"]) for row in built.rows("votes")] == [
        ("7", "a3", "Ann"),
        ("7", "a4", "Bob"),
    ]


def test_an_annotation_that_a_storage_target_wrote_twice(adopting):
    for name in ("one/21", "two/21"):
        adopting.write(f"out/{name}", stored(21, 3, [span(*ANN)]))
    adopt([adopting.folder / "out"], adopting.place)
    built = adopting.build()
    assert (built.codes, built.results) == ({"duplicate-task": 1, "duplicate-annotation": 2}, (1, 0, 1))


@pytest.mark.parametrize("later", [{"data": {"text": "Other."}}, {"id": 8}])
def test_annotations_of_different_tasks_are_not_put_together(adopting, later):
    first, second = stored(21, 3, [span(*ANN)]), stored(22, 4, [])
    second["task"] |= later
    adopt([adopting.write("a.json", [first, second])], adopting.place)
    assert adopting.build().codes.keys() <= {"duplicate-task", "gold-undecided", "article-conflict"}


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ({"images": [], "categories": [], "annotations": [{"id": 1, "bbox": [0, 0, 1, 1]}]}, "COCO"),
        ({"classes": ["PER"], "annotations": [["Ann", {"entities": []}]]}, "NER Annotator"),
        ([[1, 2], [3]], "found lists"),
        ([{"id": 1, "annotations": [{"id": 2}]}], "found objects with annotations, id"),
    ],
)
def test_what_holds_no_task_is_refused(adopting, content, name):
    with pytest.raises(ExportError, match=name) as raised:
        adopt([adopting.write("a.json", content)], adopting.place)
    assert raised.value.code == "unknown-shape"
    assert not adopting.place.exists()


def test_entries_that_say_nothing_are_told(adopting):
    found = adopting.adopt(task(TEXT, [span(*ANN)], {"id": 12, "completed_by": 1}), {"id": 3}, "note")
    lines = list(report(found))
    assert "  1 task; 1 annotation with 1 item, 0 cancelled" in lines
    assert "  entries that are not tasks: 2" in lines
    assert "  annotations without a readable `result`: 1" in lines
    assert adopting.build().codes == {"bad-annotation": 1, "not-a-task": 2}


def test_compressed_exports_are_unpacked(adopting):
    content = json.dumps([task(TEXT, [span(*ANN)])]).encode()
    (adopting.folder / "in").mkdir()
    with zipfile.ZipFile(adopting.folder / "in" / "b.zip", "w") as archive:
        archive.writestr("result.json", content.replace(b'"id": 1,', b'"id": 2,'))
    (adopting.folder / "in" / "a.jsonl.gz").write_bytes(gzip.compress(content[1:-1]))
    adopt([adopting.folder / "in"], adopting.place)
    copies = adopting.copies()
    assert copies == {"a.jsonl": content[1:-1], "b.json": content.replace(b'"id": 1,', b'"id": 2,')}
    assert adopting.build().counts["tasks"] == 2


def test_an_archive_of_several_exports_is_refused(adopting):
    with zipfile.ZipFile(adopting.folder / "all.zip", "w") as archive:
        for name in ("one.json", "two.json"):
            archive.writestr(name, "[]")
    with pytest.raises(ExportError, match=r"all\.zip: is a ZIP archive with 2 exports .*one\.json, two\.json"):
        adopt([adopting.folder / "all.zip"], adopting.place)
    assert not adopting.place.exists()


def test_a_folder_without_exports_says_what_is_there(adopting):
    adopting.write("in/a.csv", "id,text\n1,Ann\n")
    with pytest.raises(UsageError, match=r"contains no export \(\.json, .*\); it contains a\.csv"):
        adopt([adopting.folder / "in"], adopting.place)


# ---------------------------------------------------------------- annotators


def test_annotators(adopting):
    adopting.adopt(
        task(TEXT, {"id": 1, "completed_by": 7, "result": []}, {"id": 2, "completed_by": {"id": 3}, "result": []}),
        task("b", {"id": 3, "completed_by": "12", "result": []}, {"id": 4, "result": []}, id=2),
        task("c", {"id": 5, "completed_by": 9, "was_cancelled": True, "result": []}, id=3),
    )
    found = open_corpus(adopting.place).context.annotators
    assert {name: (who.kind, who.ids, who.anonymous) for name, who in found.items()} == {
        "a3": ("unknown", [3], False),
        "a7": ("unknown", [7], False),
        "a9": ("unknown", [9], False),
        "a12": ("unknown", [12], False),
        "anonymous": ("unknown", [], True),
    }
    assert "unknown-annotator" not in adopting.build().codes


def named(**rest: Any) -> dict[str, Any]:
    return {"email": "ann@example.org", "first_name": "Ann", "last_name": "Lee"} | rest


def test_names_and_addresses_are_replaced(adopting):
    secret = {
        "id": 1,
        "completed_by": named(id=5),
        "updated_by": named(),
        "created_username": " bob@example.org, 8",
        "last_created_by": "carol",
        "result": [span(*ANN)],
    }
    alone = {"id": 2, "completed_by": "dora@example.org", "result": [], "note": "ask dora@example.org"}
    content = "Write to press@example.org. ☎"
    path = adopting.write(
        "a.json",
        [
            task(TEXT, secret, comment_authors=[named(), "dora@example.org"], drafts=[{"user": "eve"}]),
            task(content, alone, id=2, meta={"by": "desk@example.org"}),
            task("plain", [], id=3),
        ],
    )
    found = adopt([path], adopting.place)
    assert any(line.strip().startswith("a.json: the copy has numbers") for line in report(found))
    copy = adopting.copies()["a.json"]
    for word in (b"ann@", b"Lee", b"bob", b"carol", b"dora", b"eve"):
        assert word not in copy
    first, second, third = json.loads(copy)
    assert (first["annotations"][0]["completed_by"], first["annotations"][0]["updated_by"]) == (5, 5)
    assert first["annotations"][0]["created_username"] == 8
    # carol, dora and eve have no number: the lowest ones that nobody has, in the order of their names; 1 is taken.
    assert first["annotations"][0]["last_created_by"] == 2
    assert (second["annotations"][0]["completed_by"], second["annotations"][0]["note"]) == (3, "ask user-3")
    assert (first["comment_authors"], first["drafts"]) == ([5, 3], [{"user": 4}])
    assert first["annotations"][0]["result"] == [span(*ANN)]
    assert (second["data"]["text"], second["meta"]) == (content, {"by": "desk@example.org"})
    assert third == task("plain", [], id=3)
    assert open_corpus(adopting.place).context.annotators.keys() == {"a1", "a3", "a5"}
    assert adopting.build().results == (1, 0, 0)


def test_numbers_do_not_depend_on_the_order_of_files(adopting):
    def numbers(*names: str) -> list[Any]:
        place = adopting.folder / f"from-{names[0]}"
        paths = [
            adopting.write(f"{name}.json", [task(name, {"id": 1, "completed_by": f"{name}@example.org", "result": []})])
            for name in names
        ]
        adopt(paths, place)
        copies = [json.loads((place / f"annotations/exports/{name}.json").read_bytes()) for name in sorted(names)]
        return [copy[0]["annotations"][0]["completed_by"] for copy in copies]

    assert numbers("x", "y", "z") == numbers("z", "x", "y") == [1, 2, 3]


def user(number: int, name: str, **rest: Any) -> dict[str, Any]:
    return {"id": number, "email": f"{name}@example.org"} | rest


def by(who: Any, **rest: Any) -> dict[str, Any]:
    return {"id": 1, "completed_by": who, "result": []} | rest


@pytest.mark.parametrize("order", [1, -1])
def test_different_addresses_under_one_number_are_different_people(adopting, order):
    """Exports of two servers, on both of which somebody is number 7; they were taken as one annotator."""
    files = {
        "a.json": [task("a", by(user(7, "Zoe"))), task("b", by(7, updated_by=user(3, "max")), id=2)],
        "b.jsonl": [task("c", by("7", updated_by={"id": 7}), id=3), task("d", by(" bob@example.org, 7"), id=4)],
        "c.json": [task("e", by(7), id=5), task("f", by(8), id=6)],
    }
    paths = [
        adopting.write(name, "\n".join(map(json.dumps, tasks)) if name.endswith("l") else tasks)
        for name, tasks in files.items()
    ]
    found = adopt(paths[::order], adopting.place)
    assert not any(b"example.org" in copy for copy in adopting.copies().values())
    built = adopting.build()
    votes = {row["article_id"]: [made["annotator"] for made in row["annotations"]] for row in built.rows("articles")}
    # The lowest numbers that nobody has, in the order of the addresses; in c.json nothing says which 7 is meant.
    assert votes == {"1": ["a2"], "2": ["a2"], "3": ["a1"], "4": ["a1"], "5": ["a7"], "6": ["a8"]}
    assert "unknown-annotator" not in built.codes
    assert {name: who.ids for name, who in open_corpus(adopting.place).context.annotators.items()} == {
        "a1": [1], "a2": [2], "a7": [7], "a8": [8],
    }  # fmt: skip
    told = [line.strip() for line in report(found) if "different addresses" in line]
    assert told == ["2 people with different addresses have the number 7: each gets a new number in the copies"]
    editors = [
        json.loads(line)["annotations"][0].get("updated_by") for line in adopting.copies()["b.jsonl"].splitlines()
    ]
    assert editors == [1, None]


def test_different_addresses_under_one_number_in_one_file(adopting):
    adopting.adopt(task(TEXT, by(user(7, "ann")), by(user(7, "bob"), id=2), by(user(7, "ANN"), id=3), by(7, id=4)))
    (article,) = adopting.build().rows("articles")
    assert [made["annotator"] for made in article["annotations"]] == ["a2", "a1", "a7"]  # of ann's, a copy is left out


def test_one_address_under_two_numbers_is_one_person(adopting):
    paths = [
        adopting.write(f"{number}.json", [task(str(number), by(user(number, "ann")), by(number, id=2), id=number)])
        for number in (12, 7)
    ]
    adopt(paths, adopting.place)
    assert {name: who.ids for name, who in open_corpus(adopting.place).context.annotators.items()} == {"a7": [7]}
    assert adopting.build().codes == {"duplicate-annotation": 2}


def test_a_new_number_is_not_that_of_somebody_who_only_corrected(adopting):
    paths = [
        adopting.write("a.json", [task("a", by("ann@example.org"))]),
        adopting.write("b.json", [task("b", by(5, updated_by=1), id=2)]),
    ]
    adopt(paths, adopting.place)
    assert json.loads(adopting.copies()["a.json"])[0]["annotations"][0]["completed_by"] == 2


def test_numbers_that_change_in_a_task_that_cannot_be_read_through(adopting):
    """It names nobody, so that it would be copied as it stands; but its number is another one in the copy."""
    deep = "[" * 600 + "]" * 600
    odd = f'{{"id": 2, "data": {{"text": "b"}}, "annotations": [{{"completed_by": 7, "result": []}}], "deep": {deep}}}'
    first = json.dumps(task("a", by(user(7, "ann"))))
    other = adopting.write("b.json", [task("c", by(user(7, "bob")), id=3)])
    with pytest.raises(ExportError, match="task 2: is nested too deeply"):
        adopt([adopting.write("a.json", f"[{first}, {odd}]"), other], adopting.place)
    assert not adopting.place.exists()


def test_what_is_rewritten_loses_nothing_else(adopting):
    """Keys that stand twice, NaN, halves of pairs, numbers beyond 64 bits: as the build has to see them."""
    odd = (
        '[{"id": 1, "data": {"text": "Ann", "n": NaN, "big": 123456789012345678901234567890, "half": "\\ud83d"},'
        ' "annotations": [{"id": 1, "completed_by": {"id": 1, "email": "a@example.org"}, "result": [], "result": []}]}]'
    )
    adopt([adopting.write("a.json", odd)], adopting.place)
    copy = adopting.copies()["a.json"].decode()
    assert copy.count('"result": []') == 2
    for part in ("NaN", "123456789012345678901234567890", "\\ud83d", '"completed_by": 1'):
        assert part in copy


def test_json_lines_stay_json_lines(adopting):
    annotation = {"id": 1, "completed_by": named(id=4), "result": []}
    lines = "\n".join(json.dumps(task(text, annotation, id=text)) for text in ("one", "two"))
    adopt([adopting.write("a.jsonl", lines)], adopting.place)
    copy = adopting.copies()["a.jsonl"].splitlines()
    assert [json.loads(line)["annotations"][0]["completed_by"] for line in copy] == [4, 4]


# ---------------------------------------------------------------- proposed from the data


def test_layers_attributes_and_values_are_inferred(adopting):
    found = adopting.codebook(
        task(
            TEXT,
            [
                span(*ROME, label="LOC", id="r1"),
                span(*ANN, label="PER", id="r2"),
                span(*BOB, from_name="other", label="X", id="r3"),
                value("sure", "choices", ["yes"], id="r1"),
                note("why", "a", "b", id="r2"),
                value("sure", "choices", ["no"], id="r3"),
                value("mood", "choices", ["good"]),
                value("stars", "rating", 3),
                value("age", "number", 7),
                value("tree", "taxonomy", [["A", "B"]]),
                note("comment", "fine"),
            ],
        )
    )
    assert list(found.layers) == ["other", "spans"]
    assert list(found.layers["spans"].labels) == ["LOC", "PER"]
    attributes = {
        f"{name}.{key}": (attribute.kind, attribute.control, attribute.many, list(attribute.values))
        for name, layer in found.layers.items()
        for key, attribute in layer.attributes.items()
    }
    assert attributes == {
        "other.sure": ("choice", "sure", False, ["no", "yes"]),
        "spans.sure": ("choice", "sure", False, ["no", "yes"]),
        "spans.why": ("text", "why", True, []),
    }
    assert {key: (field.kind, list(field.values)) for key, field in found.document.items()} == {
        "age": ("number", []),
        "comment": ("text", []),
        "mood": ("choice", ["good"]),
        "stars": ("rating", []),
        "tree": ("taxonomy", ["A > B"]),
    }
    built = adopting.build()
    assert (built.results, built.codes) == ((11, 0, 0), {})


def test_several_labels_and_values(adopting):
    both = span(*ANN, id="r1")
    both["value"]["labels"] = ["PER", "ORG"]
    found = adopting.codebook(task(TEXT, [both, value("mood", "choices", ["good", "calm"])]))
    assert found.layers["spans"].multiple
    assert found.document["mood"].many
    assert adopting.build().results == (2, 0, 0)


def test_relations_are_inferred_with_their_direction(adopting):
    spans = [span(*ANN, id="a"), span(*BOB, id="b"), span(*ROME, id="c", from_name="places", label="LOC")]
    arrows = [arrow("a", "c", "Lives in"), arrow("c", "b", "Lives in", direction="left"), arrow("a", "b")]
    found = adopting.codebook(task(TEXT, [*spans, *arrows, arrow("a", "gone", "never")]))
    relations = found.layers["spans"].relations
    assert {key: (relation.alias, relation.to, relation.unlabelled) for key, relation in relations.items()} == {
        "lives_in": ("Lives in", ["places"], False),
        "related": (None, ["spans"], True),
    }
    assert found.layers["places"].relations == {}
    built = adopting.build()
    assert (built.results, built.codes) == ((6, 0, 1), {"dangling-relation": 1})


def test_a_relation_called_like_the_one_without_label(adopting):
    spans = [span(*ANN, id="a"), span(*BOB, id="b")]
    found = adopting.codebook(task(TEXT, [*spans, arrow("a", "b", "related"), arrow("b", "a")]))
    assert [(key, relation.unlabelled) for key, relation in found.layers["spans"].relations.items()] == [
        ("related", False),
        ("related_2", True),
    ]
    assert adopting.build().results == (4, 0, 0)


def test_a_value_that_serves_regions_and_articles(adopting):
    items = [span(*ANN, id="a"), value("sure", "choices", ["yes"], id="a"), value("sure", "choices", ["no"], id="z")]
    found = adopting.codebook(task(TEXT, items))
    assert (list(found.layers["spans"].attributes), list(found.document)) == (["sure"], ["sure"])
    assert adopting.build().results == (3, 0, 0)


def test_values_of_regions_that_are_gone_are_not_about_the_article(adopting):
    gone = value("sure", "choices", ["no"], id="gone")
    gone["value"] |= {"start": 0, "end": 3, "text": "Ann"}
    box = value("sure", "choices", ["no"], id="box")
    boxed = {"id": "box", "from_name": "boxes", "to_name": "text", "type": "rectanglelabels", "value": {"x": 1}}
    items = [span(*ANN, id="a"), value("sure", "choices", ["yes"], id="a"), gone, boxed, box]
    found = adopting.adopt(task(TEXT, items))
    assert found.proposal.codebook.document == {}
    assert "  items of type rectanglelabels (boxes): 1" in list(report(found))
    built = adopting.build()
    assert (built.results, built.codes) == ((2, 0, 3), {"orphan-attribute": 2, "unsupported-control": 1})


def test_cancelled_annotations_drafts_and_predictions_propose_nothing(adopting):
    items = [span(*ANN, label="NO")]
    cancelled = {"id": 1, "completed_by": 1, "was_cancelled": True, "result": items}
    found = adopting.adopt(task(TEXT, cancelled, predictions=[{"result": items}], drafts=[{"result": items}]))
    assert (found.proposal.codebook.layers, found.scan.cancelled, found.scan.items) == ({}, 1, 0)


def test_items_without_a_control_are_told(adopting):
    found = adopting.adopt(task(TEXT, [{"value": {"text": "Ann", "labels": ["PER"]}}]))
    assert found.proposal.codebook.layers == {}
    assert "  items without a control (from_name): 1" in list(report(found))
    assert adopting.build().codes == {"unknown-control": 1}


# ---------------------------------------------------------------- names


def test_names_are_made_words_unique_and_free(adopting):
    names = ["Text", "TEXT", "1st", "--", "My Layer", "my-layer", "votes", "Метки"]
    items = [span(*ANN, from_name=name, id=f"r{number}") for number, name in enumerate(names)]
    items += [value("Quote", "choices", ["x"], id="r0"), value("my layer", "choices", ["x"])]
    found = adopting.codebook(task(TEXT, items))
    assert {name: layer.control or name for name, layer in found.layers.items()} == {
        "layer": "--",
        "layer_1st": "1st",
        "my_layer": "My Layer",
        "text_layer": "TEXT",
        "text_layer_2": "Text",
        "my_layer_2": "my-layer",
        "votes_layer": "votes",
        "метки": "Метки",
    }
    assert list(found.layers["text_layer_2"].attributes) == ["quote_value"]
    assert {key: document.control for key, document in found.document.items()} == {"my_layer_value": "my layer"}
    assert adopting.build().results == (10, 0, 0)


def test_a_control_called_like_its_text_is_kept(adopting):
    """In the labelling configuration made from the codebook it has a name of its own: there, names are unique."""
    items = [span(*ANN, from_name="text", id="a"), span(*BOB, id="b")]
    found = adopting.adopt(task(TEXT, items))
    assert found.proposal.left_out == []
    assert {name: layer.former_controls for name, layer in found.proposal.codebook.layers.items()} == {
        "spans": [],
        "text_layer": ["text"],
    }
    assert (adopting.build().codes, adopting.build().results) == ({}, (2, 0, 0))
    names = [part.get("name") for part in fromstring(config_of(adopting)).iter() if part.get("name")]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("per_region", [True, False])
def test_choices_called_like_their_text_are_kept(adopting, told, per_region):
    region = 'perRegion="true"' if per_region else ""
    config = f"""<View><Text name="text" value="$text"/><Labels name="spans" toName="text"><Label value="PER"/></Labels>
      <Choices name="text" toName="text" {region}><Choice value="good"/></Choices></View>"""
    items = [span(*ANN, id="a"), value("text", "choices", ["good"], id="a" if per_region else "x")]
    adopting.adopt(task(TEXT, items), config=config if told else None)
    built = adopting.build()
    assert (built.codes, built.results) == ({}, (2, 0, 0))
    names = [part.get("name") for part in fromstring(config_of(adopting)).iter() if part.get("name")]
    assert len(names) == len(set(names))


def config_of(adopting: Adopting) -> str:
    return (adopting.place / "annotations/label_config.xml").read_text(encoding="utf-8")


NESTED = """<View><Text name="text" value="$text"/>
  <Choices name="topic" toName="text" allowNested="true" choice="multiple">
    <Choice value="A"><Choice value="Aa" alias="a2"/><Choice value="Ab"/></Choice><Choice value="B"/>
  </Choices></View>"""


@pytest.mark.parametrize(
    ("told", "chosen", "stored"),
    [
        (True, [["A", "a2"]], [["A", "Aa"]]),
        (True, [["A", "Ab"], ["B"]], [["A", "Ab"], ["B"]]),
        (True, ["B", ["A"]], [["B"], ["A"]]),
        (False, [["A", "Aa"]], [["A", "Aa"]]),
        (False, ["B", ["A", "Aa"]], [["B"], ["A", "Aa"]]),
    ],
)
def test_nested_choices_are_read_like_a_taxonomy(adopting, told, chosen, stored):
    found = adopting.codebook(task(TEXT, [value("topic", "choices", chosen)]), config=NESTED if told else None)
    assert found.document["topic"].kind == "taxonomy"
    if told:
        assert list(found.document["topic"].values) == ["A", "A > Aa", "A > Ab", "B"]
    built = adopting.build()
    assert (built.codes, built.results) == ({}, (1, 0, 0))
    assert built.rows("articles")[0]["topic"] == stored


def test_nested_choices_that_only_the_data_show(adopting):
    config = NESTED.replace('allowNested="true" ', "")
    adopting.adopt(task(TEXT, [value("topic", "choices", [["A", "a2"]])]), config=config)
    built = adopting.build()
    assert (built.codes, built.results) == ({}, (1, 0, 0))
    assert built.rows("articles")[0]["topic"] == [["A", "Aa"]]


def test_nested_choices_with_flat_values_stay_choices(adopting):
    config = NESTED.replace('allowNested="true" ', "")
    found = adopting.codebook(task(TEXT, [value("topic", "choices", ["a2", "B"])]), config=config)
    assert (found.document["topic"].kind, list(found.document["topic"].values)) == ("choice", ["A", "Aa", "Ab", "B"])
    assert adopting.build().results == (1, 0, 0)


def test_nested_choices_of_a_region_and_of_an_unknown_branch(adopting):
    items = [span(*ANN, id="a"), value("topic", "choices", [["A", "Ab"]], id="a")]
    items += [span(*BOB, id="b"), value("topic", "choices", [["A", "No"]], id="b")]
    config = NESTED.replace('allowNested="true"', 'allowNested="true" perRegion="true"').replace(
        "<Choices", '<Labels name="spans" toName="text"><Label value="PER"/></Labels><Choices', 1
    )
    adopting.adopt(task(TEXT, items), config=config)
    built = adopting.build()
    assert (built.codes, built.results) == ({"unknown-value": 1}, (3, 0, 1))
    assert [row["topic"] for row in built.rows("spans")] == [[["A", "Ab"]], []]


CONDITIONS = """<View><Text name="text" value="$text"/><Labels name="spans" toName="text"><Label value="PER"/></Labels>
  <Choices name="sure" toName="text" perRegion="true"><Choice value="yes"/><Choice value="not" alias="no"/></Choices>
  <TextArea name="why" toName="text" perRegion="true" required="true"
    visibleWhen="choice-selected" whenTagName="sure" whenChoiceValue="no"/>
  <TextArea name="more" toName="text" perRegion="true" visibleWhen="choice-selected" whenTagName="sure"/>
  <Choices name="mood" toName="text"><Choice value="good"/><Choice value="bad"/></Choices>
  <View visibleWhen="choice-unselected" whenTagName="mood" whenChoiceValue="good,bad">
    <Rating name="stars" toName="text" required="true"/></View>
</View>"""


def test_conditions_of_other_kinds_are_carried_or_told(adopting):
    items = [span(*ANN, id="a"), value("sure", "choices", ["no"], id="a"), note("why", "x", id="a")]
    items += [span(*BOB, id="b"), value("sure", "choices", ["no"], id="b")]
    found = adopting.adopt(task(TEXT, items), config=CONDITIONS)
    read = open_corpus(adopting.place).context.codebook
    when = {key: each.required_when for key, each in read.layers["spans"].attributes.items()}
    assert when == {"sure": None, "why": RequiredWhen("sure", ["not"]), "more": None}
    told = [line.strip() for line in report(found)]
    at = next(
        number for number, line in enumerate(told) if line.startswith("conditions that the codebook cannot express")
    )
    assert told[at + 1 : -1] == [
        "more is shown only where sure has anything",
        "stars is shown only where mood does not have 'good' or 'bad'",
    ]
    text = (adopting.place / "annotations/codebook.toml").read_text(encoding="utf-8")
    assert "# - more is shown only where sure has anything" in text
    built = adopting.build()
    assert (built.codes, built.results) == ({"missing-attribute": 1}, (5, 0, 0))


@pytest.mark.parametrize("key", ["lang", "text", "zz"])
def test_a_code_of_two_letters_is_no_text(adopting, key):
    """The text is elsewhere; the longest string in the data would be `en`."""
    marks = [{**span(0, 12, None), "to_name": key if key != "zz" else "txt"}]
    data = {"body": "https://example.org/a.txt", "lang": "en", "id": "0f8fad5b-d9cb-469f-a165-70867728950e"}
    found = adopting.adopt(task(None, marks, data=data))
    assert "lang" not in [text.field for text in found.proposal.codebook.texts.values()]


@pytest.mark.parametrize(
    "marks", [[span(*BOB)], [{**span(8, 11), "to_name": "doc"}], [value("mood", "choices", ["x"])]]
)
def test_the_longer_field_is_the_text_where_no_quote_tells(adopting, marks):
    tasks = [
        task(None, marks, id=number, data={"lang": "en", "uuid": "0f8fad5b-d9cb-469f-a165-70867728950e", "story": TEXT})
        for number in (1, 2)
    ]
    found = adopting.adopt(*tasks)
    assert [text.field for text in found.proposal.codebook.texts.values()] == ["story"]


def test_quotes_come_before_the_configuration(adopting):
    config = (
        '<View><Text name="text" value="$lang"/><Labels name="spans" toName="text"><Label value="PER"/></Labels></View>'
    )
    found = adopting.adopt(task(None, [span(*BOB)], data={"story": TEXT, "lang": "en"}), config=config)
    assert found.proposal.codebook.texts["text"].field == "story"
    assert "the configuration shows $lang, which contains no quote of a region; in " in "\n".join(report(found))


def test_regions_that_name_no_text(adopting):
    bare = {key: part for key, part in span(*BOB).items() if key != "to_name"}
    found = adopting.adopt(task(None, [bare], data={"story": TEXT, "lang": "en"}))
    assert found.proposal.codebook.texts["text"].field == "story"
    assert adopting.build().spans() == [BOB]


def test_addresses_in_task_data_are_told_in_part(adopting):
    data = {"text": f"{TEXT} ann.lee@example.org", "by": ["x", {"mail": "bob@example.org"}], "at": "@ 9 o'clock"}
    found = adopting.adopt(task(None, [span(*ANN)], data=data, meta={"from": "carol@example.org"}))
    lines = [line for line in report(found) if "e-mail" in line]
    assert [line.split(":")[0].strip() for line in lines] == [
        "e-mail addresses in by of 1 task, such as b...@example.org",
        "e-mail addresses in meta of 1 task, such as c...@example.org",
        "e-mail addresses in text of 1 task, such as a...@example.org",
    ]
    built = adopting.build()
    assert (built.codes, built.results) == ({"e-mail-address": 3}, (1, 0, 0))
    told = json.dumps([problem["message"] for problem in built.problems])
    assert not any(name in told for name in ("ann.lee", "bob@", "carol"))


def test_a_control_that_is_a_note_more_often_than_a_choice_has_no_values(adopting):
    """It was proposed with the values of its choices, which a note cannot have."""
    items = [span(*ANN, id="a"), span(*BOB, id="b")]
    for region, kind in (("a", "choices"), ("a", "textarea"), ("b", "textarea")):
        value = {"start": 0, "end": 3, "choices" if kind == "choices" else "text": ["calm"]}
        items.append({"id": region, "from_name": "tone", "to_name": "text", "type": kind, "value": value})
    found = adopting.adopt(task(TEXT, items))
    (layer,) = found.proposal.codebook.layers.values()
    assert [(tone.kind, tone.values) for tone in layer.attributes.values()] == [("text", {})]


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(words, words, st.sampled_from(["labels", "choices", "textarea"])), max_size=8), words)
def test_any_names_make_a_valid_codebook(names, label):
    """Whatever controls, labels and relations are called, the codebook holds what its rules ask for."""
    items: list[Any] = []
    for number, (name, word, kind) in enumerate(names):
        item = {"id": f"r{number // 2}", "from_name": name, "to_name": "text", "type": kind}
        items.append(item | {"value": {kind: [word], "start": 0, "end": 3, "text": "Ann"}})
    items += [arrow("r0", "r1", label), arrow("r1", "r0")]
    scan = Scan()
    scan.add(decode_task(json.dumps(task(TEXT, items)).encode()))
    validate_codebook(propose("corpus", scan, None).codebook)


# ---------------------------------------------------------------- texts


def test_the_text_is_where_the_quotes_are(adopting):
    data = {"title": "Ann and Bob", "text": "Something else, and much longer than the rest.", "body": TEXT}
    found = adopting.adopt(task(None, [span(*BOB)], data=data))
    assert found.proposal.codebook.texts["text"].field == "body"
    assert "1 of 1 regions have their quote" in found.proposal.why["texts.text"]
    codebook = (adopting.place / "annotations/codebook.toml").read_text(encoding="utf-8")
    assert "# in body, 1 of 1 regions have their quote at their offsets" in codebook
    assert adopting.build().spans() == [BOB]


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"short": "a b", "long": "a b c", "number": 1}, "long"),
        ({"text": "a", "long": "a b c"}, "text"),
        ({"text": "https://example.org/a.txt", "id": "17"}, None),
        ({"text": ["a", "b"], "id": "17"}, None),
        ({"picture": "data:image/png;base64,AAAA"}, None),
        ({}, None),
    ],
)
def test_the_text_of_values_alone(adopting, data, field):
    found = adopting.codebook(task(None, [value("mood", "choices", ["good"])], data=data))
    assert [text.field for text in found.texts.values()] == ([field] if field else [])
    built = adopting.build()
    assert (built.results, built.codes) == ((1, 0, 0), {})
    assert built.rows("articles")[0]["mood"] == 0


def test_regions_in_a_text_that_is_elsewhere(adopting):
    found = adopting.codebook(task("https://example.org/a.txt", [span(*ANN)]))
    assert found.texts["text"].field == "text"
    assert adopting.build().codes == {"text-is-reference": 1, "no-text": 1}


def test_values_are_kept_where_the_text_is_elsewhere(adopting):
    config = '<View><Text name="text" value="$url" valueType="url"/><Choices name="mood" toName="text"><Choice value="good"/></Choices></View>'  # noqa: E501
    data = {"url": "https://example.org/a.txt"}
    adopting.adopt(task(None, [value("mood", "choices", ["good"])], data=data), config=config)
    built = adopting.build()
    assert (built.results, built.codes) == ((1, 0, 0), {"text-is-reference": 1})
    assert built.rows("articles")[0]["mood"] == 0


@pytest.mark.parametrize("told", [True, False])
def test_two_texts(adopting, told):
    config = """<View><Header value="$title"/><Text name="lead" value="$a"/><Text name="body" value="$b"/>
      <Text name="hint" value="Mark all names."/>
      <Labels name="leads" toName="lead"><Label value="PER"/></Labels>
      <Labels name="bodies" toName="body"><Label value="PER"/></Labels>
      <Choices name="mood" toName="body"><Choice value="good"/></Choices></View>"""
    items = [
        span(*BOB, from_name="bodies", to_name="body", id="r1"),
        span(0, 3, "Bob", from_name="leads", to_name="lead", id="r2"),
        span(4, 9, "waits", from_name="leads", to_name="lead", id="r3"),
        value("mood", "choices", ["good"], to_name="body"),
    ]
    data = {"title": "T", "a": "Bob waits.", "b": TEXT}
    found = adopting.codebook(task(None, items, data=data), config=config if told else None)
    assert {name: text.field for name, text in found.texts.items()} == {"lead": "a", "body": "b"}
    assert (found.layers["leads"].text, found.layers["bodies"].text) == ("lead", "body")
    assert found.document["mood"].text == "body"
    built = adopting.build()
    assert (built.results, built.codes) == ((4, 0, 0), {})
    assert [(row["text_name"], row["text"], row["mood"]) for row in built.rows("articles")] == [
        ("lead", "Bob waits.", None),
        ("body", TEXT, 0),
    ]


@pytest.mark.parametrize("told", [True, False])
def test_html(adopting, told):
    config = '<View><HyperTextLabels name="spans" toName="text"><Label value="PER"/></HyperTextLabels><HyperText name="text" value="$page"/></View>'  # noqa: E501
    region = {"start": "/p[1]/b[1]/text()[1]", "end": "/p[1]/b[1]/text()[1]", "startOffset": 0, "endOffset": 3}
    region |= {"globalOffsets": {"start": 8, "end": 11}, "text": "Bob", "hypertextlabels": ["PER"]}
    item = span(0, 0) | {"type": "hypertextlabels", "value": region}
    data = {"page": "<p>Ann met <b>Bob</b></p>", "notes": "Ann and then Bob, all in plain text."}
    found = adopting.codebook(task(None, [item], data=data), config=config if told else None)
    assert (found.texts["text"].field, found.texts["text"].kind) == ("page", "html")
    assert adopting.build().spans() == [(8, 11, "Bob")]


def test_one_stray_path_does_not_make_html_of_plain_texts(adopting):
    path = span("/p[1]/text()[1]", "/p[1]/text()[1]", "Bob", id="p")
    found = adopting.codebook(task("1 < 2, Ann", [path, *(span(7, 10, "Ann", id=n) for n in "abc")]))
    assert found.texts["text"].kind == "plain"


# ---------------------------------------------------------------- proposed from a configuration

CONFIG = """<View>
  <Relations><Relation value="lives in"/><Relation value="works for"/></Relations>
  <labels name="NER" toname="doc" choice="multiple">
    <Label value="Person" alias="PER" background="#f00" hotkey="1" hint="a human being"/>
    <View><Label value="Place" hotkey="2"/></View>
    <Label value="Place"/><Label value="Other" alias="PER"/>
  </labels>
  <Labels name="tone" toName="doc">
    <Label value="Good" hotkey="1"/><Label value="Bad" hotkey="G"/><Label value="Mixed" hotkey="u"/>
  </Labels>
  <Filter name="seek" toName="tone"/>
  <Text name="doc" value="$body"/>
  <View visibleWhen="region-selected" whenTagName="NER">
    <Choices name="kind" toName="doc" perRegion="true" whenLabelValue="PER"><Choice value="name" alias="n"/></Choices>
    <TextArea name="note" toName="doc" perRegion="true"/>
  </View>
  <Choices name="sure" toName="doc" perRegion="true" choice="single"><Choice value="yes"/><Choice value="no"/></Choices>
  <Choices name="mood" toName="doc" choice="multiple"><Choice value="good"/></Choices>
  <Taxonomy name="topic" toName="doc">
    <Choice value="War" alias="w"><Choice value="Aid"/></Choice><Choice value="Trade"/>
  </Taxonomy>
  <Rating name="stars" toName="doc"/>
  <Choices name="open" toName="doc" value="$options"/>
  <DateTime name="when" toName="doc"/>
  <Image name="picture" value="$picture"/>
  <RectangleLabels name="boxes" toName="picture"><Label value="Car"/></RectangleLabels>
  <Audio name="sound" value="$sound"/><Labels name="speech" toName="sound"><Label value="Word"/></Labels>
  <Repeater on="$pages"><Labels name="page_{{idx}}" toName="doc"><Label value="x"/></Labels></Repeater>
</View>"""


def of_doc(item: dict[str, Any]) -> dict[str, Any]:
    return item | {"to_name": "doc"}


def configured() -> dict[str, Any]:
    items = [
        span(*ANN, label="PER", id="a", from_name="NER"),
        span(*ROME, label="Place", id="b", from_name="NER"),
        span(*BOB, label="Bad", id="c", from_name="tone"),
        value("kind", "choices", ["n"], id="a"),
        note("note", "one", "two", id="b"),
        value("sure", "choices", ["yes"], id="c"),
        value("mood", "choices", ["good"]),
        value("topic", "taxonomy", [["w", "Aid"], ["Trade"]]),
        value("stars", "rating", 4),
        value("open", "choices", ["free"]),
        value("when", "datetime", "2024-01-01"),
    ]
    arrows = [arrow("a", "b", "lives in"), arrow("c", "a", "works for"), arrow("b", "c")]
    return task(None, [*map(of_doc, items), *arrows], data={"body": TEXT, "options": []})


def test_the_configuration_is_read(adopting):
    found = adopting.codebook(configured(), config=CONFIG)
    assert {name: (text.field, text.kind) for name, text in found.texts.items()} == {"doc": ("body", "plain")}
    ner, tone = found.layers["ner"], found.layers["tone"]
    assert (ner.control, ner.multiple, tone.control, tone.multiple) == ("NER", True, None, False)
    person = ner.labels["Person"]
    assert (person.alias, person.color, person.hotkey, person.definition) == ("PER", "#f00", "1", "a human being")
    assert (list(ner.labels), list(tone.labels)) == (["Person", "Place"], ["Good", "Bad", "Mixed"])
    # 1 is already the key of Person, u is Label Studio's own.
    assert [label.hotkey for label in tone.labels.values()] == [None, "G", None]
    assert {key: attribute.labels for key, attribute in ner.attributes.items()} == {
        "kind": ["Person"],
        "note": [],
        "sure": [],
    }
    assert (list(tone.attributes), ner.attributes["note"].many) == (["sure"], True)
    assert {key: (field.kind, field.many, list(field.values)) for key, field in found.document.items()} == {
        "mood": ("choice", True, ["good"]),
        "topic": ("taxonomy", True, ["War", "War > Aid", "Trade"]),
        "stars": ("rating", False, []),
        "open": ("choice", False, ["free"]),
    }
    both = ["ner", "tone"]
    assert {key: (relation.to, relation.unlabelled) for key, relation in ner.relations.items()} == {
        "lives_in": (both, False),
        "works_for": (both, False),
        "related": (["tone"], True),
    }
    assert not any(attribute.required for layer in found.layers.values() for attribute in layer.attributes.values())
    built = adopting.build()
    assert (built.results, built.codes) == ((13, 0, 1), {"unsupported-control": 1})


def test_what_cannot_be_converted_is_named(adopting):
    lines = list(report(adopting.adopt(configured(), config=CONFIG)))
    at = lines.index("cannot be converted (a build lists every such item in problems.jsonl):")
    assert [line.strip() for line in lines[at + 1 : -1]] == [
        "DateTime when",
        "RectangleLabels boxes",
        "Labels speech",
        "Repeater $pages",
        "items of type datetime (when): 1",
    ]
    assert "# - DateTime when" in (adopting.place / "annotations/codebook.toml").read_text(encoding="utf-8")


def test_what_the_configuration_lacks_stays_a_problem(adopting):
    config = '<View><Text name="text" value="$text"/><Labels name="spans" toName="text"><Label value="PER"/></Labels><Choices name="mood" toName="text"><Choice value="good"/></Choices></View>'  # noqa: E501
    items = [span(*ANN, id="a"), span(*ROME, label="LOC", id="b"), span(*BOB, from_name="old", id="c")]
    items += [value("mood", "choices", ["bad"])]
    found = adopting.adopt(task(TEXT, items), config=config)
    assert found.proposal.left_out == [
        "'bad' of mood, which the configuration does not have",
        "old (labels), which the configuration does not have",
        "'LOC' of spans, which the configuration does not have",
    ]
    built = adopting.build()
    assert built.codes == {"unknown-label": 1, "unknown-value": 1, "unknown-control": 1}
    assert built.results == (1, 0, 3)


def test_values_shown_for_a_region_may_be_about_the_article(adopting):
    """Without perRegion, a control in a View that waits for a region still speaks of the article."""
    config = """<View><Text name="text" value="$text"/><Labels name="spans" toName="text"><Label value="PER"/></Labels>
      <View visibleWhen="region-selected"><Choices name="mood" toName="text"><Choice value="good"/></Choices>
      <TextArea name="why" toName="text"/></View></View>"""
    items = [span(*ANN, id="a"), value("mood", "choices", ["good"])]
    found = adopting.codebook(task(TEXT, items), config=config)
    assert (list(found.layers["spans"].attributes), list(found.document)) == (["mood", "why"], ["mood"])
    assert adopting.build().results == (2, 0, 0)


def test_the_field_of_the_configuration_may_be_missing(adopting):
    config = (
        '<View><Text name="text" value="$text"/><Labels name="spans" toName="text"><Label value="PER"/></Labels></View>'
    )
    found = adopting.adopt(task(None, [span(*BOB)], data={"story": TEXT, "title": "Bob"}), config=config)
    assert found.proposal.codebook.texts["text"].field == "story"
    assert found.proposal.why["texts.text"].startswith("the configuration shows $text, which is in no task; in ")


def test_a_configuration_without_labels_or_choices_leaves_them_out(adopting):
    config = '<View><Text name="text" value="$text"/><Labels name="spans" toName="text"/><Choices name="mood" toName="text"/></View>'  # noqa: E501
    found = adopting.adopt(task(TEXT), config=config)
    assert (found.proposal.codebook.layers, found.proposal.codebook.document) == ({}, {})
    assert found.proposal.left_out == ["spans, which has no labels", "mood, which has no choices"]


def test_the_generated_configuration_can_be_adopted_again(adopting):
    """Codebook -> labelling configuration -> codebook: names of controls, labels and values stay."""
    first = adopting.codebook(configured(), config=CONFIG)
    config = (adopting.place / "annotations/label_config.xml").read_text(encoding="utf-8")
    again = propose("again", Scan(), read_config(fromstring(config))).codebook
    assert [list(layer.labels) for layer in again.layers.values()] == [["Person", "Place"], ["Good", "Bad", "Mixed"]]
    assert [layer.control or name for name, layer in again.layers.items()] == ["NER", "tone"]
    assert list(again.document) == list(first.document)
    assert {key: list(field.values) for key, field in again.document.items()} == {
        key: list(field.values) for key, field in first.document.items()
    }


def test_the_codebook_file_says_all_of_the_codebook(adopting):
    found = adopting.adopt(configured(), config=CONFIG).proposal.codebook
    written = parse_toml((adopting.place / "annotations/codebook.toml").read_bytes(), Codebook, name="codebook.toml")
    assert written == found
    assert written.codebook == Head(version="0.1.0", title="corpus")


@pytest.mark.parametrize("key", ["id", "completed_by", "other"])
@pytest.mark.parametrize("quoted", ["", '"'])
def test_numbers_of_thousands_of_digits(adopting, key, quoted):
    digits = f"{quoted}{'1' * 5000}{quoted}"
    annotation = f'{{"{key}": {digits}, "updated_by": {{"email": "a@example.org", "id": {digits}}}, "result": []}}'
    content = f'[{{"id": 1, "data": {{"text": "a"}}, "annotations": [{annotation}]}}]'
    adopt([adopting.write("a.json", content)], adopting.place)
    assert b"example.org" not in adopting.copies()["a.json"]


def test_a_task_in_which_names_cannot_be_found_is_not_copied(adopting):
    deep = "[" * 600 + "]" * 600
    content = f'[{{"id": 1, "data": {{"text": "a"}}, "annotations": [], "user": "ann", "deep": {deep}}}]'
    with pytest.raises(ExportError, match="task 1: is nested too deeply"):
        adopt([adopting.write("a.json", content)], adopting.place)
    assert not adopting.place.exists()


def test_no_name_of_an_annotator_is_in_the_record_of_a_problem(tmp_path):
    person = {"id": 1, "first_name": "Secretname", "last_name": "Secretname", "username": "Secretname"}
    made = {
        "id": 1,
        "completed_by": 1,
        "created_by": person,
        "reviews": [{"created_by": person, "at": 3}],
        "result": [],
    }
    built = build_tasks(tmp_path, task(TEXT, made, made))
    assert built.problem("duplicate-annotation")["raw"]["reviews"] == [{"at": 3}]
    assert "Secretname" not in json.dumps(built.problems)
