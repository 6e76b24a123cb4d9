"""Columns, labels, configs and splits that have another name in the new version, found by what they hold.

Two names are taken for the same thing when one is gone, the other new, in the same place of the order, and more than
half of what either holds is held by both: of (row, value) pairs for a column, of rows for a label. The share is
estimated from the smallest hashes of both (bottom-k MinHash, Broder 1997), so that any number of rows can be asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ...core.compare import key_of
from ...core.schema import ARTICLES, TOKENS, VOTES
from ...core.shapes import Features, Renames, compare_shapes, label_names
from . import row_hash
from .join import ARTICLE_ROWS, ROWS
from .tables import Table, batches

SAMPLE = 2048  # hashes that are kept of each
SHARE = 0.5

Tables = dict[str, Table]


def find_renames(old: Tables, new: Tables) -> Renames:
    """The configs that were renamed, and the columns and labels in configs of both versions."""
    found = Renames(configs=_configs(old, new))
    if ARTICLES in old:  # spans in articles stand in a column with the name of their layer
        nested = {name: other for name, other in found.configs.items() if name in old[ARTICLES].features}
        found.columns[ARTICLES] = nested
    for name, table in old.items():
        config = found.configs.get(name, name)
        if config not in new or table.features == new[config].features or config in (TOKENS, VOTES):
            continue
        columns = _columns(config, table, new[config])
        found.columns.setdefault(config, {}).update(columns)
        for column, shape in table.features.items():
            other = columns.get(column, column)
            before, after = label_names(shape), label_names(new[config].features.get(other))
            if before and after and _usable(config, table, new[config]):
                labels = _labels(config, (table, column, before), (new[config], other, after))
                if labels:
                    found.labels[config, other] = labels
    return found


def _configs(old: Tables, new: Tables) -> dict[str, str]:
    """Configs that only the old version has -> those that hold the same places under another name."""
    place = ("article_id", "start", "end")
    found: dict[str, str] = {}
    for name in sorted(old.keys() - new.keys()):
        for other in sorted(new.keys() - old.keys() - set(found.values())):
            if set(place) <= old[name].features.keys() & new[other].features.keys() and _alike(
                _sample(old[name], place), _sample(new[other], place)
            ):
                found[name] = other
                break
    return found


def renamed_splits(old: Tables, new: Tables) -> dict[str, str]:
    """Splits that only the old version has -> those that hold the same articles under another name."""
    if ARTICLES not in old or ARTICLES not in new:
        return {}
    before, after = old[ARTICLES], new[ARTICLES]
    found: dict[str, str] = {}
    for name in before.splits:
        for other in after.splits:
            if name not in after.splits and other not in (*before.splits, *found.values()):
                pair = [_sample(table, ("article_id",), split) for table, split in ((before, name), (after, other))]
                if _alike(pair[0], pair[1]):
                    found[name] = other
                    break
    return found


def _usable(config: str, old: Table, new: Table) -> bool:
    """Whether rows are known by the same columns in both versions."""
    return all(old.features.get(key) and old.features.get(key) == new.features.get(key) for key in key_of(config))


def _columns(config: str, old: Table, new: Table) -> dict[str, str]:
    found: dict[str, str] = {}
    if not _usable(config, old, new):
        return found
    before = {name: _anchor(old.features, new.features, name) for name in old.features if name not in new.features}
    after = {name: _anchor(new.features, old.features, name) for name in new.features if name not in old.features}
    for name, anchor in before.items():
        for other, its in after.items():
            if anchor != its or other in found.values():
                continue
            changes, plan = compare_shapes(config, {"_": old.features[name]}, {"_": new.features[other]}, Renames())
            if any(change.kind == "column-type" for change in changes) or "_" not in plan.parts:
                continue
            part = plan.parts["_"][1]
            pair = [
                _sample(table, key_of(config), column=(column, lambda array, side=side: row_hash.digests(array, part, old=side == 0)))  # noqa: B023, E501
                for side, (table, column) in enumerate(((old, name), (new, other)))
            ]  # fmt: skip
            if _alike(pair[0], pair[1]):
                found[name] = other
                break
    return found


def _anchor(features: Features, others: Features, name: str) -> str | None:
    """The last column before this one that both versions have."""
    names = list(features)
    return next((other for other in names[: names.index(name)][::-1] if other in others), None)


def _labels(config: str, old: tuple[Table, str, list[str]], new: tuple[Table, str, list[str]]) -> dict[str, str]:
    """Labels of a column that were renamed: the same number, and the same rows have them."""
    found = {}
    for number, (name, other) in enumerate(zip(old[2], new[2], strict=False)):
        if name not in new[2] and other not in old[2]:
            pair = [_sample(table, key_of(config), column=(column, _having(number))) for table, column, _ in (old, new)]
            if _alike(pair[0], pair[1]):
                found[name] = other
    return found


def _having(number: int) -> Any:
    """The digest "yes" for rows that have the label of this number, alone or in a list; nothing for others."""

    def asked(array: pa.Array) -> row_hash.Lanes:
        found = np.zeros((len(array), 2), np.uint64)
        rows = [value == number or (isinstance(value, list) and number in value) for value in array.to_pylist()]
        found[np.array(rows, dtype=np.bool_)] = row_hash.word("yes")
        return found

    return asked


def _sample(
    table: Table, keys: tuple[str, ...], split: str | None = None, column: tuple[str, Any] | None = None
) -> npt.NDArray[np.uint64]:
    """The smallest hashes of the rows' keys, with the values of a column that are not nothing."""
    kept: npt.NDArray[np.uint64] = np.empty(0, np.uint64)
    for found in _hashes(table, keys, split, column):
        kept = np.unique(np.concatenate((kept, found)))[:SAMPLE]
    return kept


def _hashes(
    table: Table, keys: tuple[str, ...], split: str | None, column: tuple[str, Any] | None
) -> Iterator[npt.NDArray[np.uint64]]:
    names = [*keys, *([column[0]] if column else [])]
    size = ARTICLE_ROWS if "text" in table.features else ROWS
    for shard in table.shards:
        for batch in batches(shard, names, size) if split in (None, shard.split) else ():
            parts = {key: row_hash.digests(batch.column(key), row_hash.VALUE, old=True) for key in keys}
            there = np.ones(batch.num_rows, np.bool_)
            if column:
                values = parts["value"] = column[1](batch.column(column[0]))
                there = values.any(axis=1) & (values != row_hash.word("null")).any(axis=1)
            yield row_hash.record(parts)[there, 0]


def _alike(one: npt.NDArray[np.uint64], other: npt.NDArray[np.uint64]) -> bool:
    """Whether two sets share more than SHARE of what either has, judged by their smallest hashes."""
    if not len(one) or not len(other):
        return False
    union = np.union1d(one, other)[:SAMPLE]
    shared = np.isin(union, one) & np.isin(union, other)
    return bool(shared.sum() > SHARE * len(union))
