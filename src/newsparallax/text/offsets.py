"""Offsets into a text: conversion between units of counting, and comparison of quotes with slices of the text.

Offsets count Unicode code points in the verbatim text; spans are half-open. Other tools count UTF-16 units, or count
CRLF as one character. Quotes of other tools can lose, gain or escape white space.

Sources: HumanSignal/label-studio issues #1347 (UTF-16), #4988 (offsets right, display wrong), PR #6645 (CRLF), #3078
and #1863 (quotes that lost spaces and newlines).
"""

from __future__ import annotations

import re
import sys
import unicodedata
from bisect import bisect_left
from functools import cached_property
from itertools import accumulate

import numpy as np

from .tokenize import UNSPACED

CODE_POINTS, UTF16, CRLF, CRLF_UTF16 = "code points", "utf16", "crlf", "crlf+utf16"

_CRLF = re.compile("\r\n")
_SPACE = re.compile(r"(?:\s|\\[nrt])+")  # white space, plain or escaped
_KEPT = re.compile(rf"{_SPACE.pattern}|(?P<kept>.)", re.DOTALL)
# Default-ignorable code points of Unicode, control characters, Hangul fillers and the Braille blank.
_JOINING = "\u180b-\u180f\u200c\u200d\ufe00-\ufe0f\U000e0020-\U000e007f\U000e0100-\U000e01ef"  # used in emoji and words
INVISIBLE = (
    "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff0-\ufffb\U000e0000\U000e0001"
)
_UNSEEN = re.compile(f"[{INVISIBLE}]")
_UNSPACED = re.compile(f"[{UNSPACED}]")
_BLANK = re.compile(rf"[\s{INVISIBLE}{_JOINING}]*")


