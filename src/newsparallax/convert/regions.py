"""Convert result items that mark regions to spans: read labels and text of each region, and locate all together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ..corpus import LABEL_TYPES, VALUE_TYPES, CorpusSpec, Layer, Offsets
from ..exports import Item, RegionValue
from ..ids import content_span_id, span_id
from ..problems import Rejection, some
from ..text import TextIndex, did_you_mean, is_blank, unseen_in
from .locate import PATHS, XPATH, XPATH_UTF16, Claim, Place, claim_offsets, locate
from .model import ArticleText, Ledger, Span


def find_spans(
    context: CorpusSpec, texts: dict[str, ArticleText], items: list[tuple[int, Item]], ledger: Ledger
) -> tuple[list[Span], int]:
    """Return the spans of `items` (position, item) of layers' controls, and the number of spans without a quote.

    Rejected items are quarantined in the ledger.
    """
    spans: list[Span] = []
    drafts: list[_Draft] = []
    for position, item in items:
        layer_name = context.layer_of_control[item.from_name or ""]
        plain = _take_plain(context, texts, layer_name, position, item)
        if plain is not None:
            spans.append(plain)
            continue
        draft = _draft(context, texts, layer_name, position, item)
        if isinstance(draft, Rejection):
            ledger.quarantine(position, draft.code, draft.message, region(item))
        else:
            drafts.append(draft)
    unquoted = 0
    if drafts:
        proofs = [_proof(texts[span.text_name].index, span) for span in spans]
        placed, unquoted = _place(drafts, proofs, ledger, context.corpus.offsets)
        spans = sorted(spans + placed, key=lambda span: span.items)
    ids = {span.span_id for span in spans}
    if len(ids) < len(spans) or "" in ids:
        spans = list(_with_own_ids(spans, {name: shown.article_id for name, shown in texts.items()}, ledger))
    return spans, unquoted


def region(item: Item) -> str | None:
    """Return the item's region id as text; None for a missing or empty id."""
    return None if item.id in (None, "") else str(item.id)


class _Draft(NamedTuple):
    """A span that is not located yet, and the claim about its place from its item."""

    span: Span
    claim: Claim
    as_text: bool  # the offsets are strings instead of numbers


def _take_plain(
    context: CorpusSpec, texts: dict[str, ArticleText], layer_name: str, position: int, item: Item
) -> Span | None:
    """Return the span of a region in the simple case, which covers nearly all regions; None for all other regions.

    A simple region has an id, one label, and a quote that fits its offsets exactly, in code points and in no other
    unit. `_draft` and `locate` give the same span, but are slower.
    """
    value, name = item.value, item.id
    if value is None or item.type != "labels" or value.labels is None or len(value.labels) != 1:
        return None
    labels = context.single_labels[layer_name].get(value.labels[0])
    shown = texts.get(item.to_name or "")
    if labels is None or shown is None or shown.resolve is not None or not name or type(name) is not str:
        return None
    if context.layer_texts[layer_name] not in (None, shown.name):
        return None
    start, end, quote, index = value.start, value.end, value.text, shown.index
    if type(start) is not int or type(end) is not int or start < 0 or type(quote) is not str:
        return None
    if not quote or end - start != len(quote) or index.text[start:end] != quote or value.globalOffsets:
        return None
    if quote.strip() != quote:
        return None
    if end > index.units_agree_until and index.fits_in_other_units(start, end, quote):
        return None
    if not (quote.isascii() and quote.isprintable()) and (unseen_in(quote) or is_blank(quote)):
        return None
    meta = _meta(item) if item.meta is not None or item.score is not None or item.parentID is not None else {}
    return Span(
        span_id(shown.article_id, layer_name, name), layer_name, name, shown.name, start, end, labels,
        None, (start, end), meta, [position],
    )  # fmt: skip


