"""Derive the schemas of all configs from the codebook: plain descriptions, Arrow schemas and Hugging Face features.

No type is inferred from data. Label names have codebook order, and an empty list has the same type as a filled list.

The meaning of a column (its role) is declared only here. Code that reads rows uses roles, never names. Types derived
from a codebook have a role; that of a column which repeats what other columns say is "repeated". For datasets read from
files or a hub, `role_of` finds the role from the path of a column.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

import msgspec
import pyarrow as pa

from .codebook import Codebook, Field, Layer

Method = Literal["adjudicated", "single", "majority"]

METHODS: tuple[Method, ...] = ("adjudicated", "single", "majority")


State = Literal["annotated", "annotated_empty", "cancelled", "unannotated"]

STATES: tuple[State, ...] = ("annotated", "annotated_empty", "cancelled", "unannotated")


ARTICLES, TOKENS, VOTES, REGISTRY = "articles", "tokens", "votes", "registry"
STANDOFF = "standoff"  # folder in a stand-off release with the digests of withheld text; not a config
KINDS = ("human", "model", "unknown")
DIRECTIONS = ("right", "left", "bi")


Role = Literal["value", "id", "event", "offset", "words", "label", "made_by", "spans", "relation", "repeated"]
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True)
class Scalar:
    """A value with a simple Arrow type, given by name: string, int64, float64 or bool.

    `unique` says that values rarely repeat, so that dictionary encoding would only make files larger. Files contain
    neither `unique` nor the role.
    """

    dtype: str
    role: Role = "value"
    unique: bool = False


@dataclass(frozen=True)
class ClassLabel:
    """A value from a closed list of names, stored as its position (int64)."""

    names: tuple[str, ...]
    role: Role = "value"


@dataclass(frozen=True)
class ListOf:
    """A list of values of one type."""

    item: Type

    @property
    def role(self) -> Role:
        """The role of the list's values."""
        return self.item.role


@dataclass(frozen=True)
class Struct:
    """A record with named parts, in order."""

    fields: dict[str, Type]
    role: Role = "value"


Type = Scalar | ClassLabel | ListOf | Struct

