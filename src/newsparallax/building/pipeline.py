"""Run the conversion that all commands share: group near-duplicates, convert articles in order, count everything once.

`build`, `check`, `generate` and `agreement` convert the exports of the corpus folder. `scale` passes in the parts that
its ranks have converted. All commands therefore get the same counts. The files that are generated from the codebook and
the counts are rendered here too, since stale ones are problems.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

import msgspec

from ..corpus import SCHEMAS, CorpusFolder, Waiving, json_schemas
from ..dataset import (
    CARD,
    BuildCounts,
    card_figures,
    card_text,
    changes_of,
    fill_blocks,
    guidelines_agreement,
    make_manifest,
    read_card,
    render_blocks,
)
from ..problems import OpenProblems, Problem, problem
from ..render import render_cheat_sheet, render_guidelines, render_label_config
from .batch import Convert, ConvertedBatch, convert_batch, corpus_batch
from .duplicates import grouped
from .workers import Progress, convert_corpus, default_workers

PROBLEMS = "problems.jsonl"


class Pipeline:
    """One run over a corpus.

    `tally` and `open` accumulate while the caller consumes the parts, which is possible only once. `folder` is the
    corpus. From the first part on, its near-duplicates are grouped.
    """

    def __init__(
        self,
        folder: CorpusFolder,
        source: Callable[[CorpusFolder], Iterable[ConvertedBatch]],
        before: Iterable[Problem],
        group: Callable[[CorpusFolder], CorpusFolder] | None = None,
    ) -> None:
        self.folder = folder
        self.tally = BuildCounts()
        self.open = OpenProblems()
        self._source, self._before, self._group = source, before, group

    @classmethod
    def of_exports(
        cls,
        folder: CorpusFolder,
        workers: int | None = 1,
        progress: Progress | None = None,
        scratch: Path | None = None,
        convert: Convert = convert_batch,
    ) -> Pipeline:
        """Return a run over the folder's own exports; `progress` and `scratch` are as in `convert_corpus`.

        `workers` is the number of processes, None for `default_workers`.
        """
        number = workers or default_workers(folder)
        return cls(
            folder,
            lambda ready: convert_corpus(ready, number, progress, scratch, convert),
            folder.check(),
            lambda found: grouped(found, number),
        )

    def parts(self) -> Iterator[ConvertedBatch]:
        """Yield every part after adding it to the tally; the last one has the rows that belong to no article.

        Raises UsageError where near-duplicates cannot be grouped, ExportError for an export that cannot be read.
        """
        if self._group:
            self.folder = self._group(self.folder)
        for part in chain(self._source(self.folder), [corpus_batch(self.folder.context)]):
            self.tally.add(part.tally)
            yield part

    def judged(self) -> Iterator[tuple[list[Problem], ConvertedBatch | None]]:
        """Yield each part with its problems, and before and after the parts the problems of the complete corpus.

        Waived problems are marked. The problem of a stale waiver is never marked, because another waiver could hide it.
        Raises as `parts`.
        """
        waiving = Waiving(self.folder.waivers)
        yield self._counted(map(waiving.apply, self._before)), None
        for part in self.parts():
            yield self._listed(map(waiving.apply, part.problems)), part
        yield self._counted(map(waiving.apply, self._of_the_whole())), None
        yield self._counted(waiving.stale()), None

    def recorded(self, folder: Path) -> Iterator[ConvertedBatch]:
        """Yield every part, and write all problems to `problems.jsonl` in `folder`. Raises as `parts`."""
        with (folder / PROBLEMS).open("wb") as sink:
            for problems, part in self.judged():
                sink.writelines(msgspec.json.encode(entry) + b"\n" for entry in problems)
                sink.flush()  # on a full disk, a later close would fail where nobody can catch it
                if part:
                    yield part

    def _of_the_whole(self) -> Iterator[Problem]:
        """Yield the problems that can be found only after all exports have been read."""
        if not self.tally.counts["articles"]:
            yield problem(
                "no-articles", "the exports contain no task, and there are no seeds", file="annotations/exports/"
            )
        for number, people in sorted(self.tally.shared.items()):
            message = f"Label Studio's user number {number} belongs to {people} people, by their e-mail addresses"
            registered = self.folder.context.pseudonym(number)
            message += f"; annotators.toml gives it to {registered!r} only" if registered else ""
            yield problem("shared-number", message, file="annotations/exports/")
        yield from stale_files(self.folder, self.tally)

    def _counted(self, problems: Iterable[Problem]) -> list[Problem]:
        """Return the problems as a list, and count those that are in no part's tally."""
        listed = self._listed(problems)
        self.tally.problems.update(entry.code for entry in listed)
        return listed

    def _listed(self, problems: Iterable[Problem]) -> list[Problem]:
        listed = list(problems)
        self.tally.counts["problems_waived"] += sum(entry.waived is not None for entry in listed)
        self.open.add(listed)
        return listed


def generated_files(folder: CorpusFolder, tally: BuildCounts) -> dict[Path, str]:
    """Return the expected content of every generated file, by its path relative to the corpus folder.

    The dataset card is included where the corpus has a card file; the counts in its generated blocks come from `tally`.
    JSON Schemas of the TOML files are included where the corpus has the folder schemas/.
    """
    context = folder.context
    files = {
        Path("annotations/label_config.xml"): render_label_config(context.codebook, context.entities),
        Path("annotations/guidelines.md"): render_guidelines(context.codebook, context.entities),
        Path("annotations/cheat_sheet.md"): render_cheat_sheet(context.codebook),
    }
    if (folder.root / SCHEMAS).is_dir():
        files |= {Path(name): text for name, text in json_schemas().items()}
    if (folder.root / CARD).is_file():
        read_card(folder)
        manifest, figures = make_manifest(context, tally, {}, {}), card_figures(context, tally)
        blocks = render_blocks(context, manifest, figures, changes_of(folder), guidelines_agreement(folder))
        files[Path(CARD)] = fill_blocks(card_text(folder), blocks)
    return files


def stale_files(folder: CorpusFolder, tally: BuildCounts) -> Iterator[Problem]:
    """Yield a Problem for every generated file that exists and does not hold the expected content."""
    for path, text in generated_files(folder, tally).items():
        if (folder.root / path).is_file() and not is_fresh(folder.root / path, text):
            yield problem("stale-generated", "differs from the file that the codebook generates", file=path.as_posix())


def is_fresh(path: Path, text: str) -> bool:
    """Return whether a file exists and holds exactly the text."""
    try:
        return path.read_bytes() == text.encode()
    except OSError:
        return False
