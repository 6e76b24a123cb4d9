"""A finished dataset, read back: every question on a corpus with every role, and on one with none."""

from __future__ import annotations

import gc
import os
import re
import shutil
import tempfile
import warnings
from pathlib import Path

import msgspec
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import sync_playwright
from spacy.vocab import Vocab
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from helpers import CORPORA, ROOT, span, task, write_corpus
from newsparallax.building import build
from newsparallax.corpus import Codebook, open_corpus
from newsparallax.errors import NewsParallaxError, UsageError
from newsparallax.read import PALETTE, Mark, MissingRole, colors, lanes, open_dataset, pieces
from newsparallax.read.annotators import _numbers
from newsparallax.read.questions import _each_other
from newsparallax.read.tokens import _words
from newsparallax.report import summary
from newsparallax.standoff import stage
from roles_corpus import CODEBOOK, ENTITIES, FIRST, HOSTILE, SECOND, make


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


def test_parties_of_one_mind_are_not_for_themselves():
    a, b, c = ("a", "A"), ("b", "B"), ("c", "C")
    assert _each_other([a, b], [a, b]) == [(a, b), (b, a)]
    assert _each_other([a, b], [c]) == [(a, c), (b, c)]
    assert _each_other([a], [a, b]) == [(a, a), (a, b)]  # who praises itself and another


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
    assert pd.isna(pair["referent_id"])


def test_two_texts_of_an_article_are_no_pair(tmp_path):
    def told(number, title, text):
        marks = [
            span(0, 3, title[:3], "BARE", from_name="words", to_name="title"),
            span(4, 12, text[4:12], "SOFT", from_name="words", id="r2"),
        ]
        values = [
            {"id": mark["id"], "from_name": "words_thing", "to_name": mark["to_name"], "type": "choices"}
            | {"value": {key: mark["value"][key] for key in ("start", "end", "text")} | {"choices": ["war"]}}
            for mark in marks
        ]
        data = {"id": f"a{number}", "title": title, "text": text, "event": "e"}
        made = {"id": number, "completed_by": 1, "result": [*marks, *values]}
        return {"id": number, "data": data, "annotations": [made]}

    codebook = CODEBOOK | {"texts": {"text": {"field": "text"}, "title": {"field": "title"}}}
    tasks = [told(1, "War goes on", "The clean-up began."), told(2, "War is here", "The clean-up ended.")]
    case = {"codebook": codebook, "entities": ENTITIES, "exports": {"a.json": tasks}}
    case["corpus"] = {"articles": {"from_tasks": True, "id_field": "id", "event_field": "event"}}
    build(open_corpus(write_corpus(tmp_path / "corpus", case)), tmp_path / "build", 1)
    dataset = open_dataset(tmp_path / "build")
    assert list(dataset.articles) == ["a1", "a1.title", "a2", "a2.title"]
    pairs = dataset.pairs()
    assert set(zip(pairs["article_a"], pairs["article_b"], strict=True)) == {("a1", "a2")}
    assert len(pairs) == 4  # both articles have both words


def test_pairs_where_some_terms_have_no_referent():
    """A plain word without a referent has no meaning either, and says nothing of the same thing."""
    with tempfile.TemporaryDirectory() as work:
        build(open_corpus(CORPORA / "invented"), Path(work, "build"), 1)
        invented = open_dataset(Path(work, "build"))
        terms = invented.terms()
        assert terms["meaning"].isna().any()
        named = {name for names in terms["referents"] for name in names} | {*terms["meaning"].dropna()}
        assert {*invented.pairs()["referent"]} <= named


def test_quotes_have_speakers(dataset):
    (quote,) = dataset.quotes().to_dict("records")
    assert (quote["speakers"], quote["how"], quote["quote"]) == (["Anna"], "direct", "Lima backs the clean-up")


