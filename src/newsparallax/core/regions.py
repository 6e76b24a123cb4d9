"""Result items that mark regions -> spans, each judged by its own quote."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from .codebook import Layer
from .context import LABEL_TYPES, VALUE_TYPES, Context
from .ids import content_span_id, span_id
from .offsets import Located, Rejected, judge
from .spans import Ledger, Shown, Span
from .task import Item, RegionValue


def find_spans(
    context: Context, texts: dict[str, Shown], items: list[tuple[int, Item]], ledger: Ledger
) -> tuple[list[Span], int]:
    """The spans that the `items` (position, item) of layers' controls mark, and how many of them had no quote.

    Items that cannot be taken go to the ledger.
    """
    spans: list[Span] = []
    unquoted = 0
    for position, item in items:
        layer_name = context.layer_of_control[item.from_name or ""]
        plain = _take_plain(context, texts, layer_name, position, item)
        if plain is not None:
            spans.append(plain)
            continue
        taken = _take(context, texts, layer_name, position, item)
        if isinstance(taken, Rejected):
            ledger.quarantine(position, taken.code, taken.message, region(item))
            continue
        if taken.repair:
            ledger.repaired[position] = taken.repair
        unquoted += not (item.value and item.value.text)
        spans.append(taken)
    ids = {span.span_id for span in spans}
    if len(ids) < len(spans) or "" in ids:
        spans = list(_with_own_ids(spans, {name: shown.article_id for name, shown in texts.items()}, ledger))
    return spans, unquoted


def region(item: Item) -> str | None:
    """The item's region id as text; one without any character is none."""
    return None if item.id in (None, "") else str(item.id)


def _take_plain(context: Context, texts: dict[str, Shown], layer_name: str, position: int, item: Item) -> Span | None:
    """The span of a region that is as nearly all are; None for any other, which has to be judged.

    Such a region has an id, one label, and offsets that hold its quote to the letter, without white space at its edges:
    for it, `_take` would come to the same after asking much more.
    """
    value, name = item.value, item.id
    if value is None or item.type != "labels" or value.labels is None or len(value.labels) != 1:
        return None
    labels = context.single_labels[layer_name].get(value.labels[0])
    shown = texts.get(item.to_name or "")
    if labels is None or shown is None or shown.resolve is not None or not name or type(name) is not str:
        return None
    if context.layer_texts[layer_name] not in (None, shown.name) or shown.name not in context.codebook.texts:
        return None
    start, end, quote = value.start, value.end, value.text
    if type(start) is not int or type(end) is not int or start < 0 or type(quote) is not str:
        return None
    if not quote or end - start != len(quote) or shown.index.text[start:end] != quote or value.globalOffsets:
        return None
    if quote[0].isspace() or quote[-1].isspace():
        return None
    meta = _meta(item) if item.meta is not None or item.score is not None or item.parentID is not None else {}
    return Span(
        span_id(shown.article_id, layer_name, name), layer_name, name, shown.name, start, end, labels,
        None, (start, end), meta, [position],
    )  # fmt: skip


def _take(context: Context, texts: dict[str, Shown], layer_name: str, position: int, item: Item) -> Span | Rejected:
    layer = context.codebook.layers[layer_name]
    value = item.value or RegionValue()
    if item.type is not None and item.type not in LABEL_TYPES:
        code = "bad-item" if item.type in VALUE_TYPES else "unsupported-control"
        return Rejected(code, f"layer {layer_name} takes labels, found an item of type {item.type!r}")
    labels = _labels(context, layer_name, layer, value)
    if isinstance(labels, Rejected):
        return labels
    shown = _text_of(context, texts, layer, item)
    if isinstance(shown, Rejected):
        return shown
    placed = _place(shown, value, trim=context.corpus.offsets.edge_spaces == "trim")
    if isinstance(placed, Rejected):
        return placed
    given = value.globalOffsets or value
    original = (_whole(given.start), _whole(given.end))
    name = region(item)
    identity = span_id(shown.article_id, layer_name, name) if name is not None else ""
    return Span(
        identity, layer_name, region(item), shown.name, placed.start, placed.end, labels,
        placed.method, original, _meta(item), [position],
    )  # fmt: skip


def _labels(context: Context, layer_name: str, layer: Layer, value: RegionValue) -> tuple[str, ...] | Rejected:
    given = value.labels if value.labels is not None else value.hypertextlabels
    if not given:
        return Rejected("no-label", "the region has no label")
    known = context.label_spellings[layer_name]
    unknown = [label for label in given if label not in known]
    if unknown:
        return Rejected("unknown-label", f"{', '.join(map(repr, unknown))}: not a label of layer {layer_name}")
    meant = {known[label] for label in given}
    labels = tuple(label for label in layer.labels if label in meant)  # in codebook order, whatever was pressed first
    if len(labels) > 1 and not layer.multiple:
        return Rejected("several-labels", f"{', '.join(labels)}: layer {layer_name} takes one label a region")
    return labels


