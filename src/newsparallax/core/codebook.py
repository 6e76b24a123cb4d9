"""The codebook: layers, labels, attributes, relations and document layers, as records.

It is the source of the labelling configuration, the guidelines, the schemas, the card's tables and the checks; each of
them is a pure function of a `Codebook`. The order of labels and values is the order in the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, Literal

import msgspec

ValueKind = Literal["choice", "text", "ref", "taxonomy", "rating", "number"]
Overlap = Literal["forbid", "nest", "allow"]
LEVELS = " > "  # between the levels of a taxonomy's value


class Record(msgspec.Struct, forbid_unknown_fields=True):
    """Base of everything read from TOML: a misspelled key is an error. Treated as immutable."""


class Example(Record):
    """`span` (which occurs once in `text`) is marked with the label or value that the example stands under."""

    text: str
    span: str


class NearMiss(Record):
    """`span` is *not* marked so: `instead` names the right label or value of the same list, or "nothing"."""

    text: str
    span: str
    instead: str
    why: str


class Rule(Record):
    """A question that annotators argue about, and its answer."""

    ask: str
    answer: str


class Value(Record):
    """A value of a choice. `alias` is how exports spell it; `former` are older spellings that mean the same.

    `hotkey` gives it to the selected span.
    """

    definition: str = ""
    example: Example | None = None
    near_miss: NearMiss | None = None
    alias: str | None = None
    former: list[str] = []
    hotkey: str | None = None


class Label(Value):
    """A label of a span layer."""

    color: str | None = None


class RequiredWhen(Record):
    """Required where the attribute `attribute` of the same span has one of `values`."""

    attribute: str
    values: list[str]


class Field(Record, dict=True):  # with a `__dict__`, for what is looked up for every item
    """A typed value given by an annotator: an attribute of a span, or a document layer.

    `ordered` says that the values of a choice stand in their order, from one end of a scale to the other.
    """

    kind: ValueKind
    title: str = ""
    question: str = ""
    many: bool = False
    required: bool = False
    control: str | None = None
    former_controls: list[str] = []
    registry: str = "entities"
    values: dict[str, Value] = {}
    ordered: bool = False
    rules: list[Rule] = []

    @cached_property
    def listed(self) -> bool:
        """Whether its values are lists."""
        return self.kind == "taxonomy" or (self.many and self.kind in ("choice", "text", "ref"))

    @cached_property
    def known(self) -> dict[str, str]:
        """Every spelling of a value that may stand in an export -> the value."""
        return path_spellings(self.values) if self.kind == "taxonomy" else spellings(self.values)

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Value -> its position in the codebook."""
        return {value: number for number, value in enumerate(self.values)}

    def encoded(self, values: Iterable[Any]) -> list[Any]:
        """Values as stored: those of a choice by their position; a missing list is empty, a missing value None."""
        numbers = self.numbers
        if self.listed:
            lists = [() if value is None else value for value in values]
            return [[numbers[word] for word in words] for words in lists] if self.kind == "choice" else lists
        if self.kind == "choice":
            return [None if value is None else numbers[value] for value in values]
        return list(values)


class Attribute(Field):
    """A field of the spans of a layer; `labels` limits it to spans with one of these labels (empty: all)."""

    labels: list[str] = []
    required_for: list[str] = []
    required_when: RequiredWhen | None = None
    types_match_label: bool = False

    @cached_property
    def limited_to(self) -> frozenset[str]:
        """Its `labels` as a set."""
        return frozenset(self.labels)


class DocumentLayer(Field):
    """A field of a whole article. `text` names the text it is about; without one, the first."""

    text: str | None = None


class Relation(Record):
    """An arrow from a span of the layer to spans of the layers `to`; `max` None means any number.

    `alias` is the relation label in exports (default: the key); with `unlabelled`, arrows without a label are meant.
    """

    to: list[str]
    title: str = ""
    question: str = ""
    min: int = 0
    max: int | None = None
    alias: str | None = None
    unlabelled: bool = False
    required_when: RequiredWhen | None = None


