"""Pack the small Parquet files of many buckets into the files of a dataset, and read these back.

Hubs and readers handle hundreds of large files much better than half a million small ones. The plan of the files is
made from sizes alone (`plan_packs`). A rank writes its files a row group at a time and then compares what it reads from
them with what was converted, so no process reads the complete dataset.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ..corpus import schema
from ..dataset import ConfigWriter, FileFacts, features_of, file_facts, table_digest, whole_articles
from ..errors import NewsParallaxError
from ..ids import DIGEST_MODULUS
from .plan import load
from .store import SIDE_BY_SIDE, Store

TARGET_BYTES = 384 << 20  # of small files that become one file
PER_FOLDER, IN_ALL = 990, 9_900  # files; hubs ask for at most 1,000 and 10,000, and a few files are not from packs
AT_ONCE_BYTES = 32 << 20  # of small files in memory
ROWS = "rows"  # folder of the small files
PACKED = "packed"
FACTS_FILE = "facts"
PLAN = "packs.pickle"
# Facts about the files of one config and split in one bucket; the digest is a big-endian number.
FACTS = np.dtype([("bytes", "<u8"), ("files", "<u4"), ("rows", "<u8"), ("digest", "V32")])

Key = tuple[str, str]  # config, split
Facts = npt.NDArray[Any]  # of FACTS, one for each bucket


class PackRange(NamedTuple):
    """The buckets, from `first` to before `end`, whose files of a config and split are packed together."""

    config: str
    split: str
    first: int
    end: int


@dataclass(frozen=True)
class PackPlan:
    """The plan of a dataset's files. FACTS_FILE has the facts of all buckets for each of `keys`, in this order."""

    keys: tuple[Key, ...]
    buckets: int
    ranges: tuple[PackRange, ...]
    file_bytes: int


class Packed(NamedTuple):
    """The files of a range with their facts, by name in the work folder, and the digest of the rows read from them."""

    config: str
    split: str
    files: dict[str, FileFacts]
    digest: int


