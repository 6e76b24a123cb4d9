"""Checks of accepted annotations and of the corpus, as tables: (code, what it reads, function).

A new check is a new row. A check of an annotation yields (message, span); a check of the corpus yields
(message, file).
"""

from __future__ import annotations

import re
from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from operator import attrgetter
from typing import NamedTuple

from .codebook import Relation, RequiredWhen
from .context import Context
from .problems import Problem, problem
from .spans import Marked, Span

_START = attrgetter("start")

Found = Iterator[tuple[str, Span]]


def _overlap(context: Context, marked: Marked) -> Found:
    """Spans of a layer that touch where the codebook forbids it: any overlap (forbid) or crossing (nest)."""
    groups: dict[tuple[str, str], list[Span]] = {}
    for span in marked.spans:
        groups.setdefault((span.layer, span.text_name), []).append(span)
    for (layer, _), spans in groups.items():
        overlap = context.codebook.layers[layer].overlap
        if overlap != "allow" and len(spans) > 1:
            spans.sort(key=_START)
            if any(after.start < span.end for span, after in pairwise(spans)):  # else nothing touches
                spans.sort(key=lambda span: (span.start, -span.end))
                yield from _overlaps(spans) if overlap == "forbid" else _crossings(spans)


def _overlaps(spans: list[Span]) -> Found:
    """Spans that begin before an earlier one ends, once each; `spans` in order of start, longest first."""
    furthest = None
    for span in spans:
        if furthest and span.start < furthest.end:
            yield _touch(furthest, span, "overlap"), span
        if furthest is None or span.end > furthest.end:
            furthest = span


def _crossings(spans: list[Span]) -> Found:
    """Spans that overlap an earlier one without either holding the other, once each; `spans` ordered likewise."""
    ends: list[tuple[int, int]] = []  # of the spans before, in order, each with the span's number
    for number, span in enumerate(spans):
        first = bisect_right(ends, (span.start, len(spans)))
        if first < len(ends) and ends[first][0] < span.end:
            yield _touch(spans[ends[first][1]], span, "cross"), span
        insort(ends, (span.end, number))


def _touch(first: Span, second: Span, how: str) -> str:
    return f"{first.start}..{first.end} and {second.start}..{second.end} of layer {first.layer} {how}"


def _missing_attributes(context: Context, marked: Marked) -> Found:
    """Attributes that the codebook requires for a span and that it lacks."""
    layers = context.codebook.layers
    for span in marked.spans:
        for name, when in layers[span.layer].demands(span.labels):
            if span.attributes.get(name) in (None, []) and (when is None or _happens(when, span)):
                yield f"{', '.join(span.labels)} {span.start}..{span.end} of layer {span.layer} lacks {name}", span


def _happens(when: RequiredWhen | None, span: Span) -> bool:
    """Whether the attribute that a condition names has one of its values, or several among which is one of them."""
    if when is None:
        return False
    value = span.attributes.get(when.attribute)
    return any(part in when.values for part in value) if isinstance(value, list) else value in when.values


def _missing_relations(context: Context, marked: Marked) -> Found:
    """Arrows that the codebook requires of a span and that are not drawn."""
    for span, name, relation, drawn in _relations(context, marked):
        need = relation.min or int(_happens(relation.required_when, span))
        if drawn < need:
            where = f"{', '.join(span.labels)} {span.start}..{span.end} of layer {span.layer}"
            yield f"{where} has {drawn} arrows {name}, expected at least {need}", span


def _too_many_relations(context: Context, marked: Marked) -> Found:
    """More arrows of a kind than the codebook allows."""
    for span, name, relation, drawn in _relations(context, marked):
        if relation.max is not None and drawn > relation.max:
            where = f"{', '.join(span.labels)} {span.start}..{span.end} of layer {span.layer}"
            yield f"{where} has {drawn} arrows {name}, expected at most {relation.max}", span


def _relations(context: Context, marked: Marked) -> Iterator[tuple[Span, str, Relation, int]]:
    relations = {name: layer.relations for name, layer in context.codebook.layers.items() if layer.relations}
    for span in marked.spans:
        if span.layer in relations:
            drawn = [link.name for link in span.links]
            for name, relation in relations[span.layer].items():
                yield span, name, relation, drawn.count(name)


def _reference_types(context: Context, marked: Marked) -> Found:
    """References to entities of another type than the span's label, where the codebook ties the two."""
    layers, entities = context.codebook.layers, context.entities
    for span in marked.spans:
        for name in layers[span.layer].tied:
            value = span.attributes.get(name)
            for entity in value if isinstance(value, list) else (value,):
                if entity in entities and entities[entity].type not in span.labels:
                    kind = entities[entity].type
                    yield f"{entity} is {kind}, the span {span.start}..{span.end} is {span.labels[0]}", span


class AnnotationCheck(NamedTuple):
    """A check of the accepted spans of one annotation."""

    code: str
    reads: str
    function: Callable[[Context, Marked], Found]


ANNOTATION_CHECKS = (
    AnnotationCheck("overlap", "spans", _overlap),
    AnnotationCheck("missing-attribute", "attributes", _missing_attributes),
    AnnotationCheck("missing-relation", "relations", _missing_relations),
    AnnotationCheck("too-many-relations", "relations", _too_many_relations),
    AnnotationCheck("reference-type", "attributes, entities.toml", _reference_types),
)


def check_annotation(context: Context, marked: Marked) -> Iterator[Problem]:
    """Every check of the table on one annotation; the findings name annotation and region and quarantine nothing."""
    for code, _, function in ANNOTATION_CHECKS:
        for message, span in function(context, marked):
            yield marked.where.problem(code, message, region_id=span.region_id)


def _bad_qids(context: Context) -> Iterator[tuple[str, str]]:
    for name, entity in context.entities.items():
        if entity.qid is not None and not re.fullmatch(r"Q[1-9][0-9]*", entity.qid):
            yield f"{name}: {entity.qid!r} is not a Wikidata item", "entities.toml"


def _duplicate_qids(context: Context) -> Iterator[tuple[str, str]]:
    holders: dict[str, list[str]] = defaultdict(list)
    for name, entity in context.entities.items():
        if entity.qid:
            holders[entity.qid].append(name)
    for qid, names in holders.items():
        if len(names) > 1:
            yield f"{qid} is the item of {', '.join(names)}", "entities.toml"


def _ambiguous_names(context: Context) -> Iterator[tuple[str, str]]:
    holders: dict[tuple[str, str], list[str]] = defaultdict(list)
    for key, entity in context.entities.items():
        for name in entity.names:
            holders[name, entity.type].append(key)
    for (name, kind), keys in holders.items():
        if len(keys) > 1:
            yield f"{kind} {name!r} is a name of {', '.join(keys)}", "entities.toml"


class CorpusCheck(NamedTuple):
    """A check of the registries as a whole."""

    code: str
    reads: str
    function: Callable[[Context], Iterator[tuple[str, str]]]


CORPUS_CHECKS = (
    CorpusCheck("bad-qid", "entities.toml", _bad_qids),
    CorpusCheck("duplicate-qid", "entities.toml", _duplicate_qids),
    CorpusCheck("name-ambiguous", "entities.toml", _ambiguous_names),
)


def check_registries(context: Context) -> Iterator[Problem]:
    """Every check of the table on the registries."""
    for code, _, function in CORPUS_CHECKS:
        for message, file in function(context):
            yield problem(code, message, file=file)
