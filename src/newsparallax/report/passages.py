"""Find for each block of an article the most similar blocks in the other articles of its event."""

from __future__ import annotations

from typing import Any, NamedTuple

KEPT, REWORDED = 0.6, 0.15  # least similarity
RUN = 3  # words of a run


class Passage(NamedTuple):
    """A block with what it is compared by: its runs of words and the entities that it mentions."""

    article_id: str
    start: int
    end: int
    runs: frozenset[tuple[str, ...]]
    entities: frozenset[str]


class Match(NamedTuple):
    """The most similar block in another article: how, the similarity from 0 to 1, and the block."""

    how: str
    score: float
    passage: Passage


def passage(article: dict[str, Any], block: dict[str, Any], mentions: list[dict[str, Any]]) -> Passage:
    """Return what a block is compared by; `mentions` are rows of the article."""
    start, end = block["start"], block["end"]
    words = [word.strip(".,;:!?\"'()").casefold() for word in (article.get("text") or "")[start:end].split()]
    runs = frozenset(tuple(words[at : at + RUN]) for at in range(max(1, len(words) - RUN + 1)) if words)
    ids = (id_ for row in mentions if start <= row["start"] < end for id_ in row.get("referent_ids") or ())
    return Passage(article["article_id"], start, end, runs, frozenset(ids))


def matches(passages: dict[str, list[Passage]]) -> dict[tuple[str, int], list[Match]]:
    """Map (article, start of a block) to its best match in each other article; blocks without a match have none there.

    The similarity is the greater one of two: the share of common runs of three words, and half the share of common
    entities where there are two or more of them (Jaccard, both).
    """
    made: dict[tuple[str, int], list[Match]] = {}
    for article_id, own in passages.items():
        for one in own:
            found = (
                max(((_score(one, other), other) for other in others), key=lambda each: each[0], default=(0.0, one))
                for other_id, others in passages.items()
                if other_id != article_id
            )
            made[article_id, one.start] = [
                Match("kept" if score >= KEPT else "reworded", score, other)
                for score, other in found
                if score >= REWORDED
            ]
    return made


def _score(one: Passage, other: Passage) -> float:
    both = one.entities & other.entities
    shared = len(both) / len(one.entities | other.entities) / 2 if len(both) > 1 else 0.0
    return max(shared, len(one.runs & other.runs) / max(len(one.runs | other.runs), 1))
