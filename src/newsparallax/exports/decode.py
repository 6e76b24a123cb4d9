"""Decode the JSON of one task into a typed task, and cut JSON lists and objects into the raw JSON of their values.

The fast path decodes into records with msgspec. It rejects NaN, lone surrogates and fields of a wrong type, and it
would ignore duplicate keys. Such tasks take the slow path, which uses the standard library and works item by item. So
one bad value costs one item, not the task.

`Cutter` also has two versions: FAST uses msgspec, SLOW accepts JSON that msgspec rejects.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

import msgspec
import numpy as np
from msgspec import UnsetType

from .._util import in_words
from ..problems import Rejection
from .formats import foreign_format
from .lenient_json import DEEP, Repeated, as_text, first_bad, flat, has_half, loads, plain
from .model import Annotation, Completer, Item, Task

_T = TypeVar("_T")

_ESCAPED_COLON = re.compile(rb"\\u003[aA]")


class Finding(NamedTuple):
    """A defect of a task: code, message, path in the task (keys and list positions), and id of the annotation."""

    code: str
    message: str
    path: tuple[str | int, ...] = ()
    annotation: str | None = None


class DecodedAnnotation(NamedTuple):
    """An annotation with all its items: readable items are Items, the others are Rejections with the reason."""

    id: str | None
    unique_id: str | None
    completed_by: int | str | Completer | list[Any] | None
    updated_by: int | str | Completer | None
    cancelled: bool
    ground_truth: bool
    items: list[Item | Rejection]
    place: int  # position among the task's annotations, from 0
    times: tuple[Any, Any]  # `updated_at` and `created_at`, unchanged

    def name(self, task: str | None) -> str:
        """Return the id, or an id made from `task` (the id of the task or article) and the annotation's position."""
        return self.id or self.unique_id or f"{task}-{self.place}"


class DecodedTask(NamedTuple):
    """A decoded task; `findings` has everything that could not be read.

    `shown` is False where the entry has neither `data` nor an annotation that was kept: then nothing was annotated.
    """

    id: str | None
    data: dict[str, Any]
    meta: Any
    annotations: list[DecodedAnnotation]
    predictions: int
    drafts: int
    findings: list[Finding]
    shown: bool = True


_NO_TASK = Finding("not-a-task", "the entry has neither `data` nor `annotations`")
_FAST = msgspec.json.Decoder(Task)
_KEYS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def decode_task(raw: bytes | memoryview) -> DecodedTask:
    """Decode the JSON of one task. Never raises on bad content: defects become findings and Rejections.

    `raw` is one complete JSON value, as the splitter of exports returns it.
    """
    content = bytes(raw)
    try:
        task = _FAST.decode(content)
        if _holds_every_key(task, content) or _holds_every_key(msgspec.json.decode(content), content):
            return _from_task(task, content)
    except (msgspec.MsgspecError, UnicodeError, OverflowError, RecursionError):
        pass
    return _decode_slowly(content)


def _holds_every_key(value: Any, content: bytes) -> bool:
    """Whether a value decoded from `content` has all its keys; duplicate keys and keys unknown to the type get lost.

    The check counts colons. Each key has one colon, and colons in strings are kept. If `content` has no escaped colon,
    encoding the value again gives the same number of colons, unless keys were lost.
    """
    backslash = content.find(b"\\")  # finding a backslash first is much faster than the regular expression alone
    if backslash >= 0 and _ESCAPED_COLON.search(content, backslash):
        return False
    for _ in range(DEEP):  # ensure that a value close to msgspec's nesting limit does not fail later
        value = [value]
    return _colons(msgspec.json.encode(value)) == _colons(content)


def _colons(content: bytes) -> int:
    return int(np.count_nonzero(np.frombuffer(content, np.uint8) == 58))  # four times as fast as `bytes.count`


