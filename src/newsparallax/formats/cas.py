"""UIMA CAS as INCEpTION writes it, XMI and JSON, by dkpro-cassis, which also converts offsets from UTF-16 units.

Each type of annotation is a layer, except tokens and sentences. The feature `value` or `label` is the label; without
one, the name of the type is. Other features are attributes. Annotations with the features Governor and Dependent, and
features that refer to annotations, are relations. XMI needs the file TypeSystem.xml beside it or in the folder above.

Source: the user guide of INCEpTION (section on formats), and the description of UIMA CAS JSON 0.4.
"""

from __future__ import annotations

import json
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from .._util import require
from ..errors import ExportError
from .document import Document, Given, Link, Mark, Markup, Refused
from .names import FileNames
from .source import Source

TYPES = "TypeSystem.xml"
METADATA = "de.tudarmstadt.ukp.dkpro.core.api.metadata.type.DocumentMetaData"
_ANNOTATION, _DOCUMENT = "uima.tcas.Annotation", "uima.tcas.DocumentAnnotation"
_SEGMENTS = "de.tudarmstadt.ukp.dkpro.core.api.segmentation.type."
_LABELS = ("value", "label", "PosValue")
_OWN = {"sofa", "begin", "end", "Governor", "Dependent", "FSArray", "order"}
_SIMPLE = (str, bool, int, float)
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def recognise(source: Source) -> bool:
    """Whether the file is XMI, or JSON with the feature structures of UIMA."""
    head = source.head.lstrip()
    if head.startswith("{"):
        return '"%FEATURE_STRUCTURES"' in source.head or '"%TYPES"' in source.head
    return head.startswith("<") and "http://www.omg.org/XMI" in head


def companions(path: Path) -> list[Path]:
    """Return the type system of an XMI file, in its folder or the one above."""
    return [file for file in (path.parent / TYPES, path.parent.parent / TYPES) if file.is_file()][:1]


def read(source: Source) -> Iterator[Document]:
    """Yield the document of a file. Raises ExportError where it cannot be read, or its types are unknown."""
    require("dkpro-cassis")
    cas = _load(source)
    text = cas.sofa_string
    if not isinstance(text, str):
        raise source.error("no-text", "has no text (sofaString)", "export the document again with its text")
    name, who = source.stem, None
    for meta in _of_type(cas, METADATA):
        title, person = getattr(meta, "documentTitle", None), getattr(meta, "documentId", None)
        name = str(title or name)
        who = str(person) if person and person != title else None
    try:
        markup = _Reader(cas).read(who)
    except (AttributeError, TypeError, ValueError) as error:  # a feature has a value of another type than declared
        raise _unreadable(source, error) from None
    yield Document(name, text, [markup])


def _load(source: Source) -> Any:
    import cassis

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if source.head.lstrip().startswith("{"):
                return cassis.load_cas_from_json(source.text)
            return cassis.load_cas_from_xmi(_safe(source), typesystem=_types(source))
    except Exception as error:  # cassis raises what its parts raise
        if hasattr(error, "hint"):
            raise
        raise _unreadable(source, error) from None


def _unreadable(source: Source, error: Exception) -> ExportError:
    said = " ".join(str(error).split())[:200]
    message = f"is not a CAS that dkpro-cassis can read ({type(error).__name__}: {said})"
    hint = f"export it again as UIMA CAS JSON 0.4, or as XMI with its {TYPES}"
    return source.error("unknown-shape", message, hint)


def _safe(source: Source) -> str:
    if "<!DOCTYPE" in source.text or "<!ENTITY" in source.text:
        raise source.error("unknown-shape", "declares XML entities, which no CAS needs", "remove the declaration")
    return re.sub(r"^\s*<\?xml[^>]*\?>", "", source.text)


def _types(source: Source) -> Any:
    found = companions(source.path) if source.path else []
    if not found:
        hint = f"put {TYPES} of the same export into the folder of the file"
        raise source.error("unknown-shape", f"is XMI without its type system ({TYPES})", hint)
    return _type_system(found[0].read_bytes())


