"""Check the files of a built dataset against its manifest, and compare the files other than tables.

The first part verifies the tables: configs, their splits, files and features. The second part finds the changes outside
of the rows of a dataset: its card, codebook, guidelines, problems, and split policy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from ..._util import file_digest, is_inside, parsed_yaml, parted
from ...corpus import STANDOFF
from ...dataset import BASE, PREFIX, Source, features_of
from ...errors import NewsParallaxError
from ...ids import DIGEST_MODULUS, canonical_json, text_digest
from .rules import Change
from .schemas import is_record

HINT = "build or download the dataset again"


@dataclass(frozen=True)
class Shard:
    """A Parquet file of a config: its path, split, number of rows, SHA-256, and the bytes of its decoded values."""

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
        """The splits for which the config has files."""
        return list(dict.fromkeys(shard.split for shard in self.shards))


def tables_of(source: Source) -> dict[str, Table]:
    """Return the table of every config, by config; every file that the manifest lists is read once for its digest.

    Raises NewsParallaxError, naming the file, where a file is missing, differs from the manifest (digest, rows), is not
    listed in the manifest, or is not a Parquet file with features.
    """
    listed = source.manifest.files
    for path in sorted(source.folder.glob("*/*.parquet")):
        name = path.relative_to(source.folder).as_posix()
        if name not in listed and path.parent.name != STANDOFF:
            raise NewsParallaxError("is not in the manifest", file=f"{source.name}/{name}", hint=HINT)
    tables: dict[str, Table] = {}
    for name, said in sorted(listed.items()):
        where = f"{source.name}/{name}"
        path = _inside(source, name, where)
        digest = _digest(path, where)
        edited = name == "README.md" and source.name.startswith(PREFIX)  # edits on the hub are allowed
        if digest != said.sha256 and not edited:
            raise NewsParallaxError("differs from the manifest: it has another digest", file=where, hint=HINT)
        if path.suffix != ".parquet" or path.parent.name == STANDOFF:
            continue
        rows, size, features = _read(path, where)
        if rows != said.rows:
            message = f"has {rows:,} rows; the manifest states {said.rows}"
            raise NewsParallaxError(message, file=where, hint=HINT)
        table = tables.setdefault(path.parent.name, Table(features))
        if table.features != features:
            raise NewsParallaxError(f"has other features than the other files of {path.parent.name}", file=where)
        table.shards.append(Shard(path, path.stem.rpartition("-")[0], rows, digest, size))
    if not tables:
        raise NewsParallaxError(
            "contains no Parquet files", file=source.name, hint="name the folder of a built dataset"
        )
    return tables


def batches(shard: Shard, columns: list[str], size: int) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file, `size` at a time. Raises NewsParallaxError where the file cannot be read."""
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
        return file_digest(path)
    except OSError as error:
        message = f"is in the manifest, but cannot be read: {error.strerror}"
        raise NewsParallaxError(message, file=where, hint=HINT) from None


def _read(path: Path, where: str) -> tuple[int, int, dict[str, Any]]:
    """Return number of rows, bytes of decoded values, and features of a Parquet file."""
    try:
        with pq.ParquetFile(path) as file:
            metadata = file.metadata
            size = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
            features, schema = features_of(file.schema_arrow, where), file.schema_arrow
    except (pa.ArrowInvalid, OSError) as error:
        raise NewsParallaxError(f"is not a Parquet file: {error}", file=where, hint=HINT) from None
    if not _fits(pa.struct(list(schema)), features):
        raise NewsParallaxError("has other columns than its features describe", file=where, hint=HINT)
    return metadata.num_rows, size, features


def _fits(type_: pa.DataType, shape: Any) -> bool:
    """Return whether an Arrow type matches a shape (features as plain values)."""
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


CARD, PROBLEMS, MADE = "README.md", "problems.jsonl", "croissant.json"
_LOADING = {"configs", "dataset_info", "size_categories"}  # front matter keys about loading and size
_BLOCK = re.compile(r"<!-- begin generated: (?!annotators)([\w-]+) -->.*?<!-- end generated: \1 -->", re.DOTALL)
_NOT_WITHHELD = ("code", "severity", "file", "article_id", "task_id", "annotation_id", "region_id", "waived")


def file_changes(old: Source, new: Source) -> Iterator[Change]:
    """Yield the changes of files other than Parquet files.

    Content generated from data and codebook is not compared, because data and codebook are. This applies to Croissant
    metadata, the generated blocks of the card, and the front matter keys for loading.
    """
    before, after = ({name for name in source.manifest.files if _compared(name)} for source in (old, new))
    for name in sorted(before | after):
        if name not in after:
            yield Change("file-removed", "", name)
        elif name not in before:
            yield Change("file-added", "", name)
        elif _file_digest(old, name) != _file_digest(new, name):
            yield Change("file-changed", "", name)
    versions = (old.manifest.codebook_version, new.manifest.codebook_version)
    if versions[0] != versions[1]:
        yield Change("codebook-version", "", "codebook_version", {"version": versions})
    policies = tuple(source.manifest.splits.policy for source in (old, new))
    if policies[0] != policies[1]:
        yield Change("split-policy", "", "splits", {"policy": (policies[0], policies[1])})


def _compared(name: str) -> bool:
    return not name.endswith(".parquet") and name not in (MADE, BASE) and not name.startswith(f"{STANDOFF}/")


def _file_digest(source: Source, name: str) -> str:
    path = source.folder / name
    if name == CARD:
        return text_digest(repr(_card(path)))
    if name == PROBLEMS:
        return _problems(path)
    return str(source.manifest.files[name].sha256)


def _card(path: Path) -> tuple[Any, str]:
    """Return the parts of a card that were written by hand: front matter and prose."""
    text = path.read_text(encoding="utf-8", errors="replace")
    head, prose = parted(text)
    try:
        front: Any = parsed_yaml(head)
    except yaml.YAMLError:
        front, prose = None, text
    if isinstance(front, dict):
        front = {key: value for key, value in front.items() if key not in _LOADING}
    return front, _BLOCK.sub("", prose)


def _problems(path: Path) -> str:
    """Return a digest of the problems, independent of their order, without fields that may quote articles."""
    total = 0
    with path.open("rb") as lines:
        for line in lines:
            total += int(text_digest(canonical_json(_without_words(line)).decode("utf-8", "replace")), 16)
    return f"{total % DIGEST_MODULUS:x}"


def _without_words(line: bytes) -> bytes:
    import msgspec

    try:
        entry = msgspec.json.decode(line)
        return msgspec.json.encode({key: entry.get(key) for key in _NOT_WITHHELD})
    except (msgspec.MsgspecError, AttributeError):
        return line
