"""Compare two built datasets, find the smallest sufficient version, and report the changes.

The report has lines for a reader, and a section for CHANGELOG.md.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from ...corpus import ARTICLES, Kind, allows, key_of, next_version
from ...dataset import Source
from ...errors import NewsParallaxError, UsageError
from .files import HINT, file_changes, tables_of
from .join import Sides, hash_of, row_changes
from .renames import Tables, find_renames, renamed_splits
from .rows import Form
from .rules import RULES, Change, Changes, merge_repeated
from .schemas import Renames, Row, compare_shapes, repetitions

LIMIT = 1000  # maximum number of listed changes of each kind


@dataclass(frozen=True)
class Comparison:
    """The changes between two datasets.

    `bump` is the required kind of version, None where nothing changed. `reasons` explains it, with one line for each
    kind of change that requires it. `counts` has the number of changes (kind -> config -> number); it also counts
    changes that are not listed. `changes` has the first changes of each kind, in order.
    """

    name: Annotated[str, Meta(description="Name of the dataset.")]
    old_version: Annotated[str, Meta(description="Version of the earlier dataset.")]
    new_version: Annotated[str, Meta(description="Version of the later dataset.")]
    bump: Annotated[
        Kind | None,
        Meta(description="The smallest kind of version that the changes require; null where nothing changed."),
    ]
    reasons: Annotated[
        list[str],
        Meta(description="One line for each kind of change that requires this kind of version."),
    ]
    counts: Annotated[
        dict[str, dict[str, int]],
        Meta(description="Number of changes, by kind and config. Changes that are not listed are counted, too."),
    ]
    changes: Annotated[list[Change], Meta(description="The first changes of each kind.")]

    @property
    def smallest_version(self) -> str:
        """The smallest version number that is sufficient for the new dataset."""
        return next_version(self.old_version, self.bump)

    @property
    def enough(self) -> bool:
        """Whether the version number of the new dataset is sufficient."""
        return allows(self.old_version, self.new_version, self.bump)

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as plain JSON values."""
        return {
            "name": self.name,
            "old_version": self.old_version,
            "new_version": self.new_version,
            "bump": self.bump,
            "smallest_version": self.smallest_version,
            "enough": self.enough,
            "reasons": self.reasons,
            "counts": self.counts,
            "changes": [change.as_json() for change in self.changes],
        }


def compare(old: Source, new: Source, limit: int = LIMIT) -> Comparison:
    """Compare two datasets of one corpus; count all changes, and list at most `limit` of each kind.

    Memory use does not grow with the number of rows, except for one byte per row; a temporary folder holds intermediate
    data. Raises UsageError for datasets of two corpora. Raises NewsParallaxError, naming the file, where a file differs
    from its manifest.
    """
    names = [source.manifest.name for source in (old, new)]
    if names[0] != names[1]:
        message = f"{old.name} is {names[0]!r}, but {new.name} is {names[1]!r}: two corpora, not two versions of one"
        raise UsageError(message, hint="compare two versions of the same corpus (`name` in corpus.toml)")
    next_version(old.manifest.version, None)
    next_version(new.manifest.version, None)
    changes = Changes(limit)
    tables = tables_of(old), tables_of(new)
    renames = find_renames(*tables)
    tables = {renames.configs.get(name, name): table for name, table in tables[0].items()}, tables[1]
    shapes = _compare_tables(*tables, renames, changes)
    with tempfile.TemporaryDirectory(prefix="newsparallax-diff-") as work:
        _compare_rows(*tables, shapes, Path(work), changes)
    _require_other_digest(old, new, changes)
    for change in file_changes(old, new):
        changes.add(change)
    totals = changes.totals()
    versions = old.manifest.version, new.manifest.version
    bump = changes.bump
    return Comparison(str(names[0]), *versions, bump, reasons(bump, totals), totals, changes.listed())


def _require_other_digest(old: Source, new: Source, changes: Changes) -> None:
    """Raise NewsParallaxError where both manifests state the same content digest, but the rows differ."""
    digest = new.manifest.content_digest
    if digest and digest == old.manifest.content_digest and changes.counts:
        message = f"has the same content digest as {old.name}, but different rows"
        raise NewsParallaxError(message, file=f"{new.name}/manifest.json", place="content_digest", hint=HINT)


@dataclass(frozen=True)
class _Shapes:
    """The common form of each config that both versions have, and the new names of renamed splits."""

    forms: dict[str, Form]
    splits: dict[str, str]