QUESTIONS = {
    "naming": "`mentions` under `[roles]`",
    "stances": "`layer` under `[roles.stances]`",
    "terms": "`layer` under `[roles.terms]`",
    "pairs": "`layer` under `[roles.terms]`",
    "quotes": "`speaker` of a layer",
}


@pytest.mark.parametrize(("question", "role"), QUESTIONS.items())
def test_a_missing_role_is_named_where_the_question_is_asked(bare, question, role):
    with pytest.warns(MissingRole, match=re.escape(f"{question}() has no rows")) as said:
        frame = getattr(bare, question)()
    assert [(role in str(one.message), one.filename) for one in said] == [(True, __file__)]
    assert (len(frame), len(frame.columns) > 3) == (0, True)


def test_a_report_leaves_out_what_has_no_role(bare):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", category=MissingRole, module=r"newsparallax\.")
        titles = {table.title for table in summary(bare)}
    assert titles == {"Passages", "Annotators", "Labels"}
    assert said == []


def test_frames_have_their_columns_and_dtypes_also_without_rows(dataset, tmp_path):
    case = {"codebook": CODEBOOK, "entities": ENTITIES, "seeds": {"a.txt": "Anna left."}}
    build(open_corpus(write_corpus(tmp_path / "corpus", case)), tmp_path / "build", 1)
    empty = open_dataset(tmp_path / "build")
    for question in (*QUESTIONS, "agreement"):
        made, none = getattr(dataset, question)(), getattr(empty, question)()
        assert (len(none), none.dtypes.to_dict()) == (0, made.dtypes.to_dict())
        polars = pl.from_pandas(made)
        assert (polars.height, polars.columns) == (len(made), list(made.columns))
    for config in dataset.configs:
        assert empty.frame(config).dtypes.to_dict() == dataset.frame(config).dtypes.to_dict()
    assert len(empty.tokens_for(tokenizer())) == 0
    assert "no spans; the article is unannotated" in empty.show("a").html
    assert [len(group) for doc in empty.to_spacy().get_docs(Vocab()) for group in doc.spans.values()] == [0] * 4


def test_attributes_that_are_called_like_a_column_keep_their_values(tmp_path):
    kinds = {"kind": "choice", "values": {"x": {}}}
    layer = {"referent": ["is"], "labels": {"P": {}}, "attributes": {"is": {"kind": "ref"}, "type": kinds, "m": kinds}}
    region = {"start": 0, "end": 4, "text": "Anna"}
    marks = [
        {"id": "r", "from_name": name, "to_name": "text", "type": kind, "value": region | value}
        for name, kind, value in (
            ("who", "labels", {"labels": ["P"]}),
            ("who_is", "choices", {"choices": ["anna"]}),
            ("who_type", "choices", {"choices": ["x"]}),
            ("who_m", "choices", {"choices": ["x"]}),
        )
    ]
    codebook = {"layers": {"who": layer}, "roles": {"mentions": "who"}}
    case = {"codebook": codebook, "entities": {"anna": {"type": "P", "names": {"Anna": ""}}}}
    case["exports"] = {"a.json": [task("Anna left.", marks)]}
    build(open_corpus(write_corpus(tmp_path / "corpus", case)), tmp_path / "build", 1)
    (row,) = open_dataset(tmp_path / "build").naming().to_dict("records")
    assert (row["type"], row["who.type"], row["m"]) == ("P", "x", "x")


def test_the_agreement_is_that_of_the_card(tmp_path):
    agreeing = [{"id": number, "completed_by": number - 10, "result": [span(0, 4, "Anna")]} for number in (11, 12, 13)]
    agreeing[2]["ground_truth"] = True
    card = "# A card\n\n<!-- begin generated: agreement -->\n<!-- end generated: agreement -->\n"
    case = {"exports": {"a.json": [task("Anna left.", *agreeing)]}, "generated": {"dataset_card.md": card}}
    build(open_corpus(write_corpus(tmp_path / "corpus", case)), tmp_path / "build", 1)
    frame = open_dataset(tmp_path / "build").agreement()
    f1 = frame[(frame.what == "spans") & (frame.measure == "exact F1")]
    assert (f1["value"].tolist(), f1["number"].tolist()) == (["1.000"], [1.0])
    assert not frame["group"].str.contains("*", regex=False).any()


