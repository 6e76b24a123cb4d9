"""Find examples in the codebook that repeat words of the corpus.

Guidelines whose examples come from the corpus give annotators the answers, so agreement says nothing about the rules.
An example is the text of an `example`, `near_miss` or worked example, or a passage in *italics* in any other text of
the codebook. It is copied where RUN words in a row of it occur in a seed, unless the run lies in one name of
entities.toml. Only the first SEEDS seeds are compared: among very many texts, any common phrase occurs somewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec

from ..text import word_runs
from .codebook import Codebook, Example, NearMiss
from .worked_example import WorkedExample

RUN = 3  # words
SEEDS = 1000

_ITALICS = re.compile(r"\*([^*]+)\*")


def copied_examples(
    codebook: Codebook, names: Iterable[str], seeds: Iterable[tuple[str, str]]
) -> Iterator[tuple[str, str, str]]:
    """Yield (key path, words, article id) for each example that repeats words of a seed; the first such words.

    `names` are the names of all entities; `seeds` has the id and the text of each article.
    """
    allowed = {run for name in names for run in word_runs(name, RUN)}
    holders: dict[str, list[tuple[str, str]]] = {}  # run -> key path and text of the examples that have it
    for place, example in _examples(codebook):
        for run in word_runs(example, RUN):
            if run not in allowed:
                holders.setdefault(run, []).append((place, example))
    found: set[tuple[str, str]] = set()
    for article_id, text in islice(seeds, SEEDS):
        for run in word_runs(text, RUN):
            for holder in holders.get(run, ()):
                if holder not in found:
                    found.add(holder)
                    yield holder[0], run, article_id


def _examples(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Yield the key path and the text of every example in a part of the codebook."""
    if isinstance(value, Example | NearMiss | WorkedExample):
        yield place, value.text
        for part in ("why", "marks"):
            yield from _examples(getattr(value, part, ""), f"{place}.{part}")
    elif isinstance(value, msgspec.Struct):
        yield from _examples({name: getattr(value, name) for name in value.__struct_fields__}, place)
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _examples(part, f"{place}.{key}" if place else key)
    elif isinstance(value, list):
        for number, part in enumerate(value, 1):
            yield from _examples(part, f"{place}[{number}]")
    elif isinstance(value, str):
        yield from ((place, italic) for italic in _ITALICS.findall(value))