def continues(task: DecodedTask, before: list[DecodedTask]) -> bool:
    """Whether an entry adds an annotation to the task of the entries `before`.

    Storage targets write such entries: one file per annotation.
    """
    own = {annotation.id for annotation in task.annotations}
    known = {annotation.id for earlier in before for annotation in earlier.annotations}
    parts = task.id is not None and None not in own and own.isdisjoint(known) and len(own) == 1 == len(task.annotations)
    return parts and all(earlier.id == task.id and earlier.data == task.data for earlier in before)


def _from_task(task: Task, content: bytes) -> DecodedTask:
    annotations = [*(task.annotations or ()), *(task.completions or ())]
    if task.data is None and not any(annotation.result for annotation in annotations):
        foreign = foreign_format(_KEYS.decode(content))
        if foreign:
            return _foreign(task.id, foreign)
    made = [_from_annotation(annotation, position) for position, annotation in enumerate(annotations)]
    findings = [] if _is_task(task) else [_NO_TASK]
    kept = _finished(made, [annotation.result for annotation in annotations], findings)
    return DecodedTask(
        id=_id(task.id),
        data=task.data or {},
        meta=_given(task.meta),
        annotations=kept,
        predictions=len(task.predictions or ()),
        drafts=len(task.drafts or ()),
        findings=findings,
        shown=task.data is not None or len(kept) > 0 or not findings,
    )


def _foreign(task_id: Any, format_: str) -> DecodedTask:
    """Return the placeholder for an object or list of another tool among the tasks."""
    findings = [Finding("not-a-task", f"this looks like {format_}, not like a task")]
    return DecodedTask(_id(task_id), {}, None, [], 0, 0, findings, shown=False)


def _is_task(task: Task) -> bool:
    return task.data is not None or task.annotations is not None or task.completions is not None


def _finished(
    annotations: list[DecodedAnnotation], results: list[Any], findings: list[Finding]
) -> list[DecodedAnnotation]:
    """Return the annotations, without those that have no `result`: they do not even state that nothing was marked.

    Cancelled annotations are kept. `results` has the value of `result` for each annotation, or None.
    """
    if None not in results:
        return annotations
    kept: list[DecodedAnnotation] = []
    for annotation, result in zip(annotations, results, strict=True):
        if result is not None or annotation.cancelled:
            kept.append(annotation)
            continue
        message = f"annotation {annotation.place + 1} has no `result`; expected a list"
        path = ("annotations", annotation.place)
        findings.append(Finding("bad-annotation", message, path, annotation.id or annotation.unique_id))
    return kept


def _from_annotation(annotation: Annotation, position: int) -> DecodedAnnotation:
    result: list[Any] = annotation.result or []
    items = flat(result) if list in map(type, result) else result
    return DecodedAnnotation(
        _id(annotation.id),
        _given(annotation.unique_id),
        _given(annotation.completed_by),
        _given(annotation.updated_by),
        bool(annotation.was_cancelled or annotation.skipped),
        bool(annotation.ground_truth),
        items,
        position,
        (_given(annotation.updated_at), _given(annotation.created_at)),
    )


def _given(value: _T | UnsetType) -> _T | None:
    return None if isinstance(value, UnsetType) else value


def _decode_slowly(content: bytes) -> DecodedTask:
    findings: list[Finding] = []
    task = loads(content)
    foreign = None if _has_data_or_results(task) else foreign_format(task)
    if foreign:
        return _foreign(None, foreign)
    if isinstance(task, Repeated):
        findings.append(Finding("duplicate-key", f"the task: {task.message()}"))
    if not isinstance(task, dict):
        findings.append(Finding("not-a-task", f"the entry is {kind_of(task)}; expected an object"))
        task = {}
    elif all(task.get(key) is None for key in ("data", "annotations", "completions")):
        findings.append(_NO_TASK)
    data, meta = _scrubbed(task.get("data"), ("data",), findings), _scrubbed(task.get("meta"), ("meta",), findings)
    if data is not None and not isinstance(data, dict):
        findings.append(Finding("bad-field", f"`data` is {kind_of(data)}; expected an object", ("data",)))
    annotations: list[DecodedAnnotation] = []
    results: list[Any] = []
    listed = [annotation for key in ("annotations", "completions") for annotation in _list(task, key, findings)]
    for position, annotation in enumerate(listed):
        if isinstance(annotation, dict):
            annotations.append(_annotation_slowly(annotation, position, findings))
            results.append(annotation.get("result"))
        else:
            message = f"annotation {position + 1} is {kind_of(annotation)}; expected an object"
            findings.append(Finding("bad-annotation", message, ("annotations", position)))
    kept = _finished(annotations, results, findings)
    return DecodedTask(
        id=_id(_one(task, "id", int | str | None, findings, ())),
        data=data if isinstance(data, dict) else {},
        meta=meta,
        annotations=kept,
        predictions=len(_list(task, "predictions", findings)),
        drafts=len(_list(task, "drafts", findings)),
        findings=findings,
        shown=data is not None or len(kept) > 0 or not findings,
    )


