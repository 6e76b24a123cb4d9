"""Version numbers (SemVer 2.0.0) and the sections of CHANGELOG.md.

`next_version` returns the smallest version that a kind of change requires; `allows` checks a version against it.
CHANGELOG.md has the form of Keep a Changelog (https://keepachangelog.com/en/1.1.0/), with a section for each version.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from ..errors import UsageError

Kind = Literal["patch", "minor", "major"]
KINDS: tuple[Kind, ...] = ("patch", "minor", "major")  # in rising order
_NUMBER = "(0|[1-9][0-9]*)"
VERSION = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}")  # of a corpus: no suffix allowed


class Version(NamedTuple):
    """A version as three numbers; comparison gives the order of versions."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


def parse(version: str) -> Version:
    """Parse a version `X.Y.Z`. Raises UsageError for any other form."""
    match = VERSION.fullmatch(version)
    if not match:
        raise UsageError(f"{version!r} is not a version", hint="expected three numbers, such as 0.2.0 (SemVer 2.0.0)")
    return Version(*map(int, match.groups()))


def next_version(old: str, kind: Kind | None) -> str:
    """Return the smallest version after `old` that a change of this kind allows, or `old` for no change (None).

    Below 1.0.0, a major change increases the minor number (SemVer 2.0.0, item 4: anything may change there).
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
    """Return the largest of the kinds, or None if there are none."""
    return max(kinds, key=KINDS.index, default=None)


FILE = "CHANGELOG.md"

_SECTION = re.compile(r"^## +\[?(?:v?(?P<version>\d+\.\d+\.\d+)|[^\]\n]*)\]?(?P<rest>[^\n]*)$", re.MULTILINE)
_PART = re.compile(r"^### +(?P<name>[^\n]*?) *$", re.MULTILINE)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def section(changelog: str, version: str) -> str | None:
    """Return the section of a version without its heading, or None if there is no such section."""
    return next((text for heading, text in _under(_SECTION, changelog) if heading["version"] == version), None)


def is_dated(changelog: str, version: str) -> bool:
    """Whether the heading of a version has a date. Released versions have a date."""
    return any(h["version"] == version and _DATE.search(h["rest"]) for h in _SECTION.finditer(changelog))


def data_changes(changelog: str, version: str) -> str:
    """Return the changelog of the data for a version, or "" if there is none; headings start at the third level.

    The result is the part `### Data` of the version's section, or the complete section without such a part.
    """
    entry = section(changelog, version) or ""
    for heading, text in _under(_PART, entry):
        if heading["name"].casefold() == "data":
            return re.sub(r"^#(?=###)", "", text, flags=re.MULTILINE)
    return entry


def _under(heading: re.Pattern[str], text: str) -> Iterator[tuple[re.Match[str], str]]:
    """Yield each match of `heading` with the text up to the next match."""
    headings = list(heading.finditer(text))
    ends = [*(following.start() for following in headings[1:]), len(text)]
    yield from (
        (heading_match, text[heading_match.end() : end].strip())
        for heading_match, end in zip(headings, ends, strict=False)
    )
