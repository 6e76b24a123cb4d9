"""What is built can be read: by `datasets` in every way, by pandas, polars and DuckDB, wherever the folder lies."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import datasets
import duckdb
import pandas
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from generate_corpus import CORPUS, make_tasks, write_corpus
from newsparallax.building import build
from newsparallax.corpus import CorpusSpec, open_corpus, schema, split_of
from newsparallax.dataset import decode_manifest, read_back
from newsparallax.errors import NewsParallaxError, UsageError

pytestmark = pytest.mark.slow


class Made:
    """A dataset folder with what it was made from."""

    def __init__(self, corpus: Path | None, place: Path):
        folder = open_corpus(corpus)
        self.context: CorpusSpec = folder.context
        self.folder = build(folder, place).place
        self.manifest = decode_manifest((self.folder / "manifest.json").read_bytes())
        self.shapes = schema.configs(self.context.codebook)
        self._loaded: dict[tuple[Any, ...], Any] = {}

    def filled(self, config: str) -> dict[str, int]:
        """Rows of the splits that have some."""
        return {split: rows for split, rows in self.manifest.rows[config].items() if rows}

    def files(self) -> list[Path]:
        return sorted(self.folder.glob("*/*.parquet"))

    def load(self, config: str, **options: Any) -> Any:
        """What `datasets` loads; the same again is not loaded anew, which takes most of the time of these tests."""
        key = (config, *options.items())
        if key not in self._loaded:
            self._loaded[key] = datasets.load_dataset(str(self.folder), config, **options)
        return self._loaded[key]


def few_events(folder: Path) -> Path:
    """Six articles of two events in two splits; in one of these nobody has annotated."""
    policy = {"train": 3, "validation": 1, "test": 1}
    events = {split_of(name, policy): name for name in map(str, range(40))}
    tasks = list(make_tasks(6, seed=5, hard=False, regions=3))
    for task in tasks:
        task["data"]["event"] = events["train" if task["id"] < 6 else "test"]
        if task["id"] == 6:
            task["annotations"] = []
    return write_corpus(folder, tasks, corpus=CORPUS)


def nothing(folder: Path) -> Path:
    return write_corpus(folder, [], corpus=CORPUS)


@pytest.fixture(scope="module", params=["this", "generated", "few-events"])
def made(request, tmp_path_factory, cache):
    base = tmp_path_factory.mktemp(request.param)
    corpus = {
        "this": lambda: None,
        "generated": lambda: write_corpus(base / "corpus", make_tasks(60, seed=3)),
        "few-events": lambda: few_events(base / "corpus"),
    }[request.param]()
    return Made(corpus, base / "dataset")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Everything that `datasets` copies goes to a folder of the test's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))
        yield


def features_of(struct: schema.Struct) -> datasets.Features:
    return datasets.Features.from_dict(schema.features(struct))


def test_every_config_loads_with_its_features(made):
    assert datasets.get_dataset_config_names(str(made.folder)) == list(made.shapes)
    for config, struct in made.shapes.items():
        loaded = made.load(config)
        assert {split: part.num_rows for split, part in loaded.items()} == made.filled(config)
        for split, part in loaded.items():
            assert part.features == features_of(struct)
            assert made.load(config, split=split).num_rows == part.num_rows


def test_streaming_gives_the_same_rows(made):
    for config, struct in made.shapes.items():
        loaded = made.load(config)
        for split, part in made.load(config, streaming=True).items():
            assert part.features == features_of(struct)
            assert list(part) == loaded[split].to_list()


def test_the_default_config_is_the_articles(made):
    assert datasets.get_dataset_default_config_name(str(made.folder)) == "articles"
    loaded = datasets.load_dataset(str(made.folder))
    assert {split: part.num_rows for split, part in loaded.items()} == made.filled("articles")


def label_column(made: Made, config: str) -> tuple[str, list[str]] | None:
    layer = made.context.codebook.layers.get(config)
    return (schema.label_type(layer)[0], list(layer.labels)) if layer else None


def test_class_labels_stand_in_the_order_of_the_codebook(made):
    codebook = made.context.codebook
    for config, layer in codebook.layers.items():
        features = made.load(config)[next(iter(made.filled(config)))].features
        column, labels = label_column(made, config)
        kind = features[column].feature if layer.multiple else features[column]
        assert kind.names == list(layer.labels) == labels
        for name, attribute in layer.attributes.items():
            if attribute.kind == "choice":
                inner = features[name].feature if attribute.many else features[name]
                assert inner.names == list(attribute.values)
    tags = made.load("tokens")["train"].features["tags"].feature.names
    token_layer = codebook.layers[codebook.token_layer]
    assert tags == ["O", *(f"{part}-{label}" for label in token_layer.labels for part in "BI")]


def test_all_files_of_a_config_have_the_same_schema(made):
    for config, struct in made.shapes.items():
        files = [path for path in made.files() if path.parent.name == config]
        assert {path.stem.rpartition("-")[0] for path in files} == built_splits(made)
        for path in files:
            read = pq.read_schema(path)
            assert read.names == list(struct.fields)
            assert json.loads(read.metadata[b"huggingface"]) == {"info": {"features": schema.features(struct)}}
            assert pq.read_table(path).cast(schema.arrow_schema(struct)).num_rows == pq.read_metadata(path).num_rows


def built_splits(made: Made) -> set[str]:
    return {split for splits in made.manifest.rows.values() for split in splits}


def counted(made: Made, config: str, split: str) -> Counter[int]:
    """How often each label is there, as `datasets` reads it."""
    column, _ = label_column(made, config)
    values = made.load(config)[split][column] if split in made.filled(config) else []
    return Counter(label for value in values for label in (value if isinstance(value, list) else [value]))


def flat(values: Any) -> Counter[int]:
    """Labels as other readers give them: numbers, or lists or arrays of numbers."""
    return Counter(int(label) for value in values for label in (value if hasattr(value, "__len__") else [value]))


def test_other_readers_see_the_same(made):
    for path in made.files():
        config, split = path.parent.name, path.stem.rpartition("-")[0]
        rows = made.manifest.rows[config].get(split, 0)
        frame, lazy = pandas.read_parquet(path), polars.read_parquet(path)
        table = duckdb.read_parquet(str(path))
        assert (len(frame), lazy.height, len(table.fetchall())) == (rows, rows, rows)
        names = list(made.shapes[config].fields)
        assert list(frame.columns) == lazy.columns == table.columns == names
        if label_column(made, config):
            column, _ = label_column(made, config)
            expected = counted(made, config, split)
            assert flat(frame[column]) == expected
            assert flat(lazy[column].to_list()) == expected
            assert flat(row[0] for row in table.select(column).fetchall()) == expected
            quotes = made.load(config)[split]["quote"] if rows else []
            assert list(frame["quote"]) == lazy["quote"].to_list() == list(quotes)


def test_label_counts_are_those_of_the_manifest(made):
    for config in made.context.codebook.layers:
        _, names = label_column(made, config)
        total = sum((counted(made, config, split) for split in built_splits(made)), Counter())
        assert {name: total[number] for number, name in enumerate(names)} == made.manifest.labels[config]


def card(folder: Path) -> dict[str, Any]:
    return yaml.safe_load((folder / "README.md").read_text(encoding="utf-8").split("---\n")[1])


def test_the_card_reaches_every_file_that_holds_rows(made):
    reached: list[Path] = []
    for config in card(made.folder)["configs"]:
        for part in config["data_files"]:
            files = sorted(made.folder.glob(part["path"]))
            assert files
            assert all(path.parent.name == config["config_name"] for path in files)
            assert all(path.stem.rpartition("-")[0] == part["split"] for path in files)
            reached += files
    assert len(reached) == len(set(reached))
    left_out = set(made.files()) - set(reached)
    assert all(pq.read_metadata(path).num_rows == 0 for path in left_out)
    assert {path.relative_to(made.folder).as_posix() for path in made.files()} == {
        name for name in made.manifest.files if name.endswith(".parquet")
    }


def test_the_card_states_the_numbers_of_rows(made):
    for info in card(made.folder)["dataset_info"]:
        stated = {split["name"]: split["num_examples"] for split in info["splits"]}
        assert {split: rows for split, rows in stated.items() if rows} == made.filled(info["config_name"])


def test_there_is_no_code_in_a_dataset(made):
    assert not list(made.folder.rglob("*.py"))
    top = {path.name for path in made.folder.iterdir() if path.is_file()}
    assert {"README.md", "manifest.json", "problems.jsonl"} <= top


@pytest.mark.parametrize("name", ["contest_test", "test", "latest", "protest (test) – Übung"])
def test_names_of_folders_do_not_matter(name, made, tmp_path):
    """`datasets` guesses splits from names where it is not told: here it is."""
    place = tmp_path / "test" / "dev" / name
    shutil.copytree(made.folder, place)
    for config, streaming in (("articles", False), ("votes", True)):
        loaded = datasets.load_dataset(str(place), config, streaming=streaming)
        assert set(loaded) == set(made.filled(config))
        assert {split: sum(1 for _ in part) for split, part in loaded.items()} == made.filled(config)


@pytest.mark.parametrize("name", ["contest_test", "protest (test)", "100% new"])
def test_a_build_can_be_made_in_a_folder_of_any_name(name, tmp_path):
    made = Made(write_corpus(tmp_path / "test corpus", make_tasks(8, seed=2)), tmp_path / name)
    assert made.manifest.counts.articles == 8


def test_a_folder_whose_name_is_a_pattern_is_refused(tmp_path):
    """`datasets` would look for files that match it."""
    with pytest.raises(UsageError, match="pattern"):
        Made(write_corpus(tmp_path / "corpus", []), tmp_path / "data [new]" / "dataset")
    assert not (tmp_path / "data [new]").exists()


def test_splits_that_get_nothing_of_a_layer(tmp_path, cache):
    """Such a split has its file with the schema, but `datasets` cannot load what has no rows, so the card omits it."""
    made = Made(few_events(tmp_path / "corpus"), tmp_path / "dataset")
    splits = built_splits(made)
    assert splits == {"train", "test"}
    empty = [(c, s) for c in made.shapes for s in splits if not made.manifest.rows[c].get(s)]
    assert {config for config, _ in empty} == {"names", "frames", "loaded", "tokens", "votes", "registry"}
    for config, split in empty:
        (path,) = made.folder.glob(f"{config}/{split}-*.parquet")
        assert polars.read_parquet(path).columns == list(made.shapes[config].fields)
        assert set(made.load(config)) == set(made.filled(config))


def test_a_corpus_without_anything(tmp_path):
    """Every config can at least be streamed, with its features; only the entities are rows."""
    made = Made(nothing(tmp_path / "corpus"), tmp_path / "dataset")
    for config, struct in made.shapes.items():
        number = 2 if config == "registry" else 0
        loaded = made.load(config, streaming=True)
        assert {split: len(list(part)) for split, part in loaded.items()} == {"train": number}
        assert loaded["train"].features == features_of(struct)
        (path,) = made.folder.glob(f"{config}/*.parquet")
        assert len(pandas.read_parquet(path)) == number


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory) -> Made:
    """A dataset of which each test spoils a copy."""
    base = tmp_path_factory.mktemp("spoilt")
    return Made(write_corpus(base / "corpus", make_tasks(60, seed=3)), base / "dataset")


def damaged(path: Path) -> None:
    content = bytearray(path.read_bytes())
    middle = len(content) // 3
    content[middle : middle + 200] = bytes(byte ^ 255 for byte in content[middle : middle + 200])
    path.write_bytes(content)


def with_rows_again(path: Path) -> None:
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), path)


@pytest.mark.parametrize(
    ("name", "spoil", "told"),
    [
        ("articles/train-00000", damaged, "^`datasets` cannot load what was written: "),
        ("names/train-00000", with_rows_again, r"^names: (the card states|loaded) .* rows, wrote "),
        ("names/test-00000", Path.unlink, "^(names: loaded the splits|`datasets` cannot load what was written: )"),
    ],
)
@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_not_what_was_written_is_told(name, spoil, told, workers, spoilt, tmp_path, cache):
    folder = shutil.copytree(spoilt.folder, tmp_path / "dataset")
    rows = {(config, split): n for config, splits in spoilt.manifest.rows.items() for split, n in splits.items()}
    read_back(folder, spoilt.context.codebook, rows, workers)
    spoil(folder / f"{name}.parquet")
    with pytest.raises(NewsParallaxError, match=told):
        read_back(folder, spoilt.context.codebook, rows, workers)
