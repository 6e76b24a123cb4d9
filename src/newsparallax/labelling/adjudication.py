"""Adjudication: send disputed articles to a Label Studio project, where an adjudicator decides.

`pull` fetches the annotations that the adjudicator starred.

The module compares several annotations of an article. A span is agreed if every annotator has it with the same offsets
and labels. An attribute value or a relation of an agreed span is agreed if all annotators gave it. Everything else that
only some annotators have is a dispute: a stretch of text, or a value or a relation of an agreed span. Different words
for a free text, such as a summary, are no dispute: the adjudicator sees all of them and starts with the first one.

Agreed items are sent as a prediction. Disputed spans are not, because a proposal that nobody checks would become gold.
Instead, each dispute is shown with what each annotator says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from xml.etree.ElementTree import SubElement, fromstring, indent, tostring

from msgspec import structs

from ..agreement import Sides, pair_up
from ..building import Progress
from ..convert import ConvertedAnnotation, Span, Unit, convert_article, newest_of_each, unit_tasks
from ..corpus import CorpusFolder, CorpusSpec, Layer
from ..ids import short_hash
from ..render import guidelines_html, render_guidelines, render_label_config
from .client import PART, Studio
from .exchange import REVIEW, Outgoing, data_digest
from .projects import review_title, set_up
from .pushing import Delivered, Delivery, chosen_units, parts, task_of

AGREED = "what the annotators agree on"
HEAD = """<p><b>Adjudication.</b> Spans on which the annotators agree are already marked. Each span with the
label DISPUTED, and each line of the list above the text, is a place where they differ. Decide it by the guidelines,
then delete the span DISPUTED. When no DISPUTED span is left, submit, and star your annotation as ground truth.</p>
"""


class Sent(NamedTuple):
    """Result of `send_reviews`: project id, what was done with it, the tasks, and the number of their disputes."""

    project: int
    setting: str
    tasks: Delivered
    disputes: int


def send_reviews(
    folder: CorpusFolder,
    studio: Studio,
    say: Callable[[str], None],
    *,
    articles: list[str],
    force: bool,
    progress: Progress | None,
) -> Sent | None:
    """Send the articles that several annotators annotated and nobody decided; those in `articles` even if decided.

    Return None if there is nothing to adjudicate. Raises the same errors as `push`.
    """
    context = folder.context
    chosen, folder = chosen_units(folder, articles)
    units = list(_reviews(folder, chosen, named=bool(articles)))
    if not units:
        return None
    config = review_config(render_label_config(context.codebook, context.entities), context)
    instructions = HEAD + guidelines_html(render_guidelines(context.codebook, context.entities))
    title = review_title(context.corpus.name)
    project, setting = set_up(studio, title, config, instructions, say, overlap=1, force=force)
    delivery = Delivery(folder, studio, project, say)
    delivered = delivery.tasks((task for task, _ in units), len(units), progress)
    ids = {article: task.id for article, task in delivery.there().items()}
    current = [(task, reviewed) for task, reviewed in units if task.article_id not in delivered.stale]
    for part in parts(current, PART):
        there = [(ids[task.article_id], reviewed) for task, reviewed in part if task.article_id in ids]
        delivery.predictions(
            {(task, AGREED): [*reviewed.items, *dispute_items(reviewed, context)] for task, reviewed in there}
        )
    if current:
        delivery.begin_with(AGREED)
    return Sent(project, setting, delivered, sum(len(reviewed.disputes) for _, reviewed in units))


def _reviews(folder: CorpusFolder, units: list[Unit], *, named: bool) -> Iterator[tuple[Outgoing, Review]]:
    """Yield the articles to adjudicate, each as a task that lists its disputes."""
    annotators = folder.context.annotators
    adjudicators = {name for name, annotator in annotators.items() if annotator.role == "adjudicator"}
    for unit in units:
        tasks = unit_tasks(folder.exports, unit)
        task = task_of(folder, unit, tasks)
        converted = convert_article(folder.context, unit.article_id, tasks, folder.read_bytes)
        marked = to_review(converted.marked, adjudicators, named=named)
        if task is None or not marked:
            continue
        texts = {name: shown.index.text for name, shown in converted.texts.items()}
        reviewed = review(folder.context, marked, texts)
        names = ", ".join(entry.person for entry in marked)
        what = "dispute" if len(reviewed.disputes) == 1 else "disputes"
        lines = [f"{len(reviewed.disputes)} {what} between {names}", *(entry.line() for entry in reviewed.disputes)]
        if reviewed.notes:
            lines += ["Free texts in different words; the first one is filled in:"]
            lines += [entry.line() for entry in reviewed.notes]
        data = {**task.data, REVIEW: "\n".join(lines)}
        yield Outgoing(task.article_id, data, structs.replace(task.mark, sha256=data_digest(data))), reviewed


LABEL = "DISPUTED"
NOTHING = "nothing"
_COLOUR = "#d00000"

Place = tuple[str, str, int, int, tuple[str, ...]]
Key = tuple[Place, int]
Items = list[dict[str, Any]]


class Dispute(NamedTuple):
    """A stretch `[start, end)` of a text (code points) that annotators mark differently.

    `says` maps each annotator to what they mark there.
    """

    text_name: str
    start: int
    end: int
    quote: str
    what: str
    says: dict[str, str]

    def line(self) -> str:
        """Return the dispute as one line."""
        place = f"{self.start}-{self.end} “{' '.join(self.quote.split())}” " if self.end else ""
        return f"{place}{self.what} · {self.said()}"

    def said(self) -> str:
        """Return what each annotator says."""
        return "; ".join(f"{name}: {what}" for name, what in self.says.items())


class Review(NamedTuple):
    """What an adjudicator starts with: the agreed items, and the disputes in text order.

    `notes` has free texts that all annotators gave in different words; of these, `items` has the first annotator's.
    """

    items: Items
    disputes: list[Dispute]
    notes: list[Dispute]


def to_review(marked: list[ConvertedAnnotation], adjudicators: set[str], *, named: bool) -> list[ConvertedAnnotation]:
    """Return the annotations to adjudicate, the newest one of each annotator.

    The list is empty if there is nothing to decide.

    If two or more humans annotated the article, these are the humans' annotations. Otherwise they are the annotations
    of everybody except the adjudicators. An article with a starred annotation counts as decided. Exceptions: the
    article is `named`, or only models decided it and a human has annotated it since.
    """
    passes = {
        annotation.person: annotation
        for annotation in newest_of_each(annotation for annotation in marked if not annotation.ground_truth)
        if annotation.annotator.name not in adjudicators
    }
    humans = {name: annotation for name, annotation in passes.items() if annotation.annotator.kind == "human"}
    starred = [annotation for annotation in marked if annotation.ground_truth]
    decided = starred and (not humans or any(annotation.annotator.kind == "human" for annotation in starred))
    if decided and not named:
        return []
    chosen = humans if len(humans) > 1 else passes
    return [chosen[name] for name in sorted(chosen)] if len(chosen) > 1 else []


def review(context: CorpusSpec, marked: list[ConvertedAnnotation], texts: dict[str, str]) -> Review:
    """Compare annotations of one article by different annotators; `texts` maps text names to texts."""
    groups = _groups(marked)
    names = [annotation.person for annotation in marked]
    agreed = {key: group for key, group in groups.items() if len(group) == len(marked)}
    places = {key[0] for key in agreed}
    items: Items = []
    disputes = list(_disputed_spans(names, [group for key, group in groups.items() if key not in agreed], texts))
    notes: list[Dispute] = []
    for group in agreed.values():
        values = {name: _said_of(group, name) for name in _attributes(group)}
        arrows = {name: {who: _targets(span, name) for who, span in group.items()} for name in _relations(group)}
        layer = context.codebook.layers[group[names[0]].layer]
        same = {name for name, said in values.items() if len(set(said.values())) == 1}
        kept = same | {name for name, said in values.items() if _is_note(layer, name, said)}
        items += _agreed_items(context, group[names[0]], marked[0], kept, _common_arrows(group, places))
        span = group[names[0]]
        for name, said in {**{n: v for n, v in values.items() if n not in same}, **_differing(arrows, texts)}.items():
            text = texts[span.text_name][span.start : span.end]
            entry = Dispute(span.text_name, span.start, span.end, text, f"{span.layer} {name}", said)
            (notes if name in kept else disputes).append(entry)
    document, differing = _about_article(context, marked)
    order = {name: number for number, name in enumerate(context.codebook.texts)}
    for entries in (disputes, notes):
        entries.sort(key=lambda entry: (order.get(entry.text_name, -1), entry.start, entry.end, entry.what))
    items = sorted(items + document, key=lambda item: item.get("type") == "relation")  # relations follow their regions
    return Review(items, [*differing, *disputes], notes)


def dispute_items(reviewed: Review, context: CorpusSpec) -> Items:
    """Return the disputes about plain texts as regions of a separate control, which the page shows in the text."""
    stretches: dict[tuple[str, int, int], list[Dispute]] = {}
    for dispute in reviewed.disputes:
        text = context.codebook.texts.get(dispute.text_name)
        if dispute.end and text and text.kind == "plain":
            stretches.setdefault((dispute.text_name, dispute.start, dispute.end), []).append(dispute)
    return [
        {
            "id": f"d-{short_hash(name, start, end)[:10]}",
            "from_name": REVIEW,
            "to_name": name,
            "type": "labels",
            "origin": "prediction",
            "value": {"start": start, "end": end, "text": ones[0].quote, "labels": [LABEL]},
            "meta": {"text": [f"{dispute.what} · {dispute.said()}" for dispute in ones]},
        }
        for (name, start, end), ones in stretches.items()
    ]


def review_config(config: str, context: CorpusSpec) -> str:
    """Return the labelling configuration of the codebook, extended by the disputes above the text and inside it."""
    root = fromstring(config)
    names = [name for name, text in context.codebook.texts.items() if text.kind == "plain"]
    view = root.find(".//View")
    parent = root if view is None else view
    for name in names[:1]:
        labels = SubElement(parent, "Labels", {"name": REVIEW, "toName": name, "showInline": "true"})
        hint = "decide with the labels of the layers, then delete this span"
        SubElement(labels, "Label", {"value": LABEL, "background": _COLOUR, "hint": hint})
        parent.remove(labels)
        parent.insert(0, labels)
    listed = SubElement(root, "View", {"style": "max-height: 20vh; overflow-y: auto; white-space: pre-wrap"})
    SubElement(listed, "Text", {"name": f"{REVIEW}_list", "value": f"${REVIEW}"})
    root.remove(listed)
    root.insert(1, listed)  # after the style element
    indent(root)
    return tostring(root, encoding="unicode") + "\n"


def _groups(marked: list[ConvertedAnnotation]) -> dict[Key, dict[str, Span]]:
    """Return the spans by place and by person, paired by content where somebody has several spans at one place."""
    places: dict[Place, dict[str, list[Span]]] = {}
    for annotation in marked:
        for span in annotation.spans:
            places.setdefault(span.place(), {}).setdefault(annotation.person, []).append(span)
    groups: dict[Key, dict[str, Span]] = {}
    for place, spans in places.items():
        most = max(spans.values(), key=len)
        numbers = {id(span): number for number, span in enumerate(sorted(most, key=lambda span: repr(span.content())))}
        for person, own in spans.items():
            pairs: list[Sides] = [(span, span) for span in most] if own is most else pair_up(most, own)
            for mine, other in pairs:
                if mine is not None and other is not None:
                    groups.setdefault((place, numbers[id(mine)]), {})[person] = other
    return groups


def _is_note(layer: Layer, attribute: str, said: dict[str, str]) -> bool:
    """Whether everybody gave a free text without a fixed form: different words for it are no dispute."""
    field = layer.attributes.get(attribute)
    return field is not None and field.kind == "text" and field.pattern is None and NOTHING not in said.values()


def _disputed_spans(names: list[str], groups: list[dict[str, Span]], texts: dict[str, str]) -> Iterator[Dispute]:
    """Yield stretches in which spans of one layer overlap that not all annotators have."""
    spans = [(span, who) for group in groups for who, span in group.items()]
    spans.sort(key=lambda entry: (entry[0].layer, entry[0].text_name, entry[0].start, entry[0].end, entry[1]))
    clusters: list[list[tuple[Span, str]]] = []
    for span, who in spans:
        last = clusters[-1][0][0] if clusters else None
        end = max(member.end for member, _ in clusters[-1]) if clusters else 0
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
    """Return a value in the form an adjudicator reads."""
    if isinstance(value, list):
        return ", ".join(sorted(map(str, value)))
    return NOTHING if value is None else str(value)


def _targets(span: Span, relation: str) -> frozenset[Place]:
    return frozenset(link.target.place() for link in span.links if link.name == relation)


def _common_arrows(group: dict[str, Span], places: set[Place]) -> set[tuple[str, Place]]:
    """Return the relations between agreed spans that all annotators drew."""
    drawn = [{(link.name, link.target.place()) for link in span.links} for span in group.values()]
    return {arrow for arrow in set.intersection(*drawn) if arrow[1] in places}


def _differing(arrows: dict[str, dict[str, frozenset[Place]]], texts: dict[str, str]) -> dict[str, dict[str, str]]:
    return {
        f"relation {name}": {
            who: ", ".join(f"“{texts[text][start:end]}”" for _, text, start, end, _ in sorted(targets)) or NOTHING
            for who, targets in said.items()
        }
        for name, said in arrows.items()
        if len(set(said.values())) > 1
    }


def _agreed_items(
    context: CorpusSpec, span: Span, annotation: ConvertedAnnotation, kept: set[str], arrows: set[tuple[str, Place]]
) -> Iterator[dict[str, Any]]:
    """Yield the items of an agreed span as `annotation` has them: its region, and the agreed values and relations."""
    raw = annotation.ledger.items()
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


def _attribute(context: CorpusSpec, span: Span, item: dict[str, Any]) -> str | None:
    uses = context.attributes_of_control.get(item.get("from_name", ""), {}).get(span.layer, [])
    return next((key for key, _ in uses), None)


def _moved(item: dict[str, Any], span: Span) -> dict[str, Any]:
    """Return an item of a region whose offsets were repaired, with the repaired offsets."""
    return {**item, "value": {**item["value"], "start": span.start, "end": span.end}}


def _proposed(item: dict[str, Any]) -> dict[str, Any]:
    return {**item, "origin": "prediction"}


def _about_article(context: CorpusSpec, marked: list[ConvertedAnnotation]) -> tuple[Items, list[Dispute]]:
    """Return the document values that all annotators gave, and the disputes about the others; each text separately."""
    agreed: set[tuple[str | None, str]] = set()
    disputes = []
    for field in sorted({field for annotation in marked for field in annotation.document}, key=repr):
        text, name = field
        said = {annotation.person: _text(annotation.document.get(field)) for annotation in marked}
        if len(set(said.values())) == 1:
            agreed.add(field)
        else:
            what = f"{name} of {text}" if len(context.codebook.texts) > 1 else name
            disputes.append(Dispute(text or "", 0, 0, "", what, said))
    first = marked[0].ledger
    own = {position for span in marked[0].spans for position in span.items} | first.quarantined.keys()
    values = [
        item
        for position, item in enumerate(first.items())
        if position not in own and item.get("from_name") in context.document_of_control
    ]
    items = [
        _proposed(item) for item in values if context.document_place(item["from_name"], item.get("to_name")) in agreed
    ]
    return items, disputes
