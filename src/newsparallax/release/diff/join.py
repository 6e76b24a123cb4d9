"""Rows of two versions of a config, of any number and in any order: those that differ, together with their partners.

Three passes, none of which holds more than a part of the rows. First every row becomes two digests, of its id and of
all of it, which are divided among files by the id and, file by file, cancel out where both versions have them: what is
left are marks, a byte a row. Then the marked rows are read again, brought into the common form and divided in the same
way; rows with the same id are compared. What has no partner is divided once more, by article, and matched by place.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ...core.changes import Change
from ...core.compare import SPLIT, Form, key_of
from ...core.pairing import match_rows, order_rows
from ...core.schema import ARTICLES
from ...core.shapes import Row
from . import row_hash
from .spool import Parts, Spool
from .tables import Shard, Table, batches

ROWS = 8192  # read at a time
ARTICLE_ROWS = 256  # an article's row has all its spans
PART_DIGESTS = 1 << 16  # of one side, cancelled at a time; 40 bytes each
PART_BYTES = 4 << 20  # of rows when decoded, of both sides, compared at a time
PART_ROWS = 1 << 14
_DIGEST = np.dtype([("key", "<u8", 2), ("row", "<u8", 2), ("file", "<u4"), ("at", "<u4")])

Marks = dict[Shard, npt.NDArray[np.bool_]]
Pairs = Iterator[tuple[list[Row], list[Row]]]


@dataclass(frozen=True)
class Sides:
    """Both versions of a config, the form of their rows, the old splits' names in the new version, a folder to work in.

    `split_names` maps splits of the old version that go by another name.
    """

    form: Form
    old: Table
    new: Table
    split_names: dict[str, str]
    work: Path

    def shards(self, side: int) -> list[Shard]:
        """The files of a side that the other does not have with the same bytes and split."""
        tables = (self.old, self.new)
        other = Counter((shard.sha256, shard.split) for shard in tables[1 - side].shards)
        found = []
        for shard in tables[side].shards:
            if other[shard.sha256, shard.split]:
                other[shard.sha256, shard.split] -= 1
            else:
                found.append(shard)
        return found if tables[0].features == tables[1].features else tables[side].shards

    def split(self, side: int, shard: Shard) -> str:
        """The split of a file, by its name in the new version."""
        return shard.split if side else self.split_names.get(shard.split, shard.split)


def row_changes(sides: Sides, known: Callable[[Row, int], str | None]) -> Iterator[Change | str]:
    """The changes of all rows, in no particular order.

    `known` names the kind of change of a row that only side 0 or 1 has, where this is told of its article already:
    such a row is not matched, and only its kind given.
    """
    sides.work.mkdir()
    marks = (_marked(sides, 0), _marked(sides, 1)) if not sides.shards(0) or not sides.shards(1) else _cancelled(sides)
    total = sum(int(mark.sum()) for side in marks for mark in side.values())
    if not total:
        return
    mean = max(shard.size / max(shard.rows, 1) for side in marks for shard in side)
    parts = int(max(total * mean / PART_BYTES, total / PART_ROWS)) + 1
    rows, alone = Spool(sides.work / "rows", parts), Spool(sides.work / "alone", parts)
    for side in (0, 1):
        for row in _common(sides, side, marks[side]):
            rows.put(side, sides.form.key(row), row)
    for old, new in rows.read():
        for one, other in _joined(sides.form, old, new):
            if one and other:
                yield from sides.form.compare(one, other)
                continue
            row, side = (one, 0) if one else (other, 1)
            kind = known(row, side)
            if kind:
                yield kind
            else:
                alone.put(side, sides.form.matching_key(row), row)
    for old, new in alone.read():
        yield from match_rows(sides.form, order_rows(old), order_rows(new))


def _joined(form: Form, old: list[Row], new: list[Row]) -> Iterator[tuple[Row, Row]]:
    """Rows with the same id, but not the same content; {} for the partner of a row that has none."""
    groups: dict[Any, tuple[list[Row], list[Row]]] = defaultdict(lambda: ([], []))
    for side, rows in enumerate((old, new)):
        for row in rows:
            groups[form.key(row)][side].append(row)
    for ones, others in groups.values():
        if len(ones) > 1 or len(others) > 1:
            ones, others = order_rows(ones), order_rows(others)
            for row in [row for row in ones if row in others]:
                if row in others:
                    ones.remove(row)
                    others.remove(row)
        shared = min(len(ones), len(others))
        yield from zip(ones[:shared], others[:shared], strict=True)
        yield from ((one, {}) for one in ones[shared:])
        yield from (({}, other) for other in others[shared:])


def _common(sides: Sides, side: int, marks: Marks) -> Iterator[Row]:
    """The marked rows of a side in the common form."""
    for shard, mark in marks.items():
        if not mark.any():
            continue
        at, split = 0, sides.split(side, shard)
        for batch in _batches(sides, side, shard):
            here = mark[at : at + batch.num_rows]
            at += batch.num_rows
            if here.any():
                rows = batch.filter(pa.array(here)) if not here.all() else batch
                for row in rows.to_pylist():
                    yield sides.form.common(row, split, old=side == 0)


def _batches(sides: Sides, side: int, shard: Shard) -> Iterator[pa.RecordBatch]:
    plan = sides.form.plan.parts
    columns = [before if side == 0 else name for name, (before, _) in plan.items()]
    if sides.form.config == ARTICLES:
        features = (sides.old, sides.new)[side].features
        columns += [name for name in ("text", "redistribute") if name in features and name not in columns]
    return batches(shard, columns, ARTICLE_ROWS if sides.form.config == ARTICLES else ROWS)


def _marked(sides: Sides, side: int) -> Marks:
    """All rows of a side, where the other has none to cancel them."""
    return {shard: np.ones(shard.rows, np.bool_) for shard in sides.shards(side)}


def _cancelled(sides: Sides) -> tuple[Marks, Marks]:
    """The rows of both sides that the other side does not have, as often as it has them."""
    shards = [sides.shards(0), sides.shards(1)]
    marks: list[Marks] = [{shard: np.zeros(shard.rows, np.bool_) for shard in side} for side in shards]
    largest = max(sum(shard.rows for shard in side) for side in shards)
    parts = [Parts(sides.work / f"digests-{side}", largest // PART_DIGESTS + 1) for side in (0, 1)]
    for side in (0, 1):
        _write_digests(sides, side, shards[side], parts[side])
    for both in zip(parts[0].take(), parts[1].take(), strict=True):
        for side, left in enumerate(_left(np.frombuffer(both[0], _DIGEST), np.frombuffer(both[1], _DIGEST))):
            for number, shard in enumerate(shards[side]):
                marks[side][shard][left["at"][left["file"] == number]] = True
    return marks[0], marks[1]


def _write_digests(sides: Sides, side: int, shards: list[Shard], parts: Parts) -> None:
    for number, shard in enumerate(shards):
        at = 0
        for batch in _batches(sides, side, shard):
            found = _digests(sides, side, shard, batch)
            found["file"] = number
            found["at"] = np.arange(at, at + len(found))
            at += len(found)
            part = found["key"][:, 0] % np.uint64(len(parts.paths))
            order = np.argsort(part, kind="stable")
            numbers, firsts = np.unique(part[order], return_index=True)
            for which, rows in zip(numbers, np.split(found[order], firsts[1:]), strict=True):
                parts.add(int(which), rows.tobytes())


def _digests(sides: Sides, side: int, shard: Shard, batch: pa.RecordBatch) -> npt.NDArray[Any]:
    """The digests of id and content of a batch's rows."""
    plan, old = sides.form.plan.parts, side == 0
    columns = {
        name: row_hash.digests(batch.column(before if old else name), part, old=old)
        for name, (before, part) in plan.items()
    }
    found = np.zeros(batch.num_rows, _DIGEST)
    found["key"] = row_hash.record({name: columns[name] for name in key_of(sides.form.config)})
    if sides.form.config == ARTICLES:
        columns["text"] = row_hash.digests(_has_text(batch), row_hash.VALUE, old=old)
    found["row"] = row_hash.record(columns) + row_hash.word(f"{SPLIT} {sides.split(side, shard)}")
    return found


