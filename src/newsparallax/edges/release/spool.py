"""Values that wait on the disk, divided among files by a hash, so that what belongs together is read together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder()
_LENGTH = 4  # bytes before each value
MOST = 4096  # files
BUFFERED = 8 << 20  # bytes that wait in memory for all files together


def hash_of(value: Any) -> int:
    """64 bits of a value's hash; None has one too."""
    return int.from_bytes(hashlib.blake2b(_ENCODER.encode(value), digest_size=8).digest(), "little")


class Parts:
    """Any number of files in a new folder, written to in any order; none is held open."""

    def __init__(self, folder: Path, number: int) -> None:
        folder.mkdir()
        self.paths = [folder / str(part) for part in range(max(1, min(number, MOST)))]
        self._waiting = [bytearray() for _ in self.paths]
        self._size = 0

    def add(self, part: int, data: bytes) -> None:
        """Add bytes to the end of a part."""
        self._waiting[part] += data
        self._size += len(data)
        if self._size > BUFFERED:
            self._flush()

    def take(self) -> Iterator[bytes]:
        """The content of each part; the file is removed before the next one is read."""
        self._flush()
        for path in self.paths:
            yield path.read_bytes() if path.exists() else b""
            path.unlink(missing_ok=True)

    def _flush(self) -> None:
        for path, data in zip(self.paths, self._waiting, strict=True):
            if data:
                with path.open("ab") as file:
                    file.write(data)
                data.clear()
        self._size = 0


class Spool:
    """Two sides of plain values in a new folder; those with the same key come back in the same part."""

    def __init__(self, folder: Path, parts: int) -> None:
        folder.mkdir()
        self._sides = (Parts(folder / "old", parts), Parts(folder / "new", parts))

    def put(self, side: int, key: Any, value: Any) -> None:
        """Add a value to side 0 or 1."""
        parts = self._sides[side]
        data = _ENCODER.encode(value)
        parts.add(hash_of(key) % len(parts.paths), len(data).to_bytes(_LENGTH, "little") + data)

    def read(self) -> Iterator[tuple[list[Any], list[Any]]]:
        """The values of both sides, part by part."""
        for old, new in zip(self._sides[0].take(), self._sides[1].take(), strict=True):
            yield list(_values(old)), list(_values(new))


def _values(data: bytes) -> Iterator[Any]:
    view, at = memoryview(data), 0
    while at < len(view):
        end = at + _LENGTH + int.from_bytes(view[at : at + _LENGTH], "little")
        yield _DECODER.decode(view[at + _LENGTH : end])
        at = end
