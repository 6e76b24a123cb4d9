"""Folders on any file system that fsspec supports, with atomic writes."""

from __future__ import annotations

import os
import pickle
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow.parquet as pq
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from .._util import replacing
from ..errors import UsageError

SIDE_BY_SIDE = 16  # simultaneous requests to a file system


def file_system(url: str) -> tuple[Any, str]:
    """Return the file system of a URL or path, and the path on it. Raises UsageError where it is not available."""
    try:
        fs, path = url_to_fs(url)
    except ValueError:
        hint = "use a path, or a URL that fsspec supports, such as s3://"
        raise UsageError(f"{url}: fsspec does not support URLs of this kind", hint=hint) from None
    except ImportError as error:
        raise UsageError(f"{url}: {error}", hint="install the named package with pip") from None
    return fs, str(path)


def is_local(fs: Any) -> bool:
    """Return whether the file system is that of this machine."""
    return isinstance(fs, LocalFileSystem)


class Store:
    """A folder, given by URL or path; file names are relative to it, with forward slashes."""

    def __init__(self, url: str) -> None:
        self.fs, self.root = file_system(url)
        self.root = self.root.rstrip("/") or "/"
        self.local = Path(self.root) if is_local(self.fs) else None
        self.url = self.root if self.local else str(self.fs.unstrip_protocol(self.root))

    def path(self, name: str) -> str:
        """Return the path of a file on its file system."""
        return f"{self.root}/{name}"

    def within(self, name: str) -> Store:
        """Return a folder inside this one."""
        return Store(f"{self.url}/{name}")

    def beside(self, name: str) -> Store:
        """Return a folder next to this one."""
        return Store(f"{self.url.rpartition('/')[0]}/{name}")

    def put(self, name: str, content: bytes) -> None:
        """Write a file atomically."""
        if self.local is None:
            self.fs.pipe_file(self.path(name), content)  # an object store shows only complete objects
            return
        with replacing(self.local / name) as draft:
            draft.write_bytes(content)

    def put_file(self, name: str, source: Path) -> None:
        """Put a local file here atomically; `source` may no longer exist afterwards."""
        if self.local is None:
            self.fs.put_file(str(source), self.path(name))
            return
        target = self.local / name
        if target.parent.is_dir() and source.stat().st_dev == target.parent.stat().st_dev:
            source.replace(target)
            return
        with replacing(target) as draft:
            shutil.copyfile(source, draft)

    def get(self, name: str) -> bytes:
        """Return the content of a file. Raises FileNotFoundError."""
        return bytes(self.fs.cat_file(self.path(name)))

    def read_range(self, name: str, begin: int, end: int) -> bytes:
        """Return the bytes of a file from `begin` to `end`. Raises OSError where the file is shorter."""
        content = bytes(self.fs.cat_file(self.path(name), start=begin, end=end))
        if len(content) != end - begin:
            raise OSError(f"{self.url}/{name} ends before byte {end}")
        return content

    def put_object(self, name: str, value: Any) -> None:
        """Write a Python object for other processes of the same program."""
        self.put(name, pickle.dumps(value, pickle.HIGHEST_PROTOCOL))

    def get_object(self, name: str) -> Any:
        """Read an object that `put_object` wrote."""
        return pickle.loads(self.get(name))

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading."""
        opened: BinaryIO = self.fs.open(self.path(name), "rb")
        return opened

    @contextmanager
    def open_parquet(self, name: str) -> Iterator[pq.ParquetFile]:
        """Open a Parquet file for reading, row group by row group."""
        if self.local:
            with pq.ParquetFile(self.local / name) as file:
                yield file
            return
        with self.open(name) as handle, pq.ParquetFile(handle) as file:
            yield file

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Yield a folder of this machine for unfinished files, which is removed; inside this folder if it is local."""
        within = self.local / "scratch" if self.local else None
        if within:
            within.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=within) as folder:
            yield Path(folder)

    def copy(self, name: str, target: Store, new_name: str) -> None:
        """Copy a file into another folder on the same file system, without reading it."""
        if self.local is None or target.local is None:
            self.fs.copy(self.path(name), target.path(new_name))
            return
        path = target.local / new_name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(self.local / name, path)
        except OSError:  # not every file system supports links
            shutil.copyfile(self.local / name, path)

    def make(self) -> None:
        """Create the folder, if the file system has folders."""
        self.fs.makedirs(self.root, exist_ok=True)

    def files(self) -> dict[str, int]:
        """Map the name of every file in the folder and its subfolders to its size; empty if there is no folder."""
        self.fs.invalidate_cache()
        files = self.fs.find(self.root, detail=True)
        return {path.removeprefix(f"{self.root}/"): info["size"] for path, info in sorted(files.items())}

    def exists(self, name: str) -> bool:
        """Return whether the file exists."""
        self.fs.invalidate_cache()
        return bool(self.fs.exists(self.path(name)))

    def remove(self) -> None:
        """Remove the folder and its content."""
        self.fs.invalidate_cache()
        if self.fs.exists(self.root):
            self.fs.rm(self.root, recursive=True)
