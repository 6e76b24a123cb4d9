"""Convert one annotation to spans with attributes and relations, and to values about the article.

A relation item becomes a relation between accepted spans.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..corpus import LABEL_TYPES, VALUE_TYPES, Attribute, CorpusSpec, attribute_applies
from ..exports import DecodedAnnotation, Item
from ..problems import REFUSED, Rejection
from ..text import did_you_mean
from .checks import follow_regions
from .model import ArticleText, ConvertedAnnotation, Ledger, SourceRef, Span, SpanRelation
from .regions import find_spans, region
from .values import parse_value

_UNUSABLE = "is missing, was not converted, or has the same id as another region"


def convert_annotation(
    context: CorpusSpec,
    texts: dict[str, ArticleText],
    annotation: DecodedAnnotation,
    where: SourceRef,
    raw: Callable[[], list[Any]],
) -> ConvertedAnnotation:
    """Convert an annotation that is not cancelled; the ledger accounts for each of its items.

    `texts` are the article's texts by name (empty if the article has no text). `raw` returns the unchanged items,
    which the ledger records in problems.
    """
    ledger = Ledger(len(annotation.items), where, raw)
    marking, valued, arrows = _with_distinct_ids(context, annotation, ledger)
    spans, unquoted = find_spans(context, texts, marking, ledger)
    by_region = _by_region(spans)
    document: dict[tuple[str | None, str], Any] = {}
    shared = context.shared_controls
    regions = {region(item) for _, item in marking} if shared else set()
    for position, item in valued:
        uses = context.attributes_of_control.get(item.from_name or "")
        about_article = item.from_name in shared and region(item) not in regions - {None}
        if uses is not None and not about_article:
            _attach(context, by_region, uses, position, item, ledger)
        elif item.from_name in context.document_of_control:
            _put_document(context, document, position, item, ledger)
    draw_links(context, by_region, arrows, ledger)
    spans = _without_duplicates(spans, ledger)
    if ledger.problems:
        follow_regions(ledger, {span.region_id for span in spans} & by_region.keys())
    return ConvertedAnnotation(
        annotation_id=annotation.name(where.task_id or where.article_id),
        annotator=context.annotator(annotation.completed_by, where.file),
        editor=None if annotation.updated_by is None else context.annotator(annotation.updated_by, where.file),
        ground_truth=annotation.ground_truth,
        task_id=where.task_id,
        where=where,
        spans=spans,
        document=document,
        ledger=ledger,
        times=annotation.times,
        without_quote=unquoted,
        texts=tuple(texts),
    )


def _by_region(spans: list[Span]) -> dict[str | None, list[Span]]:
    """Map region ids to spans; several layers may share an id, with at most one span of each layer.

    Regions without an id are left out, and so are ids that two regions of one layer share: no value or relation can
    refer to them.
    """
    by_region: dict[str | None, list[Span]] = {span.region_id: [span] for span in spans}
    if len(by_region) == len(spans) and None not in by_region:  # the usual case
        return by_region
    by_region = {}
    for span in spans:
        if span.region_id is not None:
            by_region.setdefault(span.region_id, []).append(span)
    return {name: same for name, same in by_region.items() if len({span.layer for span in same}) == len(same)}


def _with_distinct_ids(
    context: CorpusSpec, annotation: DecodedAnnotation, ledger: Ledger
) -> tuple[list[tuple[int, Item]], list[tuple[int, Item]], list[tuple[int, Item]]]:
    """Separate the items, with their positions, into regions, values and relations."""
    marking: list[tuple[int, Item]] = []
    valued: list[tuple[int, Item]] = []
    arrows: list[tuple[int, Item]] = []
    layers, fields = context.layer_of_control, context.value_controls
    for position, item in enumerate(annotation.items):
        if isinstance(item, Rejection):
            ledger.quarantine(position, item.code, item.message)
            continue
        gives, marks = item.from_name in fields, item.from_name in layers
        if gives:
            valued.append((position, item))
        if marks:
            marking.append((position, item))
        if item.type == "relation":
            arrows.append((position, item))
        elif not gives and not marks:
            _unknown_control(item, position, ledger, (*layers, *fields))
    return marking, valued, arrows


def _unknown_control(item: Item, position: int, ledger: Ledger, known: tuple[str, ...]) -> None:
    """Quarantine an item whose control no layer, attribute or document layer reads; `known` lists the controls read."""
    name = item.from_name or ""
    if item.type in REFUSED and not name:
        said = item.meta.get("message") if isinstance(item.meta, dict) else None
        ledger.quarantine(position, item.type, str(said or item.type), region(item))
    elif item.type is not None and item.type not in (*LABEL_TYPES, *VALUE_TYPES):
        message = f"items of control {name!r} have the unsupported type {item.type!r}"
        ledger.quarantine(position, "unsupported-control", message, region(item))
    elif not name:
        ledger.quarantine(position, "unknown-control", "the item names no control (`from_name`)", region(item))
    else:
        message = f"control {name!r} belongs to no layer or attribute{did_you_mean(name, sorted(known))}"
        ledger.quarantine(position, "unknown-control", message, region(item))


def _attach(
    context: CorpusSpec,
    by_region: dict[str | None, list[Span]],
    uses: dict[str, list[tuple[str, Attribute]]],
    position: int,
    item: Item,
    ledger: Ledger,
) -> None:
    """Set a per-region value on its span, found by the region's id; `uses` maps layers to the control's attributes."""
    refused: Rejection | None = None
    taken = False
    for span in by_region.get(region(item), ()):
        for key, attribute in uses.get(span.layer, ()):
            found = _set(context, span, key, attribute, item)
            if found is None:
                taken = True
                span.items.append(position)
            refused = refused or found
    if not taken:
        name = region(item)
        message = f"value of {item.from_name!r}: region {name!r} {_UNUSABLE}"
        refused = refused or Rejection("orphan-attribute", message)
        ledger.quarantine(position, refused.code, refused.message, name)


def _set(context: CorpusSpec, span: Span, key: str, attribute: Attribute, item: Item) -> Rejection | None:
    """Set an attribute of a span; return a Rejection where that is not possible."""
    if attribute.labels and not attribute_applies(attribute, span.labels):
        return Rejection("inapplicable-attribute", f"attribute {key} does not apply to label {', '.join(span.labels)}")
    value = parse_value(attribute, item.value, context.entities)
    if isinstance(value, Rejection):
        return Rejection(value.code, f"{key}: {value.message}")
    if span.attributes.get(key) is not None:
        return Rejection("duplicate-value", f"attribute {key} has two different values")
    span.attributes[key] = value
    return None


def _put_document(
    context: CorpusSpec, document: dict[tuple[str | None, str], Any], position: int, item: Item, ledger: Ledger
) -> None:
    name, layer = context.document_of_control[item.from_name or ""]
    value = parse_value(layer, item.value, context.entities)
    place = context.document_place(item.from_name or "", item.to_name)
    if layer.text and item.to_name in context.codebook.texts and item.to_name != layer.text:
        message = f"the value {name} refers to text {item.to_name!r}; expected {layer.text!r}"
        ledger.quarantine(position, "wrong-text", message, region(item))
    elif isinstance(value, Rejection):
        ledger.quarantine(position, value.code, f"{name}: {value.message}", region(item))
    elif document.get(place) is not None:
        ledger.quarantine(position, "duplicate-value", f"{name} has two different values for the article", region(item))
    else:
        document[place] = value


def _without_duplicates(spans: list[Span], ledger: Ledger) -> list[Span]:
    """Keep the first of several identical spans, and redirect relations from the others to it."""
    if len({span.place() for span in spans}) == len(spans):
        return spans
    kept: dict[Any, Span] = {}
    replaced: dict[int, Span] = {}
    classes = _classes(spans)
    for span in spans:
        first = kept.setdefault(classes[id(span)], span)
        if first is not span:
            replaced[id(span)] = first
    if not replaced:
        return spans
    _point_anew(list(kept.values()), replaced, ledger)
    shared = {position for span in kept.values() for position in span.items}
    for span in spans:
        if id(span) in replaced:
            message = f"{', '.join(span.labels)} {span.start}..{span.end} occurs twice in layer {span.layer}"
            for position in span.items:
                if position not in shared:
                    ledger.quarantine(position, "duplicate-region", message, span.region_id)
    return list(kept.values())


def _classes(spans: list[Span]) -> dict[int, int]:
    """Return a number for each span, the same for identical spans.

    These have the same place and attributes, and the same relations to identical spans. So two events of one trigger
    differ if their arguments do, at any depth.
    """
    found = {id(span): number for span, number in zip(spans, _numbered(span.content() for span in spans), strict=True)}
    known = 0
    while len({*found.values()}) > known:
        known = len({*found.values()})
        keys = [
            (found[id(span)], *sorted((link.name, found.get(id(link.target), -1)) for link in span.links))
            for span in spans
        ]
        found = {id(span): number for span, number in zip(spans, _numbered(keys), strict=True)}
    return found


def _numbered(keys: Iterable[Any]) -> list[int]:
    numbers: dict[Any, int] = {}
    return [numbers.setdefault(key, len(numbers)) for key in keys]


def _point_anew(kept: list[Span], replaced: dict[int, Span], ledger: Ledger) -> None:
    """Redirect relations from a dropped span to the kept one, and quarantine relations that become duplicates."""
    for span in kept:
        drawn: dict[tuple[str, int], SpanRelation] = {}
        for link in span.links:
            link.target = replaced.get(id(link.target), link.target)
            same = drawn.setdefault((link.name, id(link.target)), link)
            if same is not link and same.item != link.item:
                message = f"relation {link.name} occurs twice between the same regions"
                ledger.quarantine(link.item, "duplicate-relation", message, span.region_id)
                span.items.remove(link.item)
        span.links = list(drawn.values())


def draw_links(
    context: CorpusSpec, by_region: dict[str | None, list[Span]], items: list[tuple[int, Item]], ledger: Ledger
) -> None:
    """Add each relation to its source span; quarantine relation items that cannot be added.

    `direction` "left" means that the relation goes from `to_id` to `from_id`. "bi" is read in the order that the
    codebook allows.
    """
    for position, item in items:
        links = _links(context, by_region, item, position)
        if isinstance(links, Rejection):
            ledger.quarantine(position, links.code, links.message, _text(item.from_id))
            continue
        new = [(source, link) for source, link in links if not _drawn(source, link)]
        if not new:
            message = f"relation {links[0][1].name} occurs twice between the same regions"
            ledger.quarantine(position, "duplicate-relation", message, links[0][0].region_id)
        for source, link in new:
            source.links.append(link)
            source.items.append(position)


def _drawn(source: Span, link: SpanRelation) -> bool:
    return any(old.name == link.name and old.target is link.target for old in source.links)


def _links(
    context: CorpusSpec, by_region: dict[str | None, list[Span]], item: Item, position: int
) -> list[tuple[Span, SpanRelation]] | Rejection:
    ends = (_text(item.from_id), _text(item.to_id))
    if ends[0] not in by_region or ends[1] not in by_region:
        missing = [repr(end) for end in ends if end not in by_region]
        return Rejection(
            "dangling-relation",
            f"region {' and '.join(missing)} {_UNUSABLE}",
        )
    direction = item.direction or "right"
    if direction not in ("left", "right", "bi"):
        return Rejection("unknown-relation", f"direction is {direction!r}; expected left, right or bi")
    sources, targets = by_region[ends[0]], by_region[ends[1]]
    orders = [(sources, targets)] if direction != "left" else [(targets, sources)]
    if direction == "bi":
        orders.append((targets, sources))
    links: list[tuple[Span, SpanRelation]] = []
    for label in dict.fromkeys(item.labels or [None]):  # type: ignore[list-item]  # a relation without a label
        drawn = _match(context, *orders[0], label) or (_match(context, *orders[1], label) if orders[1:] else None)
        if drawn is None:
            return Rejection("unknown-relation", _unknown(context, label, sources, targets, direction))
        source, name, target = drawn
        links.append((source, SpanRelation(name, direction, target, position)))
    return links


def _match(
    context: CorpusSpec, sources: list[Span], targets: list[Span], label: str | None
) -> tuple[Span, str, Span] | None:
    """Return the only pair of spans between which the codebook allows a relation with this label; else None."""
    matches: list[tuple[Span, str, Span]] = []
    for source in sources:
        name = context.relation_names[source.layer].get(label)
        if name is not None:
            allowed = context.codebook.layers[source.layer].relations[name].to
            matches += [(source, name, target) for target in targets if target.layer in allowed]
    return matches[0] if len(matches) == 1 else None


def _unknown(context: CorpusSpec, label: str | None, sources: list[Span], targets: list[Span], direction: str) -> str:
    what = "a relation without label" if label is None else f"relation {label!r}"
    ends = f"{'/'.join(span.layer for span in sources)} and {'/'.join(span.layer for span in targets)}"
    known = sorted(
        {f"{name} -> {'/'.join(r.to)}" for s in (*sources, *targets)
         for name, r in context.codebook.layers[s.layer].relations.items()}
    )  # fmt: skip
    if len(sources) > 1 or len(targets) > 1:
        return f"{what} (direction {direction}) is ambiguous: its regions have labels in several layers ({ends})"
    labels = {key for s in (*sources, *targets) for key in context.relation_names[s.layer] if key is not None}
    hint = did_you_mean(label or "", sorted(labels - {label or ""}))
    allowed = ", ".join(known) or "no relation here"
    return f"{what} (direction {direction}) between {ends}; the codebook allows {allowed}{hint}"


def _text(value: str | int | None) -> str | None:
    return None if value is None else str(value)
