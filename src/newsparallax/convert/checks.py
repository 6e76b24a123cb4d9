"""Check accepted annotations, and link problems to the problem that causes them.

The checks are a table of (code, what the check reads, function); a new check is a new row. The check of an annotation
yields (message, span or None). The checks of the corpus, which yield (message, file), are in `corpus.folder`.

A problem that follows from another problem keeps its record and names its cause; only the cause is listed. For example,
the values and relations of a quarantined region are quarantined too, and an edited seed affects most of its spans. A
repair of the cause repairs all of them. So only the cause is open, and its message says how many problems follow
from it.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Callable, Iterator, Set
from itertools import pairwise
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from ..corpus import VALUE_TYPES, CorpusSpec, RequiredWhen, unmatched
from ..problems import Problem, counted
from ..text import is_blank
from .model import ConvertedAnnotation, Ledger, Span

LONGEST = 60  # characters of a value that a message shows

_START = attrgetter("start")

Found = Iterator[tuple[str, Span | None]]  # message and span; None for a message about the complete article


def _overlap(context: CorpusSpec, marked: ConvertedAnnotation) -> Found:
    """Find spans of a layer whose overlap the codebook forbids: any overlap ("forbid") or a crossing ("nest")."""
    rules = {name: layer.overlap for name, layer in context.codebook.layers.items() if layer.overlap != "allow"}
    groups: dict[tuple[str, str], list[Span]] = {}
    for span in marked.spans:
        if span.layer in rules:
            groups.setdefault((span.layer, span.text_name), []).append(span)
    for (layer, _), spans in groups.items():
        if len(spans) > 1:
            spans.sort(key=_START)
            if any(after.start < span.end for span, after in pairwise(spans)):  # some spans overlap
                spans.sort(key=lambda span: (span.start, -span.end))
                yield from _overlaps(spans) if rules[layer] == "forbid" else _crossings(spans)


def _overlaps(spans: list[Span]) -> Found:
    """Yield each span that begins before a previous one ends, once; `spans` in order of start, longest first."""
    furthest = None
    for span in spans:
        if furthest and span.start < furthest.end:
            yield _touch(furthest, span, "overlap"), span
        if furthest is None or span.end > furthest.end:
            furthest = span


def _crossings(spans: list[Span]) -> Found:
    """Yield each span that overlaps a previous one without nesting, once; `spans` in the same order as above."""
    ends: list[tuple[int, int]] = []  # sorted (end, number) of the previous spans
    for number, span in enumerate(spans):
        first = bisect_right(ends, (span.start, len(spans)))
        if first < len(ends) and ends[first][0] < span.end:
            yield _touch(spans[ends[first][1]], span, "cross"), span
        insort(ends, (span.end, number))


def _touch(first: Span, second: Span, how: str) -> str:
    return f"{first.start}..{first.end} and {second.start}..{second.end} of layer {first.layer} {how}"


def _missing_attributes(context: CorpusSpec, marked: ConvertedAnnotation) -> Found:
    """Find attributes that the codebook requires for a span and that the span lacks."""
    layers = context.codebook.layers
    for span in marked.spans:
        for name, when, loose in layers[span.layer].demands(span.labels):
            value = span.attributes.get(name)
            if (value is None or (loose and _is_empty(value))) and (when is None or _happens(when, span)):
                where = f"{', '.join(span.labels)} {span.start}..{span.end} of layer {span.layer}"
                yield f"{where} has no value for {name}", span


def _is_empty(value: Any) -> bool:
    """Whether a value is empty, or holds only invisible text."""
    if isinstance(value, str):
        first = value[:1]  # usually an ASCII letter, which is fast to check
        return not (first.isascii() and first.isalnum()) and is_blank(value)
    return value is None or (isinstance(value, list) and all(map(_is_empty, value)))


def _missing_values(context: CorpusSpec, marked: ConvertedAnnotation) -> Found:
    """Find values about the article that the codebook requires of every annotation and that are missing.

    A rejected value has its own Problem and is not reported here. A layer about a text that the task lacks requires no
    value.
    """
    for name, layer in context.codebook.document.items():
        if not layer.required or layer.text not in (None, *marked.texts):
            continue
        values = [value for (_, key), value in marked.document.items() if key == name]
        if all(map(_is_empty, values)) and name not in _refused_values(context, marked):
            yield f"the annotation has no value for {name}", None


def _refused_values(context: CorpusSpec, marked: ConvertedAnnotation) -> set[str]:
    """Return the document layers for which an item of the annotation is quarantined."""
    aside = [item for item, code in marked.ledger.quarantined.items() if code != "orphan-attribute"]
    items = marked.ledger.items() if aside else []
    controls = [items[item].get("from_name") for item in aside if isinstance(items[item], dict)]
    known = context.document_of_control
    return {known[control][0] for control in controls if isinstance(control, str) and control in known}


def _happens(when: RequiredWhen | None, span: Span) -> bool:
    """Whether the attribute that a condition names has one of the condition's values, alone or in a list."""
    if when is None:
        return False
    value = span.attributes.get(when.attribute)
    return any(part in when.values for part in value) if isinstance(value, list) else value in when.values


