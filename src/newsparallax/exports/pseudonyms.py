"""Replace personal data of annotators in an export with numbers, and separate people who share a number.

The content that annotators wrote and read (`result`, `data`, `meta`) stays unchanged. Everywhere else in a task, the
user number of the export replaces an address or name. Where the export has no number for a person, the replacement is a
small unused number. Unused numbers are assigned in the order of the addresses, so they do not depend on the order of
files.

One address is one person, even with several numbers. Different addresses are different people. Where exports of two
servers give the same number to several people, each of them gets an unused number. A number without an address means
the person to whom its file gives the number, if there is only one such person; otherwise the number stays unchanged.
Addresses are kept in memory only.

Exports of two servers may share user numbers. Different e-mail addresses under one number are different people, in all
articles. They are numbered in the order of their addresses, so the result depends neither on the order of files nor on
the number of processes.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple

import msgspec

from ..text import ADDRESS
from .decode import decode_task
from .lenient_json import NAMES, PERSONAL, integer
from .model import Completer, address_of

CONTENT = frozenset({"data", "meta", "result"})
NOT_PEOPLE = CONTENT | {"annotations", "completions", "predictions", "drafts", "tasks"}
_MAKERS = PERSONAL - NAMES  # keys of authors; the values are a number, a name or both

_KNOWN = re.compile(r"(?P<who>.*\S)\s*,\s*(?P<number>[0-9]{1,18})\s*", re.DOTALL)  # "ann@example.org, 7"
_NUMBER = re.compile(r"\s*[0-9]{1,18}\s*")  # longer digit strings are not user numbers
_SUSPECT = re.compile(
    rb"@|\\u0040|\"(?:%s)\"\s*:|\"(?:%s)\"\s*:\s*(?:\"[^\"]|\[\s*[^\]\s]|\{)"
    % tuple("|".join(sorted(names)).encode() for names in (NAMES, PERSONAL - NAMES))
)


class Numbers(NamedTuple):
    """The numbers of people in one file: by name or address (`names`), and by number without an address (`here`)."""

    names: dict[str, int]
    here: dict[int, int]

    def of(self, who: str, number: int | None) -> int | None:
        """Return the number of a person, or None where the person is unknown."""
        if number is None or "@" in who:
            number = self.names.get(who, number)
        return number if "@" in who or number is None else self.here.get(number, number)

    @property
    def changed(self) -> bool:
        """Whether a number without an address changes."""
        return any(number != known for number, known in self.here.items())


class People:
    """The people in some exports: the used numbers, and the names and addresses with their numbers."""

    def __init__(self) -> None:
        self._numbers: set[int] = set()
        self._names: defaultdict[str, set[int]] = defaultdict(set)
        self._addresses: defaultdict[str, defaultdict[int, set[str]]] = defaultdict(lambda: defaultdict(set))

    def add(self, task: Any, file: str) -> bool:
        """Record the people in a task of a file. Return whether the task contains a name or address."""
        people = list(_people(task, ""))
        for who, number in people:
            known = {number} if number is not None else set()
            self._numbers |= known
            if who:
                self._names[who] |= known
            if "@" in who and number is not None:
                self._addresses[file][number].add(who)
        return any(who for who, _ in people)

    def add_numbers(self, numbers: Iterable[int]) -> None:
        """Record further numbers that are in use."""
        self._numbers.update(numbers)

    def shared(self) -> dict[int, int]:
        """Return the numbers with several addresses, and how many addresses each has."""
        everywhere: defaultdict[int, set[str]] = defaultdict(set)
        for numbers in self._addresses.values():
            for number, addresses in numbers.items():
                everywhere[number] |= addresses
        return {number: len(addresses) for number, addresses in sorted(everywhere.items()) if len(addresses) > 1}

    def numbers(self) -> dict[str, int]:
        """Return the number of each person who occurs by name or address."""
        shared = self.shared().keys()
        free = (number for number in count(1) if number not in self._numbers)
        own = {who: numbers - shared if "@" in who else numbers for who, numbers in self._names.items()}
        return {who: min(numbers) if numbers else next(free) for who, numbers in sorted(own.items())}

    def numbers_in(self, file: str, names: dict[str, int]) -> Numbers:
        """Return the meaning of the numbers in a file; `names` is the result of `numbers()`."""
        here = {number: names[min(who)] for number, who in self._addresses[file].items() if len(who) == 1}
        return Numbers(names, here)


def may_name(raw: bytes | memoryview) -> bool:
    """Whether the JSON of a task may identify a person. This is a fast search without parsing; most tasks do not."""
    return _SUSPECT.search(raw) is not None


def parse(raw: bytes) -> Any:
    """Parse JSON without loss: duplicate keys, NaN and lone surrogates are kept.

    An integer with thousands of digits becomes text. Raises ValueError where the content is not JSON, and
    RecursionError where it is nested too deeply.
    """
    return json.loads(raw.decode("utf-8", "surrogateescape"), object_pairs_hook=_Table, parse_int=integer)


def write(value: Any) -> bytes:
    """Return the JSON text of a value from `parse`, on one line."""
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value).encode()


def without_names(value: Any, numbers: Numbers, key: str = "") -> Any:
    """Return the value with numbers in place of names and addresses of people."""
    if key in CONTENT:
        return value
    if isinstance(value, _Table):
        if _is_person(value, key):
            who, number = _person(value)
            known = numbers.of(who, number)
            if NAMES & value.keys() or known != number:
                return known
        return _Table([(name, without_names(part, numbers, name)) for name, part in value.items()])
    if isinstance(value, list):
        return [without_names(part, numbers, key) for part in value]
    number = _whole(value) if key in _MAKERS else None
    if number is not None:
        known = numbers.of("", number)
        return value if known == number else known
    if isinstance(value, str):
        if key in PERSONAL and _is_name(value):
            return numbers.of(*_text_person(value))
        return ADDRESS.sub(lambda match: f"user-{numbers.names.get(_plain(match[0]), '?')}", value)
    return value


def _people(value: Any, key: str) -> Iterator[tuple[str, int | None]]:
    """Yield the people in a value, as (name or address, number). The name may be "", the number None."""
    if key in CONTENT:
        return
    if isinstance(value, _Table):
        if _is_person(value, key):
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


def _is_person(table: _Table, key: str) -> bool:
    """Whether an object describes a person: it has a name, or it is the value of an author key and has a number."""
    if NOT_PEOPLE & table.keys():
        return False
    return bool(NAMES & table.keys()) or (key in _MAKERS and _person(table)[1] is not None)


def _person(table: _Table) -> tuple[str, int | None]:
    """Return the address, else the user name, else the full name ("" if all are empty), and the number."""
    number = _whole(table["id"] if table.get("id") is not None else table.get("user_id"))
    names = {key: str(table.get(key) or "") for key in ("email", "username", "first_name", "last_name")}
    full = f"{names['first_name']} {names['last_name']}"
    return _plain(names["email"].strip() or names["username"].strip() or full), number


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
    """A JSON object that keeps all its pairs. The encoder of the standard library writes `items()`."""

    def __init__(self, pairs: Iterable[tuple[str, Any]]):
        self.pairs = list(pairs)
        super().__init__(self.pairs)

    def items(self) -> Any:
        """Return all pairs, including those with duplicate keys."""
        return self.pairs


Use = tuple[str, str, str]  # (file, user number, e-mail address that the file gives with the number)


class _Signed(msgspec.Struct):
    completed_by: int | str | Completer | list[Any] | None = None
    updated_by: int | str | Completer | None = None


class _Task(msgspec.Struct):
    """The part of a task that identifies the annotators."""

    annotations: list[_Signed] | None = None
    completions: list[_Signed] | None = None


_TASK = msgspec.json.Decoder(_Task)


@dataclass(frozen=True)
class SharedNumbers:
    """The shared numbers: `addresses` maps each to its sorted addresses, `here` maps (file, number) to addresses."""

    addresses: dict[str, list[str]] = field(default_factory=dict)
    here: dict[tuple[str, str], set[str]] = field(default_factory=dict)

    def people(self) -> dict[str, int]:
        """Return the number of people who share each user number."""
        return {number: len(known) for number, known in self.addresses.items()}

    def meant(self, number: str, address: str, file: str) -> tuple[str | None, bool]:
        """Return the pseudonym of the person whom a number in a file means, and whether the meaning is certain.

        A number without an address means the person whose address its file gives with the number. The result is
        (None, True) where the file gives no address: then the number has the same meaning as elsewhere. It is
        (None, False) where the person cannot be determined, as when the file gives several addresses.
        """
        known = {address} if address else self.here.get((file, number), set())
        if len(known) == 1 and (only := next(iter(known))) in self.addresses[number]:
            return f"user-{number} ({self.addresses[number].index(only) + 1})", True
        return None, not known


def uses_in(raw: bytes | memoryview, file: str) -> set[Use]:
    """Return the numbers with addresses in the annotations of a task. Most exports have no addresses."""
    content = bytes(raw)
    if b'"email"' not in content:
        return set()
    made: list[Any]
    try:
        task = _TASK.decode(content)
        made = [*(task.annotations or ()), *(task.completions or ())]
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        made = list(decode_task(content).annotations)
    people = [
        who
        for annotation in made
        for who in (annotation.completed_by, annotation.updated_by)
        if isinstance(who, Completer)
    ]
    return {(file, str(who.id), address) for who in people if who.id is not None and (address := address_of(who))}


def shared_numbers(uses: Iterable[Use]) -> SharedNumbers:
    """Return the user numbers that several people share, given all uses in the exports."""
    addresses: defaultdict[str, set[str]] = defaultdict(set)
    here: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for file, number, address in uses:
        addresses[number].add(address)
        here[file, number].add(address)
    several = {number: sorted(known) for number, known in sorted(addresses.items()) if len(known) > 1}
    return SharedNumbers(several, {key: known for key, known in here.items() if key[1] in several})
