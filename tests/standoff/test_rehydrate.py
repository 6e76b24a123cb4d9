"""A stand-off release and the right copies make the full dataset; wrong copies are told, and what they still have."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from command_line import run_script
from generate_corpus import make_tasks
from generate_corpus import write_corpus as write_generated
from helpers import CODEBOOK, CORPORA, ROOT, Dataset, build_case, limit_file_size, span, task
from newsparallax.building import build
from newsparallax.corpus import open_corpus
from newsparallax.dataset import digest_of
from newsparallax.errors import NewsParallaxError, UsageError
from newsparallax.standoff import rehydrate, stage
from newsparallax.standoff.alignment import (
    WINDOW,
    align,
    gaps,
    line_and_column,
    place_in,
    window_digests,
    window_ranges,
)
from newsparallax.standoff.copies import Normalization, normalized


@contextmanager
def not_read_back() -> Iterator[None]:
    """Without loading what was written with `datasets`, which takes most of the time."""
    with patch("newsparallax.standoff.withhold.read_back"), patch("newsparallax.standoff.rehydration.read_back"):
        yield


def copies(full: Path, folder: Path) -> Path:
    """The texts of a full build as files, by names that say nothing."""
    folder.mkdir()
    for number, row in enumerate(Dataset(full).rows("articles")):
        if row["text"] is not None:
            (folder / f"{number}.txt").write_bytes(row["text"].encode())
    return folder


def rows(place: Path) -> dict[str, list[list[dict[str, Any]]]]:
    """The rows of every Parquet file by its path, row group by row group."""
    files = {path.relative_to(place).as_posix(): pq.ParquetFile(path) for path in place.glob("*/*.parquet")}
    return {
        name: [file.read_row_group(number).to_pylist() for number in range(file.num_row_groups)]
        for name, file in files.items()
    }


def assert_whole(place: Path) -> dict[str, Any]:
    """Its manifest, which lists exactly the files that are there, with their digests, and the digest of the rows."""
    manifest = json.loads((place / "manifest.json").read_bytes())
    found = {path.relative_to(place).as_posix(): path for path in place.rglob("*") if path.is_file()}
    assert found.keys() == {*manifest["files"], "manifest.json"}
    for name, facts in manifest["files"].items():
        assert hashlib.sha256(found[name].read_bytes()).hexdigest() == facts["sha256"], name
    assert digest_of(place) == manifest["content_digest"]
    return manifest


# Two texts a task; a layer that says in which text it is, and two that leave it open, with arrows between all of them.
OPEN = {
    "codebook": {"version": "1"},
    "texts": {"text": {"field": "text"}, "head": {"field": "head"}},
    "layers": {
        "spans": {"labels": {"PER": {}, "LOC": {}}, "relations": {"to": {"to": ["spans", "others", "heads"]}}},
        "others": {"labels": {"X": {}}, "relations": {"back": {"to": ["spans", "heads"]}}},
        "heads": {"text": "head", "labels": {"H": {}}, "relations": {"down": {"to": ["spans", "others"]}}},
    },
}


def marked(layer: str, text: str, start: int, end: int, label: str, name: str, words: str) -> dict[str, Any]:
    return span(start, end, words[start:end], label, id=name, from_name=layer, to_name=text)


def arrow(one: str, other: str) -> dict[str, Any]:
    return {"type": "relation", "from_id": one, "to_id": other, "direction": "right", "labels": []}


def open_case() -> dict[str, Any]:
    text, head = "Ann met Bob in Pau. Both went home.", "A day in Pau, by Eve"
    result = [
        marked("spans", "text", 0, 3, "PER", "r1", text),
        marked("spans", "head", 17, 20, "PER", "r2", head),
        marked("others", "head", 2, 5, "X", "r3", head),
        marked("others", "text", 8, 11, "X", "r4", text),
        marked("heads", "head", 9, 12, "H", "r5", head),
    ]
    ends = (("r1", "r2"), ("r1", "r3"), ("r2", "r4"), ("r3", "r1"), ("r5", "r4"), ("r1", "r5"))
    result += [arrow(one, other) for one, other in ends]
    codebook = json.loads(json.dumps(OPEN))
    for layer in codebook["layers"].values():
        for relation in layer["relations"].values():
            relation["unlabelled"] = True
    data = {"data": {"text": text, "head": head}}
    return {"codebook": codebook, "exports": {"a.json": [task(text, result) | data]}}


def make(folder: Path, name: str) -> tuple[Path, Any, str]:
    """(full build, its corpus's context, how it is staged) of a corpus by its name."""
    if name == "open":
        return build_case(folder, open_case()).place, open_corpus(folder / "corpus").context, "auto"
    if name == "generated":
        root = write_generated(folder / "corpus", make_tasks(30, seed=4, regions=12, hard=True))
    else:
        root = None if name == "news" else CORPORA / name
    corpus = open_corpus(root)
    full = build(corpus, folder / "full", verify=False).place
    return full, corpus.context, "auto" if name == "news" else "omit"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["news", "zeitung", "from_tasks", "generated", "open"])
