"""The main job: a corpus folder -> a finished dataset folder, whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from ..core import schema
from ..core.croissant import make_croissant
from ..core.errors import UsageError
from ..core.manifest import make_manifest, require_adjudication
from ..core.part import Part
from ..core.problems import Problem, problem
from ..core.tally import Tally
from ..core.waive import Waiving
from .agreement import card_figures
from .card import write_card
from .duplicates import grouped
from .engine import Progress, convert_corpus
from .facts import file_facts, files_of, write_json
from .folder import CorpusFolder
from .generate import stale_files
from .parquet import ConfigWriter, relieve
from .paths import is_inside
from .publish import MARK, new_folder, point, refuse_real
from .readback import get_ready_meanwhile, read_back

ALONG = ("codebook.toml", "entities.toml", "guidelines.md")  # what ids, labels and values mean, beside the data
SHOWN = 20  # problems kept for the message; all are in problems.jsonl


@dataclass
class Built:
    """A finished build: where it is, its manifest, and the first problems that no waiver covers."""

    place: Path
    manifest: dict[str, Any]
    open_problems: list[Problem]
    open_total: int


def build(folder: CorpusFolder, out: Path | None = None, workers: int = 1, progress: Progress | None = None) -> Built:
    """Convert the corpus and put the dataset in `out` (default: `build/<version>` in the corpus folder).

    Problems never stop a build. These do, and leave what was there as it was: ExportError for an export that cannot be
    read; UsageError for a place that holds something else than a build; CorpusError for a card that cannot be filled,
    and for a version from 1.0.0 on without human adjudication; NewsParallaxError when what was written is not what is
    read back, or a worker process dies.
    """
    place = out or folder.root / "build" / folder.context.corpus.version
    latest = place.parent / "latest"
    refuse_inputs(folder, place)
    if out is None:
        refuse_real(latest)
    with new_folder(place) as draft:
        folder = grouped(folder, workers)
        if workers > 1:
            get_ready_meanwhile()
        tally, shown = _write_rows(folder, draft, workers, progress)
        manifest = describe(folder, draft, tally)
        read_back(draft, folder.context.codebook, tally.rows, workers)
    if out is None:
        point(latest, place)
    total = sum(tally.problems.values()) - tally.counts["problems_waived"]
    return Built(place, manifest, shown, total)


def refuse_inputs(folder: CorpusFolder, place: Path) -> None:
    """Raise UsageError where `place` lies among the corpus's own files."""
    for own in (folder.annotations, folder.root / "seeds"):
        if is_inside(place, own):
            hint = "name a folder outside of the corpus's own files with --out"
            raise UsageError(f"{place} lies in {own}, whose files are read as input", hint=hint)


def describe(
    folder: CorpusFolder, draft: Path, tally: Tally, rows: dict[str, dict[str, Any]] | None = None
) -> dict[str, Any]:
    """Write beside the rows all that tells of them: codebook, card, Croissant and, last of all, the manifest.

    `rows` has the facts of files that are not in `draft`, by path. Returns the manifest. Raises CorpusError for a card
    that cannot be filled, and for a version from 1.0.0 on without human adjudication.
    """
    require_adjudication(folder.context, tally)
    for name in ALONG:
        if (folder.annotations / name).is_file():
            shutil.copyfile(folder.annotations / name, draft / name)
    files = files_of(draft) | (rows or {})
    manifest = make_manifest(folder.context, tally, files, {"pyarrow": pa.__version__})
    write_card(folder, draft, manifest, card_figures(folder.context, tally))
    write_json(draft / "croissant.json", make_croissant(folder.context, manifest))
    manifest["files"] |= {name: file_facts(draft / name) for name in ("README.md", "croissant.json")}
    write_json(draft / MARK, manifest)
    return manifest


def problems_of(folder: CorpusFolder, workers: int = 1, progress: Progress | None = None) -> Iterator[Problem]:
    """Every problem of a corpus, waived ones marked, without building.

    Raises ExportError for an export that cannot be read, when the problems of the folder itself have been given; and
    CorpusError, after the last problem, for a version from 1.0.0 on without human adjudication, or a card that cannot
    be filled.
    """
    tally = Tally()
    for problems, _ in _converted(folder, tally, workers, progress):
        yield from problems
    require_adjudication(folder.context, tally)


def _converted(
    folder: CorpusFolder, tally: Tally, workers: int, progress: Progress | None, scratch: Path | None = None
) -> Iterator[tuple[list[Problem], Part | None]]:
    return judged_parts(folder, tally, folder.check(), convert_corpus(folder, workers, progress, scratch))


def judged_parts(
    folder: CorpusFolder, tally: Tally, before: Iterable[Problem], parts: Iterable[Part]
) -> Iterator[tuple[list[Problem], Part | None]]:
    """Part by part, before and after them what is wrong with the whole; all is counted in `tally`.

    Waived problems are marked, but never a stale waiver, which another could hide.
    """
    waiving = Waiving(folder.waivers)

    def judged(problems: Iterable[Problem]) -> list[Problem]:
        listed = list(map(waiving.judge, problems))
        tally.counts["problems_waived"] += sum(found.waived is not None for found in listed)
        return listed

    def counted(problems: list[Problem]) -> list[Problem]:
        tally.problems.update(found.code for found in problems)
        return problems

    yield counted(judged(before)), None
    for part in parts:
        tally.add(part.tally)
        yield judged(part.problems), part
    yield counted(judged(_of_the_whole(folder, tally))), None
    yield counted(list(waiving.stale())), None


def _of_the_whole(folder: CorpusFolder, tally: Tally) -> Iterator[Problem]:
    """What only shows when all exports have been read."""
    if not tally.counts["articles"]:
        yield problem("no-articles", "no export holds a task, and there are no seeds", file="annotations/exports/")
    yield from stale_files(folder, tally)


def _write_rows(
    folder: CorpusFolder, draft: Path, workers: int, progress: Progress | None
) -> tuple[Tally, list[Problem]]:
    """Write all Parquet files and problems.jsonl; the counts, and the first problems that are not waived."""
    schemas = {name: schema.arrow_schema(struct) for name, struct in schema.configs(folder.context.codebook).items()}
    writers: dict[tuple[str, str], ConfigWriter] = {}
    tally = Tally()
    shown: list[Problem] = []
    with (draft / "problems.jsonl").open("wb") as sink:
        for problems, part in _converted(folder, tally, workers, progress, draft.parent):
            sink.writelines(msgspec.json.encode(found) + b"\n" for found in problems)
            shown += [found for found in problems if found.waived is None][: SHOWN - len(shown)]
            for key, table in part.tables.items() if part else ():
                if key not in writers:
                    writers[key] = ConfigWriter(draft, *key, schemas[key[0]])
                writers[key].add(table)
            relieve(writers.values())
    _finish(writers, schemas, draft, folder)
    return tally, shown


def _finish(
    writers: dict[tuple[str, str], ConfigWriter], schemas: dict[str, pa.Schema], draft: Path, folder: CorpusFolder
) -> None:
    """Close all files; a corpus without any article still has a (first) split with every schema."""
    splits = {split for _, split in writers} or {next(iter(folder.context.corpus.splits))}
    for config, shape in schemas.items():
        for split in splits:
            writers.setdefault((config, split), ConfigWriter(draft, config, split, shape))
    for writer in writers.values():
        writer.close()
