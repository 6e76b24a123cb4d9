"""Mapping between accounts of a Label Studio server and the pseudonyms in annotators.toml.

The mapping holds e-mail addresses, so it is stored in a file that git ignores. Only the pseudonym and its number enter
the repository; exports use the number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import tomlkit
from tomlkit.exceptions import TOMLKitError

from .._util import write_whole
from ..corpus import Annotator, AnnotatorKind, CorpusFolder, parse_toml
from ..errors import CorpusError
from ..exports import ExportFolder, Unpacker
from .home import home_of

FILE = "people.toml"
HEAD = (
    "Accounts of the Label Studio server, and the pseudonym (annotators.toml) of each account.",
    "Contains e-mail addresses: never commit it. You may edit the pseudonyms; your entries are kept.",
)

_PEOPLE = re.compile(rb'"(?:completed_by|updated_by|user)"\s*:\s*(?:\{[^{}]*?"id"\s*:\s*)?"?(\d{1,18})\b')
_PSEUDONYM = re.compile(r"[A-Za-z0-9_-]+")


class Seen(NamedTuple):
    """An account as its annotations show it: whether it worked in the page, and whether it worked as an adjudicator."""

    account: str
    on_page: bool
    adjudicates: bool


class People:
    """The pseudonyms of a corpus's annotators, and their numbers in exports."""

    def __init__(self, folder: CorpusFolder, work: Path, say: Callable[[str], None]):
        self._folder, self._work, self._say = folder, work, say
        self._path = home_of(folder.root) / FILE
        self._names = _read(self._path)
        self._annotators = dict(folder.context.annotators)

    def numbers(self, seen: Mapping[int, Seen]) -> dict[int, int]:
        """Map user ids of the server to numbers in exports.

        An account seen for the first time gets a pseudonym and a number.
        """
        new: dict[str, Annotator] = {}
        names = dict(self._names)
        free: Iterator[int] | None = None
        for person in sorted(set(seen.values())):
            account = person.account.casefold()
            name = names.get(account)
            known = (self._annotators | new).get(name) if name else None
            if known is None or not known.ids:
                free = free or count(self._taken() + 1)
                name = name or next(
                    a for n in count(1) if (a := f"a{n}") not in {*self._annotators, *new, *names.values()}
                )
                new[name] = _annotator(person, next(free), known)
                names[account] = name
        if new:
            self._write(names, new)
        return {user: self._annotators[self._names[person.account.casefold()]].ids[0] for user, person in seen.items()}

    def _taken(self) -> int:
        """Return the highest number in use, in annotators.toml or in an export."""
        taken = {number for annotator in self._annotators.values() for number in annotator.ids}
        exports = ExportFolder(self._folder.exports.root, Unpacker())  # read again, because this pull has written files
        for file in range(len(exports.files)):
            for task in exports.tasks(file):
                taken.update(map(int, _PEOPLE.findall(task)))
        return max(taken, default=0)

    def _write(self, names: dict[str, str], new: dict[str, Annotator]) -> None:
        """Write the mapping first, then annotators.toml.

        Otherwise a number without a pseudonym could be assigned again.
        """
        mapping = tomlkit.document()
        for line in HEAD:
            mapping.add(tomlkit.comment(line))
        mapping.add(tomlkit.nl())
        for account, name in sorted(names.items()):
            mapping.add(tomlkit.key(account), tomlkit.item(name))
        write_whole(self._path, tomlkit.dumps(mapping).encode(), self._work, mode=0o600)
        _register(self._folder.annotations / "annotators.toml", new, self._work)
        self._names, self._annotators = names, self._annotators | new
        for name, annotator in new.items():
            made = f"{annotator.kind} ({annotator.given})"
            self._say(f"{name}: added to annotators.toml as {made}; correct the entry if it is wrong")


def _annotator(seen: Seen, number: int, known: Annotator | None) -> Annotator:
    """Return the entry for a new annotator. Its kind is "human" only if the annotations show work in the page."""
    if known is not None:
        return Annotator(known.kind, known.given, known.role, [number], known.anonymous)
    kind: AnnotatorKind = "unknown"
    given = "unknown: there is no evidence that the annotations were made in Label Studio's page"
    if seen.on_page:
        kind, given = "human", "guidelines.md and the text, in Label Studio"
    if seen.on_page and seen.adjudicates:
        given = "guidelines.md, the text and the annotators' agreements and disputes, in Label Studio"
    return Annotator(kind, given, "adjudicator" if seen.adjudicates else "annotator", [number])


def _read(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    table = parse_toml(path.read_bytes(), dict[str, Any], name=str(path))
    for account, name in table.items():
        if not isinstance(name, str) or not _PSEUDONYM.fullmatch(name):
            hint = "use letters, digits, _ and -, as in annotators.toml"
            raise CorpusError(f"is {name!r}; expected a pseudonym", file=str(path), place=account, hint=hint)
    return {account.casefold(): name for account, name in table.items()}


def _register(path: Path, new: dict[str, Annotator], work: Path) -> None:
    """Add annotators to annotators.toml, or numbers to existing entries; the rest of the file stays unchanged."""
    try:
        document = tomlkit.parse(path.read_bytes().decode("utf-8-sig")) if path.is_file() else tomlkit.document()
    except TOMLKitError as error:
        raise CorpusError(f"cannot be extended: it is not TOML ({error})", file=path.name) from None
    for name, annotator in new.items():
        if name in document:
            document[name]["ids"] = annotator.ids
            continue
        table: Any = tomlkit.table()
        table.add("kind", annotator.kind)
        if annotator.role != "annotator":
            table.add("role", annotator.role)
        table.add("ids", annotator.ids)
        table.add("given", annotator.given)
        if len(document.body):
            document.add(tomlkit.nl())
        document.add(name, table)
    write_whole(path, tomlkit.dumps(document).encode(), work)
