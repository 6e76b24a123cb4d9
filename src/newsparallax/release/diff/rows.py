"""Compare the rows of two versions of a config and yield changes, each with the kind of its rule.

A row is compared with the row of the same id. A row whose id only one version has may be the same row under another id:
a span that overlaps a span of the other version and has the same label or the same offsets, or an article with the same
text. All other rows with such ids are added or removed rows.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import msgspec

from ...corpus import ARTICLES, VOTES, Role, config_of, fixed_type, role_of
from .rules import Change
from .schemas import Many, Plan, Record, Renames, Row, reader

SPLIT = "its split"  # key in rows in the common form; no column name contains a space


class Form:
    """The common form of a config's rows, and the comparison of two rows in this form."""

    def __init__(self, config: str, plan: Record, renames: Renames) -> None:
        self.config = config
        self.noun = config_of(config).noun
        self.keys = config_of(config).key
        self._named = [name for name in self.keys if name not in ("article_id", "task_id", "layer")] or ["article_id"]
        self.plan = plan
        self.names = _Strings(renames, plan, config)
        self._old, self._new = reader(plan, old=True), reader(plan, old=False)
        self._roles = {name: _role(config, (name,), part) for name, (_, part) in plan.parts.items()}

    def common(self, row: Row, split: str, *, old: bool) -> Row:
        """Convert a row to the common form, with its split; `text` is whether a redistributable text is present."""
        common_row: Row = (self._old if old else self._new)(row)
        if old:
            self.names.rename(common_row)
        if self.config == ARTICLES:
            common_row["text"] = bool(row.get("redistribute")) and row.get("text") is not None
        common_row[SPLIT] = split
        return common_row

    def fixed(self, row: Row, name: str) -> Any:
        """Return the value of a column that every dataset has; None for names that a codebook may have defined."""
        return row.get(name) if fixed_type(self.config, (name,)) is not None else None

    def key(self, row: Row) -> tuple[Any, ...]:
        """Return the values of the row's key columns."""
        return tuple(map(row.get, self.keys))

    def matching_key(self, row: Row) -> Any:
        """Return a key that two rows must share to be matched as the same row under different ids."""
        return row.get("text_sha256") if self.noun == "article" else row.get("article_id")

    def compare(self, old: Row, new: Row) -> Iterator[Change]:
        """Yield the changes between two rows, one for every rule that applies."""
        kinds: dict[str, dict[str, tuple[Any, Any]]] = {}
        for name, value in new.items():
            before = old.get(name)
            if before != value:
                for kind, field, pair in self._column(name, before, value):
                    kinds.setdefault(kind, {})[field] = pair
        for kind, fields in kinds.items():
            yield self.change(kind, new, fields)

    def change(self, kind: str, row: Row, fields: dict[str, tuple[Any, Any]] | None = None) -> Change:
        """Return a Change of the given kind for this row."""
        names = [row.get(name) for name in self._named]
        if self.config == VOTES and row.get("span_id") is None:
            names.append(row.get("layer"))
        known = "/".join(str(name) for name in names if name is not None)
        article = row.get("article_id") if self.config != ARTICLES else None
        return Change(kind, self.config, known, fields or {}, article)

    def _column(self, name: str, old: Any, new: Any) -> Iterator[tuple[str, str, tuple[Any, Any]]]:
        """Yield (kind, field, (old value, new value)) for the changes in a column."""
        noun, pair, role = self.noun, (old, new), self._roles.get(name, "value")
        if name == SPLIT:
            yield ("article-split" if noun == "article" else "row-split"), "split", pair
        elif role == "event":
            yield ("article-event" if noun == "article" else "row-event"), name, pair
        elif role in ("spans", "repeated"):
            yield "row-repeats", name, ((), ())
        elif role == "relation":
            yield from self._relations(name, old or [], new or [])
        elif role == "made_by":
            yield ("row-repeats" if noun == "block" else f"{noun}-made-by"), name, pair
        elif noun == "article":
            yield from _article(name, old, new)
        elif role in ("id", "offset"):
            yield f"{noun}-moved", name, pair
        elif noun == "vote" and name == "attributes":
            yield from _attributes(old or [], new or [])
        else:
            yield ("span-relabelled" if noun == "span" and role == "label" else f"{noun}-corrected"), name, pair

    def _relations(self, name: str, old: list[Row], new: list[Row]) -> Iterator[tuple[str, str, tuple[Any, Any]]]:
        """Compare relations by their targets; if only a target itself has changed, the target's row reports it."""
        before, after = Counter(map(_target, old)), Counter(map(_target, new))
        if before == after:
            yield "row-repeats", name, ((), ())
            return
        removed = [_arrow(link) for link in _first(old, before - after)]
        added = [_arrow(link) for link in _first(new, after - before)]
        yield ("vote-corrected" if self.noun == "vote" else "span-relations"), name, (removed, added)