@lru_cache(maxsize=8)
def _type_system(content: bytes) -> Any:
    import cassis

    if b"<!ENTITY" in content:
        raise ValueError("the type system declares XML entities")
    return cassis.load_typesystem(content.decode("utf-8-sig"))


def _of_type(cas: Any, name: str) -> list[Any]:
    return list(cas.select(name)) if cas.typesystem.contains_type(name) else []


class _Reader:
    """Reads the annotations of a CAS: first the spans, then what refers to them."""

    def __init__(self, cas: Any) -> None:
        self._cas = cas
        self._markup = Markup()
        self._names: dict[int, str] = {}  # xmi:id of a span -> its id
        self._layers: dict[str, str] = {}  # short name -> type

    def read(self, annotator: str | None) -> Markup:
        """Return all annotations of the CAS."""
        self._markup.annotator = annotator
        found = [one for one in self._cas.select_all_fs() if not self._skipped(one.type)]
        relations = [one for one in found if {"Governor", "Dependent"} <= self._features(one)]
        linking = {id(one) for one in relations}
        spans = [one for one in found if id(one) not in linking and self._is_annotation(one.type)]
        for span in spans:
            self._names[id(span)] = f"s{span.xmiID}" if span.xmiID is not None else self._markup.new_id("n")
        for span in spans:
            self._span(span)
        known = {id(one) for one in (*relations, *spans)}
        rest = [one for one in found if id(one) not in known and "target" not in self._features(one)]
        others = Counter(one.type.name for one in rest if not self._about_document(one))
        for name, count in sorted(others.items()):
            message = f"{count:,} feature structures of {_short(name)} are not read: they mark no text"
            self._markup.refused.append(Refused("unread-column", message, name))
        for sofa in self._cas.sofas[1:]:
            self._markup.refused.append(Refused("unread-column", f"the view {sofa.sofaID} is not read", sofa.sofaID))
        between: Counter[str] = Counter()
        for relation in relations:
            ends = [self._names.get(id(getattr(relation, key))) for key in ("Governor", "Dependent")]
            if None in ends:
                between[relation.type.name] += 1
                continue
            self._relation(relation, str(ends[0]), str(ends[1]))
        for name, count in sorted(between.items()):
            message = f"{count:,} relations of {_short(name)} are not read: their ends are tokens, not spans"
            self._markup.refused.append(Refused("unread-column", message, name))
        return self._markup

    def _about_document(self, one: Any) -> bool:
        """Take a feature structure with simple values, as of a document metadata layer, as values of the document."""
        given = {
            feature: value
            for feature in sorted(self._features(one) - _OWN)
            if (value := getattr(one, feature, None)) is not None
        }
        if not given or not all(isinstance(value, _SIMPLE) for value in given.values()):
            return False
        for feature, value in given.items():
            key = f"{_short(one.type.name)}_{feature}"
            known = self._markup.values.get(key)
            earlier = known.values if known else ()
            if isinstance(value, bool):
                self._markup.values[key] = Given("choices", (*earlier, str(value).lower()))
            else:
                self._markup.values[key] = Given("textarea", (*earlier, str(value)))
        return True

    def _skipped(self, type_: Any) -> bool:
        name = type_.name
        if name.startswith(_SEGMENTS) and _short(name) in ("Token", "Sentence"):
            return True
        return (name.startswith("uima.") and name != _ANNOTATION) or name == METADATA or "TagsetDescription" in name

    def _is_annotation(self, type_: Any) -> bool:
        while type_ is not None and type_.name != _ANNOTATION:
            if type_.name == _DOCUMENT:
                return False
            type_ = type_.supertype
        return type_ is not None

    @staticmethod
    def _features(one: Any) -> set[str]:
        return {feature.name for feature in one.type.all_features}

    def _layer(self, type_: Any) -> str:
        short = _short(type_.name)
        known = self._layers.setdefault(short, type_.name)
        return short if known == type_.name else type_.name

    def _span(self, span: Any) -> None:
        name = self._names[id(span)]
        features = self._features(span)
        key = next((one for one in _LABELS if one in features), None)
        label = getattr(span, key) if key else None
        given: dict[str, Given] = {}
        for feature in sorted(features - _OWN - ({key} if key else set())):
            self._value(name, given, feature, getattr(span, feature, None))
        labels = (str(label) if label is not None else _short(span.type.name),)
        self._markup.marks.append(Mark(name, self._layer(span.type), labels, span.begin, span.end, None, given))

    def _value(self, name: str, given: dict[str, Given], feature: str, value: Any) -> None:
        """Take the value of a feature: simple values as an attribute, spans and slots as relations."""
        if value is None:
            return
        elements = getattr(value, "elements", None)
        parts = list(elements or []) if hasattr(value, "elements") else value if isinstance(value, list) else [value]
        simple = [part for part in parts if isinstance(part, _SIMPLE)]
        for part in parts:
            if isinstance(part, _SIMPLE) or part is None:
                continue
            target = getattr(part, "target", part)
            role = getattr(part, "role", None) or feature
            if id(target) in self._names:
                self._markup.links.append(Link(str(role), name, self._names[id(target)]))
            else:
                message = f"the feature {feature} refers to {_short(part.type.name)}, which is no span"
                self._markup.refused.append(Refused("unsupported-control", message, feature, name))
        if len(simple) == 1 and isinstance(simple[0], bool):
            given[feature] = Given("choices", (str(simple[0]).lower(),))
        elif len(simple) == 1 and isinstance(simple[0], int | float):
            given[feature] = Given("number", (simple[0],))
        elif simple:
            given[feature] = Given("textarea", tuple(map(str, simple)))

    def _relation(self, relation: Any, source: str, target: str) -> None:
        features = self._features(relation) - _OWN
        words = {key: getattr(relation, key, None) for key in sorted(features)}
        said = {key: value for key, value in words.items() if isinstance(value, str)}
        key = next((one for one in ("label", "value", "DependencyType", *said) if said.get(one)), None)
        self._markup.links.append(Link(said[key] if key else self._layer(relation.type), source, target))
        for other, value in words.items():
            if other != key and value is not None:
                message = f"the feature {other} of a relation is not read: a relation has no attributes"
                self._markup.refused.append(Refused("unsupported-control", message, str(value)))


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def write(documents: Iterable[Document], folder: Path, losses: Counter[str], *, as_json: bool = False) -> None:
    """Write an XMI file for each document, with one TypeSystem.xml, or files of UIMA CAS JSON 0.4.

    Each layer is a type, and each attribute is a feature of it.
    """
    require("dkpro-cassis")
    import cassis

    files = FileNames()
    types, known = cassis.TypeSystem(), set[tuple[str, str]]()
    for document in documents:
        if not as_json:
            document = _for_xml(document, losses)
        writer = _Writer(document, losses)
        stem = files.of(document.id, Counter())
        if as_json:
            (folder / f"{stem}.json").write_text(writer.json(), encoding="utf-8")
            continue
        (folder / f"{stem}.xmi").write_text(writer.xmi(), encoding="utf-8", newline="\n")
        if not writer.names <= known:
            types = cassis.merge_typesystems(types, writer.types)
            known |= writer.names
    if not as_json:
        (folder / TYPES).write_text(types.to_xml(), encoding="utf-8", newline="\n")


