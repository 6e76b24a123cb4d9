"""A converted article -> the rows of every config, as plain values in the order of the schemas."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from . import schema
from .article import STATES, Conversion, canonical_json
from .bio import Range, bio_tags
from .blocks import blocks_of
from .codebook import LEVELS, Codebook, Field, Layer
from .columns import Row, table_makers
from .context import Context
from .gold import METHODS, Gold
from .ids import text_digest
from .registry import Block
from .spans import Link, Marked, Shown, Span

Record = dict[str, Any]  # what stands inside of a row
Pretokenizer = Callable[[str], list[Range]]

_DIRECTIONS = {name: number for number, name in enumerate(schema.DIRECTIONS)}
_KINDS = {name: number for number, name in enumerate(schema.KINDS)}


def article_rows(
    context: Context, found: Conversion, pretokenize: Pretokenizer
) -> tuple[dict[str, list[Row]], Counter[str]]:
    """The rows of an article in every config, and what BIO could and could not show.

    Rows of a config are in order of place in the text. An article without gold has rows only in `articles` and `votes`.
    """
    codebook = context.codebook
    rows: dict[str, list[Row]] = {name: [] for name in table_makers(codebook)}
    counts: Counter[str] = Counter()
    names: list[str | None] = list(found.texts) or [None]
    for name in names:
        shown = found.texts[name] if name else None
        article = context.articles.get(found.article_id)
        blocks = blocks_of(article.blocks if article else [], shown.index.text) if shown else []
        nested: dict[str, list[Record]] = {layer: [] for layer in codebook.layers}
        if found.gold and shown:
            spans = _in_order(span for span in found.gold.spans if span.text_name == name)
            _add_spans(rows, nested, codebook, found, shown, spans, _made_by(found.gold))
            if codebook.token_layer:
                tokens, shown_spans = _token_rows(found, shown, blocks, spans, codebook, pretokenize)
                rows[schema.TOKENS] += tokens
                counts += shown_spans
        rows[schema.ARTICLES].append(_article(context, found, name, shown, blocks, nested))
    rows[schema.VOTES] = [row for marked in found.marked for row in _votes(found, marked)]
    return rows, counts


def may_be_passed_on(context: Context, found: Conversion) -> bool:
    """Whether the article's texts may be passed on, as articles.toml or else the corpus says."""
    return (context.articles.get(found.article_id) or context.corpus.articles).redistribute


def _in_order(spans: Iterable[Span]) -> list[Span]:
    return sorted(spans, key=lambda span: (span.start, -span.end, span.layer, span.labels, span.span_id))


def _article(
    context: Context,
    found: Conversion,
    name: str | None,
    shown: Shown | None,
    blocks: list[Block],
    nested: dict[str, list[Record]],
) -> Row:
    codebook, gold = context.codebook, found.gold
    text = shown.index.text if shown else None
    row = (
        shown.article_id if shown else found.article_id,
        found.event_id,
        name,
        text,
        None if text is None else text_digest(text),
        *_known(context, found),
        canonical_json(found.metadata),
        [{"kind": block.kind, "start": block.start, "end": block.end} for block in blocks],
        STATES.index(found.state),
        *_made_by(gold),
        list(_annotations(found)),
    )
    documents = [
        _encoded(field, _document_value(found, gold, key, name) if gold else None)
        for key, field in codebook.document.items()
    ]
    return (*row, *documents, *(nested.values() if gold and shown else [None] * len(nested)))


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
        [{"field": field, "reason": reason} for field, reason in article.inferred.items()],
    )


def _made_by(gold: Gold | None) -> Row:
    if gold is None:
        return (None, None, None, None)
    return gold.annotator, _KINDS[gold.kind], gold.adjudicated, METHODS.index(gold.method)


def _annotations(found: Conversion) -> Iterator[Record]:
    for marked in found.marked:
        yield {
            "annotation_id": marked.annotation_id,
            "task_id": marked.task_id,
            "annotator": marked.annotator.name,
            "annotator_kind": _KINDS[marked.annotator.kind],
            "editor": marked.editor.name if marked.editor else None,
            "ground_truth": marked.ground_truth,
            "cancelled": False,
            "spans": len(marked.spans),
        }
    for annotation_id, task_id, annotator in sorted(found.cancelled, key=repr):
        yield {
            "annotation_id": annotation_id,
            "task_id": task_id,
            "annotator": annotator.name,
            "annotator_kind": _KINDS[annotator.kind],
            "editor": None,
            "ground_truth": False,
            "cancelled": True,
            "spans": 0,
        }


