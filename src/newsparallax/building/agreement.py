"""Measure the agreement of a corpus's annotators and list every dispute, a place where two annotators differ.

The JSON output is one object; `agreement/json_types.py` describes its keys.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

import msgspec

from ..agreement import Metrics, Record, figures
from ..corpus import CorpusFolder
from .batch import compare_batch
from .pipeline import Pipeline
from .workers import Progress, convert_corpus

SCHEMA = "newsparallax-agreement/1"
SHOWN = 20  # number of disputes that a terminal shows


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
def measure(folder: CorpusFolder, progress: Progress | None = None) -> Iterator[Measured]:
    """Compare all annotations of a corpus.

    Disputes go to a temporary file as soon as they are found, so that memory use does not grow with the corpus. Raises
    ExportError for an export that cannot be read.
    """
    pipeline = Pipeline(folder, lambda _: convert_corpus(folder, progress=progress, convert=compare_batch), ())
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
