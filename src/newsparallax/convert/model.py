"""Data structures of the conversion: spans, relations, and the ledger with the state of each result item."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from ..corpus import Annotated
from ..problems import Problem, problem
from ..text import TextIndex


class SpanRelation(msgspec.Struct):
    """A relation `name` from the span that holds it to `target`; `direction` is the direction in the export.

    `item` is its position in the annotation's result, -1 for a relation that a majority of annotators drew.
    """

    name: str
    direction: str
    target: Span
    item: int


class Span(msgspec.Struct):
    """An accepted region: `[start, end)` in code points of the text `text_name`, with labels, attributes and relations.

    `repair` is the method by which its offsets were repaired, and `original` are the offsets before the repair. `items`
    are the positions, in the annotation's result, of all items of the span; the region's item is first. `labels` are in
    codebook order; `given` has them in the annotator's order where that differs.
    """

    span_id: str
    layer: str
    region_id: str | None
    text_name: str
    start: int
    end: int
    labels: tuple[str, ...]
    repair: str | None
    original: tuple[int | None, int | None]
    meta: dict[str, Any]
    items: list[int]
    attributes: dict[str, Any] = {}
    links: list[SpanRelation] = []
    given: tuple[str, ...] = ()

    def content(self) -> tuple[Any, ...]:
        """Return the key by which two spans of one annotation are identical: place, attributes and relations."""
        arrows = sorted((link.name, *link.target.place()) for link in self.links)
        attributes = sorted(self.attributes.items())
        return (*self.place(), repr(attributes), tuple(arrows))

    def place(self) -> tuple[str, str, int, int, tuple[str, ...]]:
        """Return layer, text name, offsets and labels."""
        return self.layer, self.text_name, self.start, self.end, self.labels


@dataclass(frozen=True)
class ArticleText:
    """A text of the article: its name, id and text index; for HTML, `resolve` maps (XPath, offset) to a code point."""

    name: str
    article_id: str
    index: TextIndex
    differs: bool = False  # the task showed another text than the seed, so each region needs a quote
    resolve: Callable[[str, int], int | None] | None = None


@dataclass(frozen=True)
class SourceRef:
    """The place of an annotation: file, article, task and annotation id."""

    file: str
    article_id: str | None = None
    task_id: str | None = None
    annotation_id: str | None = None

    def at(self, annotation_id: str | None) -> SourceRef:
        """Return the place of an annotation of this task."""
        return SourceRef(self.file, self.article_id, self.task_id, annotation_id)

    def problem(self, code: str, message: str, *, region_id: str | None = None, raw: Any = None) -> Problem:
        """Return a Problem at this place."""
        return problem(
            code,
            message,
            file=self.file,
            article_id=self.article_id,
            task_id=self.task_id,
            annotation_id=self.annotation_id,
            region_id=region_id,
            raw=raw,
        )


class Ledger:
    """The state of each result item of an annotation: quarantined, repaired, or otherwise accepted.

    `raw` returns the unchanged items of the annotation.
    """

    def __init__(self, size: int, where: SourceRef, raw: Callable[[], list[Any]]):
        self.size = size
        self.where = where
        self.problems: list[Problem] = []
        self.positions: list[int] = []  # item position of each problem; -1 where the item stays accepted
        self.quarantined: dict[int, str] = {}
        self.repaired: dict[int, str] = {}
        self._raw = raw
        self._items: list[Any] | None = None

    def items(self) -> list[Any]:
        """Return the unchanged items of the annotation."""
        if self._items is None:
            self._items = self._raw()
        return self._items

    def quarantine(self, item: int, code: str, message: str, region_id: str | None = None) -> None:
        """Quarantine a complete item with a reason; no effect if the item is already quarantined."""
        if item in self.quarantined:
            return
        items = self.items()
        raw = items[item] if item < len(items) else None
        self.quarantined[item] = code
        self.repaired.pop(item, None)
        self.problems.append(self.where.problem(code, message, region_id=region_id or _region(raw), raw=raw))
        self.positions.append(item)

    def warn(self, code: str, message: str, region_id: str | None = None) -> None:
        """Report a problem of an item that stays accepted."""
        self.problems.append(self.where.problem(code, message, region_id=region_id))
        self.positions.append(-1)

    def quarantine_rest(self, code: str, message: str) -> None:
        """Quarantine all items that are not quarantined yet."""
        for item in range(self.size):
            self.quarantine(item, code, message)

    @property
    def accepted(self) -> int:
        """The number of items that are neither quarantined nor repaired."""
        return self.size - len(self.quarantined) - len(self.repaired)


def _region(raw: Any) -> str | None:
    """Return the id of an undecoded item as text, None if it has none."""
    region_id = raw.get("id") if isinstance(raw, dict) else None
    return str(region_id) if isinstance(region_id, int | str) and not isinstance(region_id, bool) else None


@dataclass(slots=True)
class ConvertedAnnotation:
    """A converted annotation: spans, values about the article by (text, field), and the ledger.

    `times` are `updated_at` and `created_at`, unchanged. `person` distinguishes the annotators of an article. `texts`
    are the names of the article's texts.
    """

    annotation_id: str
    annotator: Annotated
    editor: Annotated | None
    ground_truth: bool
    task_id: str | None
    where: SourceRef
    spans: list[Span]
    document: dict[tuple[str | None, str], Any]
    ledger: Ledger
    times: tuple[Any, Any]
    without_quote: int = 0
    person: str = ""
    texts: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether the annotation has no items at all (an annotation with only quarantined items is not empty)."""
        return self.ledger.size == 0
