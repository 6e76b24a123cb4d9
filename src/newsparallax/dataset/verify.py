"""What was written, read again with `datasets`, and compared: counts, label names, quotes."""

from __future__ import annotations

import os
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow as pa

from ..core import schema
from ..core.codebook import Codebook
from ..core.errors import NewsParallaxError

BATCH = 1000

Streams = dict[str, Any]  # split -> datasets.IterableDataset
_END = object()  # after the last article of a layer: an id that is missing is no end


def read_back(folder: Path, codebook: Codebook, rows: Mapping[tuple[str, str], int], workers: int = 1) -> None:
    """Load every config of the dataset in `folder` and compare it with what was written.

    `rows` says how many by (config, split). A text that is withheld has no quotes. Rows are streamed, so that neither
    memory nor a copy on disk grows with them; `workers` are threads, of which more than two are of no use. Raises
    NewsParallaxError naming config and split when a count, a feature or a quote is not what was written.
    """
    get_ready()
    with tempfile.TemporaryDirectory(dir=folder.parent) as cache:  # beside the draft, so that no killed run leaves it
        try:
            _load_all(_Loader(folder, cache), codebook, rows, min(workers, 2))
        except NewsParallaxError:
            raise
        except Exception as error:  # `datasets` raises errors of many kinds
            if isinstance(error, OSError) and error.errno is not None:
                raise  # of the disk; Arrow says with an OSError of its own that data are damaged
            while error.__cause__ and isinstance(error.__cause__, Exception):
                error = error.__cause__
            message = f"`datasets` cannot load what was written: {error}"
            raise NewsParallaxError(message.split("\n")[0], hint="is the disk full? nothing was changed") from None


def get_ready() -> None:
    """Import `datasets`, which takes more than half a second: while workers convert, it costs nothing."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # before the import, which reads it; nothing here needs a hub
    import datasets

    datasets.disable_progress_bars()


def get_ready_meanwhile() -> None:
    """The same in a thread; what goes wrong is told when `datasets` is needed."""

    def ready() -> None:
        with suppress(Exception):
            get_ready()

    Thread(target=ready, daemon=True).start()


class _Loader:
    """Does what `load_dataset(folder, config, streaming=True)` does, but parses the card once, not for every config."""

    def __init__(self, folder: Path, cache: str) -> None:
        from datasets import load
        from pyarrow.dataset import ParquetFragmentScanOptions

        self._module = load.dataset_module_factory(str(folder), cache_dir=cache)
        self._builder = load.get_dataset_builder_class(self._module)
        self._given = {"cache_dir": cache, "hash": self._module.hash} | self._module.builder_kwargs
        self._given["fragment_scan_options"] = ParquetFragmentScanOptions(pre_buffer=False)  # it would hold whole files

    def load(self, config: str) -> tuple[Streams, dict[str, int]]:
        """The splits of a config as streams, and the numbers of their rows as the card states them."""
        info = self._module.dataset_infos.get(config)
        made = self._builder(config_name=config, info=info, **self._given)
        stated = {split: part.num_examples for split, part in (made.info.splits or {}).items()}
        return {str(split): stream for split, stream in made.as_streaming_dataset().items()}, stated


def _load_all(loader: _Loader, codebook: Codebook, rows: Mapping[tuple[str, str], int], threads: int) -> None:
    loaded: dict[str, Streams] = {}
    written: dict[str, dict[str, int]] = {}
    for config, struct in schema.configs(codebook).items():
        written[config] = {split: number for (name, split), number in rows.items() if name == config and number}
        if written[config]:  # `datasets` cannot load a config without rows
            loaded[config], stated = loader.load(config)
            if loaded[config].keys() != written[config].keys():
                message = f"loaded the splits {sorted(loaded[config])}, wrote {sorted(written[config])}"
                raise NewsParallaxError(message, file=config)
            _compare_features(config, loaded[config], schema.features(struct))
            if stated and stated != written[config]:
                raise NewsParallaxError(f"the card states {stated} rows, wrote {written[config]}", file=config)
    found: dict[str, dict[str, int]] = {config: {} for config in loaded}
    parts = list(_parts(loaded, codebook))
    with ThreadPoolExecutor(threads) as pool:  # most of the time goes into Arrow, which lets other threads run
        read = list(pool.map(lambda part: _read(part[0], part[1], codebook), parts))
    for (split, _), (numbers, _) in zip(parts, read, strict=True):
        for config, number in numbers.items():
            found[config][split] = number
    for config in loaded:
        if found[config] != written[config]:
            raise NewsParallaxError(f"loaded {found[config]} rows, wrote {written[config]}", file=config)
    for _, wrong in read:
        if wrong is not None:
            raise wrong


def _parts(loaded: Mapping[str, Streams], codebook: Codebook) -> Iterator[tuple[str, Streams]]:
    """Streams by config that are read together: those of one split with quotes and their texts, and all others."""
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
    """Read all rows of a split, which casts them to their features; their numbers by config, and a wrong quote."""
    numbers = dict.fromkeys(streams, 0)

    def rows(config: str, *columns: str) -> Iterator[tuple[Any, ...]]:
        if config not in streams:
            return
        groups = streams[config].reshard()  # row group by row group: a scan of a whole file reads ahead without limit
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
        for rest in (texts, *spans.values(), *others):  # a scan left halfway aborted the process once (pyarrow 26.0)
            deque(rest, 0)
    pa.default_memory_pool().release_unused()
    return numbers, wrong


def _compare_quotes(
    split: str, texts: Iterable[tuple[Any, ...]], spans: Mapping[str, Iterable[tuple[Any, ...]]]
) -> None:
    """Every quote is the slice that its offsets name; texts and spans are in order of article ids, so one pass does."""
    groups = {layer: groupby(rows, itemgetter(0)) for layer, rows in spans.items()}
    nothing: tuple[Any, Iterable[tuple[Any, ...]]] = (_END, ())
    turns = {layer: next(group, nothing) for layer, group in groups.items()}
    for article_id, text in texts:
        for layer, (spanned, rows) in turns.items():
            if spanned != article_id:
                continue
            for _, start, end, quote in rows:
                if (text if text is None else text[start:end]) != quote:
                    raise NewsParallaxError(f"{article_id} {start}..{end} is not {quote!r}", file=layer, place=split)
            turns[layer] = next(groups[layer], nothing)
    for layer, (left, _) in turns.items():
        if left is not _END:
            raise NewsParallaxError(f"{left} has spans, but no text", file=layer, place=split)
