"""Publishing a version: one commit with everything, one tag on that commit, and the tag loaded back.

In this order, so that an interruption at any moment leaves a whole release or none, and the next run goes on:
look at the repository; check; commit on top of what was looked at; load that commit and compare it with what was
built; tag it; load the tag. A commit without its tag is no release yet; the next run finds its files there and tags.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ...core import schema
from ...core.errors import NewsParallaxError
from ..build import build
from ..engine import Progress
from ..folder import CorpusFolder
from ..publish import MARK
from ..standoff import Mode
from .card_merge import BASE, README
from .check import Finding
from .hub import Hub, HubError, MovedError, Seen
from .load import loaded_digest
from .prepare import Release
from .sources import read_manifest

ATTEMPTS = 5
WAIT = 0.5  # seconds before the second attempt; doubled before each further one

_COMMIT = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")

Say = Callable[[str], None]


class RefusedError(NewsParallaxError):
    """The version must not be published as it is: `findings` say why."""

    def __init__(self, message: str, findings: list[Finding], *, hint: str | None = None):
        self.findings = findings
        super().__init__(message, hint=hint)


@dataclass(frozen=True)
class Plan:
    """What one commit on top of `parent` changes in the repository (None: there is none yet)."""

    parent: str | None
    adds: dict[str, Path]
    deletes: list[str]
    unchanged: int
    notes: list[str]  # what became of the card that was there


@dataclass(frozen=True)
class Outcome:
    """What was published, or would be, after the release `last` (a dataset by its name on the command line).

    `commit` is None where nothing was sent, and `was_there` where nothing had to be.
    """

    release: Release
    plan: Plan
    last: str | None
    commit: str | None
    was_there: bool = False


def publish(
    folder: CorpusFolder, repo: str, *, mode: Mode, dry_run: bool, say: Say, progress: Progress | None = None
) -> Outcome:
    """Build, check and publish the corpus's version to the repository `repo`; the same again changes nothing.

    A repository that somebody else changes in between is looked at again, at most ATTEMPTS times; so is a hub that
    does not answer. Raises RefusedError for a version that must not be published (then nothing was sent), HubError for
    a hub that does not do what it is asked, and NewsParallaxError where it gives back something else than was sent.
    """
    hub = Hub.from_environment(needs_token=not dry_run)
    first = hub.look(repo)  # before the long work, so that a wrong name or token is told at once
    release = Release(folder, build(folder, progress=progress), mode)
    return would_send(hub, repo, release, first) if dry_run else send(hub, repo, release, say)


def would_send(hub: Hub, repo: str, release: Release, seen: Seen | None) -> Outcome:
    """What publishing would do with the repository as it was seen; nothing is sent."""
    with TemporaryDirectory(prefix="newsparallax-") as cache:
        publication = _Publication(hub, repo, release, Path(cache))
        if seen and release.version in seen.releases:
            return publication.released(seen)
        return Outcome(release, publication.plan(seen), publication.last(seen), None)


def send(hub: Hub, repo: str, release: Release, say: Say) -> Outcome:
    """Publish what was made ready; see `publish`."""
    with TemporaryDirectory(prefix="newsparallax-") as cache:
        publication = _Publication(hub, repo, release, Path(cache))
        for attempt in range(ATTEMPTS):
            final = attempt == ATTEMPTS - 1
            try:
                return publication.sent(hub.look(repo), waits=not final)
            except HubError as error:
                if final or not (error.transient or isinstance(error, MovedError)):
                    raise
                say(f"{error.message}; looking again")
                time.sleep(WAIT * 2**attempt)
    raise AssertionError("the last attempt returns or raises")


@dataclass
class _Publication:
    """One version on its way to one repository; `cache` is where what is loaded back lies."""

    hub: Hub
    repo: str
    release: Release
    cache: Path
    _read: dict[tuple[str, str], str] = field(default_factory=dict)  # files of commits, which never change

    def sent(self, seen: Seen | None, *, waits: bool) -> Outcome:
        """Send what the repository as it was seen does not hold, and tag it."""
        version = self.release.version
        if seen and version in seen.releases:
            return self.released(seen)
        if seen is None:
            self.plan(None)  # refuses what must not be published before anything is made
            self.hub.create(self.repo)
            seen = self.hub.look(self.repo)
        plan = self.plan(seen)
        if seen is None or plan.parent is None:
            raise HubError(f"{self.repo} was made, but cannot be seen", hint="may the token read it?")
        if waits and self._is_underway(seen, plan):
            message = f"{self.repo} holds another {version} that has no tag yet: somebody may be publishing it"
            raise MovedError(message, hint="publish again when they are done")
        commit = plan.parent
        if plan.adds or plan.deletes:
            commit = self.hub.commit(self.repo, plan.parent, plan.adds, plan.deletes, f"Version {version}")
        self._verify(commit)
        now = self.hub.look(self.repo)
        if now is None or now.commit != commit:  # so that the tag is what `main` is, whoever else publishes
            raise MovedError(f"{self.repo} was changed before {version} had its tag", hint="publish again")
        self.hub.tag(self.repo, version, commit, f"Version {version}")
        self._verify(f"v{version}")
        return Outcome(self.release, plan, self.last(seen), commit)

    def released(self, seen: Seen) -> Outcome:
        """The outcome for a version that has its tag already, if the tag is this very release."""
        version, commit = self.release.version, seen.releases[self.release.version]
        at_tag = Seen(commit, self.hub.files(self.repo, commit), {})
        self._finish(at_tag)
        files = self.release.files()
        other = sorted(name for name, path in files.items() if not at_tag.holds(name, path))
        if other:
            message = f"{version} is released in {self.repo} already, with other content: {', '.join(other)}"
            hint = "raise the version in annotations/corpus.toml; a release is never changed"
            raise RefusedError(message, [], hint=hint)
        self._verify(f"v{version}")
        return Outcome(self.release, Plan(commit, {}, [], len(files), []), None, commit, was_there=True)

    def plan(self, seen: Seen | None) -> Plan:
        """What is to be sent. Raises RefusedError for what must not be."""
        notes = self._finish(seen)
        findings = [*self._strange(seen), *self.release.check(self.last(seen))]
        if findings:
            raise RefusedError(f"{self.release.version} must not be published yet", findings)
        files = self.release.files()
        adds = {name: path for name, path in files.items() if not (seen and seen.holds(name, path))}
        deletes = sorted(self._no_longer(seen, files)) if seen else []
        return Plan(seen.commit if seen else None, adds, deletes, len(files) - len(adds), notes)

    def _strange(self, seen: Seen | None) -> Iterator[Finding]:
        """What forbids to publish into this repository: another dataset, or data that nothing here has checked."""
        if seen is None:
            return
        manifest = self._manifest(seen)
        ours = self.release.folder.context.corpus.name
        if seen.files.keys() & {MARK} and manifest.get("name") != ours:
            message = f"{self.repo} holds another dataset, {manifest.get('name')!r}"
            yield Finding(
                "repository", message, "name another repository with --repo, or remove its files by hand", MARK
            )
        known = {*manifest.get("files", ()), *schema.configs(self.release.folder.context.codebook), schema.STANDOFF}
        for name in sorted(seen.files):
            if name.endswith(".parquet") and not {name, name.partition("/")[0]} & known:
                hint = "remove it from the repository; what is in a release must be checked"
                yield Finding(
                    "repository", "is data that is not of this dataset, and would be in the release", hint, name
                )

    def last(self, seen: Seen | None) -> str | None:
        """The release before, by its name on the command line."""
        return f"hub:{self.repo}@v{seen.newest}" if seen and seen.newest else None

    def _finish(self, seen: Seen | None) -> list[str]:
        """Merge the card with that of the repository; what became of the latter, in words."""
        return self.release.finish(self._text(seen, README), self._text(seen, BASE)).notes

    def _text(self, seen: Seen | None, name: str) -> str | None:
        if seen is None or name not in seen.files:
            return None
        known = self._read.get((seen.commit, name))
        if known is not None:
            return known
        text = self.hub.read(self.repo, seen.commit, name).decode("utf-8", "replace")
        if _COMMIT.fullmatch(seen.commit):  # a branch would be another commit the next time
            self._read[seen.commit, name] = text
        return text

    def _manifest(self, seen: Seen) -> dict[str, Any]:
        """The manifest of what `main` holds; empty where it is none of ours."""
        try:
            found = json.loads(self._text(seen, MARK) or "{}")
            return found if isinstance(found["files"], dict) else {}
        except (ValueError, KeyError, TypeError):
            return {}

    def _no_longer(self, seen: Seen, files: Collection[str]) -> set[str]:
        """Files of the repository that go: of the release before; beside the data; scripts that forbid loading.

        Parquet files in the folder of a config would be loaded with it. `datasets` (from 4.0 on) refuses a repository
        with a script of its own name.
        """
        configs = schema.configs(self.release.folder.context.codebook).keys() | {schema.STANDOFF}
        before = self._manifest(seen).get("files", ())
        script = f"{self.repo.partition('/')[2]}.py"
        return {
            name
            for name in seen.files.keys() - set(files)
            if name in before or (name.endswith(".parquet") and name.partition("/")[0] in configs) or name == script
        }

    def _is_underway(self, seen: Seen, plan: Plan) -> bool:
        """Whether `main` holds another version of this number, which nobody has tagged (yet)."""
        return bool(plan.adds) and self._manifest(seen).get("version") == self.release.version

    def _verify(self, revision: str) -> None:
        """Compare what the hub gives at a revision with what was sent: every file, then every row as it is loaded.

        A tag is loaded even when the commit that it names was: that is what users will do.
        """
        there = self.hub.files(self.repo, revision)
        for name, path in self.release.files().items():
            if name not in there or not there[name].is_of(path):
                message = f"{self.repo} at {revision} does not hold {name} as it was sent"
                raise NewsParallaxError(message, hint="somebody else has changed it; publish again")
        manifest = read_manifest(self.release.place)
        codebook = self.release.folder.context.codebook
        digest = loaded_digest(self.repo, revision, self.hub.token, codebook, manifest["rows"], self.cache)
        if digest != manifest["content_digest"]:
            message = f"what is loaded from {self.repo} at {revision} is not what was built: its digest is {digest}"
            raise NewsParallaxError(message, hint="publish again; if it stays, report it")
