"""Define the kinds of changes between two versions of a dataset, and the kind of version that each requires."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, NamedTuple

from msgspec import Meta

from ...corpus import CONFIGS, Kind, largest

Section = Literal["Added", "Changed", "Removed"]


class Rule(NamedTuple):
    """One kind of change: the required kind of version, its name, its changelog section, and the reason.

    A kind that is not `listed` repeats a change that is reported elsewhere. It is only counted, once per row.
    """

    bump: Kind
    what: str
    section: Section
    why: str
    listed: bool = True


_LOADS = "code that reads it fails"
_NUMBERS = "the same number means another label"
_OFFSETS = "references by id and offset no longer fit"
_MORE = "only additions"
_IDS = "ids in other rows may lead nowhere"
_BETTER = "corrections of existing rows"
_REPEATS = "repeats a change of another row"

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
    "article-split": Rule("major", "article in another split", "Changed", "test data may have been training data"),
    "article-withheld": Rule("major", "text of article withheld", "Removed", "a text was removed"),
    "span-moved": Rule("major", "span moved", "Changed", _OFFSETS),
    "span-renamed": Rule("major", "id of span changed", "Changed", _OFFSETS),
    "block-moved": Rule("major", "block or tokens moved", "Changed", _OFFSETS),
    "vote-moved": Rule("major", "vote moved", "Changed", _OFFSETS),
    "vote-renamed": Rule("major", "ids of vote changed", "Changed", _OFFSETS),
    "entity-removed": Rule("major", "entity removed", "Removed", _IDS),
    "row-event": Rule("major", "rows in another event", "Changed", _REPEATS, listed=False),
    "row-split": Rule("major", "rows in another split", "Changed", _REPEATS, listed=False),
    "row-of-removed-article": Rule("major", "rows of removed articles", "Removed", _REPEATS, listed=False),
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
    "entity-added": Rule("minor", "entity added", "Added", _MORE),
    "row-of-added-article": Rule("minor", "rows of added articles", "Added", _REPEATS, listed=False),
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
    "entity-corrected": Rule("patch", "entity corrected", "Changed", _BETTER),
    "row-repeats": Rule("patch", "rows that repeat other rows", "Changed", _REPEATS, listed=False),
    "split-policy": Rule("patch", "split policy changed", "Changed", "moved articles are listed separately"),
    "codebook-version": Rule("patch", "version of codebook changed", "Changed", "its changes are listed separately"),
    "file-added": Rule("patch", "file added", "Added", "not a data file"),
    "file-changed": Rule("patch", "file changed", "Changed", "not a data file"),
    "file-removed": Rule("patch", "file removed", "Removed", "not a data file"),
}
# Rules for the rows of a config that has none in RULES.
_OF_ROWS: dict[str, tuple[Kind, str, Section, str]] = {
    "moved": ("major", "{} moved", "Changed", _OFFSETS),
    "renamed": ("major", "id of {} changed", "Changed", _OFFSETS),
    "added": ("minor", "{} added", "Added", _MORE),
    "corrected": ("patch", "{} corrected", "Changed", _BETTER),
    "made-by": ("patch", "who made the {}", "Changed", _BETTER),
    "removed": ("patch", "{} withdrawn", "Removed", "annotations corrected"),
}
_KNOWN = {kind.split("-")[0] for kind in RULES}
RULES |= {
    f"{config.noun}-{end}": Rule(bump, what.format(config.noun), section_, why)
    for config in CONFIGS.values()
    if config.noun not in _KNOWN
    for end, (bump, what, section_, why) in _OF_ROWS.items()
}
_SEVERITY: tuple[Kind, ...] = ("major", "minor", "patch")
ORDER = {kind: (_SEVERITY.index(rule.bump), number) for number, (kind, rule) in enumerate(RULES.items())}


class _Fields:
    """Sort key that compares values by their repr, which is computed only where all other sort keys are equal."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Fields) and repr(self.values) == repr(other.values)

    def __lt__(self, other: _Fields) -> bool:
        return repr(self.values) < repr(other.values)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Change:
    """One change: its kind (a key of RULES), the config, and the changed object.

    `id` is the id of a row, the path of a column, or a name. `fields` maps each changed field to its old and new value,
    as plain JSON values with labels by name. `also` lists further places that show the same change.
    """

    kind: Annotated[str, Meta(description="Kind of change.")]
    config: Annotated[str, Meta(description="Config in which the change is.")]
    id: Annotated[str, Meta(description="Id of the row, path of the column, or name of what changed.")]
    fields: Annotated[
        dict[str, tuple[Any, Any]],
        Meta(description="The changed fields, each with its old and new value."),
    ] = field(default_factory=dict)
    article: Annotated[str | None, Meta(description="Id of the article.")] = None
    also: Annotated[tuple[str, ...], Meta(description="Further places that show the same change.")] = ()

    @property
    def rule(self) -> Rule:
        """The rule of this kind of change."""
        return RULES[self.kind]

    @property
    def order(self) -> tuple[Any, ...]:
        """The sort key of changes: most severe first, then by place."""
        return (ORDER[self.kind], self.config, self.article or "", self.id, _Fields(self.fields))

    def as_json(self) -> dict[str, Any]:
        """Return the change as plain JSON values; the two values of a field have the keys `old` and `new`."""
        fields = {name: {"old": old, "new": new} for name, (old, new) in self.fields.items()}
        where = {"article": self.article} if self.article else {}
        also = {"also": list(self.also)} if self.also else {}
        return {"kind": self.kind, "bump": self.rule.bump, "config": self.config, "id": self.id} | where | {
            "fields": fields
        } | also  # fmt: skip


