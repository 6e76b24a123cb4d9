"""Folders on any file system that fsspec knows, in which files appear whole or not at all."""

from __future__ import annotations

import os
import pickle
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from ...core.errors import UsageError


def file_system(url: str) -> tuple[Any, str]:
    """The file system of a URL or path, and the path on it. Raises UsageError for one that cannot be had."""
    try:
        fs, path = url_to_fs(url)
    except ValueError:
        hint = "use a path, or a URL of a kind that fsspec knows, such as s3://"
        raise UsageError(f"{url}: no file system is known by this name", hint=hint) from None
    except ImportError as error:
        raise UsageError(f"{url}: {error}", hint="install the package that it names with pip") from None
    return fs, str(path)


def is_local(fs: Any) -> bool:
    """Whether paths of the file system are those of this machine."""
    return isinstance(fs, LocalFileSystem)


class Store:
    """A folder by its URL or path; names in it are relative, with forward slashes."""

    def __init__(self, url: str) -> None:
        self.fs, self.root = file_system(url)
        self.root = self.root.rstrip("/") or "/"
        self.local = Path(self.root) if is_local(self.fs) else None
        self.url = self.root if self.local else str(self.fs.unstrip_protocol(self.root))

    def path(self, name: str) -> str:
        """The path of a file on its file system."""
        return f"{self.root}/{name}"

    def within(self, name: str) -> Store:
        """A folder inside this one."""
        return Store(f"{self.url}/{name}")

    def beside(self, name: str) -> Store:
        """A folder next to this one."""
        return Store(f"{self.url.rpartition('/')[0]}/{name}")

    def put(self, name: str, content: bytes) -> None:
        """Write a file in one step."""
        if self.local is None:
            self.fs.pipe_file(self.path(name), content)  # an object appears when all of it has arrived
            return
        with _draft(self.local / name) as draft:
            draft.write_bytes(content)

    def put_file(self, name: str, source: Path) -> None:
        """Put a file of this machine here in one step; `source` may be gone afterwards."""
        if self.local is None:
            self.fs.put_file(str(source), self.path(name))
            return
        target = self.local / name
        if target.parent.is_dir() and source.stat().st_dev == target.parent.stat().st_dev:
            source.replace(target)
            return
        with _draft(target) as draft:
            shutil.copyfile(source, draft)

    def get(self, name: str) -> bytes:
        """The content of a file. Raises FileNotFoundError."""
        return bytes(self.fs.cat_file(self.path(name)))

    def put_object(self, name: str, value: Any) -> None:
        """Write a Python object, for processes of the same program."""
        self.put(name, pickle.dumps(value, pickle.HIGHEST_PROTOCOL))

    def get_object(self, name: str) -> Any:
        """Read what `put_object` wrote."""
        return pickle.loads(self.get(name))

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading."""
        opened: BinaryIO = self.fs.open(self.path(name), "rb")
        return opened

    def copy(self, name: str, target: Store) -> None:
        """Put a file of this folder under the same name into a folder on the same file system, without reading it."""
        if self.local is None or target.local is None:
            self.fs.copy(self.path(name), target.path(name))
            return
        place = target.local / name
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(self.local / name, place)
        except OSError:  # not every file system has links
            shutil.copyfile(self.local / name, place)

    def make(self) -> None:
        """Make the folder, where folders exist."""
        self.fs.makedirs(self.root, exist_ok=True)

    def files(self) -> dict[str, int]:
        """Name -> size of every file in the folder and below; none where there is no folder."""
        self.fs.invalidate_cache()
        found = self.fs.find(self.root, detail=True)
        return {path.removeprefix(f"{self.root}/"): info["size"] for path, info in sorted(found.items())}

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        self.fs.invalidate_cache()
        return bool(self.fs.exists(self.path(name)))

    def remove(self) -> None:
        """Remove the folder and all that it holds."""
        self.fs.invalidate_cache()
        if self.fs.exists(self.root):
            self.fs.rm(self.root, recursive=True)


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """A path beside `target`, which takes its place at the end; of its own for every writer."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name[:100]}.{uuid.uuid4().hex}")
    try:
        yield draft
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
