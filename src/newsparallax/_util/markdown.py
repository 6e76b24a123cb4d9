"""Markdown tables for the guidelines and the dataset card, and the split of a card into front matter and prose."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_FRONT = re.compile(r"---[ \t]*\n((?:.*\n)*?)---[ \t]*(?:\n|\Z)")  # with the fences that the hub accepts


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield the lines of a Markdown table. A heading that ends in a colon marks a column of numbers, right-aligned."""
    names = list(head)
    yield f"| {' | '.join(name.rstrip(':') for name in names)} |"
    yield f"|{'|'.join('---:' if name.endswith(':') else '---' for name in names)}|"
    for row in rows:
        yield f"| {' | '.join(map(_cell, row))} |"


def parted(card: str) -> tuple[str, str]:
    """Return the front matter of a card without its fences ("" if there is none), and the prose."""
    match = _FRONT.match(card)
    return (match[1], card[match.end() :]) if match else ("", card)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
