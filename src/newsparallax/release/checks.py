"""Everything that must hold before a version is published, as a table of checks on what would be sent."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from ...core.changelog import FILE as CHANGELOG
from ...core.changelog import is_dated, section
from ...core.leaks import runs, shared
from ...core.privacy import private_parts
from ...core.problems import Problem
from ...core.render.markdown import parted
from ...core.schema import ARTICLES, TOKENS
from ...core.versions import allows, next_version, parse
from ..build import Built
from ..croissant import check_croissant, read_croissant
from ..folder import CorpusFolder
from ..standoff import kept_words, withheld_texts
from .card_merge import README
from .contents import Piece, pieces
from .diff import Comparison
from .private import known_private

SHOWN = 5  # findings of one kind that are told one by one
RUNS = 2_000_000  # hashes of runs held at a time
CROISSANT_ROWS = 10_000  # of each split of a config that are read through Croissant: about 1 ms each

Found = Iterator[tuple[str, str, str]]  # message, what to do, file


class Finding(NamedTuple):
    """What forbids to publish: a stable code, what was found, where, and what to do."""

    code: str
    message: str
    hint: str
    file: str = ""


@dataclass(frozen=True)
class Candidate:
    """A version that is to be published: the full build, what would be sent of it, and how it differs from the last."""

    folder: CorpusFolder
    built: Built
    staged: Path
    changes: Comparison | None  # None for the first release

    @property
    def version(self) -> str:
        """Its number."""
        return self.folder.context.corpus.version


def check_candidate(candidate: Candidate) -> list[Finding]:
    """Every finding of every check of the table, the first few of each and a line for the others."""
    found = []
    for check in CHECKS:
        findings = check.function(candidate)
        found += [Finding(check.code, *one) for one in islice(findings, SHOWN)]
        more = sum(1 for _ in findings)
        if more:
            found.append(Finding(check.code, f"... and {more:,} more of this kind", check.reads))
    return found


def _version(candidate: Candidate) -> Found:
    version, changes = candidate.version, candidate.changes
    if changes is None:
        return
    last, file = changes.old_version, "annotations/corpus.toml"
    if allows(last, version, changes.bump) and (parse(version) > parse(last) or not changes.bump):
        return
    least = next_version(last, changes.bump or "patch")
    why = f": {changes.bump} ({'; '.join(changes.reasons)})" if changes.bump else ""
    yield f"{version} is too small after {last}{why}", f"the smallest honest version is {least}", file


def _changelog(candidate: Candidate) -> Found:
    path = candidate.folder.root / CHANGELOG
    text = path.read_bytes().decode("utf-8", "replace") if path.is_file() else None
    heading = f"## [{candidate.version}] - YEAR-MONTH-DAY"
    hint = f"write a section under `{heading}`; `scripts/release.py diff OLD NEW --changelog` drafts one"
    if text is None:
        yield "is not there", hint, CHANGELOG
    elif not section(text, candidate.version):
        yield f"says nothing of version {candidate.version}", hint, CHANGELOG
    elif not is_dated(text, candidate.version):
        yield f"the heading of version {candidate.version} has no date", f"make it `{heading}`", CHANGELOG


def _problems(candidate: Candidate) -> Found:
    built = candidate.built
    for found in built.open_problems:
        yield f"{found.code}: {found.message}", found.hint, _where(found)
    if built.open_total > len(built.open_problems):
        yield f"... and {built.open_total - len(built.open_problems):,} more problems", "scripts/check.py has all", ""


def _where(found: Problem) -> str:
    return ", ".join(filter(None, (found.file, found.article_id and f"article {found.article_id}")))


def _private(candidate: Candidate) -> Found:
    known = known_private(candidate.folder, os.environ)
    public = "if it may be public, list it under [release] public_addresses in corpus.toml"
    for piece in pieces(candidate.staged):
        for what, part in private_parts(piece.text, known):
            hint = public if "@" in part else "take it out where it came from, and revoke it if it was shown to anybody"
            yield f"holds {what}: {part}", hint, _place(piece)


def _rights(candidate: Candidate) -> Found:
    """Words of withheld texts: in the columns that hold words, and eight in a row anywhere else."""
    for file, column, number in kept_words(candidate.staged):
        message = f"{column} holds words of {number:,} rows whose texts may not be redistributed"
        yield message, "this is an error of the program: report it", file
    for share in _free_copies(candidate):
        message = f"{share} % of a text that may not be redistributed stand in one that may"
        yield message, "one of the two says the wrong thing in `redistribute`", "articles"
    hint = "say it in other words, or with fewer than eight words in a row; the text may not be redistributed"
    for piece, run in _leaks(candidate):
        yield f"holds words of a withheld text: {run!r}", hint, _place(piece)


def _leaks(candidate: Candidate) -> Iterator[tuple[Piece, str]]:
    """Runs of words of withheld texts in what would be sent, apart from the columns that hold words of other texts."""
    found: set[str] = set()
    hashes: set[int] = set()

    def look() -> None:
        for text in withheld_texts(candidate.built.place, candidate.staged) if hashes else ():
            found.update(shared(text, hashes))
        hashes.clear()

    for piece in _beside_words(candidate.staged):
        hashes.update(number for number, _ in runs(piece.text))
        if len(hashes) > RUNS:
            look()
    look()
    for piece in _beside_words(candidate.staged) if found else ():
        first = next((run for _, run in runs(piece.text) if run in found), None)
        if first:
            yield piece, first


def _beside_words(staged: Path) -> Iterator[Piece]:
    return (piece for piece in pieces(staged) if not _holds_words(piece))


def _holds_words(piece: Piece) -> bool:
    """Whether a text stands in a column for words of articles; a value about an article may be called like one."""
    config = piece.file.partition("/")[0]
    record, _, last = piece.place.rpartition(".")
    quotes = last == "quote" and (bool(record) or config != ARTICLES)
    return quotes or (config, piece.place) in {(ARTICLES, "text"), (TOKENS, "tokens")}


def _free_copies(candidate: Candidate) -> Iterator[int]:
    """Of every withheld text of which most runs of words stand in texts that are sent, their share in per cent."""
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
        yield message, "build again; if it stays, report it", "croissant.json"


def _card(candidate: Candidate) -> Found:
    """The YAML of the card, and what a reader must find in it."""
    text = (candidate.staged / README).read_text(encoding="utf-8")
    hint = "correct dataset_card.md, or the card on the hub"
    try:
        front: Any = yaml.safe_load(parted(text)[0])
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
        yield f"does not name the version {candidate.version}", "put the block `version` into dataset_card.md", README


class Check(NamedTuple):
    """A check: its code, what it reads, and the function that gives every finding."""

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
