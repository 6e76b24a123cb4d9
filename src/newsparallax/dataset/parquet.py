"""Write tables to Parquet files, with one folder per config and row groups of bounded size."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .._util import interrupts_deferred
from ..corpus import Scalar, fixed_type, role_of

ROW_GROUP_BYTES = 16 << 20  # bytes of Arrow data; far below the hub viewer's limit of 300 MB per scan
WAITING_BYTES = 32 << 20  # bytes of Arrow data that are buffered for all files together
FILE_BYTES = 64 << 20  # default size at which a file is closed: metadata of its row groups stay in memory until then
THREADS = 2  # that write; Arrow encodes and compresses without the GIL
AHEAD = 2  # steps of writing that wait for these threads
APART = 16  # tables buffered before they are merged: a hundred columns each take far more memory than the few rows
ARROW_BYTES = b"arrow_bytes"  # key of a file's metadata


class ParquetFile:
    """Writer of a Parquet file, row group by row group; its metadata state its size as Arrow data (ARROW_BYTES)."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        metadata = {key: value for key, value in (schema.metadata or {}).items() if key != ARROW_BYTES}
        self._writer = _parquet_writer(path, schema.with_metadata(metadata))
        self._batch = 0  # rows that `datasets` reads at a time: the size of the first row group
        self._size = 0

    def write(self, table: pa.Table) -> None:
        """Write a row group. A table without rows is skipped, because `datasets` cannot read an empty row group."""
        if table.num_rows:
            self._batch = self._batch or table.num_rows
            self._size += arrow_size(table, self._batch)
            self._writer.write_table(table, row_group_size=table.num_rows)

    def close(self) -> None:
        """Write the metadata and close the file."""
        self._writer.add_key_value_metadata({ARROW_BYTES: str(self._size)})
        self._writer.close()


def arrow_size(table: pa.Table, batch: int) -> int:
    """Return the bytes of a row group in memory, as `datasets` (5.2) counts them when it reads `batch` rows at a time.

    `load_dataset` states this as `num_bytes`: the sum of pyarrow's `nbytes` of the data read from Parquet. The Parquet
    reader creates validity bitmaps for all number columns, and for other columns only where they have nulls.
    """
    cuts = [*range(0, table.num_rows, batch), table.num_rows]
    return sum(_node_size(column.type, column.chunks, cuts) for column in table.columns)


