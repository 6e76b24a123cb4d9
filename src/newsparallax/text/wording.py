"""Wording of messages: suggestions for unknown words ("did you mean"), pieces of text, and plurals."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache
from itertools import combinations

from .offsets import INVISIBLE

CLOSE = 0.65  # minimum difflib ratio of similar words; PRE and PER, with two of three letters in common, reach it
MOST = 5000  # with more known words, only words that differ in case, white space, `_` or `-` are suggested
_INVISIBLE = re.compile(f"[{INVISIBLE}]")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a message: "; did you mean 'entities'?", or "" where no known word is similar."""
    closest = _closest(word, tuple(known)) if word else None
    return f"; did you mean {shown_apart(word, closest)[1]}?" if closest else ""


@lru_cache(maxsize=1024)
def _closest(word: str, known: tuple[str, ...]) -> str | None:
    folded: dict[str, str] = {}
    for candidate in known:
        folded.setdefault(_fold(candidate), candidate)
    if (same := folded.get(_fold(word))) is not None:
        return same
    close = get_close_matches(_fold(word), folded, 1, CLOSE) if len(folded) <= MOST else []
    return folded[close[0]] if close else None


def _fold(word: str) -> str:
    return "".join(word.casefold().replace("_", " ").replace("-", " ").split())


def shown_apart(*pieces: str, limit: int = 40) -> tuple[str, ...]:
    """Return pieces of text for a message: shortened to `limit` code points, quoted, and escaped if they look alike."""
    short = [piece if len(piece) <= limit else piece[: limit - 1] + "…" for piece in pieces]
    alike = any(_alike(first, second) for first, second in combinations(short, 2))
    return tuple(ascii(piece) if alike else repr(piece) for piece in short)


def _alike(first: str, second: str) -> bool:
    """Whether two pieces may look alike: they differ only in marks, or only in ASCII against non-ASCII letters."""
    pieces = [
        "".join(
            char for char in unicodedata.normalize("NFKD", _INVISIBLE.sub("", piece)) if not unicodedata.combining(char)
        )
        for piece in (first, second)
    ]
    pairs = list(zip(*pieces, strict=False))
    return len(pieces[0]) == len(pieces[1]) and all(a == b or a.isascii() != b.isascii() for a, b in pairs)


def plural(number: int, what: str) -> str:
    """Return a number with its noun, in the singular or plural."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
