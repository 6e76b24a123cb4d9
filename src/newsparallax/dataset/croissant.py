"""The manifest -> Croissant metadata (croissant.json), by which dataset search engines and loaders know the dataset.

Croissant 1.1, https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html. One record set a config, over the
files of all its splits; what is nested in a column is described to any depth. Integers that stand for names refer to
record sets that hold these names.

What mlcroissant 1.1.1 can read decides where the specification leaves a choice. Record sets draw on file sets without
container, which it finds beside croissant.json; the files with their digests are listed for themselves. `references`
makes it join, and it joins once a record set: so only `split` has it. Columns of names tell their record set in the
description.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from . import schema
from .citation import bibtex
from .codebook import Codebook, Field, Layer, Relation, Value
from .context import Context
from .croissant_vocabulary import CONFORMS_TO, CONTEXT, DATA_TYPES, PARQUET, licence_url
from .render.card import COLUMNS

KEYS = {
    schema.ARTICLES: ("article_id",),
    schema.TOKENS: ("block_id",),
    schema.VOTES: ("article_id", "task_id", "annotation_id", "layer", "span_id"),
}  # of span configs: span_id
VALUES = "values."  # begins the ids of record sets that hold names; no config is called so, its name has no dot
SPLITS = f"{VALUES}split"
RESERVED = (
    "The texts of the articles, and the quotations from them, are no part of this licence. They belong to the holders"
    " named in the column `rights_holder` and may not be passed on where `redistribute` is false."
)
WITHHELD = "The words of {:,} articles are left out (null); offsets, labels and digests of the texts are here."
# Of the first arrow alone, whose JSON path has several matches: what mlcroissant 1.1.1 takes.
FIRST_ONLY = "Arrows of spans: some readers of Croissant take only the first of each span; the layers' own record sets have all."  # fmt: skip  # noqa: E501


def make_croissant(context: Context, manifest: dict[str, Any]) -> dict[str, Any]:
    """The content of croissant.json: every Parquet file of a config with its digest, every column, every label name.

    There is no `datePublished`, which nobody knows when a dataset is built; mlcroissant warns of that and nothing else.
    """
    shapes = schema.configs(context.codebook)
    files = {path: file for path, file in manifest["files"].items() if _config(path) in shapes}
    splits = [split for split in context.corpus.splits if any(path.split("/")[1].startswith(f"{split}-") for path in files)]  # fmt: skip  # noqa: E501
    describing = [_Describing(context.codebook, config, shape) for config, shape in shapes.items()]
    enumerations = {name: values for one in describing for name, values in one.enumerations()}
    made = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        **_about(context, manifest),
        "distribution": [
            *(_file_set(config, splits) for config in shapes),
            *(_file(path, file) for path, file in files.items()),
        ],
        "recordSet": [
            *(one.record_set(splits) for one in describing),
            _inline(SPLITS, "cr:Split", "name", [{"name": split} for split in splits]),
            *(_inline(name, "sc:Enumeration", "id", values) for name, values in enumerations.items()),
        ],
    }
    return renewed(made, manifest)


def _config(path: str) -> str | None:
    """The config that a file belongs to, None for what is no Parquet file."""
    return path.split("/")[0] if path.endswith(".parquet") and path.count("/") == 1 else None


def _about(context: Context, manifest: dict[str, Any]) -> dict[str, Any]:
    """What is said of the dataset as a whole."""
    corpus, cited = context.corpus, context.corpus.citation
    found: dict[str, Any] = {
        "name": corpus.name,
        "description": _description(context, manifest),
        "conformsTo": CONFORMS_TO,
        "version": corpus.version,
    }
    licences = _licences(context)
    layers = [*context.codebook.layers, *context.codebook.document]
    given = {
        "license": licences[0] if len(licences) == 1 else licences,
        "citeAs": bibtex(corpus),
        "url": cited.url if cited else None,
        "creator": {"@type": "sc:Organization", "name": cited.author} if cited else None,
        "inLanguage": corpus.languages,
        "keywords": layers,
    }
    return found | {key: value for key, value in given.items() if value}


def renewed(described: dict[str, Any], manifest: dict[str, Any]) -> dict[str, Any]:
    """The same description with sizes, digests and whether words are left out as in the manifest, for files made anew.

    Raises KeyError or TypeError for what `make_croissant` did not make.
    """
    files = manifest["files"]
    withheld = manifest.get("texts", {}).get("withheld", 0)
    found = {key: value for key, value in described.items() if key != "conditionsOfAccess"}
    found["distribution"] = [
        _file(entry["contentUrl"], files[entry["contentUrl"]]) if "contentUrl" in entry else entry
        for entry in described["distribution"]
    ]
    return found | ({"conditionsOfAccess": WITHHELD.format(withheld)} if withheld else {})


def _description(context: Context, manifest: dict[str, Any]) -> str:
    corpus, counts = context.corpus, manifest["counts"]
    layers = ", ".join([*context.codebook.layers, *context.codebook.document])
    title = (corpus.title or corpus.name).rstrip(".")
    return f"{title}. Articles: {counts['articles']:,}; events: {counts['events']:,}. Annotated: {layers}."


def _licences(context: Context) -> list[Any]:
    """The licence of the annotations, as URL where it is a known one; then what it does not cover."""
    articles = context.articles.values()
    free = all(article.redistribute for article in articles) if articles else context.corpus.articles.redistribute
    reserved = {"@type": "sc:CreativeWork", "name": "Texts: all rights reserved", "description": RESERVED}
    name = context.corpus.license
    return ([licence_url(name)] if name else []) + ([] if free else [reserved])


def _file_set(config: str, splits: list[str]) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": _files_of(config),
        "name": _files_of(config),
        "encodingFormat": PARQUET,
        "includes": [f"{config}/{split}-*.parquet" for split in splits],
    }


def _files_of(config: str) -> str:
    return f"{config}.parquet"


def _file(path: str, file: dict[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "contentUrl": path,
        "contentSize": f"{file['bytes']} B",
        "encodingFormat": PARQUET,
        "sha256": file["sha256"],
    }


def _inline(name: str, kind: str, key: str, records: list[dict[str, Any]]) -> dict[str, Any]:
    """A record set whose records stand in it; all records have the same keys."""
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"{name}/{part}",
            "name": part,
            "dataType": "cr:Int64" if isinstance(value, int) else "sc:Text",
        }
        for part, value in records[0].items()
    ]
    data = [{f"{name}/{part}": value for part, value in record.items()} for record in records]
    return {"@type": "cr:RecordSet", "@id": name, "name": name, "dataType": kind, "key": {"@id": f"{name}/{key}"}, "field": fields, "data": data}  # fmt: skip  # noqa: E501


class _Describing:
    """The record set of a config, field by field, and the record sets that hold the names of its labels."""

    def __init__(self, codebook: Codebook, config: str, shape: schema.Struct):
        self.codebook, self.config, self.shape = codebook, config, shape

    def record_set(self, splits: list[str]) -> dict[str, Any]:
        """One record a row, over the files of all splits; `split` is read from the path of the file."""
        fields = [self._field((name,), type_) for name, type_ in self.shape.fields.items()]
        split = "split"
        while split in self.shape.fields:
            split += "_"
        key = [{"@id": f"{self.config}/{name}"} for name in KEYS.get(self.config, ("span_id",))]
        nested = any("subField" in part for field in fields for part in field.get("subField", []))
        return {
            "@type": "cr:RecordSet",
            "@id": self.config,
            "name": self.config,
            **({"description": FIRST_ONLY} if nested else {}),
            "key": key[0] if len(key) == 1 else key,
            "field": [self._split(split, splits), *fields],
        }

    def enumerations(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """Names of record sets, each with the names that the integers of a column stand for, in their order."""
        yield from self._enumerations((), self.shape)

    def _enumerations(self, path: tuple[str, ...], type_: schema.Type) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        while isinstance(type_, schema.ListOf):
            type_ = type_.item
        if isinstance(type_, schema.Struct):
            for name, part in type_.fields.items():
                yield from self._enumerations((*path, name), part)
        elif isinstance(type_, schema.ClassLabel) and type_.names:
            name, values = self._inventory(path)
            meanings = [values[value].definition if value in values else "" for value in type_.names]
            yield (
                name,
                [
                    {"id": number, "name": value} | ({"description": meaning} if any(meanings) else {})
                    for number, (value, meaning) in enumerate(zip(type_.names, meanings, strict=True))
                ],
            )

    def _split(self, name: str, splits: list[str]) -> dict[str, Any]:
        """The split that a record is of. The expression also fits a bare name: mlcroissant applies it twice."""
        expression = f"^(?:{re.escape(self.config)}/)?({'|'.join(map(re.escape, splits))})(?:-.+\\.parquet)?$"
        return {
            "@type": "cr:Field",
            "@id": f"{self.config}/{name}",
            "name": name,
            "description": "the split that the record is of",
            "dataType": "sc:Text",
            "source": {
                "fileSet": {"@id": _files_of(self.config)},
                "extract": {"fileProperty": "fullpath"},
                "transform": {"regex": expression},
            },
            "references": {"field": {"@id": f"{SPLITS}/name"}},
        }

    def _field(self, path: tuple[str, ...], type_: schema.Type, json_path: str = "") -> dict[str, Any]:
        """The field of a column, or of what is nested in it: `json_path` leads there from an item of the column."""
        depth, inner = 0, type_
        while isinstance(inner, schema.ListOf):
            depth, inner = depth + 1, inner.item
        field: dict[str, Any] = {"@type": "cr:Field", "@id": "/".join((self.config, *path)), "name": path[-1]}
        meaning = self._meaning(path, inner)
        field |= {"description": meaning} if meaning else {}
        field |= {"isArray": True, "arrayShape": ",".join(["-1"] * depth)} if depth else {}
        if isinstance(inner, schema.Struct):
            begin = (json_path + "[*]" * depth if json_path else "$") if len(path) > 1 else "$"
            parts = [self._field((*path, name), part, f"{begin}['{name}']") for name, part in inner.fields.items()]
            return field | {"subField": parts}
        source: dict[str, Any] = {"fileSet": {"@id": _files_of(self.config)}, "extract": {"column": path[0]}}
        if json_path:
            source["transform"] = {"jsonPath": json_path}
        return field | {"dataType": _data_type(inner), "source": source}

    def _meaning(self, path: tuple[str, ...], type_: schema.Type) -> str:
        """What a column holds; of an integer that stands for a name, also which record set has the names."""
        _, layer, rest = self._place(path)
        known: Field | Relation | None = None
        if len(rest) == 1 and layer:
            known = layer.attributes.get(rest[0]) or layer.relations.get(rest[0])
        elif len(rest) == 1 and self.config == schema.ARTICLES:
            known = self.codebook.document.get(rest[0])
        meaning = (known.question or known.title) if known else COLUMNS.get(path[-1], "")
        if isinstance(type_, schema.ClassLabel) and type_.names:
            return "; ".join(filter(None, (meaning, f"positions in the record set `{self._inventory(path)[0]}`")))
        return meaning

    def _inventory(self, path: tuple[str, ...]) -> tuple[str, Mapping[str, Value]]:
        """The record set with the names of a column, and those of them that the codebook explains."""
        owner, layer, rest = self._place(path)
        if len(rest) > 1 or rest[0] in self._shared(owner):
            return f"{VALUES}{rest[-1]}", {}
        name = f"{VALUES}{owner}.{rest[0]}"
        if layer is None:
            document = self.codebook.document.get(rest[0])
            return name, document.values if document else {}
        return name, layer.attributes[rest[0]].values if rest[0] in layer.attributes else layer.labels

    def _place(self, path: tuple[str, ...]) -> tuple[str, Layer | None, tuple[str, ...]]:
        """Whose column it is: a config's or a layer's name, the layer, and the path from there on."""
        if self.config == schema.ARTICLES and len(path) > 1 and path[0] in self.codebook.layers:
            return path[0], self.codebook.layers[path[0]], path[1:]
        return self.config, self.codebook.layers.get(self.config), path

    def _shared(self, owner: str) -> Mapping[str, schema.Type]:
        """The columns of a place that all corpora have, and whose names mean the same everywhere."""
        if owner != self.config:
            return {}
        return {schema.ARTICLES: schema.ARTICLE, schema.VOTES: schema.VOTE}.get(owner, schema.MADE_BY)


def _data_type(type_: schema.Type) -> str:
    return DATA_TYPES[type_.dtype] if isinstance(type_, schema.Scalar) else "cr:Int64"
