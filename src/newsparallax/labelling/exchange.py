"""Tasks in both directions: what is sent to Label Studio, and the form in which answers are stored.

An article becomes a task to send, and its existing annotations become predictions.

The stored form keeps what somebody made: data, annotations, who made them, and whether they are cancelled or starred.
It leaves out what changes by itself (times, counters, copies of names) and what nobody submitted (drafts, predictions).
Everything has a fixed order, so a diff between two pulls shows only what was annotated between them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import msgspec

from ..convert import RawTask, age
from ..corpus import (
    LABEL_TYPES,
    Annotated,
    CorpusSpec,
    attribute_control,
    document_control,
    layer_control,
    relation_label,
)
from ..exports import DecodedAnnotation, RawRecord, decode_task
from ..ids import natural_order, text_digest

MARK = "newsparallax"  # key in a task's `meta` under which our record is stored
REVIEW = "newsparallax_disputed"  # control and data field that show disputes to an adjudicator; never stored

AGAIN = "s"  # prefix of an annotation's id whose number another annotation has

Task = dict[str, Any]

_FIRST = ("id", "from_name", "to_name", "type", "origin", "value")
_REGION = ("start", "end", "startOffset", "endOffset", "globalOffsets", "text")


class Sent(msgspec.Struct, omit_defaults=True):
    """Our record in the `meta` of a task: article id, digest of the data, and id of the corpus's own task."""

    article: str
    sha256: str
    task: int | str | None = None


def sent_mark(meta: Any) -> Sent | None:
    """Return our record from a task's `meta`; None for a task that we did not send."""
    mark = meta.get(MARK) if isinstance(meta, dict) else None
    try:
        return msgspec.convert(mark, Sent) if mark is not None else None
    except msgspec.ValidationError:
        return None


class Keeper:
    """Converts tasks of a codebook from the server's form to the stored form."""

    def __init__(self, context: CorpusSpec):
        self._controls = {name: number for number, name in enumerate(_controls(context))}
        self._arrows = {name: number for number, name in enumerate(_arrows(context))}

    def task(self, task: dict[str, Any], numbers: Mapping[int, int], project: str) -> dict[str, Any]:
        """Return a task of the server in the stored form.

        `numbers` maps user ids of the server to ids in annotators.toml. `project` is the key that identifies the
        project.
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

    def _annotations(
        self, annotations: list[dict[str, Any]], numbers: Mapping[int, int], here: str
    ) -> list[dict[str, Any]]:
        """Return the annotations in the stored form.

        An imported one keeps its original id; others get the server's id.
        """
        imported = {annotation["import_id"] for annotation in annotations if annotation.get("import_id") is not None}
        kept = []
        for annotation in annotations:
            if annotation.get("import_id") is not None:
                names = {"id": annotation["import_id"]}
            else:  # an imported annotation may have the same number
                taken = annotation["id"] in imported
                names = {
                    "id": f"{AGAIN}{annotation['id']}" if taken else annotation["id"],
                    "unique_id": f"{here}{annotation['id']}",
                }
            kept.append(names | self._annotation(annotation, numbers))
        return in_order(kept)

    def _annotation(self, annotation: dict[str, Any], numbers: Mapping[int, int]) -> dict[str, Any]:
        maker, editor = annotation.get("completed_by"), annotation.get("updated_by")
        kept: dict[str, Any] = {"completed_by": None if maker is None else numbers[maker]}
        if editor is not None and editor != maker:
            kept["updated_by"] = numbers[editor]
        kept |= {key: bool(annotation.get(key)) for key in ("was_cancelled", "ground_truth")}
        return kept | {"result": self.result(annotation.get("result") or [])}

    def result(self, items: list[Any]) -> list[Any]:
        """Return the items of an annotation in reading order: regions with their values, document values, relations."""
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
        return (1, 0, False, self._number(item), str(item.get("from_name")), str(item.get("to_name")))

    def _number(self, item: dict[str, Any]) -> int:
        return self._controls.get(str(item.get("from_name")), len(self._controls))


def beginning(project: str, task: int) -> str:
    """Return the prefix of the unique ids that annotations of a task on the server have."""
    return f"{project}-{task}-"


def in_order(annotations: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the annotations ordered by id."""
    return sorted(
        annotations, key=lambda annotation: (isinstance(annotation.get("id"), str), annotation.get("id") or 0)
    )


