"""The first stages of a run, as datatrove calls them: with (data, rank, world size). All input is in the work folder.

    distribute    shards -> spilled tasks, by the bucket of their article
    index         in one rank: what the ranks of `distribute` found -> places of spilled tasks by bucket, user numbers
    gather        (only where tasks may lack an article id) tasks by their data -> the bucket of their article
    gather-index  the same as `index`, for `gather`
    texts         (only for near-duplicates) a bucket of articles -> their texts
    group         (only for near-duplicates) all texts, in one rank -> events that share a split
    convert       a bucket of articles -> Parquet files, problems, counts
    combine       results of about 100 buckets -> their sum (`combine.py`)
    total         in one rank: all sums -> counts of the dataset, and a plan of its files (`combine.py`)
    pack          Parquet files of many buckets -> a file of the dataset (`pack.py`)
    merge         counts, problems and files -> the finished dataset (`run.py`)

Ranks write their results atomically, and a result does not depend on the process that made it. So a rank may run twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from ..building import EventText, convert_batches, event_text, fewer_garbage_collections, near_duplicates
from ..convert import RawTask, root_id, subject_of, with_clashes
from ..corpus import schema
from ..dataset import BuildCounts, DatasetWriter
from ..errors import ExportError
from ..exports import SharedNumbers, Use, shared_numbers, uses_in
from ..ids import natural_order
from ..problems import Problem, problem
from .combine import Found, compare_rows, found_name, hashes_of
from .pack import ROWS, Key
from .plan import GROUPS, SHARED, Job, Shard, load, load_grouped, opened_tasks
from .spill import KINDS, Spilled, SpillWriter, Stage, bucket_of, index_spills, put_spill, read_bucket, segments_of
from .store import Store

SKIPPED = "skipped.jsonl"  # problems of shards


def as_key(article_id: str) -> bytes:
    """Return the key of an article. Keys sort like the ids."""
    return article_id.encode("utf-8", "surrogatepass")


def from_key(key: bytes) -> str:
    """Return the article id of a key."""
    return key.decode("utf-8", "surrogatepass")


@dataclass
class ConvertedBucket:
    """Result of converting a bucket: counts, and problems."""

    tally: BuildCounts = field(default_factory=BuildCounts)
    problems: list[Problem] = field(default_factory=list)


class Findings(msgspec.Struct):
    """What a rank of the first stage found besides tasks: shards that it skipped, and user ids with addresses."""

    problems: list[Problem]
    uses: list[Use]


@dataclass(frozen=True)
class Distribute:
    """Stage 1: send the tasks of every `world_size`-th shard to the buckets of their articles."""

    work: str

    def __call__(self, data: Any, rank: int, world_size: int) -> None:
        """Run a rank."""
        job, store = load(self.work), Store(self.work)
        problems: list[Problem] = []
        uses: set[Use] = set()
        with store.scratch() as scratch:
            writer = SpillWriter(scratch, job.buckets)
            for number in range(rank, len(job.shards), world_size):
                problems += _distribute(job, number, scratch, writer, uses)
            writer.close()
            put_spill(store, "distribute", rank, scratch)
        store.put(_findings_name(rank), msgspec.json.encode(Findings(problems, sorted(uses))))


@dataclass(frozen=True)
class Index:
    """Stage 1b: index the spilled tasks of a stage by bucket, and combine the other findings about shards; one rank."""

    work: str
    stage: Stage

    def __call__(self, data: Any, rank: int, world_size: int) -> None:
        """Run the rank."""
        job, store = load(self.work), Store(self.work)
        ranks = ranks_of(job, self.stage)
        with store.scratch() as scratch:
            for kind in KINDS if job.by_content and self.stage == "distribute" else KINDS[:1]:
                index_spills(store, self.stage, kind, ranks, job.buckets, scratch)
            if self.stage == "gather":
                return
            with (scratch / "problems").open("wb") as sink:
                store.put_object(SHARED, shared_numbers(_uses(store, ranks, sink)))
            store.put_file(SKIPPED, scratch / "problems")


@dataclass(frozen=True)
class Gather:
    """Stage 1c: tasks with equal data form one article; its id is the lowest of their ids."""

    work: str

    def __call__(self, data: Any, rank: int, world_size: int) -> None:
        """Run a rank: every `world_size`-th bucket."""
        job, store = load(self.work), Store(self.work)
        with store.scratch() as scratch:
            writer = SpillWriter(scratch, job.buckets)
            for bucket in range(rank, job.buckets, world_size):
                rows = read_bucket(store, segments_of(store, "distribute", "content", bucket, job.tasks))
                for _, group in groupby(rows, lambda row: row.key):
                    same = list(group)
                    name = min((from_key(row.own) for row in same), key=natural_order)
                    for row in same:
                        _add_article(job, writer, name, row)
            writer.close()
            put_spill(store, "gather", rank, scratch)


@dataclass(frozen=True)
class Texts:
    """Stage 1d: collect the main texts of the articles of a bucket."""

    work: str

    def __call__(self, data: Any, rank: int, world_size: int) -> None:
        """Run a rank."""
        job, store = load(self.work), Store(self.work)
        rows = _bucket(job, store, rank)
        texts = (event_text(job.folder, *article) for article in _articles(job, rows, rank))
        with store.scratch() as scratch:
            with (scratch / "texts").open("wb") as sink:
                sink.writelines(msgspec.json.encode(text) + b"\n" for text in texts if text)
            store.put_file(_texts_name(rank), scratch / "texts")


@dataclass(frozen=True)
class Group:
    """Stage 1e: find which events share a split because of near-duplicates; one rank that starts its own processes."""

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
        shared: SharedNumbers = store.get_object(SHARED)
        if shared.addresses:
            job = replace(job, context=replace(job.context, shared=shared))
        with store.scratch() as scratch, fewer_garbage_collections():
            result = _convert(job, _bucket(job, store, rank), rank, scratch / ROWS)
            files = sorted((scratch / ROWS).rglob("*.parquet"))
            facts = _facts(files, result.tally)
            for path in files:
                store.put_file(path.relative_to(scratch).as_posix(), path)
        events, result.tally.events = result.tally.events, set()
        problems = b"".join(msgspec.json.encode(entry) + b"\n" for entry in result.problems)
        store.put_object(found_name(rank), Found(result.tally, facts, problems, hashes_of(events)))


def ranks_of(job: Job, stage: Stage) -> int:
    """Return how many ranks a stage has that spills tasks."""
    return job.tasks if stage == "distribute" else job.groups


def _findings_name(rank: int) -> str:
    return f"distribute/{rank:05d}.json"


def _uses(store: Store, ranks: int, sink: BinaryIO) -> Iterator[Use]:
    """Yield the user ids that all ranks found; write their problems to `sink`, as JSON lines."""
    for rank in range(ranks):
        findings = msgspec.json.decode(store.get(_findings_name(rank)), type=Findings)
        sink.writelines(msgspec.json.encode(entry) + b"\n" for entry in findings.problems)
        yield from findings.uses


def _facts(files: list[Path], tally: BuildCounts) -> dict[Key, tuple[int, int, int, bytes]]:
    """Return the facts of a bucket's files for Found. Raises NewsParallaxError where they lack rows."""
    sizes, numbers, rows = Counter[Key](), Counter[Key](), Counter[Key]()
    for path in files:
        key = path.parent.name, path.stem.rpartition("-")[0]
        sizes[key] += path.stat().st_size
        numbers[key] += 1
        rows[key] += pq.read_metadata(path).num_rows
    compare_rows(rows, tally.rows)
    return {key: (sizes[key], numbers[key], rows[key], tally.digests[key].to_bytes(32)) for key in numbers}


def _bucket(job: Job, store: Store, bucket: int) -> Iterator[Spilled]:
    """Return the tasks of a bucket of articles, in order."""
    segments = segments_of(store, "distribute", "article", bucket, job.tasks)
    if job.by_content:
        segments += segments_of(store, "gather", "article", bucket, job.groups)
    return read_bucket(store, segments)


def _texts_name(bucket: int) -> str:
    return f"texts/{bucket:05d}.jsonl"


def _texts(store: Store, buckets: int) -> Iterator[EventText]:
    for bucket in range(buckets):
        with store.open(_texts_name(bucket)) as lines:
            yield from (msgspec.json.decode(line, type=EventText) for line in lines)


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
    result = ConvertedBucket()
    with DatasetWriter(folder, schema.arrow_schemas(job.context.codebook), prefix=f"{bucket:05d}") as writer:
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