def plan_packs(sizes: Mapping[Key, npt.NDArray[np.uint64]], buckets: int) -> PackPlan:
    """Return the plan for small files of these sizes in bytes, by config and split, one for each bucket.

    Files have about TARGET_BYTES, or more where there would be too many files.
    """
    target = TARGET_BYTES
    most = max((int(size.sum()) for size in sizes.values()), default=0)
    while True:
        limit = target * 4 // 3
        ranges: list[PackRange] = []
        folders: dict[str, int] = {}
        for (config, split), size in sorted(sizes.items()):
            ends = np.concatenate([[0], np.cumsum(size, dtype=np.int64)])
            for first, end in _cuts(ends, target):
                ranges.append(PackRange(config, split, first, end))
                folders[config] = folders.get(config, 0) - (-int(ends[end] - ends[first]) // limit)
        if target >= most or (max(folders.values()) <= PER_FOLDER and sum(folders.values()) <= IN_ALL):
            return PackPlan(tuple(sorted(sizes)), buckets, tuple(ranges), limit)
        target += target // 4 + 1


def _cuts(ends: npt.NDArray[np.int64], target: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of buckets with at most `target` bytes each, or of one bucket, without empty ones at their edges."""
    total = int(ends[-1])
    first = 0
    while int(ends[first]) < total:
        first = int(np.searchsorted(ends, ends[first], "right")) - 1  # the next bucket that is not empty
        end = int(np.searchsorted(ends, ends[first] + target, "right")) - 1
        end = max(int(np.searchsorted(ends, ends[end], "left")), first + 1)
        yield first, end
        first = end


def put_facts(store: Store, facts: Mapping[Key, Facts]) -> None:
    """Write FACTS_FILE."""
    store.put(FACTS_FILE, b"".join(facts[key].tobytes() for key in sorted(facts)))


def _facts_of(store: Store, plan: PackPlan, planned: PackRange) -> Facts:
    begin = plan.keys.index((planned.config, planned.split)) * plan.buckets
    bounds = ((begin + bucket) * FACTS.itemsize for bucket in (planned.first, planned.end))
    return np.frombuffer(store.read_range(FACTS_FILE, *bounds), FACTS)


def packed_name(rank: int) -> str:
    """Return the name of the file with what a rank packed: a list of Packed."""
    return f"{PACKED}/{rank:05d}.pickle"


def row_file(config: str, split: str, bucket: int, number: int) -> str:
    """Return the name of a small file; `number` counts the files of the bucket."""
    return f"{ROWS}/{config}/{split}-{bucket:05d}{number:05d}.parquet"


@dataclass(frozen=True)
class Pack:
    """Stage 4: write every `world_size`-th range of the plan to a file, and read it back.

    Raises NewsParallaxError, naming config, split and file, where a file cannot be read or its rows are not those that
    were converted.
    """

    work: str

    def __call__(self, data: Any, rank: int, world_size: int) -> None:
        """Run a rank."""
        codebook, store = load(self.work).context.codebook, Store(self.work)
        plan: PackPlan = store.get_object(PLAN)
        shapes = schema.arrow_schemas(codebook)
        features = {config: schema.features(struct) for config, struct in schema.configs(codebook).items()}
        done = []
        for number in range(rank, len(plan.ranges), world_size):
            planned = plan.ranges[number]
            facts = _facts_of(store, plan, planned)
            files = _write(store, plan, number, facts, shapes[planned.config])
            digest = sum(
                _read_back(store, planned, name, written, shapes[planned.config], features[planned.config])
                for name, written in files.items()
            )
            if (_rows(facts), digest % DIGEST_MODULUS) != (
                sum(one.rows or 0 for one in files.values()),
                _digest(facts),
            ):
                _blame(store, planned, facts, files)
            done.append(Packed(planned.config, planned.split, files, digest % DIGEST_MODULUS))
        store.put_object(packed_name(rank), done)


def _rows(facts: Facts) -> int:
    return int(facts["rows"].sum())


def _digest(facts: Facts) -> int:
    return sum(int.from_bytes(digest) for digest in facts["digest"].tolist()) % DIGEST_MODULUS


def _write(store: Store, plan: PackPlan, number: int, facts: Facts, shape: pa.Schema) -> dict[str, FileFacts]:
    """Write the files of a range; return their facts by name."""
    planned = plan.ranges[number]
    files = {}
    with store.scratch() as scratch:
        prefix = f"{number:05d}"
        writer = ConfigWriter(scratch, planned.config, planned.split, shape, prefix, plan.file_bytes)
        for name, content in _contents(store, planned, facts):
            with _named(planned, name), pq.ParquetFile(pa.BufferReader(content)) as file:
                for group in range(file.num_row_groups):
                    writer.add(file.read_row_group(group))
        writer.close()
        for path in sorted((scratch / planned.config).iterdir()):
            name = f"{PACKED}/{planned.config}/{path.name}"
            files[name] = file_facts(path)
            store.put_file(name, path)
    return files


def _contents(store: Store, planned: PackRange, facts: Facts) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of every small file of a range; several are read at the same time."""
    waiting: list[str] = []
    size = 0
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for bucket, fact in enumerate(facts, planned.first):
            waiting += (row_file(planned.config, planned.split, bucket, n) for n in range(fact["files"]))
            size += int(fact["bytes"])
            if size >= AT_ONCE_BYTES or bucket == planned.end - 1:
                for portion in (waiting[at : at + SIDE_BY_SIDE] for at in range(0, len(waiting), SIDE_BY_SIDE)):
                    yield from zip(portion, pool.map(store.get, portion), strict=True)
                waiting, size = [], 0


def _read_back(
    store: Store, planned: PackRange, name: str, written: FileFacts, shape: pa.Schema, features: dict[str, Any]
) -> int:
    """Return the digest of the rows of a packed file. Raises NewsParallaxError for other features or row counts."""
    with _named(planned, name), store.open_parquet(name) as file:
        if file.metadata.num_rows != written.rows:
            raise _wrong(planned, name, f"has {file.metadata.num_rows} rows; {written.rows} were written")
        if not file.schema_arrow.equals(shape) or features_of(file.schema_arrow, name) != features:
            raise _wrong(planned, name, "has other features than were written")
        return _digest_of(planned, file)


def _digest_of(planned: PackRange, file: pq.ParquetFile) -> int:
    groups = (file.read_row_group(number) for number in range(file.num_row_groups))
    return sum(
        table_digest(planned.config, [(planned.split, table.num_rows)], table) for table in whole_articles(groups)
    )


@contextmanager
def _named(planned: PackRange, name: str) -> Iterator[None]:
    """Raise NewsParallaxError with config, split and file for a file that is damaged, not for a file system's error."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # Arrow reports damaged data with an OSError without errno
        raise _wrong(planned, name, f"cannot be read: {' '.join(str(error).split())}") from None


def _wrong(planned: PackRange, name: str, message: str) -> NewsParallaxError:
    hint = "check the disk or store; then delete the work folder, and run the command again"
    return NewsParallaxError(f"{name} {message}", file=planned.config, place=planned.split, hint=hint)


def _blame(store: Store, planned: PackRange, facts: Facts, files: dict[str, FileFacts]) -> None:
    """Raise NewsParallaxError with the name of the file whose rows are not those that were converted."""
    other = "has other rows than were converted"
    for bucket, fact in enumerate(facts, planned.first):
        digest = 0
        names = [row_file(planned.config, planned.split, bucket, number) for number in range(fact["files"])]
        for name in names:
            with store.open_parquet(name) as file:
                digest += _digest_of(planned, file)
        if digest % DIGEST_MODULUS != int.from_bytes(fact["digest"].item()):
            raise _wrong(planned, " or ".join(names), other)
    raise _wrong(planned, " or ".join(files), other)