def _has_data_or_results(task: Any) -> bool:
    if not isinstance(task, dict):
        return False
    made = [annotation for key in ("annotations", "completions") for annotation in flat(task.get(key))]
    return isinstance(task.get("data"), dict) or any(
        isinstance(annotation, dict) and annotation.get("result") for annotation in made
    )


def _annotation_slowly(annotation: dict[str, Any], position: int, findings: list[Finding]) -> DecodedAnnotation:
    path = ("annotations", position)
    if isinstance(annotation, Repeated):
        findings.append(Finding("duplicate-key", f"annotation {position + 1}: {annotation.message()}", path))
    result = annotation.get("result")
    items = [_item_slowly(item) for item in flat(result)]
    if result is not None and not isinstance(result, list):
        items = [Rejection("bad-annotation", f"`result` is {kind_of(result)}; expected a list")]
    completed_by = _one(annotation, "completed_by", int | str | Completer | list[Any] | None, findings, path)
    if completed_by is None and annotation.get("completed_by") is not None:
        completed_by = Completer()  # an unreadable annotator is not the same as no annotator
    return DecodedAnnotation(
        _id(_one(annotation, "id", int | str | None, findings, path)),
        _one(annotation, "unique_id", str | None, findings, path),
        completed_by,
        _one(annotation, "updated_by", int | str | Completer | None, findings, path),
        any(_one(annotation, key, bool | None, findings, path, strict=False) for key in ("was_cancelled", "skipped")),
        bool(_one(annotation, "ground_truth", bool | None, findings, path, strict=False)),
        items,
        position,
        (annotation.get("updated_at"), annotation.get("created_at")),
    )


def _item_slowly(item: Any) -> Item | Rejection:
    if not isinstance(item, dict):
        return Rejection("bad-item", f"the result item is {kind_of(item)}; expected an object")
    bad = first_bad(item)
    if bad:
        return bad
    try:
        return msgspec.convert(item, Item)
    except msgspec.ValidationError as error:
        return Rejection("bad-offsets" if _about_offsets(str(error)) else "bad-item", in_words(error))


def _about_offsets(message: str) -> bool:
    return bool(re.search(r"\$\.value\.(start|end|globalOffsets|startOffset|endOffset)", message))


def _scrubbed(value: Any, path: tuple[str | int, ...], findings: list[Finding]) -> Any:
    """Return a JSON value without parts that no record can hold. Each such part becomes a finding."""
    if len(path) > DEEP and isinstance(value, dict | list):
        findings.append(Finding("bad-field", f"{path[0]} is nested more than {DEEP} levels deep and kept as text"))
        return as_text(value)
    if isinstance(value, Repeated):
        findings.append(Finding("duplicate-key", f"{_at(path)}: {value.message()}", path))
    if isinstance(value, dict):
        for key in filter(has_half, value):
            findings.append(Finding("lone-surrogate", f"{_at(path)}: the key {key!a}", path))
        named = {plain(key): part for key, part in value.items()}
        return {key: _scrubbed(part, (*path, key), findings) for key, part in named.items()}
    if isinstance(value, list):
        return [_scrubbed(part, (*path, number), findings) for number, part in enumerate(value)]
    bad = first_bad(value)
    if bad is None:
        return value
    code, message = bad
    if code == "bad-item":
        findings.append(Finding("bad-field", f"{_at(path)} is beyond 64 bits and kept as text", path))
        return str(value)
    findings.append(Finding(code, f"{_at(path)}: {message}", path))
    return None


