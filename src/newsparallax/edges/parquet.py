"""Tables -> Parquet files, one folder a config, row groups of a bounded size."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP_BYTES = 8 << 20  # of Arrow data; far below the hub viewer's limit of 300 MB a scan
FILE_BYTES = 256 << 20


class ConfigWriter:
    """Writes the rows of one config and split to `<config>/<split>-NNNNN.parquet`.

    What is written depends on the rows alone, not on how they arrive: tables are cut into row groups where the rows
    added so far reach ROW_GROUP_BYTES.
    """

    def __init__(self, folder: Path, config: str, split: str, schema: pa.Schema) -> None:
        self.folder = folder / config
        self.split = split
        self.schema = schema
        self._waiting: list[pa.Table] = []
        self._bytes = 0
        self._number = 0
        self._writer: pq.ParquetWriter | None = None
        self._path: Path | None = None

    def add(self, table: pa.Table) -> None:
        """Add rows; a row group is written when enough have come together."""
        self._waiting.append(table)
        self._bytes += table.nbytes
        if self._bytes >= ROW_GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        """Write what waits; a split without rows still gets its file, with the schema."""
        if self._waiting or self._number == 0:
            self._flush()
        self._finish()

    def _flush(self) -> None:
        table = pa.concat_tables(self._waiting) if self._waiting else self.schema.empty_table()
        self._waiting, self._bytes = [], 0
        writer = self._writer or self._open()
        writer.write_table(table.combine_chunks(), row_group_size=max(1, table.num_rows))
        if self._path and self._path.stat().st_size >= FILE_BYTES:
            self._finish()

    def _open(self) -> pq.ParquetWriter:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._path = self.folder / f"{self.split}-{self._number:05d}.parquet"
        self._number += 1
        self._writer = pq.ParquetWriter(self._path, self.schema, compression="zstd", write_page_index=True)
        return self._writer

    def _finish(self) -> None:
        if self._writer:
            self._writer.close()
            self._writer = None
