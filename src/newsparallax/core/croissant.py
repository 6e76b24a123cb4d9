"""The manifest -> Croissant metadata (croissant.json), by which dataset search engines and loaders know the dataset.

Croissant 1.1, https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html. One record set a Parquet file;
columns that hold lists of records are fields with subfields. What lies deeper than that (the arrows of spans nested in
articles) is not described; the flat configs have it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import schema
from .context import Context

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


def make_croissant(context: Context, manifest: dict[str, Any]) -> dict[str, Any]:
    """The content of croissant.json: every Parquet file of the manifest with its digest, and every column."""
    corpus = context.corpus
    shapes = schema.configs(context.codebook)
    files = {path: file for path, file in manifest["files"].items() if path.endswith(".parquet")}
    described: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": corpus.name,
        "description": corpus.title or corpus.name,
        "conformsTo": CONFORMS_TO,
        "version": corpus.version,
    }
    if corpus.license:
        described["license"] = _license(context)
    if corpus.languages:
        described["inLanguage"] = corpus.languages
    return described | {
        "distribution": [_file(path, file) for path, file in files.items()],
        "recordSet": [_record_set(path, shapes[path.split("/")[0]]) for path in files],
    }


def _license(context: Context) -> str:
    """The annotations' licence; it does not cover texts that may not be redistributed, and then says so."""
    articles = context.articles.values()
    free = all(article.redistribute for article in articles) if articles else context.corpus.articles.redistribute
    name = context.corpus.license
    return name if free else f"annotations: {name}; texts: the rights of their holders, not to be redistributed"


def _file(path: str, file: dict[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "contentUrl": path,
        "contentSize": f"{file['bytes']} B",
        "encodingFormat": "application/x-parquet",
        "sha256": file["sha256"],
    }


def _record_set(path: str, shape: schema.Struct) -> dict[str, Any]:
    config, _, part = path.removesuffix(".parquet").partition("/")
    name = f"{config}/{part}"
    fields = [field for column, type_ in shape.fields.items() for field in _fields(name, path, column, type_)]
    return {"@type": "cr:RecordSet", "@id": name, "name": name, "field": fields}


def _fields(record_set: str, path: str, column: str, type_: schema.Type) -> Iterator[dict[str, Any]]:
    """The field of a column; none for one that is nested too deeply."""
    name = f"{record_set}/{column}"
    field: dict[str, Any] = {"@type": "cr:Field", "@id": name, "name": name}
    source = {"fileObject": {"@id": path}, "extract": {"column": column}}
    inner = type_.item if isinstance(type_, schema.ListOf) else type_
    listed = {"isArray": True, "arrayShape": "-1"} if isinstance(type_, schema.ListOf) else {}
    if isinstance(inner, schema.Struct):
        parts = [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{key}",
                "name": f"{name}/{key}",
                "dataType": _data_type(part),
                "source": {**source, "transform": {"jsonPath": key}},
            }
            for key, part in inner.fields.items()
            if isinstance(part, schema.Scalar | schema.ClassLabel)
        ]
        yield field | listed | {"repeated": True, "subField": parts}
    elif isinstance(inner, schema.Scalar | schema.ClassLabel):
        yield field | {"dataType": _data_type(inner), "source": source} | listed


def _data_type(type_: schema.Type) -> str:
    return DATA_TYPES[type_.dtype] if isinstance(type_, schema.Scalar) else "cr:Int64"
