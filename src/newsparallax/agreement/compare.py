"""Compare the annotators of one article, and count their agreement in counts that can be added up.

The comparison covers the uncancelled annotations of different people, for each person the newest (`newest_of_each`). It
leaves out annotations that are starred as ground truth, and annotations of adjudicators, who have seen the other
annotations. Each of these people is also compared with the starred annotation that became gold, in a separate group.
Annotations without a known annotator count as annotations of different people; their counts are pooled under the name
in the export.

The measures in the keys of the counts (`counts.Key`), for a pair (a, b); a missing span or value is None:

- "exact", "overlap", "alone": the labels of a's and b's span, for spans with the same offsets, for other matched spans,
  and for spans without a partner
- "value": the values of a choice on matched spans, or about the article, where a or b gave one
- "number": for numbers that both gave: "n", "sum", "squares", and "difference", the sum of (v - w)^2 over ordered
  pairs; and the number of pairs that are "same" or "different"
- "ids": the number of ids, or paths of a taxonomy, that "a" and "b" gave, and "both" gave on matched spans
- "note": the number of matched spans (or articles) on which "a", "b", "both" or "none" wrote a text
- "arrow": the relations of "a", of "b", and of "both"; the last are relations from a matched span to a matched span
- "tuple": the spans with relations of "a" and of "b"; "both" is the sum, in millionths, of the shares that spans with
  the same labels have in common of their relations' targets
- "units", only in the sums over all pairs of one kind: the values of two of m people at the same place, with m; in
  these sums, "number" is about the same places
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations
from typing import Any

from ..convert import Conversion, ConvertedAnnotation, Span, newest_of_each
from ..corpus import LEVELS, CorpusSpec, Field, Layer, attribute_applies, blocks_of
from .counts import Agreement, ArticleCounts, Block, Group, Key, seed_of
from .matching import Comparison, Layers, Sides, assign, by_layer, compare, dice, pair_up, ranges


@dataclass
class Compared:
    """The annotations of an article that count, their pairwise comparisons, and their comparisons with the gold."""

    people: list[tuple[ConvertedAnnotation, Layers]] = field(default_factory=list)
    pairs: list[Comparison] = field(default_factory=list)
    gold: list[Comparison] = field(default_factory=list)


def compare_article(context: CorpusSpec, conversion: Conversion, *, gold: bool = True) -> Compared:
    """Match the spans of all annotations of the article that count, in order of the annotators' names.

    Without `gold`, there is no comparison with the starred annotation.
    """
    newest = newest_of_each(marked for marked in conversion.marked if not marked.ground_truth)
    counted = [marked for marked in newest if not context.adjudicates(marked.annotator.name)]
    starred = _adjudicated(conversion) if gold else None
    if len(counted) + (starred is not None) < 2:
        return Compared()
    counted.sort(key=lambda marked: marked.annotator.name)
    people = [(marked, by_layer(marked)) for marked in counted]
    compared = Compared(people)
    compared.pairs = [compare(a, b, mine, theirs) for (a, mine), (b, theirs) in combinations(people, 2)]
    if starred is not None:
        theirs = by_layer(starred)
        others = ((a, mine) for a, mine in people if a.person != starred.person)
        compared.gold = [compare(a, starred, mine, theirs) for a, mine in others]
    return compared


def _adjudicated(conversion: Conversion) -> ConvertedAnnotation | None:
    """Return the annotation that became gold because it is starred."""
    if conversion.gold is None or not conversion.gold.adjudicated:
        return None
    return next(marked for marked in conversion.marked if marked.spans is conversion.gold.spans)


def count_article(agreement: Agreement, context: CorpusSpec, conversion: Conversion, compared: Compared) -> None:
    """Add the comparisons of an article to the counts of all groups that they belong to."""
    if not (compared.pairs or compared.gold):
        return
    places = _Places(context, conversion)
    groups: defaultdict[Group, ArticleCounts] = defaultdict(ArticleCounts)
    for comparison in compared.pairs:
        a, b = comparison.a.annotator, comparison.b.annotator
        low, high = sorted((a.kind, b.kind))
        pair = ArticleCounts()
        _compare_two(pair, places, comparison)
        groups[Group("pair", (a.name, b.name), (a.kind, b.kind))].take(pair)
        groups[Group("overall", (), (low, high))].take(pair.pooled())
    for comparison in compared.gold:
        a, b = comparison.a.annotator, comparison.b.annotator
        _compare_two(groups[Group("gold", (a.name, b.name), (a.kind, b.kind))], places, comparison)
    for kind in {marked.annotator.kind for marked, _ in compared.people}:
        people = [(marked, layers) for marked, layers in compared.people if marked.annotator.kind == kind]
        if len(people) > 1:
            _count_people(groups[Group("overall", (), (kind, kind))], places, people)
    agreement.take(groups, places.unit)


class _Places:
    """The blocks of an article: assign spans to blocks, and number the blocks as units."""

    def __init__(self, context: CorpusSpec, conversion: Conversion):
        article = context.articles.get(conversion.article_id)
        self.codebook = context.codebook
        self._found, self._laid = conversion, article.blocks if article else []
        self._starts: dict[str, list[int]] = {}
        self._seeds: dict[Block, int] = {}
        self._tuples: dict[int, _Tuple] = {}

    def block(self, text: str, start: int) -> Block:
        """Return the block of the offset `start`; an offset between two blocks belongs to the first of them."""
        if text not in self._starts:
            blocks = blocks_of(self._laid, self._found.texts[text].index.text)
            self._starts[text] = [block.start for block in blocks]
        return text, bisect_right(self._starts[text], start)

    def tuple(self, span: Span) -> _Tuple:
        """Return the `_Tuple` of a span that has relations."""
        if id(span) not in self._tuples:
            self._tuples[id(span)] = _Tuple(span, self.block(span.text_name, span.start))
        return self._tuples[id(span)]

    def unit(self, block: Block) -> int:
        """Return the unit number of a block, or of the article (None)."""
        if block not in self._seeds:
            self._seeds[block] = seed_of(self._found.article_id, *(block or ()))
        return self._seeds[block]


def _compare_two(counts: ArticleCounts, places: _Places, compared: Comparison) -> None:
    """Compare two annotations of an article; a matched pair belongs to the block where its first span begins."""
    for (name, text), sides in compared.matches.items():
        layer = places.codebook.layers[name]
        ids = [key for key, attribute in layer.attributes.items() if attribute.kind in IDS]
        for a, b in sides:
            if a is not None and b is not None:
                block = places.block(text, min(a.start, b.start))
                _compare_spans(counts, block, layer, a, b)
                if a.links or b.links:
                    _compare_arrows(counts.keys[block], compared, a, b)
            elif (span := a or b) is not None:
                keys, who = counts.keys[places.block(text, span.start)], "b" if a is None else "a"
                keys.append((name, "alone", "", a and a.labels, b and b.labels))
                for key in ids:
                    keys += [(name, "ids", key, who, "")] * len(ids_of(span.attributes.get(key)))
                keys += [(name, "arrow", link.name, who, "") for link in span.links]
        if layer.relations:
            _compare_tuples(counts, places, sides)
    for about in {**compared.a.document, **compared.b.document}:
        mine, theirs = (marked.document.get(about) for marked in (compared.a, compared.b))
        compare_values(counts, None, (about[1], ""), places.codebook.document[about[1]], mine, theirs)


def _compare_spans(counts: ArticleCounts, block: Block, layer: Layer, a: Span, b: Span) -> None:
    name = a.layer
    how = "exact" if a.start == b.start and a.end == b.end else "overlap"
    counts.keys[block].append((name, how, "", a.labels, b.labels))
    mine, theirs = a.attributes, b.attributes
    for key, attribute in layer.attributes.items():
        x, y = mine.get(key), theirs.get(key)
        if x is None and y is None and attribute.kind != "text":
            continue
        if not attribute.labels or (attribute_applies(attribute, a.labels) and attribute_applies(attribute, b.labels)):
            compare_values(counts, block, (name, key), attribute, x, y)


def _compare_arrows(keys: list[Key], compared: Comparison, a: Span, b: Span) -> None:
    keys += [(a.layer, "arrow", link.name, "a", "") for link in a.links]
    keys += [(b.layer, "arrow", link.name, "b", "") for link in b.links]
    theirs = {(link.name, id(link.target)) for link in b.links}
    for link in a.links:
        target = compared.partner.get(id(link.target))
        if target is not None and (link.name, id(target)) in theirs:
            keys.append((a.layer, "arrow", link.name, "both", ""))


def _compare_tuples(counts: ArticleCounts, places: _Places, sides: list[Sides]) -> None:
    mine = [places.tuple(span) for span, _ in sides if span is not None and span.links]
    theirs = [places.tuple(span) for _, span in sides if span is not None and span.links]
    shares = {
        (i, j): share
        for i, own in enumerate(mine)
        for j, their in enumerate(theirs)
        if own.start < their.end and their.start < own.end and (share := own.shared(their))
    }
    for who, tuples in (("a", mine), ("b", theirs)):
        for made in tuples:
            counts.keys[made.block].append((made.span.layer, "tuple", "", who, ""))
    for i, j in assign(shares):
        first = min(mine[i], theirs[j], key=lambda made: made.span.start)
        counts.sums.append((first.block, (first.span.layer, "tuple", "", "both", ""), shares[i, j]))


class _Tuple:
    """A span with its block and the places of its relations' targets; all targets lie between `start` and `end`."""

    def __init__(self, span: Span, block: Block):
        self.span, self.block = span, block
        targets: dict[str, list[Span]] = {}
        for link in span.links:
            targets.setdefault(link.name, []).append(link.target)
        self.targets = {name: ranges(spans) for name, spans in targets.items()}
        self.start = min(link.target.start for link in span.links)
        self.end = max(link.target.end for link in span.links)

    def shared(self, other: _Tuple) -> int:
        """Return the mean share of common code points over the relations, in millionths.

        The share is 0 where the labels differ, or where the targets of any relation have no code point in common. The
        measure follows the sentiment graph F1 of SemEval-2022 task 10, with Dice instead of its two one-sided shares.
        """
        if self.span.labels != other.span.labels or self.targets.keys() != other.targets.keys():
            return 0
        shares = [dice(places, other.targets[name]) for name, places in self.targets.items()]
        return sum(shares) // len(shares) if all(shares) else 0