@pytest.mark.parametrize(
    ("value", "numbers"),
    [
        ("0.935 [0.833, 1.000]", (0.935, 0.833, 1.0)),
        ("-0.100 [-0.500, 0.300]", (-0.1, -0.5, 0.3)),
        ("1,234", (1234.0, None, None)),
        ("looked up", (None, None, None)),
        ("200 / 200", (None, None, None)),
    ],
)
def test_figures_of_the_card_as_numbers(value, numbers):
    assert tuple(_numbers(value).values()) == numbers


def test_shown_text_is_text(dataset):
    shown = dataset.show("00000a")
    assert "<script" not in shown.html
    assert "<img" not in shown.html
    assert shown._repr_html_().count('data-span="') >= 11
    with pytest.raises(UsageError, match="has no article 'x'"):
        dataset.show("x")
    with pytest.raises(UsageError, match="has no layer 'x'"):
        dataset.show("00000a", ["x"])


@pytest.mark.parametrize("color", ["red;position:fixed", "url(//x)", "", None])
def test_a_color_is_no_more_than_a_color(color):
    codebook = msgspec.convert(
        {"codebook": {"version": "1"}, "layers": {"l": {"labels": {"A": {"color": color}}}}}, Codebook
    )
    assert colors(codebook) == {("l", "A"): PALETTE[0]}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_shown_lines_stand_out_and_nothing_hostile_runs(dataset, scheme):
    browser = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no browser found; CHROMIUM names one")
    page_color, text_color = ("#fff", "#000") if scheme == "light" else ("#111", "#eee")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = opened.new_page()
        page.set_content(f"<body style='background:{page_color};color:{text_color}'>{dataset.show('00000a').html}")
        assert page.evaluate("window.ran") is None
        assert page.evaluate("document.querySelectorAll('script, img').length") == 0
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        lines = page.evaluate(LINES)
        opened.close()
    assert len(lines) > 10
    assert min(contrast(line, background) for line, background in lines) > 2  # of the black label and the grey one too


# The colour of each line and of the page, from 0 to 1.
LINES = """
() => {
  const paint = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgb = color => {
    paint.fillStyle = color;
    paint.fillRect(0, 0, 1, 1);
    return [...paint.getImageData(0, 0, 1, 1).data.slice(0, 3)].map(part => part / 255);
  };
  const page = rgb(getComputedStyle(document.body).backgroundColor);
  return [...document.querySelectorAll("[data-span]")].map(e => [rgb(getComputedStyle(e).borderBottomColor), page]);
}
"""


def contrast(a, b):
    """The ratio of WCAG 2."""

    def luminance(color):
        parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_spacy_documents_have_the_text_and_every_span(dataset):
    docs = {doc.user_data["article_id"]: doc for doc in dataset.to_spacy().get_docs(Vocab())}
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


def byte_level():
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator([FIRST, SECOND], trainer)
    return made


class Wrapped:
    """What a fast tokenizer of transformers has inside."""

    backend_tokenizer = byte_level()


@pytest.mark.parametrize("made", [byte_level(), Wrapped()])
def test_pieces_of_bytes_have_offsets_in_code_points(dataset, made):
    """Four bytes of an emoji are several pieces with the same offsets, and one label."""
    frame = dataset.tokens_for(made)
    assert frame.attrs["lost_starts"] == 0
    tags, text = frame.attrs["tags"], dataset.articles["00000a"]["text"]
    row, block = frame.iloc[0], dataset.rows("tokens")[0]
    assert [tags[label] for label in row["labels"] if label != -100] == block["tags"]
    emoji = [
        label for (start, end), label in zip(row["offsets"], row["labels"], strict=True) if "😀" in text[start:end]
    ]
    assert len(emoji) > 1
    assert [label == -100 for label in emoji] == [False] + [True] * (len(emoji) - 1)


