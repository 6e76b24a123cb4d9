"""Build a dataset, list the problems of a corpus, write its generated files, or measure its annotators' agreement.

A build either produces the complete dataset folder or leaves the previous one unchanged. The generated files are made
from the codebook and the counts. `agreement/json_types.py` describes the keys of the agreement as JSON.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec
import pyarrow as pa

from .._util import is_inside, write_whole
from ..agreement import Metrics, Record, figures
from ..corpus import CorpusFolder, CorpusSpec, schema, without_schema_line
from ..dataset import (
    CARD,
    MARK,
    BuildCounts,
    DatasetWriter,
    FileFacts,
    Manifest,
    card_figures,
    file_facts,
    files_of,
    get_ready_meanwhile,
    make_croissant,
    make_manifest,
    new_folder,
    point,
    read_back,
    refuse_real,
    require_adjudication,
    write_card,
    write_json,
)
from ..errors import CorpusError, UsageError
from ..problems import OpenProblems, Problem
from .batch import compare_batch
from .pipeline import Pipeline, generated_files, is_fresh
from .workers import Progress, convert_corpus, default_workers

ALONG = ("codebook.toml", "entities.toml", "guidelines.md")  # copied to the data: they define ids, labels, values
SCHEMA = "newsparallax-agreement/1"  # of the agreement as JSON
SHOWN = 20  # disputes that a terminal shows


@dataclass
class Built:
    """A finished build: its folder, its manifest, and the problems that no waiver covers."""

    place: Path
    manifest: Manifest
    open: OpenProblems


def build(
    folder: CorpusFolder,
    out: Path | None = None,
    workers: int | None = 1,
    progress: Progress | None = None,
    *,
    verify: bool = True,
) -> Built:
    """Convert the corpus and write the dataset to `out` (default: `build/<version>` in the corpus folder).

    `workers` is the number of processes, None for the usable processors, or fewer if the exports are small; a script
    that asks for several needs `if __name__ == "__main__":`, because each process imports it again.
    `verify` says whether the dataset is read back before it takes its place; tests that look at something else skip it.
    Problems never stop a build. An exception stops it and leaves the previous content of the folder unchanged. Raises
    ExportError for an export that cannot be read. Raises UsageError where the folder holds something other than a
    build. Raises CorpusError for a card that cannot be filled, and for a version from 1.0.0 on without human
    adjudication. Raises NewsParallaxError when the data read back differ from the data written, or a worker process
    dies.
    """
    place = out or folder.root / "build" / folder.context.corpus.version
    latest = place.parent / "latest"
    refuse_inputs(folder, place)
    if out is None:
        refuse_real(latest)
    workers = workers or default_workers(folder)
    with new_folder(place) as draft:
        pipeline = Pipeline.of_exports(folder, workers, progress, draft.parent)
        with DatasetWriter(draft, schema.arrow_schemas(folder.context.codebook)) as writer:
            for number, part in enumerate(pipeline.recorded(draft)):
                if number == 0 and verify and workers > 1:
                    get_ready_meanwhile()  # not before the tasks have been found, for which the workers wait
                writer.add(part.tables)
            writer.close(written_splits(folder.context, pipeline.tally))
        manifest = describe(pipeline.folder, draft, pipeline.tally)
        if verify:
            read_back(draft, folder.context.codebook, pipeline.tally.rows, workers)
    if out is None:
        point(latest, place)
    return Built(place, manifest, pipeline.open)


def written_splits(context: CorpusSpec, tally: BuildCounts) -> set[str]:
    """Return the splits for which a dataset has files; a corpus without articles still has its first split."""
    return {split for _, split in tally.rows} or {next(iter(context.corpus.splits))}


def refuse_inputs(folder: CorpusFolder, output: Path) -> None:
    """Raise UsageError where `output` is inside the corpus's annotations or seeds folder."""
    for own in (folder.annotations, folder.root / "seeds"):
        if is_inside(output, own):
            hint = "name a folder outside of the corpus's input folders with --out"
            raise UsageError(f"{output} is inside {own}, which contains input files", hint=hint)


