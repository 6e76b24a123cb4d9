"""A release as its users get it: loaded from the hub with `datasets`, and digested."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...core import schema
from ...core.codebook import Codebook
from ...core.digest import table_digest, whole_articles
from ...core.errors import NewsParallaxError
from ...core.ids import DIGEST_MODULUS
from ...core.manifest import content_digest
from ..disk import refusal
from .hub import HubError, no_room

BATCH = 256  # rows held at a time; an article's row has all its spans


def loaded_digest(
    repo: str,
    revision: str,
    token: str | None,
    codebook: Codebook,
    rows: Mapping[str, Mapping[str, int]],
    cache: Path,
) -> str:
    """The content digest of the rows that `load_dataset(repo, config, revision=...)` gives for every config.

    `rows` says how many each split of each config has; `datasets` (5.2) cannot load a config without rows. What was
    loaded stays in `cache`, where another revision with the same files finds it. Raises NewsParallaxError where other
    features come than were written or a disk is full, HubError where a config cannot be loaded.
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
        except Exception as error:  # `datasets` raises errors of many kinds
            full = refusal(error)
            raise (no_room(f"load {config} from the hub", full) if full else _unloadable(config, error)) from None
        for split, found in loaded.items():
            if found.features != datasets.Features.from_dict(shape):
                raise NewsParallaxError(f"loaded the features {found.features}", file=config, place=str(split))
            total += _digest(config, str(split), found)
    return content_digest(shapes, total % DIGEST_MODULUS)


def _digest(config: str, split: str, found: Any) -> int:
    batches = found.with_format("arrow").iter(BATCH)
    return sum(table_digest(config, [(split, table.num_rows)], table) for table in whole_articles(batches))


def _unloadable(config: str, error: BaseException) -> HubError:
    while error.__cause__ is not None:
        error = error.__cause__
    message = f"`datasets` cannot load {config} from the hub: {error}".split("\n")[0]
    return HubError(message, hint="publish again; if it stays, look at the repository", transient=True)
