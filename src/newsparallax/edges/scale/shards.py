"""Shards: the export files that a glob names on any file system, plain or compressed, and what tells their versions."""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from glob import has_magic
from pathlib import Path
from typing import IO, Any, NamedTuple

from ...core.errors import ExportError, NewsParallaxError, UsageError
from ...core.exports import read_mapped, split_tasks
from ...core.ids import short_hash
from .store import file_system, is_local

GROWTH = 10  # how much larger than its compressed file an export is, about
COMPRESSED = (".gz", ".zst")  # only for that estimate; what a file is, its first bytes say
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_CHUNK = 1 << 20
_HINT = "compress or copy the file again"


class Shard(NamedTuple):
    """An export file: what messages call it, where it is, its size in bytes, and what changes when it changes."""

    name: str
    url: str
    size: int
    version: str

    @property
    def estimate(self) -> int:
        """About how many bytes of JSON it holds."""
        return self.size * (GROWTH if self.name.lower().endswith(COMPRESSED) else 1)


def find_shards(patterns: Iterable[str]) -> list[Shard]:
    """The files that match any of the patterns, once each, in order of their names.

    A name is the part of the path that begins where a wildcard decides; where two files would have one name, the whole
    path. Hidden files are left out. Raises UsageError for a pattern that names nothing or cannot be looked up, and for
    a link that leads nowhere.
    """
    found: dict[str, Shard] = {}
    for pattern in patterns:
        fs, path = file_system(pattern)
        base = _base(path)
        globbed = _glob(fs, path, pattern).items()
        matches = {at: _followed(fs, at, info) for at, info in globbed if not _hidden(at.removeprefix(base))}
        files = {at: info for at, info in matches.items() if info["type"] == "file"}
        if not files:
            what = "only folders match" if matches else "no file matches"
            raise UsageError(f"{pattern}: {what}", hint='name files, as in --input "exports/*.json"')
        for at, info in files.items():
            url = at if is_local(fs) else str(fs.unstrip_protocol(at))
            found.setdefault(url, Shard(at.removeprefix(base), url, int(info["size"]), _version(fs, at, info)))
    times = Counter(shard.name for shard in found.values())
    return sorted(shard if times[shard.name] == 1 else shard._replace(name=shard.url) for shard in found.values())


@contextmanager
def opened_tasks(shard: Shard, scratch: Path) -> Iterator[list[memoryview]]:
    """The raw tasks of a shard, in order; what is not plain and local is first unpacked into `scratch`.

    Raises ExportError for a shard that is damaged or no export; OSError for one that cannot be read, and
    NewsParallaxError for one that is no longer what was found: these may pass, so they are no verdict on the shard.
    """
    with _unpacked(shard, scratch) as path:
        yield split_tasks(read_mapped(path, shard.name), shard.name)


def _base(path: str) -> str:
    """The folders of a pattern in which no wildcard stands, with a slash at the end."""
    folders = path.split("/")[:-1]
    fixed = next((number for number, part in enumerate(folders) if has_magic(part)), len(folders))
    return "".join(f"{part}/" for part in folders[:fixed])


def _hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def _glob(fs: Any, path: str, pattern: str) -> dict[str, dict[str, Any]]:
    fs.invalidate_cache()
    try:
        found: dict[str, dict[str, Any]] = fs.glob(path, detail=True)
    except FileNotFoundError:
        return {}
    except Exception as error:  # file systems raise errors of many kinds
        raise UsageError(f"{pattern}: cannot be looked up: {_line(error)}", hint="look at address and keys") from None
    return found


def _followed(fs: Any, path: str, info: dict[str, Any]) -> dict[str, Any]:
    """What is told of a match; of a link, which a glob tells of as such, what it leads to."""
    if info["type"] in ("file", "directory"):
        return info
    try:
        return dict(fs.info(path))
    except OSError as error:
        hint = "mend the link, or remove it"
        raise UsageError(f"{path}: {error.strerror or _line(error)}", hint=hint) from None


def _version(fs: Any, path: str, info: dict[str, Any]) -> str:
    """What of a file changes when its content does."""
    tag = next((info[key] for key in ("ETag", "etag", "md5Hash") if info.get(key)), None)  # of object stores
    changes = [tag] if tag else [info.get(key) for key in ("mtime", "ino")]
    return short_hash(info.get("size"), *map(str, changes if any(changes) else [fs.ukey(path)]))


@contextmanager
def _unpacked(shard: Shard, scratch: Path) -> Iterator[Path]:
    """The shard as a plain file of this machine."""
    fs, path = file_system(shard.url)
    with fs.open(path, "rb") as source:
        head = source.read(4)
        plain = not head.startswith((_GZIP, _ZSTD))
        source.seek(0)
        if plain and is_local(fs):
            yield Path(path)
        else:
            copy = scratch / "shard"
            try:
                with copy.open("wb") as target:
                    target.writelines(_pieces(source, head, shard.name))
                yield copy
            finally:
                copy.unlink(missing_ok=True)
    fs.invalidate_cache()
    if _version(fs, path, fs.info(path)) != shard.version:
        raise NewsParallaxError("changed while it was read", file=shard.name, hint="start again when it is complete")


def _pieces(source: IO[bytes], head: bytes, name: str) -> Iterator[bytes]:
    """The content piece by piece. Raises ExportError where compressed data are damaged or end too early."""
    broken: type[Exception] = zlib.error
    if head.startswith(_GZIP):
        unpacked = _gunzipped(source)
    elif head.startswith(_ZSTD):
        import zstandard

        unpacked, broken = _unzstd(source), zstandard.ZstdError
    else:
        unpacked = iter(lambda: source.read(_CHUNK), b"")
    try:
        yield from unpacked
    except EOFError:
        raise ExportError("truncated-json", "the compressed data end too early", file=name, hint=_HINT) from None
    except (gzip.BadGzipFile, broken) as error:
        message = f"the compressed data are damaged: {_line(error)}"
        raise ExportError("not-json", message, file=name, hint=_HINT) from None


def _gunzipped(source: IO[bytes]) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=source) as unpacked:
        yield from iter(lambda: unpacked.read(_CHUNK), b"")


def _unzstd(source: IO[bytes]) -> Iterator[bytes]:
    """Frame by frame: the library's own reader says nothing when the last one is not whole."""
    import zstandard

    frame = zstandard.ZstdDecompressor().decompressobj()
    whole = False
    for piece in iter(lambda: source.read(_CHUNK), b""):
        rest = piece
        while rest:
            if whole:
                frame = zstandard.ZstdDecompressor().decompressobj()
            yield frame.decompress(rest)
            whole, rest = frame.eof, frame.unused_data
    if not whole:
        raise EOFError


def _line(error: Exception) -> str:
    """What an exception says, on one line."""
    return " ".join(str(error).split()) or type(error).__name__
