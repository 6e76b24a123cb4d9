"""Pre-tokenisation with offsets, by the `tokenizers` library: words and single punctuation marks, as for BERT."""

from __future__ import annotations

from tokenizers.pre_tokenizers import BertPreTokenizer

NAME = "tokenizers.pre_tokenizers.BertPreTokenizer"

_SPLITTER = BertPreTokenizer()


def pretokenize(text: str) -> list[tuple[int, int]]:
    """`[start, end)` of every token in code points."""
    return [offsets for _, offsets in _SPLITTER.pre_tokenize_str(text)]
