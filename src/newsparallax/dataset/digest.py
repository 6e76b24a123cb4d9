"""Compute the content digest of rows from Arrow's memory, to decide whether two builds hold the same content.

Each article, and each row that belongs to no article, has its own digest. The digests are added modulo 2**256 (a
multiset hash after Clarke et al. 2003). The sum is therefore the same for any order and grouping of articles. It can be
computed from the Parquet files of a finished dataset alone, without knowing which rows were converted in the same part.
The digest does not protect against tampering; the SHA-256 of each file in the manifest does.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..corpus import STANDOFF
from ..errors import NewsParallaxError
from ..ids import DIGEST_MODULUS
from .manifest import content_digest

Numbers = npt.NDArray[np.int64]
Piece = tuple[memoryview, list[int]]  # bytes, and offsets where each article's bytes begin, then the end of the last

_FLAGS = 63  # columns whose nulls are encoded as bits of one number


def table_digest(config: str, splits: Sequence[tuple[str, int]], table: pa.Table) -> int:
    """Return the sum of `split_digests`."""
    return sum(split_digests(config, splits, table))


def split_digests(config: str, splits: Sequence[tuple[str, int]], table: pa.Table) -> list[int]:
    """Return the digest of each split's rows of a config, in which the rows of each article are contiguous, in order.

    `splits` lists (split, number of rows) in row order. The digest of an article is the SHA-256 of its rows. A row that
    belongs to no article has its own digest. For every level of nesting, the hashed data are the numbers (values,
    lengths of strings and lists, null flags) row by row, and the strings column by column.
    """
    if not table.num_rows:
        return [0] * len(splits)
    columns = [_one(column) for column in table.columns]
    runs = pc.run_end_encode(columns[_owner(table)]).run_ends.to_pylist()
    edges = list(accumulate((rows for _, rows in splits), initial=0))
    bounds = sorted({*edges, *runs})
    sizes = [(end - begin).to_bytes(8) for begin, end in pairwise(bounds)]
    pieces = [[content[a:b] for a, b in pairwise(places)] for content, places in _pieces(columns, np.array(bounds))]
    totals = []
    for (split, _), (begin, end) in zip(splits, pairwise(bisect_left(bounds, edge) for edge in edges), strict=True):
        head = msgspec.json.encode((config, split))
        mine = (piece[begin:end] for piece in (sizes, *pieces))
        digests = (hashlib.sha256(b"".join((head, *parts))).digest() for parts in zip(*mine, strict=True))
        totals.append(sum(map(int.from_bytes, digests)))
    return totals


def whole_articles(batches: Iterable[pa.RecordBatch | pa.Table]) -> Iterator[pa.Table]:
    """Regroup the rows of batches into tables, so that each article is complete in one table."""
    left: list[pa.Table] = []
    for batch in batches:
        table = pa.table(batch) if isinstance(batch, pa.RecordBatch) else batch
        if not table.num_rows:
            continue
        table = pa.concat_tables([*left, table])
        ends = pc.run_end_encode(table.column(_owner(table)).combine_chunks()).run_ends
        last = ends[-2].as_py() if len(ends) > 1 else 0
        if last:
            yield table.slice(0, last)
        left = [table.slice(last)]
    yield from left


def _owner(table: pa.Table) -> int:
    """Return the position of the column of articles; in a config without articles, of the first column, the id."""
    place: int = table.schema.get_field_index("article_id")
    return max(place, 0)


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def _pieces(columns: list[pa.Array], bounds: Numbers) -> Iterator[Piece]:
    """Yield the bytes to hash of columns of equal length and of their nested columns; `bounds` are row numbers."""
    numbers: list[Numbers] = []
    flags = [np.zeros(len(columns[0]), np.int64) for _ in range(0, len(columns), _FLAGS)]
    strings: list[Piece] = []
    lists: list[tuple[pa.Array, Numbers]] = []
    for number, column in enumerate(columns):
        kind = column.type
        if column.null_count:
            missing = column.is_null().to_numpy(zero_copy_only=False)
            flags[number // _FLAGS] |= missing.astype(np.int64) << number % _FLAGS
            if column.null_count == len(column):  # frequent case
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
    """Return the offsets at which the strings or lists of a column begin in their buffer, then the end of the last."""
    buffer = column.buffers()[1]
    if buffer is None or not buffer.size:  # a column without rows
        return np.zeros(1, np.int64)
    return np.frombuffer(buffer, np.int32)[column.offset : column.offset + len(column) + 1].astype(np.int64)


def _without_nulls(column: pa.Array) -> pa.Array:
    """Return the column with nulls replaced by empty values, so that the memory behind nulls has no effect."""
    kind = column.type
    if pa.types.is_list(kind):
        counts = pc.list_value_length(column).fill_null(0)
        offsets = pa.array(np.concatenate(([0], np.cumsum(counts.to_numpy()))), pa.int32())
        return pa.ListArray.from_arrays(offsets, column.flatten(), kind)
    return column.fill_null("" if pa.types.is_string(kind) else False if pa.types.is_boolean(kind) else 0)


BATCH = 256  # rows in memory at a time; small, because an article's row contains all its spans


def digest_of(folder: Path) -> str:
    """Compute the content digest of the dataset in `folder`; it equals the manifest's for an unchanged build.

    The function reads the rows of every `<config>/<split>-*.parquet`, a batch at a time, and the features in the
    metadata of each file. The order of articles and their distribution over files do not matter. Raises
    NewsParallaxError, naming the file, where a file cannot be read or states no features, and where the folder has no
    Parquet files.
    """
    shapes: dict[str, Any] = {}
    total = 0
    for path in sorted(folder.glob("*/*.parquet")):
        if path.parent.name == STANDOFF:  # holds digests of texts, not rows of a config
            continue
        config, split = path.parent.name, path.stem.rpartition("-")[0]
        name = path.relative_to(folder).as_posix()
        try:
            with pq.ParquetFile(path) as file:
                features = features_of(file.schema_arrow, name)
                if shapes.setdefault(config, features) != features:
                    raise NewsParallaxError(f"has other features than the other files of {config}", file=name)
                for table in whole_articles(file.iter_batches(BATCH)):
                    total += table_digest(config, [(split, table.num_rows)], table)
        except pa.ArrowInvalid as error:
            raise NewsParallaxError(f"is not a Parquet file: {error}", file=name) from None
    if not shapes:
        raise NewsParallaxError(
            "contains no Parquet files", file=str(folder), hint="name the folder of a built dataset"
        )
    return content_digest(shapes, total % DIGEST_MODULUS)


def features_of(schema: pa.Schema, name: str) -> Any:
    """Return the features that the build wrote into the metadata of a file's schema.

    Raises NewsParallaxError, naming the file `name`, where the schema states no features.
    """
    try:
        return msgspec.json.decode((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, msgspec.DecodeError):
        raise NewsParallaxError("its schema states no features", file=name, hint="build the dataset again") from None