def _missing_relations(context: CorpusSpec, marked: ConvertedAnnotation) -> Found:
    """Find spans with fewer relations than the codebook requires."""
    layers = context.codebook.layers
    for span in marked.spans:
        for name, relation in layers[span.layer].demanded_relations.items():
            need = relation.min or int(_happens(relation.required_when, span))
            if need and (drawn := _drawn(span, name)) < need:
                where = f"{', '.join(span.labels)} {span.start}..{span.end} of layer {span.layer}"
                yield f"{where} has {drawn} relations {name}; expected at least {need}", span


def _too_many_relations(context: CorpusSpec, marked: ConvertedAnnotation) -> Found:
    """Find spans with more relations of a kind than the codebook allows."""
    layers = context.codebook.layers
    for span in marked.spans:
        for name, most in layers[span.layer].limited_relations.items():
            if len(span.links) > most and (drawn := _drawn(span, name)) > most:
                where = f"{', '.join(span.labels)} {span.start}..{span.end} of layer {span.layer}"
                yield f"{where} has {drawn} relations {name}; expected at most {most}", span


def _drawn(span: Span, name: str) -> int:
    """Return the number of relations `name` that start at a span."""
    return [link.name for link in span.links].count(name)


def _reference_types(context: CorpusSpec, marked: ConvertedAnnotation) -> Found:
    """Find references to entities whose type differs from the span's label, where the codebook requires equality."""
    layers, entities = context.codebook.layers, context.entities
    for span in marked.spans:
        for name in layers[span.layer].tied:
            value = span.attributes.get(name)
            for entity in value if isinstance(value, list) else (value,):
                if entity in entities and entities[entity].type not in span.labels:
                    kind = entities[entity].type
                    label = f"the label of span {span.start}..{span.end} is {span.labels[0]}"
                    yield f"the type of {entity} is {kind}, but {label}", span


def _pattern_mismatches(context: CorpusSpec, marked: ConvertedAnnotation) -> Found:
    """Find texts that the pattern of their attribute or document layer does not match; empty texts are no values."""
    for layer_name, layer in context.codebook.layers.items():
        for name, pattern in layer.patterns.items():
            spans = [span for span in marked.spans if span.layer == layer_name]
            given = [(value, span) for span in spans for value in _texts(span.attributes.get(name))]
            wrong = unmatched(pattern, (value for value, _ in given))
            for value, span in given:
                if value in wrong:
                    where = f"{', '.join(span.labels)} {span.start}..{span.end} of layer {span.layer}"
                    yield f"{where} has the {name} {_short(value)}, which does not match {pattern}", span
    for name, document in context.codebook.document.items():
        if document.pattern is not None:
            texts = [text for (_, key), value in marked.document.items() if key == name for text in _texts(value)]
            wrong = unmatched(document.pattern, texts)
            for text in texts:
                if text in wrong:
                    yield f"the {name} {_short(text)} does not match {document.pattern}", None


def _texts(value: Any) -> list[str]:
    """Return the texts of a value that are not empty."""
    return [text for text in (value if isinstance(value, list) else [value]) if not _is_empty(text)]


def _short(text: str) -> str:
    return repr(text if len(text) <= LONGEST else f"{text[:LONGEST]}...")


class AnnotationCheck(NamedTuple):
    """A check of the accepted spans and values of one annotation."""

    code: str
    reads: str
    function: Callable[[CorpusSpec, ConvertedAnnotation], Found]


ANNOTATION_CHECKS = (
    AnnotationCheck("overlap", "spans", _overlap),
    AnnotationCheck("missing-attribute", "attributes", _missing_attributes),
    AnnotationCheck("missing-value", "values about the article", _missing_values),
    AnnotationCheck("missing-relation", "relations", _missing_relations),
    AnnotationCheck("too-many-relations", "relations", _too_many_relations),
    AnnotationCheck("reference-type", "attributes, entities.toml", _reference_types),
    AnnotationCheck("pattern-mismatch", "attributes, values about the article", _pattern_mismatches),
)


