"""croissant.json is valid, tells the truth about the files, and what mlcroissant reads through it is what they hold."""

from __future__ import annotations

import json
import logging
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlcroissant
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from generate_corpus import CORPUS, make_tasks
from generate_corpus import write_corpus as write_generated
from helpers import CODEBOOK, CORPORA, build_case, span, task
from newsparallax.building import build, workers
from newsparallax.corpus import open_corpus
from newsparallax.dataset import check_croissant, decode_manifest, file_facts, make_croissant, parquet, read_croissant
from newsparallax.dataset.card_blocks import bibtex
from newsparallax.dataset.croissant import CONTEXT, renewed
from newsparallax.dataset.croissant_schema import plain

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Built datasets: this corpus, two others, and a generated one of several splits, files and row groups."""
    root = tmp_path_factory.mktemp("croissant")
    text = CORPUS.replace("validation = 1", '"dev.a" = 1')
    generated = write_generated(root / "corpus", make_tasks(24, regions=5), corpus=text)
    corpora = {"own": None, "zeitung": CORPORA / "zeitung", "from_tasks": CORPORA / "from_tasks"}
    with pytest.MonkeyPatch.context() as patch:
        found = {name: build(open_corpus(corpus), root / name, verify=False).place for name, corpus in corpora.items()}
        patch.setattr(workers, "PART_ARTICLES", 4)
        patch.setattr(parquet, "ROW_GROUP_BYTES", 1)
        patch.setattr(parquet, "FILE_BYTES", 1 << 13)
        found["generated"] = build(open_corpus(generated), root / "generated", verify=False).place
    return found


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Two layers, arrows from one to the other, a column of every kind, one article."""
    who = {"sort": {"kind": "choice", "values": {"full": {}, "short": {}}}, "notes": {"kind": "text", "many": True}}
    layers = {
        "people": {"labels": {"PER": {"definition": "A person."}, "ORG": {}}, "attributes": who},
        "views": {"labels": {"FOR": {}, "AGAINST": {}}, "relations": {"target": {"to": ["people"]}}},
    }
    ann, bob = (span(*at, from_name="people", id=name) for at, name in (((0, 3, "Ann"), "a"), ((8, 11, "Bob"), "b")))
    view = span(4, 7, "met", "FOR", from_name="views", id="v")
    note = ann | {"from_name": "people_notes", "type": "textarea"}
    note["value"] = {"start": 0, "end": 3, "text": ["so", "so"]}
    arrows = [{"type": "relation", "from_id": "v", "to_id": to, "direction": "right"} for to in ("b", "a")]
    for arrow in arrows:
        arrow["labels"] = ["target"]
    case = {
        "codebook": CODEBOOK | {"layers": layers, "tokens": {"layer": "people"}},
        "corpus": {"license": "cc-by-4.0"},
        "exports": {"a.json": [task("Ann met Bob.", [ann, bob, view, note, *arrows])]},
    }
    return build_case(tmp_path_factory.mktemp("small"), case).place


@pytest.fixture
def damaged(small, tmp_path):
    """A copy of the small dataset, to be damaged."""
    return Path(shutil.copytree(small, tmp_path / "dataset"))


def described(place: Path) -> dict[str, Any]:
    return json.loads((place / "croissant.json").read_bytes())


def fields(described: dict[str, Any]) -> Iterator[dict[str, Any]]:
    waiting = [field for one in described["recordSet"] for field in one["field"]]
    while waiting:
        field = waiting.pop()
        yield field
        waiting += field.get("subField", [])


def by_id(nodes: Any, name: str) -> dict[str, Any]:
    (found,) = [node for node in nodes if node["@id"] == name]
    return found


