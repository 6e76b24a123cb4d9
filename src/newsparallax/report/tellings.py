"""The articles of an event as HTML: aligned passages with all spans, and what opens when a span is chosen."""

from __future__ import annotations

import re
from collections import Counter
from html import escape
from typing import Any

from markupsafe import Markup

from ..read import Dataset, Lane, Mark, colors, lanes, marked, pieces
from .passages import Match, Row, aligned, block_id, passage

Facts = dict[str, Any]
PLACES = ("span_id", "article_id", "event_id", "start", "end", "quote")
STYLES = ("solid", "dotted", "dashed", "double")
STEP = 5  # pixels from one line below the text to the next
OTHER = "#8c8c8c"  # the colour of a label that the codebook does not have
BREAK = re.compile(r"\s*\n\s*")


def tellings(part: Dataset) -> Facts:
    """Return the articles of an event for the template.

    `heads` are the articles, `rows` the aligned passages with a cell for each article, and `spans` what is known of
    each span by its id.
    """
    rows = {row["span_id"]: row for name in part.codebook.layers for row in part.rows(name)}
    shown = {id_: _Telling(part, article) for id_, article in part.articles.items()}
    known: dict[str, Facts] = {}
    for telling in shown.values():
        known |= {mark.row["span_id"]: _facts(mark, rows.get(mark.row["span_id"], mark.row)) for mark in telling.marks}
    return {
        "heads": [telling.head() for telling in shown.values()],
        "rows": [_row(part, shown, row) for row in aligned_rows(part)],
        "spans": known,
    }


def aligned_rows(part: Dataset) -> list[Row]:
    """Return the passages of the articles of an event in rows."""
    mentions: dict[str, list[Facts]] = {id_: [] for id_ in part.articles}
    for name in part.codebook.layers:
        for row in part.rows(name):
            if row.get("referent_ids"):
                mentions[row["article_id"]].append(row)
    passages = {
        id_: [
            passage(article, block, mentions[id_])
            for block in sorted(article["blocks"], key=lambda block: block["start"])
            if block["start"] < block["end"]
        ]
        for id_, article in part.articles.items()
    }
    return aligned(passages)


def outlet_of(article: Facts) -> str:
    """Return the outlet of an article, or its id where no outlet is known."""
    return str(article["outlet"] or article["article_id"])


def _row(part: Dataset, shown: dict[str, _Telling], row: Row) -> Facts:
    """Return a row for the template: how it is aligned, its matches, and a cell for each article, which may be None."""
    shared = {
        id_: {"outlet": outlet_of(article), "language": article["language"] or "und"}
        for id_, article in part.articles.items()
    }
    cells = [
        shared[id_] | {"blocks": telling.blocks(row.passages[id_].start)}
        if id_ in row.passages
        else shared[id_] | {"blocks": [], "elsewhere": _other(row.elsewhere, id_)}
        for id_, telling in shown.items()
    ]
    alone = not row.matches and not row.elsewhere
    return {"how": row.how, "alone": alone, "matches": [_seen(part, match) for match in row.matches], "cells": cells}


def _other(matches: list[Match], article_id: str) -> Facts | None:
    """Return the match of a lone passage in an article, if there is one."""
    for match in matches:
        for end in (match.a, match.b):
            if end.article_id == article_id:
                return {"id": block_id(*end.place), "how": match.how, "score": match.score}
    return None


def _seen(part: Dataset, match: Match) -> Facts:
    articles = [part.articles[each.article_id] for each in (match.a, match.b)]
    read = all(article.get("text") is not None for article in articles)
    return {"outlets": [*map(outlet_of, articles)], "how": match.how, "read": read} | {
        key: getattr(match, key) for key in ("score", "words", "entities")
    }


