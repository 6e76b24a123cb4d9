"""Make Croissant metadata (croissant.json) from the manifest, for dataset search engines and dataset loaders.

The format is Croissant 1.1, https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html. Each config has one
record set over the files of all its splits. Nested columns are described to any depth. Columns of integers that stand
for names refer to record sets that hold these names.

Where the specification leaves a choice, the limits of mlcroissant 1.1.1 decide. Record sets use file sets without a
container, whose files mlcroissant finds next to croissant.json. The files with their digests are listed separately.
`references` makes mlcroissant join two record sets, and it can join only once per record set. Therefore only `split`
has `references`; other columns of names state their record set in the description.

The module also defines the vocabulary of Croissant metadata: its context, its data types, and the URLs of licences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..corpus import Codebook, CorpusSpec, Field, Layer, Relation, Value, schema
from .card_blocks import bibtex
from .manifest import FileFacts, Manifest

VALUES = "values."  # id prefix of record sets that hold names; never clashes with a config: their names have no dot
SPLITS = f"{VALUES}split"
RESERVED = (
    "This licence does not include the texts of the articles and quotations from them. They belong to the holders"
    " named in the column `rights_holder` and may not be redistributed where `redistribute` is false."
)
WITHHELD = "The words of {:,} articles are withheld (null); offsets, labels and digests of the texts are included."
# Where a JSON path has several matches, mlcroissant 1.1.1 takes only the first: the first relation of a span.
FIRST_ONLY = "Relations of spans: some readers of Croissant read only the first of each span; the record sets of the layers have all."  # fmt: skip  # noqa: E501


def make_croissant(context: CorpusSpec, manifest: Manifest) -> dict[str, Any]:
    """Return the content of croissant.json: all Parquet files of configs with digests, all columns, all label names.

    `datePublished` is missing, because the date is unknown when a dataset is built. mlcroissant's only warning is about
    that.
    """
    shapes = schema.configs(context.codebook)
    files = {path: file for path, file in manifest.files.items() if _config(path) in shapes}
    splits = [split for split in context.corpus.splits if any(path.split("/")[1].startswith(f"{split}-") for path in files)]  # fmt: skip  # noqa: E501
    describing = [_Describing(context.codebook, config, shape) for config, shape in shapes.items()]
    enumerations = {name: values for part in describing for name, values in part.enumerations()}
    made = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        **_about(context, manifest),
        "distribution": [
            *(_file_set(config, splits) for config in shapes),
            *(_file(path, file) for path, file in files.items()),
        ],
        "recordSet": [
            *(part.record_set(splits) for part in describing),
            _inline(SPLITS, "cr:Split", "name", [{"name": split} for split in splits]),
            *(_inline(name, "sc:Enumeration", "id", values) for name, values in enumerations.items()),
        ],
    }
    return renewed(made, manifest)


def _config(path: str) -> str | None:
    """Return the config of a Parquet file, None for other files."""
    return path.split("/")[0] if path.endswith(".parquet") and path.count("/") == 1 else None


def _about(context: CorpusSpec, manifest: Manifest) -> dict[str, Any]:
    """Return the properties of the complete dataset."""
    corpus, cited = context.corpus, context.corpus.citation
    description: dict[str, Any] = {
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
    return description | {key: value for key, value in given.items() if value}


def renewed(described: dict[str, Any], manifest: Manifest) -> dict[str, Any]:
    """Return the description, updated from the manifest: sizes, digests and the note about withheld texts.

    Raises KeyError or TypeError for a description that `make_croissant` did not make.
    """
    files = manifest.files
    withheld = manifest.texts.withheld if manifest.texts else 0
    kept = {key: value for key, value in described.items() if key != "conditionsOfAccess"}
    kept["distribution"] = [
        _file(entry["contentUrl"], files[entry["contentUrl"]]) if "contentUrl" in entry else entry
        for entry in described["distribution"]
    ]
    return kept | ({"conditionsOfAccess": WITHHELD.format(withheld)} if withheld else {})


def _description(context: CorpusSpec, manifest: Manifest) -> str:
    corpus, counts = context.corpus, manifest.counts
    layers = ", ".join([*context.codebook.layers, *context.codebook.document])
    title = (corpus.title or corpus.name).rstrip(".")
    return f"{title}. Articles: {counts.articles:,}; events: {counts.events:,}. Annotated: {layers}."


def _licences(context: CorpusSpec) -> list[Any]:
    """Return the licence of the annotations, as a URL where it is known, then an entry for texts that it excludes."""
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


def _file(path: str, file: FileFacts) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "contentUrl": path,
        "contentSize": f"{file.bytes} B",
        "encodingFormat": PARQUET,
        "sha256": file.sha256,
    }


def _inline(name: str, kind: str, key: str, records: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a record set with inline records, which all have the same keys."""
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
    """Builder of a config's record set, field by field, and of the record sets that hold its label names."""

    def __init__(self, codebook: Codebook, config: str, shape: schema.Struct):
        self.codebook, self.config, self.shape = codebook, config, shape

    def record_set(self, splits: list[str]) -> dict[str, Any]:
        """Return the record set: one record per row, over the files of all splits; the file path gives `split`."""
        fields = [self._field((name,), type_) for name, type_ in self.shape.fields.items()]
        split = "split"
        while split in self.shape.fields:
            split += "_"
        key = [{"@id": f"{self.config}/{name}"} for name in schema.key_of(self.config)]
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
        """Yield (name of a record set, its records): the names that a column's integers stand for, in order."""
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
        """Return the field of the record's split; the regex also matches a bare name: mlcroissant applies it twice."""
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
        """Return the field of a column or a nested part; `json_path` leads from an item of the column to the part."""
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
        """Return the meaning of a column; where integers stand for names, also the record set with the names."""
        _, layer, rest = self._place(path)
        known: Field | Relation | None = None
        if schema.fixed_type(self.config, path) is not None:
            meaning = schema.meanings(self.config).get(path[-1], "")
        else:
            known = (
                layer.attributes.get(rest[0]) or layer.relations.get(rest[0])
                if layer
                else self.codebook.document.get(rest[0])
            )
            meaning = (known.question or known.title) if known else ""
        if isinstance(type_, schema.ClassLabel) and type_.names:
            return "; ".join(filter(None, (meaning, f"positions in the record set `{self._inventory(path)[0]}`")))
        return meaning

    def _inventory(self, path: tuple[str, ...]) -> tuple[str, Mapping[str, Value]]:
        """Return the id of the record set with a column's names, and the names that the codebook defines."""
        owner, layer, rest = self._place(path)
        fixed = schema.fixed_type(self.config, path)
        if fixed is not None and fixed.role != "label":
            return f"{VALUES}{rest[-1]}", {}
        name = f"{VALUES}{owner}.{rest[0]}"
        if layer is None:
            document = self.codebook.document.get(rest[0])
            return name, document.values if document else {}
        return name, layer.attributes[rest[0]].values if rest[0] in layer.attributes else layer.labels

    def _place(self, path: tuple[str, ...]) -> tuple[str, Layer | None, tuple[str, ...]]:
        """Return the owner of a column: the name of a config or layer, the layer, and the path relative to it."""
        if self.config == schema.ARTICLES and len(path) > 1 and path[0] in self.codebook.layers:
            return path[0], self.codebook.layers[path[0]], path[1:]
        return self.config, self.codebook.layers.get(self.config), path


