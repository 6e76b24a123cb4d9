"""W3C Web Annotation JSON-LD: an annotation, a list of them, a page or a collection.

A mark is an annotation with a TextPositionSelector, a TextQuoteSelector or both. Its label is the body with the purpose
"tagging" or "classifying"; other bodies are attributes, named after `label` or `rdfs:label`, else after their purpose.
A relation has the motivation "linking", an annotation as its target and another as its body. The text is the `value` of
the source, or a file beside the annotations that the source names. Positions count code points.

Source: Web Annotation Data Model, W3C Recommendation of 2017.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from .document import Document, Given, Link, Mark, Markup, Refused
from .names import FileNames
from .source import Source, decoded, json_lines

LAYER = "spans"
CONTEXT = "http://www.w3.org/ns/anno.jsonld"
_KINDS = ("choices", "textarea", "number", "rating", "taxonomy")


def recognise(source: Source) -> bool:
    """Whether the file is JSON that names the context of Web Annotations."""
    return source.head.lstrip()[:1] in ("{", "[") and '"@context"' in source.head and "/ns/anno" in source.head


def companions(path: Path) -> list[Path]:
    """Return the texts beside the file that its annotations name."""
    try:
        text = decoded(path.read_bytes(), str(path))
        values = [line.value for line in json_lines(Source(text.encode(), str(path)))]
    except Exception:  # what is wrong with the file is said where it is read
        return []
    names = {_source(part)[0] for value in values for part in _annotations(value)}  # few for many annotations
    return sorted(file for name in names if (file := _file_of(path, name)))


def read(source: Source) -> Iterator[Document]:
    """Yield a document for each text. Raises ExportError where the file is not JSON, or a text is missing."""
    parts: dict[str, list[tuple[dict[str, Any], Any]]] = {}
    owner: dict[str, str] = {}
    links: list[dict[str, Any]] = []
    for line in json_lines(source):
        for part in _annotations(line.value):
            where, whole = _source(part)
            if not where and _ids(part.get("target")):
                links.append(part)
                continue
            parts.setdefault(where, []).append((part, whole))
            owner[str(part.get("id"))] = where
    for part in links:
        where = next((owner[name] for name in _ids(part.get("target")) if name in owner), next(iter(parts), ""))
        parts.setdefault(where, []).append((part, None))
    stray = parts.pop("", []) if len(parts) > 1 else []  # without any text: refused with the first document
    if stray:
        parts[next(iter(parts))] += stray
    for where, own in parts.items():
        yield _document(source, where, own)


def _annotations(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the annotations of a collection, a page, or a single one."""
    if isinstance(value, list):
        for part in value:
            yield from _annotations(part)
    elif isinstance(value, dict):
        inner = [value[key] for key in ("@graph", "items", "first") if isinstance(value.get(key), list | dict)]
        if inner and "target" not in value:
            for part in inner:
                yield from _annotations(part)
        elif "target" in value or "body" in value:
            yield value


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _target(part: dict[str, Any]) -> dict[str, Any]:
    return next((one for one in _listed(part.get("target")) if isinstance(one, dict)), {})


def _source(part: dict[str, Any]) -> tuple[str, Any]:
    """Return the name of the text that an annotation is about, and the text if it is there."""
    target = _target(part)
    source = target.get("source", target.get("hasSource"))
    if isinstance(source, dict):
        return str(source.get("id", "text")), source.get("value")
    if isinstance(source, str):
        return source, None
    return ("" if "selector" not in target else "text"), None


def _ids(value: Any) -> list[str]:
    words = (part.get("id") if isinstance(part, dict) and "selector" not in part else part for part in _listed(value))
    return [word for word in words if isinstance(word, str)]


def _file_of(path: Path | None, where: str) -> Path | None:
    """Return the file beside the annotations that a source names, if it exists."""
    if path is None or not where or "://" in where or where.startswith(("/", "urn:")):
        return None
    file = path.parent / where
    try:
        return file if file.is_file() and file.resolve().is_relative_to(path.parent.resolve()) else None
    except (OSError, ValueError):
        return None


def _document(source: Source, where: str, parts: list[tuple[dict[str, Any], Any]]) -> Document:
    text = next((whole for _, whole in parts if isinstance(whole, str)), None)
    file = _file_of(source.path, where)
    if text is None and file is not None:
        text = decoded(file.read_bytes(), where)
    if text is None:
        hint = "put the text into a file with this name beside the annotations, or as `value` into the source"
        raise source.error("no-text", f"has no text for the source {where!r}", hint)
    people: dict[str | None, Markup] = {}
    for part, _ in parts:
        creator = part.get("creator")
        who = creator.get("id", creator.get("name")) if isinstance(creator, dict) else creator
        _take(people.setdefault(str(who) if who else None, Markup(str(who) if who else None)), part, text)
    name = PurePosixPath(where).stem if file else where.removeprefix("urn:article:")
    return Document(name, text, list(people.values()))


