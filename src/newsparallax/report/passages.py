"""Align the blocks of the articles of an event in rows, by common words and common entities."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import combinations
from math import log
from typing import Any, NamedTuple

KEPT, REWORDED = 0.75, 0.15  # least similarity
WEIGHT = 2.0  # of an entity; a word has 1
WORD = re.compile(r"\w+")

Place = tuple[str, int]  # article id, start of a block
Vector = dict[str, float]


class Passage(NamedTuple):
    """A block with what it is compared by: how often it has each word, and the ids of the entities it mentions."""

    article_id: str
    start: int
    end: int
    words: dict[str, int]
    entities: frozenset[str]

    @property
    def place(self) -> Place:
        """The article and the start."""
        return self.article_id, self.start


class Match(NamedTuple):
    """Two similar blocks of two articles, with their similarity in words, in entities, and in both; from 0 to 1."""

    a: Passage
    b: Passage
    words: float
    entities: float
    score: float

    @property
    def how(self) -> str:
        """Whether the block is kept or reworded."""
        return "kept" if self.score >= KEPT else "reworded"


class Row(NamedTuple):
    """Blocks of several articles that tell the same, at most one of each; `matches` are the similar pairs in it.

    `elsewhere` has the best matches in other rows of a block that is alone: the articles tell it in another order.
    """

    passages: dict[str, Passage]
    matches: list[Match]
    elsewhere: list[Match]

    @property
    def how(self) -> str:
        """How the most similar pair is worded, or "alone"."""
        return max(self.matches, key=lambda match: match.score).how if self.matches else "alone"


def block_id(article_id: str, start: int) -> str:
    """Return the id that a block has in the page."""
    return f"{article_id}.{start}"


def passage(article: dict[str, Any], block: dict[str, Any], mentions: list[dict[str, Any]]) -> Passage:
    """Return what a block is compared by; `mentions` are rows of the article."""
    start, end = block["start"], block["end"]
    words = Counter(WORD.findall((article.get("text") or "")[start:end].casefold()))
    ids = (id_ for row in mentions if start <= row["start"] < end for id_ in row.get("referent_ids") or ())
    return Passage(article["article_id"], start, end, words, frozenset(ids))


def aligned(passages: dict[str, list[Passage]]) -> list[Row]:
    """Return the rows of the passages of articles, in the order of the first article.

    Every passage is in one row. In each article, the rows keep the order of the text. Of the alignments that do so, the
    one with the largest sum of scores is taken, an article at a time.
    """
    found = _matches([each for several in passages.values() for each in several])
    rows: list[dict[str, Passage]] = []
    for own in passages.values():
        rows = _merged(rows, own, found)
    similar: dict[Place, list[Match]] = defaultdict(list)
    for pair, match in found.items():
        for place in pair:
            similar[place].append(match)
    made = []
    for row in rows:
        inside = [found[pair] for pair in _pairs(list(row.values())) if pair in found]
        alone = next(iter(row.values()))
        best = {} if inside else _elsewhere(alone, similar[alone.place])
        made.append(Row(row, inside, [best[id_] for id_ in passages if id_ in best]))
    return made


def _pairs(passages: list[Passage]) -> list[tuple[Place, Place]]:
    return [(a.place, b.place) for a, b in combinations(passages, 2)]


def _matches(passages: list[Passage]) -> dict[tuple[Place, Place], Match]:
    """Return all similar pairs of passages of different articles; the pairs are in the order of the passages.

    The similarity is the cosine of the words and entities; the rarer one is among the passages, the more it counts.
    """
    words = _weighted([each.words for each in passages], 1.0)
    entities = _weighted([dict.fromkeys(each.entities, 1) for each in passages], WEIGHT)
    holders: dict[tuple[bool, str], list[int]] = defaultdict(list)
    for number in range(len(passages)):
        for key in (*((True, word) for word in words[number]), *((False, id_) for id_ in entities[number])):
            holders[key].append(number)
    near = {pair for numbers in holders.values() for pair in combinations(numbers, 2)}
    square = [(_dot(w, w), _dot(e, e)) for w, e in zip(words, entities, strict=True)]
    made = {}
    for i, j in sorted(near):
        a, b = passages[i], passages[j]
        if a.article_id == b.article_id:
            continue
        shared = _dot(words[i], words[j]), _dot(entities[i], entities[j])
        score = _cosine(sum(shared), sum(square[i]), sum(square[j]))
        if score >= REWORDED:
            of_words, of_entities = (_cosine(*three) for three in zip(shared, square[i], square[j], strict=True))
            made[a.place, b.place] = Match(a, b, of_words, of_entities, score)
    return made


def _weighted(counts: list[dict[str, int]], weight: float) -> list[Vector]:
    """Return each count times the weight, and the logarithm of the inverse share of passages (TF-IDF, smoothed)."""
    held = Counter(key for each in counts for key in each)
    rarity = {key: weight * log((1 + len(counts)) / number) for key, number in held.items()}
    return [{key: count * rarity[key] for key, count in sorted(each.items())} for each in counts]


def _dot(a: Vector, b: Vector) -> float:
    small, large = (a, b) if len(a) <= len(b) else (b, a)
    return sum(value * large[key] for key, value in small.items() if key in large)


def _cosine(shared: float, a: float, b: float) -> float:
    return round(min(1.0, shared / (a * b) ** 0.5), 6) if shared else 0.0


def _merged(
    rows: list[dict[str, Passage]], own: list[Passage], found: dict[tuple[Place, Place], Match]
) -> list[dict[str, Passage]]:
    """Add the passages of one more article to the rows, by dynamic programming over both orders."""
    none = -1.0

    def score(row: dict[str, Passage], each: Passage) -> float:
        pairs = ((mine.place, each.place) for mine in row.values())
        return max((found[pair].score for pair in pairs if pair in found), default=none)

    weight = [[score(row, each) for each in own] for row in rows]
    best = [[0.0] * (len(own) + 1) for _ in range(len(rows) + 1)]  # of the rest from row i and passage j on
    for i in range(len(rows) - 1, -1, -1):
        for j in range(len(own) - 1, -1, -1):
            both = best[i + 1][j + 1] + weight[i][j] if weight[i][j] > 0 else none
            best[i][j] = max(both, best[i + 1][j], best[i][j + 1])
    made, i, j = [], 0, 0
    while i < len(rows) or j < len(own):
        if i < len(rows) and j < len(own) and weight[i][j] > 0 and best[i][j] == best[i + 1][j + 1] + weight[i][j]:
            made.append(rows[i] | {own[j].article_id: own[j]})
            i, j = i + 1, j + 1
        elif i < len(rows) and best[i][j] == best[i + 1][j]:
            made.append(rows[i])
            i += 1
        else:
            made.append({own[j].article_id: own[j]})
            j += 1
    return made


def _elsewhere(alone: Passage, similar: list[Match]) -> dict[str, Match]:
    """Map other articles to the best match of a passage there."""
    best: dict[str, Match] = {}
    for match in similar:
        other = match.b.article_id if match.a == alone else match.a.article_id
        if other not in best or match.score > best[other].score:
            best[other] = match
    return best
