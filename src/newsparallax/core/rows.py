"""A converted article -> the rows of every config, as plain values in the order of the schemas."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from . import schema
from .article import STATES, Conversion, canonical_json
from .bio import Range, bio_tags
from .blocks import blocks_of
from .codebook import LEVELS, Codebook, Field, Layer
from .context import Context
from .gold import METHODS, Gold
from .ids import text_digest
from .registry import Block
from .spans import Link, Marked, Shown, Span

Row = dict[str, Any]
Pretokenizer = Callable[[str], list[Range]]


def article_rows(
    context: Context, found: Conversion, pretokenize: Pretokenizer
) -> tuple[dict[str, list[Row]], Counter[str]]:
    """The rows of an article in every config, and what BIO could and could not show.

    Rows of a config are in order of place in the text. An article without gold has rows only in `articles` and `votes`.
    """
    codebook = context.codebook
    rows: dict[str, list[Row]] = {name: [] for name in schema.configs(codebook)}
    counts: Counter[str] = Counter()
    names: list[str | None] = list(found.texts) or [None]
    for name in names:
        shown = found.texts[name] if name else None
        article = context.articles.get(found.article_id)
        blocks = blocks_of(article.blocks if article else [], shown.index.text) if shown else []
        rows[schema.ARTICLES].append(_article(context, found, name, shown, blocks))
        if found.gold and shown:
            spans = _in_order(span for span in found.gold.spans if span.text_name == name)
            for span in spans:
                layer = codebook.layers[span.layer]
                rows[span.layer].append(_span_row(found, shown, layer, span, found.gold))
            if codebook.token_layer:
                tokens, shown_spans = _token_rows(found, shown, blocks, spans, codebook, pretokenize)
                rows[schema.TOKENS] += tokens
                counts += shown_spans
    rows[schema.VOTES] = [row for marked in found.marked for row in _votes(found, marked)]
    return rows, counts


def _in_order(spans: Iterator[Span]) -> list[Span]:
    return sorted(spans, key=lambda span: (span.start, -span.end, span.layer, span.labels, span.span_id))


def _article(context: Context, found: Conversion, name: str | None, shown: Shown | None, blocks: list[Block]) -> Row:
    codebook, gold = context.codebook, found.gold
    text = shown.index.text if shown else None
    row: Row = {
        "article_id": shown.article_id if shown else found.article_id,
        "event_id": found.event_id,
        "text_name": name,
        "text": text,
        "text_sha256": None if text is None else text_digest(text),
        **_known(context, found),
        "metadata": canonical_json(found.metadata),
        "blocks": [{"kind": block.kind, "start": block.start, "end": block.end} for block in blocks],
        "state": STATES.index(found.state),
        **_made_by(gold),
        "annotations": list(_annotations(found)),
    }
    for key, field in codebook.document.items():
        row[key] = _encoded(field, _document_value(found, gold, key, name) if gold else None)
    for key, layer in codebook.layers.items():
        row[key] = None
        if gold and shown:
            spans = _in_order(span for span in gold.spans if span.layer == key and span.text_name == name)
            row[key] = [_nested(found, shown, layer, span) for span in spans]
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
    keys = ("title", "outlet", "agency", "dateline", "date", "language", "machine_translated", "url", "rights_holder")
    known: Row = {key: getattr(article, key, None) for key in keys}
    if article is None:
        known |= {"language": source.language, "rights_holder": source.rights_holder}
    inferred = article.inferred if article else {}
    return {
        **known,
        "redistribute": article.redistribute if article else source.redistribute,
        "inferred": [{"field": field, "reason": reason} for field, reason in inferred.items()],
    }


def _made_by(gold: Gold | None) -> Row:
    if gold is None:
        return {"annotator": None, "annotator_kind": None, "adjudicated": None, "gold": None}
    return {
        "annotator": gold.annotator,
        "annotator_kind": schema.KINDS.index(gold.kind),
        "adjudicated": gold.adjudicated,
        "gold": METHODS.index(gold.method),
    }


def _annotations(found: Conversion) -> Iterator[Row]:
    for marked in found.marked:
        yield {
            "annotation_id": marked.annotation_id,
            "task_id": marked.task_id,
            "annotator": marked.annotator.name,
            "annotator_kind": schema.KINDS.index(marked.annotator.kind),
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
            "annotator_kind": schema.KINDS.index(annotator.kind),
            "editor": None,
            "ground_truth": False,
            "cancelled": True,
            "spans": 0,
        }


def _place(found: Conversion, shown: Shown, span: Span) -> Row:
    return {
        "span_id": span.span_id,
        "article_id": shown.article_id,
        "event_id": found.event_id,
        "start": span.start,
        "end": span.end,
        "quote": shown.index.text[span.start : span.end],
    }


def _marks(found: Conversion, layer: Layer, span: Span) -> Row:
    """Label, attributes and arrows of a span, encoded as the schema says."""
    numbers = [layer.numbers[label] for label in span.labels]
    marks: Row = {"labels": numbers} if layer.multiple else {"label": numbers[0]}
    for key, attribute in layer.attributes.items():
        marks[key] = _encoded(attribute, span.attributes.get(key))
    for key in layer.relations:
        marks[key] = [_link(found, link) for link in _sorted_links(span) if link.name == key]
    return marks


def _sorted_links(span: Span) -> list[Link]:
    return sorted(span.links, key=lambda link: (link.name, link.target.start, link.target.end, link.target.span_id))


def _link(found: Conversion, link: Link) -> Row:
    target = link.target
    return {
        "span_id": target.span_id,
        "layer": target.layer,
        "label": "+".join(target.labels),
        "start": target.start,
        "end": target.end,
        "quote": found.texts[target.text_name].index.text[target.start : target.end],
        "direction": schema.DIRECTIONS.index(link.direction),
    }


def _encoded(field: Field, value: Any) -> Any:
    """A value as stored: choices by their position in the codebook; a missing list is empty, a missing value null."""
    if value is None:
        return [] if field.listed else None
    if field.kind == "choice":
        return [field.numbers[word] for word in value] if field.listed else field.numbers[value]
    return value


def _repaired(span: Span) -> Row:
    moved = span.repair is not None
    return {
        "repair": span.repair,
        "original_start": span.original[0] if moved else None,
        "original_end": span.original[1] if moved else None,
    }


def _span_row(found: Conversion, shown: Shown, layer: Layer, span: Span, gold: Gold) -> Row:
    return {**_place(found, shown, span), **_marks(found, layer, span), **_made_by(gold), **_repaired(span)}


def _nested(found: Conversion, shown: Shown, layer: Layer, span: Span) -> Row:
    place = _place(found, shown, span)
    return {key: place[key] for key in ("span_id", "start", "end", "quote")} | _marks(found, layer, span)


def _votes(found: Conversion, marked: Marked) -> Iterator[Row]:
    """Every mark of one annotation, and its values about the article, which have no place in the text."""
    maker: Row = {
        "annotator": marked.annotator.name,
        "annotator_kind": schema.KINDS.index(marked.annotator.kind),
        "editor": marked.editor.name if marked.editor else None,
        "ground_truth": marked.ground_truth,
    }
    for span in _in_order(iter(marked.spans)):
        yield {
            **_place(found, found.texts[span.text_name], span),
            "layer": span.layer,
            "labels": list(span.labels),
            "attributes": [part for key, value in span.attributes.items() for part in _named(key, value)],
            "relations": [{"name": link.name, **_link(found, link)} for link in _sorted_links(span)],
            "annotation_id": marked.annotation_id,
            "task_id": marked.task_id,
            "region_id": span.region_id,
            **maker,
            **_repaired(span),
            "region_meta": canonical_json(span.meta),
        }
    for (text, key), value in sorted(marked.document.items(), key=repr):
        row: Row = dict.fromkeys(schema.VOTE)
        yield {
            **row,
            "article_id": found.texts[text].article_id if text in found.texts else found.article_id,
            "event_id": found.event_id,
            "layer": key,
            "labels": [],
            "attributes": list(_named(key, value)),
            "relations": [],
            "annotation_id": marked.annotation_id,
            "task_id": marked.task_id,
            **maker,
        }


def _named(key: str, value: Any) -> Iterator[Row]:
    """A value as text, one entry for each of several, none for nothing; a taxonomy's path with its levels joined."""
    for part in value if isinstance(value, list) else [] if value is None else [value]:
        yield {"name": key, "value": LEVELS.join(part) if isinstance(part, list) else str(part)}


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
    tag_numbers = {tag: number for number, tag in enumerate(schema.tag_names(codebook.layers[layer_name]))}
    mine = [span for span in spans if span.layer == layer_name]
    starts = [span.start for span in mine]
    counts: Counter[str] = Counter(spans=len(mine), outside_blocks=len(mine))
    rows: list[Row] = []
    for number, block in enumerate(blocks):
        piece = shown.index.text[block.start : block.end]
        tokens = [(block.start + start, block.start + end) for start, end in pretokenize(piece)]
        inside = mine[bisect_left(starts, block.start) : bisect_left(starts, block.end)]
        counts["outside_blocks"] -= len(inside)
        tags, block_counts = bio_tags(tokens, inside, (block.start, block.end))
        counts.update(block_counts)
        rows.append(
            {
                "block_id": f"{shown.article_id}#{number}",
                "article_id": shown.article_id,
                "event_id": found.event_id,
                "kind": block.kind,
                "start": block.start,
                "end": block.end,
                "tokens": [shown.index.text[start:end] for start, end in tokens],
                "starts": [start for start, _ in tokens],
                "ends": [end for _, end in tokens],
                "tags": [tag_numbers[tag] for tag in tags],
                **_made_by(found.gold),
            }
        )
    return rows, +counts
