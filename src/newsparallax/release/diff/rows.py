"""Rows of two versions of a config -> changes, each named by the rule it falls under.

A row is compared with the row of the same id; what has none of the same id is matched in `pairing.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from .changes import Change
from .shapes import Many, Record, Renames, Row, reader

KEYS: dict[str, tuple[str, ...]] = {
    "articles": ("article_id",),
    "tokens": ("block_id",),
    "votes": ("article_id", "task_id", "annotation_id", "layer", "span_id"),
}
NOUNS = {"articles": "article", "tokens": "block", "votes": "vote"}
SPLIT = "split"  # stands among the columns of a row in common form; not a column of any config

_MADE_BY = {"annotator", "annotator_kind", "adjudicated", "gold"}
_MOVED = {"start", "end", "starts", "ends", "article_id", "span_id", "block_id"}


def key_of(config: str) -> tuple[str, ...]:
    """The columns by which a row of a config is known."""
    return KEYS.get(config, ("span_id",))


class Form:
    """The common form of a config's rows, and how two rows in it are compared."""

    def __init__(self, config: str, plan: Record, renames: Renames) -> None:
        self.config = config
        self.noun = NOUNS.get(config, "span")
        self.keys = key_of(config)
        self._named = [name for name in self.keys if name not in ("article_id", "task_id", "layer")] or ["article_id"]
        self.plan = plan
        self.names = _Strings(renames, plan, config)
        self._old, self._new = reader(plan, old=True), reader(plan, old=False)
        lists = {name: part.item for name, (_, part) in plan.parts.items() if isinstance(part, Many)}
        records = {name: set(item.parts) for name, item in lists.items() if isinstance(item, Record)}
        self.links = {name for name, parts in records.items() if {"span_id", "layer"} <= parts}
        self.nested = {name for name, parts in records.items() if "span_id" in parts} - self.links

    def common(self, row: Row, split: str, *, old: bool) -> Row:
        """A row in the common form, with its split; of the text, whether one that may be passed on is there."""
        found: Row = (self._old if old else self._new)(row)
        if old:
            self.names.rename(found)
        if self.config == "articles":
            found["text"] = bool(row.get("redistribute")) and row.get("text") is not None
        found[SPLIT] = split
        return found

    def key(self, row: Row) -> tuple[Any, ...]:
        """What a row is known by."""
        return tuple(map(row.get, self.keys))

    def matching_key(self, row: Row) -> Any:
        """Rows with different values of this are never the same row under another id."""
        return row.get("text_sha256") if self.noun == "article" else row.get("article_id")

    def compare(self, old: Row, new: Row) -> Iterator[Change]:
        """What changed in a row, a change for every rule that it falls under."""
        kinds: dict[str, dict[str, tuple[Any, Any]]] = {}
        for name, value in new.items():
            before = old.get(name)
            if before != value:
                for kind, field, pair in self._column(name, before, value):
                    kinds.setdefault(kind, {})[field] = pair
        for kind, fields in kinds.items():
            yield self.change(kind, new, fields)

    def change(self, kind: str, row: Row, fields: dict[str, tuple[Any, Any]] | None = None) -> Change:
        """A change of this row."""
        names = [row.get(name) for name in self._named]
        if self.config == "votes" and row.get("span_id") is None:
            names.append(row.get("layer"))
        known = "/".join(str(name) for name in names if name is not None)
        article = row.get("article_id") if self.config != "articles" else None
        return Change(kind, self.config, known, fields or {}, article)

    def _column(self, name: str, old: Any, new: Any) -> Iterator[tuple[str, str, tuple[Any, Any]]]:
        """(kind, field, its two values) for what changed in a column."""
        noun, pair = self.noun, (old, new)
        if name == SPLIT:
            yield ("article-split" if noun == "article" else "row-split"), name, pair
        elif name == "event_id":
            yield ("article-event" if noun == "article" else "row-event"), name, pair
        elif name in self.nested:
            yield "row-repeats", name, ((), ())
        elif name in self.links:
            yield from self._relations(name, old or [], new or [])
        elif name in _MADE_BY:
            yield {"vote": "vote-corrected", "block": "row-repeats"}.get(noun, f"{noun}-made-by"), name, pair
        elif noun == "article":
            yield from _article(name, old, new)
        elif name in _MOVED:
            yield f"{noun}-moved", name, pair
        elif noun == "vote" and name == "attributes":
            yield from _attributes(old or [], new or [])
        else:
            yield ("span-relabelled" if noun == "span" and name in ("label", "labels") else f"{noun}-corrected"), name, pair  # fmt: skip  # noqa: E501

    def _relations(self, name: str, old: list[Row], new: list[Row]) -> Iterator[tuple[str, str, tuple[Any, Any]]]:
        """Arrows by what they point at; where only the target has changed, this is told of the target."""
        before, after = Counter(map(_target, old)), Counter(map(_target, new))
        if before == after:
            yield "row-repeats", name, ((), ())
            return
        removed = [_arrow(link) for link in _first(old, before - after)]
        added = [_arrow(link) for link in _first(new, after - before)]
        yield ("vote-corrected" if self.noun == "vote" else "span-relations"), name, (removed, added)


def _target(link: Row) -> tuple[Any, ...]:
    return (link.get("name"), link["span_id"], link.get("direction"))


