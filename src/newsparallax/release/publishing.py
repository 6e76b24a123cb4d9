"""Publish a version: change `main` once with all files, tag that commit, and load the tag back.

The steps are: look at the repository; check the version; commit on top of the commit that was looked at; load the new
commit and compare it with the build; tag it; load the tag. Because of this order, an interruption at any moment leaves
a complete release or none, and the next run continues. A commit without its tag is not a release yet; the next run
finds its files in the repository and sets the tag. A new repository is private. If the user wants it public, it becomes
public after its tag was verified.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from .._util import ATTEMPTS, Say, again, waiting
from ..building import Progress, build
from ..corpus import CorpusFolder, schema
from ..dataset import (
    BASE,
    MARK,
    README,
    Hub,
    HubError,
    Manifest,
    MovedError,
    Seen,
    decode_manifest,
    loaded_digest,
    read_manifest,
)
from ..errors import NewsParallaxError
from ..standoff import Mode
from .checks import Finding, Release

_COMMIT = re.compile("[0-9a-f]{40}")


class RefusedError(NewsParallaxError):
    """Error for a version that must not be published; `findings` has the reasons."""

    def __init__(self, message: str, findings: list[Finding], *, hint: str | None = None):
        self.findings = findings
        super().__init__(message, hint=hint)


@dataclass(frozen=True)
class Plan:
    """The changes of one commit on top of `parent` (None: the repository does not exist yet)."""

    parent: str | None
    adds: dict[str, Path]
    deletes: list[str]
    unchanged: int
    notes: list[str]  # about the edits in the repository's card


@dataclass(frozen=True)
class Outcome:
    """What was or would be published after the release `last` (a dataset by its name on the command line).

    `visibility` states in words who can see the repository. `commit` is None where nothing was sent. `was_there` is
    true where the release existed already, so that nothing had to be sent.
    """

    release: Release
    plan: Plan
    last: str | None
    commit: str | None
    visibility: str
    was_there: bool = False


def publish(
    folder: CorpusFolder,
    repo: str,
    *,
    mode: Mode,
    dry_run: bool,
    say: Say,
    private: bool | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Build, check and publish the corpus's version to the repository `repo`; a second call changes nothing.

    `private` is whether the repository is private in the end. None leaves an existing repository unchanged and a new
    one private. If another client changes the repository in between, or the hub has a transient error, the function
    starts again with a look at the repository, at most ATTEMPTS times. Raises RefusedError for a version that must not
    be published; nothing was sent then. Raises HubError where the hub does not fulfil a request, and NewsParallaxError
    where it returns other data than were sent.
    """
    hub = Hub.from_environment(needs_token=not dry_run, say=say)
    first = hub.look(repo)  # early, so that a wrong name or token is reported at once
    hub.check_commits(first)
    release = Release(folder, build(folder, progress=progress), mode)
    if dry_run:
        return would_send(hub, repo, release, first, private=private)
    return send(hub, repo, release, say, private=private)


def would_send(hub: Hub, repo: str, release: Release, seen: Seen | None, *, private: bool | None = None) -> Outcome:
    """Return what publishing would do with the repository in the state `seen`; nothing is sent."""
    with TemporaryDirectory(prefix="newsparallax-") as cache:
        publication = _Publication(hub, repo, release, Path(cache), private)
        if seen and release.version in seen.releases:
            return publication.released(seen)
        plan = publication.plan(seen)
        return Outcome(release, plan, publication.last(seen), None, publication.intention(seen))


def send(hub: Hub, repo: str, release: Release, say: Say, *, private: bool | None = None) -> Outcome:
    """Publish a prepared release; see `publish`."""
    with TemporaryDirectory(prefix="newsparallax-") as cache:
        publication = _Publication(hub, repo, release, Path(cache), private)
        attempts = count(1)
        # no time limit: sending may take hours before a transient error occurs
        return again(lambda: publication.sent(hub.look(repo), waits=next(attempts) < ATTEMPTS), say, patience=None)


