"""Locks by which processes keep out of each other's way, and which the system lets go when their holder ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def hold(path: Path) -> int | None:
    """Hold the lock file `path`: a descriptor to be closed, or None while a living process holds it already.

    A child process that inherits the descriptor holds the lock too, for as long as it lives.
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
