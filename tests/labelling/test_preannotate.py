"""Predictions from names and terms: what is found and what is said of it, and that our own reader takes it."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st
from label_studio_sdk.label_interface import LabelInterface

from helpers import ROOT, build_case
from newsparallax.corpus import Codebook, Corpus, CorpusFolder, CorpusSpec, Entity, Lexicon, open_corpus
from newsparallax.corpus.lexicon import validate_lexicon
from newsparallax.corpus.toml import parse_toml
from newsparallax.errors import CorpusError, UsageError
from newsparallax.labelling.prelabel import Matcher, Prediction, apart
from newsparallax.render import render_label_config
from newsparallax.render.label_config import MAX_ENTITIES
from newsparallax.text import fold

OWN = open_corpus(None)
CODEBOOK = """
codebook.version = "1"
texts.text.field = "text"
texts.page = { field = "page", kind = "html" }
texts.title.field = "title"
[layers.names]
labels = { PER = {}, GPE = {}, ORG = {} }
attributes.who = { kind = "ref", types_match_label = true, labels = ["PER", "GPE"] }
attributes.sure = { kind = "choice", values = { yes = { alias = "Y" }, no = {} } }
[layers.words]
overlap = "forbid"
labels = { SOFT = { alias = "soft word" }, HARD = {} }
attributes.plain = { kind = "text" }
attributes.thing = { kind = "ref", many = true }
attributes.kinds = { kind = "choice", many = true, labels = ["SOFT"], values = { a = { alias = "A" }, b = {} } }
attributes.stars = { kind = "rating" }
[layers.marks]
text = "title"
labels = { X = {} }
attributes.who = { kind = "ref", types_match_label = true }
[layers.tags]
text = "page"
labels = { GPE = {} }
attributes.who = { kind = "ref", types_match_label = true }
"""


def context_of(entities: dict[str, Entity], codebook: str = CODEBOOK) -> CorpusSpec:
    made = parse_toml(codebook.encode(), Codebook, name="codebook.toml")
    return CorpusSpec(Corpus("test", "0.1.0"), made, entities, {})


def lexicon_of(toml: str, context: CorpusSpec | None = None) -> Lexicon:
    lexicon = parse_toml(toml.encode(), Lexicon, name="lexicon.toml")
    given_context = context or context_of({})
    validate_lexicon(lexicon, given_context.codebook, given_context.entities)
    return lexicon


def names(*words: str, text: str, leave_out: str = "") -> list[str]:
    """What is marked of the names in a text, each the name of a person; every mark holds its place."""
    context = context_of({f"e{number}": Entity("PER", names={name: ""}) for number, name in enumerate(words)})
    lexicon = lexicon_of(f"leave_out = [{leave_out!r}]") if leave_out else None
    return quotes(Matcher(context, lexicon, names=True, terms=False).predict(text), text)


def terms(toml: str, text: str, to_name: str | None = None) -> list[str]:
    """What is marked of the terms in a text."""
    matcher = Matcher(context_of({}), lexicon_of(toml), names=False, terms=True)
    return quotes(matcher.predict(text, to_name), text)


def quotes(predictions: list[Prediction], text: str) -> list[str]:
    found = []
    for item in marks(predictions):
        value = item["value"]
        assert text[value["start"] : value["end"]] == value["text"]
        found.append(value["text"])
    return found


def marks(predictions: list[Prediction]) -> list[dict[str, Any]]:
    return [item for prediction in predictions for item in prediction.result if item["type"] == "labels"]


# ---- which words of a text are a name


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("Iran", "Iran, Iran's and (Iran). Iranian, Irans, Tehiran, Iran2, _Iran", 3),
        ("Iran", "Iran's Iran\u2019s \u201cIran\u201d Iran\u2014Iraq, Iran/Iraq, l'Iran", 6),
        ("Iran", "Iran-backed, anti-Iran, Iran\u2011Iraq", 3),
        ("G7", "the G7, G77, G7's", 2),
        ("U.S.", "U.S. troops, the U.S., U.S.A.", 2),
        ("Yahoo!", "Yahoo! and Yahoo!s", 1),
        (
            "Kim Jong-un",
            "Kim Jong-un Kim\nJong-un Kim \n\n Jong-un Kim\u00a0Jong\u2011un Kim\tJong-un Kim\r\nJong-un",
            6,
        ),
        ("Kim Jong-un", "Kim  Jong- un KimJong-un Kim, Jong-un", 0),
        ("Rus\u00e9", "Rus\u00e9 Ruse\u0301 RUSE\u0301 Rus\u00e9e", 3),
        ("Ruse\u0301", "Rus\u00e9 Ruse\u0301", 2),
        ("Ruse", "Ruse\u0301 Rus\u00e9", 0),
        ("O'Brien", "O'Brien O\u2019Brien O\u02bcBrien O\uff07BRIEN", 4),
        ("Ukraine", "Uk\u00adraine \ufeffUkraine\u2060 \u200eUkraine\u200f", 3),
        ("Ukraine", "Uk\u200braine Uk\u3164raine \u2800Ukraine", 3),
        ("\U0001f1fa\U0001f1e6 Kyiv", "\U0001f1fa\U0001f1e6\n\nKyiv", 1),
        ("Kyiv", "\U0001f1fa\U0001f1e6Kyiv\U0001f600 \U0001d54fKyiv", 1),
        ("Россия", "Россия, РОССИЯ и Россияне", 2),
        ("Йемен", unicodedata.normalize("NFD", "Йемен, ЙЕМЕН"), 2),
        ("Οδυσσεύς", "Οδυσσεύς ΟΔΥΣΣΕΎΣ ΟΔΥΣΣΕΎΣ'Α", 3),
        ("İstanbul", "İstanbul İSTANBUL Istanbul", 2),
        # scripts without spaces: anywhere; katakana is one word; Korean particles are written onto names
        ("中国", "在中国，中国人 NATO中国", 3),
        ("ロシア", "ロシアは、ベロシアではない。プーチンロシア", 1),
        ("プーチン", "ウラジーミル・プーチン氏", 1),
        ("ロシア", "EUロシア関係", 1),
        ("ไทย", "ประเทศไทยและ", 1),
        ("ไท", "ไที", 0),
        ("북한", "북한은 북한, 대북한", 2),
        ("북한", unicodedata.normalize("NFD", "북한은 북한, 대북한"), 2),
        ("한", "한국 하 대한", 1),
        ("하", unicodedata.normalize("NFD", "한"), 0),
    ],
)
def test_a_name_is_words_of_the_text(name, text, found):
    assert len(names(name, text=text)) == found


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("Kremlin", "Kremlin KREMLIN kremlin", ["Kremlin", "KREMLIN"]),
        ("NATO", "NATO Nato nato", ["NATO"]),
        ("AP", "AP Ap ap", ["AP"]),
        ("Kim Jong-un", "Kim Jong-Un, KIM JONG-UN, kim jong-un", ["Kim Jong-Un", "KIM JONG-UN"]),
        ("the West", "the West The West THE WEST the west", ["the West", "The West", "THE WEST"]),
        ("al-Qaeda", "al-Qaeda Al-Qaeda", ["al-Qaeda", "Al-Qaeda"]),
        ("US", "us US Us", ["US"]),
    ],
)
def test_a_small_letter_also_means_its_capital(name, text, found):
    assert names(name, text=text) == found


def test_the_longest_name_wins_and_nothing_is_marked_inside():
    text = "Korean Central News Agency, Central News, Agency of Korean Central"
    found = names("Korean", "Korean Central News Agency", "Central News", "News Agency of", "Agency of", text=text)
    assert found == ["Korean Central News Agency", "Central News", "Agency of", "Korean"]
    assert names("A B", "B C D", text="A B C D") == ["B C D"]
    assert names("A B", "B C", "C D", text="A B C D") == ["A B", "C D"]
    assert names("a b", "b c", text="A b c") == ["b c"]


def test_words_to_leave_out_must_be_there():
    assert names("the North", text="the North, The North, North", leave_out="the") == ["North", "North"]
    assert names("the North", "the North Sea", text="the North Sea", leave_out="the") == ["North Sea"]
    assert names("the", text="the end", leave_out="the") == ["the"]
    context = context_of({"a": Entity("PER", names={"NORTH": ""}), "b": Entity("GPE", names={"the North": ""})})
    matcher = Matcher(context, lexicon_of('leave_out = ["The"]'), names=True, terms=False)
    said = [(item["value"]["text"], item["value"]["labels"]) for item in marks(matcher.predict("NORTH, THE NORTH"))]
    assert said == [("NORTH", ["PER"]), ("NORTH", ["GPE"])]


def test_a_name_of_several_entities():
    """Of one type: no reference. Of several: not marked, nor what is inside of it."""
    context = context_of(
        {
            "george": Entity("PER", names={"Bush": ""}),
            "barbara": Entity("PER", names={"Bush": "", "Barbara": "", "BARBARA": ""}),
            "state": Entity("GPE", names={"Georgia": "", "New Georgia": ""}),
            "singer": Entity("PER", names={"Georgia": ""}),
            "bank": Entity("ORG", names={"Bank of Barbara": ""}),
            "place": Entity("GPE", names={"Bank of Barbara": ""}),
            "river": Entity("RIVER", names={"Nile": "", "Blue Bush": ""}),
        }
    )
    text = "Bush Georgia, New Georgia, Bank of Barbara, Barbara, BARBARA, Nile, Blue Bush"
    (prediction,) = Matcher(context, None, names=True, terms=False).predict(text)
    said = [
        (item["value"]["text"], item["value"].get("labels") or item["value"]["choices"]) for item in prediction.result
    ]
    assert said == [
        ("Bush", ["PER"]),
        ("New Georgia", ["GPE"]),
        ("New Georgia", ["state"]),
        ("Barbara", ["PER"]),
        ("Barbara", ["barbara"]),
        ("BARBARA", ["PER"]),
        ("BARBARA", ["barbara"]),
    ]


def test_only_a_tied_reference_that_goes_with_the_label_is_given():
    """No layer is tied to ORG (its reference is for PER and GPE), nor to SOFT (no reference is of the label's type)."""
    entities = {
        "firm": Entity("ORG", names={"Acme": ""}),
        "ann": Entity("PER", names={"Ann": "nickname"}),
        "sofa": Entity("SOFT", names={"Sofa": ""}),
        "ex": Entity("X", names={"Ex": ""}),
    }
    matcher = Matcher(context_of(entities), None, names=True, terms=False)
    assert quotes(matcher.predict("Acme, Ann, Sofa, Ex", "title"), "Acme, Ann, Sofa, Ex") == ["Ex"]
    (prediction,) = matcher.predict("Acme, Ann, Sofa, Ex")
    assert prediction.result == [
        {
            "id": prediction.result[0]["id"],
            "from_name": "names",
            "to_name": "text",
            "type": "labels",
            "origin": "prediction",
            "value": {"start": 6, "end": 9, "text": "Ann", "labels": ["PER"]},
        },
        {
            "id": prediction.result[0]["id"],
            "from_name": "names_who",
            "to_name": "text",
            "type": "choices",
            "origin": "prediction",
            "value": {"start": 6, "end": 9, "text": "Ann", "choices": ["ann"]},
        },
    ]


def test_a_list_too_long_to_choose_from_is_typed_in():
    entities = {f"e{number}": Entity("PER", names={f"Name{number}": ""}) for number in range(MAX_ENTITIES + 1)}
    context = context_of(entities)
    (prediction,) = Matcher(context, None, names=True, terms=False).predict("Name7")
    mark, reference = prediction.result
    assert (reference["type"], reference["value"]) == ("textarea", {"start": 0, "end": 5, "text": ["e7"]})
    assert reference["id"] == mark["id"]
    assert errors_of(context, [prediction]) == []


# ---- terms


TERM = """
[terms.term]
layer = "words"
label = "SOFT"
note = "for a test"
"""


def test_terms_their_variants_and_what_they_are_not():
    toml = TERM.replace("term]", "war]") + 'variants = ["wars"]\nnot_in = ["Cold War", "prisoner of war"]\n'
    text = "War, the war's end, Cold War, cold war, prisoners of war, prisoner of war, wars, WAR, post-war, war-torn"
    assert terms(toml, text) == ["War", "war", "war", "war", "wars", "WAR"]
    assert terms(toml, "warfare, warlord, war_zone, postwar") == []


def test_a_term_in_capitals_and_one_in_exactly_this_case():
    toml = TERM.replace("term]", '"Final Solution"]') + TERM.replace("term]", "crusade]") + 'case = "exact"\n'
    text = "Final Solution, FINAL SOLUTION, final solution, crusade, Crusade, CRUSADE"
    assert terms(toml, text) == ["Final Solution", "FINAL SOLUTION", "crusade"]


def test_the_nearest_spelling_wins():
    toml = TERM.replace("term]", "Mission]").replace("SOFT", "HARD") + TERM.replace("term]", "mission]").replace(
        '"words"', '"names"'
    ).replace("SOFT", "PER")
    assert terms(toml, "Mission mission") == ["Mission", "Mission", "mission"]
    context = context_of({"a": Entity("PER", names={"May": ""}), "b": Entity("GPE", names={"MAY": "", "may": ""})})
    (prediction,) = Matcher(context, None, names=True, terms=False).predict("May MAY may")
    given_labels = [(item["value"]["text"], item["value"]["labels"]) for item in marks([prediction])]
    assert given_labels == [("May", ["PER"]), ("MAY", ["GPE"]), ("may", ["GPE"])]


def test_what_a_term_gives():
    context = context_of({"x": Entity("PER"), "y": Entity("GPE")})
    toml = TERM + 'attributes = { plain = "plainly", thing = ["x", "y"], kinds = "a" }\n'
    (prediction,) = Matcher(context, lexicon_of(toml, context), names=False, terms=True).predict("A term.")
    place = {"start": 2, "end": 6}
    assert [(item["from_name"], item["type"], item["value"]) for item in prediction.result] == [
        ("words", "labels", place | {"text": "term", "labels": ["soft word"]}),
        ("words_plain", "textarea", place | {"text": ["plainly"]}),
        ("words_thing", "choices", place | {"text": "term", "choices": ["x", "y"]}),
        ("words_kinds", "choices", place | {"text": "term", "choices": ["A"]}),
    ]
    assert len({item["id"] for item in prediction.result}) == 1


def test_layers_about_other_texts_are_marked_only_there():
    toml = TERM + TERM.replace("term]", '"other term"]').replace('"words"', '"marks"').replace("SOFT", "X")
    assert terms(toml, "other term") == ["term"]
    assert terms(toml, "other term", "title") == ["other term"]
    assert terms(toml, "other term", "page") == []


# ---- predictions as a whole


def both(folder: CorpusFolder = OWN) -> Matcher:
    return Matcher(folder.context, folder.lexicon, names=True, terms=True)


def seeds() -> dict[str, str]:
    found = {key: OWN.read_text(f"seeds/{article.file}") for key, article in OWN.context.articles.items()}
    return {key: text for key, text in found.items() if text}


def errors_of(context: CorpusSpec, predictions: list[Prediction]) -> list[str]:
    """What Label Studio's own validation says against predictions."""
    interface = LabelInterface(render_label_config(context.codebook, context.entities))
    sent = [{"model_version": source, "result": result} for source, result in predictions]
    return [error for one in sent for error in interface.validate_prediction(one, return_errors=True)]


def test_label_studio_takes_them():
    assert seeds()
    for text in seeds().values():
        predictions = both().predict(text)
        assert len(marks(predictions)) > 40
        assert errors_of(OWN.context, predictions) == []
        broken = [Prediction(source, [item | {"from_name": "x"} for item in result]) for source, result in predictions]
        assert errors_of(OWN.context, broken) != []


def tables(folder: Path, *names_of: str) -> dict[str, Any]:
    return {name: tomlkit.parse((folder / f"annotations/{name}.toml").read_text("utf-8")).unwrap() for name in names_of}


def test_our_reader_takes_them(tmp_path):
    """As somebody's annotation they are accepted without repair; only what they leave to the annotator is missing."""
    parts = tables(ROOT, "codebook", "entities")
    for number, (key, text) in enumerate(seeds().items()):
        items = [item for prediction in both().predict(text) for item in prediction.result]
        task = {"id": 1, "data": {"text": text}, "annotations": [{"id": 1, "completed_by": 1, "result": items}]}
        case = parts | {"seeds": {f"{key}.txt": text}, "exports": {"a.json": [task]}}
        built = build_case(tmp_path / str(number), case)
        assert built.results == (len(items), 0, 0)
        assert set(built.codes) == {"missing-attribute"}
        marked = [item["value"] for item in items if item["type"] == "labels" and item["from_name"] == "entities"]
        assert [(row["start"], row["end"], row["entity"]) for row in built.rows("entities")] == [
            (value["start"], value["end"], [reference_of(items, value)]) for value in marked
        ]


def reference_of(items: list[dict[str, Any]], value: dict[str, Any]) -> str:
    (found,) = [
        item["value"]["choices"][0]
        for item in items
        if item["from_name"] == "entities_entity" and item["value"]["start"] == value["start"]
    ]
    return found


def test_another_corpus_with_other_controls_and_aliases(tmp_path):
    folder = ROOT / "tests/corpora/zeitung"
    context = open_corpus(folder).context
    lexicon = lexicon_of(
        '[terms.Brandherd]\nlayer = "färbungen"\nlabel = "Gefühl"\nattributes = { klang = ["müde"] }\nnote = "Test"',
        context,
    )
    named = {name: key for key, entity in context.entities.items() for name in entity.names}
    text = "Da war der " + ", ".join(named) + " am Brandherd."
    predictions = Matcher(context, lexicon, names=True, terms=True).predict(text)
    assert quotes(predictions, text) == [*named, "Brandherd"]
    items = [item for prediction in predictions for item in prediction.result]
    task = {"id": 1, "data": {"inhalt": text}, "annotations": [{"id": 1, "completed_by": 1, "result": items}]}
    built = build_case(tmp_path, tables(folder, "codebook", "entities") | {"exports": {"a.json": [task]}})
    assert built.results == (len(items), 0, 0)
    assert built.codes == {}
    assert [row["klang"] for row in built.rows("färbungen")] == [[1]]


def test_in_the_seeds_they_are_what_the_adjudicator_marked():
    """All names and nothing else, each with its entity; all euphemisms, dysphemisms and plain words."""
    starred = dict(gold())
    assert starred.keys() == seeds().keys()
    for key, text in seeds().items():
        named, termed = both().predict(text)
        descriptions = (["title"], ["descriptive"])
        forms = {region: given["entities_form"] for region, given in starred[key].items() if "entities_form" in given}
        names_of = {region for region, form in forms.items() if form not in descriptions}
        assert len(names_of) > 30
        expected = {(*region, *starred[key][region]["entities_entity"]) for region in names_of}
        assert {(*place(item), item["value"]["choices"][0]) for item in named.result if "choices" in item["value"]} == {
            (start, end, entity) for start, end, _, entity in expected
        }
        assert {(*place(item), *item["value"]["labels"]) for item in marks([named])} == names_of
        euphemisms = {region for region, given in starred[key].items() if "euphemisms" in given}
        found = {
            (*place(item), *item["value"]["labels"]) for item in marks([termed]) if item["from_name"] == "euphemisms"
        }
        assert found == euphemisms != set()


def place(item: dict[str, Any]) -> tuple[int, int]:
    return item["value"]["start"], item["value"]["end"]


def gold() -> Iterator[tuple[str, dict[tuple[int, int, str], dict[str, list[str]]]]]:
    """Article -> region (start, end, label) of the starred annotation -> values by control."""
    for path in sorted((ROOT / "annotations/exports").glob("*.json")):
        for task in json.loads(path.read_bytes()):
            (made,) = [made for made in task["annotations"] if made["ground_truth"]]
            items = [item for item in made["result"] if item["type"] != "relation"]
            labels = {
                item["id"]: (*place(item), *item["value"]["labels"]) for item in items if item["type"] == "labels"
            }
            regions: dict[tuple[int, int, str], dict[str, list[str]]] = {}
            for item in items:
                value = item["value"]
                given_values = value.get("labels") or value.get("choices") or value["text"]
                regions.setdefault(labels[item["id"]], {})[item["from_name"]] = given_values
            yield task["data"]["article_id"], regions


def test_the_same_text_gets_the_same_prediction():
    text = next(iter(seeds().values()))
    assert both().predict(text) == both().predict(text)
    moved = {item["id"] for item in marks(both().predict(" " + text))}
    assert not moved & {item["id"] for item in marks(both().predict(text))}


def test_the_source_says_which_list_it_was():
    entities = {"a": Entity("PER", names={"Ann": ""})}
    lexicon, other = lexicon_of(TERM), lexicon_of(TERM + 'variants = ["terms"]')

    def sources(entities: dict[str, Entity], lexicon: Lexicon) -> list[str]:
        return [found.source for found in Matcher(context_of(entities), lexicon, names=True, terms=True).predict("")]

    first, second = sources(entities, lexicon)
    assert re.fullmatch(r"names of entities\.toml [0-9a-f]{8}", first)
    assert re.fullmatch(r"terms of lexicon\.toml [0-9a-f]{8}", second)
    assert sources(dict(entities), lexicon) == [first, second]
    assert sources(entities, other)[0] == first
    assert sources(entities, other)[1] != second
    assert sources({"a": Entity("PER", names={"Anne": ""})}, lexicon)[0] != first
    assert sources(entities, lexicon_of('leave_out = ["the"]' + TERM))[0] != first


def test_a_text_without_finds_has_empty_predictions():
    assert [(found.result) for found in both().predict("Nothing here.")] == [[], []]


def test_predictions_do_not_overlap_in_a_layer():
    def mark(key: str, control: str, start: int, end: int) -> dict[str, Any]:
        return {"id": key, "from_name": control, "type": "labels", "value": {"start": start, "end": end}}

    def note(key: str) -> dict[str, Any]:
        return {"id": key, "from_name": "note", "type": "textarea", "value": {}}

    first = [mark("0", "x", 20, 30), mark("1", "x", 5, 9), mark("2", "x", 0, 4)]
    second = [
        mark("9", "x", 6, 7),
        mark("3", "x", 3, 5),
        note("3"),
        mark("4", "x", 4, 5),
        note("4"),
        mark("5", "y", 3, 6),
        mark("2", "x", 0, 4),
    ]
    third = [mark("6", "y", 5, 7), mark("7", "x", 9, 10), mark("8", "x", 0, 10)]
    kept = apart([Prediction("a", first), Prediction("b", second), Prediction("c", third)])
    assert [(found.source, [item["id"] for item in found.result]) for found in kept] == [
        ("a", ["0", "1", "2"]),
        ("b", ["4", "4", "5"]),
        ("c", ["7"]),
    ]


def test_names_come_before_terms():
    context = context_of({"ann": Entity("PER", names={"Ann": ""})})
    toml = TERM.replace("term]", '"Ann Lee"]\nvariants = ["Lee"]').replace('"words"', '"names"').replace("SOFT", "PER")
    named, termed = Matcher(context, lexicon_of(toml), names=True, terms=True).predict("Ann Lee, Lee")
    assert [item["value"]["text"] for item in marks([named])] == ["Ann"]
    assert [(item["value"]["text"], item["value"]["start"]) for item in marks([termed])] == [("Lee", 9)]


# ---- what cannot be


@pytest.mark.parametrize(
    ("entities", "lexicon", "asked", "message"),
    [
        ({}, None, "names", "entities.toml has no names\n  add `names` to the entities, or predict from terms only"),
        ({"a": Entity("PER", names={"--": ""})}, None, "names", "entities.toml has no names\n  add `names` to"),
        (
            {"a": Entity("RIVER", names={"Nile": ""})},
            None,
            "names",
            "no name in entities.toml can be predicted: no layer",
        ),
        (
            {},
            None,
            "terms",
            "there is no lexicon: annotations/lexicon.toml does not exist\n  write the lexicon, or predict",
        ),
        ({}, "", "terms", "lexicon.toml has no term that can be predicted\n  add terms for layers of a plain"),
        (
            {},
            TERM.replace('"words"', '"tags"').replace("SOFT", "GPE"),
            "terms",
            "lexicon.toml has no term that can be predicted",
        ),
    ],
)
def test_a_list_with_nothing_to_mark_is_a_usage_error(entities, lexicon, asked, message):
    found = None if lexicon is None else lexicon_of(lexicon)
    with pytest.raises(UsageError, match=f"^{re.escape(message)}"):
        Matcher(context_of(entities), found, names=asked == "names", terms=asked == "terms")


def test_without_the_extra_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ahocorasick", None)
    with pytest.raises(UsageError) as caught:
        both()
    assert str(caught.value) == "pyahocorasick is not installed\n  `make .venv/annotate` installs it"


ANYWHERE = {"x": Entity("PER"), "y": Entity("GPE")}
WHY = "\n  state the origin of the term: `source` (a key of [sources]), `note`, or both"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ('layer = "words"', 'layer = "wrods"'),
            "terms.term.layer: expected one of names, words, marks, tags, found 'wrods'",
        ),
        (('"SOFT"', '"soft word"'), "terms.term.label: expected a label of words, SOFT, HARD, found 'soft word'"),
        (
            ('note = "for a test"', 'attributes = { plian = "x" }'),
            "terms.term.attributes.plian: expected attributes of words, one of plain, thing, kinds, stars, "
            "found 'plian'",
        ),
        (
            ('label = "SOFT"', 'label = "HARD"\nattributes = { kinds = "a" }'),
            "terms.term.attributes.kinds: attribute kinds does not apply to label HARD, only to SOFT",
        ),
        (
            ('note = "', 'attributes = { stars = "5" }\nnote = "'),
            "terms.term.attributes.stars: expected an attribute of the kind choice, text, ref, found rating",
        ),
        (
            ('note = "', 'attributes = { kinds = ["a", "A"] }\nnote = "'),
            "terms.term.attributes.kinds: expected one of a, b, found 'A'",
        ),
        (
            ('note = "', 'attributes = { plain = ["a", "b"] }\nnote = "'),
            "terms.term.attributes.plain: expected one value, found a, b",
        ),
        (
            ('note = "', 'attributes = { kinds = [] }\nnote = "'),
            "terms.term.attributes.kinds: expected values, found none",
        ),
        (
            ('note = "', 'attributes = { plain = " " }\nnote = "'),
            "terms.term.attributes.plain: expected text, found ''",
        ),
        (
            ('note = "', 'attributes = { thing = "z" }\nnote = "'),
            "terms.term.attributes.thing: expected an id of entities.toml, found 'z'",
        ),
        (
            ('layer = "words"\nlabel = "SOFT"', 'layer = "names"\nlabel = "PER"\nattributes = { who = "y" }'),
            "terms.term.attributes.who: expected an entity of the type PER, found y, which is GPE",
        ),
        (("terms.term", 'terms."\u3164"'), "terms.\u3164: expected a letter or digit at both ends, found '\u3164'"),
        (("terms.term", 'terms." term"'), "terms.\" term\": expected a letter or digit at both ends, found ' term'"),
        (
            ('note = "', 'variants = [""]\nnote = "'),
            "terms.term.variants: expected a letter or digit at both ends, found ''",
        ),
        (
            ('note = "', 'variants = ["terms", "TERM"]\nnote = "'),
            "terms.term.variants: 'TERM' is already in terms.term",
        ),
        (
            ('note = "', 'not_in = ["long word"]\nnote = "'),
            "terms.term.not_in: expected a phrase that contains the term, found 'long word'",
        ),
        (('note = "for a test"', 'source = "me"'), "terms.term.source: expected one of none, found 'me'" + WHY),
        (('note = "for a test"', ""), "terms.term.note: expected a source or a note, found neither" + WHY),
        (('note = "', 'case = "any"\nnote = "'), 'terms.term.case: expected one of exact, free, found "any"'),
        (
            ('note = "', 'varaints = []\nnote = "'),
            "terms.term: unknown key varaints; expected one of layer, label, variants, not_in, case, attributes, "
            "source, note; did you mean variants?",
        ),
    ],
)
def test_a_lexicon_that_the_codebook_does_not_know(change, message):
    with pytest.raises(CorpusError) as caught:
        lexicon_of(TERM.strip().replace(*change), context_of(ANYWHERE))
    assert str(caught.value) == f"lexicon.toml: {message}"


