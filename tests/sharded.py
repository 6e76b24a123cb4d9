"""Shards out of tasks, and what two datasets of the same tasks have in common: what the tests of scale.py share."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import zstandard

from generate_corpus import write_export
from helpers import Dataset, without_files
from newsparallax.building import build
from newsparallax.corpus import open_corpus
from newsparallax.dataset import digest_of


def built(folder, out):
    return Dataset(build(open_corpus(folder), out, verify=False).place)


def said(dataset, *, files=True):
    """The problems, sorted; without the names of files where these differ."""
    return sorted(json.dumps(found if files else without_files(found), sort_keys=True) for found in dataset.problems)


def assert_same(found, expected, *, files=True):
    """Everything but how rows are divided among files is the same; and the files hold what the manifest says."""
    assert {**found.manifest.as_json(), "files": None} == {**expected.manifest.as_json(), "files": None}
    assert said(found, files=files) == said(expected, files=files)
    cards = [(one.place / "README.md").read_text().split("\n---\n", 1)[1] for one in (found, expected)]
    assert cards[0] == cards[1]  # agreement too; above are sizes of files
    assert digest_of(found.place) == expected.manifest.content_digest
    listed = {"manifest.json", *found.manifest.files}
    assert {path.relative_to(found.place).as_posix() for path in found.place.rglob("*") if path.is_file()} == listed
    for config in expected.manifest.rows:
        assert sorted(map(repr, found.rows(config))) == sorted(map(repr, expected.rows(config))), config


def write_shard(path, tasks):
    """Write an export as its name says: `.json` or `.jsonl`, and `.gz` or `.zst` after it or nothing."""
    plain = path.with_suffix("") if path.suffix in (".gz", ".zst") else path
    write_export(plain, tasks)
    content = plain.read_bytes()
    if path != plain:
        plain.unlink()
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else zstandard.compress(content))
    return path


def mixed_shards(folder: Path, tasks) -> Path:
    """The tasks at random in shards of all forms; names do not tell what is compressed. One file is hidden."""
    mixed = random.Random(1).sample(tasks, len(tasks))
    names = ("a.json", "b.jsonl", "c.json.gz", "d.jsonl.gz", "deep/e.json.zst", "deep/f.jsonl.zst")
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_shard(folder / name, mixed[number :: len(names)])
    (folder / "d.jsonl.gz").rename(folder / "d.dump")
    (folder / ".hidden.json").write_text("{")
    return folder
