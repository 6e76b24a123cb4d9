"""Corpus folders made from exports: what is proposed, what is copied, and that nothing is changed on failure."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from unittest.mock import patch
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import Dataset, build_tasks, span, task
from newsparallax.core.codebook import Codebook, Head
from newsparallax.core.decode import decode_task
from newsparallax.core.errors import ExportError, UsageError
from newsparallax.core.propose import propose
from newsparallax.core.read_config import read_config
from newsparallax.core.scan import Scan
from newsparallax.core.toml import parse_toml
from newsparallax.core.validate import validate_codebook
from newsparallax.edges.adopt import Adopted, adopt, report
from newsparallax.edges.build import build
from newsparallax.edges.folder import open_corpus

SCRIPT = Path(__file__).parents[1] / "scripts" / "adopt.py"
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
        with patch("newsparallax.edges.build.read_back"):
            return Dataset(build(open_corpus(self.place)).place)

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
        *("label_config.xml", "guidelines.md", "exports"),
    }
    assert open_corpus(adopting.place).context.corpus.name == "corpus"
    built = adopting.build()
    assert (built.results, built.codes) == ((1, 0, 0), {})
    assert built.spans() == [ANN]
    assert list(report(found))[-1] == f"next: scripts/build.py --corpus {adopting.place}"
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
        "offsets": {"edge_spaces": "trim"},
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
    with pytest.raises(UsageError, match="holds no export"):
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
    command = [sys.executable, str(SCRIPT), *(str(adopting.folder / path) for path in paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not adopting.place.exists()


def test_the_command_line_takes_several_exports(adopting):
    for name in ("a.json", "b.json"):
        adopting.write(f"in/{name}", [task(f"{TEXT} {name}", [span(*ANN)], id=name)])
    paths = [adopting.folder / "in/a.json", adopting.folder / "in/b.json", adopting.place]
    done = subprocess.run([sys.executable, str(SCRIPT), *map(str, paths)], capture_output=True, text=True, check=False)
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
    assert any(line.strip().startswith("a.json: annotators' names") for line in report(found))
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
    assert "  items of the kind rectanglelabels (boxes): 1" in list(report(found))
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
    assert "  items that name no control (from_name): 1" in list(report(found))
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


def test_a_control_called_like_a_text_is_left_out(adopting):
    items = [span(*ANN, from_name="text", id="a"), span(*BOB, id="b")]
    found = adopting.adopt(task(TEXT, items))
    assert found.proposal.left_out == ["text, which is the name of a text too"]
    assert list(found.proposal.codebook.layers) == ["spans"]
    assert adopting.build().codes == {"unknown-control": 1}


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
    assert "1 of 1 quotes" in found.proposal.why["texts.text"]
    codebook = (adopting.place / "annotations/codebook.toml").read_text(encoding="utf-8")
    assert "# 1 of 1 quotes of regions are what body holds at their offsets" in codebook
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
    at = lines.index("cannot be converted (a build keeps every such item in problems.jsonl):")
    assert [line.strip() for line in lines[at + 1 : -1]] == [
        "DateTime when",
        "RectangleLabels boxes",
        "Labels speech",
        "Repeater $pages",
        "items of the kind datetime (when): 1",
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
    assert found.proposal.why["texts.text"].startswith("the configuration shows $text, which no task has; 1 of 1")


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