def _add_spans(
    rows: dict[str, list[Row]],
    nested: dict[str, list[Record]],
    codebook: Codebook,
    found: Conversion,
    shown: Shown,
    spans: list[Span],
    made_by: Row,
) -> None:
    """Add every span to the rows of its layer, and nested to those of its article."""
    text, article_id, event_id = shown.index.text, shown.article_id, found.event_id
    names = {name: ("span_id", "start", "end", "quote", *layer.columns) for name, layer in codebook.layers.items()}
    for span in spans:
        start, end = span.start, span.end
        quote = text[start:end]
        marks = _marks(found, codebook.layers[span.layer], span)
        place = (span.span_id, article_id, event_id, start, end, quote)
        rows[span.layer].append((*place, *marks, *made_by, *_repaired(span)))
        nested[span.layer].append(dict(zip(names[span.layer], (span.span_id, start, end, quote, *marks), strict=True)))


def _marks(found: Conversion, layer: Layer, span: Span) -> list[Any]:
    """Label, attributes and arrows of a span (the layer's `columns`), encoded as the schema says."""
    labels = [layer.numbers[label] for label in span.labels]
    marks: list[Any] = [labels if layer.multiple else labels[0]]
    given = span.attributes
    for key, attribute in layer.attributes.items():
        marks.append(_encoded(attribute, given.get(key)))
    if span.links:
        links = _sorted_links(span)
        marks += [[_link(found, link) for link in links if link.name == key] for key in layer.relations]
    else:
        marks += [[] for _ in layer.relations]
    return marks


def _sorted_links(span: Span) -> list[Link]:
    return sorted(span.links, key=lambda link: (link.name, link.target.start, link.target.end, link.target.span_id))


def _link(found: Conversion, link: Link) -> Record:
    target = link.target
    return {
        "span_id": target.span_id,
        "layer": target.layer,
        "label": "+".join(target.labels),
        "start": target.start,
        "end": target.end,
        "quote": found.texts[target.text_name].index.text[target.start : target.end],
        "direction": _DIRECTIONS[link.direction],
    }


def _encoded(field: Field, value: Any) -> Any:
    """A value as stored: choices by their position in the codebook; a missing list is empty, a missing value null."""
    if value is None:
        return [] if field.listed else None
    if field.kind == "choice":
        return [field.numbers[word] for word in value] if field.listed else field.numbers[value]
    return value


def _repaired(span: Span) -> Row:
    return (None, None, None) if span.repair is None else (span.repair, *span.original)


def _votes(found: Conversion, marked: Marked) -> Iterator[Row]:
    """Every mark of one annotation, and its values about the article, which have no place in the text."""
    annotation = (marked.annotation_id, marked.task_id)
    maker = (
        marked.annotator.name,
        _KINDS[marked.annotator.kind],
        marked.editor.name if marked.editor else None,
        marked.ground_truth,
    )
    for span in _in_order(marked.spans):
        shown = found.texts[span.text_name]
        yield (
            span.span_id,
            shown.article_id,
            found.event_id,
            span.start,
            span.end,
            shown.index.text[span.start : span.end],
            span.layer,
            span.labels,
            _named(span.attributes),
            [{"name": link.name, **_link(found, link)} for link in _sorted_links(span)] if span.links else [],
            *annotation,
            span.region_id,
            *maker,
            *_repaired(span),
            canonical_json(span.meta) if span.meta else None,
        )
    for (text, key), value in sorted(marked.document.items(), key=repr):
        article_id = found.texts[text].article_id if text in found.texts else found.article_id
        nowhere, nothing = (None, None, None), (None, None, None, None)
        about: Row = (None, article_id, found.event_id, *nowhere, key, [], _named({key: value}), [])
        yield (*about, *annotation, None, *maker, *nothing)


def _named(values: dict[str, Any]) -> list[Record]:
    """Values as text, one entry for each of several, none for nothing; a taxonomy's path with its levels joined."""
    named: list[Record] = []
    for key, value in values.items():
        if type(value) is str:
            named.append({"name": key, "value": value})
        elif isinstance(value, list):
            named += [{"name": key, "value": LEVELS.join(p) if isinstance(p, list) else str(p)} for p in value]
        elif value is not None:
            named.append({"name": key, "value": str(value)})
    return named


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
    made_by = _made_by(found.gold)
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
                *made_by,
            )
        )
    return rows, +counts