def merge(before: list[Task], now: list[Task], here: Iterable[str]) -> tuple[list[Task], list[Task]]:
    """Merge an article's tasks from the file (`before`) and from the server (`now`).

    Return the merged tasks and the annotations of the file that are from elsewhere. An annotation that the server does
    not have stays in the file: it came from another server or from a file. `here` holds the prefixes of the unique ids
    of the tasks in `now`. An annotation with such a prefix that the server no longer has was deleted there, so it is
    dropped. A task of the file keeps its id.
    """
    now = [_with_makers(task, before) for task in now]
    known = _Known([annotation for task in now for annotation in task["annotations"]], tuple(here))
    merged, free = list(now), list(now)
    elsewhere = []
    for old in before:
        made = [annotation for annotation in old["annotations"] if not known.has(annotation)]
        elsewhere += made
        same = [task for task in free if task["data"] == old.get("data")]
        if not same:
            merged += [{**old, "annotations": made}] if made or not now else []
            continue
        task = next((task for task in same if task["id"] == old.get("id")), same[0])
        free = [candidate for candidate in free if candidate is not task]
        task["id"], task["meta"] = old.get("id", task["id"]), {**(old.get("meta") or {}), **task["meta"]}
        task["annotations"] = in_order([*_renamed(task["annotations"], made), *made])
    return merged, elsewhere


class _Known:
    """Tests whether an annotation of the file is on the server now, or was there once."""

    def __init__(self, now: list[dict[str, Any]], here: tuple[str, ...]):
        self._here = here
        self._unique = {annotation["unique_id"] for annotation in now if "unique_id" in annotation}
        self._imported = {
            (str(annotation["id"]), str(annotation["completed_by"]))
            for annotation in now
            if "unique_id" not in annotation
        }
        self._contents = {content for annotation in now for content in _contents(annotation)}

    def has(self, annotation: dict[str, Any]) -> bool:
        """Return whether an annotation of the file can be dropped."""
        unique = annotation.get("unique_id")
        if isinstance(unique, str) and (unique in self._unique or unique.startswith(self._here)):
            return True
        if (str(annotation.get("id")), str(annotation.get("completed_by"))) in self._imported:
            return True
        return not self._contents.isdisjoint(_contents(annotation))


def _with_makers(task: Task, before: list[Task]) -> Task:
    """Return the task; an annotation without a maker on the server keeps the maker that the file has."""
    makers = {
        annotation.get("unique_id"): annotation.get("completed_by")
        for old in before
        for annotation in old["annotations"]
    }
    annotations = [
        {**annotation, "completed_by": makers.get(annotation.get("unique_id"))}
        if annotation["completed_by"] is None
        else annotation
        for annotation in task["annotations"]
    ]
    return {**task, "annotations": annotations}


