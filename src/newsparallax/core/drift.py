"""Where a copy of a text differs from the text that was annotated, of which only digests are at hand.

A stand-off release holds digests of windows: consecutive runs of WINDOW code points of the text, the last of which also
takes what would be too short for a window of its own. Where a window's digest is found in a copy, there stand the very
words; a span survives if all windows that it touches stand in the copy in one piece.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

WINDOW = 64  # code points
HEX = 32  # hexadecimal digits of SHA-256 that are kept: 128 bits
CLOSE = 50  # places on either side that are compared where the same words stand many times


class Piece(NamedTuple):
    """A run of windows that stand in the copy in one piece: text[start:end] == copy[at : at + end - start]."""

    start: int
    end: int
    at: int


class Gap(NamedTuple):
    """A range of the text that was not found, and where in the copy it should be: copy[low:high] stands there."""

    start: int
    end: int
    low: int
    high: int


def window_digests(text: str, window: int = WINDOW) -> list[str]:
    """The digests of a text's windows, in order; none for an empty text."""
    return [_digest(text[start:end]) for start, end in window_ranges(len(text), window)]


def window_ranges(length: int, window: int = WINDOW) -> list[tuple[int, int]]:
    """The windows of a text of `length` code points: all of `window`, but the last is longer rather than short."""
    if not length:
        return []
    starts = range(0, max(length - window, 0) + 1, window)
    return list(zip(starts, [*starts[1:], length], strict=True))


def align(copy: str, length: int, digests: Sequence[str], window: int = WINDOW) -> list[Piece]:
    """The parts of a text that stand in `copy`, in order of the text; `digests` are those of its windows.

    First from both ends, as far as nothing differs; then what is left of the windows is looked for at every place that
    is left of the copy, each where it carries on from the window before it, or else as close to it as possible.
    """
    ranges = window_ranges(length, window)
    found: dict[int, int] = {}
    front = _run(copy, ranges, digests, range(len(ranges)), 0)
    found |= front
    back = _run(copy, ranges, digests, range(len(ranges) - 1, len(front) - 1, -1), len(copy) - length)
    low = max((ranges[n][1] for n in front), default=0)
    high = min((ranges[n][0] + len(copy) - length for n in back), default=len(copy))
    if high < low:  # what was deleted repeats what stands beside it, so that both ends claim the same words
        back = {number: at for number, at in back.items() if at >= low}
        high = min(back.values(), default=len(copy))
    found |= back
    wanted = [number for number in range(len(ranges)) if number not in found]
    places = _places(copy, ranges, digests, wanted, range(low, high))
    shift = 0
    for number, (start, end) in enumerate(ranges):
        if number not in found and digests[number] in places:
            after = places.get(digests[number + 1], []) if number + 1 < len(ranges) else []
            found[number] = _best(places[digests[number]], start + shift, end - start, after)
        shift = found[number] - start if number in found else shift
    return list(_pieces(ranges, found))


def gaps(pieces: Sequence[Piece], length: int, copy_length: int) -> list[Gap]:
    """Where the copy differs: the ranges of the text between pieces that do not carry on from one another."""
    ends = [Piece(0, 0, 0), *pieces, Piece(length, length, copy_length)]
    found = []
    for one, other in pairwise(ends):
        low, high = one.at + one.end - one.start, other.at
        if one.end < other.start or low != high:
            found.append(Gap(one.end, other.start, low, high))
    return found


def place_in(pieces: Sequence[Piece], start: int, end: int) -> int | None:
    """Where the range of the text stands in the copy; None unless one piece holds all windows that it touches."""
    return next((p.at + start - p.start for p in pieces if p.start <= start and end <= p.end), None)


def line_and_column(text: str, at: int) -> tuple[int, int]:
    """Line and column of a place, both from 1; lines end with CR LF, LF or CR."""
    before = text[:at].replace("\r\n", "\n").replace("\r", "\n")
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _digest(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()[:HEX]


def _run(
    copy: str, ranges: Sequence[tuple[int, int]], digests: Sequence[str], numbers: range, shift: int
) -> dict[int, int]:
    """Window -> place, for as many windows of `numbers` as stand at their place moved by `shift`."""
    found: dict[int, int] = {}
    for number in numbers:
        start, end = ranges[number][0] + shift, ranges[number][1] + shift
        if start < 0 or end > len(copy) or _digest(copy[start:end]) != digests[number]:
            break
        found[number] = start
    return found


def _places(
    copy: str, ranges: Sequence[tuple[int, int]], digests: Sequence[str], wanted: Sequence[int], area: range
) -> dict[str, list[int]]:
    """Digest of a window -> the places of `area` where it stands, in order."""
    sizes: dict[int, set[str]] = {}  # all windows but the last are of one length
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
    """The place where it should be; else a close one that the next window carries on; else the closest."""
    here = bisect_left(places, expected)
    near = places[max(here - CLOSE, 0) : here + CLOSE]
    return min(near, key=lambda at: (at != expected, not _among(after, at + size), abs(at - expected)))


def _among(places: list[int], place: int) -> bool:
    index = bisect_left(places, place)
    return index < len(places) and places[index] == place


def _pieces(ranges: Sequence[tuple[int, int]], found: dict[int, int]) -> Iterator[Piece]:
    piece: Piece | None = None
    for number, (start, end) in enumerate(ranges):
        at = found.get(number)
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