STRING, INT, FLOAT, BOOL = Scalar("string"), Scalar("int64"), Scalar("float64"), Scalar("bool")
ID, NAME, EVENT = Scalar("string", "id"), Scalar("string", unique=True), Scalar("string", "event")
SPAN_ID = Scalar("string", "id", unique=True)
OFFSET, OFFSETS = Scalar("int64", "offset", unique=True), ListOf(Scalar("int64", "offset"))
WORDS, TOKENS_TYPE = Scalar("string", "words", unique=True), ListOf(Scalar("string", "words"))
KIND = ClassLabel(KINDS)
QUOTED: dict[str, Type] = {"start": OFFSET, "end": OFFSET, "quote": WORDS}
LINK = Struct(
    {"span_id": SPAN_ID, "layer": STRING, "label": STRING, **QUOTED, "direction": ClassLabel(DIRECTIONS)}, "relation"
)
MADE_BY: dict[str, Type] = {
    "annotator": Scalar("string", "made_by"),
    "annotator_kind": ClassLabel(KINDS, "made_by"),
    "adjudicated": Scalar("bool", "made_by"),
    "gold": ClassLabel(METHODS, "made_by"),
    "annotation_id": Scalar("string", "made_by", unique=True),
}
DERIVED: dict[str, Type] = {
    "outlet": Scalar("string", "repeated"),
    "block_kind": Scalar("string", "repeated"),
    "support": Scalar("int64", "made_by"),
    "overruled": Scalar("bool", "made_by"),
}
SPOKEN: dict[str, Type] = {
    "quote_id": Scalar("string", "repeated"),
    "voice_ids": ListOf(Scalar("string", "repeated")),
}
REFERENTS: dict[str, Type] = {"referent_ids": ListOf(Scalar("string", "repeated"))}
REPAIRED: dict[str, Type] = {"repair": STRING, "original_start": INT, "original_end": INT}
BLOCK = Struct({"kind": STRING, "start": OFFSET, "end": OFFSET, "event_id": STRING})
ANNOTATION = Struct({"annotation_id": NAME, "task_id": NAME, "annotator": STRING, "annotator_kind": KIND, "editor": STRING, "ground_truth": BOOL, "cancelled": BOOL, "spans": INT})  # fmt: skip  # noqa: E501
ARTICLE: dict[str, Type] = {
    "article_id": ID,
    "event_id": EVENT,
    "text_name": STRING,
    "text": WORDS,
    "text_sha256": NAME,
    "title": NAME,
    "outlet": STRING,
    "agency": STRING,
    "dateline": STRING,
    "published": STRING,
    "updated": STRING,
    "language": STRING,
    "machine_translated": BOOL,
    "url": NAME,
    "sources": ListOf(NAME),
    "rights_holder": STRING,
    "redistribute": BOOL,
    "inferred": ListOf(Struct({"field": STRING, "reason": STRING})),
    "metadata": STRING,
    "blocks": ListOf(BLOCK),
    "state": ClassLabel(STATES),
    **MADE_BY,
    "annotations": ListOf(ANNOTATION),
}
PLACE: dict[str, Type] = {"span_id": SPAN_ID, "article_id": ID, "event_id": EVENT, **QUOTED}
NESTED: dict[str, Type] = {"span_id": SPAN_ID, **QUOTED}
TOKEN: dict[str, Type] = {
    "block_id": ID,
    "article_id": ID,
    "event_id": EVENT,
    "kind": STRING,
    "start": OFFSET,
    "end": OFFSET,
    "tokens": TOKENS_TYPE,
    "starts": OFFSETS,
    "ends": OFFSETS,
    "tags": ListOf(ClassLabel((), "label")),  # the names come from a layer
    **MADE_BY,
}
VOTE: dict[str, Type] = {
    **PLACE,
    "layer": STRING,
    "labels": ListOf(STRING),
    "attributes": ListOf(Struct({"name": STRING, "value": STRING})),
    "relations": ListOf(Struct({"name": STRING, **LINK.fields}, "relation")),
    "annotation_id": NAME,
    "task_id": NAME,
    "region_id": NAME,
    "annotator": STRING,
    "annotator_kind": KIND,
    "editor": STRING,
    "ground_truth": BOOL,
    **REPAIRED,
    "region_meta": STRING,
}
ENTITY: dict[str, Type] = {
    "entity_id": SPAN_ID,
    "type": STRING,
    "description": NAME,
    "qid": NAME,
    "names": ListOf(Struct({"name": NAME, "kind": STRING})),
}
WINDOW: dict[str, Type] = {
    "article_id": ID,
    "text_sha256": NAME,
    "length": INT,  # code points
    "window": INT,  # code points
    "digests": ListOf(STRING),
}

_LABEL: dict[str, Type] = {"label": ClassLabel((), "label"), "labels": ListOf(ClassLabel((), "label"))}
_SPAN: dict[str, Type] = {**PLACE, **_LABEL, **REFERENTS, **SPOKEN, **DERIVED, **MADE_BY, **REPAIRED}
_MEANINGS = {  # of columns that several configs share; the codebook describes the columns of layers
    "span_id": "id of the span; a corrected span keeps it",
    "article_id": "id of the article",
    "event_id": "id of the event that the article reports; all articles of an event are in one split",
    "start": "offset of the first character, in code points of the article's text",
    "end": "offset after the last character",
    "quote": "the text of the span, `text[start:end]`",
    "label": "label of the layer",
    "labels": "labels of the layer; a region can have several; in `votes` in the annotator's order",
    "outlet": "publisher of the article",
    "block_kind": "kind of the block in which the span begins; null outside of blocks",
    "support": "number of annotators who marked the same span with the same labels; adjudicators do not count",
    "overruled": "whether two or more annotators agree with one another on the span, its values and relations, but not with gold",  # noqa: E501
    "quote_id": "id of the innermost quotation that holds the span, null if none; only with `speaker` in the codebook",
    "voice_ids": "ids of the entities that are the source of this quotation; empty if the annotation names none",
    "referent_ids": "ids of the entities that the words refer to; only in layers with `referent` in the codebook",
    "annotator": "pseudonym of the annotator; for gold, of the annotators who decided (joined by `+`)",
    "annotator_kind": "kind of annotator: human, model or unknown",
    "adjudicated": "whether an adjudicator decided",
    "gold": "how gold was chosen: adjudicated, single (the only annotation) or majority",
    "repair": "how wrong offsets were repaired; null if they were correct",
    "original_start": "`start` before the repair",
    "original_end": "`end` before the repair",
    "annotation_id": "id of the annotation; for gold, of the chosen annotation (several joined by `+`)",
    "direction": "direction in which the relation was drawn",
}


