"""Bytes of one task -> a typed task.

The fast path decodes straight into records with msgspec. What the fast path refuses (NaN, lone surrogates, a field of a
wrong type) or would pass over in silence (the same key twice) goes the slow way, through the standard library and item
by item, so that one bad value costs one item and not the task.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NamedTuple

import msgspec

from .problems import CODES

_SURROGATE = re.compile("[\ud800-\udfff]")


class GlobalOffsets(msgspec.Struct):
    """Offsets into the rendered text of a HyperText region, code points."""

    start: int | float | str | None = None
    end: int | float | str | None = None


class RegionValue(msgspec.Struct):
    """`value` of a result item, with the keys that some control of ours reads."""

    start: int | float | str | None = None
    end: int | float | str | None = None
    text: str | list[str] | None = None
    labels: list[str] | None = None
    hypertextlabels: list[str] | None = None
    choices: list[str] | None = None
    taxonomy: list[list[str]] | None = None
    rating: int | float | None = None
    number: int | float | None = None
    globalOffsets: GlobalOffsets | None = None  # noqa: N815 - Label Studio's spelling
    startOffset: int | float | None = None  # noqa: N815
    endOffset: int | float | None = None  # noqa: N815


class Item(msgspec.Struct):
    """A result item. Relations have `from_id` and `to_id` in the place of `id` and `value`."""

    id: str | int | None = None
    type: str | None = None
    from_name: str | None = None
    to_name: str | None = None
    value: RegionValue | None = None
    from_id: str | int | None = None
    to_id: str | int | None = None
    direction: str | None = None
    labels: list[str] | None = None
    meta: Any = None
    score: float | None = None
    parentID: str | int | None = None  # noqa: N815


class Completer(msgspec.Struct):
    """Who completed an annotation, in its long form; nothing personal is read."""

    id: int | str | None = None
    email: str | None = None


class Finding(NamedTuple):
    """A Problem in the making: code, message, and the place in the task as keys and numbers."""

    code: str
    message: str
    path: tuple[str | int, ...] = ()


class BadItem(NamedTuple):
    """A result item that cannot be read, with the reason."""

    code: str
    message: str


class Annotation(msgspec.Struct):
    """An annotation as it stands; `result` holds items in order, flattened where it was a list of lists."""

    id: int | str | None = None
    unique_id: str | None = None
    completed_by: int | str | Completer | list[Any] | None = None
    updated_by: int | str | Completer | None = None
    was_cancelled: bool | None = False
    ground_truth: bool | None = False
    result: list[Item | list[Item]] | None = None
    skipped: bool | None = False  # the old name of was_cancelled


class Task(msgspec.Struct):
    """A task as it stands; old exports say `completions` for annotations."""

    id: int | str | None = None
    data: dict[str, Any] | None = None
    meta: Any = None
    annotations: list[Annotation] | None = None
    completions: list[Annotation] | None = None
    predictions: list[msgspec.Raw] | None = None
    drafts: list[msgspec.Raw] | None = None


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


_FAST = msgspec.json.Decoder(Task)


def decode_task(raw: bytes | memoryview) -> DecodedTask:
    """Decode the JSON of one task. Never raises on bad content: what is wrong becomes findings and BadItems.

    `raw` is one complete JSON value (as the splitter of exports hands it out).
    """
    content = bytes(raw)
    if not _may_repeat_keys(content):
        try:
            return _from_task(_FAST.decode(content))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
    return _decode_slowly(content)


def raw_items(raw: bytes | memoryview, annotation: int) -> list[Any]:
    """The result items of the annotation at `annotation`, flattened, as plain JSON values for the record."""
    found = _annotation_at(raw, annotation)
    return [_plain(item) for item in _flat(found.get("result"))] if isinstance(found, dict) else []


def raw_annotation(raw: bytes | memoryview, annotation: int) -> Any:
    """The annotation at `annotation` without its items and without whom it names, as plain JSON values."""
    found = _annotation_at(raw, annotation)
    personal = ("result", "completed_by", "updated_by", "created_username", "last_created_by")
    return _plain({k: v for k, v in found.items() if k not in personal} if isinstance(found, dict) else found)


def _annotation_at(raw: bytes | memoryview, annotation: int) -> Any:
    task = _loads(bytes(raw))
    found = task.get("annotations" if "annotations" in task else "completions") if isinstance(task, dict) else None
    return found[annotation] if isinstance(found, list) and annotation < len(found) else None


def _may_repeat_keys(content: bytes) -> bool:
    """Whether an object may have a key twice: decoding and encoding again would lose a `":`."""
    if b'" :' in content or b'"\n:' in content:
        return True
    try:
        again = msgspec.json.encode(msgspec.json.decode(content))
    except (msgspec.MsgspecError, UnicodeError, OverflowError, RecursionError):
        return True
    return content.count(b'":') != again.count(b'":')


def _from_task(task: Task) -> DecodedTask:
    annotations = task.annotations if task.annotations is not None else task.completions or []
    return DecodedTask(
        id=_id(task.id),
        data=task.data or {},
        meta=task.meta,
        annotations=[_from_annotation(found, place) for place, found in enumerate(annotations)],
        predictions=len(task.predictions or ()),
        drafts=len(task.drafts or ()),
        findings=[] if _is_task(task) else [Finding("not-a-task", "has neither `data` nor `annotations`")],
    )


def _is_task(task: Task) -> bool:
    return task.data is not None or task.annotations is not None or task.completions is not None


def _from_annotation(found: Annotation, place: int) -> DecodedAnnotation:
    items: list[Item | BadItem] = []
    for item in found.result or ():
        items.extend(item) if isinstance(item, list) else items.append(item)
    return DecodedAnnotation(
        _id(found.id),
        found.unique_id,
        found.completed_by,
        found.updated_by,
        bool(found.was_cancelled or found.skipped),
        bool(found.ground_truth),
        items,
        place,
    )


def _decode_slowly(content: bytes) -> DecodedTask:
    findings: list[Finding] = []
    task = _loads(content)
    if isinstance(task, _Repeated):
        findings.append(Finding("duplicate-key", f"the task: {task.message()}"))
    if not isinstance(task, dict):
        findings.append(Finding("not-a-task", f"expected an object, found {_kind(task)}"))
        task = {}
    data, meta = _scrubbed(task.get("data"), ("data",), findings), _scrubbed(task.get("meta"), ("meta",), findings)
    if data is not None and not isinstance(data, dict):
        findings.append(Finding("bad-field", f"`data`: expected an object, found {_kind(data)}", ("data",)))
    annotations = []
    for place, found in enumerate(_list(task, "annotations" if "annotations" in task else "completions", findings)):
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
    if isinstance(found, _Repeated):
        findings.append(Finding("duplicate-key", f"annotation {place + 1}: {found.message()}", path))
    result = found.get("result")
    if result is not None and not isinstance(result, list):
        message = f"annotation {place + 1}: expected a list as `result`, found {_kind(result)}"
        findings.append(Finding("bad-annotation", message, path))
    return DecodedAnnotation(
        _id(_one(found, "id", int | str | None, findings, path)),
        _one(found, "unique_id", str | None, findings, path),
        _one(found, "completed_by", int | str | Completer | list[Any] | None, findings, path),
        _one(found, "updated_by", int | str | Completer | None, findings, path),
        any(_one(found, key, bool | None, findings, path) for key in ("was_cancelled", "skipped")),
        bool(_one(found, "ground_truth", bool | None, findings, path)),
        [_item_slowly(item) for item in _flat(result)],
        place,
    )


def _item_slowly(item: Any) -> Item | BadItem:
    if not isinstance(item, dict):
        return BadItem("bad-item", f"expected an object, found {_kind(item)}")
    problem = _first_bad(item)
    if problem:
        return BadItem(problem, CODES[problem].hint)
    try:
        return msgspec.convert(item, Item)
    except msgspec.ValidationError as error:
        return BadItem("bad-offsets" if _about_offsets(str(error)) else "bad-item", str(error))


def _about_offsets(message: str) -> bool:
    return bool(re.search(r"\$\.value\.(start|end|globalOffsets|startOffset|endOffset)", message))


class _Repeated(dict[str, Any]):
    """A JSON object that has a key twice: the last value of each, lists under one key joined, and all pairs."""

    def __init__(self, pairs: list[tuple[str, Any]]):
        super().__init__()
        self.pairs = pairs
        for key, value in pairs:
            both_lists = isinstance(value, list) and isinstance(self.get(key), list)
            self[key] = [*self[key], *value] if both_lists else value

    def message(self) -> str:
        """Which keys stand twice."""
        keys = [key for key, _ in self.pairs]
        return f"an object has {', '.join(repr(key) for key in dict.fromkeys(keys) if keys.count(key) > 1)} twice"


def _loads(content: bytes) -> Any:
    def table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        plain = dict(pairs)
        return plain if len(plain) == len(pairs) else _Repeated(pairs)

    try:
        return json.loads(content.decode("utf-8", "surrogateescape"), object_pairs_hook=table)
    except (ValueError, RecursionError):  # nested too deeply, or not JSON after all
        return content.decode("utf-8", "replace")


def _plain(value: Any) -> Any:
    """A JSON value as the record of a Problem can hold it: nothing lost, nothing that UTF-8 or JSON cannot say."""
    if isinstance(value, _Repeated):
        return {"pairs": [[_plain(key), _plain(part)] for key, part in value.pairs]}
    if isinstance(value, dict):
        return {_plain(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, str):
        return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", value)
    return str(value) if _first_bad(value) else value


def _first_bad(value: Any) -> str | None:
    """The first thing in a JSON value that no record can hold, as a code."""
    if isinstance(value, _Repeated):
        return "duplicate-key"
    if isinstance(value, float):
        return None if math.isfinite(value) else "nan-value"
    if isinstance(value, str):
        return "lone-surrogate" if _SURROGATE.search(value) else None
    if isinstance(value, int):
        return None if -(2**63) <= value < 2**64 else "bad-item"
    parts = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((code for code in map(_first_bad, parts) if code), None)


def _scrubbed(value: Any, path: tuple[str | int, ...], findings: list[Finding]) -> Any:
    """A JSON value without what no record can hold; each such place is a finding."""
    if isinstance(value, _Repeated):
        findings.append(Finding("duplicate-key", f"{_at(path)}: {value.message()}", path))
    if isinstance(value, dict):
        return {_SURROGATE.sub("?", key): _scrubbed(part, (*path, key), findings) for key, part in value.items()}
    if isinstance(value, list):
        return [_scrubbed(part, (*path, number), findings) for number, part in enumerate(value)]
    code = _first_bad(value)
    if code == "bad-item":
        findings.append(Finding("bad-field", f"{_at(path)} is beyond 64 bits and kept as text", path))
        return str(value)
    if code:
        what = "holds half of a UTF-16 pair" if code == "lone-surrogate" else f"is {value}"
        findings.append(Finding(code, f"{_at(path)} {what}", path))
        return None
    return value


def _at(path: tuple[str | int, ...]) -> str:
    return ".".join(map(str, path))


def _one(table: dict[str, Any], key: str, type_: Any, findings: list[Finding], path: tuple[str | int, ...]) -> Any:
    """`table[key]` as `type_`, or None with a finding."""
    try:
        return msgspec.convert(table.get(key), type_)
    except msgspec.ValidationError as error:
        findings.append(Finding("bad-field", f"`{key}`: {error}", (*path, key)))
        return None


def _list(table: dict[str, Any], key: str, findings: list[Finding]) -> list[Any]:
    value = table.get(key)
    if value is None or isinstance(value, list):
        return value or []
    code = "bad-annotation" if key in ("annotations", "completions") else "bad-field"
    findings.append(Finding(code, f"`{key}`: expected a list, found {_kind(value)}", (key,)))
    return []


def _flat(result: Any) -> list[Any]:
    """Items of a `result`, which some exports hold as a list of lists."""
    flat: list[Any] = []
    for item in result if isinstance(result, list) else ():
        flat.extend(item) if isinstance(item, list) else flat.append(item)
    return flat


def _id(value: int | str | None) -> str | None:
    return None if value is None else str(value)


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")
