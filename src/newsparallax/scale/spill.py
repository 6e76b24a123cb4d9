"""Pass raw tasks from one stage to the next, by bucket.

Each rank writes one file. In it, the tasks of a kind and bucket are contiguous: a segment, which is compressed as one
piece. `index_spills` brings the places of all segments into the order of buckets. A reader of a bucket then reads the
places of its segments in one range, and one range of each file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..ids import hash_number
from .store import SIDE_BY_SIDE, Store

FLUSH_BYTES = 64 << 20  # of raw tasks that wait in a rank before they are written as a run
CODEC = "zstd"
SCHEMA = pa.schema(
    [
        ("key", pa.binary()),  # the article's id, or the digest of the task's data
        ("named", pa.binary()),  # if key is a digest: the article's id, unless another task has a lower one
        ("shard", pa.int32()),
        ("position", pa.int64()),
        ("task", pa.large_binary()),
    ]
)
Kind = Literal["article", "content"]
Stage = Literal["distribute", "gather"]
KINDS: tuple[Kind, ...] = ("article", "content")
OFFSET = np.dtype("<u8")


class Spilled(NamedTuple):
    """A raw task with the key of its article or text, and its position in the shards."""

    key: bytes
    own: bytes
    shard: int
    position: int
    task: bytes | memoryview


def bucket_of(key: bytes, buckets: int) -> int:
    """Return the bucket of an article or a text, from the hash of its key."""
    return hash_number(key) % buckets


class SpillWriter:
    """Writes tasks to the local file `scratch`/spill, and where its segments begin to `scratch`/offsets.

    If more than FLUSH_BYTES of tasks wait, they are written as a run to `scratch`/runs. `close` merges all runs.
    """

    def __init__(self, scratch: Path, buckets: int) -> None:
        self._scratch, self._buckets = scratch, buckets
        self._rows: dict[int, list[Spilled]] = {}  # by place: the number of a segment in the file
        self._waiting = 0
        self._runs: list[list[int]] = []  # of each run, where the segments begin in the file of all runs

    def add(self, kind: Kind, row: Spilled, root: bytes | None = None) -> None:
        """Add a task to the bucket of its key, or of `root`."""
        bucket = bucket_of(row.key if root is None else root, self._buckets)
        self._rows.setdefault(KINDS.index(kind) * self._buckets + bucket, []).append(row)
        self._waiting += len(row.task)
        if self._waiting >= FLUSH_BYTES:
            with (self._scratch / "runs").open("ab") as sink:
                self._runs.append(self._write(sink.write, sink.tell()))

    def close(self) -> None:
        """Write the file and its offsets; runs are merged segment by segment."""
        codec = pa.Codec(CODEC)
        with ExitStack() as stack:
            sink = stack.enter_context((self._scratch / "spill").open("wb"))
            runs = stack.enter_context((self._scratch / "runs").open("rb")).fileno() if self._runs else None

            def merge(waiting: bytes) -> None:
                place = len(offsets) - 1
                pieces = [
                    os.pread(runs, begins[place + 1] - begins[place], begins[place])
                    for begins in self._runs
                    if begins[place + 1] > begins[place] and runs is not None
                ]
                content = b"".join([*pieces, waiting])
                offsets.append(offsets[-1] + (sink.write(codec.compress(content, asbytes=True)) if content else 0))

            offsets = [0]
            self._write(merge, 0)
        np.array(offsets, OFFSET).tofile(self._scratch / "offsets")
        (self._scratch / "runs").unlink(missing_ok=True)

    def _write(self, sink: Callable[[bytes], object], at: int) -> list[int]:
        """Write the waiting tasks in the order of places; return where each place begins, and the end of the last."""
        offsets = [at]
        for place in range(len(KINDS) * self._buckets):
            rows = self._rows.pop(place, None)
            content = _encoded(rows) if rows else b""
            sink(content)
            offsets.append(offsets[-1] + len(content))
        self._waiting = 0
        return offsets


def _encoded(rows: list[Spilled]) -> bytes:
    """Return a message of Arrow's IPC format. Messages can be concatenated."""
    columns = zip(zip(*rows, strict=True), SCHEMA.types, strict=True)
    batch = pa.record_batch([pa.array(*column) for column in columns], schema=SCHEMA)
    return bytes(batch.serialize())


def _decoded(segment: bytes) -> Iterator[pa.RecordBatch]:
    with pa.input_stream(pa.BufferReader(segment), compression=CODEC) as source:
        while True:
            try:
                message = pa.ipc.read_message(source)
            except EOFError:
                return
            yield pa.ipc.read_record_batch(message, SCHEMA)


def put_spill(store: Store, stage: Stage, rank: int, scratch: Path) -> None:
    """Put what a SpillWriter wrote into `scratch` where readers find it."""
    for name in ("spill", "offsets"):
        store.put_file(f"{stage}/{rank:05d}.{name}", scratch / name)


def index_spills(store: Store, stage: Stage, kind: Kind, ranks: int, buckets: int, scratch: Path) -> None:
    """Write the places of all segments of a kind, bucket by bucket: one row of offsets (uint64, one a rank) a bucket.

    One more row at the end has the ends of the last bucket's segments.
    """
    begin = KINDS.index(kind) * buckets
    bounds = begin * OFFSET.itemsize, (begin + buckets + 1) * OFFSET.itemsize
    offsets = np.empty((buckets + 1, ranks), OFFSET)
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        names = (f"{stage}/{rank:05d}.offsets" for rank in range(ranks))
        for rank, content in enumerate(pool.map(lambda name: store.read_range(name, *bounds), names)):
            offsets[:, rank] = np.frombuffer(content, OFFSET)
    offsets.tofile(scratch / "index")
    store.put_file(_index_name(stage, kind), scratch / "index")


def _index_name(stage: Stage, kind: Kind) -> str:
    return f"index/{stage}-{kind}"


class Segment(NamedTuple):
    """A range of a file of spilled tasks."""

    name: str
    begin: int
    end: int


def segments_of(store: Store, stage: Stage, kind: Kind, bucket: int, ranks: int) -> list[Segment]:
    """Return the segments of a bucket in the files of all ranks; ranks without tasks of the bucket have none."""
    width = ranks * OFFSET.itemsize
    content = store.read_range(_index_name(stage, kind), bucket * width, (bucket + 2) * width)
    places = np.frombuffer(content, OFFSET).reshape(2, ranks).T.tolist()
    return [Segment(f"{stage}/{rank:05d}.spill", *place) for rank, place in enumerate(places) if place[0] < place[1]]


def read_bucket(store: Store, segments: list[Segment]) -> Iterator[Spilled]:
    """Yield the tasks of the segments of a bucket, ordered by key, shard and position.

    All tasks of the bucket are in memory at the same time, so a run has many buckets.
    """
    batches: list[pa.RecordBatch] = []
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for content in pool.map(lambda segment: store.read_range(*segment), segments):
            batches += _decoded(content)
    table = pa.Table.from_batches(batches, SCHEMA)
    places = table.select(["key", "shard", "position"])
    order = pc.sort_indices(places, [(name, "ascending") for name in places.column_names])
    columns = [table[name] for name in SCHEMA.names]
    for row in order.to_pylist():
        yield Spilled(*(column[row].as_py() for column in columns))
