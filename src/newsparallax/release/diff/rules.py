"""What can change between two versions of a dataset, and which kind of version each change asks for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from .versions import Kind, largest

Section = Literal["Added", "Changed", "Removed"]


class Rule(NamedTuple):
    """One kind of change: the version it asks for, how it is called, where a changelog has it, and why.

    What is not `listed` repeats a change that is told elsewhere, once a row: it is only counted.
    """

    bump: Kind
    what: str
    section: Section
    why: str
    listed: bool = True


_LOADS = "code that reads it fails"
_NUMBERS = "the same number means another label"
_OFFSETS = "what others have keyed to ids and offsets no longer fits"
_MORE = "there is more, and what was there stays"
_BETTER = "the same rows, corrected"
_REPEATS = "repeats a change told of another row"

RULES: dict[str, Rule] = {
    "config-removed": Rule("major", "config removed", "Removed", _LOADS),
    "config-renamed": Rule("major", "config renamed", "Changed", _LOADS),
    "column-removed": Rule("major", "column removed", "Removed", _LOADS),
    "column-renamed": Rule("major", "column renamed", "Changed", _LOADS),
    "column-type": Rule("major", "type of column changed", "Changed", _LOADS),
    "label-removed": Rule("major", "label removed", "Removed", _LOADS),
    "label-renamed": Rule("major", "label renamed", "Changed", _LOADS),
    "label-order": Rule("major", "order of labels changed", "Changed", _NUMBERS),
    "split-removed": Rule("major", "split removed", "Removed", _LOADS),
    "split-renamed": Rule("major", "split renamed", "Changed", _LOADS),
    "article-removed": Rule("major", "article removed", "Removed", _OFFSETS),
    "article-renamed": Rule("major", "id of article changed", "Changed", _OFFSETS),
    "article-text": Rule("major", "text of article changed", "Changed", _OFFSETS),
    "article-blocks": Rule("major", "blocks of article moved", "Changed", _OFFSETS),
    "article-event": Rule("major", "event of article changed", "Changed", _OFFSETS),
    "article-split": Rule("major", "article in another split", "Changed", "what was held out may have been trained on"),
    "article-withheld": Rule("major", "text of article withheld", "Removed", "a text that was there is gone"),
    "span-moved": Rule("major", "span moved", "Changed", _OFFSETS),
    "span-renamed": Rule("major", "id of span changed", "Changed", _OFFSETS),
    "block-moved": Rule("major", "block or tokens moved", "Changed", _OFFSETS),
    "vote-moved": Rule("major", "vote moved", "Changed", _OFFSETS),
    "vote-renamed": Rule("major", "ids of vote changed", "Changed", _OFFSETS),
    "row-event": Rule("major", "rows in another event", "Changed", _REPEATS, listed=False),
    "row-split": Rule("major", "rows in another split", "Changed", _REPEATS, listed=False),
    "row-gone": Rule("major", "rows of removed articles", "Removed", _REPEATS, listed=False),
    "config-added": Rule("minor", "config added", "Added", _MORE),
    "column-added": Rule("minor", "column added", "Added", _MORE),
    "label-added": Rule("minor", "label added", "Added", _MORE),
    "split-added": Rule("minor", "split added", "Added", _MORE),
    "article-added": Rule("minor", "article added", "Added", _MORE),
    "article-released": Rule("minor", "text of article released", "Added", _MORE),
    "annotation-added": Rule("minor", "annotation added", "Added", _MORE),
    "span-added": Rule("minor", "span added", "Added", _MORE),
    "block-added": Rule("minor", "tags of block added", "Added", _MORE),
    "vote-added": Rule("minor", "vote added", "Added", _MORE),
    "row-came": Rule("minor", "rows of added articles", "Added", _REPEATS, listed=False),
    "column-order": Rule("patch", "order of columns changed", "Changed", "columns are found by name"),
    "article-corrected": Rule("patch", "article corrected", "Changed", _BETTER),
    "article-made-by": Rule("patch", "who made the gold of article", "Changed", _BETTER),
    "annotation-corrected": Rule("patch", "annotation corrected", "Changed", _BETTER),
    "annotation-removed": Rule("patch", "annotation withdrawn", "Removed", "annotations corrected"),
    "span-relabelled": Rule("patch", "label of span corrected", "Changed", _BETTER),
    "span-corrected": Rule("patch", "span corrected", "Changed", _BETTER),
    "span-relations": Rule("patch", "relations of span corrected", "Changed", _BETTER),
    "span-made-by": Rule("patch", "who made the span", "Changed", _BETTER),
    "span-removed": Rule("patch", "span withdrawn", "Removed", "annotations corrected"),
    "block-corrected": Rule("patch", "tags of block corrected", "Changed", _BETTER),
    "block-removed": Rule("patch", "tags of block withdrawn", "Removed", "annotations corrected"),
    "vote-corrected": Rule("patch", "vote corrected", "Changed", _BETTER),
    "vote-removed": Rule("patch", "vote withdrawn", "Removed", "annotations corrected"),
    "row-repeats": Rule("patch", "rows that repeat other rows", "Changed", _REPEATS, listed=False),
    "split-policy": Rule("patch", "split policy changed", "Changed", "where articles moved, this is told of them"),
    "codebook-version": Rule("patch", "version of codebook changed", "Changed", "what changed in it is told apart"),
    "file-added": Rule("patch", "file added", "Added", "text beside the data"),
    "file-changed": Rule("patch", "file changed", "Changed", "text beside the data"),
    "file-removed": Rule("patch", "file removed", "Removed", "text beside the data"),
}
ORDER = {kind: number for number, kind in enumerate(RULES)}


class _Fields:
    """Values that are put in order by how they are written, which is found out only where nothing else differs."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Fields) and repr(self.values) == repr(other.values)

    def __lt__(self, other: _Fields) -> bool:
        return repr(self.values) < repr(other.values)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Change:
    """One change: its kind (a key of RULES), the config, and what it is about.

    `id` is a row's id, or the path of a column, or a name; `fields` maps what changed to its two values, as plain JSON
    values with labels by name; `also` are further places where the same change shows.
    """

    kind: str
    config: str
    id: str
    fields: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    article: str | None = None
    also: tuple[str, ...] = ()

    @property
    def rule(self) -> Rule:
        """The rule that it falls under."""
        return RULES[self.kind]

    @property
    def order(self) -> tuple[Any, ...]:
        """What changes are sorted by: severest first, then by where they are."""
        return (ORDER[self.kind], self.config, self.article or "", self.id, _Fields(self.fields))

    def as_json(self) -> dict[str, Any]:
        """A plain value; two values of a field stand under `old` and `new`."""
        fields = {name: {"old": old, "new": new} for name, (old, new) in self.fields.items()}
        where = {"article": self.article} if self.article else {}
        also = {"also": list(self.also)} if self.also else {}
        return {"kind": self.kind, "bump": self.rule.bump, "config": self.config, "id": self.id} | where | {
            "fields": fields
        } | also  # fmt: skip


