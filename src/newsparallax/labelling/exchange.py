"""Tasks out to Label Studio and back: what is sent, and the form in which what comes back is kept.

Kept is what somebody made: data, annotations, who, whether cancelled or starred. Left out is what changes by itself
(times, counters, copies of names) and what nobody submitted (drafts, predictions). Everything has one order, so that
the difference between two pulls is what was annotated between them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from .codebook import attribute_control, document_control, layer_control, relation_label
from .context import LABEL_TYPES, Context

MARK = "newsparallax"  # the key, in a task's `meta`, of what we wrote there
REVIEW = "newsparallax_disputed"  # control and data field that show an adjudicator the disputed places; kept nowhere

AGAIN = "s"  # before the id of an annotation whose number is that of another one

Task = dict[str, Any]

_FIRST = ("id", "from_name", "to_name", "type", "origin", "value")
_REGION = ("start", "end", "startOffset", "endOffset", "globalOffsets", "text")


class Sent(msgspec.Struct, omit_defaults=True):
    """What a task that we sent says of itself: the article, its text's digest, and the id of the corpus's own task."""

    article: str
    sha256: str
    task: int | str | None = None


def sent_mark(meta: Any) -> Sent | None:
    """What we wrote into a task's `meta`; None for a task that is not ours."""
    found = meta.get(MARK) if isinstance(meta, dict) else None
    try:
        return msgspec.convert(found, Sent) if found is not None else None
    except msgspec.ValidationError:
        return None


class Keeper:
    """The form in which tasks of a codebook are kept."""

    def __init__(self, context: Context):
        self._controls = {name: number for number, name in enumerate(_controls(context))}
        self._arrows = {name: number for number, name in enumerate(_arrows(context))}

    def task(self, task: dict[str, Any], numbers: Mapping[int, int], project: str) -> dict[str, Any]:
        """A task of the server in the form kept.

        `numbers` maps the server's users to the ids of annotators.toml; `project` is what the project is known by.
        """
        meta = {key: value for key, value in (task.get("meta") or {}).items() if key != MARK}
        sent = sent_mark(task.get("meta"))
        return {
            "id": task["id"] if sent is None or sent.task is None else sent.task,
            "data": {key: value for key, value in task["data"].items() if key != REVIEW},
            "meta": meta,
            "annotations": self._annotations(task.get("annotations") or [], numbers, beginning(project, task["id"])),
            "drafts": [],
            "predictions": [],
        }

    def _annotations(self, found: list[dict[str, Any]], numbers: Mapping[int, int], here: str) -> list[dict[str, Any]]:
        """An annotation that was imported keeps the id that it had, one made on the server has the server's."""
        imported = {one["import_id"] for one in found if one.get("import_id") is not None}
        kept = []
        for one in found:
            if one.get("import_id") is not None:
                names = {"id": one["import_id"]}
            else:  # a number may be taken by one that came from elsewhere
                taken = one["id"] in imported
                names = {"id": f"{AGAIN}{one['id']}" if taken else one["id"], "unique_id": f"{here}{one['id']}"}
            kept.append(names | self._annotation(one, numbers))
        return in_order(kept)

    def _annotation(self, found: dict[str, Any], numbers: Mapping[int, int]) -> dict[str, Any]:
        maker, editor = found.get("completed_by"), found.get("updated_by")
        kept: dict[str, Any] = {"completed_by": None if maker is None else numbers[maker]}
        if editor is not None and editor != maker:
            kept["updated_by"] = numbers[editor]
        kept |= {key: bool(found.get(key)) for key in ("was_cancelled", "ground_truth")}
        return kept | {"result": self.result(found.get("result") or [])}

    def result(self, items: list[Any]) -> list[Any]:
        """The items of an annotation in reading order: regions, each with its values; the article's; arrows."""
        marks = {_id(item) for item in items if isinstance(item, dict) and item.get("from_name") == REVIEW}
        items = [item for item in items if not isinstance(item, dict) or marks.isdisjoint(_ids(item))]
        places: dict[str, tuple[Any, ...]] = {}
        for item in items:
            if isinstance(item, dict) and item.get("type") in LABEL_TYPES:
                places.setdefault(_id(item), _place(item, self._number(item)))
        numbered = {region: number for number, region in enumerate(sorted(places, key=places.__getitem__))}
        return [_item(item) for item in sorted(items, key=lambda item: self._order(item, numbered))]

    def _order(self, item: Any, numbered: dict[str, int]) -> tuple[Any, ...]:
        if not isinstance(item, dict):
            return (3,)
        far = len(numbered)
        if item.get("type") == "relation":
            labels = item.get("labels")
            name = str(labels[0]) if isinstance(labels, list) and labels else ""
            source, target = (numbered.get(_id(item, end), far) for end in ("from_id", "to_id"))
            return (2, source, self._arrows.get(name, len(self._arrows)), str(labels), target)
        if _id(item) in numbered:
            values = item.get("type") not in LABEL_TYPES
            return (0, numbered[_id(item)], values, self._number(item), str(item.get("from_name")))
        return (1, 0, False, self._number(item), str(item.get("from_name")))

    def _number(self, item: dict[str, Any]) -> int:
        return self._controls.get(str(item.get("from_name")), len(self._controls))


def beginning(project: str, task: int) -> str:
    """How the unique ids of the annotations of a task on the server begin."""
    return f"{project}-{task}-"


