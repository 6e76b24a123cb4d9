"""Records of the codebook: layers, labels, attributes, relations and document layers.

The codebook is the source of the labelling configuration, the guidelines, the schemas, the tables of the dataset card
and the checks. Each of them is a pure function of a `Codebook`. Labels and values have the order of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ..text import is_blank
from .roles import RequiredWhen, Roles
from .toml import Record
from .worked_example import WorkedExample

ValueKind = Literal["choice", "text", "ref", "taxonomy", "rating", "number"]
Overlap = Literal["forbid", "nest", "allow"]
LEVELS = " > "  # separator between the levels of a taxonomy value


class Example(Record):
    """An example of a label or value: `span`, which occurs once in `text`, is marked with it."""

    text: Annotated[str, Meta(description="A sentence or phrase, not taken from the corpus.")]
    span: Annotated[str, Meta(description="The part of `text` that is marked. It occurs once in `text`.")]


class NearMiss(Record):
    """A counter-example: `span` is *not* marked with the label or value.

    `instead` names the correct label or value of the same list, or "nothing".
    """

    text: Annotated[str, Meta(description="A sentence or phrase, not taken from the corpus.")]
    span: Annotated[
        str,
        Meta(description="The part of `text` that is not marked with this label or value. It occurs once in `text`."),
    ]
    instead: Annotated[str, Meta(description='The correct label or value of the same list, or "nothing".')]
    why: Annotated[str, Meta(description="The reason, in a few words.")]


class Rule(Record):
    """A question on which annotators disagree, and its answer."""

    ask: Annotated[str, Meta(description="The question.")]
    answer: Annotated[str, Meta(description="The answer.")]


class Value(Record):
    """A value of a choice. `alias` is its spelling in exports; `former` are older spellings with the same meaning.

    `hotkey` is the key that assigns the value to the selected span.
    """

    definition: Annotated[str, Meta(description="What the label or value means. Markdown emphasis is allowed.")] = ""
    example: Annotated[Example | None, Meta(description="A case in which the label or value is right.")] = None
    near_miss: Annotated[
        NearMiss | None,
        Meta(description="A case in which the label or value is wrong, although it seems right."),
    ] = None
    alias: Annotated[str | None, Meta(description="The spelling in exports (default: the key).")] = None
    former: Annotated[list[str], Meta(description="Older spellings in exports that have the same meaning.")] = []
    hotkey: Annotated[str | None, Meta(description="The key that assigns the label or value in Label Studio.")] = None


class Label(Value):
    """A label of a span layer."""

    color: Annotated[str | None, Meta(description='The colour of the label in Label Studio, such as "#d62728".')] = None


class Field(Record, dict=True):  # with a `__dict__` for cached properties, which are used for every item
    """A typed value given by an annotator: an attribute of a span, or a document layer.

    With `ordered`, the values of a choice form a scale, in the order of the codebook.
    """

    kind: Annotated[
        ValueKind,
        Meta(
            description="The kind of value: one of `values` (choice), free text, an id of entities.toml (ref), a path "
            "in a tree of `values` (taxonomy), a number of stars (rating), or a number."
        ),
    ]
    title: Annotated[str, Meta(description="A short name for annotators (default: the key).")] = ""
    question: Annotated[str, Meta(description="The question that the value answers, for annotators.")] = ""
    many: Annotated[
        bool,
        Meta(description="Whether several values may be given (choice, text, ref, taxonomy)."),
    ] = False
    required: Annotated[bool, Meta(description="Whether a value must be given.")] = False
    control: Annotated[
        str | None,
        Meta(
            description="The name of the control in Label Studio and in exports (default: LAYER_KEY for an attribute, "
            "KEY for a value of an article)."
        ),
    ] = None
    former_controls: Annotated[list[str], Meta(description="Names that the control has in older exports.")] = []
    registry: Annotated[str, Meta(description='The registry of the ids of a ref. Only "entities" exists.')] = "entities"
    values: Annotated[
        dict[str, Value],
        Meta(
            description="The values of a choice or a taxonomy, each as a table. The levels of a taxonomy path are "
            'separated by " > ".'
        ),
    ] = {}
    ordered: Annotated[
        bool,
        Meta(description="Whether the values of a choice form a scale, in the order of the file."),
    ] = False
    pattern: Annotated[
        str | None,
        Meta(
            description="A regular expression (RE2 syntax) that a text must match completely. Values that do not match "
            "are kept and reported."
        ),
    ] = None
    rules: Annotated[list[Rule], Meta(description="Answers to questions on which annotators disagree.")] = []

    @cached_property
    def listed(self) -> bool:
        """Whether each value of the field is a list."""
        return self.kind == "taxonomy" or (self.many and self.kind in ("choice", "text", "ref"))

    @cached_property
    def known(self) -> dict[str, str]:
        """Map from each spelling that exports may have to the value."""
        return path_spellings(self.values) if self.kind == "taxonomy" else spellings(self.values)

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Map from value to its position in the codebook."""
        return {value: number for number, value in enumerate(self.values)}

    def encoded(self, values: Iterable[Any]) -> list[Any]:
        """Return values as stored: choices by their position; a missing list is empty, a missing value None."""
        numbers = self.numbers
        if self.listed:
            lists = [() if value is None else value for value in values]
            return [[numbers[word] for word in words] for words in lists] if self.kind == "choice" else lists
        if self.kind == "choice":
            return [None if value is None else numbers[value] for value in values]
        return list(values)