def test_stand_off_and_copies_make_the_full_dataset(name, tmp_path):
    full, context, mode = make(tmp_path, name)
    with nullcontext() if name in ("news", "from_tasks") else not_read_back():
        stage(full, tmp_path / "staged", context, mode=mode)
        made = rehydrate(str(tmp_path / "staged"), copies(full, tmp_path / "copies"), tmp_path / "again")
    assert (made.missing_total, made.drifted_total, made.normalized_total) == (0, 0, 0)
    manifest = assert_whole(tmp_path / "again")
    before = json.loads((full / "manifest.json").read_bytes())
    assert manifest["content_digest"] == before["content_digest"]
    assert manifest["texts"] == before["texts"] | {"restored": before["texts"]["total"]}
    assert rows(tmp_path / "again") == rows(full)
    assert not (tmp_path / "again" / "standoff").exists()
    if name != "zeitung":
        quotes = [link["quote"] for row in Dataset(full).rows("votes") for link in row["relations"]]
        assert any(quotes)
    card = (tmp_path / "again" / "README.md").read_text(encoding="utf-8")
    if name == "news":
        assert (
            "This copy contains 2 texts; 2 came from the user's own copies. **Do not redistribute this copy.**" in card
        )


def test_arrows_into_another_text_wait_for_it(tmp_path):
    full, context, _ = make(tmp_path, "open")
    links = {(row["region_id"], link["quote"]) for row in Dataset(full).rows("votes") for link in row["relations"]}
    assert links == {("r1", "Eve"), ("r1", "day"), ("r1", "Pau"), ("r2", "Bob"), ("r3", "Ann"), ("r5", "Bob")}
    (tmp_path / "mine").mkdir()
    with not_read_back():
        stage(full, tmp_path / "staged", context)
        for text, head, expected in (
            ("Ann met Bob in Pau. Both went home.", None, {("r2", "Bob"), ("r3", "Ann"), ("r5", "Bob")}),
            (None, "A day in Pau, by Eve", {("r1", "Eve"), ("r1", "day"), ("r1", "Pau")}),
        ):
            (tmp_path / "mine/copy.txt").write_text(text or head or "", encoding="utf-8")
            place = tmp_path / f"half-{text is None}"
            assert rehydrate(str(tmp_path / "staged"), tmp_path / "mine", place).missing_total == 1
            votes = Dataset(place).rows("votes")
            found = {(row["region_id"], link["quote"]) for row in votes for link in row["relations"] if link["quote"]}
            assert found == expected
            assert_whole(place)
        made = rehydrate(str(tmp_path / "half-False"), tmp_path / "mine", tmp_path / "both")
    assert made.manifest.content_digest == json.loads((full / "manifest.json").read_bytes())["content_digest"]
    assert rows(tmp_path / "both") == rows(full)


ALPHABET = "ab é𝒜\n"


