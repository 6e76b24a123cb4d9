"""CHANGELOG.md in the form of Keep a Changelog (https://keepachangelog.com/en/1.1.0/): a section for every version."""

from __future__ import annotations

import re
from collections.abc import Iterator

FILE = "CHANGELOG.md"

_SECTION = re.compile(r"^## +\[?(?:v?(?P<version>\d+\.\d+\.\d+)|[^\]\n]*)\]?(?P<rest>[^\n]*)$", re.MULTILINE)
_PART = re.compile(r"^### +(?P<name>[^\n]*?) *$", re.MULTILINE)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def section(changelog: str, version: str) -> str | None:
    """What stands under the heading of a version, without the heading; None where there is no such heading."""
    return next((text for heading, text in _under(_SECTION, changelog) if heading["version"] == version), None)


def is_dated(changelog: str, version: str) -> bool:
    """Whether the heading of a version has a date, as a version that is out has."""
    return any(h["version"] == version and _DATE.search(h["rest"]) for h in _SECTION.finditer(changelog))


def data_changes(changelog: str, version: str) -> str:
    """What a version changed in the data, "" where nothing is said; headings begin at the third level.

    It is the part `### Data` of the version's section; the whole section where it has no such part.
    """
    found = section(changelog, version) or ""
    for heading, text in _under(_PART, found):
        if heading["name"].casefold() == "data":
            return re.sub(r"^#(?=###)", "", text, flags=re.MULTILINE)
    return found


def _under(heading: re.Pattern[str], text: str) -> Iterator[tuple[re.Match[str], str]]:
    """Every heading with what stands between it and the next one of its kind."""
    found = list(heading.finditer(text))
    ends = [*(following.start() for following in found[1:]), len(text)]
    yield from ((one, text[one.end() : end].strip()) for one, end in zip(found, ends, strict=False))