def test_two_terms_of_a_layer_cannot_be_spelled_alike():
    both_layers = TERM + TERM.replace("term]", "TERM]").replace('"words"', '"names"').replace("SOFT", "PER")
    assert len(lexicon_of(both_layers).terms) == 2
    with pytest.raises(CorpusError, match=r"^lexicon\.toml: terms\.TERM: 'TERM' is already in terms\.term$"):
        lexicon_of(TERM + TERM.replace("term]", "TERM]"))


def test_a_corpus_may_do_without_a_lexicon_and_is_refused_with_a_bad_one(tmp_path):
    build_case(tmp_path, {"exports": {"a.json": []}})
    folder = tmp_path / "corpus"
    assert open_corpus(folder).lexicon is None
    (folder / "annotations/lexicon.toml").write_text('[terms.x]\nlayer = "spans"\nlabel = "ORG"\nnote = "-"\n', "utf-8")
    with pytest.raises(
        CorpusError, match=r"^lexicon\.toml: terms\.x\.label: expected a label of spans, PER, LOC, found"
    ):
        open_corpus(folder)


# ---- the lexicon of this corpus


def test_every_form_of_every_term_is_found():
    lexicon = OWN.lexicon
    assert lexicon
    assert 30 <= len(lexicon.terms) <= 60
    matcher = Matcher(OWN.context, lexicon, names=False, terms=True)
    for words, term in lexicon.terms.items():
        for form in (words, *term.variants):
            text = f"They spoke of {form}, again."
            (mark,) = marks(matcher.predict(text))
            assert (mark["from_name"], mark["value"]["labels"]) == (term.layer, [term.label])
            assert mark["value"]["text"] == form
        for phrase in term.not_in:
            assert marks(matcher.predict(f"They spoke of {phrase}, again.")) == []