@dataclass
class _Publication:
    """The publication of one version to one repository; `cache` is the folder for the data loaded back."""

    hub: Hub
    repo: str
    release: Release
    cache: Path
    private: bool | None = None  # whether the repository is private in the end; None: unchanged
    _read: dict[tuple[str, str], str] = field(default_factory=dict)  # (commit, file) -> text; commits never change
    _made: bool = False  # whether this run created the repository

    def sent(self, seen: Seen | None, *, waits: bool) -> Outcome:
        """Send what the repository in the state `seen` does not hold, and tag it."""
        version = self.release.version
        if seen and version in seen.releases:
            return replace(self.released(seen), visibility=self._settle())
        if seen is None:
            self.plan(None)  # raises RefusedError before the repository is created
            seen = self._make()
        plan = self.plan(seen)
        if waits and self._is_underway(seen, plan):
            message = f"{self.repo} contains a different {version} without a tag; somebody may be publishing it"
            raise MovedError(message, hint="wait until they have finished, then publish again")
        if self.private:
            self._settle()
        if not seen.releases and not self._made:
            self.hub.check_tags(self.repo, seen.commit)
        commit: str | None = seen.commit
        if plan.adds or plan.deletes:
            commit = self.hub.commit(self.repo, seen.commit, plan.adds, plan.deletes, f"Version {version}")
        if commit is None:  # merged, possibly with other changes of `main`
            return replace(self.sent(self.hub.look(self.repo), waits=waits), plan=plan, was_there=False)
        self._verify(commit)
        now = self.hub.look(self.repo)
        if now is None or now.commit != commit:  # the tag must be the head of `main`
            raise MovedError(f"{self.repo} changed before {version} was tagged")
        self.hub.tag(self.repo, version, commit, f"Version {version}")
        self._verify(f"v{version}")
        return Outcome(self.release, plan, self.last(seen), commit, self._settle())

    def _make(self) -> Seen:
        """Create the repository as private and return its state; it is deleted again where it cannot be used."""
        self._made = self.hub.create(self.repo) or self._made
        seen = self.hub.look(self.repo)
        if seen is None and self._made:
            raise HubError(
                f"{self.repo} was created, but is not visible yet", hint="publish again later", transient=True
            )
        if seen is None:
            message = f"{self.repo} already exists at {self.hub.endpoint}, but is not visible; nothing was created"
            raise HubError(
                message, hint="use a token that may read and write it, or choose another repository with --repo"
            )
        try:
            self.hub.check_commits(seen)
            self.hub.check_tags(self.repo, seen.commit)
            if self._made and self.private is not False and not self.hub.is_private(self.repo):
                message = f"the hub at {self.hub.endpoint} created {self.repo} as public, but private was requested"
                raise HubError(message, hint="publish with --public if the repository may be public from the start")
        except HubError as error:
            if self._made and not error.transient and not seen.files.keys() - {".gitattributes", README}:
                self.hub.delete(self.repo)
            raise
        return seen

    def intention(self, seen: Seen | None, *, released: bool = False) -> str:
        """Describe who can see the repository during and after publishing; if `released`, nothing will be sent."""
        verified = f"after v{self.release.version} is verified"
        if seen is None:
            return f"private; public {verified}" if self.private is False else "private (--public makes it public)"
        now = self.hub.is_private(self.repo)
        if self.private in (None, now):
            return f"{_visibility(now)}, unchanged{self._advice(now)}"
        if released:
            return f"{_visibility(now)} now; {_visibility(self.private)} after publishing"
        return "private before anything is sent" if self.private else f"private; public {verified}"

    def _settle(self) -> str:
        """Set the visibility of the repository as requested, and return it in words."""
        now = (self._made and self.private is None) or self.hub.is_private(self.repo)
        if self.private is None:
            return f"{_visibility(now)}{'' if self._made else ', unchanged'}{self._advice(now)}"
        if now != self.private:
            self.hub.set_private(self.repo, self.private)
        return _visibility(self.private)

    def _advice(self, now: bool) -> str:
        return f" (--{_visibility(not now)} makes it {_visibility(not now)})" if self.private is None else ""

    def released(self, seen: Seen) -> Outcome:
        """Return the outcome for a version that is already tagged.

        Raises RefusedError where the tag has other content than this release.
        """
        version = self.release.version
        at_tag = Seen(f"v{version}", self.hub.files(self.repo, f"v{version}"), ())
        self._finish(at_tag)
        files = self.release.files()
        different = sorted(name for name, path in files.items() if not self.hub.holds(self.repo, at_tag, name, path))
        if different:
            message = f"{version} is already released in {self.repo} with different content: {', '.join(different)}"
            hint = "increase the version in annotations/corpus.toml; a release never changes"
            raise RefusedError(message, [], hint=hint)
        self._verify(at_tag.commit)
        plan = Plan(seen.commit, {}, [], len(files), [])
        return Outcome(self.release, plan, None, seen.commit, self.intention(seen, released=True), was_there=True)

    def plan(self, seen: Seen | None) -> Plan:
        """Return the files to send and to delete. Raises RefusedError where findings block publishing."""
        notes = self._finish(seen)
        findings = [*self._strange(seen), *self.release.check(self.last(seen))]
        if findings:
            raise RefusedError(f"{self.release.version} cannot be published; see the blockers above", findings)
        files = self.release.files()
        adds = {
            name: path for name, path in files.items() if not (seen and self.hub.holds(self.repo, seen, name, path))
        }
        deletes = sorted(self._no_longer(seen, files)) if seen else []
        return Plan(seen.commit if seen else None, adds, deletes, len(files) - len(adds), notes)

    def _strange(self, seen: Seen | None) -> Iterator[Finding]:
        """Yield findings about the repository that block publishing: another dataset, or unchecked data files."""
        if seen is None:
            return
        manifest = self._manifest(seen)
        ours = self.release.folder.context.corpus.name
        if seen.files.keys() & {MARK} and (manifest is None or manifest.name != ours):
            name = repr(manifest.name) if manifest else "which this program did not make"
            message = f"{self.repo} contains another dataset, {name}"
            yield Finding(
                "repository", message, "choose another repository with --repo, or remove its files yourself", MARK
            )
        known = {*schema.configs(self.release.folder.context.codebook), schema.STANDOFF}
        known |= set(manifest.files if manifest else ())
        for name in sorted(seen.files):
            if name.endswith(".parquet") and not {name, name.partition("/")[0]} & known:
                hint = "remove the file from the repository; every file of a release must be checked"
                yield Finding(
                    "repository",
                    "contains data that is not of this dataset and would be part of the release",
                    hint,
                    name,
                )

    def last(self, seen: Seen | None) -> str | None:
        """Return the previous release by its name on the command line, None where there is none."""
        return f"hub:{self.repo}@v{seen.newest}" if seen and seen.newest else None

    def _finish(self, seen: Seen | None) -> list[str]:
        """Merge the card with the repository's card, and return notes about the edits there."""
        return self.release.finish(self._text(seen, README), self._text(seen, BASE)).notes

    def _text(self, seen: Seen | None, name: str) -> str | None:
        if seen is None or name not in seen.files:
            return None
        known = self._read.get((seen.commit, name))
        if known is not None:
            return known
        content = self.hub.read(self.repo, seen.commit, name)
        if stored := seen.files[name]:
            self.hub.learn(stored, content)
        text = content.decode("utf-8", "replace")
        if _COMMIT.fullmatch(seen.commit):  # a branch or tag can move to another commit
            self._read[seen.commit, name] = text
        return text

    def _manifest(self, seen: Seen) -> Manifest | None:
        """Return the manifest of the repository, None where it has none of this program."""
        try:
            return decode_manifest((self._text(seen, MARK) or "").encode(), f"{self.repo}/{MARK}")
        except ValueError:
            return None

    def _no_longer(self, seen: Seen, files: Collection[str]) -> set[str]:
        """Return the files to delete from the repository.

        These are files of the previous release, other Parquet files in the folder of a config, and the loading script.
        `datasets` would load such Parquet files with the config. From version 4.0 on, it refuses a repository with a
        script that has the repository's name.
        """
        configs = schema.configs(self.release.folder.context.codebook).keys() | {schema.STANDOFF}
        manifest = self._manifest(seen)
        before = manifest.files if manifest else ()
        script = f"{self.repo.partition('/')[2]}.py"
        return {
            name
            for name in seen.files.keys() - set(files)
            if name in before or (name.endswith(".parquet") and name.partition("/")[0] in configs) or name == script
        }

    def _is_underway(self, seen: Seen, plan: Plan) -> bool:
        """Return whether `main` holds an untagged version with the same number and other content."""
        manifest = self._manifest(seen)
        return bool(plan.adds) and manifest is not None and manifest.version == self.release.version

    def _verify(self, revision: str) -> None:
        """Compare the hub's data at a revision with the sent data: every file, then every row as `datasets` loads it.

        A tag is loaded even if its commit was loaded before, because users load the tag.
        """
        there = Seen(revision, self.hub.files(self.repo, revision), ())
        for name, path in self.release.files().items():
            if not self.hub.holds(self.repo, there, name, path):
                raise self._altered(there, name, path)
        manifest = read_manifest(self.release.place)
        codebook = self.release.folder.context.codebook
        with waiting(f"the hub at {self.hub.endpoint} to return {self.repo} at {revision}", self.hub.say):
            digest = loaded_digest(self.repo, revision, self.hub.token, codebook, manifest.rows, self.cache)
        if digest != manifest.content_digest:
            message = f"the data loaded from {self.repo} at {revision} differ from the build: their digest is {digest}"
            raise NewsParallaxError(message, hint="publish again; if the problem remains, report it")

    def _altered(self, there: Seen, name: str, path: Path) -> NewsParallaxError:
        """Return the error for a file that differs on the hub; only the hub itself can alter the files of a commit."""
        message, stored = f"{self.repo} at {there.commit} does not contain {name} as it was sent", there.files.get(name)
        sent = f"{path.stat().st_size:,} bytes"
        if stored is None:
            message = f"{message}: it is missing"
        elif stored.size == path.stat().st_size:
            message = f"{message}: it has {sent} as expected, but with different content"
        else:
            message = f"{message}: it has {stored.size:,} bytes; {sent} were sent"
        if _COMMIT.fullmatch(there.commit):
            return HubError(
                message, hint="the hub changed the file, for example its line ends; ask the administrator of the hub"
            )
        return HubError(message, hint=f"the tag is not at the verified commit; check the tags of {self.repo}")


def _visibility(private: bool | None) -> str:
    return "private" if private else "public"
