"""Output folders appear whole or not at all.

A build is written beside its place and put there in one step: on Linux by exchanging the two folders
(renameat2 with RENAME_EXCHANGE), so that at no moment there is none; elsewhere by two renames, of which an interrupted
one is taken back by the next run.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

from ..core.errors import NewsParallaxError, UsageError
from .disk import refusal

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
MARK = "manifest.json"  # lists what a finished build holds; a folder with more than that is not ours to replace


@contextmanager
def new_folder(place: Path) -> Iterator[Path]:
    """A folder to write in, which becomes `place` when the block ends without an exception.

    Raises UsageError when `place` holds something that is not a build, and NewsParallaxError when the disk takes no
    more. Leftovers of killed runs are removed.
    """
    place = place.absolute()
    refuse_foreign(place)
    made = [parent for parent in place.parents if not parent.exists()]
    place.parent.mkdir(parents=True, exist_ok=True)
    _tidy(place)
    try:
        with work_folder(place) as work:  # also for what a build needs beside the folder
            draft = work / "new"
            draft.mkdir()
            yield draft
            _sync(draft)
            _swap(draft, place)
            _sync_one(place.parent)
    finally:
        if not place.exists():
            _remove_empty(made)


@contextmanager
def work_folder(place: Path) -> Iterator[Path]:
    """A folder beside `place` for what is made for it, gone when the block ends; of a killed run, with the next build.

    Raises NewsParallaxError naming `place` when the disk takes no more.
    """
    work = place.parent / f".{place.name}.partial-{os.getpid()}"
    try:
        work.mkdir(exist_ok=True)
        yield work
    except NewsParallaxError:
        raise
    except Exception as error:  # the libraries that write raise errors of many kinds
        said = refusal(error)
        if said is None:
            raise
        hint = "make room there, and run it again; nothing was changed"
        raise NewsParallaxError(said, file=str(place), hint=hint) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)


def point(link: Path, target: Path) -> None:
    """Let the symbolic link `link` point at its neighbour `target`, in one step. Raises UsageError as `refuse_real`."""
    refuse_real(link)
    for left in link.parent.glob(f".{escape(link.name)}.new-*"):
        if _is_left(left):
            left.unlink(missing_ok=True)
    fresh = link.with_name(f".{link.name}.new-{os.getpid()}")
    fresh.symlink_to(target.name)
    fresh.replace(link)


def refuse_real(link: Path) -> None:
    """Raise UsageError where something else than a symbolic link is in the link's place."""
    if link.exists() and not link.is_symlink():
        hint = "move it away, or name another folder with --out"
        raise UsageError(f"{link} is no symbolic link, so it cannot point at the build; left as it is", hint=hint)


def refuse_foreign(place: Path) -> None:
    """Raise UsageError where `place` holds something else than a build, or has a name that `datasets` cannot load."""
    if place.is_symlink():
        hint = "name the folder itself, or a new one, with --out"
        raise UsageError(f"{place} is a symbolic link; left as it is", hint=hint)
    if set("*?[") & set(str(place)):
        raise UsageError(f"`datasets` would take {place} for a pattern", hint="name a folder without *, ? and [")
    if place.is_dir():
        if any(place.iterdir()) and not _is_build(place):
            hint = "name a new folder, or an earlier build, with --out"
            raise UsageError(f"{place} holds files that are not a build of this program; left as it is", hint=hint)
    elif place.exists():
        raise UsageError(f"{place} is a file, expected a folder", hint="name a folder with --out")


def _is_build(place: Path) -> bool:
    """Whether a folder holds a build and nothing else, so that replacing it takes nothing of anybody's away."""
    try:
        manifest = json.loads((place / MARK).read_bytes())
        listed = {MARK, *manifest["files"]} if manifest["content_digest"] else set()
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return {path.relative_to(place).as_posix() for path in place.rglob("*") if not path.is_dir()} <= listed


def _remove_empty(folders: list[Path]) -> None:
    """Remove the folders that were made for a build that failed, innermost first."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def _tidy(place: Path) -> None:
    """Remove what killed runs left, and take back an exchange that was interrupted between its two renames."""
    old = place.parent / f".{place.name}.old"
    if old.is_dir():
        if place.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.rename(place)
    for draft in place.parent.glob(f".{escape(place.name)}.partial-*"):
        if _is_left(draft):
            shutil.rmtree(draft, ignore_errors=True)


def _is_left(path: Path) -> bool:
    """Whether the process whose number ends the path's name is no longer there."""
    process = path.name.rpartition("-")[2]
    return not (re.fullmatch("[0-9]{1,9}", process) and _alive(int(process)))


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process != os.getpid()


def _sync(folder: Path) -> None:
    """Let everything reach the disk before the folder gets its name."""
    for path in (*folder.rglob("*"), folder):
        _sync_one(path)


def _sync_one(path: Path) -> None:
    """A file's content, or the names in a folder."""
    if path.is_dir() and os.name == "nt":  # Windows opens no folders
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _swap(draft: Path, place: Path) -> None:
    if not place.exists():
        try:
            draft.rename(place)
            return
        except OSError:
            if not place.is_dir():  # else another build has just got there
                raise
    if _exchange(draft, place):
        return
    old = place.parent / f".{place.name}.old"
    place.rename(old)
    draft.rename(place)
    shutil.rmtree(old, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False where the system cannot."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    return bool(rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0)
