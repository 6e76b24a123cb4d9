"""Render the codebook as label_config.xml: Label Studio's labelling configuration (for version 1.23.2, by its source).

The configuration is built as an element tree, so it is well-formed, and attributes are always in double quotes: the
server finds names with a regular expression over the XML.

The page takes this behaviour of Label Studio into account:
- Label Studio assigns a hotkey to each Choice, Rating or Number without a hotkey, and the hotkey also works in hidden
  fields. So this module gives all of them a hotkey, most of them one that nobody presses. If a key sets a value in a
  field of another layer, the value is not submitted, because of that field's `whenLabelValue`.
- A list with `layout="select"` has no search: letters that are typed into it are hotkeys. So long lists are buttons
  under a Filter.
- `granularity="word"` treats an apostrophe as a part of the word: annotators cannot mark "Oslo" in "Oslo's".
- A control is about one text (`toName`), so a layer can be annotated in one text only.
- A note with `displayMode="region-list"` is a box in the list of regions, at each region of any layer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from string import ascii_lowercase
from textwrap import indent as indented
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ..corpus import (
    LEVELS,
    Attribute,
    Codebook,
    Entity,
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
    usable,
)

MARK = "<!-- made from codebook.toml and entities.toml by newsparallax generate; do not edit -->"
MAX_ENTITIES = 200
MAX_BUTTONS = 12
NO_KEY = "ctrl+alt+shift+f19"  # the last key that Label Studio knows; hardly any keyboard has it
# The CSS must not contain `<`, `>` or `&`: Label Studio reads the text of the Style tag as XML source, which escapes
# them. The bars of Label Studio above and below the page take 140 px of its height.
_CSS = files("newsparallax.render").joinpath("label_style.css").read_text(encoding="utf-8")
STYLE = f"\n{indented(_CSS, '    ')}  "
KEYLESS = "order: 0"  # has no visual effect; label_style.css selects by it the values that show no key
# Kinds whose `required` ignores `whenTagName` and respects only `whenLabelValue`.
BLIND_TO_LAYERS = frozenset({"rating", "number"})
TAGS = {"choice": "Choices", "text": "TextArea", "taxonomy": "Taxonomy", "rating": "Rating", "number": "Number"}
TIP = "Press the key of a label, then drag over the words. Click a mark to describe it."
RELATION_TIP = "Alt+R and a click on another mark draw a relation from it; its label is given under Relations."


def render_label_config(codebook: Codebook, entities: dict[str, Entity]) -> str:
    """Return the labelling configuration as XML; `entities` are the entities that `ref` fields offer.

    The page always shows the layers' labels and, beside the texts, the attributes of the selected span. The document
    layers are below the texts.
    """
    root = Element("View", className="np")
    SubElement(root, "Style").text = STYLE
    keys = _free_keys(codebook)
    fields = list(_attributes(codebook, entities, keys))
    relations = list(_relations(codebook))
    shown = [_tip(relations=bool(relations)), *fields] if fields else []
    root.extend(_group("np-head", [*_layers(codebook), *_group("np-fields", shown)]))
    beside = " np-beside" if fields else ""
    for name in codebook.texts:
        root.append(_text(codebook, name, f"np-text{beside}"))
    root.extend(_group(f"np-document{beside}", list(_documents(codebook, entities, keys))))
    root.extend(relations)
    indent(root)
    return f"{MARK}\n{tostring(root, encoding='unicode')}\n"


def _group(class_name: str, parts: list[Element]) -> Iterator[Element]:
    """Yield a separate View with the parts, if there are any."""
    if parts:
        view = Element("View", className=class_name)
        view.extend(parts)
        yield view


def _free_keys(codebook: Codebook) -> Iterator[str]:
    """Yield hotkeys that the codebook does not use, digits first; the search fields of long lists use them."""
    taken = {(value.hotkey or "").lower() for _, values in codebook.label_sets() for value in values.values()}
    yield from (key for key in "0987654321" + ascii_lowercase[::-1] if key not in taken and usable(key))


def _tip(*, relations: bool) -> Element:
    """Return the instructions that replace the attributes while no span is selected."""
    view = Element("View", className="np-tip", visibleWhen="no-region-selected")
    SubElement(view, "Header", value=TIP, size="5")
    if relations:
        SubElement(view, "Header", value=RELATION_TIP, size="5")
    return view


def _layers(codebook: Codebook) -> Iterator[Element]:
    """Yield a bar with a panel of labels for each layer; the hotkeys of a closed panel still work."""
    if codebook.layers:
        bar = Element("Collapse", accordion="false", open="true")
        for name, layer in codebook.layers.items():
            about = _about(codebook, layer.text)
            suffix = f" ({about})" if about and len(codebook.texts) > 1 else ""
            panel = SubElement(bar, "Panel", value=f"{layer.title or name}{suffix}")
            panel.append(_layer(codebook, name, layer))
        yield bar


def _text(codebook: Codebook, name: str, class_name: str) -> Element:
    """Return the View of a text; with several texts, it has the text's name as its header."""
    text = codebook.texts[name]
    view = Element("View", className=class_name)
    if len(codebook.texts) > 1:
        view.append(_header(name, "", ""))
    tag, settings = ("HyperText", {}) if text.kind == "html" else ("Text", {"granularity": "symbol"})
    SubElement(view, tag, {"name": name, "value": f"${text.field}", **settings})
    return view


