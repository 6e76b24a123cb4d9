"""Text as it is compared, with the way back to the text as it stands.

Folding changes nothing in the text; it makes a second string in which a name is found however it was typed: letters in
parts and whole ones are the same (NFC, UAX #15), and so are all runs of white space, straight and curled apostrophes,
hyphens that only break differently, and words with or without invisible characters in them.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache
from itertools import groupby

_SAME = (
    *(("'", other) for other in "\u2019\u2018\u02bc\u2032\uff07"),
    *(("-", other) for other in "\u2010\u2011"),
    *((" ", chr(code)) for code in range(0x3001) if chr(code).isspace() and chr(code) != " "),
)
_INVISIBLE = "\u00ad\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
_SPACES = re.compile("(?P<space>  +)")


class Folded:
    """A folded text: `text` keeps its case, `key` does not; both have one length.

    It is made of stretches, given by where each begins in `text` and where it lies, `[start, end)` in code points, in
    the text as it stands.
    """

    def __init__(self, text: str, starts: list[int], origins: list[tuple[int, int]]) -> None:
        self.text = text
        # In NFC, lower() keeps the length of all letters but one, and sigma's form depends on its place.
        self.key = text.replace("İ", "I").lower().replace("ς", "σ")
        self._starts = starts
        self._origins = origins

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Where `[start, end)` of the folded text, which is not empty, lies in the text as it stands."""
        return self._at(start)[0], self._at(end - 1)[1]

    def _at(self, position: int) -> tuple[int, int]:
        """Where one character lies: its own code point, or the whole stretch that was folded."""
        number = bisect_right(self._starts, position) - 1
        begin, stop = self._origins[number]
        after = self._starts[number + 1] if number + 1 < len(self._starts) else len(self.text)
        if after - self._starts[number] != stop - begin:
            return begin, stop
        at = begin + position - self._starts[number]
        return at, at + 1


def fold(text: str) -> Folded:
    """Fold a text, in time linear in its length."""
    for one, other in _SAME:
        text = text.replace(other, one)
    simple = unicodedata.is_normalized("NFC", text) and not any(character in text for character in _INVISIBLE)
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
    """The text in stretches: start, end, and what stands for it."""
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
    """What to fold: spaces, invisible characters, letters with what is written onto them, letters that NFC changes."""
    letters = [chr(code) for code in range(sys.maxunicode + 1)]
    changed = [letter for letter in letters if not unicodedata.is_normalized("NFC", letter)]
    parts = {part for letter in letters for part in unicodedata.normalize("NFD", letter)[1:]}
    onto = [letter for letter in letters if letter in parts or unicodedata.combining(letter)]
    return re.compile(
        rf"(?P<space> [ \u200b{_INVISIBLE}]+)|(?P<nothing>[{_INVISIBLE}]+)"
        rf"|(?P<letter>[^ ][{_ranges(onto)}]+|[{_ranges(changed)}])"
    )


def _ranges(characters: list[str]) -> str:
    """Sorted characters as the inside of a character class."""
    groups = groupby(enumerate(map(ord, characters)), lambda pair: pair[1] - pair[0])
    runs = [[code for _, code in group] for _, group in groups]
    return "".join(f"\\U{run[0]:08x}-\\U{run[-1]:08x}" for run in runs)