class Changes:
    """All changes counted, and of each kind the first `limit` in their order, however many come in whatever order."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.counts: Counter[tuple[str, str]] = Counter()  # (kind, config) -> how many
        self._kept: dict[str, list[Change]] = {}
        self._last: dict[str, tuple[Any, ...]] = {}  # the order of the last one kept, once some were dropped

    def add(self, change: Change) -> None:
        """Count a change, and keep it while it is among the first of its kind."""
        self.count(change.kind, change.config)
        if change.rule.listed:
            kept = self._kept.setdefault(change.kind, [])
            last = self._last.get(change.kind)
            if last is None or change.order < last:
                kept.append(change)
            if len(kept) >= 2 * self.limit + 1000:
                kept[:] = sorted(kept, key=lambda one: one.order)[: self.limit]
                self._last[change.kind] = kept[-1].order if kept else ()

    def count(self, kind: str, config: str) -> None:
        """Count a change of which nothing but its kind is to be known."""
        self.counts[kind, config] += 1

    def listed(self) -> list[Change]:
        """The changes that are kept, in their order."""
        found = (sorted(kept, key=lambda one: one.order)[: self.limit] for kept in self._kept.values())
        return sorted((change for kept in found for change in kept), key=lambda one: one.order)

    @property
    def bump(self) -> Kind | None:
        """The kind of version that all changes together ask for."""
        return largest(RULES[kind].bump for kind, _ in self.counts)

    def totals(self) -> dict[str, dict[str, int]]:
        """How many there are of each kind in each config: kind -> config -> number, in the order of RULES."""
        found: dict[str, dict[str, int]] = {}
        for kind, config in sorted(self.counts, key=lambda key: (ORDER[key[0]], key[1])):
            found.setdefault(kind, {})[config] = self.counts[kind, config]
        return found


def fold(changes: list[Change], elsewhere: dict[tuple[str, str], tuple[str, str]]) -> list[Change]:
    """Changes of shapes, each told once: what `elsewhere` says repeats another place becomes its `also`.

    `elsewhere` maps (config, id) of a repetition to (config, id) of what it repeats.
    """
    told = {_told(change): change for change in changes}
    for change in changes:
        source = elsewhere.get((change.config, change.id))
        if not source:
            continue
        whole = source[0] == source[1]  # a config that came or went has its spans in articles do the same
        kind = change.kind.replace("column", "config") if whole else change.kind
        key = (kind, *source, repr(change.fields))
        if key in told:
            del told[_told(change)]
            told[key] = replace(told[key], also=(*told[key].also, f"{change.config}.{change.id}"))
    return list(told.values())


def _told(change: Change) -> tuple[str, str, str, str]:
    return (change.kind, change.config, change.id, repr(change.fields))
