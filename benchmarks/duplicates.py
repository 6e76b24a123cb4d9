"""Near-duplicate articles: how many known copies are grouped, and how much else, by how much the copies were changed.

`python benchmarks/duplicates.py --articles 20000`
"""

from __future__ import annotations

import argparse
import random
import resource
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import accumulate, combinations

from newsparallax.building import EventText, near_duplicates

VOCABULARY = 30_000
OUTLETS = 12
Words = list[str]


class Writer:
    """Writes articles: words by Zipf's law, 120 to 1,000 of them, below them the standing paragraph of an outlet."""

    def __init__(self, seed: int):
        self.chance = random.Random(seed)
        letters = "eeeeaaaiiooutttnnsshrrdlcmfpgbvkwyxjqz"
        self.words = ["".join(self.chance.choices(letters, k=self.chance.randint(2, 10))) for _ in range(VOCABULARY)]
        self.weights = list(accumulate(1 / (rank + 3) for rank in range(VOCABULARY)))
        self.standing = [self.some(40) for _ in range(OUTLETS)]

    def some(self, number: int) -> Words:
        return self.chance.choices(self.words, cum_weights=self.weights, k=number)

    def story(self) -> Words:
        return self.some(min(1000, max(120, int(self.chance.lognormvariate(5.9, 0.6)))))

    def printed(self, story: Words) -> str:
        """A story as an outlet prints it: with a headline, a byline and a standing paragraph of its own."""
        parts = [self.some(9), ["By", *self.some(2)], story, self.chance.choice(self.standing)]
        return "\n\n".join(" ".join(part) for part in parts)

    def changed(self, story: Words, share: float) -> Words:
        return [self.some(1)[0] if self.chance.random() < share else word for word in story]

    def inside(self, story: Words, times: float) -> Words:
        """A story within one that is so many times as long."""
        more = self.some(int(len(story) * (times - 1)))
        at = self.chance.randint(0, len(more))
        return more[:at] + story + more[at:]

    def retold(self, story: Words, quotes: int = 3) -> Words:
        """Another story with some quotes of 20 words from the first."""
        told = self.some(len(story))
        for _ in range(quotes):
            at = self.chance.randint(0, len(story) - 20)
            told[at : at + 20] = story[at : at + 20]
        return told


def other_spelling(text: str) -> str:
    """The same words in capitals, with other dashes, quotation marks, spaces and decomposed letters."""
    return unicodedata.normalize("NFD", text.upper().replace(" ", " \u00a0", 9).replace("\n\n", "\r\n- \u201c"))


def degrees(write: Writer) -> dict[str, Callable[[Words, str], str]]:
    """How a copy is made from a story and from how it was printed first."""
    made: dict[str, Callable[[Words, str], str]] = {
        "the same": lambda story, first: first,
        "other capitals, punctuation, spaces": lambda story, first: other_spelling(first),
        "other headline, byline, standing paragraph": lambda story, first: write.printed(story),
    }
    for share in (0.05, 0.1, 0.15, 0.2):
        made[f"and {share:.0%} of words changed"] = lambda story, first, s=share: write.printed(write.changed(story, s))
    for share in (0.8, 0.6, 0.5):
        cut = f"and cut to {share:.0%}"
        made[cut] = lambda story, first, s=share: write.printed(story[: int(len(story) * s)])
    for times in (1.5, 2, 2.5):
        longer = f"and inside a text {times} times as long"
        made[longer] = lambda story, first, t=times: write.printed(write.inside(story, t))
    return made


def corpus(write: Writer, articles: int) -> Iterator[tuple[str, str, str]]:
    """(source, degree, text): in turn a copy of each degree, a retelling (which is none), and a text like no other."""
    ways: dict[str, Callable[[Words, str], str]] = degrees(write)
    for number in range(articles // 2):
        story = write.story()
        first = write.printed(story)
        turn = number % (2 * len(ways))
        yield f"{number}", "", first
        if turn < len(ways):
            degree = list(ways)[turn]
            yield f"{number}", degree, ways[degree](story, first)
        elif turn % 2:
            yield f"{number}-retold", "retold with three quotes", write.printed(write.retold(story))
        else:
            yield f"{number}-other", "like no other", write.printed(write.story())


def measure(made: list[tuple[str, str, str]], at_least: float, workers: int) -> tuple[list[set[int]], float]:
    """The groups of articles, by their numbers, and the seconds that finding them took."""
    texts = (EventText(f"a{number}", f"e{number}", text) for number, (_, _, text) in enumerate(made))
    begin = time.perf_counter()
    found = near_duplicates(texts, at_least, workers)
    seconds = time.perf_counter() - begin
    groups: dict[str, set[int]] = {}
    for event, lowest in found.items():
        groups.setdefault(lowest, set()).add(int(event[1:]))
    return list(groups.values()), seconds


def table(made: list[tuple[str, str, str]], groups: list[set[int]]) -> Iterator[str]:
    """A line for each degree: how many, pairs found that are copies, pairs found that are none."""
    total = Counter(degree for _, degree, _ in made)
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for pair in (pair for group in groups for pair in combinations(sorted(group), 2)):
        (one, _, _), (other, degree, _) = made[pair[0]], made[pair[1]]
        (right if one == other else wrong)[degree] += 1
    yield "| copy | copies | recall | precision |\n|---|---:|---:|---:|"
    copies = [degree for degree in dict.fromkeys(degree for _, degree, _ in made) if any_copy(made, degree)]
    for degree in copies:
        found = right[degree] + wrong[degree]
        yield f"| {degree} | {total[degree]} | {share(right[degree], total[degree])} | {share(right[degree], found)} |"
    number, pairs, all_pairs = sum(total[key] for key in copies), sum(right.values()), sum((right + wrong).values())
    yield f"| *all copies* | {number} | {share(pairs, number)} | {share(pairs, all_pairs)} |"
    for degree in total.keys() - {"", *copies}:
        yield f"| none: {degree} | {total[degree]} | | {wrong[degree]} grouped |"


def any_copy(made: list[tuple[str, str, str]], degree: str) -> bool:
    return bool(degree) and any(found == degree and "-" not in source for source, found, _ in made)


def share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, default=20_000)
    parser.add_argument("--at-least", type=float, default=0.3)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    made = list(corpus(Writer(options.seed), options.articles))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    groups, seconds = measure(made, options.at_least, options.workers)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
    print("\n".join(table(made, groups)))
    words = sum(len(text.split()) for _, _, text in made) / len(made)
    each = f"{seconds / len(made) * 1000:.2f} ms an article of {words:.0f} words"
    print(f"\n{len(made):,} articles: {seconds:.1f} s, {each}; {memory:.0f} MB more than before")
    met, _ = measure(made, 0, options.workers)
    largest = max(map(len, met), default=0)
    print(f"by MinHash alone, without comparing what met: {len(met):,} groups, the largest of {largest:,} articles")


if __name__ == "__main__":
    main()