def _renamed(now: list[dict[str, Any]], elsewhere: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the server's annotations, with a new id for each whose number an annotation from elsewhere already has."""
    taken = {annotation.get("id") for annotation in elsewhere}
    return [
        {**annotation, "id": f"{AGAIN}{annotation['id']}"} if annotation["id"] in taken else annotation
        for annotation in now
    ]


def file_text(tasks: list[dict[str, Any]]) -> bytes:
    """Return tasks as JSON that gives a readable `git diff`: one line per value, fixed key order."""
    write = partial(json.dumps, tasks, ensure_ascii=False)
    try:
        content = write().encode()
    except UnicodeEncodeError:  # a lone surrogate
        write = partial(json.dumps, tasks)
        content = write().encode()
    try:
        return msgspec.json.format(content, indent=1) + b"\n"  # `json` indents in Python, which takes ten times as long
    except msgspec.DecodeError:  # NaN
        return (write(indent=1) + "\n").encode()


def _contents(annotation: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Yield two keys of an annotation: by annotator and by id. Annotations that share a key are the same work."""
    result = json.dumps(annotation.get("result"), sort_keys=True)
    yield ("by", str(annotation.get("completed_by")), bool(annotation.get("was_cancelled")), result)
    yield ("id", str(annotation.get("id")), bool(annotation.get("was_cancelled")), result)


def _place(item: dict[str, Any], control: int) -> tuple[Any, ...]:
    """Return the sort key of a region; outer regions come first.

    HyperText has paths, and `globalOffsets` beside them.
    """
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
    """Return the ids of the regions that an item belongs to or connects."""
    return {_id(item, name) for name in ("id", "from_id", "to_id") if name in item}


def _item(item: Any) -> Any:
    """Return an item with its keys in a fixed order."""
    if not isinstance(item, dict) or item.get("type") == "relation":
        return item
    value = item.get("value")
    ordered = _keys(item, _FIRST)
    return ordered if not isinstance(value, dict) else ordered | {"value": _keys(value, _REGION)}


def _keys(table: dict[str, Any], first: tuple[str, ...]) -> dict[str, Any]:
    names = [*(name for name in first if name in table), *sorted(name for name in table if name not in first)]
    return {name: table[name] for name in names}


def _controls(context: CorpusSpec) -> Iterable[str]:
    """Yield the names of all controls in codebook order."""
    for name, layer in context.codebook.layers.items():
        yield layer_control(name, layer)
        yield from (attribute_control(name, key, attribute) for key, attribute in layer.attributes.items())
    yield from (document_control(name, document) for name, document in context.codebook.document.items())


def _arrows(context: CorpusSpec) -> Iterable[str]:
    for layer in context.codebook.layers.values():
        yield from (relation_label(name, relation) for name, relation in layer.relations.items())


class Outgoing(NamedTuple):
    """A task to send: the article id, the data that the page shows, and the record for the task's `meta`."""

    article_id: str
    data: dict[str, Any]
    mark: Sent

    def task(self) -> dict[str, Any]:
        """Return the task in Label Studio's import format."""
        return {"data": self.data, "meta": {MARK: msgspec.to_builtins(self.mark)}}


def outgoing_task(context: CorpusSpec, article_id: str, text: str | None, tasks: list[RawTask]) -> Outgoing | None:
    """Return the task of an article, with the data of the corpus's own task if that shows the same text.

    `text` is the seed's text; None for articles that come from tasks. Return None if there is nothing to show.
    """
    main = context.codebook.texts[context.codebook.main_text] if context.codebook.main_text else None
    own = sorted((decode_task(raw.content) for raw in tasks), key=lambda task: natural_order(task.id or ""))
    shown = [task for task in own if task.data and (text is None or (main and task.data.get(main.field) == text))]
    if shown:
        data, identity = shown[0].data, shown[0].id
    elif text is not None and main:
        data, identity = {"article_id": article_id, main.field: text}, own[0].id if own else None
    else:
        return None
    number = int(identity) if identity is not None and identity.isascii() and identity.isdigit() else identity
    digest = data_digest(data)
    return Outgoing(article_id, data, Sent(article_id, digest, number))


def data_digest(data: dict[str, Any]) -> str:
    """Return the SHA-256 of a task's data, independent of key order and JSON formatting."""
    return text_digest(msgspec.json.encode(data, order="sorted").decode())


def as_predictions(context: CorpusSpec, tasks: list[RawTask]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the annotations of an article as (source, items): the starred ones, or all if none is starred.

    Of several annotations by one person, only the newest counts.
    """
    predictions: list[tuple[str, DecodedAnnotation, RawRecord, Annotated]] = []
    for raw in tasks:
        record, task = RawRecord(raw.content), decode_task(raw.content)
        for made in task.annotations:
            if not made.cancelled and made.items:
                who = context.annotator(made.completed_by, raw.file)
                predictions.append((made.name(task.id), made, record, who))
    starred = [entry for entry in predictions if entry[1].ground_truth]
    newest: dict[str, tuple[DecodedAnnotation, RawRecord]] = {}
    for name, made, record, who in sorted(starred or predictions, key=lambda entry: age(entry[1].times, entry[0])):
        newest[f"{who.person or f'{who.name} {name}'} ({who.kind})"] = made, record
    for maker, (made, record) in newest.items():
        items = [
            {**item, "origin": "prediction"} if item.get("type") != "relation" else item
            for item in record.items(made.place)
            if isinstance(item, dict)
        ]
        yield f"annotation of {maker}", items
