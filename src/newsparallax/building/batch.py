"""Convert a batch of articles with their tasks to tables, problems and counts; every engine runs this conversion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import pyarrow as pa

from ..agreement import Record, article_disputes, compare_article, count_article
from ..convert import Conversion, RawTask, Rows, convert_article, corpus_tables, redistributable
from ..corpus import CorpusSpec, split_of
from ..dataset import BuildCounts, split_digests
from ..problems import Problem

Articles = Iterable[tuple[str, list[RawTask]]]  # id and tasks
Read = Callable[[str], bytes | None]  # a file of the corpus folder


class ConvertedBatch(NamedTuple):
    """Tables by (config, split), problems in article order, counts, and disputes (only from `compare_batch`)."""

    tables: dict[tuple[str, str], pa.Table]
    problems: list[Problem]
    tally: BuildCounts
    disputes: Sequence[Record] = ()


def convert_batch(
    context: CorpusSpec,
    articles: Articles,
    read: Read,
) -> ConvertedBatch:
    """Convert articles, given as (id, tasks) in order; gives the same result in one process, many, or many machines."""
    problems: list[Problem] = []
    tally = BuildCounts(shared=context.shared.people())
    by_split: dict[str, list[Conversion]] = {}
    for article_id, tasks in articles:
        conversion = convert_article(context, article_id, tasks, read)
        problems += conversion.problems
        _count(context, tally, conversion)
        if conversion.exists:
            count_article(tally.agreement, context, conversion, compare_article(context, conversion, gold=False))
            tally.events.add(conversion.event_id)
            split = split_of(context.split_as.get(conversion.event_id, conversion.event_id), context.corpus.splits)
            by_split.setdefault(split, []).append(conversion)
    return ConvertedBatch(_tables(context, by_split, tally), problems, tally)


def corpus_batch(context: CorpusSpec) -> ConvertedBatch:
    """Return the rows that belong to no article, which are made once; all are in the first split of corpus.toml."""
    split = next(iter(context.corpus.splits))
    part = ConvertedBatch({}, [], BuildCounts())
    for config, table in corpus_tables(context).items():
        part.tables[config, split] = table
        part.tally.rows[config, split] = table.num_rows
        part.tally.digests[config, split] = split_digests(config, [(split, table.num_rows)], table)[0]
    return part


def compare_batch(context: CorpusSpec, articles: Articles, read: Read) -> ConvertedBatch:
    """Convert articles only to compare their annotations, including the starred ones; the batch has no tables."""
    disputes: list[Record] = []
    part = ConvertedBatch({}, [], BuildCounts(shared=context.shared.people()), disputes)
    for article_id, tasks in articles:
        conversion = convert_article(context, article_id, tasks, read)
        part.problems.extend(conversion.problems)
        _count(context, part.tally, conversion)
        compared = compare_article(context, conversion)
        count_article(part.tally.agreement, context, conversion, compared)
        disputes += article_disputes(context, conversion, compared)
    return part


def _tables(
    context: CorpusSpec, by_split: dict[str, list[Conversion]], tally: BuildCounts
) -> dict[tuple[str, str], pa.Table]:
    """Return the tables of all rows: slices of one table per config, in which the rows of a split are contiguous."""
    rows = Rows(context)
    ends: dict[str, list[int]] = {config: [0] for config in rows.sizes()}
    for articles in by_split.values():
        for conversion in articles:
            rows.add(conversion)
        for config, size in rows.sizes().items():
            ends[config].append(size)
    made = rows.tables()
    tally.tokens.update(rows.tokens())
    tally.labels.update(rows.labels())
    tables: dict[tuple[str, str], pa.Table] = {}
    for config, table in made.items():
        splits = [(split, end - begin) for split, (begin, end) in zip(by_split, pairwise(ends[config]), strict=True)]
        digests = split_digests(config, splits, table)
        for (split, size), digest, begin in zip(splits, digests, ends[config], strict=False):
            tables[config, split] = table.slice(begin, size)
            tally.digests[config, split] = digest
            tally.rows[config, split] += size
    return tables


Convert = Callable[[CorpusSpec, Articles, Read], ConvertedBatch]


def _count(context: CorpusSpec, tally: BuildCounts, conversion: Conversion) -> None:
    for counter, added in (
        (tally.counts, conversion.counts),
        (tally.repairs, conversion.repairs),
        (tally.problems, Counter(problem.code for problem in conversion.problems)),
        (tally.counts, {"problems_following": sum(problem.cause is not None for problem in conversion.problems)}),
    ):
        if added:
            counter.update(added)
    if not conversion.exists:
        return
    tally.counts["articles"] += 1
    tally.states[conversion.state] += 1
    if conversion.texts:
        tally.texts["total"] += len(conversion.texts)
        tally.texts["reserved"] += 0 if redistributable(context, conversion) else len(conversion.texts)
    for marked in conversion.marked:
        tally.annotators[marked.annotator.name] += 1
    if conversion.gold:
        tally.gold[conversion.gold.method] += 1
        tally.gold[f"by_{conversion.gold.kind}"] += 1
        if conversion.gold.adjudicated and conversion.gold.kind == "human":
            tally.gold["adjudicated_by_human"] += 1
