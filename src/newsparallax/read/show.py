"""Show an article with its spans as HTML: each span has a line below its words, in the colour of its label."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Any

from ..corpus import Codebook
from .marks import Lane, Mark, lanes, pieces
from .opened import Opened

# Colours of labels without one in the codebook (Okabe and Ito 2008, without yellow: visible on white and on black).
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7a6fd0", "#8c8c8c")
STYLES = ("solid", "dotted", "dashed", "double")  # of the lines of the first layers; colour is not the only sign
# What a codebook may give as a colour; anything else could be more CSS than a colour.
_COLOR = re.compile(r"#[0-9a-fA-F]{3,8}|[a-zA-Z]+|(rgb|hsl)a?\([\d.,%/ deg]+\)")
STEP = 5  # pixels from one line to the next


def colors(codebook: Codebook) -> dict[tuple[str, str], str]:
    """Map each (layer, label) to its colour in the codebook, else to one of `PALETTE`."""
    pairs = [(name, key, label) for name, layer in codebook.layers.items() for key, label in layer.labels.items()]
    return {
        (name, key): label.color if label.color and _COLOR.fullmatch(label.color) else PALETTE[number % len(PALETTE)]
        for number, (name, key, label) in enumerate(pairs)
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
        parts = filter(None, (self._article["article_id"], self._article["outlet"]))
        name = f"<strong><bdi>{'</bdi> · <bdi>'.join(map(escape, parts))}</bdi></strong>"
        if text is None:
            return f"<p>{name}: the text is withheld; {len(placed)} spans.</p>"
        state = "" if placed else f" (no spans; the article is {self._article['state'].replace('_', ' ')})"
        depth = 1 + max((each.lane for each in placed), default=0)
        body = "".join(self._piece(text, *piece) for piece in pieces(0, len(text), placed))
        key = "".join(self._key(placed))
        style = f"white-space:pre-wrap;line-height:{20 + depth * STEP}px"
        text_shown = f'<div dir="auto" style="{style}">{body}</div>'
        return f'<div style="overflow-wrap:anywhere;max-width:46em">{name}{state}{key}{text_shown}</div>'

    def _key(self, placed: list[Lane]) -> Iterator[str]:
        """Yield a line a layer with the labels that occur, in the order of the codebook."""
        for layer in self._layers:
            found = {each.mark.label for each in placed if each.mark.layer == layer}
            first = [label for name, label in self._colors if name == layer and label in found]
            labels = (
                f'<span style="{self._line(layer, label, 0)};white-space:nowrap">{escape(label)}</span>'
                for label in [*first, *sorted(found.difference(first))]  # several labels of one span come last
            )
            if found:
                yield f'<div style="line-height:28px">{escape(layer)}: {" ".join(labels)}</div>'

    def _piece(self, text: str, start: int, end: int, covers: list[Lane]) -> str:
        opened = "".join(
            f'<span title="{escape(_title(mark))}" data-span="{escape(mark.row["span_id"])}" '
            f'style="{self._line(mark.layer, mark.label, lane)}">'
            for mark, lane in covers
        )
        return f"{opened}{escape(text[start:end])}{'</span>' * len(covers)}"

    def _line(self, layer: str, label: str, lane: int) -> str:
        color = self._colors.get((layer, label.partition("+")[0]), PALETTE[-1])
        # mixed with the colour of the text, so that dark colours show on a dark page and pale ones on a light page
        mixed = f"color-mix(in srgb,{escape(color)} 65%,currentColor)"
        return f"padding-bottom:{lane * STEP}px;border-bottom:3px {self._styles[layer]} {mixed}"


def _title(mark: Mark) -> str:
    values = {key: value for key, value in mark.row.items() if key not in ("span_id", "start", "end", "quote")}
    said = (f"{key}: {value}" for key, value in values.items() if isinstance(value, str | int | float))
    return f"{mark.layer}: {'; '.join(said)}"
