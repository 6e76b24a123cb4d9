"""Write the figures of agreement as tables and as the dataset card's block, without words of any article."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from .._util import table

Metrics = dict[str, Any]

MAX_DIFFERENCES = 12  # maximum number of listed confusions
NOT_THERE = "nothing"

TUPLES = ": label and relations"
LOOKED_UP = "looked up"  # in the place of alpha

NO_PAIRS = "No article has annotations by two annotators that can be compared, so agreement is not measured."
BRACKETS = (
    "In brackets: {:.0%} bootstrap intervals, if there are enough units to resample. An interval from 1.000 to 1.000 "
    "means that the annotators agreed in these articles; they may differ in others."
)


class Shape(NamedTuple):
    """A table: its head and its rows; a colon at the end of a head cell marks a column of numbers."""

    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def agreement_block(figures: Metrics) -> Iterator[str]:
    """Yield the lines of the card's block: the sums over all pairs, unless there is only one pair, and each pair."""
    groups = [*(figures["overall"] if len(figures["pairs"]) != 1 else []), *figures["pairs"]]
    if not groups:
        yield NO_PAIRS
        return
    for group in groups:
        yield from (f"**{group_title(group)}.** {group_sample(group)}", "")
        for shape in group_tables(group):
            yield from (*table(shape.head, shape.rows), "")
        yield from (line for part in (notes(group), differences(group)) if part for line in (part, ""))
    if figures["pairs_not_shown"]:
        yield from (f"`newsparallax agreement` shows each of the {figures['pairs_not_shown']:,} pairs.", "")
    yield BRACKETS.format(figures["bootstrap"]["share"])


def guidelines_block(report: Metrics | None) -> Iterator[str]:
    """Yield the lines of the card's block about agreement on texts that are unknown to the guidelines' authors.

    `report` is the JSON object of `newsparallax agreement --json` for a corpus of such texts, None if there is none.
    """
    groups = report["overall"] if report else []
    if not report or not groups:
        yield "Agreement on texts that are unknown to the authors of the guidelines is not recorded."
        return
    corpus = report["corpus"]
    yield f"Texts: the corpus `{corpus['name']}`, annotated with version {corpus['codebook_version']} of the codebook."
    for group in groups:
        spans = _spans(group)
        tuples = Shape(
            ("a mark with its relations", "marks:", "both:", "F1:"),
            [row for row in _counted(group).rows if row[0].endswith(TUPLES)],
        )
        yield from ("", f"**{group_title(group)}.** {group_sample(group)}", "")
        for shape in (spans, tuples):
            if shape.rows:
                yield from (*table(shape.head, shape.rows), "")
    yield BRACKETS.format(report["bootstrap"]["share"])


def group_title(group: Metrics) -> str:
    """Return the title of a group: the annotators and their kinds."""
    what = f"between {group['between']}"
    if set(group["kinds"]) != {"human"}:
        what += ", not between humans" if "model" in group["kinds"] else ", who may not be human"
    return f"{' and '.join(group['annotators'])}: {what}" if group["annotators"] else f"All pairs {what}"


def group_sample(group: Metrics) -> str:
    """Return a sentence with the number of articles and the resampled units."""
    articles = f"{group['articles']:,} article{'s' * (group['articles'] != 1)}"
    if group["unit"] == "articles":
        return f"{articles}; the intervals resample articles."
    return f"{articles}; the intervals resample {group['units']:,} {group['unit']}."


def group_tables(group: Metrics) -> Iterator[Shape]:
    """Yield the tables that have rows: spans by layer; labels and values; ids and relations."""
    for shape in (_spans(group), _values(group), _counted(group)):
        if shape.rows:
            yield shape


def _names(group: Metrics) -> str:
    return f" {' / '.join(group['annotators'])}" if group["annotators"] else ""


def _sides(n: Metrics) -> str:
    return f"{n['a_and_b']:,}" if "a_and_b" in n else f"{n['a']:,} / {n['b']:,}"


