"""Markdown: tables for the guidelines and the card, and the parts that a card has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_FRONT = re.compile(r"---[ \t]*\n((?:.*\n)*?)---[ \t]*(?:\n|\Z)")  # with fences as the hub takes them


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """A Markdown table; a heading that ends in a colon stands over a column of numbers."""
    names = list(head)
    yield f"| {' | '.join(name.rstrip(':') for name in names)} |"
    yield f"|{'|'.join('---:' if name.endswith(':') else '---' for name in names)}|"
    for row in rows:
        yield f"| {' | '.join(map(_cell, row))} |"


def parted(card: str) -> tuple[str, str]:
    """The front matter of a card, without its fences ("" where there is none), and its prose."""
    found = _FRONT.match(card)
    return (found[1], card[found.end() :]) if found else ("", card)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
