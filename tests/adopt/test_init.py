"""`newsparallax init`: a new corpus that builds at once, and nothing written where one is already."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from helpers import limit_file_size
from newsparallax import NewsParallaxError, build, check, open_corpus
from newsparallax.adopt import init_corpus
from newsparallax.ids import text_digest


@pytest.fixture
def place(tmp_path):
    seeds = tmp_path / "my corpus/seeds"
    (seeds / "sub").mkdir(parents=True)
    for name, text in {"a b.txt": "Ann is in Rome.\r\n", "a-b.txt": "Bob is in Oslo.", "sub/ä.txt": "Ünal"}.items():
        (seeds / name).write_bytes(text.encode())
    (seeds / "notes.md").write_text("no article")
    return seeds.parent


def test_three_texts_become_a_corpus_without_problems_that_builds(place):
    assert init_corpus(place) == ["a b.txt", "a-b.txt", "sub/ä.txt"]
    folder = open_corpus(place)
    assert list(check(folder)) == []
    built = build(folder)
    assert built.open.total == 0
    assert built.manifest.name == "my corpus"
    assert built.manifest.rows["articles"] == {"train": 3}
    articles = tomllib.loads((place / "seeds/articles.toml").read_text())
    assert [*articles] == ["a-b", "a-b-2", "sub-ä"]
    assert articles["a-b"]["sha256"] == text_digest("Ann is in Rome.\r\n")
    assert {path.name for path in place.iterdir()} == {
        *("annotations", "build", "CHANGELOG.md", "dataset_card.md", ".gitignore", "schemas", "seeds"),
    }


def test_without_texts_it_says_what_is_missing(tmp_path):
    assert init_corpus(tmp_path / "new") == []
    assert [problem.code for problem in check(open_corpus(tmp_path / "new"))] == ["no-articles"]


@pytest.mark.parametrize("taken", ["annotations/corpus.toml", "seeds/articles.toml", "CHANGELOG.md", "dataset_card.md"])
def test_what_is_there_is_not_touched(place, taken):
    (place / taken).parent.mkdir(exist_ok=True)
    (place / taken).write_text("mine")
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    with pytest.raises(NewsParallaxError, match=r"already contains .*; nothing was changed"):
        init_corpus(place)
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before


def test_a_text_that_is_not_utf8_is_named_before_anything_is_written(place):
    (place / "seeds/latin.txt").write_bytes(b"caf\xe9")
    with pytest.raises(NewsParallaxError, match=r"latin\.txt: byte 3 is not UTF-8"):
        init_corpus(place)
    assert [path.name for path in place.iterdir()] == ["seeds"]
    with pytest.raises(NewsParallaxError, match="is not a folder"):
        init_corpus(place / "seeds/latin.txt")


def test_the_file_is_named_as_a_quoted_value(tmp_path):
    name = 'it\'s "one"\\.txt'
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / name).write_text("Text.")
    assert init_corpus(tmp_path) == [name]
    assert list(check(open_corpus(tmp_path))) == []


@pytest.mark.parametrize("name", ['it\'s "x"\\y', "new\nline", "ünï"])
def test_any_name_of_a_folder_becomes_the_name_of_the_corpus(name, tmp_path):
    (tmp_path / name / "seeds").mkdir(parents=True)
    (tmp_path / name / "seeds/one.txt").write_text("Ann.")
    init_corpus(tmp_path / name)
    folder = open_corpus(tmp_path / name)
    assert folder.context.corpus.name == name
    assert list(check(folder)) == []


def test_what_is_no_text_of_the_folder_is_refused_before_anything_is_written(place, tmp_path):
    (place / "seeds/folder.txt").mkdir()  # a folder is no text
    (tmp_path / "outside.txt").write_text("secret")
    (place / "seeds/link.txt").symlink_to(tmp_path / "outside.txt")
    with pytest.raises(NewsParallaxError, match="link to a place outside of"):
        init_corpus(place)
    (place / "seeds/link.txt").unlink()
    os.mkfifo(place / "seeds/pipe.txt")
    with pytest.raises(NewsParallaxError, match="is a pipe or device; expected a file"):
        init_corpus(place)
    (place / "seeds/pipe.txt").unlink()
    odd = place / "seeds" / os.fsdecode(b"caf\xe9.txt")
    odd.write_text("x")
    with pytest.raises(NewsParallaxError, match="is not UTF-8"):
        init_corpus(place)
    odd.unlink()
    assert [path.name for path in place.iterdir()] == ["seeds"]
    assert len(init_corpus(place)) == 3


def test_a_place_that_cannot_hold_a_corpus_is_named(tmp_path):
    (tmp_path / "seeds").write_text("no folder")
    with pytest.raises(NewsParallaxError, match="seeds is not a folder"):
        init_corpus(tmp_path)
    with pytest.raises(NewsParallaxError, match="/proc/nope"):
        init_corpus(Path("/proc/nope"))


def test_a_full_disk_is_one_message_and_leaves_nothing(place):
    """A limit on the size of files stands in for the disk: the system refuses to write more, as a full disk does."""
    command = [sys.executable, "-m", "newsparallax", "init", place]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit_file_size(100))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"error: {place}: File too large\n  make room there, and run the command again; nothing was changed\n"
    )
    assert [path.name for path in place.iterdir()] == ["seeds"]
    assert [path.name for path in place.parent.iterdir()] == [place.name]
