"""Compare the columns and records that a croissant.json describes with Arrow schemas and rows.

Croissant is JSON-LD: a list with one item may also be written as the item itself. This module ignores values of an
unexpected form, because the validator reports them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import pyarrow as pa

from .croissant import CONTEXT

FITTING = {  # Arrow's name of a type -> the matching atomic data types of Croissant
    "string": {"sc:Text", "sc:URL"},
    "int64": {"cr:Int64", "sc:Integer"},
    "double": {"cr:Float64", "sc:Float"},
    "bool": {"sc:Boolean"},
}
Columns = dict[tuple[str, ...], tuple[str, tuple[int, ...]]]
_TARGETS = {  # property -> the type of the node that it refers to
    "fileSet": "cr:FileSet",
    "fileObject": "cr:FileObject",
    "recordSet": "cr:RecordSet",
    "field": "cr:Field",
    "parentField": "cr:Field",
}
_KEY = re.compile(r"\['([^']+)'\]")


class Leaf(NamedTuple):
    """A field without subfields, with its position and the source of its values.

    `path` is the column and the keys below it, `depths` the number of lists around each of them, `parent` the id of the
    enclosing field or record set.
    """

    id: str
    parent: str
    path: tuple[str, ...]
    depths: tuple[int, ...]
    json_path: str
    types: set[str]


class Records(NamedTuple):
    """A record set that reads files: its leaves, the field that gives the split, and the files, sorted by name."""

    id: str
    leaves: list[Leaf]
    split: dict[str, Any] | None
    files: list[str]


def check_context(described: dict[str, Any]) -> Iterator[str]:
    """Check that the context equals mlcroissant's; another context would change the meaning of every term."""
    context = described.get("@context")
    if not isinstance(context, dict):
        yield f"@context: expected a table of names, found {context!r}"
        return
    for name in sorted(CONTEXT.keys() | context.keys()):
        if context.get(name) != CONTEXT.get(name):
            yield f"@context: {name}: expected {CONTEXT.get(name)!r}, found {context.get(name)!r}"
    waiting: list[Any] = [value for key, value in described.items() if key != "@context"]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if "@context" in node:
                yield f"{id_of(node)}: has an @context of its own"
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def check_places(described: dict[str, Any]) -> Iterator[str]:
    """Check that all files are in the folder of croissant.json, so that no other file is fetched or read from disk."""
    for entry in as_dicts(described.get("distribution")):
        place = entry.get("contentUrl", "")
        if not isinstance(place, str) or "://" in place or place.startswith("/") or ".." in PurePosixPath(place).parts:
            yield f"{id_of(entry)}: contentUrl {place!r} is no file of the dataset"
        if "containedIn" in entry:
            yield f"{id_of(entry)}: is said to be contained in another file"


def check_references(described: dict[str, Any]) -> Iterator[str]:
    """Check that references name existing nodes of the right type, and keys and inline records name own fields."""
    sets = as_dicts(described.get("recordSet"))
    fields = {id_of(record_set): list(_all_fields(record_set)) for record_set in sets}
    nodes = [*as_dicts(described.get("distribution")), *sets, *(field for part in fields.values() for field in part)]
    types = {id_of(node): node.get("@type") for node in nodes}
    for node in nodes:
        for key, name in _references(node):
            expected = _TARGETS.get(key)
            if name not in types or (expected and types[name] != expected):
                yield f"{id_of(node)}: {key} names {name}, expected {expected or 'something'} of this file"
    for record_set in sets:
        own = {id_of(field) for field in as_dicts(record_set.get("field"))}
        keys = record_set.get("key", [])
        for key in keys if isinstance(keys, list) else [keys]:
            name = id_of(key) if isinstance(key, dict) else str(key)
            if name not in own:
                yield f"{id_of(record_set)}: key names {name}, expected a field of this record set"
        for name in sorted({name for record in as_dicts(record_set.get("data")) for name in record} - own):
            yield f"{id_of(record_set)}: data name {name}, expected a field of this record set"


