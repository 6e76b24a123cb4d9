"""Compare the shapes of a config in two versions, and convert rows of both versions to a common form.

A shape is what `datasets` calls features, as plain values. In the common form, a row has the columns that both versions
have, labels by their names in the new version, and no words of articles. Words are compared by the digest of the text
and by offsets, so that a stand-off release equals the build from which it was made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ...corpus import ARTICLES, CONFIGS, TOKENS, role_of
from .rules import Change

Features = dict[str, Any]
Row = dict[str, Any]


@dataclass(frozen=True)
class Value:
    """A value that is compared unchanged."""


@dataclass(frozen=True)
class Names:
    """A label: its names by number in the old version (with renamed labels already replaced) and in the new one."""

    old: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True)
class Many:
    """A list of values of one form."""

    item: Plan


@dataclass(frozen=True)
class Record:
    """A record with the parts that both versions have: name -> (name in the old version, form)."""

    parts: dict[str, tuple[str, Plan]]


Plan = Value | Names | Many | Record


@dataclass
class Renames:
    """Renamed configs, columns and labels.

    `configs`: old name -> new name. `columns`: config -> old name -> new name. `labels`: (config, column) -> old name
    -> new name. Configs and columns in keys have their new names.
    """

    configs: dict[str, str] = field(default_factory=dict)
    columns: dict[str, dict[str, str]] = field(default_factory=dict)
    labels: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)


def is_record(shape: Any) -> bool:
    """Return whether a shape is a record, not a value, a label or a list."""
    return isinstance(shape, dict) and not isinstance(shape.get("_type"), str)


def compare_shapes(config: str, old: Features, new: Features, renames: Renames) -> tuple[list[Change], Record]:
    """Return the changes in the columns of a config, and the common form of the rows of both versions."""
    changes: list[Change] = []
    plan = _record(config, (), old, new, renames, changes)
    return changes, plan


def _record(
    config: str, path: tuple[str, ...], old: Features, new: Features, renames: Renames, changes: list[Change]
) -> Record:
    layer = path[0] if config == ARTICLES and path else config  # spans in articles have the columns of their layer
    renamed = renames.columns.get(layer, {}) if len(path) <= (layer != config) else {}
    known = {renamed.get(name, name): name for name in old}
    parts: dict[str, tuple[str, Plan]] = {}
    for name, before in known.items():
        place = (*path, name)
        if name not in new:
            changes.append(Change("column-removed", config, ".".join((*path, before))))
            continue
        if name != before:
            changes.append(Change("column-renamed", config, ".".join(place), {"name": (before, name)}))
        plan = _plan(config, place, old[before], new[name], renames, changes)
        if plan and role_of(config, place) != "words":
            parts[name] = (before, plan)
    changes += [Change("column-added", config, ".".join((*path, name))) for name in new if name not in known]
    kept = [name for name in new if name in known]
    if kept != [name for name in known if name in new]:
        changes.append(Change("column-order", config, ".".join(path) or "columns"))
    return Record({name: parts[name] for name in kept if name in parts})


def _plan(
    config: str, path: tuple[str, ...], old: Any, new: Any, renames: Renames, changes: list[Change]
) -> Plan | None:
    """Return the common form of two shapes; None where there is none."""
    if is_record(old) and is_record(new):
        return _record(config, path, old, new, renames, changes)
    kinds = (old.get("_type"), new.get("_type"))
    if kinds == ("List", "List"):
        item = _plan(config, path, old["feature"], new["feature"], renames, changes)
        return Many(item) if item else None
    if kinds == ("ClassLabel", "ClassLabel"):
        return _names(config, path, old["names"], new["names"], renames, changes)
    if old != new:
        changes.append(Change("column-type", config, ".".join(path), {"type": (type_name(old), type_name(new))}))
        return None
    return Value()


def type_name(shape: Any) -> str:
    """Describe a shape in words."""
    if is_record(shape):
        return f"record of {', '.join(shape)}"
    if shape["_type"] == "List":
        return f"list of {type_name(shape['feature'])}"
    return "label" if shape["_type"] == "ClassLabel" else str(shape.get("dtype", shape["_type"]))


def _names(
    config: str, path: tuple[str, ...], old: list[str], new: list[str], renames: Renames, changes: list[Change]
) -> Names:
    layer, own = (path[0], path[1:]) if config == ARTICLES and len(path) > 1 else (config, path)
    renamed = renames.labels.get((layer, own[0]), {}) if len(own) == 1 else {}
    place = ".".join(path)
    if config == TOKENS:
        renamed = _tag_renames(old, new, renames)
        labels = {_untagged(name): _untagged(other) for name, other in renamed.items()}
        changes += _label_changes(config, place, _labels_of_tags(old), _labels_of_tags(new), labels)
    else:
        changes += _label_changes(config, place, old, new, renamed)
    return Names(tuple(renamed.get(name, name) for name in old), tuple(new))


def _label_changes(config: str, place: str, old: list[str], new: list[str], renamed: dict[str, str]) -> list[Change]:
    """Return changes for renamed, removed and added labels, and for changed numbers of remaining labels."""
    mapped = [renamed.get(name, name) for name in old]
    changes = [Change("label-renamed", config, place, {"label": pair}) for pair in renamed.items()]
    removed = [name for name in mapped if name not in new]
    changes += [Change("label-removed", config, place, {"label": (name, None)}) for name in removed]
    changes += [Change("label-added", config, place, {"label": (None, name)}) for name in new if name not in mapped]
    stay = [name for name in mapped if name in new]
    numbered = [mapped.index(name) for name in stay] == [new.index(name) for name in stay]
    if stay != [name for name in new if name in stay] or not (numbered or removed):
        changes.append(Change("label-order", config, place, {"labels": (old, new)}))
    return changes


def _untagged(tag: str) -> str:
    return tag[2:] if tag[:2] in ("B-", "I-") else tag


def _labels_of_tags(names: list[str]) -> list[str]:
    """Return the labels of BIO tags, in order."""
    return list(dict.fromkeys(_untagged(name) for name in names if name != "O"))


def _tag_renames(old: list[str], new: list[str], renames: Renames) -> dict[str, str]:
    """Map the old BIO tags of renamed labels to the new ones."""
    renamed_tags = {}
    for (config, column), renamed in renames.labels.items():
        for name, new_name in renamed.items() if role_of(config, (column,)) == "label" else ():
            for part in ("B-", "I-"):
                if (
                    part + name in old
                    and part + new_name in new
                    and part + name not in new
                    and part + new_name not in old
                ):
                    renamed_tags[part + name] = part + new_name
    return renamed_tags


def repetitions(old: dict[str, Features], new: dict[str, Features]) -> dict[tuple[str, str], tuple[str, str]]:
    """Map the places of shapes that repeat other places to these.

    Spans in articles repeat the config of their layer, and tags repeat the labels of their layer.
    """
    repeated: dict[tuple[str, str], tuple[str, str]] = {}
    for shapes in (old, new):
        for layer, features in shapes.items():
            if layer in CONFIGS:  # not the config of a layer
                continue
            repeated[ARTICLES, layer] = (layer, layer)  # for a config that was added or removed
            for path in _paths(features, ()):
                repeated[ARTICLES, f"{layer}.{path}"] = (layer, path)
            for column in ("label", "labels"):
                names = label_names(features.get(column))
                tags = label_names(shapes.get(TOKENS, {}).get("tags"))
                if names and tags and _labels_of_tags(tags) == names:
                    repeated[TOKENS, "tags"] = (layer, column)
    return repeated


def _paths(shape: Any, path: tuple[str, ...]) -> Iterator[str]:
    while not is_record(shape) and shape["_type"] == "List":
        shape = shape["feature"]
    if path:
        yield ".".join(path)
    if is_record(shape):
        for name, part in shape.items():
            yield from _paths(part, (*path, name))


def label_names(shape: Any) -> list[str] | None:
    """Return the names of a label or of a list of labels; None for other shapes."""
    while isinstance(shape, dict) and shape.get("_type") == "List":
        shape = shape["feature"]
    return list(shape["names"]) if isinstance(shape, dict) and shape.get("_type") == "ClassLabel" else None


def reader(plan: Plan, *, old: bool) -> Callable[[Any], Any]:
    """Return the function that converts a value of one version to the common form."""
    if isinstance(plan, Names):
        names = plan.old if old else plan.new
        return lambda value: None if value is None else names[value] if 0 <= value < len(names) else value
    if isinstance(plan, Many):
        if isinstance(plan.item, Value):
            return _as_it_is
        item = reader(plan.item, old=old)
        return lambda values: None if values is None else [item(value) for value in values]
    if isinstance(plan, Record):
        parts = [(name, before if old else name, reader(part, old=old)) for name, (before, part) in plan.parts.items()]
        return lambda row: None if row is None else {name: read(row[own]) for name, own, read in parts}
    return _as_it_is


def _as_it_is(value: Any) -> Any:
    return value