def _compare_tables(old: Tables, new: Tables, renames: Renames, changes: Changes) -> _Shapes:
    """Compare configs, splits, columns and labels; `old` has renamed configs under their new names."""
    listed = [Change("config-renamed", name, name, {"name": (was, name)}) for was, name in renames.configs.items()]
    listed += [Change("config-removed", name, name) for name in old if name not in new]
    listed += [Change("config-added", name, name) for name in new if name not in old]
    splits = renamed_splits(old, new)
    listed += _split_changes(old, new, splits)
    forms: dict[str, Form] = {}
    for config in sorted(old.keys() & new.keys(), key=lambda name: (name != ARTICLES, name)):
        shape_changes, plan = compare_shapes(config, old[config].features, new[config].features, renames)
        listed += shape_changes
        if set(key_of(config)) <= plan.parts.keys():
            forms[config] = Form(config, plan, renames)
    features = [{name: table.features for name, table in side.items()} for side in (old, new)]
    for change in merge_repeated(listed, repetitions(*features)):
        changes.add(change)
    return _Shapes(forms, splits)


def _split_changes(old: Tables, new: Tables, renamed: dict[str, str]) -> list[Change]:
    """Compare the splits of all configs; a split exists if any config has files for it."""
    before, after = (sorted({split for table in side.values() for split in table.splits}) for side in (old, new))
    changes = [Change("split-renamed", "", new_name, {"name": (name, new_name)}) for name, new_name in renamed.items()]
    changes += [Change("split-removed", "", name) for name in before if name not in after and name not in renamed]
    changes += [Change("split-added", "", name) for name in after if name not in (*before, *renamed.values())]
    return changes


def _compare_rows(old: Tables, new: Tables, shapes: _Shapes, work: Path, changes: Changes) -> None:
    """Compare the rows of all configs, articles first, so that rows of added or removed articles are only counted."""
    articles: tuple[set[int], set[int]] = (set(), set())

    def fate(row: Row, side: int) -> str | None:
        kind = ("row-of-removed-article", "row-of-added-article")[side]
        return kind if hash_of(row.get("article_id")) in articles[side] else None

    for config, form in shapes.forms.items():
        known: Callable[[Row, int], str | None] = (lambda row, side: None) if config == ARTICLES else fate
        folder = work / config
        for change in row_changes(Sides(form, old[config], new[config], shapes.splits, folder), known):
            if isinstance(change, str):
                changes.count(change, config)
                continue
            changes.add(change)
            if change.kind in ("article-removed", "article-renamed"):
                articles[0].add(
                    hash_of(change.fields["article_id"][0] if change.fields.get("article_id") else change.id)
                )
            if change.kind in ("article-added", "article-renamed"):
                articles[1].add(hash_of(change.id))
        shutil.rmtree(folder, ignore_errors=True)


Totals = dict[str, dict[str, int]]
LINES = 20  # maximum number of changes shown of a kind
NAMES = 10  # maximum number of ids in a line of the changelog
SOME = 3  # maximum number of values shown of a list
_IN_ORDER = ("tags", "starts", "ends", "blocks")  # lists in which the position of a value matters
WIDE = 60  # maximum number of characters shown of a value


def reasons(bump: Kind | None, totals: Totals) -> list[str]:
    """Return one line for every kind of change that itself requires this kind of version."""
    lines = []
    for kind, configs in totals.items():
        rule = RULES[kind]
        if rule.bump == bump and (rule.listed or not any(RULES[k].bump == bump and RULES[k].listed for k in totals)):
            where = ", ".join(config for config in configs if config)
            places = f" ({where})" if where and kind.split("-")[0] not in ("article", "config") else ""
            lines.append(f"{rule.what}{places}: {sum(configs.values()):,} ({rule.why})")
    return lines


def lines(changes: list[Change], totals: Totals) -> Iterator[str]:
    """Yield the changes as lines of a table, most severe first: bump, kind, place, old and new values."""
    shown: dict[str, list[Change]] = {}
    for change in changes:
        shown.setdefault(change.kind, []).append(change)
    wide = max((len(RULES[kind].what) for kind in totals), default=0)
    for kind, configs in totals.items():
        rule = RULES[kind]
        head = f"{rule.bump}  {rule.what:<{wide}}  "
        if not rule.listed:
            yield from (f"{head}{config}: {number:,}" for config, number in configs.items())
            continue
        listed = shown.get(kind, [])[:LINES]
        yield from (f"{head}{describe(change)}" for change in listed)
        more = sum(configs.values()) - len(listed)
        if more:
            yield f"{head}... and {more:,} more"


