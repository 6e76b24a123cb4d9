"""Find where a copy of a text differs from the annotated text, of which only digests exist, and which spans survive.

A stand-off release holds digests of windows. Windows are consecutive runs of WINDOW code points of the text; the last
window also includes the rest that would be too short for a separate window. Where a copy has a run with the digest of a
window, this run equals the window's words. A span survives if the copy contains all windows that the span touches in
one piece.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
import pyarrow.parquet as pq
from msgspec import UNSET, Meta, UnsetType

from ..corpus import Codebook, schema
from .copies import Copies, Normalization, normalized

WINDOW = 64  # code points
HEX = 32  # hexadecimal digits of SHA-256 that are stored: 128 bits
CLOSE = 50  # candidate places on either side that are compared where the same words occur many times


class Piece(NamedTuple):
    """A run of windows that the copy contains in one piece: text[start:end] == copy[at : at + end - start]."""

    start: int
    end: int
    at: int


class Gap(NamedTuple):
    """A range of the text that was not found; the copy has copy[low:high] in its place."""

    start: int
    end: int
    low: int
    high: int


def window_digests(text: str, window: int = WINDOW) -> list[str]:
    """Return the digests of a text's windows, in order; none for an empty text."""
    return [_digest(text[start:end]) for start, end in window_ranges(len(text), window)]


def window_ranges(length: int, window: int = WINDOW) -> list[tuple[int, int]]:
    """Return the (start, end) of the windows of a text of `length` code points.

    All windows have `window` code points, except the last. The last one is longer, or shorter in a text that is shorter
    than one window.
    """
    if not length:
        return []
    starts = range(0, max(length - window, 0) + 1, window)
    return list(zip(starts, [*starts[1:], length], strict=True))


def align(copy: str, length: int, digests: Sequence[str], window: int = WINDOW) -> list[Piece]:
    """Return the parts of a text that `copy` contains, in order of the text; `digests` are those of its windows.

    The function first compares from both ends up to the first differences. It then searches the remaining windows at
    every remaining place of the copy. Each window is placed directly after the previous window if possible, otherwise
    as close to it as possible.
    """
    ranges = window_ranges(length, window)
    pairs: dict[int, int] = {}
    front = _run(copy, ranges, digests, range(len(ranges)), 0)
    pairs |= front
    back = _run(copy, ranges, digests, range(len(ranges) - 1, len(front) - 1, -1), len(copy) - length)
    low = max((ranges[n][1] for n in front), default=0)
    high = min((ranges[n][0] + len(copy) - length for n in back), default=len(copy))
    if high < low:  # both ends claim the same words: a deleted passage equals its neighbour
        back = {number: at for number, at in back.items() if at >= low}
        high = min(back.values(), default=len(copy))
    pairs |= back
    wanted = [number for number in range(len(ranges)) if number not in pairs]
    places = _places(copy, ranges, digests, wanted, range(low, high))
    shift = 0
    for number, (start, end) in enumerate(ranges):
        if number not in pairs and digests[number] in places:
            after = places.get(digests[number + 1], []) if number + 1 < len(ranges) else []
            pairs[number] = _best(places[digests[number]], start + shift, end - start, after)
        shift = pairs[number] - start if number in pairs else shift
    return list(_pieces(ranges, pairs))


def gaps(pieces: Sequence[Piece], length: int, copy_length: int) -> list[Gap]:
    """Return the differences of the copy: the ranges of the text between pieces that are not adjacent."""
    ends = [Piece(0, 0, 0), *pieces, Piece(length, length, copy_length)]
    listed = []
    for before, after in pairwise(ends):
        low, high = before.at + before.end - before.start, after.at
        if before.end < after.start or low != high:
            listed.append(Gap(before.end, after.start, low, high))
    return listed


def place_in(pieces: Sequence[Piece], start: int, end: int) -> int | None:
    """Return the offset in the copy of a range of the text; None unless one piece holds all windows it touches."""
    return next((p.at + start - p.start for p in pieces if p.start <= start and end <= p.end), None)


