"""Runs of words that two texts share: by these a text that is withheld is found again in what is published.

A run is eight words in a row, whatever their case, spaces and punctuation. Runs are compared by hash, so that those of
many texts fit into memory; a hit is proved by the words themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

RUN = 8  # words

_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return _WORD.findall(text.lower())


def runs(text: str) -> Iterator[tuple[int, str]]:
    """Every run of RUN words of a text, as its hash within this process, and as words joined by spaces."""
    found = words(text)
    for at in range(len(found) - RUN + 1):
        run = " ".join(found[at : at + RUN])
        yield hash(run), run


def shared(text: str, hashes: set[int]) -> Iterator[str]:
    """The runs of `text` whose hashes are among `hashes`."""
    return (run for number, run in runs(text) if number in hashes)
