"""The tables of a built dataset, proved to be what its manifest says: configs, their splits, files and features."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ...core.errors import NewsParallaxError
from ...core.schema import STANDOFF
from ...core.shapes import is_record
from ..digest import features_of
from ..paths import is_inside
from .sources import PREFIX, Source

HINT = "build it again, or fetch it again"


@dataclass(frozen=True)
class Shard:
    """A Parquet file of a config: its place, split, rows, digest, and the bytes of its values when decoded."""

    path: Path
    split: str
    rows: int
    sha256: str
    size: int


@dataclass
class Table:
    """A config: its features, and its files in order."""

    features: dict[str, Any]
    shards: list[Shard] = field(default_factory=list)

    @property
    def splits(self) -> list[str]:
        """The splits that it has files of."""
        return list(dict.fromkeys(shard.split for shard in self.shards))


def tables_of(source: Source) -> dict[str, Table]:
    """Config -> its table. Every file that the manifest lists is read once for its digest.

    Raises NewsParallaxError naming the file for one that is not there, that is not what the manifest says (digest,
    rows), that the manifest does not list, or that is no Parquet file with features.
    """
    listed = source.manifest["files"]
    for path in sorted(source.folder.glob("*/*.parquet")):
        name = path.relative_to(source.folder).as_posix()
        if name not in listed and path.parent.name != STANDOFF:
            raise NewsParallaxError("the manifest does not list it", file=f"{source.name}/{name}", hint=HINT)
    found: dict[str, Table] = {}
    for name, said in sorted(listed.items()):
        where = f"{source.name}/{name}"
        path = _inside(source, name, where)
        digest = _digest(path, where)
        edited = name == "README.md" and source.name.startswith(PREFIX)  # by hand on the hub, which is allowed
        if not isinstance(said, dict) or (digest != said.get("sha256") and not edited):
            raise NewsParallaxError(
                "is not the file that the manifest describes: another digest", file=where, hint=HINT
            )
        if path.suffix != ".parquet" or path.parent.name == STANDOFF:
            continue
        rows, size, features = _read(path, where)
        if rows != said.get("rows"):
            message = f"has {rows:,} rows, but the manifest says {said.get('rows')}"
            raise NewsParallaxError(message, file=where, hint=HINT)
        table = found.setdefault(path.parent.name, Table(features))
        if table.features != features:
            raise NewsParallaxError(f"other features than in the other files of {path.parent.name}", file=where)
        table.shards.append(Shard(path, path.stem.rpartition("-")[0], rows, digest, size))
    if not found:
        raise NewsParallaxError("holds no Parquet files", file=source.name, hint="name the folder of a built dataset")
    return found


def batches(shard: Shard, columns: list[str], size: int) -> Iterator[pa.RecordBatch]:
    """The rows of a file, `size` at a time. Raises NewsParallaxError where the file breaks off."""
    try:
        with pq.ParquetFile(shard.path, pre_buffer=False) as file:
            yield from file.iter_batches(size, columns=columns, use_threads=False)
    except (pa.ArrowInvalid, OSError) as error:
        raise NewsParallaxError(f"cannot be read as Parquet: {error}", file=str(shard.path), hint=HINT) from None


def _inside(source: Source, name: str, where: str) -> Path:
    path = source.folder / name
    if not is_inside(path, source.folder):
        raise NewsParallaxError("the manifest lists a file outside of its folder", file=where, hint=HINT)
    return path


def _digest(path: Path, where: str) -> str:
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        message = f"the manifest lists it, but it cannot be read: {error.strerror}"
        raise NewsParallaxError(message, file=where, hint=HINT) from None


def _read(path: Path, where: str) -> tuple[int, int, dict[str, Any]]:
    """Rows, bytes when decoded, and features of a Parquet file."""
    try:
        with pq.ParquetFile(path) as file:
            metadata = file.metadata
            size = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
            features, schema = features_of(file.schema_arrow, where), file.schema_arrow
    except (pa.ArrowInvalid, OSError) as error:
        raise NewsParallaxError(f"is not a Parquet file: {error}", file=where, hint=HINT) from None
    if not _fits(pa.struct(list(schema)), features):
        raise NewsParallaxError("its columns are not those that its features describe", file=where, hint=HINT)
    return metadata.num_rows, size, features


def _fits(type_: pa.DataType, shape: Any) -> bool:
    """Whether values of an Arrow type are what a shape describes."""
    if not isinstance(shape, dict):
        return False
    if is_record(shape):
        if not pa.types.is_struct(type_) or {field.name for field in type_} != shape.keys():
            return False
        return all(_fits(field.type, shape[field.name]) for field in type_)
    if shape["_type"] == "List":
        return pa.types.is_list(type_) and _fits(type_.value_type, shape.get("feature"))
    if shape["_type"] == "ClassLabel":
        return pa.types.is_integer(type_) and isinstance(shape.get("names"), list)
    return not pa.types.is_nested(type_)
