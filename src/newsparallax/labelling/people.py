"""Who is who: accounts of a Label Studio server and the pseudonyms of annotators.toml.

The mapping holds e-mail addresses, so it stays in a file that git ignores. What enters the repository is a pseudonym
and a number that stands for it in exports.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import tomlkit
from tomlkit.exceptions import TOMLKitError

from ...core.errors import CorpusError
from ...core.exports import ExportFolder
from ...core.registry import Annotator, AnnotatorKind
from ..folder import CorpusFolder
from ..whole_file import write_whole
from .home import home_of

FILE = "people.toml"
HEAD = (
    "Accounts of the Label Studio server and the annotators of annotators.toml that they are.",
    "Holds e-mail addresses: never commit it. A line of yours wins: write the pseudonym that an account is to have.",
)

_PEOPLE = re.compile(rb'"(?:completed_by|updated_by|user)"\s*:\s*(?:\{[^{}]*?"id"\s*:\s*)?(\d{1,18})')
_PSEUDONYM = re.compile(r"[A-Za-z0-9_-]+")


class Seen(NamedTuple):
    """An account as the annotations show it: whether it worked in the page, and whether as an adjudicator."""

    account: str
    on_page: bool
    adjudicates: bool


class People:
    """The pseudonyms of a corpus's annotators, and the numbers that mean them in exports."""

    def __init__(self, folder: CorpusFolder, work: Path, say: Callable[[str], None]):
        self._folder, self._work, self._say = folder, work, say
        self._path = home_of(folder.root) / FILE
        self._names = _read(self._path)
        self._annotators = dict(folder.context.annotators)

    def numbers(self, seen: Mapping[int, Seen]) -> dict[int, int]:
        """User id of the server -> number in exports; who is seen for the first time gets a pseudonym and number."""
        new: dict[str, Annotator] = {}
        names = dict(self._names)
        free: Iterator[int] | None = None
        for one in sorted(set(seen.values())):
            account = one.account.casefold()
            name = names.get(account)
            known = (self._annotators | new).get(name) if name else None
            if known is None or not known.ids:
                free = free or count(self._taken() + 1)
                name = name or next(
                    a for n in count(1) if (a := f"a{n}") not in {*self._annotators, *new, *names.values()}
                )
                new[name] = _annotator(one, next(free), known)
                names[account] = name
        if new:
            self._write(names, new)
        return {user: self._annotators[self._names[one.account.casefold()]].ids[0] for user, one in seen.items()}

    def _taken(self) -> int:
        """The highest number that means somebody, in annotators.toml or in an export."""
        taken = {number for annotator in self._annotators.values() for number in annotator.ids}
        exports = ExportFolder(self._folder.exports.root)  # as they are now, after what this pull has written
        for file in range(len(exports.files)):
            for task in exports.tasks(file):
                taken.update(map(int, _PEOPLE.findall(task)))
        return max(taken, default=0)

    def _write(self, names: dict[str, str], new: dict[str, Annotator]) -> None:
        """The mapping first: a number without a pseudonym would be given again to somebody else."""
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
            self._say(f"{name}: new in annotators.toml, {made}; correct it there if that is wrong")


def _annotator(seen: Seen, number: int, known: Annotator | None) -> Annotator:
    """What can be said of somebody new; whom nothing shows at work in the page is not called human."""
    if known is not None:
        return Annotator(known.kind, known.given, known.role, [number], known.anonymous)
    kind: AnnotatorKind = "unknown"
    given = "not known: nothing shows that the annotations were made in Label Studio's page"
    if seen.on_page:
        kind, given = "human", "guidelines.md and the text, in Label Studio"
    if seen.on_page and seen.adjudicates:
        given = "guidelines.md, the text and what the annotators agree and disagree on, in Label Studio"
    return Annotator(kind, given, "adjudicator" if seen.adjudicates else "annotator", [number])


def _read(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CorpusError(f"is not TOML ({error})", file=str(path), hint='lines read "address" = "pseudonym"') from None
    for account, name in found.items():
        if not isinstance(name, str) or not _PSEUDONYM.fullmatch(name):
            hint = "a pseudonym has letters, digits, _ and -, as in annotators.toml"
            raise CorpusError(f"is {name!r}, expected a pseudonym", file=str(path), place=account, hint=hint)
    return {account.casefold(): name for account, name in found.items()}


def _register(path: Path, new: dict[str, Annotator], work: Path) -> None:
    """Add annotators to annotators.toml, or numbers to those that it has, with everything else as it was."""
    try:
        document = tomlkit.parse(path.read_bytes().decode("utf-8-sig")) if path.is_file() else tomlkit.document()
    except TOMLKitError as error:
        raise CorpusError(f"cannot be added to ({error})", file=path.name) from None
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
