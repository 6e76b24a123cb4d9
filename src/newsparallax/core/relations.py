"""Relation items -> arrows between accepted spans."""

from __future__ import annotations

from typing import NamedTuple

from .context import Context
from .spans import Ledger, Link, Span
from .task import Item


class _Refused(NamedTuple):
    code: str
    message: str


def draw_links(
    context: Context, by_region: dict[str | None, list[Span]], items: list[tuple[int, Item]], ledger: Ledger
) -> None:
    """Draw the arrow of every relation item on the span that it starts from; what cannot be drawn goes to the ledger.

    `direction` "left" means that the arrow was drawn against the order of `from_id` and `to_id`; "bi" is read in the
    order in which the codebook knows it.
    """
    for position, item in items:
        links = _links(context, by_region, item, position)
        if isinstance(links, _Refused):
            ledger.quarantine(position, links.code, links.message, _text(item.from_id))
            continue
        new = [(source, link) for source, link in links if not _drawn(source, link)]
        if not new:
            message = f"{links[0][1].name} is drawn twice between the same regions"
            ledger.quarantine(position, "duplicate-relation", message, links[0][0].region_id)
        for source, link in new:
            source.links.append(link)
            source.items.append(position)


def _drawn(source: Span, link: Link) -> bool:
    return any(old.name == link.name and old.target is link.target for old in source.links)


def _links(
    context: Context, by_region: dict[str | None, list[Span]], item: Item, position: int
) -> list[tuple[Span, Link]] | _Refused:
    ends = (_text(item.from_id), _text(item.to_id))
    if ends[0] not in by_region or ends[1] not in by_region:
        missing = [repr(end) for end in ends if end not in by_region]
        return _Refused("dangling-relation", f"region {' and '.join(missing)} is not among the accepted ones")
    direction = item.direction or "right"
    if direction not in ("left", "right", "bi"):
        return _Refused("unknown-relation", f"expected the direction left, right or bi, found {direction!r}")
    sources, targets = by_region[ends[0]], by_region[ends[1]]
    orders = [(sources, targets)] if direction != "left" else [(targets, sources)]
    if direction == "bi":
        orders.append((targets, sources))
    links: list[tuple[Span, Link]] = []
    for label in dict.fromkeys(item.labels or [None]):  # type: ignore[list-item]  # an arrow without a label
        drawn = _match(context, *orders[0], label) or (_match(context, *orders[1], label) if orders[1:] else None)
        if drawn is None:
            return _Refused("unknown-relation", _unknown(context, label, sources, targets, direction))
        source, name, target = drawn
        links.append((source, Link(name, direction, target, position)))
    return links


def _match(
    context: Context, sources: list[Span], targets: list[Span], label: str | None
) -> tuple[Span, str, Span] | None:
    """The one pair of spans between which the codebook knows an arrow with this label; None if none or several."""
    found: list[tuple[Span, str, Span]] = []
    for source in sources:
        name = context.relation_names[source.layer].get(label)
        if name is not None:
            allowed = context.codebook.layers[source.layer].relations[name].to
            found += [(source, name, target) for target in targets if target.layer in allowed]
    return found[0] if len(found) == 1 else None


def _unknown(context: Context, label: str | None, sources: list[Span], targets: list[Span], direction: str) -> str:
    what = "an arrow without label" if label is None else f"an arrow {label!r}"
    ends = f"{'/'.join(span.layer for span in sources)} and {'/'.join(span.layer for span in targets)}"
    known = sorted(
        {f"{name} -> {'/'.join(r.to)}" for s in (*sources, *targets)
         for name, r in context.codebook.layers[s.layer].relations.items()}
    )  # fmt: skip
    if len(sources) > 1 or len(targets) > 1:
        return f"{what} ({direction}) is ambiguous: its regions have labels in several layers ({ends})"
    return f"{what} ({direction}) between {ends}; the codebook knows {', '.join(known) or 'none here'}"


def _text(value: str | int | None) -> str | None:
    return None if value is None else str(value)
