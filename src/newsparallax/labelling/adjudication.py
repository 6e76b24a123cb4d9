"""Several annotations of an article -> what they agree on, and what an adjudicator has to decide.

Agreed is a span that every annotator has, with the same offsets and labels; of its values and arrows those that all
gave. What some have and others have not is a dispute: a stretch of text, or a value or an arrow of an agreed span.
Disputed spans are not proposed, since a proposal that nobody looks at would become gold; each is shown with who says
what.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple
from xml.etree.ElementTree import SubElement, fromstring, indent, tostring

from .context import Context
from .exchange import REVIEW
from .gold import person
from .ids import short_hash
from .spans import Marked, Span

LABEL = "DISPUTED"
NOTHING = "nothing"
_COLOUR = "#d00000"

Place = tuple[str, str, int, int, tuple[str, ...]]
Key = tuple[Place, int]
Items = list[dict[str, Any]]


class Dispute(NamedTuple):
    """A stretch `[start, end)` of a text (code points) that annotators mark differently; `says`: annotator -> what."""

    text_name: str
    start: int
    end: int
    quote: str
    what: str
    says: dict[str, str]

    def line(self) -> str:
        """The dispute on one line."""
        place = f"{self.start}-{self.end} “{' '.join(self.quote.split())}” " if self.end else ""
        return f"{place}{self.what} · {self.said()}"

    def said(self) -> str:
        """Who says what."""
        return "; ".join(f"{name}: {what}" for name, what in self.says.items())


class Review(NamedTuple):
    """What an adjudicator begins with: the agreed items, and the disputes in order of the text."""

    items: Items
    disputes: list[Dispute]


def to_review(marked: list[Marked], adjudicators: set[str], *, named: bool) -> list[Marked]:
    """The annotations to be adjudicated, the last one of each annotator; none where there is nothing to decide.

    The passes of humans where there are two or more of them, else everybody's but the adjudicators'. An article with a
    starred annotation is decided, unless it is `named`, or only models have decided and a human has worked since.
    """
    passes = {
        person(found): found for found in marked if not found.ground_truth and found.annotator.name not in adjudicators
    }
    humans = {name: found for name, found in passes.items() if found.annotator.kind == "human"}
    starred = [found for found in marked if found.ground_truth]
    decided = starred and (not humans or any(found.annotator.kind == "human" for found in starred))
    if decided and not named:
        return []
    chosen = humans if len(humans) > 1 else passes
    return [chosen[name] for name in sorted(chosen)] if len(chosen) > 1 else []


def review(context: Context, marked: list[Marked], texts: dict[str, str]) -> Review:
    """Compare annotations of one article by different annotators; `texts` are its texts by name."""
    groups: dict[Key, dict[str, Span]] = {}
    for found in marked:
        for key, span in _keyed(found.spans):
            groups.setdefault(key, {})[person(found)] = span
    names = [person(found) for found in marked]
    agreed = {key: group for key, group in groups.items() if len(group) == len(marked)}
    places = {key[0] for key in agreed}
    items: Items = []
    disputes = list(_disputed_spans(names, [group for key, group in groups.items() if key not in agreed], texts))
    for group in agreed.values():
        values = {name: _said_of(group, name) for name in _attributes(group)}
        arrows = {name: {who: _targets(span, name) for who, span in group.items()} for name in _relations(group)}
        kept = {name for name, said in values.items() if len(set(said.values())) == 1}
        items += _agreed_items(context, group[names[0]], marked[0], kept, _common_arrows(group, places))
        span = group[names[0]]
        for name, said in {**{n: v for n, v in values.items() if n not in kept}, **_differing(arrows, texts)}.items():
            text = texts[span.text_name][span.start : span.end]
            disputes.append(Dispute(span.text_name, span.start, span.end, text, f"{span.layer} {name}", said))
    document, differing = _about_article(context, marked)
    order = {name: number for number, name in enumerate(context.codebook.texts)}
    disputes.sort(key=lambda one: (order.get(one.text_name, -1), one.start, one.end, one.what))
    items = sorted(items + document, key=lambda item: item.get("type") == "relation")  # both its ends come first
    return Review(items, [*differing, *disputes])


def dispute_items(found: Review, context: Context) -> Items:
    """The disputes about plain text as regions of a control of their own, so that they are seen in it."""
    stretches: dict[tuple[str, int, int], list[Dispute]] = {}
    for one in found.disputes:
        text = context.codebook.texts.get(one.text_name)
        if one.end and text and text.kind == "plain":
            stretches.setdefault((one.text_name, one.start, one.end), []).append(one)
    return [
        {
            "id": f"d-{short_hash(name, start, end)[:10]}",
            "from_name": REVIEW,
            "to_name": name,
            "type": "labels",
            "origin": "prediction",
            "value": {"start": start, "end": end, "text": ones[0].quote, "labels": [LABEL]},
            "meta": {"text": [f"{one.what} · {one.said()}" for one in ones]},
        }
        for (name, start, end), ones in stretches.items()
    ]


def review_config(config: str, context: Context) -> str:
    """The labelling configuration of `context`'s codebook, with the disputes above the first text and in it."""
    root = fromstring(config)
    names = [name for name, text in context.codebook.texts.items() if text.kind == "plain"]
    view = root.find(".//View")
    parent = root if view is None else view
    for name in names[:1]:
        labels = SubElement(parent, "Labels", {"name": REVIEW, "toName": name, "showInline": "true"})
        hint = "decide it with the labels of the layers, then delete this mark"
        SubElement(labels, "Label", {"value": LABEL, "background": _COLOUR, "hint": hint})
        parent.remove(labels)
        parent.insert(0, labels)
    listed = SubElement(root, "View", {"style": "max-height: 20vh; overflow-y: auto; white-space: pre-wrap"})
    SubElement(listed, "Text", {"name": f"{REVIEW}_list", "value": f"${REVIEW}"})
    root.remove(listed)
    root.insert(1, listed)  # behind the style
    indent(root)
    return tostring(root, encoding="unicode") + "\n"