def _for_xml(document: Document, losses: Counter[str]) -> Document:
    """Return the document with U+FFFD for each character that XML cannot hold, such as a form feed."""
    text, many = _NOT_XML.subn("\ufffd", document.text or "")
    losses["character that XML cannot hold, replaced"] += many
    return Document(document.id, text, document.markups, document.data)


class _Writer:
    """Makes the CAS of a document."""

    def __init__(self, document: Document, losses: Counter[str]) -> None:
        import cassis

        self._document, self._losses = document, losses
        self._types = self.types = cassis.TypeSystem()
        self._cas = cassis.Cas(self._types)
        self._cas.sofa_string, self._cas.sofa_mime = document.text or "", "text/plain"
        self._features: dict[tuple[str, str], str] = {}
        self._known: dict[str, Any] = {}

    @property
    def names(self) -> set[tuple[str, str]]:
        """The types and features of the document."""
        return {(METADATA, ""), *self._features, *((key, "") for key in self._known)}

    def json(self) -> str:
        """Return the JSON text of the CAS."""
        self._fill()
        return json.dumps(json.loads(self._cas.to_json()), ensure_ascii=False)

    def xmi(self) -> str:
        """Return the XMI of the CAS."""
        self._fill()
        return str(self._cas.to_xmi(pretty_print=True))

    def _fill(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            meta = self._types.create_type(METADATA, _DOCUMENT)
            for key in ("documentTitle", "documentId"):
                self._types.create_feature(meta, key, "uima.cas.String")
            whole = {"begin": 0, "end": len(self._document.text or "")}
            who = next((markup.annotator for markup in self._document.markups if markup.annotator), self._document.id)
            self._cas.add(meta(documentTitle=self._document.id, documentId=who, **whole))
            for markup in self._document.markups:
                self._losses["value about the document"] += len(markup.values)
                self._add(markup)

    def _add(self, markup: Markup) -> None:
        ends: dict[str, Any] = {}
        for mark in markup.marks:  # a type has all its features before the first annotation is made
            for key, values in mark.attributes.items():
                self._feature(self._type(mark.layer), key, values)
                self._losses["kind of an attribute, which becomes text"] += values.kind != "textarea"
        for mark in markup.marks:
            type_ = self._type(mark.layer)
            self._losses["several labels of a span"] += len(mark.labels) > 1
            given = {self._feature(type_, key, values): self._held(values) for key, values in mark.attributes.items()}
            one = type_(begin=mark.start, end=mark.end, label=mark.labels[0], **given)
            self._cas.add(one)
            ends[mark.id] = one
        for link in markup.links:
            source, target = ends[link.source], ends[link.target]
            place = {"begin": target.begin, "end": target.end}
            self._cas.add(self._relation()(Governor=source, Dependent=target, label=link.label, **place))

    def _type(self, layer: str) -> Any:
        if layer not in self._known:
            made = self._types.create_type(f"custom.{_identifier(layer)}", _ANNOTATION)
            self._types.create_feature(made, "label", "uima.cas.String")
            self._losses["name of a layer, changed"] += _identifier(layer) != layer
            self._known[layer] = made
        return self._known[layer]

    def _relation(self) -> Any:
        if "" not in self._known:
            made = self._types.create_type("custom.relation.Relation", _ANNOTATION)
            for key in ("Governor", "Dependent"):
                self._types.create_feature(made, key, _ANNOTATION)
            self._types.create_feature(made, "label", "uima.cas.String")
            self._known[""] = made
        return self._known[""]

    def _feature(self, type_: Any, key: str, values: Given) -> str:
        """Return the name of the feature of an attribute; several values have a feature of their own kind."""
        name = _identifier(key)
        name += "_value" if name in {*_OWN, *_LABELS, "type", "xmiID"} else ""
        name += "_list" if len(values.values) != 1 else ""
        if (type_.name, name) not in self._features:
            kind = "uima.cas.String" if len(values.values) == 1 else "uima.cas.StringArray"
            self._types.create_feature(type_, name, kind)
            self._features[type_.name, name] = key
            self._losses["name of an attribute, changed"] += name != key
        return name

    def _held(self, values: Given) -> Any:
        words = [_NOT_XML.sub("\ufffd", word) for word in values.words()]
        if len(words) == 1:
            return words[0]
        return self._types.get_type("uima.cas.StringArray")(elements=words)


def _identifier(name: str) -> str:
    plain = re.sub(r"[^0-9A-Za-z_]", "_", name)
    return plain if re.match(r"[A-Za-z]", plain) else f"x{plain}"
