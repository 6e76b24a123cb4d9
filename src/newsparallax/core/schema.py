"""Codebook -> the schemas of all configs: plain descriptions, and from these Arrow schemas and Hugging Face features.

Nothing is inferred from data: label names stand in codebook order, and an empty list has the type of a full one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import pyarrow as pa

from .article import STATES
from .codebook import Codebook, Field, Layer
from .gold import METHODS

ARTICLES, TOKENS, VOTES = "articles", "tokens", "votes"
STANDOFF = "standoff"  # the folder of a stand-off release with the digests of what is withheld; no config
KINDS = ("human", "model", "unknown")
DIRECTIONS = ("right", "left", "bi")


@dataclass(frozen=True)
class Scalar:
    """A value of an Arrow type by its name: string, int64, float64 or bool.

    `words` marks words of an article's text, which a stand-off release withholds; what is written does not tell.
    """

    dtype: str
    words: bool = False


@dataclass(frozen=True)
class ClassLabel:
    """A value out of a closed inventory, stored as its position (int64)."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class ListOf:
    """Any number of values of one type."""

    item: Type


@dataclass(frozen=True)
class Struct:
    """A record with named parts, in order."""

    fields: dict[str, Type]


Type = Scalar | ClassLabel | ListOf | Struct

STRING, INT, FLOAT, BOOL = Scalar("string"), Scalar("int64"), Scalar("float64"), Scalar("bool")
WORDS = Scalar("string", words=True)
KIND = ClassLabel(KINDS)
LINK = Struct({"span_id": STRING, "layer": STRING, "label": STRING, "start": INT, "end": INT, "quote": WORDS, "direction": ClassLabel(DIRECTIONS)})  # fmt: skip  # noqa: E501
MADE_BY: dict[str, Type] = {
    "annotator": STRING,
    "annotator_kind": KIND,
    "adjudicated": BOOL,
    "gold": ClassLabel(METHODS),
}
REPAIRED: dict[str, Type] = {"repair": STRING, "original_start": INT, "original_end": INT}
BLOCK = Struct({"kind": STRING, "start": INT, "end": INT})
ANNOTATION = Struct({"annotation_id": STRING, "task_id": STRING, "annotator": STRING, "annotator_kind": KIND, "editor": STRING, "ground_truth": BOOL, "cancelled": BOOL, "spans": INT})  # fmt: skip  # noqa: E501
ARTICLE: dict[str, Type] = {
    "article_id": STRING,
    "event_id": STRING,
    "text_name": STRING,
    "text": WORDS,
    "text_sha256": STRING,
    "title": STRING,
    "outlet": STRING,
    "agency": STRING,
    "dateline": STRING,
    "date": STRING,
    "language": STRING,
    "machine_translated": BOOL,
    "url": STRING,
    "rights_holder": STRING,
    "redistribute": BOOL,
    "inferred": ListOf(Struct({"field": STRING, "reason": STRING})),
    "metadata": STRING,
    "blocks": ListOf(BLOCK),
    "state": ClassLabel(STATES),
    **MADE_BY,
    "annotations": ListOf(ANNOTATION),
}
PLACE: dict[str, Type] = {"span_id": STRING, "article_id": STRING, "event_id": STRING, "start": INT, "end": INT, "quote": WORDS}  # fmt: skip  # noqa: E501
VOTE: dict[str, Type] = {
    **PLACE,
    "layer": STRING,
    "labels": ListOf(STRING),
    "attributes": ListOf(Struct({"name": STRING, "value": STRING})),
    "relations": ListOf(Struct({"name": STRING, **LINK.fields})),
    "annotation_id": STRING,
    "task_id": STRING,
    "region_id": STRING,
    "annotator": STRING,
    "annotator_kind": KIND,
    "editor": STRING,
    "ground_truth": BOOL,
    **REPAIRED,
    "region_meta": STRING,
}