def _keyed(spans: list[Span]) -> Iterator[tuple[Key, Span]]:
    """Spans by their place; several of one annotator at the same place are told apart by their order of content."""
    seen: Counter[Place] = Counter()
    for span in sorted(spans, key=lambda span: repr(span.content())):
        yield (span.place(), seen[span.place()]), span
        seen[span.place()] += 1


def _disputed_spans(names: list[str], groups: list[dict[str, Span]], texts: dict[str, str]) -> Iterator[Dispute]:
    """Stretches in which spans of a layer overlap that not all have."""
    spans = [(span, who) for group in groups for who, span in group.items()]
    spans.sort(key=lambda entry: (entry[0].layer, entry[0].text_name, entry[0].start, entry[0].end, entry[1]))
    clusters: list[list[tuple[Span, str]]] = []
    for span, who in spans:
        last = clusters[-1][0][0] if clusters else None
        end = max(other.end for other, _ in clusters[-1]) if clusters else 0
        if last and (last.layer, last.text_name) == (span.layer, span.text_name) and span.start < end:
            clusters[-1].append((span, who))
        else:
            clusters.append([(span, who)])
    for cluster in clusters:
        first = cluster[0][0]
        end = max(span.end for span, _ in cluster)
        said = {
            name: ", ".join(_shown(span, texts) for span, who in cluster if who == name) or NOTHING for name in names
        }
        stretch = texts[first.text_name][first.start : end]
        yield Dispute(first.text_name, first.start, end, stretch, first.layer, said)


def _shown(span: Span, texts: dict[str, str]) -> str:
    return f"{'+'.join(span.labels)} “{' '.join(texts[span.text_name][span.start : span.end].split())}”"


def _attributes(group: dict[str, Span]) -> list[str]:
    return sorted({name for span in group.values() for name in span.attributes})


def _relations(group: dict[str, Span]) -> list[str]:
    return sorted({link.name for span in group.values() for link in span.links})


def _said_of(group: dict[str, Span], attribute: str) -> dict[str, str]:
    return {who: _text(span.attributes.get(attribute)) for who, span in group.items()}


def _text(value: Any) -> str:
    """A value as an adjudicator reads it."""
    if isinstance(value, list):
        return ", ".join(sorted(map(str, value)))
    return NOTHING if value is None else str(value)


def _targets(span: Span, relation: str) -> frozenset[Place]:
    return frozenset(link.target.place() for link in span.links if link.name == relation)


def _common_arrows(group: dict[str, Span], places: set[Place]) -> set[tuple[str, Place]]:
    """The arrows between agreed spans that everybody drew."""
    drawn = [{(link.name, link.target.place()) for link in span.links} for span in group.values()]
    return {arrow for arrow in set.intersection(*drawn) if arrow[1] in places}


def _differing(arrows: dict[str, dict[str, frozenset[Place]]], texts: dict[str, str]) -> dict[str, dict[str, str]]:
    return {
        f"arrow {name}": {
            who: ", ".join(f"“{texts[text][start:end]}”" for _, text, start, end, _ in sorted(targets)) or NOTHING
            for who, targets in said.items()
        }
        for name, said in arrows.items()
        if len(set(said.values())) > 1
    }


def _agreed_items(
    context: Context, span: Span, found: Marked, kept: set[str], arrows: set[tuple[str, Place]]
) -> Iterator[dict[str, Any]]:
    """The items of an agreed span as `found` has them: its region, and of its values and arrows what all say."""
    raw = found.ledger.items()
    links = {link.item: (link.name, link.target.place()) for link in span.links}
    region, *rest = span.items
    yield _proposed(raw[region] if span.repair is None else _moved(raw[region], span))
    for position in rest:
        if position in links:
            if links[position] in arrows:
                yield raw[position]
        elif _attribute(context, span, raw[position]) in kept:
            item = raw[position]
            yield _proposed(item if span.repair is None else _moved(item, span))


def _attribute(context: Context, span: Span, item: dict[str, Any]) -> str | None:
    uses = context.attributes_of_control.get(item.get("from_name", ""), {}).get(span.layer, [])
    return next((key for key, _ in uses), None)


def _moved(item: dict[str, Any], span: Span) -> dict[str, Any]:
    """An item of a region whose offsets were repaired, with the repaired ones."""
    return {**item, "value": {**item["value"], "start": span.start, "end": span.end}}


def _proposed(item: dict[str, Any]) -> dict[str, Any]:
    return {**item, "origin": "prediction"}


def _about_article(context: Context, marked: list[Marked]) -> tuple[Items, list[Dispute]]:
    """The values about the whole article that all gave, and those that differ."""
    agreed: set[str] = set()
    disputes = []
    for text, name in sorted({place for found in marked for place in found.document}, key=repr):
        said = {person(found): _text(found.document.get((text, name))) for found in marked}
        if len(set(said.values())) == 1:
            agreed.add(name)
        else:
            disputes.append(Dispute(text or "", 0, 0, "", name, said))
    first = marked[0].ledger
    own = {position for span in marked[0].spans for position in span.items} | first.quarantined.keys()
    items = [
        _proposed(item)
        for position, item in enumerate(first.items())
        if position not in own and context.document_of_control.get(item.get("from_name", ""), ("",))[0] in agreed
    ]
    return items, disputes
