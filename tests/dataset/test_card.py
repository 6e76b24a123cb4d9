"""The YAML of the card has the values that the hub and `datasets` give these keys."""

from __future__ import annotations

import datasets
import pyarrow.parquet as pq
import pytest
import yaml

from generate_corpus import make_tasks
from generate_corpus import write_corpus as write_generated
from helpers import CORPORA, ROOT
from newsparallax.building import build
from newsparallax.building import workers as engine
from newsparallax.corpus import open_corpus, schema
from newsparallax.dataset import file_facts, parquet
from newsparallax.dataset.card import _features, size_category
from newsparallax.standoff import stage

# https://github.com/huggingface/hub-docs/blob/main/datasetcard.md, `size_categories`
CATEGORIES = "n<1K 1K<n<10K 10K<n<100K 100K<n<1M 1M<n<10M 10M<n<100M 100M<n<1B 1B<n<10B 10B<n<100B 100B<n<1T n>1T"


def test_every_size_category_is_one_of_the_hub_and_each_begins_where_the_last_ends():
    limits = [10**power for power in range(3, 13)]
    assert [size_category(number) for number in [0, *limits]] == CATEGORIES.split()
    assert [size_category(limit - 1) for limit in limits] == CATEGORIES.split()[:-1]


@pytest.mark.parametrize("articles", [2, 1_500_000, 10**15])
def test_a_size_category_holds_the_number(articles):
    low, high = {"n<1K": (0, 10**3), "1M<n<10M": (10**6, 10**7), "n>1T": (10**12, 10**18)}[size_category(articles)]
    assert low <= articles < high


TYPES = {
    "text": schema.Scalar("string"),
    "label": schema.ClassLabel(("PER", "ORG")),
    "texts": schema.ListOf(schema.Scalar("int64")),
    "labels": schema.ListOf(schema.ClassLabel(("no", "yes", "null"))),
    "grid": schema.ListOf(schema.ListOf(schema.Scalar("float64"))),
    "grids": schema.ListOf(schema.ListOf(schema.ListOf(schema.ClassLabel(("1",))))),
    "pair": schema.Struct({"dtype": schema.Scalar("bool"), "list": schema.ListOf(schema.Scalar("string"))}),
    "pairs": schema.ListOf(schema.Struct({"n": schema.Struct({"m": schema.ClassLabel(("a",))})})),
}


@pytest.mark.parametrize("struct", [schema.Struct(TYPES), *schema.configs(open_corpus(ROOT).context.codebook).values()])
def test_features_are_written_as_datasets_writes_them(struct):
    expected = datasets.Features.from_dict(schema.features(struct))
    assert _features(struct) == expected._to_yaml_list()
    assert datasets.Features._from_yaml_list(_features(struct)) == expected


def sizes_of_the_card(place):
    """Config -> its `dataset_info` on the card."""
    front = yaml.safe_load((place / "README.md").read_text(encoding="utf-8").split("\n---\n")[0].removeprefix("---\n"))
    return {info["config_name"]: info for info in front["dataset_info"]}


def assert_sizes_are_those_of_datasets(place, cache):
    for config, stated in sizes_of_the_card(place).items():
        if not stated["dataset_size"]:
            continue  # without rows; `datasets` (5.2) cannot load it
        splits = datasets.load_dataset(str(place), config, cache_dir=str(cache))
        for split in stated["splits"]:
            found = splits[split["name"]].info
            assert split["num_bytes"] == found.splits[split["name"]].num_bytes, (config, split["name"])
            assert (stated["dataset_size"], stated["download_size"]) == (found.dataset_size, found.download_size)


@pytest.mark.slow
@pytest.mark.parametrize("corpus", ["zeitung", "from_tasks"])
def test_the_sizes_are_those_that_datasets_finds(tmp_path, corpus):
    folder = open_corpus(CORPORA / corpus)
    place, staged = build(folder, tmp_path / "built").place, tmp_path / "staged"
    assert_sizes_are_those_of_datasets(place, tmp_path / "cache")
    stage(place, staged, folder.context, mode="omit")
    assert_sizes_are_those_of_datasets(staged, tmp_path / "cache")
    assert sizes_of_the_card(staged)["articles"]["dataset_size"] < sizes_of_the_card(place)["articles"]["dataset_size"]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_the_sizes_of_several_files_and_row_groups(tmp_path, monkeypatch, workers):
    monkeypatch.setattr(engine, "PART_ARTICLES", 4)
    monkeypatch.setattr(parquet, "ROW_GROUP_BYTES", 1)
    monkeypatch.setattr(parquet, "FILE_BYTES", 1 << 13)
    corpus = write_generated(tmp_path / "corpus", make_tasks(24, regions=5))
    place = build(open_corpus(corpus), tmp_path / "built", workers).place
    groups = [pq.read_metadata(path).row_group(1) for path in place.glob("votes/*") if pq.read_metadata(path).num_row_groups > 1]  # fmt: skip  # noqa: E501
    assert groups
    assert_sizes_are_those_of_datasets(place, tmp_path / "cache")


def test_the_size_of_a_file_that_does_not_state_it_is_counted(tmp_path):
    place = build(open_corpus(CORPORA / "zeitung"), tmp_path / "built").place
    path = next(place.glob("votes/*.parquet"))
    stated = file_facts(path).arrow_bytes
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({}), tmp_path / "other.parquet")
    assert file_facts(tmp_path / "other.parquet").arrow_bytes == stated > 0
