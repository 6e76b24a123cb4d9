"""Some articles with their tasks -> tables, problems and counts: the one conversion that every engine runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import NamedTuple

import pyarrow as pa

from .agreement import compare_article, count_article
from .article import Conversion, RawTask, convert_article
from .context import Context
from .digest import table_digest
from .ids import DIGEST_MODULUS, split_of
from .problems import Problem
from .rows import Pretokenizer, Rows, may_be_passed_on
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
    problems: list[Problem] = []
    tally = Tally()
    by_split: dict[str, list[Conversion]] = {}
    for article_id, tasks in articles:
        found = convert_article(context, article_id, tasks, read_text)
        problems += found.problems
        _count(context, tally, found)
        if found.exists:
            count_article(tally.agreement, context, found, compare_article(context, found, gold=False))
            tally.events.add(found.event_id)
            split = split_of(context.split_as.get(found.event_id, found.event_id), context.corpus.splits)
            by_split.setdefault(split, []).append(found)
    return Part(_tables(context, by_split, pretokenize, tally), problems, tally)


def _tables(
    context: Context, by_split: dict[str, list[Conversion]], pretokenize: Pretokenizer, tally: Tally
) -> dict[tuple[str, str], pa.Table]:
    """The tables of all rows: one of each config is made, in which those of a split lie together."""
    rows = Rows(context, pretokenize)
    ends: dict[str, list[int]] = {config: [0] for config in rows.sizes()}
    for articles in by_split.values():
        for found in articles:
            rows.add(found)
        for config, size in rows.sizes().items():
            ends[config].append(size)
    tally.tokens.update(rows.tokens)
    tally.labels.update(rows.labels())
    tables: dict[tuple[str, str], pa.Table] = {}
    for config, table in rows.tables().items():
        splits = [(split, end - begin) for split, (begin, end) in zip(by_split, pairwise(ends[config]), strict=True)]
        tally.digest = (tally.digest + table_digest(config, splits, table)) % DIGEST_MODULUS
        for (split, size), begin in zip(splits, ends[config], strict=False):
            tables[config, split] = table.slice(begin, size)
            tally.rows[config, split] += size
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