def _draft(
    context: CorpusSpec, texts: dict[str, ArticleText], layer_name: str, position: int, item: Item
) -> _Draft | Rejection:
    layer = context.codebook.layers[layer_name]
    value = item.value or RegionValue()
    if item.type is not None and item.type not in LABEL_TYPES:
        code = "bad-item" if item.type in VALUE_TYPES else "unsupported-control"
        return Rejection(code, f"item of type {item.type!r} in layer {layer_name}; expected labels")
    labels = _labels(context, layer_name, layer, value)
    if isinstance(labels, Rejection):
        return labels
    shown = _text_of(context, texts, layer, item)
    if isinstance(shown, Rejection):
        return shown
    claim = _claim(shown, value)
    if isinstance(claim, Rejection):
        return claim
    offsets = value.globalOffsets or value
    original = (_whole(offsets.start), _whole(offsets.end))
    name = region(item)
    identity = span_id(shown.article_id, layer_name, name) if name is not None else ""
    ordered = tuple(sorted(labels, key=layer.numbers.__getitem__))
    span = Span(
        identity, layer_name, name, shown.name, -1, -1, ordered, None, original, _meta(item), [position],
        given=() if labels == ordered else labels,
    )  # fmt: skip
    as_text = claim.page is None and (isinstance(value.start, str) or isinstance(value.end, str))
    return _Draft(span, claim, as_text)


def _proof(index: TextIndex, span: Span) -> Claim:
    """Return a simple span as a claim, which is evidence about the other regions of its annotation."""
    return claim_offsets(index, span.start, span.end, index.text[span.start : span.end])


def _place(drafts: list[_Draft], proofs: list[Claim], ledger: Ledger, rules: Offsets) -> tuple[list[Span], int]:
    """Locate the drafts; return their spans and the number of spans without a quote.

    `proofs` are the other regions of the annotation. Drafts without a place are quarantined in the ledger.
    """
    placed: list[Span] = []
    unquoted = 0
    unit = None if rules.unit == "proved" else rules.unit
    claims = [draft.claim for draft in drafts]
    places = locate(claims + proofs, trim=rules.edge_spaces == "trim", unit=unit)
    for (span, claim, as_text), place in zip(drafts, places, strict=False):
        (position,) = span.items
        if isinstance(place, Rejection):
            ledger.quarantine(position, place.code, place.message, span.region_id)
            continue
        span.start, span.end, span.repair = place.start, place.end, place.method or ("number" if as_text else None)
        if span.repair:
            ledger.repaired[position] = span.repair
        unquoted += claim.quote is None
        _report_unseen(span, claim.index.text[span.start : span.end], ledger)
        placed.append(span)
    return placed, unquoted


def _report_unseen(span: Span, piece: str, ledger: Ledger) -> None:
    characters = unseen_in(piece)
    if characters:
        message = f"{', '.join(span.labels)} {span.start}..{span.end} of layer {span.layer} contains "
        message += f"invisible characters: {', '.join(characters)}"
        ledger.warn("invisible-characters", message, span.region_id)


def _labels(context: CorpusSpec, layer_name: str, layer: Layer, value: RegionValue) -> tuple[str, ...] | Rejection:
    """Return the labels of a region, each once, in the order of the export."""
    names = value.labels if value.labels is not None else value.hypertextlabels
    if not names:
        return Rejection("no-label", "the region has no label")
    known = context.label_spellings[layer_name]
    unknown = [label for label in names if label not in known]
    if unknown:
        hint = did_you_mean(unknown[0], known) or f"; expected one of: {some(list(layer.labels))}"
        message = f"label {', '.join(map(repr, unknown))} is not in layer {layer_name}{hint}"
        return Rejection("unknown-label", message)
    labels = tuple(dict.fromkeys(known[label] for label in names))
    if len(labels) > 1 and not layer.multiple:
        return Rejection(
            "several-labels", f"the region has the labels {', '.join(labels)}; layer {layer_name} allows one"
        )
    return labels


def _text_of(context: CorpusSpec, texts: dict[str, ArticleText], layer: Layer, item: Item) -> ArticleText | Rejection:
    expected = context.layer_text(layer)
    name = item.to_name or expected
    if not context.codebook.texts:
        return Rejection("no-text", "the codebook defines no text to which the region can refer")
    if name not in context.codebook.texts or (expected and name != expected):
        return Rejection(
            "wrong-text", f"the region refers to text {name!r}; expected {expected or 'a text of the codebook'!r}"
        )
    if name not in texts:
        return Rejection("no-text", f"the task has no text {name!r}")
    return texts[name]