class Changes:
    """Counts of all changes, and the first `limit` changes of each kind, for any number of changes in any order."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.counts: Counter[tuple[str, str]] = Counter()  # (kind, config) -> number of changes
        self._kept: dict[str, list[Change]] = {}
        self._last: dict[str, tuple[Any, ...]] = {}  # kind -> order of its last kept change, once some were dropped

    def add(self, change: Change) -> None:
        """Count a change, and keep it as long as it is among the first of its kind."""
        self.count(change.kind, change.config)
        if change.rule.listed:
            kept = self._kept.setdefault(change.kind, [])
            last = self._last.get(change.kind)
            if last is None or change.order < last:
                kept.append(change)
            if len(kept) >= 2 * self.limit + 1000:
                kept[:] = sorted(kept, key=lambda entry: entry.order)[: self.limit]
                self._last[change.kind] = kept[-1].order if kept else ()

    def count(self, kind: str, config: str) -> None:
        """Count a change of which only the kind is needed."""
        self.counts[kind, config] += 1

    def listed(self) -> list[Change]:
        """Return the kept changes in order."""
        by_kind = (sorted(kept, key=lambda entry: entry.order)[: self.limit] for kept in self._kept.values())
        return sorted((change for kept in by_kind for change in kept), key=lambda entry: entry.order)

    @property
    def bump(self) -> Kind | None:
        """The kind of version that all changes together require, None without changes."""
        return largest(RULES[kind].bump for kind, _ in self.counts)

    def totals(self) -> dict[str, dict[str, int]]:
        """Return the numbers of changes, kind -> config -> number, in the order of RULES."""
        totals: dict[str, dict[str, int]] = {}
        for kind, config in sorted(self.counts, key=lambda key: (ORDER[key[0]], key[1])):
            totals.setdefault(kind, {})[config] = self.counts[kind, config]
        return totals


def merge_repeated(changes: list[Change], elsewhere: dict[tuple[str, str], tuple[str, str]]) -> list[Change]:
    """Merge repeated changes of shapes, so that each is reported once; a repetition becomes an `also` of its original.

    `elsewhere` maps (config, id) of a repetition to (config, id) of its original.
    """
    distinct = {_change_key(change): change for change in changes}
    for change in changes:
        source = elsewhere.get((change.config, change.id))
        if not source:
            continue
        whole = source[0] == source[1]  # with a config, its column in articles is added or removed, too
        kind = change.kind.replace("column", "config") if whole else change.kind
        key = (kind, *source, repr(change.fields))
        if key in distinct:
            del distinct[_change_key(change)]
            distinct[key] = replace(distinct[key], also=(*distinct[key].also, f"{change.config}.{change.id}"))
    return list(distinct.values())


def _change_key(change: Change) -> tuple[str, str, str, str]:
    return (change.kind, change.config, change.id, repr(change.fields))
