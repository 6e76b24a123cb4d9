"""Codebook -> label_config.xml: Label Studio's labelling configuration (read off version 1.23.2).

Built as an element tree, so that it is well-formed and attributes are always in double quotes: the server finds names
with a regular expression over the XML.

What Label Studio does, and the page is made around:
- A Choice, Rating or Number without a hotkey is given one, which works in hidden fields too: all get one here, most of
  them one that nobody presses. What a key sets in a field of another layer is not submitted, because of that field's
  `whenLabelValue`.
- `layout="select"` cannot be searched: letters typed into it are hotkeys. Long lists are buttons under a Filter.
- `granularity="word"` holds an apostrophe for part of a word: of "Oslo's" nobody could mark "Oslo".
- A control is about one text (`toName`): a layer is marked in one only.
- A note with `displayMode="region-list"` is a box in the list of regions, at each region of whatever layer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from string import ascii_lowercase
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
from ..hotkeys import usable
from ..registry import Entity
from .label_style import STYLE

MARK = "<!-- made from codebook.toml and entities.toml by scripts/generate.py; do not edit -->"
MOST_ENTITIES = 200
MOST_BUTTONS = 12
NO_KEY = "ctrl+alt+shift+f19"  # the last key that Label Studio knows, on hardly any keyboard
KEYLESS = "order: 0"  # changes nothing, but label_style.py knows by it which values show no key
# Where `required` does not heed `whenTagName`, only `whenLabelValue`.
BLIND_TO_LAYERS = frozenset({"rating", "number"})
TAGS = {"choice": "Choices", "text": "TextArea", "taxonomy": "Taxonomy", "rating": "Rating", "number": "Number"}
TIP = "Press the key of a label, then drag over the words. Click a mark to describe it."
ARROW_TIP = "Alt+R and a click on another mark draw an arrow from it; its label is given under Relations."


def render_label_config(codebook: Codebook, entities: dict[str, Entity]) -> str:
    """The labelling configuration as XML; `entities` are the ids that `ref` fields offer.

    In sight at all times: the layers' labels, and beside the texts the attributes of the selected span. Below the
    texts: the document layers.
    """
    root = Element("View", className="np")
    SubElement(root, "Style").text = STYLE
    keys = _free_keys(codebook)
    fields = list(_attributes(codebook, entities, keys))
    relations = list(_relations(codebook))
    shown = [_tip(arrows=bool(relations)), *fields] if fields else []
    root.extend(_group("np-head", [*_layers(codebook), *_group("np-fields", shown)]))
    beside = " np-beside" if fields else ""
    for name in codebook.texts:
        root.append(_text(codebook, name, f"np-text{beside}"))
    root.extend(_group(f"np-document{beside}", list(_documents(codebook, entities, keys))))
    root.extend(relations)
    indent(root)
    return f"{MARK}\n{tostring(root, encoding='unicode')}\n"


def _group(class_name: str, parts: list[Element]) -> Iterator[Element]:
    """The parts in a View of their own, if there are any."""
    if parts:
        view = Element("View", className=class_name)
        view.extend(parts)
        yield view


def _free_keys(codebook: Codebook) -> Iterator[str]:
    """Keys for the finders of long lists, which the codebook does not give: digits first."""
    taken = {(value.hotkey or "").lower() for _, values in codebook.label_sets() for value in values.values()}
    yield from (key for key in "0987654321" + ascii_lowercase[::-1] if key not in taken and usable(key))


def _tip(*, arrows: bool) -> Element:
    """What to do, in the place of the attributes while no span is selected."""
    view = Element("View", className="np-tip", visibleWhen="no-region-selected")
    SubElement(view, "Header", value=TIP, size="5")
    if arrows:
        SubElement(view, "Header", value=ARROW_TIP, size="5")
    return view


def _layers(codebook: Codebook) -> Iterator[Element]:
    """Each layer's labels as a panel; a closed one keeps its hotkeys."""
    if codebook.layers:
        bar = Element("Collapse", accordion="false", open="true")
        for name, layer in codebook.layers.items():
            about = _about(codebook, layer.text)
            place = f" ({about})" if about and len(codebook.texts) > 1 else ""
            panel = SubElement(bar, "Panel", value=f"{layer.title or name}{place}")
            panel.append(_layer(codebook, name, layer))
        yield bar


def _text(codebook: Codebook, name: str, class_name: str) -> Element:
    """A text; where there are several, under its name."""
    text = codebook.texts[name]
    view = Element("View", className=class_name)
    if len(codebook.texts) > 1:
        view.append(_header(name, "", ""))
    tag, settings = ("HyperText", {}) if text.kind == "html" else ("Text", {"granularity": "symbol"})
    SubElement(view, tag, {"name": name, "value": f"${text.field}", **settings})
    return view


def _about(codebook: Codebook, text: str | None) -> str | None:
    """The name of the text that a layer is about; without texts, None."""
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


