"""What the stages of a scaled run pass to each other: spilled tasks by bucket, sums, and packed files."""

from __future__ import annotations

import random
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from helpers import Dataset, span, task
from helpers import write_corpus as write_case
from newsparallax.corpus import open_corpus
from newsparallax.dataset import BuildCounts, ConfigWriter, file_facts
from newsparallax.errors import NewsParallaxError
from newsparallax.scale import combine, pack, plan, run, spill
from newsparallax.scale.pack import PackRange, plan_packs
from newsparallax.scale.spill import Spilled, SpillWriter, index_spills, put_spill, read_bucket, segments_of
from newsparallax.scale.store import Store
from sharded import assert_same, built, mixed_shards

pytestmark = pytest.mark.slow

ARTICLES = 60
SEED = 4  # of `tasks`
BUCKETS = 9
RANKS = 3


@pytest.fixture(scope="module")
def shards(tmp_path_factory, tasks):
    return mixed_shards(tmp_path_factory.mktemp("shards"), tasks)


def spilled(store, tmp_path, rows):
    """Write rows, given as (rank, kind, row), as the first stage does, and index them."""
    for rank in range(RANKS):
        scratch = tmp_path / f"scratch{rank}"
        scratch.mkdir()
        writer = SpillWriter(scratch, BUCKETS)
        for _, kind, row in (entry for entry in rows if entry[0] == rank):
            writer.add(kind, row)
        writer.close()
        assert {path.name for path in scratch.iterdir()} == {"spill", "offsets"}
        put_spill(store, "distribute", rank, scratch)
    for kind in spill.KINDS:
        index_spills(store, "distribute", kind, RANKS, BUCKETS, tmp_path)


@pytest.mark.parametrize("flush", [1, 100, 1 << 30], ids=["a run for each task", "several runs", "one pass"])
def test_a_bucket_is_read_from_its_ranges_alone(flush, tmp_path, monkeypatch):
    """Of three files, one without any task; some buckets are empty, and some have tasks in one file only."""
    monkeypatch.setattr(spill, "FLUSH_BYTES", flush)
    chance = random.Random(flush)
    kinds = {"article": [b"a", b"b", b"c\xc3\xa9"], "content": [b"a", b"z"]}
    rows = [
        (chance.choice((0, 2)), kind, Spilled(chance.choice(keys), b"own", number, number * 2, chance.randbytes(30)))
        for kind, keys in kinds.items()
        for number in range(40)
    ]
    store = Store(str(tmp_path / "work"))
    spilled(store, tmp_path, rows)
    read = []
    keep = Store.read_range
    with patch.object(Store, "read_range", lambda *given: (read.append(given[1:]), keep(*given))[1]):
        for kind in kinds:
            found = []
            for bucket in range(BUCKETS):
                segments = segments_of(store, "distribute", kind, bucket, RANKS)
                mine = list(read_bucket(store, segments))
                assert {spill.bucket_of(row.key, BUCKETS) for row in mine} <= {bucket}
                assert mine == sorted(mine, key=lambda row: (row.key, row.shard, row.position))
                assert bool(mine) == bool(segments)
                found += mine
            assert sorted(found) == sorted(row for _, one, row in rows if one == kind)
    assert {end - begin for name, begin, end in read if name.startswith("index")} == {2 * 8 * RANKS}
    ranges = sorted(entry for entry in read if not entry[0].startswith("index"))
    assert not any(name.endswith("00001.spill") for name, *_ in ranges)
    assert (
        len(ranges) == len(set(ranges)) <= 2 * sum(map(len, kinds.values()))
    )  # one of each file and bucket with tasks


def test_a_cut_file_of_tasks_is_noticed(tmp_path):
    store = Store(str(tmp_path / "work"))
    spilled(store, tmp_path, [(0, "article", Spilled(b"a", b"", 0, 0, b"task"))])
    path = tmp_path / "work/distribute/00000.spill"
    path.write_bytes(path.read_bytes()[:-1])
    bucket = spill.bucket_of(b"a", BUCKETS)
    with pytest.raises(OSError, match=r"distribute/00000\.spill ends before byte"):
        list(read_bucket(store, segments_of(store, "distribute", "article", bucket, RANKS)))


def in_order(stages, before=None):
    """Run all ranks in this process; `before` is called with the name of each stage."""
    for stage in stages:
        if before:
            before(stage.name)
        for rank in range(stage.ranks):
            stage.step(None, rank, stage.ranks)


def scaled(folder, patterns, out, tasks, before=None):
    with patch.object(run, "_run", lambda found, *_: in_order(found, before)), patch.object(run, "load_first"):
        run.scale(open_corpus(folder), patterns, str(out), tasks=tasks)
    return Dataset(out)


