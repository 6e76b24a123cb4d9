"""Read a parsed labelling configuration: the controls and texts that it declares.

The rules follow Label Studio's editor (web/libs/editor/src/core/Tree.tsx, mixins/Visibility.js, mixins/PerRegion.js).
Names of tags and attributes are case-insensitive. Content of a View with visibleWhen="region-selected" is shown for a
selected region.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar
from xml.etree.ElementTree import Element

from ..corpus import LEVELS, Label, Value, ValueKind

T = TypeVar("T", bound=Value)

OF_REGIONS = frozenset({"region-selected", "no-region-selected"})  # values of `visibleWhen` about region selection
LABEL_TAGS = ("labels", "hypertextlabels")
TEXT_TAGS = {"text": "plain", "hypertext": "html"}
FIELD_TAGS: dict[str, ValueKind] = {
    "choices": "choice",
    "textarea": "text",
    "taxonomy": "taxonomy",
    "rating": "rating",
    "number": "number",
}


@dataclass
class Control:
    """A control of spans (`kind` is None) or of values, with everything known about it.

    `open`: its labels or values come with the tasks. `about_region` and `about_article`: what it may describe. `on`
    lists the span controls whose regions it describes (empty: all on the same text). `on_labels` lists the labels to
    which it is limited, in the spelling of exports. `conditions` are other conditions for showing it. `paths` are the
    values of nested choices, needed where exports give the path to a choice instead of its name.
    """

    name: str
    kind: ValueKind | None
    texts: list[str] = field(default_factory=list)
    labels: dict[str, Label] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)
    open: bool = False
    many: bool = False
    about_region: bool = False
    about_article: bool = True
    on: list[str] = field(default_factory=list)
    on_labels: list[str] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)
    required: bool = False
    paths: dict[str, Value] = field(default_factory=dict)


class Condition(NamedTuple):
    """A `visibleWhen` other than "region-selected".

    `control` must have `choices`, or any choice if this is empty; `kind` tells whether it must have or lack them.
    """

    kind: str
    control: str
    choices: tuple[str, ...]

    def __str__(self) -> str:
        said = " or ".join(map(repr, self.choices)) or "anything"
        how = {"choice-selected": "has", "choice-unselected": "does not have"}.get(self.kind)
        return f"{self.control or 'any control'} {how} {said}" if how else f"visibleWhen={self.kind!r}"


@dataclass
class ShownText:
    """A Text or HyperText tag: the data field that it shows (None for a fixed text), and whether it is HTML."""

    name: str
    field: str | None
    html: bool = False


@dataclass
class Configuration:
    """The content of a labelling configuration; `unsupported` lists tags with names, such as "DateTime dt"."""

    controls: list[Control] = field(default_factory=list)
    texts: list[ShownText] = field(default_factory=list)
    referred: set[str] = field(default_factory=set)  # names to which controls refer (toName)
    relations: list[str] | None = None
    unsupported: list[str] = field(default_factory=list)


def read_config(root: Element) -> Configuration:
    """Return everything that the configuration declares, in its order.

    If two controls or two texts have the same name, only the first is read. A control and a text may share a name.
    """
    configuration = Configuration()
    names: set[tuple[bool, str]] = set()  # (whether the name is of a text, name)
    parts = [_Part(element, _attributes(element), conditions) for element, conditions in _walk(root, ())]
    texts = {part.given.get("name", "") for part in parts if part.tag in TEXT_TAGS}
    for part in parts:
        name = part.given.get("name", "")
        if part.tag in ("relation", "relations"):
            configuration.relations = configuration.relations or []
            value = part.given.get("value", "")
            configuration.relations += [value] if value and value not in configuration.relations else []
        elif part.tag == "repeater":
            configuration.unsupported.append(f"Repeater {part.given.get('on', '')}".strip())
        elif not name or (part.tag in TEXT_TAGS, name) in names:
            continue
        elif part.tag in TEXT_TAGS:
            configuration.texts.append(ShownText(name, _field(part.given.get("value", "")), part.tag == "hypertext"))
            names.add((True, name))
        elif _is_control(part.tag, part.given):
            names.add((False, name))
            about = _listed(part.given.get("toname", ""))
            configuration.referred.update(about)
            on_text = not about or bool(texts & set(about))
            if part.tag in FIELD_TAGS or (part.tag in LABEL_TAGS and on_text):
                configuration.controls.append(_control(part, name, about))
            else:
                configuration.unsupported.append(f"{part.element.tag} {name}")
    return configuration


@dataclass(frozen=True)
class _Part:
    """An element, its attributes by lower-case name, and the attributes of its ancestors that have `visibleWhen`."""

    element: Element
    given: dict[str, str]
    around: tuple[dict[str, str], ...]

    @property
    def tag(self) -> str:
        return self.element.tag.lower()


def _walk(element: Element, around: tuple[dict[str, str], ...]) -> Iterator[tuple[Element, tuple[dict[str, str], ...]]]:
    """Yield all elements in document order, except the content of a Repeater."""
    yield element, around
    attributes = _attributes(element)
    if attributes.get("visiblewhen"):
        around = (*around, attributes)
    for child in element if element.tag.lower() != "repeater" else ():
        yield from _walk(child, around)


def _attributes(element: Element) -> dict[str, str]:
    return {key.lower(): value for key, value in element.attrib.items()}


def _is_control(tag: str, attributes: Mapping[str, str]) -> bool:
    return tag in LABEL_TAGS or tag in FIELD_TAGS or ("toname" in attributes and tag != "filter")


def _control(part: _Part, name: str, about: list[str]) -> Control:
    attributes, kind = part.given, FIELD_TAGS.get(part.tag)
    if part.tag == "choices" and attributes.get("allownested", "").lower() == "true":
        kind = "taxonomy"
    own_region = attributes.get("perregion", "").lower() == "true"
    waits = own_region or any(view["visiblewhen"] == "region-selected" for view in part.around)
    said = [*part.around, *([attributes] if attributes.get("visiblewhen") or waits else [])]
    limits = [limit for limit in said if limit.get("visiblewhen", "region-selected") == "region-selected"]
    control = Control(
        name,
        kind,
        about,
        open="apiurl" in attributes
        or any(_attributes(part).get("value", "").startswith("$") for part in part.element.iter()),
        many=_many(part.tag, attributes),
        about_region=kind is not None and (own_region or bool(limits)),
        about_article=kind is not None and not own_region,
        on=[word for limit in limits for word in _listed(limit.get("whentagname", ""))],
        on_labels=[word for limit in limits for word in _listed(limit.get("whenlabelvalue", ""))],
        conditions=list(_conditions(said)),
        required=attributes.get("required", "").lower() == "true",
    )
    if kind is None:
        control.labels = _labels(part.element)
    elif kind == "choice":
        control.values = _unambiguous(
            (word, _value(attributes)) for word, attributes in _options(part.element, "choice")
        )
        control.paths = _unambiguous(_branches(part.element, (), ()))
    elif kind == "taxonomy":
        control.values = _unambiguous(_branches(part.element, (), ()))
    return control


def _conditions(said: Iterable[Mapping[str, str]]) -> Iterator[Condition]:
    """Yield the conditions under which a control is shown, except those about the selection of a region."""
    for condition in said:
        kind = condition.get("visiblewhen", "region-selected")
        if kind not in OF_REGIONS:
            yield Condition(
                kind, condition.get("whentagname", ""), tuple(_listed(condition.get("whenchoicevalue", "")))
            )


def _many(tag: str, attributes: Mapping[str, str]) -> bool:
    if tag in ("rating", "number"):
        return False
    if tag == "taxonomy":
        return attributes.get("maxusages") != "1"
    return tag == "textarea" or attributes.get("choice") == "multiple"


def _labels(element: Element) -> dict[str, Label]:
    labels: dict[str, Label] = {}
    for word, attributes in _options(element, "label"):
        alias = attributes.get("alias") or None
        label = Label(
            attributes.get("hint", ""), alias=alias, color=attributes.get("background"), hotkey=attributes.get("hotkey")
        )
        labels.setdefault(word, label)
    return _unambiguous(labels.items())


def _options(element: Element, tag: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield labels or choices at any depth that have a fixed value."""
    for child in element.iter():
        if child.tag.lower() == tag and child is not element:
            attributes = _attributes(child)
            if attributes.get("value") and not attributes["value"].startswith("$"):
                yield attributes["value"], attributes


