"""Make the rows of `tokens`: the tokens of every block with BIO tags of one layer, column by column.

The module also counts which spans BIO tags cannot represent.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from itertools import accumulate

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..corpus import Block, Codebook, schema
from ..text import Offsets, token_edges
from .article import Conversion
from .model import ArticleText, Span
from .span_tables import Row, made_by, table_makers

Range = tuple[int, int]
TokenRange = tuple[int, int, str]  # first token, token after the last, label

AT_ONCE = 1 << 18  # code points of the texts that are divided at a time


def tagged_ranges(
    starts: Offsets, ends: Offsets, spans: list[Span], blocks: list[Range], base: int = 0
) -> tuple[list[TokenRange], Counter[str]]:
    """Return the token ranges that BIO tags mark in a text, and counts of the spans that are tagged or left out.

    `starts` and `ends` are the offsets of tokens, where the text begins at `base`. Offsets of `spans` and `blocks`
    count from the beginning of the text; blocks are in order, and no token crosses their edges. Spans are taken in
    order of their start, the longer first; a span that overlaps a tagged one is left out. Spans that are left out are
    counted by reason: `outside_blocks`, `nested`, `crossing`, `across_blocks`, `cut_tokens` (an edge inside a token),
    `no_token`. `shown` counts the tagged spans. Only the first of several labels is tagged, and `several_labels` counts
    these spans.
    """
    ranges: list[TokenRange] = []
    counts = Counter[str]()
    shown: Span | None = None
    spans = sorted(spans, key=lambda span: (span.start, -span.end, span.span_id))
    firsts = np.searchsorted(starts, [base + span.start for span in spans]).tolist()
    lasts = np.searchsorted(ends, [base + span.end for span in spans], side="right").tolist()
    begins = [begin for begin, _ in blocks]
    for span, first, last in zip(spans, firsts, lasts, strict=True):
        number = bisect_right(begins, span.start) - 1
        if number < 0 or span.start >= blocks[number][1]:
            counts["outside_blocks"] += 1
            continue
        place = base + span.start, base + span.end
        reason = _obstacle(span, blocks[number][1], shown) or _misfit(place, starts, ends, first, last)
        counts[reason or "shown"] += 1
        if reason is None:
            shown = span
            counts["several_labels"] += len(span.labels) > 1
            ranges.append((first, last, span.labels[0]))
    return ranges, +counts


def _obstacle(span: Span, block_end: int, shown: Span | None) -> str | None:
    """Return why a span cannot be tagged whatever its tokens are, or None; `shown` is the last span that was tagged."""
    if span.end > block_end:
        return "across_blocks"
    if shown and span.start < shown.end:
        return "nested" if span.end <= shown.end else "crossing"
    return None


def _misfit(place: Range, starts: Offsets, ends: Offsets, first: int, last: int) -> str | None:
    """Return why the tokens from `first` to before `last` do not cover exactly a place, or None if they do."""
    start, end = place
    if first >= last:
        around = range(max(0, last - 1), min(last + 1, len(starts)))  # last token before the span's end, and the next
        return "cut_tokens" if any(starts[n] < end and start < ends[n] for n in around) else "no_token"
    return None if starts[first] == start and ends[last - 1] == end else "cut_tokens"


class TokenRows:
    """Collects the rows of `tokens`, one article after the other.

    `counts` has the numbers of spans that BIO tags do and do not represent; it is complete after `table`. Many texts
    are divided into tokens at a time, because an array operation takes about as long for one short text as for ten.
    """

    def __init__(self, codebook: Codebook) -> None:
        self.counts: Counter[str] = Counter()
        self._layer = codebook.token_layer or ""
        self._tag_numbers = codebook.layers[self._layer].tag_numbers
        self._maker = table_makers(codebook)[schema.TOKENS]
        self._rows: list[Row] = []  # the columns of plain values, of each block
        self._waiting: list[tuple[str, list[Range], list[Span]]] = []  # texts, their blocks, their spans of the layer
        self._characters = 0  # of these texts
        self._words: list[bytes] = []  # UTF-8 of all tokens of some texts
        # Of some texts: starts, ends, tags and bytes of each token, then the number of tokens of each block.
        self._parts: tuple[list[Offsets], ...] = ([], [], [], [], [])

    @property
    def size(self) -> int:
        """The current number of rows."""
        return len(self._rows)

    def add(self, conversion: Conversion, shown: ArticleText, blocks: list[Block], spans: list[Span]) -> None:
        """Add one row for each block of a text that has gold; `spans` are its gold spans, in order of their start."""
        if conversion.gold is None:
            return
        text = shown.index.text
        by = made_by(conversion.gold)
        for number, block in enumerate(blocks):
            place = (f"{shown.article_id}#{number}", shown.article_id, conversion.event_id, block.kind)
            self._rows.append((*place, block.start, block.end, *by))
        mine = [span for span in spans if span.layer == self._layer]
        self._waiting.append((text, [(block.start, block.end) for block in blocks], mine))
        self._characters += len(text)
        if self._characters >= AT_ONCE:
            self._divide()

    def _divide(self) -> None:
        """Divide the waiting texts into tokens, and tag these."""
        texts = [text for text, _, _ in self._waiting]
        bases = [0, *accumulate(len(text) + 1 for text in texts)]
        placed = list(zip(bases, self._waiting, strict=False))
        edges: Offsets = np.array(
            [base + edge for base, (_, blocks, _) in placed for block in blocks for edge in block], np.int64
        )
        text = "\n".join(texts)
        starts, ends = token_edges(text, edges)
        tags: Offsets = np.full(len(starts), self._tag_numbers["O"], np.int64)
        for base, (_, blocks, spans) in placed:
            ranges, counts = tagged_ranges(starts, ends, spans, blocks, base)
            self.counts.update(counts)
            self.counts.update({"spans": len(spans)} if spans else {})
            for first, last, label in ranges:
                tags[first:last] = self._tag_numbers[f"I-{label}"]
                tags[first] = self._tag_numbers[f"B-{label}"]
        bounds = np.searchsorted(starts, edges)
        lengths = np.diff(bounds)[::2]
        if lengths.sum() < len(starts):  # tokens between blocks are in no row
            kept = _between(bounds, len(starts))
            starts, ends, tags = starts[kept], ends[kept], tags[kept]
        words, sizes = _words(text, starts, ends)
        shift = np.repeat(np.repeat(bases[:-1], [len(blocks) for _, blocks, _ in self._waiting]), lengths)
        for parts, part in zip(self._parts, (starts - shift, ends - shift, tags, sizes, lengths), strict=True):
            parts.append(part)
        self._words.append(words)
        self._waiting, self._characters = [], 0

    def table(self) -> pa.Table:
        """Return the table of all rows."""
        if self._waiting:
            self._divide()
        starts, ends, tags, sizes, lengths = map(_joined, self._parts)
        lists = {"tokens": _strings(self._words, sizes), "starts": starts, "ends": ends, "tags": tags}
        offsets = pa.array(np.append(0, np.cumsum(lengths)), pa.int32())
        types = {field.name: field.type for field in self._maker.schema}
        columns = {name: pa.ListArray.from_arrays(offsets, column, types[name]) for name, column in lists.items()}
        return self._maker.make(self._rows, columns)


def _between(bounds: Offsets, size: int) -> NDArray[np.bool_]:
    """Return a mask of `size` positions, true inside the ranges; `bounds` lists start and end of each, in order."""
    inside: NDArray[np.bool_] = np.repeat(
        np.arange(len(bounds) + 1) % 2 == 1, np.diff(np.concatenate([[0], bounds, [size]]))
    )
    return inside


def _words(text: str, starts: Offsets, ends: Offsets) -> tuple[bytes, Offsets]:
    """Return the UTF-8 bytes of all tokens, one after the other, and the number of bytes of each."""
    data = np.frombuffer(text.encode(), np.uint8)
    if len(data) > len(text):
        at = np.append(np.flatnonzero((data & 0xC0) != 0x80), len(data))  # where each code point begins
        starts, ends = at[starts], at[ends]
    return data[_between(np.column_stack([starts, ends]).reshape(-1), len(data))].tobytes(), ends - starts


def _strings(words: list[bytes], sizes: Offsets) -> pa.StringArray:
    """Return a string array from the bytes of all strings and their sizes, without one Python string for each."""
    offsets = np.zeros(len(sizes) + 1, np.int32)
    np.cumsum(sizes, out=offsets[1:])
    return pa.StringArray.from_buffers(len(sizes), pa.py_buffer(offsets), pa.py_buffer(b"".join(words)))


def _joined(parts: list[Offsets]) -> Offsets:
    return np.concatenate(parts) if parts else np.array([], np.int64)
