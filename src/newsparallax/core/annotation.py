"""One annotation -> spans with their values and arrows, and values about the article."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .codebook import Attribute, attribute_applies
from .context import LABEL_TYPES, VALUE_TYPES, Context
from .decode import BadItem, DecodedAnnotation
from .regions import find_spans, region
from .relations import draw_links
from .spans import Ledger, Link, Marked, Shown, Span, Where
from .task import Item
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
    marking, valued, arrows = _told_apart(context, found, ledger)
    spans, unquoted = find_spans(context, texts, marking, ledger)
    by_region: dict[str | None, list[Span]] = {}  # a region without an id is none to which anything could belong
    for span in spans:
        if span.region_id is not None:
            by_region.setdefault(span.region_id, []).append(span)
    document: dict[tuple[str | None, str], Any] = {}
    shared = context.shared_controls
    regions = {region(item) for _, item in marking} if shared else set()
    for position, item in valued:
        if _attach_plainly(context, by_region, position, item):
            continue
        uses = context.attributes_of_control.get(item.from_name or "")
        about_article = item.from_name in shared and region(item) not in regions - {None}
        if uses is not None and not about_article:
            _attach(context, by_region, uses, position, item, ledger)
        elif item.from_name in context.document_of_control:
            _put_document(context, document, position, item, ledger)
    draw_links(context, by_region, arrows, ledger)
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


def _told_apart(
    context: Context, found: DecodedAnnotation, ledger: Ledger
) -> tuple[list[tuple[int, Item]], list[tuple[int, Item]], list[tuple[int, Item]]]:
    """The items, with their positions, that mark regions, that give values, and that are arrows."""
    marking: list[tuple[int, Item]] = []
    valued: list[tuple[int, Item]] = []
    arrows: list[tuple[int, Item]] = []
    layers, fields = context.layer_of_control, context.value_controls
    for position, item in enumerate(found.items):
        if isinstance(item, BadItem):
            ledger.quarantine(position, item.code, item.message)
            continue
        name = item.from_name
        if name in fields:
            valued.append((position, item))
        if name in layers:
            marking.append((position, item))
        if item.type == "relation":
            arrows.append((position, item))
        elif name not in fields and name not in layers:
            _unknown_control(item, position, ledger)
    return marking, valued, arrows


def _unknown_control(item: Item, position: int, ledger: Ledger) -> None:
    """Put an item that no layer, attribute or document layer reads aside, by name."""
    name = item.from_name or ""
    if item.type is not None and item.type not in (*LABEL_TYPES, *VALUE_TYPES):
        message = f"control {name!r} is of the kind {item.type!r}"
        ledger.quarantine(position, "unsupported-control", message, region(item))
    elif not name:
        ledger.quarantine(position, "unknown-control", "the item names no control (`from_name`)", region(item))
    else:
        ledger.quarantine(position, "unknown-control", f"no layer or attribute has the control {name!r}", region(item))


def _attach_plainly(context: Context, by_region: dict[str | None, list[Span]], position: int, item: Item) -> bool:
    """Put a value on its span if nothing is to be said about it, as of nearly all; `_attach` comes to the same."""
    spans = by_region.get(item.id)  # type: ignore[arg-type]  # a number is the id of no region here
    if spans is None or len(spans) > 1:
        return False
    span = spans[0]
    use = context.only_attribute.get((item.from_name, span.layer))
    if use is None or use[0] in span.attributes:
        return False
    key, attribute = use
    if attribute.labels and not attribute_applies(attribute, span.labels):
        return False
    value = parse_value(attribute, item.value, context.entities)
    if value is None or type(value) is Refused:
        return False
    span.attributes[key] = value
    span.items.append(position)
    return True


def _attach(
    context: Context,
    by_region: dict[str | None, list[Span]],
    uses: dict[str, list[tuple[str, Attribute]]],
    position: int,
    item: Item,
    ledger: Ledger,
) -> None:
    """Put a per-region value on its span, found by the region's id; `uses` has what its control means, by layer."""
    refused: Refused | None = None
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
        message = f"{item.from_name!r} belongs to region {name!r}, which is not among the accepted ones of its layer"
        refused = refused or Refused("orphan-attribute", message)
        ledger.quarantine(position, refused.code, refused.message, name)


def _set(context: Context, span: Span, key: str, attribute: Attribute, item: Item) -> Refused | None:
    """Set an attribute of a span, or say why not."""
    if attribute.labels and not attribute_applies(attribute, span.labels):
        return Refused("inapplicable-attribute", f"{key} does not go with {', '.join(span.labels)}")
    value = parse_value(attribute, item.value, context.entities)
    if isinstance(value, Refused):
        return Refused(value.code, f"{key}: {value.message}")
    if span.attributes.get(key) is not None:
        return Refused("duplicate-value", f"{key} is given twice")
    span.attributes[key] = value
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
