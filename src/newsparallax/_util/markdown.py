"""Markdown tables for the guidelines and the dataset card, and the front matter and the prose of a card."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import yaml

_FRONT = re.compile(r"---[ \t]*\n((?:.*\n)*?)---[ \t]*(?:\n|\Z)")  # with the fences that the hub accepts
_SAFE = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where PyYAML was built with libyaml


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


def parsed_yaml(text: str) -> Any:
    """Return the value of a YAML text. Raises YAMLError, which shows the place, where it is not YAML."""
    try:
        return yaml.load(text, _SAFE)
    except yaml.YAMLError:
        return yaml.safe_load(text)  # its error shows the line, that of libyaml only the number


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
