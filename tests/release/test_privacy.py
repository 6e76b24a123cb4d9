"""What must not be published is found wherever it stands: addresses, tokens, names, words of withheld texts."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsparallax.corpus import open_corpus
from newsparallax.release.leaks import HAN_RUN, OTHER_RUN, RUN, as_written, known_private, pieces, runs, shared
from newsparallax.text import Private, private_parts

HUGGING, GITHUB, JWT = "hf_" + 24 * "x", "ghp_" + 30 * "x", "eyJ" + 9 * "x" + ".eyJ" + 9 * "x" + ".abc"
KNOWN = Private(secrets=["correct-horse-battery"], names=["anna muster"], public=["Desk@Example.org"])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("write to ann.b@example.org now", [("an e-mail address", "a...@example.org")]),
        ("write to desk@example.ORG now", []),
        (f"token={HUGGING}", [("a Hugging Face token", "hf_...")]),
        (f'"{GITHUB}"', [("a GitHub token", "ghp...")]),
        (JWT, [("a JSON Web Token", "eyJ...")]),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", [("a private key", "---...")]),
        ("x correct-horse-battery y", [("a token or password of this machine", "cor...")]),
        ("by Anna Muster, editor", [("the name of an annotator", "ann...")]),
        ("by Hanna Musterfrau", []),
        ("the hash 4863aa8a332c091ccc7dd3a7eeb7f3b94399ac8d4906f599ecf6b3abb46883c1, an hf_token, a @mention", []),
    ],
)
def test_private_parts_are_found_and_not_shown(text, found):
    assert list(private_parts(text, KNOWN)) == found


def test_what_is_private_comes_from_the_environment_the_server_and_the_exports(tmp_path):
    from helpers import span, task, write_corpus

    made_by = {"id": 1, "email": "ann@example.org", "first_name": "Ann", "last_name": "Other"}
    annotation = {"id": 11, "completed_by": made_by, "result": [span(0, 3, "Kim")]}
    folder = write_corpus(tmp_path / "corpus", {"exports": {"a.json": [task("Kim spoke.", annotation)]}})
    home = folder / ".label-studio"
    home.mkdir()
    (home / "account.toml").write_text('email = "m@example.org"\npassword = "pass-word-1"\ntoken = "0123456789"\n')
    (home / "people.toml").write_text('"bob@example.org" = "a7"\n')
    known = known_private(open_corpus(folder), {"HF_TOKEN": "secret-of-mine", "PATH": "/usr/local/bin"})
    assert known.secrets == ["0123456789", "pass-word-1", "secret-of-mine"]
    assert known.names == ["ann@example.org", "bob@example.org", "m@example.org"]


def test_every_string_of_every_file_is_seen(tmp_path):
    inner = pa.struct([("quote", pa.string()), ("more", pa.list_(pa.struct([("note", pa.string())])))])
    schema = pa.schema(
        [("id", pa.string()), ("spans", pa.list_(inner)), ("tokens", pa.list_(pa.string())), ("n", pa.int64())],
        metadata={b"about": b"in the metadata"},
    )
    rows = [
        {"id": "one", "spans": None, "tokens": ["two", "words"], "n": 1},
        {"id": "two", "spans": [{"quote": None, "more": [{"note": "deep"}]}], "tokens": [], "n": None},
    ]
    (tmp_path / "config").mkdir()
    pq.write_table(pa.Table.from_pylist(rows, schema), tmp_path / "config/train-00000.parquet")
    (tmp_path / ".hidden.md").write_text("héllo", encoding="utf-8")
    found = {(piece.place, piece.text) for piece in pieces(tmp_path)}
    assert found >= {
        ("", ".hidden.md"), ("", "héllo"), ("about", "in the metadata"), ("id", "one"), ("id", "two"),
        ("tokens", "two words"), ("tokens", "two"), ("spans.more.note", "deep"),
    }  # fmt: skip


WORDS = st.lists(st.sampled_from("abcdefgh"), max_size=30)


@given(WORDS, WORDS)
def test_shared_runs_are_those_of_both(one, other):
    def all_runs(words):
        return {" ".join(words[at : at + RUN]) for at in range(len(words) - RUN + 1)}

    hashes = {number for number, _ in runs(", ".join(one).upper())}
    assert set(shared("  ".join(other), hashes)) == all_runs(one) & all_runs(other)


def runs_in(text):
    return [run for _, run in runs(text)]


def test_runs_of_unspaced_scripts_are_of_characters():
    assert runs_in("外交部发言人周三在北京表") == ["外 交 部 发 言 人 周 三 在 北 京 表"]
    assert runs_in("外交部发言人，周三在北京") == []
    assert runs_in("ーコ" * 6) == [" ".join("ーコ" * 6)]
    assert runs_in("ก่" * (OTHER_RUN - 1)) == []  # a mark is not counted
    assert len(runs_in("ก่" * (OTHER_RUN + 2))) == 3
    assert as_written("go 外 交 部 ga") == "go 外交部 ga"


def test_words_and_characters_each_are_their_share_of_a_run():
    words = "one two three four"
    half = "外交部发言人"
    assert len(half) * 2 == HAN_RUN
    assert runs_in(f"{words}{half}") == [f"{words} {' '.join(half)}"]
    assert runs_in(f"{words}{half[1:]}") == []
    hashes = {number for number, _ in runs(f"Er sagte: {words}, {half}!")}
    assert set(shared(f"x{half} {words}, {half}y", hashes)) == {f"{words} {' '.join(half)}"}


def test_words_of_other_scripts_are_runs_as_they_were():
    for text in ("The naïve Ministers’ café_talks re-opened in Überlingen on 3 May 2024", "Привет это обычный русский текст из восьми слов тут"):  # fmt: skip  # noqa: E501
        words = re.findall(r"[^\W_]+", text.lower())
        assert runs_in(text) == [" ".join(words[at : at + RUN]) for at in range(len(words) - RUN + 1)]
    assert runs_in("한국어 문장은 띄어쓰기를 하므로 여덟 낱말을 세어 봅니다")
