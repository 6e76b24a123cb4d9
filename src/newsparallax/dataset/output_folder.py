"""Write output folders atomically: a folder appears complete or not at all.

A build is written to a folder next to its destination and then moved there in one step. On Linux, the two folders are
exchanged (renameat2 with RENAME_EXCHANGE), so that the destination exists at every moment. On other systems, two
renames do it; if they were interrupted, the next run restores the previous folder.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

from .._util import alone, hold, is_inside, refusal
from ..errors import NewsParallaxError, UsageError
from .manifest import MARK, files_listed

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
LOCK = ".lock"
WRITABLE = "name a folder in which you may write"


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yield a folder to write to, which becomes `folder` when the block ends without an exception.

    Leftovers of killed runs are removed. Raises UsageError where `folder` holds something that is not a build, and
    NewsParallaxError where the disk is full.
    """
    refuse_foreign(folder)
    folder = folder.absolute()
    made = [parent for parent in folder.parents if not parent.exists()]
    folder.parent.mkdir(parents=True, exist_ok=True)
    _tidy(folder)
    try:
        with work_folder(folder) as work:  # also for temporary files of the build
            draft = work / "new"
            draft.mkdir()
            yield draft
            _sync(draft)
            _swap(draft, folder)
            _sync_one(folder.parent)
    finally:
        if not folder.exists():
            _remove_empty(made)


@contextmanager
def work_folder(folder: Path) -> Iterator[Path]:
    """Yield a work folder next to `folder`, which is removed when the block ends.

    The next build removes the work folder of a killed run. Raises NewsParallaxError naming `folder` where the disk is
    full, or the folder is not writable.
    """
    work = folder.parent / f".{folder.name}.partial-{uuid.uuid4().hex}"
    try:
        with alone(_lock_of(work)):
            try:
                work.mkdir()
                yield work
            finally:
                shutil.rmtree(work, ignore_errors=True)
    except NewsParallaxError:
        raise
    except Exception as error:  # the libraries that write files raise many types of exceptions
        said = refusal(error)
        hint = "make room there, and run the command again; nothing was changed"
        if said is None and isinstance(error, OSError) and is_inside(Path(str(error.filename)), work):
            said, hint = error.strerror, WRITABLE
        if said is None:
            raise
        raise NewsParallaxError(said, file=str(folder), hint=hint) from None


def point(link: Path, target: Path) -> None:
    """Point the symbolic link `link` at `target` in the same folder, in one step. Raises as `refuse_real`."""
    refuse_real(link)
    _remove_left(link)
    with work_folder(link) as work:
        (work / "new").symlink_to(target.name)
        (work / "new").replace(link)


def refuse_real(link: Path) -> None:
    """Raise UsageError where `link` exists and is not a symbolic link."""
    if link.exists() and not link.is_symlink():
        hint = "move the folder away, or name another folder with --out"
        raise UsageError(
            f"{link} is not a symbolic link, so it cannot point to the build; it was not changed", hint=hint
        )


def refuse_unwritable(folder: Path) -> None:
    """Raise UsageError where the closest existing folder above `folder` is not writable; `folder` need not exist."""
    there = (parent for parent in folder.absolute().parents if os.access(parent, os.F_OK))
    above = next(there, folder)  # the root has no parents
    try:
        tempfile.TemporaryFile(dir=above).close()
    except OSError as error:
        message = f"{folder} cannot be written: {above} is not writable ({error.strerror})"
        raise UsageError(message, hint=WRITABLE) from None


def refuse_foreign(folder: Path) -> None:
    """Raise UsageError where `folder` holds something other than a build, or cannot be written or loaded."""
    refuse_unwritable(folder)
    if folder.is_symlink():
        hint = "name the folder itself, or a new one, with --out"
        raise UsageError(f"{folder} is a symbolic link; it was not changed", hint=hint)
    if set("*?[") & set(str(folder)):
        raise UsageError(f"`datasets` would read {folder} as a pattern", hint="name a folder without *, ? and [")
    if folder.is_dir():
        if any(folder.iterdir()) and not _is_build(folder):
            hint = "name a new folder, or an earlier build, with --out"
            raise UsageError(
                f"{folder} contains files that are not a build of this program; it was not changed", hint=hint
            )
    elif folder.exists():
        raise UsageError(f"{folder} is a file; expected a folder", hint="name a folder with --out")


def _is_build(folder: Path) -> bool:
    """Return whether a folder holds a build and nothing else, so that replacing it destroys no other files."""
    try:
        listed = files_listed((folder / MARK).read_bytes(), str(folder / MARK))
    except OSError:
        return False
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()} <= listed


def _remove_empty(folders: list[Path]) -> None:
    """Remove the folders that were created for a failed build, innermost first."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def _tidy(folder: Path) -> None:
    """Remove leftovers of killed runs, and undo an exchange that was interrupted between its two renames."""
    old = _old(folder)
    if old.is_dir():
        with alone(_lock_of(old)):  # without the lock, another run could be between its two renames
            if folder.exists():
                shutil.rmtree(old, ignore_errors=True)
            elif old.is_dir():
                old.rename(folder)
    _remove_left(folder)


def _remove_left(folder: Path) -> None:
    """Remove the work folders next to `folder` that are no longer in use: those whose lock is free.

    A run, on any machine, holds the lock of its work folder from before it creates the folder until after it removes
    it.
    """
    for left in folder.parent.glob(f".{escape(folder.name)}.partial-*"):
        work = left.with_name(left.name.removesuffix(LOCK))
        with suppress(OSError):  # another run may remove the same folder
            lock = hold(_lock_of(work))
            if lock:
                shutil.rmtree(work, ignore_errors=True)
                _lock_of(work).unlink(missing_ok=True)
                lock.release()


def _lock_of(path: Path) -> Path:
    return path.with_name(f"{path.name}{LOCK}")


def _old(folder: Path) -> Path:
    return folder.parent / f".{folder.name}.old"


def _sync(folder: Path) -> None:
    """Flush all files and folders to disk before the folder is renamed."""
    for path in (*folder.rglob("*"), folder):
        _sync_one(path)


def _sync_one(path: Path) -> None:
    """Flush the content of a file, or the entries of a folder, to disk."""
    if path.is_dir() and os.name == "nt":  # Windows cannot open folders
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _swap(draft: Path, folder: Path) -> None:
    if not folder.exists():
        try:
            draft.rename(folder)
            return
        except OSError:
            if not folder.is_dir():  # a folder here means that another build has just finished
                raise
    if _exchange(draft, folder):
        return
    old = _old(folder)
    with alone(_lock_of(old)):
        folder.rename(old)
        draft.rename(folder)
        shutil.rmtree(old, ignore_errors=True)


def _exchange(first: Path, second: Path) -> bool:
    """Exchange two folders in one step; return False where the system cannot."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    return bool(rename(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE) == 0)