def configs(codebook: Codebook) -> dict[str, Struct]:
    """The schema of every config: articles first (the default), one a span layer, tokens, votes."""
    found = {ARTICLES: _articles(codebook)}
    found |= {name: _rows(layer) for name, layer in codebook.layers.items()}
    if codebook.token_layer:
        found[TOKENS] = _tokens(codebook, codebook.token_layer)
    return found | {VOTES: Struct(VOTE)}


def label_type(layer: Layer) -> tuple[str, Type]:
    """The column of a layer's labels: `label`, or `labels` where a region may carry several."""
    names = ClassLabel(tuple(layer.labels))
    return ("labels", ListOf(names)) if layer.multiple else ("label", names)


def field_type(field: Field) -> Type:
    """The type of an attribute or document layer."""
    if field.kind == "taxonomy":
        return ListOf(ListOf(STRING))
    single: Type = {"rating": INT, "number": FLOAT}.get(field.kind, STRING)
    if field.kind == "choice":
        single = ClassLabel(tuple(field.values))
    return ListOf(single) if field.listed else single


def reserved_columns() -> dict[str, set[str]]:
    """Column names that attributes, relations, layers and document layers must not take, by where they would clash."""
    return {
        "span": {*PLACE, *MADE_BY, *REPAIRED, "label", "labels"},
        "article": {*ARTICLE},
        "config": {ARTICLES, TOKENS, VOTES, STANDOFF, "default"},
    }


def arrow_schema(struct: Struct) -> pa.Schema:
    """The Arrow schema, with the features in its metadata, where `datasets` looks for them."""
    fields = [pa.field(name, arrow_type(type_)) for name, type_ in struct.fields.items()]
    info = msgspec.json.encode({"info": {"features": features(struct)}})
    return pa.schema(fields, metadata={b"huggingface": info})


def arrow_type(type_: Type) -> pa.DataType:
    """The Arrow type of a description."""
    if isinstance(type_, Scalar):
        return {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()}[type_.dtype]
    if isinstance(type_, ClassLabel):
        return pa.int64()
    if isinstance(type_, ListOf):
        return pa.list_(arrow_type(type_.item))
    return pa.struct([pa.field(name, arrow_type(part)) for name, part in type_.fields.items()])


def features(struct: Struct) -> dict[str, Any]:
    """The features as `datasets.Features.from_dict` reads them."""
    return {name: _feature(type_) for name, type_ in struct.fields.items()}


def _feature(type_: Type) -> Any:
    if isinstance(type_, Scalar):
        return {"dtype": type_.dtype, "_type": "Value"}
    if isinstance(type_, ClassLabel):
        return {"names": list(type_.names), "_type": "ClassLabel"}
    if isinstance(type_, ListOf):
        return {"feature": _feature(type_.item), "_type": "List"}
    return {name: _feature(part) for name, part in type_.fields.items()}


def _span_fields(layer: Layer) -> dict[str, Type]:
    name, labels = label_type(layer)
    attributes = {key: field_type(attribute) for key, attribute in layer.attributes.items()}
    relations: dict[str, Type] = {key: ListOf(LINK) for key in layer.relations}
    return {name: labels, **attributes, **relations}


def _rows(layer: Layer) -> Struct:
    return Struct({**PLACE, **_span_fields(layer), **MADE_BY, **REPAIRED})


def _articles(codebook: Codebook) -> Struct:
    spans: dict[str, Type] = {
        name: ListOf(Struct({"span_id": STRING, "start": INT, "end": INT, "quote": WORDS, **_span_fields(layer)}))
        for name, layer in codebook.layers.items()
    }
    documents = {name: field_type(field) for name, field in codebook.document.items()}
    return Struct({**ARTICLE, **documents, **spans})


def _tokens(codebook: Codebook, layer_name: str) -> Struct:
    tags = ClassLabel(codebook.layers[layer_name].tags)
    return Struct(
        {
            "block_id": STRING,
            "article_id": STRING,
            "event_id": STRING,
            "kind": STRING,
            "start": INT,
            "end": INT,
            "tokens": ListOf(WORDS),
            "starts": ListOf(INT),
            "ends": ListOf(INT),
            "tags": ListOf(tags),
            **MADE_BY,
        }
    )
