"""Access a dataset repository on a hub through `huggingface_hub`.

The module reads the state of a repository at one moment, changes `main` in one step, and sets a tag for a release.
"""

from __future__ import annotations

import filecmp
import hashlib
import re
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any, TypeVar

from .._util import Say, again, file_digest, to_stderr, waiting
from ..corpus import VERSION, parse
from ..errors import NewsParallaxError, UsageError
from .hub_client import (
    NO_ROUTE,
    TOKEN,
    HubError,
    MovedError,
    check_commit,
    client,
    failure,
    find_token,
    large_files_refused,
    new_name,
)
from .manifest import MARK

MAIN = "main"
NEEDED = [MARK, "*.parquet", "*.md", "*.json", "*.jsonl", "*.toml"]  # the files of a dataset built here
COMMIT_FILES = 100  # in one commit: the maximum that the public hub recommends

_TAG = re.compile(f"v({VERSION.pattern})")
_REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_NO_TAG = "no~tag"  # not a valid tag name in Git

T = TypeVar("T")


class Hub:
    """A hub and the token for requests to it; `say` receives a line for every wait.

    Requests that only read are repeated after a transient error. Requests that write are not; the caller first looks at
    the repository and then decides.
    """

    def __init__(self, token: str | None, say: Say = to_stderr):
        self.token = token
        self.say = say
        self.api = client().HfApi(token=token or False)
        self._git_names: bool | None = None  # whether the hub's blob ids are Git's; None: not known yet

    @classmethod
    def from_environment(cls, *, needs_token: bool, say: Say = to_stderr) -> Hub:
        """Return the hub that the environment names. Raises UsageError where a token is needed and missing."""
        client()
        token = find_token(say)
        if needs_token and token is None:
            message = f"{TOKEN} is not set, and no login is saved; publishing needs a token"
            hint = f"create a token with write access on the hub's settings page; set {TOKEN}, or run `hf auth login`"
            raise UsageError(message, hint=hint)
        return cls(token, say)

    @property
    def endpoint(self) -> str:
        """The URL of the hub."""
        return str(self.api.endpoint)

    def look(self, repo: str) -> Seen | None:
        """Return the current state of the repository, or None where it does not exist or the token cannot see it.

        Raises UsageError for a repository that was renamed, and HubError for one without a branch `main`.
        """
        check_repo(repo)
        refs = self._read(f"look up {repo}", repo, lambda: self._refs(repo))
        if new := new_name(repo):
            raise UsageError(f"{repo} was renamed to {new}", hint=f"use the new name: --repo {new}")
        if refs is None:
            return None
        commit = next((branch.target_commit for branch in refs.branches if branch.name == MAIN), None)
        if commit is None:
            raise HubError(f"{repo} has no branch {MAIN}", hint=f"make {MAIN} its default branch")
        tags = (_TAG.fullmatch(tag.name) for tag in refs.tags)
        return Seen(commit, self.files(repo, commit), [tag[1] for tag in tags if tag])

    def _refs(self, repo: str) -> Any:
        from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

        try:
            return self.api.list_repo_refs(repo, repo_type="dataset")
        except GatedRepoError:
            raise
        except RepositoryNotFoundError as error:
            if error.response.status_code == 404 or not self.token:
                return None
            raise

    def check_commits(self, seen: Seen | None) -> None:
        """Raise HubError where the hub's commit ids have a form with which publishing is impossible.

        Where the repository does not exist yet, the check uses another dataset of the hub.
        """
        if seen:
            check_commit(self.endpoint, seen.commit)
            return
        others: list[Any] = []
        with suppress(HubError), self._asked("list a dataset"):  # some hubs cannot list datasets
            others = list(self.api.list_datasets(limit=1, expand=["sha"]))
        for commit in others:
            if re.fullmatch("[0-9a-f]+", commit.sha or ""):
                check_commit(self.endpoint, commit.sha)

    def files(self, repo: str, revision: str) -> dict[str, Stored]:
        """Return the files of the repository at a revision, by path."""
        from huggingface_hub import RepoFile

        def listed() -> dict[str, Stored]:
            return {
                entry.path: Stored(entry.lfs.size, entry.blob_id, entry.lfs.sha256)
                if entry.lfs
                else Stored(entry.size, entry.blob_id, None)
                for entry in self.api.list_repo_tree(repo, repo_type="dataset", revision=revision, recursive=True)
                if isinstance(entry, RepoFile)
            }

        return self._read(f"list the files of {repo} at {revision}", repo, listed)

    def read(self, repo: str, revision: str, name: str) -> bytes:
        """Return the content of a file of the repository at a revision."""
        with tempfile.TemporaryDirectory(prefix="newsparallax-") as work:
            return self._file(repo, revision, name, Path(work)).read_bytes()

    def holds(self, repo: str, seen: Seen, name: str, path: Path) -> bool:
        """Return whether the repository's file `name` equals the local file `path` byte for byte.

        Where the hub's blob ids may differ from Git's, the method downloads the file and compares the content.
        """
        stored = seen.files.get(name)
        if stored is None or stored.size != path.stat().st_size:
            return False
        same = stored.is_of(path)
        if same or stored.sha256 or self._git_names:
            return same
        with tempfile.TemporaryDirectory(prefix="newsparallax-") as work:
            same = filecmp.cmp(self._file(repo, seen.commit, name, Path(work)), path, shallow=False)
        if same and self._git_names is None:
            self.say(f"the hub at {self.endpoint} does not report Git ids of files; their content is compared instead")
            self._git_names = False
        return same

    def learn(self, stored: Stored, content: bytes) -> None:
        """Note from a stored file and its content whether the hub's blob ids are Git's."""
        if not stored.sha256 and self._git_names is None and stored.blob == git_name(content):
            self._git_names = True

    def _file(self, repo: str, revision: str, name: str, work: Path) -> Path:
        def fetched() -> Path:
            return Path(self.api.hf_hub_download(repo, name, repo_type="dataset", revision=revision, local_dir=work))

        return self._read(f"read {name} of {repo}", repo, fetched)

    def fetch(self, repo: str, revision: str, work: Path) -> Path:
        """Download the files of a dataset at a revision; return their folder, which is inside `work`."""
        check_repo(repo)
        folder = work / "fetched"

        def fetched() -> Path:
            rmtree(folder, ignore_errors=True)  # the client treats leftovers of an earlier attempt as complete
            self.api.snapshot_download(
                repo, repo_type="dataset", revision=revision, local_dir=folder, allow_patterns=NEEDED
            )
            return folder

        self._read(f"fetch {repo} at {revision}", repo, fetched)
        if new := new_name(repo):
            self.say(f"{repo} was renamed to {new}")
        rmtree(folder / ".cache", ignore_errors=True)  # metadata that the client writes
        return folder

    def create(self, repo: str) -> bool:
        """Create a private repository; return False where the name is taken."""
        try:
            with self._asked(f"create {repo}", repo):
                self.api.create_repo(repo, repo_type="dataset", private=True)
        except MovedError:
            return False
        return True

    def delete(self, repo: str) -> None:
        """Delete a repository that was made by mistake."""
        with self._asked(f"delete {repo} again, which was just created", repo):
            self.api.delete_repo(repo, repo_type="dataset")

    def is_private(self, repo: str) -> bool:
        """Return whether the repository is private."""
        info = self._read(
            f"show the visibility of {repo}", repo, lambda: self.api.dataset_info(repo, expand=["private"])
        )
        return bool(info.private)

    def set_private(self, repo: str, private: bool) -> None:
        """Make a repository private or public."""
        with self._asked(f"make {repo} {'private' if private else 'public'}", repo):
            self.api.update_repo_settings(repo, repo_type="dataset", private=private)

    def check_tags(self, repo: str, commit: str) -> None:
        """Raise HubError where the hub does not support tags.

        The check requests a tag with an invalid name, so that it leaves no tag behind.
        """
        try:
            with self._asked(f"tag {repo}", repo):
                self.api.create_tag(repo, tag=_NO_TAG, revision=commit, repo_type="dataset")
        except HubError as error:
            if error.status in NO_ROUTE:
                message = f"the hub at {self.endpoint} seems not to support tags: {error.message}"
                raise HubError(message, hint="a release is a tag; publish to a hub with tags") from None
            if error.transient or error.status in (401, 403):
                raise
        else:
            with self._asked(f"delete the tag {_NO_TAG} of {repo}", repo):
                self.api.delete_tag(repo, tag=_NO_TAG, repo_type="dataset")

    def commit(self, repo: str, parent: str, adds: Mapping[str, Path], deletes: list[str], message: str) -> str | None:
        """Change files on top of `parent`, with a single change of `main`; return the new commit.

        More than COMMIT_FILES changes go through a pull request, which is then merged. In that case the method returns
        None, and the caller has to look at `main`. Raises MovedError when `main` is no longer `parent`.
        """
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        operations: list[Any] = [CommitOperationDelete(path) for path in deletes]
        operations += [CommitOperationAdd(path, str(content)) for path, content in adds.items()]
        if len(operations) > COMMIT_FILES:
            return self._merge(repo, parent, operations, message)
        return str(self._commit(repo, parent, operations, message).oid)

    def _commit(self, repo: str, parent: str, operations: list[Any], message: str, **more: Any) -> Any:
        with self._asked(f"commit to {repo}", repo):
            try:
                return self.api.create_commit(
                    repo, operations, repo_type="dataset", commit_message=message, parent_commit=parent, **more
                )
            except ValueError as error:
                infos = {op.path_in_repo: op.upload_info for op in operations if hasattr(op, "upload_info")}
                names = {info.sha256.hex(): name for name, info in infos.items() if info.sha256}
                raise large_files_refused(error, names) from None

    def _merge(self, repo: str, parent: str, operations: list[Any], message: str) -> str | None:
        try:
            with self._asked(f"open a pull request in {repo}", repo):
                request = self.api.create_pull_request(repo, message, repo_type="dataset")
        except HubError as error:
            if error.status not in (400, 403, *NO_ROUTE):
                raise
            self.say(f"{error.message}; all files are sent in one commit")
            return str(self._commit(repo, parent, operations, message).oid)
        try:
            head = parent
            for at in range(0, len(operations), COMMIT_FILES):
                part = operations[at : at + COMMIT_FILES]
                head = self._commit(repo, head, part, message, revision=f"refs/pr/{request.num}").oid
            now = self.look(repo)
            if now is None or now.commit != parent:
                raise MovedError(f"{repo} was changed by somebody else meanwhile")
            with self._asked(f"merge pull request {request.num} of {repo}", repo):
                self.api.change_discussion_status(repo, request.num, "open", repo_type="dataset")  # was a draft
                self.api.merge_pull_request(repo, request.num, repo_type="dataset")
        except NewsParallaxError:
            with suppress(NewsParallaxError), self._asked(f"close pull request {request.num} of {repo}", repo):
                self.api.change_discussion_status(repo, request.num, "closed", repo_type="dataset")
            raise
        return None

    def tag(self, repo: str, version: str, commit: str, message: str) -> None:
        """Tag a commit as a release. Raises MovedError when the tag exists already."""
        with self._asked(f"tag {repo}", repo):
            self.api.create_tag(repo, tag=f"v{version}", tag_message=message, revision=commit, repo_type="dataset")

    def _read(self, what: str, repo: str, ask: Callable[[], T]) -> T:
        def asked() -> T:
            with self._asked(what, repo):
                return ask()

        return again(asked, self.say)

    @contextmanager
    def _asked(self, what: str, repo: str = "") -> Iterator[None]:
        """Convert the client's exceptions to a HubError with the request and a hint; report long waits."""
        try:
            with waiting(f"the hub at {self.endpoint} to {what}", self.say):
                yield
        except (NewsParallaxError, KeyboardInterrupt):
            raise
        except Exception as error:  # the client raises many types of exceptions, also those of its HTTP library
            raise failure(self.endpoint, what, error, self.token, repo) from None


def check_repo(repo: str) -> None:
    """Raise UsageError where `repo` is not a repository name of the form ORG/NAME."""
    if not _REPO.fullmatch(repo):
        raise UsageError(f"{repo!r} is not the name of a repository", hint="expected ORG/NAME")


@dataclass(frozen=True)
class Stored:
    """A file of the repository: its size in bytes, its blob id (Git's SHA-1), and for large files its SHA-256."""

    size: int
    blob: str
    sha256: str | None

    def is_of(self, path: Path) -> bool:
        """Return whether size and digest are those of the local file `path`."""
        if self.size != path.stat().st_size:
            return False
        return file_digest(path) == self.sha256 if self.sha256 else git_name(path.read_bytes()) == self.blob


@dataclass(frozen=True)
class Seen:
    """The state of a repository at one moment: the commit of `main`, its files, and the releases that have tags."""

    commit: str
    files: Mapping[str, Stored]
    releases: Collection[str]

    @property
    def newest(self) -> str | None:
        """The newest release, None where there is none."""
        return max(self.releases, key=parse, default=None)


def git_name(content: bytes) -> str:
    """Return Git's blob id (SHA-1, hexadecimal) of a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
