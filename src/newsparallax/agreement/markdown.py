"""Figures of agreement -> tables of words, and the block of the card. No words of an article are in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from .markdown import table

Figures = dict[str, Any]

MOST_DIFFERENCES = 12  # kinds of difference that are listed
NOT_THERE = "nothing"

NOBODY = "No article has marks of two annotators that could be compared, so there is no agreement to tell."
BRACKETS = (
    "In brackets: {:.0%} bootstrap intervals, where there is enough to resample. One from 1.000 to 1.000 says that "
    "nothing differed here, not that nothing would in other articles."
)


class Shape(NamedTuple):
    """A table: its head, where a colon at the end stands over numbers, and its rows."""

    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def agreement_block(figures: Figures) -> Iterator[str]:
    """The block of the card: every pair, or the sums over all of them where there are many."""
    groups = [*(figures["overall"] if len(figures["pairs"]) != 1 else []), *figures["pairs"]]
    if not groups:
        yield NOBODY
        return
    for group in groups:
        yield from (f"**{group_title(group)}.** {group_sample(group)}", "")
        for shape in group_tables(group):
            yield from (*table(shape.head, shape.rows), "")
        yield from (line for part in (notes(group), differences(group)) if part for line in (part, ""))
    if figures["pairs_not_shown"]:
        yield from (f"The {figures['pairs_not_shown']:,} pairs one by one: `scripts/agreement.py`.", "")
    yield BRACKETS.format(figures["bootstrap"]["share"])


def group_title(group: Figures) -> str:
    """Whose agreement it is, and of what kind they are."""
    what = f"between {group['between']}"
    if set(group["kinds"]) != {"human"}:
        what += ", not between humans" if "model" in group["kinds"] else ", who may not be humans"
    return f"{' and '.join(group['annotators'])}: {what}" if group["annotators"] else f"All pairs {what}"


def group_sample(group: Figures) -> str:
    """How much there is, and what is resampled."""
    articles = f"{group['articles']:,} article{'s' * (group['articles'] != 1)}"
    if group["unit"] == "articles":
        return f"{articles}, which are resampled."
    return f"{articles}; resampled are {group['units']:,} {group['unit']}."


def group_tables(group: Figures) -> Iterator[Shape]:
    """Spans by layer; labels and values; ids and arrows; each where there is anything."""
    for shape in (_spans(group), _values(group), _counted(group)):
        if shape.rows:
            yield shape


def _names(group: Figures) -> str:
    return f" {' / '.join(group['annotators'])}" if group["annotators"] else ""


def _sides(n: Figures) -> str:
    return f"{n['a_and_b']:,}" if "a_and_b" in n else f"{n['a']:,} / {n['b']:,}"


def _spans(group: Figures) -> Shape:
    head = ("layer", f"marks{_names(group)}:", "exact F1:", "with label F1:", "overlap F1:")
    rows = [
        (name, _sides(layer["n"]), *(shown(layer[key]) for key in ("exact", "exact_label", "overlap")))
        for name, layer in group["layers"].items()
        if any(layer["n"].values())
    ]
    return Shape(head, rows)


def _values(group: Figures) -> Shape:
    """In sums over all pairs, alpha is over all annotators, on the `values` that they gave at the very same places."""
    pooled = not group["annotators"]
    head = ("labels and values", "n:", "same:", "scale", *(("values:", "alpha:") if pooled else ("alpha:", "kappa:")))
    rows = []
    for name, found in _fields(group):
        if "alpha" in found and found["n"]:
            same, scale = shown(found["equal"], interval=False), str(found["level"])
            alpha, kappa = shown(found["alpha"]), shown(found.get("kappa"))
            last = (f"{found['values']:,}", alpha) if pooled else (alpha, kappa)
            rows.append((name, f"{found['n']:,}", same, scale, *last))
    return Shape(head, rows)


def _counted(group: Figures) -> Shape:
    head = ("ids and arrows", f"given{_names(group)}:", "both:", "F1:")
    rows = [
        (name, _sides(found["n"]), _number(found["n"]["both"]), shown(found["f1"]))
        for name, found in (*_fields(group), *_arrows(group))
        if "f1" in found and any(found["n"].values())
    ]
    return Shape(head, rows)


def _number(number: float) -> str:
    return f"{number:,.1f}" if isinstance(number, float) else f"{number:,}"


def _fields(group: Figures) -> Iterator[tuple[str, Figures]]:
    """Labels, attributes and values about the article with their names."""
    for name, layer in group["layers"].items():
        yield f"{name}: labels", layer["labels"]
        yield from ((f"{name}.{key}", found) for key, found in layer["attributes"].items())
    yield from group["document"].items()


def _arrows(group: Figures) -> Iterator[tuple[str, Figures]]:
    for name, layer in group["layers"].items():
        yield from ((f"{name} -> {key}", found) for key, found in layer["relations"].items())
        if "tuples" in layer:
            yield f"{name}: label and arrows", layer["tuples"]


def notes(group: Figures) -> str:
    """Of how many spans both, one or none wrote a note; what they wrote is not compared."""
    found = [
        f"{name} {n['both']:,} / {n.get('one', n['a'] + n['b']):,} / {n['none']:,}"
        for name, field in _fields(group)
        if field.get("kind") == "text" and any((n := field["n"]).values())
    ]
    return f"Notes, written by both / one / none: {'; '.join(found)}." if found else ""


def differences(group: Figures) -> str:
    """Which labels and values stand against which others, the most frequent first."""
    found = [
        (-number, f"{name}: {x or NOT_THERE} / {y or NOT_THERE} {number:,}")
        for name, field in _fields(group)
        for x, y, number in field.get("table", ())
        if x != y
    ]
    listed = [text for _, text in sorted(found, key=lambda entry: entry[0])]
    more = f"; and {len(listed) - MOST_DIFFERENCES:,} more" if len(listed) > MOST_DIFFERENCES else ""
    return f"Confusions{_names(group)}: {'; '.join(listed[:MOST_DIFFERENCES])}{more}." if listed else ""


def shown(measure: Figures | None, *, interval: bool = True) -> str:
    """A measure with its interval in brackets."""
    if measure is None:
        return ""
    if measure["value"] is None:
        return "undefined"
    low_high = measure["interval"] if interval else None
    return _digits(measure["value"]) + (f" [{_digits(low_high[0])}, {_digits(low_high[1])}]" if low_high else "")


def _digits(number: float) -> str:
    """Three digits; 1.000 is only what is 1."""
    return "0.999" if 0.999 < number < 1 else f"{number:.3f}"
