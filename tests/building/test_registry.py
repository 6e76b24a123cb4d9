"""The config `registry`: the entities are rows of the dataset, once a build, in the first split."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from datasets import load_dataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers import Dataset, build_case, span, task
from newsparallax.building import build
from newsparallax.convert import corpus_tables
from newsparallax.corpus import open_corpus, split_of
from newsparallax.corpus.registries import Entity
from newsparallax.dataset import Source, check_croissant, digest_of, read_croissant
from newsparallax.release.diff import compare, lines
from newsparallax.standoff import kept_words, rehydrate, stage

TEXT = "Ann met Bob in Oslo, where it rained all day and nobody left the house before the evening."
SPLITS = {"train": 1, "test": 1}
KEY = next(str(number) for number in range(99) if split_of(str(number), SPLITS) == "test")
ENTITIES: dict[str, Any] = {
    "zoe": {"type": "PER"},
    "ann": {
        "type": "PER",
        "description": "a poet",
        "qid": "Q7",
        "names": {"Ms Ann": "formal", "Ann": "", "Annie Ann of the house before the evening": ""},
    },
}
ANN = {
    "entity_id": "ann",
    "type": "PER",
    "description": "a poet",
    "qid": "Q7",
    "names": [
        {"name": "Ms Ann", "kind": "formal"},
        {"name": "Ann", "kind": None},
        {"name": "Annie Ann of the house before the evening", "kind": None},
    ],
}
ZOE = {"entity_id": "zoe", "type": "PER", "description": None, "qid": None, "names": []}
WHO = {"layers": {"spans": {"labels": {"PER": {}}, "attributes": {"who": {"kind": "ref"}}}}}
NO_REF = {"layers": {"spans": {"labels": {"PER": {}}}}}


def case(entities: dict[str, Any] = ENTITIES, codebook: dict[str, Any] = WHO) -> dict[str, Any]:
    """A corpus with one article, which is not in the first split."""
    only = task(TEXT, [span(0, 3, "Ann", labels=["PER"])], data={"text": TEXT, "key": KEY})
    return {
        "corpus": {"articles": {"from_tasks": True, "id_field": "key", "redistribute": False}, "splits": SPLITS},
        "codebook": codebook,
        "entities": entities,
        "exports": {"a.json": [only]},
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return build_case(tmp_path_factory.mktemp("registry"), case(), read_back=True)


def test_entities_are_rows_of_the_first_split_sorted_by_id(built: Dataset) -> None:
    assert built.manifest.rows["articles"] == {"test": 1}
    assert built.manifest.rows["registry"] == {"train": 2}
    loaded = load_dataset(str(built.place), "registry")
    assert {split: list(rows) for split, rows in loaded.items()} == {"train": [ANN, ZOE]}


def test_the_digest_can_be_computed_from_the_files(built: Dataset) -> None:
    assert digest_of(built.place) == built.manifest.content_digest


def test_croissant_describes_the_entities(built: Dataset) -> None:
    assert [*check_croissant(built.place), *read_croissant(built.place)] == []


def test_the_number_of_processes_does_not_matter(built: Dataset) -> None:
    folder = open_corpus(built.place.parent / "corpus")
    again = build(folder, built.place.parent / "again", workers=2, verify=False)
    assert again.manifest.files == built.manifest.files
    assert again.manifest.content_digest == built.manifest.content_digest


def test_a_corpus_without_refs_has_no_registry(tmp_path: Path) -> None:
    made = build_case(tmp_path, case(codebook=NO_REF))
    assert "registry" not in made.manifest.rows
    assert not (made.place / "registry").exists()


def test_a_value_about_the_article_is_enough(tmp_path: Path) -> None:
    made = build_case(tmp_path, case(codebook=NO_REF | {"document": {"about": {"kind": "ref"}}}))
    assert made.rows("registry") == [ANN, ZOE]


def test_a_registry_without_entities_has_no_rows(tmp_path: Path) -> None:
    made = build_case(tmp_path, case({}), read_back=True)
    assert made.rows("registry") == []
    assert digest_of(made.place) == made.manifest.content_digest


names = st.dictionaries(st.text("ab é👩", min_size=1, max_size=4), st.sampled_from(["", "kind"]), max_size=3)
entity = st.fixed_dictionaries({"type": st.sampled_from(["PER", "LOC"]), "names": names}, optional={"qid": st.just("Q1")})  # fmt: skip  # noqa: E501


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entities=st.dictionaries(st.sampled_from("abcdef"), entity, max_size=4))
def test_rows_say_what_the_registry_says(built: Dataset, entities: dict[str, Any]) -> None:
    context = open_corpus(built.place.parent / "corpus").context
    known = {key: msgspec.convert(value, Entity) for key, value in entities.items()}
    rows = corpus_tables(replace(context, entities=known))["registry"].to_pylist()
    assert [row["entity_id"] for row in rows] == sorted(entities)
    for row in rows:
        said = entities[row["entity_id"]]
        assert (row["type"], row["qid"]) == (said["type"], said.get("qid"))
        assert [(part["name"], part["kind"] or "") for part in row["names"]] == list(said["names"].items())


CHANGES = {
    "qid": ({"ann": ENTITIES["ann"] | {"qid": "Q8"}}, "patch", "entity corrected  registry ann: qid Q7 -> Q8"),
    "name": (
        {"zoe": {"type": "PER", "names": {"Zoe": ""}}},
        "patch",
        "entity corrected  registry zoe: names +name Zoe, kind nothing",
    ),
    "added": ({"bob": {"type": "PER"}}, "minor", "entity added  registry bob"),
}


@pytest.mark.parametrize("which", CHANGES)
def test_a_change_of_an_entity_is_a_change_of_its_row(which: str, built: Dataset, tmp_path: Path) -> None:
    edit, bump, told = CHANGES[which]
    new = build_case(tmp_path, case(ENTITIES | edit))
    found = compare(*(Source(str(one.place), one.place, one.manifest) for one in (built, new)))
    assert found.bump == bump
    assert f"{bump}  {told}" in [" ".join(line.split(" ")) for line in lines(found.changes, found.counts)]
    back = compare(*(Source(str(one.place), one.place, one.manifest) for one in (new, built)))
    assert back.bump == ("major" if which == "added" else bump)
    assert ("entity-removed" in back.counts) == (which == "added")


def test_a_stand_off_release_has_the_complete_registry(built: Dataset, tmp_path: Path) -> None:
    context = open_corpus(built.place.parent / "corpus").context
    stage(built.place, tmp_path / "staged", context, mode="omit")
    staged = Dataset(tmp_path / "staged")
    assert staged.rows("articles")[0]["text"] is None
    assert staged.rows("registry") == [ANN, ZOE]
    assert list(kept_words(staged.place)) == []
    assert digest_of(staged.place) == staged.manifest.content_digest
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds/a.txt").write_bytes(TEXT.encode())
    made = rehydrate(str(staged.place), tmp_path / "seeds", tmp_path / "back")
    assert made.manifest.content_digest == built.manifest.content_digest
    assert Dataset(made.place).rows("registry") == [ANN, ZOE]
