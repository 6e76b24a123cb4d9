"""Write documents as tasks of Label Studio: the records that all conversion begins with."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from .document import Document, Given, Link, Mark, Markup

TEXT = "text"
_OURS = re.compile(r"a?([0-9]{1,15})")


def task_of(document: Document) -> dict[str, Any]:
    """Return the task of a document, with one annotation for each annotator. The id of the article is in its data."""
    shown = {} if document.text is None else {TEXT: document.text}
    others = {f"meta_{key}" if key in ("article_id", TEXT) else key: value for key, value in document.data.items()}
    return {
        "id": document.id,
        "data": {"article_id": document.id} | shown | others,
        "annotations": [annotation_of(document, markup, number) for number, markup in enumerate(document.markups, 1)],
    }


def task_json(document: Document) -> bytes:
    """Return the JSON of the task of a document."""
    task = task_of(document)
    try:
        return msgspec.json.encode(task)
    except (
        UnicodeEncodeError,
        OverflowError,
        msgspec.MsgspecError,
    ):  # halves of surrogate pairs, numbers beyond 64 bits
        return json.dumps(task).encode()


def annotation_of(document: Document, markup: Markup, number: int) -> dict[str, Any]:
    """Return an annotation; its items are those of the marks, links, values and refused parts."""
    maker = None if markup.annotator is None else annotator_number(markup.annotator)
    who = {} if maker is None else {"completed_by": maker}
    cancelled = {"was_cancelled": True} if markup.cancelled else {}
    return {
        "id": f"{document.id}-{number}" if maker is None else f"{document.id}-a{maker}-{number}",
        **who,
        **cancelled,
        "result": list(_items(document, markup)),
    }


def annotator_number(name: str) -> int:
    """Return the number of an annotator: that of a pseudonym such as a17, else one made from the name.

    So a name, which may be real, is in no row of a dataset, and the same name means the same person in all files.
    """
    known = _OURS.fullmatch(name)
    return (
        int(known[1])
        if known
        else int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:5]) + (1 << 40)
    )


def _items(document: Document, markup: Markup) -> Iterator[dict[str, Any]]:
    layers = {mark.layer for mark in markup.marks}
    for mark in markup.marks:
        yield _mark(document.text or "", mark)
        for key, given in mark.attributes.items():
            yield {"id": mark.id, **_value(control_name(key, layers), given)}
    for key, given in markup.values.items():
        yield {"id": f"document-{key}", **_value(control_name(key, layers), given)}
    for link in markup.links:
        yield _link(link)
    for refused in markup.refused:
        own = {"id": refused.id} if refused.id else {}
        yield {**own, "type": refused.code, "meta": {"message": refused.message, "record": refused.raw}}


def control_name(key: str, layers: set[str]) -> str:
    """Return the name of the control of an attribute, which differs from the names of layers and of the text."""
    return f"{key}_value" if key in layers or key == TEXT else key


def _mark(text: str, mark: Mark) -> dict[str, Any]:
    start, end, quote = mark.start, mark.end, mark.quote
    if quote is None and type(start) is int and type(end) is int and 0 <= start < end <= len(text):
        quote = text[start:end]
    said = {} if quote is None else {"text": quote}
    place = {"start": start, "end": end, **said, "labels": list(mark.labels)}
    return {"id": mark.id, "from_name": mark.layer, "to_name": TEXT, "type": "labels", "value": place}


def _value(control: str, given: Given) -> dict[str, Any]:
    key = "text" if given.kind == "textarea" else given.kind
    values: Any = list(given.values)
    if given.kind in ("number", "rating"):
        values = values[0] if values else None
    return {"from_name": control, "to_name": TEXT, "type": given.kind, "value": {key: values}}


def _link(link: Link) -> dict[str, Any]:
    labels = {"labels": [link.label]} if link.label else {}
    return {
        "type": "relation", "from_id": link.source, "to_id": link.target, "direction": link.direction, **labels,
    }  # fmt: skip
