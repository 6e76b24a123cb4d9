"""Which annotation is gold: the adjudicated one, a single one, or what the majority of annotators marked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple

import msgspec

from .ids import content_span_id
from .registry import AnnotatorKind
from .spans import Link, Marked, Span

Method = Literal["adjudicated", "single", "majority"]
METHODS: tuple[Method, ...] = ("adjudicated", "single", "majority")

Key = tuple[str, str, int, int, tuple[str, ...]]


class Gold(NamedTuple):
    """The marks that are published as gold, how they became so, and whose they are."""

    method: Method
    spans: list[Span]
    document: dict[tuple[str | None, str], Any]
    annotator: str
    kind: AnnotatorKind

    @property
    def adjudicated(self) -> bool:
        """Whether an adjudicator decided."""
        return self.method == "adjudicated"


class Undecided(NamedTuple):
    """Why an annotated article has no gold."""

    code: str
    message: str


def choose_gold(
    marked: list[Marked], policy: Literal["adjudicated", "majority"], article_ids: dict[str, str]
) -> Gold | Undecided | None:
    """Gold of an article from its annotations (none cancelled); None where there are none.

    `policy` is the corpus's `gold`; `article_ids` are the ids of the article's texts by their names.
    """
    starred = [found for found in marked if found.ground_truth]
    by_humans = [found for found in starred if found.annotator.kind == "human"]
    if len(by_humans) == 1:  # a human's decision replaces what models drafted
        starred = by_humans
    if len(starred) > 1:
        names = ", ".join(sorted(found.annotator.name for found in starred))
        return Undecided("gold-conflict", f"{len(starred)} annotations are starred as ground truth ({names})")
    if starred:
        return _from_one("adjudicated", starred[0])
    if len(marked) == 1:
        return _from_one("single", marked[0])
    if not marked:
        return None
    if policy == "majority":
        return _majority(marked, article_ids)
    names = ", ".join(sorted(found.annotator.name for found in marked))
    return Undecided("gold-undecided", f"{len(marked)} annotations ({names}) and none is starred as ground truth")


def _from_one(method: Method, found: Marked) -> Gold:
    return Gold(method, found.spans, found.document, found.annotator.name, found.annotator.kind)


def _majority(marked: list[Marked], article_ids: dict[str, str]) -> Gold:
    """Spans with the same place and labels from more than half of the annotators; values and arrows likewise."""
    latest = list({person(found): found for found in marked}.values())
    need = len(latest) // 2 + 1
    groups: dict[Key, list[Span]] = {}
    for found in latest:
        for key, span in {span.place(): span for span in found.spans}.items():
            groups.setdefault(key, []).append(span)
    chosen = {key: _agreed(key, group, need, article_ids) for key, group in groups.items() if len(group) >= need}
    for key, span in chosen.items():
        span.links = list(_agreed_links(groups[key], chosen, need))
    document: dict[tuple[str | None, str], Any] = {}
    for place in {place: None for found in latest for place in found.document}:
        value = _agreed_value((found.document[place] for found in latest if place in found.document), need)
        if value is not None:
            document[place] = value
    kinds = {found.annotator.kind for found in latest}
    kind: AnnotatorKind = kinds.pop() if len(kinds) == 1 else "model" if "model" in kinds else "unknown"
    return Gold("majority", list(chosen.values()), document, "+".join(sorted(f.annotator.name for f in latest)), kind)


def person(found: Marked) -> str:
    """Whose vote it is; annotations of people whom the registry does not know are taken as of different people."""
    return found.annotator.name if found.annotator.known else f"{found.annotator.name} {found.annotation_id}"


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
    """The value that at least `need` annotators gave, if there is one; the order of several does not matter."""
    given: dict[str, list[Any]] = {}
    for value in values:
        given.setdefault(repr(sorted(value, key=repr) if isinstance(value, list) else value), []).append(value)
    return next((same[0] for same in given.values() if len(same) >= need), None)


def _agreed_links(group: list[Span], chosen: dict[Key, Span], need: int) -> Iterator[Link]:
    """Arrows that at least `need` annotators drew, whichever end they began at."""
    drawn: dict[tuple[str, Key], list[str]] = {}
    for span in group:
        for link in {(link.name, link.target.place()): link for link in span.links}.values():
            drawn.setdefault((link.name, link.target.place()), []).append(link.direction)
    for (name, target), directions in sorted(drawn.items()):
        if len(directions) >= need and target in chosen:
            yield Link(name, directions[0], chosen[target], -1)
