"""The last stage: what all buckets have left -> the finished dataset. Its manifest comes last of all."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq

from ...core import schema
from ...core.errors import NewsParallaxError, UsageError
from ...core.part import Part
from ...core.problems import Problem
from ...core.tally import Tally
from ..build import SHOWN, describe, judged_parts
from ..folder import CorpusFolder
from ..parquet import ConfigWriter
from ..publish import MARK, new_folder, refuse_foreign
from ..readback import read_back
from .job import Job, load_grouped
from .steps import ROWS, Found, found_name, index_of
from .store import Store

SIDE_BY_SIDE = 16  # requests to an object store
PROBLEMS = "problems.jsonl"


@dataclass
class Merged:
    """A finished dataset: its manifest, and the first problems that no waiver covers."""

    manifest: dict[str, Any]
    open_problems: list[Problem]
    open_total: int


def refuse_place(out: Store) -> None:
    """Raise UsageError where `out` holds something that is no dataset of ours, or cannot be looked at."""
    if out.local is not None:
        refuse_foreign(out.local)
        return
    if "/" not in out.root:
        raise UsageError(f"{out.url} is a whole bucket", hint="name a folder in it with --out")
    try:
        foreign = out.files().keys() - _listed(out)
    except Exception as error:  # object stores raise errors of many kinds
        line = " ".join(str(error).split())
        raise UsageError(f"{out.url}: cannot be looked at: {line}", hint="look at address and keys") from None
    if foreign:
        hint = "name a new folder, or an earlier build, with --out"
        raise UsageError(f"{out.url} holds files that are not a build of this program; left as it is", hint=hint)


def merge(folder: CorpusFolder, work: Store, out: Store) -> Merged:
    """Put the finished dataset in `out`; on this machine whole or not at all, elsewhere with its manifest last.

    Raises UsageError and CorpusError as `build` does, NewsParallaxError when what was written is not what is found.
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
) -> tuple[Merged, dict[str, dict[str, Any]], Tally]:
    """Everything but the rows, in `draft`; and the facts of the rows' files, by path."""
    tally, rows = Tally(), dict[str, dict[str, Any]]()
    shown: list[Problem] = []
    before = chain(
        (found for found in folder.check() if found.code != "export-ignored"),  # the folder's own exports are not read
        *(index_of(work, "distribute", rank).problems for rank in range(job.tasks)),
    )
    with (draft / PROBLEMS).open("wb") as sink:
        for problems, _ in judged_parts(folder, tally, before, _parts(job, work, rows)):
            sink.writelines(msgspec.json.encode(found) + b"\n" for found in problems)
            shown += [found for found in problems if found.waived is None][: SHOWN - len(shown)]
    _compare(tally, rows)
    splits = {split for _, split in tally.rows} or {next(iter(folder.context.corpus.splits))}
    for config, shape in schema.configs(folder.context.codebook).items():
        for split in splits:
            if not tally.rows[config, split]:
                ConfigWriter(draft, config, split, schema.arrow_schema(shape)).close()
    manifest = describe(folder, draft, tally, rows)
    total = sum(tally.problems.values()) - tally.counts["problems_waived"]
    return Merged(manifest, shown, total), rows, tally


def _parts(job: Job, work: Store, rows: dict[str, dict[str, Any]]) -> Iterator[Part]:
    """Counts and problems, a bucket at a time; facts of its files go to `rows`."""
    for bucket in range(job.buckets):
        found: Found = work.get_object(found_name(bucket))
        rows |= found.files
        yield Part({}, found.problems, found.tally)


def _compare(tally: Tally, rows: dict[str, dict[str, Any]]) -> None:
    """Files hold as many rows as were counted. Raises NewsParallaxError."""
    held: Counter[tuple[str, str]] = Counter()
    for path, facts in rows.items():
        config, _, name = path.partition("/")
        held[config, name.rpartition("-")[0]] += facts["rows"]
    if held != tally.rows:
        wrong = min(key for key in held.keys() | tally.rows.keys() if held[key] != tally.rows[key])
        message = f"files hold {held[wrong]} rows, converted were {tally.rows[wrong]}"
        raise NewsParallaxError(message, file=wrong[0], place=wrong[1])


def _replace(draft: Path, rows: dict[str, dict[str, Any]], source: Store, out: Store) -> None:
    """Put a dataset in an object store. In the place of another one, that is unfinished from the first step on."""
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


def _check(out: Store, name: str, facts: dict[str, Any]) -> None:
    """A file that has arrived has the size and rows that were written."""
    with out.open(name) as handle:
        found = pq.read_metadata(handle).num_rows, out.fs.size(out.path(name))
    if found != (facts["rows"], facts["bytes"]):
        message = f"has {found[0]} rows in {found[1]} bytes, written were {facts['rows']} in {facts['bytes']}"
        raise NewsParallaxError(message, file=f"{out.url}/{name}")


def _listed(out: Store) -> set[str]:
    """What the manifest of a dataset in `out` lists; nothing where there is none of ours."""
    try:
        manifest = json.loads(out.get(MARK))
        return {MARK, *manifest["files"]} if manifest["content_digest"] else set()
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return set()