def _role(config: str, path: tuple[str, ...], part: Plan) -> Role:
    """Return the role of a column in the common form, or of a nested column."""
    return role_of(config, path, records=isinstance(part, Many) and isinstance(part.item, Record))


def _target(link: Row) -> tuple[Any, ...]:
    return (link.get("name"), link["span_id"], link.get("direction"))


def _first(links: list[Row], wanted: Counter[tuple[Any, ...]]) -> Iterator[Row]:
    left = Counter(wanted)
    for link in links:
        if left[_target(link)] > 0:
            left[_target(link)] -= 1
            yield link


def _arrow(link: Row) -> str:
    parts = (link.get("name"), link.get("label"), link["span_id"], link.get("direction"))
    return " ".join(str(part) for part in parts if part not in (None, "right"))


def _article(name: str, old: Any, new: Any) -> Iterator[tuple[str, str, tuple[Any, Any]]]:
    if name == "text_sha256":
        yield "article-text", name, (old, new)
    elif name == "text":
        words = ("there", "left out")
        yield ("article-withheld", name, words) if old else ("article-released", name, words[::-1])
    elif name == "redistribute":
        yield ("article-released" if new else "article-withheld"), name, (old, new)
    elif name == "blocks":
        places = [[(block.get("start"), block.get("end")) for block in blocks or []] for blocks in (old, new)]
        moved = places[0] != places[1]
        yield ("article-blocks" if moved else "article-corrected"), name, (_blocks(old), _blocks(new))
    elif name == "metadata":
        yield from _metadata(old, new)
    elif name == "annotations":
        yield from _annotations(old or [], new or [])
    else:
        yield "article-corrected", name, (old, new)


def _metadata(old: Any, new: Any) -> Iterator[tuple[str, str, tuple[Any, Any]]]:
    """Yield the changed values in an article's metadata, which is a JSON object as text."""
    before, after = (dict(_leaves("metadata", _decoded(value))) for value in (old, new))
    for name in sorted(before.keys() | after.keys()):
        if name not in before or name not in after or _exact(before[name]) != _exact(after[name]):
            yield "article-corrected", name, (before.get(name), after.get(name))


def _exact(value: Any) -> bytes:
    """Return the JSON form of a value, because in Python 1 equals True and 1.0."""
    return msgspec.json.encode(value)


def _decoded(text: Any) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, TypeError):
        return text


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict) or not value:
        yield path, value
        return
    for name, part in value.items():
        yield from _leaves(f"{path}.{name}", part)


def _blocks(blocks: list[Row] | None) -> list[str]:
    """Return the blocks as text: kind, offsets, and the event if it is not the article's."""
    events = [f" {block['event_id']}" if block.get("event_id") else "" for block in blocks or []]
    places = [f"{block.get('kind')}:{block.get('start')}-{block.get('end')}" for block in blocks or []]
    return [place + event for place, event in zip(places, events, strict=True)]