def _references(node: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (property, id) for every reference of a node, without those of the nodes inside it."""
    waiting = [(key, value) for key, value in node.items() if key not in ("key", "data")]
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, list):
            waiting += [(key, part) for part in value]
        elif isinstance(value, dict) and "@type" not in value:
            if "@id" in value:
                yield key, id_of(value)
            waiting += value.items()


def check_columns(records: Records, names: list[list[Any]], schema: pa.Schema) -> Iterator[str]:
    """Compare the columns, types and splits of a record set with its files, which all have the schema `schema`.

    `names` holds one list of names for each record set with names.
    """
    columns: Columns = dict(_columns((), (), pa.struct(list(schema))))
    for leaf in records.leaves:
        yield from _check_leaf(leaf, columns)
    for missed in sorted(columns.keys() - {leaf.path for leaf in records.leaves}):
        yield f"{records.id}: no field describes the column {'.'.join(missed)}"
    if records.split is None:
        yield f"{records.id}: no field states the split"
    for path in records.files if records.split is not None else ():
        config = PurePosixPath(path).name.rpartition("-")[0]
        if split_of(records.split, path) != config:
            yield f"{id_of(records.split)}: does not find the split {config} in {path}"
        if not any(config in held for held in names):
            yield f"{id_of(records.split)}: no record set contains the split {config}"
    info = json.loads((schema.metadata or {}).get(b"huggingface", b"{}")).get("info", {})
    for column, labels in _label_names((), info.get("features", {})):
        if labels and labels not in names:
            yield f"{records.id}: no record set contains the names of {'.'.join(column)}: {', '.join(labels[:5])}"


def _check_leaf(leaf: Leaf, columns: Columns) -> Iterator[str]:
    column = ".".join(leaf.path)
    if leaf.path not in columns:
        yield f"{leaf.id}: the files have no column {column}"
        return
    type_, depths = columns[leaf.path]
    if leaf.depths != depths:
        yield f"{leaf.id}: isArray and arrayShape do not fit the lists of {column}"
    elif leaf.json_path != _json_path(leaf.path, depths):
        yield f"{leaf.id}: expected the JSON path {_json_path(leaf.path, depths)}, found {leaf.json_path}"
    atomic = leaf.types & set().union(*FITTING.values())
    if not atomic or not atomic <= FITTING.get(type_, set()):
        yield f"{leaf.id}: dataType {', '.join(sorted(leaf.types)) or None} does not fit {column}, which is {type_}"


def expected_record(record_set: Records, row: dict[str, Any], split: str | None) -> dict[str, Any]:
    """Return the record that mlcroissant makes of a row: nested records under the id of their enclosing field.

    mlcroissant turns a null list into one record of nulls. Where lists of records are nested, it takes only the first
    inner record.
    """
    expected: dict[str, Any] = {id_of(record_set.split): split} if record_set.split else {}
    for leaf in record_set.leaves:
        value = row.get(leaf.path[0])
        if len(leaf.path) == 1:
            expected[leaf.id] = plain(value)
            continue
        items = [None] if value is None else value
        records = expected.setdefault(leaf.parent, [{} for _ in items])
        for record, item in zip(records, items, strict=True):
            for key in leaf.path[1:]:
                item = (item[0] if item else None) if isinstance(item, list) else item
                item = item and item.get(key)
            record[leaf.id] = plain(item)
    return expected


def plain(value: Any) -> Any:
    """Convert a value of mlcroissant, NumPy or Arrow to plain Python; NaN becomes None, as pandas uses it for null."""
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list):
        return [plain(part) for part in value]
    return None if value != value else value


def records_of(record_set: dict[str, Any], files: dict[str, list[str]]) -> Records:
    """Return a record set prepared for the comparison; `files` maps file objects and file sets to their files."""
    leaves: list[Leaf] = []
    split: dict[str, Any] | None = None
    for field in as_dicts(record_set.get("field")):
        if "fileProperty" in as_dict(as_dict(field.get("source")).get("extract")):
            split = field
        else:
            leaves += _leaves(field, id_of(record_set), ())
    sources = [as_dict(field.get("source")) for field in _all_fields(record_set)]
    used = {id_of(source.get(kind)) for source in sources for kind in ("fileSet", "fileObject") if kind in source}
    return Records(id_of(record_set), leaves, split, sorted({path for name in used for path in files.get(name, [])}))


def _leaves(field: dict[str, Any], parent: str, above: tuple[int, ...]) -> Iterator[Leaf]:
    shape = field.get("arrayShape")
    depth = (len(shape.split(",")) if isinstance(shape, str) else 1) if field.get("isArray") else 0
    if "subField" in field:
        for part in as_dicts(field["subField"]):
            yield from _leaves(part, id_of(field), (*above, depth))
        return
    source = as_dict(field.get("source"))
    json_path = "".join(as_texts([part.get("jsonPath") for part in as_dicts(source.get("transform"))]))
    path = (str(as_dict(source.get("extract")).get("column")), *_KEY.findall(json_path))
    yield Leaf(id_of(field), parent, path, (*above, depth), json_path, set(as_texts(field.get("dataType"))))


def _all_fields(record_set: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for field in [*as_dicts(record_set.get("field")), *as_dicts(record_set.get("subField"))]:
        yield field
        yield from _all_fields(field)


def _columns(
    path: tuple[str, ...], above: tuple[int, ...], type_: pa.DataType
) -> Iterator[tuple[tuple[str, ...], tuple[str, tuple[int, ...]]]]:
    """Yield (path, (type, depths)) of each innermost column; depths: the number of lists around each path step."""
    depth = 0
    while pa.types.is_list(type_):
        depth, type_ = depth + 1, type_.value_type
    depths = (*above, depth) if path else ()
    if pa.types.is_struct(type_):
        for part in type_:
            yield from _columns((*path, part.name), depths, part.type)
    else:
        yield path, (str(type_), depths)


def _json_path(path: tuple[str, ...], depths: tuple[int, ...]) -> str:
    """Return the JSON path from an item of a column to its innermost part, "" for a column without nested parts."""
    steps = [f"['{key}']" + "[*]" * depth for key, depth in zip(path[1:-1], depths[1:-1], strict=True)]
    return "".join(["$", *steps, f"['{path[-1]}']"]) if len(path) > 1 else ""


def _label_names(path: tuple[str, ...], feature: Any) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Yield path and names of every label column, from the features in the form of Hugging Face `datasets`."""
    if not isinstance(feature, dict):
        return
    kind = feature.get("_type")
    if kind == "ClassLabel":
        yield path, as_texts(feature.get("names"))
    elif kind == "List":
        yield from _label_names(path, feature.get("feature"))
    elif not isinstance(kind, str):
        for name, part in feature.items():
            yield from _label_names((*path, name), part)


def inline_names(record_set: dict[str, Any]) -> Iterator[Any]:
    """Yield the names that a record set with inline records holds, in order."""
    return (record.get(f"{id_of(record_set)}/name") for record in as_dicts(record_set["data"]))


def split_of(field: dict[str, Any] | None, path: str) -> str | None:
    """Return the split that a field extracts from a file path; None where there is no field or no match."""
    for transform in as_dicts(as_dict((field or {}).get("source")).get("transform")):
        try:
            match = re.match(str(transform.get("regex")), path)
        except re.error:
            return None
        return next(filter(None, match.groups()), None) if match else None
    return None


def as_dict(value: Any) -> dict[str, Any]:
    """Return the value if it is a dict, otherwise an empty dict."""
    return value if isinstance(value, dict) else {}


def as_dicts(value: Any) -> list[dict[str, Any]]:
    """Return the dicts in a value; in JSON-LD it may be one item or a list."""
    return [entry for entry in (value if isinstance(value, list) else [value]) if isinstance(entry, dict)]


def as_texts(value: Any) -> list[str]:
    """Return the strings in a value; in JSON-LD it may be one item or a list."""
    return [entry for entry in (value if isinstance(value, list) else [value]) if isinstance(entry, str)]


def id_of(value: Any) -> str:
    """Return the id of a node, "None" where it has no id."""
    return str(as_dict(value).get("@id"))
