"""Counts of agreement by unit of text, so that the units can be resampled: the same for any order and any grouping.

A unit is an article; while fewer than ENOUGH_ARTICLES articles have marks, it is a block of one. What is held does not
grow with the number of articles: from MOST_UNITS on, those whose ids have hashes that begin alike are one unit, and of
very many pairs of annotators only some are kept one by one (MOST_PAIRS).
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from .ids import short_hash
from .registry import AnnotatorKind

ENOUGH_ARTICLES = 30
MOST_UNITS = 512
MOST_PAIRS = 32
BITS = 64

# What is counted: layer (or name of a value about the article), measure, attribute or relation ("" for labels), and two
# values or what the measure needs. Numbers are whole, or Fractions where values are numbers: sums are exact.
Key = tuple[str, str, str, Any, Any]
Counts = Counter[Key]
Block = tuple[str, int] | None  # a block of an article: text and number; None for the article as a whole


class Group(NamedTuple):
    """Whose agreement is counted: a pair, an annotator and the adjudicator, or (no names) all pairs of two kinds."""

    part: Literal["overall", "pair", "gold"]
    names: tuple[str, ...]
    kinds: tuple[AnnotatorKind, AnnotatorKind]


def seed_of(*names: object) -> int:
    """The number by which a unit is known: 64 bits of a hash of its names."""
    return int.from_bytes(hashlib.sha256("\x1f".join(map(str, names)).encode("utf-8", "surrogatepass")).digest()[:8])


class Found:
    """What was found in an article: keys by block, each as often as it was found, and numbers to add up."""

    def __init__(self) -> None:
        self.keys: defaultdict[Block, list[Key]] = defaultdict(list)
        self.sums: list[tuple[Block, Key, Any]] = []

    def take(self, other: Found) -> None:
        """Take in what another one holds."""
        for block, keys in other.keys.items():
            self.keys[block] += keys
        self.sums += other.sums

    def pooled(self) -> Found:
        """The same as it enters the sums over all pairs, where a and b are nobody in particular."""
        pooled = Found()
        for block, keys in self.keys.items():
            pooled.keys[block] = [_unordered(key) for key in keys]
        pooled.sums = [found for found in self.sums if found[1][1] != "number"]
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
    """Counts of one group.

    `blocks` maps article to block to counts while articles are few, then it is None and `groups` maps the first `depth`
    bits of the articles' numbers to counts.
    """

    articles: int = 0
    blocks: dict[int, dict[int, Counts]] | None = field(default_factory=dict)
    groups: dict[int, Counts] = field(default_factory=dict)
    depth: int = BITS

    def take(self, found: Found, unit: Callable[[Block], int]) -> None:
        """Count what was found in an article that is not in here; `unit` numbers its blocks, and (None) itself."""
        self.articles += 1
        if self.blocks is not None and self.articles < ENOUGH_ARTICLES:
            parts: dict[int, Counts] = {}
            for block, keys in found.keys.items():
                if keys:
                    parts[unit(block)] = Counter(keys)
            for block, key, number in found.sums:
                parts.setdefault(unit(block), Counter())[key] += number
            self.blocks[unit(None)] = parts
            return
        self._leave_blocks()
        group = self.groups.setdefault(unit(None) >> (BITS - self.depth), Counter())
        for keys in found.keys.values():
            group.update(keys)
        for _, key, number in found.sums:
            group[key] += number
        self._fold()

    def add(self, other: Sample) -> None:
        """Take the counts of `other` in; it is left as it is."""
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
        """From now on, articles are the units."""
        if self.blocks is not None:
            blocks, self.blocks = self.blocks, None
            self._add_blocks(blocks)

    def _fold(self) -> None:
        while len(self.groups) > MOST_UNITS:
            self.groups, self.depth = fold(self.groups, self.depth, self.depth - 1), self.depth - 1

    def _add_blocks(self, articles: Mapping[int, Mapping[int, Counts]]) -> None:
        for article, blocks in articles.items():
            group = self.groups.setdefault(article >> (BITS - self.depth), Counter())
            for counts in blocks.values():
                group.update(counts)

    def units(self) -> tuple[dict[int, Counts], int]:
        """Counts by unit, at most MOST_UNITS of them, and how many bits their numbers have."""
        if self.blocks is None:
            return self.groups, self.depth
        units, depth = {seed: counts for blocks in self.blocks.values() for seed, counts in blocks.items()}, BITS
        while len(units) > MOST_UNITS:
            units, depth = fold(units, depth, depth - 1), depth - 1
        return units, depth


def fold(units: dict[int, Counts], depth: int, to: int) -> dict[int, Counts]:
    """Put units together whose numbers begin with the same `to` bits."""
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
    """Counts of all groups; `dropped` says whether there are pairs that are only in the sums over all."""

    samples: dict[Group, Sample] = field(default_factory=dict)
    dropped: bool = False

    def take(self, groups: Mapping[Group, Found], unit: Callable[[Block], int]) -> None:
        """Count what was found in an article that is not in here; `unit` numbers its blocks, and (None) itself."""
        for group, found in groups.items():
            if found:
                self._of(group).take(found, unit)
        self._keep_some()

    def add(self, other: Agreement) -> None:
        """Take the counts of `other` in; it is left as it is."""
        self.dropped |= other.dropped
        for group, sample in other.samples.items():
            self._of(group).add(sample)
        self._keep_some()

    def _of(self, group: Group) -> Sample:
        if group not in self.samples:
            self.samples[group] = Sample()
        return self.samples[group]

    def _keep_some(self) -> None:
        """Of too many pairs keep those with the lowest hashes: which these are does not depend on the order."""
        if len(self.samples) <= MOST_PAIRS:
            return
        for part in ("pair", "gold"):
            groups = [group for group in self.samples if group.part == part]
            for group in sorted(groups, key=lambda group: short_hash(*group.names))[MOST_PAIRS:]:
                self.dropped = True
                del self.samples[group]
