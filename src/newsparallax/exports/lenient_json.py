"""JSON as exports hold it: also what no record can hold, such as a key twice, NaN or half of a UTF-16 pair."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any

DEEP = 100  # levels of lists and objects; what is nested deeper is not read as more than text

_SURROGATE = re.compile("[\ud800-\udfff]")


class Repeated(dict[str, Any]):
    """A JSON object that has a key twice: the last value of each, lists under one key joined, and all pairs."""

    def __init__(self, pairs: list[tuple[str, Any]]):
        super().__init__()
        self.pairs = pairs
        self._times = Counter(key for key, _ in pairs)
        for key, value in pairs:
            both_lists = isinstance(value, list) and isinstance(self.get(key), list)
            self[key] = [*self[key], *value] if both_lists else value

    def repeats(self, key: str) -> bool:
        """Whether the key stands twice."""
        return self._times[key] > 1

    def message(self) -> str:
        """Which keys stand twice."""
        return f"an object has {', '.join(ascii(key) for key in self if self.repeats(key))} twice"


def loads(content: bytes) -> Any:
    """Parse JSON; what is none after all, or nested too deeply, comes back as text."""

    def table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        plain = dict(pairs)
        return plain if len(plain) == len(pairs) else Repeated(pairs)

    try:
        return json.loads(content.decode("utf-8", "surrogateescape"), object_pairs_hook=table, parse_int=integer)
    except (ValueError, RecursionError):  # nested too deeply, or not JSON after all
        return content.decode("utf-8", "replace")


def integer(digits: str) -> int | str:
    """A whole number; as text if it has more digits than Python converts."""
    return int(digits) if len(digits) < 4000 else digits


def plain(value: Any, depth: int = 0) -> Any:
    """A JSON value as the record of a Problem can hold it: nothing lost, nothing that UTF-8 or JSON cannot say."""
    if depth > DEEP and isinstance(value, dict | list):
        return as_text(value)
    if isinstance(value, Repeated):
        return {"pairs": [[plain(key), plain(part, depth + 1)] for key, part in value.pairs]}
    if isinstance(value, dict):
        return {plain(key): plain(part, depth + 1) for key, part in value.items()}
    if isinstance(value, list):
        return [plain(part, depth + 1) for part in value]
    if isinstance(value, str):
        return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", value)
    return str(value) if first_bad(value) else value


def as_text(value: Any) -> str:
    """A JSON value that is nested too deeply, as JSON text."""
    try:
        return json.dumps(value)
    except RecursionError:
        return "(nested too deeply to be kept)"


def has_half(text: str) -> bool:
    """Whether half of a UTF-16 pair stands alone in a text."""
    return bool(_SURROGATE.search(text))


def first_bad(value: Any, depth: int = 0) -> tuple[str, str] | None:
    """The first thing in a JSON value that no record can hold, as code and message."""
    if isinstance(value, Repeated):
        return "duplicate-key", value.message()
    if isinstance(value, float) and not math.isfinite(value):
        return "nan-value", f"a number is {value}"
    if isinstance(value, str) and (half := _SURROGATE.search(value)):
        shown = value[max(0, half.start() - 20) : half.end() + 20]
        return "lone-surrogate", f"half of a UTF-16 pair stands alone in {shown!a}"
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return "bad-item", "a number is beyond 64 bits"
    parts = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else ()
    if parts and depth > DEEP:
        return "bad-item", f"is nested more than {DEEP} levels deep"
    for part in parts:
        if bad := first_bad(part, depth + 1):
            return bad
    return None


def flat(result: Any) -> list[Any]:
    """Items of a `result`, which some exports hold as a list of lists."""
    flat: list[Any] = []
    for item in result if isinstance(result, list) else ():
        flat.extend(item) if isinstance(item, list) else flat.append(item)
    return flat


NAMES = frozenset({"email", "first_name", "last_name", "username", "initials", "avatar", "phone"})  # of a person
PERSONAL = NAMES | {"completed_by", "updated_by", "created_by", "last_created_by", "user", "created_username",
                    "updated_username", "annotator", "reviewer", "comment_authors"}  # fmt: skip


def without_people(value: Any, depth: int = 0) -> Any:
    """A JSON value without whom tasks and annotations name."""
    if depth > DEEP:
        return value
    if isinstance(value, Repeated):
        return Repeated([(key, without_people(part, depth + 1)) for key, part in value.pairs if key not in PERSONAL])
    if isinstance(value, dict):
        return {key: without_people(part, depth + 1) for key, part in value.items() if key not in PERSONAL}
    return [without_people(part, depth + 1) for part in value] if isinstance(value, list) else value
