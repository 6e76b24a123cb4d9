"""A disk that takes no more, told apart from all else that goes wrong."""

from __future__ import annotations

import errno
import os
import sqlite3

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FULL_BASE = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}


def refusal(error: BaseException | None) -> str | None:
    """What the disk says, if an error, or one that it came from, is that it takes no more; else None."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return os.strerror(error.errno)
        if isinstance(error, sqlite3.OperationalError) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _FULL_BASE:
            return str(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return None
