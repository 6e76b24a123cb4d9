"""Spans -> BIO tags over tokens, with a count of everything that BIO cannot hold."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter

from .spans import Span

Range = tuple[int, int]


def bio_tags(starts: list[int], ends: list[int], spans: list[Span], block: Range) -> tuple[list[str], Counter[str]]:
    """Tags of the tokens of a block (where each starts and ends in the article's text), from `spans` that begin in it.

    Of spans that overlap, the outermost is shown (the longer, then the earlier one). What is left out is counted:
    `nested`, `crossing`, `across_blocks`, `cut_tokens` (an edge inside of a token), `no_token`; `shown` are the others.
    Of several labels the first is shown, and `several_labels` counted.
    """
    tags = ["O"] * len(starts)
    counts: Counter[str] = Counter()
    shown: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end, span.span_id)):
        first, last = bisect_left(starts, span.start), bisect_right(ends, span.end)
        reason = _obstacle(span, block, shown, starts, ends, first, last)
        counts[reason or "shown"] += 1
        if reason is None:
            shown.append(span)
            counts["several_labels"] += len(span.labels) > 1
            tags[first:last] = [f"{'B' if n == first else 'I'}-{span.labels[0]}" for n in range(first, last)]
    return tags, +counts


def _obstacle(
    span: Span, block: Range, shown: list[Span], starts: list[int], ends: list[int], first: int, last: int
) -> str | None:
    """Why the span cannot be shown, if it cannot."""
    if span.end > block[1]:
        return "across_blocks"
    if shown and span.start < shown[-1].end:
        return "nested" if span.end <= shown[-1].end else "crossing"
    if first >= last:
        around = range(max(0, last - 1), min(last + 1, len(starts)))  # the last that ends before the span, and the next
        return "cut_tokens" if any(starts[n] < span.end and span.start < ends[n] for n in around) else "no_token"
    return None if starts[first] == span.start and ends[last - 1] == span.end else "cut_tokens"
