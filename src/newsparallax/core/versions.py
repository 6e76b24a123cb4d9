"""Version numbers (SemVer 2.0.0): which is the smallest that a kind of change asks for, and whether one is enough."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

from .errors import UsageError

Kind = Literal["patch", "minor", "major"]
KINDS: tuple[Kind, ...] = ("patch", "minor", "major")  # in rising order
_NUMBER = "(0|[1-9][0-9]*)"
VERSION = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}")  # as a corpus may have it: nothing after


class Version(NamedTuple):
    """A version as numbers, which compare as versions do."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


def parse(version: str) -> Version:
    """The numbers of a version `X.Y.Z`. Raises UsageError for anything else."""
    found = VERSION.fullmatch(version)
    if not found:
        raise UsageError(f"{version!r} is no version", hint="expected three numbers, such as 0.2.0 (SemVer 2.0.0)")
    return Version(*map(int, found.groups()))


def next_version(old: str, kind: Kind | None) -> str:
    """The smallest version that a change of this kind may have after `old`; `old` itself for no change.

    Below 1.0.0 a major change takes the minor place (SemVer 2.0.0, item 4: anything may change there).
    """
    major, minor, patch = parse(old)
    if kind == "major" and major:
        return str(Version(major + 1, 0, 0))
    if kind in ("major", "minor"):
        return str(Version(major, minor + 1, 0))
    return str(Version(major, minor, patch + (kind == "patch")))


def allows(old: str, new: str, kind: Kind | None) -> bool:
    """Whether `new` is high enough for a change of this kind after `old`."""
    return parse(new) >= parse(next_version(old, kind))


def largest(kinds: Iterable[Kind]) -> Kind | None:
    """The kind that covers all of these; None for none."""
    return max(kinds, key=KINDS.index, default=None)
