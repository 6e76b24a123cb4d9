"""The labelling configuration made from codebooks, read back as Label Studio reads it."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import msgspec
import pytest

from helpers import ROOT
from newsparallax.corpus import Codebook, Entity, attribute_control, document_control, layer_control, read_toml
from newsparallax.render import render_label_config
from newsparallax.render.label_config import KEYLESS, MAX_BUTTONS, NO_KEY

ANNOTATIONS = ROOT / "annotations"
ODD = 'say "it\'s" <b> & name="x"\nnow'

SMALL: dict[str, Any] = {
    "codebook": {"version": "1"},
    "texts": {"body": {"field": "body_html", "kind": "html"}, "lead": {"field": "lead"}},
    "layers": {
        "marks": {
            "labels": {"B": {"alias": "b-alias", "color": "#111111", "hotkey": "b"}, "A": {"definition": ODD}, ODD: {}},
            "multiple": True,
            "attributes": {
                "sort": {"kind": "choice", "values": {"one": {}, ODD: {"definition": ODD}}, "labels": ["B", "A"]},
                "note": {"kind": "text", "required_for": ["A"], "labels": ["A"]},
                "notes": {"kind": "text", "many": True},
                "who": {"kind": "ref", "types_match_label": True, "many": True},
                "stars": {"kind": "rating", "required": True, "control": "the_stars"},
                "age": {"kind": "number"},
            },
            "relations": {"to": {"to": ["marks"]}, "any": {"to": ["marks"], "unlabelled": True}},
        },
        "leads": {
            "labels": {"C, D": {}, "E": {}},
            "text": "lead",
            "control": "lead_labels",
            "attributes": {"sure": {"kind": "rating", "required": True}},
            "relations": {"to": {"to": ["marks"]}, "back": {"to": ["marks"], "alias": "from"}},
        },
    },
    "document": {
        "mood": {"kind": "choice", "values": {f"m{n}": {} for n in range(6)}, "required": True},
        "kinds": {"kind": "taxonomy", "values": {"X": {}, "X > Y > Z": {"alias": "X > Y > zed"}}, "text": "lead"},
    },
}
PEOPLE = {"ann": Entity(type="A", description="one <person>"), "bob": Entity(type="B"), "hut": Entity(type="HUT")}


def small(**changes: Any) -> Codebook:
    return msgspec.convert({**SMALL, **changes}, Codebook)


def real() -> tuple[Codebook, dict[str, Entity]]:
    codebook = read_toml(ANNOTATIONS / "codebook.toml", Codebook)
    return codebook, read_toml(ANNOTATIONS / "entities.toml", dict[str, Entity])


def rendered(codebook: Codebook, entities: dict[str, Entity]) -> Element:
    return fromstring(render_label_config(codebook, entities))


def named(root: Element, name: str) -> Element:
    (found,) = (element for element in root.iter() if element.get("name") == name)
    return found


def controls(codebook: Codebook) -> list[str]:
    names = [document_control(name, document) for name, document in codebook.document.items()]
    for name, layer in codebook.layers.items():
        names.append(layer_control(name, layer))
        names += [attribute_control(name, key, attribute) for key, attribute in layer.attributes.items()]
    return names


@pytest.mark.parametrize(
    ("codebook", "entities"), [(small(), PEOPLE), (small(), {}), real()], ids=["small", "none", "own"]
)
def test_every_control_is_there_once_and_is_about_a_text(codebook: Codebook, entities: dict[str, Entity]) -> None:
    xml = render_label_config(codebook, entities)
    root = fromstring(xml)
    assert Counter(
        element.get("name") for element in root.iter() if element.get("name") and element.tag != "Filter"
    ) == Counter([*controls(codebook), *codebook.texts])
    for name in controls(codebook):
        assert named(root, name).get("toName") in codebook.texts
    # How the server looks for duplicate names: with a regular expression over the XML.
    names = re.findall(r'\bname="([^"]*)"', xml)
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("codebook", "entities"), [(small(), PEOPLE), real()], ids=["small", "own"])
def test_labels_stand_in_the_codebooks_order(codebook: Codebook, entities: dict[str, Entity]) -> None:
    root = rendered(codebook, entities)
    for name, layer in codebook.layers.items():
        labels = named(root, layer_control(name, layer))
        assert [label.get("value") for label in labels] == list(layer.labels)
        definitions = [re.sub(r"[*`]", "", label.definition) for label in layer.labels.values()]
        assert [label.get("hint", "") for label in labels] == definitions
        for key, attribute in layer.attributes.items():
            if attribute.kind == "choice":
                choices = named(root, attribute_control(name, key, attribute))
                assert [choice.get("value") for choice in choices] == list(attribute.values)


def test_begins_with_the_mark_and_ends_with_a_newline() -> None:
    xml = render_label_config(*real())
    assert xml.startswith("<!-- made from")
    assert "newsparallax generate" in xml.splitlines()[0]
    assert xml.splitlines()[1] == '<View className="np">'
    assert xml.endswith("</View>\n")


def test_is_deterministic() -> None:
    assert render_label_config(small(), PEOPLE) == render_label_config(small(), PEOPLE)


def test_layers_are_marked_in_their_own_text() -> None:
    root = rendered(small(), PEOPLE)
    assert (named(root, "body").tag, named(root, "body").get("value")) == ("HyperText", "$body_html")
    assert (named(root, "lead").tag, named(root, "lead").get("granularity")) == ("Text", "symbol")
    marks, leads = named(root, "marks"), named(root, "lead_labels")
    assert (marks.tag, marks.get("toName"), marks.get("choice")) == ("HyperTextLabels", "body", "multiple")
    assert (leads.tag, leads.get("toName"), leads.get("choice")) == ("Labels", "lead", None)
    assert marks[0].attrib == {"value": "B", "alias": "b-alias", "background": "#111111", "hotkey": "b"}


def test_attributes_show_for_spans_that_may_carry_them() -> None:
    codebook, entities = real()
    for book, registry in ((small(), PEOPLE), (codebook, entities)):
        root = rendered(book, registry)
        views = {child.get("name"): view for view in root.iter("View") for child in view}
        for name, layer in book.layers.items():
            for key, attribute in layer.attributes.items():
                control = named(root, attribute_control(name, key, attribute))
                assert control.get("perRegion") == "true"
                for element in (control, views[control.get("name")]):
                    assert element.get("visibleWhen") == "region-selected"
                    assert element.get("whenTagName") == layer_control(name, layer)
                assert ("whenLabelValue" in views[control.get("name")].attrib) == bool(attribute.labels)
    assert named(rendered(small(), {}), "marks_sort").get("whenLabelValue") == "b-alias,A"


def test_required_is_said_where_label_studio_asks_for_it_rightly() -> None:
    root = rendered(small(), PEOPLE)
    required = {element.get("name") for element in root.iter() if element.get("required") == "true"}
    # A rating heeds only whenLabelValue, and a label with a comma cannot stand there: not `leads_sure`.
    assert required == {"marks_note", "the_stars", "mood"}
    assert all(named(root, str(name)).get("requiredMessage") for name in required)
    assert named(rendered(*real()), "euphemisms_plain_meaning").get("required") is None


def test_kinds_of_fields() -> None:
    root = rendered(small(), PEOPLE)
    note, notes = named(root, "marks_note"), named(root, "marks_notes")
    assert (note.tag, note.get("displayMode"), note.get("maxSubmissions")) == ("TextArea", None, "1")
    assert (notes.get("editable"), notes.get("maxSubmissions")) == ("true", None)
    assert (named(root, "the_stars").tag, named(root, "marks_age").tag) == ("Rating", "Number")
    mood = named(root, "mood")
    assert (mood.get("showInline"), mood.get("choice"), mood.get("perRegion")) == ("true", "single", None)
    kinds = named(root, "kinds")
    assert [choice.attrib for choice in kinds.iter("Choice")] == [
        {"value": "X"},
        {"value": "Y"},
        {"value": "Z", "alias": "zed"},
    ]
    assert kinds.get("toName") == "lead"


def test_references_offer_the_registry() -> None:
    who = named(rendered(small(), PEOPLE), "marks_who")
    assert (who.tag, who.get("choice")) == ("Choices", "multiple")
    assert [choice.attrib for choice in who] == [
        {"value": "ann", "hotkey": NO_KEY, "style": KEYLESS, "hint": "one <person>"},
        {"value": "bob", "hotkey": NO_KEY, "style": KEYLESS},
    ]
    assert named(rendered(small(), {}), "marks_who").tag == "TextArea"
    many = {f"e{number}": Entity(type="A") for number in range(201)}
    assert named(rendered(small(), many), "marks_who").tag == "TextArea"


def test_nothing_is_left_for_label_studio_to_give_keys_to_but_labels() -> None:
    for codebook, entities in (small(), PEOPLE), real():
        root = rendered(codebook, entities)
        keyed = [
            *root.iter("Rating"),
            *root.iter("Number"),
            *(choice for choices in root.iter("Choices") for choice in choices),
        ]
        assert keyed
        assert all(element.get("hotkey") for element in keyed)
        assert not any(choice.get("hotkey") for tree in root.iter("Taxonomy") for choice in tree.iter("Choice"))


def test_a_key_does_one_thing() -> None:
    root = rendered(*real())
    keys = Counter(element.get("hotkey") for element in root.iter() if element.get("hotkey"))
    assert keys.pop(NO_KEY)
    assert set(keys.values()) == {1}
    assert {"1", "q"} < keys.keys()
    assert "u" not in keys


def test_values_show_their_keys_where_they_have_one() -> None:
    root = rendered(*real())
    (name, *_), (weak, *_) = named(root, "entities_form"), named(root, "stances_intensity")
    assert (name.get("hotkey"), name.get("style")) == ("l", None)
    assert (weak.get("hotkey"), weak.get("style")) == (NO_KEY, KEYLESS)


def test_a_long_list_has_a_finder_with_a_key_of_its_own() -> None:
    values = {f"v{number}": {} for number in range(MAX_BUTTONS + 1)}
    marks: dict[str, Any] = {
        "labels": {"A": {"hotkey": "0"}},
        "attributes": {
            "short": {"kind": "choice", "values": dict(list(values.items())[1:])},
            "long": {"kind": "choice", "values": values},
            "longer": {"kind": "choice", "values": {**values, "w": {"hotkey": "8"}}},
        },
    }
    root = rendered(small(layers={"marks": marks}, document={}), {})
    assert [finder.attrib for finder in root.iter("Filter")] == [
        {
            "name": f"marks_{key}_find",
            "toName": f"marks_{key}",
            "minlength": "1",
            "placeholder": f"Find [{hotkey}]",
            "hotkey": hotkey,
        }
        for key, hotkey in (("long", "9"), ("longer", "7"))
    ]


def test_when_all_keys_are_taken_a_finder_has_none() -> None:
    labels = {f"L{key}": {"hotkey": key} for key in "0123456789abcdefghijklmnopqrstvwxyz"}
    values = {f"v{number}": {} for number in range(MAX_BUTTONS + 1)}
    marks: dict[str, Any] = {"labels": labels, "attributes": {"long": {"kind": "choice", "values": values}}}
    (finder,) = rendered(small(layers={"marks": marks}, document={}), {}).iter("Filter")
    assert (finder.get("hotkey"), finder.get("placeholder")) == (NO_KEY, "Find")


def test_layers_are_panels_in_the_head_that_name_their_text_where_there_are_several() -> None:
    root = rendered(small(), PEOPLE)
    (head,) = (view for view in root.iter("View") if view.get("className") == "np-head")
    assert [panel.get("value") for panel in head.iter("Panel")] == ["marks (body)", "leads (lead)"]
    assert [panel[0].get("name") for panel in head.iter("Panel")] == ["marks", "lead_labels"]
    (fields,) = (view for view in head if view.get("className") == "np-fields")
    assert fields[0].get("visibleWhen") == "no-region-selected"
    assert all(view.get("visibleWhen") == "region-selected" for view in fields[1:])
    beside = [str(view.get("className")) for view in root.iter("View") if "np-beside" in str(view.get("className"))]
    assert beside == ["np-text np-beside", "np-text np-beside", "np-document np-beside"]
    assert [panel.get("value") for panel in rendered(*real()).iter("Panel")] == [
        *("Entities", "Cues", "Quotes", "Euphemisms", "Stances", "Defects")
    ]


def test_texts_take_all_the_width_where_no_span_has_fields() -> None:
    root = rendered(small(layers={"marks": {"labels": {"A": {}}}}, document={}), {})
    assert [view.get("className") for view in root.iter("View")] == ["np", "np-head", "np-text", "np-text"]


def test_the_page_shows_words_without_the_marks_of_markdown() -> None:
    layers = {"marks": {"labels": {"A": {"definition": "*so-called*, in `code`, **not** 2 * 3 * 4 or a*"}}}}
    assert (
        named(rendered(small(layers=layers), {}), "marks")[0].get("hint") == "so-called, in code, not 2 * 3 * 4 or a*"
    )
    words = [
        element.get(key, "")
        for element in rendered(*real()).iter()
        for key in ("hint", "requiredMessage", "value")
        if element.tag != "Text"
    ]
    assert [word for word in words if "`" in word or "*" in word] == []


def test_relations_stand_once() -> None:
    root = rendered(small(), {})
    assert [relation.get("value") for relation in root.iter("Relation")] == ["to", "from"]
    assert [relations.get("choice") for relations in root.iter("Relations")] == ["single"]


def test_style_keeps_spaces_and_labels_in_sight() -> None:
    style = rendered(*real())[0]
    assert style.tag == "Style"
    assert "white-space: pre-wrap" in (style.text or "")
    assert "position: sticky" in (style.text or "")
    # Label Studio reads the style as XML source, in which > would be &gt;.
    assert not set(style.text or "") & set("<>&")


def test_a_codebook_without_texts_or_layers_is_valid() -> None:
    root = rendered(small(texts={}), PEOPLE)
    assert {element.get("toName") for element in root.iter()} == {None}
    assert named(root, "marks").tag == "Labels"
    assert rendered(small(texts={}, layers={}, document={}), {}).tag == "View"
