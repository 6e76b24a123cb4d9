"""Near-duplicate articles share a split; everything else is as it was."""

from __future__ import annotations

import io
import random
import struct
import subprocess
import sys
from collections import defaultdict
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
from datatrove.pipeline.dedup.minhash import MinhashDedupSignature
from msgspec import structs
from test_determinism import ROOT, digests

from helpers import Dataset, span, task, write_corpus
from newsparallax.building import EventText, build, duplicates, generate, measure, minhash, near_duplicates, problems_of
from newsparallax.building.duplicates import corpus_texts
from newsparallax.corpus import open_corpus, split_of
from newsparallax.dataset.manifest import NearDuplicates, Splits
from newsparallax.errors import CorpusError, UsageError
from newsparallax.scale.run import scale

SPLITS = {"train": 1, "validation": 1, "test": 1}
STANDING = (
    "This paragraph stands below every report of ours and says who wrote it, who paid for it and how to call us. "
)


def words(seed, number):
    chance = random.Random(seed)
    return ["".join(chance.choices("abcdefghij", k=chance.randint(2, 7))) for _ in range(number)]


def changed(story, share):
    chance = random.Random(1)
    return [chance.choice("xyz") * 5 if chance.random() < share else word for word in story]


def copies(story):
    """How the same report comes back, by what was done to it."""
    whole = " ".join(story)
    return {
        "same": whole,
        "headline": f"Another headline\n\nBy Somebody Else\n\nFAR AWAY, Monday - {whole}\n\n{STANDING}",
        "spelling": whole.upper().replace(" ", ",  ").replace("E", "E\u0301"),
        "words": " ".join(changed(story, 0.05)),
        "cut": " ".join(story[: len(story) * 4 // 5]),
        "inside": " ".join([*words("more", len(story) // 2), whole, *words("yet more", len(story) // 2)]),
    }


def texts():
    """A report with all its copies, each in an event of its own; others, that share a last paragraph; short ones."""
    story = words("story", 200)
    yield EventText("a-first", "z-event", " ".join(story))
    yield from (EventText(f"c-{how}", f"event-{how}", text) for how, text in copies(story).items())
    yield from (EventText(f"o-{n}", f"other-{n}", f"{' '.join(words(n, 80))} {STANDING}") for n in range(30))
    for name, short in {
        "s1": "Breaking news",
        "s2": "Breaking: NEWS!",
        "s3": "Breaking",
        "s4": "",
        "s5": "...",
    }.items():
        yield EventText(name, name, short)


EXPECTED = {f"event-{how}": "event-cut" for how in copies(["a"])} | {"z-event": "event-cut", "s1": "s1", "s2": "s1"}


def test_copies_are_grouped_and_nothing_else():
    assert near_duplicates(texts(), 0.3) == EXPECTED


@pytest.mark.slow
def test_the_order_of_texts_and_the_number_of_processes_do_not_matter():
    shuffled = list(texts())
    random.Random(3).shuffle(shuffled)
    assert near_duplicates(shuffled, 0.3) == EXPECTED
    assert near_duplicates(shuffled, 0.3, workers=3) == EXPECTED


def test_each_that_met_is_compared_with_its_neighbours_in_an_order_of_their_own(monkeypatch):
    class OnlyEnds:
        def shared(self, one, other):
            return float({one, other} == {0, 2})

    monkeypatch.setattr(duplicates, "NEIGHBOURS", 1)
    for group in ([0, 2, 1], [0, 1, 2], [2, 1, 0]):
        assert duplicates._united([group], ["a", "c", "b"], ["1", "2", "3"], OnlyEnds(), 1) == {"1": "1", "3": "1"}
        assert duplicates._united([group], ["a", "b", "c"], ["1", "2", "3"], OnlyEnds(), 1) == {}


def test_groups_are_those_of_one_signature_in_a_bucket(tmp_path):
    """Pairs as datatrove writes them, of three shards: (0, 0)-(1, 0)-(0, 1), then (2, 5)-(2, 6), and another bucket."""
    (tmp_path / "pairs").mkdir()
    pairs = [(0, 0, 1, 0), (1, 0, 0, 1), (2, 5, 2, 6)]
    (tmp_path / "pairs/00000_00.dups").write_bytes(b"".join(struct.pack("<4I", *pair) for pair in pairs))
    (tmp_path / "pairs/00001_00.dups").write_bytes(struct.pack("<4I", 2, 6, 0, 0))
    assert list(minhash.groups(tmp_path, 3)) == [[0, 1, 3], [17, 20], [20, 0]]


def test_a_long_text_has_the_signature_that_datatrove_gives_it(tmp_path):
    text = " ".join(words("long", 2000))
    step = minhash._Signatures(tmp_path, io.BytesIO())
    whole = MinhashDedupSignature(str(tmp_path), minhash.CONFIG, language=minhash.Words())
    assert step.get_signature(step.get_shingles(text)) == whole.get_signature(whole.get_shingles(text))


def test_how_much_must_be_shared_is_the_users_choice():
    kept = {event for event, lowest in near_duplicates(texts(), 0.9).items() if lowest != "s1"}
    assert kept == {"event-same", "event-spelling", "z-event"}


def test_what_only_met_is_compared():
    """The last paragraph makes unrelated texts meet; that they are kept apart is not because they never met."""
    met = near_duplicates(texts(), 0)
    assert sum(event.startswith("other") for event in met) > 5


def test_groups_of_an_event_are_one():
    """Alike are a and b, and c and d; b and c tell one event, so all do."""
    one, two = " ".join(words(1, 80)), " ".join(words(2, 80))
    given = [EventText(*row) for row in (("a", "3", one), ("b", "2", one), ("c", "2", two), ("d", "1", two))]
    assert near_duplicates(given, 0.3) == {"1": "1", "2": "1", "3": "1"}
    assert near_duplicates(given[1:3], 0.3) == {}


@pytest.mark.parametrize("text", ["\ud800 half a pair " * 9, "北京今天下雨了很多人都在街上走" * 3, "ก็ไม่เป็นไรนะครับ" * 4])
def test_any_text_can_be_compared(text):
    given = [EventText("a", "a", text), EventText("b", "b", "A" + text), EventText("c", "c", "Something else")]
    assert near_duplicates(given, 0.3) == {"a": "a", "b": "a"}


def write_case(folder, **corpus):
    """A corpus of the texts, each in a task."""
    fields = {"from_tasks": True, "id_field": "key", "event_field": "event"}
    tasks = [
        task(None, [span(0, 3)], id=number, data={"key": found.article_id, "event": found.event_id, "text": found.text})
        for number, found in enumerate(texts(), 1)
    ]
    case = {"corpus": corpus | {"articles": fields, "splits": SPLITS}, "exports": {"a.json": tasks}}
    return write_corpus(folder, case)


def built_splits(place):
    """Event id -> splits in which its articles and spans are."""
    found = defaultdict(set)
    for path in (*place.glob("articles/*.parquet"), *place.glob("spans/*.parquet"), *place.glob("votes/*.parquet")):
        for event in pq.read_table(path, columns=["event_id"])["event_id"].to_pylist():
            found[event].add(path.name.split("-")[0])
    return found


@pytest.mark.slow
def test_a_build_divides_no_group(tmp_path):
    """As a user runs it, with one process and with two: the same bytes, nothing on stderr."""
    corpus = write_case(tmp_path / "corpus", near_duplicates=0.3)
    for workers in ("1", "2"):
        command = ["scripts/build.py", "--corpus", corpus, "--out", tmp_path / workers, "--workers", workers]
        ran = subprocess.run([sys.executable, *command, "--lenient"], capture_output=True, text=True, cwd=ROOT)
        assert ran.returncode == 0, ran.stderr
        assert "datatrove" not in ran.stderr + ran.stdout
        assert "MinHash" not in ran.stderr + ran.stdout
    assert digests(tmp_path / "1") == digests(tmp_path / "2")
    for event, splits in built_splits(tmp_path / "1").items():
        assert splits == {split_of(EXPECTED.get(event, event), SPLITS)}
    assert len({split_of(event, SPLITS) for event in EXPECTED}) == 3  # which they would be in otherwise
    manifest = Dataset(tmp_path / "1").manifest
    assert manifest.splits.near_duplicates == NearDuplicates(at_least=0.3, groups=2, events=9)


def test_without_being_asked_nothing_is_grouped(tmp_path, monkeypatch):
    monkeypatch.setattr(duplicates, "near_duplicates", None)
    folder = open_corpus(write_case(tmp_path / "corpus"))
    place = build(folder, tmp_path / "built").place
    assert all(splits == {split_of(event, SPLITS)} for event, splits in built_splits(place).items())
    assert Dataset(place).manifest.splits == Splits(SPLITS)


@pytest.mark.parametrize("which", ["seeds", "html", "conflict"])
def test_compared_is_the_text_that_is_converted(which, tmp_path):
    """Of a seed its file, of HTML what is shown, of tasks that differ the one with the lowest id."""
    if which == "seeds":
        case = {"seeds": {"one.txt": "The seed"}, "exports": {"a.json": [task("Another", [], data={"text": "x"})]}}
        expected = [EventText("one", "one", "The seed")]
    elif which == "html":
        texts = {"body": {"field": "html", "kind": "html"}, "head": {"field": "title"}}
        codebook = {"texts": texts, "layers": {"spans": {"labels": {"PER": {}}, "text": "body"}}}
        data = {"html": "<p>It is &amp; was</p>", "title": "Head", "data": {"data": 1}}
        case = {"codebook": codebook, "exports": {"a.json": [task(None, [], data=data)]}}
        expected = [EventText("1", "1", "It is & was")]
    else:
        given = [task(None, [], id=n, data={"k": "a", "e": f"e{n}", "text": f"text {n}"}) for n in (10, 9)]
        fields = {"from_tasks": True, "id_field": "k", "event_field": "e"}
        case = {"corpus": {"articles": fields}, "exports": {"a.json": given}}
        expected = [EventText("a", "e9", "text 9")]
    assert list(corpus_texts(open_corpus(write_corpus(tmp_path, case)))) == expected


def test_what_is_missing_is_said(tmp_path, monkeypatch):
    """Without the extra: before anything is written, and with what to do."""
    folder = open_corpus(write_case(tmp_path / "corpus", near_duplicates=0.3))
    monkeypatch.delitem(sys.modules, "newsparallax.building.minhash", raising=False)
    monkeypatch.delattr("newsparallax.building.minhash", raising=False)
    monkeypatch.setitem(sys.modules, "datatrove.data", None)
    with pytest.raises(UsageError, match=r"(?s)near_duplicates needs datatrove.*make \.venv/scale"):
        build(folder, tmp_path / "built")
    assert not (tmp_path / "built").exists()


@pytest.mark.parametrize("share", [0.1, 1.5, float("nan")])
def test_a_share_that_cannot_be_is_refused(share, tmp_path):
    with pytest.raises(CorpusError, match=r"near_duplicates: expected a share from 0\.25 to 1"):
        open_corpus(write_case(tmp_path, near_duplicates=share))


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    """Neither after a run nor after one that fails in the middle."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    near_duplicates(texts(), 0.3)
    with pytest.raises(ZeroDivisionError):
        near_duplicates((EventText("a", "a", str(1 / n)) for n in (1, 0)), 0.3)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_every_command_groups_them_and_counts_the_same(tmp_path):
    """A generated card is what build and check expect, and its counts are those of the build and of scale."""
    names = ("counts", "splits", "agreement")
    blocks = "\n\n".join(f"<!-- begin generated: {name} -->\n<!-- end generated: {name} -->" for name in names)
    corpus = write_case(tmp_path / "corpus", near_duplicates=0.3)
    (corpus / "dataset_card.md").write_text(f"---\npretty_name: Case\n---\n\n# Case\n\n{blocks}\n", encoding="utf-8")
    folder = open_corpus(corpus)
    generate(folder)
    made = build(folder, tmp_path / "built").manifest
    assert made.counts.problems == {"offsets-out-of-range": 1}  # of the span in the text of no characters
    assert [found.code for found in problems_of(folder)] == ["offsets-out-of-range"]
    assert generate(folder, write=False) == []
    assert (
        made.rows["articles"]
        != Dataset(build(without_groups(folder), tmp_path / "other").place).manifest.rows["articles"]
    )
    with measure(folder) as measured:
        assert measured.figures["left_out"]["results_quarantined"] == made.counts.results_quarantined
    scaled = scale(folder, [f"{corpus}/annotations/exports/*.json"], str(tmp_path / "scaled")).manifest
    assert (scaled.counts, scaled.rows, scaled.splits) == (made.counts, made.rows, made.splits)


def without_groups(folder):
    corpus = structs.replace(folder.context.corpus, near_duplicates=None)
    return replace(folder, context=replace(folder.context, corpus=corpus))
