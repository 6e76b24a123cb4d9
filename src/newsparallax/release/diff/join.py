"""Join the rows of two versions of a config and yield the pairs that differ; any number, any order.

There are three passes. Each of them holds only a part of the rows in memory.

1. Every row gives two digests, of its id and of its complete content. The digests are distributed over files by the id.
   File by file, digests that both versions have cancel out. The remaining rows are marked, with one byte per row.
2. The marked rows are read again, converted to the common form and distributed in the same way. Rows with the same id
   are compared.
3. Rows without a partner are distributed again, by article, and matched by their offsets.

Values are buffered on disk. They are distributed over files by a hash, so that related values are read together.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ...corpus import ARTICLES, key_of
from . import row_hash
from .files import Shard, Table, batches
from .rows import SPLIT, Form, match_rows, order_rows
from .rules import Change
from .schemas import Row

ROWS = 8192  # rows read at a time
ARTICLE_ROWS = 256  # the same for articles; smaller, because an article's row contains all its spans
PART_DIGESTS = 1 << 16  # digests of one side that are cancelled at a time; 40 bytes each
PART_BYTES = 4 << 20  # bytes of decoded rows, of both sides, that are compared at a time
PART_ROWS = 1 << 14  # number of rows that are compared at a time
_DIGEST = np.dtype([("key", "<u8", 2), ("row", "<u8", 2), ("file", "<u4"), ("at", "<u4")])

SpanTables = dict[Shard, npt.NDArray[np.bool_]]
Pairs = Iterator[tuple[list[Row], list[Row]]]


@dataclass(frozen=True)
class Sides:
    """Both versions of a config, the common form of their rows, and a work folder.

    `split_names` maps the renamed splits of the old version to their new names.
    """

    form: Form
    old: Table
    new: Table
    split_names: dict[str, str]
    work: Path

    def shards(self, side: int) -> list[Shard]:
        """Return the files of a side that do not occur on the other side with the same bytes and split."""
        tables = (self.old, self.new)
        others_left = Counter((shard.sha256, shard.split) for shard in tables[1 - side].shards)
        different = []
        for shard in tables[side].shards:
            if others_left[shard.sha256, shard.split]:
                others_left[shard.sha256, shard.split] -= 1
            else:
                different.append(shard)
        return different if tables[0].features == tables[1].features else tables[side].shards

    def split(self, side: int, shard: Shard) -> str:
        """Return the split of a file, by its name in the new version."""
        return shard.split if side else self.split_names.get(shard.split, shard.split)


def row_changes(sides: Sides, known: Callable[[Row, int], str | None]) -> Iterator[Change | str]:
    """Yield the changes of all rows, in no particular order.

    `known` receives a row that only one side has, and the side (0 or 1). It returns the kind of change if the change of
    the article already covers this row. Such a row is not matched; only its kind is yielded.
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
        for old_row, new_row in _joined(sides.form, old, new):
            if old_row and new_row:
                yield from sides.form.compare(old_row, new_row)
                continue
            row, side = (old_row, 0) if old_row else (new_row, 1)
            kind = known(row, side)
            if kind:
                yield kind
            else:
                alone.put(side, sides.form.matching_key(row), row)
    for old, new in alone.read():
        yield from match_rows(sides.form, order_rows(sides.form, old), order_rows(sides.form, new))


def _joined(form: Form, old: list[Row], new: list[Row]) -> Iterator[tuple[Row, Row]]:
    """Yield pairs of rows with the same id and different content; {} is the partner of a row without a partner."""
    groups: dict[Any, tuple[list[Row], list[Row]]] = defaultdict(lambda: ([], []))
    for side, rows in enumerate((old, new)):
        for row in rows:
            groups[form.key(row)][side].append(row)
    for ones, others in groups.values():
        if len(ones) > 1 or len(others) > 1:
            ones, others = order_rows(form, ones), order_rows(form, others)
            for row in [row for row in ones if row in others]:
                if row in others:
                    ones.remove(row)
                    others.remove(row)
        shared = min(len(ones), len(others))
        yield from zip(ones[:shared], others[:shared], strict=True)
        yield from ((old_row, {}) for old_row in ones[shared:])
        yield from (({}, new_row) for new_row in others[shared:])


def _common(sides: Sides, side: int, marks: SpanTables) -> Iterator[Row]:
    """Yield the marked rows of a side in the common form."""
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


def _marked(sides: Sides, side: int) -> SpanTables:
    """Mark all rows of a side, for the case that one of the sides has no rows to cancel."""
    return {shard: np.ones(shard.rows, np.bool_) for shard in sides.shards(side)}