@pytest.mark.parametrize("at_once", [1, 5, 1 << 20])
def test_an_event_in_several_buckets_counts_once(at_once, tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "COMBINED", 2)
    monkeypatch.setattr(combine, "HASHES_AT_ONCE", at_once)
    made = [task(f"Ann met Bob {number}.", [span(0, 3, "Ann")]) | {"id": number} for number in range(1, 31)]
    for number, one in enumerate(made):
        one["data"]["event"] = f"é{number % 7}"
    corpus = {"articles": {"from_tasks": True, "event_field": "event"}, "splits": {"train": 2, "test": 1}}
    folder = write_case(tmp_path / "corpus", {"exports": {"a.json": made[::2], "b.json": made[1::2]}, "corpus": corpus})
    found = scaled(folder, [f"{folder}/annotations/exports/*"], tmp_path / "out", 11)
    assert found.manifest.counts.events == 7
    assert_same(found, built(folder, tmp_path / "built"))


def test_hashes_with_zeros_at_the_end_stay_apart_and_whole(tmp_path):
    """numpy's strings end at the last byte that is not zero."""
    hashes = [bytes(16), bytes(15) + b"\1", b"\1" + bytes(15), b"\1" * 16, b"\xff" * 16]
    store = Store(str(tmp_path))
    (tmp_path / "combined").mkdir()
    edges = []
    for rank, mine in enumerate((hashes[:4], hashes[1:], [])):
        store.put(combine._events_name(rank), b"".join(mine))
        edges.append([sum(one[0] < number for one in mine) for number in range(257)])
    assert combine._count_events(store, np.array(edges)) == len(hashes)


def planned(sizes, target, monkeypatch, per_folder=990, in_all=9_900):
    monkeypatch.setattr(pack, "TARGET_BYTES", target)
    monkeypatch.setattr(pack, "PER_FOLDER", per_folder)
    monkeypatch.setattr(pack, "IN_ALL", in_all)
    buckets = len(next(iter(sizes.values())))
    return plan_packs({key: np.array(size, np.uint64) for key, size in sizes.items()}, buckets)


def test_buckets_are_joined_up_to_the_size_of_a_file(monkeypatch):
    sizes = {("b", "train"): [0, 4, 4, 4, 0, 0, 30, 0, 1, 1, 0], ("a", "test"): [0] * 11, ("a", "dev"): [3] + [0] * 10}
    made = planned(sizes, 10, monkeypatch)
    assert made.file_bytes == 13
    assert made.ranges == (
        PackRange("a", "dev", 0, 1),
        PackRange("b", "train", 1, 3),
        PackRange("b", "train", 3, 4),
        PackRange("b", "train", 6, 7),
        PackRange("b", "train", 8, 10),
    )


@pytest.mark.parametrize(("per_folder", "in_all"), [(5, 99), (99, 12), (1, 1)])
def test_files_grow_where_there_would_be_too_many(per_folder, in_all, monkeypatch):
    chance = random.Random(1)
    sizes = {(config, "train"): [chance.randrange(30) for _ in range(200)] for config in "abc"}
    few = planned(sizes, 100, monkeypatch, per_folder, in_all)
    assert few.file_bytes > planned(sizes, 100, monkeypatch).file_bytes
    assert len(few.ranges) <= max(in_all, 3)
    assert all(sum(one.config == config for one in few.ranges) <= per_folder for config in "abc")
    for (config, _), size in sizes.items():  # every bucket with bytes once, in order
        mine = [bucket for one in few.ranges if one.config == config for bucket in range(one.first, one.end)]
        assert mine == sorted(set(mine))
        assert {bucket for bucket, number in enumerate(size) if number} <= set(mine)


def test_a_bucket_larger_than_a_file_becomes_several(corpus, shards, tmp_path, monkeypatch):
    monkeypatch.setattr(pack, "TARGET_BYTES", 3)
    monkeypatch.setattr("newsparallax.dataset.parquet.ROW_GROUP_BYTES", 2000)
    monkeypatch.setattr("newsparallax.building.workers.PART_ARTICLES", 5)
    found = scaled(corpus, [f"{shards}/**/*.*"], tmp_path / "out", 1)
    assert_same(found, built(corpus, tmp_path / "built"), files=False)
    names = sorted(path.name for path in found.place.glob("articles/train-*.parquet"))
    assert len(names) > 1
    assert names == [f"train-{number:05d}.parquet" for number in range(len(names))]


def test_files_of_many_buckets_are_in_the_order_of_the_buckets(corpus, shards, tmp_path, monkeypatch):
    one = scaled(corpus, [f"{shards}/**/*.*"], tmp_path / "one", 6)
    monkeypatch.setattr(pack, "TARGET_BYTES", 20_000)
    several = scaled(corpus, [f"{shards}/**/*.*"], tmp_path / "several", 6)
    assert len(several.manifest.files) > len(one.manifest.files)
    for config in one.manifest.rows:
        assert one.rows(config) == several.rows(config)


def cut(path):
    path.write_bytes(path.read_bytes()[:-9])


def rewritten(change):
    def damage(path):
        table = pq.read_table(path)
        pq.write_table(change(table), path)

    return damage


