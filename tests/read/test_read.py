"""A finished dataset, read back: every question on a corpus with every role, and on one with none."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from helpers import span, task, write_corpus
from newsparallax.building import build
from newsparallax.corpus import open_corpus
from newsparallax.errors import UsageError
from newsparallax.read import Mark, lanes, open_dataset, pieces
from newsparallax.read.tokens import _words
from roles_corpus import CODEBOOK, FIRST, HOSTILE, make


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return open_dataset(make(tmp_path_factory.mktemp("read")))


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A dataset of a codebook without roles, quotations and referents."""
    folder = tmp_path_factory.mktemp("bare")
    case = {"exports": {"a.json": [task("Anna left.", [span(0, 4, "Anna")])]}}
    build(open_corpus(write_corpus(folder / "corpus", case)), folder / "build", 1)
    return open_dataset(folder / "build")


def test_frames_have_names_for_numbers(dataset):
    frame = dataset.frame("who")
    assert list(frame["label"].cat.categories) == ["P", "Q"]
    assert set(frame["annotator_kind"]) == {"human"}
    links = dataset.rows("said")[0]["by"]
    assert [(link["quote"], link["direction"]) for link in links] == [("Anna", "right")]
    assert dataset.articles["00000a"]["state"] == "annotated"


def test_naming_resolves_metonyms_or_not(dataset):
    def lima(frame):
        return frame[frame.name == "Lima"][["entity_id", "count", "own", "quoted"]].values.tolist()

    assert lima(dataset.naming()) == [["peru", 1, 0, 1]]
    assert lima(dataset.naming(resolve=False)) == [["lima", 1, 0, 1]]
    anna = dataset.naming().query("entity_id == 'anna' and name == 'Anna'").iloc[0]
    assert (anna["count"], anna["first"], anna["articles"], anna["form"]) == (2, True, ["00000a"], "name")


def test_stances_have_a_row_for_each_holder_and_target(dataset):
    frame = dataset.stances()
    found = frame[["holder", "target", "polarity", "newsroom", "voice"]].values.tolist()
    assert sorted(found, key=repr) == sorted(
        [
            ["Peru", "Anna", 1.0, False, "quoted"],
            [HOSTILE, "Anna", -1.0, True, "own"],
            [HOSTILE, "Peru", -1.0, True, "own"],
        ],
        key=repr,
    )
    assert frame["span_id"].nunique() == 2
    assert dataset.stances(resolve=False)["holder"].iloc[0] == "Lima"


def test_terms_stand_in_their_context(dataset):
    soft, plain = dataset.terms().to_dict("records")
    assert (soft["kind"], soft["wording"], soft["users"], soft["flagged"]) == ("softer", "clean-up", ["Peru"], True)
    assert soft["left"].endswith("Lima backs the")
    assert (plain["kind"], plain["referents"], plain["voice"]) == ("plain", ["the war"], "own")


def test_pairs_say_where_nothing_is_named(dataset, tmp_path):
    (pair,) = dataset.pairs().to_dict("records")
    assert (pair["kind_a"], pair["wording_a"], pair["kind_b"], pair["wording_b"]) == (
        "softer", "clean-up", "plain", "war",
    )  # fmt: skip
    case = {
        "codebook": CODEBOOK,
        "seeds": {"a.txt": "The clean-up began.", "b.txt": "It rained."},
        "exports": {
            "a.json": [{"id": 1, "data": {"article_id": "a"}, "annotations": [
                {"id": 1, "completed_by": 1, "result": [
                    span(4, 12, "clean-up", "SOFT", from_name="words"),
                    {"id": "r1", "from_name": "words_bare", "to_name": "text", "type": "textarea",
                     "value": {"start": 4, "end": 12, "text": ["raid"]}},
                ]}
            ]}],
        },
    }  # fmt: skip
    corpus = write_corpus(tmp_path / "corpus", case)
    articles = corpus / "seeds/articles.toml"
    articles.write_text(articles.read_text().replace("sha256", 'event = "e"\nsha256'))
    build(open_corpus(corpus), tmp_path / "build", 1)
    (pair,) = open_dataset(tmp_path / "build").pairs().to_dict("records")
    assert (pair["referent"], pair["kind_a"], pair["kind_b"]) == ("raid", "softer", "unnamed")


def test_quotes_have_speakers(dataset):
    (quote,) = dataset.quotes().to_dict("records")
    assert (quote["speakers"], quote["how"], quote["quote"]) == (["Anna"], "direct", "Lima backs the clean-up")


def test_a_corpus_without_roles_has_empty_frames(bare):
    frames = [bare.naming(), bare.stances(), bare.terms(), bare.pairs(), bare.quotes(), bare.agreement()]
    assert [len(frame) for frame in frames] == [0] * 6
    assert all(len(frame.columns) > 3 for frame in frames)
    assert bare.frame("spans")["quote"].tolist() == ["Anna"]


def test_the_agreement_is_that_of_the_card(tmp_path):
    agreeing = [{"id": number, "completed_by": number - 10, "result": [span(0, 4, "Anna")]} for number in (11, 12, 13)]
    agreeing[2]["ground_truth"] = True
    card = "# A card\n\n<!-- begin generated: agreement -->\n<!-- end generated: agreement -->\n"
    case = {"exports": {"a.json": [task("Anna left.", *agreeing)]}, "generated": {"dataset_card.md": card}}
    build(open_corpus(write_corpus(tmp_path / "corpus", case)), tmp_path / "build", 1)
    frame = open_dataset(tmp_path / "build").agreement()
    f1 = frame[(frame.what == "spans") & (frame.measure == "exact F1")]
    assert f1["value"].tolist() == ["1.000"]