def _node_size(kind: pa.DataType, arrays: list[pa.Array], cuts: list[int]) -> int:
    """Return the bytes of a column or nested column; `cuts` are the batch boundaries, from 0 to its length."""
    length = cuts[-1]
    bitmap = sum(-(-end // 8) - start // 8 for start, end in pairwise(cuts) if end > start)
    is_number = pa.types.is_primitive(kind) and not pa.types.is_boolean(kind)
    size = bitmap if is_number or any(array.null_count for array in arrays) else 0
    if pa.types.is_struct(kind):
        parts = range(kind.num_fields)
        return size + sum(_node_size(kind.field(n).type, [array.field(n) for array in arrays], cuts) for n in parts)
    if pa.types.is_list(kind):
        items = [array.flatten() for array in arrays]
        inner = _inner_cuts(arrays, cuts) if len(cuts) > 2 else [0, sum(map(len, items))]
        return size + 4 * length + _node_size(kind.value_type, items, inner)
    if pa.types.is_string(kind):
        return size + 4 * length + sum(map(_characters, arrays))
    return size + (bitmap if pa.types.is_boolean(kind) else length * kind.bit_width // 8)


def _inner_cuts(lists: list[pa.Array], cuts: list[int]) -> list[int]:
    """Return the batch boundaries, counted in items of the lists."""
    lengths = [array.value_lengths().fill_null(0).to_numpy(zero_copy_only=False) for array in lists]
    ends = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
    return [int(ends[cut]) for cut in cuts]


def _characters(strings: pa.StringArray) -> int:
    """Return the UTF-8 bytes of all strings; the buffer is not measured, since it may hold more bytes behind nulls."""
    return pc.sum(pc.binary_length(strings)).as_py() or 0


def _parquet_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Return a writer with the settings that all Parquet files of a dataset share; the file's folder is its config.

    Dictionary encoding is off for values that hardly repeat (texts, ids of spans, offsets), because it makes files
    larger and takes time. Statistics are written only for columns that readers can use to skip rows: not for values in
    lists, and not for words.
    """
    config = path.parent.name
    leaves = [leaf for field in schema for leaf in _leaves(field.name, (field.name,), field.type)]
    repeated = [column for column, names in leaves if not _is_unique(config, names)]
    flat = [field.name for field in schema if not pa.types.is_nested(field.type)]
    plain = [name for name in flat if role_of(config, (name,)) != "words"]
    return pq.ParquetWriter(
        path, schema, compression="zstd", write_page_index=True, use_dictionary=repeated, write_statistics=plain
    )


def _leaves(path: str, names: tuple[str, ...], kind: pa.DataType) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield (path in Parquet, path in the schema) of the Parquet columns of one Arrow column."""
    if pa.types.is_list(kind):
        yield from _leaves(f"{path}.list.element", names, kind.value_type)
    elif pa.types.is_struct(kind):
        for field in kind:
            yield from _leaves(f"{path}.{field.name}", (*names, field.name), field.type)
    else:
        yield path, names


def _is_unique(config: str, names: tuple[str, ...]) -> bool:
    type_ = fixed_type(config, names)
    return isinstance(type_, Scalar) and type_.unique


class ConfigWriter:
    """Writer of the rows of one config and split to `<config>/<split>-NNNNN.parquet`.

    The output depends only on the tables, not on the process that made them. A row group ends with the table with which
    this writer's buffered bytes (`waiting`) reach ROW_GROUP_BYTES. A DatasetWriter also ends row groups where the bytes
    buffered for all files exceed WAITING_BYTES. Each step of writing is passed to `run`, which
    must run the steps in this order.
    """

    def __init__(
        self,
        folder: Path,
        config: str,
        split: str,
        schema: pa.Schema,
        prefix: str = "",
        file_bytes: int | None = None,
        run: Callable[[Callable[[], None]], None] = lambda step: step(),
    ) -> None:
        self.folder = folder / config
        self._file_bytes = file_bytes or FILE_BYTES  # size at which a file is closed
        self.split = split
        self._prefix = prefix  # of the file number; different for each separate process that writes
        self._run = run
        self.schema = schema
        self._waiting: list[pa.Table] = []
        self.waiting = 0
        self._flushed = False
        self._number = 0
        self._writer: ParquetFile | None = None
        self._path: Path | None = None

    def add(self, table: pa.Table) -> None:
        """Add rows; write a row group when enough rows are buffered."""
        if table.num_rows:
            self._waiting.append(table)
            self.waiting += sum(map(pa.ipc.get_record_batch_size, table.to_batches()))  # much faster than `nbytes`
        if self.waiting >= ROW_GROUP_BYTES:
            self.flush()
        elif len(self._waiting) >= APART:
            self._waiting = [pa.concat_tables(self._waiting).combine_chunks()]

    def close(self) -> None:
        """Write the buffered rows and close the file; a split without rows still gets a file, with the schema."""
        if self._waiting or not self._flushed:
            self.flush()
        self._run(self._finish)

    def flush(self) -> None:
        """Pass the buffered rows on, to be written as a row group."""
        table = pa.concat_tables(self._waiting) if self._waiting else self.schema.empty_table()
        self._waiting, self.waiting = [], 0
        self._flushed = True
        self._run(partial(self._write, [table]))

    def _write(self, rows: list[pa.Table]) -> None:
        (self._writer or self._open()).write(rows.pop())  # nothing else holds the table
        pa.default_memory_pool().release_unused()
        if self._path and self._path.stat().st_size >= self._file_bytes:
            self._finish()

    def _open(self) -> ParquetFile:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._path = self.folder / f"{self.split}-{self._prefix}{self._number:05d}.parquet"
        self._number += 1
        self._writer = ParquetFile(self._path, self.schema)
        return self._writer

    def _finish(self) -> None:
        if self._writer:
            self._writer.close()
            self._writer = None


class DatasetWriter:
    """Writer of the tables of a dataset, with separate files for each config and split; a context manager.

    `schemas` has the schema of every config; `prefix` is as in ConfigWriter. Threads write, while the caller makes the
    next tables. An error of a thread is raised by a later call of `add` or by `close`.
    """

    def __init__(self, folder: Path, schemas: Mapping[str, pa.Schema], prefix: str = "") -> None:
        self._folder, self._schemas, self._prefix = folder, schemas, prefix
        self._writers: dict[tuple[str, str], ConfigWriter] = {}
        self._threads = ThreadPoolExecutor(THREADS)
        self._last: dict[tuple[str, str], Future[None]] = {}  # last step of each writer
        self._steps: deque[Future[None]] = deque()

    def __enter__(self) -> DatasetWriter:
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for the threads. After that, no thread writes to the folder."""
        with interrupts_deferred():
            self._threads.shutdown(cancel_futures=True)

    def add(self, tables: Mapping[tuple[str, str], pa.Table]) -> None:
        """Add tables by (config, split), then flush the largest buffers until at most WAITING_BYTES are buffered."""
        for key, table in tables.items():
            if table.num_rows:
                self._writer(*key).add(table)
        writers = self._writers.values()
        while sum(writer.waiting for writer in writers) > WAITING_BYTES:
            max(writers, key=lambda writer: writer.waiting).flush()

    def close(self, splits: Iterable[str] = ()) -> None:
        """Close all files; every config gets a file for each of the `splits`, even without rows."""
        for split in splits:
            for config in self._schemas:
                self._writer(config, split)
        for writer in self._writers.values():
            writer.close()
        self._wait(until=0)

    def _writer(self, config: str, split: str) -> ConfigWriter:
        key = config, split
        if key not in self._writers:
            run = partial(self._submit, key)
            self._writers[key] = ConfigWriter(self._folder, *key, self._schemas[config], self._prefix, run=run)
        return self._writers[key]

    def _submit(self, key: tuple[str, str], step: Callable[[], None]) -> None:
        """Run a step of a writer in a thread, after the previous step of the same writer."""
        previous = self._last.get(key)

        def in_turn() -> None:
            if previous:
                previous.result()  # the threads take steps in the order of submission, so it runs or has ended
            step()

        self._last[key] = future = self._threads.submit(in_turn)
        self._steps.append(future)
        self._wait(until=THREADS + AHEAD)

    def _wait(self, until: int) -> None:
        while len(self._steps) > until:
            self._steps.popleft().result()
