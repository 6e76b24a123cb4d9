"""Which mark of one annotator is which mark of another: one to one, the same for either order of the two.

Spans of one layer and text are matched in two steps. First those with the same offsets; where several lie at one place,
those with the same labels first, then those with the most values and arrows in common. What is left is matched where it
overlaps: as many spans as possible, and among the ways to do that the one with the largest shares in common (Dice).
Labels do not steer this second step, so that agreement on labels is not made by the matching.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from .spans import Marked, Span

ONE = 1_000_000  # a whole, in the whole numbers in which shares are counted
_MATCHED = 1 << 80  # weighs more than all shares together: the number of matches comes first
_SAME_LABELS = 1 << 40

Sides = tuple[Span | None, Span | None]
Spans = dict[tuple[int, int], list[Span]]  # by offsets
Layers = dict[tuple[str, str], Spans]  # by layer and text
Ranges = list[tuple[str, int, int]]


@dataclass
class Comparison:
    """Two annotations of one article with their spans matched.

    `matches` has every span of both once, by layer and text: (a's, b's), (a's, None) or (None, b's). `partner` maps the
    `id()` of a matched span of `a` to b's.
    """

    a: Marked
    b: Marked
    matches: dict[tuple[str, str], list[Sides]] = field(default_factory=dict)
    partner: dict[int, Span] = field(default_factory=dict)


def by_layer(marked: Marked) -> Layers:
    """The spans of an annotation by layer and text, and then by offsets."""
    found: Layers = {}
    for span in marked.spans:
        found.setdefault((span.layer, span.text_name), {}).setdefault((span.start, span.end), []).append(span)
    return found


def compare(a: Marked, b: Marked, spans_a: Layers, spans_b: Layers) -> Comparison:
    """Match the spans of two annotations, given as `by_layer` gives them."""
    found = Comparison(a, b)
    for key in {**spans_a, **spans_b}:
        found.matches[key] = sides = match_spans(spans_a.get(key, {}), spans_b.get(key, {}))
        found.partner.update((id(one), other) for one, other in sides if one is not None and other is not None)
    return found


def match_spans(a: Spans, b: Spans) -> list[Sides]:
    """Match spans of one layer and text of two annotators; what has no partner stands alone."""
    sides: list[Sides] = []
    left: list[Span] = []
    right = [span for place, theirs in b.items() if place not in a for span in theirs]
    for place, mine in a.items():
        theirs = b.get(place)
        if theirs is None:
            left += mine
        elif len(mine) == len(theirs) == 1:
            sides.append((mine[0], theirs[0]))
        else:
            paired = pair_up(mine, theirs)
            sides += [pair for pair in paired if None not in pair]
            left += [one for one, other in paired if one is not None and other is None]
            right += [other for one, other in paired if one is None and other is not None]
    if left and right:
        return sides + _match_overlapping(left, right)
    return sides + [(span, None) for span in left] + [(None, span) for span in right]


def pair_up(a: list[Span], b: list[Span]) -> list[Sides]:
    """Match spans with the same offsets: as many as possible, same labels first, then the most alike."""
    a, b = sorted(a, key=_content), sorted(b, key=_content)
    if list(map(_content, a)) > list(map(_content, b)):
        return [(one, other) for other, one in pair_up(b, a)]
    weights = {(i, j): _MATCHED + _alike(one, other) for i, one in enumerate(a) for j, other in enumerate(b)}
    return _chosen(a, b, weights)


def _match_overlapping(a: list[Span], b: list[Span]) -> list[Sides]:
    a, b = _in_order(a), _in_order(b)
    if (a[0].start, a[0].end) > (b[0].start, b[0].end):  # not the same: what has the same place is matched before
        return [(one, other) for other, one in _match_overlapping(b, a)]
    return _chosen(a, b, dict(_overlapping(a, b)))


def _in_order(spans: list[Span]) -> list[Span]:
    """Spans in the order of `_content`, which takes time and is seldom needed."""
    keys = {(span.start, span.end, span.labels) for span in spans}
    return sorted(spans, key=_content if len(keys) < len(spans) else _place)


def _place(span: Span) -> tuple[int, int, tuple[str, ...]]:
    return span.start, span.end, span.labels


def _chosen(a: list[Span], b: list[Span], weights: dict[tuple[int, int], int]) -> list[Sides]:
    chosen = assign(weights)
    sides: list[Sides] = [(a[i], b[j]) for i, j in chosen]
    matched_a, matched_b = {i for i, _ in chosen}, {j for _, j in chosen}
    sides += [(span, None) for i, span in enumerate(a) if i not in matched_a]
    return sides + [(None, span) for j, span in enumerate(b) if j not in matched_b]


def _content(span: Span) -> tuple[int, int, tuple[str, ...], str]:
    """An order of spans that depends on nothing but what was marked."""
    return span.start, span.end, span.labels, repr(span.content())


def _alike(one: Span, other: Span) -> int:
    """How much two marks of the same place have in common: labels above all, then values and arrows."""
    values = sum(bool(other.attributes.get(key) == value) for key, value in one.attributes.items())
    theirs = {(link.name, link.target.start, link.target.end) for link in other.links}
    arrows = sum((link.name, link.target.start, link.target.end) in theirs for link in one.links)
    return _SAME_LABELS * (one.labels == other.labels) + values + arrows


def _overlapping(a: list[Span], b: list[Span]) -> Iterator[tuple[tuple[int, int], int]]:
    """Positions of the spans of `a` and `b` (in order of their starts) that share code points, with their weight."""
    first = 0
    for i, one in enumerate(a):
        while first < len(b) and b[first].end <= one.start:
            first += 1
        for j in range(first, len(b)):
            other = b[j]
            if other.start >= one.end:
                break
            if other.end > one.start:
                shared = min(one.end, other.end) - max(one.start, other.start)
                yield (i, j), _MATCHED + 2 * shared * ONE // (one.end - one.start + other.end - other.start)


def ranges(spans: Iterable[Span]) -> Ranges:
    """The code points of some spans as (text, start, end) that do not overlap, in order."""
    merged: Ranges = []
    for text, start, end in sorted((span.text_name, span.start, span.end) for span in spans):
        if merged and merged[-1][0] == text and merged[-1][2] >= start:
            merged[-1] = (text, merged[-1][1], max(merged[-1][2], end))
        else:
            merged.append((text, start, end))
    return merged


def dice(a: Ranges, b: Ranges) -> int:
    """The share of code points that two sets have in common, 2|A and B| / (|A| + |B|), in millionths."""
    if a == b:
        return ONE if a else 0
    shared = sum(
        max(0, min(end, other_end) - max(start, other_start))
        for text, start, end in a
        for other, other_start, other_end in b
        if text == other
    )
    return 2 * shared * ONE // sum(end - start for _, start, end in (*a, *b))


def assign(weights: dict[tuple[int, int], int]) -> list[tuple[int, int]]:
    """Of pairs (i, j) with their weights (above 0), those of the heaviest one-to-one matching, in order.

    Each group of pairs that hang together is solved by itself, by longest augmenting paths; the effort grows with the
    square of the group's pairs at worst.
    """
    chosen: list[tuple[int, int]] = []
    for group in _components(weights):
        if len({i for i, _ in group}) == 1 or len({j for _, j in group}) == 1:
            chosen.append(max(group, key=weights.__getitem__))
        else:
            chosen += _heaviest({pair: weights[pair] for pair in group})
    return sorted(chosen)


def _components(pairs: Iterable[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """The pairs in groups that share no i and no j, each in order."""
    of_left: dict[int, list[int]] = {}
    of_right: dict[int, list[int]] = {}
    for i, j in sorted(pairs):
        of_left.setdefault(i, []).append(j)
        of_right.setdefault(j, []).append(i)
    seen: set[int] = set()
    for start, partners in of_left.items():
        if start in seen:
            continue
        if len(partners) == 1 and len(of_right[partners[0]]) == 1:
            yield [(start, partners[0])]
            continue
        seen.add(start)
        group = [start]
        for i in group:  # grows while it is walked
            for k in sorted({k for j in of_left[i] for k in of_right[j]} - seen):
                seen.add(k)
                group.append(k)
        yield [(i, j) for i in sorted(group) for j in of_left[i]]


def _heaviest(weights: dict[tuple[int, int], int]) -> list[tuple[int, int]]:
    """The heaviest matching of one group: paths that gain most are added while any gains."""
    of_left: defaultdict[int, list[int]] = defaultdict(list)
    for i, j in weights:
        of_left[i].append(j)
    holder: dict[int, int] = {}  # j -> i
    held: dict[int, int] = {}  # i -> j
    while True:
        gain = {i: 0 for i in of_left if i not in held}
        came: dict[int, int] = {}  # j -> the i from which the best path reaches it
        best: dict[int, int] = {}
        waiting = deque(gain)
        while waiting:
            i = waiting.popleft()
            for j in of_left[i]:
                reached = gain[i] + weights[i, j]
                if held.get(i) == j or (j in best and reached <= best[j]):
                    continue
                best[j], came[j] = reached, i
                owner = holder.get(j)
                if owner is not None and (owner not in gain or reached - weights[owner, j] > gain[owner]):
                    gain[owner] = reached - weights[owner, j]
                    waiting.append(owner)
        free = [j for j in best if j not in holder and best[j] > 0]
        if not free:
            return sorted(held.items())
        at: int | None = max(free, key=lambda j: (best[j], -j))
        while at is not None:
            i = came[at]
            following = held.get(i)
            held[i], holder[at] = at, i
            at = following
