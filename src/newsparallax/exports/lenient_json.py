"""Lenient JSON reader for exports: accepts duplicate keys, NaN and lone surrogates, which no record can hold.

`plain` and `RawRecord` convert parts of a task into plain JSON values for the record of a Problem.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from functools import cached_property
from typing import Any

from ..problems import Rejection

DEEP = 100  # levels of lists and objects; anything nested deeper is kept as text only

_SURROGATE = re.compile("[\ud800-\udfff]")


class Repeated(dict[str, Any]):
    """A JSON object with duplicate keys. It has the last value of each key, but joins lists; `pairs` has all pairs."""

    def __init__(self, pairs: list[tuple[str, Any]]):
        super().__init__()
        self.pairs = pairs
        self._times = Counter(key for key, _ in pairs)
        for key, value in pairs:
            both_lists = isinstance(value, list) and isinstance(self.get(key), list)
            self[key] = [*self[key], *value] if both_lists else value

    def repeats(self, key: str) -> bool:
        """Whether the key occurs more than once."""
        return self._times[key] > 1

    def message(self) -> str:
        """Return a message that names the duplicate keys."""
        return f"an object has the key {', '.join(ascii(key) for key in self if self.repeats(key))} twice"


def loads(content: bytes) -> Any:
    """Parse JSON. Content that is not JSON, or is nested too deeply, is returned as text."""

    def table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        plain = dict(pairs)
        return plain if len(plain) == len(pairs) else Repeated(pairs)

    try:
        return json.loads(content.decode("utf-8", "surrogateescape"), object_pairs_hook=table, parse_int=integer)
    except (ValueError, RecursionError):  # not JSON, or nested too deeply
        return content.decode("utf-8", "replace")


def integer(digits: str) -> int | str:
    """Return an integer, or the digits as text if there are more than Python converts."""
    return int(digits) if len(digits) < 4000 else digits


def plain(value: Any, depth: int = 0) -> Any:
    """Return a JSON value in a form that the record of a Problem can hold.

    Nothing is lost, and UTF-8 and JSON can represent the result.
    """
    if depth > DEEP and isinstance(value, dict | list):
        return as_text(value)
    if isinstance(value, Repeated):
        return {"pairs": [[plain(key), plain(part, depth + 1)] for key, part in value.pairs]}
    if isinstance(value, dict):
        return {plain(key): plain(part, depth + 1) for key, part in value.items()}
    if isinstance(value, list):
        return [plain(part, depth + 1) for part in value]
    if isinstance(value, str):
        return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", value)
    return str(value) if first_bad(value) else value


def as_text(value: Any) -> str:
    """Return a JSON value that is nested too deeply as JSON text."""
    try:
        return json.dumps(value)
    except RecursionError:
        return "(nested too deeply to be kept)"


def has_half(text: str) -> bool:
    """Whether a text contains a lone surrogate (half of a UTF-16 pair)."""
    return bool(_SURROGATE.search(text))


def first_bad(value: Any, depth: int = 0) -> Rejection | None:
    """Return a Rejection for the first part of a JSON value that no record can hold, or None."""
    if isinstance(value, Repeated):
        return Rejection("duplicate-key", value.message())
    if isinstance(value, float) and not math.isfinite(value):
        return Rejection("nan-value", f"a number is {value}")
    if isinstance(value, str) and (half := _SURROGATE.search(value)):
        shown = value[max(0, half.start() - 20) : half.end() + 20]
        return Rejection("lone-surrogate", f"{shown!a} contains half of a UTF-16 surrogate pair")
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return Rejection("bad-item", "a number does not fit in 64 bits")
    parts = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else ()
    if parts and depth > DEEP:
        return Rejection("bad-item", f"is nested more than {DEEP} levels deep")
    for part in parts:
        if bad := first_bad(part, depth + 1):
            return bad
    return None


def flat(result: Any) -> list[Any]:
    """Return the items of a `result`; in some exports, `result` is a list of lists."""
    flat: list[Any] = []
    for item in result if isinstance(result, list) else ():
        flat.extend(item) if isinstance(item, list) else flat.append(item)
    return flat


NAMES = frozenset({"email", "first_name", "last_name", "username", "initials", "avatar", "phone"})  # personal data
PERSONAL = NAMES | {"completed_by", "updated_by", "created_by", "last_created_by", "user", "created_username",
                    "updated_username", "annotator", "reviewer", "comment_authors"}  # fmt: skip


def without_people(value: Any, depth: int = 0) -> Any:
    """Return a JSON value without the keys that identify people (PERSONAL)."""
    if depth > DEEP:
        return value
    if isinstance(value, Repeated):
        return Repeated([(key, without_people(part, depth + 1)) for key, part in value.pairs if key not in PERSONAL])
    if isinstance(value, dict):
        return {key: without_people(part, depth + 1) for key, part in value.items() if key not in PERSONAL}
    return [without_people(part, depth + 1) for part in value] if isinstance(value, list) else value


class RawRecord:
    """The unchanged JSON of a task, parsed on first access."""

    def __init__(self, content: bytes | memoryview) -> None:
        self._content = content

    @cached_property
    def _task(self) -> Any:
        return loads(bytes(self._content))

    @cached_property
    def _annotations(self) -> list[Any]:
        return _all_annotations(self._task)

    def _at(self, annotation: int) -> Any:
        return self._annotations[annotation] if annotation < len(self._annotations) else None

    def items(self, annotation: int) -> list[Any]:
        """Return the result items of annotation number `annotation` (from 0), flattened, as plain JSON values."""
        record = self._at(annotation)
        result = record.get("result") if isinstance(record, dict) else None
        return [plain(item) for item in (flat(result) if isinstance(result, list | None) else [result])]

    def annotation(self, annotation: int) -> Any:
        """Return annotation number `annotation` (from 0) without its items and without keys that identify people."""
        record = self._at(annotation)
        if isinstance(record, dict):
            record = {key: value for key, value in record.items() if key != "result"}
        return plain(without_people(record))

    def part(self, path: tuple[str | int, ...]) -> Any:
        """Return the value at the path of a Finding, without keys that identify people.

        The result is None if the path itself leads into such a key.
        """
        part = self._task
        for depth, step in enumerate(path):
            if step in PERSONAL:
                return None
            if depth == 0 and step in ("annotations", "completions") and len(path) > 1:
                part = self._annotations
            elif isinstance(part, dict):
                part = part.get(str(step))
            else:
                part = part[int(step)] if isinstance(part, list) and int(step) < len(part) else None
        if isinstance(part, Repeated):
            part = Repeated([(key, value) for key, value in part.pairs if part.repeats(key)])
        return plain(without_people(part))


def _all_annotations(task: Any) -> list[Any]:
    """Return the annotations of a task, under the new key (`annotations`) and the old key (`completions`)."""
    parts = (task.get("annotations"), task.get("completions")) if isinstance(task, dict) else ()
    return [annotation for part in parts if isinstance(part, list) for annotation in part]
