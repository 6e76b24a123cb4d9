"""What a croissant.json says of columns and records, compared with Arrow schemas and rows.

Croissant is JSON-LD: what may be several may also be one. Whatever has another form than expected is passed over here,
since the validator tells it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import pyarrow as pa

from .croissant_vocabulary import CONTEXT

FITTING = {  # Arrow's name of a type -> the atomic data types that fit it
    "string": {"sc:Text", "sc:URL"},
    "int64": {"cr:Int64", "sc:Integer"},
    "double": {"cr:Float64", "sc:Float"},
    "bool": {"sc:Boolean"},
}
Columns = dict[tuple[str, ...], tuple[str, tuple[int, ...]]]
_KEY = re.compile(r"\['([^']+)'\]")


class Leaf(NamedTuple):
    """A field without fields in it: where it stands, and where its values come from.

    `path` is the column and the keys below it, `depths` how many lists wrap each of them, `parent` the field around it.
    """

    id: str
    parent: str
    path: tuple[str, ...]
    depths: tuple[int, ...]
    json_path: str
    types: set[str]


class Records(NamedTuple):
    """A record set that draws on files: its leaves, the field that tells the split, the files in the order of names."""

    id: str
    leaves: list[Leaf]
    split: dict[str, Any] | None
    files: list[str]


def check_context(described: dict[str, Any]) -> Iterator[str]:
    """The context must be the library's own: with another one all words mean something else."""
    context = described.get("@context")
    if not isinstance(context, dict):
        yield f"@context: expected a table of names, found {context!r}"
        return
    for name in sorted(CONTEXT.keys() | context.keys()):
        if context.get(name) != CONTEXT.get(name):
            yield f"@context: {name}: expected {CONTEXT.get(name)!r}, found {context.get(name)!r}"
    waiting: list[Any] = [value for key, value in described.items() if key != "@context"]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            if "@context" in found:
                yield f"{id_of(found)}: has an @context of its own"
            waiting.extend(found.values())
        elif isinstance(found, list):
            waiting.extend(found)


def check_places(described: dict[str, Any]) -> Iterator[str]:
    """All files lie beside croissant.json; others would be fetched, or be read from elsewhere on the disk."""
    for entry in as_dicts(described.get("distribution")):
        place = entry.get("contentUrl", "")
        if not isinstance(place, str) or "://" in place or place.startswith("/") or ".." in PurePosixPath(place).parts:
            yield f"{id_of(entry)}: contentUrl {place!r} is no file of the dataset"
        if "containedIn" in entry:
            yield f"{id_of(entry)}: is said to be contained in another file"


def check_columns(one: Records, names: list[list[Any]], schema: pa.Schema) -> Iterator[str]:
    """What a record set says of columns, types and splits, against its files, of which all have the columns `schema`.

    `names` are those that the record sets with names hold.
    """
    columns: Columns = dict(_columns((), (), pa.struct(list(schema))))
    for leaf in one.leaves:
        yield from _check_leaf(leaf, columns)
    for missed in sorted(columns.keys() - {leaf.path for leaf in one.leaves}):
        yield f"{one.id}: no field describes the column {'.'.join(missed)}"
    if one.split is None:
        yield f"{one.id}: no field tells the split"
    for path in one.files if one.split is not None else ():
        found = PurePosixPath(path).name.rpartition("-")[0]
        if split_of(one.split, path) != found:
            yield f"{id_of(one.split)}: does not find the split {found} in {path}"
        if not any(found in held for held in names):
            yield f"{id_of(one.split)}: no record set holds the split {found}"
    info = json.loads((schema.metadata or {}).get(b"huggingface", b"{}")).get("info", {})
    for column, labels in _label_names((), info.get("features", {})):
        if labels and labels not in names:
            yield f"{one.id}: no record set holds the names of {'.'.join(column)}: {', '.join(labels[:5])}"


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


def expected_record(one: Records, row: dict[str, Any], split: str | None) -> dict[str, Any]:
    """The record that mlcroissant makes of a row: nested records under the id of the field right around them.

    It makes one record of nulls of a list that is null, and takes the first where lists of records are nested.
    """
    found: dict[str, Any] = {id_of(one.split): split} if one.split else {}
    for leaf in one.leaves:
        value = row.get(leaf.path[0])
        if len(leaf.path) == 1:
            found[leaf.id] = plain(value)
            continue
        items = [None] if value is None else value
        records = found.setdefault(leaf.parent, [{} for _ in items])
        for record, item in zip(records, items, strict=True):
            for key in leaf.path[1:]:
                item = (item[0] if item else None) if isinstance(item, list) else item
                item = item and item.get(key)
            record[leaf.id] = plain(item)
    return found


def plain(value: Any) -> Any:
    """A value of mlcroissant, NumPy or Arrow as Python has it; what is not a number is null, as in pandas."""
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list):
        return [plain(part) for part in value]
    return None if value != value else value


def records_of(one: dict[str, Any], files: dict[str, list[str]]) -> Records:
    """A record set as it is compared; `files` maps file objects and file sets to their files."""
    leaves: list[Leaf] = []
    split: dict[str, Any] | None = None
    for field in as_dicts(one.get("field")):
        if "fileProperty" in as_dict(as_dict(field.get("source")).get("extract")):
            split = field
        else:
            leaves += _leaves(field, id_of(one), ())
    sources = [as_dict(field.get("source")) for field in _all_fields(one)]
    used = {id_of(source.get(kind)) for source in sources for kind in ("fileSet", "fileObject") if kind in source}
    return Records(id_of(one), leaves, split, sorted({path for name in used for path in files.get(name, [])}))


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


def _all_fields(one: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for field in [*as_dicts(one.get("field")), *as_dicts(one.get("subField"))]:
        yield field
        yield from _all_fields(field)


def _columns(
    path: tuple[str, ...], above: tuple[int, ...], type_: pa.DataType
) -> Iterator[tuple[tuple[str, ...], tuple[str, tuple[int, ...]]]]:
    """Every column down to its innermost parts: path, and type with how many lists wrap each step of the path."""
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
    """How the innermost part is found from an item of its column, "" for a column itself."""
    steps = [f"['{key}']" + "[*]" * depth for key, depth in zip(path[1:-1], depths[1:-1], strict=True)]
    return "".join(["$", *steps, f"['{path[-1]}']"]) if len(path) > 1 else ""


def _label_names(path: tuple[str, ...], feature: Any) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """The names of every column of labels, from the features as Hugging Face `datasets` notes them."""
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


def inline_names(one: dict[str, Any]) -> Iterator[Any]:
    """The names that a record set with records of its own holds, in their order."""
    return (record.get(f"{id_of(one)}/name") for record in as_dicts(one["data"]))


def split_of(field: dict[str, Any] | None, path: str) -> str | None:
    """The split that a field reads out of a path, None without such a field."""
    for transform in as_dicts(as_dict((field or {}).get("source")).get("transform")):
        try:
            found = re.match(str(transform.get("regex")), path)
        except re.error:
            return None
        return next(filter(None, found.groups()), None) if found else None
    return None


def as_dict(value: Any) -> dict[str, Any]:
    """The table that a value is, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def as_dicts(value: Any) -> list[dict[str, Any]]:
    """The tables in a value that JSON-LD lets be one or several."""
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]


def as_texts(value: Any) -> list[str]:
    """The strings in a value that JSON-LD lets be one or several."""
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def id_of(value: Any) -> str:
    """The id of a node, "None" where it has none."""
    return str(as_dict(value).get("@id"))
