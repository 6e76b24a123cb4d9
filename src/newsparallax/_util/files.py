"""Atomic writes and digests of single files, locks between processes, path checks, and detection of disk-full errors.

`replacing` and `write_whole` replace a file in one step, so a file is never partly written. `is_inside` compares paths
after following all symbolic links. `refusal` detects disk-full errors.

Locks exclude other processes on the same machine, or on several machines that share a disk. A lock is a lock on an open
file, and the system releases it when its holder ends. So only a lock that can be taken proves that no other process is
active; a process id has no meaning on another machine.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@contextmanager
def replacing(path: Path, work: Path | None = None) -> Iterator[Path]:
    """Yield a new path to write to; at the end of the block, that file replaces `path` in one step.

    The new path is in the folder `work`, or next to `path` if there is none or if it is on another file system.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = work is None or work.stat().st_dev != path.parent.stat().st_dev
    draft = (path.parent if work is None or beside else work) / f".{path.name[:100]}.{uuid.uuid4().hex}.partial"
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes, work: Path | None = None, *, mode: int = 0o644) -> bool:
    """Write `content` to `path` in one step and return whether the file changed.

    A file with the same content stays untouched. `work` is as in `replacing`. Raises OSError with `path` as the file
    name.
    """
    if path.is_file() and path.read_bytes() == content:
        return False
    try:
        with (
            replacing(path, work) as draft,
            os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as handle,
        ):
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    return True


def hold(path: Path) -> FileLock | None:
    """Acquire the lock file `path` and return the lock, or None while another process or call holds it."""
    lock = FileLock(path, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    return lock


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock file `path` for the block, after waiting for other holders. The file is removed at the end."""
    path.touch(0o600)  # raises an error with the reason if the file cannot be created
    with FileLock(path, mode=0o600):
        try:
            yield
        finally:
            with suppress(OSError):  # Windows does not remove open files
                path.unlink()  # remove the file while holding the lock, so that it cannot be another holder's file


def hold_for_child(path: Path) -> int | None:
    """Acquire the lock file `path` and return a descriptor that a child process can inherit, or None.

    A child with the descriptor holds the lock for its lifetime. The lock is the same as that of `hold`, which a child
    cannot inherit. The result is None while another process holds the lock.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        if isinstance(error, BlockingIOError):
            return None
        raise OSError(error.errno, error.strerror, str(path)) from None
    return handle


def is_inside(path: Path, folder: Path) -> bool:
    """Whether `path` is `folder` or is inside it, after following symbolic links. A link to itself is not followed."""
    place, own = (Path(os.path.realpath(one)) for one in (path, folder))  # Path.resolve raises for a link to itself
    return place.is_relative_to(own)


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FULL_BASE = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its chain of causes, the original cause last."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def refusal(error: BaseException | None) -> str | None:
    """Return the system's message if the error or one of its causes means that the disk takes no more data, else None.

    These are ENOSPC, EDQUOT and EFBIG of the operating system, and SQLITE_FULL and SQLITE_IOERR of SQLite.
    """
    for cause in causes(error):
        if isinstance(cause, OSError) and cause.errno in _FULL:
            return os.strerror(cause.errno)
        if isinstance(cause, sqlite3.OperationalError) and getattr(cause, "sqlite_errorcode", 0) & 0xFF in _FULL_BASE:
            return str(cause)
    return None
