"""The first, a middle and the last row of every config of the real corpus, in full, as read against the articles.

In `articles` the text is cut after 60 characters, and of the nested spans there are their number, the first and the last.
"""

import json
from pathlib import Path

import pytest
from datasets import load_dataset

from newsparallax.edges.build import build
from newsparallax.edges.folder import open_corpus

GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text(encoding="utf-8"))
LAYERS = ("entities", "cues", "euphemisms", "stances", "defects")
PLACES = [pytest.param(config, int(at), row, id=f"{config}-{at}") for config, rows in GOLDEN.items() for at, row in rows.items()]  # fmt: skip  # noqa: E501


@pytest.fixture(scope="module")
def configs(tmp_path_factory):
    place = build(open_corpus(None), tmp_path_factory.mktemp("golden") / "dataset").place
    return {config: load_dataset(str(place), config, split="train") for config in GOLDEN}


def shortened(config, row):
    if config != "articles":
        return row
    ends = {name: {"spans": len(row[name]), "first": (row[name] or [None])[0], "last": (row[name] or [None])[-1]} for name in LAYERS}  # fmt: skip  # noqa: E501
    return row | ends | {"text": row["text"][:60]}


@pytest.mark.parametrize(("config", "at", "expected"), PLACES)
def test_by_slice(configs, config, at, expected):
    columns = configs[config][at : at + 1]
    assert shortened(config, {name: values[0] for name, values in columns.items()}) == expected


@pytest.mark.parametrize(("config", "at", "expected"), PLACES)
def test_by_id(configs, config, at, expected):
    key = next(name for name in ("span_id", "block_id", "article_id") if name in expected)
    found = configs[config].filter(lambda row: row[key] == expected[key])
    assert shortened(config, found[0]) == expected


def test_first_and_last_are_there(configs):
    for config, rows in GOLDEN.items():
        assert {0, len(configs[config]) - 1} <= {int(at) for at in rows}
