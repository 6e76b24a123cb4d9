"""Other people's corpora: another language, another codebook, with seeds and without; and nothing of ours in `src/`."""

from __future__ import annotations

import ast
import json
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any, get_args, get_type_hints
from xml.etree.ElementTree import fromstring

import msgspec
import pytest
from datasets import ClassLabel, List, Value, load_dataset

from command_line import run_script
from helpers import CORPORA, ROOT
from newsparallax.building import build
from newsparallax.corpus import Label, open_corpus
from newsparallax.corpus import codebook as codebook_records
from newsparallax.corpus import registries as registry_records
from newsparallax.corpus.codebook import path_spellings, spellings

NAMES = ("zeitung", "from_tasks")
MADE = ("annotations/label_config.xml", "annotations/guidelines.md", "annotations/cheat_sheet.md")


@pytest.fixture(scope="module")
def builds(tmp_path_factory):
    out = tmp_path_factory.mktemp("others")
    return {name: build(open_corpus(CORPORA / name), out / name) for name in NAMES}


@pytest.fixture(scope="module")
def zeitung(builds):
    return builds["zeitung"]


@pytest.fixture(scope="module")
def gazette(builds):
    return builds["from_tasks"]


def rows(built, config, split):
    return load_dataset(str(built.place), config, split=split)


def named(feature: Any, value: Any) -> Any:
    """A row with the names of its labels in the place of their numbers."""
    if isinstance(feature, ClassLabel):
        return None if value is None else feature.int2str(value)
    if isinstance(feature, List):
        return None if value is None else [named(feature.feature, part) for part in value]
    if isinstance(feature, dict):
        return None if value is None else {key: named(feature[key], part) for key, part in value.items()}
    return value


# ------------------------------------------------------------------------------------------------- a folder with seeds


def test_counts_of_the_german_corpus(zeitung):
    manifest = zeitung.manifest
    counts = manifest.counts
    assert (manifest.name, manifest.version, manifest.codebook_version) == (
        "möhringsfelder-blatt",
        "0.3.0",
        "7",
    )
    assert {key: getattr(counts, key) for key in ("articles", "events", "tasks", "annotations")} == {
        "articles": 3,
        "events": 2,
        "tasks": 3,
        "annotations": 3,
    }
    assert {key: getattr(counts, f"results_{key}") for key in ("in", "accepted", "repaired", "quarantined")} == {
        "in": 48,
        "accepted": 45,
        "repaired": 2,
        "quarantined": 1,
    }
    assert counts.repairs == {"crlf": 1, "utf16": 1}
    assert counts.article_states == {"annotated": 2, "unannotated": 1}
    assert counts.gold == {"adjudicated": 1, "adjudicated_by_human": 1, "by_human": 2, "single": 1}
    assert counts.annotations_by == {"automat-1": 1, "birke": 2}
    assert manifest.annotators == {"birke": "human", "automat-1": "model"}
    assert manifest.rows == {
        "articles": {"test": 1, "train": 2},
        "akteure": {"test": 2, "train": 2},
        "äußerungen": {"test": 1, "train": 2},
        "färbungen": {"test": 1, "train": 2},
        "tokens": {"test": 2, "train": 3},
        "votes": {"test": 6, "train": 18},
        "registry": {"train": 4},
    }
    assert manifest.labels == {
        "akteure": {"Mensch": 2, "Gruppe": 2},
        "äußerungen": {"wörtlich": 2, "sinngemäß": 1},
        "färbungen": {"Bild": 2, "Gefühl": 1, "Maß": 1},
    }


def test_a_control_of_another_kind_is_a_problem_by_name_with_its_item(zeitung):
    assert (zeitung.open.total, zeitung.manifest.counts.problems) == (0, {"unsupported-control": 1})
    (line,) = (zeitung.place / "problems.jsonl").read_text("utf-8").splitlines()
    found = json.loads(line)
    assert found["message"] == "items of control 'gesichtet_am' have the unsupported type 'datetime'"
    assert found["raw"]["value"] == {"datetime": "2025-12-04"}
    assert found["waived"] == "das Datum der Sichtung gehört nicht zum Datensatz"


def test_events_fall_in_different_splits_and_none_in_both(zeitung):
    assert {split: set(rows(zeitung, "articles", split)["event_id"]) for split in ("train", "test")} == {
        "train": {"turmuhr"},
        "test": {"stadtfest"},
    }


