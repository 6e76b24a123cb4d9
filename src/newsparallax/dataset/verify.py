"""Verify a written dataset: read it back with `datasets` and compare counts, label names and quotes.

`loaded_digest` is for a release on a hub: the digest covers the rows that users get when they load it with `datasets`.
"""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow as pa

from .._util import causes, interrupts_deferred, refusal
from ..corpus import Codebook, schema
from ..errors import NewsParallaxError
from ..ids import DIGEST_MODULUS
from .digest import table_digest, whole_articles
from .hub_client import HubError, failure, is_passing, no_room
from .manifest import content_digest

BATCH = 1000  # rows in memory at a time
ROWS = 256  # the same where an article's row contains all its spans

Streams = dict[str, Any]  # split -> datasets.IterableDataset
_END = object()  # sentinel after the last article of a layer; None cannot mark the end, since an id may be null


def read_back(folder: Path, codebook: Codebook, rows: Mapping[tuple[str, str], int], workers: int = 1) -> None:
    """Load every config of the dataset in `folder` and compare it with the written data.

    `rows` has the number of written rows by (config, split). A withheld text has no quotes. Rows are streamed, so that
    neither memory use nor a copy on disk grows with them. `workers` is the number of threads; more than two have no
    benefit. Raises NewsParallaxError, naming config and split, where a count, a feature or a quote differs from the
    written data.
    """
    with _loader(folder) as loader:
        _load_all(loader, codebook, rows, min(workers, 2))


def load_first(folder: Path, codebook: Codebook, rows: Mapping[tuple[str, str], int]) -> None:
    """Load every config of the dataset in `folder` as `read_back` does, but read only the first rows of each split.

    This is for a dataset whose files have been compared with the written data one by one. Raises NewsParallaxError
    where a split is missing, or a feature or a stated count differs from the written data.
    """
    with _loader(folder) as loader:
        for config, streams in _loaded(loader, codebook, rows).items():
            for split, stream in streams.items():
                first = stream.shard(stream.num_shards, 0).reshard()  # row groups of the first file
                first = first.shard(first.num_shards, 0)
                if not sum(batch.num_rows for batch in first.with_format("arrow").iter(BATCH)):
                    raise NewsParallaxError("the first row group has no rows", file=config, place=split)


@contextmanager
def _loader(folder: Path) -> Iterator[_Loader]:
    """Yield a loader of the dataset in `folder`; what `datasets` raises becomes a NewsParallaxError."""
    get_ready()
    with tempfile.TemporaryDirectory(dir=folder.parent) as cache:  # next to the draft: removed even after a killed run
        try:
            yield _Loader(folder, cache)
        except NewsParallaxError:
            raise
        except Exception as error:  # `datasets` raises many types of exceptions
            if isinstance(error, OSError) and error.errno is not None:
                raise  # a disk error; Arrow reports damaged data with an OSError without errno
            while error.__cause__ and isinstance(error.__cause__, Exception):
                error = error.__cause__
            message = f"`datasets` cannot load what was written: {error}"
            raise NewsParallaxError(
                message.split("\n")[0], hint="check whether the disk is full; nothing was changed"
            ) from None


def get_ready() -> None:
    """Import `datasets`, which takes more than half a second; while workers convert, the import costs no extra time."""
    with interrupts_deferred():
        import datasets

    datasets.disable_progress_bars()


def get_ready_meanwhile() -> None:
    """Run `get_ready` in a thread; errors of the import appear later, when `datasets` is needed.

    The thread is not a daemon, because the process would abort if it ended during the import.
    """

    def ready() -> None:
        with suppress(Exception):
            get_ready()

    Thread(target=ready).start()


class _Loader:
    """Equivalent of `load_dataset(folder, config, streaming=True)` that parses the card only once for all configs."""

    def __init__(self, folder: Path, cache: str) -> None:
        from datasets import load
        from pyarrow.dataset import ParquetFragmentScanOptions

        self._module = load.dataset_module_factory(str(folder), cache_dir=cache)
        self._builder = load.get_dataset_builder_class(self._module)
        self._given = {"cache_dir": cache, "hash": self._module.hash} | self._module.builder_kwargs
        self._given["fragment_scan_options"] = ParquetFragmentScanOptions(pre_buffer=False)  # it would buffer all data

    def load(self, config: str) -> tuple[Streams, dict[str, int]]:
        """Return the splits of a config as streams, and the numbers of rows that the card states by split."""
        info = self._module.dataset_infos.get(config)
        made = self._builder(config_name=config, info=info, **self._given)
        stated = {split: part.num_examples for split, part in (made.info.splits or {}).items()}
        return {str(split): stream for split, stream in made.as_streaming_dataset().items()}, stated


