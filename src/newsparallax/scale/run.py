"""Run a conversion over shards: plan, run the stages, merge. The result equals that of `build` on the same tasks.

The merge is the last stage. It combines the results of all buckets into the finished dataset and writes the manifest
last.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
import pyarrow.parquet as pq

from .._util import refusal, require
from ..building import ConvertedBatch, Pipeline, Progress, describe, refuse_inputs, written_splits
from ..corpus import CorpusFolder, schema
from ..dataset import (
    MARK,
    BuildCounts,
    ConfigWriter,
    DatasetWriter,
    FileFacts,
    Manifest,
    files_listed,
    files_of,
    load_first,
    new_folder,
    refuse_foreign,
)
from ..errors import NewsParallaxError, UsageError
from ..ids import DIGEST_MODULUS
from ..problems import OpenProblems, Problem
from . import plan as jobs
from .combine import TOTAL, Combine, Total, compare_rows, problems_name
from .pack import Key, Pack, Packed, packed_name
from .plan import Job, find_shards, load_grouped
from .stages import SKIPPED, Convert, Distribute, Gather, Group, Index, Texts
from .store import SIDE_BY_SIDE, Store

Executor = Literal["local", "ray", "slurm"]


class Stage(NamedTuple):
    """A step that datatrove runs in `ranks` ranks; `name` is the folder of its logs and completion markers."""

    name: str
    step: Any
    ranks: int


def scale(
    folder: CorpusFolder,
    patterns: list[str],
    out: str,
    executor: Executor = "local",
    tasks: int | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Merged:
    """Convert all shards that match the patterns, with codebook, registries and seeds of the corpus, into `out`.

    The work of complete ranks is kept beside `out` in `.NAME.work` until the dataset is complete. Its key covers
    everything that determines the result, so the same call continues where a killed one stopped. Raises the same errors
    as `build`, except that a shard that is not an export becomes a Problem. Raises UsageError for patterns that match
    nothing and for file systems that cannot be used, and NewsParallaxError where a rank fails repeatedly.
    """
    on_s3 = any(path.startswith("s3://") for path in (*patterns, out))
    require("datatrove", "fsspec", *["ray"] * (executor == "ray"), *["s3fs"] * on_s3)
    target = Store(out)
    if target.local is not None:
        refuse_inputs(folder, target.local)
    refuse_place(target)
    job = jobs.make_job(folder, find_shards(patterns), tasks)
    kept = target.beside(f".{target.root.rpartition('/')[2]}.work")
    work = kept.within(job.key)
    with _full_disk_in_words(out):
        jobs.save(job, work)
        plan = list(stages(job, work, workers))
        if executor == "slurm":
            merged: Merged = _part("executors").run_slurm(plan, work, target, workers)
        else:
            _run(plan, work, executor, workers, progress)
            merged = merge(folder, work, target)
        kept.remove()
    return merged


@contextmanager
def _full_disk_in_words(out: str) -> Iterator[None]:
    """Turn the error of a disk that takes no more data into a NewsParallaxError."""
    try:
        yield
    except OSError as error:
        full = refusal(error)
        if full is None:
            raise
        raise NewsParallaxError(full, file=out, hint=ROOM) from None


def stages(job: jobs.Job, work: Store, workers: int) -> Iterator[Stage]:
    """Yield the stages before the merge, in order."""
    yield Stage("distribute", Distribute(work.url), job.tasks)
    yield Stage("index", Index(work.url, "distribute"), 1)
    if job.by_content:
        yield Stage("gather", Gather(work.url), job.groups)
        yield Stage("gather-index", Index(work.url, "gather"), 1)
    if job.in_groups:
        yield Stage("texts", Texts(work.url), job.buckets)
        yield Stage("group", Group(work.url, workers), 1)
    yield Stage("convert", Convert(work.url), job.buckets)
    yield Stage("combine", Combine(work.url), job.combined)
    yield Stage("total", Total(work.url), 1)
    yield Stage("pack", Pack(work.url), job.groups)


def _run(plan: list[Stage], work: Store, executor: Executor, workers: int, progress: Progress | None) -> None:
    executors = _part("executors")
    kind = executors.RayRanks if executor == "ray" else executors.LocalRanks
    total = sum(stage.ranks for stage in plan)
    before = 0
    pool = None if executor == "ray" else executors.Pool(workers)
    with executors.logged(work.local), closing(pool) if pool else executors.ray_cluster(workers):
        for stage in plan:
            advance = _advance(progress, before, total)
            kind(
                [stage.step],
                tasks=stage.ranks,
                workers=workers,
                logging_dir=f"{work.url}/logs/{stage.name}",
                what=stage.name,
                pool=pool,
                progress=advance,
            ).run()
            before += stage.ranks


def _part(name: str) -> Any:
    """Import a module of this package that needs the extra `scale`."""
    return import_module(f".{name}", __package__)


def _advance(progress: Progress | None, before: int, total: int) -> Progress | None:
    return (lambda done, _: progress(before + done, total)) if progress else None


ROOM = "make room where --out is and in the temporary folder (TMPDIR), and run the same command again to continue"
PROBLEMS_AT_ONCE = 1000  # in memory


@dataclass
class Merged:
    """A finished dataset: its manifest, and the problems that no waiver covers."""

    manifest: Manifest
    open: OpenProblems


def refuse_place(out: Store) -> None:
    """Raise UsageError where `out` holds something other than our datasets, or cannot be listed."""
    if out.local is not None:
        refuse_foreign(out.local)
        return
    if "/" not in out.root:
        raise UsageError(f"{out.url} is a bucket, not a folder", hint="name a folder in the bucket with --out")
    try:
        foreign = out.files().keys() - _listed(out)
    except Exception as error:  # object stores raise many kinds of errors
        line = " ".join(str(error).split())
        raise UsageError(f"{out.url}: cannot be read: {line}", hint="check the address and the keys") from None
    if foreign:
        hint = "name a new folder, or an earlier build, with --out"
        raise UsageError(
            f"{out.url} contains files that are not a build of this program; it was not changed", hint=hint
        )


def merge(folder: CorpusFolder, work: Store, out: Store) -> Merged:
    """Write the finished dataset to `out`: on this machine completely or not at all, elsewhere with the manifest last.

    Raises UsageError and CorpusError as `build` does, and NewsParallaxError where the files read back differ from those
    written.
    """
    job = load_grouped(work.url)
    folder = replace(folder, context=job.context)
    if out.local is not None:
        with new_folder(out.local) as draft:
            merged, packed, tally = _assemble(folder, job, work, draft)
            target = Store(str(draft))
            for name, (source, _) in packed.items():
                work.copy(source, target, name)
            load_first(draft, folder.context.codebook, tally.rows)
        return merged
    with tempfile.TemporaryDirectory() as local:
        merged, packed, _ = _assemble(folder, job, work, Path(local))
        _replace(Path(local), packed, work, out)
    return merged


def _assemble(
    folder: CorpusFolder, job: Job, work: Store, draft: Path
) -> tuple[Merged, dict[str, tuple[str, FileFacts]], BuildCounts]:
    """Write everything except the rows of articles to `draft`; return the result, the packed files, and the counts.

    The packed files are (name in the work folder, facts) by the name in the dataset.
    """
    before = chain(
        (entry for entry in folder.check() if entry.code != "export-ignored"),  # the folder's own exports are not read
        _problems(work, SKIPPED),
    )
    pipeline = Pipeline(folder, lambda _: _parts(job, work), before)
    schemas = schema.arrow_schemas(folder.context.codebook)
    with DatasetWriter(draft, schemas) as writer:
        for part in pipeline.recorded(draft):
            writer.add(part.tables)  # rows that belong to no article; the buckets have written theirs
        writer.close()
    tally = pipeline.tally
    packed = _packed(job, work, draft)
    files = files_of(draft) | {name: facts for name, (_, facts) in packed.items()}
    compare_rows(_held(files), tally.rows)
    for config, shape in schemas.items():
        for split in written_splits(folder.context, tally):
            if not tally.rows[config, split]:
                ConfigWriter(draft, config, split, shape).close()
    manifest = describe(folder, draft, tally, {name: facts for name, (_, facts) in packed.items()})
    return Merged(manifest, pipeline.open), packed, tally


def _parts(job: Job, work: Store) -> Iterator[ConvertedBatch]:
    """Yield the counts of all buckets, then their problems, some at a time."""
    yield ConvertedBatch({}, [], work.get_object(TOTAL))
    for rank in range(job.combined):
        problems = _problems(work, problems_name(rank))
        while some := list(islice(problems, PROBLEMS_AT_ONCE)):
            yield ConvertedBatch({}, some, BuildCounts())


def _problems(work: Store, name: str) -> Iterator[Problem]:
    """Yield the problems of a file of JSON lines."""
    with work.open(name) as lines:
        yield from (msgspec.json.decode(line, type=Problem) for line in lines)


def _packed(job: Job, work: Store, draft: Path) -> dict[str, tuple[str, FileFacts]]:
    """Number the packed files of each config and split, after the files in `draft`; return them as `_assemble` does.

    Raises NewsParallaxError where they do not hold the content that was converted.
    """
    found: list[Packed] = list(chain.from_iterable(work.get_object(packed_name(rank)) for rank in range(job.groups)))
    digests: dict[Key, int] = dict(work.get_object(TOTAL).digests)
    named: dict[str, tuple[str, FileFacts]] = {}
    numbers = Counter[Key](_key(path.relative_to(draft).as_posix()) for path in draft.glob("*/*.parquet"))
    for one in sorted(found, key=lambda one: min(one.files)):  # names begin with the number of the pack
        key = one.config, one.split
        digests[key] = (digests.get(key, 0) - one.digest) % DIGEST_MODULUS
        for name in sorted(one.files):
            named[f"{one.config}/{one.split}-{numbers[key]:05d}.parquet"] = name, one.files[name]
            numbers[key] += 1
    for key in sorted(key for key, rest in digests.items() if rest):
        raise NewsParallaxError("the files do not hold the rows that were converted", file=key[0], place=key[1])
    return named


def _key(path: str) -> Key:
    config, _, name = path.partition("/")
    return config, name.rpartition("-")[0]


def _held(files: dict[str, FileFacts]) -> Counter[Key]:
    held: Counter[Key] = Counter()
    for path, facts in files.items():
        held[_key(path)] += facts.rows or 0
    return held


def _replace(draft: Path, packed: dict[str, tuple[str, FileFacts]], work: Store, out: Store) -> None:
    """Put a dataset into an object store. If it replaces another one, the old manifest is deleted first.

    So the dataset counts as unfinished until the new manifest is written.
    """
    old = out.files()
    if MARK in old:
        out.fs.rm_file(out.path(MARK))
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        list(pool.map(lambda name: work.copy(packed[name][0], out, name), packed))
        list(pool.map(lambda name: _check(out, name, packed[name][1]), packed))
    written = set(packed)
    for path in sorted(path for path in draft.rglob("*") if path.is_file() and path.name != MARK):
        name = path.relative_to(draft).as_posix()
        out.put_file(name, path)
        written.add(name)
    for name in old.keys() - written - {MARK}:
        out.fs.rm_file(out.path(name))
    out.put_file(MARK, draft / MARK)


def _check(out: Store, name: str, facts: FileFacts) -> None:
    """Check that a copied file has the size and the number of rows that were written. Raises NewsParallaxError."""
    with out.open(name) as handle:
        counted = pq.read_metadata(handle).num_rows, out.fs.size(out.path(name))
    if counted != (facts.rows, facts.bytes):
        message = f"has {counted[0]} rows in {counted[1]} bytes; {facts.rows} rows in {facts.bytes} bytes were written"
        raise NewsParallaxError(message, file=f"{out.url}/{name}")


def _listed(out: Store) -> set[str]:
    """Return the files that the manifest of a dataset in `out` lists; an empty set if there is none of ours."""
    try:
        return files_listed(out.get(MARK), f"{out.url}/{MARK}")
    except FileNotFoundError:
        return set()