def _annotations(old: list[Row], new: list[Row]) -> Iterator[tuple[str, str, tuple[Any, Any]]]:
    """Compare annotations by task and id; changes in their numbers of spans are reported by the votes."""
    before, after = (
        {
            f"{annotation.get('task_id')}/{annotation.get('annotation_id')}": {**annotation, "spans": None}
            for annotation in side
        }
        for side in (old, new)
    )
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            yield "annotation-added", name, (None, after[name].get("annotator"))
        elif name not in after:
            yield "annotation-removed", name, (before[name].get("annotator"), None)
        else:
            for part, value in after[name].items():
                if before[name].get(part) != value:
                    yield "annotation-corrected", f"{name}.{part}", (before[name].get(part), value)
    if before == after:
        yield "row-repeats", "annotations", ((), ())


def _attributes(old: list[Row], new: list[Row]) -> Iterator[tuple[str, str, tuple[Any, Any]]]:
    """Compare the attributes of a vote by name; each may have several values."""
    for name in sorted({str(attribute["name"]) for attribute in (*old, *new)}):
        before, after = ([attribute["value"] for attribute in side if attribute["name"] == name] for side in (old, new))
        if before != after:
            yield "vote-corrected", f"attributes.{name}", (before, after)


class _Strings:
    """Renames of layers, columns and labels in rows that hold these names as text: in votes and in relations."""

    def __init__(self, renames: Renames, plan: Record, config: str) -> None:
        self.any = any((renames.configs, renames.labels, *renames.columns.values()))
        self.layers = renames.configs
        self.columns = renames.columns
        labels = {key: names for key, names in renames.labels.items() if role_of(key[0], (key[1],)) == "label"}
        self.labels = {layer: names for (layer, _), names in labels.items()}
        self.values = renames.labels
        self.votes = config == VOTES
        self.arrows = list(_arrows(config, (), plan))

    def rename(self, row: Row) -> None:
        """Replace old names by new names in a row of the old version."""
        if not self.any:
            return
        for path in self.arrows:
            _each(row, path, self._link)
        if self.votes:
            layer = str(row.get("layer"))
            row["layer"] = layer = self.layers.get(layer, layer)
            names, labels = self.columns.get(layer, {}), self.labels.get(layer, {})
            row["labels"] = [labels.get(label, label) for label in row.get("labels") or []]
            for record in row.get("attributes") or []:
                record["name"] = names.get(record["name"], record["name"])
                record["value"] = self.values.get((layer, record["name"]), {}).get(record["value"], record["value"])
            for record in row.get("relations") or []:
                record["name"] = names.get(record["name"], record["name"])

    def _link(self, link: Row) -> None:
        if isinstance(link.get("layer"), str) and isinstance(link.get("label"), str):
            link["layer"] = self.layers.get(link["layer"], link["layer"])
            labels = self.labels.get(link["layer"], {})
            link["label"] = "+".join(labels.get(label, label) for label in link["label"].split("+"))


def _arrows(config: str, path: tuple[str, ...], plan: Record) -> Iterator[tuple[str, ...]]:
    """Yield the paths of relations: columns, and for articles also nested fields in the columns of spans."""
    for name, (_, part) in plan.parts.items():
        role = _role(config, (*path, name), part)
        if role == "relation":
            yield (*path, name)
        elif role == "spans" and isinstance(part, Many) and isinstance(part.item, Record):
            yield from _arrows(config, (*path, name), part.item)


def _each(row: Row, path: tuple[str, ...], act: Callable[[Row], None]) -> None:
    for record in row.get(path[0]) or ():
        if len(path) == 1:
            act(record)
        else:
            _each(record, path[1:], act)


_OFFSETS = ("start", "end")


