"""Match the spans of two annotators one to one; the result does not depend on the order of the two.

Spans of one layer and text are matched in two steps. The first step matches spans with the same offsets. Where several
spans have the same offsets, spans with the same labels come first, then spans with the most values and relations in
common. The second step matches the remaining spans that overlap: as many spans as possible, and with the largest total
of shared parts (Dice). Labels have no influence on the second step, so the matching does not inflate the agreement on
labels.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ..convert import ConvertedAnnotation, Span

ONE = 1_000_000  # the integer for a share of 1: shares are in millionths
MANY = 200  # pairs in a group from which scipy is faster than the loop here (its import takes 0.4 s, once)

Sides = tuple[Span | None, Span | None]
Spans = dict[tuple[int, int], list[Span]]  # by offsets
Layers = dict[tuple[str, str], Spans]  # by layer and text
Ranges = list[tuple[str, int, int]]


@dataclass
class Comparison:
    """Two annotations of one article with their matched spans.

    `matches` has each span of both once, by layer and text: (a's, b's), (a's, None) or (None, b's). `partner` maps the
    `id()` of a matched span of `a` to the span of `b`.
    """

    a: ConvertedAnnotation
    b: ConvertedAnnotation
    matches: dict[tuple[str, str], list[Sides]] = field(default_factory=dict)
    partner: dict[int, Span] = field(default_factory=dict)


def by_layer(marked: ConvertedAnnotation) -> Layers:
    """Return the spans of an annotation by layer and text, and then by offsets."""
    layers: Layers = {}
    for span in marked.spans:
        layers.setdefault((span.layer, span.text_name), {}).setdefault((span.start, span.end), []).append(span)
    return layers


def compare(a: ConvertedAnnotation, b: ConvertedAnnotation, spans_a: Layers, spans_b: Layers) -> Comparison:
    """Match the spans of two annotations; `spans_a` and `spans_b` come from `by_layer`."""
    comparison = Comparison(a, b)
    for key in {**spans_a, **spans_b}:
        comparison.matches[key] = sides = match_spans(spans_a.get(key, {}), spans_b.get(key, {}))
        comparison.partner.update((id(left), right) for left, right in sides if left is not None and right is not None)
    return comparison


def match_spans(a: Spans, b: Spans) -> list[Sides]:
    """Match the spans of two annotators in one layer and text; spans without a partner are paired with None."""
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
    """Match spans with the same offsets: as many as possible, same labels first, then the most similar."""
    a, b = sorted(a, key=_content), sorted(b, key=_content)
    if list(map(_content, a)) > list(map(_content, b)):
        return [(left, right) for right, left in pair_up(b, a)]
    alike = {(i, j): _alike(left, right) for i, left in enumerate(a) for j, right in enumerate(b)}
    number = min(len(a), len(b))
    labels = number * max(common for _, common in alike.values()) + 1  # more than all common values and relations
    return _chosen(a, b, _with_priority({pair: labels * same + common for pair, (same, common) in alike.items()}))


def _match_overlapping(a: list[Span], b: list[Span]) -> list[Sides]:
    a, b = _in_order(a), _in_order(b)
    if (a[0].start, a[0].end) > (b[0].start, b[0].end):  # never equal: equal places are matched before
        return [(left, right) for right, left in _match_overlapping(b, a)]
    return _chosen(a, b, _with_priority(dict(_overlapping(a, b))))


def _in_order(spans: list[Span]) -> list[Span]:
    """Sort spans in the order of `_content`; `_content` is slow, so `_place` replaces it where it is sufficient."""
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


def _with_priority(weights: dict[tuple[int, int], int]) -> dict[tuple[int, int], int]:
    """Add to each weight more than all weights of a matching together, so that the number of matches has priority."""
    number = min(len({i for i, _ in weights}), len({j for _, j in weights}))
    matched = number * max(weights.values(), default=0) + 1
    return {pair: matched + weight for pair, weight in weights.items()}


def _content(span: Span) -> tuple[int, int, tuple[str, ...], str]:
    """Return a sort key of spans that depends only on the annotated content."""
    return span.start, span.end, span.labels, repr(span.content())


def _alike(a: Span, b: Span) -> tuple[bool, int]:
    """Return whether two spans at the same place have the same labels, and how many values and relations in common."""
    values = sum(bool(b.attributes.get(key) == value) for key, value in a.attributes.items())
    theirs = {(link.name, link.target.start, link.target.end) for link in b.links}
    arrows = sum((link.name, link.target.start, link.target.end) in theirs for link in a.links)
    return a.labels == b.labels, values + arrows


def _overlapping(a: list[Span], b: list[Span]) -> Iterator[tuple[tuple[int, int], int]]:
    """Yield the positions of spans of `a` and `b` that share code points, with their share; both in order of start."""
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
                yield (i, j), 2 * shared * ONE // (one.end - one.start + other.end - other.start)


def ranges(spans: Iterable[Span]) -> Ranges:
    """Merge spans into sorted ranges (text, start, end) in code points that do not overlap."""
    merged: Ranges = []
    for text, start, end in sorted((span.text_name, span.start, span.end) for span in spans):
        if merged and merged[-1][0] == text and merged[-1][2] >= start:
            merged[-1] = (text, merged[-1][1], max(merged[-1][2], end))
        else:
            merged.append((text, start, end))
    return merged


def dice(a: Ranges, b: Ranges) -> int:
    """Return the Dice coefficient of two sets of code points, 2|A and B| / (|A| + |B|), in millionths."""
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
    """Return the pairs (i, j) of the one-to-one matching with the largest total weight, in order; weights are above 0.

    Each connected group of pairs is solved separately.
    """
    chosen: list[tuple[int, int]] = []
    for group in _components(weights):
        if len({i for i, _ in group}) == 1 or len({j for _, j in group}) == 1:
            chosen.append(max(group, key=weights.__getitem__))
        else:
            solve = _heaviest if len(group) < MANY else _heaviest_of_many
            chosen += solve({pair: weights[pair] for pair in group})
    return sorted(chosen)


def _components(pairs: Iterable[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Yield the connected groups of pairs, each in order; two groups share no i and no j."""
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
        for i in group:  # the loop appends to `group`
            for k in sorted({k for j in of_left[i] for k in of_right[j]} - seen):
                seen.add(k)
                group.append(k)
        yield [(i, j) for i in sorted(group) for j in of_left[i]]


