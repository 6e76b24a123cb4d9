"""Runs of consecutive words, to find the same words in two texts regardless of case, spaces and punctuation.

A word consists of letters and digits. In scripts without spaces between words, each character counts as a part of a
word: two thirds for Han and kana, one third for Thai, Lao, Khmer and Myanmar (combining marks do not count).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .tokenize import HAN_AND_KANA, UNSPACED

_WHOLE, _OF_HAN, _OF_OTHERS = 3, 2, 1  # shares of a word, in thirds: of a spaced word, and of unspaced characters

_WORD = re.compile(r"[^\W_]+")
_PART = re.compile(f"[{UNSPACED}]|[^{UNSPACED}]+")
_UNSPACED, _HAN = re.compile(f"[{UNSPACED}]"), re.compile(f"[{HAN_AND_KANA}]")


def word_runs(text: str, length: int) -> Iterator[str]:
    """Yield every run of `length` words of a text, in lower case and joined by spaces.

    A run with unspaced characters is as long as their shares of a word require.
    """
    sequence = _words(text)
    shares = list(map(_share, sequence))
    total = end = 0
    for start, share in enumerate(shares):
        while total < length * _WHOLE and end < len(sequence):
            total += shares[end]
            end += 1
        if total < length * _WHOLE:
            return
        yield " ".join(sequence[start:end])
        total -= share


def _words(text: str) -> list[str]:
    parts: list[str] = []
    for word in _WORD.findall(text.lower()):
        if word.isascii() or not _UNSPACED.search(word):
            parts.append(word)
        else:
            parts += _PART.findall(word)
    return parts


def _share(word: str) -> int:
    if len(word) > 1 or not _UNSPACED.match(word):
        return _WHOLE
    return _OF_HAN if _HAN.match(word) else _OF_OTHERS
