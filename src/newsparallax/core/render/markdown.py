"""Markdown tables, for the guidelines and the card."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """A Markdown table; a heading that ends in a colon stands over a column of numbers."""
    names = list(head)
    yield f"| {' | '.join(name.rstrip(':') for name in names)} |"
    yield f"|{'|'.join('---:' if name.endswith(':') else '---' for name in names)}|"
    for row in rows:
        yield f"| {' | '.join(map(_cell, row))} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
