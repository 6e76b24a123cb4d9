"""Runs of words that two texts share: by these a text that is withheld is found again in what is published.

A run is eight words in a row, whatever their case, spaces and punctuation. Runs are compared by hash, so that those of
many texts fit into memory; a hit is proved by the words themselves.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

RUN = 8  # words

_WORD = re.compile(r"[^\W_]+")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|[nrtbf/])")  # of JSON: columns and files that hold JSON have text so
_TAG = re.compile(r"<[^<>]*>")


def words(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return _WORD.findall(text.lower())


def runs(text: str) -> Iterator[tuple[int, str]]:
    """Every run of RUN words of a text, as its hash within this process, and as words joined by spaces."""
    for reading in _readings(text):
        found = words(reading)
        for at in range(len(found) - RUN + 1):
            run = " ".join(found[at : at + RUN])
            yield hash(run), run


def _readings(text: str) -> Iterator[str]:
    """The text as it stands, and as it reads where it is JSON, HTML or Markdown."""
    yield text
    plain = _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else " ", text)
    plain = _TAG.sub(" ", html.unescape(plain))
    if plain != text:
        yield plain


def shared(text: str, hashes: set[int]) -> Iterator[str]:
    """The runs of `text` whose hashes are among `hashes`."""
    return (run for number, run in runs(text) if number in hashes)
