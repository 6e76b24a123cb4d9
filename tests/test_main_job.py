"""The main job on the real corpus: golden counts and records, and the promise of the quick start."""

import re

import pytest
from datasets import load_dataset

from helpers import ROOT
from newsparallax.building import build
from newsparallax.corpus import open_corpus


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    return build(open_corpus(None), tmp_path_factory.mktemp("build") / "dataset")


def rows(built, config, split="train"):
    return load_dataset(str(built.place), config, split=split)


def test_counts(built):
    counts = built.manifest.counts
    assert counts.articles == 2
    assert counts.events == 1
    assert counts.annotations == 6
    assert counts.results_in == counts.results_accepted == 3439
    assert counts.problems == {}
    assert {config: splits["train"] for config, splits in built.manifest.rows.items()} == {
        "articles": 2,
        "entities": 200,
        "cues": 26,
        "quotes": 37,
        "euphemisms": 5,
        "stances": 31,
        "defects": 13,
        "tokens": 32,
        "votes": 935,
        "registry": 50,
    }


def test_the_worked_example(built):
    euphemisms = rows(built, "euphemisms")
    (row,) = [row for row in euphemisms if row["quote"] == "special military operation"]
    named = {name: euphemisms.features[name].int2str(row[name]) for name in ("label", "flagged")}
    assert named == {"label": "EUPHEMISM", "flagged": "metalinguistic"}
    assert row["referent"] == "ukraine-war"
    assert [(cue["label"], cue["quote"]) for cue in row["cue"]] == [
        ("FLAG", "a euphemism with which it refers to"),
        ("GLOSS", "the invasion of the neighboring country"),
    ]
    assert [user["quote"] for user in row["user"]] == ["Moscow"]


def test_words_for_one_thing_have_one_plain_meaning(built):
    meanings = {}
    for row in rows(built, "euphemisms"):
        if row["plain_meaning"] is not None:
            meanings.setdefault(row["referent"], set()).add(row["plain_meaning"])
    assert meanings.keys() >= {"ukraine-war", "north-korea"}
    assert {thing: len(words) for thing, words in meanings.items() if len(words) > 1} == {}


@pytest.mark.parametrize("config", ["entities", "cues", "quotes", "euphemisms", "stances", "defects"])
def test_every_span_proves_itself(built, config):
    texts = {row["article_id"]: row["text"] for row in rows(built, "articles")}
    assert len(rows(built, config)) > 0
    for row in rows(built, config):
        assert texts[row["article_id"]][row["start"] : row["end"]] == row["quote"]


def test_the_seeds_are_verbatim(built):
    assert len(rows(built, "articles")) == 2
    for row in rows(built, "articles"):
        seed = ROOT / "seeds" / f"{row['article_id']}.txt"
        assert row["text"].encode() == seed.read_bytes()


def test_what_ids_and_labels_mean_comes_along(built):
    annotations = ROOT / "annotations"
    for name in ("codebook.toml", "entities.toml", "guidelines.md"):
        content = (annotations / name).read_bytes()
        if name.endswith(".toml"):  # the first line names a schema, which is not copied
            content = content.partition(b"\n")[2]
        assert (built.place / name).read_bytes() == content
        assert built.manifest.files[name].rows is None


def test_nothing_beside_the_data_quotes_a_withheld_text_at_length(built):
    """A copy published without the texts still has the card, the codebook and the guidelines."""

    def runs(text):
        words = re.findall(r"\w+", text.lower())
        return {tuple(words[at : at + 8]) for at in range(len(words) - 7)}

    withheld = set().union(*(runs(row["text"]) for row in rows(built, "articles") if not row["redistribute"]))
    assert withheld
    for name in ("README.md", "codebook.toml", "entities.toml", "guidelines.md", "croissant.json"):
        assert not withheld & runs((built.place / name).read_text(encoding="utf-8")), name