def in_order(annotations: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Annotations by their ids."""
    return sorted(annotations, key=lambda one: (isinstance(one.get("id"), str), one.get("id") or 0))


def merge(before: list[Task], now: list[Task], here: Iterable[str]) -> tuple[list[Task], list[Task]]:
    """An article's tasks from the file as it was (`before`) and from the server (`now`), and what is from elsewhere.

    An annotation that the server does not have stays: it came from another server or from a file. `here` is how the
    unique ids of the tasks of `now` begin: what begins so, and is there no more, was deleted on the server. A task of
    the file keeps its id.
    """
    now = [_with_makers(task, before) for task in now]
    known = _Known([one for task in now for one in task["annotations"]], tuple(here))
    merged, free = list(now), list(now)
    elsewhere = []
    for old in before:
        made = [one for one in old["annotations"] if not known.has(one)]
        elsewhere += made
        same = [task for task in free if task["data"] == old.get("data")]
        if not same:
            merged += [{**old, "annotations": made}] if made or not now else []
            continue
        task = next((task for task in same if task["id"] == old.get("id")), same[0])
        free = [other for other in free if other is not task]
        task["id"], task["meta"] = old.get("id", task["id"]), {**(old.get("meta") or {}), **task["meta"]}
        task["annotations"] = in_order([*_renamed(task["annotations"], made), *made])
    return merged, elsewhere


class _Known:
    """What tells whether an annotation of the file is one of those on the server, or was there once."""

    def __init__(self, now: list[dict[str, Any]], here: tuple[str, ...]):
        self._here = here
        self._unique = {one["unique_id"] for one in now if "unique_id" in one}
        self._imported = {(str(one["id"]), str(one["completed_by"])) for one in now if "unique_id" not in one}
        self._contents = {content for one in now for content in _contents(one)}

    def has(self, found: dict[str, Any]) -> bool:
        """Whether an annotation of the file need not be kept."""
        unique = found.get("unique_id")
        if isinstance(unique, str) and (unique in self._unique or unique.startswith(self._here)):
            return True
        if (str(found.get("id")), str(found.get("completed_by"))) in self._imported:
            return True
        return not self._contents.isdisjoint(_contents(found))


def _with_makers(task: Task, before: list[Task]) -> Task:
    """The task; an annotation whose maker the server has forgotten keeps the one that the file has."""
    makers = {one.get("unique_id"): one.get("completed_by") for old in before for one in old["annotations"]}
    annotations = [
        {**one, "completed_by": makers.get(one.get("unique_id"))} if one["completed_by"] is None else one
        for one in task["annotations"]
    ]
    return {**task, "annotations": annotations}


def _renamed(now: list[dict[str, Any]], elsewhere: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The server's annotations, those with another id whose number is taken by one from elsewhere."""
    taken = {one.get("id") for one in elsewhere}
    return [{**one, "id": f"{AGAIN}{one['id']}"} if one["id"] in taken else one for one in now]


def file_text(tasks: list[dict[str, Any]]) -> bytes:
    """Tasks as the text of a file that reads well in `git diff`: one line a value, keys in one order."""
    try:
        return (json.dumps(tasks, ensure_ascii=False, indent=1) + "\n").encode()
    except UnicodeEncodeError:  # half a UTF-16 pair
        return (json.dumps(tasks, indent=1) + "\n").encode()


def _contents(found: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Two annotations with one of these in common are the same work: of one person, or under one number."""
    result = json.dumps(found.get("result"), sort_keys=True)
    yield ("by", str(found.get("completed_by")), bool(found.get("was_cancelled")), result)
    yield ("id", str(found.get("id")), bool(found.get("was_cancelled")), result)


def _place(item: dict[str, Any], control: int) -> tuple[Any, ...]:
    """Where a region stands, for the order: outer ones first. HyperText has paths, and offsets beside them."""
    value: Any = item.get("value")
    value = value if isinstance(value, dict) else {}
    offsets = value.get("globalOffsets")
    offsets = offsets if isinstance(offsets, dict) else value
    start, end = (offsets.get(key) for key in ("start", "end"))
    at = [number if isinstance(number, int | float) else float("inf") for number in (start, end)]
    return (str(item.get("to_name")), at[0], -at[1], control, str(item.get("id")))


def _id(item: dict[str, Any], name: str = "id") -> str:
    return str(item.get(name, ""))


def _ids(item: dict[str, Any]) -> set[str]:
    """The regions that an item is of, or leads to."""
    return {_id(item, name) for name in ("id", "from_id", "to_id") if name in item}


def _item(item: Any) -> Any:
    """An item with its keys in one order."""
    if not isinstance(item, dict) or item.get("type") == "relation":
        return item
    value = item.get("value")
    ordered = _keys(item, _FIRST)
    return ordered if not isinstance(value, dict) else ordered | {"value": _keys(value, _REGION)}


def _keys(table: dict[str, Any], first: tuple[str, ...]) -> dict[str, Any]:
    names = [*(name for name in first if name in table), *sorted(name for name in table if name not in first)]
    return {name: table[name] for name in names}


def _controls(context: Context) -> Iterable[str]:
    """The names of all controls, as the codebook has them."""
    for name, layer in context.codebook.layers.items():
        yield layer_control(name, layer)
        yield from (attribute_control(name, key, attribute) for key, attribute in layer.attributes.items())
    yield from (document_control(name, document) for name, document in context.codebook.document.items())


def _arrows(context: Context) -> Iterable[str]:
    for layer in context.codebook.layers.values():
        yield from (relation_label(name, relation) for name, relation in layer.relations.items())