def line_and_column(text: str, at: int) -> tuple[int, int]:
    """Return line and column of an offset, both counted from 1; lines end with CR LF, LF or CR."""
    before = text[:at].replace("\r\n", "\n").replace("\r", "\n")
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _digest(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()[:HEX]


def _run(
    copy: str, ranges: Sequence[tuple[int, int]], digests: Sequence[str], numbers: range, shift: int
) -> dict[int, int]:
    """Map windows to offsets, in the order of `numbers`, up to the first that is not at its offset plus `shift`."""
    pairs: dict[int, int] = {}
    for number in numbers:
        start, end = ranges[number][0] + shift, ranges[number][1] + shift
        if start < 0 or end > len(copy) or _digest(copy[start:end]) != digests[number]:
            break
        pairs[number] = start
    return pairs


def _places(
    copy: str, ranges: Sequence[tuple[int, int]], digests: Sequence[str], wanted: Sequence[int], area: range
) -> dict[str, list[int]]:
    """Map the digest of a window to the offsets in `area` where the window occurs, in order."""
    sizes: dict[int, set[str]] = {}  # all windows except the last have one length
    for number in wanted:
        sizes.setdefault(ranges[number][1] - ranges[number][0], set()).add(digests[number])
    places: dict[str, list[int]] = {}
    for size, sought in sizes.items():
        for at in range(area.start, area.stop - size + 1):
            digest = _digest(copy[at : at + size])
            if digest in sought:
                places.setdefault(digest, []).append(at)
    return places


def _best(places: list[int], expected: int, size: int, after: list[int]) -> int:
    """Return the expected place, or else a close one that the next window directly follows, or else the closest."""
    here = bisect_left(places, expected)
    near = places[max(here - CLOSE, 0) : here + CLOSE]
    return min(near, key=lambda at: (at != expected, not _among(after, at + size), abs(at - expected)))


def _among(places: list[int], place: int) -> bool:
    index = bisect_left(places, place)
    return index < len(places) and places[index] == place


def _pieces(ranges: Sequence[tuple[int, int]], pairs: dict[int, int]) -> Iterator[Piece]:
    piece: Piece | None = None
    for number, (start, end) in enumerate(ranges):
        at = pairs.get(number)
        if at is None:
            continue
        if piece and piece.end == start and piece.at + start - piece.start == at:
            piece = piece._replace(end=end)
            continue
        if piece:
            yield piece
        piece = Piece(start, end, at)
    if piece:
        yield piece


DRIFT = "drift.jsonl"
BATCH = 1000  # rows in memory at a time
GAPS = 3  # differences listed in a line
QUICK = 200_000  # code points up to which normalized forms of a copy are also compared


class Compared(msgspec.Struct, frozen=True, array_like=True):
    """The copy with the largest part of an article's text: its path, its normalization, and the matching parts."""

    path: str
    normalization: Normalization
    empty: bool
    pieces: list[Piece]
    gaps: list[Gap]
    places: list[tuple[int, int]]  # line and column of each gap in the copy


class PlaceInCopy(msgspec.Struct):
    """The place of a span in a copy that differs from the annotated text."""

    file: Annotated[str, Meta(description="Path of the copy in the folder with the copies.")]
    normalized: Annotated[
        str | None,
        Meta(description="What was normalized in the copy before the comparison; null if nothing was."),
    ]
    start: Annotated[int | None, Meta(description="Offset of the span in the copy; null if it does not survive.")]
    end: Annotated[int | None, Meta(description="Offset after the span in the copy; null if it does not survive.")]


class Survival(msgspec.Struct, kw_only=True):
    """A line of drift.jsonl: a span of an article whose copy differs, and whether the copy still contains it."""

    config: Annotated[str, Meta(description="Config of the span: its layer, or `votes`.")]
    span_id: Annotated[str | None, Meta(description="Id of the span.")]
    article_id: Annotated[str, Meta(description="Id of the article.")]
    start: Annotated[int, Meta(description="Offset of the span in the annotated text.")]
    end: Annotated[int, Meta(description="Offset after the span in the annotated text.")]
    layer: Annotated[str | UnsetType, Meta(description="Layer of a vote; missing for gold spans.")] = UNSET
    annotation_id: Annotated[str | UnsetType | None, Meta(description="Annotation of a vote; missing for gold.")] = (
        UNSET
    )
    survives: Annotated[bool, Meta(description="Whether the copy contains the words of the span in one piece.")]
    copy: Annotated[PlaceInCopy, Meta(description="The place in the copy.")]


class Drifted:
    """Articles for which a file with the article's name exists, but does not have the article's text."""

    def __init__(self, dataset: Path, codebook: Codebook, copies: Copies) -> None:
        self._dataset, self._codebook, self._copies = dataset, codebook, copies
        self._found: dict[str, bytes] = {}  # article id -> encoded Compared, to save memory
        self._spans: dict[str, tuple[int, int]] = {}  # article id -> (surviving spans, all spans)
        for row in _rows(dataset / schema.STANDOFF):
            if not copies.is_found(row["article_id"]):
                compared = [self._compare(path, row) for path in copies.called(row["article_id"])]
                best = max((found for found in compared if found), key=_covered, default=None)
                if best:
                    self._found[row["article_id"]] = msgspec.json.encode(best)

    def missing(self) -> Iterator[str]:
        """Yield a line for every article without a copy that can be compared."""
        for article_id in self._copies.not_found():
            if article_id not in self._found:
                paths = self._copies.called(article_id)
                yield f"{article_id}: {f'{paths[0]} is not UTF-8' if paths else 'no copy was found'}"

    def summary(self) -> Iterator[str]:
        """Yield a line for every article whose copy has another text: the differences, and how many spans survive."""
        for article_id, content in self._found.items():
            compared = msgspec.json.decode(content, type=Compared)
            survive, spans = self._spans.get(article_id, (0, 0))
            way = compared.normalization
            done = f" (its {way.summary()} normalized)" if way else ""
            yield f"{article_id}: {compared.path}{done} {_differs(compared)}; {survive:,} of {spans:,} spans still fit"

    def write(self, draft: Path) -> None:
        """Write drift.jsonl: every span of these articles, gold or vote, and its offsets in the copy."""
        if not self._found:
            return
        with (draft / DRIFT).open("wb") as sink:
            for config in (*self._codebook.layers, schema.VOTES):
                for row in _spans(self._dataset, config):
                    if row["article_id"] in self._found and row["start"] is not None:
                        sink.write(msgspec.json.encode(self._survival(config, row)) + b"\n")

    def _survival(self, config: str, row: dict[str, Any]) -> Survival:
        compared = msgspec.json.decode(self._found[row["article_id"]], type=Compared)
        at = place_in(compared.pieces, row["start"], row["end"])
        survive, spans = self._spans.get(row["article_id"], (0, 0))
        self._spans[row["article_id"]] = (survive + (at is not None), spans + 1)
        end = None if at is None else at + row["end"] - row["start"]
        copy = PlaceInCopy(compared.path, compared.normalization.summary() or None, at, end)
        return Survival(config=config, **row, survives=at is not None, copy=copy)

    def _compare(self, path: str, row: dict[str, Any]) -> Compared | None:
        """Compare a file, unchanged or normalized, with the windows of the text; return the best comparison.

        Returns None if the file is not readable as text or the row is inconsistent.
        """
        copy = self._copies.read(path)
        if copy is None or len(row["digests"]) != len(window_ranges(row["length"], row["window"])):
            return None
        best: Compared | None = None
        for way, text in normalized(copy, tails=False) if len(copy) <= QUICK else ((Normalization(), copy),):
            pieces = align(text, row["length"], row["digests"], row["window"])
            if best is None or _size(pieces) > _covered(best):
                between = gaps(pieces, row["length"], len(text))
                places = [line_and_column(text, gap.low) for gap in between[:GAPS]]
                best = Compared(path, way, not copy, pieces, between, places)
        return best


def spans_of(dataset: Path, layer: str) -> Iterator[dict[str, Any]]:
    """Yield the places of all spans of a layer, gold spans and votes."""
    yield from _spans(dataset, layer)
    yield from (row for row in _spans(dataset, schema.VOTES) if row["layer"] == layer and row["span_id"] is not None)


def _spans(dataset: Path, config: str) -> Iterator[dict[str, Any]]:
    more = ("layer", "annotation_id") if config == schema.VOTES else ()
    yield from _rows(dataset / config, "span_id", "article_id", "start", "end", *more)


def _covered(compared: Compared) -> int:
    return _size(compared.pieces)


def _size(pieces: list[Piece]) -> int:
    return sum(piece.end - piece.start for piece in pieces)


def _differs(compared: Compared) -> str:
    """Describe where a copy differs; the ranges of the annotated text are accurate to the length of a window."""
    if compared.empty:
        return "is empty"
    if not compared.pieces:
        return "contains nothing of the annotated text"
    parts = [_difference(*gap) for gap in zip(compared.gaps, compared.places, strict=False)]
    more = len(compared.gaps) - len(parts)
    return "differs from the annotated text " + ", ".join(parts) + (f" and {more:,} more" if more else "")


def _difference(gap: Gap, place: tuple[int, int]) -> str:
    where = f"line {place[0]}, column {place[1]}"
    if gap.start < gap.end:
        return f"in {gap.start}..{gap.end} ({where})"
    if gap.low < gap.high:
        return f"at {gap.start}, with {gap.high - gap.low:,} additional code points ({where})"
    return f"at {gap.start}, after which the text continues differently ({where})"


def _rows(folder: Path, *columns: str) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("*.parquet")):
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH, columns=list(columns) or None):
                yield from batch.to_pylist()