def rows(place: Path, config: str, split: str = "*") -> list[dict[str, Any]]:
    files = sorted((place / config).glob(f"{split}-*.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


@pytest.mark.parametrize("name", ["own", "zeitung", "from_tasks", "generated"])
def test_nothing_is_wrong_with_what_is_built_and_every_record_is_the_row(places, name):
    place = places[name]
    assert list(check_croissant(place)) == []
    assert list(read_croissant(place)) == []


def test_the_generated_corpus_has_what_it_is_there_for(places):
    files = sorted(path.relative_to(places["generated"]).as_posix() for path in places["generated"].glob("*/*.parquet"))
    assert {path.split("/")[1].rpartition("-")[0] for path in files} == {"train", "dev.a", "test"}
    assert "votes/train-00001.parquet" in files
    assert any(pq.read_metadata(places["generated"] / path).num_row_groups > 1 for path in files)


@pytest.mark.parametrize(
    ("name", "missing"), [("own", {"datePublished"}), ("generated", {"datePublished", "citeAs", "license"})]
)
def test_mlcroissant_finds_no_errors_and_misses_only_what_nobody_says(places, name, missing):
    issues = mlcroissant.Dataset(str(places[name] / "croissant.json")).metadata.ctx.issues
    assert not issues.errors
    assert {issue.split('"')[1].rpartition("/")[2] for issue in issues.warnings} == missing


def test_a_record_read_by_hand(places, caplog):
    """Not through our own reading: split, nested values at two depths, names of labels, a split alone."""
    place = places["own"]
    dataset = mlcroissant.Dataset(str(place / "croissant.json"))
    records, articles = list(dataset.records("articles")), rows(place, "articles")
    assert [record["articles/text"].decode() for record in records] == [row["text"] for row in articles]
    assert {record["articles/split"] for record in records} == {b"train"}
    for record, row in zip(records, articles, strict=True):
        entities = record["articles/entities"]
        assert [one["articles/entities/quote"].decode() for one in entities] == [s["quote"] for s in row["entities"]]
        read = [[item.decode() for item in one["articles/entities/entity"]] for one in entities]
        assert read == [s["entity"] for s in row["entities"]]
        targets = [one["articles/stances/target/quote"] for one in record["articles/stances/target"]]
        assert [quote and quote.decode() for quote in targets] == [
            s["target"][0]["quote"] if s["target"] else None for s in row["stances"]
        ]
    assert not [record for record in caplog.records if "Could not match" in record.getMessage()]
    names = [record["values.stances.label/name"] for record in dataset.records("values.stances.label")]
    assert names == list(open_corpus(None).context.codebook.layers["stances"].labels)
    generated = mlcroissant.Dataset(str(places["generated"] / "croissant.json"))
    read = list(generated.records("names", {"names/split": "dev.a"}))
    assert [one["names/span_id"].decode() for one in read] == [
        row["span_id"] for row in rows(places["generated"], "names", "dev.a")
    ]


def test_every_config_every_file_and_every_column_is_described(places):
    found = described(places["own"])
    manifest = json.loads((places["own"] / "manifest.json").read_bytes())
    assert [one["@id"] for one in found["recordSet"] if "data" not in one] == list(manifest["rows"])
    listed = {one["@id"]: one for one in found["distribution"] if one["@type"] == "cr:FileObject"}
    assert listed.keys() == {path for path in manifest["files"] if path.endswith(".parquet")}
    for path, one in listed.items():
        facts = manifest["files"][path]
        assert (one["sha256"], one["contentSize"]) == (facts["sha256"], f"{facts['bytes']} B")
        assert one["encodingFormat"] == "application/x-parquet"
    ids = {field["@id"] for field in fields(found)}
    assert {"articles/stances/target/quote", "votes/relations/quote", "tokens/tags", "articles/split"} <= ids
    label = by_id(fields(found), "articles/stances/label")
    assert "`values.stances.label`" in label["description"]
    assert by_id(found["recordSet"], "votes")["key"][0] == {"@id": "votes/article_id"}


def test_rights_and_citation(places):
    own, zeitung, generated = (described(places[name]) for name in ("own", "zeitung", "generated"))
    url, reserved = own["license"]
    assert url == "https://creativecommons.org/licenses/by/4.0/"
    assert reserved["@type"] == "sc:CreativeWork"
    assert "may not be redistributed" in reserved["description"]
    corpus = open_corpus(None).context.corpus
    assert own["citeAs"] == bibtex(corpus)
    assert own["creator"]["name"] == corpus.citation.author
    first = zeitung["license"][0] if isinstance(zeitung["license"], list) else zeitung["license"]
    assert first == "https://creativecommons.org/publicdomain/zero/1.0/"
    assert (
        generated.keys() & {"license", "citeAs", "creator", "url"} == set()
    )  # its texts are free, and it says nothing


def test_names_that_clash_with_ours_or_have_no_plain_spelling(tmp_path):
    """A column `split`, keys that are words of JSON path, letters beyond ASCII, a config without rows."""
    attributes = {"split": {"kind": "text"}, "where": {"kind": "number"}, "grö-ße": {"kind": "text", "many": True}}
    layers = {"spans": CODEBOOK["layers"]["spans"] | {"attributes": attributes}, "leer-ö": {"labels": {"X": {}}}}
    values = [
        span(0, 3, "Ann") | {"from_name": "spans_where", "type": "number"},
        span(0, 3, "Ann") | {"from_name": "spans_grö-ße", "type": "textarea"},
    ]
    values[0]["value"] = {"start": 0, "end": 3, "number": 1.5}
    values[1]["value"] = {"start": 0, "end": 3, "text": ["a", "b"]}
    built = build_case(
        tmp_path,
        {
            "codebook": CODEBOOK | {"layers": layers},
            "exports": {"a.json": [task("Ann met Bob.", [span(0, 3, "Ann"), *values])]},
        },
    )
    assert list(check_croissant(built.place)) == []
    assert list(read_croissant(built.place)) == []
    (row,) = built.rows("spans")
    assert (row["where"], row["grö-ße"]) == (1.5, ["a", "b"])
    assert (built.place / "leer-ö/train-00000.parquet").is_file()
    (record,) = mlcroissant.Dataset(str(built.place / "croissant.json")).records("articles")
    (read,) = record["articles/spans"]
    assert read["articles/spans/where"] == 1.5
    assert read["articles/spans/grö-ße"] == [b"a", b"b"]
    fields_of = {field["@id"] for field in by_id(described(built.place)["recordSet"], "spans")["field"]}
    assert {"spans/split", "spans/split_"} <= fields_of


def test_words_left_out_are_read_as_nulls(damaged):
    """As in a stand-off release: text, quotes at any depth and tokens are null, and the description says so."""

    def without(value: Any) -> Any:
        if isinstance(value, list):
            return [without(part) for part in value]
        if isinstance(value, dict):
            words = ("text", "quote", "tokens")
            return {key: None if key in words else without(part) for key, part in value.items()}
        return value

    manifest = json.loads((damaged / "manifest.json").read_bytes())
    manifest["texts"] = {"withheld": 1, "full_content_digest": "x"}
    full = described(damaged)
    for path in damaged.glob("*/*.parquet"):
        table = pq.read_table(path)
        pq.write_table(pa.Table.from_pylist([without(row) for row in table.to_pylist()], table.schema), path)
        manifest["files"][path.relative_to(damaged).as_posix()] = msgspec.to_builtins(file_facts(path))
    manifest = decode_manifest(json.dumps(manifest).encode())
    (damaged / "croissant.json").write_text(json.dumps(renewed(full, manifest)))
    assert list(check_croissant(damaged)) == []
    assert list(read_croissant(damaged)) == []
    assert "1 articles are withheld" in described(damaged)["conditionsOfAccess"]
    manifest = decode_manifest((damaged / "manifest.json").read_bytes())
    assert renewed(described(damaged), manifest) == full


# ------------------------------------------------------------------------------------------------------ what is wrong


def change(place: Path, edit: Callable[[dict[str, Any]], Any]) -> list[str]:
    """What is wrong after an edit of croissant.json."""
    found = described(place)
    edit(found)
    (place / "croissant.json").write_text(json.dumps(found), encoding="utf-8")
    return list(check_croissant(place))


def test_a_byte_flipped(damaged):
    path = damaged / "people/train-00000.parquet"
    data = bytearray(path.read_bytes())
    data[10] ^= 1
    path.write_bytes(data)
    (message,) = check_croissant(damaged)
    assert message.startswith("people/train-00000.parquet: the file's SHA-256 is ")
    assert mlcroissant.Dataset(str(damaged / "croissant.json"))  # which does not look


def test_a_file_that_is_longer_and_one_that_is_no_parquet(damaged):
    with (damaged / "people/train-00000.parquet").open("ab") as file:
        file.write(b"x")
    wrong = list(check_croissant(damaged))
    assert any("contentSize states" in message for message in wrong)
    assert any(message.startswith("people/train-00000.parquet: is not a Parquet file") for message in wrong)
    assert any(message.startswith("people: mlcroissant cannot read it") for message in read_croissant(damaged))


def test_a_file_removed(damaged):
    (damaged / "people/train-00000.parquet").unlink()
    assert list(check_croissant(damaged)) == [
        "people.parquet: no file fits people/train-*.parquet",
        "people/train-00000.parquet: there is no such file",
        "people: uses no file",
    ]


def test_a_file_more(damaged):
    shutil.copy(damaged / "people/train-00000.parquet", damaged / "people/test-00000.parquet")
    assert list(check_croissant(damaged)) == ["people/test-00000.parquet: no record set covers it"]
    shutil.move(damaged / "people/test-00000.parquet", damaged / "people/train-00001.parquet")
    assert list(check_croissant(damaged)) == ["people/train-00001.parquet: has no file object, so no digest"]
    (damaged / "standoff").mkdir()  # no config
    shutil.move(damaged / "people/train-00001.parquet", damaged / "standoff/windows.parquet")
    assert list(check_croissant(damaged)) == []


def test_a_column_renamed_in_the_description(damaged):
    def edit(found):
        by_id(fields(found), "people/quote")["source"]["extract"]["column"] = "words"

    assert change(damaged, edit) == [
        "people/quote: the files have no column words",
        "people: no field describes the column quote",
    ]
    assert any("words" in message for message in read_croissant(damaged))


def test_a_nested_column_renamed_and_one_dropped(damaged):
    def edit(found):
        by_id(fields(found), "articles/views/target/quote")["source"]["transform"]["jsonPath"] = "$['target'][*]['q']"
        parts = by_id(fields(found), "articles/blocks")["subField"]
        parts.remove(by_id(parts, "articles/blocks/kind"))

    assert change(damaged, edit) == [
        "articles/views/target/quote: the files have no column views.target.q",
        "articles: no field describes the column blocks.kind",
        "articles: no field describes the column views.target.quote",
    ]


def test_values_taken_from_another_column(damaged):
    """The form is right and the columns are there; only reading tells."""

    def edit(found):
        columns = [by_id(fields(found), f"people/{name}")["source"]["extract"] for name in ("start", "end")]
        columns[0]["column"], columns[1]["column"] = "end", "start"

    assert change(damaged, edit) == []
    found = described(damaged)
    by_id(found["distribution"], "people.parquet")["includes"] = ["views/train-*.parquet"]
    (damaged / "croissant.json").write_text(json.dumps(found))
    assert any("views" in message for message in check_croissant(damaged))


@pytest.mark.parametrize(
    ("name", "key", "value", "expected"),
    [
        ("people/start", "dataType", "sc:Text", "people/start: dataType sc:Text does not fit start, which is int64"),
        ("people/quote", "dataType", "cr:Int64", "people/quote: dataType cr:Int64 does not fit quote, which is string"),
        (
            "articles/redistribute",
            "dataType",
            ["sc:Boolean", "sc:Text"],
            "articles/redistribute: dataType sc:Boolean, sc:Text does not fit redistribute, which is bool",
        ),
        (
            "tokens/tokens",
            "isArray",
            False,
            "tokens/tokens: isArray and arrayShape do not fit the lists of tokens",
        ),
        (
            "articles/people/notes",
            "arrayShape",
            "-1,-1",
            "articles/people/notes: isArray and arrayShape do not fit the lists of people.notes",
        ),
    ],
)
def test_a_wrong_type(damaged, name, key, value, expected):
    wrong = change(damaged, lambda found: by_id(fields(found), name).update({key: value}))
    assert expected in wrong


def test_a_record_set_dropped(damaged):
    wrong = change(damaged, lambda found: found["recordSet"].remove(by_id(found["recordSet"], "people")))
    assert wrong == [
        "the config people of README.md has no record set",
        "people/train-00000.parquet: no record set covers it",
    ]


def test_names_of_labels_in_another_order_and_a_split_too_few(damaged):
    def edit(found):
        by_id(found["recordSet"], "values.views.label")["data"].reverse()
        by_id(found["recordSet"], "values.split")["data"][0]["values.split/name"] = "test"

    wrong = change(damaged, edit)
    assert "views: no record set contains the names of label: FOR, AGAINST" in wrong
    assert "articles: no record set contains the names of views.label: FOR, AGAINST" in wrong
    assert "people/split: no record set contains the split train" in wrong


def test_a_split_that_is_not_found(damaged):
    def edit(found):
        by_id(fields(found), "people/split")["source"]["transform"]["regex"] = "^people/(test)-.+$"

    assert change(damaged, edit) == ["people/split: does not find the split train in people/train-00000.parquet"]


@pytest.mark.parametrize("key", ["votes/nothing", "people/span_id", "votes/relations/quote", "votes"])
@pytest.mark.parametrize("form", [lambda name: {"@id": name}, lambda name: name, lambda name: [{"@id": name}]])
def test_a_key_that_is_no_field_of_its_record_set(damaged, key, form):
    wrong = change(damaged, lambda found: by_id(found["recordSet"], "votes").update(key=form(key)))
    assert f"votes: key names {key}, expected a field of this record set" in wrong


def test_one_of_several_keys_and_the_key_of_an_inline_record_set(damaged):
    def edit(found):
        by_id(found["recordSet"], "votes")["key"][1]["@id"] = "votes/gone"
        by_id(found["recordSet"], "values.split")["key"]["@id"] = "values.split/gone"

    assert change(damaged, edit) == [
        "votes: key names votes/gone, expected a field of this record set",
        "values.split: key names values.split/gone, expected a field of this record set",
    ]


@pytest.mark.parametrize(
    ("source", "part", "name", "type_"),
    [
        ("references", "field", "values.split/gone", "cr:Field"),
        ("references", "field", "values.split", "cr:Field"),
        ("source", "fileSet", "gone.parquet", "cr:FileSet"),
        ("source", "fileSet", "people/train-00000.parquet", "cr:FileSet"),
    ],
)
def test_a_reference_to_what_is_not_there(damaged, source, part, name, type_):
    wrong = change(damaged, lambda found: by_id(fields(found), "people/split")[source][part].update({"@id": name}))
    assert f"people/split: {part} names {name}, expected {type_} of this file" in wrong


def test_a_nested_field_that_draws_on_files_that_are_not_there(damaged):
    def edit(found):
        by_id(fields(found), "articles/views/target/quote")["source"]["fileSet"]["@id"] = "gone"

    assert "articles/views/target/quote: fileSet names gone, expected cr:FileSet of this file" in change(damaged, edit)


def test_inline_records_with_a_field_that_is_not_there(damaged):
    def edit(found):
        for record in by_id(found["recordSet"], "values.views.label")["data"]:
            record["values.views.label/colour"] = "red"

    wrong = change(damaged, edit)
    assert "values.views.label: data name values.views.label/colour, expected a field of this record set" in wrong


def test_cr_http_schema(damaged):
    """mlcommons/croissant#1018: the specification's examples have http, which the library does not know."""
    wrong = change(
        damaged, lambda found: found["@context"].update({"@vocab": "http://schema.org/", "sc": "http://schema.org/"})
    )
    assert wrong == [
        "@context: @vocab: expected 'https://schema.org/', found 'http://schema.org/'",
        "@context: sc: expected 'https://schema.org/', found 'http://schema.org/'",
    ]
    with pytest.raises(mlcroissant.ValidationError, match="doesn't extend"):
        mlcroissant.Dataset(str(damaged / "croissant.json"))


def test_cr_namespace(damaged):
    """mlcommons/croissant#975: the namespace has http and no version."""
    other = "https://mlcommons.org/croissant/1.0/"
    wrong = change(damaged, lambda found: found["@context"].update({"cr": other}))
    assert wrong == [f"@context: cr: expected 'http://mlcommons.org/croissant/', found '{other}'"]
    with pytest.raises(mlcroissant.ValidationError):
        mlcroissant.Dataset(str(damaged / "croissant.json"))


def test_the_context_is_the_librarys_own():
    context = mlcroissant.Context(conforms_to="http://mlcommons.org/croissant/1.1")
    from mlcroissant._src.core.rdf import make_context

    theirs = make_context(context)
    assert {key: CONTEXT.get(key) for key in theirs} == theirs
    assert {key for key in CONTEXT if key not in theirs} == {"fileObject", "fileSet"} - theirs.keys()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "there is no croissant.json"),
        (b"{", "is not JSON: "),
        (b"\xff", "is not JSON: "),
        (b"[]", "is not a JSON object"),
        (b"{}", "@context: expected a table of names, found None"),
        (
            b'{"@context": "https://example.org/c"}',
            "@context: expected a table of names, found 'https://example.org/c'",
        ),
    ],
)
def test_what_is_no_croissant_at_all(tmp_path, content, expected):
    if content is not None:
        (tmp_path / "croissant.json").write_bytes(content)
    for found in (list(check_croissant(tmp_path)), list(read_croissant(tmp_path))):
        assert len(found) == 1
        assert found[0].startswith(expected)