# ---- for any text


LETTERS = ["a", "A", "b", "B", "é", "É", "e\u0301", "e", "\u0301", " ", "\n", "\u00a0", "-", "'", "’", "1", "中", "😀"]
TEXTS = st.lists(st.sampled_from(LETTERS), max_size=40).map("".join)
NAMES = (
    st.text(alphabet="aAbé -'", min_size=1, max_size=5)
    .map(lambda name: " ".join(name.split()))
    .filter(lambda name: any(letter.isalnum() for letter in name))
)
SPELLED = {"'": "['’]", " ": r"\s+", "é": "(?:é|É|[eE]\u0301)"}


def naive(name: str, text: str) -> Iterator[tuple[int, int]]:
    """Every place of a name, by a regular expression over the text as it stands."""
    letters = (
        SPELLED.get(letter) or (f"[{letter}{letter.upper()}]" if letter.islower() else re.escape(letter))
        for letter in name
    )
    before = r"(?<![a-zA-Z0-9éÉ\u0301])"
    after = r"(?![a-zA-Z0-9éÉ\u0301])"
    pattern = re.compile(before + "".join(letters) + after)
    return (found.span() for start in range(len(text)) if (found := pattern.match(text, start)))


def length(text: str) -> int:
    return len(" ".join(unicodedata.normalize("NFC", text).split()))


