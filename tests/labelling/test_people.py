"""Accounts of a server and the pseudonyms that they get."""

from __future__ import annotations

import pytest

from helpers import task, write_corpus
from newsparallax.corpus import Annotator, open_corpus, read_toml
from newsparallax.errors import CorpusError
from newsparallax.labelling import home_of
from newsparallax.labelling.home import make_home
from newsparallax.labelling.people import People, Seen, _read


def test_a_pseudonym_that_the_maintainer_keeps_for_somebody_is_given_to_nobody_else(tmp_path):
    """Bob has not annotated yet, so a1 is not in annotators.toml; Ann, who is new, must not become a1."""
    write_corpus(tmp_path, {"annotators": {"m1": {"kind": "model", "ids": [1]}}})
    home = home_of(tmp_path)
    make_home(home)
    (home / "people.toml").write_text('"Bob@example.org" = "a1"\n', encoding="utf-8")
    people = People(open_corpus(tmp_path), home, lambda _: None)
    first = people.numbers({3: Seen("ann@example.org", on_page=True, adjudicates=False)})
    both = people.numbers({3: Seen("ann@example.org", True, False), 4: Seen("bob@example.org", True, False)})
    assert (first, both) == ({3: 2}, {3: 2, 4: 3})
    known = read_toml(tmp_path / "annotations/annotators.toml", dict[str, Annotator])
    assert {name: annotator.ids for name, annotator in known.items()} == {"m1": [1], "a1": [3], "a2": [2]}


def test_users_of_two_servers_with_one_number_are_different_people(tmp_path):
    """And neither is the person whom an export from elsewhere knows by a number, however it is spelled."""
    made = [{"id": 1, "completed_by": "7", "result": []}, {"id": 2, "completed_by": {"id": 8}, "result": []}]
    write_corpus(tmp_path, {"annotators": {}, "exports": {"a.json": [task("Ann.", *made)]}})
    make_home(home_of(tmp_path))
    people = People(open_corpus(tmp_path), home_of(tmp_path), lambda _: None)
    numbers = [people.numbers({7: Seen(f"{name}@example.org", True, False)}) for name in ("ann", "bob", "Ann")]
    assert numbers == [{7: 9}, {7: 10}, {7: 9}]
    assert b"example.org" not in (tmp_path / "annotations/annotators.toml").read_bytes()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"ann@example.org = a1\n", "line 1, column 4: is not TOML: expected = after the key"),
        ('"ann@example.org" = "\xe4"\n'.encode("latin-1"), "line 1 is not UTF-8 (byte 0xe4)"),
        (b'"ann@example.org" = "a 1"\n', "ann@example.org: is 'a 1'; expected a pseudonym"),
    ],
)
def test_the_message_of_a_wrong_list_of_pseudonyms_has_plain_words(content, message, tmp_path):
    (tmp_path / "people.toml").write_bytes(content)
    with pytest.raises(CorpusError) as caught:
        _read(tmp_path / "people.toml")
    assert str(caught.value).splitlines()[0] == f"{tmp_path}/people.toml: {message}"