@st.composite
def cases(draw) -> dict[str, Any]:
    """A corpus of some tasks with marks at random places; some of their texts are the same."""
    exports = []
    for number in range(draw(st.integers(1, 4))):
        text = draw(st.text(ALPHABET, min_size=1, max_size=150)) + "x"
        places = draw(st.lists(st.tuples(st.integers(0, 150), st.integers(1, 150)), max_size=4))
        inside = [(min(start, len(text) - 1), size) for start, size in places]
        result = [
            marked("spans", "text", start, min(start + size, len(text)), "PER", f"r{n}", text)
            for n, (start, size) in enumerate(inside)
        ]
        result += [arrow("r0", f"r{n}") for n in range(1, len(result))]
        exports.append(task(text, result) | {"id": number + 1})
    layers = {"spans": {"labels": {"PER": {}}, "relations": {"to": {"to": ["spans"], "unlabelled": True}}}}
    return {"codebook": CODEBOOK | {"layers": layers}, "exports": {"a.json": exports}}


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(cases())
def test_any_corpus_comes_back(case):
    with tempfile.TemporaryDirectory() as work, not_read_back():
        folder = Path(work)
        full = build_case(folder, case).place
        stage(full, folder / "staged", open_corpus(folder / "corpus").context)
        assert rows(folder / "staged") != rows(full)
        made = rehydrate(str(folder / "staged"), copies(full, folder / "copies"), folder / "again")
        assert made.manifest.texts.withheld == 0
        assert rows(folder / "again") == rows(full)


# A text of ten windows and 20 code points, with marks: one in each window, and one over each border of windows.
LINE = "{:02d} The minister said on day {:02d} that no boat would leave the harbour.\n"
TEXT = "".join(LINE.format(n, n * 7) for n in range(20))[: 10 * WINDOW + 20]
INSIDE = [(n * WINDOW + 10, n * WINDOW + 25) for n in range(10)]
ACROSS = [(n * WINDOW - 5, n * WINDOW + 5) for n in range(1, 10)]
LAST = (10 * WINDOW + 15, 10 * WINDOW + 19)
PLACES = sorted([*INSIDE, *ACROSS, LAST])


@pytest.fixture(scope="module")
def staged(tmp_path_factory) -> tuple[Path, Path]:
    """(full build, stand-off release) of the article `a` with TEXT, and of `b`."""
    folder = tmp_path_factory.mktemp("drift")
    regions = [marked("spans", "text", s, e, "PER", f"r{n}", TEXT) for n, (s, e) in enumerate(PLACES)]
    other = "Été à Pau, " * 20 + "\nfin."
    exports = {
        "a.json": [task(TEXT, regions) | {"data": {"text": TEXT, "article_id": "a"}}],
        "b.json": [task(other, [span(0, 3, "Été")]) | {"id": 2, "data": {"text": other, "article_id": "b"}}],
    }
    case = {
        "seeds": {"a.txt": TEXT, "b.txt": other},
        "exports": exports,
        "corpus": {"offsets": {"edge_spaces": "keep"}},
    }
    full = build_case(folder, case)
    assert full.counts["results_accepted"] == len(PLACES) + 1
    with not_read_back():
        stage(full.place, folder / "staged", open_corpus(folder / "corpus").context)
    return full.place, folder / "staged"


