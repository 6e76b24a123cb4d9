"""A version made ready: the folder with exactly what is to be sent, and the findings of all checks on it."""

from __future__ import annotations

import os
import weakref
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ...core.errors import UsageError
from ..build import Built
from ..facts import file_facts, write_json
from ..folder import CorpusFolder
from ..locks import hold
from ..publish import MARK, work_folder
from ..standoff import Mode, stage
from .card_merge import BASE, README, Merged, merge_cards
from .check import Candidate, Finding, check_candidate
from .diff import Comparison, compare
from .sources import Source, opened, read_manifest


@dataclass
class Release:
    """A built version as it is to be published; `place` holds what is sent, and nothing else."""

    folder: CorpusFolder
    built: Built
    mode: Mode
    _compared: dict[str, Comparison] = field(default_factory=dict)
    _checked: dict[tuple[str | None, str], list[Finding]] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """The number of the version."""
        return self.folder.context.corpus.version

    @cached_property
    def place(self) -> Path:
        """The stand-off form of the build, beside it; made when first asked for."""
        place = self.built.place.with_name(f"{self.built.place.name}-release")
        self._lock(place)
        stage(self.built.place, place, self.folder.context, mode=self.mode)
        return place

    def _lock(self, place: Path) -> None:
        """Hold `place` while this release is in use: what is sent is what was checked. Raises UsageError."""
        lock = hold(place.with_name(f".{place.name}.lock"))
        if lock is None:
            message = f"{place} is in use: it is being checked or published"
            raise UsageError(message, hint="wait until that is done")
        weakref.finalize(self, os.close, lock)

    @cached_property
    def _card(self) -> str:
        return (self.place / README).read_text(encoding="utf-8")

    def finish(self, theirs: str | None = None, base: str | None = None) -> Merged:
        """Bring the card together with that of the repository; `base` is the card of the last release there.

        The card goes into `place` twice: as README.md and, so that the next release can tell what was written by hand,
        as it was before.
        """
        merged = merge_cards(self._card, theirs, base)
        with work_folder(self.place) as work:
            (work / README).write_text(merged.text, encoding="utf-8")
            (work / BASE).write_text(self._card, encoding="utf-8")
            manifest = read_manifest(self.place)
            manifest["files"] |= {name: file_facts(work / name) for name in (README, BASE)}
            manifest["files"] = dict(sorted(manifest["files"].items()))
            write_json(work / MARK, manifest)
            for name in (MARK, README, BASE):  # a folder with more than its manifest lists would not be ours to replace
                (work / name).replace(self.place / name)
        return merged

    def files(self) -> dict[str, Path]:
        """Everything that is sent, by its name in the repository."""
        paths = (path for path in sorted(self.place.rglob("*")) if path.is_file())
        return {path.relative_to(self.place).as_posix(): path for path in paths}

    def changes(self, last: str | None) -> Comparison | None:
        """What changed since `last`, a dataset by its name on the command line."""
        if last is not None and last not in self._compared:
            with opened(last) as old:
                new = Source(str(self.place), self.place, read_manifest(self.place))
                self._compared[last] = compare(old, new)
        return None if last is None else self._compared[last]

    def check(self, last: str | None) -> list[Finding]:
        """Every reason not to publish it after `last`."""
        key = (last, (self.place / MARK).read_text(encoding="utf-8"))  # which has the digest of every file
        if key not in self._checked:
            changes = self.changes(last)
            self._checked[key] = check_candidate(Candidate(self.folder, self.built, self.place, changes))
        return self._checked[key]
