"""Recognise files that are not in Label Studio's full JSON format, and name their probable format."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from ..errors import ExportError

FULL = "export the project as JSON (the full format of Label Studio)"
CONVERT = "import the annotations into Label Studio and export the project as JSON, or convert the file to that format"

# The first bytes of binary files, and the format they indicate. Sources: the documentation of the formats.
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")  # with files; empty; split into several parts
_BINARY = (
    (GZIP, "is compressed with gzip"),
    (ZSTD, "is compressed with Zstandard"),
    (ZIP, "is a ZIP archive"),
    (b"BZh", "is compressed with bzip2"),
    (b"\xfd7zXZ\x00", "is compressed with xz"),
    (b"\x04\x22\x4d\x18", "is compressed with LZ4"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7-Zip archive"),
    (b"Rar!\x1a\x07", "is a RAR archive"),
    (b"PAR1", "is Parquet"),
    (b"ARROW1", "is an Arrow file"),
    (b"SQLite format 3\x00", "is an SQLite database"),
    (b"%PDF-", "is a PDF"),
    (b"\x89PNG", "is a PNG image"),
    (b"\xff\xd8\xff", "is a JPEG image"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an old Office document"),
)


class _Shape(NamedTuple):
    """A format, recognised by the keys of its JSON objects: all of `keys`, and one of `some` if `some` is not empty."""

    name: str
    keys: frozenset[str]
    some: frozenset[str] = frozenset()
    hint: str = CONVERT


def _shape(name: str, keys: str, some: str = "", hint: str = CONVERT) -> _Shape:
    return _Shape(name, frozenset(keys.split()), frozenset(some.split()), hint)


_WHOLE = FULL + "; this page of its API lacks parts of an export"
_SHAPES = (  # the first match decides
    _shape("COCO", "annotations images", hint=FULL),
    _shape("COCO", "annotations categories", hint=FULL),
    _shape("COCO", "bbox", "category_id image_id", FULL),
    _shape("spaCy's training data as NER Annotator writes it", "classes annotations"),
    _shape("spaCy's JSON training data", "paragraphs id"),
    _shape("a spaCy Doc", "text ents", "tokens sents"),
    _shape("Prodigy's JSON Lines", "_task_hash"),
    _shape("Prodigy's JSON Lines", "_input_hash"),
    _shape("Prodigy's JSON Lines", "text answer"),
    _shape("UIMA CAS JSON (as INCEpTION writes it)", "%FEATURE_STRUCTURES"),
    _shape("UIMA CAS JSON (as WebAnno writes it)", "_context"),
    _shape("a table of Argilla", "fields", "responses suggestions"),
    _shape("Labelbox's export", "data_row"),
    _shape("Labelbox's export", "Labeled_Data"),
    _shape("Labelbox's export", "DataRow_ID Label"),
    _shape("tagtog's ann.json", "annotatable entities"),
    _shape("PubAnnotation", "text denotations"),
    _shape("BioC JSON", "documents", "source infons"),
    _shape("SQuAD", "data version"),
    _shape("a W3C Web Annotation", "@context"),
    _shape("brat's JSON", "text entities triggers"),
    _shape("VGG Image Annotator's project", "_via_settings"),
    _shape("a LabelMe file", "shapes imagePath"),
    _shape("a table of tokens with tags", "tokens", "ner_tags tags labels pos_tags"),
    _shape("Label Studio's JSON_MIN, which loses regions", "annotation_id", hint=FULL),
    _shape("Label Studio's JSON_MIN, which loses regions", "annotator", hint=FULL),
    _shape("annotations of Label Studio without their tasks", "result", "task completed_by lead_time", FULL),
    _shape("predictions of Label Studio without their tasks", "result", "model_version", FULL),
    _shape("an error message of the Label Studio server", "status_code", "detail", FULL),
    _shape("an error message of the Label Studio server", "detail", hint=FULL),
    _shape("a page of Label Studio's list of projects", "results count", hint=_WHOLE),
    _shape("tasks of Label Studio without their `data`, in which nothing is marked", "annotations", hint=FULL),
    _shape("tasks of Label Studio without their `data`, in which nothing is marked", "completions", hint=FULL),
    _shape("doccano's JSON", "label", "text data"),
    _shape("doccano's JSON", "labels", "text data"),
    _shape("doccano's JSON", "text entities relations"),
    _shape("doccano's JSON", "Comments"),
    _shape("texts with spans of another tool (GLiNER, spaCy, ...)", "text", "spans entities ner"),
    _shape("a labelling configuration as a project of Label Studio has it", "label_config", hint=FULL),
)

_SPACY = _Shape("spaCy's training data", frozenset())
_OF_TASKS = (frozenset({"annotations"}), frozenset({"completions"}))  # keys of Label Studio, not of another tool

_TABLE = re.compile(r"[^\n]*?([\t,;])[^\n]*\n[^\n]*\1")  # two lines with the same separator
_CONLL_U = re.compile(r"(?:#[^\n]*\n)*1(?:-\d+)?\t[^\n\t]*\t")
_CONLL = re.compile(r"(?:-DOCSTART-|\S+[ \t](?:\S+[ \t]){0,8}(?:O|[BIESLU]-\S+)[ \t]*(?:\r?\n|$))")
_BRAT = re.compile(r"[TREAMN*#][\d*]*\t\S+[ \t]")


def refuse_binary(head: bytes, name: str) -> None:
    """Raise ExportError where the first bytes `head` are those of a binary format."""
    what = next((what for magic, what in _BINARY if head.startswith(magic)), None)
    if head[257:262] == b"ustar":
        what = "is a tar archive"
    if what:
        packed = "archive" in what or "compressed" in what
        hint = "unpack it, and use the JSON files that it contains" if packed else FULL
        raise ExportError("not-json", f"{what}, expected JSON", file=name, hint=hint)


def unknown_shape(objects: Iterable[list[str]], others: Iterable[Any], name: str) -> ExportError:
    """Return the error for JSON without any task.

    `objects` are the keys of the objects in the file, `others` the other values. Samples of both are enough: the first
    recognised format decides.
    """
    objects, others = list(objects), list(others)
    shape = next((shape for keys in objects for shape in _SHAPES if _fits(shape, set(keys))), None)
    shape = shape or (_SPACY if any(map(_is_spacy, others)) else None)
    content = "lists" if others and isinstance(others[0], list) else "no object"
    if objects:
        content = f"objects with {', '.join(sorted(objects[0])[:8]) or 'no keys'}"
    looks = f"; this looks like {shape.name}" if shape else ""
    message = f"expected tasks with `data` and `annotations`, found {content}{looks}"
    return ExportError("unknown-shape", message, file=name, hint=shape.hint if shape else FULL)


def foreign_format(value: Any) -> str | None:
    """Return the format of another tool for a JSON value without `data` among tasks, or None if it is unknown."""
    if not isinstance(value, dict):
        return _SPACY.name if _is_spacy(value) else None
    shapes = (shape for shape in _SHAPES if shape.keys not in _OF_TASKS and _fits(shape, set(value)))
    return next((shape.name for shape in shapes), None)


def _fits(shape: _Shape, keys: set[str]) -> bool:
    keys = keys | {key.replace(" ", "_") for key in keys}
    return shape.keys <= keys and (not shape.some or bool(shape.some & keys))


def _is_spacy(value: Any) -> bool:
    """Whether a value is `[text, {"entities": [...]}]`."""
    if not (isinstance(value, list) and len(value) > 1 and isinstance(value[0], str)):
        return False
    return isinstance(value[1], dict) and bool(value[1].keys() & {"entities", "cats", "spans"})


def not_json(text: str, name: str) -> ExportError:
    """Return the error for a text that does not begin like JSON."""
    head = text.lstrip("\ufeff \t\r\n")[:4096]
    what, hint = _text_format(head)
    looks = f"; this looks like {what}" if what else ""
    message = f"expected JSON, which begins with [ or {{, found {head[:20]!r}{looks}"
    return ExportError("not-json", message, file=name, hint=hint)


def _text_format(head: str) -> tuple[str, str]:
    """Return the probable format of a text that is not JSON ("" if unknown), and a hint."""
    full = f"{FULL}, not as CSV, TSV, CoNLL or XML"
    begin = head[:2000].lower()
    if begin.startswith("<"):
        if "<html" in begin or begin.startswith("<!doctype html"):
            return "an HTML page, perhaps one that asks to sign in", f"sign in, and {FULL}"
        for mark, what in (("xmi:xmi", "UIMA CAS XMI"), ("<tei", "TEI"), ("<view", "a labelling configuration")):
            if mark in begin:
                return what, full if mark == "<view" else CONVERT
        return "XML", full
    if head.startswith("#FORMAT=WebAnno"):
        return "WebAnno TSV", CONVERT
    if _BRAT.match(head):
        return "brat's standoff format (.ann)", CONVERT
    if _CONLL_U.match(head):
        return "CoNLL-U", CONVERT
    if _CONLL.match(head):
        return "CoNLL, which loses regions and values", full
    if table := _TABLE.match(head):
        return ("TSV" if "\t" in (table[1], head.split("\n")[0]) else "CSV") + ", which loses regions", full
    return "", full