class Attribute(Field):
    """A field of the spans of a layer. `labels` limits it to spans with one of these labels (not given: all spans)."""

    labels: Annotated[
        list[str],
        Meta(description="The labels whose spans may have the attribute (default: all labels of the layer)."),
    ] = []
    required_for: Annotated[list[str], Meta(description="The labels whose spans must have the attribute.")] = []
    required_when: Annotated[
        RequiredWhen | None,
        Meta(description="A condition under which spans must have the attribute."),
    ] = None
    looked_up: Annotated[
        bool,
        Meta(
            description="Whether annotators find the value in the list of entities. Alpha and kappa are not computed "
            "then, because they would say how well the list is read."
        ),
    ] = False
    types_match_label: Annotated[
        bool,
        Meta(description="Whether the entities that a ref names must have the label of the span as their type."),
    ] = False

    @cached_property
    def limited_to(self) -> frozenset[str]:
        """`labels` as a set."""
        return frozenset(self.labels)


class DocumentLayer(Field):
    """A field of a complete article. `text` names the text that it describes (default: the first text)."""

    text: Annotated[
        str | None,
        Meta(description="The name of the text that the value describes (default: the first text)."),
    ] = None


class Relation(Record):
    """A relation from a span of the layer to spans of the layers `to`.

    A span has at least `min` and at most `max` of these relations (without `max`: any number). `alias` is the relation
    label in exports (default: the key). With `unlabelled`, unlabelled relations in exports also mean this relation.
    """

    to: Annotated[list[str], Meta(description="The layers of the spans to which the relation leads.")]
    title: Annotated[str, Meta(description="A short name for annotators (default: the key).")] = ""
    question: Annotated[str, Meta(description="The question that the relation answers, for annotators.")] = ""
    min: Annotated[int, Meta(description="The minimum number of these relations of a span.")] = 0
    max: Annotated[
        int | None,
        Meta(description="The maximum number of these relations of a span (default: any number)."),
    ] = None
    alias: Annotated[str | None, Meta(description="The label of the relation in exports (default: the key).")] = None
    unlabelled: Annotated[
        bool,
        Meta(description="Whether relations without a label in exports also mean this relation."),
    ] = False
    required_when: Annotated[
        RequiredWhen | None,
        Meta(description="A condition under which a span must have the relation."),
    ] = None


