"""Plan of a run: the corpus without its texts, the shards, the number of buckets, and a key that identifies the run.

A shard is an export file that a glob finds on any file system, plain or compressed. Each shard has a version, which
changes when its content changes.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from glob import has_magic
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ..corpus import CorpusFolder, CorpusSpec
from ..errors import ExportError, NewsParallaxError, UsageError
from ..exports import GIVEN, files_beside, is_export, is_packed, pieces, read_mapped, split_tasks
from ..formats import LOSSES
from ..ids import short_hash, text_digest
from .store import Store, file_system, is_local

BUCKET_BYTES = 128 << 20  # approximate size of the raw tasks that a rank converts in memory
MAX_RANKS = 1000  # default limit for the first stage, and the limit for stages whose ranks process several buckets
COMBINED = 100  # buckets whose results a rank adds up
FILE = "job.pickle"
GROUPS = "groups.pickle"  # maps each event to the event whose split it takes
SHARED = "shared.pickle"  # the user numbers that several people share
SOURCE = Path(__file__).parents[1]  # newsparallax/
TOOLS = ("pyarrow", "msgspec", "tokenizers")


@dataclass(frozen=True)
class Job:
    """The description of a run that every rank loads: immutable, and small compared to the data.

    `text_ids` is as in `CorpusFolder`. `root` is the corpus folder, from which ranks read the texts of seeds.
    """

    root: Path
    context: CorpusSpec
    text_ids: dict[str, str]
    shards: tuple[Shard, ...]
    tasks: int
    buckets: int
    key: str = ""

    @property
    def groups(self) -> int:
        """The number of ranks of stages in which a rank processes several buckets."""
        return min(self.buckets, MAX_RANKS)

    @property
    def combined(self) -> int:
        """The number of ranks that add up the results of COMBINED buckets each."""
        return -(-self.buckets // COMBINED)

    @cached_property
    def folder(self) -> CorpusFolder:
        """Return the corpus in the form that ranks need to read texts."""
        return CorpusFolder(self.root, self.context, [])

    @property
    def in_groups(self) -> bool:
        """Return whether near-duplicate articles share a split."""
        return self.context.corpus.near_duplicates is not None

    @property
    def by_content(self) -> bool:
        """Return whether tasks may lack an article id, so that tasks with equal data must first be grouped."""
        source = self.context.corpus.articles
        return source.from_tasks and source.id_from == "task"


def make_job(folder: CorpusFolder, shards: list[Shard], tasks: int | None) -> Job:
    """Return the run over `shards`; `tasks` is the minimum number of ranks, limited by the number of shards."""
    size = sum(shard.estimate for shard in shards)
    buckets = max(tasks or 1, -(-size // BUCKET_BYTES))
    ranks = min(tasks or MAX_RANKS, len(shards))
    job = Job(folder.root.resolve(), folder.context, folder.text_ids, tuple(shards), ranks, buckets)
    return replace(job, key=_key(folder, job))


def save(job: Job, work: Store) -> None:
    """Store the job where all ranks find it."""
    work.put_object(FILE, job)


@lru_cache(maxsize=1)
def load(url: str) -> Job:
    """Return the job of a work folder; read once per process."""
    job: Job = Store(url).get_object(FILE)
    return job


@lru_cache(maxsize=1)
def load_grouped(url: str) -> Job:
    """Return the job, with the groups of near-duplicates if the corpus uses them."""
    job = load(url)
    if not job.in_groups:
        return job
    return replace(job, context=replace(job.context, split_as=Store(url).get_object(GROUPS)))


def _key(folder: CorpusFolder, job: Job) -> str:
    """Return a hash of everything that determines the result: a run never reuses the work of a different run."""
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
    """Return a digest of this program's source, because another version may convert differently."""
    digest = hashlib.sha256()
    for path in sorted(SOURCE.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


GROWTH = 10  # approximate ratio of an export's size to its compressed size
COMPRESSED = (".gz", ".zst", ".zip")  # only for the estimate; a file's first bytes decide whether it is compressed


class Shard(NamedTuple):
    """An export file: its name in messages, its URL, its size in bytes, and a value that changes with its content."""

    name: str
    url: str
    size: int
    version: str

    @property
    def estimate(self) -> int:
        """Return the estimated size of its JSON in bytes."""
        return self.size * (GROWTH if self.name.lower().endswith(COMPRESSED) else 1)


def find_shards(patterns: Iterable[str]) -> list[Shard]:
    """Return the files that match any of the patterns, each once, ordered by name.

    A name is the part of the path from the first component with a wildcard. If two files would have the same name, it
    is the complete path. Hidden files are left out, and files that belong to another shard, such as the text of a file
    of brat: their versions are part of that of the shard. Raises UsageError for a pattern that matches nothing or
    cannot be looked up, and for a broken link, a pipe or a device.
    """
    shards: dict[str, Shard] = {}
    for pattern in patterns:
        fs, path = file_system(pattern)
        base = _base(path)
        globbed = _glob(fs, path, pattern).items()
        matches = {at: _followed(fs, at, info) for at, info in globbed if not _hidden(at.removeprefix(base))}
        files = {at: info for at, info in matches.items() if info["type"] == "file"}
        if not files:
            what = "matches only folders" if matches else "matches no file"
            raise UsageError(f"{pattern}: {what}", hint='name files, for example --input "exports/*.json"')
        for at, info in files.items():
            url = at if is_local(fs) else str(fs.unstrip_protocol(at))
            shards.setdefault(url, Shard(at.removeprefix(base), url, int(info["size"]), _version(fs, at, info)))
    shards = _with_files_beside(shards)
    times = Counter(shard.name for shard in shards.values())
    return sorted(shard if times[shard.name] == 1 else shard._replace(name=shard.url) for shard in shards.values())


def _with_files_beside(shards: dict[str, Shard]) -> dict[str, Shard]:
    """Return the shards, on this machine without the files that belong to another one; by URL."""
    shards = {url: shard for url, shard in shards.items() if shard.name.rpartition("/")[2] not in (GIVEN, LOSSES)}
    if all(is_export(shard.name) for shard in shards.values()):
        return shards
    beside = files_beside(Path(url) for url in shards if is_local(file_system(url)[0]))
    others = {str(other) for files in beside.values() for other in files}
    return {
        url: shard._replace(version=_with(shard.version, beside.get(Path(url), [])))
        for url, shard in shards.items()
        if url not in others
    }


def _with(version: str, others: Iterable[Path]) -> str:
    """Return the version of a shard with those of the files beside it."""
    stats = [(str(other), (stat := other.stat()).st_size, stat.st_mtime_ns) for other in others]
    return short_hash(version, *map(str, stats)) if stats else version


@contextmanager
def opened_tasks(shard: Shard, scratch: Path) -> Iterator[list[memoryview]]:
    """Yield the raw tasks of a shard in order; a shard that is compressed or remote is first unpacked into `scratch`.

    Raises ExportError for a shard that is damaged or not an export. Raises OSError for a shard that cannot be read, and
    NewsParallaxError for a shard that changed since it was found. The last two may be transient errors, so they do not
    count as problems of the shard.
    """
    with _unpacked(shard, scratch) as path:
        yield _tasks(shard, path)


def _tasks(shard: Shard, path: Path) -> list[memoryview]:
    """Return the tasks of a shard. Raises ExportError, also for a format of several files if `path` is a copy."""
    copied = str(path) != shard.url
    try:
        return split_tasks(read_mapped(path, shard.name), shard.name, None if copied else path)
    except ExportError as error:
        if not copied or not (error.code == "no-text" or "TypeSystem.xml" in error.message):
            raise
        hint = "copy its folder to this machine, unpacked: files beside a shard are read only there"
        raise ExportError(error.code, error.message, file=error.file, place=error.place, hint=hint) from None


def _base(path: str) -> str:
    """Return the folders of a pattern before the first wildcard, with a slash at the end."""
    folders = path.split("/")[:-1]
    fixed = next((number for number, part in enumerate(folders) if has_magic(part)), len(folders))
    return "".join(f"{part}/" for part in folders[:fixed])


def _hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def _glob(fs: Any, path: str, pattern: str) -> dict[str, dict[str, Any]]:
    fs.invalidate_cache()
    try:
        files: dict[str, dict[str, Any]] = fs.glob(path, detail=True)
    except FileNotFoundError:
        return {}
    except Exception as error:  # file systems raise many kinds of errors
        raise UsageError(
            f"{pattern}: cannot be listed: {_line(error)}", hint="check the address and the keys"
        ) from None
    return files


def _followed(fs: Any, path: str, info: dict[str, Any]) -> dict[str, Any]:
    """Return the file information of a match; for a link, which a glob reports as a link, that of its target."""
    if info["type"] in ("file", "directory"):
        return info
    try:
        info = dict(fs.info(path))
    except OSError as error:
        hint = "correct the link, or remove it"
        raise UsageError(f"{path}: {error.strerror or _line(error)}", hint=hint) from None
    if info["type"] not in ("file", "directory"):
        raise UsageError(f"{path} is a pipe or device; expected a file", hint="write its content to a file")
    return info


def _version(fs: Any, path: str, info: dict[str, Any]) -> str:
    """Return a value that changes when the content of a file changes."""
    tag = next((info[key] for key in ("ETag", "etag", "md5Hash") if info.get(key)), None)  # from object stores
    changes = [tag] if tag else [info.get(key) for key in ("mtime", "ino")]
    return short_hash(info.get("size"), *map(str, changes if any(changes) else [fs.ukey(path)]))


@contextmanager
def _unpacked(shard: Shard, scratch: Path) -> Iterator[Path]:
    """Yield the shard as a plain file of this machine. Raises NewsParallaxError where it changed meanwhile."""
    fs, path = file_system(shard.url)
    with fs.open(path, "rb") as source:
        head = source.read(4)
        source.seek(0)
        if not is_packed(head) and is_local(fs):
            yield Path(path)
        else:
            copy = scratch / "shard"
            try:
                with copy.open("wb") as target:
                    target.writelines(pieces(source, head, shard.name))
                yield copy
            finally:
                copy.unlink(missing_ok=True)
    fs.invalidate_cache()
    found = _version(fs, path, fs.info(path))
    if shard.version not in (found, _with(found, files_beside([Path(path)]).get(Path(path), []))):
        raise NewsParallaxError(
            "changed while it was read", file=shard.name, hint="run the command again when the file is complete"
        )


def _line(error: Exception) -> str:
    """Return the message of an exception on one line."""
    return " ".join(str(error).split()) or type(error).__name__
