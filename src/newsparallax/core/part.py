"""Some articles with their tasks -> tables, problems and counts: the one conversion that every engine runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

import pyarrow as pa

from . import schema
from .agreement import compare_article, count_article
from .article import Conversion, RawTask, convert_article
from .context import Context
from .ids import DIGEST_MODULUS, rows_digest, split_of
from .problems import Problem
from .rows import Pretokenizer, Row, article_rows
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
        _count(tally, found)
        if not found.exists:
            continue
        split = split_of(context.split_as.get(found.event_id, found.event_id), context.corpus.splits)
        made, shown = article_rows(context, found, pretokenize)
        count_article(tally.agreement, context, found, compare_article(context, found, gold=False))
        tally.tokens += shown
        tally.texts += _texts(made[schema.ARTICLES])
        tally.events.add(found.event_id)
        for config, added in made.items():
            rows.setdefault((config, split), []).extend(added)
            tally.rows[config, split] += len(added)
            if added:
                tally.digest = (tally.digest + rows_digest(config, split, added)) % DIGEST_MODULUS
    schemas = {name: schema.arrow_schema(struct) for name, struct in schema.configs(context.codebook).items()}
    tables = {key: pa.Table.from_pylist(found_rows, schemas[key[0]]) for key, found_rows in rows.items()}
    return Part(tables, problems, tally)


def _texts(rows: list[Row]) -> Counter[str]:
    """How many texts there are, and how many of them may not be passed on."""
    reserved = [not row["redistribute"] for row in rows if row["text"] is not None]
    return Counter(total=len(reserved), reserved=sum(reserved))


def _count(tally: Tally, found: Conversion) -> None:
    tally.counts += found.counts
    tally.repairs += found.repairs
    tally.problems += Counter(problem.code for problem in found.problems)
    if not found.exists:
        return
    tally.counts["articles"] += 1
    tally.states[found.state] += 1
    tally.annotators += Counter(marked.annotator.name for marked in found.marked)
    if found.gold:
        tally.gold[found.gold.method] += 1
        tally.gold[f"by_{found.gold.kind}"] += 1
        if found.gold.adjudicated and found.gold.kind == "human":
            tally.gold["adjudicated_by_human"] += 1
        tally.labels += Counter((span.layer, label) for span in found.gold.spans for label in span.labels)