class Layer(Record, dict=True):
    """A span layer. With `multiple`, a region may have several labels.

    If the labels form a scale, `ordered` lists them from one end to the other.
    """

    labels: Annotated[
        dict[str, Label],
        Meta(description="The labels, each as a table. Their order is the order of the class labels in the dataset."),
    ]
    title: Annotated[str, Meta(description="A short name for annotators (default: the key).")] = ""
    question: Annotated[str, Meta(description="The question that the layer answers, for annotators.")] = ""
    instructions: Annotated[str, Meta(description="What annotators do in this layer, as Markdown.")] = ""
    rules: Annotated[list[Rule], Meta(description="Answers to questions on which annotators disagree.")] = []
    overlap: Annotated[
        Overlap,
        Meta(
            description="Whether spans may overlap: freely (allow), only one inside another (nest), or not at all "
            "(forbid)."
        ),
    ] = "allow"
    multiple: Annotated[bool, Meta(description="Whether a span may have several labels.")] = False
    ordered: Annotated[
        list[str],
        Meta(description="All labels from one end of a scale to the other, if they form a scale."),
    ] = []
    control: Annotated[
        str | None,
        Meta(description="The name of the control in Label Studio and in exports (default: the key)."),
    ] = None
    former_controls: Annotated[list[str], Meta(description="Names that the control has in older exports.")] = []
    text: Annotated[
        str | None,
        Meta(
            description="The name of the text in which the layer is marked (default: any text; new configurations use "
            "the first)."
        ),
    ] = None
    referent: Annotated[
        list[str],
        Meta(
            description="The `ref` attributes that say what the words of a span refer to, such as what a metonym "
            "stands for; the first that has a value counts. With this key, rows have the column `referent_ids`."
        ),
    ] = []
    speaker: Annotated[
        str | None,
        Meta(
            description="In a layer of quotations: the relation that leads to whoever is quoted. With this key in a "
            "layer, the rows of all layers have the columns `quote_id` and `voice_ids`."
        ),
    ] = None
    attributes: Annotated[
        dict[str, Attribute],
        Meta(description="The values that annotators give to a span, each as a table."),
    ] = {}
    relations: Annotated[
        dict[str, Relation],
        Meta(description="The relations from spans of this layer to other spans, each as a table."),
    ] = {}

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Map from label to its position in the codebook."""
        return {label: number for number, label in enumerate(self.labels)}

    @cached_property
    def tags(self) -> tuple[str, ...]:
        """The BIO tags in codebook order: O, then B- and I- of each label."""
        return ("O", *(f"{part}-{label}" for label in self.labels for part in "BI"))

    @cached_property
    def tag_numbers(self) -> dict[str, int]:
        """Map from BIO tag to its position in `tags`."""
        return {tag: number for number, tag in enumerate(self.tags)}

    def demands(self, labels: tuple[str, ...]) -> list[tuple[str, RequiredWhen | None, bool]]:
        """Return the attributes that spans with `labels` must have, as (attribute, condition, loose).

        The condition is None if the attribute is always required. `loose` says whether a value may be empty, such as
        an empty list.
        """
        demands = self._demands.get(labels)
        if demands is None:
            demands = self._demands[labels] = list(self._demanded(labels))
        return demands

    @cached_property
    def _demands(self) -> dict[tuple[str, ...], list[tuple[str, RequiredWhen | None, bool]]]:
        return {}

    def _demanded(self, labels: tuple[str, ...]) -> Iterator[tuple[str, RequiredWhen | None, bool]]:
        for key, use in self.attributes.items():
            if not attribute_applies(use, labels):
                continue
            loose = use.kind != "choice" or use.listed or any(map(is_blank, use.values))
            if use.required or any(label in use.required_for for label in labels):
                yield key, None, loose
            elif use.required_when:
                yield key, use.required_when, loose

    @cached_property
    def tied(self) -> tuple[str, ...]:
        """The attributes whose entities must have the type that equals the label of the span."""
        return tuple(key for key, attribute in self.attributes.items() if attribute.types_match_label)

    @cached_property
    def patterns(self) -> dict[str, str]:
        """Map from attribute to its pattern, for attributes with a pattern."""
        return {key: use.pattern for key, use in self.attributes.items() if use.pattern is not None}

    @cached_property
    def demanded_relations(self) -> dict[str, Relation]:
        """The relations that spans of the layer must have, always or under a condition."""
        return {key: relation for key, relation in self.relations.items() if relation.min or relation.required_when}

    @cached_property
    def limited_relations(self) -> dict[str, int]:
        """Map from relation to the maximum per span, for relations with a maximum."""
        return {key: relation.max for key, relation in self.relations.items() if relation.max is not None}

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns of the spans' labels, attributes and relations, in order."""
        return ("labels" if self.multiple else "label", *self.attributes, *self.relations)


class Text(Record):
    """A text shown to annotators: `field` of a task's data, plain text or HTML. Offsets of HTML count rendered text."""

    field: Annotated[str, Meta(description="The key of the text in the `data` of a task.")]
    kind: Annotated[Literal["plain", "html"], Meta(description="Plain text, or HTML.")] = "plain"


class Head(Record):
    """The version and title of the codebook, its introduction, and the rules for all layers."""

    version: Annotated[
        str,
        Meta(description='The version of the codebook, such as "3". It appears in the manifest and the guidelines.'),
    ]
    title: Annotated[str, Meta(description="The title of the guidelines.")] = ""
    introduction: Annotated[str, Meta(description="The introduction of the guidelines, as Markdown.")] = ""
    rules: Annotated[list[Rule], Meta(description="Rules that apply to all layers.")] = []


