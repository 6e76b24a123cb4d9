"""A Part on its way between processes: in a file.

What a worker sends through a pipe can be cut off in the middle when it is killed, and whoever waits for the rest of it
waits for ever, since other workers keep the pipe open. A file is whole, or nobody is told of it. It is also cheaper:
the tables are mapped, not copied.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import pyarrow as pa

from ..core.part import Part

Shapes = dict[str, pa.Schema]  # of every config
_Piece = tuple[tuple[str, str], int, int]  # config and split, and where in the file a record batch begins and ends

_ALIGNED = 64  # bytes, as Arrow wants its memory


def hand_over(part: Part, path: Path) -> None:
    """Write a Part: record batches in Arrow's own form, then all the rest, then where that begins."""
    pieces: list[_Piece] = []
    with path.open("wb", buffering=1 << 20) as sink:
        for key, table in part.tables.items():
            for batch in table.to_batches():
                sink.write(bytes(-sink.tell() % _ALIGNED))
                begin = sink.tell()
                sink.write(batch.serialize())
                pieces.append((key, begin, sink.tell()))
        begin = sink.tell()
        sink.write(pickle.dumps((list(part.tables), pieces, part.problems, part.tally), pickle.HIGHEST_PROTOCOL))
        sink.write(begin.to_bytes(8))


def take_over(path: Path, shapes: Shapes) -> Part:
    """Read a Part, and remove its file; the disk gives the room free when the tables are gone."""
    with pa.memory_map(str(path)) as source:
        content = source.read_buffer()
    path.unlink()
    view = memoryview(content)
    keys, pieces, problems, tally = pickle.loads(view[int.from_bytes(view[-8:]) : -8])
    batches: dict[tuple[str, str], list[pa.RecordBatch]] = {key: [] for key in keys}
    for key, begin, end in pieces:
        batches[key].append(pa.ipc.read_record_batch(content.slice(begin, end - begin), shapes[key[0]]))
    tables = {key: pa.Table.from_batches(found, shapes[key[0]]) for key, found in batches.items()}
    return Part(tables, problems, tally)