def test_what_mlcroissant_refuses(damaged):
    wrong = change(
        damaged, lambda found: by_id(fields(found), "people/quote")["source"].update({"fileSet": {"@id": "gone"}})
    )
    assert any(message.startswith("mlcroissant: ") and '"gone"' in message for message in wrong)
    assert next(read_croissant(damaged)).startswith("mlcroissant cannot read it: ")


@pytest.mark.parametrize("place", ["https://example.org/a.parquet", "/etc/passwd", "../a.parquet"])
def test_nothing_is_fetched_nor_read_from_elsewhere(damaged, place, monkeypatch):
    def refuse(*_: Any) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    wrong = change(
        damaged, lambda found: by_id(found["distribution"], "people/train-00000.parquet").update({"contentUrl": place})
    )
    assert wrong == [f"people/train-00000.parquet: contentUrl {place!r} is no file of the dataset"]
    assert list(read_croissant(damaged)) == wrong


def test_nothing_is_left_behind_and_nothing_printed(damaged, caplog, capfd):
    before = {path: path.stat().st_mtime_ns for path in damaged.rglob("*")}
    cache = Path(mlcroissant.constants.CROISSANT_CACHE)
    cached = sorted(cache.rglob("*"))
    with caplog.at_level(logging.WARNING):
        assert [*check_croissant(damaged), *read_croissant(damaged)] == []
    assert {path: path.stat().st_mtime_ns for path in damaged.rglob("*")} == before
    assert sorted(cache.rglob("*")) == cached
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


