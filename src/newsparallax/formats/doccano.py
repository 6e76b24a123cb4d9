"""doccano's JSON Lines, of all generations.

- `label` (or `labels`): lists [start, end, label], or labels of the text; in the oldest files the text is `data`.
  Labels that are written by hand, as in sequence-to-sequence projects, are told by their form (`_is_free`).
- `annotations`: objects with `start_offset`, `end_offset`, `label` and `user`, who is an annotator of their own.
- `entities` and `relations`: objects with ids.

Offsets count code points. Source: doccano's documentation and its serializers (backend/data_export).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .document import Document, Given, Link, Mark, Markup, Refused
from .names import LabelNames
from .source import Source, json_lines

LAYER = "entities"
_TAKEN = {"id", "label", "labels", "annotations", "entities", "relations", "Comments", "comments"}


def recognise(source: Source) -> bool:
    """Whether the first object has a text with doccano's lists of labels, annotations or entities."""
    first = source.first
    if first is None or not isinstance(first.get(_text_key(first)), str):
        return False
    if "annotation_id" in first or "_input_hash" in first:
        return False
    marks = first.get("annotations")
    if isinstance(marks, list) and marks and isinstance(marks[0], dict):
        return "label" in marks[0] and ("start_offset" in marks[0] or "user" in marks[0])
    if isinstance(first.get("entities"), list) and "relations" in first:
        return all(isinstance(entity, dict) and "start_offset" in entity for entity in first["entities"])
    labels = first.get("label", first.get("labels"))
    others = "annotations" not in first and "entities" not in first
    return others and isinstance(labels, list) and all(_is_triple(part) or isinstance(part, str) for part in labels)


def _text_key(value: dict[str, Any]) -> str:
    """Return the key of the text. Metadata stand beside it and may have either name, but they come later."""
    return next((key for key in value if key in ("text", "data")), "text")


def _is_triple(part: Any) -> bool:
    return isinstance(part, list) and len(part) == 3 and isinstance(part[2], str)


def read(source: Source) -> Iterator[Document]:
    """Yield a document for each line. Raises ExportError for a line without a text."""
    lines = list(json_lines(source))
    free = _is_free(line.value for line in lines)
    for line, value in lines:
        key = _text_key(value)
        text = value.get(key)
        if not isinstance(text, str):
            hint = "every line of doccano has `text`; correct or remove the line"
            raise source.error("unknown-shape", "has no text", hint, f"line {line}")
        rest = {name: part for name, part in value.items() if name not in _TAKEN and name != key}
        name = value.get("id", rest.get("article_id"))
        if isinstance(name, str | int) and "article_id" in rest:
            name = rest.pop("article_id")
        plain = isinstance(name, str | int) and not isinstance(name, bool)
        yield Document(str(name) if plain else f"{source.stem}-{line}", text, list(_markups(value, free=free)), rest)


def _is_free(values: Iterable[dict[str, Any]]) -> bool:
    """Whether the labels of texts are free text: most have several words, and most occur once."""
    words: Counter[str] = Counter()
    for value in values:
        for key in ("label", "labels"):
            words.update(part for part in _parts(value.get(key)) if isinstance(part, str))
    several = sum(count for word, count in words.items() if len(word.split()) > 1)
    return 2 * min(several, len(words)) > words.total()


def _parts(labels: Any) -> list[Any]:
    return labels if isinstance(labels, list) else [] if labels is None else [labels]


def _markups(value: dict[str, Any], *, free: bool) -> Iterator[Markup]:
    """Yield the work of each user, or of the one annotator that the newer generations leave unnamed."""
    if isinstance(value.get("annotations"), list) and "entities" not in value:
        yield from _of_users(value["annotations"])
        return
    markup = Markup()
    for key in ("label", "labels"):
        for part in _parts(value.get(key)):
            _add_label(markup, part, free=free)
    for part in _listed(value, "entities", markup):
        _add_entity(markup, part)
    for part in _listed(value, "relations", markup):
        if isinstance(part, dict) and {"from_id", "to_id"} <= part.keys():
            markup.links.append(Link(str(part.get("type") or ""), str(part["from_id"]), str(part["to_id"])))
        else:
            _refuse(markup, "a relation has no `from_id` and `to_id`", part)
    for key in ("Comments", "comments"):
        notes = tuple(_words(part) for part in _listed(value, key, markup))
        if notes:
            markup.values["comments"] = Given("textarea", notes)
    yield markup


