"""Personal data of annotators in an export -> numbers.

What annotators wrote and what they read (`result`, `data`, `meta`) is left alone; everywhere else in a task a person
given by address or name becomes the number by which the export knows them, or, where it knows none, a small number that
nobody has. Numbers are given in the order of the addresses, so that they do not depend on the order of files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from .json_values import NAMES, PERSONAL, integer

CONTENT = frozenset({"data", "meta", "result"})
NOT_PEOPLE = CONTENT | {"annotations", "completions", "predictions", "drafts", "tasks"}
ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")

_KNOWN = re.compile(r"(?P<who>.*\S)\s*,\s*(?P<number>[0-9]{1,18})\s*", re.DOTALL)  # "ann@example.org, 7"
_NUMBER = re.compile(r"\s*[0-9]{1,18}\s*")  # what has more digits is no number of a person
_SUSPECT = re.compile(
    rb"@|\\u0040|\"(?:%s)\"\s*:|\"(?:%s)\"\s*:\s*(?:\"[^\"]|\[\s*[^\]\s]|\{)"
    % tuple("|".join(sorted(names)).encode() for names in (NAMES, PERSONAL - NAMES))
)


class People:
    """The people of some exports: numbers that stand in them, and names and addresses with the number they mean."""

    def __init__(self) -> None:
        self._numbers: set[int] = set()
        self._names: dict[str, int | None] = {}

    def add(self, task: Any) -> bool:
        """Learn whom a task names; whether it gives anyone by name or address."""
        found = list(_people(task, ""))
        for who, number in found:
            if number is not None:
                self._numbers.add(number)
            if who and self._names.get(who) is None:
                self._names[who] = number
        return any(who for who, _ in found)

    def add_numbers(self, numbers: Iterable[int]) -> None:
        """Numbers that are taken."""
        self._numbers.update(numbers)

    def numbers(self) -> dict[str, int]:
        """The number of everyone given by name or address."""
        free = (number for number in range(1, len(self._numbers) + len(self._names) + 1) if number not in self._numbers)
        return {who: next(free) if number is None else number for who, number in sorted(self._names.items())}


def may_name(raw: bytes | memoryview) -> bool:
    """Whether the JSON of a task may name anyone, found without reading it; most tasks do not."""
    return _SUSPECT.search(raw) is not None


def parse(raw: bytes) -> Any:
    """JSON as it stands: keys that stand twice are kept, NaN and halves of surrogate pairs too.

    A whole number of thousands of digits becomes text. Raises ValueError and RecursionError.
    """
    return json.loads(raw.decode("utf-8", "surrogateescape"), object_pairs_hook=_Table, parse_int=integer)


def write(value: Any) -> bytes:
    """The JSON text of what `parse` read, on one line."""
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value).encode()


def without_names(value: Any, numbers: dict[str, int], key: str = "") -> Any:
    """The same value with a number in the place of everyone who is given by name or address."""
    if key in CONTENT:
        return value
    if isinstance(value, _Table):
        if _is_person(value):
            who, number = _person(value)
            return number if number is not None else numbers.get(who)
        return _Table([(name, without_names(part, numbers, name)) for name, part in value.items()])
    if isinstance(value, list):
        return [without_names(part, numbers, key) for part in value]
    if isinstance(value, str):
        if key in PERSONAL and _is_name(value):
            who, number = _text_person(value)
            return number if number is not None else numbers.get(who)
        return ADDRESS.sub(lambda found: f"user-{numbers.get(_plain(found[0]), '?')}", value)
    return value


def _people(value: Any, key: str) -> Iterator[tuple[str, int | None]]:
    """Everyone named in a value, as (name or address, number), either of which may be missing."""
    if key in CONTENT:
        return
    if isinstance(value, _Table):
        if _is_person(value):
            yield _person(value)
        else:
            for name, part in value.items():
                yield from _people(part, name)
    elif isinstance(value, list):
        for part in value:
            yield from _people(part, key)
    elif isinstance(value, str):
        if key in PERSONAL and _is_name(value):
            yield _text_person(value)
        else:
            yield from ((_plain(address), None) for address in ADDRESS.findall(value))
    elif key in PERSONAL and isinstance(value, int) and not isinstance(value, bool):
        yield "", value


def _is_person(table: _Table) -> bool:
    return bool(NAMES & table.keys()) and not NOT_PEOPLE & table.keys()


def _person(table: _Table) -> tuple[str, int | None]:
    """The address, else the user's or the full name ("" if all are empty), and the number."""
    number = _whole(table.get("id", table.get("user_id")))
    given = {key: str(table.get(key) or "") for key in ("email", "username", "first_name", "last_name")}
    full = f"{given['first_name']} {given['last_name']}"
    return _plain(given["email"].strip() or given["username"].strip() or full), number


def _text_person(text: str) -> tuple[str, int | None]:
    known = _KNOWN.fullmatch(text)
    return (_plain(known["who"]), int(known["number"])) if known else (_plain(text), None)


def _is_name(text: str) -> bool:
    return bool(text.strip()) and _whole(text) is None


def _whole(value: Any) -> int | None:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _plain(name: str) -> str:
    return name.strip().casefold()


class _Table(dict[str, Any]):
    """A JSON object that remembers all its pairs; the encoder of the standard library writes `items()`."""

    def __init__(self, pairs: Iterable[tuple[str, Any]]):
        self.pairs = list(pairs)
        super().__init__(self.pairs)

    def items(self) -> Any:
        """Every pair, also those whose key stands twice."""
        return self.pairs