def _take(markup: Markup, part: dict[str, Any], text: str) -> None:
    name = str(part.get("id") or markup.new_id())
    bodies = _listed(part.get("body", part.get("bodyValue")))
    if part.get("motivation") == "linking" and not _target(part).get("selector"):
        _take_link(markup, part, bodies)
        return
    if not _target(part):
        markup.refused.append(Refused("bad-record", "the annotation names no text as its target", part, name))
        return
    selectors = _listed(_target(part).get("selector"))
    position = next((one for one in selectors if _is(one, "TextPositionSelector")), None)
    quote = next((one for one in selectors if _is(one, "TextQuoteSelector")), None)
    labels, attributes, values = _bodies(bodies)
    if not selectors:
        markup.values |= values
        return
    exact = quote.get("exact") if quote else None
    if position is not None:
        place = position.get("start"), position.get("end")
    elif isinstance(exact, str) and (found := _quoted(text, quote or {}, exact)) is not None:
        place = found, found + len(exact)
    else:
        message = "the selector gives no position, and its quote is not in the text exactly once"
        markup.refused.append(Refused("bad-record", message, part, name))
        return
    said = exact if isinstance(exact, str) else None
    layer = next((word.removeprefix("layer:") for word in _ids(part.get("via")) if word.startswith("layer:")), LAYER)
    markup.marks.append(Mark(name, layer, tuple(labels), *place, said, attributes))


def _is(selector: Any, kind: str) -> bool:
    return isinstance(selector, dict) and selector.get("type") == kind


def _quoted(text: str, selector: dict[str, Any], exact: str) -> int | None:
    """Return where a quote with its prefix and suffix begins; None unless it is there exactly once."""
    prefix, suffix = str(selector.get("prefix", "")), str(selector.get("suffix", ""))
    whole = f"{prefix}{exact}{suffix}"
    at = text.find(whole)
    return at + len(prefix) if exact and at >= 0 and text.find(whole, at + 1) < 0 else None


def _bodies(bodies: list[Any]) -> tuple[list[str], dict[str, Given], dict[str, Given]]:
    """Return labels, attributes, and the same for an annotation of the whole text, where a label is a value."""
    labels: list[str] = []
    given: dict[str, list[Any]] = {}
    kinds: dict[str, Any] = {}
    for body in bodies:
        value = body.get("value", body.get("id")) if isinstance(body, dict) else body
        purpose = str(body.get("purpose", "tagging")) if isinstance(body, dict) else "tagging"
        key = body.get("label", body.get("rdfs:label")) if isinstance(body, dict) else None
        if key is None and purpose in ("tagging", "classifying", "identifying"):
            labels.append(str(value))
        else:
            kind = body.get("kind") if isinstance(body, dict) else None
            kinds[str(key or purpose)] = kind if kind in _KINDS else "textarea"
            given.setdefault(str(key or purpose), []).append(value)
    attributes = {key: Given(kinds[key], tuple(values)) for key, values in given.items()}
    whole = attributes | ({"label": Given("choices", tuple(labels))} if labels else {})
    return labels, attributes, whole


def _take_link(markup: Markup, part: dict[str, Any], bodies: list[Any]) -> None:
    sources = _ids(part.get("target"))
    targets = [name for body in bodies for name in _ids(body) if not (isinstance(body, dict) and "value" in body)]
    label = next((str(body["value"]) for body in bodies if isinstance(body, dict) and "value" in body), "")
    if len(sources) != 1 or len(targets) != 1:
        message = "a linking annotation has one annotation as its target and one as its body"
        markup.refused.append(Refused("bad-record", message, part))
        return
    markup.links.append(Link(label, sources[0], targets[0]))


def write(documents: Iterable[Document], folder: Path, losses: Counter[str]) -> None:
    """Write a file with an annotation page for each document; the page has the text."""
    files = FileNames()
    for document in documents:
        losses["text of a document without annotation"] += not document.markups
        page = json.dumps(_page(document), ensure_ascii=False, indent=1)
        (folder / f"{files.of(document.id, Counter())}.jsonld").write_bytes(page.encode() + b"\n")


def _page(document: Document) -> dict[str, Any]:
    text, where = document.text or "", f"urn:article:{document.id}"
    source = {"id": where, "type": "Text", "format": "text/plain", "value": text}
    items: list[dict[str, Any]] = []
    for markup in document.markups:
        who = {"creator": markup.annotator} if markup.annotator else {}
        for mark in markup.marks:
            selectors = [
                {"type": "TextPositionSelector", "start": mark.start, "end": mark.end},
                {"type": "TextQuoteSelector", "exact": text[mark.start : mark.end]},
            ]
            labels = [{"type": "TextualBody", "purpose": "tagging", "value": label} for label in mark.labels]
            target = {"source": source, "selector": selectors}
            bodies = [*labels, *_described(mark.attributes)]
            items.append(
                {
                    "id": mark.id,
                    "type": "Annotation",
                    "via": f"layer:{mark.layer}",
                    **who,
                    "body": bodies,
                    "target": target,
                }
            )
            source = {"id": where}  # the text is there once
        for at, link in enumerate(markup.links, 1):
            bodies = [{"type": "TextualBody", "purpose": "tagging", "value": link.label}, {"id": link.target}]
            items.append(
                {
                    "id": f"relation-{document.id}-{at}",
                    "type": "Annotation",
                    "motivation": "linking",
                    **who,
                    "body": bodies,
                    "target": link.source,
                }
            )
        if markup.values or not markup.marks:
            items.append(
                {
                    "id": f"document-{document.id}",
                    "type": "Annotation",
                    **who,
                    "body": _described(markup.values),
                    "target": {"source": source},
                }
            )
    return {"@context": CONTEXT, "type": "AnnotationPage", "items": items}


def _described(given: dict[str, Given]) -> list[dict[str, Any]]:
    return [
        {"type": "TextualBody", "purpose": "describing", "label": key, "kind": values.kind, "value": value}
        for key, values in given.items()
        for value in values.values
    ]
