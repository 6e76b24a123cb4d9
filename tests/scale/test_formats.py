"""Shards of other tools: files that belong to a shard are read with it, and are no shards of their own."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from helpers import Dataset
from newsparallax.adopt import adopt
from newsparallax.building import build
from newsparallax.corpus import open_corpus
from newsparallax.scale import plan
from newsparallax.scale.run import scale

pytestmark = pytest.mark.slow

FILES = {
    "annotation.conf": "[entities]\nPER\n",
    "a/d.txt": "Ann 😀 met Bob",
    "a/d.ann": "T1\tPER 0 3\tAnn\nT2\tPER 10 13\tBob\nR1\tknows Arg1:T1 Arg2:T2\n",
    "a/e.txt": "Cem",
    "a/e.a1": "T1\tPER 0 3\tCem\n",
    "a/e.a2": "E1\tPER:T1\n",
    "a/p.jsonl": json.dumps({"text": "Dee", "_input_hash": 1, "spans": [{"start": 0, "end": 3, "label": "PER"}]})
    + "\n",
    "a/LOSSES.json": "{}",
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(content, encoding="utf-8")
    adopt([tmp_path / "in"], tmp_path / "corpus")
    return tmp_path / "in"


def test_shards_of_other_tools_give_the_dataset_of_a_build(tmp_path: Path, source: Path) -> None:
    folder = open_corpus(tmp_path / "corpus")
    built = Dataset(build(folder, tmp_path / "built", verify=False).place)
    made = scale(folder, [f"{source}/**/*"], str(tmp_path / "scaled"))
    assert made.open.total == 0
    assert made.manifest.content_digest == json.loads((built.place / "manifest.json").read_bytes())["content_digest"]
    assert len(built.rows("votes")) == 4


def test_the_text_of_a_shard_is_part_of_its_version(tmp_path: Path, source: Path) -> None:
    before = plan.find_shards([f"{source}/a/*"])
    assert [shard.name for shard in before] == ["d.ann", "e.a1", "p.jsonl"]
    (source / "a/d.txt").write_text("Ann 😀 met Bob again", encoding="utf-8")
    after = plan.find_shards([f"{source}/a/*"])
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, True, True]


def test_a_packed_shard_of_several_files_is_a_problem_with_what_to_do(tmp_path: Path, source: Path) -> None:
    (source / "d.ann.gz").write_bytes(gzip.compress((source / "a/d.ann").read_bytes()))
    made = scale(open_corpus(tmp_path / "corpus"), [f"{source}/*.gz"], str(tmp_path / "scaled"))
    lines = (tmp_path / "scaled/problems.jsonl").read_text(encoding="utf-8").splitlines()
    (told,) = [one for one in map(json.loads, lines) if one["file"] == "d.ann.gz"]
    assert made.open.total
    assert (told["code"], "copy its folder to this machine" in told["hint"]) == ("no-text", True)
