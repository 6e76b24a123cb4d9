"""A dataset repository on a hub, through `huggingface_hub`: what is there, one commit, one tag.

The address is that of HF_ENDPOINT (default: the public hub), the token that of HF_TOKEN. Neither is kept or printed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any
from urllib.parse import urlsplit

from ...core.errors import NewsParallaxError, UsageError
from ...core.versions import VERSION, parse
from ..disk import refusal
from ..publish import MARK

TOKEN, ENDPOINT, OFFLINE = "HF_TOKEN", "HF_ENDPOINT", "HF_HUB_OFFLINE"
DATASETS_OFFLINE = "HF_DATASETS_OFFLINE"
MAIN = "main"
NEEDED = [MARK, "*.parquet", "*.md", "*.json", "*.jsonl", "*.toml"]  # of a dataset made by this program

_TAG = re.compile(f"v({VERSION.pattern})")
_REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_NO_ANSWERS = (json.JSONDecodeError, KeyError, TypeError, AttributeError)  # what the client makes of other answers
_TRANSIENT = {408, 429, 500, 502, 503, 504}


class HubError(NewsParallaxError):
    """The hub does not do what it was asked; `transient` says that asking again may help."""

    def __init__(self, message: str, *, hint: str | None = None, transient: bool = False):
        self.transient = transient
        super().__init__(message, hint=hint)


class MovedError(HubError):
    """Somebody else has changed the repository since it was looked at."""


@dataclass(frozen=True)
class Stored:
    """A file of the repository: its size in bytes, its SHA-1 as git names it, and its SHA-256 if it is a large file."""

    size: int
    blob: str
    sha256: str | None

    def is_of(self, path: Path) -> bool:
        """Whether it is, byte for byte, the local file `path`."""
        if self.size != path.stat().st_size:
            return False
        with path.open("rb") as handle:
            if self.sha256:
                return hashlib.file_digest(handle, "sha256").hexdigest() == self.sha256
            digest = hashlib.sha1(b"blob %d\0" % self.size)  # how git names the content of a file
            digest.update(handle.read())
            return digest.hexdigest() == self.blob


@dataclass(frozen=True)
class Seen:
    """A repository at one moment: the commit that `main` is, its files, and the commits of the releases' tags."""

    commit: str
    files: Mapping[str, Stored]
    releases: Mapping[str, str]

    @property
    def newest(self) -> str | None:
        """The newest release there is."""
        return max(self.releases, key=parse, default=None)

    def holds(self, name: str, path: Path) -> bool:
        """Whether the repository's file `name` is, byte for byte, the local file `path`."""
        return name in self.files and self.files[name].is_of(path)


