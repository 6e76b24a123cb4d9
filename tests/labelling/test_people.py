"""Accounts of a server and the pseudonyms that they get."""

from __future__ import annotations

from helpers import write_corpus
from newsparallax.core.registry import Annotator
from newsparallax.core.toml import read_toml
from newsparallax.edges.folder import open_corpus
from newsparallax.edges.label_studio.home import home_of, make_home
from newsparallax.edges.label_studio.people import People, Seen


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
