"""Spans, arrows and the ledger in which every result item of an annotation ends exactly once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from .context import Annotated
from .offsets import TextIndex
from .problems import Problem, problem


class Link(msgspec.Struct):
    """An arrow of the relation `name` from the span that holds it to `target`; `direction` as drawn.

    `item` is its position in the annotation's result, -1 for an arrow that several annotators agree on.
    """

    name: str
    direction: str
    target: Span
    item: int


class Span(msgspec.Struct):
    """An accepted region: `[start, end)` in code points of the text `text_name`, with labels, values and arrows.

    `repair` is how its offsets were repaired and `original` what they were; `items` are the positions, in the
    annotation's result, of everything that belongs to it, its own first.
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
    links: list[Link] = []

    def content(self) -> tuple[Any, ...]:
        """What makes two spans of one annotation the same mark."""
        arrows = sorted((link.name, *link.target.place()) for link in self.links)
        attributes = sorted(self.attributes.items())
        return (*self.place(), repr(attributes), tuple(arrows))

    def place(self) -> tuple[str, str, int, int, tuple[str, ...]]:
        """Layer, text, offsets and labels."""
        return self.layer, self.text_name, self.start, self.end, self.labels


@dataclass(frozen=True)
class Shown:
    """A text of the article: its name, id, the text with its index, and the rendered HTML's paths if it is HTML."""

    name: str
    article_id: str
    index: TextIndex
    differs: bool = False  # the task showed another text than the seed, so nothing is taken without proof
    resolve: Callable[[str, int], int | None] | None = None


@dataclass(frozen=True)
class Where:
    """Where an annotation stands, for the record."""

    file: str
    article_id: str | None = None
    task_id: str | None = None
    annotation_id: str | None = None

    def at(self, annotation_id: str | None) -> Where:
        """The annotation of this task."""
        return Where(self.file, self.article_id, self.task_id, annotation_id)

    def problem(self, code: str, message: str, *, region_id: str | None = None, raw: Any = None) -> Problem:
        """A Problem at this place."""
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
    """The state of every result item: quarantined, repaired or (when nothing is said) accepted."""

    def __init__(self, size: int, where: Where, raw: Callable[[], list[Any]]):
        self.size = size
        self.where = where
        self.problems: list[Problem] = []
        self.quarantined: dict[int, str] = {}
        self.repaired: dict[int, str] = {}
        self._raw = raw
        self._items: list[Any] | None = None

    def items(self) -> list[Any]:
        """The items as they stand in the annotation."""
        if self._items is None:
            self._items = self._raw()
        return self._items

    def quarantine(self, item: int, code: str, message: str, region_id: str | None = None) -> None:
        """Put an item aside, whole, with the reason; an item that already is aside stays so."""
        if item in self.quarantined:
            return
        items = self.items()
        raw = items[item] if item < len(items) else None
        self.quarantined[item] = code
        self.repaired.pop(item, None)
        self.problems.append(self.where.problem(code, message, region_id=region_id or _region(raw), raw=raw))

    def quarantine_rest(self, code: str, message: str) -> None:
        """Put every item aside that is not yet."""
        for item in range(self.size):
            self.quarantine(item, code, message)

    @property
    def accepted(self) -> int:
        """How many items are neither quarantined nor repaired."""
        return self.size - len(self.quarantined) - len(self.repaired)


def _region(raw: Any) -> str | None:
    """The id of an item that could not be read, as it stands in the record."""
    found = raw.get("id") if isinstance(raw, dict) else None
    return str(found) if isinstance(found, int | str) and not isinstance(found, bool) else None


@dataclass(slots=True)
class Marked:
    """One annotation, converted: spans, values about the article by (text, field), and the ledger."""

    annotation_id: str
    annotator: Annotated
    editor: Annotated | None
    ground_truth: bool
    task_id: str | None
    where: Where
    spans: list[Span]
    document: dict[tuple[str | None, str], Any]
    ledger: Ledger
    without_quote: int = 0

    @property
    def empty(self) -> bool:
        """Whether the annotator marked nothing at all (as opposed to marks that could not be kept)."""
        return self.ledger.size == 0
