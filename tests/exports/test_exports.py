"""Every shape in which exports come, read into tasks; and what is in tasks and annotations in all its forms."""

from __future__ import annotations

import gc
import gzip
import json
import os
import zipfile
from base64 import b64encode
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from helpers import ANNOTATORS, Dataset, build_case, build_raw, build_tasks, span, task, write_corpus
from newsparallax.building import build
from newsparallax.convert import span_tables
from newsparallax.corpus import STATES, open_corpus, schema
from newsparallax.errors import ExportError, NewsParallaxError
from newsparallax.exports import Unpacker, split_tasks
from newsparallax.exports import files as exports
from newsparallax.text.privacy import addresses

TEXT = "Ann met Bob in Oslo."
ANN, BOB = span(0, 3, "Ann"), span(8, 11, "Bob", id="r2")
ONE, TWO = task(TEXT, [ANN]), task("Bob left.", [span(0, 3, "Bob")], id=2)
DOCUMENT = {"codebook": {"document": {"stars": {"kind": "rating"}}}}


def as_completions(found: dict[str, Any]) -> dict[str, Any]:
    """The task as old versions of Label Studio wrote it."""
    return {("completions" if key == "annotations" else key): value for key, value in found.items()}


def lists_in(found: dict[str, Any]) -> dict[str, Any]:
    """The task with its result as a list of lists."""
    return found | {"annotations": [a | {"result": [[item] for item in a["result"]]} for a in found["annotations"]]}


def in_storage(found: dict[str, Any]) -> dict[str, Any]:
    """The only annotation of the task as a storage target writes it, with the task inside."""
    (annotation,) = found["annotations"]
    rest = {key: value for key, value in found.items() if key != "annotations"}
    return annotation | {"task": rest | {"is_labeled": True, "overlap": 1}}


JSON_LINES = f"{json.dumps(ONE)}\n{json.dumps(TWO)}\n"
SHAPES: dict[str, dict[str, Any]] = {
    "a list of tasks": {"a.json": [ONE, TWO]},
    "one task a file": {"a.json": ONE, "b.json": TWO},
    "a file in a folder": {"one/a.json": [ONE], "two/a.JSON": TWO},
    "JSON Lines": {"a.jsonl": {"raw": JSON_LINES}},
    "JSON Lines called json": {"a.json": {"raw": JSON_LINES}},
    "JSON Lines, no last line end": {"a.ndjson": {"raw": JSON_LINES.rstrip()}},
    "JSON Lines, blank lines": {"a.jsonl": {"raw": "\n\n" + JSON_LINES.replace("\n", "\n\n  \n")}},
    "JSON Lines, CRLF": {"a.jsonl": {"raw": JSON_LINES.replace("\n", "\r\n")}},
    "JSON Lines, BOM": {"a.jsonl": {"raw": "\ufeff" + JSON_LINES}},
    "old completions": {"a.json": [as_completions(ONE), as_completions(TWO)]},
    "tasks in an object": {"a.json": {"tasks": [ONE, TWO]}},
    "projects": {"a.json": {"projects": [{"id": 1, "tasks": [ONE]}, {"id": 2, "tasks": [TWO]}]}},
    "projects as a list": {"a.json": [{"title": "x", "tasks": [ONE]}, {"tasks": [TWO]}]},
    "a key of the wrapper twice": {
        "a.json": {"raw": f'{{"tasks": [{json.dumps(ONE)}], "tasks": [{json.dumps(TWO)}]}}'}
    },
    "a list of lists as result": {"a.json": [lists_in(ONE), lists_in(TWO)]},
    "a BOM": {"a.json": {"raw": "\ufeff" + json.dumps([ONE, TWO])}},
    "line ends CRLF": {"a.json": {"raw": json.dumps([ONE, TWO], indent=1).replace("\n", "\r\n")}},
    "blank lines around": {"a.json": {"raw": "\n \n" + json.dumps([ONE, TWO]) + "\n\n"}},
    "annotations that hold their task": {"1.json": in_storage(ONE), "2.json": in_storage(TWO)},
    "a list of annotations that hold their task": {"a.json": [in_storage(ONE), in_storage(TWO)]},
    "JSON Lines of annotations that hold their task": {
        "a.jsonl": {"raw": f"{json.dumps(in_storage(ONE))}\n{json.dumps(in_storage(TWO))}\n"}
    },
    "an empty list beside": {"a.json": [ONE, TWO], "b.json": []},
    "hidden files are none": {"a.json": [ONE, TWO], ".b.json": {"raw": "{"}, ".c/d.json": {"raw": "{"}},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape: str, tmp_path: Path) -> None:
    built = build_case(tmp_path, {"exports": SHAPES[shape]})
    assert built.problems == []
    assert (built.counts["tasks"], built.counts["annotations"], built.results) == (2, 2, (2, 0, 0))
    assert built.spans() == [(0, 3, "Ann"), (0, 3, "Bob")]


def zipped(**files: bytes) -> bytes:
    """A ZIP archive of these files, with what macOS adds and a folder."""
    content = BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("out")
        for name, part in {"__MACOSX/._a.json": b"\0", **files}.items():
            archive.writestr(name, part)
    return content.getvalue()


def zstd(content: bytes) -> bytes:
    return pa.compress(content, "zstd", asbytes=True)


BOTH = json.dumps([ONE, TWO]).encode()
LINES = [line.encode() for line in JSON_LINES.splitlines(keepends=True)]
PACKED: dict[str, tuple[str, bytes]] = {
    "gzip": ("a.json.gz", gzip.compress(BOTH)),
    "gzip, JSON Lines in two members": ("a.JSONL.GZ", gzip.compress(LINES[0]) + gzip.compress(LINES[1])),
    "Zstandard": ("a.json.zst", zstd(BOTH)),
    "Zstandard, JSON Lines in two frames": ("a.ndjson.zst", zstd(LINES[0]) + zstd(LINES[1])),
    "ZIP": ("out.zip", zipped(**{"out/result.json": BOTH, "notes.txt": b"x"})),
    "gzip called json": ("a.json", gzip.compress(BOTH)),
}