def _count_people(counts: ArticleCounts, places: _Places, people: list[tuple[ConvertedAnnotation, Layers]]) -> None:
    """Count the values that several people gave at the same place, or about the article, for alpha over all people."""
    for spans in _same_places(people):
        name = spans[0].layer
        block = places.block(spans[0].text_name, spans[0].start)
        count_values(counts.keys[block], name, "", [span.labels for span in spans])
        for key, attribute in places.codebook.layers[name].attributes.items():
            count_several(counts, block, (name, key), attribute, [span.attributes.get(key) for span in spans])
    documents = [marked.document for marked, _ in people]
    for about in {about: None for document in documents for about in document}:
        values = [document.get(about) for document in documents]
        count_several(counts, None, (about[1], ""), places.codebook.document[about[1]], values)


def _same_places(people: Iterable[tuple[ConvertedAnnotation, Layers]]) -> Iterator[list[Span]]:
    """Yield lists of spans with the same layer and offsets, at most one per person, from at least two people."""
    places: dict[tuple[str, str, int, int], dict[int, list[Span]]] = {}
    for number, (_, layers) in enumerate(people):
        for (layer, text), spans in layers.items():
            for (start, end), same in spans.items():
                places.setdefault((layer, text, start, end), {})[number] = same
    for by_person in places.values():
        if len(by_person) > 1:
            yield from (spans for spans in _one_of_each(list(by_person.values())) if len(spans) > 1)


