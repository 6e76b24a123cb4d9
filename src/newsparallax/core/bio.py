"""Spans -> BIO tags over tokens, with a count of everything that BIO cannot hold."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter

from .spans import Span

Range = tuple[int, int]


def bio_tags(tokens: list[Range], spans: list[Span], block: Range) -> tuple[list[str], Counter[str]]:
    """Tags of the tokens (`[start, end)` in the article's text) of one block, from the `spans` that begin in it.

    Of spans that overlap, the outermost is shown (the longer, then the earlier one). What is left out is counted:
    `nested`, `crossing`, `across_blocks`, `cut_tokens` (an edge inside of a token), `no_token`; `shown` are the others.
    Of several labels the first is shown, and `several_labels` counted.
    """
    tags = ["O"] * len(tokens)
    counts: Counter[str] = Counter()
    if not spans:
        return tags, counts
    starts, ends = [start for start, _ in tokens], [end for _, end in tokens]
    shown: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end, span.span_id)):
        first, last = bisect_left(starts, span.start), bisect_right(ends, span.end)
        reason = _obstacle(span, block, shown, tokens, first, last)
        counts[reason or "shown"] += 1
        if reason is None:
            shown.append(span)
            counts["several_labels"] += len(span.labels) > 1
            tags[first:last] = [f"{'B' if n == first else 'I'}-{span.labels[0]}" for n in range(first, last)]
    return tags, +counts


def _obstacle(span: Span, block: Range, shown: list[Span], tokens: list[Range], first: int, last: int) -> str | None:
    """Why the span cannot be shown, if it cannot."""
    if span.end > block[1]:
        return "across_blocks"
    if shown and span.start < shown[-1].end:
        return "nested" if span.end <= shown[-1].end else "crossing"
    if first >= last:
        around = tokens[max(0, last - 1) : last + 1]  # the last token that ends before the span does, and the next
        return "cut_tokens" if any(s < span.end and span.start < e for s, e in around) else "no_token"
    return None if tokens[first][0] == span.start and tokens[last - 1][1] == span.end else "cut_tokens"