def _about(codebook: Codebook, text: str | None) -> str | None:
    """Return the name of the text that a layer is about; None if the codebook has no texts."""
    return text if text in codebook.texts else codebook.main_text


def _to_name(codebook: Codebook, text: str | None) -> dict[str, str]:
    name = _about(codebook, text)
    return {} if name is None else {"toName": name}


def _layer(codebook: Codebook, name: str, layer: Layer) -> Element:
    about = _about(codebook, layer.text)
    html = about is not None and codebook.texts[about].kind == "html"
    settings = {"name": layer_control(name, layer), **_to_name(codebook, layer.text), "showInline": "true"}
    if layer.multiple:
        settings["choice"] = "multiple"
    labels = Element("HyperTextLabels" if html else "Labels", settings)
    for key, label in layer.labels.items():
        looks = {"background": label.color, "hotkey": label.hotkey}
        SubElement(labels, "Label", {**_named(key, label), **{k: v for k, v in looks.items() if v}, **_hint(label)})
    return labels


class _Use(NamedTuple):
    """An attribute of a layer, with the labels whose spans may have the attribute."""

    layer_name: str
    layer: Layer
    key: str
    attribute: Attribute
    labels: dict[str, Label]


def _uses(codebook: Codebook) -> dict[str, list[_Use]]:
    """Map each per-region control to its attributes: one attribute, or one of each of several layers."""
    uses: dict[str, list[_Use]] = {}
    for name, layer in codebook.layers.items():
        for key, attribute in layer.attributes.items():
            use = _Use(name, layer, key, attribute, _labels(layer, attribute))
            uses.setdefault(attribute_control(name, key, attribute), []).append(use)
    return uses


def _attributes(codebook: Codebook, entities: dict[str, Entity], keys: Iterator[str]) -> Iterator[Element]:
    for name, uses in _uses(codebook).items():
        _, layer, key, attribute, _ = uses[0]
        when = {"visibleWhen": "region-selected"}
        # `whenTagName` takes one name, so a control of several layers shows for any region with their labels.
        if len(uses) == 1:
            when["whenTagName"] = layer_control(uses[0].layer_name, layer)
        limit = _limit([exported(label, value) for use in uses for label, value in use.labels.items()])
        narrow = len(uses) > 1 or len(uses[0].labels) < len(layer.labels)
        view = Element("View", {**when, **(limit if narrow else {})})
        settings = {"name": name, **_to_name(codebook, layer.text), "perRegion": "true"}
        # Repeated here, because the check of `required` and the list of regions read only the control.
        settings |= when | limit
        always = all(_always_required(use.attribute, use.labels) for use in uses)
        if always and (limit or (len(uses) == 1 and attribute.kind not in BLIND_TO_LAYERS)):
            settings |= _required(key, attribute)
        values = _offered(uses, entities)
        widest = next((use.attribute for use in uses if use.attribute.many), attribute)
        yield _field(view, key, widest, values, settings, keys)


def typed_in(codebook: Codebook, entities: dict[str, Entity]) -> frozenset[str]:
    """Return the per-region controls with text input: notes, and ids where the list of ids is empty or too long."""
    uses = _uses(codebook).items()
    tags = {control: _tag(used[0].attribute, _offered(used, entities)) for control, used in uses}
    return frozenset(control for control, tag in tags.items() if tag == "TextArea")


def _offered(uses: list[_Use], entities: dict[str, Entity]) -> dict[str, Value]:
    """Return the values of a control: the values of all its attributes."""
    return {key: value for use in uses for key, value in _values(use.attribute, use.labels, entities).items()}


def _documents(codebook: Codebook, entities: dict[str, Entity], keys: Iterator[str]) -> Iterator[Element]:
    taken = _uses(codebook)
    for key, document in codebook.document.items():
        if document_control(key, document) in taken:
            continue  # an export may use one control for regions and articles, a configuration cannot
        settings = {"name": document_control(key, document), **_to_name(codebook, document.text)}
        if document.required:
            settings |= _required(key, document)
        yield _field(Element("View"), key, document, _values(document, {}, entities), settings, keys)


def _relations(codebook: Codebook) -> Iterator[Element]:
    """Yield one element with each relation label once: Label Studio has one list of relation labels for all layers."""
    named = [(key, relation) for layer in codebook.layers.values() for key, relation in layer.relations.items()]
    labels = dict.fromkeys(relation_label(key, relation) for key, relation in named if not relation.unlabelled)
    if labels:
        relations = Element("Relations", choice="single")
        for label in labels:
            SubElement(relations, "Relation", value=label)
        yield relations


