"""Runs the conversion over a corpus folder: in this process or in several, with the same result."""

from __future__ import annotations

import gc
import multiprocessing
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager, nullcontext
from functools import lru_cache
from importlib.abc import MetaPathFinder
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from ..core import schema
from ..core.article import RawTask
from ..core.context import Context
from ..core.errors import NewsParallaxError
from ..core.exports import OPEN, ExportFolder
from ..core.index import Unit, index_tasks, unit_tasks
from ..core.part import Part, convert_part
from ..core.slices import OpenFile, Slices, Version
from .folder import CorpusFolder
from .handover import hand_over, take_over
from .pretokenize import pretokenize

PART_ARTICLES = 128  # articles converted at a time; fixed, so that row groups do not depend on the number of workers
STARTING_BYTES = 4 << 20  # of exports, which take a worker about as long as starting it

Progress = Callable[[int, int], None]


class Place(NamedTuple):
    """A task that is told by its place: a worker reads the file itself, which is cheaper than to send it."""

    path: Path
    start: int
    end: int
    version: Version


Batch = list[tuple[str, list[tuple[str, bytes | Place]]]]  # of articles: id, and file and content of their tasks


def convert_corpus(
    folder: CorpusFolder, workers: int = 1, progress: Progress | None = None, scratch: Path | None = None
) -> Iterator[Part]:
    """Every part of the corpus in order of article ids; `progress` is told articles done and in all.

    What workers have converted waits in a folder in `scratch` (default: where temporary files are). Raises ExportError
    for an export that cannot be read, before anything is converted.
    """
    waiting = TemporaryDirectory(dir=scratch) if workers > 1 else nullcontext("")
    with fewer_collections(), waiting as place, _started(folder, workers) as pool:
        units = index_tasks(folder.context, folder.exports, folder.text_ids)
        groups = [units[at : at + PART_ARTICLES] for at in range(0, len(units), PART_ARTICLES)]
        done = 0
        if pool:
            parts = _in_order(pool, folder, groups, workers + 1, Path(place))
        else:
            parts = (_here(folder, group) for group in groups)
        for group, part in zip(groups, parts, strict=True):
            done += len(group)
            if progress:
                progress(done, len(units))
            yield part


def _here(folder: CorpusFolder, units: list[Unit]) -> Part:
    articles = [(unit.article_id, unit_tasks(folder.exports, unit)) for unit in units]
    return convert_part(folder.context, articles, folder.read_text, pretokenize)


@contextmanager
def _started(folder: CorpusFolder, workers: int) -> Iterator[ProcessPoolExecutor | None]:
    """The processes, if there are to be several; those that will be needed start while tasks are being counted."""
    if workers <= 1:
        yield None
        return
    spawn = multiprocessing.get_context("spawn")
    opening = (folder.root, folder.context)
    try:
        with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_open, initargs=opening) as pool:
            for _ in range(min(workers, _size(folder.exports) // STARTING_BYTES)):
                pool.submit(_open_already)
            yield pool
    except BrokenProcessPool:
        hint = "if memory ran out, take fewer --workers"
        raise NewsParallaxError("a worker process ended without an answer; nothing was written", hint=hint) from None


def _size(exports: ExportFolder) -> int:
    return sum(path.stat().st_size for path in exports.files if path.is_file())


def _in_order(
    pool: ProcessPoolExecutor, folder: CorpusFolder, groups: Iterable[list[Unit]], ahead: int, place: Path
) -> Iterator[Part]:
    """Convert groups of articles in the pool, a few ahead of the one whose turn it is."""
    shapes = {name: schema.arrow_schema(struct) for name, struct in schema.configs(folder.context.codebook).items()}
    batches = ((_batch(folder.exports, units), place / str(number)) for number, units in enumerate(groups))
    waiting = deque(pool.submit(_convert, *given) for given in islice(batches, ahead))
    while waiting:
        path = waiting.popleft().result()
        waiting.extend(pool.submit(_convert, *given) for given in islice(batches, 1))
        yield take_over(path, shapes)


def _batch(exports: ExportFolder, units: list[Unit]) -> Batch:
    def content(file: int, position: int) -> bytes | Place:
        tasks = exports.tasks(file)
        if isinstance(tasks, Slices):
            return Place(exports.files[file], *tasks.place(position), tasks.version)
        return bytes(tasks[position])

    return [(unit.article_id, [(exports.name(file), content(file, at)) for file, at in unit.tasks]) for unit in units]


@contextmanager
def fewer_collections() -> Iterator[None]:
    """Let the garbage collector look for cycles less often: a conversion makes many objects and hardly any cycles.

    What is there already is not looked at again. It saves about a tenth of the time.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


_worker: CorpusFolder | None = None
_collecting = ExitStack()  # open for as long as the worker lives
_opened = lru_cache(maxsize=OPEN)(OpenFile)


class _WithoutPandas(MetaPathFinder):
    """Keeps pandas out of a worker: only to ask whether a list is a series, Arrow takes a fifth of a second for it."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        """Raise ModuleNotFoundError for pandas, as where it is not installed."""
        if fullname == "pandas":
            raise ModuleNotFoundError("pandas is not used here", name=fullname)


def _open(root: Path, context: Context) -> None:
    """Give a worker process its corpus: what is small travels, texts are read where they are needed."""
    global _worker
    sys.meta_path.insert(0, _WithoutPandas())
    _collecting.enter_context(fewer_collections())
    _worker = CorpusFolder(root, context, [])


def _open_already() -> None:
    """Nothing: a pool starts a process when there is something to do."""


def _convert(batch: Batch, path: Path) -> Path:
    if _worker is None:
        raise RuntimeError("the worker process was not opened")
    articles = [(key, [RawTask(file, _content(given)) for file, given in tasks]) for key, tasks in batch]
    hand_over(convert_part(_worker.context, articles, _worker.read_text, pretokenize), path)
    return path


def _content(given: bytes | Place) -> bytes:
    return _opened(given.path).read(*given[1:]) if isinstance(given, Place) else given
