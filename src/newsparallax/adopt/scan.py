"""Scan the tasks of an export: collect the evidence from which a codebook is proposed.

The scan reads annotations that are not cancelled, never drafts or predictions. Memory grows with the number of tasks,
labels and values, but not with their texts.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ..convert import Located, locate_span
from ..corpus import LABEL_TYPES, LEVELS, VALUE_TYPES, is_reference
from ..exports import Completer, DecodedAnnotation, DecodedTask, Item, RegionValue
from ..problems import REFUSED, Rejection
from ..text import RenderedHtml, TextIndex, addresses_in, is_blank, render_html

LABELS = "labels"
JUDGED = 5000  # regions per text used to find its field; more would not change the result


@dataclass
class Seen:
    """A control as the items show it: kinds, texts, values, and the controls of the regions that it describes."""

    kinds: Counter[str] = field(default_factory=Counter)
    to_names: Counter[str] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)
    several: bool = False
    on: Counter[str] = field(default_factory=Counter)
    about_article: int = 0

    @property
    def kind(self) -> str:
        """Return "labels" if any item has that kind, else the most frequent kind; nested choices are a taxonomy."""
        kinds = self.kinds
        if "taxonomy" in kinds and "choices" in kinds:
            kinds = kinds + Counter(taxonomy=kinds["choices"]) - Counter(choices=kinds["choices"])
        return LABELS if LABELS in kinds else min(kinds, key=lambda kind: (-kinds[kind], kind))


@dataclass
class DataField:
    """A field of the tasks' data: in how many tasks it holds a text, a reference to a file, or something else."""

    texts: int = 0
    references: int = 0
    others: int = 0
    length: int = 0  # total length of its texts in code points
    prose: bool = False  # whether any text is more than a word, a code or a number

    @property
    def strings(self) -> int:
        """Return in how many tasks the field holds a string."""
        return self.texts + self.references


