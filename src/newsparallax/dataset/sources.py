"""Open a dataset by its name on the command line: a folder, or `hub:ORG/NAME@REV`."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from .._util import in_words
from ..errors import NewsParallaxError, UsageError
from .manifest import MARK, Manifest, decode_manifest

PREFIX = "hub:"
_HUB = re.compile(r"hub:([\w.-]+/[\w.-]+)(?:@(.+))?")


class Source(NamedTuple):
    """An opened dataset: the name that the user gave, the folder with its files, and its manifest."""

    name: str
    folder: Path
    manifest: Manifest


@contextmanager
def opened(name: str) -> Iterator[Source]:
    """Yield the dataset `name`; files fetched from a hub are removed when the block ends.

    Raises UsageError for a name that does not mean a dataset. Raises NewsParallaxError for a manifest that cannot be
    read, or where the hub does not deliver the files.
    """
    if not name.startswith(PREFIX):
        yield Source(name, Path(name), read_manifest(Path(name)))
        return
    match = _HUB.fullmatch(name)
    if not match:
        raise UsageError(f"{name} is not the name of a dataset", hint="expected a folder, or hub:ORG/NAME@REVISION")
    from .hub import Hub

    with tempfile.TemporaryDirectory(prefix="newsparallax-") as work:
        folder = Hub.from_environment(needs_token=False).fetch(match[1], match[2] or "main", Path(work))
        yield Source(name, folder, read_manifest(folder, name))


def read_manifest(folder: Path, name: str | None = None) -> Manifest:
    """Read the manifest of the dataset in `folder`.

    Raises UsageError where there is no manifest, and NewsParallaxError for one that cannot be decoded. `name` replaces
    the folder in messages.
    """
    try:
        return decode_manifest((folder / MARK).read_bytes(), f"{name or folder}/{MARK}")
    except FileNotFoundError:
        hint = "name the folder of a built dataset, or hub:ORG/NAME@REVISION"
        if name:
            hint = "a tag vX.Y.Z that is not a release of this program must be deleted on the hub"
        raise UsageError(f"{name or folder} is not a dataset: it has no {MARK}", hint=hint) from None
    except NotADirectoryError:
        hint = "name the folder of a built dataset, or hub:ORG/NAME@REVISION"
        raise UsageError(f"{name or folder} is not a dataset: it is a file", hint=hint) from None
    except ValueError as error:
        message = f"is not a manifest: {in_words(error)}"
        raise NewsParallaxError(message, file=f"{name or folder}/{MARK}", hint="build it again") from None
