"""One annotation -> spans with their values and arrows, and values about the article."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .codebook import Attribute, attribute_applies
from .context import LABEL_TYPES, VALUE_TYPES, Context
from .decode import BadItem, DecodedAnnotation, Item
from .regions import find_spans, region
from .relations import draw_links
from .spans import Ledger, Link, Marked, Shown, Span, Where
from .values import Refused, parse_value


def convert_annotation(
    context: Context,
    texts: dict[str, Shown],
    found: DecodedAnnotation,
    where: Where,
    raw: Callable[[], list[Any]],
) -> Marked:
    """Convert an annotation that is not cancelled; every one of its items ends in the ledger.

    `texts` are the article's texts by name (empty if there is none); `raw` gives the items as they stand, for
    the record.
    """
    ledger = Ledger(len(found.items), where, raw)
    items: list[tuple[int, Item]] = []
    for position, item in enumerate(found.items):
        if isinstance(item, BadItem):
            ledger.quarantine(position, item.code, item.message)
        elif _known_control(context, item, position, ledger):
            items.append((position, item))
    spans, unquoted = find_spans(context, texts, items, ledger)
    by_region: dict[str, list[Span]] = {}
    for span in spans:
        if span.region_id is not None:
            by_region.setdefault(span.region_id, []).append(span)
    regions = {region(item) for _, item in items if item.from_name in context.layer_of_control}
    document: dict[tuple[str | None, str], Any] = {}
    for position, item in items:
        if item.from_name in context.attributes_of_control and not _about_article(context, item, regions):
            _attach(context, by_region, position, item, ledger)
        elif item.from_name in context.document_of_control:
            _put_document(context, document, position, item, ledger)
    draw_links(context, by_region, [entry for entry in items if entry[1].type == "relation"], ledger)
    return Marked(
        annotation_id=found.id or found.unique_id or f"{where.task_id or where.article_id}-{found.place}",
        annotator=context.annotator(found.completed_by),
        editor=None if found.updated_by is None else context.annotator(found.updated_by),
        ground_truth=found.ground_truth,
        task_id=where.task_id,
        where=where,
        spans=_without_duplicates(spans, ledger),
        document=document,
        ledger=ledger,
        without_quote=unquoted,
    )


def _known_control(context: Context, item: Item, position: int, ledger: Ledger) -> bool:
    """Whether some layer, attribute or document layer reads the item; otherwise it goes to the ledger by name."""
    if item.type == "relation":
        return True
    name = item.from_name or ""
    if name in context.layer_of_control or name in context.attributes_of_control or name in context.document_of_control:
        return True
    if item.type is not None and item.type not in (*LABEL_TYPES, *VALUE_TYPES):
        ledger.quarantine(
            position, "unsupported-control", f"control {name!r} is of the kind {item.type!r}", region(item)
        )
    elif not name:
        ledger.quarantine(position, "unknown-control", "the item names no control (`from_name`)", region(item))
    else:
        ledger.quarantine(position, "unknown-control", f"no layer or attribute has the control {name!r}", region(item))
    return False


def _about_article(context: Context, item: Item, regions: set[str | None]) -> bool:
    """Whether an item of a control that serves both regions (accepted or not) and articles is about the article."""
    return item.from_name in context.document_of_control and region(item) not in regions - {None}


def _attach(context: Context, by_region: dict[str, list[Span]], position: int, item: Item, ledger: Ledger) -> None:
    """Put a per-region value on its span, found by the region's id."""
    name = region(item)
    uses = context.attributes_of_control[item.from_name or ""]
    spans = by_region.get(name, []) if name is not None else []
    targets = [(span, key, use) for span in spans for layer, key, use in uses if layer == span.layer]
    if not targets:
        message = f"{item.from_name!r} belongs to region {name!r}, which is not among the accepted ones of its layer"
        ledger.quarantine(position, "orphan-attribute", message, name)
        return
    refused = [found for target in targets if (found := _set(context, *target, position, item))]
    if len(refused) == len(targets):
        ledger.quarantine(position, refused[0].code, refused[0].message, name)


def _set(context: Context, span: Span, key: str, attribute: Attribute, position: int, item: Item) -> Refused | None:
    """Set an attribute of a span, or say why not."""
    if not attribute_applies(attribute, span.labels):
        return Refused("inapplicable-attribute", f"{key} does not go with {', '.join(span.labels)}")
    value = parse_value(attribute, item.value, context.entities)
    if isinstance(value, Refused):
        return Refused(value.code, f"{key}: {value.message}")
    if span.attributes.get(key) is not None:
        return Refused("duplicate-value", f"{key} is given twice")
    span.attributes[key] = value
    span.items.append(position)
    return None


def _put_document(
    context: Context, document: dict[tuple[str | None, str], Any], position: int, item: Item, ledger: Ledger
) -> None:
    name, layer = context.document_of_control[item.from_name or ""]
    value = parse_value(layer, item.value, context.entities)
    text = layer.text or (item.to_name if item.to_name in context.codebook.texts else context.codebook.main_text)
    place = (text, name)
    if layer.text and item.to_name in context.codebook.texts and item.to_name != layer.text:
        message = f"{name} is about {item.to_name!r}, expected {layer.text!r}"
        ledger.quarantine(position, "wrong-text", message, region(item))
    elif isinstance(value, Refused):
        ledger.quarantine(position, value.code, f"{name}: {value.message}", region(item))
    elif document.get(place) is not None:
        ledger.quarantine(position, "duplicate-value", f"{name} is given twice for the article", region(item))
    else:
        document[place] = value


def _without_duplicates(spans: list[Span], ledger: Ledger) -> list[Span]:
    """Of spans that are the same in everything, the first; arrows to the others point to it."""
    if len({span.place() for span in spans}) == len(spans):
        return spans
    kept: dict[tuple[Any, ...], Span] = {}
    replaced: dict[int, Span] = {}
    for span in spans:
        first = kept.setdefault(span.content(), span)
        if first is not span:
            replaced[id(span)] = first
    if not replaced:
        return spans
    _point_anew(list(kept.values()), replaced, ledger)
    shared = {position for span in kept.values() for position in span.items}
    for span in spans:
        if id(span) in replaced:
            message = f"{', '.join(span.labels)} {span.start}..{span.end} is marked twice in layer {span.layer}"
            for position in span.items:
                if position not in shared:
                    ledger.quarantine(position, "duplicate-region", message, span.region_id)
    return list(kept.values())


def _point_anew(kept: list[Span], replaced: dict[int, Span], ledger: Ledger) -> None:
    """Let arrows to a dropped span point to the one that was kept; what becomes the same arrow twice is told."""
    for span in kept:
        drawn: dict[tuple[str, int], Link] = {}
        for link in span.links:
            link.target = replaced.get(id(link.target), link.target)
            same = drawn.setdefault((link.name, id(link.target)), link)
            if same is not link and same.item != link.item:
                message = f"{link.name} is drawn twice between the same regions"
                ledger.quarantine(link.item, "duplicate-relation", message, span.region_id)
                span.items.remove(link.item)
        span.links = list(drawn.values())
