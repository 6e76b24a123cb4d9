"""Derived columns of gold spans: quotations that hold them, facts of their articles, support by annotators."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from ..corpus import Block, CorpusSpec, Layer
from .article import Conversion
from .model import Span
from .people import newest_of_each

Extent = tuple[str, str, int, int]  # layer, text, start, end
Derived = tuple[Any, ...]  # in the order of `schema.derived`


class DerivedColumns:
    """The derived columns of the gold spans of one article.

    `blocks` has the blocks of each text, in order. Annotators count with their newest annotation; adjudicators do not
    count, because they have seen the annotations of others.
    """

    def __init__(self, context: CorpusSpec, conversion: Conversion, blocks: Mapping[str, list[Block]]) -> None:
        article = context.articles.get(conversion.article_id)
        self._context = context
        self._outlet = article.outlet if article else None
        self._blocks = {name: ([block.start for block in several], several) for name, several in blocks.items()}
        newest = newest_of_each(conversion.marked)
        votes = [marked for marked in newest if not context.adjudicates(marked.annotator.name)]
        self._votes = [_by_extent(marked.spans) for marked in votes]
        gold = conversion.gold.spans if conversion.gold else []
        self._gold = _by_extent(gold)
        self._speakers = context.codebook.speakers
        self._quotes = [span for span in gold if span.layer in self._speakers]

    def of(self, span: Span) -> Derived:
        """Return the quotation and its voice, outlet, kind of block, support, and whether annotators are overruled.

        The kind is that of the block in which the span begins. Only codebooks with a layer of quotations have the first
        two.
        """
        extent = _extent(span)
        marked = [votes.get(extent, ()) for votes in self._votes]
        support = sum(any(other.labels == span.labels for other in others) for others in marked)
        starts, blocks = self._blocks.get(span.text_name, ([], []))
        number = bisect_right(starts, span.start) - 1
        kind = blocks[number].kind if number >= 0 and span.start < blocks[number].end else None
        spoken = self._spoken(span) if self._speakers else ()
        return *spoken, self._outlet, kind, support, self._overruled(span, marked, support)

    def _spoken(self, span: Span) -> tuple[str | None, list[str]]:
        """Return the id of the innermost quotation that holds the span, and the ids of its source."""
        quote = min((quote for quote in self._quotes if _holds(quote, span)), key=_by_length, default=None)
        if quote is None:
            return None, []
        layers = self._context.codebook.layers
        sources = [link.target for link in quote.links if link.name == self._speakers[quote.layer]]
        ids = (id_ for source in sources for id_ in referents(layers[source.layer], source.attributes))
        return quote.span_id, sorted(set(ids))

    def _overruled(self, span: Span, marked: list[Any], support: int) -> bool:
        """Whether at least two annotators agree with one another about the span's extent, but not with the gold."""
        if len(marked) < 2 or 0 < support < len(marked):
            return False
        gold = self._gold[_extent(span)]
        if support and len(gold) == 1 and all(_equal(span, others) for others in marked):  # the usual case
            return False
        said = [self._said(others) for others in marked]
        return all(other == said[0] for other in said) and said[0] != self._said(gold)

    def _said(self, spans: list[Span]) -> list[str]:
        """Return labels, values and relations of spans in a comparable form; free text and order do not count."""
        return sorted(repr((span.labels, sorted(self._values(span).items()), _targets(span))) for span in spans)

    def _values(self, span: Span) -> dict[str, Any]:
        attributes = self._context.codebook.layers[span.layer].attributes
        return {
            name: sorted(value, key=repr) if isinstance(value, list) else value
            for name, value in span.attributes.items()
            if name in attributes and attributes[name].kind != "text"
        }


def referents(layer: Layer, values: Mapping[str, Any]) -> list[str]:
    """Return the ids that a span of the layer with these values refers to."""
    ids: str | list[str] = next(filter(None, map(values.get, layer.referent)), [])
    return [ids] if isinstance(ids, str) else ids


def _holds(quote: Span, span: Span) -> bool:
    """Whether a quotation holds another span; of two quotations with one extent, neither holds the other."""
    if quote.text_name != span.text_name or not quote.start <= span.start <= span.end <= quote.end:
        return False
    return quote.layer != span.layer or (quote.start, quote.end) != (span.start, span.end)


def _by_length(span: Span) -> tuple[int, str]:
    return span.end - span.start, span.span_id


def _equal(span: Span, others: list[Span]) -> bool:
    """Whether the only span in `others`, which has the same place as `span`, is equal to it."""
    return len(others) == 1 and others[0].attributes == span.attributes and _targets(others[0]) == _targets(span)


def _targets(span: Span) -> list[Any]:
    return sorted((link.name, link.target.place()) for link in span.links) if span.links else []


def _by_extent(spans: list[Span]) -> dict[Extent, list[Span]]:
    extents: defaultdict[Extent, list[Span]] = defaultdict(list)
    for span in spans:
        extents[_extent(span)].append(span)
    return dict(extents)


def _extent(span: Span) -> Extent:
    return span.layer, span.text_name, span.start, span.end
