"""Open a dataset by its name on the command line, and compute the digest of a release loaded from the hub.

A name is a folder, or `hub:ORG/NAME@REV`. The digest covers the rows that users get when they load the release with
`datasets`.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from .._util import causes, in_words, refusal
from ..corpus import Codebook, schema
from ..errors import NewsParallaxError, UsageError
from ..ids import DIGEST_MODULUS
from .digest import table_digest, whole_articles
from .hub_client import HubError, failure, is_passing, no_room
from .manifest import MARK, Manifest, content_digest, decode_manifest

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
    except ValueError as error:
        message = f"is not a manifest: {in_words(error)}"
        raise NewsParallaxError(message, file=f"{name or folder}/{MARK}", hint="build it again") from None


BATCH = 256  # rows in memory at a time; small, because an article's row contains all its spans


def loaded_digest(
    repo: str,
    revision: str,
    token: str | None,
    codebook: Codebook,
    rows: Mapping[str, Mapping[str, int]],
    cache: Path,
) -> str:
    """Return the content digest of the rows that `load_dataset(repo, config, revision=...)` gives for every config.

    `rows` has the number of rows by config and split. Configs without rows are skipped, because `datasets` (5.2) cannot
    load them. The loaded data stay in `cache`, so that another revision with the same files can reuse them. Raises
    NewsParallaxError where the loaded features differ from the written ones or a disk is full, and HubError where a
    config cannot be loaded.
    """
    import datasets

    datasets.disable_progress_bars()
    shapes = {config: schema.features(struct) for config, struct in schema.configs(codebook).items()}
    total = 0
    for config, shape in shapes.items():
        if not any(rows.get(config, {}).values()):
            continue
        try:
            loaded = datasets.load_dataset(repo, config, revision=revision, token=token or False, cache_dir=str(cache))
        except Exception as error:  # `datasets` raises many types of exceptions
            raise _unloadable(repo, config, error, token) from None
        for split, split_rows in loaded.items():
            if split_rows.features != datasets.Features.from_dict(shape):
                raise NewsParallaxError(f"loaded the features {split_rows.features}", file=config, place=str(split))
            total += _digest(config, str(split), split_rows)
    return content_digest(shapes, total % DIGEST_MODULUS)


def _digest(config: str, split: str, rows: Any) -> int:
    batches = rows.with_format("arrow").iter(BATCH)
    return sum(table_digest(config, [(split, table.num_rows)], table) for table in whole_articles(batches))


def _unloadable(repo: str, config: str, error: Exception, token: str | None) -> NewsParallaxError:
    from huggingface_hub.constants import ENDPOINT

    what = f"load {config} from the hub"
    if full := refusal(error):
        return no_room(what, full)
    *_, root = causes(error)
    if is_passing(error) or getattr(root, "response", None) is not None:
        return failure(ENDPOINT, f"load {config} of {repo}", error, token, repo)
    message = f"`datasets` cannot {what}: {' '.join(str(root).split())}"
    return HubError(message, hint="publish again; if the problem remains, check the repository")