def test_label_names_stand_in_codebook_order(zeitung):
    features = {config: rows(zeitung, config, "train").features for config in ("akteure", "äußerungen", "färbungen")}
    assert features["akteure"]["label"].names == ["Mensch", "Gruppe"]
    assert features["äußerungen"]["label"].names == ["wörtlich", "sinngemäß"]
    assert features["färbungen"]["labels"] == List(ClassLabel(names=["Bild", "Gefühl", "Maß"]))
    assert features["äußerungen"]["klang"] == List(ClassLabel(names=["heiter", "müde", "amtlich"]))
    tags = rows(zeitung, "tokens", "train").features["tags"].feature.names
    assert tags == ["O", "B-Mensch", "I-Mensch", "B-Gruppe", "I-Gruppe"]


def test_document_layers_are_columns_of_articles(zeitung):
    features = rows(zeitung, "articles", "train").features
    assert {name: features[name] for name in ("anlass", "rubrik", "lesbar", "absätze", "bemerkung")} == {
        "anlass": ClassLabel(names=["Panne", "Feier", "Streit"]),
        "rubrik": List(List(Value("string"))),
        "lesbar": Value("int64"),
        "absätze": Value("float64"),
        "bemerkung": Value("string"),
    }
    assert {"anlass", "rubrik"}.isdisjoint(zeitung.manifest.rows)


def test_seeds_are_verbatim_with_their_line_ends(zeitung):
    seeds = {path.stem: path.read_bytes() for path in (CORPORA / "zeitung/seeds").glob("*.txt")}
    assert seeds["laterne"].count(b"\r\n") == seeds["laterne"].count(b"\n") == 4
    found = [row for split in ("train", "test") for row in rows(zeitung, "articles", split)]
    assert {row["article_id"]: row["text"].encode() for row in found} == seeds


# ---------------------------------------------------------------------------------------------- a folder without seeds


def test_counts_of_the_corpus_from_tasks(gazette):
    manifest = gazette.manifest
    counts = manifest.counts
    assert not (CORPORA / "from_tasks/seeds").exists()
    assert (counts.articles, counts.events, counts.annotations) == (3, 2, 4)
    assert (counts.results_in, counts.results_accepted, counts.problems) == (30, 30, {})
    assert counts.gold == {"by_human": 2, "majority": 1, "single": 1}
    assert counts.annotations_by == {"aline": 1, "basile": 2, "colette": 1}
    assert manifest.rows == {
        "articles": {"dev": 4, "train": 2},
        "accroches": {"dev": 1, "train": 2},
        "promesses": {"dev": 1, "train": 2},
        "tokens": {"dev": 2, "train": 2},
        "votes": {"dev": 3, "train": 18},
    }


def test_each_text_of_a_task_is_an_article_of_its_own(gazette):
    found = rows(gazette, "articles", "dev")
    assert list(zip(found["article_id"], found["text_name"], found["text"], strict=True)) == [
        ("quai-2", "titre", "Tramway : encore un an"),
        ("quai-2.corps", "corps", "La régie assure que les rames seront là « bientôt »."),
        ("quai-3", "titre", "Brèves"),
        ("quai-3.corps", "corps", "Rien."),
    ]
    assert set(found["event_id"]) == {"tram-nord"}
    assert json.loads(found["metadata"][0]) == {
        "data": {"dossier": "tram-nord", "ref": "quai-2", "rubrique": "Transports"}
    }


def test_html_is_read_as_it_is_shown(gazette):
    (body,) = (row["text"] for row in rows(gazette, "articles", "train") if row["text_name"] == "corps")
    assert body == (
        "Le maire l’a promis\u00a0: le pont ouvrira en mai.\n"
        "Il coûtera 12 millions.\n"
        "« On verra bien », répond le port."
    )
    found = rows(gazette, "promesses", "train")
    assert [body[row["start"] : row["end"]] for row in found] == ["le pont ouvrira en mai", "Il coûtera 12 millions"]


def test_gold_is_what_most_annotators_marked(gazette):
    """Of three: a span two agree on stands, with the values two agree on; one that a single annotator saw does not."""
    marks = [row for row in rows(gazette, "votes", "train") if row["quote"]]
    assert sum(row["quote"] == "On verra bien" for row in marks) == 1
    assert [(row["quote"], row["labels"]) for row in marks].count(("le pont ouvrira en mai", ["VAGUE"])) == 1
    gold = rows(gazette, "promesses", "train")
    assert [named(gold.features, row)["label"] for row in gold] == ["FERME", "FERME"]
    assert gold["montant"] == [None, 12.0]
    assert set(gold["annotator"]) == {"aline+basile+colette"}
    assert set(gold["adjudicated"]) == {False}


# ---------------------------------------------------------------------------------------------------------------- both


def expected_rows():
    found = []
    for name in NAMES:
        for entry in json.loads((CORPORA / name / "expected.json").read_text("utf-8")):
            place = (name, entry["config"], entry["split"], entry["row"])
            found.append(pytest.param(*place, entry["is"], id="-".join(map(str, place))))
    return found


