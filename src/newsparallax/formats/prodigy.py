"""Prodigy's JSON Lines: `text`, `tokens`, `spans`, `relations`, `answer`, `accept`, `_annotator_id`, `_session_id`.

Lines about the same text are one article, with one annotation for each line. A line that the annotator rejected or
ignored becomes a cancelled annotation, which is counted apart. Offsets count code points.

Source: Prodigy's documentation (api-interfaces, api-web-app).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..text import token_edges
from .document import Document, Given, Link, Mark, Markup, Refused
from .names import LabelNames
from .source import JsonLine, Source, json_lines

LAYER = "spans"
_HASHES = ("_input_hash", "_task_hash")
_READ = {
    "text",
    "spans",
    "relations",
    "tokens",
    "answer",
    "accept",
    "label",
    "options",
    "meta",
    "_annotator_id",
    "_session_id",
}
_PLACE = {"start", "end", "label", "text", "token_start", "token_end", "id"}


def recognise(source: Source) -> bool:
    """Whether the first object has a text with Prodigy's hashes, answer or spans."""
    first = source.first
    if first is None or not isinstance(first.get("text"), str) or {"data", "annotation_id"} & first.keys():
        return False
    spans = first.get("spans")
    ours = isinstance(spans, list) and all(
        isinstance(span, dict) and {"start", "label"} <= span.keys() for span in spans
    )
    return any(key in first for key in _HASHES) or "answer" in first or ours


def read(source: Source) -> Iterator[Document]:
    """Yield a document for each text. Raises ExportError for a line without a text."""
    documents: dict[str, Document] = {}
    for line in json_lines(source):
        text = line.value.get("text")
        if not isinstance(text, str):
            hint = "only tasks with a text are read; remove the line"
            raise source.error("unknown-shape", "has no text", hint, f"line {line.line}")
        meta = line.value.get("meta")
        meta = meta if isinstance(meta, dict) else {"meta": meta} if meta else {}
        named = meta.get("article_id")
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        name = str(named) if isinstance(named, str | int) else f"text-{digest}"
        known = documents.setdefault(f"{name}\n{digest}", Document(name, text, [], {}))
        known.data |= {"meta": meta} if meta.keys() - {"article_id"} and "meta" not in known.data else {}
        known.markups.append(_markup(line))
    yield from documents.values()


def _markup(line: JsonLine) -> Markup:
    value = line.value
    who = value.get("_annotator_id") or value.get("_session_id")
    markup = Markup(str(who) if who else None, cancelled=value.get("answer", "accept") != "accept")
    at: dict[tuple[Any, Any, Any], str] = {}
    last: dict[Any, str] = {}  # number of the last token -> span, by which a relation without places names its ends
    for span in _listed(value, "spans", markup):
        if not isinstance(span, dict):
            markup.refused.append(Refused("bad-record", f"line {line.line}: a span is not an object", span))
            continue
        name = markup.new_id()
        labels = (str(span["label"]),) if span.get("label") else ()
        quote = span["text"] if isinstance(span.get("text"), str) else None
        rest = {key: _given(part) for key, part in span.items() if key not in _PLACE and part is not None}
        markup.marks.append(Mark(name, LAYER, labels, span.get("start"), span.get("end"), quote, rest))
        at.setdefault(_place(span), name)
        last.setdefault(_hashable(span.get("token_end")), name)
    for relation in _listed(value, "relations", markup):
        ends = [_end(relation, key, at, last, value.get("tokens")) for key in ("head", "child")]
        label = str(relation.get("label") or "") if isinstance(relation, dict) else ""
        markup.links.append(Link(label, ends[0], ends[1]))
    if value.get("accept") is not None:
        chosen = value["accept"] if isinstance(value["accept"], list) else [value["accept"]]
        markup.values["accept"] = Given("choices", tuple(map(str, chosen)))
    if isinstance(value.get("label"), str) and "spans" not in value:
        markup.values["label"] = Given("choices", (value["label"],))
    return markup


def _place(span: dict[str, Any]) -> tuple[Any, Any, Any]:
    return _hashable(span.get("start")), _hashable(span.get("end")), _hashable(span.get("label"))


def _hashable(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | dict) else value


