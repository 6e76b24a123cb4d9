"""A dataset repository as a hub keeps it: a real bare git repository, and a folder of LFS objects beside it.

Only git's plumbing is used, with an index file of its own for each commit; branches move by `git update-ref` with the
commit they were at, so that git itself refuses a second commit on the same parent. Commit dates count on from a fixed
day: the same calls make the same commits.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

NONE = "0" * 40
FIRST_DAY = 1_767_225_600  # 2026-01-01T00:00:00Z, seconds since 1970
SHA = re.compile("[0-9a-f]{4,64}")
NO_NAME = re.compile(r"[\x00-\x20~^:?*\[\\\x7f]|\.\.|@\{|^[-/]|/$")  # what git would take for more than a name
POINTER = re.compile(rb"version https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize ([0-9]+)\n")
POINTER_LIMIT = 200  # bytes; a pointer has about 130
TO_LFS = "filter=lfs diff=lfs merge=lfs -text"
ATTRIBUTES = "".join(
    f"*.{ending} {TO_LFS}\n" for ending in ("7z", "arrow", "bin", "gz", "npz", "parquet", "tar", "zip")
)
CONFIG = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"
WHO = {"NAME": "hub", "EMAIL": "hub@localhost"}
BARE = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "LC_ALL": "C", "PATH": os.environ.get("PATH", "")}
NOBODY = BARE | {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in WHO.items()}


class MovedError(Exception):
    """The branch is no longer at the commit that a new one was to follow; holds where it is."""


class MissingError(Exception):
    """A revision, or a path of a revision, that is not there."""


class TakenError(Exception):
    """A branch or tag that is there already."""


class Lfs(NamedTuple):
    """What a pointer file says: the SHA-256 and the size in bytes of the object it stands for."""

    oid: str
    size: int

    @property
    def pointer(self) -> bytes:
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.oid}\nsize {self.size}\n".encode()


class Entry(NamedTuple):
    """A file or folder of a revision; `oid` and `size` are git's, thus those of the pointer where there is one."""

    path: str
    kind: str  # "blob" or "tree"
    oid: str
    size: int
    lfs: Lfs | None


class Commit(NamedTuple):
    """A commit of the history; `date` in seconds since 1970."""

    sha: str
    parents: tuple[str, ...]
    date: int
    title: str
    message: str


