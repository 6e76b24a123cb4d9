"""Corpora whose layers, attributes, relations and document layers are called like columns of other places.

Every name that the codebook may take is one that some fixed column has elsewhere: what a column means must not depend
on how it is called.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest

from helpers import Dataset, build_case, item, span, task
from newsparallax.corpus import open_corpus, schema
from newsparallax.dataset import check_croissant, opened, read_croissant
from newsparallax.release.diff import compare
from newsparallax.release.diff.rules import Change
from newsparallax.standoff import kept_words, rehydrate, stage

pytestmark = pytest.mark.slow


def names_in(type_: schema.Type) -> Iterator[str]:
    """The names of a type's parts, at any depth."""
    while isinstance(type_, schema.ListOf):
        type_ = type_.item
    for name, part in type_.fields.items() if isinstance(type_, schema.Struct) else ():
        yield name
        yield from names_in(part)


FIXED = (
    schema.ARTICLE,
    schema.PLACE,
    schema.MADE_BY,
    schema.REPAIRED,
    schema.TOKEN,
    schema.VOTE,
    schema.ENTITY,
    schema.WINDOW,
)
OTHERS = {"label", "labels", "split", "split_", "its", "dtype", "feature", "names", "fields", "dataset", "index"}
NAMES = sorted({name for fields in FIXED for name in names_in(schema.Struct(fields))} | OTHERS)
TAKEN = schema.reserved_columns()
OF_SPANS = [name for name in NAMES if name not in TAKEN["span"]]
OF_ARTICLES = [name for name in NAMES if name not in TAKEN["article"]]
OF_LAYERS = [name for name in OF_ARTICLES if name not in TAKEN["config"]]
TEXT = "Ann met Bob in Oslo, where it rained all day and nobody left the house before the evening."
CHOICE = {"kind": "choice", "values": {"x": {}, "y": {}}}
KINDS: tuple[dict[str, Any], ...] = ({"kind": "text"}, CHOICE, {"kind": "number"}, {"kind": "text", "many": True})


def kind_of(number: int) -> dict[str, Any]:
    return dict(KINDS[number % len(KINDS)])


def value_of(number: int, second: bool) -> tuple[str, dict[str, Any]]:
    """The type of a result item and a value of the kind with this number: one of two."""
    kind = KINDS[number % len(KINDS)]["kind"]
    if kind == "choice":
        return "choices", {"choices": ["y" if second else "x"]}
    return ("number", {"number": 8.5 if second else 7.5}) if kind == "number" else ("textarea", {"text": ["q", "p"][second]})  # fmt: skip  # noqa: E501


def fields_case(*, second: bool = False, key: str = "k") -> dict[str, Any]:
    """One layer with an attribute of every name, one with a relation of every name, a document layer of every name."""
    layers = {
        "plain": {"labels": {"PER": {}}, "attributes": {name: kind_of(n) for n, name in enumerate(OF_SPANS)}},
        "arrows": {"labels": {"LOC": {}}, "relations": {name: {"to": ["plain"]} for name in OF_SPANS}},
    }
    people = [span(0, 3, "Ann", id="a", from_name="plain"), span(8, 11, "Bob", id="b", from_name="plain")]
    made = [*people, span(15, 19, "Oslo", "LOC", id="o", from_name="arrows")]
    for number, name in enumerate(OF_SPANS):
        kind, value = value_of(number, second)
        made.append(item("a", f"plain_{name}", kind, value))
        made.append({"type": "relation", "from_id": "o", "to_id": "b" if second else "a", "labels": [name]})
    for number, name in enumerate(OF_ARTICLES):
        kind, value = value_of(number, second)
        made.append(item(f"d{number}", name, kind, value))
    document = {name: kind_of(number) for number, name in enumerate(OF_ARTICLES)}
    data = {"data": {"text": TEXT, "key": key}}
    return {
        "codebook": {"layers": layers, "document": document, "tokens": {"layer": "plain"}},
        "corpus": {"license": "cc-by-4.0", "articles": {"from_tasks": True, "id_field": "key"}},
        "exports": {"a.json": [task(TEXT, made) | data]},
    }