@settings(max_examples=400, deadline=None)
@given(st.lists(NAMES, min_size=1, max_size=6), TEXTS)
def test_finds_are_those_of_a_naive_search(names_of, text):
    expected: list[tuple[int, int]] = []
    everywhere = {span for name in names_of for span in naive(name, text)}
    for start, end in sorted(everywhere, key=lambda span: (-length(text[slice(*span)]), span)):
        if all(end <= other or start >= stop for other, stop in expected):
            expected.append((start, end))
    context = context_of({f"e{number}": Entity("PER", names={name: ""}) for number, name in enumerate(names_of)})
    found = [place(item) for item in marks(Matcher(context, None, names=True, terms=False).predict(text))]
    assert found == sorted(expected)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | TEXTS)
def test_folding_leads_back(text):
    folded = fold(text)
    assert len(folded.key) == len(folded.text)
    assert fold(folded.text).text == folded.text
    assert fold(unicodedata.normalize("NFD", text)).text == folded.text
    places = [folded.origin(at, at + 1) for at in range(len(folded.text))]
    assert all(0 <= start < end <= len(text) for start, end in places)
    assert places == sorted(places)
    for at in range(len(folded.text)):
        start, end = folded.origin(at, len(folded.text))
        assert start == places[at][0]
        assert end == places[-1][1]


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=30),
    st.sampled_from(["Russia", "Kim Jong-un", "L’Été", "\u1112\u1161\u11ab", "中国", "O'Brien"]),
    st.text(max_size=30),
)
def test_a_find_is_its_name(before, name, after):
    """Whatever stands around it, a find folds to what was looked for; between spaces it is always found."""
    context = context_of({"e": Entity("PER", names={name: ""})})
    matcher = Matcher(context, None, names=True, terms=False)
    for text in (before + name + after, f"{before} {name} {after}"):
        predictions = matcher.predict(text)
        found = quotes(predictions, text)
        assert all(fold(quote).key == fold(name).key for quote in found)
        assert all(first <= second for (_, first), (second, _) in pairwise(map(place, marks(predictions))))
    assert len(found) >= 1