def _labels(layer: Layer, attribute: Attribute) -> dict[str, Label]:
    """Return the labels of the layer whose spans may have the attribute."""
    return {key: label for key, label in layer.labels.items() if attribute_applies(attribute, (key,))}


def _limit(spellings: list[str]) -> dict[str, str]:
    """Return `whenLabelValue` for labels in the spelling of exports; empty if a label has a comma (the separator)."""
    return {} if any("," in spelling for spelling in spellings) else {"whenLabelValue": ",".join(spellings)}


def _always_required(attribute: Attribute, labels: Mapping[str, Label]) -> bool:
    """Whether each span that may have the attribute must have it; Label Studio supports no other conditions."""
    return attribute.required or (bool(attribute.required_for) and set(labels) <= set(attribute.required_for))


def _required(key: str, field: Field) -> dict[str, str]:
    asked = f": {field.question}" if field.question else ""
    return {"required": "true", "requiredMessage": _plain(f"{field.title or key} is required{asked}")}


def _values(field: Field, labels: Mapping[str, Label], entities: dict[str, Entity]) -> Mapping[str, Value]:
    """Return the values of a field: its codebook values, or the ids of the registry."""
    if field.kind != "ref":
        return field.values
    matching = isinstance(field, Attribute) and field.types_match_label
    known = {key: entity for key, entity in entities.items() if not matching or entity.type in labels}
    return {key: Value(definition=entity.description) for key, entity in known.items()}


def _tag(field: Field, values: Mapping[str, Value]) -> str:
    """Return the control's tag; ids from an empty list, or from one with over MAX_ENTITIES ids, are typed as text."""
    return TAGS.get(field.kind) or ("Choices" if 0 < len(values) <= MAX_ENTITIES else "TextArea")


def _field(
    view: Element, key: str, field: Field, values: Mapping[str, Value], settings: dict[str, str], keys: Iterator[str]
) -> Element:
    """Fill the View of a field: its question, a search field if its list is long, and its control."""
    view.append(_header(key, field.title, field.question))
    control = _control(field, values, settings)
    view.set("className", "np-field")
    if control.tag == "Choices" and len(values) > MAX_BUTTONS:
        view.set("className", "np-field np-long")
        hotkey = next(keys, NO_KEY)
        placeholder = "Find" if hotkey == NO_KEY else f"Find [{hotkey}]"
        finder = {"name": f"{settings['name']}_find", "toName": settings["name"], "minlength": "1"}
        SubElement(view, "Filter", {**finder, "placeholder": placeholder, "hotkey": hotkey})
    view.append(control)
    return view


def _control(field: Field, values: Mapping[str, Value], settings: dict[str, str]) -> Element:
    tag = _tag(field, values)
    control = Element(tag, settings)
    if tag == "Choices":
        control.set("choice", "multiple" if field.many else "single")
        control.set("showInline", "true")
        for key, value in values.items():
            look = {"hotkey": value.hotkey} if value.hotkey else {"hotkey": NO_KEY, "style": KEYLESS}
            SubElement(control, "Choice", {**_named(key, value), **look, **_hint(value)})
    elif tag == "TextArea":
        control.set("editable", "true")
        if not field.many:
            control.set("maxSubmissions", "1")
    elif tag == "Taxonomy":
        if not field.many:
            control.set("maxUsages", "1")
        _grow(control, values)
    else:
        control.set("hotkey", NO_KEY)
    return control


def _grow(taxonomy: Element, values: Mapping[str, Value]) -> None:
    """Nest the values by their paths; a level of a path that is not a value itself becomes a choice too."""
    nodes: dict[tuple[str, ...], Element] = {(): taxonomy}
    for key, value in values.items():
        path = tuple(key.split(LEVELS))
        for depth in range(1, len(path) + 1):
            if path[:depth] not in nodes:
                nodes[path[:depth]] = SubElement(nodes[path[: depth - 1]], "Choice", value=path[depth - 1])
        alias = exported(key, value).split(LEVELS)[-1]
        nodes[path].attrib.update({"alias": alias} if alias != path[-1] else {}, **_hint(value))


def _header(key: str, title: str, question: str) -> Element:
    heading = f"{title or key}: {question}" if question else title or key
    return Element("Header", value=_plain(heading), size="5")


def _named(key: str, value: Value) -> dict[str, str]:
    """Return the displayed name of a value, and its exported name (`alias`) where that differs."""
    return {"value": key} if exported(key, value) == key else {"value": key, "alias": exported(key, value)}


def _hint(value: Value) -> dict[str, str]:
    return {"hint": _plain(value.definition)} if value.definition else {}


def _plain(text: str) -> str:
    """Remove emphasis and code marks from the codebook's Markdown, because the page does not render Markdown."""
    return re.sub(r"(\*\*|\*|`)(?=\S)(.+?)(?<=\S)\1", r"\2", text)
