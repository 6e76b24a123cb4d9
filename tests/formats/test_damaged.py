"""Damaged files of other tools: their parts are refused by name, or the whole file is; no reader breaks."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from newsparallax.errors import ExportError
from newsparallax.formats import (
    Document,
    FormatName,
    Given,
    Link,
    Mark,
    Markup,
    documents,
    recognised,
    task_json,
    write_documents,
)

TEXT = "Ann 😀 met Bob in Oslo"
SPAN = {"start": 0, "end": 3, "label": "P"}
OTHER = {"start": 10, "end": 13, "label": "P"}
RELATION = {"head": 0, "child": 2, "label": "k", "head_span": SPAN, "child_span": OTHER}
ENTITY = {"id": 1, "label": "P", "start_offset": 0, "end_offset": 3}
POSITION = {"type": "TextPositionSelector", "start": 0, "end": 3}
QUOTE = {"type": "TextQuoteSelector", "exact": "Ann", "prefix": "", "suffix": " "}
MARK = {
    "id": "a",
    "body": [{"purpose": "tagging", "value": "P"}, {"purpose": "commenting", "value": "x"}],
    "target": {"source": {"id": "s", "value": TEXT}, "selector": [POSITION, QUOTE]},
    "creator": {"id": "u"},
}
JSON: dict[FormatName, list[Any]] = {
    "prodigy": [
        {"text": TEXT, "spans": [SPAN | {"x": [1]}, OTHER], "relations": [RELATION], "tokens": [SPAN | {"id": 0}]}
        | {"answer": "accept", "accept": ["a"], "meta": {"a": 1}, "_session_id": "s"}
    ],
    "doccano": [
        {"id": 1, "text": TEXT, "entities": [ENTITY, ENTITY | {"id": 2}], "Comments": ["x"]}
        | {"relations": [{"id": 1, "from_id": 1, "to_id": 2, "type": "k"}]},
        {"id": 2, "text": TEXT, "label": [[0, 3, "P"], "word"]},
        {"id": 3, "text": TEXT, "annotations": [ENTITY | {"user": 1}]},
    ],
    "gate": [
        {"text": TEXT, "entities": {"P": [{"indices": [0, 3], "k": 1}]}, "id": 1},
        {"text": TEXT, "annotation_sets": {"": {"annotations": [SPAN | {"type": "P", "id": 1, "features": {"a": 1}}]}}},
    ],
    "w3c": [
        {
            "@context": "http://www.w3.org/ns/anno.jsonld",
            "items": [MARK, {"id": "l", "motivation": "linking", "target": "a", "body": ["a"]}],
        }
    ],
}
WORD = "\t".join("_" * 7)
LINES: dict[FormatName, str] = {
    "brat": "T1\tP 0 3\tAnn\nT2\tM 6 9\tmet\nT3\tP 0 3;10 13\tAnn Bob\nE1\tM:T2 A:T1 B2:T1\nE2\tM:T2 A:E1\n"
    "R1\tK Arg1:T1 Arg2:T2\nA1\tN E1\nA2\tC T1 x\nN1\tReference T1 W:1\tAnn\n#1\tNote T1\thm\n*\tEquiv T1 T2\n",
    "conll": "-DOCSTART- -X- -X- O\n\nAnn NNP B-NP B-P\nmet V O O\n\nBob NNP I-NP S-P\n",
    "conllu": f"1-2\tAnns\t{WORD}\t_\n1\tAnn\t{WORD}\tNER=B-P\n2\ts\t{WORD}\tSpaceAfter=No\n2.1\tx\t{WORD}\t_\n\n",
    "gate": "<GateDocument><TextWithNodes>a<Node id='1'/>b<Node id='2'/></TextWithNodes><AnnotationSet>"
    "<Annotation Id='1' Type='P' StartNode='1' EndNode='2'/></AnnotationSet></GateDocument>",
}
ODD = [[], {}, None, "x", -1, 1.5, True, "", [[]], {"a": []}, 10**30, "\ud800", [1, 2], float("nan")]


def read(format_: FormatName, content: bytes, path: Path | None = None) -> None:
    recognised(content, "x", path)
    try:
        for document in documents(format_, content, "x", path):
            assert json.loads(task_json(document))["id"] == document.id
    except ExportError:
        pass


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield (*way, key)
        yield from places(part, (*way, key))


def damaged(value: Any, random_: random.Random) -> Any:
    value = copy.deepcopy(value)
    *way, last = random_.choice(list(places(value)))
    part = value
    for key in way:
        part = part[key]
    if isinstance(part, dict) and random_.random() < 0.25:
        del part[last]
    else:
        part[last] = copy.deepcopy(random_.choice(ODD))
    return value


@pytest.mark.parametrize("format_", JSON)
def test_odd_values(format_: FormatName) -> None:
    random_ = random.Random(7)
    for _ in range(400):
        read(format_, "\n".join(map(json.dumps, damaged(JSON[format_], random_))).encode())


def test_odd_values_in_a_cas(tmp_path: Path) -> None:
    random_ = random.Random(7)
    marks = [Mark("a", "s", ("P",), 0, 3, None, {"x": Given("textarea", ("y", "z"))}), Mark("b", "s", ("P",), 10, 13)]
    write_documents("cas-json", [Document("d", TEXT, [Markup("a1", marks, [Link("k", "a", "b")])])], tmp_path)
    whole = json.loads((tmp_path / "d.json").read_bytes())
    for _ in range(100):
        read("cas", json.dumps(damaged(whole, random_)).encode())


@pytest.mark.parametrize("format_", LINES)
def test_odd_characters(tmp_path: Path, format_: FormatName) -> None:
    (tmp_path / "x.txt").write_text(TEXT, encoding="utf-8")
    random_ = random.Random(7)
    for _ in range(400):
        text = list(LINES[format_])
        for _ in range(random_.randint(1, 4)):
            at = random_.randrange(len(text))
            text[at : at + 1] = random_.choice(["", *"\t\n :;*#TERA0129-.|=<>&_O", text[max(0, at - 9) : at]])
        read(format_, "".join(text).encode(), tmp_path / "x.ann")
