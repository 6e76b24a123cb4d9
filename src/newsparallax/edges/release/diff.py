"""What changed between two built datasets, and the smallest version that says so honestly."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.changes import Change, Changes, fold
from ...core.compare import Form, key_of
from ...core.errors import NewsParallaxError, UsageError
from ...core.render.changes import reasons
from ...core.schema import ARTICLES
from ...core.shapes import Renames, Row, compare_shapes, repetitions
from ...core.versions import Kind, allows, next_version
from .beside import file_changes
from .join import Sides, row_changes
from .renames import Tables, find_renames, renamed_splits
from .sources import Source
from .spool import hash_of
from .tables import HINT, tables_of

LIMIT = 1000  # changes of each kind that are listed


@dataclass(frozen=True)
class Comparison:
    """The changes between two datasets.

    `bump` is the kind of version they ask for, None where nothing changed; `reasons` says why, one line a kind of
    change that asks for it; `counts` has how many changes of each kind there are in each config (kind -> config ->
    number), exact whatever is listed; `changes` has the first of each kind, in order.
    """

    name: str
    old_version: str
    new_version: str
    bump: Kind | None
    reasons: list[str]
    counts: dict[str, dict[str, int]]
    changes: list[Change]

    @property
    def smallest_version(self) -> str:
        """The smallest version that the new dataset may honestly have."""
        return next_version(self.old_version, self.bump)

    @property
    def enough(self) -> bool:
        """Whether the new dataset's own version is high enough."""
        return allows(self.old_version, self.new_version, self.bump)

    def to_json(self) -> dict[str, Any]:
        """All of it as a plain value."""
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
    """Compare two datasets of one corpus; of each kind of change at most `limit` are listed, all are counted.

    Memory does not grow with the number of rows (but for a byte a row); what waits, waits in a temporary folder.
    Raises UsageError for datasets of two corpora, and NewsParallaxError naming the file where one is not what its
    manifest says.
    """
    names = [source.manifest.get("name") for source in (old, new)]
    if names[0] != names[1]:
        message = f"{old.name} is {names[0]!r}, but {new.name} is {names[1]!r}: two corpora, not two versions of one"
        raise UsageError(message, hint="a corpus keeps the name that its corpus.toml gives it")
    next_version(old.manifest["version"], None)
    next_version(new.manifest["version"], None)
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
    versions = old.manifest["version"], new.manifest["version"]
    bump = changes.bump
    return Comparison(str(names[0]), *versions, bump, reasons(bump, totals), totals, changes.listed())


def _require_other_digest(old: Source, new: Source, changes: Changes) -> None:
    """Refuse a pair that states the same content, but has other rows."""
    digest = new.manifest.get("content_digest")
    if digest and digest == old.manifest.get("content_digest") and changes.counts:
        message = f"states the same content digest as {old.name}, but the rows differ"
        raise NewsParallaxError(message, file=f"{new.name}/manifest.json", place="content_digest", hint=HINT)


@dataclass(frozen=True)
class _Shapes:
    """How rows of each config that both have are compared, and what splits are called now."""

    forms: dict[str, Form]
    splits: dict[str, str]


def _compare_tables(old: Tables, new: Tables, renames: Renames, changes: Changes) -> _Shapes:
    """Configs, splits, columns and labels; `old` has renamed configs under their new names."""
    found = [Change("config-renamed", name, name, {"name": (was, name)}) for was, name in renames.configs.items()]
    found += [Change("config-removed", name, name) for name in old if name not in new]
    found += [Change("config-added", name, name) for name in new if name not in old]
    splits = renamed_splits(old, new)
    found += _split_changes(old, new, splits)
    forms: dict[str, Form] = {}
    for config in sorted(old.keys() & new.keys(), key=lambda name: (name != ARTICLES, name)):
        shape_changes, plan = compare_shapes(config, old[config].features, new[config].features, renames)
        found += shape_changes
        if set(key_of(config)) <= plan.parts.keys():
            forms[config] = Form(config, plan, renames)
    features = [{name: table.features for name, table in side.items()} for side in (old, new)]
    for change in fold(found, repetitions(*features)):
        changes.add(change)
    return _Shapes(forms, splits)


def _split_changes(old: Tables, new: Tables, renamed: dict[str, str]) -> list[Change]:
    """Splits of all configs; a split is what any config has files for."""
    before, after = (sorted({split for table in side.values() for split in table.splits}) for side in (old, new))
    found = [Change("split-renamed", "", other, {"name": (name, other)}) for name, other in renamed.items()]
    found += [Change("split-removed", "", name) for name in before if name not in after and name not in renamed]
    found += [Change("split-added", "", name) for name in after if name not in (*before, *renamed.values())]
    return found


def _compare_rows(old: Tables, new: Tables, shapes: _Shapes, work: Path, changes: Changes) -> None:
    """The rows of all configs, articles first, so that the rows of those that came or went need not be told."""
    articles: tuple[set[int], set[int]] = (set(), set())

    def told(row: Row, side: int) -> str | None:
        return ("row-gone", "row-came")[side] if hash_of(row.get("article_id")) in articles[side] else None

    for config, form in shapes.forms.items():
        known: Callable[[Row, int], str | None] = (lambda row, side: None) if config == ARTICLES else told
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
