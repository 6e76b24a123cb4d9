"""The articles of an event as HTML: their blocks with all spans, and what opens when a span is chosen."""

from __future__ import annotations

from html import escape
from typing import Any

from markupsafe import Markup

from ..read import Dataset, Lane, Mark, colors, lanes, marked, pieces
from .passages import Match, matches, passage

Facts = dict[str, Any]
PLACES = ("span_id", "article_id", "event_id", "start", "end", "quote")
STYLES = ("solid", "dotted", "dashed", "double")
STEP = 5  # pixels from one line below the text to the next


def tellings(part: Dataset) -> tuple[list[Facts], dict[str, Facts]]:
    """Return the articles of an event for the template, and what is known of each span by its id."""
    codebook = part.codebook
    color = colors(codebook)
    styles = {name: STYLES[number % len(STYLES)] for number, name in enumerate(codebook.layers)}
    rows = {row["span_id"]: row for name in codebook.layers for row in part.rows(name)}
    mentions = [row for row in rows.values() if row.get("referent_ids")]
    passages = {
        id_: [
            passage(article, block, [row for row in mentions if row["article_id"] == id_])
            for block in article["blocks"]
        ]
        for id_, article in part.articles.items()
    }
    similar = matches(passages)
    made: list[Facts] = []
    known: dict[str, Facts] = {}
    for id_, article in part.articles.items():
        marks = marked(article, codebook.layers)
        placed = lanes(marks)
        known |= {mark.row["span_id"]: _facts(mark, rows.get(mark.row["span_id"], mark.row)) for mark in marks}
        text = article.get("text")
        blocks = [
            {
                "kind": block["kind"],
                "blank": not (text or "")[block["start"] : block["end"]].strip(),
                "id": _block_id(id_, block["start"]),
                "html": _block(text, block["start"], block["end"], placed, color, styles),
                "matches": [_seen(part, match) for match in similar.get((id_, block["start"]), [])],
            }
            for block in _all_of(text, article["blocks"])
        ]
        depth = 1 + max((each.lane for each in placed), default=0)
        made.append({"article": article, "blocks": blocks, "spans": len(marks), "leading": 22 + STEP * depth})
    return made, known


def _seen(part: Dataset, match: Match) -> tuple[str, float, str | None, str]:
    other = match.passage
    return match.how, match.score, part.articles[other.article_id]["outlet"], _block_id(other.article_id, other.start)


def _block_id(article_id: str, start: int) -> str:
    return f"{article_id}.{start}"


def _all_of(text: str | None, blocks: list[Facts]) -> list[Facts]:
    """Return blocks and the text between them, so that the complete text is shown; none if it is withheld."""
    if text is None:
        return []
    made, at = [], 0
    for block in [*sorted(blocks, key=lambda block: block["start"]), {"start": len(text), "end": len(text)}]:
        if at < block["start"]:
            made.append({"kind": "", "start": at, "end": block["start"]})
        if block["start"] < block["end"]:
            made.append(block)
        at = max(at, block["end"])
    return made


def _block(
    text: str | None,
    start: int,
    end: int,
    placed: list[Lane],
    color: dict[tuple[str, str], str],
    styles: dict[str, str],
) -> Markup:
    made: list[str] = []
    for piece in pieces(start, end, placed):
        for mark, _ in piece.covers:
            if mark.start == piece.start:
                name = escape(f"{mark.label}, {mark.layer}: {mark.row['quote']}")
                made.append(f'<button class="h" id="{escape(mark.row["span_id"])}" aria-label="{name}"></button>')
        for mark, lane in piece.covers:
            line = color.get((mark.layer, mark.label.partition("+")[0]), "#8c8c8c")
            made.append(
                f'<span class="m" data-s="{escape(mark.row["span_id"])}" data-l="{escape(mark.layer)}" '
                f'style="padding-bottom:{lane * STEP}px;border-bottom:3px {styles[mark.layer]} {escape(line)}">'
            )
        made.append(escape((text or "")[piece.start : piece.end]) + "</span>" * len(piece.covers))
    return Markup("".join(made))


def _facts(mark: Mark, row: Facts) -> Facts:
    """Return what the page shows of a span when it is chosen: all columns that have a value."""
    values: list[tuple[str, str, list[str]]] = []
    for key, value in row.items():
        if key in PLACES or value is None or value == []:
            continue
        links = [link["span_id"] for link in value if isinstance(link, dict)] if isinstance(value, list) else []
        several = value if isinstance(value, list) else [value]
        words = [str(each["quote"] or each["span_id"]) if isinstance(each, dict) else str(each) for each in several]
        values.append((key, "\n".join(words), links))
    return {"layer": mark.layer, "label": mark.label, "quote": mark.row["quote"], "values": values}
