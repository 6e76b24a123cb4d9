"""Bytes of one task -> a typed task.

The fast path decodes straight into records with msgspec. What the fast path refuses (NaN, lone surrogates, a field of a
wrong type) or would pass over in silence (the same key twice) goes the slow way, through the standard library and item
by item, so that one bad value costs one item and not the task.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple, TypeVar

import msgspec
import numpy as np
from msgspec import UnsetType

from .json_values import DEEP, Repeated, as_text, first_bad, flat, has_half, loads, plain
from .task import Annotation, Completer, Item, Task

_T = TypeVar("_T")

_ESCAPED_COLON = re.compile(rb"\\u003[aA]")


class Finding(NamedTuple):
    """A Problem in the making: code, message, and the place in the task as keys and numbers."""

    code: str
    message: str
    path: tuple[str | int, ...] = ()


class BadItem(NamedTuple):
    """A result item, or a whole `result`, that cannot be read, with the reason."""

    code: str
    message: str


class DecodedAnnotation(NamedTuple):
    """An annotation whose items are all accounted for: readable ones are Items, the others say why not."""

    id: str | None
    unique_id: str | None
    completed_by: int | str | Completer | list[Any] | None
    updated_by: int | str | Completer | None
    cancelled: bool
    ground_truth: bool
    items: list[Item | BadItem]
    place: int  # which of the task's annotations


class DecodedTask(NamedTuple):
    """A task with everything that could not be read as findings."""

    id: str | None
    data: dict[str, Any]
    meta: Any
    annotations: list[DecodedAnnotation]
    predictions: int
    drafts: int
    findings: list[Finding]


_NO_TASK = Finding("not-a-task", "has neither `data` nor `annotations`")
_FAST = msgspec.json.Decoder(Task)


def decode_task(raw: bytes | memoryview) -> DecodedTask:
    """Decode the JSON of one task. Never raises on bad content: what is wrong becomes findings and BadItems.

    `raw` is one complete JSON value (as the splitter of exports hands it out).
    """
    content = bytes(raw)
    try:
        task = _FAST.decode(content)
        if _holds_every_key(task, content) or _holds_every_key(msgspec.json.decode(content), content):
            return _from_task(task)
    except (msgspec.MsgspecError, UnicodeError, OverflowError, RecursionError):
        pass
    return _decode_slowly(content)


def _holds_every_key(value: Any, content: bytes) -> bool:
    """Whether a value decoded from JSON has all its keys; not if one was there twice, or is unknown to its type.

    Each key has one colon and each string has its own: where none is spelled as an escape, encoding the value again
    gives as many colons, but for those of keys that were lost.
    """
    backslash = content.find(b"\\")  # much faster to find than what follows it
    if backslash >= 0 and _ESCAPED_COLON.search(content, backslash):
        return False
    for _ in range(DEEP):  # what is nested almost too deeply for msgspec must not fail later on
        value = [value]
    return _colons(msgspec.json.encode(value)) == _colons(content)


def _colons(content: bytes) -> int:
    return int(np.count_nonzero(np.frombuffer(content, np.uint8) == 58))  # four times as fast as `bytes.count`


def _from_task(task: Task) -> DecodedTask:
    annotations = [*(task.annotations or ()), *(task.completions or ())]
    return DecodedTask(
        id=_id(task.id),
        data=task.data or {},
        meta=_given(task.meta),
        annotations=[_from_annotation(found, place) for place, found in enumerate(annotations)],
        predictions=len(task.predictions or ()),
        drafts=len(task.drafts or ()),
        findings=[] if _is_task(task) else [_NO_TASK],
    )


def _is_task(task: Task) -> bool:
    return task.data is not None or task.annotations is not None or task.completions is not None


def _from_annotation(found: Annotation, place: int) -> DecodedAnnotation:
    result: list[Any] = found.result or []
    items = flat(result) if list in map(type, result) else result
    return DecodedAnnotation(
        _id(found.id),
        _given(found.unique_id),
        _given(found.completed_by),
        _given(found.updated_by),
        bool(found.was_cancelled or found.skipped),
        bool(found.ground_truth),
        items,
        place,
    )


def _given(value: _T | UnsetType) -> _T | None:
    return None if isinstance(value, UnsetType) else value


def _decode_slowly(content: bytes) -> DecodedTask:
    findings: list[Finding] = []
    task = loads(content)
    if isinstance(task, Repeated):
        findings.append(Finding("duplicate-key", f"the task: {task.message()}"))
    if not isinstance(task, dict):
        findings.append(Finding("not-a-task", f"expected an object, found {_kind(task)}"))
        task = {}
    elif all(task.get(key) is None for key in ("data", "annotations", "completions")):
        findings.append(_NO_TASK)
    data, meta = _scrubbed(task.get("data"), ("data",), findings), _scrubbed(task.get("meta"), ("meta",), findings)
    if data is not None and not isinstance(data, dict):
        findings.append(Finding("bad-field", f"`data`: expected an object, found {_kind(data)}", ("data",)))
    annotations = []
    listed = [found for key in ("annotations", "completions") for found in _list(task, key, findings)]
    for place, found in enumerate(listed):
        if isinstance(found, dict):
            annotations.append(_annotation_slowly(found, place, findings))
        else:
            message = f"annotation {place + 1}: expected an object, found {_kind(found)}"
            findings.append(Finding("bad-annotation", message, ("annotations", place)))
    return DecodedTask(
        id=_id(_one(task, "id", int | str | None, findings, ())),
        data=data if isinstance(data, dict) else {},
        meta=meta,
        annotations=annotations,
        predictions=len(_list(task, "predictions", findings)),
        drafts=len(_list(task, "drafts", findings)),
        findings=findings,
    )


def _annotation_slowly(found: dict[str, Any], place: int, findings: list[Finding]) -> DecodedAnnotation:
    path = ("annotations", place)
    if isinstance(found, Repeated):
        findings.append(Finding("duplicate-key", f"annotation {place + 1}: {found.message()}", path))
    result = found.get("result")
    items = [_item_slowly(item) for item in flat(result)]
    if result is not None and not isinstance(result, list):
        items = [BadItem("bad-annotation", f"expected a list as `result`, found {_kind(result)}")]
    completed_by = _one(found, "completed_by", int | str | Completer | list[Any] | None, findings, path)
    if completed_by is None and found.get("completed_by") is not None:
        completed_by = Completer()  # it names somebody, unreadably, which is not the same as nobody
    return DecodedAnnotation(
        _id(_one(found, "id", int | str | None, findings, path)),
        _one(found, "unique_id", str | None, findings, path),
        completed_by,
        _one(found, "updated_by", int | str | Completer | None, findings, path),
        any(_one(found, key, bool | None, findings, path, strict=False) for key in ("was_cancelled", "skipped")),
        bool(_one(found, "ground_truth", bool | None, findings, path, strict=False)),
        items,
        place,
    )


def _item_slowly(item: Any) -> Item | BadItem:
    if not isinstance(item, dict):
        return BadItem("bad-item", f"expected an object, found {_kind(item)}")
    bad = first_bad(item)
    if bad:
        return BadItem(*bad)
    try:
        return msgspec.convert(item, Item)
    except msgspec.ValidationError as error:
        return BadItem("bad-offsets" if _about_offsets(str(error)) else "bad-item", str(error))


def _about_offsets(message: str) -> bool:
    return bool(re.search(r"\$\.value\.(start|end|globalOffsets|startOffset|endOffset)", message))


def _scrubbed(value: Any, path: tuple[str | int, ...], findings: list[Finding]) -> Any:
    """A JSON value without what no record can hold; each such place is a finding."""
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
    """`table[key]` as `type_`, or None with a finding; if not `strict`, "true" and 1 are true."""
    try:
        found = msgspec.convert(table.get(key), type_, strict=strict)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:  # the latter of a key that is half a UTF-16 pair
        findings.append(Finding("bad-field", f"`{key}`: {error}", (*path, key)))
        return None
    code, message = first_bad(found.id if isinstance(found, Completer) else found) or ("", "")
    if code not in ("", "bad-item"):
        findings.append(Finding(code, f"`{key}`: {message}", (*path, key)))
        return None
    return found


def _list(table: dict[str, Any], key: str, findings: list[Finding]) -> list[Any]:
    value = table.get(key)
    if value is None or isinstance(value, list):
        return value or []
    code = "bad-annotation" if key in ("annotations", "completions") else "bad-field"
    findings.append(Finding(code, f"`{key}`: expected a list, found {_kind(value)}", (key,)))
    return []


def _id(value: int | str | None) -> str | None:
    return None if value is None else str(value)


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")