def layers_case(*, second: bool = False) -> dict[str, Any]:
    """A layer of every name, each with an attribute of its own name where that is free."""
    text = TEXT.replace(" ", "_")
    layers: dict[str, dict[str, Any]] = {}
    made = []
    for number, name in enumerate(OF_LAYERS):
        free = name in OF_SPANS
        layers[name] = {"labels": {"A": {}, "B": {}}, "relations": {"to": {"to": OF_LAYERS[:1]}}}
        layers[name]["attributes"] = {name: kind_of(number)} if free else {}
        end = number + 2 + second
        made.append(span(number, end, text[number:end], "A", id=f"r{number}", from_name=name))
        made.append({"type": "relation", "from_id": f"r{number}", "to_id": "r0", "labels": ["to"]})
        if free:
            made.append(item(f"r{number}", f"{name}_{name}", *value_of(number, second)))
    return {
        "codebook": {"layers": layers},
        "corpus": {"license": "cc-by-4.0"},
        "exports": {"a.json": [task(text, made)]},
    }


CASES = {"fields": fields_case, "layers": layers_case}


@pytest.fixture(scope="module", params=CASES)
def made(request, tmp_path_factory) -> tuple[str, Dataset, Path]:
    """A corpus with such names, built, and the folder with its corpus."""
    folder = tmp_path_factory.mktemp(request.param)
    return request.param, build_case(folder, CASES[request.param](), read_back=True), folder


# A layer of every name is many configs, each of which takes its time.
FAST = pytest.mark.parametrize("made", ["fields", pytest.param("layers", marks=pytest.mark.slow)], indirect=True)


def rows(place: Path) -> dict[str, list[dict[str, Any]]]:
    return {path.parent.name: pq.read_table(path).to_pylist() for path in sorted(place.glob("*/*.parquet"))}


def test_every_value_is_in_its_own_column(made):
    name, built, _ = made
    assert built.codes == {}
    (article,) = built.rows("articles")
    if name == "layers":
        assert [len(built.rows(layer)) for layer in OF_LAYERS] == [1] * len(OF_LAYERS)
        assert all(built.rows(layer)[0]["to"][0]["span_id"] == built.rows(OF_LAYERS[0])[0]["span_id"] for layer in OF_LAYERS)  # fmt: skip  # noqa: E501
        return
    first = [["q"], [0], [7.5], ["q"]]
    expected = {name: first[number % 4] for number, name in enumerate(OF_SPANS)}
    ann = built.rows("plain")[0]
    assert {name: ann[name] if isinstance(ann[name], list) else [ann[name]] for name in OF_SPANS} == expected
    (oslo,) = built.rows("arrows")
    assert all([link["quote"] for link in oslo[name]] == ["Ann"] for name in OF_SPANS)
    found = {name: article[name] if isinstance(article[name], list) else [article[name]] for name in OF_ARTICLES}
    assert found == {name: first[number % 4] for number, name in enumerate(OF_ARTICLES)}


def test_roles_by_place_are_those_that_the_schema_declares(made):
    codebook = open_corpus(made[2] / "corpus").context.codebook

    def compared(config: str, path: tuple[str, ...], type_: schema.Type) -> Iterator[tuple[Any, ...]]:
        inner = type_
        while isinstance(inner, schema.ListOf):
            inner = inner.item
        records = isinstance(inner, schema.Struct)
        yield config, path, type_.role, schema.role_of(config, path, records=records)
        for name, part in inner.fields.items() if isinstance(inner, schema.Struct) else ():
            yield from compared(config, (*path, name), part)

    found = [
        one
        for config, struct in schema.configs(codebook).items()
        for name, type_ in struct.fields.items()
        for one in compared(config, (name,), type_)
    ]
    assert [one for one in found if one[2] != one[3]] == []
    assert {one[2] for one in found} == {*schema.ROLES}


@FAST
def test_a_stand_off_release_is_made_and_undone(made, tmp_path):
    _, built, folder = made
    staged = tmp_path / "staged"
    stage(built.place, staged, open_corpus(folder / "corpus").context)
    assert list(kept_words(staged)) == []
    full, without = rows(built.place), rows(staged)
    del without["standoff"]
    spans = [row for config, found in without.items() if config not in schema.CONFIGS for row in found]
    assert all(row["quote"] is None for row in spans)
    (tmp_path / "copies").mkdir()
    (tmp_path / "copies/a.txt").write_text(built.rows("articles")[0]["text"], encoding="utf-8")
    done = rehydrate(str(staged), tmp_path / "copies", tmp_path / "back")
    assert done.manifest.content_digest == built.manifest.content_digest
    assert rows(tmp_path / "back") == full
    with opened(str(built.place)) as old, opened(str(staged)) as new:
        assert {change.kind for change in compare(old, new).changes} <= {"file-changed", "article-withheld"}


@FAST
def test_croissant_describes_it_and_datasets_loads_it(made, tmp_path):
    _, built, _ = made
    assert list(check_croissant(built.place)) == []
    assert list(read_croissant(built.place)) == []
    for config, expected in rows(built.place).items():
        loaded = datasets.load_dataset(str(built.place), config, split="train", cache_dir=str(tmp_path))
        assert list(loaded) == expected


