"""Every string in the files of a dataset, wherever it stands: what a reader of the dataset can read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

BATCH = 1000  # rows read at a time


class Piece(NamedTuple):
    """Some text of a file; `place` is the column of a Parquet file, "" for any other file."""

    file: str
    place: str
    text: str


def pieces(folder: Path) -> Iterator[Piece]:
    """Every text in the files of `folder`: names of files, other files whole, of Parquet files every string.

    A list of strings is one text, joined by spaces, as tokens are. Of a batch of rows each different value comes once.
    """
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        yield Piece(name, "", name)
        if path.suffix != ".parquet":
            yield Piece(name, "", path.read_bytes().decode("utf-8", "replace"))
            continue
        with pq.ParquetFile(path) as file:
            for key, value in (file.schema_arrow.metadata or {}).items():
                yield Piece(name, key.decode("utf-8", "replace"), value.decode("utf-8", "replace"))
            for batch in file.iter_batches(BATCH):
                for column, array in zip(batch.schema.names, batch.columns, strict=True):
                    yield from (Piece(name, place, text) for place, text in _strings(column, array))


def _strings(place: str, array: pa.Array) -> Iterator[tuple[str, str]]:
    """The different strings in an array, at any depth, with the path that leads to them."""
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        yield from ((place, text) for text in pc.unique(array).to_pylist() if text)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        if pa.types.is_string(kind.value_type):
            yield from _strings(place, pc.binary_join(array, " "))
        yield from _strings(place, array.flatten())
    elif pa.types.is_struct(kind):
        for number, field in enumerate(kind):
            yield from _strings(f"{place}.{field.name}", pc.struct_field(array, number))
