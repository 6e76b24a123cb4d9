"""Runs the conversion over a corpus folder: in this process or in several, with the same result."""

from __future__ import annotations

import gc
import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path

from ..core.article import RawTask
from ..core.context import Context
from ..core.errors import NewsParallaxError
from ..core.index import Unit, index_tasks, unit_tasks
from ..core.part import Part, convert_part
from .folder import CorpusFolder
from .pretokenize import pretokenize

PART_ARTICLES = 64  # articles converted at a time; fixed, so that row groups do not depend on the number of workers

Progress = Callable[[int, int], None]
Batch = list[tuple[str, list[RawTask]]]


def convert_corpus(folder: CorpusFolder, workers: int = 1, progress: Progress | None = None) -> Iterator[Part]:
    """Every part of the corpus in order of article ids; `progress` is told articles done and in all.

    Raises ExportError for an export that cannot be read, before anything is converted.
    """
    with fewer_collections():
        units = index_tasks(folder.context, folder.exports, folder.text_ids)
        batches = _batches(folder, units)
        done = 0
        for number, part in _run(folder, batches, workers):
            done += number
            if progress:
                progress(done, len(units))
            yield part


def _batches(folder: CorpusFolder, units: list[Unit]) -> Iterator[Batch]:
    for at in range(0, len(units), PART_ARTICLES):
        yield [(unit.article_id, unit_tasks(folder.exports, unit)) for unit in units[at : at + PART_ARTICLES]]


def _run(folder: CorpusFolder, batches: Iterable[Batch], workers: int) -> Iterator[tuple[int, Part]]:
    if workers <= 1:
        for batch in batches:
            yield len(batch), convert_part(folder.context, batch, folder.read_text, pretokenize)
        return
    spawn = multiprocessing.get_context("spawn")
    opening = (folder.root, folder.context)
    try:
        with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_open, initargs=opening) as pool:
            yield from _in_order(pool, iter(batches), 2 * workers)
    except BrokenProcessPool:
        hint = "if memory ran out, take fewer --workers"
        raise NewsParallaxError("a worker process ended without an answer; nothing was written", hint=hint) from None


def _in_order(pool: ProcessPoolExecutor, batches: Iterator[Batch], ahead: int) -> Iterator[tuple[int, Part]]:
    """Convert batches in the pool, a few ahead of the one whose turn it is."""
    waiting: deque[tuple[int, Future[Part]]] = deque()
    while True:
        for batch in islice(batches, ahead - len(waiting)):
            whole = [(key, [RawTask(task.file, bytes(task.content)) for task in tasks]) for key, tasks in batch]
            waiting.append((len(batch), pool.submit(_convert, whole)))
        if not waiting:
            return
        number, future = waiting.popleft()
        yield number, future.result()


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


def _open(root: Path, context: Context) -> None:
    """Give a worker process its corpus: what is small travels, texts are read where they are needed."""
    global _worker
    _collecting.enter_context(fewer_collections())
    _worker = CorpusFolder(root, context, [])


def _convert(batch: Batch) -> Part:
    if _worker is None:
        raise RuntimeError("the worker process was not opened")
    return convert_part(_worker.context, batch, _worker.read_text, pretokenize)