def _cancelled(sides: Sides) -> tuple[SpanTables, SpanTables]:
    """Mark the rows of each side that the other side does not have, or has less often."""
    shards = [sides.shards(0), sides.shards(1)]
    marks: list[SpanTables] = [{shard: np.zeros(shard.rows, np.bool_) for shard in side} for side in shards]
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
            row_digests = _digests(sides, side, shard, batch)
            row_digests["file"] = number
            row_digests["at"] = np.arange(at, at + len(row_digests))
            at += len(row_digests)
            part = row_digests["key"][:, 0] % np.uint64(len(parts.paths))
            order = np.argsort(part, kind="stable")
            numbers, firsts = np.unique(part[order], return_index=True)
            for which, rows in zip(numbers, np.split(row_digests[order], firsts[1:]), strict=True):
                parts.add(int(which), rows.tobytes())


def _digests(sides: Sides, side: int, shard: Shard, batch: pa.RecordBatch) -> npt.NDArray[Any]:
    """Return the digests of id and content of a batch's rows."""
    plan, old = sides.form.plan.parts, side == 0
    columns = {
        name: row_hash.digests(batch.column(before if old else name), part, old=old)
        for name, (before, part) in plan.items()
    }
    row_digests = np.zeros(batch.num_rows, _DIGEST)
    row_digests["key"] = row_hash.record({name: columns[name] for name in key_of(sides.form.config)})
    if sides.form.config == ARTICLES:
        columns["text"] = row_hash.digests(_has_text(batch), row_hash.VALUE, old=old)
    row_digests["row"] = row_hash.record(columns) + row_hash.word(f"{SPLIT} {sides.split(side, shard)}")
    return row_digests


def _has_text(batch: pa.RecordBatch) -> pa.Array:
    """Return, row by row, whether a redistributable text is present; the same rule as in `Form.common`."""
    names = batch.schema.names
    if "text" not in names or "redistribute" not in names:
        return pa.array([False] * batch.num_rows)
    there = batch.column("text").is_valid().to_numpy(zero_copy_only=False)
    may = batch.column("redistribute").fill_null(False).to_numpy(zero_copy_only=False)
    return pa.array(there & may)


def _left(old: npt.NDArray[Any], new: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return both multisets of digests without their common elements."""
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


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder()
_LENGTH = 4  # bytes of the length prefix of each value
MOST = 4096  # maximum number of files
BUFFERED = 8 << 20  # maximum of buffered bytes for all files together


def hash_of(value: Any) -> int:
    """Return a 64-bit hash of a value, which may be None."""
    return int.from_bytes(hashlib.blake2b(_ENCODER.encode(value), digest_size=8).digest(), "little")


class Parts:
    """A number of files in a new folder, written in any order and not kept open."""

    def __init__(self, folder: Path, number: int) -> None:
        folder.mkdir()
        self.paths = [folder / str(part) for part in range(max(1, min(number, MOST)))]
        self._waiting = [bytearray() for _ in self.paths]
        self._size = 0

    def add(self, part: int, data: bytes) -> None:
        """Append bytes to a part."""
        self._waiting[part] += data
        self._size += len(data)
        if self._size > BUFFERED:
            self._flush()

    def take(self) -> Iterator[bytes]:
        """Yield the content of each part, and remove its file before the next one is read."""
        self._flush()
        for path in self.paths:
            yield path.read_bytes() if path.exists() else b""
            path.unlink(missing_ok=True)

    def _flush(self) -> None:
        for path, data in zip(self.paths, self._waiting, strict=True):
            if data:
                with path.open("ab") as file:
                    file.write(data)
                data.clear()
        self._size = 0


class Spool:
    """Plain values of two sides in a new folder; values with the same key are read in the same part."""

    def __init__(self, folder: Path, parts: int) -> None:
        folder.mkdir()
        self._sides = (Parts(folder / "old", parts), Parts(folder / "new", parts))

    def put(self, side: int, key: Any, value: Any) -> None:
        """Add a value to side 0 or 1."""
        parts = self._sides[side]
        data = _ENCODER.encode(value)
        parts.add(hash_of(key) % len(parts.paths), len(data).to_bytes(_LENGTH, "little") + data)

    def read(self) -> Iterator[tuple[list[Any], list[Any]]]:
        """Yield the values of both sides, part by part."""
        for old, new in zip(self._sides[0].take(), self._sides[1].take(), strict=True):
            yield list(_values(old)), list(_values(new))


def _values(data: bytes) -> Iterator[Any]:
    view, at = memoryview(data), 0
    while at < len(view):
        end = at + _LENGTH + int.from_bytes(view[at : at + _LENGTH], "little")
        yield _DECODER.decode(view[at + _LENGTH : end])
        at = end
