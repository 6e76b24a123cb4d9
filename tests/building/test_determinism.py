"""The same inputs give the same bytes, however they come: in which files, order, form, or by how many processes."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from generate_corpus import write_corpus, write_export
from helpers import ROOT, without_files
from newsparallax.building import build
from newsparallax.corpus import open_corpus
from newsparallax.dataset import digest_of, parquet
from newsparallax.errors import NewsParallaxError
from newsparallax.exports import files as exports

pytestmark = pytest.mark.slow

ARTICLES = 200
SEED = 11  # of `tasks`


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a folder by its path."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def data_files(folder: Path) -> dict[str, str]:
    return {name: digest for name, digest in digests(folder).items() if name.endswith(".parquet")}


def problems(folder: Path) -> list[str]:
    """The problems without the names of the files that they were found in, sorted."""
    lines = (folder / "problems.jsonl").read_text(encoding="utf-8").splitlines()
    return sorted(json.dumps(without_files(json.loads(line)), sort_keys=True) for line in lines)


@pytest.fixture(scope="module")
def built(corpus, tmp_path_factory):
    return build(open_corpus(corpus), tmp_path_factory.mktemp("built") / "dataset").place


def test_the_corpus_is_worth_the_trouble(built):
    counts = json.loads((built / "manifest.json").read_text())["counts"]
    assert counts["articles"] == ARTICLES
    assert min(counts[f"results_{how}"] for how in ("accepted", "repaired", "quarantined")) > 10
    assert set(counts["article_states"]) == {"annotated", "annotated_empty", "cancelled", "unannotated"}
    assert len({name.split("/")[1] for name in data_files(built)}) == 3


@pytest.mark.parametrize("which", [pytest.param("this", marks=pytest.mark.slow), "generated"])
def test_two_builds_give_the_same_bytes(which, corpus, tmp_path):
    """Also with other hash seeds, in another place, in another time zone and language."""
    folder = ROOT if which == "this" else corpus
    runs = (("1", "UTC", "C"), ("2", "Asia/Tokyo", "C.UTF-8"))
    for number, (seed, zone, language) in enumerate(runs):
        out = tmp_path / ("one", "an/other")[number] / "dataset"
        command = [sys.executable, ROOT / "scripts/build.py", "--corpus", folder, "--out", out, "--lenient"]
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LANG": language, "LC_ALL": language}
        subprocess.run(command, check=True, capture_output=True, env=environment, cwd=tmp_path)
    one, other = digests(tmp_path / "one/dataset"), digests(tmp_path / "an/other/dataset")
    assert one == other
    assert {"README.md", "manifest.json", "problems.jsonl"} <= one.keys()


def as_json_lines(exports: Path, tasks) -> None:
    write_export(exports / "export.jsonl", tasks)


def shuffled(exports: Path, tasks) -> None:
    order = list(tasks)
    random.Random(5).shuffle(order)
    write_export(exports / "export.json", order)


def renamed(exports: Path, tasks) -> None:
    write_export(exports / "deep" / "er" / "ÜBUNG 2.json", tasks)


def split(exports: Path, tasks) -> None:
    """Tasks distributed at random over files of all forms: indented, escaped, JSON Lines, one task a file."""
    chance = random.Random(8)
    piles: list[list] = [[] for _ in range(5)]
    for number, task in enumerate(tasks):
        if number % 40 == 0:
            write_export(exports / f"single-{number}.json", [task], indent=1)
        else:
            chance.choice(piles).append(task)
    write_export(exports / "a.json", piles[0], indent=2)
    write_export(exports / "b.json", piles[1], ascii_only=True)
    write_export(exports / "c.jsonl", piles[2])
    write_export(exports / "d.jsonl", piles[3], ascii_only=True)
    (exports / "e.json").write_text("\ufeff" + json.dumps({"tasks": piles[4]}), encoding="utf-8")


@pytest.mark.parametrize("arrange", [as_json_lines, shuffled, renamed, split])
def test_how_tasks_lie_in_files_does_not_matter(arrange, tasks, built, tmp_path):
    folder = write_corpus(tmp_path / "corpus", [])
    exports = folder / "annotations/exports"
    (exports / "export.json").unlink()
    arrange(exports, tasks)
    again = build(open_corpus(folder), tmp_path / "dataset").place
    assert data_files(again) == data_files(built)
    assert problems(again) == problems(built)
    assert (again / "README.md").read_bytes() == (built / "README.md").read_bytes()


@pytest.mark.parametrize("group_bytes", [pytest.param(parquet.ROW_GROUP_BYTES, marks=pytest.mark.slow), 60_000])
def test_workers_do_not_matter(group_bytes, corpus, tmp_path, monkeypatch):
    """Small row groups and files show whether their borders depend on who converted the rows.

    The export counts as a large one, of which only the places of tasks are kept.
    """
    monkeypatch.setattr(exports, "LARGE", 1000)
    monkeypatch.setattr(parquet, "ROW_GROUP_BYTES", group_bytes)
    monkeypatch.setattr(parquet, "FILE_BYTES", group_bytes // 2)
    places = [build(open_corpus(corpus), tmp_path / str(workers), workers).place for workers in (1, 3)]
    one, other = map(digests, places)
    assert one == other
    assert any("-00001." in name for name in one) == (group_bytes < 100_000)
    assert digest_of(places[0]) == json.loads((places[0] / "manifest.json").read_text())["content_digest"]


def test_the_digest_can_be_had_from_the_files_alone(built, tmp_path):
    manifest = json.loads((built / "manifest.json").read_text())
    assert digest_of(built) == manifest["content_digest"]


def test_the_digest_of_this_corpus_can_be_had_from_the_files_alone(tmp_path):
    made = build(open_corpus(None), tmp_path / "dataset")
    assert digest_of(made.place) == made.manifest.content_digest


def test_the_digest_tells_what_changed(tasks, built, tmp_path):
    """One value of one region changed gives another digest; so does another split."""
    changed = json.loads(json.dumps(tasks))
    region = next(item for item in changed[1]["annotations"][0]["result"] if item["type"] == "labels")
    region["value"]["labels"] = ["ORG" if region["from_name"] == "names" else "praise"]
    folder = write_corpus(tmp_path / "corpus", changed)
    other = build(open_corpus(folder), tmp_path / "dataset").place
    assert digest_of(other) != digest_of(built)
    train = other / "articles/train-00000.parquet"
    train.rename(train.with_name("dev-00000.parquet"))
    assert digest_of(other) not in (
        digest_of(built),
        json.loads((other / "manifest.json").read_text())["content_digest"],
    )


def test_what_has_no_digest_is_told_by_name(tmp_path):
    with pytest.raises(NewsParallaxError, match="contains no Parquet files"):
        digest_of(tmp_path)
    (tmp_path / "names").mkdir()
    (tmp_path / "names/train-00000.parquet").write_bytes(b"not a Parquet file")
    with pytest.raises(NewsParallaxError, match=r"^names/train-00000\.parquet: is not a Parquet file"):
        digest_of(tmp_path)