@dataclass(frozen=True)
class Config:
    """A kind of config, with all that schema, Parquet files, card, Croissant and the comparison of versions need of it.

    `convert/article_rows.py` names what collects its rows. `convert/corpus_rows.py` makes rows that belong
    to no article, once. `key` are the columns that identify a row. `noun` names a row in a change between versions,
    `one_row` in the card, where {layer} is the layer of the BIO tags. `shape` returns the columns for a codebook, None
    where a corpus has no such config. `fixed` are the columns that are the same in every dataset: first of the config,
    then of the records in a column that a codebook names. `known` are those that the card has described before, and
    `meanings` says what the others hold.
    """

    noun: str
    key: tuple[str, ...]
    one_row: str
    shape: Callable[[Codebook], Struct | None]
    fixed: tuple[dict[str, Type], ...]
    known: Mapping[str, Type]
    meanings: Mapping[str, str]


def label_type(layer: Layer) -> tuple[str, Type]:
    """Return the name and type of a layer's label column: `label`, or `labels` if a region may have several."""
    names = ClassLabel(tuple(layer.labels), "label")
    return ("labels", ListOf(names)) if layer.multiple else ("label", names)


def field_type(field: Field) -> Type:
    """Return the type of an attribute or document layer."""
    if field.kind == "taxonomy":
        return ListOf(ListOf(STRING))
    single: Type = {"rating": INT, "number": FLOAT}.get(field.kind, STRING)
    if field.kind == "choice":
        single = ClassLabel(tuple(field.values))
    return ListOf(single) if field.listed else single


def _span_fields(layer: Layer) -> dict[str, Type]:
    name, labels = label_type(layer)
    attributes = {key: field_type(attribute) for key, attribute in layer.attributes.items()}
    relations: dict[str, Type] = {key: ListOf(LINK) for key in layer.relations}
    return {name: labels, **attributes, **relations}


def _rows(codebook: Codebook, layer: Layer) -> Struct:
    referents = REFERENTS if layer.referent else {}
    return Struct(
        {**PLACE, **_span_fields(layer), **referents, **derived(codebook), **MADE_BY, **REPAIRED},
    )


def derived(codebook: Codebook) -> dict[str, Type]:
    """Return the columns of span rows that are derived from blocks, quotations and the annotators' marks."""
    return {**(SPOKEN if codebook.speakers else {}), **DERIVED}


def _articles(codebook: Codebook) -> Struct:
    spans: dict[str, Type] = {
        name: ListOf(Struct({**NESTED, **_span_fields(layer)}, "spans")) for name, layer in codebook.layers.items()
    }
    documents = {name: field_type(field) for name, field in codebook.document.items()}
    return Struct({**ARTICLE, **documents, **spans})


def _tokens(codebook: Codebook) -> Struct | None:
    if not codebook.token_layer:
        return None
    return Struct({**TOKEN, "tags": ListOf(ClassLabel(codebook.layers[codebook.token_layer].tags, "label"))})


def _registry(codebook: Codebook) -> Struct | None:
    return Struct(ENTITY) if any(field.kind == "ref" for _, field in codebook.fields()) else None