def describe(change: Change) -> str:
    """Return the place of a change, and its old and new values."""
    where = ".".join(part for part in (change.config, change.id) if part) if _is_shape(change) else ""
    if change.kind.startswith(("config", "split", "file", "codebook", "article", "annotation")):
        where = change.id
    where = where or f"{change.config} {change.id}" + (f" in {change.article}" if change.article else "")
    fields = ", ".join(_field_change(change, name, old, new) for name, (old, new) in change.fields.items())
    also = f" (also {', '.join(change.also)})" if change.also else ""
    return where + (f": {fields}" if fields else "") + also


def _is_shape(change: Change) -> bool:
    return change.kind.split("-")[0] in ("column", "label")


def _field_change(change: Change, name: str, old: Any, new: Any) -> str:
    """Describe the change of a field; for additions and removals, only the value."""
    if change.kind.endswith(("-added", "-removed")):
        return f"{name} {_value(new if old is None else old)}"
    if not (isinstance(old, list) and isinstance(new, list)) or name == "labels":
        return f"{name} {_value(old)} -> {_value(new)}"
    if name in _IN_ORDER:
        if len(old) != len(new):
            return f"{name} {len(old)} -> {len(new)} values"
        differ = [(place, pair) for place, pair in enumerate(zip(old, new, strict=True)) if pair[0] != pair[1]]
        more = f" and {len(differ) - SOME} more" if len(differ) > SOME else ""
        return ", ".join(f"{name}[{place}] {one} -> {other}" for place, (one, other) in differ[:SOME]) + more
    parts = [f"-{_value(value)}" for value in old if value not in new]
    return " ".join([name, *parts, *(f"+{_value(value)}" for value in new if value not in old)])


def _value(value: Any) -> str:
    if value is None or value == []:
        return "nothing"
    if isinstance(value, dict):
        value = [f"{name} {_value(part)}" for name, part in value.items()]
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value))
    text = str(value).replace("\n", "\\n")
    return text if len(text) <= WIDE else f"{text[:WIDE]}..."


def section(version: str, changes: list[Change], totals: Totals) -> Iterator[str]:
    """Yield the lines, without line ends, of a changelog section (Keep a Changelog) about the changes in the data.

    The section has ids, names of columns and labels, and numbers. It has no other values of rows, because these may be
    words of articles.
    """
    yield f"## [{version}] - unreleased"
    yield ""
    yield "### Data"
    for title in ("Added", "Changed", "Removed"):
        kinds = [kind for kind in totals if RULES[kind].section == title and RULES[kind].listed]
        if kinds:
            yield from ("", f"#### {title}", "")
            for kind in kinds:
                for config, number in totals[kind].items():
                    mine = [change for change in changes if (change.kind, change.config) == (kind, config)]
                    yield f"- {_entry(kind, config, number, mine)}"
    if not totals:
        yield from ("", "Nothing changed.")


def _entry(kind: str, config: str, number: int, changes: list[Change]) -> str:
    rule = RULES[kind]
    where = f"`{config}`: " if config and kind.split("-")[0] not in ("article", "config", "annotation") else ""
    entry = f"{where}{rule.what}" if where else rule.what[0].upper() + rule.what[1:]
    entry += f" ({number:,})" if number > 1 or not changes else ""
    names = [_named(change) for change in changes[:NAMES]]
    if names:
        entry += ": " + ", ".join(names) + (", ..." if number > len(names) else "")
    return entry + "."


def _named(change: Change) -> str:
    """Return the changelog text for one change."""
    pair = change.fields.get("name") or change.fields.get("label") if _is_name(change) else None
    names = [f"`{name}`" for name in pair or () if name is not None]
    if change.kind.startswith("label") and names:
        return f"{' -> '.join(names)} in `{change.id}`"
    if names:
        return " -> ".join(names)
    return f"`{change.id}`" + (f" ({', '.join(_columns(change.fields))})" if _shows_columns(change) else "")


def _is_name(change: Change) -> bool:
    return change.kind.split("-")[0] in ("column", "label", "config", "split")


def _shows_columns(change: Change) -> bool:
    return bool(change.fields) and change.kind.rpartition("-")[2] in ("corrected", "moved", "relations")


def _columns(fields: Iterable[str]) -> Iterator[str]:
    yield from (f"`{name}`" for name in fields)
