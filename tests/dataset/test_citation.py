"""The BibTeX entry of any corpus is one that BibTeX and TeX read as what the corpus says."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsparallax.corpus import Corpus
from newsparallax.corpus.registries import Citation
from newsparallax.dataset.card_blocks import bibtex

COMMANDS = {r"\textbackslash{}": "\\", r"\textbraceleft{}": "{", r"\textbraceright{}": "}"}
COMMANDS |= {r"\textasciitilde{}": "~", r"\textasciicircum{}": "^"} | {f"\\{character}": character for character in "&%$#_"}  # fmt: skip  # noqa: E501
COMMAND = re.compile("|".join(map(re.escape, COMMANDS)))


def entry(title="Corpus", author="Team", url=None):
    return bibtex(Corpus(name="corpus", version="0.1.0", title=title, citation=Citation(author, 2026, url)))


def parsed(text: str) -> dict[str, str]:
    """The fields as BibTeX reads them: a value ends where its first brace is closed, whatever stands before a brace."""
    head = re.match(r"@misc\{\w+,", text)
    assert head
    found, place = {}, head.end()
    while field := re.compile(r"\s*(\w+)\s*=\s*\{").match(text, place):
        depth, end = 1, field.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        found[field[1]] = text[field.end() : end - 1]
        place = end + text.startswith(",", end)
    assert text[place:] == "\n}"
    return found


def typeset(value: str) -> str:
    """What TeX prints for a value, which must hold no special character but in the commands above."""
    assert not re.search(r"[\\{}&%$#_~^\n]", COMMAND.sub("", value)), value
    return COMMAND.sub(lambda found: COMMANDS[found[0]], value)


SPECIAL = [
    "News & Views: 100 % of #1_a",
    "a } b",
    "{ open",
    "\\",
    "\\{",
    "$5 ~ ^2",
    "one\ntwo\t three",
    "Ägypten und 中国",
]


@pytest.mark.parametrize("words", SPECIAL)
def test_special_characters_come_out_of_tex_as_they_are(words):
    fields = parsed(entry(words, words))
    author = re.fullmatch(r"\{(.*)\}", fields["author"])
    assert author
    assert typeset(fields["title"]) == typeset(author[1]) == " ".join(words.split())


@given(st.text(), st.text())
def test_any_title_and_author_are_read_back(title, author):
    fields = parsed(entry(title or "x", author))
    assert typeset(fields["title"]) == " ".join((title or "x").split())
    assert typeset(fields["author"][1:-1]) == " ".join(author.split())


def test_a_url_is_typeset_verbatim():
    url = "https://example.org/a_b/~c?d=%20&e#f"
    assert parsed(entry(url=url))["url"] == url
    assert parsed(entry(url="https://example.org/{ü}\\ x"))["url"] == "https://example.org/%7B%C3%BC%7D%5C%20x"
