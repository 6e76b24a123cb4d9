"""What was written, read again with `datasets`, and compared: counts, label names, quotes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..core import schema
from ..core.codebook import Codebook
from ..core.errors import NewsParallaxError

BATCH = 1000


def read_back(folder: Path, codebook: Codebook, rows: Mapping[tuple[str, str], int]) -> None:
    """Load every config of the dataset in `folder` and compare it with what was written.

    `rows` says how many by (config, split). A text that is withheld has no quotes. Raises NewsParallaxError naming
    config and split when a count, a feature or a quote is not what was written.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # before the import, which reads it; nothing here needs a hub
    import datasets

    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory(dir=folder.parent) as cache:  # beside the draft, so that no killed run leaves it
        try:
            _load_all(folder, codebook, rows, cache)
        except (NewsParallaxError, OSError):
            raise
        except Exception as error:  # `datasets` raises errors of many kinds
            while error.__cause__ and isinstance(error.__cause__, Exception):
                error = error.__cause__
            message = f"`datasets` cannot load what was written: {error}"
            raise NewsParallaxError(message.split("\n")[0], hint="is the disk full? nothing was changed") from None


def _load_all(folder: Path, codebook: Codebook, rows: Mapping[tuple[str, str], int], cache: str) -> None:
    import datasets

    texts: Any = {}
    for config, struct in schema.configs(codebook).items():  # articles first
        if not any(number for (name, _), number in rows.items() if name == config):
            continue  # `datasets` cannot load a config without rows
        loaded = datasets.load_dataset(str(folder), config, cache_dir=cache)
        pa.default_memory_pool().release_unused()
        _compare(config, loaded, datasets.Features.from_dict(schema.features(struct)), rows)
        if config == schema.ARTICLES:
            texts = loaded
        if config in codebook.layers:
            for split in loaded:
                _compare_quotes(config, split, texts[split], loaded[split])


def _compare(config: str, loaded: Any, features: Any, rows: Mapping[tuple[str, str], int]) -> None:
    expected = {split: number for (name, split), number in rows.items() if name == config and number}
    found = {str(split): dataset.num_rows for split, dataset in loaded.items()}
    if found != expected:
        raise NewsParallaxError(f"loaded {found} rows, wrote {expected}", file=config)
    for split, dataset in loaded.items():
        if dataset.features != features:
            raise NewsParallaxError(
                f"loaded the features {dataset.features}, wrote {features}", file=config, place=split
            )


def _compare_quotes(config: str, split: str, articles: Any, spans: Any) -> None:
    """Every quote is the slice that its offsets name; both sides are in order of article ids, so one pass does."""
    texts = _columns(articles, ("article_id", "text"))
    key: str | None = None
    text: str | None = ""
    for article_id, start, end, quote in _columns(spans, ("article_id", "start", "end", "quote")):
        while key != article_id:
            key, text = next(texts, (None, ""))
            if key is None:
                raise NewsParallaxError(f"{article_id} has spans, but no text", file=config, place=split)
        if (text if text is None else text[start:end]) != quote:
            raise NewsParallaxError(f"{article_id} {start}..{end} is not {quote!r}", file=config, place=split)


def _columns(dataset: Any, names: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    for batch in dataset.select_columns(list(names)).with_format("arrow").iter(BATCH):
        yield from zip(*(batch[name].to_pylist() for name in names), strict=True)
