"""What `scale` passes between stages for 100 million articles, without texts: `python benchmarks/scale_metadata.py`.

Offsets of spilled tasks, counts, hashes of events, sizes of files and problems are made as large as in a real run;
counts and sizes are those of `--real` converted articles. The program's own stages then process them. Each measured
step runs in a process of its own: seconds, CPU seconds, and the peak memory of the process (VmHWM, libraries included).
It takes up to 3 GB of disk, which are removed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

import exports
from newsparallax.building import convert_batches
from newsparallax.convert import RawTask
from newsparallax.corpus import CorpusFolder, open_corpus, schema
from newsparallax.dataset import BuildCounts, DatasetWriter, FileFacts
from newsparallax.exports import SharedNumbers
from newsparallax.problems import problem
from newsparallax.scale import combine, pack, plan, run, spill
from newsparallax.scale.combine import HASH, RANGES, Found, Part
from newsparallax.scale.pack import FACTS, Packed, PackPlan, packed_name
from newsparallax.scale.stages import SKIPPED
from newsparallax.scale.store import Store

ARTICLES = 100_000_000
BUCKETS = 20_000
RANKS = 1_000
EVENT = 3  # articles of an event
SEGMENT = 16_000  # bytes of a compressed segment: the tasks of one bucket in one file
PROBLEM = 100  # articles for one problem
SHARES = {"train": 8, "dev": 1, "test": 1}
STEPS = 3  # ranks of `combine` that are run; the results of the others are made


def measured(step: Callable[..., Any], *given: Any) -> dict[str, Any]:
    """Run a step in a new process; its result with seconds, CPU seconds and peak memory in MB."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measure, (step, given))


def _measure(step: Callable[..., Any], given: tuple[Any, ...]) -> dict[str, Any]:
    begun, used = time.perf_counter(), time.process_time()
    result = step(*given)
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    found = {"s": time.perf_counter() - begun, "cpu": time.process_time() - used, "peak": peak, "result": result}
    print(f"{step.__name__}: {found['s']:.1f} s, {found['cpu']:.1f} s of CPU, {peak:.0f} MB; {result}", flush=True)
    return found


def template(root: Path, real: int, scratch: Path) -> tuple[BuildCounts, dict[str, int]]:
    """The counts of `real` converted articles, and the bytes of their files by config."""
    folder, maker = open_corpus(root), exports.exporter()
    articles = ((f"a{n:08d}", [RawTask("a", json.dumps(maker.task(n)).encode())]) for n in range(real))
    tally = BuildCounts()
    with DatasetWriter(scratch / "rows", schema.arrow_schemas(folder.context.codebook)) as writer:
        for part in convert_batches(folder.context, articles, lambda _: None):
            tally.add(part.tally)
            writer.add(part.tables)
        writer.close()
    tally.events = set()
    sizes = {place.name: sum(path.stat().st_size for path in place.iterdir()) for place in (scratch / "rows").iterdir()}
    return tally, sizes


