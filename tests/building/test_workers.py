"""Several processes: what goes to them and comes back, and what is told when one of them dies."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import pickle
import signal
import time

import pyarrow as pa
import pytest

from generate_corpus import make_tasks, write_corpus
from newsparallax.core import exports, schema
from newsparallax.core.errors import ExportError, NewsParallaxError
from newsparallax.core.index import index_tasks
from newsparallax.core.slices import Slices
from newsparallax.edges import engine, parquet
from newsparallax.edges.engine import convert_corpus
from newsparallax.edges.folder import open_corpus
from newsparallax.edges.handover import hand_over, take_over
from newsparallax.edges.parquet import ConfigWriter

ARTICLES = 300  # three parts


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus"), make_tasks(ARTICLES, seed=3))


@pytest.mark.parametrize("large", [1000, 1 << 30])
def test_tasks_are_sent_by_their_places_or_whole(large, corpus, monkeypatch):
    monkeypatch.setattr(exports, "LARGE", large)
    folder = open_corpus(corpus)
    seen = []
    one, several = (list(convert_corpus(folder, workers, lambda *told: seen.append(told))) for workers in (1, 2))
    assert len(one) == len(several) == 3
    assert seen == 2 * [(128, ARTICLES), (256, ARTICLES), (ARTICLES, ARTICLES)]
    for here, there in zip(one, several, strict=True):
        assert list(here.tables) == list(there.tables)
        assert all(table.equals(there.tables[key], check_metadata=True) for key, table in here.tables.items())
        assert (here.problems, here.tally) == (there.problems, there.tally)
    assert isinstance(folder.exports.tasks(0), Slices) == (large == 1000)


def die(batch, path):
    path.write_bytes(b"half an answer")
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_dies_is_told_in_one_line(corpus, monkeypatch):
    monkeypatch.setattr(engine, "_convert", die)
    with pytest.raises(NewsParallaxError, match="a worker process ended without an answer") as told:
        list(convert_corpus(open_corpus(corpus), 2))
    assert told.value.hint == "if memory ran out, take fewer --workers"
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("after", [0.0, 0.01, 0.05])
def test_a_worker_that_is_killed_from_outside_is_told(after, tmp_path, corpus, monkeypatch):
    """Also in the middle of an answer: through a pipe, its other half would be waited for for ever."""
    monkeypatch.setattr(engine, "PART_ARTICLES", 5)

    def kill(done, total):
        if done == 5:
            time.sleep(after)
            multiprocessing.active_children()[0].kill()

    with pytest.raises(NewsParallaxError, match="a worker process ended without an answer"):
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
    monkeypatch.setattr(exports, "LARGE", 1000)
    folder = open_corpus(write_corpus(tmp_path, make_tasks(4, seed=3)))
    units = index_tasks(folder.context, folder.exports, folder.text_ids)
    place = engine._batch(folder.exports, units)[0][1][0][1]
    assert json.loads(engine._content(place))["data"]
    place.path.with_suffix(".new").write_bytes(place.path.read_bytes())
    place.path.with_suffix(".new").replace(place.path)
    engine._opened.cache_clear()
    with pytest.raises(ExportError, match="was changed while it was read"):
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