def changes(folder: Path, old: dict[str, Any], new: dict[str, Any]) -> dict[tuple[str, str], list[Change]]:
    """The changes between two corpora by kind and config."""
    places = [str(build_case(folder / name, case).place) for name, case in (("old", old), ("new", new))]
    found: dict[tuple[str, str], list[Change]] = {}
    with opened(places[0]) as before, opened(places[1]) as after:
        for change in compare(before, after).changes:
            found.setdefault((change.kind, change.config), []).append(change)
    return found


def test_a_corrected_value_is_told_as_one_whatever_its_column_is_called(tmp_path):
    found = changes(tmp_path, fields_case(), fields_case(second=True))
    assert found.keys() == {
        ("article-corrected", "articles"),
        ("span-corrected", "plain"),
        ("span-relations", "arrows"),
        ("vote-corrected", "votes"),
    }
    fields = {key: [sorted(change.fields) for change in same] for key, same in found.items()}
    assert fields["article-corrected", "articles"] == [OF_ARTICLES]
    assert fields["span-corrected", "plain"] == [OF_SPANS]
    assert fields["span-relations", "arrows"] == [OF_SPANS]


def test_an_article_with_another_id_is_known_by_its_text_whatever_its_columns_are_called(tmp_path):
    found = changes(tmp_path, fields_case(), fields_case(key="other"))
    (renamed,) = found["article-renamed", "articles"]
    assert renamed.fields == {"article_id": ("k", "other")}
    (corrected,) = found.pop(("article-corrected", "articles"))
    assert corrected.fields.keys() == {"metadata.data.key"}
    assert not any(kind.endswith(("-added", "-removed", "-corrected")) for kind, _ in found)


def test_a_moved_span_is_told_as_one_whatever_its_layer_is_called(tmp_path):
    found = changes(tmp_path, layers_case(), layers_case(second=True))
    moved = {config: sorted(change.fields) for (kind, config), (change, *_) in found.items() if kind == "span-moved"}
    assert moved == {name: ["end"] for name in OF_LAYERS}
    corrected = {config: sorted(one.fields) for (kind, config), (one, *_) in found.items() if kind == "span-corrected"}
    assert corrected == {name: [name] for name in OF_LAYERS if name in OF_SPANS}


def test_a_renamed_value_of_an_attribute_called_direction_is_not_told_of_arrows(tmp_path):
    """Nor is a renamed layer put into an attribute that is called `layer`, or a label into one of a document layer."""

    def case(name: str, value: str) -> dict[str, Any]:
        own = {"kind": "choice", "values": {"right": {}, value: {}}}
        both = {"direction": own | {"control": "own"}, "layer": own | {"control": "other"}}
        plain = {"labels": {"PER": {}, "LOC": {}}, "control": "plain", "attributes": both}
        arrows = {"labels": {"A": {}}, "relations": {"to": {"to": [name]}}, "control": "arrows"}
        made = []
        for number in range(3):
            at, to = f"a{number}", f"b{number}"
            made += [span(number, number + 3, TEXT[number : number + 3].strip(), id=at, from_name="plain")]
            made += [item(at, control, "choices", {"choices": [value]}) for control in ("own", "other")]
            made += [span(number + 20, number + 24, None, "A", id=to, from_name="arrows")]
            made += [{"type": "relation", "from_id": to, "to_id": at, "labels": ["to"]}]
        text = TEXT.replace(" ", "_")
        for one in made:
            if one["type"] == "labels":
                one["value"]["text"] = text[one["value"]["start"] : one["value"]["end"]]
        document = {"label": {"kind": "choice", "values": {"PER": {}, "LOC": {}}}}
        codebook = {"layers": {name: plain, "arrows": arrows}, "document": document, "tokens": {"layer": name}}
        return {"codebook": codebook, "exports": {"a.json": [task(text, made)]}}

    found = changes(tmp_path / "values", case("plain", "old"), case("plain", "new"))
    ids = {key: [change.id for change in same] for key, same in found.items() if key[1]}
    assert ids == {("label-renamed", "plain"): ["direction", "layer"]}
    found = changes(tmp_path / "layers", case("layer", "old"), case("fresh", "old"))
    kinds = {kind for kind, _ in found}
    assert {"config-renamed", "span-renamed", "vote-renamed"} < kinds
    assert not {"span-corrected", "span-relabelled", "span-moved"} & kinds  # arrows do point at other ids