def _first(links: list[Row], wanted: Counter[tuple[Any, ...]]) -> Iterator[Row]:
    left = Counter(wanted)
    for link in links:
        if left[_target(link)] > 0:
            left[_target(link)] -= 1
            yield link


def _arrow(link: Row) -> str:
    parts = (link.get("name"), link.get("label"), link["span_id"], link.get("direction"))
    return " ".join(str(part) for part in parts if part not in (None, "right"))


def _article(name: str, old: Any, new: Any) -> Iterator[tuple[str, str, tuple[Any, Any]]]:
    if name == "text_sha256":
        yield "article-text", name, (old, new)
    elif name == "text":
        words = ("there", "left out")
        yield ("article-withheld", name, words) if old else ("article-released", name, words[::-1])
    elif name == "redistribute":
        yield ("article-released" if new else "article-withheld"), name, (old, new)
    elif name == "blocks":
        places = [[(block.get("start"), block.get("end")) for block in blocks or []] for blocks in (old, new)]
        moved = places[0] != places[1]
        yield ("article-blocks" if moved else "article-corrected"), name, (_blocks(old), _blocks(new))
    elif name == "metadata":
        yield from _metadata(old, new)
    elif name == "annotations":
        yield from _annotations(old or [], new or [])
    else:
        yield "article-corrected", name, (old, new)


def _metadata(old: Any, new: Any) -> Iterator[tuple[str, str, tuple[Any, Any]]]:
    """The values that changed in an article's metadata, which is a JSON object as text."""
    before, after = (dict(_leaves("metadata", _decoded(value))) for value in (old, new))
    for name in sorted(before.keys() | after.keys()):
        if name not in before or name not in after or _exact(before[name]) != _exact(after[name]):
            yield "article-corrected", name, (before.get(name), after.get(name))


def _exact(value: Any) -> bytes:
    """A value as it is written: in Python 1 equals True and 1.0."""
    return msgspec.json.encode(value)


def _decoded(text: Any) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, TypeError):
        return text


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict) or not value:
        yield path, value
        return
    for name, part in value.items():
        yield from _leaves(f"{path}.{name}", part)


def _blocks(blocks: list[Row] | None) -> list[str]:
    return [f"{block.get('kind')}:{block.get('start')}-{block.get('end')}" for block in blocks or []]


def _annotations(old: list[Row], new: list[Row]) -> Iterator[tuple[str, str, tuple[Any, Any]]]:
    """Annotations by task and id; how many spans each has is told of the votes."""
    before, after = (
        {f"{one.get('task_id')}/{one.get('annotation_id')}": {**one, "spans": None} for one in side}
        for side in (old, new)
    )
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            yield "annotation-added", name, (None, after[name].get("annotator"))
        elif name not in after:
            yield "annotation-removed", name, (before[name].get("annotator"), None)
        else:
            for part, value in after[name].items():
                if before[name].get(part) != value:
                    yield "annotation-corrected", f"{name}.{part}", (before[name].get(part), value)
    if before == after:
        yield "row-repeats", "annotations", ((), ())


def _attributes(old: list[Row], new: list[Row]) -> Iterator[tuple[str, str, tuple[Any, Any]]]:
    """Attributes of a vote by name; each may have several values."""
    for name in sorted({str(one["name"]) for one in (*old, *new)}):
        before, after = ([one["value"] for one in side if one["name"] == name] for side in (old, new))
        if before != after:
            yield "vote-corrected", f"attributes.{name}", (before, after)


class _Strings:
    """Renamed layers, columns and labels where rows spell them as text: in votes, and in arrows."""

    def __init__(self, renames: Renames, plan: Record, config: str) -> None:
        self.any = any((renames.configs, renames.labels, *renames.columns.values()))
        self.layers = renames.configs
        self.columns = renames.columns
        self.labels = {layer: names for (layer, name), names in renames.labels.items() if name in ("label", "labels")}
        self.values = renames.labels
        self.votes = config == "votes"
        self.lists = [name for name, (_, part) in plan.parts.items() if isinstance(part, Many)]

    def rename(self, row: Row) -> None:
        """Let an old row say what it would say with the new names."""
        if not self.any:
            return
        for name in self.lists:
            _each(row.get(name), self._link)
        if self.votes:
            layer = str(row.get("layer"))
            row["layer"] = layer = self.layers.get(layer, layer)
            names, labels = self.columns.get(layer, {}), self.labels.get(layer, {})
            row["labels"] = [labels.get(label, label) for label in row.get("labels") or []]
            for one in row.get("attributes") or []:
                one["name"] = names.get(one["name"], one["name"])
                one["value"] = self.values.get((layer, one["name"]), {}).get(one["value"], one["value"])
            for one in row.get("relations") or []:
                one["name"] = names.get(one["name"], one["name"])

    def _link(self, link: Row) -> None:
        if "layer" in link and isinstance(link.get("label"), str):
            link["layer"] = self.layers.get(link["layer"], link["layer"])
            labels = self.labels.get(link["layer"], {})
            link["label"] = "+".join(labels.get(label, label) for label in link["label"].split("+"))


def _each(value: Any, act: Callable[[Row], None]) -> None:
    for one in value if isinstance(value, list) else ():
        if isinstance(one, dict):
            act(one)
            for part in one.values():
                _each(part, act)
