"""What a run is: the corpus without its texts, the shards, the number of buckets; and the key that tells runs apart."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from importlib.metadata import version
from pathlib import Path

import msgspec

from ...core.context import Context
from ...core.ids import short_hash, text_digest
from ..folder import CorpusFolder
from .shards import Shard
from .store import Store

BUCKET_BYTES = 128 << 20  # of raw tasks that a rank has in memory when it converts, about
MOST_RANKS = 1000  # of the first stage, unless told otherwise
FILE = "job.pickle"
GROUPS = "groups.pickle"  # event -> event whose split it takes
SOURCE = Path(__file__).parents[2]  # newsparallax/
TOOLS = ("pyarrow", "msgspec", "tokenizers")


@dataclass(frozen=True)
class Job:
    """A run, as it travels to all ranks: immutable, and small beside what it converts.

    `text_ids` is as in `CorpusFolder`; `root` is the corpus folder, from which ranks read the seeds' texts.
    """

    root: Path
    context: Context
    text_ids: dict[str, str]
    shards: tuple[Shard, ...]
    tasks: int
    buckets: int
    key: str = ""

    @cached_property
    def folder(self) -> CorpusFolder:
        """The corpus as ranks need it, to read texts."""
        return CorpusFolder(self.root, self.context, [])

    @property
    def in_groups(self) -> bool:
        """Whether near-duplicate articles share a split."""
        return self.context.corpus.near_duplicates is not None

    @property
    def by_content(self) -> bool:
        """Whether tasks may name no article, so that those with equal data have to be brought together first."""
        source = self.context.corpus.articles
        return source.from_tasks and source.id_from == "task"


def make_job(folder: CorpusFolder, shards: list[Shard], tasks: int | None) -> Job:
    """The run over `shards`; `tasks` is how many ranks there are at least, as far as there are shards."""
    size = sum(shard.estimate for shard in shards)
    buckets = max(tasks or 1, -(-size // BUCKET_BYTES))
    ranks = min(tasks or MOST_RANKS, len(shards))
    job = Job(folder.root.resolve(), folder.context, folder.text_ids, tuple(shards), ranks, buckets)
    return replace(job, key=_key(folder, job))


def save(job: Job, work: Store) -> None:
    """Put the job where all ranks find it."""
    work.put_object(FILE, job)


@lru_cache(maxsize=1)
def load(url: str) -> Job:
    """The job in a working folder, read once a process."""
    job: Job = Store(url).get_object(FILE)
    return job


@lru_cache(maxsize=1)
def load_grouped(url: str) -> Job:
    """The same, with what the grouping of near-duplicates has found, if the corpus asks for that."""
    job = load(url)
    if not job.in_groups:
        return job
    return replace(job, context=replace(job.context, split_as=Store(url).get_object(GROUPS)))


def _key(folder: CorpusFolder, job: Job) -> str:
    """A hash of all that decides about the result, so that nothing done for another run is taken for this one's."""
    context = job.context
    names = {f"seeds/{article.file}" for article in context.articles.values()}
    names |= set(context.corpus.articles.references.values())
    texts = {name: folder.read_text(name) for name in sorted(names)}
    return short_hash(
        *(msgspec.to_builtins(part) for part in (context.corpus, context.codebook, context.entities)),
        *(msgspec.to_builtins(part) for part in (context.annotators, context.articles)),
        {name: text and text_digest(text) for name, text in texts.items()},
        [list(shard) for shard in job.shards],
        [str(job.root), job.tasks, job.buckets],
        {name: version(name) for name in TOOLS},
        _source_digest(),
    )


def _source_digest() -> str:
    """A digest of this program, since another version may convert otherwise."""
    digest = hashlib.sha256()
    for path in sorted(SOURCE.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