@pytest.mark.parametrize(("name", "config", "split", "number", "expected"), expected_rows())
def test_full_rows(builds, name, config, split, number, expected):
    found = rows(builds[name], config, split)
    assert named(found.features, found[number]) == expected
    assert list(found[number]) == list(expected)


@pytest.mark.parametrize("name", NAMES)
def test_every_span_proves_itself(builds, name):
    built = builds[name]
    layers = built.manifest.labels
    seen = set()
    for split in built.manifest.rows["articles"]:
        texts = {row["article_id"]: row["text"] for row in rows(built, "articles", split)}
        for layer in (*layers, "votes"):
            for row in rows(built, layer, split):
                if row["start"] is not None:
                    seen.add(layer)
                    assert texts[row["article_id"]][row["start"] : row["end"]] == row["quote"]
    assert seen == {*layers, "votes"}


@pytest.mark.parametrize("name", NAMES)
def test_the_scripts_are_content_with_it(name, tmp_path):
    for script, *options in (["check"], ["generate", "--check"], ["build", "--out", tmp_path / "out"]):
        ran = run_script(f"{script}.py", "--corpus", CORPORA / name, *options)
        assert (ran.returncode, ran.stderr) == (0, ""), script


def test_what_exports_say_now_comes_before_names():
    values = {"A": Label(alias="B", former=["Z"]), "B": Label(alias="C"), "Z": Label()}
    assert spellings(values) == {"A": "A", "B": "A", "C": "B", "Z": "Z"}


def test_levels_of_a_taxonomy_are_read_as_they_are_exported():
    values = {"X": Label(alias="x"), "X > Y": Label(alias="X > y"), "X > Z": Label(), "V > W": Label()}
    read = path_spellings(values)
    assert {"x": "X", "x > y": "X > Y", "x > Z": "X > Z", "V > W": "V > W"}.items() <= read.items()
    assert all(read[key] == key for key in values)


def test_a_control_that_several_layers_share_stands_once_in_the_configuration():
    root = fromstring((CORPORA / "zeitung" / MADE[0]).read_text("utf-8"))
    names = [element.get("name") for element in root.iter() if element.get("name")]
    assert len(names) == len(set(names))
    (shared,) = (element for element in root.iter() if element.get("name") == "klang")
    assert shared.get("whenLabelValue") == "wörtlich,sinngemäß,B,Gefühl"
    assert shared.get("whenTagName") is None
    assert [choice.get("alias") or choice.get("value") for choice in shared] == ["heiter", "müde/matt", "amtlich"]


@pytest.mark.parametrize("left", ["akteure", "none"])
def test_layers_without_a_span_are_built_too(left, tmp_path):
    """A layer with no gold span in one split, or in any: its files hold the schema and no row."""
    corpus = Path(shutil.copytree(CORPORA / "zeitung", tmp_path / "corpus"))
    (corpus / "annotations/waivers.toml").unlink()
    for path in (corpus / "annotations/exports").glob("*.json"):
        tasks = json.loads(path.read_text("utf-8"))
        for task in tasks:
            for annotation in task["annotations"]:
                wanted = [item for item in annotation["result"] if item.get("from_name") == "wer_kommt_vor"]
                annotation["result"] = wanted if left == "akteure" and path.stem == "turmuhr" else []
        path.write_text(json.dumps(tasks), encoding="utf-8")
    built = build(open_corpus(corpus), tmp_path / "out")
    assert built.manifest.rows["färbungen"] == {"test": 0, "train": 0}
    assert built.manifest.rows["akteure"] == {"test": 0, "train": 2 if left == "akteure" else 0}
    assert rows(built, "articles", "train").num_rows == 2
    streamed = load_dataset(str(built.place), "färbungen", split="train", streaming=True)
    assert list(streamed) == []
    assert streamed.features["labels"] == List(ClassLabel(names=["Bild", "Gefühl", "Maß"]))


# -------------------------------------------------------------------------------------------- nothing of ours is wired

# Words of ours that the source says for reasons of its own.
EVERYDAY = {
    "entity": "a row of the registry of any corpus",
    "flagged": "a role of the codebook, and a column of the frames of terms",
    "form": "a column of CoNLL-U",
    "holder": "a role of the codebook, and a column of the frames of stances",
    "none": "said of an empty list",
    "source": "a key of Croissant and of Web Annotations",
    "target": "a role of the codebook, a column of the frames of stances, and a key of Web Annotations and CAS",
    "user": "a key under which Label Studio tells who annotated",
}


