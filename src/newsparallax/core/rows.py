"""A converted article -> the rows of every config, as plain values in the order of the schemas."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from . import schema
from .article import STATES, Conversion, canonical_json
from .bio import Range, bio_tags
from .blocks import blocks_of
from .codebook import Codebook
from .columns import Row, table_makers
from .context import Context
from .gold import Gold
from .ids import text_digest
from .marks import KINDS, Marks, made_by
from .registry import Block
from .spans import Shown, Span

Record = tuple[Any, ...]  # what stands inside of a row
Pretokenizer = Callable[[str], list[Range]]


class Rows:
    """The rows of articles in every config, taken in one article after the other.

    Rows of a config are in order of place in the text. An article without gold has rows only in `articles` and `votes`.
    """

    def __init__(self, context: Context, pretokenize: Pretokenizer) -> None:
        self.tokens: Counter[str] = Counter()  # what BIO could and could not show
        self._context = context
        self._pretokenize = pretokenize
        self._marks = Marks(context.codebook)
        self._rows: dict[str, list[Row]] = {schema.ARTICLES: []}
        if context.codebook.token_layer:
            self._rows[schema.TOKENS] = []

    def add(self, found: Conversion) -> None:
        """Take in an article."""
        context = self._context
        gold = self._marks.add(found)
        article = context.articles.get(found.article_id)
        names: list[str | None] = list(found.texts) or [None]
        for name in names:
            shown = found.texts[name] if name else None
            blocks = blocks_of(article.blocks if article else [], shown.index.text) if shown else []
            self._rows[schema.ARTICLES].append(_article(context, found, name, shown, blocks))
            if found.gold and shown and schema.TOKENS in self._rows:
                rows, counts = _token_rows(found, shown, blocks, gold[name], context.codebook, self._pretokenize)
                self._rows[schema.TOKENS] += rows
                self.tokens.update(counts)

    def sizes(self) -> dict[str, int]:
        """How many rows there are by now, by config."""
        return {name: len(rows) for name, rows in self._rows.items()} | self._marks.sizes()

    def labels(self) -> Counter[tuple[str, str]]:
        """How many gold spans have each label of each layer."""
        return self._marks.labels()

    def tables(self) -> dict[str, pa.Table]:
        """The table of every config."""
        tables, nested = self._marks.tables()
        makers = table_makers(self._context.codebook)
        for name, rows in self._rows.items():
            tables[name] = makers[name].make(rows, nested if name == schema.ARTICLES else ())
        return tables


def may_be_passed_on(context: Context, found: Conversion) -> bool:
    """Whether the article's texts may be passed on, as articles.toml or else the corpus says."""
    return (context.articles.get(found.article_id) or context.corpus.articles).redistribute


def _article(
    context: Context,
    found: Conversion,
    name: str | None,
    shown: Shown | None,
    blocks: list[Block],
) -> Row:
    """The columns of `articles` but for the spans."""
    codebook, gold = context.codebook, found.gold
    text = shown.index.text if shown else None
    row: Row = (
        shown.article_id if shown else found.article_id,
        found.event_id,
        name,
        text,
        None if text is None else text_digest(text),
        *_known(context, found),
        canonical_json(found.metadata),
        [(block.kind, block.start, block.end) for block in blocks],
        STATES.index(found.state),
        *made_by(gold),
        list(_annotations(found)),
    )
    for key, field in codebook.document.items():
        row += tuple(field.encoded([_document_value(found, gold, key, name) if gold else None]))
    return row


def _document_value(found: Conversion, gold: Gold, key: str, name: str | None) -> Any:
    """The value about the text `name`; what is about a text that the task lacks stands in the article's first row."""
    first = next(iter(found.texts), None)
    for (text, field), value in gold.document.items():
        if field == key and name == (text if text in found.texts else first):
            return value
    return None


def _known(context: Context, found: Conversion) -> Row:
    """What is known of the article: from articles.toml, or what the corpus says of all articles from tasks."""
    article = context.articles.get(found.article_id)
    source = context.corpus.articles
    if article is None:
        known = (None, None, None, None, None, source.language, None, None, source.rights_holder)
        return (*known, source.redistribute, [])
    return (
        article.title,
        article.outlet,
        article.agency,
        article.dateline,
        article.date,
        article.language,
        article.machine_translated,
        article.url,
        article.rights_holder,
        article.redistribute,
        list(article.inferred.items()),
    )


def _annotations(found: Conversion) -> Iterator[Record]:
    for marked in found.marked:
        yield (
            marked.annotation_id,
            marked.task_id,
            marked.annotator.name,
            KINDS[marked.annotator.kind],
            marked.editor.name if marked.editor else None,
            marked.ground_truth,
            False,
            len(marked.spans),
        )
    for annotation_id, task_id, annotator in sorted(found.cancelled, key=repr):
        yield annotation_id, task_id, annotator.name, KINDS[annotator.kind], None, False, True, 0


def _token_rows(
    found: Conversion,
    shown: Shown,
    blocks: list[Block],
    spans: list[Span],
    codebook: Codebook,
    pretokenize: Pretokenizer,
) -> tuple[list[Row], Counter[str]]:
    """One row a block: its tokens, their offsets in the article's text, and BIO tags of the token layer."""
    layer_name = codebook.token_layer or ""
    text = shown.index.text
    tag_numbers = codebook.layers[layer_name].tag_numbers
    mine = [span for span in spans if span.layer == layer_name]
    begins = [span.start for span in mine]
    counts: Counter[str] = Counter(spans=len(mine), outside_blocks=len(mine))
    by = made_by(found.gold)
    rows: list[Row] = []
    for number, block in enumerate(blocks):
        first = block.start
        tokens = pretokenize(text[first : block.end])
        starts, ends = [first + start for start, _ in tokens], [first + end for _, end in tokens]
        inside = mine[bisect_left(begins, first) : bisect_left(begins, block.end)]
        counts["outside_blocks"] -= len(inside)
        tags, block_counts = bio_tags(starts, ends, inside, (first, block.end))
        counts.update(block_counts)
        rows.append(
            (
                f"{shown.article_id}#{number}",
                shown.article_id,
                found.event_id,
                block.kind,
                first,
                block.end,
                [text[start:end] for start, end in zip(starts, ends, strict=True)],
                starts,
                ends,
                [tag_numbers[tag] for tag in tags],
                *by,
            )
        )
    return rows, +counts
