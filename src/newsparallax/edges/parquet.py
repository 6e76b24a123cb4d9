"""Tables -> Parquet files, one folder a config, row groups of a bounded size."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP_BYTES = 16 << 20  # of Arrow data; far below the hub viewer's limit of 300 MB a scan
WAITING_BYTES = 32 << 20  # of Arrow data that wait in all files together
FILE_BYTES = 64 << 20  # what a file says of its row groups stays in memory until it is closed
APART = 16  # tables that wait as they came: with their hundred columns they take far more memory than their few rows
WORDS = {"text", "quote"}
UNIQUE = WORDS | {"span_id", "region_id", "annotation_id", "task_id", "start", "end", "text_sha256", "title", "url"}


def relieve(writers: Collection[ConfigWriter]) -> None:
    """Write row groups of the fullest files until less than WAITING_BYTES wait in all of them."""
    while sum(writer.waiting for writer in writers) > WAITING_BYTES:
        max(writers, key=lambda writer: writer.waiting).flush()


def parquet_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """A writer with the settings that all Parquet files of a dataset share.

    A dictionary of values that hardly repeat (texts, ids of spans, offsets) makes files larger and takes time.
    Statistics are of columns by which rows can be left out: not of values within lists, nor of words.
    """
    paths = [path for field in schema for path in _leaves(field.name, field.type)]
    repeated = [path for path in paths if path.rpartition(".")[2] not in UNIQUE]
    plain = [field.name for field in schema if not pa.types.is_nested(field.type) and field.name not in WORDS]
    return pq.ParquetWriter(
        path, schema, compression="zstd", write_page_index=True, use_dictionary=repeated, write_statistics=plain
    )


def _leaves(path: str, kind: pa.DataType) -> Iterator[str]:
    """The columns that Parquet makes of one of Arrow, by their paths."""
    if pa.types.is_list(kind):
        yield from _leaves(f"{path}.list.element", kind.value_type)
    elif pa.types.is_struct(kind):
        for field in kind:
            yield from _leaves(f"{path}.{field.name}", field.type)
    else:
        yield path


class ConfigWriter:
    """Writes the rows of one config and split to `<config>/<split>-NNNNN.parquet`.

    What is written depends on the tables alone, not on who made them: a row group ends with the table by which the
    rows `waiting` (in bytes) reach ROW_GROUP_BYTES, or those of all files WAITING_BYTES.
    """

    def __init__(self, folder: Path, config: str, split: str, schema: pa.Schema, prefix: str = "") -> None:
        self.folder = folder / config
        self.split = split
        self._prefix = prefix  # of a file's number: who writes apart from others has one of their own
        self.schema = schema
        self._waiting: list[pa.Table] = []
        self.waiting = 0
        self._number = 0
        self._writer: pq.ParquetWriter | None = None
        self._path: Path | None = None

    def add(self, table: pa.Table) -> None:
        """Add rows; a row group is written when enough have come together."""
        if table.num_rows:
            self._waiting.append(table)
            self.waiting += sum(map(pa.ipc.get_record_batch_size, table.to_batches()))  # much faster than `nbytes`
        if self.waiting >= ROW_GROUP_BYTES:
            self.flush()
        elif len(self._waiting) >= APART:
            self._waiting = [pa.concat_tables(self._waiting).combine_chunks()]

    def close(self) -> None:
        """Write what waits; a split without rows still gets its file, with the schema."""
        if self._waiting or self._number == 0:
            self.flush()
        self._finish()

    def flush(self) -> None:
        """Write what waits as a row group, and give its memory back."""
        table = pa.concat_tables(self._waiting) if self._waiting else self.schema.empty_table()
        self._waiting, self.waiting = [], 0
        writer = self._writer or self._open()
        if table.num_rows:  # a row group without rows is one that `datasets` cannot read
            writer.write_table(table, row_group_size=table.num_rows)
        if self._path and self._path.stat().st_size >= FILE_BYTES:
            self._finish()
        del table
        pa.default_memory_pool().release_unused()

    def _open(self) -> pq.ParquetWriter:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._path = self.folder / f"{self.split}-{self._prefix}{self._number:05d}.parquet"
        self._number += 1
        self._writer = parquet_writer(self._path, self.schema)
        return self._writer

    def _finish(self) -> None:
        if self._writer:
            self._writer.close()
            self._writer = None
