"""The stages of a run, as datatrove calls them: with (data, rank, world size). All their input is in the work folder.

    distribute  shards -> spilled tasks, by the bucket of their article
    gather      (only where tasks may lack an article id) tasks by their data -> the bucket of their article
    texts       (only for near-duplicates) a bucket of articles -> their texts
    group       (only for near-duplicates) all texts, in one rank -> events that share a split
    convert     a bucket of articles -> Parquet files, problems, counts
    merge       counts and files of all buckets -> the finished dataset (`run.py`)

Ranks write their results atomically, and a result does not depend on the process that made it. So a rank may run twice.

Raw tasks and texts on their way from one stage to the next are in one Arrow file per rank, with separate batches per
bucket. A reader takes only the batches of its bucket from each file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from ..building import EventText, convert_batches, event_text, fewer_garbage_collections, near_duplicates
from ..convert import RawTask, root_id, subject_of, with_clashes
from ..corpus import schema
from ..dataset import BuildCounts, DatasetWriter, FileFacts, file_facts
from ..errors import ExportError
from ..exports import Use, shared_numbers, uses_in
from ..ids import hash_number, natural_order
from ..problems import Problem, problem
from .plan import GROUPS, Job, Shard, load, load_grouped, opened_tasks
from .store import Store

FLUSH_BYTES = 64 << 20  # of raw tasks that wait in a rank before a flush
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
File = tuple[str, list[tuple[Kind, int]]]  # name of a file of spilled tasks, and (kind, bucket) of its batches


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


def as_key(article_id: str) -> bytes:
    """Return the key of an article. Keys sort like the ids."""
    return article_id.encode("utf-8", "surrogatepass")


def from_key(key: bytes) -> str:
    """Return the article id of a key."""
    return key.decode("utf-8", "surrogatepass")


class SpillWriter:
    """Writes tasks to a local file; `batches` holds the kind and the bucket of each batch."""

    def __init__(self, path: Path, buckets: int) -> None:
        self._buckets = buckets
        self._rows: dict[tuple[Kind, int], list[Spilled]] = {}
        self._waiting = 0
        self._sink = pa.OSFile(str(path), "wb")
        self._writer = pa.ipc.new_file(self._sink, SCHEMA, options=pa.ipc.IpcWriteOptions(compression="zstd"))
        self.batches: list[tuple[Kind, int]] = []

    def add(self, kind: Kind, row: Spilled, root: bytes | None = None) -> None:
        """Add a task to the bucket of its key, or of `root`; batches are written when enough data is waiting."""
        bucket = bucket_of(row.key if root is None else root, self._buckets)
        self._rows.setdefault((kind, bucket), []).append(row)
        self._waiting += len(row.task)
        if self._waiting >= FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write one batch for every bucket with waiting tasks."""
        for place, rows in sorted(self._rows.items()):
            columns = zip(zip(*rows, strict=True), SCHEMA.types, strict=True)
            self._writer.write_batch(pa.record_batch([pa.array(*column) for column in columns], schema=SCHEMA))
            self.batches.append(place)
        self._rows, self._waiting = {}, 0

    def close(self) -> None:
        """Write the waiting tasks and close the file."""
        self.flush()
        self._writer.close()
        self._sink.close()


