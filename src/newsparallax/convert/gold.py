"""Choose the gold of an article: the adjudicated annotation, the only annotation, or a majority of the annotators."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple

import msgspec

from ..corpus import AnnotatorKind, Method
from ..ids import content_span_id, natural_order
from ..problems import Rejection
from .model import ConvertedAnnotation, Span, SpanRelation
from .people import newest_of_each

Key = tuple[str, str, int, int, tuple[str, ...]]


class Gold(NamedTuple):
    """The spans and values that are published as gold, the method that chose them, and their annotator.

    For a majority, `annotator` and `annotation_id` name all counted annotators and annotations, joined by `+` in the
    same order.
    """

    method: Method
    spans: list[Span]
    document: dict[tuple[str | None, str], Any]
    annotator: str
    kind: AnnotatorKind
    annotation_id: str

    @property
    def adjudicated(self) -> bool:
        """Whether the gold comes from adjudication."""
        return self.method == "adjudicated"


def choose_gold(
    marked: list[ConvertedAnnotation], policy: Literal["adjudicated", "majority"], article_ids: dict[str, str]
) -> Gold | Rejection | None:
    """Choose the gold of an article from its annotations (none cancelled); None if there are no annotations.

    `policy` is the corpus's `gold` setting; `article_ids` maps the names of the article's texts to their ids. The
    result is a Rejection where several annotations are starred as ground truth, or where the policy does not decide.
    """
    starred = [annotation for annotation in marked if annotation.ground_truth]
    by_humans = [annotation for annotation in starred if annotation.annotator.kind == "human"]
    if len(by_humans) == 1:  # a human's decision replaces the drafts of models
        starred = by_humans
    if len(starred) > 1:
        names = ", ".join(sorted(annotation.annotator.name for annotation in starred))
        return Rejection("gold-conflict", f"{len(starred)} annotations are starred as ground truth ({names})")
    if starred:
        return _from_one("adjudicated", starred[0])
    if len(marked) == 1:
        return _from_one("single", marked[0])
    if not marked:
        return None
    if policy == "majority":
        latest = newest_of_each(marked)
        return _majority(latest, article_ids) if len(latest) > 1 else _from_one("single", latest[0])
    names = ", ".join(sorted(annotation.annotator.name for annotation in marked))
    return Rejection("gold-undecided", f"none of the {len(marked)} annotations ({names}) is starred as ground truth")


def _from_one(method: Method, annotation: ConvertedAnnotation) -> Gold:
    return Gold(
        method,
        annotation.spans,
        annotation.document,
        annotation.annotator.name,
        annotation.annotator.kind,
        annotation.annotation_id,
    )


def _majority(latest: list[ConvertedAnnotation], article_ids: dict[str, str]) -> Gold:
    """Keep spans (same place, same labels), values and relations on which more than half of the annotators agree."""
    need = len(latest) // 2 + 1
    groups: dict[Key, list[Span]] = {}
    for annotation in latest:
        for key, span in {span.place(): span for span in annotation.spans}.items():
            groups.setdefault(key, []).append(span)
    chosen = {key: _agreed(key, group, need, article_ids) for key, group in groups.items() if len(group) >= need}
    for key, span in chosen.items():
        span.links = list(_agreed_links(groups[key], chosen, need))
    document: dict[tuple[str | None, str], Any] = {}
    for field in {field: None for annotation in latest for field in annotation.document}:
        value = _agreed_value(
            (annotation.document[field] for annotation in latest if field in annotation.document), need
        )
        if value is not None:
            document[field] = value
    kinds = {annotation.annotator.kind for annotation in latest}
    kind: AnnotatorKind = kinds.pop() if len(kinds) == 1 else "model" if "model" in kinds else "unknown"
    names = sorted(
        (annotation.annotator.name, natural_order(annotation.annotation_id), annotation.annotation_id)
        for annotation in latest
    )
    annotators, ids = ("+".join(parts) for parts in zip(*((name, own) for name, _, own in names), strict=True))
    return Gold("majority", list(chosen.values()), document, annotators, kind, ids)


def _agreed(key: Key, group: list[Span], need: int, article_ids: dict[str, str]) -> Span:
    layer, text_name, start, end, labels = key
    names = dict.fromkeys(name for span in group for name in span.attributes)
    values = {
        name: _agreed_value((span.attributes[name] for span in group if name in span.attributes), need)
        for name in names
    }
    identity = content_span_id(article_ids[text_name], layer, start, end, labels, 0)
    attributes = {name: value for name, value in values.items() if value is not None}
    own: dict[str, Any] = {
        "span_id": identity,
        "region_id": None,
        "attributes": attributes,
        "links": [],
        "items": [],
        "meta": {},
    }
    return msgspec.structs.replace(group[0], **own)


def _agreed_value(values: Iterable[Any], need: int) -> Any:
    """Return the value that at least `need` annotators gave, None if there is none; the order in a list is ignored."""
    votes: dict[str, list[Any]] = {}
    for value in values:
        votes.setdefault(repr(sorted(value, key=repr) if isinstance(value, list) else value), []).append(value)
    return next((same[0] for same in votes.values() if len(same) >= need), None)


def _agreed_links(group: list[Span], chosen: dict[Key, Span], need: int) -> Iterator[SpanRelation]:
    """Yield the relations that at least `need` annotators drew, whatever direction they drew them in."""
    drawn: dict[tuple[str, Key], list[str]] = {}
    for span in group:
        for link in {(link.name, link.target.place()): link for link in span.links}.values():
            drawn.setdefault((link.name, link.target.place()), []).append(link.direction)
    for (name, target), directions in sorted(drawn.items()):
        if len(directions) >= need and target in chosen:
            yield SpanRelation(name, directions[0], chosen[target], -1)
