"""Where paths lead when every symbolic link is followed."""

from __future__ import annotations

import os
from pathlib import Path


def is_inside(path: Path, folder: Path) -> bool:
    """Whether `path` is `folder` or lies in it; a link that leads back to itself is taken for what it is called."""
    place, own = (Path(os.path.realpath(one)) for one in (path, folder))  # Path.resolve raises at such a link
    return place.is_relative_to(own)