def simulated(tally: BuildCounts, sizes: dict[str, int], real: int) -> tuple[BuildCounts, dict[tuple[str, str], Any]]:
    """Counts and facts of one bucket."""
    each = ARTICLES // BUCKETS
    whole = sum(SHARES.values())
    facts = {
        (config, split): (size * each // real * share // whole, 1, each * share // whole, bytes(32))
        for config, size in sizes.items()
        for split, share in SHARES.items()
    }
    made = BuildCounts() + tally
    made.rows.clear()
    made.rows.update({key: fact[2] for key, fact in facts.items()})
    made.digests = dict.fromkeys(facts, 0)
    made.counts["articles"] = each
    return made, facts


def hashes_of(numbers: Any) -> Any:
    """A hash of each event number, as the program has them."""
    words = np.empty((len(numbers), 2), ">u8")
    for column, salt in enumerate((0x9E3779B97F4A7C15, 0xD1B54A32D192ED03)):
        mixed = numbers.astype(np.uint64) * np.uint64(salt) + np.uint64(salt)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        words[:, column] = mixed ^ (mixed >> np.uint64(31))
    return words.reshape(-1).view(HASH)


def write_offsets(work: str) -> str:
    store, chance = Store(work), np.random.default_rng(0)
    for rank in range(RANKS):
        sizes = np.append(chance.integers(0, 2 * SEGMENT, BUCKETS), np.zeros(BUCKETS, np.int64))
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(spill.OFFSET)
        store.put(f"distribute/{rank:05d}.offsets", offsets.tobytes())
    return f"{RANKS} files of {offsets.nbytes:,} bytes"


def index(work: str) -> str:
    store = Store(work)
    with store.scratch() as scratch:
        spill.index_spills(store, "distribute", "article", RANKS, BUCKETS, scratch)
    return f"{Path(work, 'index/distribute-article').stat().st_size:,} bytes"


def look_up(work: str, times: int = 200) -> str:
    """Find the segments of buckets at random: what each conversion does first."""
    store, begun = Store(work), time.perf_counter()
    for bucket in random.Random(0).sample(range(BUCKETS), times):
        segments = spill.segments_of(store, "distribute", "article", bucket, RANKS)
    took = 1000 * (time.perf_counter() - begun) / times
    return f"{2 * RANKS * 8:,} bytes in {took:.2f} ms for a bucket; {len(segments)} ranges to read"


def write_found(work: str, bucket_counts: BuildCounts, facts: dict[Any, Any], rank: int, ranks: int) -> str:
    store, chance = Store(work), np.random.default_rng(rank)
    seen = []
    first, end = (BUCKETS * number // ranks for number in (rank, rank + 1))
    entry = problem(
        "duplicate-task", "two tasks", file="shard.json", article_id="a" * 20, raw={"id": 1, "x": "y" * 200}
    )
    line = msgspec.json.encode(entry) + b"\n"
    for bucket in range(first, end):
        numbers = np.unique(chance.integers(0, ARTICLES // EVENT, ARTICLES // BUCKETS))
        seen.append(numbers)
        events = hashes_of(numbers).tobytes()
        store.put_object(
            combine.found_name(bucket),
            Found(bucket_counts, facts, line * (ARTICLES // BUCKETS // PROBLEM), events),
        )
    np.save(Path(work, f"seen-{rank:05d}.npy"), np.unique(np.concatenate(seen)).astype(np.uint32))
    return f"{end - first} files of {Path(work, combine.found_name(first)).stat().st_size:,} bytes"


def combine_rank(work: str, rank: int, ranks: int) -> str:
    combine.Combine(work)(None, rank, ranks)
    return f"{Path(work, combine._part_name(rank)).stat().st_size:,} bytes of counts"


def write_parts(work: str, ranks: int) -> str:
    """The results of the other ranks of `combine`: with the counts of the first, and events of their own."""
    store, chance = Store(work), np.random.default_rng(1)
    part: Part = store.get_object(combine._part_name(0))
    problems = store.get(combine.problems_name(0))
    starts = np.array([bytes([number]) for number in range(RANGES)], HASH)
    seen = np.zeros(ARTICLES // EVENT, bool)
    for rank in range(STEPS):
        seen[np.load(Path(work, f"seen-{rank:05d}.npy"))] = True
    for rank in range(STEPS, ranks):
        numbers = np.unique(chance.integers(0, ARTICLES // EVENT, ARTICLES // ranks))
        seen[numbers] = True
        hashes = np.sort(hashes_of(numbers))
        store.put(combine._events_name(rank), hashes.tobytes())
        store.put(combine.problems_name(rank), problems)
        edges = np.append(np.searchsorted(hashes, starts), len(hashes))
        store.put_object(combine._part_name(rank), Part(part.tally, part.facts, edges))
    return f"{seen.sum()}"


def total(work: str) -> str:
    combine.Total(work)(None, 0, 1)
    return f"{Store(work).get_object(combine.TOTAL).events_counted}"


def plan_files(work: str) -> str:
    store = Store(work)
    made: PackPlan = store.get_object(pack.PLAN)
    facts = np.frombuffer(store.get(pack.FACTS_FILE), FACTS).reshape(len(made.keys), made.buckets)
    sizes = {key: facts[number]["bytes"].copy() for number, key in enumerate(made.keys)}
    begun = time.perf_counter()
    again = pack.plan_packs(sizes, made.buckets)
    took = time.perf_counter() - begun
    assert again == made
    return f"{len(made.ranges)} files of at most {made.file_bytes / 1e6:.0f} MB planned in {took:.2f} s"


def write_packed(work: str) -> str:
    store = Store(work)
    made: PackPlan = store.get_object(pack.PLAN)
    groups = plan.load(work).groups
    for rank in range(groups):
        done = []
        for number in range(rank, len(made.ranges), groups):
            planned = made.ranges[number]
            facts = pack._facts_of(store, made, planned)
            name = f"packed/{planned.config}/{planned.split}-{number:05d}00000.parquet"
            size = int(facts["bytes"].sum())
            done.append(Packed(*planned[:2], {name: FileFacts("0" * 64, size, int(facts["rows"].sum()), size)}, 0))
        store.put_object(packed_name(rank), done)
    return f"{groups} files"


def merge(root: str, work: str, draft: str) -> str:
    """What the driver does, without the files themselves."""
    folder = open_corpus(Path(root))
    merged, packed, _ = run._assemble(folder, plan.load(work), Store(work), Path(draft))
    sizes = {name: Path(draft, name).stat().st_size for name in ("manifest.json", "problems.jsonl")}
    return f"{len(packed)} files, {merged.manifest.counts.articles:,} articles; {sizes}"


def make_job(folder: CorpusFolder) -> plan.Job:
    return plan.Job(folder.root.resolve(), folder.context, folder.text_ids, (), RANKS, BUCKETS, "key")


def simulate(place: Path, real: int) -> None:
    exports.write_corpus(place / "corpus", 0)
    work, job = str(place / "work"), make_job(open_corpus(place / "corpus"))
    plan.save(job, Store(work))
    tally, sizes = template(place / "corpus", real, place)
    bucket_counts, facts = simulated(tally, sizes, real)
    print(f"{len(facts)} configs with splits; {sum(fact[0] for fact in facts.values()) / 1e6:.1f} MB in a bucket")
    measured(write_offsets, work)
    measured(index, work)
    measured(look_up, work)
    shutil.rmtree(place / "work/distribute")
    for rank in range(STEPS):
        measured(write_found, work, bucket_counts, facts, rank, job.combined)
        measured(combine_rank, work, rank, job.combined)
        shutil.rmtree(place / "work/found")
    events = measured(write_parts, work, job.combined)["result"]
    counted = measured(total, work)["result"]
    assert counted == events, f"{counted} events counted, {events} made"
    measured(plan_files, work)
    measured(write_packed, work)
    store = Store(work)
    store.put_object(plan.SHARED, SharedNumbers())
    store.put(SKIPPED, b"")
    (place / "draft").mkdir()
    measured(merge, str(place / "corpus"), work, str(place / "draft"))
    print(f"{sum(path.stat().st_size for path in place.rglob('*') if path.is_file()) / 1e9:.1f} GB of disk at the end")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--real", type=int, default=600, help="articles that are converted for counts and sizes")
    parser.add_argument("--folder", type=Path, help="where to work; it is removed (default: a temporary one)")
    options = parser.parse_args()
    place = options.folder or Path(tempfile.mkdtemp())
    place.mkdir(parents=True, exist_ok=True)
    begun = time.perf_counter()
    try:
        simulate(place, options.real)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{time.perf_counter() - begun:.0f} s, {used.ru_utime + used.ru_stime:.0f} s of CPU in steps")


if __name__ == "__main__":
    main()
