"""Make the rows of every config that has rows for articles, from converted articles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import pyarrow as pa

from ..corpus import STATES, Block, Codebook, CorpusSpec, blocks_of, schema
from ..errors import NewsParallaxError
from ..ids import text_digest
from .article import Conversion, sorted_json
from .corpus_rows import MADE_ONCE
from .derived import DerivedColumns
from .gold import Gold
from .model import ArticleText, Span
from .span_tables import KINDS, Row, SpanTables, made_by, table_makers
from .token_rows import TokenRows

Record = tuple[Any, ...]  # a struct nested in a row


class Collector(Protocol):
    """Collects the rows of a config, one text after the other."""

    @property
    def size(self) -> int:
        """The current number of rows."""

    def add(self, found: Conversion, shown: ArticleText, blocks: list[Block], spans: list[Span]) -> None:
        """Add the rows of a text; `spans` are its gold spans of all layers, in order of their start."""

    def table(self) -> pa.Table:
        """Return the table of all rows."""


# The configs of `corpus/schema.py` beside `articles`, and those that `span_tables` fills.
COLLECTORS: dict[str, Callable[[Codebook], Collector]] = {schema.TOKENS: TokenRows}


class Rows:
    """Collect the rows of every config except those in MADE_ONCE, one article after the other.

    The rows of a config are in order of their place in the text. An article without gold has rows only in `articles`
    and `votes`.
    """

    def __init__(self, context: CorpusSpec) -> None:
        self._context = context
        self._marks = SpanTables(context.codebook)
        self._articles: list[Row] = []
        configs = table_makers(context.codebook)
        self._others = {name: collect(context.codebook) for name, collect in COLLECTORS.items() if name in configs}

    def add(self, conversion: Conversion) -> None:
        """Add the rows of an article."""
        context = self._context
        article = context.articles.get(conversion.article_id)
        laid = article.blocks if article else []
        divided = {name: blocks_of(laid, shown.index.text) for name, shown in conversion.texts.items()}
        gold = self._marks.add(conversion, DerivedColumns(context, conversion, divided).of)
        names: list[str | None] = list(conversion.texts) or [None]
        for name in names:
            shown = conversion.texts[name] if name else None
            blocks = divided[name] if name else []
            self._articles.append(_article(context, conversion, name, shown, blocks))
            if shown:
                for rows in self._others.values():
                    rows.add(conversion, shown, blocks, gold[name])

    def sizes(self) -> dict[str, int]:
        """Return the current number of rows of each config."""
        others = {name: rows.size for name, rows in self._others.items()}
        return {schema.ARTICLES: len(self._articles)} | others | self._marks.sizes()

    def tokens(self) -> Counter[str]:
        """Return the numbers of gold spans that BIO tags do and do not represent; complete after `tables`."""
        rows = self._others.get(schema.TOKENS)
        return rows.counts if isinstance(rows, TokenRows) else Counter()

    def labels(self) -> Counter[tuple[str, str]]:
        """Return the number of gold spans by (layer, label)."""
        return self._marks.labels()

    def tables(self) -> dict[str, pa.Table]:
        """Return the table of every config with rows for articles.

        Raises NewsParallaxError where no code makes the rows of a config.
        """
        tables, nested = self._marks.tables()
        makers = table_makers(self._context.codebook)
        tables[schema.ARTICLES] = makers[schema.ARTICLES].make(self._articles, nested)
        tables |= {name: rows.table() for name, rows in self._others.items()}
        unfilled = makers.keys() - tables.keys() - MADE_ONCE.keys()
        if unfilled:  # the config would be published empty, and change the content digest of every corpus
            hint = "add it to COLLECTORS in convert/article_rows.py, or remove it from corpus/schema.py"
            raise NewsParallaxError(f"declares the config {min(unfilled)}, but no code makes its rows", file="schema.py", hint=hint)  # fmt: skip  # noqa: E501
        return tables


def redistributable(context: CorpusSpec, conversion: Conversion) -> bool:
    """Whether the article's texts may be redistributed, by articles.toml or else by the corpus settings."""
    return (context.articles.get(conversion.article_id) or context.corpus.articles).redistribute


def _article(
    context: CorpusSpec,
    conversion: Conversion,
    name: str | None,
    shown: ArticleText | None,
    blocks: list[Block],
) -> Row:
    """Return the columns of `articles` except the nested spans."""
    codebook, gold = context.codebook, conversion.gold
    text = shown.index.text if shown else None
    row: Row = (
        shown.article_id if shown else conversion.article_id,
        conversion.event_id,
        name,
        text,
        None if text is None else text_digest(text),
        *_known(context, conversion),
        sorted_json(conversion.metadata),
        [(block.kind, block.start, block.end, block.event) for block in blocks],
        STATES.index(conversion.state),
        *made_by(gold),
        list(_annotations(conversion)),
    )
    for key, field in codebook.document.items():
        row += tuple(field.encoded([_document_value(conversion, gold, key, name) if gold else None]))
    return row


def _document_value(conversion: Conversion, gold: Gold, key: str, name: str | None) -> Any:
    """Return the value about the text `name`; the article's first row has values about texts that the task lacks."""
    value = gold.document.get((name, key))
    if value is not None or name != next(iter(conversion.texts), None):
        return value
    elsewhere = (
        value for (text, field), value in gold.document.items() if field == key and text not in conversion.texts
    )
    return next(elsewhere, None)


def _known(context: CorpusSpec, conversion: Conversion) -> Row:
    """Return the article's metadata: from articles.toml, or the corpus defaults for articles that come from tasks."""
    article = context.articles.get(conversion.article_id)
    source = context.corpus.articles
    if article is None:
        known: Row = (None, None, None, None, None, None, source.language, None, None, [], source.rights_holder)
        return (*known, source.redistribute, [])
    return (
        article.title,
        article.outlet,
        article.agency,
        article.dateline,
        article.published,
        article.updated,
        article.language,
        article.machine_translated,
        article.url,
        article.sources,
        article.rights_holder,
        article.redistribute,
        list(article.inferred.items()),
    )


def _annotations(conversion: Conversion) -> Iterator[Record]:
    for marked in conversion.marked:
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
    for annotation_id, task_id, annotator in sorted(conversion.cancelled, key=repr):
        yield annotation_id, task_id, annotator.name, KINDS[annotator.kind], None, False, True, 0
