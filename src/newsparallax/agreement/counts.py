"""Count agreement by unit of text, so that the units can be resampled.

The counts do not depend on the order or the grouping of the articles. A unit is an article; while fewer than
ENOUGH_ARTICLES articles have findings, a unit is a block of an article. Memory does not grow with the number of
articles: above MAX_UNITS units, units whose hashes begin with the same bits become one unit, and of many pairs of
annotators only some keep separate counts (MAX_PAIRS).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from ..corpus import AnnotatorKind
from ..ids import hash_number, short_hash

ENOUGH_ARTICLES = 30
MAX_UNITS = 512
MAX_PAIRS = 32
BITS = 64

# Key of a count: layer (or name of a value about the article), measure, attribute or relation ("" for labels), and two
# parts that depend on the measure, such as two values. Counts are integers, or Fractions where values are numbers, so
# sums are exact.
Key = tuple[str, str, str, Any, Any]
Counts = Counter[Key]
Block = tuple[str, int] | None  # a block of an article: text and number; None for the complete article


class Group(NamedTuple):
    """A group of comparisons: a pair, an annotator with the adjudicator, or (without names) all pairs of two kinds."""

    part: Literal["overall", "pair", "gold"]
    names: tuple[str, ...]
    kinds: tuple[AnnotatorKind, AnnotatorKind]


def seed_of(*names: object) -> int:
    """Return the number of a unit: 64 bits of a hash of its names."""
    return hash_number("\x1f".join(map(str, names)).encode("utf-8", "surrogatepass"))


class ArticleCounts:
    """The findings of an article: keys by block, each repeated once per occurrence, and numbers to add up."""

    def __init__(self) -> None:
        self.keys: defaultdict[Block, list[Key]] = defaultdict(list)
        self.sums: list[tuple[Block, Key, Any]] = []

    def take(self, other: ArticleCounts) -> None:
        """Add the findings of `other`."""
        for block, keys in other.keys.items():
            self.keys[block] += keys
        self.sums += other.sums

    def pooled(self) -> ArticleCounts:
        """Return the findings for the sums over all pairs, in which the order of a and b has no meaning."""
        pooled = ArticleCounts()
        for block, keys in self.keys.items():
            pooled.keys[block] = [_unordered(key) for key in keys]
        pooled.sums = [entry for entry in self.sums if entry[1][1] != "number"]
        return pooled

    def __bool__(self) -> bool:
        return bool(self.sums) or any(self.keys.values())


def _unordered(key: Key) -> Key:
    layer, measure, name, x, y = key
    if measure in ("exact", "overlap", "alone", "value") and (x is None or (y is not None and y < x)):
        return layer, measure, name, y, x
    return key


@dataclass
class Sample:
    """The counts of one group.

    With few articles, `blocks` maps articles to blocks to counts. With more articles, `blocks` is None, and `groups`
    maps the first `depth` bits of the articles' numbers to counts.
    """

    articles: int = 0
    blocks: dict[int, dict[int, Counts]] | None = field(default_factory=dict)
    groups: dict[int, Counts] = field(default_factory=dict)
    depth: int = BITS

    def take(self, counts: ArticleCounts, unit: Callable[[Block], int]) -> None:
        """Add the findings of a new article; `unit` returns the numbers of its blocks, and for None its own number."""
        self.articles += 1
        if self.blocks is not None and self.articles < ENOUGH_ARTICLES:
            parts: dict[int, Counts] = {}
            for block, keys in counts.keys.items():
                if keys:
                    parts[unit(block)] = Counter(keys)
            for block, key, number in counts.sums:
                parts.setdefault(unit(block), Counter())[key] += number
            self.blocks[unit(None)] = parts
            return
        self._leave_blocks()
        group = self.groups.setdefault(unit(None) >> (BITS - self.depth), Counter())
        for keys in counts.keys.values():
            group.update(keys)
        for _, key, number in counts.sums:
            group[key] += number
        self._fold()

    def add(self, other: Sample) -> None:
        """Add the counts of `other`, which is not changed."""
        self.articles += other.articles
        if self.blocks is not None and other.blocks is not None and self.articles < ENOUGH_ARTICLES:
            for article, parts in other.blocks.items():
                _add(self.blocks.setdefault(article, {}), parts)
            return
        self._leave_blocks()
        if other.blocks is not None:
            self._add_blocks(other.blocks)
        else:
            depth = min(self.depth, other.depth)
            self.groups, self.depth = fold(self.groups, self.depth, depth), depth
            _add(self.groups, fold(other.groups, other.depth, depth))
        self._fold()

    def _leave_blocks(self) -> None:
        """Change the units from blocks to articles."""
        if self.blocks is not None:
            blocks, self.blocks = self.blocks, None
            self._add_blocks(blocks)

    def _fold(self) -> None:
        while len(self.groups) > MAX_UNITS:
            self.groups, self.depth = fold(self.groups, self.depth, self.depth - 1), self.depth - 1

    def _add_blocks(self, articles: Mapping[int, Mapping[int, Counts]]) -> None:
        for article, blocks in articles.items():
            group = self.groups.setdefault(article >> (BITS - self.depth), Counter())
            for counts in blocks.values():
                group.update(counts)

    def units(self) -> tuple[dict[int, Counts], int]:
        """Return the counts by unit (at most MAX_UNITS units), and the number of bits of the units' numbers."""
        if self.blocks is None:
            return self.groups, self.depth
        units, depth = {seed: counts for blocks in self.blocks.values() for seed, counts in blocks.items()}, BITS
        while len(units) > MAX_UNITS:
            units, depth = fold(units, depth, depth - 1), depth - 1
        return units, depth


def fold(units: dict[int, Counts], depth: int, to: int) -> dict[int, Counts]:
    """Merge units whose numbers begin with the same `to` bits; their numbers have `depth` bits."""
    if to == depth:
        return units
    folded: dict[int, Counts] = {}
    for number, counts in units.items():
        folded.setdefault(number >> (depth - to), Counter()).update(counts)
    return folded


def _add(units: dict[int, Counts], more: Mapping[int, Counts]) -> None:
    for number, counts in more.items():
        units.setdefault(number, Counter()).update(counts)


@dataclass
class Agreement:
    """The counts of all groups; `dropped` is True if some pairs are only in the sums over all pairs."""

    samples: dict[Group, Sample] = field(default_factory=dict)
    dropped: bool = False

    def take(self, groups: Mapping[Group, ArticleCounts], unit: Callable[[Block], int]) -> None:
        """Add the findings of a new article; `unit` returns the numbers of its blocks, and for None its own number."""
        for group, counts in groups.items():
            if counts:
                self._of(group).take(counts, unit)
        self._keep_some()

    def add(self, other: Agreement) -> None:
        """Add the counts of `other`, which is not changed."""
        self.dropped |= other.dropped
        for group, sample in other.samples.items():
            self._of(group).add(sample)
        self._keep_some()

    def _of(self, group: Group) -> Sample:
        if group not in self.samples:
            self.samples[group] = Sample()
        return self.samples[group]

    def _keep_some(self) -> None:
        """Keep only the MAX_PAIRS pairs with the lowest hashes, so that the choice does not depend on the order."""
        if len(self.samples) <= MAX_PAIRS:
            return
        for part in ("pair", "gold"):
            groups = [group for group in self.samples if group.part == part]
            for group in sorted(groups, key=lambda group: short_hash(*group.names))[MAX_PAIRS:]:
                self.dropped = True
                del self.samples[group]
