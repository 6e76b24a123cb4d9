"""Run the conversion over a corpus folder, in this process or in several, with the same result.

A worker passes a Part to the main process in a file, not through a pipe. A killed worker can leave a truncated message
in the pipe. The reader would then wait forever for the rest, because other workers keep the pipe open. The path of a
file is sent only after the file is complete. A file is also cheaper: its tables are memory-mapped, not copied.
"""

from __future__ import annotations

import gc
import pickle
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from functools import lru_cache, partial
from importlib.abc import MetaPathFinder
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pyarrow as pa

from .._util import WorkerPool, interrupts_deferred, usable_processors
from ..convert import RawTask, Unit, index_tasks, unit_tasks
from ..corpus import CorpusFolder, CorpusSpec, schema
from ..exports import OPEN, ExportFolder, OpenFile, SharedNumbers, Slices, Version
from .batch import Articles, Convert, ConvertedBatch, Read, convert_batch

PART_ARTICLES = 128  # articles converted at a time; fixed, so that row groups do not depend on the number of workers
STARTING_BYTES = 4 << 20  # bytes of exports that a worker processes in about the time that starting a worker takes

Progress = Callable[[int, int], None]


def default_workers(folder: CorpusFolder) -> int:
    """Return the number of usable processors, or fewer where the exports are too small to keep them busy."""
    return max(1, min(usable_processors(), _size(folder.exports) // STARTING_BYTES))


class Place(NamedTuple):
    """The place of a task in a file; the worker reads the file itself, which is cheaper than sending the task."""

    path: Path
    start: int
    end: int
    version: Version


# For each article: its id, the id of the article with which it clashes, and (file, content) of its tasks.
Batch = list[tuple[str, str | None, list[tuple[str, bytes | Place]]]]


def convert_corpus(
    folder: CorpusFolder,
    workers: int = 1,
    progress: Progress | None = None,
    scratch: Path | None = None,
    convert: Convert = convert_batch,
) -> Iterator[ConvertedBatch]:
    """Yield every part of the corpus in order of article ids, made by `convert`.

    `progress` receives the number of articles done and the total. Parts from workers are stored in a temporary folder
    in `scratch` (default: the system's temporary folder) until they are yielded. Raises ExportError for an export that
    cannot be read, before any article is converted.
    """
    with interrupts_deferred():
        pa.array([0])  # for its first array of Python values, Arrow imports pandas
    waiting = TemporaryDirectory(dir=scratch) if workers > 1 else nullcontext("")
    with fewer_garbage_collections(), waiting as exchange, _started(folder, workers, convert) as pool:
        units, shared = index_tasks(folder.context, folder.exports, folder.text_ids)
        folder = folder.with_context(shared=shared)
        if pool:
            groups = [units[at : at + PART_ARTICLES] for at in range(0, len(units), PART_ARTICLES)]
            parts = _in_order(pool, folder, groups, workers + 1, Path(exchange))
        else:
            articles = ((unit.article_id, unit_tasks(folder.exports, unit)) for unit in units)
            parts = convert_batches(folder.context, articles, folder.read_bytes, convert)
        for number, part in enumerate(parts, 1):
            if progress:
                progress(min(number * PART_ARTICLES, len(units)), len(units))
            yield part


def convert_batches(
    context: CorpusSpec, articles: Articles, read: Read, convert: Convert = convert_batch
) -> Iterator[ConvertedBatch]:
    """Convert articles in this process, PART_ARTICLES at a time."""
    waiting = iter(articles)
    while batch := list(islice(waiting, PART_ARTICLES)):
        yield convert(context, batch, read)


@contextmanager
def _started(folder: CorpusFolder, workers: int, convert: Convert) -> Iterator[ProcessPoolExecutor | None]:
    """Open the process pool, or yield None for a single process.

    The workers that the size of the exports justifies start at once, while the main process counts tasks.
    """
    if workers <= 1:
        yield None
        return
    with WorkerPool(workers, initializer=_open, initargs=(folder.root, folder.context, convert)) as pool:
        for _ in range(min(workers, _size(folder.exports) // STARTING_BYTES)):
            pool.submit(_open_already)
        yield pool


def _size(exports: ExportFolder) -> int:
    return sum(path.stat().st_size for path in exports.files if path.is_file())


def _in_order(
    pool: ProcessPoolExecutor, folder: CorpusFolder, groups: Iterable[list[Unit]], ahead: int, exchange: Path
) -> Iterator[ConvertedBatch]:
    """Convert groups of articles in the pool, up to `ahead` groups at a time, and yield the parts in order."""
    shapes = schema.arrow_schemas(folder.context.codebook)
    shared = folder.context.shared
    convert: Callable[..., Path] = partial(_convert_knowing, shared) if shared.addresses else _convert
    batches = ((_batch(folder.exports, units), exchange / str(number)) for number, units in enumerate(groups))
    waiting = deque(pool.submit(convert, *batch) for batch in islice(batches, ahead))
    while waiting:
        path = waiting.popleft().result()
        waiting.extend(pool.submit(convert, *batch) for batch in islice(batches, 1))
        yield take_over(path, shapes)


def _batch(exports: ExportFolder, units: list[Unit]) -> Batch:
    def content(file: int, position: int) -> bytes | Place:
        tasks = exports.tasks(file)
        if isinstance(tasks, Slices):
            return Place(exports.plain(file), *tasks.place(position), tasks.version)
        return bytes(tasks[position])

    return [
        (unit.article_id, unit.clash, [(exports.name(file), content(file, at)) for file, at in unit.tasks])
        for unit in units
    ]


@contextmanager
def fewer_garbage_collections() -> Iterator[None]:
    """Run the garbage collector less often, because a conversion makes many objects and hardly any cycles.

    Existing objects are frozen, so that the collector ignores them. This saves about a tenth of the time.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


_worker: tuple[CorpusFolder, Convert] | None = None
_collecting = ExitStack()  # open for as long as the worker lives
_opened = lru_cache(maxsize=OPEN)(OpenFile)


class _WithoutPandas(MetaPathFinder):
    """Import hook that hides pandas from a worker.

    Arrow imports pandas only to check whether a list is a pandas Series, and that import takes a fifth of a second.
    """

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        """Raise ModuleNotFoundError for pandas, as if it were not installed."""
        if fullname == "pandas":
            raise ModuleNotFoundError("pandas is not used here", name=fullname)


def _open(root: Path, context: CorpusSpec, convert: Convert) -> None:
    """Initialize a worker process with its corpus; the small context is sent, and the worker reads texts itself."""
    global _worker
    sys.meta_path.insert(0, _WithoutPandas())
    _collecting.enter_context(fewer_garbage_collections())
    _worker = CorpusFolder(root, context, []), convert


def _open_already() -> None:
    """Do nothing; submitting this makes the pool start a process."""


def _convert_knowing(shared: SharedNumbers, batch: Batch, path: Path) -> Path:
    """Convert in a worker that was initialized before the shared numbers of all exports were known."""
    global _worker
    if _worker and shared != _worker[0].context.shared:
        _worker = _worker[0].with_context(shared=shared), _worker[1]
    return _convert(batch, path)


def _convert(batch: Batch, path: Path) -> Path:
    if _worker is None:
        raise RuntimeError("the worker process was not opened")
    articles = [
        (key, [RawTask(file, _content(content), clash) for file, content in tasks]) for key, clash, tasks in batch
    ]
    folder, convert = _worker
    hand_over(convert(folder.context, articles, folder.read_bytes), path)
    return path


def _content(content: bytes | Place) -> bytes:
    return _opened(content.path).read(*content[1:]) if isinstance(content, Place) else content


Shapes = dict[str, pa.Schema]  # of every config
_Piece = tuple[tuple[str, str], int, int]  # (config, split), and start and end of a record batch in the file, in bytes

_ALIGNED = 64  # bytes, the alignment of Arrow buffers


def hand_over(part: ConvertedBatch, path: Path) -> None:
    """Write a Part: record batches in Arrow's IPC format, then the pickled rest, then the offset of the rest."""
    pieces: list[_Piece] = []
    with path.open("wb", buffering=1 << 20) as sink:
        for key, table in part.tables.items():
            for batch in table.to_batches():
                sink.write(bytes(-sink.tell() % _ALIGNED))
                begin = sink.tell()
                sink.write(batch.serialize())
                pieces.append((key, begin, sink.tell()))
        begin = sink.tell()
        sink.write(pickle.dumps((list(part.tables), pieces, part._replace(tables={})), pickle.HIGHEST_PROTOCOL))
        sink.write(begin.to_bytes(8))


def take_over(path: Path, shapes: Shapes) -> ConvertedBatch:
    """Read a Part and remove its file; the disk space becomes free when the tables are no longer in use."""
    with pa.memory_map(str(path)) as source:
        content = source.read_buffer()
    path.unlink()
    view = memoryview(content)
    keys, pieces, part = pickle.loads(view[int.from_bytes(view[-8:]) : -8])
    batches: dict[tuple[str, str], list[pa.RecordBatch]] = {key: [] for key in keys}
    for key, begin, end in pieces:
        batches[key].append(pa.ipc.read_record_batch(content.slice(begin, end - begin), shapes[key[0]]))
    tables = {key: pa.Table.from_batches(parts, shapes[key[0]]) for key, parts in batches.items()}
    whole: ConvertedBatch = part._replace(tables=tables)
    return whole