def test_a_dataset_of_symbolic_links(damaged, tmp_path):
    """As in the cache of the hub's client; mlcroissant alone looks for the files beside the links' targets."""
    for path in [path for path in damaged.rglob("*") if path.is_file()]:
        target = tmp_path / "blobs" / path.relative_to(damaged).as_posix().replace("/", "-")
        target.parent.mkdir(exist_ok=True)
        path.rename(target)
        path.symlink_to(target)
    assert [*check_croissant(damaged), *read_croissant(damaged)] == []


def test_reading_tells_which_record_differs(damaged, monkeypatch):
    """A row that is not what mlcroissant read: the first difference of each field, by record set, split and row."""
    from newsparallax.dataset import croissant_verify as module

    real = module._rows

    def other(folder: Path, files: list[str]) -> Iterator[dict[str, Any]]:
        for number, row in enumerate(real(folder, files)):
            yield row | {"start": -1} if number else row
        if files[0].startswith("people"):
            yield {}

    monkeypatch.setattr(module, "_rows", other)
    wrong = list(read_croissant(damaged))
    start = rows(damaged, "people")[1]["start"]
    assert f"people, train, row 1: people/start is read as {start}, the file has -1" in wrong
    assert "people, train, row 2: mlcroissant has no record of it" in wrong
    assert len([message for message in wrong if "votes/start" in message]) == 1
    assert list(read_croissant(damaged, limit=1)) == []


def test_values_are_compared_as_python_has_them():
    read = {"a": [b"\xc3\xb6", np.int64(2), np.array([1.0, np.nan])], "b": np.bool_(True), "c": float("nan")}
    assert plain(read) == {"a": ["ö", 2, [1.0, None]], "b": True, "c": None}


def test_the_library_is_needed(damaged, monkeypatch):
    from newsparallax.errors import UsageError

    monkeypatch.setitem(__import__("sys").modules, "mlcroissant", None)
    for look in (check_croissant, read_croissant):
        with pytest.raises(UsageError, match="not installed"):
            list(look(damaged))


def test_the_same_inputs_make_the_same_description(places):
    folder = open_corpus(None)
    manifest = decode_manifest((places["own"] / "manifest.json").read_bytes())
    assert make_croissant(folder.context, manifest) == described(places["own"])