class _Telling:
    """One article with its spans."""

    def __init__(self, part: Dataset, article: Facts) -> None:
        self._article, self._text = article, article.get("text")
        self._colors = colors(part.codebook)
        self._styles = {name: STYLES[number % len(STYLES)] for number, name in enumerate(part.codebook.layers)}
        self.marks = marked(article, part.codebook.layers)
        self._lanes = lanes(self.marks)
        self._by_passage = self._divided()

    def head(self) -> Facts:
        """Return what stands above the column."""
        made = [each for each in self._article["annotations"] if not each["cancelled"]]
        return {"article": self._article, "outlet": outlet_of(self._article), "spans": len(self.marks), "made": made}

    def blocks(self, start: int) -> list[Facts]:
        """Return the block that begins at `start` for the template, and the text between it and the next one."""
        return [self._block(*extent) for extent in self._by_passage[start]]

    def _divided(self) -> dict[int, list[tuple[str, int, int]]]:
        """Map the starts of blocks to parts (kind, start, end) of the text, which together are the complete text."""
        blocks = sorted(self._article["blocks"], key=lambda block: block["start"])
        blocks = [block for block in blocks if block["start"] < block["end"]]
        made: dict[int, list[tuple[str, int, int]]] = {}
        at = 0
        for number, block in enumerate(blocks):
            after = self._end(block) if number + 1 == len(blocks) else blocks[number + 1]["start"]
            parts = [("", at, block["start"])] if number == 0 and self._text is not None else []
            parts += [(block["kind"], block["start"], block["end"]), ("", block["end"], after)]
            made[block["start"]] = [part for part in parts if part[1] < part[2]]
            at = after
        return made

    def _end(self, block: Facts) -> int:
        """Return the end of the text, or of its last block where the text is withheld."""
        end: int = block["end"] if self._text is None else len(self._text)
        return end

    def _block(self, kind: str, start: int, end: int) -> Facts:
        text = self._text
        facts = {
            "kind": kind.replace("_", " "),
            "id": block_id(self._article["article_id"], start),
            "start": start,
            "end": end,
        }
        if text is None:
            inside = [mark for mark in self.marks if start <= mark.start < end]
            return facts | {"html": None, "marks": inside, "counts": Counter(mark.layer for mark in inside)}
        if not text[start:end].strip():
            return facts | {"html": Markup(f"<span hidden>{escape(text[start:end])}</span>"), "blank": True}
        cut = list(pieces(start, end, self._lanes))
        depth = 1 + max((lane for piece in cut for _, lane in piece.covers), default=0)
        html = Markup("".join(self._piece(text, *piece) for piece in cut))
        return facts | {"html": html, "blank": False, "leading": 23 + STEP * depth}

    def _piece(self, text: str, start: int, end: int, covers: list[Lane]) -> str:
        made: list[str] = []
        for mark, _ in covers:
            if mark.start == start:
                name = escape(f"{mark.label}, {mark.layer}: {mark.row['quote']}")
                made.append(f'<button class="h" id="{escape(mark.row["span_id"])}" aria-label="{name}"></button>')
        for mark, lane in covers:
            color = self._colors.get((mark.layer, mark.label.partition("+")[0]), OTHER)
            style = f"--c:{color};--s:{self._styles[mark.layer]}"
            style += f";padding-bottom:{lane * STEP}px" if lane else ""
            known = f'data-s="{escape(mark.row["span_id"])}" data-l="{escape(mark.layer)}"'
            made.append(f'<span class="m" {known} style="{escape(style)}">')
        words = BREAK.sub(lambda found: f'<span class="nl">{found[0]}</span>', escape(text[start:end]))
        return "".join(made) + words + "</span>" * len(covers)


def _facts(mark: Mark, row: Facts) -> Facts:
    """Return what the page shows of a span when it is chosen: all columns that have a value."""
    values: list[tuple[str, str, list[str]]] = []
    for key, value in row.items():
        if key in PLACES or value is None or value == []:
            continue
        links = [link["span_id"] for link in value if isinstance(link, dict)] if isinstance(value, list) else []
        several = value if isinstance(value, list) else [value]
        words = [_shown(each) for each in several]
        values.append((key, "\n".join(words), links))
    return {"layer": mark.layer, "label": mark.label, "quote": mark.row["quote"], "values": values}


def _shown(value: Any) -> str:
    """Return a value for readers; the end of a relation is shown by its words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value["quote"] or value["span_id"]) if isinstance(value, dict) else str(value)
