"""Group near-duplicate articles, so that one agency report printed by two outlets does not end in two splits.

There are three passes. MinHash (datatrove) finds candidate pairs of texts. The word sequences of the candidates decide
which texts are near-duplicates. The events of near-duplicates then all take the split of one of these events.
datatrove's own last step is not used: it would treat all texts that share one bucket as duplicates, and a standard
last paragraph of an outlet puts many texts into the same bucket.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from .._util import WorkerPool
from ..convert import RawTask, convert_article, index_tasks, unit_tasks
from ..corpus import CorpusFolder
from ..errors import UsageError

if TYPE_CHECKING:
    from .minhash import Sequences

NEIGHBOURS = 32  # each text of a candidate group is compared with this many next ones, so that time grows linearly


class EventText(NamedTuple):
    """The main text of an article, and the event that the article reports."""

    article_id: str
    event_id: str
    text: str


class _Data(msgspec.Struct):
    data: msgspec.Raw


def grouped(folder: CorpusFolder, workers: int = 1) -> CorpusFolder:
    """Return the corpus with near-duplicate articles grouped, if `near_duplicates` in corpus.toml asks for that.

    Raises UsageError where datatrove is not installed, ExportError for an export that cannot be read.
    """
    at_least = folder.context.corpus.near_duplicates
    if at_least is None:
        return folder
    groups = near_duplicates(corpus_texts(folder), at_least, workers)
    return folder.with_context(split_as=groups)


def corpus_texts(folder: CorpusFolder) -> Iterator[EventText]:
    """Yield the main text (the first in the codebook) of every article that has one, as the conversion reads it."""
    for unit in index_tasks(folder.context, folder.exports, folder.text_ids).units:
        text = event_text(folder, unit.article_id, unit_tasks(folder.exports, unit))
        if text:
            yield text


def event_text(folder: CorpusFolder, article_id: str, tasks: list[RawTask]) -> EventText | None:
    """Return the main text of an article with these tasks, or None where it has no main text."""
    context = folder.context
    main = context.codebook.main_text
    shown = _without_annotations(tasks) if context.from_tasks else []
    conversion = convert_article(context, article_id, shown, folder.read_bytes)
    if not conversion.exists or main not in conversion.texts:
        return None
    return EventText(article_id, conversion.event_id, conversion.texts[main].index.text)


def near_duplicates(texts: Iterable[EventText], at_least: float, workers: int = 1) -> dict[str, str]:
    """Map each event id to the id of the event whose split it takes, the lowest of its group.

    Events without a group are not in the mapping. Two texts are near-duplicates when at least the share `at_least`
    (0.25 to 1, such as 0.3) of all their distinct three-word sequences is in both. `texts` come in any order, each
    article once. The result depends neither on the order nor on `workers` (processes). A text without words is a
    near-duplicate of no text. A text of one or two words is a near-duplicate only of texts with the same words. Only
    the ids stay in memory. Texts, sequences and signatures, about three times the size of the texts, are in a temporary
    folder. Raises UsageError where datatrove is not installed.
    """
    try:
        from . import minhash
    except ImportError as error:
        name = (error.name or "datatrove").partition(".")[0]
        message = f"near_duplicates needs {name}, which is not installed"
        raise UsageError(message, file="corpus.toml", hint="`make .venv/scale` installs it") from None
    with tempfile.TemporaryDirectory(prefix="newsparallax-texts-") as folder:
        work = Path(folder)
        ids, events = _spool(texts, work, workers)
        _run([(partial(minhash.sign, work), workers), (partial(minhash.match, work), minhash.BUCKETS)], workers)
        with closing(minhash.Sequences(work, workers)) as sequences:
            return _united(minhash.groups(work, workers), ids, events, sequences, at_least)


def _without_annotations(tasks: list[RawTask]) -> list[RawTask]:
    """Remove the annotations of a single task, keeping what decides texts and event.

    Several tasks of an article stay complete, because their order is computed from all of their content.
    """
    if len(tasks) != 1:
        return tasks
    try:
        data = bytes(msgspec.json.decode(tasks[0].content, type=_Data).data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return tasks
    return [replace(tasks[0], content=b'{"id":1,"annotations":[],"data":%b}' % data)]


def _spool(texts: Iterable[EventText], work: Path, shards: int) -> tuple[list[str], list[str]]:
    """Write the texts to the shards in turn, as JSON; return article ids and event ids, indexed by text number."""
    ids: list[str] = []
    names: dict[str, str] = {}  # keeps one string object per event, for any number of articles
    events: list[str] = []
    with ExitStack() as stack:
        sinks = [stack.enter_context((work / f"texts-{shard}.jsonl").open("wb")) for shard in range(shards)]
        for number, (article_id, event_id, text) in enumerate(texts):
            ids.append(article_id)
            events.append(names.setdefault(event_id, event_id))
            whole = text.encode("utf-8", "replace").decode()  # JSON cannot encode lone surrogates
            sinks[number % shards].write(msgspec.json.encode(whole) + b"\n")
    return ids, events


def _run(steps: list[tuple[Callable[[int], None], int]], workers: int) -> None:
    """Run each (step, ranks) for every rank from 0, one step after the other; in processes if `workers` is above 1."""
    if workers <= 1:
        for step, ranks in steps:
            for rank in range(ranks):
                step(rank)
        return
    with WorkerPool(workers) as pool:
        for step, ranks in steps:
            list(pool.map(step, range(ranks)))


def _united(
    groups: Iterable[list[int]], ids: list[str], events: list[str], sequences: Sequences, at_least: float
) -> dict[str, str]:
    """Unite the events of near-duplicates within each candidate group; see `near_duplicates`."""
    parents: dict[str, str] = {}

    def lowest(event: str) -> str:
        while (parent := parents.get(event, event)) != event:
            parents[event] = event = parents.get(parent, parent)
        return event

    for group in groups:
        if len({lowest(events[number]) for number in group}) == 1:  # mostly united through an earlier bucket
            continue
        group.sort(key=ids.__getitem__)
        for position, first in enumerate(group):
            for second in islice(group, position + 1, position + 1 + NEIGHBOURS):
                low, high = sorted((lowest(events[first]), lowest(events[second])))
                if low != high and sequences.shared(first, second) >= at_least:
                    parents[high] = low
                    parents.setdefault(low, low)
    return {event: lowest(event) for event in sorted(parents)}