def own_words() -> dict[str, str]:
    """Every name that our codebook and registries give to something -> what it is."""

    def table(path: str) -> dict[str, Any]:
        return tomllib.loads((ROOT / path).read_text("utf-8"))

    words: dict[str, str] = {}
    for layer, part in table("annotations/codebook.toml")["layers"].items():
        words[layer] = "layer"
        words |= dict.fromkeys(part["labels"], "label")
        words |= dict.fromkeys(part.get("relations", {}), "relation")
        for key, attribute in part.get("attributes", {}).items():
            words[key] = "attribute"
            words |= dict.fromkeys(attribute.get("values", {}), "value")
    for key, entity in table("annotations/entities.toml").items():
        words |= {key: "entity"} | dict.fromkeys(entity.get("names", {}), "name")
    for key, article in table("seeds/articles.toml").items():
        words[key] = "article"
        given = ((field, article.get(field)) for field in ("event", "outlet", "agency", "rights_holder", "dateline"))
        words |= {word: field for field, word in given if word}
    return words


def format_words() -> set[str]:
    """Words that the file formats themselves define: keys of their tables, values of their choices, names of files."""
    words = {path.stem for path in (ROOT / "annotations").glob("*.toml")}
    for module in (codebook_records, registry_records):
        for record in vars(module).values():
            if isinstance(record, type) and issubclass(record, msgspec.Struct):
                for key, hint in get_type_hints(record).items():
                    words |= {key} | {word for word in get_args(hint) if isinstance(word, str)}
    return words


def is_distinctive(word: str) -> bool:
    """Whether a word cannot be plain lower-case English: a capital, a digit, a hyphen, an underscore, a space."""
    return re.fullmatch("[a-z]+", word) is None


def strings(source: str) -> list[tuple[int, str, bool]]:
    """Line, content, and whether it is a docstring, of every string in Python source, parts of f-strings included."""
    tree = ast.parse(source)
    documents = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body
        if isinstance(node.body[0], ast.Expr)
    }
    return [
        (node.lineno, node.value, id(node) in documents)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def spoken(source: str, words: set[str]) -> list[tuple[int, str]]:
    """Line and word where source spells one of `words`.

    A distinctive word counts anywhere in any string, even a docstring; a plain one where a string is that word alone.
    """
    distinctive = [word for word in words if is_distinctive(word)]
    pattern = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, distinctive)) or '(?!)'})(?![\w-]|/NAME)")
    found = []  # ORG/NAME stands for a repository of a hub
    for line, content, documents in strings(source):
        found += [(line, match[1]) for match in pattern.finditer(content)]
        if not documents and content in words and not is_distinctive(content):
            found.append((line, content))
    return found


OURS = own_words().keys() - format_words() - EVERYDAY.keys()


def test_the_words_looked_for_are_those_of_our_corpus():
    kinds = own_words()
    assert {kinds[word] for word in OURS} >= {"layer", "label", "attribute", "value", "relation", "entity", "article"}
    assert {"euphemisms", "EUPHEMISM", "PER", "metonym", "north-korea", "China Daily", "EFE"} <= OURS
    assert EVERYDAY.keys() <= kinds.keys()  # one that is no longer ours is an exception too many


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('LABELS = ("PER", "x")', ["PER"]),
        ('label == "euphemisms"', ["euphemisms"]),
        ('f"{place} of EUPHEMISM spans"', ["EUPHEMISM"]),
        ('def f():\n    """As in China Daily."""', ["China Daily"]),
        ('def f():\n    """Who holds the target."""\n    return "its own target"', []),
        ("euphemisms = 1  # PER", []),
        ('"hub:ORG/NAME, not ORG"', ["ORG"]),
    ],
)
def test_what_counts_as_spelling_a_word(source, found):
    assert [word for _, word in spoken(source, set(OURS))] == found


SOURCES = sorted(
    {*(ROOT / "src").rglob("*.py")} - {ROOT / "src/newsparallax/cli/explanations.py"}
)  # it quotes messages


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_nothing_of_ours_is_spelled_in_the_source(path):
    assert spoken(path.read_text("utf-8"), set(OURS)) == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("path", MADE)
def test_what_is_made_for_others_is_free_of_our_words(name, path):
    text = (CORPORA / name / path).read_text("utf-8")
    kinds = own_words()
    ours = {word for word in OURS if is_distinctive(word) or kinds[word] in ("layer", "label", "entity")}
    assert {word for word in ours if re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text)} == set()


@pytest.mark.parametrize("name", NAMES)
def test_the_card_of_others_is_free_of_our_words(builds, name):
    text = (builds[name].place / "README.md").read_text("utf-8")
    ours = {word for word in OURS if is_distinctive(word)}
    assert {word for word in ours if re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text)} == set()