class Layer(Record, dict=True):
    """A span layer. `multiple`: a region may carry several labels.

    `ordered` lists the labels from one end of a scale to the other, where they are steps of one.
    """

    labels: dict[str, Label]
    title: str = ""
    question: str = ""
    instructions: str = ""
    rules: list[Rule] = []
    overlap: Overlap = "allow"
    multiple: bool = False
    ordered: list[str] = []
    control: str | None = None
    former_controls: list[str] = []
    text: str | None = None
    attributes: dict[str, Attribute] = {}
    relations: dict[str, Relation] = {}

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Label -> its position in the codebook."""
        return {label: number for number, label in enumerate(self.labels)}

    @cached_property
    def tags(self) -> tuple[str, ...]:
        """BIO tags in codebook order: O, then B- and I- of each label."""
        return ("O", *(f"{part}-{label}" for label in self.labels for part in "BI"))

    @cached_property
    def tag_numbers(self) -> dict[str, int]:
        """BIO tag -> its position in `tags`."""
        return {tag: number for number, tag in enumerate(self.tags)}

    def demands(self, labels: tuple[str, ...]) -> list[tuple[str, RequiredWhen | None]]:
        """Attributes that its spans with `labels` must have, each with the condition if there is one."""
        found = self._demands.get(labels)
        if found is None:
            found = self._demands[labels] = list(self._demanded(labels))
        return found

    @cached_property
    def _demands(self) -> dict[tuple[str, ...], list[tuple[str, RequiredWhen | None]]]:
        return {}

    def _demanded(self, labels: tuple[str, ...]) -> Iterator[tuple[str, RequiredWhen | None]]:
        for key, use in self.attributes.items():
            if not attribute_applies(use, labels):
                continue
            if use.required or any(label in use.required_for for label in labels):
                yield key, None
            elif use.required_when:
                yield key, use.required_when

    @cached_property
    def tied(self) -> tuple[str, ...]:
        """Attributes whose entities must be of the type that the label says."""
        return tuple(key for key, attribute in self.attributes.items() if attribute.types_match_label)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns in which its spans' labels, attributes and arrows stand, in order."""
        return ("labels" if self.multiple else "label", *self.attributes, *self.relations)


class Text(Record):
    """A text shown to annotators: `field` of a task's data, plain or HTML (of which the rendered text counts)."""

    field: str
    kind: Literal["plain", "html"] = "plain"


class Head(Record):
    """What the codebook is called, and what holds for all layers."""

    version: str
    title: str = ""
    introduction: str = ""
    rules: list[Rule] = []


class Tokens(Record):
    """Which span layer the BIO tags of the `tokens` config show; without one, the first layer."""

    layer: str | None = None


class Codebook(Record, dict=True):
    """The whole codebook, as read."""

    codebook: Head
    texts: dict[str, Text] = {}
    layers: dict[str, Layer] = {}
    document: dict[str, DocumentLayer] = {}
    tokens: Tokens = msgspec.field(default_factory=Tokens)

    @property
    def main_text(self) -> str | None:
        """The name of the first text, if there is any."""
        return next(iter(self.texts), None)

    @property
    def token_layer(self) -> str | None:
        """The layer shown by the `tokens` config: the one named, else the first."""
        return self.tokens.layer or next(iter(self.layers), None)

    def fields(self) -> Iterator[tuple[str, Field]]:
        """Every attribute and document layer with its place in the file."""
        for name, layer in self.layers.items():
            for key, attribute in layer.attributes.items():
                yield f"layers.{name}.attributes.{key}", attribute
        for key, document in self.document.items():
            yield f"document.{key}", document

    def label_sets(self) -> Iterator[tuple[str, dict[str, Label] | dict[str, Value]]]:
        """Every inventory of labels or values with its place in the file."""
        for name, layer in self.layers.items():
            yield f"layers.{name}.labels", layer.labels
        for place, field in self.fields():
            if field.values:
                yield f"{place}.values", field.values


def layer_control(name: str, layer: Layer) -> str:
    """The name of the layer's control in Label Studio."""
    return layer.control or name


def attribute_control(layer_name: str, name: str, attribute: Attribute) -> str:
    """The name of the attribute's per-region control in Label Studio."""
    return attribute.control or f"{layer_name}_{name}"


def document_control(name: str, document: DocumentLayer) -> str:
    """The name of the document layer's control in Label Studio."""
    return document.control or name


def relation_label(name: str, relation: Relation) -> str:
    """The relation's label in Label Studio."""
    return relation.alias or name


def exported(key: str, value: Value) -> str:
    """How exports spell a label or value."""
    return value.alias or key


def spellings(values: dict[str, Label] | dict[str, Value]) -> dict[str, str]:
    """Every spelling that may stand in an export -> the label or value that it means.

    Where one spelling could mean two, what exports say now comes before the names, and these before what was once said.
    """
    former = {spelling: key for key, value in values.items() for spelling in value.former}
    return former | {key: key for key in values} | {exported(key, value): key for key, value in values.items()}


def exported_path(path: str, values: dict[str, Value]) -> str:
    """How exports spell a value of a taxonomy: each of its levels as the value that it leads to is spelled."""
    levels = path.split(LEVELS)
    steps = (LEVELS.join(levels[:depth]) for depth in range(1, len(levels) + 1))
    return LEVELS.join(exported(step, values.get(step) or Value()).split(LEVELS)[-1] for step in steps)


def path_spellings(values: dict[str, Value]) -> dict[str, str]:
    """Every spelling of a taxonomy's path that may stand in an export -> the value that it means."""
    return spellings(values) | {exported_path(key, values): key for key in values}


def attribute_applies(attribute: Attribute, labels: tuple[str, ...]) -> bool:
    """Whether a span with `labels` may carry the attribute."""
    return not attribute.labels or not attribute.limited_to.isdisjoint(labels)
