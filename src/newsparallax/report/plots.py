"""The plots of a report: Altair charts as SVG, whose colours are the variables of the page's style.

Each kind of chart is described and compiled once, and drawn with the rows of each plot. Rows have their text, colour
and shape with them, so that a plot can be read without colours, and no legend is needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import cache
from html import escape
from typing import Any

import altair as alt
import vl_convert
from markupsafe import Markup

Facts = dict[str, Any]
COLORS = tuple(f"var(--s{number})" for number in range(1, 5))
SHAPES = {"circle": "●", "square": "■", "triangle-up": "▲", "diamond": "◆"}
ROLES = re.compile(r' (?:role|aria-[a-z]+|class)="[^"]*"')  # of the parts of a plot; the plot has one as a whole
INK, SOFT = "var(--ink)", "var(--soft)"
WIDTH = 360  # pixels
NAMES, NUMBERS = 138, 46  # the widths of the columns of names and of numbers, in pixels
STEP, GAP = 17, 7  # from one bar to the next, and more from one name to the next, in pixels
MOST_ENTITIES, MOST_NAMES, MOST_PAIRS = 6, 8, 12


def naming_plots(naming: list[Facts], outlets: list[str]) -> list[Facts]:
    """Return a plot for each of the entities that several outlets name, and name most differently.

    `naming` is the table of names, in its order.
    """
    several = [row for row in naming if row["differs"] and sum(map(bool, row["cells"])) > 1]
    return [_naming_plot(row, outlets) for row in several[:MOST_ENTITIES]]


def _naming_plot(row: Facts, outlets: list[str]) -> Facts:
    uses: dict[str, dict[str, Facts]] = {}
    for outlet, cell in zip(outlets, row["cells"], strict=True):
        for name in cell:
            uses.setdefault(str(name["name"] or "withheld"), {})[outlet] = name
    order = sorted(uses, key=lambda name: (-sum(use["count"] for use in uses[name].values()), name))
    values, said, at = [], [], 0
    for name in order[:MOST_NAMES]:
        for number, (outlet, use) in enumerate(uses[name].items()):
            quoted, count = use["quoted"], use["count"]
            color = COLORS[outlets.index(outlet) % len(COLORS)]
            shown = {"name": "" if number else _short(name, 20), "label": f"{count} {_short(outlet, 16)}"}
            place = {"y": at + STEP / 2, "total": count, "color": color}
            values.append(place | shown | {"from": 0, "to": count - quoted, "fill": 1})
            if quoted:
                values.append(place | {"name": "", "label": "", "from": count - quoted, "to": count, "fill": 0})
            said.append(f"{outlet}: {name} {count}" + (f" ({quoted} quoted)" if quoted else ""))
            at += STEP
        at += GAP
    words = f"Names of {row['entity']}. {'; '.join(said)}."
    caption = _more(len(order) - MOST_NAMES, "name")
    return _plot(_naming_chart, values, row["entity"], words, caption, height=at - GAP)


def _naming_chart(data: alt.InlineData) -> alt.LayerChart:
    base = alt.Chart(data).encode(y=alt.Y("y:Q", scale=None, axis=None))
    scale = alt.Scale(range=[0, WIDTH - NAMES - 118], zero=True, nice=False)
    color: Facts = {key: getattr(alt, key.capitalize())("color:N", scale=None) for key in ("fill", "stroke")}
    bars = base.mark_bar(strokeWidth=1.5, size=STEP - 4, orient="horizontal").encode(
        x=alt.X("from:Q", axis=None, scale=scale), x2="to:Q", fillOpacity=alt.FillOpacity("fill:Q", scale=None), **color
    )
    words = base.mark_text(align="left", dx=6).encode(x=alt.X("total:Q", axis=None, scale=scale), text="label:N")
    return _sized(alt.layer(bars, words, _names(base)))


def stance_plots(tables: list[Facts]) -> list[Facts]:
    """Return a plot for each outlet: how often each holder is for and against each target, all on one scale."""
    found = {table["outlet"]: pairs for table in tables if (pairs := _pairs(table))}
    most = max((max(plus, minus) for pairs in found.values() for _, _, plus, minus in pairs), default=0)
    return [_stance_plot(outlet, pairs, most) for outlet, pairs in found.items()]


def _pairs(table: Facts) -> list[tuple[str, str, int, int]]:
    """Return (holder, target, stances for it, stances against it), the most frequent first."""
    made = []
    for holder, cells in table["rows"]:
        for target, cell in zip(table["targets"], cells, strict=True):
            signs = [row["polarity"] for row in cell["rows"]]
            made.append((holder, target, sum(sign > 0 for sign in signs), sum(sign < 0 for sign in signs)))
    return sorted((pair for pair in made if pair[2] + pair[3]), key=lambda pair: (-pair[2] - pair[3], *pair[:2]))


def _stance_plot(outlet: str, pairs: list[tuple[str, str, int, int]], most: int) -> Facts:
    values, said = [], []
    for number, (holder, target, plus, minus) in enumerate(pairs[:MOST_PAIRS]):
        words = f"{_short(holder, 23)} → {_short(target, 23)}"
        values.append(
            {"row": f"{number:03}", "pair": words, "for": plus, "against": -minus, "low": -most, "high": most}
            | {"plus": f"+{plus}" if plus else "", "minus": f"−{minus}" if minus else ""}
        )
        said.append(f"{holder} → {target}: {plus} for, {minus} against")
    caption = _more(len(pairs) - MOST_PAIRS, "pair")
    return _plot(_stance_chart, values, outlet, f"Stances in {outlet}. {'; '.join(said)}.", caption)


def _more(number: int, what: str) -> str:
    if number <= 0:
        return ""
    return f"{number} more {what}{' is' if number == 1 else 's are'} in the table."


def _stance_chart(data: alt.InlineData) -> alt.LayerChart:
    base = alt.Chart(data).encode(y=alt.Y("row:N", axis=None))
    scale = alt.Scale(range=[30, WIDTH - 30], nice=False)

    def bar(field: str, color: str, label: str, side: int) -> list[alt.Chart]:
        x = alt.X(f"{field}:Q", axis=None, scale=scale)
        words = base.mark_text(align="left" if side > 0 else "right", dx=5 * side, dy=9)
        return [base.mark_bar(size=11, yOffset=9, fill=color).encode(x=x), words.encode(x=x, text=f"{label}:N")]

    pair = base.mark_text(dy=-7).encode(x=alt.value(WIDTH / 2), text="pair:N")
    frame = base.mark_rule(opacity=0, color=SOFT).encode(x=alt.X("low:Q", axis=None, scale=scale), x2="high:Q")
    zero = base.mark_tick(size=17, thickness=1.5, yOffset=9, color=SOFT).encode(x=alt.X(datum=0, scale=scale))
    bars = [*bar("for", "var(--for)", "plus", 1), *bar("against", "var(--against)", "minus", -1)]
    return _sized(alt.layer(frame, pair, *bars, zero).properties(height=alt.Step(38)), 0)


def label_plots(labels: dict[str, dict[str, int]]) -> list[Facts]:
    """Return a plot for each layer: how many spans have each label."""
    made = []
    for layer, counts in labels.items():
        values = [{"name": _short(label, 22), "n": number, "label": f"{number:,}"} for label, number in counts.items()]
        said = "; ".join(f"{label} {number}" for label, number in counts.items())
        made.append(_plot(_label_chart, values, layer, f"Spans by label in {layer}. {said}."))
    return made


def _label_chart(data: alt.InlineData) -> alt.LayerChart:
    scale = alt.Scale(range=[0, WIDTH - NAMES - NUMBERS], zero=True, nice=False)
    base = alt.Chart(data).encode(y=alt.Y("name:N", sort=None, axis=None), x=alt.X("n:Q", axis=None, scale=scale))
    numbers = base.mark_text(align="left", dx=6).encode(text="label:N")
    chart = alt.layer(base.mark_bar(fill=COLORS[0]), numbers, _names(base))
    return _sized(chart.properties(height=alt.Step(21)))


def agreement_plot(group: str, points: list[Facts]) -> Facts:
    """Return a plot of measures with their intervals; a point has `what`, `measure`, `value`, `low` and `high`."""
    measures = list(dict.fromkeys(point["measure"] for point in points))
    title = ", ".join(measures)
    shapes = list(SHAPES)
    values, said, at, last = [], [], -GAP, None
    for point in points:
        number = measures.index(point["measure"])
        first = point["what"] != last
        at, last = at + GAP * first, point["what"]
        some = point["low"] is not None
        values.append(
            {"name": _short(point["what"], 20) if first else "", "y": at + STEP / 2, "value": point["value"]}
            | {"shape": shapes[number % len(shapes)], "color": COLORS[number % len(COLORS)]}
            | {"low": point["low"] if some else point["value"], "high": point["high"] if some else point["value"]}
            | {"label": f"{point['value']:.2f}"}
        )
        between = f" (95 % interval {point['low']} to {point['high']})" if some else ""
        said.append(f"{point['what']}, {point['measure']}: {point['value']}{between}")
        at += STEP
    key = [f"{SHAPES[shapes[number % len(shapes)]]} {measure}" for number, measure in enumerate(measures)]
    caption = ", ".join(key) if len(key) > 1 else ""
    return _plot(_agreement_chart, values, title, f"{title}, {group}. {'; '.join(said)}.", caption, height=at)


def _agreement_chart(data: alt.InlineData) -> alt.LayerChart:
    base = alt.Chart(data).encode(y=alt.Y("y:Q", scale=None, axis=None), color=alt.Color("color:N", scale=None))
    scale = alt.Scale(range=[0, WIDTH - NAMES - NUMBERS], domainMax=1, zero=True, nice=False)
    axis = alt.Axis(values=[0, 0.5, 1], title=None)
    lines = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", scale=scale, axis=axis), x2="high:Q")
    points = base.mark_point(filled=True, size=55, opacity=1).encode(
        x=alt.X("value:Q", scale=scale, axis=axis), shape=alt.Shape("shape:N", scale=None)
    )
    words = base.mark_text(align="left").encode(
        x=alt.value(WIDTH - NAMES - NUMBERS + 12), text="label:N", color=alt.value(INK)
    )
    return _sized(alt.layer(lines, points, words, _names(base).encode(color=alt.value(INK))), bottom=24)


def _names(base: alt.Chart) -> alt.Chart:
    """Return the column of names, left of the plot."""
    made: alt.Chart = base.mark_text(align="right").encode(x=alt.value(-8), text="name:N")
    return made


def _sized(chart: Any, names: int = NAMES, bottom: int = 2) -> alt.LayerChart:
    """Give a chart sizes that do not depend on the widths of letters, which differ between machines."""
    padding = {"left": names, "right": 0, "top": 2, "bottom": bottom}
    autosize = alt.AutoSizeParams(type="none")
    made: alt.LayerChart = chart.properties(width=WIDTH - names, autosize=autosize, padding=padding)
    return made


Chart = Callable[[alt.InlineData], alt.LayerChart]


@cache
def _compiled(chart: Chart) -> Facts:
    """Return the chart as a Vega specification without rows; compiling takes as long as drawing."""
    made = chart(alt.InlineData(values=[], name="rows"))
    lines = {f"{part}Color": "var(--line)" for part in ("grid", "domain", "tick")}
    made = made.configure(aria=False, background="transparent", font="sans-serif").configure_view(stroke=None)
    made = made.configure_text(color=INK, fontSize=11.5).configure_axis(labelColor=INK, labelFontSize=11.5, **lines)
    compiled: Facts = vl_convert.vegalite_to_vega(made.to_dict())
    return compiled


def _plot(
    chart: Chart, values: Sequence[Facts], title: str, said: str, caption: str = "", height: float | None = None
) -> Facts:
    """Draw a chart; `said` is its content in words, for those who cannot see it."""
    spec = deepcopy(_compiled(chart))
    if height is not None:
        spec["height"] = height
    rows = next(data for data in spec["data"] if data["name"] == "rows")
    rows["values"] = [{key: _clean(value) for key, value in row.items()} for row in values]
    svg = ROLES.sub("", vl_convert.vega_to_svg(spec))
    head = f'<svg role="img" aria-label="{escape(_clean(said))}"'
    return {"title": title, "svg": Markup(svg.replace("<svg", head, 1)), "caption": caption}


def _short(words: str, most: int) -> str:
    line = " ".join(words.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def _clean(value: Any) -> Any:
    """Return a value without control characters and lone surrogates, which an SVG cannot have."""
    if not isinstance(value, str):
        return value
    return "".join(character if character.isprintable() else "\ufffd" for character in value)
