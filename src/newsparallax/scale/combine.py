"""Add up what the conversions of all buckets found, in two steps: about 100 buckets in each rank, then all ranks.

Events can have articles in several buckets. A bucket gives a hash of each of its events. The hashes are counted in
ranges, which are small enough for memory.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..dataset import BuildCounts
from ..errors import NewsParallaxError
from .pack import FACTS, PLAN, Facts, Key, plan_packs, put_facts
from .plan import load
from .store import SIDE_BY_SIDE, Store

HASH = np.dtype("S16")  # sorts like the bytes; numpy drops zeros at the end only when it makes Python bytes
RANGES = 256  # of hashes, by their first byte
HASHES_AT_ONCE = 1 << 21  # in memory
TOTAL = "total.pickle"  # BuildCounts of all buckets

Numbers = npt.NDArray[np.int64]


@dataclass
class Found:
    """What the conversion of a bucket found; `tally` has no event ids.

    `facts` has bytes, number of files, rows and digest of the bucket's files, by config and split. `problems` are JSON
    lines. `events` are the hashes of the events.
    """

    tally: BuildCounts
    facts: dict[Key, tuple[int, int, int, bytes]]
    problems: bytes
    events: bytes


@dataclass
class Part:
    """The sum of some buckets. `edges` has the place of the first hash of each range, then the number of hashes."""

    tally: BuildCounts
    facts: dict[Key, Facts]
    edges: Numbers


def hashes_of(events: Iterable[str]) -> bytes:
    """Return the hashes of events, 16 bytes each."""
    return b"".join(hashlib.sha256(event.encode("utf-8", "surrogatepass")).digest()[:16] for event in events)


def found_name(bucket: int) -> str:
    """Return the name of the file with the Found of a bucket."""
    return f"found/{bucket:05d}.pickle"


def problems_name(rank: int) -> str:
    """Return the name of the file with the problems of the buckets of a rank, as JSON lines in order."""
    return f"combined/{rank:05d}.jsonl"


def _part_name(rank: int) -> str:
    return f"combined/{rank:05d}.pickle"


def _events_name(rank: int) -> str:
    return f"combined/{rank:05d}.events"


@dataclass(frozen=True)
class Combine:
    """Stage 3: add up the results of a range of buckets."""

    work: str

    def __call__(self, data: Any, rank: int, world_size: int) -> None:
        """Run a rank."""
        buckets, store = load(self.work).buckets, Store(self.work)
        first, end = (buckets * number // world_size for number in (rank, rank + 1))
        tally, facts = BuildCounts(), dict[Key, Facts]()
        events = [np.empty(0, HASH)]
        with store.scratch() as scratch:
            with (scratch / "problems").open("wb") as sink:
                for bucket in range(first, end):
                    found: Found = store.get_object(found_name(bucket))
                    tally.add(found.tally)
                    sink.write(found.problems)
                    events.append(np.frombuffer(found.events, HASH))
                    for key, fact in found.facts.items():
                        facts.setdefault(key, np.zeros(end - first, FACTS))[bucket - first] = fact
            store.put_file(problems_name(rank), scratch / "problems")
            hashes = np.unique(np.concatenate(events))
            hashes.tofile(scratch / "events")
            store.put_file(_events_name(rank), scratch / "events")
        starts = np.array([bytes([number]) for number in range(RANGES)], HASH)
        edges = np.append(np.searchsorted(hashes, starts), len(hashes))
        store.put_object(_part_name(rank), Part(tally, facts, edges))


@dataclass(frozen=True)
class Total:
    """Stage 3b: add up the sums of all ranks, and plan the files of the dataset; one rank.

    Spilled tasks are removed, because all buckets have been converted.
    """

    work: str

    def __call__(self, data: Any, rank: int, world_size: int) -> None:
        """Run the rank."""
        job, store = load(self.work), Store(self.work)
        tally, facts, edges = BuildCounts(), dict[Key, list[Facts]](), []
        for number in range(job.combined):
            part: Part = store.get_object(_part_name(number))
            size = job.buckets * (number + 1) // job.combined - job.buckets * number // job.combined
            tally.add(part.tally)
            edges.append(part.edges)
            for key in part.facts.keys() - facts.keys():
                facts[key] = [np.zeros(job.buckets * number // job.combined, FACTS)]
            for key, found in facts.items():
                found.append(part.facts.get(key, np.zeros(size, FACTS)))
        tally.events_counted = _count_events(store, np.array(edges))
        whole = {key: np.concatenate(found) for key, found in facts.items()}
        put_facts(store, whole)
        store.put_object(PLAN, plan_packs({key: found["bytes"] for key, found in whole.items()}, job.buckets))
        store.put_object(TOTAL, tally)
        for stage in ("distribute", "gather"):
            store.within(stage).remove()


def _count_events(store: Store, edges: Numbers) -> int:
    """Return the number of distinct hashes in the sorted files of all parts; `edges` has one row a part."""
    sizes = np.diff(edges, axis=1).sum(axis=0)
    total = begin = 0
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        while begin < RANGES:
            end = begin + max(1, int(np.searchsorted(np.cumsum(sizes[begin:]), HASHES_AT_ONCE, "right")))

            def read(rank: int, begin: int = begin, end: int = end) -> bytes:
                bounds = (int(edges[rank, edge]) * HASH.itemsize for edge in (begin, end))
                return store.read_range(_events_name(rank), *bounds)

            ranks = np.flatnonzero(edges[:, end] > edges[:, begin]).tolist()
            total += len(np.unique(np.frombuffer(b"".join(pool.map(read, ranks)), HASH)))
            begin = end
    return total


def compare_rows(held: Mapping[Key, int], counted: Mapping[Key, int]) -> None:
    """Check that files hold as many rows as were counted. Raises NewsParallaxError."""
    held, counted = Counter(held), Counter(counted)
    if held != counted:
        wrong = min(key for key in held.keys() | counted.keys() if held[key] != counted[key])
        message = f"the files contain {held[wrong]} rows; {counted[wrong]} were converted"
        raise NewsParallaxError(message, file=wrong[0], place=wrong[1])
