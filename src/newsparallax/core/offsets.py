"""Judging where a region lies: the offset contract.

Offsets are Unicode code points, half-open, in the verbatim text. What comes in may have been counted otherwise (UTF-16
units, CRLF as one) and quoted otherwise (collapsed spaces, dropped or escaped newlines), so each region is judged with
its own quote as the evidence, in a fixed order; a region that already fits is never touched.

Sources: HumanSignal/label-studio issues #1347 (UTF-16), #4988 (offsets right, display wrong), PR #6645 (CRLF), #3078
and #1863 (quotes that lost spaces and newlines), #2007 (beyond the end).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import cached_property
from typing import NamedTuple

NEARBY = 100  # code points to each side in which a quote counts as close by

_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_CRLF = re.compile("\r\n")
_LOOSE = re.compile(r"\s|\\[nrt]")  # what a quote may have lost or changed: white space, also in its escaped form
_TIGHT = re.compile(rf"{_LOOSE.pattern}|(?P<kept>.)", re.DOTALL)


class Located(NamedTuple):
    """A span of the text, in code points; `method` says how it was repaired, None when it fitted."""

    start: int
    end: int
    method: str | None


class Rejected(NamedTuple):
    """Why a region has no provable place."""

    code: str
    message: str


class TextIndex:
    """A text with what is needed to translate foreign offsets; built once an article, lazily."""

    def __init__(self, text: str):
        self.text = text

    @cached_property
    def _astral(self) -> list[int]:
        """UTF-16 offsets of the second halves of all astral characters."""
        return [m.start() + n + 1 for n, m in enumerate(_ASTRAL.finditer(self.text))]

    @cached_property
    def _crlf(self) -> list[int]:
        """Offsets, in the text with CRLF as LF, of all line ends that were CRLF."""
        return [m.start() - n for n, m in enumerate(_CRLF.finditer(self.text))]

    def from_utf16(self, offset: int) -> int | None:
        """UTF-16 units -> code points; None inside of a surrogate pair."""
        before = bisect_left(self._astral, offset)
        if before < len(self._astral) and self._astral[before] == offset:
            return None
        return offset - before

    def from_single_newlines(self, offset: int) -> int:
        """Code points of the text with CRLF as LF -> code points of the text."""
        return offset + bisect_left(self._crlf, offset)

    @cached_property
    def single_newlines(self) -> TextIndex:
        """The text with CRLF as LF."""
        return TextIndex(self.text.replace("\r\n", "\n"))

    @property
    def has_astral(self) -> bool:
        """Whether UTF-16 offsets differ from code points anywhere."""
        return bool(self._astral)

    @property
    def has_crlf(self) -> bool:
        """Whether counting CRLF as one makes a difference anywhere."""
        return bool(self._crlf)


def judge(index: TextIndex, start: int, end: int, quote: str | None, *, trim: bool = True) -> Located | Rejected:
    """Place the region `[start, end)` in the text, with its `quote` as evidence.

    In order: code points as they stand; the same with a tolerant quote; UTF-16 units; CRLF counted as one; both; a
    unique occurrence of the quote close by. Last, with `trim`, white space at the edges is cut off. Without a quote
    only a region inside of the text is accepted.

    `start` and `end` are as the export counts them, which may be in other units; those of the answer are code points.
    Its `method` is None, "utf16", "crlf", "crlf+utf16", "nearby" or "trim" (only where the offsets fitted); the `code`
    of a rejection is quote-mismatch, offsets-out-of-range, reversed-offsets or empty-span.
    """
    found = _locate(index, start, end, quote or None)
    return _trimmed(index.text, found) if trim and isinstance(found, Located) else _not_blank(index.text, found)


def _locate(index: TextIndex, start: int, end: int, quote: str | None) -> Located | Rejected:
    text = index.text
    inside = 0 <= start < end <= len(text)
    if quote is None:
        return Located(start, end, None) if inside else _outside(text, start, end)
    if inside and _fits(text[start:end], quote):
        return Located(start, end, None)
    for method, begin, stop in _translations(index, start, end):
        if 0 <= begin < stop <= len(text) and _fits(text[begin:stop], quote):
            return Located(begin, stop, method)
    near = _close_by(text, start, end, quote)
    if near:
        return Located(*near, "nearby")
    if not inside:
        return _outside(text, start, end)
    return Rejected("quote-mismatch", f"offsets {start}..{end} hold {_short(text[start:end])}, not {_short(quote)}")


def _translations(index: TextIndex, start: int, end: int) -> list[tuple[str, int, int]]:
    found: list[tuple[str, int, int]] = []
    if index.has_astral:
        begin, stop = index.from_utf16(start), index.from_utf16(end)
        if begin is not None and stop is not None:
            found.append(("utf16", begin, stop))
    if index.has_crlf:
        found.append(("crlf", index.from_single_newlines(start), index.from_single_newlines(end)))
    if index.has_crlf and index.has_astral:
        begin, stop = index.single_newlines.from_utf16(start), index.single_newlines.from_utf16(end)
        if begin is not None and stop is not None:
            found.append(("crlf+utf16", index.from_single_newlines(begin), index.from_single_newlines(stop)))
    return found


def _fits(piece: str, quote: str) -> bool:
    if piece == quote:
        return True
    squeezed = _LOOSE.sub("", quote)
    return bool(squeezed) and _LOOSE.sub("", piece) == squeezed


def _close_by(text: str, start: int, end: int, quote: str) -> tuple[int, int] | None:
    """The only occurrence of the quote within NEARBY code points of the region, exact or else tolerant."""
    low = max(0, min(start, end) - NEARBY)
    high = min(len(text), max(start, end, min(start, end) + len(quote)) + NEARBY)
    if not quote.strip() or high <= low or high - low > 2 * len(quote) + 4 * NEARBY:
        return None
    window = text[low:high]
    exact = _occurrences(window, quote)
    if exact:
        return (low + exact[0], low + exact[0] + len(quote)) if len(exact) == 1 else None
    kept = [m.start() for m in _TIGHT.finditer(window) if m.lastgroup == "kept"]
    squeezed = _LOOSE.sub("", quote)
    loose = _occurrences("".join(window[at] for at in kept), squeezed) if squeezed else []
    return (low + kept[loose[0]], low + kept[loose[0] + len(squeezed) - 1] + 1) if len(loose) == 1 else None


def _occurrences(text: str, quote: str) -> list[int]:
    """Where `quote` begins in `text`, overlapping ones included; two are enough to know that it is not alone."""
    found: list[int] = []
    at = text.find(quote)
    while at >= 0 and len(found) < 2:
        found.append(at)
        at = text.find(quote, at + 1)
    return found


def _trimmed(text: str, found: Located) -> Located | Rejected:
    piece = text[found.start : found.end]
    kept = piece.strip()
    if not kept:
        return Rejected("empty-span", f"offsets {found.start}..{found.end} hold only white space")
    if kept == piece:
        return found
    start = found.start + len(piece) - len(piece.lstrip())
    return Located(start, start + len(kept), found.method or "trim")


def _not_blank(text: str, found: Located | Rejected) -> Located | Rejected:
    if isinstance(found, Located) and not text[found.start : found.end].strip():
        return Rejected("empty-span", f"offsets {found.start}..{found.end} hold only white space")
    return found


def _outside(text: str, start: int, end: int) -> Rejected:
    if end < start:
        return Rejected("reversed-offsets", f"offsets {start}..{end} run backwards")
    if start == end and 0 <= start <= len(text):
        return Rejected("empty-span", f"offsets {start}..{end} hold nothing")
    return Rejected(
        "offsets-out-of-range", f"offsets {start}..{end} lie outside of the text of {len(text)} code points"
    )


def _short(text: str, limit: int = 40) -> str:
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")