# The configs that do not depend on layers: the first one is the default. Another one is another row.
CONFIGS: dict[str, Config] = {
    ARTICLES: Config(
        noun="article",
        key=("article_id",),
        one_row="an article: text, metadata, blocks, its gold spans nested by layer (the default config)",
        shape=_articles,
        fixed=(ARTICLE, {**NESTED, **_LABEL}, LINK.fields),
        known=MADE_BY,
        meanings={
            "text_name": "name of the text, in corpora with several texts per article",
            "text": "the text, verbatim",
            "text_sha256": "SHA-256 of the text as UTF-8, hexadecimal",
            "title": "headline",
            "agency": "news agency",
            "dateline": "place in the article's dateline",
            "published": "day of publication, year-month-day",
            "updated": "day of the last update, year-month-day",
            "language": "language of the text, ISO 639",
            "machine_translated": "whether the text is a machine translation; null if unknown",
            "url": "address of the published article",
            "sources": "addresses of texts that the article retells, such as a press release",
            "rights_holder": "owner of the rights in the text",
            "redistribute": "whether the text may be redistributed",
            "inferred": "fields whose values are inferred, each with the reason",
            "metadata": "other data of the annotation task, JSON",
            "blocks": "parts of the page: kind, offsets, and the event that they report, if it is not the article's",
            "state": "annotated, annotated_empty (no span), cancelled (by all) or unannotated",
            "annotations": "all annotations of the article: annotator, starred or cancelled, number of spans",
        },
    ),
    TOKENS: Config(
        noun="block",
        key=("block_id",),
        one_row="a block of an article: tokens, their offsets, BIO tags of `{layer}`",
        shape=_tokens,
        fixed=(TOKEN,),
        known=MADE_BY,
        meanings={
            "block_id": "id of the block: id of the article, `#` and number",
            "kind": "kind of the block",
            "tokens": "words and punctuation marks; in Han, kana, Thai, Lao, Khmer and Myanmar, characters with their marks",  # noqa: E501
            "starts": "offset of the first character of each token in the article's text",
            "ends": "offset after the last character of each token",
            "tags": "BIO tag of each token",
        },
    ),
    VOTES: Config(
        noun="vote",
        key=("article_id", "task_id", "annotation_id", "layer", "span_id"),
        one_row="one span or value of one annotator, gold or not",
        shape=lambda codebook: Struct(VOTE),
        fixed=(VOTE,),
        known=PLACE,
        meanings={
            "layer": "layer of the span, or name of a value about the article",
            "attributes": "values of the span by attribute name, all as text",
            "relations": "relations of the span by name",
            "task_id": "id of the task in Label Studio",
            "region_id": "id of the region in Label Studio",
            "editor": "pseudonym of the last editor, if the export names one",
            "ground_truth": "whether the annotation is starred as ground truth",
            "region_meta": "other data of the region in the export, JSON",
        },
    ),
    REGISTRY: Config(
        noun="entity",
        key=("entity_id",),
        one_row="an entity of `entities.toml`; it belongs to no article, so all rows are in the first split",
        shape=_registry,
        fixed=(ENTITY,),
        known={},
        meanings={
            "entity_id": "id of the entity; columns with ids of `entities.toml` have these ids",
            "type": "type of the entity",
            "description": "who or what the entity is; null if the registry has no description",
            "qid": "Wikidata item of the entity; null if the registry has none",
            "names": "names of the entity, in the order of the file, each with its kind (null if it has none)",
            "kind": "kind of the name",
        },
    ),
}


@cache
def _of_layer(name: str) -> Config:
    """Return the config of the gold spans of a layer."""
    return Config(
        noun="span",
        key=("span_id",),
        one_row=f"a gold span of the layer `{name}`",
        shape=lambda codebook: _rows(codebook, codebook.layers[name]),
        fixed=(_SPAN, LINK.fields),
        known={**PLACE, **SPOKEN, **DERIVED, **MADE_BY, **REPAIRED},
        meanings={},
    )


def config_of(name: str) -> Config:
    """Return what is known of a config by its name; a name that is not in the table is that of a layer."""
    return CONFIGS.get(name) or _of_layer(name)