def test_spans_that_begin_inside_a_piece_are_counted(dataset):
    whole = Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>"))  # a block is one piece
    frame = dataset.tokens_for(whole)
    begins = [tag.startswith("B-") for block in dataset.rows("tokens") for tag in block["tags"]]
    first = [block["tags"][0].startswith("B-") for block in dataset.rows("tokens")]
    assert [len(labels) for labels in frame["labels"]] == [1] * len(first)
    assert frame.attrs["lost_starts"] == sum(begins) - sum(first) > 0


class Slow:
    """A tokenizer that returns ids alone, as the slow ones of transformers."""

    def encode(self, text):
        return [0] * len(text)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ("a-model", "expected a tokenizer, found str"),
        (None, "expected a tokenizer, found NoneType"),
        (Slow(), "Slow returns no offsets"),
        (Tokenizer(models.WordLevel({"a": 0}, unk_token="<unk>")), "cannot encode 00000a#0: WordLevel error"),
    ],
)
def test_what_is_no_fast_tokenizer(dataset, made, message):
    with pytest.raises(UsageError, match=message):
        dataset.tokens_for(made)


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
    [
        ("nowhere", "is not a dataset: it has no"),
        ("a.txt", "is not a dataset: it is a file"),
        ("hub:x", "is not the name of a dataset"),
    ],
)
def test_what_is_no_dataset(name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.txt").touch()
    with pytest.raises(UsageError, match=message):
        open_dataset(name)


def test_parts_of_a_dataset_that_are_not_there(dataset, tmp_path):
    with pytest.raises(UsageError, match="has no event 'x'"):
        dataset.of_events(["event-0", "x"])
    with pytest.raises(UsageError, match="has no config 'x'"):
        dataset.frame("x")
    with pytest.raises(UsageError, match="who has no column 'x'"):
        dataset.rows("who", ["span_id", "x"])
    broken = Path(shutil.copytree(dataset.folder, tmp_path / "broken"))
    (broken / "said/train-00000.parquet").write_bytes(b"PAR1")
    with pytest.raises(NewsParallaxError, match=r"said: cannot be read"):
        open_dataset(broken).quotes()
    shutil.rmtree(broken / "said")
    with pytest.raises(NewsParallaxError, match=r"said: has no Parquet file"):
        open_dataset(broken).quotes()


def test_a_stand_off_release_has_the_rows_without_the_words(tmp_path):
    full = make(tmp_path, copies=2)
    stage(full, tmp_path / "off", open_corpus(tmp_path / "corpus").context)
    whole, off = open_dataset(full), open_dataset(tmp_path / "off")
    for question in QUESTIONS:
        made = getattr(off, question)()
        assert made.dtypes.to_dict() == getattr(whole, question)().dtypes.to_dict()
        assert len(made) > 0
    quotes = off.quotes().set_index("article_id")["quote"]
    assert (quotes["00000a"], pd.isna(quotes["00001a"])) == ("Lima backs the clean-up", True)
    assert "the text is withheld; 11 spans" in off.show("00001a").html
    for ask in (off.to_spacy, lambda: list(off.to_conll()), lambda: off.tokens_for(tokenizer())):
        with pytest.raises(UsageError, match=r"withholds the (text|tokens) of 00001a"):
            ask()


def test_an_old_release_is_read_and_says_which_roles_it_lacks():
    old = open_dataset(ROOT / "tests/releases/v0.1.0")
    assert [len(old.frame(config)) for config in ("articles", "entities", "stances")] == [2, 177, 21]
    assert (len(old.to_spacy()), old.agreement()["number"].max() > 100) == (2, True)
    with pytest.warns(MissingRole, match="names no layer of mentions"):
        assert old.naming().empty


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
