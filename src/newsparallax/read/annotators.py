"""The agreement of annotators, as the card of a dataset states it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd

from .rows import WORDS, Row, framed

_BLOCK = re.compile(r"<!-- begin generated: agreement -->\n(.*?)<!-- end generated: agreement -->", re.DOTALL)
_FIGURE = re.compile(r"(-?[\d,]+(?:\.\d+)?)(?: \[(-?[\d.]+), (-?[\d.]+)\])?")
_DTYPES: dict[str, Any] = dict.fromkeys(["group", "what", "measure", "value"], WORDS)
_DTYPES |= dict.fromkeys(["number", "low", "high"], "Float64")


def agreement_text(folder: Path) -> str:
    """Return the block of the card about agreement, as Markdown; empty where the card has none."""
    card = folder / "README.md"
    found = _BLOCK.search(card.read_text(encoding="utf-8")) if card.is_file() else None
    return found[1] if found else ""


def agreement_table(folder: Path) -> pd.DataFrame:
    """Return a row a figure of the block; `Dataset.agreement` describes the columns."""
    made: list[Row] = []
    head: list[str] = []
    group = ""
    for line in agreement_text(folder).splitlines():
        if not line.startswith("|"):
            group, head = line.strip().replace("**", "") or group, []
        elif not head:
            head = _cells(line)
        elif set(line) - set("|-: "):
            what, *values = _cells(line)
            shared: Row = {"group": group, "what": what}
            for measure, value in zip(head[1:], values, strict=False):
                if value:
                    made.append(shared | {"measure": measure, "value": value} | _numbers(value))
    return framed(made, _DTYPES)


def _numbers(value: str) -> Row:
    found = _FIGURE.fullmatch(value)
    parts = found.groups() if found else (None, None, None)
    return dict(zip(("number", "low", "high"), (part and float(part.replace(",", "")) for part in parts), strict=True))


def _cells(line: str) -> list[str]:
    cells = re.split(r"(?<!\\)\|", line.strip()[1:-1])
    return [cell.replace("\\|", "|").strip().strip("`") for cell in cells]