def match_rows(form: Form, removed: list[Row], added: list[Row]) -> Iterator[Change]:
    """Yield the changes of rows whose ids only one version has, for rows with the same matching key.

    Two rows count as the same row under different ids, nearest pairs first, in two cases: articles with the same text,
    and spans or votes of the same layer (and annotator) with the same offsets, or overlapping with the same label.
    """
    pairs, removed, added = _paired(form, removed, added, _same_place, lambda old, new: True)
    if form.noun in ("span", "vote"):
        overlaps, removed, added = _paired(form, removed, added, _same_label, _overlap)
        pairs += overlaps
    for old, new in pairs:
        names = form.keys if form.noun == "article" else (*form.keys, *_OFFSETS)
        fields = {name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}
        yield form.change(f"{form.noun}-renamed", new, fields)
        yield from form.compare({**old, **{name: new.get(name) for name in names}}, new)
    for row in removed:
        yield form.change(f"{form.noun}-removed", row, _shown(form, row))
    for row in added:
        yield form.change(f"{form.noun}-added", row, {name: pair[::-1] for name, pair in _shown(form, row).items()})


def _paired(
    form: Form,
    removed: list[Row],
    added: list[Row],
    place_of: Callable[[Form, Row], Any],
    fits: Callable[[Row, Row], bool],
) -> tuple[list[tuple[Row, Row]], list[Row], list[Row]]:
    """Pair rows that agree in `place_of` (not None) and fit, nearest first; return the pairs and both remainders.

    The pairs do not depend on which version is the old one.
    """
    there: dict[Any, list[Row]] = {}
    for row in added:  # sorted by start offset
        there.setdefault(place_of(form, row), []).append(row)
    start = partial(_start, form)
    longest = {key: max(_length(form, row) for row in rows) for key, rows in there.items()}
    candidates: list[tuple[Any, Row, Row]] = []
    for old in removed:
        key = place_of(form, old)
        rows = there.get(key, []) if key is not None else []
        first = bisect_left(rows, start(old) - longest.get(key, 0), key=start)
        last = bisect_right(rows, start(old) + _length(form, old), key=start)
        candidates += [(_distance(form, old, new), old, new) for new in rows[first:last] if fits(old, new)]
    taken: set[int] = set()
    pairs = []
    for _, old, new in sorted(candidates, key=lambda pair: pair[0]):
        if not {id(old), id(new)} & taken:
            taken |= {id(old), id(new)}
            pairs.append((old, new))
    return pairs, [row for row in removed if id(row) not in taken], [row for row in added if id(row) not in taken]


def _start(form: Form, row: Row) -> int:
    return form.fixed(row, "start") or 0


def _length(form: Form, row: Row) -> int:
    return max(0, (form.fixed(row, "end") or 0) - _start(form, row))


def _same_place(form: Form, row: Row) -> Any:
    if form.noun == "article":
        return row.get("text_sha256")
    if form.noun == "block" or row.get("start") is None:
        return None
    return (row.get("article_id"), form.fixed(row, "layer"), _annotator(form, row), row["start"], row["end"])


def _same_label(form: Form, row: Row) -> Any:
    if row.get("start") is None:
        return None
    labels = (repr(row.get("label")), repr(row.get("labels")))
    return (row.get("article_id"), form.fixed(row, "layer"), _annotator(form, row), labels)


def _annotator(form: Form, row: Row) -> Any:
    return row.get("annotator") if form.noun == "vote" else None


def _overlap(old: Row, new: Row) -> bool:
    return bool(old["start"] < new["end"] and new["start"] < old["end"])


def _shown(form: Form, row: Row) -> dict[str, tuple[Any, Any]]:
    """Return the values that identify a row to a reader."""
    values = {name: form.fixed(row, name) for name in ("layer", "label", "labels", "start", "end")}
    return {name: (value, None) for name, value in values.items() if value not in (None, [])}


def _distance(form: Form, old: Row, new: Row) -> tuple[Any, ...]:
    labels = any(form.fixed(old, name) != form.fixed(new, name) for name in ("label", "labels"))
    places = (abs((form.fixed(old, name) or 0) - (form.fixed(new, name) or 0)) for name in _OFFSETS)
    return (sum(places), labels, sorted([repr(old), repr(new)]))


def order_rows(form: Form, rows: Iterable[Row]) -> list[Row]:
    """Sort rows by their content alone."""
    return sorted(rows, key=lambda row: (_start(form, row), form.fixed(row, "end") or 0, repr(row)))
