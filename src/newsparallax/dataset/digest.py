"""The digest of rows, from Arrow's own memory: what tells whether two builds hold the same content.

Digested is article by article, and the digests are added up modulo 2**256 (a multiset hash after Clarke et al. 2003):
so the sum is the same for any order and grouping of articles, and can be had from Parquet files without knowing which
of them share a part. The files' own SHA-256 in the manifest guard against tampering.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Numbers = npt.NDArray[np.int64]
Piece = tuple[memoryview, list[int]]  # bytes, and where those of each article begin; the end of the last

_FLAGS = 63  # nulls told by one number


def table_digest(config: str, splits: Sequence[tuple[str, int]], table: pa.Table) -> int:
    """The digest of some rows of a config, those of an article one after the other in their order.

    `splits` says how many of the rows, from the first on, are of which split. The digest of an article is the SHA-256
    of its rows: of every level of nesting the numbers (values, lengths of strings and lists, what is null) row by row,
    and the strings column by column.
    """
    if not table.num_rows:
        return 0
    columns = [_one(column) for column in table.columns]
    runs = pc.run_end_encode(columns[table.schema.get_field_index("article_id")]).run_ends.to_pylist()
    edges = list(accumulate((rows for _, rows in splits), initial=0))
    bounds = sorted({*edges, *runs})
    sizes = [(end - begin).to_bytes(8) for begin, end in pairwise(bounds)]
    pieces = [[content[a:b] for a, b in pairwise(places)] for content, places in _pieces(columns, np.array(bounds))]
    total = 0
    for (split, _), (begin, end) in zip(splits, pairwise(bisect_left(bounds, edge) for edge in edges), strict=True):
        head = msgspec.json.encode((config, split))
        mine = (piece[begin:end] for piece in (sizes, *pieces))
        digests = (hashlib.sha256(b"".join((head, *parts))).digest() for parts in zip(*mine, strict=True))
        total += sum(map(int.from_bytes, digests))
    return total


def whole_articles(batches: Iterable[pa.RecordBatch | pa.Table]) -> Iterator[pa.Table]:
    """The rows of some batches in tables that divide no article."""
    left: list[pa.Table] = []
    for batch in batches:
        table = pa.table(batch) if isinstance(batch, pa.RecordBatch) else batch
        if not table.num_rows:
            continue
        table = pa.concat_tables([*left, table])
        ids = table.column("article_id").combine_chunks()
        ends = pc.run_end_encode(ids).run_ends
        last = ends[-2].as_py() if len(ends) > 1 else 0
        if last:
            yield table.slice(0, last)
        left = [table.slice(last)]
    yield from left


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def _pieces(columns: list[pa.Array], bounds: Numbers) -> Iterator[Piece]:
    """What is digested of columns of one length, and of what is nested in them; `bounds` are rows."""
    numbers: list[Numbers] = []
    flags = [np.zeros(len(columns[0]), np.int64) for _ in range(0, len(columns), _FLAGS)]
    strings: list[Piece] = []
    lists: list[tuple[pa.Array, Numbers]] = []
    for number, column in enumerate(columns):
        kind = column.type
        if column.null_count:
            missing = column.is_null().to_numpy(zero_copy_only=False)
            flags[number // _FLAGS] |= missing.astype(np.int64) << number % _FLAGS
            if column.null_count == len(column):  # as often happens
                numbers.append(np.zeros(len(column), np.int64))
                continue
            column = _without_nulls(column)
        if pa.types.is_string(kind) or pa.types.is_list(kind):
            places = _offsets(column)
            numbers.append(np.diff(places))
            first, ends = int(places[0]), places[bounds]
            if pa.types.is_list(kind):
                lists.append((column.values.slice(first, int(places[-1]) - first), ends - first))
            else:
                strings.append((memoryview(column.buffers()[2] or b""), ends.tolist()))
        else:
            values = column.cast(pa.int8()) if pa.types.is_boolean(kind) else column
            plain = values.to_numpy()
            numbers.append(plain.view(np.int64) if pa.types.is_floating(kind) else plain)
    matrix = np.column_stack([*numbers, *flags]).astype("<i8", copy=False)
    yield matrix.reshape(-1).view(np.uint8).data, (bounds * (8 * matrix.shape[1])).tolist()
    yield from strings
    for values, ends in lists:
        parts = values.flatten() if pa.types.is_struct(values.type) else [values]
        yield from _pieces(parts, ends)


def _offsets(column: pa.Array) -> Numbers:
    """Where each string or list of a column begins in what they share; the end of the last."""
    buffer = column.buffers()[1]
    if buffer is None or not buffer.size:  # of a column without rows
        return np.zeros(1, np.int64)
    return np.frombuffer(buffer, np.int32)[column.offset : column.offset + len(column) + 1].astype(np.int64)


def _without_nulls(column: pa.Array) -> pa.Array:
    """The column with nothing in the place of what is null, whatever lies in memory there."""
    kind = column.type
    if pa.types.is_list(kind):
        counts = pc.list_value_length(column).fill_null(0)
        offsets = pa.array(np.concatenate(([0], np.cumsum(counts.to_numpy()))), pa.int32())
        return pa.ListArray.from_arrays(offsets, column.flatten(), kind)
    return column.fill_null("" if pa.types.is_string(kind) else False if pa.types.is_boolean(kind) else 0)