def _spans(group: Metrics) -> Shape:
    head = ("layer", f"spans{_names(group)}:", "exact F1:", "with label F1:", "overlap F1:")
    rows = [
        (name, _sides(layer["n"]), *(shown(layer[key]) for key in ("exact", "exact_label", "overlap")))
        for name, layer in group["layers"].items()
        if any(layer["n"].values())
    ]
    return Shape(head, rows)


def _values(group: Metrics) -> Shape:
    """Make the table of labels and values.

    In sums over all pairs, alpha is over all annotators, on the `values` that they gave at exactly the same places.
    """
    pooled = not group["annotators"]
    head = ("labels and values", "n:", "same:", "scale", *(("values:", "alpha:") if pooled else ("alpha:", "kappa:")))
    rows = []
    for name, metrics in _fields(group):
        if "equal" in metrics and metrics["n"]:
            same, scale = shown(metrics["equal"], interval=False), str(metrics["level"])
            alpha, kappa = shown(metrics.get("alpha")), shown(metrics.get("kappa"))
            last = (f"{metrics['values']:,}", alpha) if pooled else (alpha, kappa)
            if metrics.get("looked_up"):
                last = ("", LOOKED_UP) if pooled else (LOOKED_UP, "")
            rows.append((name, f"{metrics['n']:,}", same, scale, *last))
    return Shape(head, rows)


def _counted(group: Metrics) -> Shape:
    head = ("ids and relations", f"values{_names(group)}:", "both:", "F1:")
    rows = [
        (name, _sides(metrics["n"]), _number(metrics["n"]["both"]), shown(metrics["f1"]))
        for name, metrics in (*_fields(group), *_relations(group))
        if "f1" in metrics and any(metrics["n"].values())
    ]
    return Shape(head, rows)


def _number(number: float) -> str:
    return f"{number:,.1f}" if isinstance(number, float) else f"{number:,}"


def _fields(group: Metrics) -> Iterator[tuple[str, Metrics]]:
    """Yield labels, attributes and values about the article, with their names."""
    for name, layer in group["layers"].items():
        yield f"{name}: labels", layer["labels"]
        yield from ((f"{name}.{key}", metrics) for key, metrics in layer["attributes"].items())
    yield from group["document"].items()


def _relations(group: Metrics) -> Iterator[tuple[str, Metrics]]:
    for name, layer in group["layers"].items():
        yield from ((f"{name} -> {key}", found) for key, found in layer["relations"].items())
        if "tuples" in layer:
            yield f"{name}{TUPLES}", layer["tuples"]


def notes(group: Metrics) -> str:
    """Return a sentence with the number of notes by both, one or none of the annotators; their text is not compared."""
    lines = [
        f"{name} {n['both']:,} / {n.get('one', n['a'] + n['b']):,} / {n['none']:,}"
        for name, field in _fields(group)
        if field.get("kind") == "text" and any((n := field["n"]).values())
    ]
    return f"Notes by both / one / neither annotator: {'; '.join(lines)}." if lines else ""


def differences(group: Metrics) -> str:
    """Return a sentence with the confusions of labels and values, the most frequent first."""
    lines = [
        (-number, f"{name}: {x or NOT_THERE} / {y or NOT_THERE} {number:,}")
        for name, field in _fields(group)
        for x, y, number in field.get("table", ())
        if x != y
    ]
    listed = [text for _, text in sorted(lines, key=lambda entry: entry[0])]
    more = f"; and {len(listed) - MAX_DIFFERENCES:,} more" if len(listed) > MAX_DIFFERENCES else ""
    return f"Confusions{_names(group)}: {'; '.join(listed[:MAX_DIFFERENCES])}{more}." if listed else ""


def shown(measure: Metrics | None, *, interval: bool = True) -> str:
    """Return a measure as text, with its interval in brackets."""
    if measure is None:
        return ""
    if measure["value"] is None:
        return "undefined"
    low_high = measure["interval"] if interval else None
    return _digits(measure["value"]) + (f" [{_digits(low_high[0])}, {_digits(low_high[1])}]" if low_high else "")


def _digits(number: float) -> str:
    """Round to three digits; only 1 itself becomes 1.000."""
    return "0.999" if 0.999 < number < 1 else f"{number:.3f}"
