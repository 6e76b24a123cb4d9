"""`newsparallax export`: from a dataset folder to files that other tools read, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest

from helpers import Dataset, build_case, item, span
from newsparallax.adopt import adopt
from newsparallax.building import build
from newsparallax.cli.export import export_command
from newsparallax.corpus import open_corpus
from newsparallax.dataset import export_dataset
from newsparallax.errors import UsageError
from newsparallax.formats import Target

TEXT = "Ann 😀 met\r\nBob\u00a0Cafe\u0301 in Oslo, 漢字. "
CODEBOOK = {
    "codebook": {"version": "1"},
    "texts": {"text": {"field": "text"}},
    "layers": {
        "spans": {
            "labels": {"PER": {}, "LOC": {}},
            "attributes": {"sure": {"kind": "choice", "values": {"yes": {}, "no": {}}}, "note": {"kind": "text"}},
            "relations": {"knows": {"to": ["spans", "marks"]}},
        },
        "marks": {"labels": {"LOC": {}}},
    },
    "document": {"topic": {"kind": "text"}},
}


def region(name: str, words: str, label: str, control: str = "spans") -> dict[str, Any]:
    start = TEXT.index(words)
    return span(start, start + len(words), words, label) | {"id": name, "from_name": control}


def link(source: str, target: str) -> dict[str, Any]:
    return {"type": "relation", "from_id": source, "to_id": target, "direction": "right", "labels": ["knows"]}


GOLD = [
    region("r1", "Ann", "PER"),
    region("r2", "Bob\u00a0Cafe\u0301", "PER"),
    region("r3", "Cafe\u0301 in Oslo", "LOC"),
    region("r4", "Oslo", "LOC", "marks"),
    item("r1", "spans_sure", "choices", {"choices": ["yes"]}),
    item("r2", "spans_note", "textarea", {"text": ["a note, 😀"]}),
    item("", "topic", "textarea", {"text": ["visits"]}),
    link("r1", "r2"),
    link("r1", "r4"),
]
VOTE = [region("v1", "漢字", "LOC")]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Dataset:
    made = [
        {"id": 1, "completed_by": 1, "result": GOLD, "ground_truth": True},
        {"id": 2, "completed_by": 2, "result": VOTE},
    ]
    tasks = [
        {"id": 1, "data": {"text": TEXT}, "annotations": made},
        {"id": 2, "data": {"text": "empty"}, "annotations": [{"id": 3, "completed_by": 1, "result": []}]},
        {"id": 3, "data": {"text": "waiting"}, "annotations": []},
    ]
    return build_case(tmp_path_factory.mktemp("built"), {"codebook": CODEBOOK, "exports": {"a.json": tasks}})


LOST = {
    "brat": {"layer of a span, merged with another": 1, "name of a label, changed": 1, "value about the document": 1},
    "doccano": {"attribute": 2, "layer of a span, merged with another": 1, "name of a label, changed": 1, "value about the document": 1},  # noqa: E501
    "prodigy": {"kind of an attribute, which becomes text": 1, "layer of a span, merged with another": 1, "name of a label, changed": 1, "value about the document": 1},  # noqa: E501
    "conllu": {"attribute": 2, "crossing span": 1, "relation": 2, "value about the document": 1, "layer of a span, merged with another": 1},  # noqa: E501
    "spacy": {"attribute": 2, "relation": 2, "value about the document": 1},
    "cas": {"kind of an attribute, which becomes text": 1, "value about the document": 1},
    "cas-json": {"kind of an attribute, which becomes text": 1, "value about the document": 1},
    "w3c": {"text of a document without annotation": 1},
    "label-studio": {},
}  # fmt: skip
LOST["conll"] = LOST["conllu"] | {"exact text of a document": 3}


@pytest.mark.parametrize("to", get_args(Target))
def test_what_is_written_is_adopted_and_built_again(tmp_path, dataset, to):
    made = export_dataset(str(dataset.place), to, tmp_path / "out")
    waiting = {"document without annotation": 1}
    assert made.losses == LOST[to] | waiting
    written = json.loads((tmp_path / "out/LOSSES.json").read_bytes())
    assert (written["format"], written["losses"], written["documents"]) == (to, made.losses, 3)
    adopt([tmp_path / "out"], tmp_path / "corpus")
    again = Dataset(build(open_corpus(tmp_path / "corpus"), tmp_path / "again", verify=False).place)
    assert again.codes == {}
    assert again.results[1:] == (0, 0)
    texts = {row["article_id"]: row["text"] for row in again.rows("articles")}
    before = {row["article_id"]: row["text"] for row in dataset.rows("articles")}
    if to == "w3c":
        del before["3"]
    if to != "conll":
        assert texts == before
    quotes = sorted((row["quote"], row["labels"][0].rpartition("-")[2]) for row in again.rows("votes") if row["quote"])
    flat = to.startswith("conll")
    expected = [("Ann", "PER"), ("Bob\u00a0Cafe\u0301", "PER"), ("Oslo", "LOC"), ("Cafe\u0301 in Oslo", "LOC")]
    if not flat:
        assert quotes == sorted(expected)
    relations = sum(len(row["relations"]) for row in again.rows("votes"))
    attributes = sum(len(row["attributes"]) for row in again.rows("votes") if row["quote"])
    assert relations == (0 if "relation" in made.losses else 2)
    assert attributes == (0 if "attribute" in made.losses else 2)


def test_votes_of_one_annotator(tmp_path, dataset):
    made = export_dataset(str(dataset.place), "doccano", tmp_path / "out", "b")
    rows = [json.loads(line) for line in (tmp_path / "out/all.jsonl").read_bytes().splitlines()]
    assert [[TEXT[e["start_offset"] : e["end_offset"]] for e in row["entities"]] for row in rows] == [["漢字"], [], []]
    assert made.losses == {"document without annotation": 2}
    with pytest.raises(UsageError, match="'c' is no annotator of"):
        export_dataset(str(dataset.place), "doccano", tmp_path / "other", "c")
    assert not (tmp_path / "other").exists()


def test_strict_says_so_by_its_exit_code(tmp_path, dataset, capsys):
    def code(to: Any, out: str, *, strict: bool) -> int:
        return export_command(str(dataset.place), to, tmp_path / out, strict=strict)

    assert (code("conll", "a", strict=True), code("conll", "b", strict=False)) == (1, 0)
    assert "  not held: 2 x relation\n" in capsys.readouterr().out


def test_a_folder_with_files_is_not_touched(tmp_path, dataset):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine").write_text("x")
    with pytest.raises(UsageError, match="is not an empty folder"):
        export_dataset(str(dataset.place), "brat", tmp_path / "out")
    with pytest.raises(UsageError, match="only label-studio has predictions"):
        export_dataset(str(dataset.place), "brat", tmp_path / "new", predictions=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_withheld_texts_are_refused_with_what_to_do(tmp_path, dataset):
    copy = tmp_path / "standoff"
    copy.mkdir()
    manifest = json.loads((dataset.place / "manifest.json").read_bytes())
    manifest["texts"]["withheld"] = 1
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UsageError, match=r"1 texts are withheld(.|\n)*newsparallax rehydrate"):
        export_dataset(str(copy), "brat", tmp_path / "out")


def test_predictions(tmp_path, dataset):
    export_dataset(str(dataset.place), "label-studio", tmp_path / "out", predictions=True)
    tasks = json.loads((tmp_path / "out/tasks.json").read_bytes())
    assert ["annotations" in task for task in tasks] == [False] * 3
    assert len(tasks[0]["predictions"][0]["result"]) == len(GOLD)


def exported(dataset: Dataset, to: Any, place: Path) -> Path:
    export_dataset(str(dataset.place), to, place)
    return place


def test_spacy_reads_it(tmp_path, dataset):
    spacy = pytest.importorskip("spacy")
    file = exported(dataset, "spacy", tmp_path / "out") / "all.spacy"
    doc = next(spacy.tokens.DocBin().from_disk(file).get_docs(spacy.blank("xx").vocab))
    assert doc.text == TEXT
    assert [(ent.text, ent.label_) for ent in doc.ents] == [
        ("Ann", "PER"),
        ("Bob\u00a0Cafe\u0301", "PER"),
        ("Oslo", "LOC"),
    ]
    assert [ent.text for ent in doc.spans["spans"]] == ["Ann", "Bob\u00a0Cafe\u0301", "Cafe\u0301 in Oslo"]


@pytest.mark.parametrize("to", ["cas", "cas-json"])
def test_cassis_reads_it(tmp_path, dataset, to):
    cassis = pytest.importorskip("cassis")
    out = exported(dataset, to, tmp_path / "out")
    if to == "cas":
        types = cassis.load_typesystem(out / "TypeSystem.xml")
        cas = cassis.load_cas_from_xmi(out / "1.xmi", typesystem=types)
        units = len(TEXT[: TEXT.index("Oslo")].encode("utf-16-le")) // 2
        assert f'begin="{units}" end="{units + 4}" label="LOC"' in (out / "1.xmi").read_text(encoding="utf-8")
    else:
        with (out / "1.json").open("rb") as file:
            cas = cassis.load_cas_from_json(file)
    assert cas.sofa_string == TEXT
    assert [(one.get_covered_text(), one.label) for one in cas.select("custom.marks")] == [("Oslo", "LOC")]
    assert [one.Dependent.get_covered_text() for one in cas.select("custom.relation.Relation")] == [
        "Bob\u00a0Cafe\u0301",
        "Oslo",
    ]


def test_conllu_reads_it(tmp_path, dataset):
    conllu = pytest.importorskip("conllu")
    content = (exported(dataset, "conllu", tmp_path / "out") / "all.conllu").read_text(encoding="utf-8")
    first, second, *_ = conllu.parse(content)
    assert first.metadata["newdoc id"] == "1"
    assert [(word["form"], word["misc"]["NER"]) for word in (*first, *second)][:4] == [
        ("Ann", "B-PER"), ("😀", "O"), ("met", "O"), ("Bob", "B-PER"),
    ]  # fmt: skip


def test_doccano_can_import_it(tmp_path, dataset):
    entity = {"required": ["id", "label", "start_offset", "end_offset"]}
    relation = {"required": ["id", "from_id", "to_id", "type"]}
    lists = {"entities": {"items": entity}, "relations": {"items": relation}, "text": {"type": "string"}}
    schema = {"type": "object", "required": ["text", "entities", "relations"], "properties": lists}
    for line in (exported(dataset, "doccano", tmp_path / "out") / "all.jsonl").read_bytes().splitlines():
        jsonschema.validate(json.loads(line), schema)


def test_brat_lines_have_the_words_at_their_offsets(tmp_path, dataset):
    out = exported(dataset, "brat", tmp_path / "out")
    text = (out / "1.txt").read_bytes().decode()
    terms = [line.split("\t") for line in (out / "1.ann").read_text(encoding="utf-8").split("\n") if line[:1] == "T"]
    assert len(terms) == 4
    for _, place, words in terms:
        _, start, end = place.split()
        assert text[int(start) : int(end)] == words