@pytest.mark.parametrize("large", [10, 1 << 20])  # places in the unpacked copy, or all of it in memory
@pytest.mark.parametrize(("form", "workers"), [*((form, 1) for form in PACKED), ("gzip", 2)])
def test_compressed_exports(
    form: str, workers: int, large: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "LARGE", large)
    name, content = PACKED[form]
    folder = write_corpus(tmp_path, {"exports": {name: {"base64": b64encode(content).decode()}}})
    built = Dataset(build(open_corpus(folder), workers=workers, verify=False).place)
    assert (built.problems, built.results) == ([], (2, 0, 0))
    plain = build_case(tmp_path / "plain", {"exports": {"a.json": [ONE, TWO]}})
    assert built.manifest.content_digest == plain.manifest.content_digest


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (gzip.compress(BOTH)[:-5], "truncated-json", "the compressed data are incomplete"),
        (zstd(BOTH)[:-5], "truncated-json", "the compressed data are incomplete"),
        (gzip.compress(BOTH)[:-6] + b"??" + gzip.compress(BOTH)[-4:], "not-json", "are damaged"),
        (zstd(BOTH)[:8] + b"\xff" * 60, "not-json", "are damaged"),
        (zipped(**{"a.json": BOTH})[:-30], "not-json", "are damaged"),
        (zipped(**{"a.json": BOTH, "b.jsonl": BOTH}), "not-json", "with 2 exports (a.json, b.jsonl); expected one"),
        (zipped(**{"a.csv": b"a,b"}), "not-json", "with no export (a.csv); expected one"),
        (zipped(), "not-json", "with no export (it is empty); expected one"),
        (b"PK\x05\x06" + bytes(18), "not-json", "with no export (it is empty); expected one"),
        (b"PK\x07\x08PK\x03\x04", "not-json", "are damaged"),
        (gzip.compress(b"id,text\n1,Ann\n"), "not-json", "this looks like CSV"),
        (gzip.compress(gzip.compress(BOTH)), "not-json", "is compressed with gzip"),
        (gzip.compress(b""), "empty-file", "is empty"),
    ],
    ids=lambda part: part if isinstance(part, str) else "content",  # gzip writes the time, and ids must not change
)
def test_compressed_files_that_cannot_be_read(content: bytes, code: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.json.gz").write_bytes(content)
    with pytest.raises(ExportError, match=r"^a\.json\.gz: ") as caught:
        exports.ExportFolder(tmp_path, Unpacker()).tasks(0)
    assert caught.value.code == code
    assert message in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("name", ["a.json", "a.jsonl.gz", "a.zip"])
def test_a_pipe_is_refused_because_reading_it_could_wait_for_ever(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(ExportError, match=f"{name}: is a pipe or device; expected a file") as caught:
        exports.ExportFolder(tmp_path, Unpacker()).tasks(0)
    assert caught.value.code == "unreadable-file"


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
@pytest.mark.parametrize(
    "shape", ["[%s]", "%s", '{"tasks": [%s]}', '{"projects": [{"tasks": [%s]}]}', '[{"tasks": [%s]}]', "{rest}\n%s\n"]
)
def test_nan_in_every_shape(shape: str, number: str, tmp_path: Path) -> None:
    found = json.dumps(ONE | {"data": {"text": TEXT, "rank": "?"}}).replace('"?"', number)
    built = build_raw(tmp_path, shape.replace("{rest}", json.dumps(TWO)) % found)
    assert built.codes == {"nan-value": 1}
    assert (0, 3, "Ann") in built.spans()
    assert built.problem("nan-value")["raw"] in ("nan", "-inf", "inf")


def test_line_separators_of_unicode_are_no_line_ends(tmp_path: Path) -> None:
    text = "Ann\u2028met\u2029Bob\x85in\x0bOslo."
    lines = [json.dumps(task(text, [ANN], id=number), ensure_ascii=False) for number in (1, 2)]
    built = build_raw(tmp_path, "\n".join(lines), corpus={"articles": {"from_tasks": True, "id_field": "text"}})
    assert built.counts["tasks"] == 2
    assert {row["text"] for row in built.rows("articles")} == {text}


GOOD = json.dumps([ONE])


@pytest.mark.parametrize(
    ("content", "code", "place"),
    [
        ("", "empty-file", "a.json: is empty"),
        (" \n", "empty-file", "a.json: is empty"),
        ("\ufeff", "empty-file", "a.json: is empty"),
        ("null", "unknown-shape", "a.json"),
        ("17", "unknown-shape", "a.json"),
        ('"tasks"', "unknown-shape", "a.json"),
        ("{}", "unknown-shape", "found objects with no keys"),
        ('[{"text": "Ann", "id": 1}]', "unknown-shape", "found objects with id, text"),
        ('[1, {"text": "Ann", "id": 1}]', "unknown-shape", "found objects with id, text"),
        ('{"id": 1, "text": "Ann"}\n{"id": 2, "text": "Bob"}', "unknown-shape", "found objects with id, text"),
        ('{"projects": [{"name": "x"}]}', "unknown-shape", "found objects with name"),
        ("[7, null]", "unknown-shape", "found no object"),
        ('[["Ann"], [1]]', "unknown-shape", "found lists"),
        ('["Ann met Bob."]', "unknown-shape", "found no object"),
        ('{"id": 1, "annotations": []}', "unknown-shape", "found objects with annotations, id"),
        ('[{"id": 1, "annotations": [{"id": 2}]}]', "unknown-shape", "found objects with annotations, id"),
        ('[{"id": 1, "annotations": [{"id": 2, "result": []}]}]', "unknown-shape", "without their `data`"),
        ('[{"id": 1, "data": "Ann"}]', "unknown-shape", "found objects with data, id"),
        ('[{"id": 1, "annotations": null, "data": null}]', "unknown-shape", "found objects with annotations"),
        ("id\ttext\n1\tAnn\n", "not-json", "found 'id\\ttext"),
        ("<xml/>", "not-json", "found '<xml/>'"),
        ("{'id': 1}", "not-json", "line 1, column 2: is not JSON: expected a key in quotation marks"),
        ('\n[{"id": 1},]', "not-json", "line 2, column 12: is not JSON: "),
        ('[{"id" 1, "data": {}}]', "not-json", "column 8: is not JSON: expected : after the key"),
        ('[{"id": , "data": {}}]', "not-json", "column 9: is not JSON: expected a value"),
        (GOOD + "x", "not-json", "is not JSON: there is text after the end of the JSON value"),
        (GOOD + GOOD, "not-json", "is not JSON: there is text after the end of the JSON value"),
        ('[{"id": 1, "data": {}} {"id": 2}]', "not-json", "column 24: is not JSON: expected a comma or the end"),
        ('[{"id": 1, "data": {"text": "a\nb"}}]', "not-json", "is not JSON: a string contains a control character"),
        ('[{"id": 1, "data": {"text": "a\\q"}}]', "not-json", "is not JSON: a string contains a backslash"),
        ("[" * 100_000 + "]" * 100_000, "not-json", "nested too deeply"),
        (f"{json.dumps(ONE)}\nnonsense\n{json.dumps(TWO)}\n", "not-json", "line 2"),
        (f"{json.dumps(ONE)}\n\n{json.dumps(TWO)[:-9]}", "truncated-json", "line 3"),
        ("[", "truncated-json", "ends in the middle"),
        ("{", "truncated-json", "ends in the middle"),
        ('[{"id": 1, "x": tr', "truncated-json", "ends in the middle"),
        ('[{"id": 1, "x": -', "truncated-json", "ends in the middle"),
        ('[{"id": 1, "x": 1.', "truncated-json", "ends in the middle"),
        ('[{"id": 1, "x": "\\u12', "truncated-json", "ends in the middle"),
        (GOOD.encode("utf-16"), "not-utf8", "UTF-16"),
        (GOOD.encode("utf-16-le"), "not-utf8", "UTF-16"),
        (GOOD.encode("utf-16-be"), "not-utf8", "UTF-16"),
        (b'[{"id": 1,\n"data": {"text": "\xff"}}]', "not-utf8", "line 2, byte 29"),
        (b'{"id": 1, "data": {}}\n{"data": {"text": "\xed\xa0\x80"}}', "not-utf8", "line 2, byte 41"),
        (b"\x1f\x8b\x08\x00", "not-json", "is compressed with gzip"),
    ],
)
def test_refused_by_name(content: str | bytes, code: str, place: str) -> None:
    data = content.encode() if isinstance(content, str) else content
    with pytest.raises(ExportError) as caught:
        split_tasks(memoryview(data), "a.json")
    assert caught.value.code == code
    assert place in str(caught.value)
    assert "a.json" in str(caught.value)
    assert caught.value.hint


# The beginning of a file, and what the error must call it.
OTHERS: dict[str, str] = {
    '{"images": [], "categories": [], "annotations": [{"id": 1, "bbox": [0, 0, 9, 9]}]}': "COCO",
    '{"images": [{"id": 1}], "annotations": []}': "COCO",
    '[{"image_id": 1, "bbox": [0, 0, 9, 9], "category_id": 2}]': "COCO",
    '{"classes": ["PER"], "annotations": [["Ann met Bob.", {"entities": [[0, 3, "PER"]]}]]}': "NER Annotator",
    '[["Ann met Bob.", {"entities": [[0, 3, "PER"]]}]]': "spaCy",
    '[{"id": 0, "paragraphs": [{"raw": "Ann"}]}]': "spaCy",
    '{"text": "Ann", "ents": [{"start": 0, "end": 3}], "tokens": []}': "spaCy",
    '{"id": 1, "text": "Ann", "label": [[0, 3, "PER"]]}\n{"id": 2, "text": "Bob", "label": []}': "doccano",
    '{"id": 1, "data": "Ann", "label": [[0, 3, "PER"]]}': "doccano",
    '[{"id": 1, "text": "Ann", "entities": [], "relations": [], "Comments": []}]': "doccano",
    '{"text": "Ann", "spans": [], "answer": "accept", "_input_hash": 1, "_task_hash": 2}': "Prodigy",
    '[{"id": 1, "text": "Ann", "label": [], "annotator": 1, "annotation_id": 2}]': "JSON_MIN",
    '{"%TYPES": {}, "%FEATURE_STRUCTURES": [], "%VIEWS": {}}': "has no text (sofaString)",
    '{"_context": {}, "_views": {}, "_referenced_fss": {}}': "UIMA CAS JSON",
    '[{"id": 5, "result": [], "task": 7, "completed_by": 1}]': "annotations of Label Studio without their tasks",
    '{"status_code": 401, "detail": "Authentication credentials were not provided."}': "an error message of the Label",
    '[{"tokens": ["Ann"], "ner_tags": [1]}]': "a table of tokens with tags",
    '{"text": "Ann", "denotations": []}': "PubAnnotation",
    '{"data": [{"title": "x", "paragraphs": []}], "version": "1.1"}': "SQuAD",
    "id,text,label\n1,Ann met Bob.,PER\n": "CSV",
    '"id","text"\n"1","Ann, Bob"\n': "CSV",
    "id;text\r\n1;Ann\r\n": "CSV",
    "id\ttext\n1\tAnn\n": "TSV",
    "-DOCSTART- -X- O\nAnn -X- _ B-PER\n": "CoNLL",
    "Ann B-PER\nmet O\n": "CoNLL",
    "# text = Ann\n1\tAnn\tAnn\tPROPN\n": "CoNLL-U",
    "#FORMAT=WebAnno TSV 3.3\n": "WebAnno TSV",
    "T1\tPER 0 3\tAnn\nT2\tPER 8 11\tBob\n": "the .txt file is not beside it",
    '<?xml version="1.0"?><xmi:XMI xmlns:xmi="http://www.omg.org/XMI">': "XMI without its type system",
    "<!DOCTYPE html><html><head>": "an HTML page",
    '<View><Labels name="x" toName="y"/></View>': "a labelling configuration",
}


READ = {"doccano", "Prodigy", "CoNLL"}  # of OTHERS: formats that are read


@pytest.mark.parametrize("content", OTHERS)
def test_other_formats_are_called_by_name_or_read(content: str) -> None:
    if OTHERS[content] in READ:
        assert split_tasks(memoryview(content.encode()), "a.json")
        return
    with pytest.raises(ExportError) as caught:
        split_tasks(memoryview(content.encode()), "a.json")
    assert f"this looks like {OTHERS[content]}" in caught.value.message or OTHERS[content] in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "content", [b"BZh91AY", b"\xfd7zXZ\x00", b"PAR1", b"SQLite format 3\x00", b"%PDF-1.7", b"a" * 257 + b"ustar"]
)
def test_files_that_hold_no_text_are_called_by_name(content: bytes) -> None:
    with pytest.raises(ExportError, match=r"^a\.json: is (compressed|Parquet|an? )") as caught:
        split_tasks(memoryview(content), "a.json")
    assert caught.value.code == "not-json"


def test_one_task_is_enough_wherever_it_stands(tmp_path: Path) -> None:
    """Whether a file is read does not depend on what comes first in it."""
    built = build_tasks(tmp_path, {"id": 7, "images": []}, ["x"], ONE)
    assert (built.codes, built.spans()) == ({"not-a-task": 2}, [(0, 3, "Ann")])


def test_a_good_export_cut_off_anywhere_is_told_by_name() -> None:
    for whole in (json.dumps([ONE | {"meta": [True, None, -1.5e3, "é\\\u2028"]}, TWO]), json.dumps({"tasks": [ONE]})):
        for length in range(1, len(whole)):
            with pytest.raises(ExportError) as caught:
                split_tasks(memoryview(whole[:length].encode()), "a.json")
            assert caught.value.code == "truncated-json", whole[:length][-30:]


def test_utf8_is_checked_across_chunks() -> None:
    long = json.dumps([task("é" * (1 << 20), [])], ensure_ascii=False).encode()
    assert len(split_tasks(memoryview(long), "a.json")) == 1
    with pytest.raises(ExportError, match=f"byte {len(long) - 90}"):
        split_tasks(memoryview(long[:-90] + b"\xff" + long[-89:]), "a.json")


def open_files(files: set[int]) -> int:
    """How many of the files, given by their inodes, this process has open."""
    found = 0
    for number in Path("/dev/fd").iterdir():
        with suppress(OSError):
            found += os.fstat(int(number.name)).st_ino in files
    return found


def test_large_files_are_kept_open_but_few_and_not_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "LARGE", 10)
    monkeypatch.setattr(exports, "OPEN", 3)
    for number in range(9):
        (tmp_path / f"{number}.json").write_text(
            f'[{{"id": {number}, "data": {{}}}}, {{"id": "é", "data": {{}}}}]', "utf-8"
        )
    files = {path.stat().st_ino for path in tmp_path.iterdir()}
    folder = exports.ExportFolder(tmp_path, Unpacker())
    for turn in range(3):
        read = [bytes(folder.tasks(number)[turn % 2]) for number in range(9)]
        assert [json.loads(raw)["id"] for raw in read] == (["é"] * 9 if turn % 2 else list(range(9)))
        assert open_files(files) == 3
    last = folder.tasks(8)
    (tmp_path / "other").write_text("[]" * 99)
    (tmp_path / "other").replace(tmp_path / "8.json")
    assert json.loads(bytes(last[0]))["id"] == 8
    del folder, last
    gc.collect()
    assert open_files(files) == 0