def _data_type(type_: schema.Type) -> str:
    return DATA_TYPES[type_.dtype] if isinstance(type_, schema.Scalar) else "cr:Int64"


CONFORMS_TO = "http://mlcommons.org/croissant/1.1"
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
DATA_TYPES = {"string": "sc:Text", "int64": "cr:Int64", "float64": "cr:Float64", "bool": "sc:Boolean"}
PARQUET = "application/x-parquet"
_CREATIVE_COMMONS = re.compile(r"cc-(by(?:-nc)?(?:-nd|-sa)?)-(\d\.\d)")
_LICENCES = {  # SPDX id in lower case, the hub's spelling -> URL of the licence
    "cc0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0",
    "mit": "https://spdx.org/licenses/MIT.html",
    "odbl": "https://opendatacommons.org/licenses/odbl/1-0/",
    "odbl-1.0": "https://opendatacommons.org/licenses/odbl/1-0/",
    "odc-by": "https://opendatacommons.org/licenses/by/1-0/",
    "odc-by-1.0": "https://opendatacommons.org/licenses/by/1-0/",
    "pddl": "https://opendatacommons.org/licenses/pddl/1-0/",
    "pddl-1.0": "https://opendatacommons.org/licenses/pddl/1-0/",
}


def licence_url(name: str) -> str:
    """Return the URL of a licence, or its name unchanged where the URL is unknown."""
    common = _CREATIVE_COMMONS.fullmatch(name.lower())
    if common:
        return f"https://creativecommons.org/licenses/{common[1]}/{common[2]}/"
    return _LICENCES.get(name.lower(), name)
