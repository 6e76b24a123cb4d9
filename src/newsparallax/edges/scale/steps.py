"""The stages as datatrove runs them: callables of (data, rank, world size), which find everything in the work folder.

    distribute  shards -> spilled tasks by the bucket of their article
    gather      (only where tasks may name no article) tasks by their data -> the bucket of their article
    texts       (only for near-duplicates) a bucket of articles -> their texts
    group       (only for near-duplicates) all texts, in one rank -> events that share a split
    convert     a bucket of articles -> Parquet files, problems, counts
    merge       counts and files of all buckets -> the finished dataset (`merge.py`)

What a rank leaves appears whole and is the same whoever makes it, so that it does not matter if a rank runs twice.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from ...core import schema
from ...core.article import RawTask
from ...core.errors import ExportError
from ...core.ids import natural_order
from ...core.index import subject_of
from ...core.part import convert_part
from ...core.problems import Problem, problem
from ...core.tally import Tally
from ..duplicates import EventText, event_text, near_duplicates
from ..engine import PART_ARTICLES, fewer_collections
from ..facts import file_facts
from ..parquet import ConfigWriter, relieve
from ..pretokenize import pretokenize
from .job import GROUPS, Job, load, load_grouped
from .shards import Shard, opened_tasks
from .spill import File, Kind, Spilled, SpillWriter, as_key, bucket_of, from_key, read_bucket
from .store import Store

ROWS = "rows"  # the folder of the Parquet files


@dataclass
class Found:
    """What the conversion of a bucket has found: counts, its files with their facts, problems."""

    tally: Tally = field(default_factory=Tally)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


class Index(msgspec.Struct):
    """What lies beside a file of spilled tasks: the bucket of every batch, and shards that could not be read."""

    batches: list[tuple[Kind, int]]
    problems: list[Problem] = []


@dataclass(frozen=True)
class Distribute:
    """Stage 1: the tasks of every `world_size`-th shard, to the buckets of their articles."""

    work: str

    def __call__(self, data: Any, rank: int, world_size: int) -> None:
        """Run a rank."""
        job, store = load(self.work), Store(self.work)
        problems: list[Problem] = []
        with _scratch(store) as scratch:
            writer = SpillWriter(scratch / "spill", job.buckets)
            for number in range(rank, len(job.shards), world_size):
                problems += _distribute(job, number, scratch, writer)
            _put(store, "distribute", rank, writer, scratch, problems)


@dataclass(frozen=True)
class Gather:
    """Stage 1b: tasks of equal data are one article, called by the lowest of their ids."""

    work: str

    def __call__(self, data: Any, rank: int, world_size: int) -> None:
        """Run a rank."""
        job, store = load(self.work), Store(self.work)
        with _scratch(store) as scratch:
            writer = SpillWriter(scratch / "spill", job.buckets)
            rows = read_bucket(store, _spills(store, "distribute", job.tasks), "content", rank)
            for _, group in groupby(rows, lambda row: row.key):
                same = list(group)
                name = min((from_key(row.own) for row in same), key=natural_order)
                for row in same:
                    writer.add("article", row._replace(key=as_key(name), own=b""))
            _put(store, "gather", rank, writer, scratch, [])


@dataclass(frozen=True)
class Texts:
    """Stage 1c: the main texts of the articles of a bucket."""

    work: str

    def __call__(self, data: Any, rank: int, world_size: int) -> None:
        """Run a rank."""
        job, store = load(self.work), Store(self.work)
        found = (event_text(job.folder, *article) for article in _articles(job, _bucket(job, store, rank), rank))
        with _scratch(store) as scratch:
            with (scratch / "texts").open("wb") as sink:
                sink.writelines(msgspec.json.encode(text) + b"\n" for text in found if text)
            store.put_file(_texts_name(rank), scratch / "texts")


@dataclass(frozen=True)
class Group:
    """Stage 1d: which events share a split, for near-duplicate articles; a single rank with processes of its own."""

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
    """Stage 2: the articles of a bucket, to Parquet files, problems and counts."""

    work: str

    def __call__(self, data: Any, rank: int, world_size: int) -> None:
        """Run a rank."""
        job, store = load_grouped(self.work), Store(self.work)
        with _scratch(store) as scratch, fewer_collections():
            found = _convert(job, _bucket(job, store, rank), rank, scratch / ROWS)
            for path in sorted((scratch / ROWS).rglob("*.parquet")):
                name = path.relative_to(scratch).as_posix()
                found.files[name.removeprefix(f"{ROWS}/")] = file_facts(path)
                store.put_file(name, path)
            store.put_object(found_name(rank), found)


def found_name(bucket: int) -> str:
    """Where the Found of a bucket is."""
    return f"found/{bucket:05d}.pickle"


def index_of(store: Store, stage: str, rank: int) -> Index:
    """What a rank of the first stages has left."""
    return msgspec.json.decode(store.get(f"{stage}/{rank:05d}.json"), type=Index)


def _bucket(job: Job, store: Store, bucket: int) -> Iterator[Spilled]:
    """The tasks of a bucket of articles, in order."""
    files = list(_spills(store, "distribute", job.tasks))
    if job.by_content:
        files += _spills(store, "gather", job.buckets)
    return read_bucket(store, files, "article", bucket)


def _texts_name(bucket: int) -> str:
    return f"texts/{bucket:05d}.jsonl"


def _texts(store: Store, buckets: int) -> Iterator[EventText]:
    for bucket in range(buckets):
        with store.open(_texts_name(bucket)) as lines:
            yield from (msgspec.json.decode(line, type=EventText) for line in lines)


def _spills(store: Store, stage: str, ranks: int) -> Iterator[File]:
    """Every file of spilled tasks with the buckets of its batches."""
    for rank in range(ranks):
        yield f"{stage}/{rank:05d}.arrow", index_of(store, stage, rank).batches


def _put(store: Store, stage: str, rank: int, writer: SpillWriter, scratch: Path, problems: list[Problem]) -> None:
    writer.close()
    store.put_file(f"{stage}/{rank:05d}.arrow", scratch / "spill")
    store.put(f"{stage}/{rank:05d}.json", msgspec.json.encode(Index(writer.batches, problems)))


@contextmanager
def _scratch(store: Store) -> Iterator[Path]:
    """A folder for what a rank writes before it is whole: in the work folder if that is on this machine."""
    within = store.local / "scratch" if store.local else None
    if within:
        within.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=within) as folder:
        yield Path(folder)


def _distribute(job: Job, number: int, scratch: Path, writer: SpillWriter) -> Iterator[Problem]:
    """Spill the tasks of a shard; a Problem for one that is damaged or no export, of which nothing is taken."""
    shard: Shard = job.shards[number]
    try:
        with opened_tasks(shard, scratch) as tasks:
            for position, raw in enumerate(tasks):
                article_id, content, own = subject_of(job.context, raw, job.text_ids)
                if article_id is None:
                    writer.add("content", Spilled(content, as_key(own), number, position, raw))
                else:
                    writer.add("article", Spilled(as_key(article_id), b"", number, position, raw))
    except ExportError as error:
        message = f"{error.place}: {error.message}" if error.place else error.message
        found = problem(error.code, f"the shard was left out; {message}", file=shard.name)
        yield msgspec.structs.replace(found, hint=error.hint) if error.hint else found


def _convert(job: Job, rows: Iterator[Spilled], bucket: int, folder: Path) -> Found:
    """Convert the articles of a bucket; seeds of which nobody annotated anything are articles too."""
    articles = _articles(job, rows, bucket)
    schemas = {name: schema.arrow_schema(struct) for name, struct in schema.configs(job.context.codebook).items()}
    writers: dict[tuple[str, str], ConfigWriter] = {}
    found = Found()
    batch: list[tuple[str, list[RawTask]]] = []

    def convert() -> None:
        part = convert_part(job.context, batch, job.folder.read_text, pretokenize)
        found.tally.add(part.tally)
        found.problems.extend(part.problems)
        for key, table in part.tables.items():
            if not table.num_rows:
                continue
            if key not in writers:
                writers[key] = ConfigWriter(folder, *key, schemas[key[0]], prefix=f"{bucket:05d}")
            writers[key].add(table)
        relieve(writers.values())
        batch.clear()

    for article in articles:
        batch.append(article)
        if len(batch) == PART_ARTICLES:
            convert()
    if batch:
        convert()
    for writer in writers.values():
        writer.close()
    pa.default_memory_pool().release_unused()
    return found


def _articles(job: Job, rows: Iterator[Spilled], bucket: int) -> Iterator[tuple[str, list[RawTask]]]:
    """Every article of a bucket with its tasks, in order of the ids."""
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
