"""Make the rows of `tokens`: the tokens of every block with BIO tags of one layer, column by column.

The module also counts which spans BIO tags cannot represent.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter

import numpy as np
import pyarrow as pa

from ..corpus import Block, Codebook, schema
from ..text import Offsets, token_edges
from .article import Conversion
from .model import ArticleText, Span
from .span_tables import Row, made_by, table_makers

Range = tuple[int, int]
TokenRange = tuple[int, int, str]  # first token, token after the last, label


def tagged_ranges(
    starts: Offsets, ends: Offsets, spans: list[Span], block: Range
) -> tuple[list[TokenRange], Counter[str]]:
    """Return the token ranges that BIO tags mark in a block, and counts of the spans that are tagged or left out.

    `starts` and `ends` are the offsets of the block's tokens in the article's text; `spans` are the spans that begin in
    the block. Spans are taken in order of their start, the longer first; a span that overlaps a tagged one is left out.
    Spans that are left out are counted by reason: `nested`, `crossing`, `across_blocks`, `cut_tokens` (an edge inside
    a token), `no_token`. `shown` counts the tagged spans. Only the first of several labels is tagged, and
    `several_labels` counts these spans.
    """
    ranges: list[TokenRange] = []
    counts: Counter[str] = Counter()
    shown: Span | None = None
    spans = sorted(spans, key=lambda span: (span.start, -span.end, span.span_id))
    firsts = np.searchsorted(starts, [span.start for span in spans]).tolist()
    lasts = np.searchsorted(ends, [span.end for span in spans], side="right").tolist()
    for span, first, last in zip(spans, firsts, lasts, strict=True):
        reason = _obstacle(span, block, shown, starts, ends, first, last)
        counts[reason or "shown"] += 1
        if reason is None:
            shown = span
            counts["several_labels"] += len(span.labels) > 1
            ranges.append((first, last, span.labels[0]))
    return ranges, +counts


def _obstacle(
    span: Span, block: Range, shown: Span | None, starts: Offsets, ends: Offsets, first: int, last: int
) -> str | None:
    """Return why a span cannot be tagged, None if it can; `shown` is the last span that was tagged."""
    if span.end > block[1]:
        return "across_blocks"
    if shown and span.start < shown.end:
        return "nested" if span.end <= shown.end else "crossing"
    if first >= last:
        around = range(max(0, last - 1), min(last + 1, len(starts)))  # last token before the span's end, and the next
        return "cut_tokens" if any(starts[n] < span.end and span.start < ends[n] for n in around) else "no_token"
    return None if starts[first] == span.start and ends[last - 1] == span.end else "cut_tokens"


class TokenRows:
    """Collects the rows of `tokens`, one article after the other.

    `counts` has the numbers of spans that BIO tags do and do not represent.
    """

    def __init__(self, codebook: Codebook) -> None:
        self.counts: Counter[str] = Counter()
        self._layer = codebook.token_layer or ""
        self._tag_numbers = codebook.layers[self._layer].tag_numbers
        self._maker = table_makers(codebook)[schema.TOKENS]
        self._rows: list[Row] = []  # the columns of plain values, of each block
        self._lengths = [0]  # number of tokens of each block, after a zero
        self._words: list[bytes] = []  # UTF-8 of all tokens of a text
        self._parts: tuple[list[Offsets], ...] = (
            [],
            [],
            [],
            [],
        )  # starts, ends, tags, bytes of each token, of each text

    @property
    def size(self) -> int:
        """The current number of rows."""
        return len(self._rows)

    def add(self, conversion: Conversion, shown: ArticleText, blocks: list[Block], spans: list[Span]) -> None:
        """Add one row for each block of a text that has gold; `spans` are its gold spans, in order of their start."""
        if conversion.gold is None:
            return
        text = shown.index.text
        edges = [edge for block in blocks for edge in (block.start, block.end)]
        starts, ends = token_edges(text, edges)
        tags: Offsets = np.full(len(starts), self._tag_numbers["O"], np.int64)
        mine = [span for span in spans if span.layer == self._layer]
        begins = [span.start for span in mine]
        by = made_by(conversion.gold)
        bounds = np.searchsorted(starts, edges).tolist()
        counts = Counter(spans=len(mine), outside_blocks=len(mine))
        for number, (block, first, last) in enumerate(zip(blocks, bounds[::2], bounds[1::2], strict=True)):
            inside = mine[bisect_left(begins, block.start) : bisect_left(begins, block.end)]
            counts["outside_blocks"] -= len(inside)
            tokens = slice(first, last)
            ranges, of_block = tagged_ranges(starts[tokens], ends[tokens], inside, (block.start, block.end))
            counts.update(of_block)
            for begin, end, label in ranges:
                tags[first + begin : first + end] = self._tag_numbers[f"I-{label}"]
                tags[first + begin] = self._tag_numbers[f"B-{label}"]
            place = (f"{shown.article_id}#{number}", shown.article_id, conversion.event_id, block.kind)
            self._rows.append((*place, block.start, block.end, *by))
            self._lengths.append(last - first)
        if sum(self._lengths[-len(blocks) :]) < len(starts) or not blocks:  # tokens between blocks are in no row
            kept = [position for bound in zip(bounds[::2], bounds[1::2], strict=True) for position in range(*bound)]
            starts, ends, tags = starts[kept], ends[kept], tags[kept]
        self.counts.update(+counts)
        self._add_tokens(text, starts, ends, tags)

    def _add_tokens(self, text: str, starts: Offsets, ends: Offsets, tags: Offsets) -> None:
        words, sizes = _words(text, starts, ends)
        for parts, part in zip(self._parts, (starts, ends, tags, sizes), strict=True):
            parts.append(part)
        self._words.append(words)

    def table(self) -> pa.Table:
        """Return the table of all rows."""
        starts, ends, tags, sizes = map(_joined, self._parts)
        lists = {"tokens": _strings(self._words, sizes), "starts": starts, "ends": ends, "tags": tags}
        offsets = pa.array(np.cumsum(self._lengths), pa.int32())
        types = {field.name: field.type for field in self._maker.schema}
        columns = {name: pa.ListArray.from_arrays(offsets, column, types[name]) for name, column in lists.items()}
        return self._maker.make(self._rows, columns)


def _words(text: str, starts: Offsets, ends: Offsets) -> tuple[bytes, Offsets]:
    """Return the UTF-8 bytes of all tokens, one after the other, and the number of bytes of each."""
    data = np.frombuffer(text.encode(), np.uint8)
    if len(data) > len(text):
        at = np.append(np.flatnonzero((data & 0xC0) != 0x80), len(data))  # where each code point begins
        starts, ends = at[starts], at[ends]
    change = np.zeros(len(data) + 1, np.int8)  # 1 where a token starts, -1 where it ends, 0 where both
    change[starts] += 1
    change[ends] -= 1
    return data[np.cumsum(change[:-1], dtype=np.int8).view(bool)].tobytes(), ends - starts


def _strings(words: list[bytes], sizes: Offsets) -> pa.StringArray:
    """Return a string array from the bytes of all strings and their sizes, without one Python string for each."""
    offsets = np.zeros(len(sizes) + 1, np.int32)
    np.cumsum(sizes, out=offsets[1:])
    return pa.StringArray.from_buffers(len(sizes), pa.py_buffer(offsets), pa.py_buffer(b"".join(words)))


def _joined(parts: list[Offsets]) -> Offsets:
    return np.concatenate(parts) if parts else np.array([], np.int64)