def meanings(config: str) -> dict[str, str]:
    """Return what the columns hold that do not depend on the corpus, by name; a config's own meanings come first."""
    others = {name: text for other in reversed(CONFIGS.values()) for name, text in other.meanings.items()}
    return others | _MEANINGS | dict(config_of(config).meanings)


def key_of(config: str) -> tuple[str, ...]:
    """Return the columns that identify a row of a config."""
    return config_of(config).key


def fixed_type(config: str, path: tuple[str, ...]) -> Type | None:
    """Return the declared type at a path, the same in every dataset, or None for columns that a codebook names.

    `path` is a column, followed by the names of nested parts. The position of a name in the path matters: the names of
    fixed columns are reserved in their position only, and have no special meaning elsewhere.
    """
    levels = iter((WINDOW,) if config == STANDOFF else config_of(config).fixed)
    known: dict[str, Type] = next(levels)
    found: Type | None = None
    for name in path:
        found = known.get(name)
        if found is None:
            known = next(levels, {})
            continue
        inner = found
        while isinstance(inner, ListOf):
            inner = inner.item
        known = inner.fields if isinstance(inner, Struct) else {}
        levels = iter(())
    return found


def role_of(config: str, path: tuple[str, ...], *, records: bool = False) -> Role:
    """Return the role of the column at a path of a dataset, for any codebook. Used for datasets read from files.

    `records` says whether the column has lists of records. In columns that a codebook names, such lists are the spans
    of a layer (in `articles`) or relations, because neither attributes nor document layers have records.
    """
    fixed = fixed_type(config, path)
    if fixed is not None:
        return fixed.role
    if not records:
        return "value"
    return "spans" if config == ARTICLES and len(path) == 1 else "relation"


def configs(codebook: Codebook) -> dict[str, Struct]:
    """Return the schema of each config: articles (first and default), one config per layer, the others of CONFIGS."""
    first, *others = CONFIGS
    shapes = {name: config_of(name).shape(codebook) for name in (first, *codebook.layers, *others)}
    return {name: shape for name, shape in shapes.items() if shape is not None}


def reserved_columns() -> dict[str, set[str]]:
    """Return the names that attributes, relations, layers and document layers must not use, by place of conflict."""
    return {
        "span": {*_SPAN},
        "article": {*ARTICLE, REGISTRY},
        "config": {*CONFIGS, STANDOFF, "default"},
    }


def arrow_schema(struct: Struct) -> pa.Schema:
    """Return the Arrow schema of a description. Its metadata have the features, as `datasets` expects."""
    fields = [pa.field(name, arrow_type(type_)) for name, type_ in struct.fields.items()]
    info = msgspec.json.encode({"info": {"features": features(struct)}})
    return pa.schema(fields, metadata={b"huggingface": info})


def arrow_schemas(codebook: Codebook) -> dict[str, pa.Schema]:
    """Return the Arrow schema of each config."""
    return {name: arrow_schema(struct) for name, struct in configs(codebook).items()}


def arrow_type(type_: Type) -> pa.DataType:
    """Return the Arrow type of a description."""
    if isinstance(type_, Scalar):
        return {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()}[type_.dtype]
    if isinstance(type_, ClassLabel):
        return pa.int64()
    if isinstance(type_, ListOf):
        return pa.list_(arrow_type(type_.item))
    return pa.struct([pa.field(name, arrow_type(part)) for name, part in type_.fields.items()])


def features(struct: Struct) -> dict[str, Any]:
    """Return the features in the form that `datasets.Features.from_dict` reads."""
    return {name: _feature(type_) for name, type_ in struct.fields.items()}


def _feature(type_: Type) -> Any:
    if isinstance(type_, Scalar):
        return {"dtype": type_.dtype, "_type": "Value"}
    if isinstance(type_, ClassLabel):
        return {"names": list(type_.names), "_type": "ClassLabel"}
    if isinstance(type_, ListOf):
        return {"feature": _feature(type_.item), "_type": "List"}
    return {name: _feature(part) for name, part in type_.fields.items()}
