"""Measure the agreement of a corpus's annotators and list every dispute, a place where two annotators differ.

The JSON output is one object. Offsets count code points of the article's text, end exclusive. Where a value is null,
`reason` says why. Keys:

- `schema`: newsparallax-agreement/1; `corpus`: name, version, codebook_version
- `annotators`: pseudonym -> kind (human, model, unknown), role, and the input that the annotator received
- `bootstrap`: how intervals are computed: the number of resamples, the share of resamples inside an interval, the
  minimum number of units for an interval, and the minimum number of articles for resampling articles; below it, blocks
  are resampled
- `left_out`: results_quarantined and annotations_cancelled, the counts of items and annotations that are not compared
- `overall`: one group for each combination of two kinds, with all its pairs; `pairs`: one group for each pair;
  `against_gold`: one group for each annotator with the adjudicator of the annotations that are starred as ground truth;
  `pairs_dropped`: whether there are more pairs than are kept separately
- a group: `annotators` (the two, called a and b below), `kinds`, `between` (in words), `articles`, the resampled `unit`
  and the number of `units`, `layers`, `document` (values about the article)
- a layer: `n` (spans of a, spans of b, matched spans), F1 of spans: `exact` (same offsets), `exact_label` (same offsets
  and labels), `overlap`; `labels`, `attributes`, `relations`; for a layer with relations also `tuples`: F1 of labels
  together with the places of all relation targets, by the share of code points in common
- a measure: `value` and its 95 % `interval`, or null
- labels, or a choice: `n` compared, `level` of alpha, `equal` (share with the same value), Krippendorff's `alpha`,
  Cohen's `kappa` (of two annotators), `table` of [value of a, value of b, count], with null where one gave no value
- `rating` and `number`: the same without `table`; `ref` and `taxonomy`: `n`, `f1`; `text`: `n` given by both, by one,
  or by neither
- in `overall`, `alpha` covers all annotators at once, on items that they marked at exactly the same places; `values`
  counts these items
- `disputes_total`, and `disputes`: each a record as in `agreement/disputes.py`
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
