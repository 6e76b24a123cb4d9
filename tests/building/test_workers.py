"""Several processes: what goes to them and comes back, and what is told when one of them dies."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

import pyarrow as pa
import pytest

from generate_corpus import make_tasks, write_corpus
from helpers import ROOT
from newsparallax._util import WorkerPool
from newsparallax.building import build, measure, problems_of
from newsparallax.building import workers as engine
from newsparallax.building.workers import convert_corpus, hand_over, take_over
from newsparallax.convert import index_tasks
from newsparallax.corpus import open_corpus, schema
from newsparallax.dataset import ConfigWriter, DatasetWriter, parquet
from newsparallax.errors import ExportError, NewsParallaxError
from newsparallax.exports import Slices, files

ARTICLES = 100  # three parts
SEED = 3  # of `tasks`


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(engine, "PART_ARTICLES", 40)


@pytest.mark.parametrize("large", [1000, 1 << 30])
def test_tasks_are_sent_by_their_places_or_whole(large, corpus, monkeypatch):
    monkeypatch.setattr(files, "LARGE", large)
    folder = open_corpus(corpus)
    seen = []
    one, several = (list(convert_corpus(folder, workers, lambda *told: seen.append(told))) for workers in (1, 2))
    assert len(one) == len(several) == 3
    assert seen == 2 * [(40, ARTICLES), (80, ARTICLES), (ARTICLES, ARTICLES)]
    for here, there in zip(one, several, strict=True):
        assert list(here.tables) == list(there.tables)
        assert all(table.equals(there.tables[key], check_metadata=True) for key, table in here.tables.items())
        assert (here.problems, here.tally) == (there.problems, there.tally)
    assert isinstance(folder.exports.tasks(0), Slices) == (large == 1000)


def test_the_default_is_the_processors_or_fewer_for_small_exports(corpus, monkeypatch):
    folder = open_corpus(corpus)
    monkeypatch.setattr(engine, "usable_processors", lambda: 8)
    size = sum(path.stat().st_size for path in folder.exports.files)
    for starting, workers in ((size + 1, 1), (size, 1), (size // 3, 3), (size // 100, 8)):
        monkeypatch.setattr(engine, "STARTING_BYTES", starting)
        assert engine.default_workers(folder) == workers


@pytest.mark.slow
def test_with_the_default_every_command_gives_the_same_as_one_process(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "usable_processors", lambda: 2)
    monkeypatch.setattr(engine, "STARTING_BYTES", 1000)
    pools = []
    monkeypatch.setattr(engine, "WorkerPool", lambda *parts, **rest: pools.append(parts) or WorkerPool(*parts, **rest))
    results = []
    for workers in (1, None):
        folder = open_corpus(corpus)
        built = build(folder, tmp_path / str(workers), workers, verify=False)
        files = {path.relative_to(built.place): path.read_bytes() for path in built.place.rglob("*") if path.is_file()}
        with measure(folder, workers) as measured:
            results.append((files, list(problems_of(folder, workers)), b"".join(measured.json())))
    assert results[0] == results[1]
    assert pools == [(2,)] * 3


def die(batch, path):
    path.write_bytes(b"half an answer")
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_dies_is_told_in_one_line(corpus, monkeypatch):
    monkeypatch.setattr(engine, "_convert", die)
    with pytest.raises(NewsParallaxError, match="a worker process ended unexpectedly") as raised:
        list(convert_corpus(open_corpus(corpus), 2))
    assert raised.value.hint == "nothing was written; if memory ran out, use fewer --workers"
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("after", [0.0, 0.01, 0.05])
def test_a_worker_that_is_killed_from_outside_is_told(after, tmp_path, corpus, monkeypatch):
    """Also in the middle of an answer: through a pipe, its other half would be waited for for ever."""
    monkeypatch.setattr(engine, "PART_ARTICLES", 5)

    def kill(done, total):
        if done == 5:
            time.sleep(after)
            multiprocessing.active_children()[0].kill()

    with pytest.raises(NewsParallaxError, match="a worker process ended unexpectedly"):
        list(convert_corpus(open_corpus(corpus), 2, kill, tmp_path))
    assert not multiprocessing.active_children()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_under_a_worker_is_told(tmp_path, corpus, monkeypatch):
    """The build names the place; here it is the error as it comes from the other process."""
    monkeypatch.setattr(engine, "_convert", full)
    with pytest.raises(OSError, match="No space left"):
        list(convert_corpus(open_corpus(corpus), 2, None, tmp_path))
    assert list(tmp_path.iterdir()) == []


def full(batch, path):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_part_is_handed_over_whole(corpus, tmp_path):
    folder = open_corpus(corpus)
    shapes = {name: schema.arrow_schema(struct) for name, struct in schema.configs(folder.context.codebook).items()}
    for number, part in enumerate(convert_corpus(folder)):
        path = tmp_path / str(number)
        hand_over(part, path)
        again = take_over(path, shapes)
        assert not path.exists()
        assert list(again.tables) == list(part.tables)
        assert all(table.equals(part.tables[key], check_metadata=True) for key, table in again.tables.items())
        assert (again.problems, again.tally) == (part.problems, part.tally)


def test_no_process_is_left_by_an_export_that_cannot_be_read(tmp_path, monkeypatch):
    """Though they are started while tasks are being counted."""
    monkeypatch.setattr(engine, "STARTING_BYTES", 1)
    folder = write_corpus(tmp_path, make_tasks(2, seed=3))
    (folder / "annotations/exports/z.json").write_text('[{"data": ')
    with pytest.raises(ExportError, match=r"z\.json"):
        list(convert_corpus(open_corpus(folder), 2))
    assert not multiprocessing.active_children()


def test_an_error_arrives_whole_from_another_process():
    error = ExportError("not-json", "is not JSON", file="a.json", place="line 2", hint="export it again")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (ExportError, str(error), vars(error))


def test_a_file_that_changes_before_a_worker_opens_it_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LARGE", 1000)
    folder = open_corpus(write_corpus(tmp_path, make_tasks(4, seed=3)))
    units = index_tasks(folder.context, folder.exports, folder.text_ids).units
    place = engine._batch(folder.exports, units)[0][2][0][1]
    assert json.loads(engine._content(place))["data"]
    place.path.with_suffix(".new").write_bytes(place.path.read_bytes())
    place.path.with_suffix(".new").replace(place.path)
    engine._opened.cache_clear()
    with pytest.raises(ExportError, match="changed while it was read"):
        engine._content(place)


def test_small_tables_do_not_wait_apart(tmp_path):
    """Each takes memory for its columns, however few rows it has."""
    schema = pa.schema([("span_id", pa.string()), ("labels", pa.list_(pa.string()))])
    writer = ConfigWriter(tmp_path, "names", "train", schema)
    for number in range(100):
        writer.add(pa.Table.from_pylist([{"span_id": str(number), "labels": ["PER"]}], schema))
        writer.add(schema.empty_table())
        assert len(writer._waiting) < parquet.APART
    writer.close()
    (path,) = tmp_path.rglob("*.parquet")
    file = pa.parquet.ParquetFile(path)
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [100]
    assert file.read()["span_id"].to_pylist() == [str(number) for number in range(100)]
    columns = [file.metadata.row_group(0).column(n) for n in range(2)]
    assert ["RLE_DICTIONARY" in column.encodings for column in columns] == [False, True]
    assert [column.is_stats_set for column in columns] == [True, False]
    assert all(column.has_offset_index for column in columns)


def test_the_files_do_not_depend_on_the_threads_that_write(tmp_path, monkeypatch):
    """Small row groups and files, so that many steps wait for the threads."""
    monkeypatch.setattr(parquet, "ROW_GROUP_BYTES", 4000)
    monkeypatch.setattr(parquet, "WAITING_BYTES", 6000)
    monkeypatch.setattr(parquet, "FILE_BYTES", 10_000)
    schemas = {name: pa.schema([("span_id", pa.string())]) for name in ("names", "terms", "votes")}
    made = random.Random(0)
    tables = [
        {(name, "train"): pa.table([[f"{n}-{made.random()}" for n in range(made.randrange(100))]], shape)}
        for _ in range(60)
        for name, shape in made.sample([*schemas.items()], 3)
    ]
    found = []
    for threads, ahead in ((1, 0), (2, 2), (8, 50)):
        monkeypatch.setattr(parquet, "THREADS", threads)
        monkeypatch.setattr(parquet, "AHEAD", ahead)
        folder = tmp_path / f"{threads}"
        with DatasetWriter(folder, schemas) as writer:
            for part in tables:
                writer.add(part)
            writer.close(["train", "test"])
        found.append({path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.parquet")})
    assert found[0] == found[1] == found[2]
    assert len(found[0]) > 9
    for name, shape in schemas.items():
        written = pa.concat_tables([part[name, "train"] for part in tables if (name, "train") in part])
        assert pa.concat_tables(map(pa.parquet.read_table, sorted(folder.glob(f"{name}/train-*")))) == written
        assert pa.parquet.read_schema(folder / f"{name}/test-00000.parquet").names == shape.names


@pytest.mark.parametrize("at", ["add", "close"])
def test_an_error_of_a_writing_thread_reaches_the_caller_and_no_thread_is_left(at, tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "ROW_GROUP_BYTES", 1 if at == "add" else 1 << 30)
    shape = pa.schema([("span_id", pa.string())])

    def full(self, table):
        raise OSError(errno.ENOSPC, "No space left on device", "names")

    monkeypatch.setattr(parquet.ParquetFile, "write", full)
    before = threading.active_count()
    with pytest.raises(OSError, match="No space left"), DatasetWriter(tmp_path, {"names": shape}) as writer:  # noqa: PT012
        for _ in range(parquet.THREADS + parquet.AHEAD + 1):
            writer.add({("names", "train"): pa.table([["a"]], shape)})
        assert at == "close"
        writer.close()
    assert threading.active_count() == before


@pytest.mark.slow
def test_ctrl_c_prints_one_message_and_no_traceback_of_a_worker(tmp_path):
    """At any moment, while workers start too; the signal goes to all processes, as from a terminal."""
    corpus = write_corpus(tmp_path / "corpus", make_tasks(400, regions=20))
    command = [sys.executable, str(ROOT / "scripts/build.py"), "--corpus", str(corpus), "--workers", "2"]
    for seconds in (0, 0.02, 0.05, 0.1, 0.3, 0.6):
        shutil.rmtree(corpus / "build", ignore_errors=True)
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)  # fmt: skip  # noqa: E501
        while not (corpus / "build").exists():  # it has begun
            time.sleep(0.01)
        time.sleep(seconds)
        os.killpg(running.pid, signal.SIGINT)
        printed, _ = running.communicate(timeout=60)
        assert (running.returncode, printed) == (130, "error: interrupted; the dataset folder is unchanged, or the new dataset is complete\n")  # fmt: skip  # noqa: E501


@pytest.mark.slow
def test_ctrl_c_prints_one_message_and_no_traceback_of_a_rank(tmp_path):
    """The same of `scale`, while ranks start and while they run."""
    corpus, out = write_corpus(tmp_path / "corpus", make_tasks(400, regions=20)), tmp_path / "out"
    command = [sys.executable, ROOT / "scripts/scale.py", "--corpus", corpus, "--out", out, "--workers", "2"]
    command += ["--input", f"{corpus}/annotations/exports/*.json", "--tasks", "4"]
    for seconds in (0, 0.2, 0.5):
        shutil.rmtree(tmp_path / ".out.work", ignore_errors=True)
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)  # fmt: skip  # noqa: E501
        while not list(tmp_path.glob(".out.work/*")):  # it has begun
            time.sleep(0.01)
        time.sleep(seconds)
        os.killpg(running.pid, signal.SIGINT)
        printed, _ = running.communicate(timeout=60)
        said = f"error: interrupted; completed parts are kept next to {out}\n  run the same command again to continue\n"
        assert (running.returncode, printed) == (130, said)
