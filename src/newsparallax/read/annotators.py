"""The agreement of annotators, as the card of a dataset states it."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

_BLOCK = re.compile(r"<!-- begin generated: agreement -->\n(.*?)<!-- end generated: agreement -->", re.DOTALL)


def agreement_text(folder: Path) -> str:
    """Return the block of the card about agreement, as Markdown; empty where the card has none."""
    card = folder / "README.md"
    found = _BLOCK.search(card.read_text(encoding="utf-8")) if card.is_file() else None
    return found[1] if found else ""


def agreement_table(folder: Path) -> pd.DataFrame:
    """Return a row a figure of the block: `group` (the line before the table), `what`, `measure`, `value` (text)."""
    made: list[tuple[str, ...]] = []
    head: list[str] = []
    group = ""
    for line in agreement_text(folder).splitlines():
        if not line.startswith("|"):
            group, head = line.strip() or group, []
        elif not head:
            head = _cells(line)
        elif set(line) - set("|-: "):
            what, *values = _cells(line)
            made += [(group, what, measure, value) for measure, value in zip(head[1:], values, strict=False) if value]
    return pd.DataFrame(made, columns=["group", "what", "measure", "value"])


def _cells(line: str) -> list[str]:
    cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
    return [cell.replace("\\|", "|").strip().strip("`") for cell in cells]
