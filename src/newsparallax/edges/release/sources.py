"""A dataset by its name on the command line: a folder, or `hub:ORG/NAME@REV`."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ...core.errors import NewsParallaxError, UsageError
from ..publish import MARK

PREFIX = "hub:"
_HUB = re.compile(r"hub:([\w.-]+/[\w.-]+)(?:@(.+))?")


class Source(NamedTuple):
    """A dataset at hand: what the user called it, the folder with its files, and its manifest."""

    name: str
    folder: Path
    manifest: dict[str, Any]


@contextmanager
def opened(name: str) -> Iterator[Source]:
    """The dataset `name`; what is fetched from a hub is there until the block ends.

    Raises UsageError for a name that means no dataset, and NewsParallaxError for a manifest that cannot be read or a
    hub that does not give the files.
    """
    if not name.startswith(PREFIX):
        yield Source(name, Path(name), read_manifest(Path(name)))
        return
    found = _HUB.fullmatch(name)
    if not found:
        raise UsageError(f"{name} names no dataset", hint="expected a folder, or hub:ORG/NAME@REVISION")
    from .hub import Hub

    with tempfile.TemporaryDirectory(prefix="newsparallax-") as work:
        folder = Hub.from_environment(needs_token=False).fetch(found[1], found[2] or "main", Path(work))
        yield Source(name, folder, read_manifest(folder, name))


def read_manifest(folder: Path, name: str | None = None) -> dict[str, Any]:
    """The manifest of the dataset in `folder`. Raises NewsParallaxError where there is none, or not a whole one."""
    try:
        manifest = json.loads((folder / MARK).read_bytes())
        if not all(isinstance(manifest[key], str) for key in ("name", "version", "content_digest")):
            raise TypeError
        if not all(isinstance(manifest.get(key, {}), dict) for key in ("files", "rows", "counts", "texts", "splits")):
            raise TypeError
        if not all(isinstance(said, dict) for said in manifest["files"].values()):
            raise TypeError
        if manifest.get("texts") and not isinstance(manifest["texts"]["full_content_digest"], str):
            raise TypeError
    except FileNotFoundError:
        hint = "name the folder of a built dataset, or hub:ORG/NAME@REVISION"
        if name:
            hint = "a tag vX.Y.Z that is no release of this program has to be deleted on the hub"
        raise UsageError(f"{name or folder} is no dataset: it has no {MARK}", hint=hint) from None
    except (ValueError, KeyError, TypeError):
        raise NewsParallaxError("is no manifest", file=f"{name or folder}/{MARK}", hint="build it again") from None
    return dict(manifest)
