"""Pre-tokenisation with offsets, using the `tokenizers` library: words and single punctuation marks, as for BERT.

In scripts without spaces between words, each character is a token, as for multilingual BERT. Only a language model
could find the ends of words there, and BIO tags can express a span only if its edges are token edges. Marks stay with
their character, because no word begins or ends between them.

The library decides about each code point by itself: it separates tokens, is a token, or is part of a word. It is asked
once about each code point; the edges of all tokens of a text then come from array operations. Only words with
characters of scripts without spaces are given to the library, because such a character may have several code points.

The constants for scripts without spaces (HAN_AND_KANA, SOUTH_EAST_ASIAN, UNSPACED) are the inside of a character class
for regular expressions. They list code points and do not depend on a library's Unicode version, so the tokens stay the
same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex
from tokenizers.pre_tokenizers import BertPreTokenizer, Split

# Han and kana, with their length, iteration and voicing marks.
HAN_AND_KANA = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u302d\u3031-\u3035\u3038-\u303c\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    "\u31f0-\u31ff\u32d0-\u32fe\u3300-\u3357\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\U00016fe2\U00016fe3\U00016ff0-\U00016ff6\U0001aff0-\U0001b16f\U0001f200\U00020000-\U0003fffd"
)
# Thai, Lao, Myanmar and Khmer.
SOUTH_EAST_ASIAN = (
    "\u0e01-\u0e3a\u0e40-\u0e5b\u0e81-\u0edf\u1000-\u109f\u1780-\u17ff\u19e0-\u19ff\ua9e0-\ua9fe\uaa60-\uaa7f"
    "\U000116d0-\U000116e3"
)
UNSPACED = HAN_AND_KANA + SOUTH_EAST_ASIAN

_WORDS = BertPreTokenizer()
_MARK = r"[\p{M}\x{200c}\x{200d}\x{e33}\x{eb3}\x{ff9e}\x{ff9f}]"  # also joiners, vowels AM, half-width voicing marks
_STACKED = r"(?<=\x{1039})[\x{1000}-\x{102a}]|(?<=\x{17d2})[\x{1780}-\x{17b3}]"  # letters stacked below another letter
_CHARACTER = rf"(?!{_MARK})[{UNSPACED}](?:{_MARK}|{_STACKED})*"
_CHARACTERS = Split(Regex(_CHARACTER), "isolated")
_UNSPACED = re.compile(f"[{UNSPACED}]")

_UNKNOWN, _SPACE, _ALONE, _WORD, _UNSPACED_WORD = range(5)  # classes of code points; both last are part of words
_CLASSES = np.zeros(0x110000, np.uint8)  # of each code point; filled when the code point occurs for the first time

Offsets = NDArray[np.int64]


def token_edges(text: str, cuts: Iterable[int] = ()) -> tuple[Offsets, Offsets]:
    """Return the starts and the ends of all tokens, in code points; a token never crosses a position in `cuts`."""
    classes = _classes(text)
    words = classes >= _WORD
    first = classes == _ALONE  # whether a token begins at a code point
    first[:1] |= words[:1]
    first[1:] |= words[1:] & ~words[:-1]
    last = classes == _ALONE  # whether a token ends with a code point
    last[-1:] |= words[-1:]
    last[:-1] |= words[:-1] & ~words[1:]
    places = np.fromiter(cuts, np.int64)
    places = places[(places > 0) & (places < len(text))]
    places = places[words[places - 1] & words[places]]
    last[places - 1] = first[places] = True
    starts, ends = np.flatnonzero(first), np.flatnonzero(last) + 1
    unspaced = np.flatnonzero(classes == _UNSPACED_WORD)
    return _split_unspaced(text, starts, ends, unspaced) if len(unspaced) else (starts, ends)


def _classes(text: str) -> NDArray[np.uint8]:
    """Return the class of each code point of a text."""
    points = np.frombuffer(text.encode("utf-32-le"), "<u4")
    classes: NDArray[np.uint8] = _CLASSES[points]
    if not classes.all():
        for point in set(points[classes == _UNKNOWN].tolist()):
            tokens = [offsets for _, offsets in _WORDS.pre_tokenize_str(f"a{chr(point)}b")]
            word = _UNSPACED_WORD if _UNSPACED.match(chr(point)) else _WORD
            _CLASSES[point] = {3: _ALONE, 2: _SPACE, 1: word}[len(tokens)]
        classes = _CLASSES[points]
    return classes


def _split_unspaced(text: str, starts: Offsets, ends: Offsets, unspaced: Offsets) -> tuple[Offsets, Offsets]:
    """Split the words at the positions `unspaced` into characters; return the starts and ends of all tokens."""
    inner: list[int] = []
    for word in np.unique(np.searchsorted(starts, unspaced, side="right") - 1).tolist():
        start = int(starts[word])
        inner += [start + edge for edge in _inner_edges(text[start : int(ends[word])])]
    edges = np.array(inner, np.int64)
    return np.sort(np.append(starts, edges)), np.sort(np.append(ends, edges))


@lru_cache(maxsize=4096)
def _inner_edges(word: str) -> list[int]:
    """Return where the tokens of a word with unspaced characters begin, without the first."""
    return [start for _, (start, _) in _CHARACTERS.pre_tokenize_str(word)][1:]