def check_annotation(context: CorpusSpec, marked: ConvertedAnnotation) -> Iterator[Problem]:
    """Run all checks of the table on one annotation and yield Problems; they quarantine nothing.

    Each Problem names the annotation, and the region where there is one.
    """
    for code, _, function in ANNOTATION_CHECKS:
        for message, span in function(context, marked):
            yield marked.where.problem(code, message, region_id=span.region_id if span else None)


_MISPLACED = (
    "quote-mismatch",
    "offsets-out-of-range",
    "reversed-offsets",
    "unproven-offsets",
    "empty-span",
    "ambiguous-offsets",
)
FOLLOWERS: dict[str, tuple[str, ...]] = {  # key: code of a cause that is about a complete annotation, task or seed
    "duplicate-annotation": ("duplicate-annotation",),
    "article-conflict": ("article-conflict",),
    "article-id-taken": ("article-id-taken",),
    "unknown-article": ("unknown-article",),
    "seed-missing": ("no-text",),
    "seed-not-utf8": ("no-text", "seed-digest"),
    "seed-digest": ("bad-block", "text-differs", *_MISPLACED),
    "text-differs": ("text-differs", *_MISPLACED),
    "no-text": ("no-text", *_MISPLACED),
    "text-is-reference": ("no-text", *_MISPLACED),
}
_OF_ANOTHER = ("orphan-attribute", "dangling-relation")


def follow(problems: list[Problem], at: int, begin: int, codes: tuple[str, ...] | None = None) -> None:
    """Mark problems from place `begin` on as consequences of the problem at `at`, whose message counts them.

    The function selects problems with one of the `codes` (by default the codes in FOLLOWERS for the cause's code), and
    the consequences of these problems. Each problem names the first cause.
    """
    cause = problems[at]
    codes = FOLLOWERS.get(cause.code, ()) if codes is None else codes
    places = (position for position in range(begin, len(problems)) if position != at)
    followers = [position for position in places if (problems[position].cause or problems[position].code) in codes]
    for position in followers:
        problems[position] = msgspec.structs.replace(problems[position], cause=cause.code)
    problems[at] = counted(cause, len(followers))


def follow_regions(ledger: Ledger, accepted: Set[str | None]) -> None:
    """Mark problems of values and relations as consequences of the problems of their regions.

    `accepted` are the ids of accepted regions. Values and relations of quarantined regions are consequences. So are
    values and relations that refer to an id that several regions share, although these regions are accepted. Where
    several items describe one region (for a box: its place, its label, its transcription), the first item is the cause.
    """
    problems = ledger.problems
    causes: dict[str, int] = {}
    for _, position in sorted(zip(ledger.positions, range(len(problems)), strict=True)):
        entry = problems[position]
        if entry.region_id and entry.code not in _OF_ANOTHER and _marks_region(entry):
            causes.setdefault(entry.region_id, position)
    followers: Counter[int] = Counter()
    for position, entry in enumerate(problems):
        cause = _cause(problems, position, causes, accepted)
        if cause is not None and cause != position:
            problems[position] = msgspec.structs.replace(entry, cause=problems[cause].code)
            followers[cause] += 1
    for cause, number in followers.items():
        problems[cause] = counted(problems[cause], number)


def _cause(problems: list[Problem], position: int, causes: dict[str, int], accepted: Set[str | None]) -> int | None:
    """Return the position of the cause of the problem at `position`: None without a cause, its own if it is a cause.

    A problem is a consequence only if a repair of the cause removes it. For example, a note with an unknown control is
    a separate problem.
    """
    entry = problems[position]
    if entry.code == "orphan-attribute":
        return causes.get(entry.region_id or "")
    if entry.code == "dangling-relation":
        ends = [str(entry.raw.get(key)) for key in ("from_id", "to_id")] if isinstance(entry.raw, dict) else []
        return next((causes[end] for end in ends if end in causes and end not in accepted), None)
    cause = None if entry.region_id in accepted else causes.get(entry.region_id or "")
    same = cause is not None and (problems[cause].code == entry.code or _marks_region(entry))
    return cause if same else None


def _marks_region(entry: Problem) -> bool:
    """Whether a problem is about an item that marks a region, not about a value or a relation."""
    raw: Any = entry.raw
    return entry.code == "duplicate-region-id" or (
        isinstance(raw, dict) and raw.get("type") not in (*VALUE_TYPES, "relation")
    )
