"""Rows whose ids only one of two versions has: those that are the same row under another id, and those that are not.

A span that stands where another stood, with the same label or the same offsets, is that span under another id; so is an
article with the same text.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .changes import Change
from .compare import Form
from .shapes import Row

_OFFSETS = ("start", "end")


def match_rows(form: Form, removed: list[Row], added: list[Row]) -> Iterator[Change]:
    """Rows of one article (of any one text, for articles) whose ids only one version has, as changes.

    Told as the same row under another id, nearest first, are an article with the same text, and a span or vote that
    overlaps one of the same layer (and annotator) with the same label or the same offsets.
    """
    pairs, removed, added = _paired(removed, added, lambda row: _same_place(form, row), lambda old, new: True)
    if form.noun in ("span", "vote"):
        overlaps, removed, added = _paired(removed, added, lambda row: _same_label(form, row), _overlap)
        pairs += overlaps
    for old, new in pairs:
        names = form.keys if form.noun == "article" else (*form.keys, *_OFFSETS)
        fields = {name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}
        yield form.change(f"{form.noun}-renamed", new, fields)
        yield from form.compare({**old, **{name: new.get(name) for name in names}}, new)
    for row in removed:
        yield form.change(f"{form.noun}-removed", row, _shown(row))
    for row in added:
        yield form.change(f"{form.noun}-added", row, {name: pair[::-1] for name, pair in _shown(row).items()})


def _paired(
    removed: list[Row], added: list[Row], place: Callable[[Row], Any], fits: Callable[[Row, Row], bool]
) -> tuple[list[tuple[Row, Row]], list[Row], list[Row]]:
    """Rows that agree in `place` (not None) and fit, nearest first; and what is left of both.

    Which rows are paired does not depend on which version is called the old one.
    """
    there: dict[Any, list[Row]] = {}
    for row in added:  # in the order of where they start
        there.setdefault(place(row), []).append(row)
    longest = {key: max(map(_length, rows)) for key, rows in there.items()}
    found: list[tuple[Any, Row, Row]] = []
    for old in removed:
        key = place(old)
        rows = there.get(key, []) if key is not None else []
        first = bisect_left(rows, _start(old) - longest.get(key, 0), key=_start)
        last = bisect_right(rows, _start(old) + _length(old), key=_start)
        found += [(_distance(old, new), old, new) for new in rows[first:last] if fits(old, new)]
    taken: set[int] = set()
    pairs = []
    for _, old, new in sorted(found, key=lambda one: one[0]):
        if not {id(old), id(new)} & taken:
            taken |= {id(old), id(new)}
            pairs.append((old, new))
    return pairs, [row for row in removed if id(row) not in taken], [row for row in added if id(row) not in taken]


def _start(row: Row) -> int:
    return row.get("start") or 0


def _length(row: Row) -> int:
    return max(0, (row.get("end") or 0) - _start(row))


def _same_place(form: Form, row: Row) -> Any:
    if form.noun == "article":
        return row.get("text_sha256")
    if form.noun == "block" or row.get("start") is None:
        return None
    return (row.get("article_id"), row.get("layer"), _annotator(form, row), row["start"], row["end"])


def _same_label(form: Form, row: Row) -> Any:
    if row.get("start") is None:
        return None
    labels = (repr(row.get("label")), repr(row.get("labels")))
    return (row.get("article_id"), row.get("layer"), _annotator(form, row), labels)


def _annotator(form: Form, row: Row) -> Any:
    return row.get("annotator") if form.noun == "vote" else None


def _overlap(old: Row, new: Row) -> bool:
    return bool(old["start"] < new["end"] and new["start"] < old["end"])


def _shown(row: Row) -> dict[str, tuple[Any, Any]]:
    """What tells a reader which row it is."""
    names = ("layer", "label", "labels", "start", "end")
    return {name: (row[name], None) for name in names if row.get(name) not in (None, [])}


def _distance(old: Row, new: Row) -> tuple[Any, ...]:
    labels = any(old.get(name) != new.get(name) for name in ("label", "labels"))
    places = (abs((old.get(name) or 0) - (new.get(name) or 0)) for name in _OFFSETS)
    return (sum(places), labels, sorted([repr(old), repr(new)]))


def order_rows(rows: Iterable[Row]) -> list[Row]:
    """Rows in an order that depends on nothing but them."""
    return sorted(rows, key=lambda row: (row.get("start") or 0, row.get("end") or 0, repr(row)))