def _load_all(loader: _Loader, codebook: Codebook, rows: Mapping[tuple[str, str], int], threads: int) -> None:
    loaded = _loaded(loader, codebook, rows)
    written = {config: _written(config, rows) for config in loaded}
    row_counts: dict[str, dict[str, int]] = {config: {} for config in loaded}
    parts = list(_parts(loaded, codebook))
    with ThreadPoolExecutor(threads) as pool:  # most time is spent in Arrow, which releases the GIL
        read = list(pool.map(lambda part: _read(part[0], part[1], codebook), parts))
    for (split, _), (numbers, _) in zip(parts, read, strict=True):
        for config, number in numbers.items():
            row_counts[config][split] = number
    for config in loaded:
        if row_counts[config] != written[config]:
            raise NewsParallaxError(f"loaded {row_counts[config]} rows, wrote {written[config]}", file=config)
    for _, wrong in read:
        if wrong is not None:
            raise wrong


def _written(config: str, rows: Mapping[tuple[str, str], int]) -> dict[str, int]:
    return {split: number for (name, split), number in rows.items() if name == config and number}


def _loaded(loader: _Loader, codebook: Codebook, rows: Mapping[tuple[str, str], int]) -> dict[str, Streams]:
    """Return the streams of every config with rows, after comparing splits, features and stated counts."""
    loaded: dict[str, Streams] = {}
    for config, struct in schema.configs(codebook).items():
        written = _written(config, rows)
        if not written:  # `datasets` cannot load a config without rows
            continue
        loaded[config], stated = loader.load(config)
        if loaded[config].keys() != written.keys():
            message = f"loaded the splits {sorted(loaded[config])}; wrote {sorted(written)}"
            raise NewsParallaxError(message, file=config)
        _compare_features(config, loaded[config], schema.features(struct))
        if stated and stated != written:
            raise NewsParallaxError(f"the card states {stated} rows; wrote {written}", file=config)
    return loaded


def _parts(loaded: Mapping[str, Streams], codebook: Codebook) -> Iterator[tuple[str, Streams]]:
    """Yield (split, streams by config) to read together: first the configs with quotes and texts, then the others."""
    quoting = {schema.ARTICLES, *codebook.layers}
    for configs in (loaded.keys() & quoting, loaded.keys() - quoting):
        for split in sorted({split for config in configs for split in loaded[config]}):
            yield split, {config: loaded[config][split] for config in sorted(configs) if split in loaded[config]}


def _compare_features(config: str, streams: Streams, shape: dict[str, Any]) -> None:
    from datasets import Features

    features = Features.from_dict(shape)
    for split, stream in streams.items():
        if stream.features != features:
            message = f"loaded the features {stream.features}, wrote {features}"
            raise NewsParallaxError(message, file=config, place=split)


def _read(
    split: str, streams: Mapping[str, Any], codebook: Codebook
) -> tuple[dict[str, int], NewsParallaxError | None]:
    """Read all rows of a split, which casts them to their features; return row counts and the error of a wrong quote.

    The row counts are by config.
    """
    numbers = dict.fromkeys(streams, 0)

    def rows(config: str, *columns: str) -> Iterator[tuple[Any, ...]]:
        if config not in streams:
            return
        groups = streams[config].reshard()  # by row group: a scan of a complete file reads ahead without limit
        for batch in groups.with_format("arrow").iter(BATCH):
            numbers[config] += batch.num_rows
            yield from zip(*(batch[column].to_pylist() for column in columns), strict=True)

    texts = rows(schema.ARTICLES, "article_id", "text")
    spans = {layer: rows(layer, "article_id", "start", "end", "quote") for layer in codebook.layers}
    others = [rows(config) for config in streams.keys() - {schema.ARTICLES, *codebook.layers}]
    wrong = None
    try:
        _compare_quotes(split, texts, spans)
    except NewsParallaxError as error:
        wrong = error
    finally:
        for rest in (texts, *spans.values(), *others):  # an unfinished scan once aborted the process (pyarrow 26.0)
            deque(rest, 0)
    pa.default_memory_pool().release_unused()
    return numbers, wrong


def _compare_quotes(
    split: str, texts: Iterable[tuple[Any, ...]], spans: Mapping[str, Iterable[tuple[Any, ...]]]
) -> None:
    """Check that every quote equals the text slice at its offsets, in one pass: texts and spans are in article order.

    Raises NewsParallaxError for the first wrong quote.
    """
    groups = {layer: groupby(rows, itemgetter(0)) for layer, rows in spans.items()}
    nothing: tuple[Any, Iterable[tuple[Any, ...]]] = (_END, ())
    turns = {layer: next(group, nothing) for layer, group in groups.items()}
    for article_id, text in texts:
        for layer, (spanned, rows) in turns.items():
            if spanned != article_id:
                continue
            for _, start, end, quote in rows:
                if (text if text is None else text[start:end]) != quote:
                    raise NewsParallaxError(
                        f"the text of article {article_id} at {start}..{end} is not {quote!r}", file=layer, place=split
                    )
            turns[layer] = next(groups[layer], nothing)
    for layer, (left, _) in turns.items():
        if left is not _END:
            raise NewsParallaxError(f"article {left} has spans, but no text", file=layer, place=split)


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
            total += _split_digest(config, str(split), split_rows)
    return content_digest(shapes, total % DIGEST_MODULUS)


def _split_digest(config: str, split: str, rows: Any) -> int:
    batches = rows.with_format("arrow").iter(ROWS)
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
