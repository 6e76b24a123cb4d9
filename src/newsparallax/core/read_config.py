"""A labelling configuration, parsed -> the controls and texts that it declares.

Read off Label Studio's editor (web/libs/editor/src/core/Tree.tsx, mixins/Visibility.js, mixins/PerRegion.js): names of
tags and attributes ignore case; what is in a View with visibleWhen="region-selected" is shown for a selected region.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from xml.etree.ElementTree import Element

from .codebook import LEVELS, Label, Value, ValueKind

T = TypeVar("T", bound=Value)

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
    """A control of spans (`kind` None) or of values, with what is known of it.

    `open`: its labels or values come with the tasks. `about_region` and `about_article`: what it may describe; `on` are
    the span controls whose regions it describes (empty: all on the same text) and `on_labels` the labels to which it is
    limited, as exports spell them.
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


@dataclass
class ShownText:
    """A Text or HyperText: the data field that it shows (None where it shows fixed words), and how."""

    name: str
    field: str | None
    html: bool = False


@dataclass
class Configuration:
    """What a labelling configuration declares; `unsupported` are tags with names, such as "DateTime dt"."""

    controls: list[Control] = field(default_factory=list)
    texts: list[ShownText] = field(default_factory=list)
    referred: set[str] = field(default_factory=set)  # names that some control is about
    relations: list[str] | None = None
    unsupported: list[str] = field(default_factory=list)


def read_config(root: Element) -> Configuration:
    """Everything that the configuration declares, in its order. Names that stand twice are read once."""
    found = Configuration()
    names: set[str] = set()
    parts = [_Part(element, _attributes(element), conditions) for element, conditions in _walk(root, ())]
    tags = {part.given.get("name", ""): part.tag for part in parts}
    for part in parts:
        name = part.given.get("name", "")
        if part.tag in ("relation", "relations"):
            found.relations = found.relations or []
            value = part.given.get("value", "")
            found.relations += [value] if value and value not in found.relations else []
        elif part.tag == "repeater":
            found.unsupported.append(f"Repeater {part.given.get('on', '')}".strip())
        elif not name or name in names:
            continue
        elif part.tag in TEXT_TAGS:
            found.texts.append(ShownText(name, _field(part.given.get("value", "")), part.tag == "hypertext"))
            names.add(name)
        elif _is_control(part.tag, part.given):
            names.add(name)
            about = _listed(part.given.get("toname", ""))
            found.referred.update(about)
            on_text = not about or any(tags.get(text) in TEXT_TAGS for text in about)
            if part.tag in FIELD_TAGS or (part.tag in LABEL_TAGS and on_text):
                found.controls.append(_control(part, name, about))
            else:
                found.unsupported.append(f"{part.element.tag} {name}")
    return found


@dataclass(frozen=True)
class _Part:
    """An element, its attributes by lower-case names, and those of the Views around it that wait for a region."""

    element: Element
    given: dict[str, str]
    around: tuple[dict[str, str], ...]

    @property
    def tag(self) -> str:
        return self.element.tag.lower()


def _walk(element: Element, around: tuple[dict[str, str], ...]) -> Iterator[tuple[Element, tuple[dict[str, str], ...]]]:
    """All elements in order, but for what a Repeater makes copies of."""
    yield element, around
    given = _attributes(element)
    if element.tag.lower() == "view" and given.get("visiblewhen") == "region-selected":
        around = (*around, given)
    for child in element if element.tag.lower() != "repeater" else ():
        yield from _walk(child, around)


def _attributes(element: Element) -> dict[str, str]:
    return {key.lower(): value for key, value in element.attrib.items()}


def _is_control(tag: str, given: Mapping[str, str]) -> bool:
    return tag in LABEL_TAGS or tag in FIELD_TAGS or ("toname" in given and tag != "filter")


def _control(part: _Part, name: str, about: list[str]) -> Control:
    given, kind = part.given, FIELD_TAGS.get(part.tag)
    own_region = given.get("perregion", "").lower() == "true"
    waits = own_region or bool(part.around) or given.get("visiblewhen") == "region-selected"
    limits = [
        *part.around,
        *([given] if waits and given.get("visiblewhen", "region-selected") == "region-selected" else []),
    ]
    control = Control(
        name,
        kind,
        about,
        open="apiurl" in given
        or any(_attributes(part).get("value", "").startswith("$") for part in part.element.iter()),
        many=_many(part.tag, given),
        about_region=kind is not None and waits,
        about_article=kind is not None and not own_region,
        on=[word for limit in limits for word in _listed(limit.get("whentagname", ""))],
        on_labels=[word for limit in limits for word in _listed(limit.get("whenlabelvalue", ""))],
    )
    if kind is None:
        control.labels = _labels(part.element)
    elif kind == "choice":
        control.values = _unambiguous((word, _value(given)) for word, given in _options(part.element, "choice"))
    elif kind == "taxonomy":
        control.values = _unambiguous(_branches(part.element, (), ()))
    return control


def _many(tag: str, given: Mapping[str, str]) -> bool:
    if tag in ("rating", "number"):
        return False
    if tag == "taxonomy":
        return given.get("maxusages") != "1"
    return tag == "textarea" or given.get("choice") == "multiple"


def _labels(element: Element) -> dict[str, Label]:
    labels: dict[str, Label] = {}
    for word, given in _options(element, "label"):
        alias = given.get("alias") or None
        label = Label(given.get("hint", ""), alias=alias, color=given.get("background"), hotkey=given.get("hotkey"))
        labels.setdefault(word, label)
    return _unambiguous(labels.items())


def _options(element: Element, tag: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Labels or choices at any depth that have a value of their own."""
    for child in element.iter():
        if child.tag.lower() == tag and child is not element:
            given = _attributes(child)
            if given.get("value") and not given["value"].startswith("$"):
                yield given["value"], given


def _branches(element: Element, path: tuple[str, ...], aliases: tuple[str, ...]) -> Iterator[tuple[str, Value]]:
    """The values of a taxonomy: every node's path, in the order of the tree."""
    for child in element:
        given = _attributes(child)
        if child.tag.lower() == "choice" and given.get("value"):
            here, spelled = (*path, given["value"]), (*aliases, given.get("alias") or given["value"])
            yield (
                LEVELS.join(here),
                Value(given.get("hint", ""), alias=None if here == spelled else LEVELS.join(spelled)),
            )
            yield from _branches(child, here, spelled)


def _value(given: Mapping[str, str]) -> Value:
    return Value(given.get("hint", ""), alias=given.get("alias") or None)


def _unambiguous(values: Iterable[tuple[str, T]]) -> dict[str, T]:
    """The first of values that are spelled the same in exports."""
    found: dict[str, T] = {}
    spelled: set[str] = set()
    for word, value in values:
        if word not in found and (value.alias or word) not in spelled:
            found[word] = value
            spelled.add(value.alias or word)
    return found


def _field(value: str) -> str | None:
    """The data field that `$field` names; None for fixed words."""
    return value[1:].strip() or None if value.startswith("$") else None


def _listed(words: str) -> list[str]:
    return [word.strip() for word in words.split(",") if word.strip()]
