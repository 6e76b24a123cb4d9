"""The main job: a corpus folder -> a finished dataset folder, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from ..core import schema
from ..core.croissant import make_croissant
from ..core.manifest import make_manifest, require_adjudication
from ..core.problems import Problem, problem
from ..core.tally import Tally
from ..core.waive import Waiving
from .card import write_card
from .engine import Progress, convert_corpus
from .folder import CorpusFolder
from .generate import stale_files
from .parquet import ConfigWriter, relieve
from .publish import MARK, new_folder, point
from .readback import read_back

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

    Problems never stop a build; an unreadable export does (ExportError), before anything is written.
    """
    place = out or folder.root / "build" / folder.context.corpus.version
    with new_folder(place) as draft:
        tally, shown = _write_rows(folder, draft, workers, progress)
        require_adjudication(folder.context, tally)
        for name in ALONG:
            if (folder.annotations / name).is_file():
                shutil.copyfile(folder.annotations / name, draft / name)
        files = {path.relative_to(draft).as_posix(): _file(path) for path in sorted(draft.rglob("*")) if path.is_file()}
        manifest = make_manifest(folder.context, tally, files, {"pyarrow": pa.__version__})
        write_card(folder, draft, manifest)
        _write_json(draft / "croissant.json", make_croissant(folder.context, manifest))
        manifest["files"] |= {name: _file(draft / name) for name in ("README.md", "croissant.json")}
        _write_json(draft / MARK, manifest)
        read_back(draft, folder.context, tally)
    if out is None:
        point(place.parent / "latest", place)
    total = sum(tally.problems.values()) - tally.counts["problems_waived"]
    return Built(place, manifest, shown, total)


def problems_of(folder: CorpusFolder, workers: int = 1, progress: Progress | None = None) -> Iterator[Problem]:
    """Every problem of a corpus, waived ones marked, without building."""
    waiving, tally = Waiving(folder.waivers), Tally()
    yield from map(waiving.judge, folder.check())
    for part in convert_corpus(folder, workers, progress):
        yield from map(waiving.judge, part.problems)
        tally.add(part.tally)
    yield from map(waiving.judge, _of_the_whole(folder, tally))
    yield from waiving.stale()
    require_adjudication(folder.context, tally)


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
    waiving, tally = Waiving(folder.waivers), Tally()
    shown: list[Problem] = []
    with (draft / "problems.jsonl").open("wb") as sink:

        def put(problems: Iterable[Problem]) -> None:
            for found in map(waiving.judge, problems):
                sink.write(msgspec.json.encode(found) + b"\n")
                tally.counts["problems_waived"] += found.waived is not None
                if found.waived is None and len(shown) < SHOWN:
                    shown.append(found)

        def put_own(problems: Iterable[Problem]) -> None:
            listed = list(problems)
            tally.problems.update(found.code for found in listed)
            put(listed)

        put_own(folder.check())
        for part in convert_corpus(folder, workers, progress):
            put(part.problems)
            for key, table in part.tables.items():
                if key not in writers:
                    writers[key] = ConfigWriter(draft, *key, schemas[key[0]])
                writers[key].add(table)
            relieve(writers.values())
            tally.add(part.tally)
        put_own(_of_the_whole(folder, tally))
        put_own(waiving.stale())
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


def _file(path: Path) -> dict[str, Any]:
    with path.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    rows = pq.read_metadata(path).num_rows if path.suffix == ".parquet" else None
    return {"sha256": digest, "bytes": path.stat().st_size, "rows": rows}


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