def _claim(shown: ArticleText, value: RegionValue) -> Claim | Rejection:
    """Return the claim of a value about its region's place; XPath positions of HyperText are never read as offsets."""
    quote = _quote(value)
    if quote is None and shown.differs:
        return Rejection(
            "quote-mismatch", "the task shows a different text, and the region has no quote to confirm its place"
        )
    if shown.resolve is not None and (value.globalOffsets or _is_path(value.start)):
        return _page_claim(shown.name, shown.index, shown.resolve, value, quote)
    if value.start is None or value.end is None:
        return Rejection("no-offsets", "the region has no offsets")
    start, end = _whole(value.start), _whole(value.end)
    if start is None or end is None:
        return Rejection("bad-offsets", f"the offsets are {value.start!r} and {value.end!r}; expected integers")
    if quote is None and (isinstance(value.start, str) or isinstance(value.end, str)):
        return Rejection("bad-offsets", "the offsets are strings, and no quote confirms them; expected integers")
    return claim_offsets(shown.index, start, end, quote)


def _page_claim(
    page: str, index: TextIndex, resolve: Callable[[str, int], int | None], value: RegionValue, quote: str | None
) -> Claim:
    """Return the claim of a HyperText region: by offsets into the rendered text, and by XPaths."""
    readings: dict[str, Place | None] = {}
    offsets = value.globalOffsets
    start, end = (_whole(offsets.start), _whole(offsets.end)) if offsets else (None, None)
    if start is not None and end is not None:
        readings |= index.readings(start, end)
    if _is_path(value.start) and _is_path(value.end):
        for way in PATHS if index.units_agree_until < len(index.text) else (XPATH,):
            points = [
                _point(index, resolve, str(path), _whole(offset) or 0, way)
                for path, offset in ((value.start, value.startOffset), (value.end, value.endOffset))
            ]
            begin, stop = points
            readings[way] = (begin, stop) if begin is not None and stop is not None and begin < stop else None
    return Claim(index, start, end, quote, readings, page)


def _point(index: TextIndex, resolve: Callable[[str, int], int | None], path: str, offset: int, way: str) -> int | None:
    """Return the offset of a point in the rendered text; offsets into elements count child nodes, whatever the unit."""
    begin = resolve(path, 0) if way == XPATH_UTF16 and "text()" in path else None
    if begin is not None:
        point = index.from_utf16(index.to_utf16(begin) + offset)
        return None if point is None else resolve(path, point - begin)
    return resolve(path, offset)


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and "/" in value


def _whole(value: int | float | str | None) -> int | None:
    """Convert a JSON number or a numeric string to an integer (64 bits); None if that is not possible."""
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
    """Return the other data of a region: `meta`, `score` and `parentID`, where they are present."""
    return {
        key: part
        for key, part in (("meta", item.meta), ("score", item.score), ("parentID", item.parentID))
        if part is not None
    }


def _with_own_ids(spans: list[Span], articles: dict[str, str], ledger: Ledger) -> Iterator[Span]:
    """Yield the spans, each with a unique id; missing ids, and ids that different regions share, are made from content.

    Exact repetitions of a region are quarantined.
    """
    sharing: dict[str, list[Span]] = {}
    for span in spans:
        sharing.setdefault(span.span_id, []).append(span)
    for identity, same in sharing.items():
        if identity and len({span.content() for span in same}) > 1:
            message = f"{len(same)} different regions of layer {same[0].layer} have the id {same[0].region_id!r}"
            ledger.warn("duplicate-region-id", message, same[0].region_id)
            for span in same:
                span.span_id = ""
    ordinals: Counter[tuple[str, str, int, int, tuple[str, ...]]] = Counter()
    for span in spans:
        if not span.span_id:
            content = (articles[span.text_name], span.layer, span.start, span.end, span.labels)
            span.span_id = content_span_id(*content, ordinals[content])
            ordinals[content] += 1
            yield span
        elif span is not sharing[span.span_id][0]:
            ledger.quarantine(span.items[0], "duplicate-region", "the region occurs twice", span.region_id)
        else:
            yield span