def windows(*numbers: int) -> list[tuple[int, int]]:
    """The marks that touch none of these windows; the last window has the number 9."""
    gone = set(numbers)
    return [place for place in PLACES if not gone & {min(place[0] // WINDOW, 9), min((place[1] - 1) // WINDOW, 9)}]


PARAGRAPH = "A paragraph that was never there.\n\n"
W = WINDOW


def changed(text: str, *places: int) -> str:
    """The text with other characters at these places."""
    for at in places:
        text = text[:at] + "#" + text[at + 1 :]
    return text


def line_of(at: int) -> int:
    return TEXT.count("\n", 0, at) + 1


def spot(at: int) -> str:
    return f"line {line_of(at)}, column {at - TEXT.rfind(chr(10), 0, at)}"


BETWEEN = TEXT[: 2 * W] + PARAGRAPH + TEXT[2 * W :]
SWAPPED = TEXT[:W] + TEXT[4 * W : 6 * W] + TEXT[W : 4 * W] + TEXT[6 * W :]
DRIFTS = {
    "one-character": (changed(TEXT, 150), windows(2), f"in 128..192 (line {line_of(128)}, column "),
    "inserted-inside": (TEXT[:200] + PARAGRAPH + TEXT[200:], windows(3), f"in 192..256 (line {line_of(192)}, "),
    "inserted-between": (BETWEEN, [p for p in PLACES if p != ACROSS[1]], "at 128, with 35 additional code points"),
    "put-before": (PARAGRAPH + TEXT, PLACES, "at 0, with 35 additional code points (line 1, column 1)"),
    "put-behind": (TEXT + PARAGRAPH, PLACES, "at 660, with 35 additional code points"),
    "removed": (TEXT[: 3 * W] + TEXT[5 * W :], windows(3, 4), "in 192..320 (line "),
    "removed-inside": (TEXT[: 3 * W + 9] + TEXT[5 * W - 9 :], windows(3, 4), "in 192..320 (line "),
    "swapped": (
        SWAPPED,
        [p for p in PLACES if p not in (ACROSS[0], ACROSS[3], ACROSS[5])],
        "at 64, with 128 additional code points",
    ),
    "truncated": (TEXT[: 4 * W + 30], windows(4, 5, 6, 7, 8, 9), "in 256..660 (line "),
    "end-cut": (TEXT[:-2], windows(9), "in 576..660 (line "),
    "two-places": (changed(TEXT, 70, 450), windows(1, 7), f"in 64..128 (line {line_of(64)}, column "),
    "four-places": (
        changed(TEXT, 0, 150, 300, 650),
        windows(0, 2, 4, 9),
        f"in 0..64 (line 1, column 1), in 128..192 ({spot(128)}), in 256..320 ({spot(256)}) and 1 more;",
    ),
    "crlf-and-one-character": (
        changed(TEXT, 150).replace("\n", "\r\n"),
        windows(2),
        f"(its line ends normalized) differs from the annotated text in 128..192 (line {line_of(128)}",
    ),
    "another-text": ("Nothing of it is here. " * 40, [], "a.txt contains nothing of the annotated text"),
    "empty": ("", [], "a.txt is empty"),
}


@pytest.mark.parametrize("name", DRIFTS)
def test_a_copy_that_differs_says_where_and_what_survives(name, staged, tmp_path):
    full, release = staged
    copy, survive, told = DRIFTS[name]
    (tmp_path / "copies").mkdir()
    path = tmp_path / "copies/a.txt"
    path.write_bytes(copy.encode())
    shutil.copyfile(full.parent / "corpus/seeds/b.txt", tmp_path / "copies/z")
    with not_read_back():
        made = rehydrate(str(release), tmp_path / "copies", tmp_path / "out")
    assert (made.restored, made.missing_total, made.drifted_total, made.normalized_total) == (1, 0, 1, 0)
    assert path.read_bytes() == copy.encode()
    (line,) = made.drifted
    assert line.startswith("a: a.txt ")
    assert told in line
    assert line.endswith(f"; {2 * len(survive)} of {2 * len(PLACES)} spans still fit")
    found = [json.loads(text) for text in (tmp_path / "out/drift.jsonl").read_bytes().splitlines()]
    assert {row["article_id"] for row in found} == {"a"}
    for config in ("spans", "votes"):
        mine = [row for row in found if row["config"] == config]
        assert [(row["start"], row["end"]) for row in mine] == PLACES
        assert [(row["start"], row["end"]) for row in mine if row["survives"]] == survive
        spans = {row["span_id"]: row["quote"] for row in Dataset(full).rows(config)}
        for row in mine:
            at = row["copy"]
            if row["survives"]:
                seen = copy.replace("\r\n", "\n") if at["normalized"] else copy
                assert seen[at["start"] : at["end"]] == spans[row["span_id"]]
            else:
                assert (at["start"], at["end"]) == (None, None)
    manifest = assert_whole(tmp_path / "out")
    assert manifest["texts"]["withheld"] == 1
    by_id = {row["article_id"]: row["text"] for row in Dataset(tmp_path / "out").rows("articles")}
    assert by_id["a"] is None
    assert by_id["b"] == (full.parent / "corpus/seeds/b.txt").read_text("utf-8")
    assert [row["article_id"] for row in Dataset(tmp_path / "out").rows("standoff")] == ["a"]


NORMALIZATIONS = {
    "crlf": (lambda text: text.replace("\n", "\r\n"), "line ends"),
    "cr": (lambda text: text.replace("\n", "\r"), "line ends"),
    "bom": (lambda text: "\ufeff" + text, "byte order mark"),
    "newline-at-end": (lambda text: text + "\n", "white space at the end"),
    "spaces-at-end": (lambda text: text + " \t \n\n", "white space at the end"),
    "nfd": (lambda text: unicodedata.normalize("NFD", text), "Unicode form (NFC)"),
    "all": (
        lambda text: "\ufeff" + unicodedata.normalize("NFD", text).replace("\n", "\r\n") + "\r\n",
        "byte order mark, line ends, Unicode form (NFC), white space at the end",
    ),
}


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_what_programs_do_to_a_text_is_normalized(name, staged, tmp_path):
    full, release = staged
    change, told = NORMALIZATIONS[name]
    (tmp_path / "copies/deep").mkdir(parents=True)
    for key in "ab":
        text = (full.parent / f"corpus/seeds/{key}.txt").read_bytes().decode()
        (tmp_path / f"copies/deep/{key}-copy.md").write_bytes(change(text).encode())
    with not_read_back():
        made = rehydrate(str(release), tmp_path / "copies", tmp_path / "out")
    assert (made.restored, made.missing_total, made.drifted_total) == (2, 0, 0)
    assert f"b: deep/b-copy.md: {told}" in made.normalized
    assert made.normalized_total == (1 if name == "nfd" else 2)  # `a` has no accents
    assert rows(tmp_path / "out") == rows(full)


def test_a_normalization_never_makes_another_text():
    """Whatever is restored has the digest of the text; a copy in a mixed form is told to differ instead."""
    text = "e\u0301t\u00e9\r\nand\n"
    assert Normalization() in [way for way, made in normalized(text) if made == text]
    assert text not in [made for _, made in normalized(unicodedata.normalize("NFC", text))]
    ways = [made for _, made in normalized(text.replace("\r\n", "\n"))]
    assert len(ways) == len(set(ways))


def test_files_that_are_no_copies_are_passed_over(staged, tmp_path):
    _, release = staged
    folder = tmp_path / "copies"
    (folder / "a").mkdir(parents=True)
    (folder / "b.txt").mkdir()
    (folder / "b.dat").write_bytes("Été".encode("latin-1"))
    (folder / "articles.toml").write_text("[a]\n")
    (folder / "loop").symlink_to(folder)
    with not_read_back():
        made = rehydrate(str(release), folder, tmp_path / "out")
    assert made.missing == ["a: no copy was found", "b: b.dat is not UTF-8"]
    assert (made.restored, made.drifted_total) == (0, 0)
    assert not (tmp_path / "out/drift.jsonl").exists()
    assert rows(tmp_path / "out") == rows(release)
    assert json.loads((tmp_path / "out/manifest.json").read_bytes())["content_digest"] == digest_of(release)


def test_the_right_copy_under_another_name_wins(staged, tmp_path):
    full, release = staged
    folder = tmp_path / "copies"
    folder.mkdir()
    for key, name in (("a", "b.txt"), ("b", "a.txt"), ("a", "twice.txt")):
        shutil.copyfile(full.parent / f"corpus/seeds/{key}.txt", folder / name)
    with not_read_back():
        made = rehydrate(str(release), folder, tmp_path / "out")
    assert (made.restored, made.normalized_total, made.drifted_total) == (2, 0, 0)
    assert rows(tmp_path / "out") == rows(full)


def run(*options: object, **more: Any) -> subprocess.CompletedProcess[str]:
    return run_script("rehydrate.py", *options, **more)


def test_the_command_tells_and_counts(staged, tmp_path):
    full, release = staged
    (tmp_path / "copies").mkdir()
    (tmp_path / "copies/a.txt").write_text(TEXT[:-2], encoding="utf-8")
    ran = run(release, "--seeds", tmp_path / "copies", "--out", tmp_path / "out")
    assert ran.returncode == 1
    assert ran.stderr.splitlines() == [
        "missing: b: no copy was found",
        f"different: a: a.txt differs from the annotated text in 576..660 ({spot(576)}); 34 of 40 spans still fit",
        "2 texts not restored",
    ]
    ran = run(release, "--seeds", full.parent / "corpus/seeds", "--out", tmp_path / "out")
    digest = json.loads((full / "manifest.json").read_bytes())["content_digest"]
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines()[1:] == ["  2 texts restored, 0 still withheld", f"  content digest {digest}"]
    ran = run(full, "--seeds", tmp_path / "copies", "--out", tmp_path / "copied")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "  the dataset has all texts; it was copied unchanged" in ran.stdout
    assert rows(tmp_path / "copied") == rows(full)


def test_wrong_usage_is_one_message_and_nothing_written(staged, tmp_path):
    full, release = staged
    seeds = full.parent / "corpus/seeds"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.md").write_text("mine")
    (tmp_path / "mine/loop").symlink_to("loop")
    for dataset, copies_, out, message in (
        (tmp_path / "nowhere", seeds, tmp_path / "out", "is not a dataset"),
        (release, tmp_path / "nowhere", tmp_path / "out", "is not a folder"),
        (release, seeds, release / "out", "or contains it"),
        (release, seeds, release, "or contains it"),
        (release, seeds, seeds / "out", "or contains it"),
        (release, seeds, tmp_path / "mine", "contains files that are not a build"),
        (release, seeds, tmp_path / "mine/loop", "is a symbolic link"),
    ):
        with pytest.raises(UsageError, match=message):
            rehydrate(str(dataset), copies_, out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine"]
    ran = run(tmp_path / "nowhere", "--seeds", seeds, "--out", tmp_path / "out")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("error: ")
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(("limit", "said"), [(2_000, "disk I/O error"), (None, "File too large")])
def test_a_disk_that_takes_no_more(staged, tmp_path, limit, said):
    """At the file of copies, and at the largest that is written with its help."""
    full, release = staged
    limit = limit or (release / "croissant.json").stat().st_size - 1000
    options = [release, "--seeds", full.parent / "corpus/seeds", "--out", tmp_path / "deep/out"]
    command = [sys.executable, str(ROOT / "scripts/rehydrate.py"), *map(str, options)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limit_file_size(limit))
    assert (ran.returncode, ran.stdout) == (2, "")
    hint = "make room there, and run the command again; nothing was changed"
    assert ran.stderr == f"error: {tmp_path}/deep/out: {said}\n  {hint}\n"
    assert list(tmp_path.iterdir()) == []


def test_a_dataset_that_is_not_what_its_manifest_says_is_refused(staged, tmp_path):
    full, release = staged
    seeds = full.parent / "corpus/seeds"

    def refused(message: str, change: Any) -> None:
        broken = tmp_path / "broken"
        shutil.copytree(release, broken)
        manifest = json.loads((broken / "manifest.json").read_bytes())
        change(broken, manifest)
        (broken / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        with pytest.raises(NewsParallaxError, match=message):
            rehydrate(str(broken), seeds, tmp_path / "out")
        shutil.rmtree(broken)
        assert list(tmp_path.iterdir()) == []

    def flip(place: Path, _: dict[str, Any]) -> None:
        path = place / "votes/train-00000.parquet"
        content = path.read_bytes()
        path.write_bytes(content[:-20] + bytes([content[-20] ^ 1]) + content[-19:])

    refused("differs from the file that the manifest lists", flip)
    refused("does not exist", lambda place, _: (place / "votes/train-00000.parquet").unlink())
    refused(
        r"lists '\.\./x', which is not a file", lambda _, manifest: manifest["files"].update({"../x": {"sha256": ""}})
    )
    refused("the content digest is", lambda _, manifest: manifest["texts"].update(full_content_digest="0-0"))
    refused("has no information on withheld texts", lambda _, manifest: manifest.pop("texts"))


LETTERS = st.text("abcdefgh\n", min_size=0, max_size=400)


@settings(max_examples=200, deadline=None)
@given(LETTERS, st.lists(st.tuples(st.integers(0, 400), st.integers(0, 90), st.text("xyz", max_size=80)), max_size=3))
def test_what_is_said_to_stand_in_a_copy_stands_there(text, edits):
    """A window of 8 code points, so that short texts have many; edits replace some code points by others."""
    copy = text
    for at, size, words in edits:
        copy = copy[:at] + words + copy[at + size :]
    digests = window_digests(text, 8)
    ranges = window_ranges(len(text), 8)
    assert [start for start, _ in ranges] == [0, *(end for _, end in ranges)][: len(ranges)]
    assert "".join(text[start:end] for start, end in ranges) == text
    assert all(8 <= end - start < 16 for start, end in ranges) or len(text) < 8
    pieces = align(copy, len(text), digests, 8)
    for piece in pieces:
        assert text[piece.start : piece.end] == copy[piece.at : piece.at + piece.end - piece.start]
        assert place_in(pieces, piece.start, piece.end) == piece.at
    missing = [gap for gap in gaps(pieces, len(text), len(copy)) if gap.start < gap.end]
    assert sum(gap.end - gap.start for gap in missing) == len(text) - sum(p.end - p.start for p in pieces)
    assert (gaps(pieces, len(text), len(copy)) == []) == (text == copy)
    for start, end in ranges:  # nothing that stands there unchanged by all edits is overlooked
        if text[:end] == copy[:end] or text[start:] == copy[max(len(copy) - len(text) + start, 0) :]:
            assert place_in(pieces, start, end) is not None


def test_a_text_that_repeats_itself_is_aligned_where_it_belongs():
    line = "The very same line stands here again and again, over and over.\n" + "-"
    assert len(line) == WINDOW
    text = line * 30 + "end" * 30
    copy = line * 10 + "new" + line * 20 + "end" * 30
    pieces = align(copy, len(text), window_digests(text))
    assert [(p.start, p.at) for p in pieces] == [(0, 0), (10 * WINDOW, 10 * WINDOW + 3)]
    copy = line * 10 + "n" * 40 + line * 20 + "END" * 30
    pieces = align(copy, len(text), window_digests(text))
    assert [(p.start, p.end, p.at) for p in pieces] == [(0, 640, 0), (640, 30 * WINDOW, 680)]
    long = "a" * 200_000
    assert align(long + "b", len(long) + 70, [*window_digests(long), "0"])[0][:2] == (0, len(long) // WINDOW * WINDOW)


def test_lines_and_columns():
    text = "ab\r\ncd\re\n\nf"
    assert [line_and_column(text, at) for at in (0, 2, 4, 5, 7, 9, 10, 11)] == [
        *((1, 1), (1, 3), (2, 1), (2, 2)),
        *((3, 1), (4, 1), (5, 1), (5, 2)),
    ]


MEASURE = """
import json, re, sys
from pathlib import Path
from newsparallax.corpus import open_corpus
from newsparallax.standoff import rehydrate, stage
full, work = Path(sys.argv[1]), Path(sys.argv[2])
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024
stage(full, work / "staged", open_corpus(Path(sys.argv[3])).context, mode="omit")
first = peak()
made = rehydrate(str(work / "staged"), work / "copies", work / "again")
print(json.dumps([first, peak(), made.restored, made.manifest.content_digest]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak of memory from /proc")
def test_memory_does_not_grow_with_the_dataset(tmp_path):
    peaks = []
    for tasks in (500, 4000):
        folder = tmp_path / str(tasks)
        made = make_tasks(tasks, seed=1, regions=20, hard=False, annotators=1)
        corpus = write_generated(folder / "corpus", made, name="a.jsonl")
        full = build(open_corpus(corpus), folder / "full", verify=False)
        copies(full.place, folder / "copies")
        command = [sys.executable, "-c", MEASURE, str(full.place), str(folder), str(corpus)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        staged_peak, peak, restored, digest = json.loads(done.stdout)
        print(f"{tasks:,} tasks: stage {staged_peak:.0f} MB, rehydrate {peak:.0f} MB")  # noqa: T201 - shown with -s
        assert restored == 2 * tasks
        assert digest == full.manifest.content_digest
        peaks.append(peak)
    assert 50 < peaks[0] < 400
    assert peaks[1] - peaks[0] < 120


def test_a_place_that_cannot_be_used_is_refused_before_anything_is_fetched(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="out contains files"):
        rehydrate("hub:org/not-there@v0.1.0", tmp_path, tmp_path / "out")