def _at(path: tuple[str | int, ...]) -> str:
    return ".".join(map(str, path))


def _one(
    table: dict[str, Any],
    key: str,
    type_: Any,
    findings: list[Finding],
    path: tuple[str | int, ...],
    *,
    strict: bool = True,
) -> Any:
    """Return `table[key]` as `type_`, or None with a finding. If not `strict`, "true" and 1 count as true."""
    try:
        value = msgspec.convert(table.get(key), type_, strict=strict)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:  # the latter for a key with a lone surrogate
        findings.append(Finding("bad-field", in_words(error, key), (*path, key)))
        return None
    code, message = first_bad(value.id if isinstance(value, Completer) else value) or ("", "")
    if code not in ("", "bad-item"):
        findings.append(Finding(code, f"`{key}`: {message}", (*path, key)))
        return None
    return value


def _list(table: dict[str, Any], key: str, findings: list[Finding]) -> list[Any]:
    value = table.get(key)
    if value is None or isinstance(value, list):
        return value or []
    code = "bad-annotation" if key in ("annotations", "completions") else "bad-field"
    findings.append(Finding(code, f"`{key}` is {kind_of(value)}; expected a list", (key,)))
    return []


def _id(value: int | str | None) -> str | None:
    return None if value is None else str(value)


def kind_of(value: Any) -> str:
    """Return the kind of a JSON value in words, for a message."""
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")


WRAPPERS = ("projects", "tasks")
SCAN = json.JSONDecoder(parse_int=str)  # finds the ends of values; numbers may have any number of digits

_SLICES = msgspec.json.Decoder(list[msgspec.Raw])
_TABLE = msgspec.json.Decoder(dict[str, msgspec.Raw])
_GAP = re.compile(r"[ \t\r\n,:]*")  # separators between the values of a list or object
_WRAPPER_KEY = re.compile(rb'"(?:projects|tasks)"')


class Cutter(NamedTuple):
    """Cuts a JSON list or object into the raw JSON of its values."""

    elements: Callable[[memoryview], list[memoryview]]
    members: Callable[[memoryview], list[tuple[str, memoryview]]]


def _fast_elements(raw: memoryview) -> list[memoryview]:
    return [memoryview(value) for value in _SLICES.decode(raw)]


def _fast_members(raw: memoryview) -> list[tuple[str, memoryview]]:
    table = _TABLE.decode(raw)
    wrappers = sum(key in WRAPPERS for key in table)
    if wrappers and len(_WRAPPER_KEY.findall(raw)) > wrappers:
        raise msgspec.DecodeError("a key may be there twice")
    return [(key, memoryview(value)) for key, value in table.items()]


def _slow_elements(raw: memoryview) -> list[memoryview]:
    return [memoryview(value.encode()) for _, value in _parts(bytes(raw).decode().strip(), "]")]


def _slow_members(raw: memoryview) -> list[tuple[str, memoryview]]:
    return [(key, memoryview(value.encode())) for key, value in _parts(bytes(raw).decode().strip(), "}")]


def _parts(text: str, end: str) -> Iterator[tuple[str, str]]:
    """Yield the key ("" in a list) and raw value of each part of a JSON list or object, including duplicate keys."""
    at = _past_gap(text, 1)
    while text[at] != end:
        key = ""
        if end == "}":
            key, at = SCAN.raw_decode(text, at)
            at = _past_gap(text, at)
        _, stop = SCAN.raw_decode(text, at)
        yield key, text[at:stop]
        at = _past_gap(text, stop)


def _past_gap(text: str, at: int) -> int:
    gap = _GAP.match(text, at)
    return gap.end() if gap else at


FAST = Cutter(_fast_elements, _fast_members)
SLOW = Cutter(_slow_elements, _slow_members)
