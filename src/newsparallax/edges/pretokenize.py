"""Pre-tokenisation with offsets, by the `tokenizers` library: words and single punctuation marks, as for BERT.

The library is asked once about each piece of a text without white space, of which most come again and again; where
pieces meet, there is white space, so what it says of one does not depend on the others.
"""

from __future__ import annotations

import re
from functools import lru_cache

from tokenizers.pre_tokenizers import BertPreTokenizer

NAME = "tokenizers.pre_tokenizers.BertPreTokenizer"
KEPT = 1 << 15  # pieces whose tokens are remembered

_SPLITTER = BertPreTokenizer()
_PIECE = re.compile(  # of anything but Unicode's White_Space, which is what the library splits at
    "[^\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+"
)


def pretokenize(text: str) -> list[tuple[int, int]]:
    """`[start, end)` of every token in code points."""
    found: list[tuple[int, int]] = []
    for piece in _PIECE.finditer(text):
        tokens = _tokens(piece.group())
        if tokens is None:
            found.append(piece.span())
        else:
            at = piece.start()
            found += [(at + start, at + end) for start, end in tokens]
    return found


@lru_cache(KEPT)
def _tokens(piece: str) -> list[tuple[int, int]] | None:
    """The tokens of a piece; None if it is one."""
    tokens = [offsets for _, offsets in _SPLITTER.pre_tokenize_str(piece)]
    return None if tokens == [(0, len(piece))] else tokens
