"""Find columns, labels, configs and splits that were renamed in the new version, by comparing their content.

An old and a new name count as a rename under these conditions: the old name is gone, the other one is new, both have
the same position in the order, and both share more than half of their joint content. The content of a column are
(row, value) pairs; the content of a label are rows. The share is estimated from the smallest hashes of both (bottom-k
MinHash, Broder 1997), so that memory use does not grow with the number of rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ...corpus import ARTICLES, CONFIGS, key_of
from . import row_hash
from .files import Table, batches
from .join import ARTICLE_ROWS, ROWS
from .schemas import Features, Renames, compare_shapes, label_names

SAMPLE = 2048  # number of smallest hashes that are kept of each set
SHARE = 0.5

Tables = dict[str, Table]


def find_renames(old: Tables, new: Tables) -> Renames:
    """Return the renamed configs, and the renamed columns and labels of configs in both versions."""
    renames = Renames(configs=_configs(old, new))
    if ARTICLES in old:  # spans in articles are in a column named after their layer
        nested = {name: other for name, other in renames.configs.items() if name in old[ARTICLES].features}
        renames.columns[ARTICLES] = nested
    for name, table in old.items():
        config = renames.configs.get(name, name)
        if config not in new or table.features == new[config].features or config in CONFIGS.keys() - {ARTICLES}:
            continue
        columns = _columns(config, table, new[config])
        renames.columns.setdefault(config, {}).update(columns)
        for column, shape in table.features.items():
            other = columns.get(column, column)
            before, after = label_names(shape), label_names(new[config].features.get(other))
            if before and after and _usable(config, table, new[config]):
                labels = _labels(config, (table, column, before), (new[config], other, after))
                if labels:
                    renames.labels[config, other] = labels
    return renames


def _configs(old: Tables, new: Tables) -> dict[str, str]:
    """Map configs that only the old version has to new configs that hold the same article ids and offsets."""
    key = ("article_id", "start", "end")
    renamed: dict[str, str] = {}
    for name in sorted(old.keys() - new.keys() - CONFIGS.keys()):  # the others belong to layers
        for candidate in sorted(new.keys() - old.keys() - CONFIGS.keys() - set(renamed.values())):
            if set(key) <= old[name].features.keys() & new[candidate].features.keys() and _alike(
                _sample(old[name], key), _sample(new[candidate], key)
            ):
                renamed[name] = candidate
                break
    return renamed


def renamed_splits(old: Tables, new: Tables) -> dict[str, str]:
    """Map splits that only the old version has to new splits that hold the same articles."""
    if ARTICLES not in old or ARTICLES not in new:
        return {}
    before, after = old[ARTICLES], new[ARTICLES]
    renamed: dict[str, str] = {}
    for name in before.splits:
        for candidate in after.splits:
            if name not in after.splits and candidate not in (*before.splits, *renamed.values()):
                pair = [_sample(table, ("article_id",), split) for table, split in ((before, name), (after, candidate))]
                if _alike(pair[0], pair[1]):
                    renamed[name] = candidate
                    break
    return renamed


def _usable(config: str, old: Table, new: Table) -> bool:
    """Return whether the key columns of the rows are the same in both versions."""
    return all(old.features.get(key) and old.features.get(key) == new.features.get(key) for key in key_of(config))


def _columns(config: str, old: Table, new: Table) -> dict[str, str]:
    renamed: dict[str, str] = {}
    if not _usable(config, old, new):
        return renamed
    before = {name: _anchor(old.features, new.features, name) for name in old.features if name not in new.features}
    after = {name: _anchor(new.features, old.features, name) for name in new.features if name not in old.features}
    for name, anchor in before.items():
        for candidate, its in after.items():
            if anchor != its or candidate in renamed.values():
                continue
            changes, plan = compare_shapes(config, {"_": old.features[name]}, {"_": new.features[candidate]}, Renames())
            if any(change.kind == "column-type" for change in changes) or "_" not in plan.parts:
                continue
            part = plan.parts["_"][1]
            pair = [
                _sample(table, key_of(config), column=(column, lambda array, side=side: row_hash.digests(array, part, old=side == 0)))  # noqa: B023, E501
                for side, (table, column) in enumerate(((old, name), (new, candidate)))
            ]  # fmt: skip
            if _alike(pair[0], pair[1]):
                renamed[name] = candidate
                break
    return renamed


def _anchor(features: Features, others: Features, name: str) -> str | None:
    """Return the closest preceding column that both versions have."""
    names = list(features)
    return next((earlier for earlier in names[: names.index(name)][::-1] if earlier in others), None)


def _labels(config: str, old: tuple[Table, str, list[str]], new: tuple[Table, str, list[str]]) -> dict[str, str]:
    """Return the renamed labels of a column: labels with the same number in mostly the same rows."""
    renamed = {}
    for number, (name, new_name) in enumerate(zip(old[2], new[2], strict=False)):
        if name not in new[2] and new_name not in old[2]:
            pair = [_sample(table, key_of(config), column=(column, _having(number))) for table, column, _ in (old, new)]
            if _alike(pair[0], pair[1]):
                renamed[name] = new_name
    return renamed


def _having(number: int) -> Any:
    """Return a function that gives the digest "yes" for rows with this label number (also in a list), else zeros."""

    def asked(array: pa.Array) -> row_hash.Lanes:
        hashes = np.zeros((len(array), 2), np.uint64)
        rows = [value == number or (isinstance(value, list) and number in value) for value in array.to_pylist()]
        hashes[np.array(rows, dtype=np.bool_)] = row_hash.word("yes")
        return hashes

    return asked


def _sample(
    table: Table, keys: tuple[str, ...], split: str | None = None, column: tuple[str, Any] | None = None
) -> npt.NDArray[np.uint64]:
    """Return the SAMPLE smallest hashes of the rows' keys, or of keys with the values of a column that are not null."""
    kept: npt.NDArray[np.uint64] = np.empty(0, np.uint64)
    for hashes in _hashes(table, keys, split, column):
        kept = np.unique(np.concatenate((kept, hashes)))[:SAMPLE]
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


def _alike(a: npt.NDArray[np.uint64], b: npt.NDArray[np.uint64]) -> bool:
    """Return whether the intersection of two sets exceeds SHARE of their union, estimated by the smallest hashes."""
    if not len(a) or not len(b):
        return False
    union = np.union1d(a, b)[:SAMPLE]
    shared = np.isin(union, a) & np.isin(union, b)
    return bool(shared.sum() > SHARE * len(union))