def _given(part: Any) -> Given:
    parts = part if isinstance(part, list) else [part]
    if all(isinstance(word, str) for word in parts):
        return Given("textarea", tuple(parts))
    return Given("textarea", (json.dumps(part, ensure_ascii=False),))


def _listed(value: dict[str, Any], key: str, markup: Markup) -> list[Any]:
    parts = value.get(key)
    if parts is None or isinstance(parts, list):
        return parts or []
    markup.refused.append(Refused("bad-record", f"`{key}` is not a list", parts))
    return []


def _end(relation: Any, key: str, at: dict[tuple[Any, Any, Any], str], last: dict[Any, str], tokens: Any) -> str:
    """Return the id of the span at one end of a relation: by its place, or by the number of its last token."""
    if not isinstance(relation, dict):
        return "?"
    span = relation.get(f"{key}_span")
    number = relation.get(key)
    if not isinstance(span, dict):
        listed = isinstance(tokens, list) and isinstance(number, int) and 0 <= number < len(tokens)
        span = tokens[number] if listed and isinstance(tokens[number], dict) else {}
    place = _place(span)
    found = at.get(place) or next((name for known, name in at.items() if known[:2] == place[:2]), None)
    return found or (last.get(number) if isinstance(number, int) else None) or f"token {number}"


def write(documents: Iterable[Document], folder: Path, losses: Counter[str]) -> None:
    """Write `annotations.jsonl`, one accepted line for each document."""
    names = LabelNames("\x00", losses)
    with (folder / "annotations.jsonl").open("w", encoding="utf-8", newline="\n") as sink:
        for document in documents:
            for markup in document.markups or [Markup()]:
                sink.write(json.dumps(_line(document, markup, names, losses), ensure_ascii=False) + "\n")


def _line(document: Document, markup: Markup, names: LabelNames, losses: Counter[str]) -> dict[str, Any]:
    text = document.text or ""
    losses["value about the document"] += len(markup.values)
    starts, ends = (edges.tolist() for edges in token_edges(text, _edges(markup)))
    first = {start: number for number, start in enumerate(starts)}
    last = {end: number for number, end in enumerate(ends)}
    spans: dict[str, dict[str, Any]] = {}
    for mark in markup.marks:
        losses["several labels of a span"] += len(mark.labels) > 1
        span: dict[str, Any] = {"start": mark.start, "end": mark.end, "label": names.of(mark.layer, mark.labels[0])}
        if mark.start in first and mark.end in last:
            span |= {"token_start": first[mark.start], "token_end": last[mark.end]}
        span |= {
            key: given.words() if len(given.values) != 1 else given.words()[0]
            for key, given in mark.attributes.items()
            if key not in _PLACE
        }
        losses["attribute"] += len(mark.attributes.keys() & _PLACE)
        losses["kind of an attribute, which becomes text"] += sum(
            g.kind != "textarea" for g in mark.attributes.values()
        )
        spans[mark.id] = span
    places = Counter((span["start"], span["end"], span["label"]) for span in spans.values())
    relations = []
    for link in markup.links:
        head, child = spans[link.source], spans[link.target]
        alike = any(places[end["start"], end["end"], end["label"]] > 1 for end in (head, child))
        losses["relation of spans with the same place and label"] += alike
        relations.append(
            {
                "head": head.get("token_end"),
                "child": child.get("token_end"),
                "label": link.label,
                "head_span": _short(head),
                "child_span": _short(child),
            }
        )
    tokens = [
        {"text": text[start:end], "start": start, "end": end, "id": number, "ws": text[end : end + 1] == " "}
        for number, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]
    digest = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])
    whole = {
        "text": text,
        "meta": {"article_id": document.id},
        "_input_hash": digest,
        "_task_hash": digest,
        "tokens": tokens,
    }
    who = {"_annotator_id": markup.annotator, "_session_id": markup.annotator} if markup.annotator else {}
    return {**whole, "spans": list(spans.values()), "relations": relations, "answer": "accept", **who}


def _edges(markup: Markup) -> list[int]:
    return [edge for mark in markup.marks for edge in (mark.start, mark.end)]


def _short(span: dict[str, Any]) -> dict[str, Any]:
    return {key: span[key] for key in ("start", "end", "label", "token_start", "token_end") if key in span}
