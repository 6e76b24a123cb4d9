"""Show an article with its spans as HTML: each span has a line below its words, in the colour of its label."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Any

from ..corpus import Codebook
from .marks import Lane, Mark, lanes, pieces
from .opened import Opened

# Colours of labels without one in the codebook (Okabe and Ito 2008, without yellow: visible on white and on black).
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7a6fd0", "#8c8c8c")
STYLES = ("solid", "dotted", "dashed", "double")  # of the lines of the first layers; colour is not the only sign
STEP = 5  # pixels from one line to the next


def colors(codebook: Codebook) -> dict[tuple[str, str], str]:
    """Map each (layer, label) to its colour in the codebook, else to one of `PALETTE`."""
    pairs = [(name, key, label) for name, layer in codebook.layers.items() for key, label in layer.labels.items()]
    return {
        (name, key): label.color or PALETTE[number % len(PALETTE)] for number, (name, key, label) in enumerate(pairs)
    }


def marked(article: dict[str, Any], layers: Iterable[str]) -> list[Mark]:
    """Return the gold spans of an article in some layers."""
    return [
        Mark(layer, "+".join(row.get("labels") or [row.get("label") or ""]), row["start"], row["end"], row)
        for layer in layers
        for row in article.get(layer) or ()
    ]


class Shown:
    """An article with its spans, for a notebook. `html` is a fragment without scripts."""

    def __init__(self, dataset: Opened, article: dict[str, Any], layers: Sequence[str]) -> None:
        self._article, self._layers = article, layers
        self._colors = colors(dataset.codebook)
        self._styles = {name: STYLES[number % len(STYLES)] for number, name in enumerate(dataset.codebook.layers)}

    def __repr__(self) -> str:
        return f"<Shown {self._article['article_id']}: {len(marked(self._article, self._layers))} spans>"

    def _repr_html_(self) -> str:
        return self.html

    @property
    def html(self) -> str:
        """The HTML fragment: headline, key of the labels that occur, and the text."""
        text = self._article.get("text")
        placed = lanes(marked(self._article, self._layers))
        name = escape(" · ".join(filter(None, (self._article["article_id"], self._article["outlet"]))))
        if text is None:
            return f"<p><strong>{name}</strong>: the text is withheld; {len(placed)} spans.</p>"
        depth = 1 + max((each.lane for each in placed), default=0)
        body = "".join(self._piece(text, *piece) for piece in pieces(0, len(text), placed))
        style = f"white-space:pre-wrap;overflow-wrap:anywhere;line-height:{20 + depth * STEP}px;max-width:46em"
        return f'<div><strong>{name}</strong><div>{"".join(self._key(placed))}</div><div dir="auto" style="{style}">{body}</div></div>'  # noqa: E501

    def _key(self, placed: list[Lane]) -> Iterator[str]:
        for layer, label in dict.fromkeys((each.mark.layer, each.mark.label) for each in placed):
            yield f'<span style="{self._line(layer, label, 0)};margin-right:1em">{escape(f"{layer}: {label}")}</span> '

    def _piece(self, text: str, start: int, end: int, covers: list[Lane]) -> str:
        opened = "".join(
            f'<span title="{escape(_title(mark))}" data-span="{escape(mark.row["span_id"])}" '
            f'style="{self._line(mark.layer, mark.label, lane)}">'
            for mark, lane in covers
        )
        return f"{opened}{escape(text[start:end])}{'</span>' * len(covers)}"

    def _line(self, layer: str, label: str, lane: int) -> str:
        color = self._colors.get((layer, label.partition("+")[0]), PALETTE[-1])
        return f"padding-bottom:{lane * STEP}px;border-bottom:3px {self._styles[layer]} {escape(color)}"


def _title(mark: Mark) -> str:
    values = {key: value for key, value in mark.row.items() if key not in ("span_id", "start", "end", "quote")}
    said = (f"{key}: {value}" for key, value in values.items() if isinstance(value, str | int | float))
    return f"{mark.layer}: {'; '.join(said)}"
