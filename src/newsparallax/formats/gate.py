"""GATE: its JSON, in which annotations stand as entities of a tweet do, the JSON of gatenlp, and its XML.

- JSON: `entities` has a list for each type, of objects with `indices`; their other keys are attributes.
- JSON of gatenlp: `annotation_sets` with `annotations`, which have `type`, `start`, `end` and `features`.
- XML: `GateDocument` with a text that nodes divide, and sets of annotations between nodes.

A set of annotations is a layer, and the type of an annotation is its label. Offsets count UTF-16 units, as in Java,
unless the JSON of gatenlp says otherwise. This format is only read.

Source: GATE's user guide (sections on documents and on formats), and its plugin for tweets.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from ..text import TextIndex
from .document import Document, Given, Mark, Markup, Refused
from .source import JsonLine, Source, json_lines

LAYER = "entities"
_ROOT = "<GateDocument"
_SETS = "annotation_sets"
_READ = {"text", "full_text", "entities", _SETS, "offset_type", "next_annid"}


def recognise(source: Source) -> bool:
    """Whether the file is GATE's XML, or the first object has entities with `indices`, or sets of annotations."""
    if _ROOT in source.head:
        return source.head.lstrip().startswith("<")
    first = source.first
    if first is None or _text(first) is None:
        return False
    entities = first.get("entities")
    listed = isinstance(entities, dict) and (not entities or any(isinstance(part, list) for part in entities.values()))
    return listed or isinstance(first.get(_SETS), dict)


def _text(value: dict[str, Any]) -> str | None:
    return next((value[key] for key in ("full_text", "text") if isinstance(value.get(key), str)), None)


def read(source: Source) -> Iterator[Document]:
    """Yield the documents of a file. Raises ExportError where it is damaged, or a document has no text."""
    if source.head.lstrip().startswith("<"):
        yield _of_xml(source)
        return
    for line in json_lines(source):
        yield _of_json(source, line)


def _of_json(source: Source, line: JsonLine) -> Document:
    value, text = line.value, _text(line.value)
    if text is None:
        raise source.error("unknown-shape", "has no text", "correct or remove the line", f"line {line.line}")
    markup = Markup()
    units = None if value.get("offset_type") == "p" else _UTF16(text)
    for type_, entities in _listed(value.get("entities"), markup, list):
        for entity in entities:
            indices = entity.get("indices") if isinstance(entity, dict) else None
            if not isinstance(indices, list) or len(indices) != 2:
                markup.refused.append(Refused("bad-record", "an entity has no `indices` with start and end", entity))
                continue
            rest = {key: part for key, part in entity.items() if key != "indices"}
            _add(markup, units, LAYER, type_, indices, rest, markup.new_id())
    listed: list[tuple[str, Any]] = []
    for name, found in _listed(value.get(_SETS), markup, dict):
        for _, part in _listed({f"the list of set {name!r}": found.get("annotations", [])}, markup, list):
            listed += [(name, one) for one in part]
    for name, one in listed:
        if not isinstance(one, dict) or not {"type", "start", "end"} <= one.keys():
            markup.refused.append(Refused("bad-record", "an annotation has no `type`, `start` and `end`", one))
            continue
        features = one.get("features")
        rest = features if isinstance(features, dict) else {}
        identity = f"{name}-{one['id']}" if "id" in one else markup.new_id()
        _add(markup, units, name or LAYER, str(one["type"]), [one["start"], one["end"]], rest, identity)
    named = next((value[key] for key in ("id_str", "id", "name") if isinstance(value.get(key), str | int)), None)
    data = {key: part for key, part in value.items() if key not in _READ}
    return Document(str(named) if named else f"{source.stem}-{line.line}", text, [markup], data)


def _listed(value: Any, markup: Markup, kind: type) -> Iterator[tuple[str, Any]]:
    for key, part in value.items() if isinstance(value, dict) else ():
        if isinstance(part, kind):
            yield key, part
        else:
            markup.refused.append(Refused("bad-record", f"{key} is of an unknown form", part))


class _UTF16:
    """Offsets in UTF-16 units of a text."""

    def __init__(self, text: str) -> None:
        self._index = TextIndex(text) if any(character > "\uffff" for character in text) else None

    def place(self, start: Any, end: Any) -> tuple[Any, Any]:
        """Return a place in code points; what is no place in the text stays, and is judged later."""
        if self._index is None or type(start) is not int or type(end) is not int:
            return start, end
        return self._index.readings(start, end).get("utf16") or (start, end)


def _add(
    markup: Markup, units: _UTF16 | None, layer: str, label: str, place: list[Any], features: dict[str, Any], name: str
) -> None:
    start, end = units.place(*place) if units else place
    given = {key: Given("textarea", (_word(value),)) for key, value in features.items() if value not in (None, "", [])}
    markup.marks.append(Mark(name, layer, (label,), start, end, None, given))


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _of_xml(source: Source) -> Document:
    try:
        root = fromstring(source.content)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        message = f"is not XML of GATE: {error}"
        raise source.error("unknown-shape", message, "save the document again as GATE XML") from None
    body = root.find("TextWithNodes")
    if body is None:
        raise source.error("no-text", "has no TextWithNodes", "save the document again as GATE XML, not inline")
    text = body.text or ""
    nodes: dict[str | None, int] = {}
    for node in body:
        nodes[node.get("id")] = len(text)
        text += node.tail or ""
    markup = Markup()
    for group in root.findall("AnnotationSet"):
        for one in group.findall("Annotation"):
            ends = nodes.get(one.get("StartNode")), nodes.get(one.get("EndNode"))
            features = dict(_features(one))
            layer, type_, name = group.get("Name") or LAYER, one.get("Type", ""), one.get("Id") or markup.new_id()
            if None in ends:
                message = f"the annotation {name} ({type_}) begins or ends at a node that the text does not have"
                markup.refused.append(Refused("bad-record", message, one.attrib, name))
                continue
            _add(markup, None, layer, type_, list(ends), features, f"{layer}-{name}")
    return Document(source.stem, text, [markup])


def _features(one: Element) -> Iterator[tuple[str, str]]:
    for feature in one.findall("Feature"):
        name, value = feature.findtext("Name"), feature.findtext("Value")
        if name and value:
            yield name, value