class Hub:
    """A hub, and who asks it."""

    def __init__(self, token: str | None):
        os.environ.setdefault(OFFLINE, "0")  # before the import, which reads it
        if os.environ.get(ENDPOINT):
            os.environ[ENDPOINT] = _address(os.environ[ENDPOINT])
            os.environ.setdefault("HF_HUB_DISABLE_XET", "1")  # a hub of one's own need not have that storage
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        os.environ.setdefault("HF_UPDATE_DOWNLOAD_COUNTS", "0")  # what is loaded here to look at it is no use of it
        try:
            import huggingface_hub
        except ImportError:
            raise UsageError("huggingface-hub is not installed", hint="`make .venv/release` installs it") from None
        offline = {OFFLINE: huggingface_hub.is_offline_mode(), DATASETS_OFFLINE: _is_on(DATASETS_OFFLINE)}
        for name in filter(offline.get, offline):
            raise UsageError(f"{name} is set, so no hub is asked", hint=f"run it again with {name}=0")
        self.token = token
        self.api = huggingface_hub.HfApi(token=token or False)

    @classmethod
    def from_environment(cls, *, needs_token: bool) -> Hub:
        """The hub that the environment names. Raises UsageError where a token is needed and not there."""
        token = os.environ.get(TOKEN, "").strip() or None
        if needs_token and token is None:
            hint = "make a token that may write on the hub's settings page, and put it in the environment"
            raise UsageError(f"{TOKEN} is not set; without it nothing can be published", hint=hint)
        if token and not re.fullmatch("[!-~]+", token):  # the client's own error would print it
            raise UsageError(f"{TOKEN} holds what no token has: white space, line ends or other characters")
        return cls(token)

    @property
    def endpoint(self) -> str:
        """The hub's address."""
        return str(self.api.endpoint)

    def look(self, repo: str) -> Seen | None:
        """What the repository holds now, or None where there is none (or none that this token may see)."""
        from huggingface_hub.errors import RepositoryNotFoundError

        check_repo(repo)
        with self._asked(f"look at {repo}"):
            try:
                refs = self.api.list_repo_refs(repo, repo_type="dataset")
            except RepositoryNotFoundError as error:
                if error.response.status_code == 404 or not self.token:
                    return None
                raise
            commit = next((branch.target_commit for branch in refs.branches if branch.name == MAIN), None)
            if commit is None:
                raise HubError(f"{repo} has no branch {MAIN}", hint=f"make {MAIN} its default branch")
            tags = ((_TAG.fullmatch(tag.name), tag.target_commit) for tag in refs.tags)
            releases = {found[1]: target for found, target in tags if found}
        return Seen(commit, self.files(repo, commit), releases)

    def files(self, repo: str, revision: str) -> dict[str, Stored]:
        """The files of the repository at a revision."""
        from huggingface_hub.hf_api import RepoFile

        with self._asked(f"list the files of {repo} at {revision}"):
            return {
                entry.path: Stored(entry.size, entry.blob_id, entry.lfs.sha256 if entry.lfs else None)
                for entry in self.api.list_repo_tree(repo, repo_type="dataset", revision=revision, recursive=True)
                if isinstance(entry, RepoFile)
            }

    def read(self, repo: str, commit: str, name: str) -> bytes:
        """The content of a file of the repository at a commit."""
        with tempfile.TemporaryDirectory(prefix="newsparallax-") as work, self._asked(f"read {name} of {repo}"):
            found = self.api.hf_hub_download(repo, name, repo_type="dataset", revision=commit, local_dir=work)
            return Path(found).read_bytes()

    def fetch(self, repo: str, revision: str, work: Path) -> Path:
        """The files of a dataset at a revision, in a folder below `work`."""
        check_repo(repo)
        with self._asked(f"fetch {repo} at {revision}"):
            found = self.api.snapshot_download(
                repo, repo_type="dataset", revision=revision, local_dir=work / "fetched", allow_patterns=NEEDED
            )
        rmtree(Path(found) / ".cache", ignore_errors=True)  # what the client notes beside the files
        return Path(found)

    def create(self, repo: str) -> None:
        """Make the repository if it is not there."""
        with self._asked(f"create {repo}"):
            self.api.create_repo(repo, repo_type="dataset", exist_ok=True)

    def commit(self, repo: str, parent: str, adds: Mapping[str, Path], deletes: list[str], message: str) -> str:
        """Change files in one commit on top of `parent`; the new commit.

        Raises MovedError when `main` is no longer `parent`.
        """
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        operations: list[Any] = [CommitOperationDelete(path) for path in deletes]
        operations += [CommitOperationAdd(path, str(content)) for path, content in adds.items()]
        with self._asked(f"commit to {repo}"):
            made = self.api.create_commit(
                repo, operations, repo_type="dataset", commit_message=message, parent_commit=parent, revision=MAIN
            )
        return str(made.oid)

    def tag(self, repo: str, version: str, commit: str, message: str) -> None:
        """Tag a commit as a release. Raises MovedError when the tag is there already."""
        with self._asked(f"tag {repo}"):
            self.api.create_tag(repo, tag=f"v{version}", tag_message=message, revision=commit, repo_type="dataset")

    @contextmanager
    def _asked(self, what: str) -> Iterator[None]:
        """Turn what the client raises into a HubError that says what was asked and what to do."""
        try:
            yield
        except (NewsParallaxError, KeyboardInterrupt):
            raise
        except Exception as error:  # the client raises errors of many kinds, and of the library below it
            raise self._told(what, error) from None

    def _told(self, what: str, error: Exception) -> NewsParallaxError:
        if full := refusal(error):
            return no_room(what, full)
        found: BaseException | None = error
        while found is not None and getattr(found, "response", None) is None:
            found = found.__cause__  # an upload's error is wrapped in a RuntimeError
        status = getattr(getattr(found, "response", None), "status_code", None)
        said = self._without_token(str(getattr(found, "server_message", None) or error).strip().split("\n")[0])
        message = f"the hub at {self.endpoint} did not {what}: {said}"
        if status in (409, 412):
            return MovedError(message, hint="somebody else has changed the repository in between")
        if status in (401, 403):
            return HubError(message, hint=f"give a token in {TOKEN} that may do this")
        if status == 404:
            hint = f"is the name right (and {ENDPOINT}, if it is set), and may the token in {TOKEN} see it?"
            return HubError(message, hint=hint)
        if status is None and isinstance(error, _NO_ANSWERS):
            message = f"what answers at {self.endpoint} is no hub, or does not answer as one: it did not {what}"
            message += f" ({type(error).__name__}: {said})"
            hint = f"is the address in {ENDPOINT} right, and no page to log in at before it?"
            return HubError(message, hint=hint, transient=True)
        if status is None and isinstance(error, ValueError):
            return HubError(message)
        transient = status is None or status in _TRANSIENT
        return HubError(message, hint="try again later" if transient else None, transient=transient)

    def _without_token(self, message: str) -> str:
        return message.replace(self.token, "***") if self.token else message


def no_room(what: str, said: str) -> NewsParallaxError:
    """The error for what the hub gives and a disk of this machine, which said `said`, does not take."""
    from huggingface_hub.constants import HF_HUB_CACHE

    hint = f"make room in {tempfile.gettempdir()} and {HF_HUB_CACHE} (TMPDIR and HF_HOME name other places)"
    return NewsParallaxError(f"could not {what}: {said}", hint=f"{hint}, and run it again")


def _is_on(name: str) -> bool:
    return os.environ.get(name, "").upper() in {"1", "ON", "YES", "TRUE"}


def _address(endpoint: str) -> str:
    """The address without what follows it: `huggingface_hub` parses paths wrongly after a slash at its end."""
    address = endpoint.strip().rstrip("/")
    try:
        parts = urlsplit(address)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return address
    except ValueError:
        pass
    raise UsageError(f"{ENDPOINT} is {endpoint!r}, expected an address such as https://hub.example.org")


def check_repo(repo: str) -> None:
    """Raise UsageError for what is no name of a repository."""
    if not _REPO.fullmatch(repo):
        raise UsageError(f"{repo!r} names no repository", hint="expected ORG/NAME")