def _attributes(codebook: Codebook, entities: dict[str, Entity], keys: Iterator[str]) -> Iterator[Element]:
    for name, uses in _uses(codebook).items():
        _, layer, key, attribute, _ = uses[0]
        when = {"visibleWhen": "region-selected"}
        if len(uses) == 1:  # it takes one name, so a control of several layers shows for any region with their labels
            when["whenTagName"] = layer_control(uses[0].layer_name, layer)
        limit = _limit([exported(label, value) for use in uses for label, value in use.labels.items()])
        narrow = len(uses) > 1 or len(uses[0].labels) < len(layer.labels)
        view = Element("View", {**when, **(limit if narrow else {})})
        settings = {"name": name, **_to_name(codebook, layer.text), "perRegion": "true"}
        # Repeated here, because the check of `required` and the list of regions look at the control alone.
        settings |= when | limit
        always = all(_always_required(use.attribute, use.labels) for use in uses)
        if always and (limit or (len(uses) == 1 and attribute.kind not in BLIND_TO_LAYERS)):
            settings |= _required(key, attribute)
        values = _offered(uses, entities)
        widest = next((use.attribute for use in uses if use.attribute.many), attribute)
        yield _field(view, key, widest, values, settings, keys)


def typed_in(codebook: Codebook, entities: dict[str, Entity]) -> frozenset[str]:
    """The per-region controls that take typed text: notes, and ids of lists that are empty or too long."""
    uses = _uses(codebook).items()
    tags = {control: _tag(used[0].attribute, _offered(used, entities)) for control, used in uses}
    return frozenset(control for control, tag in tags.items() if tag == "TextArea")


def _offered(uses: list[_Use], entities: dict[str, Entity]) -> dict[str, Value]:
    """What a control offers: the values of all the attributes that it serves."""
    return {key: value for use in uses for key, value in _values(use.attribute, use.labels, entities).items()}


def _documents(codebook: Codebook, entities: dict[str, Entity], keys: Iterator[str]) -> Iterator[Element]:
    taken = _uses(codebook)
    for key, document in codebook.document.items():
        if document_control(key, document) in taken:
            continue  # exports may use one control for regions and articles, a configuration cannot
        settings = {"name": document_control(key, document), **_to_name(codebook, document.text)}
        if document.required:
            settings |= _required(key, document)
        yield _field(Element("View"), key, document, _values(document, {}, entities), settings, keys)


def _relations(codebook: Codebook) -> Iterator[Element]:
    """All relation labels, once each: Label Studio has one list of them for all layers."""
    named = [(key, relation) for layer in codebook.layers.values() for key, relation in layer.relations.items()]
    labels = dict.fromkeys(relation_label(key, relation) for key, relation in named if not relation.unlabelled)
    if labels:
        relations = Element("Relations", choice="single")
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
    return {"required": "true", "requiredMessage": _plain(f"{field.title or key} is required{asked}")}


def _values(field: Field, labels: Mapping[str, Label], entities: dict[str, Entity]) -> Mapping[str, Value]:
    """What the field offers: its own values, or the ids of the registry."""
    if field.kind != "ref":
        return field.values
    matching = isinstance(field, Attribute) and field.types_match_label
    known = {key: entity for key, entity in entities.items() if not matching or entity.type in labels}
    return {key: Value(definition=entity.description) for key, entity in known.items()}


def _tag(field: Field, values: Mapping[str, Value]) -> str:
    """The control's tag; a list of ids that is empty, or too long to choose from, is typed in."""
    return TAGS.get(field.kind) or ("Choices" if 0 < len(values) <= MOST_ENTITIES else "TextArea")


def _field(
    view: Element, key: str, field: Field, values: Mapping[str, Value], settings: dict[str, str], keys: Iterator[str]
) -> Element:
    """The field in its View: its question, a finder if its list is long, its control."""
    view.append(_header(key, field.title, field.question))
    control = _control(field, values, settings)
    view.set("className", "np-field")
    if control.tag == "Choices" and len(values) > MOST_BUTTONS:
        view.set("className", "np-field np-long")
        hotkey = next(keys, NO_KEY)
        told = "Find" if hotkey == NO_KEY else f"Find [{hotkey}]"
        finder = {"name": f"{settings['name']}_find", "toName": settings["name"], "minlength": "1"}
        SubElement(view, "Filter", {**finder, "placeholder": told, "hotkey": hotkey})
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
    told = f"{title or key}: {question}" if question else title or key
    return Element("Header", value=_plain(told), size="5")


def _named(key: str, value: Value) -> dict[str, str]:
    """How the value is shown, and how it is exported where that differs."""
    return {"value": key} if exported(key, value) == key else {"value": key, "alias": exported(key, value)}


def _hint(value: Value) -> dict[str, str]:
    return {"hint": _plain(value.definition)} if value.definition else {}


def _plain(text: str) -> str:
    """The codebook's Markdown without its marks: the page shows words as they stand."""
    return re.sub(r"(\*\*|\*|`)(?=\S)(.+?)(?<=\S)\1", r"\2", text)
