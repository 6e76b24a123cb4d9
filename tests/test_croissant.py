"""croissant.json is valid, and what mlcroissant reads through it is what the Parquet files hold."""

import mlcroissant
import pyarrow.parquet as pq
import pytest

from newsparallax.edges.build import build
from newsparallax.edges.folder import open_corpus


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return build(open_corpus(None), tmp_path_factory.mktemp("croissant") / "dataset").place


@pytest.fixture(scope="module")
def dataset(place):
    return mlcroissant.Dataset(str(place / "croissant.json"))


def test_it_is_valid(dataset):
    assert not dataset.metadata.ctx.issues.errors


@pytest.mark.parametrize(
    "config", ["articles", "entities", "cues", "euphemisms", "stances", "defects", "tokens", "votes"]
)
def test_records_are_the_rows(place, dataset, config):
    name = f"{config}/train-00000"
    rows = pq.read_table(place / f"{name}.parquet").to_pylist()
    records = list(dataset.records(name))
    assert len(records) == len(rows)
    for record, row in zip(records, rows, strict=True):
        for column, value in row.items():
            if isinstance(value, str | int | bool):
                read = record[f"{name}/{column}"]
                assert (read.decode() if isinstance(read, bytes) else read) == value


def test_nested_records_are_the_nested_rows(place, dataset):
    (row,) = pq.read_table(place / "articles/train-00000.parquet").slice(1, 1).to_pylist()
    record = list(dataset.records("articles/train-00000"))[1]
    prefix = "articles/train-00000/euphemisms"
    quotes = [part[f"{prefix}/quote"].decode() for part in record[prefix]]
    assert quotes == [span["quote"] for span in row["euphemisms"]]