def _one_of_each(people: list[list[Span]]) -> list[list[Span]]:
    """Group the spans at one place so that each list has at most one span of each person."""
    groups = [[span] for span in people[0]]
    for spans in people[1:]:
        if len(groups) == len(spans) == 1:
            groups[0] += spans
            continue
        lists = {id(same[0]): same for same in groups}
        for first, span in pair_up([same[0] for same in groups], spans):
            if first is None and span is not None:
                groups.append([span])
            elif first is not None and span is not None:
                lists[id(first)].append(span)
    return groups


Values = tuple[str, ...]  # one choice, or several in the codebook's order
IDS = ("ref", "taxonomy")  # kinds whose ids or paths are compared one by one


def choice_of(field: Field, value: Any) -> Values | None:
    """Return the value of a choice as a tuple in the codebook's order; None for no value."""
    if not value:
        return None
    return tuple(key for key in field.values if key in value) if field.many else (value,)


def ids_of(value: Any) -> set[str]:
    """Return the set of ids or paths in a value."""
    parts = value if isinstance(value, list) else [value] if value is not None else []
    return {LEVELS.join(part) if isinstance(part, list) else part for part in parts}


def number_of(value: Any) -> int | Fraction | None:
    """Return the exact number; None for a missing or non-finite value."""
    if value is None or not math.isfinite(value):
        return None
    return int(value) if value == int(value) else Fraction(value)