def other_rows(table):
    return pa.concat_tables([table.slice(1), table.slice(1, 1)])


DAMAGE = {
    "cut": (cut, "cannot be read: "),
    "other rows": (rewritten(other_rows), "has other rows than were converted"),
    "fewer rows": (rewritten(lambda table: table.slice(1)), r"has \d+ rows; \d+ were written"),
    "no features": (rewritten(lambda table: table.replace_schema_metadata(None)), "states no features"),
    "other columns": (rewritten(lambda table: table.drop_columns(table.column_names[-1])), "has other features"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_packed_file_that_is_not_what_was_converted_is_named(kind, corpus, shards, tmp_path):
    damage, told = DAMAGE[kind]
    keep = Store.put_file

    def put_file(self, name, source):
        keep(self, name, source)
        if name.startswith("packed/names/train-"):
            damage(self.local / name)

    name = r"packed/names/train-\d{10}\.parquet"
    with patch.object(Store, "put_file", put_file), pytest.raises(NewsParallaxError, match=f"{name}:? .*{told}"):
        scaled(corpus, [f"{shards}/**/*.*"], tmp_path / "out", 3)
    assert not (tmp_path / "out").exists()
    expected = built(corpus, tmp_path / "built")
    assert_same(scaled(corpus, [f"{shards}/**/*.*"], tmp_path / "out", 3), expected, files=False)


@pytest.mark.parametrize("damage", [cut, rewritten(other_rows), rewritten(lambda table: table.slice(1))])
def test_a_file_of_a_bucket_with_other_rows_is_named(damage, corpus, shards, tmp_path):
    def before(stage):
        if stage == "pack":
            (path,) = tmp_path.glob(".out.work/*/rows/names/train-0000100000.parquet")
            damage(path)

    told = r"names: train: rows/names/train-0000100000\.parquet (cannot be read|has other rows than were converted)"
    with pytest.raises(NewsParallaxError, match=told):
        scaled(corpus, [f"{shards}/**/*.*"], tmp_path / "out", 3, before)
    assert not (tmp_path / "out").exists()


def test_a_lost_pack_is_noticed(corpus, shards, tmp_path):
    keep = pack.plan_packs

    def lossy(*given):
        made = keep(*given)
        return pack.PackPlan(made.keys, made.buckets, made.ranges[1:], made.file_bytes)

    with (
        patch.object(combine, "plan_packs", lossy),
        pytest.raises(NewsParallaxError, match="the files do not hold the rows that were converted"),
    ):
        scaled(corpus, [f"{shards}/**/*.*"], tmp_path / "out", 3)


def test_the_manifest_lists_packed_files_and_the_spilled_tasks_are_gone(corpus, shards, tmp_path):
    seen = {}

    def before(stage):
        (work,) = (tmp_path / ".out.work").iterdir()
        seen[stage] = {path.name for path in work.iterdir()}

    found = scaled(corpus, [f"{shards}/**/*.*"], tmp_path / "out", 5, before)
    assert {"distribute", "gather"} <= seen["total"]
    assert not {"distribute", "gather"} & seen["pack"]
    assert sum(name.endswith(".parquet") for name in found.manifest.files) == len(
        {(path.parent.name, path.stem.rpartition("-")[0]) for path in found.place.glob("*/*.parquet")}
    )
    for name, facts in found.manifest.files.items():
        assert file_facts(found.place / name) == facts


def test_ranges_of_an_object_store(s3, tmp_path):
    rows = [(rank, "article", Spilled(b"abc"[n : n + 1], b"", rank, n, b"task" * n)) for rank in (0, 2) for n in (0, 1)]
    store = Store("s3://bucket/ranges")
    spilled(store, tmp_path, rows)
    found = [
        row
        for bucket in range(BUCKETS)
        for row in read_bucket(store, segments_of(store, "distribute", "article", bucket, RANKS))
    ]
    assert sorted(found) == sorted(row for *_, row in rows)
    with pytest.raises(OSError, match=r"00000\.spill ends before byte 9999"):
        store.read_range("distribute/00000.spill", 0, 9999)


def test_a_config_writer_closes_files_at_its_own_size(tmp_path):
    table = pa.table({"a": [random.Random(row).randbytes(3000).hex() for row in range(20)]})
    with patch("newsparallax.dataset.parquet.ROW_GROUP_BYTES", 1000):
        for number, size in ((20, 1), (1, 1 << 30)):
            writer = ConfigWriter(tmp_path / str(size), "names", "train", table.schema, file_bytes=size)
            for row in range(20):
                writer.add(table.slice(row, 1))
            writer.close()
            assert len(list((tmp_path / str(size)).rglob("*.parquet"))) == number


def test_events_without_ids_add_up():
    total = BuildCounts(events={"a"}) + BuildCounts(events={"a", "b"}) + BuildCounts(events_counted=3)
    assert total.as_counts().events == 5
