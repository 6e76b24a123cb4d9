"""Prepare a version for publishing, and check it.

`Release` makes the folder with exactly the files that would be sent. CHECKS is the table of checks on these files.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from .._util import hold, parsed_yaml, parted
from ..building import Built
from ..corpus import ARTICLES, CorpusFolder, allows, is_dated, next_version, parse, role_of, section
from ..corpus import FILE as CHANGELOG
from ..dataset import (
    BASE,
    MARK,
    README,
    Source,
    check_croissant,
    file_facts,
    opened,
    read_croissant,
    read_manifest,
    saved_tokens,
    work_folder,
    write_json,
)
from ..errors import UsageError
from ..problems import Problem
from ..standoff import Mode, kept_words, stage, withheld_texts
from ..text import private_parts
from .card_merge import Merged, merge_cards
from .diff import Comparison, compare
from .leaks import HAN_RUN, OTHER_RUN, RUN, Piece, as_written, known_private, pieces, runs, shared

SHOWN = 5  # findings of one kind that are listed individually
RUNS = 2_000_000  # hashes of runs in memory at a time
CROISSANT_ROWS = 10_000  # rows of each split of a config that are read through Croissant, at about 1 ms each

Found = Iterator[tuple[str, str, str]]  # message, hint, file


class Finding(NamedTuple):
    """A finding that blocks publishing: a stable code, a message, a hint, and the file."""

    code: str
    message: str
    hint: str
    file: str = ""


@dataclass
class Release:
    """A built version in its published form; the folder `place` holds exactly the files that are sent."""

    folder: CorpusFolder
    built: Built
    mode: Mode
    _compared: dict[str, Comparison] = field(default_factory=dict)
    _checked: dict[tuple[str | None, str], list[Finding]] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """The version number."""
        return self.folder.context.corpus.version

    @cached_property
    def place(self) -> Path:
        """The folder with the stand-off form of the build, next to the build; made at the first access."""
        place = self.built.place.with_name(f"{self.built.place.name}-release")
        self._lock(place)
        stage(self.built.place, place, self.folder.context, mode=self.mode)
        return place

    def _lock(self, folder: Path) -> None:
        """Lock `place` while this release is in use, so that the sent files are the checked ones.

        Raises UsageError where another process holds the lock.
        """
        lock = hold(folder.with_name(f".{folder.name}.lock"))
        if lock is None:
            message = f"{folder} is in use: another command checks or publishes it"
            raise UsageError(message, hint="wait until that command ends")
        weakref.finalize(self, lock.release)

    @cached_property
    def _card(self) -> str:
        return (self.place / README).read_text(encoding="utf-8")

    def finish(self, theirs: str | None = None, base: str | None = None) -> Merged:
        """Merge the card with the repository's card `theirs`; `base` is the card of the last release there.

        `place` receives the merged card as README.md, and the unmerged card as BASE. The next release compares the two
        to find what was written by hand.
        """
        merged = merge_cards(self._card, theirs, base)
        with work_folder(self.place) as work:
            (work / README).write_text(merged.text, encoding="utf-8")
            (work / BASE).write_text(self._card, encoding="utf-8")
            manifest = read_manifest(self.place)
            manifest.files |= {name: file_facts(work / name) for name in (README, BASE)}
            write_json(work / MARK, manifest.as_json())
            for name in (MARK, README, BASE):  # manifest first: a folder with unlisted files is not replaced later
                (work / name).replace(self.place / name)
        return merged

    def files(self) -> dict[str, Path]:
        """Return every file that is sent, by its name in the repository."""
        paths = (path for path in sorted(self.place.rglob("*")) if path.is_file())
        return {path.relative_to(self.place).as_posix(): path for path in paths}

    def changes(self, last: str | None) -> Comparison | None:
        """Return the changes since `last`, a dataset by its name on the command line; None without `last`."""
        if last is not None and last not in self._compared:
            with opened(last) as old:
                new = Source(str(self.place), self.place, read_manifest(self.place))
                self._compared[last] = compare(old, new)
        return None if last is None else self._compared[last]

    def check(self, last: str | None) -> list[Finding]:
        """Return every finding that blocks publishing this version after `last`."""
        key = (last, (self.place / MARK).read_text(encoding="utf-8"))  # the manifest has the digest of every file
        if key not in self._checked:
            changes = self.changes(last)
            self._checked[key] = check_candidate(Candidate(self.folder, self.built, self.place, changes))
        return self._checked[key]


@dataclass(frozen=True)
class Candidate:
    """A version to publish: the full build, the staged files that would be sent, and the changes since the last one."""

    folder: CorpusFolder
    built: Built
    staged: Path
    changes: Comparison | None  # None for the first release

    @property
    def version(self) -> str:
        """The version number."""
        return self.folder.context.corpus.version


def check_candidate(candidate: Candidate) -> list[Finding]:
    """Run every check; return the first SHOWN findings of each, and one more finding that counts the others."""
    listed = []
    for check in CHECKS:
        findings = check.function(candidate)
        listed += [Finding(check.code, *finding) for finding in islice(findings, SHOWN)]
        more = sum(1 for _ in findings)
        if more:
            listed.append(Finding(check.code, f"... and {more:,} more of this kind", check.reads))
    return listed


def _version(candidate: Candidate) -> Found:
    version, changes = candidate.version, candidate.changes
    if changes is None:
        return
    last, file = changes.old_version, "annotations/corpus.toml"
    if allows(last, version, changes.bump) and (parse(version) > parse(last) or not changes.bump):
        return
    least = next_version(last, changes.bump or "patch")
    why = f": {changes.bump} ({'; '.join(changes.reasons)})" if changes.bump else ""
    yield f"{version} is too small after {last}{why}", f"the smallest sufficient version is {least}", file


def _changelog(candidate: Candidate) -> Found:
    path = candidate.folder.root / CHANGELOG
    text = path.read_bytes().decode("utf-8", "replace") if path.is_file() else None
    heading = f"## [{candidate.version}] - YEAR-MONTH-DAY"
    hint = f"write a section `{heading}`; `newsparallax release diff OLD NEW --changelog` drafts one"
    if text is None:
        yield "does not exist", hint, CHANGELOG
    elif not section(text, candidate.version):
        yield f"has no section for version {candidate.version}", hint, CHANGELOG
    elif not is_dated(text, candidate.version):
        yield f"the heading of version {candidate.version} has no date", f"change it to `{heading}`", CHANGELOG


def _problems(candidate: Candidate) -> Found:
    built = candidate.built
    for entry in built.open.listed():
        yield f"{entry.code}: {entry.message}", entry.hint, _where(entry)
    if built.open.unlisted:
        yield f"... and {built.open.unlisted:,} more problems", "`newsparallax check` lists all", ""


def _where(entry: Problem) -> str:
    return ", ".join(filter(None, (entry.file, entry.article_id and f"article {entry.article_id}")))


def _private(candidate: Candidate) -> Found:
    known = known_private(candidate.folder, os.environ, saved_tokens())
    public = "if it may be public, list it in `public_addresses` under [release] in corpus.toml"
    for piece in pieces(candidate.staged):
        for what, part in private_parts(piece.text, known):
            hint = public if "@" in part else "remove it from its source, and revoke it if anybody could see it"
            yield f"contains {what}: {part}", hint, _place(piece)


def _rights(candidate: Candidate) -> Found:
    """Yield findings for words of withheld texts, in columns of words, and as runs of words anywhere else."""
    for file, column, number in kept_words(candidate.staged):
        message = f"{column} contains words of texts that may not be redistributed, in {number:,} rows"
        yield message, "this is a bug of the program; report it", file
    for share in _free_copies(candidate):
        message = f"{share} % of a text that may not be redistributed occur in a text that may"
        yield message, "`redistribute` is wrong for one of the two", "articles"
    hint = (
        f"use other words, or fewer than {RUN} words in a row ({HAN_RUN} characters of Chinese or Japanese, "
        f"{OTHER_RUN} letters of Thai, Lao, Khmer or Burmese); the text may not be redistributed"
    )
    for piece, run in _leaks(candidate):
        yield f"contains words of a withheld text: {as_written(run)!r}", hint, _place(piece)


def _leaks(candidate: Candidate) -> Iterator[tuple[Piece, str]]:
    """Yield (piece, run) for each piece to be sent with a run of a withheld text, except in columns of words."""
    leaks: set[str] = set()
    hashes: set[int] = set()

    def look() -> None:
        for text in withheld_texts(candidate.built.place, candidate.staged) if hashes else ():
            leaks.update(shared(text, hashes))
        hashes.clear()

    for piece in _beside_words(candidate.staged):
        hashes.update(number for number, _ in runs(piece.text))
        if len(hashes) > RUNS:
            look()
    look()
    for piece in _beside_words(candidate.staged) if leaks else ():
        first = next((run for _, run in runs(piece.text) if run in leaks), None)
        if first:
            yield piece, first


def _beside_words(staged: Path) -> Iterator[Piece]:
    return (piece for piece in pieces(staged) if not _holds_words(piece))


def _holds_words(piece: Piece) -> bool:
    """Return whether a piece comes from a column of words, by its role: a document value may have the same name."""
    return role_of(piece.file.partition("/")[0], tuple(piece.place.split("."))) == "words"


def _free_copies(candidate: Candidate) -> Iterator[int]:
    """Yield, for each withheld text with over 50 % of its runs of words in texts to be sent, this share in per cent."""
    hashes: set[int] = set()

    def look() -> Iterator[int]:
        for text in withheld_texts(candidate.built.place, candidate.staged) if hashes else ():
            own = [number for number, _ in runs(text)]
            share = 100 * sum(number in hashes for number in own) // max(len(own), 1)
            if share > 50:
                yield share
        hashes.clear()

    for piece in pieces(candidate.staged):
        if (piece.file.partition("/")[0], piece.place) == (ARTICLES, "text"):
            hashes.update(number for number, _ in runs(piece.text))
        if len(hashes) > RUNS:
            yield from look()
    yield from look()


def _croissant(candidate: Candidate) -> Found:
    wrong = list(check_croissant(candidate.staged))
    for message in wrong or read_croissant(candidate.staged, CROISSANT_ROWS):
        yield message, "build again; if the problem remains, report it", "croissant.json"


def _card(candidate: Candidate) -> Found:
    """Check the YAML of the card, its required keys, and that the card names the version."""
    text = (candidate.staged / README).read_text(encoding="utf-8")
    hint = "correct dataset_card.md, or the card on the hub"
    try:
        front: Any = parsed_yaml(parted(text)[0])
    except yaml.YAMLError as error:
        yield f"the front matter is not YAML: {str(error).splitlines()[0]}", hint, README
        return
    if not isinstance(front, dict):
        yield "has no front matter", hint, README
        return
    for key in ("license", "configs", "dataset_info"):
        if not front.get(key):
            yield f"the front matter has no `{key}`", hint, README
    if candidate.version not in text:
        yield f"does not mention the version {candidate.version}", "add the block `version` to dataset_card.md", README


class Check(NamedTuple):
    """A check: its code, what it reads, and the function that yields its findings."""

    code: str
    reads: str
    function: Callable[[Candidate], Found]


CHECKS = (
    Check("version", "annotations/corpus.toml and the last release", _version),
    Check("changelog", "CHANGELOG.md", _changelog),
    Check("problems", "problems.jsonl: no waiver covers them", _problems),
    Check("private", "every file that would be sent", _private),
    Check("rights", "every file that would be sent, and the withheld texts", _rights),
    Check("croissant", "croissant.json", _croissant),
    Check("card", "README.md", _card),
)


def _place(piece: Piece) -> str:
    return f"{piece.file}: {piece.place}" if piece.place else piece.file