def compare_values(counts: ArticleCounts, block: Block, place: tuple[str, str], field: Field, a: Any, b: Any) -> None:
    """Compare the values `a` and `b` of two people on matched spans or about the article; None for no value."""
    layer, name = place
    if field.kind == "choice":
        x, y = choice_of(field, a), choice_of(field, b)
        if x is not None or y is not None:
            counts.keys[block].append((layer, "value", name, x, y))
    elif field.kind in IDS:
        mine, theirs = ids_of(a), ids_of(b)
        for who, number in (("a", len(mine)), ("b", len(theirs)), ("both", len(mine & theirs))):
            counts.keys[block] += [(layer, "ids", name, who, "")] * number
    elif field.kind == "text":
        who = ("both" if b else "a") if a else "b" if b else "none"
        counts.keys[block].append((layer, "note", name, who, ""))
    else:
        numbers = [number for number in (number_of(a), number_of(b)) if number is not None]
        if len(numbers) == 2:
            same = "same" if numbers[0] == numbers[1] else "different"
            counts.keys[block].append((layer, "number", name, same, ""))
            _count_numbers(counts, block, place, numbers)


def _count_numbers(counts: ArticleCounts, block: Block, place: tuple[str, str], numbers: list[int | Fraction]) -> None:
    """Add numbers that several people gave on the same span or article to the sums for interval alpha."""
    layer, name = place
    many, total, squares = len(numbers), sum(numbers), sum(number * number for number in numbers)
    difference = 2 * (many * squares - total * total)
    shared = Fraction(difference, many - 1) if many > 2 else difference
    for what, number in (("n", many), ("sum", total), ("squares", squares), ("difference", shared)):
        counts.sums.append((block, (layer, "number", name, what, ""), number))


def count_several(counts: ArticleCounts, block: Block, place: tuple[str, str], field: Field, values: list[Any]) -> None:
    """Count the values that several people gave on the same span or article; None for people without a value."""
    if field.kind == "choice":
        chosen = [choice for value in values if (choice := choice_of(field, value)) is not None]
        count_values(counts.keys[block], *place, chosen)
    elif field.kind in ("rating", "number"):
        numbers = [number for number in map(number_of, values) if number is not None]
        if len(numbers) > 1:
            _count_numbers(counts, block, place, numbers)


def count_values(keys: list[Key], layer: str, name: str, values: list[Values]) -> None:
    """Count the values of several people in pairs, with the number of people."""
    keys += [(layer, "units", name, len(values), pair) for pair in combinations(sorted(values), 2)]
