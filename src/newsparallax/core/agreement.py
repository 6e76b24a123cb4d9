"""Agreement of annotators about one article, as counts that can be added up.

Compared are annotations of different people that are not cancelled: of one person the latest (the highest id), and
neither what is starred as ground truth nor what an adjudicator made, who has seen the others' marks. Each of these
people is compared apart with the starred annotation that became gold. Annotations of people whom the registry does not
know count as of different people; they are pooled under the name that they come with.

Measures in the keys of the counts (`samples.Key`), of a pair (a, b); a mark or value that is missing is None:

- "exact", "overlap", "alone": labels of a's and b's span, of spans with the same offsets, of others that are matched,
  and of those without a partner
- "value": values of a choice on matched spans, or about the article, where a or b gave any
- "number": of numbers that both gave: "n", "sum", "squares", and "difference", the sum of (v - w)^2 over ordered pairs;
  "same" or "different"
- "ids": how many ids, or paths of a taxonomy, "a" and "b" gave, and "both" on matched spans
- "note": on how many matched spans (or articles) "a", "b", "both" or "none" wrote a text
- "arrow": arrows of "a", of "b", and of "both", from a matched span to a matched one
- "tuple": spans with arrows of "a" and of "b"; "both" sums, in millionths, what those with the same labels share of the
  places that their arrows lead to
- "units", only in the sums over all pairs of one kind: the values of two out of m people at the same place, with m;
  and "number" is there about the same places
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import combinations

from .article import Conversion
from .blocks import blocks_of
from .codebook import Layer, attribute_applies
from .context import Context
from .given import IDS, compare_values, count_several, count_values, ids_of
from .gold import person
from .matching import Comparison, Layers, Sides, assign, by_layer, compare, dice, pair_up, ranges
from .samples import Agreement, Block, Found, Group, Key, seed_of
from .spans import Marked, Span


@dataclass
class Compared:
    """Whose annotations of an article count, and the comparisons of each two and of each with the starred one."""

    people: list[tuple[Marked, Layers]] = field(default_factory=list)
    pairs: list[Comparison] = field(default_factory=list)
    gold: list[Comparison] = field(default_factory=list)


def compare_article(context: Context, found: Conversion, *, gold: bool = True) -> Compared:
    """Match the marks of everybody whose annotation of the article counts, in order of their names.

    Without `gold`, they are not compared with what is starred.
    """
    latest = {person(marked): marked for marked in found.marked if not marked.ground_truth}
    counted = [marked for marked in latest.values() if not _adjudicates(context, marked)]
    starred = _adjudicated(found) if gold else None
    if len(counted) + (starred is not None) < 2:
        return Compared()
    counted.sort(key=lambda marked: marked.annotator.name)
    people = [(marked, by_layer(marked)) for marked in counted]
    compared = Compared(people)
    compared.pairs = [compare(a, b, mine, theirs) for (a, mine), (b, theirs) in combinations(people, 2)]
    if starred is not None:
        theirs = by_layer(starred)
        others = ((a, mine) for a, mine in people if person(a) != person(starred))
        compared.gold = [compare(a, starred, mine, theirs) for a, mine in others]
    return compared


def _adjudicated(found: Conversion) -> Marked | None:
    """The annotation that became gold because it is starred."""
    if found.gold is None or not found.gold.adjudicated:
        return None
    return next(marked for marked in found.marked if marked.spans is found.gold.spans)


def _adjudicates(context: Context, marked: Marked) -> bool:
    who = context.annotators.get(marked.annotator.name)
    return who is not None and who.role == "adjudicator"


def count_article(agreement: Agreement, context: Context, found: Conversion, compared: Compared) -> None:
    """Count what an article's comparisons hold in all groups that they belong to."""
    if not (compared.pairs or compared.gold):
        return
    places = _Places(context, found)
    groups: defaultdict[Group, Found] = defaultdict(Found)
    for comparison in compared.pairs:
        a, b = comparison.a.annotator, comparison.b.annotator
        low, high = sorted((a.kind, b.kind))
        pair = Found()
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
    """Which block of an article a span belongs to, and the numbers of the blocks as units."""

    def __init__(self, context: Context, found: Conversion):
        article = context.articles.get(found.article_id)
        self.codebook = context.codebook
        self._found, self._laid = found, article.blocks if article else []
        self._starts: dict[str, list[int]] = {}
        self._seeds: dict[Block, int] = {}
        self._tuples: dict[int, _Tuple] = {}

    def block(self, text: str, start: int) -> Block:
        """The block of a text in which a place lies (or behind which, up to the next one)."""
        if text not in self._starts:
            blocks = blocks_of(self._laid, self._found.texts[text].index.text)
            self._starts[text] = [block.start for block in blocks]
        return text, bisect_right(self._starts[text], start)

    def tuple(self, span: Span) -> _Tuple:
        """A span that has arrows, as it is compared."""
        if id(span) not in self._tuples:
            self._tuples[id(span)] = _Tuple(span, self.block(span.text_name, span.start))
        return self._tuples[id(span)]

    def unit(self, block: Block) -> int:
        """The number of a block, or of the article (None), as a unit."""
        if block not in self._seeds:
            self._seeds[block] = seed_of(self._found.article_id, *(block or ()))
        return self._seeds[block]