def test_shown_text_is_text(dataset):
    shown = dataset.show("00000a")
    assert "<script" not in shown.html
    assert "<img" not in shown.html
    assert shown._repr_html_().count('data-span="') >= 11
    with pytest.raises(UsageError, match="has no article 'x'"):
        dataset.show("x")
    with pytest.raises(UsageError, match="has no layer 'x'"):
        dataset.show("00000a", ["x"])


def test_spacy_documents_have_the_text_and_every_span(dataset):
    vocab = pytest.importorskip("spacy.vocab").Vocab()
    docs = {doc.user_data["article_id"]: doc for doc in dataset.to_spacy().get_docs(vocab)}
    assert docs["00000a"].text == FIRST
    for id_, doc in docs.items():
        for layer in dataset.codebook.layers:
            quotes = {row["span_id"]: row["quote"] for row in dataset.articles[id_][layer]}
            assert {one.id_: one.text for one in doc.spans[layer]} == quotes


def test_conll_has_a_line_for_each_token(dataset):
    lines = list(dataset.to_conll())
    blocks = dataset.rows("tokens")
    assert len(lines) == sum(len(block["tokens"]) + 2 for block in blocks)
    token, start, end, tag = lines[1].split("\t")
    assert (token, tag) == ("Anna", "B-P")
    assert FIRST[int(start) : int(end)] == token


def tokenizer():
    characters = {character: number for number, character in enumerate(["<unk>", *sorted(set(FIRST))])}
    made = Tokenizer(models.BPE(characters, [], unk_token="<unk>"))  # each character is a piece
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    return made


def test_word_pieces_have_the_tag_of_their_token_once(dataset):
    frame = dataset.tokens_for(tokenizer())
    tags = frame.attrs["tags"]
    for row, block in zip(frame.to_dict("records"), dataset.rows("tokens"), strict=True):
        labelled = [label for label in row["labels"] if label != -100]
        assert [tags[label] for label in labelled] == block["tags"]
        at = [start for (start, _), label in zip(row["offsets"], row["labels"], strict=True) if label != -100]
        assert len(at) == len(set(at))


def test_a_truncating_tokenizer_is_refused(dataset):
    short = tokenizer()
    short.enable_truncation(3)
    with pytest.raises(UsageError, match="truncates"):
        dataset.tokens_for(short)


def test_a_part_has_only_its_events(tmp_path):
    whole = open_dataset(make(tmp_path, copies=2))
    part = whole.of_events(["event-1"])
    assert list(part.articles) == ["00001a", "00001b"]
    assert {row["event_id"] for row in part.rows("who")} == {"event-1"}
    assert len(whole.articles) == 4


@pytest.mark.parametrize(
    ("name", "message"),
    [("nowhere", "is not a dataset"), ("hub:x", "is not the name of a dataset")],
)
def test_what_is_no_dataset(name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=message):
        open_dataset(name)


def test_a_dataset_without_codebook(dataset, tmp_path):
    (tmp_path / "manifest.json").write_bytes((dataset.folder / "manifest.json").read_bytes())
    with pytest.raises(UsageError, match=r"has no codebook\.toml"):
        open_dataset(tmp_path)


def test_files_of_a_hub_are_removed_with_the_dataset(dataset, monkeypatch):
    """`fetch` is that of a hub here; tests/release/hub has a hub that answers."""
    from newsparallax.dataset.hub import Hub

    fetched: list[Path] = []

    def fetch(self, repo, revision, work):
        for file in dataset.folder.rglob("*.*"):
            target = work / file.relative_to(dataset.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
        fetched.append(work)
        return work

    monkeypatch.setattr(Hub, "fetch", fetch)
    opened = open_dataset("hub:org/name@v1")
    part = opened.of_events(["event-0"])
    del opened
    gc.collect()
    assert len(part.naming()) == 6
    del part
    gc.collect()
    assert not fetched[0].exists()


MARKS = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12)), max_size=8)


@given(MARKS)
def test_pieces_cover_each_span_exactly(places):
    text = "".join(chr(65 + number % 26) for number in range(42))
    marks = [Mark("l", "X", at, at + n, {"span_id": str(number)}) for number, (at, n) in enumerate(places)]
    placed = lanes(marks)
    made = list(pieces(0, len(text), placed))
    assert "".join(text[piece.start : piece.end] for piece in made) == text
    for mark in marks:
        mine = [piece for piece in made if any(each.mark is mark for each in piece.covers)]
        assert "".join(text[piece.start : piece.end] for piece in mine) == text[mark.start : mark.end]
    for piece in made:
        used = [each.lane for each in piece.covers]
        assert used == sorted(set(used), reverse=True)


@given(st.text("a. \n\u3042é😀", max_size=20), st.data())
def test_words_are_the_text(text, data):
    edges = st.sets(st.integers(0, len(text)))
    words, spaces, starts = _words(text, data.draw(edges), data.draw(edges))
    assert "".join(word + " " * space for word, space in zip(words, spaces, strict=True)) == text
    assert starts == sorted(starts)
