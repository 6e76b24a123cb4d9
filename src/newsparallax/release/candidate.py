"""Prepare a version for publishing: a folder with exactly the files to send, and the findings of all checks."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from .._util import hold
from ..building import Built
from ..corpus import CorpusFolder
from ..dataset import BASE, MARK, README, Source, file_facts, opened, read_manifest, work_folder, write_json
from ..errors import UsageError
from ..standoff import Mode, stage
from .card_merge import Merged, merge_cards
from .checks import Candidate, Finding, check_candidate
from .diff import Comparison, compare


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