def _branches(element: Element, path: tuple[str, ...], aliases: tuple[str, ...]) -> Iterator[tuple[str, Value]]:
    """Yield the values of a taxonomy: the path of every node, in tree order."""
    for child in element:
        attributes = _attributes(child)
        if child.tag.lower() == "choice" and attributes.get("value"):
            here, spelled = (*path, attributes["value"]), (*aliases, attributes.get("alias") or attributes["value"])
            yield (
                LEVELS.join(here),
                Value(attributes.get("hint", ""), alias=None if here == spelled else LEVELS.join(spelled)),
            )
            yield from _branches(child, here, spelled)


def _value(attributes: Mapping[str, str]) -> Value:
    return Value(attributes.get("hint", ""), alias=attributes.get("alias") or None)


def _unambiguous(values: Iterable[tuple[str, T]]) -> dict[str, T]:
    """Keep the first of several values that have the same spelling in exports."""
    by_word: dict[str, T] = {}
    spelled: set[str] = set()
    for word, value in values:
        if word not in by_word and (value.alias or word) not in spelled:
            by_word[word] = value
            spelled.add(value.alias or word)
    return by_word


def _field(value: str) -> str | None:
    """Return the data field that `$field` names; None for a fixed text."""
    return value[1:].strip() or None if value.startswith("$") else None


def _listed(words: str) -> list[str]:
    return [word.strip() for word in words.split(",") if word.strip()]