@dataclass
class Scan:
    """Everything found in the tasks; `add` takes them one by one."""

    tasks: int = 0
    annotations: int = 0
    cancelled: int = 0
    items: int = 0
    nameless: int = 0
    unreadable: int = 0
    strays: int = 0  # list entries that are not tasks
    broken: int = 0  # annotations without content, such as those without a `result`
    controls: dict[str, Seen] = field(default_factory=dict)
    unsupported: Counter[tuple[str, str]] = field(default_factory=Counter)
    arrows: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # label, from a control, to a control
    fields: dict[str, DataField] = field(default_factory=dict)
    marked: Counter[str] = field(default_factory=Counter)  # text -> regions
    paths: Counter[str] = field(default_factory=Counter)  # text -> regions given by paths, as in HTML
    proved: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))  # text -> field -> regions
    nearby: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    judged: Counter[str] = field(default_factory=Counter)
    beyond: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))  # regions after a field's end
    addresses: Counter[str] = field(default_factory=Counter)  # field -> tasks with an e-mail address in it
    address: dict[str, str] = field(default_factory=dict)  # field -> the first such address, masked
    completers: Counter[int] = field(default_factory=Counter)
    anonymous: int = 0
    ids: dict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))  # task id -> digests of data
    naming: Counter[str] = field(default_factory=Counter)  # field of the data -> tasks in which it may be an id
    named: dict[str, dict[str, set[bytes]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))

    def add(self, task: DecodedTask, id_fields: tuple[str, ...] = ()) -> None:
        """Add a task; `id_fields` are the fields of its data that may hold the article id."""
        self.broken += sum(finding.code == "bad-annotation" for finding in task.findings)
        if not task.shown:
            self.strays += 1
            return
        self.tasks += 1
        for key, value in task.data.items():
            self._add_field(self.fields.setdefault(key, DataField()), value)
        shown = dict(addresses_in({**task.data, "meta": task.meta} if task.meta else task.data))
        self.addresses.update(shown.keys())
        self.address = shown | self.address
        digest = _digest(task.data)
        if task.id is not None:
            self.ids[task.id].add(digest)
        for key in id_fields:
            name = task.data.get(key)
            if isinstance(name, str | int) and not isinstance(name, bool) and name != "":
                self.named[key][str(name)].add(digest)
                self.naming[key] += 1
        texts = _Texts(task.data)
        for annotation in task.annotations:
            self._add_completer(annotation)
            if annotation.cancelled:
                self.cancelled += 1
            else:
                self.annotations += 1
                self._add_items(annotation.items, texts)

    def colliding_ids(self) -> bool:
        """Return whether one task id stands for different data, as in exports of several projects."""
        return any(len(digests) > 1 for digests in self.ids.values())

    def is_html(self, text: str) -> bool:
        """Return whether at least half of the regions of a text are given by paths."""
        return self.paths[text] > 0 and 2 * self.paths[text] >= self.marked[text]

    def names_articles(self, key: str) -> bool:
        """Return whether every task has the field, and no two tasks with different data share a value in it."""
        shared = any(len(digests) > 1 for digests in self.named[key].values())
        return self.tasks > 0 and self.naming[key] == self.tasks and not shared

    def _add_field(self, known: DataField, value: Any) -> None:
        if not isinstance(value, str):
            known.others += 1
        elif is_reference(value):
            known.references += 1
        else:
            known.texts += 1
            known.length += len(value)
            known.prose = known.prose or len(value.split(None, 2)) > 1 or not (len(value) < 8 or value.isascii())

    def _add_completer(self, annotation: DecodedAnnotation) -> None:
        number = completer(annotation)
        if number is not None:
            self.completers[number] += 1
        self.anonymous += annotation.completed_by is None

    def _add_items(self, entries: list[Item | Rejection], shown: _Texts) -> None:
        self.items += len(entries)
        items = [item for item in entries if isinstance(item, Item)]
        self.unreadable += len(entries) - len(items)
        regions: dict[str, list[str]] = {}  # region id -> controls of its labels
        others: set[str] = set()  # ids of regions of unsupported kinds
        for item in items:
            if item.id is None or item.type == "relation":
                continue
            kind = kind_of(item)
            if kind == LABELS and item.from_name:
                regions.setdefault(str(item.id), []).append(item.from_name)
            elif kind not in VALUE_TYPES:
                others.add(str(item.id))
        for item in items:
            if item.type == "relation":
                self._add_arrow(item, regions)
            elif item.type in REFUSED and not item.from_name:
                self.unsupported[item.type, ""] += 1
            elif not item.from_name:
                self.nameless += 1
            elif kind_of(item) not in (LABELS, *VALUE_TYPES):
                self.unsupported[kind_of(item), item.from_name] += 1
            else:
                self._add_item(item, item.from_name, regions, others, shown)

    def _add_item(self, item: Item, name: str, regions: dict[str, list[str]], others: set[str], shown: _Texts) -> None:
        seen = self.controls.setdefault(name, Seen())
        seen.kinds[kind_of(item)] += 1
        if item.to_name:
            seen.to_names[item.to_name] += 1
        value = item.value or RegionValue()
        words = _words(kind_of(item), value)
        seen.values.update(words)
        seen.several |= len(words) > 1
        if kind_of(item) == LABELS:
            self._prove(item.to_name or "", value, shown)
        elif str(item.id) in regions:
            seen.on.update(regions[str(item.id)])
        elif str(item.id) not in others and value.start is None:
            seen.about_article += 1

    def _add_arrow(self, item: Item, regions: dict[str, list[str]]) -> None:
        """Count a relation by the controls at its ends.

        For a region with labels of several controls, the first by name counts.
        """
        ends = [min(regions.get(str(end), [""])) for end in (item.from_id, item.to_id)]
        if all(ends):
            source, target = reversed(ends) if item.direction == "left" else ends
            self.arrows.update((label, source, target) for label in item.labels or [""])

    def _prove(self, text: str, value: RegionValue, shown: _Texts) -> None:
        """Check a region against every field of the task that could be its text."""
        path = isinstance(value.start, str) and "/" in value.start
        self.marked[text] += 1
        self.paths[text] += path
        if isinstance(value.end, int) and not path:
            self.beyond[text].update(name for name in shown.names if value.end > shown.most(name))
        quote = value.text if isinstance(value.text, str) and not is_blank(value.text) else None
        if quote is None or self.judged[text] >= JUDGED:
            return
        self.judged[text] += 1
        for name in shown.names:
            method = shown.place(name, value, quote) if path else shown.place_plain(name, value, quote)
            if method is not None:
                (self.nearby if method == "nearby" else self.proved)[text][name] += 1


