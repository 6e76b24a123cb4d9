"""Some articles with their tasks -> tables, problems and counts: the one conversion that every engine runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

import pyarrow as pa

from .agreement import compare_article, count_article
from .article import Conversion, RawTask, convert_article
from .columns import Row, table_makers
from .context import Context
from .ids import DIGEST_MODULUS, rows_digest, split_of
from .problems import Problem
from .rows import Pretokenizer, article_rows, may_be_passed_on
from .schema import ARTICLES
from .tally import Tally


class Part(NamedTuple):
    """Tables by (config, split), problems in order of the articles, and counts."""

    tables: dict[tuple[str, str], pa.Table]
    problems: list[Problem]
    tally: Tally


def convert_part(
    context: Context,
    articles: Iterable[tuple[str, list[RawTask]]],
    read_text: Callable[[str], str | None],
    pretokenize: Pretokenizer,
) -> Part:
    """Convert articles, given as (id, tasks) in order; the same for one process, many, or many machines."""
    rows: dict[tuple[str, str], list[Row]] = {}
    problems: list[Problem] = []
    tally = Tally()
    for article_id, tasks in articles:
        found = convert_article(context, article_id, tasks, read_text)
        problems += found.problems
        _count(context, tally, found)
        if not found.exists:
            continue
        split = split_of(context.split_as.get(found.event_id, found.event_id), context.corpus.splits)
        made, shown = article_rows(context, found, pretokenize)
        count_article(tally.agreement, context, found, compare_article(context, found, gold=False))
        tally.tokens.update(shown)
        tally.events.add(found.event_id)
        for config, added in made.items():
            rows.setdefault((config, split), []).extend(added)
            tally.rows[config, split] += len(added)
            if added:
                tally.digest = (tally.digest + rows_digest(config, split, added)) % DIGEST_MODULUS
    return Part(_tables(context, rows), problems, tally)


def _tables(context: Context, rows: dict[tuple[str, str], list[Row]]) -> dict[tuple[str, str], pa.Table]:
    """The tables of all rows; the spans nested in `articles` are those of the layers, in the same order."""
    makers = table_makers(context.codebook)
    tables: dict[tuple[str, str], pa.Table] = {}
    for config, split in sorted(rows, key=lambda key: key[0] == ARTICLES):  # last of all
        layers = context.codebook.layers if config == ARTICLES else ()
        nested = {layer: tables[layer, split] for layer in layers}
        tables[config, split] = makers[config].make(rows[config, split], nested)
    return tables


def _count(context: Context, tally: Tally, found: Conversion) -> None:
    for counter, added in (
        (tally.counts, found.counts),
        (tally.repairs, found.repairs),
        (tally.problems, Counter(problem.code for problem in found.problems)),
    ):
        if added:
            counter.update(added)
    if not found.exists:
        return
    tally.counts["articles"] += 1
    tally.states[found.state] += 1
    if found.texts:
        tally.texts["total"] += len(found.texts)
        tally.texts["reserved"] += 0 if may_be_passed_on(context, found) else len(found.texts)
    for marked in found.marked:
        tally.annotators[marked.annotator.name] += 1
    if found.gold:
        tally.gold[found.gold.method] += 1
        tally.gold[f"by_{found.gold.kind}"] += 1
        if found.gold.adjudicated and found.gold.kind == "human":
            tally.gold["adjudicated_by_human"] += 1
        for span in found.gold.spans:
            for label in span.labels:
                tally.labels[span.layer, label] += 1