class BareRepository:
    """The git repository `folder`, and its LFS objects in `folder` with the ending `.lfs`."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.objects = folder.with_suffix(".lfs")
        self._moving = threading.Lock()

    # -- being there

    @property
    def exists(self) -> bool:
        return (self.folder / "HEAD").is_file()

    @property
    def private(self) -> bool:
        return (self.folder / "private").exists()

    @private.setter
    def private(self, private: bool) -> None:
        mark = self.folder / "private"
        mark.touch() if private else mark.unlink(missing_ok=True)

    def create(self, *, private: bool = False, sha256: bool = False) -> None:
        """A repository with the first commit that a hub makes: `.gitattributes` alone. It is there whole or not."""
        draft = BareRepository(self.folder.with_suffix(".new"))
        # what `git init --bare` writes, without its hooks and a process
        for name in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
            (draft.folder / name).mkdir(parents=True)
        config = CONFIG.replace("= 0", "= 1") + "[extensions]\n\tobjectformat = sha256\n" if sha256 else CONFIG
        (draft.folder / "config").write_text(config)
        (draft.folder / "HEAD").write_text("ref: refs/heads/main\n")
        if private:
            (draft.folder / "private").touch()
        draft.commit({".gitattributes": ATTRIBUTES.encode()}, "initial commit")
        self.objects.mkdir(exist_ok=True)
        draft.folder.rename(self.folder)

    # -- reading

    def git(self, *args: str, given: bytes = b"", **more: str) -> bytes:
        """What a git command says. Raises CalledProcessError, with what it complains of, where it fails."""
        command = ["git", f"--git-dir={self.folder}", *args]
        return subprocess.run(command, input=given, env={**NOBODY, **more}, capture_output=True, check=True).stdout

    def head(self, branch: str = "main") -> str:
        """The commit that a branch is at. Raises MissingError."""
        return self._commit_of(f"refs/heads/{branch}")

    def resolve(self, revision: str) -> str:
        """The commit that a branch, tag, or commit id (also a short one) names, in this order. Raises MissingError."""
        if not revision or NO_NAME.search(revision):
            raise MissingError(revision)
        names = [f"refs/heads/{revision}", f"refs/tags/{revision}"]
        names += [revision] if SHA.fullmatch(revision) or revision.startswith("refs/") else []
        for name in names:
            try:
                return self._commit_of(name)
            except MissingError:
                continue
        raise MissingError(revision)

    def _commit_of(self, name: str) -> str:
        try:
            return (
                self.git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").decode().strip()
            )
        except subprocess.CalledProcessError:
            raise MissingError(name) from None

    def refs(self, kind: str, *, peeled: bool = True) -> dict[str, str]:
        """Names of branches ("heads"), tags ("tags") or pull requests ("pr") and their commits, sorted by name.

        Without `peeled`, a tag with a message stands for itself: the id is not that of its commit.
        """
        said = self.git(
            "for-each-ref", "--format=%(refname)%00%(*objectname)%00%(objectname)", f"refs/{kind}/"
        ).decode()
        rows = (line.split("\0") for line in said.splitlines())
        return {name.removeprefix(f"refs/{kind}/"): (peeled and of) or oid for name, of, oid in rows}

    def history(self, revision: str, path: str | None = None, limit: int | None = None) -> list[Commit]:
        """The commits that led to `revision` (and touched `path`), newest first. Raises MissingError."""
        only = [] if limit is None else [f"--max-count={limit}"]
        of = [] if path is None else ["--", path]
        said = self.git("log", "-z", "--format=%H%n%P%n%ct%n%s%n%b", *only, self.resolve(revision), *of).decode()
        parts = (found.split("\n", 4) for found in said.split("\0") if found)
        return [Commit(sha, tuple(up.split()), int(date), title, text.strip()) for sha, up, date, title, text in parts]

    def tree(self, revision: str, path: str = "", *, recursive: bool = True) -> list[Entry]:
        """Files and folders under a folder (or the file itself), in git's order. Raises MissingError."""
        return self._entries(self.resolve(revision), path, recursive=recursive)

    def _entries(self, sha: str, path: str = "", *, recursive: bool = True) -> list[Entry]:
        options = ["-r", "-t"] if recursive else []
        under = f"{sha}:{path}" if path else sha
        try:
            said = self.git("ls-tree", "-z", "-l", *options, "--full-tree", under)
        except subprocess.CalledProcessError:
            one = self.git("ls-tree", "-z", "-l", "--full-tree", sha, "--", path)
            if not one:
                raise MissingError(path) from None
            said = one.replace(path.encode(), b"", 1)  # the path is put before it again below
        found = []
        for row in filter(None, said.decode().split("\0")):
            about, name = row.split("\t", 1)
            _, kind, oid, size = about.split()
            full = "/".join(filter(None, (path, name)))
            found.append(Entry(full, kind, oid, 0 if kind == "tree" else int(size), None))
        small = [entry.oid for entry in found if entry.kind == "blob" and entry.size <= POINTER_LIMIT]
        pointers = dict(self._pointers(small))
        return [entry._replace(lfs=pointers.get(entry.oid)) for entry in found]

    def _pointers(self, oids: list[str]) -> Iterator[tuple[str, Lfs]]:
        """Those of some small blobs that are pointers."""
        if not oids:
            return
        said = self.git("cat-file", "--batch", given="".join(f"{oid}\n" for oid in oids).encode())
        place = 0
        for oid in oids:
            line = said.index(b"\n", place)
            size = int(said[place:line].split()[2])
            if found := POINTER.fullmatch(said, line + 1, line + 1 + size):
                yield oid, Lfs(found[1].decode(), int(found[2]))
            place = line + 1 + size + 1

    def entry(self, revision: str, path: str) -> Entry:
        """One file or folder. Raises MissingError."""
        sha = self.resolve(revision)
        said = self.git("ls-tree", "-z", "-l", "--full-tree", sha, "--", path)
        if not path or not said:
            raise MissingError(path)
        _, kind, oid, size = said.decode().split("\t", 1)[0].split()
        if kind == "tree":
            return Entry(path, kind, oid, 0, None)
        pointer = dict(self._pointers([oid])) if int(size) <= POINTER_LIMIT else {}
        return Entry(path, kind, oid, int(size), pointer.get(oid))

    def blob(self, oid: str) -> bytes:
        return self.git("cat-file", "blob", oid)

    def read(self, revision: str, path: str) -> bytes:
        """A file's content, that of the LFS object where git holds a pointer. Raises MissingError."""
        entry = self.entry(revision, path)
        return (self.objects / entry.lfs.oid).read_bytes() if entry.lfs else self.blob(entry.oid)

    def files(self, revision: str) -> dict[str, str]:
        """Every file of a revision and the SHA-256 of its content (LFS objects, not pointers). Raises MissingError."""
        return {
            entry.path: entry.lfs.oid if entry.lfs else hashlib.sha256(self.blob(entry.oid)).hexdigest()
            for entry in self.tree(revision)
            if entry.kind == "blob"
        }

    # -- writing

    def goes_to_lfs(self, path: str, attributes: bytes) -> bool:
        """Whether the lines of a .gitattributes say that a path belongs to LFS; the last line that fits decides."""
        said = False
        for line in attributes.decode().splitlines():
            pattern, *values = line.split() or [""]
            name = path if "/" in pattern else path.rpartition("/")[2]
            if values and fnmatchcase(name, pattern.removeprefix("/")):
                said = "filter=lfs" in values
        return said

    @contextmanager
    def receiving(self) -> Iterator[Path]:
        """A file to receive an LFS object in, beside the objects; it goes when the block ends unless it was moved."""
        handle, name = tempfile.mkstemp(prefix="receiving-", dir=self.objects)
        os.close(handle)
        try:
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)

    def keep(self, data: bytes) -> Lfs:
        """Put an LFS object here."""
        oid = hashlib.sha256(data).hexdigest()
        with self.receiving() as place:
            place.write_bytes(data)
            place.replace(self.objects / oid)
        return Lfs(oid, len(data))

    def has(self, oid: str, size: int | None = None) -> bool:
        """Whether an LFS object is here, of this size in bytes."""
        place = self.objects / oid
        return place.is_file() and size in (None, place.stat().st_size)

    def commit(
        self,
        changes: Mapping[str, bytes | Lfs | None],
        title: str,
        message: str = "",
        *,
        branch: str = "main",
        parent: str | None = None,
        folders: tuple[str, ...] = (),
    ) -> str:
        """A commit on top of a branch: files with these contents, without those that are None and these folders.

        With `parent`, the branch must be at that commit. Raises MovedError, and MissingError for a branch, or something
        to be taken away, that is not there.
        """
        with self._moving:
            found = self.refs("heads")
            ref = branch if branch.startswith("refs/") else f"refs/heads/{branch}"
            head = self._commit_of(ref) if ref == branch else found.get(branch)
            if head is None and (found or branch != "main"):
                raise MissingError(branch)
            if parent is not None and parent != head:
                raise MovedError(head)
            sha = self._write(head, changes, folders, "\n\n".join(filter(None, (title, message))))
            try:
                self.git("update-ref", ref, sha, head or "")
            except subprocess.CalledProcessError:
                raise MovedError(self._commit_of(ref)) from None
            return sha

    def _write(
        self, head: str | None, changes: Mapping[str, bytes | Lfs | None], folders: tuple[str, ...], text: str
    ) -> str:
        there = {entry.path for entry in self._entries(head) if entry.kind == "blob"} if head else set()
        gone = {path for path, content in changes.items() if content is None}
        for folder in folders:
            inside = {path for path in there if path.startswith(f"{folder.rstrip('/')}/")}
            if not inside:
                raise MissingError(folder)
            gone |= inside
        if missing := sorted(gone - there):
            raise MissingError(missing[0])
        none = NONE if head is None else "0" * len(head)
        lines = [f"0 {none}\t{path}" for path in sorted(gone)]
        for path, content in changes.items():
            if content is not None:
                data = content.pointer if isinstance(content, Lfs) else content
                oid = self.git("hash-object", "-w", "--stdin", given=data).decode().strip()
                lines.append(f"100644 {oid}\t{path}")
        with tempfile.TemporaryDirectory(prefix="index-", dir=self.folder) as work:
            index = {"GIT_INDEX_FILE": str(Path(work) / "index")}
            self.git("read-tree", *([head] if head else ["--empty"]), **index)
            self.git(
                "update-index", "-z", "--index-info", given="".join(f"{line}\0" for line in lines).encode(), **index
            )
            tree = self.git("write-tree", **index).decode().strip()
        number = int(self.git("rev-list", "--count", "--all")) if head else 0
        date = f"{FIRST_DAY + 60 * number} +0000"
        dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        parents = ["-p", head] if head else []
        return self.git("commit-tree", tree, *parents, given=text.encode() + b"\n", **dates).decode().strip()

    def add_ref(self, kind: str, name: str, revision: str, message: str | None = None) -> None:
        """A new branch ("heads") or tag ("tags"), the latter annotated where there is a message.

        Raises TakenError, MissingError for the revision, and ValueError for an impossible name.
        """
        sha = self.resolve(revision)
        try:
            self.git("check-ref-format", f"refs/{kind}/{name}")
        except subprocess.CalledProcessError:
            raise ValueError(name) from None
        at = sha
        if message:
            about = (
                f"object {sha}\ntype commit\ntag {name}\ntagger hub <hub@localhost> {FIRST_DAY} +0000\n\n{message}\n"
            )
            at = self.git("mktag", given=about.encode()).decode().strip()
        with self._moving:
            if name in self.refs(kind):
                raise TakenError(name)
            self.git("update-ref", f"refs/{kind}/{name}", at, "")

    def remove_ref(self, kind: str, name: str) -> None:
        """Take a branch or tag away. Raises MissingError."""
        with self._moving:
            if name not in self.refs(kind):
                raise MissingError(name)
            self.git("update-ref", "-d", f"refs/{kind}/{name}")

    def merge(self, number: int) -> str:
        """Move `main` to one commit with the files of a pull request. Raises MovedError where `main` has moved."""
        with self._moving:
            base, head = self.head(), self._commit_of(f"refs/pr/{number}")
            if self.git("merge-base", base, head).decode().strip() != base:
                raise MovedError(base)
            number_of = int(self.git("rev-list", "--count", "--all"))
            date = f"{FIRST_DAY + 60 * number_of} +0000"
            dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
            title = self.git("log", "-1", "--format=%s", head)
            sha = self.git("commit-tree", f"{head}^{{tree}}", "-p", base, given=title, **dates).decode().strip()
            self.git("update-ref", "refs/heads/main", sha, base)
            return sha

    def open_request(self) -> int:
        """A new pull request without changes; its number."""
        with self._moving:
            number = len(self.refs("pr")) + 1
            self.git("update-ref", f"refs/pr/{number}", self.head())
            return number
