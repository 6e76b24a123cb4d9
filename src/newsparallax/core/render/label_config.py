"""Codebook -> label_config.xml: Label Studio's labelling configuration (read off version 1.23.2).

Built as an element tree, so that it is well-formed and attributes are always in double quotes: the server finds names
with a regular expression over the XML.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ..codebook import (
    LEVELS,
    Attribute,
    Codebook,
    Field,
    Label,
    Layer,
    Value,
    attribute_applies,
    attribute_control,
    document_control,
    exported,
    layer_control,
    relation_label,
)
from ..registry import Entity

MARK = "<!-- made from codebook.toml and entities.toml by scripts/generate.py; do not edit -->"
STYLE = """
    .np-text, .np-text * { white-space: pre-wrap; }
    .np-labels { position: sticky; top: 0; z-index: 2; background: var(--color-neutral-background, #fff); }
    .np-fields { position: sticky; bottom: 0; z-index: 2; max-height: 40vh; overflow-y: auto;
                 background: var(--color-neutral-background, #fff); }
  """
MOST_ENTITIES = 200
MOST_BUTTONS = 4
# Where `required` does not heed `whenTagName`, only `whenLabelValue`.
BLIND_TO_LAYERS = frozenset({"rating", "number"})
TAGS = {"choice": "Choices", "text": "TextArea", "taxonomy": "Taxonomy", "rating": "Rating", "number": "Number"}


def render_label_config(codebook: Codebook, entities: dict[str, Entity]) -> str:
    """The labelling configuration as XML; `entities` are the ids that `ref` fields offer.

    Top down: each text under its layers' labels, the selected span's attributes, the document layers, the relations.
    """
    root = Element("View")
    SubElement(root, "Style").text = STYLE
    for name in codebook.texts or [None]:
        root.append(_text(codebook, name))
    root.extend(_group("np-fields", _attributes(codebook, entities)))
    root.extend(_group("np-document", _documents(codebook, entities)))
    root.extend(_relations(codebook))
    indent(root)
    return f"{MARK}\n{tostring(root, encoding='unicode')}\n"


def _group(class_name: str, parts: Iterator[Element]) -> Iterator[Element]:
    """The parts in a View of their own, if there are any."""
    view = Element("View", className=class_name)
    view.extend(parts)
    if len(view):
        yield view


def _text(codebook: Codebook, name: str | None) -> Element:
    """A text under the labels of its layers, which stay in view as long as the text does."""
    group = Element("View")
    layers = [(key, layer) for key, layer in codebook.layers.items() if _about(codebook, layer.text) == name]
    group.extend(_group("np-labels", (_layer(codebook, key, layer) for key, layer in layers)))
    if name is not None:
        text = codebook.texts[name]
        tag, settings = ("HyperText", {}) if text.kind == "html" else ("Text", {"granularity": "word"})
        view = SubElement(group, "View", className="np-text")
        SubElement(view, tag, {"name": name, "value": f"${text.field}", **settings})
    return group


def _about(codebook: Codebook, text: str | None) -> str | None:
    """The name of the text that a layer is about; without texts, None."""
    return text if text in codebook.texts else codebook.main_text


def _to_name(codebook: Codebook, text: str | None) -> dict[str, str]:
    name = _about(codebook, text)
    return {} if name is None else {"toName": name}


def _layer(codebook: Codebook, name: str, layer: Layer) -> Element:
    view = Element("View")
    view.append(_header(name, layer.title, layer.question))
    about = _about(codebook, layer.text)
    html = about is not None and codebook.texts[about].kind == "html"
    settings = {"name": layer_control(name, layer), **_to_name(codebook, layer.text), "showInline": "true"}
    if layer.multiple:
        settings["choice"] = "multiple"
    labels = SubElement(view, "HyperTextLabels" if html else "Labels", settings)
    for key, label in layer.labels.items():
        looks = {"background": label.color, "hotkey": label.hotkey}
        SubElement(labels, "Label", {**_named(key, label), **{k: v for k, v in looks.items() if v}, **_hint(label)})
    return view


class _Use(NamedTuple):
    """An attribute of a layer, and those of the layer's labels whose spans may carry it."""

    layer_name: str
    layer: Layer
    key: str
    attribute: Attribute
    labels: dict[str, Label]


def _uses(codebook: Codebook) -> dict[str, list[_Use]]:
    """Name of a per-region control -> the attributes that it serves: one, or one of each of several layers."""
    uses: dict[str, list[_Use]] = {}
    for name, layer in codebook.layers.items():
        for key, attribute in layer.attributes.items():
            use = _Use(name, layer, key, attribute, _labels(layer, attribute))
            uses.setdefault(attribute_control(name, key, attribute), []).append(use)
    return uses


def _attributes(codebook: Codebook, entities: dict[str, Entity]) -> Iterator[Element]:
    for name, uses in _uses(codebook).items():
        _, layer, key, attribute, _ = uses[0]
        when = {"visibleWhen": "region-selected"}
        if len(uses) == 1:  # it takes one name, so a control of several layers shows for any region with their labels
            when["whenTagName"] = layer_control(uses[0].layer_name, layer)
        limit = _limit([exported(label, value) for use in uses for label, value in use.labels.items()])
        narrow = len(uses) > 1 or len(uses[0].labels) < len(layer.labels)
        view = Element("View", {**when, **(limit if narrow else {})})
        view.append(_header(key, attribute.title, attribute.question))
        settings = {"name": name, **_to_name(codebook, layer.text), "perRegion": "true"}
        # Repeated here, because the check of `required` and the list of regions look at the control alone.
        settings |= when | limit
        always = all(_always_required(use.attribute, use.labels) for use in uses)
        if always and (limit or (len(uses) == 1 and attribute.kind not in BLIND_TO_LAYERS)):
            settings |= _required(key, attribute)
        values = {value: part for use in uses for value, part in _values(use.attribute, use.labels, entities).items()}
        widest = next((use.attribute for use in uses if use.attribute.many), attribute)
        view.append(_control(widest, values, settings, per_region=True))
        yield view


def _documents(codebook: Codebook, entities: dict[str, Entity]) -> Iterator[Element]:
    taken = _uses(codebook)
    for key, document in codebook.document.items():
        if document_control(key, document) in taken:
            continue  # exports may use one control for regions and articles, a configuration cannot
        view = Element("View")
        view.append(_header(key, document.title, document.question))
        settings = {"name": document_control(key, document), **_to_name(codebook, document.text)}
        if document.required:
            settings |= _required(key, document)
        view.append(_control(document, _values(document, {}, entities), settings, per_region=False))
        yield view


def _relations(codebook: Codebook) -> Iterator[Element]:
    """All relation labels, once each: Label Studio has one list of them for all layers."""
    named = [(key, relation) for layer in codebook.layers.values() for key, relation in layer.relations.items()]
    labels = dict.fromkeys(relation_label(key, relation) for key, relation in named if not relation.unlabelled)
    if labels:
        relations = Element("Relations")
        for label in labels:
            SubElement(relations, "Relation", value=label)
        yield relations


def _labels(layer: Layer, attribute: Attribute) -> dict[str, Label]:
    """The labels of the layer whose spans may carry the attribute."""
    return {key: label for key, label in layer.labels.items() if attribute_applies(attribute, (key,))}


def _limit(spellings: list[str]) -> dict[str, str]:
    """`whenLabelValue` for labels as exports spell them; a list in which one has a comma cannot be said."""
    return {} if any("," in spelling for spelling in spellings) else {"whenLabelValue": ",".join(spellings)}


def _always_required(attribute: Attribute, labels: Mapping[str, Label]) -> bool:
    """Whether each span that may carry the attribute must; Label Studio cannot say more conditions than that."""
    return attribute.required or (bool(attribute.required_for) and set(labels) <= set(attribute.required_for))


def _required(key: str, field: Field) -> dict[str, str]:
    asked = f": {field.question}" if field.question else ""
    return {"required": "true", "requiredMessage": f"{field.title or key} is required{asked}"}


def _values(field: Field, labels: Mapping[str, Label], entities: dict[str, Entity]) -> Mapping[str, Value]:
    """What the field offers: its own values, or the ids of the registry."""
    if field.kind != "ref":
        return field.values
    matching = isinstance(field, Attribute) and field.types_match_label
    known = {key: entity for key, entity in entities.items() if not matching or entity.type in labels}
    return {key: Value(definition=entity.description) for key, entity in known.items()}


def _control(field: Field, values: Mapping[str, Value], settings: dict[str, str], *, per_region: bool) -> Element:
    # A list of ids that is empty, or too long to choose from, is typed in.
    tag = TAGS.get(field.kind) or ("Choices" if 0 < len(values) <= MOST_ENTITIES else "TextArea")
    control = Element(tag, settings)
    if tag == "Choices":
        control.set("choice", "multiple" if field.many else "single")
        control.set(*(("layout", "select") if len(values) > MOST_BUTTONS else ("showInline", "true")))
        for key, value in values.items():
            SubElement(control, "Choice", {**_named(key, value), **_hint(value)})
    elif tag == "TextArea":
        control.set("editable", "true")
        if per_region:
            control.set("displayMode", "region-list")
        if not field.many:
            control.set("maxSubmissions", "1")
    elif tag == "Taxonomy":
        if not field.many:
            control.set("maxUsages", "1")
        _grow(control, values)
    return control


def _grow(taxonomy: Element, values: Mapping[str, Value]) -> None:
    """Nest the values by their paths; a step that is no value itself becomes one."""
    nodes: dict[tuple[str, ...], Element] = {(): taxonomy}
    for key, value in values.items():
        path = tuple(key.split(LEVELS))
        for depth in range(1, len(path) + 1):
            if path[:depth] not in nodes:
                nodes[path[:depth]] = SubElement(nodes[path[: depth - 1]], "Choice", value=path[depth - 1])
        alias = exported(key, value).split(LEVELS)[-1]
        nodes[path].attrib.update({"alias": alias} if alias != path[-1] else {}, **_hint(value))


def _header(key: str, title: str, question: str) -> Element:
    return Element("Header", value=f"{title or key}: {question}" if question else title or key, size="5")


def _named(key: str, value: Value) -> dict[str, str]:
    """How the value is shown, and how it is exported where that differs."""
    return {"value": key} if exported(key, value) == key else {"value": key, "alias": exported(key, value)}


def _hint(value: Value) -> dict[str, str]:
    return {"hint": value.definition} if value.definition else {}
