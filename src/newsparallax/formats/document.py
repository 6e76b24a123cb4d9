"""Annotated documents between the formats: readers make them, writers take them.

Offsets count code points of `Document.text`, half-open. A reader passes on offsets that its file gives wrongly, so that
the conversion judges them like those of any export.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple

import msgspec

Kind = Literal["choices", "textarea", "number", "rating", "taxonomy"]


class Given(NamedTuple):
    """The values of an attribute, and their kind as Label Studio names it."""

    kind: Kind
    values: tuple[Any, ...]

    def words(self) -> list[str]:
        """Return the values as text; a path in a taxonomy is joined by " / "."""
        return [" / ".join(map(str, value)) if isinstance(value, list | tuple) else str(value) for value in self.values]


class Mark(msgspec.Struct):
    """A span of a layer. `quote` is its text by the file; None means the text at the offsets."""

    id: str
    layer: str
    labels: tuple[str, ...]
    start: Any
    end: Any
    quote: str | None = None
    attributes: dict[str, Given] = {}


class Link(NamedTuple):
    """A relation from the mark `source` to the mark `target`."""

    label: str
    source: str
    target: str
    direction: str = "right"


class Refused(NamedTuple):
    """A part of the file that no record holds: the code and message of its problem, the mark's id, and the part."""

    code: str
    message: str
    raw: Any
    id: str | None = None


class Markup(msgspec.Struct):
    """What one annotator did with a document. `values` are about the whole document. Rejected work is `cancelled`."""

    annotator: str | None = None
    marks: list[Mark] = []
    links: list[Link] = []
    values: dict[str, Given] = {}
    refused: list[Refused] = []
    cancelled: bool = False

    def new_id(self, prefix: str = "s") -> str:
        """Return an id that no mark has, if all marks got theirs here."""
        return f"{prefix}{len(self.marks) + len(self.refused) + 1}"


class Document(msgspec.Struct):
    """A text with the work of its annotators; `data` is what else the file says of it."""

    id: str
    text: str | None
    markups: list[Markup] = []
    data: dict[str, Any] = {}


def crossing(marks: Iterable[Mark]) -> Iterator[tuple[Mark, str]]:
    """Yield the marks that flat tags cannot hold beside the earlier and longer ones, as ("nested" or "crossing")."""
    kept: list[Mark] = []
    for mark in sorted(marks, key=lambda mark: (mark.start, -mark.end, mark.id)):
        if not kept or kept[-1].end <= mark.start:
            kept.append(mark)
        else:
            yield mark, "nested" if mark.end <= kept[-1].end else "crossing"
