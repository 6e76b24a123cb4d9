"""Single files appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, content: bytes, work: Path, *, mode: int = 0o644) -> bool:
    """Put `content` at `path` in one step, through a file in the folder `work`, or beside it on another file system.

    Whether the file changed; one that holds the same already is left alone. Raises OSError naming `path`.
    """
    if path.is_file() and path.read_bytes() == content:
        return False
    draft = work / f".{path.name[:100]}.{os.getpid()}.partial"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if work.stat().st_dev != path.parent.stat().st_dev:
            draft = path.parent / draft.name
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from None
    return True