class _Texts:
    """The strings of a task's data, indexed and rendered on first use."""

    def __init__(self, data: dict[str, Any]):
        self._data = data
        self.names = [key for key, value in data.items() if isinstance(value, str) and not is_reference(value)]
        self._plain: dict[str, TextIndex] = {}
        self._html: dict[str, tuple[RenderedHtml, TextIndex]] = {}

    def most(self, name: str) -> int:
        """Return the highest possible offset in the field, in any unit."""
        text = self._data[name]
        return len(text) if text.isascii() else 2 * len(text)

    def place_plain(self, name: str, value: RegionValue, quote: str) -> str | None:
        """Return how the region's quote is found in the field (a method of `locate_span`, or "exact"), or None."""
        if name not in self._plain:
            self._plain[name] = TextIndex(self._data[name])
        return _located(self._plain[name], value.start, value.end, quote)

    def place(self, name: str, value: RegionValue, quote: str) -> str | None:
        """Return the same as `place_plain` for a region given by paths, in the rendered text of the field."""
        if name not in self._html:
            page = render_html(self._data[name])
            self._html[name] = page, TextIndex(page.text)
        page, index = self._html[name]
        whole = value.globalOffsets
        if whole and (method := _located(index, whole.start, whole.end, quote)):
            return method
        start = page.resolve(str(value.start), int(value.startOffset or 0))
        end = page.resolve(str(value.end), int(value.endOffset or 0))
        return _located(index, start, end, quote)


def _located(index: TextIndex, start: Any, end: Any, quote: str) -> str | None:
    if not (isinstance(start, int | float) and isinstance(end, int | float)):
        return None
    located = locate_span(index, int(start), int(end), quote)
    return (located.method or "exact") if isinstance(located, Located) else None


def completer(annotation: DecodedAnnotation) -> int | None:
    """Return the number of the annotation's annotator, if one is given."""
    return _number(annotation.completed_by)


def numbers_of(task: DecodedTask) -> Iterator[int]:
    """Yield the numbers of everybody who made or changed an annotation of a task."""
    makers = (
        _number(who) for annotation in task.annotations for who in (annotation.completed_by, annotation.updated_by)
    )
    yield from (number for number in makers if number is not None)


def _number(value: Any) -> int | None:
    value = value.id if isinstance(value, Completer) else value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    return value if isinstance(value, int) else None


def kind_of(item: Item) -> str:
    """Return the kind of an item: "labels", a kind of value, or its type."""
    if item.type in LABEL_TYPES:
        return LABELS
    if item.value is not None and any(isinstance(word, list) for word in item.value.choices or ()):
        return "taxonomy"
    if item.type is not None or item.value is None:
        return item.type or "?"
    value = item.value
    if value.labels is not None or value.hypertextlabels is not None:
        return LABELS
    return next((kind for kind in ("choices", "taxonomy", "rating", "number") if getattr(value, kind) is not None), "?")


def _words(kind: str, value: RegionValue) -> list[str]:
    """Return the labels or values of an item in its spelling."""
    if kind == LABELS:
        return list(dict.fromkeys(value.labels or value.hypertextlabels or []))
    if kind not in ("choices", "taxonomy"):
        return []
    paths = value.taxonomy if kind == "taxonomy" and value.taxonomy is not None else value.choices or []
    return [word if isinstance(word, str) else LEVELS.join(word) for word in paths]


def _digest(data: dict[str, Any]) -> bytes:
    try:
        return hashlib.sha256(msgspec.json.encode(data, order="sorted")).digest()[:8]
    except OverflowError:  # an integer beyond 64 bits
        return hashlib.sha256(repr(sorted(data.items())).encode()).digest()[:8]


def unsupported_in(scan: Scan) -> Iterator[str]:
    """Yield what no layer can take from the items, one line per kind."""
    for (kind, name), count in sorted(scan.unsupported.items()):
        yield f"items of type {kind} ({name}): {count:,}" if name else f"{kind}: {count:,}"
    if scan.nameless:
        yield f"items without a control (from_name): {scan.nameless:,}"
    if scan.strays:
        yield f"entries that are not tasks: {scan.strays:,}"
    if scan.broken:
        yield f"annotations without a readable `result`: {scan.broken:,}"
    if scan.unreadable:
        yield f"items that cannot be read: {scan.unreadable:,}"
