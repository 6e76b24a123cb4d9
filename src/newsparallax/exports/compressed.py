"""Unpack compressed export files: gzip, Zstandard, and ZIP archives with one export.

`pieces` yields the unpacked bytes. `Unpacker` makes plain copies in a temporary folder.
"""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO

import pyarrow as pa

from ..errors import ExportError
from .formats import FULL, GZIP, ZIP, ZSTD

SUFFIXES = (".json", ".jsonl", ".ndjson")
PACKED = (".gz", ".zst")  # these follow one of the suffixes; a `.zip` may have any name
NAMES_READ = f"{', '.join(SUFFIXES)} (also with {' or '.join(PACKED)}) and .zip"

_CHUNK = 1 << 20
_HINT = "compress or copy the file again"


def is_export(name: str) -> bool:
    """Whether a file with this name is read as an export."""
    path = PurePosixPath(name.lower())
    inner = path.with_suffix("") if path.suffix in PACKED else path
    return inner.suffix in SUFFIXES or path.suffix == ".zip"


def is_packed(head: bytes) -> bool:
    """Whether a file that begins with the bytes `head` is compressed. The file name does not matter."""
    return head.startswith((GZIP, ZSTD, *ZIP))


def pieces(source: IO[bytes], head: bytes, name: str) -> Iterator[bytes]:
    """Yield the unpacked content of `source` in pieces; `head` has the first bytes of the file.

    The content of a plain file is unchanged. Raises ExportError where compressed data are damaged or end too early,
    and for an archive without exactly one readable export.
    """
    try:
        if head.startswith(ZIP):
            yield from _unzipped(source, name)
        elif head.startswith(ZSTD):
            yield from _unzstd(source)
        elif head.startswith(GZIP):
            with gzip.GzipFile(fileobj=source) as unpacked:
                yield from iter(lambda: unpacked.read(_CHUNK), b"")
        else:
            yield from iter(lambda: source.read(_CHUNK), b"")
    except EOFError:
        raise ExportError("truncated-json", "the compressed data are incomplete", file=name, hint=_HINT) from None
    except (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, NotImplementedError, _DamagedError) as error:
        message = f"the compressed data are damaged: {' '.join(str(error).split())}"
        raise ExportError("not-json", message, file=name, hint=_HINT) from None


class _DamagedError(Exception):
    """Zstandard data that cannot be unpacked."""


def _unzstd(source: IO[bytes]) -> Iterator[bytes]:
    try:
        with pa.CompressedInputStream(pa.PythonFile(source, "r"), "zstd") as unpacked:
            yield from iter(lambda: unpacked.read(_CHUNK), b"")
    except OSError as error:  # from Arrow, or from reading the file itself
        if "Truncated" in str(error):
            raise EOFError from None
        if "ZSTD" in str(error):
            raise _DamagedError(str(error)) from None
        raise


def _unzipped(source: IO[bytes], name: str) -> Iterator[bytes]:
    with zipfile.ZipFile(source) as archive:
        files = [entry for entry in archive.infolist() if not entry.is_dir() and _shown(entry.filename)]
        exports = [entry for entry in files if PurePosixPath(entry.filename.lower()).suffix in SUFFIXES]
        if len(exports) != 1:
            listed = ", ".join(entry.filename for entry in (exports or files)[:5])
            more = ", ..." if len(exports or files) > 5 else ""
            what = f"{len(exports)} exports" if exports else "no export"
            message = f"is a ZIP archive with {what} ({listed or 'it is empty'}{more}); expected one"
            hint = "unpack the archive, and replace it by its files"
            others = f"{FULL}; for files of other tools, such as INCEpTION's XMI, {hint}"
            raise ExportError("not-json", message, file=name, hint=hint if exports else others)
        if exports[0].flag_bits & 1:
            hint = "unpack the archive with its password, and replace it by the file"
            raise ExportError("not-json", f"{exports[0].filename} in the archive is encrypted", file=name, hint=hint)
        with archive.open(exports[0]) as unpacked:
            yield from iter(lambda: unpacked.read(_CHUNK), b"")


def _shown(name: str) -> bool:
    """Whether a file of an archive is neither hidden nor added by macOS."""
    return not any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


class Unpacker:
    """Makes plain copies of compressed files. The copies exist as long as this object."""

    def __init__(self) -> None:
        self._folder: TemporaryDirectory[str] | None = None
        self._made = 0

    def __call__(self, path: Path, name: str) -> Path:
        """Return the path of a plain copy of a file; `name` is the name in messages.

        Raises ExportError where the data are damaged or the copy cannot be written.
        """
        self._folder = self._folder or TemporaryDirectory(prefix="newsparallax-")
        self._made += 1
        copy = Path(self._folder.name) / str(self._made)
        try:
            with path.open("rb") as source, copy.open("wb") as target:
                head = source.read(4)
                source.seek(0)
                target.writelines(pieces(source, head, name))
        except OSError as error:
            hint = "make room in the folder of temporary files (TMPDIR), or unpack the file yourself"
            raise ExportError(
                "unreadable-file", f"cannot be unpacked: {error.strerror or error}", file=name, hint=hint
            ) from None
        return copy
