"""The shapes of a config in two versions: what changed in them, and how rows of both are brought into one form.

A shape is what `datasets` calls features, as plain values. In the common form a row has the columns that both versions
have, labels by their names in the new version, and no words of articles: these are compared by the digest of the text
and by offsets, so that a release without words equals the build it was made from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from .changes import Change

Features = dict[str, Any]
Row = dict[str, Any]


@dataclass(frozen=True)
class Value:
    """A value that is compared as it is."""


@dataclass(frozen=True)
class Names:
    """A label: its names by number in the old version (renamed ones by their new name) and in the new one."""

    old: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True)
class Many:
    """Values of one form."""

    item: Plan


@dataclass(frozen=True)
class Record:
    """Named parts that both versions have: name -> (name in the old version, form)."""

    parts: dict[str, tuple[str, Plan]]


Plan = Value | Names | Many | Record


@dataclass
class Renames:
    """What the old version has that goes by another name in the new one.

    `configs`: old name -> new name. `columns`: config -> old name -> new name. `labels`: (config, column) -> old name
    -> new name. Configs and columns in keys have their new names.
    """

    configs: dict[str, str] = field(default_factory=dict)
    columns: dict[str, dict[str, str]] = field(default_factory=dict)
    labels: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)


def is_record(shape: Any) -> bool:
    """Whether a shape is that of a record, rather than of a value, a label or a list."""
    return isinstance(shape, dict) and not isinstance(shape.get("_type"), str)


def is_words(config: str, path: tuple[str, ...]) -> bool:
    """Whether a place holds words of an article."""
    return path[-1] == "quote" or (config, path) in (("articles", ("text",)), ("tokens", ("tokens",)))


def compare_shapes(config: str, old: Features, new: Features, renames: Renames) -> tuple[list[Change], Record]:
    """What changed in the columns of a config, and the form that rows of both versions have in common."""
    changes: list[Change] = []
    plan = _record(config, (), old, new, renames, changes)
    return changes, plan


def _record(
    config: str, path: tuple[str, ...], old: Features, new: Features, renames: Renames, changes: list[Change]
) -> Record:
    layer = path[0] if config == "articles" and path else config  # spans in articles have the columns of their layer
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
        if plan and not is_words(config, place):
            parts[name] = (before, plan)
    changes += [Change("column-added", config, ".".join((*path, name))) for name in new if name not in known]
    kept = [name for name in new if name in known]
    if kept != [name for name in known if name in new]:
        changes.append(Change("column-order", config, ".".join(path) or "columns"))
    return Record({name: parts[name] for name in kept if name in parts})


def _plan(
    config: str, path: tuple[str, ...], old: Any, new: Any, renames: Renames, changes: list[Change]
) -> Plan | None:
    """The form that both shapes have in common; None where they have none."""
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
    """A shape in words."""
    if is_record(shape):
        return f"record of {', '.join(shape)}"
    if shape["_type"] == "List":
        return f"list of {type_name(shape['feature'])}"
    return "label" if shape["_type"] == "ClassLabel" else str(shape.get("dtype", shape["_type"]))


def _names(
    config: str, path: tuple[str, ...], old: list[str], new: list[str], renames: Renames, changes: list[Change]
) -> Names:
    layer = path[0] if config == "articles" and len(path) > 1 else config
    renamed = renames.labels.get((layer, path[-1]), {})
    place = ".".join(path)
    if config == "tokens":
        renamed = _tag_renames(old, new, renames)
        labels = {_untagged(name): _untagged(other) for name, other in renamed.items()}
        changes += _label_changes(config, place, _labels_of_tags(old), _labels_of_tags(new), labels)
    else:
        changes += _label_changes(config, place, old, new, renamed)
    return Names(tuple(renamed.get(name, name) for name in old), tuple(new))


def _label_changes(config: str, place: str, old: list[str], new: list[str], renamed: dict[str, str]) -> list[Change]:
    """Renamed, removed and added labels, and whether a label that stays has another number."""
    mapped = [renamed.get(name, name) for name in old]
    found = [Change("label-renamed", config, place, {"label": pair}) for pair in renamed.items()]
    removed = [name for name in mapped if name not in new]
    found += [Change("label-removed", config, place, {"label": (name, None)}) for name in removed]
    found += [Change("label-added", config, place, {"label": (None, name)}) for name in new if name not in mapped]
    stay = [name for name in mapped if name in new]
    numbered = [mapped.index(name) for name in stay] == [new.index(name) for name in stay]
    if stay != [name for name in new if name in stay] or not (numbered or removed):
        found.append(Change("label-order", config, place, {"labels": (old, new)}))
    return found


def _untagged(tag: str) -> str:
    return tag[2:] if tag[:2] in ("B-", "I-") else tag


def _labels_of_tags(names: list[str]) -> list[str]:
    """The labels of BIO tags, in order."""
    return list(dict.fromkeys(_untagged(name) for name in names if name != "O"))


def _tag_renames(old: list[str], new: list[str], renames: Renames) -> dict[str, str]:
    """The tags of labels that were renamed in a layer."""
    found = {}
    for renamed in renames.labels.values():
        for name, other in renamed.items():
            for part in ("B-", "I-"):
                if part + name in old and part + other in new and part + name not in new and part + other not in old:
                    found[part + name] = part + other
    return found


def repetitions(old: dict[str, Features], new: dict[str, Features]) -> dict[tuple[str, str], tuple[str, str]]:
    """Which places of shapes repeat others: spans in articles their layer's config, tags the labels of their layer."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for shapes in (old, new):
        for layer, features in shapes.items():
            found["articles", layer] = (layer, layer)  # of a config that came or went as a whole
            for path in _paths(features, ()):
                found["articles", f"{layer}.{path}"] = (layer, path)
            for column in ("label", "labels"):
                names = label_names(features.get(column))
                tags = label_names(shapes.get("tokens", {}).get("tags"))
                if names and tags and _labels_of_tags(tags) == names:
                    found["tokens", "tags"] = (layer, column)
    return found


def _paths(shape: Any, path: tuple[str, ...]) -> Iterator[str]:
    while not is_record(shape) and shape["_type"] == "List":
        shape = shape["feature"]
    if path:
        yield ".".join(path)
    if is_record(shape):
        for name, part in shape.items():
            yield from _paths(part, (*path, name))


def label_names(shape: Any) -> list[str] | None:
    """The names of a label or of a list of labels; None for anything else."""
    while isinstance(shape, dict) and shape.get("_type") == "List":
        shape = shape["feature"]
    return list(shape["names"]) if isinstance(shape, dict) and shape.get("_type") == "ClassLabel" else None


def reader(plan: Plan, *, old: bool) -> Callable[[Any], Any]:
    """What brings a value of one version into the common form."""
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
