"""Folding of text for comparison, with a map from folded offsets back to offsets in the original text.

Folding does not change the original text. It makes a second string, in which a search finds all spellings of a name.
The folding unifies composed and decomposed letters (NFC, UAX #15), runs of white space, straight and curly apostrophes,
and breaking and non-breaking hyphens. It drops invisible characters.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache
from itertools import groupby

from .offsets import INVISIBLE, unseen_in

_SAME = (
    *(("'", other) for other in "\u2019\u2018\u02bc\u2032\uff07"),
    *(("-", other) for other in "\u2010\u2011"),
    *((" ", chr(code)) for code in range(0x3001) if chr(code).isspace() and chr(code) != " "),
)
_SPACES = re.compile("(?P<space>  +)")


class Folded:
    """A folded text. `text` keeps the case, `key` is in lower case; both have the same length.

    The folded text is a sequence of segments. Each segment has a start offset in `text` and an origin: `[start, end)`
    in code points of the original text.
    """

    def __init__(self, text: str, starts: list[int], origins: list[tuple[int, int]]) -> None:
        self.text = text
        # In NFC, lower() keeps the length of all letters except İ. The lower case of sigma depends on its position.
        self.key = text.replace("İ", "I").lower().replace("ς", "σ")
        self._starts = starts
        self._origins = origins

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the original text from which `[start, end)` of the folded text comes.

        Both spans are in code points. `[start, end)` must not be empty.
        """
        return self._at(start)[0], self._at(end - 1)[1]

    def _at(self, position: int) -> tuple[int, int]:
        """Return the origin of one character: its code point, or the complete segment if folding changed its length."""
        number = bisect_right(self._starts, position) - 1
        begin, stop = self._origins[number]
        after = self._starts[number + 1] if number + 1 < len(self._starts) else len(self.text)
        if after - self._starts[number] != stop - begin:
            return begin, stop
        at = begin + position - self._starts[number]
        return at, at + 1


def fold(text: str) -> Folded:
    """Fold a text. The time is linear in the length of the text."""
    for character, plain in _SAME:
        text = text.replace(plain, character)
    simple = unicodedata.is_normalized("NFC", text) and not unseen_in(text)
    pieces: list[str] = []
    starts: list[int] = []
    origins: list[tuple[int, int]] = []
    length = 0
    for begin, stop, piece in _stretches(text, _SPACES if simple else _all_runs()):
        pieces.append(piece)
        starts.append(length)
        origins.append((begin, stop))
        length += len(piece)
    return Folded("".join(pieces), starts, origins)


def _stretches(text: str, runs: re.Pattern[str]) -> Iterator[tuple[int, int, str]]:
    """Yield the segments of the text: start, end, and the folded form."""
    done = 0
    for run in runs.finditer(text):
        begin, stop = run.span()
        yield done, begin, text[done:begin]
        yield begin, stop, _folded(run)
        done = stop
    yield done, len(text), text[done:]


def _folded(run: re.Match[str]) -> str:
    if run.lastgroup == "space":
        return " "
    return "" if run.lastgroup == "nothing" else unicodedata.normalize("NFC", run.group())


@cache
def _all_runs() -> re.Pattern[str]:
    """Return the pattern to fold: spaces, invisible characters, letters with marks, letters that NFC changes."""
    letters = [chr(code) for code in range(sys.maxunicode + 1)]
    changed = [letter for letter in letters if not unicodedata.is_normalized("NFC", letter)]
    parts = {part for letter in letters for part in unicodedata.normalize("NFD", letter)[1:]}
    onto = [letter for letter in letters if letter in parts or unicodedata.combining(letter)]
    return re.compile(
        rf"(?P<space> [ {INVISIBLE}]+)|(?P<nothing>[{INVISIBLE}]+)"
        rf"|(?P<letter>[^ ][{_ranges(onto)}]+|[{_ranges(changed)}])"
    )


def _ranges(characters: list[str]) -> str:
    """Return sorted characters as ranges for a character class."""
    groups = groupby(enumerate(map(ord, characters)), lambda pair: pair[1] - pair[0])
    runs = [[code for _, code in group] for _, group in groups]
    return "".join(f"\\U{run[0]:08x}-\\U{run[-1]:08x}" for run in runs)
