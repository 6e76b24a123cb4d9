"""Near-duplicate articles: the same agency report printed by two outlets must not end in two splits.

Three passes: MinHash (datatrove) finds which texts may be alike, their sequences of words tell which are, and the
events of those that are take the split of one of them. datatrove's own last step would take everything for alike that
met once, and an outlet's standing last paragraph makes many texts meet.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from ..core.article import RawTask, convert_article
from ..core.errors import NewsParallaxError, UsageError
from ..core.index import index_tasks, unit_tasks
from .folder import CorpusFolder

if TYPE_CHECKING:
    from .minhash import Sequences

NEIGHBOURS = 32  # texts that met are compared with so many of the next ones, so that time grows with their number only


class EventText(NamedTuple):
    """The main text of an article, and the event that the article tells."""

    article_id: str
    event_id: str
    text: str


class _Data(msgspec.Struct):
    data: msgspec.Raw


def grouped(folder: CorpusFolder, workers: int = 1) -> CorpusFolder:
    """The corpus with near-duplicate articles grouped, if it asks for that (`near_duplicates` in corpus.toml).

    Raises UsageError where datatrove is not installed, ExportError for an export that cannot be read.
    """
    at_least = folder.context.corpus.near_duplicates
    if at_least is None:
        return folder
    found = near_duplicates(corpus_texts(folder), at_least, workers)
    return replace(folder, context=replace(folder.context, split_as=found))


def corpus_texts(folder: CorpusFolder) -> Iterator[EventText]:
    """The main text (the first in the codebook) of every article that has one, as it will be converted."""
    for unit in index_tasks(folder.context, folder.exports, folder.text_ids):
        found = event_text(folder, unit.article_id, unit_tasks(folder.exports, unit))
        if found:
            yield found


def event_text(folder: CorpusFolder, article_id: str, tasks: list[RawTask]) -> EventText | None:
    """The main text of an article with these tasks; None where it has none."""
    context = folder.context
    main = context.codebook.main_text
    shown = _without_annotations(tasks) if context.from_tasks else []
    found = convert_article(context, article_id, shown, folder.read_text)
    if not found.exists or main not in found.texts:
        return None
    return EventText(article_id, found.event_id, found.texts[main].index.text)


def near_duplicates(texts: Iterable[EventText], at_least: float, workers: int = 1) -> dict[str, str]:
    """Event id -> id of the event whose split it takes, the lowest of its group; of events without a group nothing.

    Two texts are near-duplicates when of all different sequences of three words in them at least the share `at_least`
    (0.25 to 1, such as 0.3) is in both. `texts` come in any order, each article once; the result does not depend on the
    order, nor on `workers` (processes). A text without words is like no other; one of a single word or two is like
    those that are the same. In memory stay the ids; texts, sequences and signatures, about three times the size of the
    texts, wait in a temporary folder. Raises UsageError where datatrove is not installed.
    """
    try:
        from . import minhash
    except ImportError as error:
        name = (error.name or "datatrove").partition(".")[0]
        message = f"near_duplicates needs {name}, which is not installed"
        raise UsageError(message, file="corpus.toml", hint="`make .venv/scale` installs it") from None
    with tempfile.TemporaryDirectory(prefix="newsparallax-texts-") as place:
        work = Path(place)
        ids, events = _spool(texts, work, workers)
        _run([(partial(minhash.sign, work), workers), (partial(minhash.match, work), minhash.BUCKETS)], workers)
        with closing(minhash.Sequences(work, workers)) as sequences:
            return _united(minhash.groups(work, workers), ids, events, sequences, at_least)


def _without_annotations(tasks: list[RawTask]) -> list[RawTask]:
    """The tasks with what decides about texts and event; several, whose order is made from all of them, stay whole."""
    if len(tasks) != 1:
        return tasks
    try:
        data = bytes(msgspec.json.decode(tasks[0].content, type=_Data).data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return tasks
    return [RawTask(tasks[0].file, b'{"id":1,"annotations":[],"data":%b}' % data)]


def _spool(texts: Iterable[EventText], work: Path, shards: int) -> tuple[list[str], list[str]]:
    """Write the texts in turn to the shards, as JSON; ids and events of the texts by their numbers."""
    ids: list[str] = []
    names: dict[str, str] = {}  # one string an event, however many articles tell it
    events: list[str] = []
    with ExitStack() as stack:
        sinks = [stack.enter_context((work / f"texts-{shard}.jsonl").open("wb")) for shard in range(shards)]
        for number, (article_id, event_id, text) in enumerate(texts):
            ids.append(article_id)
            events.append(names.setdefault(event_id, event_id))
            whole = text.encode("utf-8", "replace").decode()  # halves of UTF-16 pairs are no JSON
            sinks[number % shards].write(msgspec.json.encode(whole) + b"\n")
    return ids, events


def _run(steps: list[tuple[Callable[[int], None], int]], workers: int) -> None:
    """Run each step with every rank below its number, one step after the other, in processes if there are several."""
    if workers <= 1:
        for step, ranks in steps:
            for rank in range(ranks):
                step(rank)
        return
    try:
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
            for step, ranks in steps:
                list(pool.map(step, range(ranks)))
    except BrokenProcessPool:
        hint = "if memory ran out, take fewer --workers"
        raise NewsParallaxError("a worker process ended without an answer; nothing was written", hint=hint) from None


def _united(
    groups: Iterable[list[int]], ids: list[str], events: list[str], sequences: Sequences, at_least: float
) -> dict[str, str]:
    """Unite the events of texts that met and are alike; see `near_duplicates`."""
    parents: dict[str, str] = {}

    def lowest(event: str) -> str:
        while (parent := parents.get(event, event)) != event:
            parents[event] = event = parents.get(parent, parent)
        return event

    for group in groups:
        if len({lowest(events[number]) for number in group}) == 1:  # as are most that met in an earlier bucket
            continue
        group.sort(key=ids.__getitem__)
        for place, one in enumerate(group):
            for other in islice(group, place + 1, place + 1 + NEIGHBOURS):
                low, high = sorted((lowest(events[one]), lowest(events[other])))
                if low != high and sequences.shared(one, other) >= at_least:
                    parents[high] = low
                    parents.setdefault(low, low)
    return {event: lowest(event) for event in sorted(parents)}
