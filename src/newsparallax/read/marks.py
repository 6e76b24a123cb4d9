"""Cut a text at the edges of spans, so that nested and crossing spans can be shown together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple


class Mark(NamedTuple):
    """A span to show: its layer, its labels joined by `+`, its offsets in the text, and its row."""

    layer: str
    label: str
    start: int
    end: int
    row: dict[str, Any]


class Lane(NamedTuple):
    """A mark with the number of its line below the text, 0 for the highest."""

    mark: Mark
    lane: int


class Piece(NamedTuple):
    """A part of the text that no edge divides, with the marks that cover it, the outermost first."""

    start: int
    end: int
    covers: list[Lane]


def lanes(marks: Iterable[Mark]) -> list[Lane]:
    """Give each mark the highest line that no shorter mark at the same place has; the order is that of the text."""
    placed: list[Lane] = []
    busy: list[list[tuple[int, int]]] = []
    for mark in sorted(marks, key=lambda mark: (mark.end - mark.start, mark.start, mark.row["span_id"])):
        lane = next((number for number, others in enumerate(busy) if _free(others, mark)), len(busy))
        if lane == len(busy):
            busy.append([])
        busy[lane].append((mark.start, mark.end))
        placed.append(Lane(mark, lane))
    return sorted(placed, key=lambda each: (each.mark.start, -each.mark.end, each.mark.row["span_id"]))


def _free(others: list[tuple[int, int]], mark: Mark) -> bool:
    return all(end <= mark.start or mark.end <= start for start, end in others)


def pieces(start: int, end: int, placed: Iterable[Lane], cuts: Iterable[int] = ()) -> Iterator[Piece]:
    """Yield the pieces of a text from `start` to `end`; `cuts` are more places to cut at."""
    covering = [each for each in placed if each.mark.start < end and start < each.mark.end]
    edges = {start, end, *cuts}
    edges |= {edge for each in covering for edge in (each.mark.start, each.mark.end)}
    for left, right in pairwise(sorted(edge for edge in edges if start <= edge <= end)):
        covers = [each for each in covering if each.mark.start <= left and right <= each.mark.end]
        yield Piece(left, right, sorted(covers, key=lambda each: -each.lane))