def test_a_large_file_that_changes_while_it_is_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Places that were found in one file would cut another one anywhere."""
    monkeypatch.setattr(exports, "LARGE", 10)
    monkeypatch.setattr(exports, "OPEN", 1)
    for name in "ab":
        (tmp_path / f"{name}.json").write_text('[{"id": 1, "data": {}}, {"id": 2, "data": {}}]')
    folder = exports.ExportFolder(tmp_path, Unpacker())
    first, _ = folder.tasks(0), folder.tasks(1)  # of the two, the second stays open
    (tmp_path / "new").write_text('[{"id": 3, "data": {}}, {"id": 4, "data": {}}]')
    (tmp_path / "new").replace(tmp_path / "a.json")
    with pytest.raises(ExportError, match=r"a\.json: changed while it was read"):
        first[0]
    held = folder.tasks(1)
    (tmp_path / "b.json").write_text("[]")
    with pytest.raises(ExportError, match=r"b\.json: changed while it was read"):
        held[1]


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [("item", "origin", "manual"), ("item", "hidden", False), ("item", "locked", True), ("item", "readonly", None),
     ("who", "first_name", "A."), ("who", "last_name", None)],
)  # fmt: skip
def test_what_nobody_reads_makes_no_other_annotation(tmp_path: Path, part: str, key: str, value: Any) -> None:
    """The same annotation comes again in a later export, by when a region was hidden or names were exported too."""
    one, again = (task("Ann met Bob.", [span(0, 3, "Ann")]) for _ in range(2))
    for found in (one, again):
        found["annotations"][0] |= {"id": 5, "completed_by": {"id": 1, "email": "ann@example.org"}}
    annotation = again["annotations"][0]
    (annotation["result"][0] if part == "item" else annotation["completed_by"])[key] = value
    built = build_tasks(tmp_path, one, again)
    assert built.codes == {"duplicate-task": 1, "duplicate-annotation": 2}  # the annotation and its item
    assert len(built.rows("votes")) == 1


def test_entries_that_are_no_tasks_are_kept_aside(tmp_path: Path) -> None:
    stray = [7, "note", None, [ANN], {"id": 9, "file_upload": "x.txt", "email": "ann@example.org"}]
    built = build_tasks(tmp_path, ONE, *stray)
    assert built.codes == {"not-a-task": 5}
    kept = [problem["raw"] for problem in built.problems]
    assert all(each in kept for each in (7, "note", None, [ANN], {"id": 9, "file_upload": "x.txt"}))
    assert built.spans() == [(0, 3, "Ann")]


def test_missing_ids_and_fields(tmp_path: Path) -> None:
    bare = {key: value for key, value in ANN.items() if key not in ("id", "to_name", "type")}
    built = build_tasks(
        tmp_path,
        {"data": {"text": TEXT}, "annotations": [{"result": [bare, BOB]}]},
        {"annotations": [{"result": [ANN]}], "id": 5},
        annotators={"nobody": {"kind": "human", "anonymous": True}},
    )
    assert built.codes == {"no-text": 2}
    assert built.results == (2, 0, 1)
    votes = built.rows("votes")
    assert [(row["region_id"], row["task_id"], row["quote"]) for row in votes] == [
        (None, None, "Ann"),
        ("r2", None, "Bob"),
    ]
    assert [row["span_id"][:2] for row in votes] == ["c-", "s-"]
    assert {row["annotator"] for row in votes} == {"nobody"}


@pytest.mark.parametrize(
    ("result", "results", "codes", "state"),
    [
        ([], (0, 0, 0), {}, 1),
        ([[]], (0, 0, 0), {}, 1),
        ({"0": ANN}, (0, 0, 1), {"bad-annotation": 1}, 0),
        ("none", (0, 0, 1), {"bad-annotation": 1}, 0),
        ([1, "x", None, True, [[ANN]], {}], (0, 0, 6), {"bad-item": 5, "unknown-control": 1}, 0),
        ([[ANN, 1], BOB, 2], (2, 0, 2), {"bad-item": 2}, 0),
    ],
)
def test_results_of_any_type(
    tmp_path: Path, result: Any, results: tuple[int, int, int], codes: dict[str, int], state: int
) -> None:
    built = build_tasks(tmp_path, task(TEXT, {"id": 11, "completed_by": 1, "result": result}))
    assert (built.results, built.codes) == (results, codes)
    assert [row["state"] for row in built.rows("articles")] == [state]
    quarantined = [problem["raw"] for problem in built.problems]
    flat = result if isinstance(result, list) else [result]
    assert all(raw in flat or any(isinstance(part, list) and raw in part for part in flat) for raw in quarantined)


BARE = {"id": 12, "completed_by": 1}


@pytest.mark.parametrize("marks", [{}, {"result": None}, {"bbox": [0, 0, 9, 9], "category_id": 1}])
@pytest.mark.parametrize("odd", ["", ', "rank": NaN'])  # decoded fast, or item by item
@pytest.mark.parametrize("key", ["annotations", "completions"])
def test_an_annotation_without_a_result_is_not_a_finished_empty_one(
    tmp_path: Path, marks: dict[str, Any], odd: str, key: str
) -> None:
    export = json.dumps([{"id": 1, "data": {"text": TEXT, "?": 0}, key: [BARE | marks]}]).replace(
        '"?": 0', f'"n": 1{odd}'
    )
    built = build_raw(tmp_path, export)
    assert (built.results, built.counts["annotations"]) == ((0, 0, 0), 0)
    assert {code: n for code, n in built.codes.items() if code != "nan-value"} == {"bad-annotation": 1}
    (article,) = built.rows("articles")
    assert (article["state"], article["gold"], article["annotations"]) == (STATES.index("unannotated"), None, [])
    found = built.problem("bad-annotation")
    assert (found["annotation_id"], found["message"]) == ("12", "annotation 1 has no `result`; expected a list")
    assert found["raw"] == {"id": 12, **marks}


def test_an_annotation_without_a_result_does_not_touch_the_others(tmp_path: Path) -> None:
    built = build_tasks(tmp_path, task(TEXT, BARE | {"ground_truth": True}, [ANN], BARE | {"was_cancelled": True}))
    assert (built.codes, built.results) == ({"bad-annotation": 1}, (1, 0, 0))
    assert built.spans() == [(0, 3, "Ann")]
    assert built.counts["annotations_cancelled"] == 1


def test_an_empty_annotation_of_a_task_that_showed_nothing(tmp_path: Path) -> None:
    """Without `data` there was no text to read, so an empty result does not say that there is nothing to mark."""
    made = {"id": 12, "completed_by": 1, "result": []}
    built = build_tasks(tmp_path, ONE, {"id": 2, "annotations": [made]})
    assert (built.codes, built.results) == ({"bad-annotation": 1, "no-text": 1}, (1, 0, 0))
    assert built.problem("bad-annotation")["annotation_id"] == "12"
    states = {row["article_id"]: STATES[row["state"]] for row in built.rows("articles")}
    assert states == {"1": "annotated", "2": "unannotated"}


@pytest.mark.parametrize("odd", ["", ', "rank": NaN'])
def test_an_entry_without_data_and_results_is_no_article(tmp_path: Path, odd: str) -> None:
    bare = json.dumps({"id": 2, "annotations": [BARE]})
    built = build_raw(tmp_path, f"[{json.dumps(ONE)}, {bare[:-1]}{odd}}}]")
    assert (built.codes, built.results) == ({"bad-annotation": 1}, (1, 0, 0))
    assert [row["article_id"] for row in built.rows("articles")] == ["1"]


WITHOUT_TEXTS = {"codebook": {"version": "1"}, "texts": {}, "layers": {"spans": {"labels": {"PER": {}}}}}


@pytest.mark.parametrize("codebook", [{}, WITHOUT_TEXTS])
def test_a_region_of_a_task_without_data_has_no_text(tmp_path: Path, codebook: dict[str, Any]) -> None:
    """The problem was `wrong-text` with a hint about the codebook where nothing in the exports showed a text."""
    built = build_tasks(tmp_path, {"id": 2, "annotations": [{"id": 12, "result": [ANN]}]}, codebook=codebook)
    assert built.codes == {"no-text": 2, "unknown-annotator": 1}
    (cause,) = [found for found in built.problems if found["cause"] is None and found["code"] == "no-text"]
    assert cause["message"] == "the task has no `data`, so its text is unknown (1 other problem follows from it)"
    assert "export the tasks with their data" in cause["hint"]


@pytest.mark.parametrize("odd", ["", ', "rank": NaN'])
@pytest.mark.parametrize(
    ("foreign", "name"),
    [
        ({"images": [], "categories": [], "annotations": []}, "COCO"),
        ({"images": [], "annotations": [{"id": 1, "image_id": 1, "bbox": [0, 0, 9, 9]}]}, "COCO"),
        ({"image_id": 1, "bbox": [0, 0, 9, 9], "category_id": 2}, "COCO"),
        ({"data": "Ann met Bob.", "label": [[0, 3, "PER"]]}, "doccano's JSON"),
        ({"text": "Ann met Bob.", "annotations": [], "denotations": []}, "PubAnnotation"),
        (["Ann met Bob.", {"entities": [[0, 3, "PER"]]}], "spaCy's training data"),
    ],
)
def test_what_another_tool_wrote_among_tasks_is_no_task(tmp_path: Path, foreign: Any, name: str, odd: str) -> None:
    text = json.dumps(foreign)
    text = f"{text[:-1]}{odd}}}" if isinstance(foreign, dict) else text
    built = build_raw(tmp_path, f"[{json.dumps(ONE)}, {text}, {json.dumps(ONE | {'id': 3})}]")
    assert built.problem("not-a-task")["message"] == f"this looks like {name}, not like a task"
    assert built.codes.keys() <= {"not-a-task", "duplicate-task", "duplicate-annotation"}
    assert [row["article_id"] for row in built.rows("articles")] == ["1"]


@pytest.mark.parametrize(("value", "kind"), [(5, "a number"), (["Ann"], "a list"), ({"a": "Ann"}, "an object")])
def test_a_text_that_is_no_text_is_a_problem_with_seeds_too(tmp_path: Path, value: Any, kind: str) -> None:
    found = {"id": "x", "data": {"text": value}, "annotations": [{"id": 11, "completed_by": 1, "result": []}]}
    for name, seeds in (("seeds", {"x.txt": TEXT}), ("tasks", {})):
        built = build_tasks(tmp_path / name, found, seeds=seeds)
        assert built.codes == {"no-text": 1}
        assert (
            built.problem("no-text")["message"] == f"field 'text' of the task's data contains {kind}; expected a text"
        )


def test_what_nothing_reads_may_be_of_any_type(tmp_path: Path) -> None:
    extra = {"score": "high", "parentID": [1], "meta": {"text": ["n"]}, "origin": 5, "hidden": None, "readonly": "no"}
    built = build_tasks(tmp_path, task(TEXT, [ANN | extra]) | {"created_at": 5, "updated_by": [1], "inner_id": "x"})
    assert (built.problems, built.results) == ([], (1, 0, 0))
    (row,) = built.rows("votes")
    assert json.loads(row["region_meta"]) == {key: extra[key] for key in ("score", "parentID", "meta")}


def test_a_control_that_two_layers_share(tmp_path: Path) -> None:
    """A value is kept where it goes with one of the spans of its region, and put aside where it goes with none."""
    sort = {"kind": "choice", "values": {"a": {}, "b": {}}, "control": "sort"}
    layers = {
        "names": {"labels": {"PER": {}}, "attributes": {"sort": sort | {"values": {"a": {}}}}},
        "things": {"labels": {"PER": {}}, "attributes": {"sort": sort}},
    }
    choices = [
        {"id": "r1", "from_name": "sort", "type": "choices", "value": {"choices": [value]}} for value in ("b", "c")
    ]
    items = [ANN | {"from_name": "names"}, ANN | {"from_name": "things"}, *choices]
    book = {"codebook": {"version": "1"}, "texts": {"text": {"field": "text"}}, "layers": layers}
    built = build_tasks(tmp_path, task(TEXT, items), codebook=book)
    assert [(row["layer"], row["attributes"]) for row in built.rows("votes")] == [
        ("names", []),
        ("things", [{"name": "sort", "value": "b"}]),
    ]
    assert (built.codes, built.results) == ({"unknown-value": 1}, (3, 0, 1))


def test_both_names_of_annotations(tmp_path: Path) -> None:
    both = task(TEXT, [ANN]) | {"completions": [{"id": 12, "completed_by": 2, "result": [BOB, 1]}]}
    built = build_tasks(tmp_path, both)
    assert built.results == (2, 0, 1)
    assert built.problem("bad-item")["annotation_id"] == "12"
    assert [row["annotator"] for row in built.rows("votes")] == ["a", "b"]


@pytest.mark.parametrize(
    ("completed_by", "annotator", "known"),
    [
        (1, "a", True),
        ("1", "a", True),
        ("a", "a", True),
        ({"id": 1}, "a", True),
        ({"id": 2, "email": "x@example.org", "first_name": "X"}, "b", True),
        (7, "user-7", False),
        ({"id": 7}, "user-7", False),
        (10**30, f"user-{10**30}", False),
        ("x@example.org", "unknown", False),
        ({"email": "x@example.org"}, "unknown", False),
        ({}, "unknown", False),
        ([1, "x@example.org"], "unknown", False),
        (None, "unknown", False),
        ("absent", "unknown", False),
    ],
)
def test_completed_by(tmp_path: Path, completed_by: Any, annotator: str, known: bool) -> None:
    made = {"id": 11, "completed_by": completed_by, "result": [ANN]}
    if completed_by == "absent":
        del made["completed_by"]
    built = build_tasks(tmp_path, task(TEXT, made))
    assert built.codes == ({} if known else {"unknown-annotator": 1})
    (row,) = built.rows("votes")
    assert row["annotator"] == annotator
    assert row["annotator_kind"] == (0 if known else 2)
    assert not any(b"example.org" in path.read_bytes() for path in built.place.rglob("*") if path.is_file())


@pytest.mark.parametrize("completed_by", [True, 1.5, "\ud800"])
def test_unreadable_completed_by_is_not_nobody(tmp_path: Path, completed_by: Any) -> None:
    made = {"id": 11, "completed_by": completed_by, "result": [ANN]}
    anonymous = ANNOTATORS | {"nobody": {"kind": "human", "anonymous": True}}
    built = build_tasks(tmp_path, task(TEXT, made), annotators=anonymous)
    assert [row["annotator"] for row in built.rows("votes")] == ["unknown"]
    assert built.codes.keys() == {"unknown-annotator", "lone-surrogate" if completed_by == "\ud800" else "bad-field"}


def test_the_same_annotator_twice(tmp_path: Path) -> None:
    twice = [{"id": n, "completed_by": 1, "result": [found]} for n, found in ((11, ANN), (12, BOB))]
    built = build_tasks(tmp_path, task(TEXT, *twice))
    assert built.codes == {"annotator-twice": 1, "gold-undecided": 1}
    assert [row["annotation_id"] for row in built.rows("votes")] == ["11", "12"]
    assert built.rows("spans") == []


def test_the_same_annotation_under_one_id(tmp_path: Path) -> None:
    same = {"id": 11, "completed_by": 1, "result": [ANN, 5]}
    built = build_tasks(tmp_path, task(TEXT, same, same | {"result": [ANN]}, same))
    assert built.codes["duplicate-annotation-id"] == 1
    assert built.codes["duplicate-annotation"] == 3  # the annotation and both of its items
    assert built.results == (2, 0, 3)


def test_drafts_and_predictions_are_counted_apart(tmp_path: Path) -> None:
    guess = {"id": 5, "result": [BOB], "model_version": "m", "score": 0.5}
    built = build_tasks(
        tmp_path, task(TEXT, [ANN], drafts=[{"id": 9, "task": 77, "result": [BOB]}], predictions=[guess, 6])
    )
    assert (built.counts["drafts"], built.counts["predictions"]) == (1, 2)
    assert built.counts["results_in"] == 1
    assert [row["quote"] for row in built.rows("votes")] == ["Ann"]


@pytest.mark.parametrize("key", ["was_cancelled", "skipped"])
def test_a_cancelled_annotation_may_hold_regions(tmp_path: Path, key: str) -> None:
    cancelled = {"id": 12, "completed_by": 2, "result": [BOB, "?"], key: True}
    built = build_tasks(tmp_path, task(TEXT, [ANN], cancelled))
    assert (built.counts["annotations"], built.counts["annotations_cancelled"]) == (1, 1)
    assert built.results == (1, 0, 0)
    (article,) = built.rows("articles")
    assert [(made["annotation_id"], made["cancelled"]) for made in article["annotations"]] == [
        ("11", False),
        ("12", True),
    ]
    assert article["gold"] == 1  # the single one that is left


DATA = '"data": {"text": "Ann met Bob in Oslo."}'


@pytest.mark.parametrize(
    ("twice", "kept", "raw"),
    [
        ('"id": 1, "id": 3, DATA, "annotations": []', 0, [["id", 1], ["id", 3]]),
        (
            '"id": 1, "data": {"text": "old"}, DATA, "annotations": []',
            0,
            [["data", {"text": "old"}], ["data", {"text": TEXT}]],
        ),
        (
            '"id": 1, "data": {"text": "Ann met Bob in Oslo.", "desk": 1, "desk" : 2}, "annotations": []',
            0,
            [["desk", 1], ["desk", 2]],
        ),
        (
            '"id": 1, DATA, "annotations": [{"id": 11, "completed_by": 1, "result": [ANN]}],'
            '"annotations": [{"id": 12, "completed_by": 2, "ground_truth": true, "result": [BOB]}]',
            2,
            None,
        ),
        (
            '"id": 1, DATA, "annotations": [{"id": 11, "completed_by": 1, "result": [ANN], "result": [BOB]}]',
            2,
            None,
        ),
        (
            '"id": 1, DATA, "annotations": [{"id": 11, "id": 12, "completed_by": 1, "result": [ANN]}]',
            1,
            [["id", 11], ["id", 12]],
        ),
    ],
)
def test_the_same_key_twice(tmp_path: Path, twice: str, kept: int, raw: Any) -> None:
    content = twice.replace("DATA", DATA)
    for name, item in (("[ANN]", ANN), ("[BOB]", BOB)):
        content = content.replace(name, json.dumps([item]))
    built = build_raw(tmp_path, f"[{{{content}}}]")
    assert built.codes == {"duplicate-key": 1}
    assert built.results == (kept, 0, 0)
    assert [row["text"] for row in built.rows("articles")] == [TEXT]
    if raw is not None:
        assert built.problem("duplicate-key")["raw"] == {"pairs": raw}


def test_an_item_with_a_key_twice_is_kept_with_both_values(tmp_path: Path) -> None:
    value = '{"start": 0, "start": 8, "end": 11, "labels": ["PER"]}'
    item = f'{{"id": "r1", "from_name": "spans", "type": "labels", "value": {value}}}'
    built = build_raw(tmp_path, json.dumps([task(TEXT, [1, ANN])]).replace("[1,", f"[{item},"))
    assert (built.codes, built.results) == ({"duplicate-key": 1}, (1, 0, 1))
    found = built.problem("duplicate-key")
    assert found["region_id"] == "r1"
    assert found["raw"]["value"]["pairs"][:2] == [["start", 0], ["start", 8]]


@pytest.mark.parametrize(
    ("where", "article"),
    [
        ({"id": "\ud800"}, None),
        ({"id": "t", "meta": {"note": "\udc00", "\ud800": 1}}, "t"),
        ({"id": "t", "data": {"text": TEXT, "lead": ["a", {"b": "\ud83d"}]}}, "t"),
        ({"id": "t", "annotations": [{"unique_id": "\ud800", "completed_by": 1, "result": [ANN]}]}, "t"),
    ],
)
def test_lone_surrogates(tmp_path: Path, where: dict[str, Any], article: str | None) -> None:
    built = build_tasks(tmp_path, task(TEXT, [ANN]) | where)
    assert set(built.codes) == {"lone-surrogate"}
    assert built.results == (1, 0, 0)
    (row,) = built.rows("articles")
    assert row["text"] == TEXT
    assert article is None or row["article_id"] == article
    assert all("\\ud" in json.dumps(problem["raw"]) for problem in built.problems)


def test_a_text_with_a_lone_surrogate_is_kept_in_the_record(tmp_path: Path) -> None:
    built = build_tasks(tmp_path, task("Ann \ud83d met", [ANN]))
    assert built.codes == {"lone-surrogate": 1, "no-text": 2}
    assert built.problem("lone-surrogate")["raw"] == "Ann \\ud83d met"
    assert built.results == (0, 0, 1)


@pytest.mark.parametrize("depth", [90, 150, 700])
@pytest.mark.parametrize("rest", ["", ', "rank": NaN'])
def test_deep_nesting(tmp_path: Path, depth: int, rest: str) -> None:
    nest = "[" * depth + "]" * depth
    item = f'{{"id": "r9", "from_name": "gone", "type": "labels", "meta": {nest}}}'
    export = json.dumps([task(TEXT, [ANN, "?"], id=1)]).replace('"?"', item)
    built = build_raw(tmp_path, export.replace('"data": {', f'"data": {{"tree": {nest}{rest}, '))
    assert built.results == (1, 0, 1)
    assert [problem["region_id"] for problem in built.problems if problem["annotation_id"]] == ["r9"]
    assert built.spans() == [(0, 3, "Ann")]


@pytest.mark.parametrize("digits", [19, 20, 30, 400, 5000])
def test_huge_numbers(tmp_path: Path, digits: int) -> None:
    number = "9" * digits
    rating = '{"id": "d", "from_name": "stars", "type": "rating", "value": {"rating": 123456}}'
    export = json.dumps([task(TEXT, [ANN, "?"], id="?")]).replace('"result": [', f'"result": [{rating}, ', 1)
    built = build_raw(tmp_path, export.replace("123456", number).replace('"?"', number), **DOCUMENT)
    assert sum(built.results) == 3
    assert (0, 3, "Ann") in built.spans()
    (row,) = built.rows("articles")
    assert row["article_id"] == number
    assert row["stars"] is None


def test_the_order_and_number_of_files_make_no_difference(tmp_path: Path) -> None:
    one = build_case(tmp_path / "1", {"exports": {"a.json": [ONE, TWO]}})
    two = build_case(tmp_path / "2", {"exports": {"z.json": ONE, "b.jsonl": {"raw": json.dumps(TWO)}}})
    assert one.manifest.content_digest == two.manifest.content_digest


def test_votes_have_the_labels_of_a_region_in_the_order_in_which_they_were_given(tmp_path):
    layer = {"labels": {"PER": {}, "LOC": {}, "ORG": {}}, "multiple": True}
    region = span(0, 3, "Ann")
    region["value"]["labels"] = ["ORG", "PER", "ORG"]
    plain = span(4, 7, "met", id="r2")
    built = build_tasks(tmp_path, task("Ann met Bob.", [region, plain]), codebook={"layers": {"spans": layer}})
    assert [row["labels"] for row in built.rows("votes")] == [["ORG", "PER"], ["PER"]]
    assert [row["labels"] for row in built.rows("spans")] == [[0, 2], [0]]
    assert built.rows("articles")[0]["spans"][0]["labels"] == [0, 2]


def test_of_a_required_value_about_a_text_that_the_task_lacks_nothing_is_said(tmp_path):
    texts = {"a": {"field": "text"}, "b": {"field": "other"}}
    document = {"topic": {"kind": "text", "text": "b", "required": True}}
    codebook = {"texts": texts, "document": document, "layers": {"spans": {"labels": {"PER": {}}, "text": "a"}}}
    built = build_tasks(
        tmp_path,
        task("Ann", []),
        task("Bob", [], id=2) | {"data": {"text": "Bob", "other": "Eve"}},
        codebook=codebook,
    )
    assert [(found["code"], found["article_id"]) for found in built.problems] == [
        ("no-text", "1"),
        ("missing-value", "2"),
    ]


def test_a_config_of_the_schema_that_nothing_fills_is_refused(tmp_path, monkeypatch):
    own = schema.configs
    more = {"topics": schema.Struct({"article_id": schema.STRING})}
    for module in (schema, span_tables):
        monkeypatch.setattr(module, "configs", lambda codebook: own(codebook) | more)
    with pytest.raises(NewsParallaxError, match=r"schema\.py: declares the config topics, but no code makes its rows"):
        build_tasks(tmp_path, task("Ann", [span(0, 3, "Ann")]))
    assert not (tmp_path / "built").exists()


SPELLED = {
    "codebook": {
        "codebook": {"version": "1"},
        "texts": {"text": {"field": "text"}},
        "layers": {
            "entities": {
                "labels": {"PERSON": {}, "PLACE": {}},
                "attributes": {
                    "tone": {"kind": "choice", "values": {"friendly": {}, "hostile": {}}, "control": "tone"},
                    "who": {"kind": "ref", "control": "who"},
                },
                "relations": {"lives_in": {"to": ["entities"], "alias": "lives in"}},
            }
        },
    },
    "entities": {"ann-lee": {"type": "PERSON", "names": {"Ann": "name"}}},
}
MARK = span(0, 3, "Ann", "PERSON", from_name="entities")
VALUE = {"id": "r1", "type": "choices"}


@pytest.mark.parametrize(
    ("item", "code", "meant"),
    [
        (MARK | {"id": "x", "from_name": "entites"}, "unknown-control", "entities"),
        (MARK | {"id": "x", "from_name": "Entities"}, "unknown-control", "entities"),
        (span(8, 11, "Bob", "PRESON", from_name="entities", id="x"), "unknown-label", "PERSON"),
        (VALUE | {"from_name": "tone", "value": {"choices": ["freindly"]}}, "unknown-value", "friendly"),
        (VALUE | {"from_name": "who", "value": {"text": ["ann_lee"]}}, "unknown-reference", "ann-lee"),
        ({"type": "relation", "from_id": "r1", "to_id": "r1", "labels": ["livesin"]}, "unknown-relation", "lives in"),
    ],
)  # fmt: skip
def test_a_misspelled_name_is_told_with_what_was_meant(
    tmp_path: Path, item: dict[str, Any], code: str, meant: str
) -> None:
    built = build_tasks(tmp_path, task(TEXT, [MARK, item]), **SPELLED)
    assert built.problem(code)["message"].endswith(f"; did you mean {meant!r}?")


def test_a_name_that_is_like_no_other_is_told_without_a_guess(tmp_path: Path) -> None:
    built = build_tasks(tmp_path, task(TEXT, [MARK | {"from_name": "zzz"}]), **SPELLED)
    assert built.problem("unknown-control")["message"].startswith("control 'zzz' belongs to no")


def test_addresses_are_looked_for_at_each_at_sign() -> None:
    text = "a@b, x.y+z@mail.example.org; @home c@example.org. " + "w" * 500_000 + "@example.org " + "@" * 5000
    assert list(addresses(text)) == ["x...@mail.example.org", "c...@example.org", "w...@example.org"]
    assert list(addresses(text, {"c@example.org"}))[1] == "w...@example.org"
