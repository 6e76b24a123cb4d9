"""Parts of a large file by their places in it, read when they are asked for."""

from __future__ import annotations

import os
import weakref
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .errors import ExportError

Version = tuple[int, int, int, int]  # of a file: device, inode, size, time of the last change


class OpenFile:
    """A file kept open for reading, and closed when nothing holds it any more; `version` tells it from later ones."""

    def __init__(self, path: Path):
        self._path = path
        self._number = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._number)
        status = os.fstat(self._number)
        self.version: Version = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)

    def read(self, start: int, end: int, version: Version) -> bytes:
        """The bytes from `start` to before `end`.

        Raises ExportError if the file is not of the `version` in which these places were found, or has become shorter.
        """
        pieces = []
        while self.version == version and start < end and (piece := os.pread(self._number, end - start, start)):
            pieces.append(piece)  # a single call reads 2 GiB at most
            start += len(piece)
        if start < end:
            hint = "run the command again when the file is complete"
            raise ExportError("unreadable-file", "was changed while it was read", file=str(self._path), hint=hint)
        return b"".join(pieces)


class Slices(Sequence[memoryview]):
    """Parts of a file, each kept as two numbers and read when it is asked for, from what `opened` gives."""

    def __init__(self, opened: Callable[[], OpenFile], starts: array[int], ends: array[int]):
        self._opened, self._starts, self._ends = opened, starts, ends
        self.version = opened().version

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, number: Any) -> Any:
        return memoryview(self._opened().read(*self.place(number), self.version))

    def place(self, number: int) -> tuple[int, int]:
        """Where a part begins and ends in the file, for another process to read it."""
        return self._starts[number], self._ends[number]
