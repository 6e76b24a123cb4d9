"""Agreement of a corpus's annotators: figures, and every place where two of them differ.

As JSON it is one object. Offsets are code points of the article's text, end excluded; where a value is null, `reason`
says why. Keys:

- `schema`: newsparallax-agreement/1; `corpus`: name, version, codebook_version
- `annotators`: pseudonym -> kind (human, model, unknown), role, and what they were given
- `bootstrap`: how intervals are made: resamples, the share of them that an interval holds, the least units for one, and
  from how many articles on articles are resampled, and not their blocks
- `left_out`: results_quarantined and annotations_cancelled: items and annotations that are not compared
- `overall`: a group for all pairs of two kinds together; `pairs`: a group a pair; `against_gold`: a group for each
  annotator and the adjudicator of the annotations that are starred as ground truth. `pairs_dropped`: whether there are
  more pairs than are kept one by one
- a group: `annotators` (the two, called a and b below), `kinds`, `between` (in words), `articles`, `unit` that is
  resampled and how many `units` there are, `layers`, `document` (values about the article)
- a layer: `n` (spans of a and b, matched ones), F1 of spans: `exact` (same offsets), `exact_label` (and same labels),
  `overlap`; `labels`, `attributes`, `relations`; with relations also `tuples`: F1 of labels with the places that all
  arrows lead to, by the share of code points in common
- a measure: `value` and its 95 % `interval`, or null
- labels, or a choice: `n` compared, `level` of alpha, `equal` (share with the same value), Krippendorff's `alpha`,
  Cohen's `kappa` (of two), `table` of [a's, b's, how many], null where one gave none
- `rating` and `number`: the same without table; `ref` and `taxonomy`: `n`, `f1`; `text`: `n` of both, one, or none
- in `overall`, `alpha` is over all annotators at once, on what they marked at the very same places: `values` of them
- `disputes_total`, and `disputes`: each a record as in `core/disputes.py`
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

from ..core.agreement import compare_article, count_article
from ..core.article import convert_article
from ..core.context import Context
from ..core.disputes import Record, article_disputes
from ..core.index import index_tasks, unit_tasks
from ..core.samples import Agreement
from ..core.tally import Tally
from .engine import Progress
from .figures import Figures, figures
from .folder import CorpusFolder

SCHEMA = "newsparallax-agreement/1"
SHOWN = 20  # disputes shown in a terminal
MOST_LISTED = 6  # pairs that the card lists


@dataclass
class Measured:
    """The figures of a corpus, the disputes: as JSON lines in `spool`, the first SHOWN of them here."""

    figures: Figures
    total: int
    first: list[Record]
    spool: IO[bytes]

    def json(self) -> Iterator[bytes]:
        """The whole as one JSON object, piece by piece."""
        head = json.dumps({**self.figures, "disputes_total": self.total}, indent=1, ensure_ascii=False, allow_nan=False)
        yield head.removesuffix("\n}").encode() + b',\n "disputes": ['
        self.spool.seek(0)
        for number, line in enumerate(self.spool):
            yield (b",\n  " if number else b"\n  ") + line.rstrip(b"\n")
        yield b"\n ]\n}\n" if self.total else b"]\n}\n"


@contextmanager
def measure(folder: CorpusFolder, progress: Progress | None = None) -> Iterator[Measured]:
    """Compare all annotations of a corpus. Raises ExportError for an export that cannot be read.

    Disputes go to a temporary file as they are found, so that memory does not grow with the corpus.
    """
    context = folder.context
    units = index_tasks(context, folder.exports, folder.text_ids)
    agreement, counts, first, total = Agreement(), Counter[str](), [], 0
    with tempfile.TemporaryFile() as spool:
        for number, unit in enumerate(units, 1):
            found = convert_article(context, unit.article_id, unit_tasks(folder.exports, unit), folder.read_text)
            counts += found.counts
            compared = compare_article(context, found)
            count_article(agreement, context, found, compared)
            for dispute in article_disputes(context, found, compared):
                spool.write(msgspec.json.encode(dispute) + b"\n")
                first += [dispute] if total < SHOWN else []
                total += 1
            if progress:
                progress(number, len(units))
        yield Measured(_with_head(folder, figures(context, agreement), counts), total, first, spool)


def _with_head(folder: CorpusFolder, found: Figures, counts: Counter[str]) -> Figures:
    corpus, codebook = folder.context.corpus, folder.context.codebook
    left_out = {key: counts[key] for key in ("results_quarantined", "annotations_cancelled")}
    all_shown = {key: value for key, value in found.items() if key != "pairs_not_shown"}
    about = {"name": corpus.name, "version": corpus.version, "codebook_version": codebook.codebook.version}
    return {"schema": SCHEMA, "corpus": about, **all_shown, "left_out": left_out}


def card_figures(context: Context, tally: Tally) -> Figures:
    """The figures that the card shows, made once."""
    if tally.figures is None:
        tally.figures = figures(context, tally.agreement, most=MOST_LISTED)
    return tally.figures
