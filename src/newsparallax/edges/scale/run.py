"""Shards in, a finished dataset out: plan, run the stages, merge. The result is that of `build` on the same tasks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from importlib import import_module
from typing import Any, Literal, NamedTuple

from ...core.errors import UsageError
from ..build import refuse_inputs
from ..engine import Progress
from ..folder import CorpusFolder
from . import job as jobs
from .merge import Merged, merge, refuse_place
from .shards import find_shards
from .steps import Convert, Distribute, Gather, Group, Texts
from .store import Store

Executor = Literal["local", "ray", "slurm"]


class Stage(NamedTuple):
    """A step that datatrove runs for so many ranks; `name` is its folder of logs and completion markers."""

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
    """Convert all shards that the patterns name, with codebook, registries and seeds of the corpus, into `out`.

    What ranks have done is kept beside `out` in `.NAME.work`, by a key of everything that decides about the result,
    until the dataset is whole: the same call goes on where a killed one has stopped. Raises what `build` raises, but a
    shard that is no export is a Problem; UsageError for patterns that name nothing and for file systems that cannot be
    used; NewsParallaxError when a rank fails again and again.
    """
    target = Store(out)
    if target.local is not None:
        refuse_inputs(folder, target.local)
    refuse_place(target)
    job = jobs.make_job(folder, find_shards(patterns), tasks)
    kept = target.beside(f".{target.root.rpartition('/')[2]}.work")
    work = kept.within(job.key)
    jobs.save(job, work)
    found = list(stages(job, work, workers))
    if executor == "slurm":
        merged: Merged = _part("slurm").run_slurm(found, work, target, workers)
    else:
        _run(found, work, executor, workers, progress)
        merged = merge(folder, work, target)
    kept.remove()
    return merged


def stages(job: jobs.Job, work: Store, workers: int) -> Iterator[Stage]:
    """The stages before the merge, in order."""
    yield Stage("distribute", Distribute(work.url), job.tasks)
    if job.by_content:
        yield Stage("gather", Gather(work.url), job.buckets)
    if job.in_groups:
        yield Stage("texts", Texts(work.url), job.buckets)
        yield Stage("group", Group(work.url, workers), 1)
    yield Stage("convert", Convert(work.url), job.buckets)


def _run(found: list[Stage], work: Store, executor: Executor, workers: int, progress: Progress | None) -> None:
    executors = _part("executors")
    kind = executors.RayRanks if executor == "ray" else executors.LocalRanks
    total = sum(stage.ranks for stage in found)
    before = 0
    with executors.logged(work.local), executors.ray_cluster(workers) if executor == "ray" else nullcontext():
        for stage in found:
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
    """A module of this package that needs the extra `scale`."""
    try:
        return import_module(f".{name}", __package__)
    except ImportError as error:
        raise UsageError(f"{error.name} is not installed", hint="`make .venv/scale` installs it") from None


def _advance(progress: Progress | None, before: int, total: int) -> Progress | None:
    return (lambda done, _: progress(before + done, total)) if progress else None