def read_bucket(store: Store, files: Iterable[File], kind: Kind, bucket: int) -> Iterator[Spilled]:
    """Yield the tasks of a bucket from all files (name, batches), ordered by key, shard and position.

    All tasks of the bucket are in memory at the same time, so a run has many buckets.
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


ROWS = "rows"  # folder of the Parquet files


@dataclass
class ConvertedBucket:
    """Result of converting a bucket: counts, its files with their facts, and problems."""

    tally: BuildCounts = field(default_factory=BuildCounts)
    files: dict[str, FileFacts] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


class Index(msgspec.Struct):
    """The record beside a file of spilled tasks: the bucket of every batch, and findings to combine over all shards.

    `problems` are shards that could not be read. `uses` are the user ids in the tasks, with addresses.
    """

    batches: list[tuple[Kind, int]]
    problems: list[Problem] = []
    uses: list[Use] = []


@dataclass(frozen=True)
class Distribute:
    """Stage 1: send the tasks of every `world_size`-th shard to the buckets of their articles."""

    work: str

    def __call__(self, data: Any, rank: int, world_size: int) -> None:
        """Run a rank."""
        job, store = load(self.work), Store(self.work)
        problems: list[Problem] = []
        uses: set[Use] = set()
        with _scratch(store) as scratch:
            writer = SpillWriter(scratch / "spill", job.buckets)
            for number in range(rank, len(job.shards), world_size):
                problems += _distribute(job, number, scratch, writer, uses)
            _put(store, "distribute", rank, writer, scratch, problems, uses)


@dataclass(frozen=True)
class Gather:
    """Stage 1b: tasks with equal data form one article; its id is the lowest of their ids."""

    work: str

    def __call__(self, data: Any, rank: int, world_size: int) -> None:
        """Run a rank."""
        job, store = load(self.work), Store(self.work)
        with _scratch(store) as scratch:
            writer = SpillWriter(scratch / "spill", job.buckets)
            rows = read_bucket(store, _spills("distribute", _indices(store, "distribute", job.tasks)), "content", rank)
            for _, group in groupby(rows, lambda row: row.key):
                same = list(group)
                name = min((from_key(row.own) for row in same), key=natural_order)
                for row in same:
                    _add_article(job, writer, name, row)
            _put(store, "gather", rank, writer, scratch)


@dataclass(frozen=True)
class Texts:
    """Stage 1c: collect the main texts of the articles of a bucket."""

    work: str

    def __call__(self, data: Any, rank: int, world_size: int) -> None:
        """Run a rank."""
        job, store = load(self.work), Store(self.work)
        rows = _bucket(job, store, rank, _indices(store, "distribute", job.tasks))
        texts = (event_text(job.folder, *article) for article in _articles(job, rows, rank))
        with _scratch(store) as scratch:
            with (scratch / "texts").open("wb") as sink:
                sink.writelines(msgspec.json.encode(text) + b"\n" for text in texts if text)
            store.put_file(_texts_name(rank), scratch / "texts")


@dataclass(frozen=True)
class Group:
    """Stage 1d: find which events share a split because of near-duplicates; one rank that starts its own processes."""

    work: str
    workers: int

    def __call__(self, data: Any, rank: int, world_size: int) -> None:
        """Run the rank."""
        job, store = load(self.work), Store(self.work)
        at_least = job.context.corpus.near_duplicates
        if at_least is not None:
            store.put_object(GROUPS, near_duplicates(_texts(store, job.buckets), at_least, self.workers))


@dataclass(frozen=True)
class Convert:
    """Stage 2: convert the articles of a bucket to Parquet files, problems and counts."""

    work: str

    def __call__(self, data: Any, rank: int, world_size: int) -> None:
        """Run a rank."""
        job, store = load_grouped(self.work), Store(self.work)
        indices = _indices(store, "distribute", job.tasks)
        shared = shared_numbers(use for index in indices for use in index.uses)
        if shared.addresses:
            job = replace(job, context=replace(job.context, shared=shared))
        with _scratch(store) as scratch, fewer_garbage_collections():
            result = _convert(job, _bucket(job, store, rank, indices), rank, scratch / ROWS)
            for path in sorted((scratch / ROWS).rglob("*.parquet")):
                name = path.relative_to(scratch).as_posix()
                result.files[name.removeprefix(f"{ROWS}/")] = file_facts(path)
                store.put_file(name, path)
            store.put_object(found_name(rank), result)


def found_name(bucket: int) -> str:
    """Return the name of the file with the Found of a bucket."""
    return f"found/{bucket:05d}.pickle"


def index_of(store: Store, stage: str, rank: int) -> Index:
    """Return the index that a rank of the first stages wrote."""
    return msgspec.json.decode(store.get(f"{stage}/{rank:05d}.json"), type=Index)


def _bucket(job: Job, store: Store, bucket: int, distributed: list[Index]) -> Iterator[Spilled]:
    """Return the tasks of a bucket of articles, in order."""
    files = list(_spills("distribute", distributed))
    if job.by_content:
        files += _spills("gather", _indices(store, "gather", job.buckets))
    return read_bucket(store, files, "article", bucket)


def _texts_name(bucket: int) -> str:
    return f"texts/{bucket:05d}.jsonl"


def _texts(store: Store, buckets: int) -> Iterator[EventText]:
    for bucket in range(buckets):
        with store.open(_texts_name(bucket)) as lines:
            yield from (msgspec.json.decode(line, type=EventText) for line in lines)


def _indices(store: Store, stage: str, ranks: int) -> list[Index]:
    return [index_of(store, stage, rank) for rank in range(ranks)]


def _spills(stage: str, indices: list[Index]) -> Iterator[File]:
    """Yield every file of spilled tasks with the buckets of its batches."""
    return ((f"{stage}/{rank:05d}.arrow", index.batches) for rank, index in enumerate(indices))


def _put(
    store: Store,
    stage: str,
    rank: int,
    writer: SpillWriter,
    scratch: Path,
    problems: Iterable[Problem] = (),
    uses: Iterable[Use] = (),
) -> None:
    writer.close()
    store.put_file(f"{stage}/{rank:05d}.arrow", scratch / "spill")
    index = Index(writer.batches, list(problems), sorted(uses))
    store.put(f"{stage}/{rank:05d}.json", msgspec.json.encode(index))


@contextmanager
def _scratch(store: Store) -> Iterator[Path]:
    """Yield a folder for unfinished files of a rank; inside the work folder if that is local."""
    within = store.local / "scratch" if store.local else None
    if within:
        within.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=within) as folder:
        yield Path(folder)


def _distribute(job: Job, number: int, scratch: Path, writer: SpillWriter, uses: set[Use]) -> Iterator[Problem]:
    """Spill the tasks of a shard; yield a Problem for a damaged shard or one that is not an export, and skip it.

    Adds the user ids in the tasks, with addresses, to `uses`.
    """
    shard: Shard = job.shards[number]
    try:
        with opened_tasks(shard, scratch) as tasks:
            for position, raw in enumerate(tasks):
                uses |= uses_in(raw, shard.name)
                article_id, content, own = subject_of(job.context, raw, job.text_ids)
                if article_id is None:
                    writer.add("content", Spilled(content, as_key(own), number, position, raw))
                else:
                    _add_article(job, writer, article_id, Spilled(b"", b"", number, position, raw))
    except ExportError as error:
        message = f"{error.place}: {error.message}" if error.place else error.message
        entry = problem(error.code, f"the shard was skipped; {message}", file=shard.name)
        yield msgspec.structs.replace(entry, hint=error.hint) if error.hint else entry


def _add_article(job: Job, writer: SpillWriter, article_id: str, row: Spilled) -> None:
    """Spill a task to the bucket of its article.

    Articles whose ids could clash with its texts' ids are in the same bucket.
    """
    row = row._replace(key=as_key(article_id), own=b"")
    writer.add("article", row, as_key(root_id(job.context, article_id)))


def _convert(job: Job, rows: Iterator[Spilled], bucket: int, folder: Path) -> ConvertedBucket:
    """Convert the articles of a bucket; seeds without annotations are articles, too."""
    writer = DatasetWriter(folder, schema.arrow_schemas(job.context.codebook), prefix=f"{bucket:05d}")
    result = ConvertedBucket()
    for part in convert_batches(job.context, _articles(job, rows, bucket), job.folder.read_bytes):
        result.tally.add(part.tally)
        result.problems.extend(part.problems)
        writer.add(part.tables)
    writer.close()
    pa.default_memory_pool().release_unused()
    return result


def _articles(job: Job, rows: Iterator[Spilled], bucket: int) -> Iterator[tuple[str, list[RawTask]]]:
    """Yield every article of a bucket with its tasks, ordered by id; ids that could clash are in one bucket."""
    named = ((article[0], article) for article in _all_articles(job, rows, bucket))
    for (article_id, tasks), clash in with_clashes(job.context, named, lambda article: article[1]):
        yield article_id, tasks if clash is None else [replace(task, clash=clash) for task in tasks]


def _all_articles(job: Job, rows: Iterator[Spilled], bucket: int) -> Iterator[tuple[str, list[RawTask]]]:
    seeds = [key for key in map(as_key, job.context.articles) if bucket_of(key, job.buckets) == bucket]
    waiting = sorted(seeds, reverse=True)
    for key, group in groupby(rows, lambda row: row.key):
        while waiting and waiting[-1] < key:
            yield from_key(waiting.pop()), []
        if waiting and waiting[-1] == key:
            waiting.pop()
        yield from_key(key), [RawTask(job.shards[row.shard].name, row.task) for row in group]
    while waiting:
        yield from_key(waiting.pop()), []