def _words(part: Any) -> str:
    return part if isinstance(part, str) else json.dumps(part, ensure_ascii=False)


def _listed(value: dict[str, Any], key: str, markup: Markup) -> list[Any]:
    parts = value.get(key)
    if parts is None or isinstance(parts, list):
        return parts or []
    _refuse(markup, f"`{key}` is not a list", parts)
    return []


def _of_users(annotations: list[Any]) -> Iterator[Markup]:
    users: dict[str | None, Markup] = {}
    for part in annotations:
        user = part.get("user") if isinstance(part, dict) else None
        name = None if user is None else str(user)
        markup = users.setdefault(name, Markup(name))
        if isinstance(part, dict) and "start_offset" in part:
            _add_entity(markup, part)
        elif isinstance(part, dict) and "text" in part:
            _add_value(markup, "textarea", str(part["text"]))
        elif isinstance(part, dict) and "label" in part:
            _add_value(markup, "choices", str(part["label"]))
        else:
            _refuse(markup, "an annotation has no `label`", part)
    yield from users.values() or [Markup()]


def _add_label(markup: Markup, part: Any, *, free: bool) -> None:
    if isinstance(part, str | int) and not isinstance(part, bool):
        _add_value(markup, "textarea" if free else "choices", str(part))
    elif isinstance(part, list) and len(part) >= 3:
        markup.marks.append(Mark(markup.new_id(), LAYER, (str(part[2]),), part[0], part[1]))
    else:
        _refuse(markup, "a label is neither a word nor [start, end, label]", part)


def _add_entity(markup: Markup, part: Any) -> None:
    if not isinstance(part, dict) or "label" not in part:
        _refuse(markup, "an entity has no `label`", part)
        return
    name = str(part["id"]) if isinstance(part.get("id"), str | int) else markup.new_id()
    place = part.get("start_offset"), part.get("end_offset")
    markup.marks.append(Mark(name, LAYER, (str(part["label"]),), *place))


def _add_value(markup: Markup, kind: Any, word: str) -> None:
    key = "label" if kind == "choices" else "text_label"
    known = markup.values.get(key)
    markup.values[key] = Given(kind, (*(known.values if known else ()), word))


def _refuse(markup: Markup, message: str, raw: Any) -> None:
    markup.refused.append(Refused("bad-record", message, raw))


def write(documents: Iterable[Document], folder: Path, losses: Counter[str]) -> None:
    """Write `all.jsonl` in the generation with `entities` and `relations`."""
    names = LabelNames("\x00", losses)
    with (folder / "all.jsonl").open("w", encoding="utf-8", newline="\n") as sink:
        for number, document in enumerate(documents, 1):
            sink.write(json.dumps(_line(number, document, names, losses), ensure_ascii=False) + "\n")


def _line(number: int, document: Document, names: LabelNames, losses: Counter[str]) -> dict[str, Any]:
    ids: dict[str, int] = {}
    entities, relations = [], []
    for markup in document.markups:
        losses["value about the document"] += len(markup.values)
        for mark in markup.marks:
            losses["several labels of a span"] += len(mark.labels) > 1
            losses["attribute"] += len(mark.attributes)
            ids[mark.id] = len(ids) + 1
            place = {"start_offset": mark.start, "end_offset": mark.end}
            entities.append({"id": ids[mark.id], "label": names.of(mark.layer, mark.labels[0]), **place})
        for at, link in enumerate(markup.links, 1):
            ends = {"from_id": ids[link.source], "to_id": ids[link.target]}
            relations.append({"id": at, **ends, "type": link.label})
    return {
        "id": number, "text": document.text, "article_id": document.id,
        "entities": entities, "relations": relations, "Comments": [],
    }  # fmt: skip