class TextIndex:
    """A text with lazily built tables that convert offsets in other units. One index per article is enough.

    `seams` are the offsets at which the page, from which the text was rendered, had markup.
    """

    def __init__(self, text: str, seams: frozenset[int] = frozenset()):
        self.text = text
        self.seams = seams

    @cached_property
    def units_agree_until(self) -> int:
        """The offset up to which all units give the same count."""
        return min([len(self.text), *(offset - 1 for offset in self._astral[:1]), *self._crlf[:1]])

    @cached_property
    def _astral(self) -> list[int]:
        """The UTF-16 offsets of the second surrogate of each astral character."""
        text = self.text
        if sys.getsizeof(text) < 4 * len(text):  # astral characters take four bytes each
            return []
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")  # much faster than a search
        places: list[int] = np.flatnonzero(points > 0xFFFF).tolist()
        return [position + n for n, position in enumerate(places, 1)]

    @cached_property
    def _crlf(self) -> list[int]:
        """The offsets of all CRLF line ends, counted in the text with CRLF replaced by LF."""
        return [m.start() - n for n, m in enumerate(_CRLF.finditer(self.text))] if "\r\n" in self.text else []

    @cached_property
    def _single_newlines(self) -> TextIndex:
        """The text with CRLF replaced by LF."""
        return TextIndex(self.text.replace("\r\n", "\n"))

    def from_utf16(self, offset: int) -> int | None:
        """Convert an offset from UTF-16 units to code points. Return None inside a surrogate pair."""
        before = bisect_left(self._astral, offset)
        if before < len(self._astral) and self._astral[before] == offset:
            return None
        return offset - before

    def to_utf16(self, offset: int) -> int:
        """Convert an offset from code points to UTF-16 units; `offset` must lie in the text."""
        low, high = 0, len(self._astral)
        while low < high:  # the n-th pair ends n + 1 units after the code point at which it starts
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self._astral[middle] - middle - 1 < offset else (low, middle)
        return offset + low

    def from_single_newlines(self, offset: int) -> int:
        """Convert an offset from code points that count CRLF as one character to code points of the text."""
        return offset + bisect_left(self._crlf, offset)

    def readings(self, start: int, end: int) -> dict[str, tuple[int, int] | None]:
        """Return the span in code points for each unit in which `[start, end)` may have been counted.

        The value is None where no such span exists. There is only one reading where all units give the same result.
        """
        readings = {CODE_POINTS: self._inside(start, end)}
        if end <= self.units_agree_until and start <= self.units_agree_until:
            return readings
        if self._astral:
            readings[UTF16] = self._inside(self.from_utf16(start), self.from_utf16(end))
        if self._crlf:
            readings[CRLF] = self._inside(self.from_single_newlines(start), self.from_single_newlines(end))
        if self._crlf and self._astral:
            begin, stop = self._single_newlines.from_utf16(start), self._single_newlines.from_utf16(end)
            if begin is None or stop is None:
                readings[CRLF_UTF16] = None
            else:
                readings[CRLF_UTF16] = self._inside(self.from_single_newlines(begin), self.from_single_newlines(stop))
        return readings

    def fits_in_other_units(self, start: int, end: int, quote: str) -> bool:
        """Whether the quote equals the slice `[start, end)` counted in a unit other than code points."""
        if not self._crlf:  # most texts
            begin, stop = self.from_utf16(start), self.from_utf16(end)
            return begin is not None and stop is not None and self.text[begin:stop] == quote
        return any(
            place is not None and unit != CODE_POINTS and self.equals(*place, quote, unit)
            for unit, place in self.readings(start, end).items()
        )

    def _inside(self, start: int | None, end: int | None) -> tuple[int, int] | None:
        if start is None or end is None or not 0 <= start < end <= len(self.text):
            return None
        return start, end

    def equals(self, start: int, end: int, quote: str, unit: str = CODE_POINTS) -> bool:
        """Whether the slice `[start, end)` equals the quote, with line ends as the unit counts them."""
        piece = self.text[start:end]
        return piece == quote or (unit.startswith(CRLF) and piece.replace("\r\n", "\n") == quote)

    def resembles(self, start: int, end: int, quote: str) -> bool:
        """Whether the slice `[start, end)` equals the quote apart from white space.

        The quote may have lost, changed or escaped white space. It may have additional white space only where the text
        has white space or a seam, or at an end of the text.
        """
        piece, gaps = _squeeze(self.text[start:end])
        words, quoted_gaps = _squeeze(quote)
        if not words or words != piece:
            return False
        more = quoted_gaps - gaps
        if 0 in more and self._open(start - 1, start):
            more.discard(0)
        if len(words) in more and self._open(end, end):
            more.discard(len(words))
        if more and self.seams:
            more -= {len(_squeeze(self.text[start:seam])[0]) for seam in self.seams if start < seam < end}
        return not more

    def _open(self, at: int, edge: int) -> bool:
        """Whether a quote may have white space at an edge: at an end of the text, at white space or at a seam."""
        return not 0 <= at < len(self.text) or self.text[at].isspace() or edge in self.seams

    def occurrences(self, low: int, high: int, quote: str) -> list[tuple[int, int]]:
        """Return the spans of the quote within `[low, high)`, at most two.

        If no exact occurrence exists, return occurrences that differ in white space. Overlapping occurrences count as
        two.
        """
        window = self.text[low:high]
        exact = _finds(window, quote)
        if exact:
            return [(low + at, low + at + len(quote)) for at in exact]
        words = _SPACE.sub("", quote)
        if not words:
            return []
        kept = [m.start() for m in _KEPT.finditer(window) if m.lastgroup == "kept"]
        loose = _finds("".join(window[at] for at in kept), words)
        places = [(low + kept[at], low + kept[at + len(words) - 1] + 1) for at in loose]
        return [(start, end) for start, end in places if self.resembles(start, end, quote)]

    def at_word_edges(self, start: int, end: int) -> bool:
        """Whether neither edge of `[start, end)` lies inside a word."""
        text = self.text
        begins = start == 0 or start >= end or not (_in_word(text[start - 1]) and _in_word(text[start]))
        ends = end >= len(text) or start >= end or not (_in_word(text[end - 1]) and _in_word(text[end]))
        return begins and ends


def is_blank(piece: str) -> bool:
    """Whether a piece of text has only white space and invisible characters."""
    return _BLANK.fullmatch(piece) is not None


def unseen_in(piece: str) -> list[str]:
    """Return the invisible characters in a piece of text, without repetitions, as U+XXXX and name."""
    return [
        f"U+{ord(char):04X} {unicodedata.name(char, '')}".rstrip() for char in dict.fromkeys(_UNSEEN.findall(piece))
    ]


def _squeeze(piece: str) -> tuple[str, set[int]]:
    """Return the piece without white space, and the offsets in the result at which white space was removed."""
    parts = _SPACE.split(piece)
    return "".join(parts), set(accumulate(map(len, parts[:-1])))


def _finds(text: str, quote: str) -> list[int]:
    """Return the start offsets of `quote` in `text`, at most two: two show that the quote is not unique."""
    places: list[int] = []
    at = text.find(quote)
    while at >= 0 and len(places) < 2:
        places.append(at)
        at = text.find(quote, at + 1)
    return places


def _in_word(char: str) -> bool:
    """Whether a character is part of a word. In scripts without spaces, a word may end after any character."""
    if _UNSPACED.match(char) or _UNSEEN.match(char):  # Unicode classifies Hangul fillers as letters
        return False
    return char.isalnum() or char == "_" or unicodedata.category(char).startswith("M")