def _text_of(context: Context, texts: dict[str, Shown], layer: Layer, item: Item) -> Shown | Rejected:
    expected = context.layer_text(layer)
    name = item.to_name or expected
    if name not in context.codebook.texts or (expected and name != expected):
        return Rejected(
            "wrong-text", f"the region is about {name!r}, expected {expected or 'a text of the codebook'!r}"
        )
    if name not in texts:
        return Rejected("no-text", f"the task has no text {name!r}")
    return texts[name]


def _place(shown: Shown, value: RegionValue, *, trim: bool) -> Located | Rejected:
    """Where the region lies; XPath positions of HyperText are never read as offsets."""
    if shown.resolve is not None and (value.globalOffsets or _is_path(value.start)):
        return _place_html(shown, value, trim=trim)
    if value.start is None or value.end is None:
        return Rejected("no-offsets", "the region has no offsets")
    start, end = _whole(value.start), _whole(value.end)
    if start is None or end is None:
        return Rejected("bad-offsets", f"expected whole numbers as offsets, found {value.start!r} and {value.end!r}")
    as_text = isinstance(value.start, str) or isinstance(value.end, str)
    quote = _quote(value)
    if quote is None and (as_text or shown.differs):
        why = "offsets are text" if as_text else "the task showed another text"
        return Rejected("bad-offsets" if as_text else "quote-mismatch", f"{why}, and no quote proves them")
    found = judge(shown.index, start, end, quote, trim=trim)
    return found._replace(method=found.method or "number") if as_text and isinstance(found, Located) else found


def _place_html(shown: Shown, value: RegionValue, *, trim: bool) -> Located | Rejected:
    quote = _quote(value)
    candidates = list(_html_candidates(shown, value))
    if quote is None:
        agreed = len(candidates) == 2 and candidates[0][1:] == candidates[1][1:]
        if not agreed:
            return Rejected("unproven-offsets", "the region has no quote, and its path and offsets do not agree")
    failed: Rejected | None = None
    for method, start, end in candidates:
        found = judge(shown.index, start, end, quote, trim=trim)
        if isinstance(found, Located):
            return found._replace(method=found.method or method)
        failed = failed or found
    return Rejected("unproven-offsets", failed.message if failed else "the region's path is not in the text")


def _html_candidates(shown: Shown, value: RegionValue) -> Iterator[tuple[str | None, int, int]]:
    """Where HyperText says that the region is: by offsets into the rendered text, and by paths."""
    if value.globalOffsets:
        start, end = _whole(value.globalOffsets.start), _whole(value.globalOffsets.end)
        if start is not None and end is not None:
            yield None, start, end
    if shown.resolve is not None and _is_path(value.start) and _is_path(value.end):
        begin = shown.resolve(str(value.start), _whole(value.startOffset) or 0)
        stop = shown.resolve(str(value.end), _whole(value.endOffset) or 0)
        if begin is not None and stop is not None:
            yield "xpath", begin, stop


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and "/" in value


def _whole(value: int | float | str | None) -> int | None:
    """A whole number (of 64 bits) from a JSON number or from text that is one; None otherwise."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
        digits = text.removeprefix("-")
        return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 19 else None
    return int(value) if value == int(value) and abs(value) < 2**63 else None


def _quote(value: RegionValue) -> str | None:
    return value.text if isinstance(value.text, str) and value.text else None


def _meta(item: Item) -> dict[str, Any]:
    """What a region says beside its place and labels."""
    return {
        key: part
        for key, part in (("meta", item.meta), ("score", item.score), ("parentID", item.parentID))
        if part is not None
    }


def _with_own_ids(spans: list[Span], articles: dict[str, str], ledger: Ledger) -> Iterator[Span]:
    """Spans with an id each: an id that different regions share is refused, one that is missing is made."""
    sharing: dict[str, list[Span]] = {}
    for span in spans:
        sharing.setdefault(span.span_id, []).append(span)
    differ = {name for name, same in sharing.items() if same[1:] and len({span.content() for span in same}) > 1}
    ordinals: Counter[tuple[str, str, int, int, tuple[str, ...]]] = Counter()
    for span in spans:
        if not span.span_id:
            content = (articles[span.text_name], span.layer, span.start, span.end, span.labels)
            span.span_id = content_span_id(*content, ordinals[content])
            ordinals[content] += 1
            yield span
        elif span.span_id in differ:
            count = len(sharing[span.span_id])
            message = f"{count} different regions of layer {span.layer} have the id {span.region_id!r}"
            ledger.quarantine(span.items[0], "duplicate-region-id", message, span.region_id)
        elif span is not sharing[span.span_id][0]:
            ledger.quarantine(span.items[0], "duplicate-region", "the region is there twice", span.region_id)
        else:
            yield span
