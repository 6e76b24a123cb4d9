"""Raw tasks on their way from shards to articles: one Arrow file a rank, in which every bucket has batches of its own.

So a rank writes one file however many buckets there are, and reads from every file only its own bucket's batches.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from .store import Store

FLUSH_BYTES = 64 << 20  # of raw tasks that wait in a rank
SCHEMA = pa.schema(
    [
        ("key", pa.binary()),  # the article's id, or the digest of the task's data
        ("named", pa.binary()),  # with a digest: what the article is called if no other task's id is lower
        ("shard", pa.int32()),
        ("position", pa.int64()),
        ("task", pa.large_binary()),
    ]
)
Kind = Literal["article", "content"]
File = tuple[str, list[tuple[Kind, int]]]  # the name of a file of spilled tasks, and what its batches hold


class Spilled(NamedTuple):
    """A raw task: which article it is about, or which text, and where it stood."""

    key: bytes
    own: bytes
    shard: int
    position: int
    task: bytes | memoryview


def bucket_of(key: bytes, buckets: int) -> int:
    """The bucket of an article or a text, by the hash of its key."""
    return int.from_bytes(hashlib.sha256(key).digest()[:8]) % buckets


def as_key(article_id: str) -> bytes:
    """The key of an article; keys are in the order of the ids."""
    return article_id.encode("utf-8", "surrogatepass")


def from_key(key: bytes) -> str:
    """The article's id of a key."""
    return key.decode("utf-8", "surrogatepass")


class SpillWriter:
    """Writes tasks to a file of this machine; `batches` says of each batch what kind and which bucket it is of."""

    def __init__(self, path: Path, buckets: int) -> None:
        self._buckets = buckets
        self._rows: dict[tuple[Kind, int], list[Spilled]] = {}
        self._waiting = 0
        self._sink = pa.OSFile(str(path), "wb")
        self._writer = pa.ipc.new_file(self._sink, SCHEMA, options=pa.ipc.IpcWriteOptions(compression="zstd"))
        self.batches: list[tuple[Kind, int]] = []

    def add(self, kind: Kind, row: Spilled) -> None:
        """Add a task; batches are written when enough tasks wait."""
        self._rows.setdefault((kind, bucket_of(row.key, self._buckets)), []).append(row)
        self._waiting += len(row.task)
        if self._waiting >= FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write a batch for every bucket for which tasks wait."""
        for place, rows in sorted(self._rows.items()):
            columns = zip(zip(*rows, strict=True), SCHEMA.types, strict=True)
            self._writer.write_batch(pa.record_batch([pa.array(*column) for column in columns], schema=SCHEMA))
            self.batches.append(place)
        self._rows, self._waiting = {}, 0

    def close(self) -> None:
        """Write what waits, and end the file."""
        self.flush()
        self._writer.close()
        self._sink.close()


def read_bucket(store: Store, files: Iterable[File], kind: Kind, bucket: int) -> Iterator[Spilled]:
    """The tasks of a bucket out of all files (name, batches), in order of key, shard and position.

    All of them are in memory at a time, which is why there are many buckets.
    """
    batches: list[pa.RecordBatch] = []
    for name, places in files:
        wanted = [number for number, place in enumerate(places) if tuple(place) == (kind, bucket)]
        if not wanted:
            continue
        with ExitStack() as stack:
            if store.local:
                source = stack.enter_context(pa.OSFile(store.path(name)))
            else:
                source = pa.PythonFile(stack.enter_context(store.open(name)))
            with pa.ipc.open_file(source) as file:
                batches += [file.get_batch(number) for number in wanted]
    table = pa.Table.from_batches(batches, SCHEMA)
    places = table.select(["key", "shard", "position"])
    order = pc.sort_indices(places, [(name, "ascending") for name in places.column_names])
    columns = [table[name] for name in SCHEMA.names]
    for row in order.to_pylist():
        yield Spilled(*(column[row].as_py() for column in columns))