def _compare_two(found: Found, places: _Places, compared: Comparison) -> None:
    """Compare two annotations of an article; a matched pair belongs to the block where the first of the two begins."""
    for (name, text), sides in compared.matches.items():
        layer = places.codebook.layers[name]
        ids = [key for key, attribute in layer.attributes.items() if attribute.kind in IDS]
        for a, b in sides:
            if a is not None and b is not None:
                block = places.block(text, min(a.start, b.start))
                _compare_spans(found, block, layer, a, b)
                if a.links or b.links:
                    _compare_arrows(found.keys[block], compared, a, b)
            elif (span := a or b) is not None:
                keys, who = found.keys[places.block(text, span.start)], "b" if a is None else "a"
                keys.append((name, "alone", "", a and a.labels, b and b.labels))
                for key in ids:
                    keys += [(name, "ids", key, who, "")] * len(ids_of(span.attributes.get(key)))
                keys += [(name, "arrow", link.name, who, "") for link in span.links]
        if layer.relations:
            _compare_tuples(found, places, sides)
    for place in {**compared.a.document, **compared.b.document}:
        mine, theirs = (marked.document.get(place) for marked in (compared.a, compared.b))
        compare_values(found, None, (place[1], ""), places.codebook.document[place[1]], mine, theirs)


def _compare_spans(found: Found, block: Block, layer: Layer, a: Span, b: Span) -> None:
    name = a.layer
    how = "exact" if a.start == b.start and a.end == b.end else "overlap"
    found.keys[block].append((name, how, "", a.labels, b.labels))
    mine, theirs = a.attributes, b.attributes
    for key, attribute in layer.attributes.items():
        x, y = mine.get(key), theirs.get(key)
        if x is None and y is None and attribute.kind != "text":
            continue
        if not attribute.labels or (attribute_applies(attribute, a.labels) and attribute_applies(attribute, b.labels)):
            compare_values(found, block, (name, key), attribute, x, y)


def _compare_arrows(keys: list[Key], compared: Comparison, a: Span, b: Span) -> None:
    keys += [(a.layer, "arrow", link.name, "a", "") for link in a.links]
    keys += [(b.layer, "arrow", link.name, "b", "") for link in b.links]
    theirs = {(link.name, id(link.target)) for link in b.links}
    for link in a.links:
        target = compared.partner.get(id(link.target))
        if target is not None and (link.name, id(target)) in theirs:
            keys.append((a.layer, "arrow", link.name, "both", ""))


def _compare_tuples(found: Found, places: _Places, sides: list[Sides]) -> None:
    mine = [places.tuple(span) for span, _ in sides if span is not None and span.links]
    theirs = [places.tuple(span) for _, span in sides if span is not None and span.links]
    shares = {
        (i, j): share
        for i, one in enumerate(mine)
        for j, other in enumerate(theirs)
        if one.start < other.end and other.start < one.end and (share := one.shared(other))
    }
    for who, tuples in (("a", mine), ("b", theirs)):
        for made in tuples:
            found.keys[made.block].append((made.span.layer, "tuple", "", who, ""))
    for i, j in assign(shares):
        first = min(mine[i], theirs[j], key=lambda made: made.span.start)
        found.sums.append((first.block, (first.span.layer, "tuple", "", "both", ""), shares[i, j]))


class _Tuple:
    """A span with its labels and the places that its arrows lead to; `start` and `end` hold all of these."""

    def __init__(self, span: Span, block: Block):
        self.span, self.block = span, block
        targets: dict[str, list[Span]] = {}
        for link in span.links:
            targets.setdefault(link.name, []).append(link.target)
        self.targets = {name: ranges(spans) for name, spans in targets.items()}
        self.start = min(link.target.start for link in span.links)
        self.end = max(link.target.end for link in span.links)

    def shared(self, other: _Tuple) -> int:
        """The mean share of code points over the relations, in millionths; 0 where labels or any relation differ.

        After the sentiment graph F1 of SemEval-2022 task 10, with Dice in the place of its two one-sided shares.
        """
        if self.span.labels != other.span.labels or self.targets.keys() != other.targets.keys():
            return 0
        shares = [dice(places, other.targets[name]) for name, places in self.targets.items()]
        return sum(shares) // len(shares) if all(shares) else 0


def _count_people(found: Found, places: _Places, people: list[tuple[Marked, Layers]]) -> None:
    """The values that several people gave at the same place, or about the article, for alpha over all of them."""
    for spans in _same_places(people):
        name = spans[0].layer
        block = places.block(spans[0].text_name, spans[0].start)
        count_values(found.keys[block], name, "", [span.labels for span in spans])
        for key, attribute in places.codebook.layers[name].attributes.items():
            count_several(found, block, (name, key), attribute, [span.attributes.get(key) for span in spans])
    documents = [marked.document for marked, _ in people]
    for place in {place: None for document in documents for place in document}:
        values = [document.get(place) for document in documents]
        count_several(found, None, (place[1], ""), places.codebook.document[place[1]], values)


def _same_places(people: Iterable[tuple[Marked, Layers]]) -> Iterator[list[Span]]:
    """Spans of at least two people with the same layer and offsets, one of each."""
    places: dict[tuple[str, str, int, int], dict[int, list[Span]]] = {}
    for number, (_, layers) in enumerate(people):
        for (layer, text), spans in layers.items():
            for (start, end), same in spans.items():
                places.setdefault((layer, text, start, end), {})[number] = same
    for by_person in places.values():
        if len(by_person) > 1:
            yield from (spans for spans in _one_of_each(list(by_person.values())) if len(spans) > 1)


def _one_of_each(people: list[list[Span]]) -> list[list[Span]]:
    """Spans at one place, put together so that each list has at most one span of each of the people."""
    found = [[span] for span in people[0]]
    for spans in people[1:]:
        if len(found) == len(spans) == 1:
            found[0] += spans
            continue
        lists = {id(same[0]): same for same in found}
        for first, span in pair_up([same[0] for same in found], spans):
            if first is None and span is not None:
                found.append([span])
            elif first is not None and span is not None:
                lists[id(first)].append(span)
    return found