class Tokens(Record):
    """Whether the dataset has the config `tokens`, and the span layer of its BIO tags (default: the first layer)."""

    include: Annotated[
        bool,
        Meta(description="Whether the dataset has the config `tokens`, which takes up to 40 % of the time of a build."),
    ] = True
    layer: Annotated[str | None, Meta(description="The name of the layer (default: the first layer).")] = None


class Codebook(Record, dict=True):
    """The complete codebook, as read from the file."""

    codebook: Annotated[Head, Meta(description="Version, title, introduction and general rules.")]
    texts: Annotated[
        dict[str, Text],
        Meta(description="The texts of a task, each as a table. The first is the main text."),
    ] = {}
    layers: Annotated[
        dict[str, Layer],
        Meta(description="The span layers, each as a table, in the order in which annotators work."),
    ] = {}
    document: Annotated[
        dict[str, DocumentLayer],
        Meta(description="The values about a complete article, each as a table."),
    ] = {}
    worked_example: Annotated[
        WorkedExample | None,
        Meta(description="A paragraph that is annotated in all layers, shown at the end of the guidelines."),
    ] = None
    tokens: Annotated[
        Tokens,
        Meta(description="The config `tokens`: whether it is made, and the layer of its tags."),
    ] = msgspec.field(default_factory=Tokens)
    roles: Annotated[
        Roles,
        Meta(description="Which layers have the mentions, stances and terms that the Python API and the report show."),
    ] = msgspec.field(default_factory=Roles)

    @property
    def main_text(self) -> str | None:
        """The name of the first text, or None without texts."""
        return next(iter(self.texts), None)

    @property
    def token_layer(self) -> str | None:
        """The layer of the `tokens` config: the one that `tokens` names, else the first. None without that config."""
        return (self.tokens.layer or next(iter(self.layers), None)) if self.tokens.include else None

    @cached_property
    def speakers(self) -> dict[str, str]:
        """Map from each layer of quotations to the relation that leads to whoever is quoted."""
        return {name: layer.speaker for name, layer in self.layers.items() if layer.speaker}

    def fields(self) -> Iterator[tuple[str, Field]]:
        """Yield each attribute and document layer with its key path in the file."""
        for name, layer in self.layers.items():
            for key, attribute in layer.attributes.items():
                yield f"layers.{name}.attributes.{key}", attribute
        for key, document in self.document.items():
            yield f"document.{key}", document

    def label_sets(self) -> Iterator[tuple[str, dict[str, Label] | dict[str, Value]]]:
        """Yield each set of labels or values with its key path in the file."""
        for name, layer in self.layers.items():
            yield f"layers.{name}.labels", layer.labels
        for place, field in self.fields():
            if field.values:
                yield f"{place}.values", field.values


def layer_control(name: str, layer: Layer) -> str:
    """Return the name of the layer's control in Label Studio."""
    return layer.control or name


def attribute_control(layer_name: str, name: str, attribute: Attribute) -> str:
    """Return the name of the attribute's per-region control in Label Studio."""
    return attribute.control or f"{layer_name}_{name}"


def document_control(name: str, document: DocumentLayer) -> str:
    """Return the name of the document layer's control in Label Studio."""
    return document.control or name


def relation_label(name: str, relation: Relation) -> str:
    """Return the relation's label in Label Studio."""
    return relation.alias or name


def exported(key: str, value: Value) -> str:
    """Return the spelling of a label or value in exports."""
    return value.alias or key


def spellings(values: dict[str, Label] | dict[str, Value]) -> dict[str, str]:
    """Return a map from each spelling that exports may have to the label or value.

    If a spelling is ambiguous, the current spelling in exports has priority over the key, and the key over former
    spellings.
    """
    former = {spelling: key for key, value in values.items() for spelling in value.former}
    return former | {key: key for key in values} | {exported(key, value): key for key, value in values.items()}


def exported_path(path: str, values: dict[str, Value]) -> str:
    """Return the spelling of a taxonomy value in exports.

    Each level has the spelling of the value at which the path to this level ends.
    """
    levels = path.split(LEVELS)
    steps = (LEVELS.join(levels[:depth]) for depth in range(1, len(levels) + 1))
    return LEVELS.join(exported(step, values.get(step) or Value()).split(LEVELS)[-1] for step in steps)


def path_spellings(values: dict[str, Value]) -> dict[str, str]:
    """Return a map from each spelling of a taxonomy path that exports may have to the value."""
    return spellings(values) | {exported_path(key, values): key for key in values}


def attribute_applies(attribute: Attribute, labels: tuple[str, ...]) -> bool:
    """Whether a span with `labels` may have the attribute."""
    return not attribute.labels or not attribute.limited_to.isdisjoint(labels)