def _heaviest(weights: dict[tuple[int, int], int]) -> list[tuple[int, int]]:
    """Return the heaviest matching of a small group: add the path with the largest gain, as long as there is a gain."""
    of_left: defaultdict[int, list[int]] = defaultdict(list)
    for i, j in weights:
        of_left[i].append(j)
    holder: dict[int, int] = {}  # j -> i
    held: dict[int, int] = {}  # i -> j
    while True:
        gain = {i: 0 for i in of_left if i not in held}
        came: dict[int, int] = {}  # j -> the i before it on the best path
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


def _heaviest_of_many(weights: dict[tuple[int, int], int]) -> list[tuple[int, int]]:
    """Return the heaviest matching of a large group, as `_heaviest` does.

    The solver gives each i a partner. So each i also gets a partner of its own, with weight 0, which means that it
    stays alone. The result is exact as long as the sum of the weights is below 2**53.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    left, right = (sorted(set(side)) for side in zip(*weights, strict=True))
    row, column = ({name: number for number, name in enumerate(side)} for side in (left, right))
    dearest = max(weights.values()) + 1  # costs must be above 0
    rows = [row[i] for i, _ in weights] + [*range(len(left))]
    columns = [column[j] for _, j in weights] + [*range(len(right), len(right) + len(left))]
    costs = [float(dearest - weight) for weight in weights.values()] + [float(dearest)] * len(left)
    graph = coo_array((costs, (rows, columns)), shape=(len(left), len(right) + len(left))).tocsr()
    found = zip(*min_weight_full_bipartite_matching(graph), strict=True)
    return [(left[i], right[j]) for i, j in found if j < len(right)]