def describe(
    folder: CorpusFolder, draft: Path, tally: BuildCounts, rows: dict[str, FileFacts] | None = None
) -> Manifest:
    """Write the files that describe the rows: codebook, card, Croissant and finally the manifest; return the manifest.

    `rows` has the facts of files that are not in `draft`, by path. Raises CorpusError for a card that cannot be filled,
    and for a version from 1.0.0 on without human adjudication.
    """
    require_adjudication(folder.context, tally)
    for name in ALONG:
        if (folder.annotations / name).is_file():
            (draft / name).write_bytes(without_schema_line((folder.annotations / name).read_bytes()))
    files = files_of(draft) | (rows or {})
    manifest = make_manifest(folder.context, tally, files, {"pyarrow": pa.__version__})
    write_card(folder, draft, manifest, card_figures(folder.context, tally))
    write_json(draft / "croissant.json", make_croissant(folder.context, manifest))
    manifest.files |= {name: file_facts(draft / name) for name in ("README.md", "croissant.json")}
    write_json(draft / MARK, manifest.as_json())
    return manifest


def problems_of(folder: CorpusFolder, workers: int | None = 1, progress: Progress | None = None) -> Iterator[Problem]:
    """Yield every problem of a corpus without building it; waived problems are marked.

    After the problems of the folder itself, raises ExportError for an export that cannot be read, and UsageError where
    near-duplicates cannot be grouped. After the last problem, raises CorpusError for a version from 1.0.0 on without
    human adjudication, or for a card that cannot be filled.
    """
    pipeline = Pipeline.of_exports(folder, workers, progress)
    for problems, _ in pipeline.judged():
        yield from problems
    require_adjudication(folder.context, pipeline.tally)


def generate(folder: CorpusFolder, workers: int | None = 1, *, write: bool = True) -> list[Path]:
    """Return the paths of stale or missing generated files, and write these files unless `write` is false.

    Raises CorpusError for a card that cannot be filled. Where the corpus has a card, raises ExportError for an export
    that cannot be read. In both cases nothing is written.
    """
    pipeline = Pipeline.of_exports(folder, workers)
    if (folder.root / CARD).is_file():  # only the card shows counts
        deque(pipeline.parts(), maxlen=0)
    files = generated_files(pipeline.folder, pipeline.tally).items()
    changed = {path: text for path, text in files if not is_fresh(folder.root / path, text)}
    for path, text in changed.items() if write else ():
        try:
            write_whole(folder.root / path, text.encode())
        except OSError as error:
            raise CorpusError(f"cannot be written: {error.strerror}", file=path.as_posix()) from None
    return list(changed)


@dataclass
class Measured:
    """Agreement figures of a corpus and its disputes: all as JSON lines in `spool`, the first SHOWN also in `first`."""

    figures: Metrics
    total: int
    first: list[Record]
    spool: IO[bytes]

    def json(self) -> Iterator[bytes]:
        """Yield the complete result as one JSON object, in pieces of bytes."""
        head = json.dumps({**self.figures, "disputes_total": self.total}, indent=1, ensure_ascii=False, allow_nan=False)
        yield head.removesuffix("\n}").encode() + b',\n "disputes": ['
        self.spool.seek(0)
        for number, line in enumerate(self.spool):
            yield (b",\n  " if number else b"\n  ") + line.rstrip(b"\n")
        yield b"\n ]\n}\n" if self.total else b"]\n}\n"


@contextmanager
def measure(folder: CorpusFolder, workers: int | None = 1, progress: Progress | None = None) -> Iterator[Measured]:
    """Compare all annotations of a corpus.

    Disputes go to a temporary file as soon as they are found, so that memory use does not grow with the corpus. Raises
    ExportError for an export that cannot be read.
    """
    number = workers or default_workers(folder)
    pipeline = Pipeline(folder, lambda _: convert_corpus(folder, number, progress, convert=compare_batch), ())
    first: list[Record] = []
    total = 0
    with tempfile.TemporaryFile() as spool:
        for part in pipeline.parts():
            spool.writelines(msgspec.json.encode(dispute) + b"\n" for dispute in part.disputes)
            first += part.disputes[: SHOWN - len(first)]
            total += len(part.disputes)
        tally = pipeline.tally
        yield Measured(_with_head(folder, figures(folder.context, tally.agreement), tally.counts), total, first, spool)


def _with_head(folder: CorpusFolder, metrics: Metrics, counts: Counter[str]) -> Metrics:
    corpus, codebook = folder.context.corpus, folder.context.codebook
    left_out = {key: counts[key] for key in ("results_quarantined", "annotations_cancelled")}
    all_shown = {key: value for key, value in metrics.items() if key != "pairs_not_shown"}
    about = {"name": corpus.name, "version": corpus.version, "codebook_version": codebook.codebook.version}
    return {"schema": SCHEMA, "corpus": about, **all_shown, "left_out": left_out}