def _has_text(batch: pa.RecordBatch) -> pa.Array:
    """Whether a text that may be passed on is there; as `Form.common` has it."""
    names = batch.schema.names
    if "text" not in names or "redistribute" not in names:
        return pa.array([False] * batch.num_rows)
    there = batch.column("text").is_valid().to_numpy(zero_copy_only=False)
    may = batch.column("redistribute").fill_null(False).to_numpy(zero_copy_only=False)
    return pa.array(there & may)


def _left(old: npt.NDArray[Any], new: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """What is left of two multisets of digests when what both have is taken from both."""
    both = np.concatenate((old, new))
    if not len(both):
        return old, new
    is_new = np.repeat([False, True], [len(old), len(new)])
    content = np.concatenate((both["key"], both["row"]), axis=1)
    order = np.lexsort((is_new, *content.T[::-1]))
    content, is_new, both = content[order], is_new[order], both[order]
    group = np.cumsum(np.append([False], (content[1:] != content[:-1]).any(axis=1)))
    counts = np.stack([np.bincount(group, ~is_new), np.bincount(group, is_new)]).astype(np.int64)
    starts = np.searchsorted(group, np.arange(group[-1] + 1))
    rank = np.arange(len(both)) - starts[group] - np.where(is_new, counts[0][group], 0)
    left = rank >= counts.min(axis=0)[group]
    return both[left & ~is_new], both[left & is_new]
