"""List the places where two annotators differ, as JSON records that include the words of the text."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from ..convert import Conversion, ConvertedAnnotation, Span
from ..corpus import CorpusSpec, Field, attribute_applies, blocks_of
from .compare import IDS, Compared, choice_of, ids_of, number_of
from .matching import Comparison

AROUND = 40  # code points of context on either side

Record = dict[str, Any]


def article_disputes(context: CorpusSpec, conversion: Conversion, compared: Compared) -> Iterator[Record]:
    """Yield each difference of each pair, for each pair in order of place; `json_types.Dispute` describes a record.

    The records contain the notes of annotators, but notes are never compared.
    """
    for pair in compared.pairs:
        spans = chain.from_iterable(_span_disputes(context, conversion, pair, key) for key in pair.matches)
        yield from sorted(spans, key=lambda record: (_first(record), record["text"], record["layer"]))
        yield from _document_disputes(context, conversion, pair)


def _first(record: Record) -> tuple[int, int]:
    return min((mark["start"], mark["end"]) for mark in record["marks"] if mark)


def _span_disputes(
    context: CorpusSpec, conversion: Conversion, pair: Comparison, key: tuple[str, str]
) -> Iterator[Record]:
    layer, text = key
    shown = conversion.texts[text]
    for a, b in pair.matches[key]:
        differs = ["marked"] if a is None or b is None else list(_differences(context, pair, a, b))
        if differs:
            record = _record(pair, layer, shown.article_id, text, differs)
            record["marks"] = [span and _mark(conversion, marked, span) for span, marked in ((a, pair.a), (b, pair.b))]
            yield record | {"context": _context(context, conversion, text, [span for span in (a, b) if span])}


def _record(pair: Comparison, layer: str, article_id: str, text: str | None, differs: list[str]) -> Record:
    return {
        "annotators": [pair.a.annotator.name, pair.b.annotator.name],
        "article_id": article_id,
        "text": text,
        "layer": layer,
        "differs": differs,
    }


def _differences(context: CorpusSpec, pair: Comparison, a: Span, b: Span) -> Iterator[str]:
    layer = context.codebook.layers[a.layer]
    if (a.start, a.end) != (b.start, b.end):
        yield "span"
    if a.labels != b.labels:
        yield "labels"
    for name, attribute in layer.attributes.items():
        applies = attribute_applies(attribute, a.labels) and attribute_applies(attribute, b.labels)
        if applies and _given(attribute, a.attributes.get(name)) != _given(attribute, b.attributes.get(name)):
            yield f"attributes.{name}"
    for name in layer.relations:
        mine = [pair.partner.get(id(link.target)) for link in a.links if link.name == name]
        theirs = {id(link.target) for link in b.links if link.name == name}
        if {target and id(target) for target in mine} != theirs:
            yield f"relations.{name}"


def _given(field: Field, value: Any) -> Any:
    """Return the form in which a value is compared; None for text, which is not compared."""
    if field.kind == "text":
        return None
    if field.kind == "choice":
        return choice_of(field, value)
    return ids_of(value) if field.kind in IDS else number_of(value)


def _mark(conversion: Conversion, marked: ConvertedAnnotation, span: Span) -> Record:
    return {
        "annotation_id": marked.annotation_id,
        "region_id": span.region_id,
        "span_id": span.span_id,
        **_place(conversion, span),
        "attributes": span.attributes,
        "relations": [
            {"name": link.name, "layer": link.target.layer, **_place(conversion, link.target)}
            for link in sorted(span.links, key=lambda link: (link.name, link.target.start, link.target.end))
        ],
    }


def _place(conversion: Conversion, span: Span) -> Record:
    quote = conversion.texts[span.text_name].index.text[span.start : span.end]
    return {"start": span.start, "end": span.end, "quote": quote, "labels": list(span.labels)}


def _context(context: CorpusSpec, conversion: Conversion, name: str, spans: list[Span]) -> Record:
    text = conversion.texts[name].index.text
    start = max(0, min(span.start for span in spans) - AROUND)
    end = min(len(text), max(span.end for span in spans) + AROUND)
    article = context.articles.get(conversion.article_id)
    blocks = blocks_of(article.blocks if article else [], text)
    starts = [block.start for block in blocks if start < block.start < end]
    return {"start": start, "end": end, "text": text[start:end], "block_starts": starts}


def _document_disputes(context: CorpusSpec, conversion: Conversion, pair: Comparison) -> Iterator[Record]:
    for text, name in sorted({**pair.a.document, **pair.b.document}, key=repr):
        field = context.codebook.document[name]
        values = [marked.document.get((text, name)) for marked in (pair.a, pair.b)]
        if _given(field, values[0]) != _given(field, values[1]):
            article_id = conversion.texts[text].article_id if text in conversion.texts else conversion.article_id
            marks = [
                {"annotation_id": marked.annotation_id, "value": value}
                for marked, value in zip((pair.a, pair.b), values, strict=True)
            ]
            yield _record(pair, name, article_id, text, ["value"]) | {"marks": marks, "context": None}
