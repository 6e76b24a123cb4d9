"""Run a conversion over shards: plan, run the stages, merge. The result equals that of `build` on the same tasks.

The merge is the last stage. It combines the results of all buckets into the finished dataset and writes the manifest
last.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pyarrow.parquet as pq

from .._util import require
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
    new_folder,
    read_back,
    refuse_foreign,
)
from ..errors import NewsParallaxError, UsageError
from ..problems import OpenProblems
from . import plan as jobs
from .plan import Job, find_shards, load_grouped
from .stages import ROWS, Convert, ConvertedBucket, Distribute, Gather, Group, Texts, found_name, index_of
from .store import Store

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
    jobs.save(job, work)
    plan = list(stages(job, work, workers))
    if executor == "slurm":
        merged: Merged = _part("executors").run_slurm(plan, work, target, workers)
    else:
        _run(plan, work, executor, workers, progress)
        merged = merge(folder, work, target)
    kept.remove()
    return merged


def stages(job: jobs.Job, work: Store, workers: int) -> Iterator[Stage]:
    """Yield the stages before the merge, in order."""
    yield Stage("distribute", Distribute(work.url), job.tasks)
    if job.by_content:
        yield Stage("gather", Gather(work.url), job.buckets)
    if job.in_groups:
        yield Stage("texts", Texts(work.url), job.buckets)
        yield Stage("group", Group(work.url, workers), 1)
    yield Stage("convert", Convert(work.url), job.buckets)


def _run(plan: list[Stage], work: Store, executor: Executor, workers: int, progress: Progress | None) -> None:
    executors = _part("executors")
    kind = executors.RayRanks if executor == "ray" else executors.LocalRanks
    total = sum(stage.ranks for stage in plan)
    before = 0
    with executors.logged(work.local), executors.ray_cluster(workers) if executor == "ray" else nullcontext():
        for stage in plan:
            advance = _advance(progress, before, total)
            kind(
                [stage.step],
                tasks=stage.ranks,
                workers=workers,
                logging_dir=f"{work.url}/logs/{stage.name}",
                what=stage.name,
                progress=advance,
            ).run()
            before += stage.ranks


def _part(name: str) -> Any:
    """Import a module of this package that needs the extra `scale`."""
    return import_module(f".{name}", __package__)


def _advance(progress: Progress | None, before: int, total: int) -> Progress | None:
    return (lambda done, _: progress(before + done, total)) if progress else None


SIDE_BY_SIDE = 16  # simultaneous requests to an object store


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
            merged, rows, tally = _assemble(folder, job, work, draft)
            target = Store(str(draft))
            for name in rows:
                work.within(ROWS).copy(name, target)
            read_back(draft, folder.context.codebook, tally.rows)
        return merged
    with tempfile.TemporaryDirectory() as local:
        merged, rows, _ = _assemble(folder, job, work, Path(local))
        _replace(Path(local), rows, work.within(ROWS), out)
    return merged


def _assemble(
    folder: CorpusFolder, job: Job, work: Store, draft: Path
) -> tuple[Merged, dict[str, FileFacts], BuildCounts]:
    """Write everything except the rows of articles to `draft`; return the result, their files' facts, and the counts.

    The facts are by path.
    """
    rows: dict[str, FileFacts] = {}
    before = chain(
        (entry for entry in folder.check() if entry.code != "export-ignored"),  # the folder's own exports are not read
        *(index_of(work, "distribute", rank).problems for rank in range(job.tasks)),
    )
    pipeline = Pipeline(folder, lambda _: _parts(job, work, rows), before)
    schemas = schema.arrow_schemas(folder.context.codebook)
    writer = DatasetWriter(draft, schemas)
    for part in pipeline.recorded(draft):
        writer.add(part.tables)  # rows that belong to no article; the buckets have written theirs
    writer.close()
    tally = pipeline.tally
    _compare(tally, rows | files_of(draft))
    for config, shape in schemas.items():
        for split in written_splits(folder.context, tally):
            if not tally.rows[config, split]:
                ConfigWriter(draft, config, split, shape).close()
    manifest = describe(folder, draft, tally, rows)
    return Merged(manifest, pipeline.open), rows, tally


def _parts(job: Job, work: Store, rows: dict[str, FileFacts]) -> Iterator[ConvertedBatch]:
    """Yield counts and problems of one bucket at a time; add the facts of its files to `rows`."""
    for bucket in range(job.buckets):
        part: ConvertedBucket = work.get_object(found_name(bucket))
        rows |= part.files
        yield ConvertedBatch({}, part.problems, part.tally)


def _compare(tally: BuildCounts, rows: dict[str, FileFacts]) -> None:
    """Check that files hold as many rows as were counted. Raises NewsParallaxError."""
    held: Counter[tuple[str, str]] = Counter()
    for path, facts in rows.items():
        config, _, name = path.partition("/")
        held[config, name.rpartition("-")[0]] += facts.rows or 0
    if held != tally.rows:
        wrong = min(key for key in held.keys() | tally.rows.keys() if held[key] != tally.rows[key])
        message = f"the files contain {held[wrong]} rows; {tally.rows[wrong]} were converted"
        raise NewsParallaxError(message, file=wrong[0], place=wrong[1])


def _replace(draft: Path, rows: dict[str, FileFacts], source: Store, out: Store) -> None:
    """Put a dataset into an object store. If it replaces another one, the old manifest is deleted first.

    So the dataset counts as unfinished until the new manifest is written.
    """
    old = out.files()
    if MARK in old:
        out.fs.rm_file(out.path(MARK))
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        list(pool.map(lambda name: source.copy(name, out), rows))
        list(pool.map(lambda entry: _check(out, *entry), rows.items()))
    written = set(rows)
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
