"""What is told of a codebook or registry that cannot be used: the file, the key, what is there, what was expected."""

from __future__ import annotations

import copy
import pickle
import shutil
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import tomlkit

from command_line import run_script
from helpers import ROOT
from newsparallax.corpus import open_corpus
from newsparallax.errors import NewsParallaxError

FILES = {
    name: ROOT / ("seeds" if name == "articles.toml" else "annotations") / name
    for name in ("codebook.toml", "corpus.toml", "entities.toml", "annotators.toml", "waivers.toml", "articles.toml")
}
TABLES = {name: tomllib.loads(path.read_text(encoding="utf-8")) for name, path in FILES.items()}
GONE = object()
SEED = next(iter(TABLES["articles.toml"]))


class Bad(NamedTuple):
    """An edit of one file (dotted key -> value, or its whole content, or None for no file), and the message."""

    file: str
    edit: dict[str, Any] | bytes | None
    message: str


TOPIC = "layers.euphemisms.attributes.topic"


def write(folder: Path, bad: Bad) -> Path:
    for name, path in FILES.items():
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        if name != bad.file:
            shutil.copyfile(path, target)
        elif isinstance(bad.edit, bytes):
            target.write_bytes(bad.edit)
        elif bad.edit is not None:
            target.write_text(written(edited(TABLES[name], bad.edit)), encoding="utf-8")
    return folder


def written(table: dict[str, Any]) -> str:
    """The table as TOML, part by part: writing takes longer than the test, and an edit changes one part only."""
    parts = [{key: value} for key, value in table.items() if not isinstance(value, dict)]
    for key, value in table.items():
        if isinstance(value, dict):
            apart = value and all(isinstance(part, dict) for part in value.values())
            parts += [{key: {name: part}} for name, part in value.items()] if apart else [{key: value}]
    return "".join(_part(pickle.dumps(part)) for part in parts)


@cache
def _part(pickled: bytes) -> str:
    return tomlkit.dumps(pickle.loads(pickled)) + "\n"


def edited(table: dict[str, Any], edit: dict[str, Any]) -> dict[str, Any]:
    table = copy.deepcopy(table)
    for dotted, value in edit.items():
        *way, last = dotted.split(".")
        part: Any = table
        for key in way:
            part = part[int(key) - 1] if isinstance(part, list) else part.setdefault(key, {})
        if value is GONE:
            del part[last]
        elif isinstance(part, list):
            part[int(last) - 1] = value
        else:
            part[last] = value
    return table


CASES = {
    # ---- keys and types
    "unknown-key": Bad(
        "codebook.toml",
        {f"{TOPIC}.vaules": {}},
        "codebook.toml: layers.euphemisms.attributes.topic: unknown key vaules; expected one of "
        "kind, title, question, many, required, control, former_controls, registry, values, ordered, pattern, rules, "
        "labels, required_for, required_when, looked_up, types_match_label; did you mean values?",
    ),
    "unknown-key-nothing-like-it": Bad(
        "codebook.toml",
        {f"{TOPIC}.zzz": 1},
        "codebook.toml: layers.euphemisms.attributes.topic: unknown key zzz; expected one of kind, "
        "title, question, many, required, control, former_controls, registry, values, ordered, pattern, rules, labels, "
        "required_for, required_when, looked_up, types_match_label",
    ),
    "unknown-section": Bad(
        "codebook.toml",
        {"layer": {}},
        "codebook.toml: unknown key layer; expected one of codebook, texts, layers, "
        "document, worked_example, tokens, roles; "
        "did you mean layers?",
    ),
    "unknown-relation-key": Bad(
        "codebook.toml",
        {"layers.stances.relations.target.maximum": 3},
        "codebook.toml: layers.stances.relations.target: unknown key maximum; expected one of to, "
        "title, question, min, max, alias, unlabelled, required_when; did you mean max?",
    ),
    "wrong-type-text": Bad(
        "codebook.toml",
        {f"{TOPIC}.question": 7},
        "codebook.toml: layers.euphemisms.attributes.topic.question: expected text in quotation marks, "
        'found 7 (write "7")',
    ),
    "wrong-type-bool": Bad(
        "codebook.toml",
        {f"{TOPIC}.required": "yes"},
        'codebook.toml: layers.euphemisms.attributes.topic.required: expected true or false, found "yes"',
    ),
    "wrong-type-table": Bad(
        "codebook.toml",
        {TOPIC: "choice"},
        'codebook.toml: layers.euphemisms.attributes.topic: expected a table, found "choice"',
    ),
    "wrong-type-list": Bad(
        "codebook.toml",
        {"layers.stances.relations.target.to": "entities"},
        "codebook.toml: layers.stances.relations.target.to: expected a list (each entry: text in "
        'quotation marks), found "entities"',
    ),
    "wrong-type-entry": Bad(
        "codebook.toml",
        {"layers.stances.relations.target.to": ["entities", 2]},
        'codebook.toml: layers.stances.relations.target.to.2: expected text in quotation marks, found 2 (write "2")',
    ),
    "wrong-type-whole-number": Bad(
        "codebook.toml",
        {"layers.stances.relations.target.min": 1.5},
        "codebook.toml: layers.stances.relations.target.min: expected an integer, found 1.5",
    ),
    "labels-as-a-list": Bad(
        "codebook.toml",
        {"layers.cues.labels": ["FLAG", "GLOSS"]},
        "codebook.toml: layers.cues.labels: expected a table, found a list",
    ),
    "version-unquoted": Bad(
        "codebook.toml",
        {"codebook.version": 0.1},
        'codebook.toml: codebook.version: expected text in quotation marks, found 0.1 (write "0.1")',
    ),
    "version-missing": Bad(
        "codebook.toml",
        {"codebook.version": GONE},
        "codebook.toml: codebook: the key version is missing; expected text in quotation marks",
    ),
    "misspelled-kind": Bad(
        "codebook.toml",
        {f"{TOPIC}.kind": "coice"},
        "codebook.toml: layers.euphemisms.attributes.topic.kind: expected one of choice, number, rating, "
        'ref, taxonomy, text, found "coice"',
    ),
    "kind-missing": Bad(
        "codebook.toml",
        {f"{TOPIC}.kind": GONE},
        "codebook.toml: layers.euphemisms.attributes.topic: the key kind is missing; expected one of "
        "choice, number, rating, ref, taxonomy, text",
    ),
    "misspelled-overlap": Bad(
        "codebook.toml",
        {"layers.euphemisms.overlap": "never"},
        'codebook.toml: layers.euphemisms.overlap: expected one of allow, forbid, nest, found "never"',
    ),
    "labels-missing": Bad(
        "codebook.toml",
        {"layers.cues.labels": GONE},
        "codebook.toml: layers.cues: the key labels is missing; expected a table",
    ),
    "rule-without-answer": Bad(
        "codebook.toml",
        {"layers.cues.rules.2.answer": GONE},
        "codebook.toml: layers.cues.rules.2: the key answer is missing; expected text in quotation marks",
    ),
    "text-without-field": Bad(
        "codebook.toml",
        {"texts.text.field": GONE},
        "codebook.toml: texts.text: the key field is missing; expected text in quotation marks",
    ),
    "definition-not-text": Bad(
        "codebook.toml",
        {"layers.cues.labels.FLAG.definition": ["words"]},
        "codebook.toml: layers.cues.labels.FLAG.definition: expected text in quotation marks, found a list",
    ),
    "near-miss-without-why": Bad(
        "codebook.toml",
        {"layers.cues.labels.FLAG.near_miss.why": GONE},
        "codebook.toml: layers.cues.labels.FLAG.near_miss: the key why is missing; expected text in quotation marks",
    ),
    # ---- names
    "layer-not-a-word": Bad(
        "codebook.toml",
        {"layers.2 cues": {"labels": {"A": {}}}},
        'codebook.toml: layers."2 cues": expected a layer name of letters, digits, _'
        " and - that begins with a letter, found '2 cues'",
    ),
    "layer-too-long": Bad(
        "codebook.toml",
        {f"layers.{'é' * 51}": {"labels": {"A": {}}}},
        f"codebook.toml: layers.{'é' * 51}: expected a name of at most 100 bytes, found 102",
    ),
    "layer-is-a-type": Bad(
        "codebook.toml",
        {"layers._type": {"labels": {"A": {}}}},
        "codebook.toml: layers._type: `datasets` reserves the name _type; choose another",
    ),
    "attribute-not-a-word": Bad(
        "codebook.toml",
        {"layers.cues.attributes.it's": {"kind": "text"}},
        'codebook.toml: layers.cues.attributes."it\'s": expected an attribute name of letters,'
        ' digits, _ and - that begins with a letter, found "it\'s"',
    ),
    "attribute-is-a-type": Bad(
        "codebook.toml",
        {"layers.cues.attributes._type": {"kind": "text"}},
        "codebook.toml: layers.cues.attributes._type: `datasets` reserves the name _type; choose another",
    ),
    "relation-not-a-word": Bad(
        "codebook.toml",
        {"layers.cues.relations.a b": {"to": ["cues"]}},
        'codebook.toml: layers.cues.relations."a b": expected a relation name of letters, digits,'
        " _ and - that begins with a letter, found 'a b'",
    ),
    "document-not-a-word": Bad(
        "codebook.toml",
        {"document.": {"kind": "text"}},
        'codebook.toml: document."": expected a document layer name of letters, digits, _ and -'
        " that begins with a letter, found ''",
    ),
    "layer-reserved-config": Bad(
        "codebook.toml",
        {"layers.votes": {"labels": {"A": {}}}},
        "codebook.toml: layers.votes: every dataset has a column or config votes; choose another name",
    ),
    "layer-reserved-registry": Bad(
        "codebook.toml",
        {"layers.registry": {"labels": {"A": {}}}},
        "codebook.toml: layers.registry: every dataset has a column or config registry; choose another name",
    ),
    "document-reserved-registry": Bad(
        "codebook.toml",
        {"document.registry": {"kind": "text"}},
        "codebook.toml: document.registry: registry is already the config of entities; choose another name",
    ),
    "layer-reserved-column": Bad(
        "codebook.toml",
        {"layers.blocks": {"labels": {"A": {}}}},
        "codebook.toml: layers.blocks: every dataset has a column or config blocks; choose another name",
    ),
    "attribute-reserved": Bad(
        "codebook.toml",
        {"layers.cues.attributes.quote": {"kind": "text"}},
        "codebook.toml: layers.cues.attributes.quote: every span config has a column quote; choose another name",
    ),
    "relation-reserved": Bad(
        "codebook.toml",
        {"layers.cues.relations.annotator": {"to": ["cues"]}},
        "codebook.toml: layers.cues.relations.annotator: every span config has a column annotator; choose another name",
    ),
    "relation-is-an-attribute": Bad(
        "codebook.toml",
        {"layers.euphemisms.relations.topic": {"to": ["cues"]}},
        "codebook.toml: layers.euphemisms.relations.topic: topic is already an attribute of the layer; "
        "choose another name",
    ),
    "document-reserved": Bad(
        "codebook.toml",
        {"document.title": {"kind": "text"}},
        "codebook.toml: document.title: the config of articles has a column title; choose another name",
    ),
    "document-is-a-layer": Bad(
        "codebook.toml",
        {"document.cues": {"kind": "text"}},
        "codebook.toml: document.cues: cues is already a layer; choose another name",
    ),
    # ---- inventories
    "no-labels": Bad(
        "codebook.toml",
        {"layers.cues.labels": {}},
        "codebook.toml: layers.cues.labels: expected at least one label, found none",
    ),
    "choice-without-values": Bad(
        "codebook.toml",
        {f"{TOPIC}.values": GONE},
        "codebook.toml: layers.euphemisms.attributes.topic.values: expected at least one value for a "
        "choice, found none",
    ),
    "values-of-a-text": Bad(
        "codebook.toml",
        {"layers.euphemisms.attributes.plain_meaning.values.x": {}},
        "codebook.toml: layers.euphemisms.attributes.plain_meaning.values: expected none: only a choice "
        "or taxonomy has values, and the kind is text",
    ),
    "many-ratings": Bad(
        "codebook.toml",
        {"document.stars": {"kind": "rating", "many": True}},
        "codebook.toml: document.stars.many: expected false: a rating has one value",
    ),
    "pattern-of-a-choice": Bad(
        "codebook.toml",
        {f"{TOPIC}.pattern": "a"},
        f"codebook.toml: {TOPIC}.pattern: expected none: only a text has a pattern, and the kind is choice",
    ),
    "pattern-not-closed": Bad(
        "codebook.toml",
        {"document.mood": {"kind": "text", "pattern": "(a"}},
        "codebook.toml: document.mood.pattern: expected a regular expression in the syntax of RE2, found '(a' "
        "(missing ): (a)",
    ),
    "pattern-with-look-ahead": Bad(
        "codebook.toml",
        {"layers.euphemisms.attributes.plain_meaning.pattern": "(?=a)"},
        "codebook.toml: layers.euphemisms.attributes.plain_meaning.pattern: expected a regular expression in the "
        "syntax of RE2, found '(?=a)' (invalid perl operator: (?=)",
    ),
    "pattern-not-text": Bad(
        "codebook.toml",
        {"document.mood": {"kind": "text", "pattern": 4}},
        'codebook.toml: document.mood.pattern: expected text in quotation marks, found 4 (write "4")',
    ),
    "worked-value-not-in-pattern": Bad(
        "codebook.toml",
        {"layers.entities.attributes.iso.pattern": "[0-9]{4}-[0-9]{2}"},
        "codebook.toml: worked_example.marks[2].values.iso: expected a match of [0-9]{4}-[0-9]{2}, found '2031-05-02'",
    ),
    "alias-taken": Bad(
        "codebook.toml",
        {"layers.cues.labels.GLOSS.alias": "FLAG"},
        "codebook.toml: layers.cues.labels.GLOSS.alias: the name 'FLAG' in exports already belongs to FLAG",
    ),
    "former-taken": Bad(
        "codebook.toml",
        {"layers.cues.labels.GLOSS.former": ["FLAG"]},
        "codebook.toml: layers.cues.labels.GLOSS.former: the name 'FLAG' in exports already belongs to FLAG",
    ),
    # ---- texts, labels, values, layers that are not there
    "layer-of-unknown-text": Bad(
        "codebook.toml",
        {"layers.cues.text": "body"},
        "codebook.toml: layers.cues.text: expected one of text, found 'body'",
    ),
    "document-of-unknown-text": Bad(
        "codebook.toml",
        {"document.mood": {"kind": "text", "text": "body"}},
        "codebook.toml: document.mood.text: expected one of text, found 'body'",
    ),
    "tokens-of-unknown-layer": Bad(
        "codebook.toml",
        {"tokens": {"layer": "names"}},
        "codebook.toml: tokens.layer: expected one of entities, cues, quotes, euphemisms, stances, defects, "
        "found 'names'",
    ),
    "attribute-for-unknown-label": Bad(
        "codebook.toml",
        {f"{TOPIC}.labels": ["EUPHEMISM", "IRONY"]},
        "codebook.toml: layers.euphemisms.attributes.topic.labels: expected labels from EUPHEMISM, "
        "DYSPHEMISM, PLAIN, found 'IRONY'",
    ),
    "required-for-unknown-label": Bad(
        "codebook.toml",
        {f"{TOPIC}.required_for": ["EUPHEMISMS"]},
        "codebook.toml: layers.euphemisms.attributes.topic.required_for: expected labels from "
        "EUPHEMISM, DYSPHEMISM, PLAIN, found 'EUPHEMISMS'",
    ),
    "required-for-label-without-it": Bad(
        "codebook.toml",
        {f"{TOPIC}.labels": ["PLAIN"], f"{TOPIC}.required_for": ["EUPHEMISM"]},
        "codebook.toml: layers.euphemisms.attributes.topic.required_for: expected labels from "
        "`labels` (PLAIN), found 'EUPHEMISM'",
    ),
    "required-when-unknown-attribute": Bad(
        "codebook.toml",
        {f"{TOPIC}.required_when": {"attribute": "flag", "values": ["none"]}},
        "codebook.toml: layers.euphemisms.attributes.topic.required_when.attribute: expected one of "
        "plain_meaning, referent, topic, flagged, found 'flag'",
    ),
    "required-when-unknown-value": Bad(
        "codebook.toml",
        {f"{TOPIC}.required_when": {"attribute": "flagged", "values": ["no"]}},
        "codebook.toml: layers.euphemisms.attributes.topic.required_when.values: expected values of "
        "flagged from none, scare_quotes, distancing, metalinguistic, found 'no'",
    ),
    "same-model-as-nobody": Bad(
        "annotators.toml",
        {"m4.same_model_as": ["m9"]},
        "annotators.toml: m4.same_model_as: expected pseudonyms of this file, found 'm9'",
    ),
    "looked-up-text": Bad(
        "codebook.toml",
        {"layers.defects.attributes.suggestion.looked_up": True},
        "codebook.toml: layers.defects.attributes.suggestion.looked_up: expected false: only a choice has alpha, "
        "and the kind is text",
    ),
    # ---- the worked example
    "worked-layer": Bad(
        "codebook.toml",
        {"worked_example.marks.1.layer": "names"},
        "codebook.toml: worked_example.marks[1].layer: expected one of entities, cues, quotes, euphemisms, stances, "
        "defects, found 'names'",
    ),
    "worked-label": Bad(
        "codebook.toml",
        {"worked_example.marks.14.label": "HINT"},
        "codebook.toml: worked_example.marks[14].label: expected one of FLAG, GLOSS, SPEECH, HEDGE, found 'HINT'",
    ),
    "worked-span": Bad(
        "codebook.toml",
        {"worked_example.marks.14.span": "sad"},
        "codebook.toml: worked_example.marks[14].span: expected words of the text, found 'sad'",
    ),
    "worked-attribute": Bad(
        "codebook.toml",
        {"worked_example.marks.14.values": {"size": "big"}},
        "codebook.toml: worked_example.marks[14].values: expected attributes from none, found 'size'",
    ),
    "worked-value": Bad(
        "codebook.toml",
        {"worked_example.marks.1.values": {"form": "big"}},
        "codebook.toml: worked_example.marks[1].values.form: expected one of long, short, acronym, demonym, title, "
        "descriptive, found 'big'",
    ),
    "worked-relation": Bad(
        "codebook.toml",
        {"worked_example.marks.23.relations": {"user": ["Quito"]}},
        "codebook.toml: worked_example.marks[23].relations: expected relations from holder, target, found 'user'",
    ),
    "worked-relation-to-nothing": Bad(
        "codebook.toml",
        {"worked_example.marks.23.relations": {"holder": ["said"]}},
        "codebook.toml: worked_example.marks[23].relations.holder: expected the span of a mark in "
        "entities, found 'said'",
    ),
    "worked-occurrence": Bad(
        "codebook.toml",
        {"worked_example.marks.10.occurrence": 3},
        "codebook.toml: worked_example.marks[10].occurrence: expected a number from 1 to 2 (occurrences of 'Prado'), "
        "found 3",
    ),
    "worked-occurrence-zero": Bad(
        "codebook.toml",
        {"worked_example.marks.27.occurrence": 0},
        "codebook.toml: worked_example.marks[27].occurrence: expected a number from 1 to 1 (occurrences of 'in'), "
        "found 0",
    ),
    "worked-span-empty": Bad(
        "codebook.toml",
        {"worked_example.marks.14.span": ""},
        "codebook.toml: worked_example.marks[14].span: expected words of the text, found ''",
    ),
    "worked-value-of-another-label": Bad(
        "codebook.toml",
        {"worked_example.marks.1.values": {"iso": "2031"}},
        "codebook.toml: worked_example.marks[1].values.iso: expected none: the attribute is for TIME, and the label "
        "is GPE",
    ),
    "worked-values-of-one": Bad(
        "codebook.toml",
        {"worked_example.marks.1.values": {"form": ["long", "short"]}},
        "codebook.toml: worked_example.marks[1].values.form: expected one value, found long, short",
    ),
    "worked-no-value": Bad(
        "codebook.toml",
        {"worked_example.marks.1.values": {"form": []}},
        "codebook.toml: worked_example.marks[1].values.form: expected one value, found none",
    ),
    "worked-relation-to-no-span": Bad(
        "codebook.toml",
        {"worked_example.marks.23.relations": {"holder": []}},
        "codebook.toml: worked_example.marks[23].relations.holder: expected the spans of marks, found none",
    ),
    "worked-value-not-text": Bad(
        "codebook.toml",
        {"worked_example.marks.1.values": {"form": 1}},
        "codebook.toml: worked_example.marks.1.values.form: expected text in quotation marks or a list (each entry: "
        'text in quotation marks), found 1 (write "1")',
    ),
    "worked-mark-without-span": Bad(
        "codebook.toml",
        {"worked_example.marks.1.span": GONE},
        "codebook.toml: worked_example.marks.1: the key span is missing; expected text in quotation marks",
    ),
    "unknown-speaker": Bad(
        "codebook.toml",
        {"layers.quotes.speaker": "said_by"},
        "codebook.toml: layers.quotes.speaker: expected a relation of the layer (source, cue), found 'said_by'",
    ),
    "unknown-mentions": Bad(
        "codebook.toml",
        {"roles.mentions": "people"},
        "codebook.toml: roles.mentions: expected one of entities, cues, quotes, euphemisms, stances, defects, found "
        "'people'",
    ),
    "mentions-without-referent": Bad(
        "codebook.toml",
        {"roles.mentions": "cues"},
        "codebook.toml: roles.mentions: expected a layer with the key `referent`, found 'cues'",
    ),
    "unknown-holder": Bad(
        "codebook.toml",
        {"roles.stances.holder": "owner"},
        "codebook.toml: roles.stances.holder: expected one of holder, target, found 'owner'",
    ),
    "stances-without-order": Bad(
        "codebook.toml",
        {"layers.stances.ordered": GONE},
        "codebook.toml: roles.stances.layer: expected a layer with the key `ordered`, found 'stances'",
    ),
    "unknown-newsroom": Bad(
        "codebook.toml",
        {"roles.stances.newsroom.values": ["paper"]},
        "codebook.toml: roles.stances.newsroom.values: expected values of holder_kind from entity, author, unknown, "
        "found 'paper'",
    ),
    "unknown-softer": Bad(
        "codebook.toml",
        {"roles.terms.softer": ["SOFT"]},
        "codebook.toml: roles.terms.softer: expected one of EUPHEMISM, DYSPHEMISM, PLAIN, found 'SOFT'",
    ),
    "terms-with-several-labels": Bad(
        "codebook.toml",
        {"layers.euphemisms.multiple": True},
        "codebook.toml: roles.terms.layer: expected a layer without `multiple`, found 'euphemisms'",
    ),
    "unknown-registry": Bad(
        "codebook.toml",
        {"layers.euphemisms.attributes.referent.registry": "events"},
        "codebook.toml: layers.euphemisms.attributes.referent.registry: expected entities, the only "
        "registry, found 'events'",
    ),
    "types-of-a-choice": Bad(
        "codebook.toml",
        {f"{TOPIC}.types_match_label": True},
        "codebook.toml: layers.euphemisms.attributes.topic.types_match_label: expected false: only a ref "
        "has types, and the kind is choice",
    ),
    # ---- relations
    "relation-to-unknown-layer": Bad(
        "codebook.toml",
        {"layers.euphemisms.relations.cue.to": ["cue"]},
        "codebook.toml: layers.euphemisms.relations.cue.to: expected layers from entities, cues, quotes, "
        "euphemisms, stances, defects, found 'cue'",
    ),
    "relation-to-nothing": Bad(
        "codebook.toml",
        {"layers.euphemisms.relations.cue.to": []},
        "codebook.toml: layers.euphemisms.relations.cue.to: expected layers from entities, cues, quotes, "
        "euphemisms, stances, defects, found none",
    ),
    "relation-max-below-min": Bad(
        "codebook.toml",
        {"layers.stances.relations.target.min": 2, "layers.stances.relations.target.max": 1},
        "codebook.toml: layers.stances.relations.target.max: expected 0 <= min <= max and max above 0, "
        "found min = 2, max = 1",
    ),
    "relation-min-negative": Bad(
        "codebook.toml",
        {"layers.stances.relations.target.min": -1},
        "codebook.toml: layers.stances.relations.target.max: expected 0 <= min <= max and max above 0, "
        "found min = -1, no max",
    ),
    "relation-max-zero": Bad(
        "codebook.toml",
        {"layers.stances.relations.holder.max": 0},
        "codebook.toml: layers.stances.relations.holder.max: expected 0 <= min <= max and max above 0, "
        "found min = 0, max = 0",
    ),
    "relation-label-taken": Bad(
        "codebook.toml",
        {"layers.stances.relations.target.alias": "holder"},
        "codebook.toml: layers.stances.relations.target.alias: the relation label 'holder' already belongs to holder",
    ),
    "two-unlabelled-relations": Bad(
        "codebook.toml",
        {"layers.stances.relations.target.unlabelled": True, "layers.stances.relations.holder.unlabelled": True},
        "codebook.toml: layers.stances.relations: expected at most one relation without a label in a "
        "layer, found holder, target",
    ),
    # ---- controls and keys
    "controls-of-two-layers": Bad(
        "codebook.toml",
        {"layers.cues.control": "entities"},
        "codebook.toml: layers.cues.control: the control 'entities' already belongs to layers.entities",
    ),
    "control-of-layer-and-document": Bad(
        "codebook.toml",
        {"document.mood": {"kind": "text", "control": "cues"}},
        "codebook.toml: document.mood.control: the control 'cues' already belongs to layers.cues",
    ),
    "former-control-taken": Bad(
        "codebook.toml",
        {"layers.cues.former_controls": ["stances"]},
        "codebook.toml: layers.cues.former_controls: the control 'stances' already belongs to layers.stances",
    ),
    "control-is-a-text": Bad(
        "codebook.toml",
        {"layers.cues.control": "text"},
        "codebook.toml: layers.cues.control: the control 'text' already belongs to texts.text",
    ),
    "controls-of-two-attributes": Bad(
        "codebook.toml",
        {f"{TOPIC}.control": "euphemisms_flagged"},
        "codebook.toml: layers.euphemisms.attributes.flagged.control: the control 'euphemisms_flagged' "
        "already belongs to the attribute topic",
    ),
    "control-of-a-layer": Bad(
        "codebook.toml",
        {f"{TOPIC}.control": "stances"},
        "codebook.toml: layers.euphemisms.attributes.topic.control: the control 'stances' already belongs"
        " to layers.stances",
    ),
    "control-of-another-kind": Bad(
        "codebook.toml",
        {f"{TOPIC}.control": "note", "layers.defects.attributes.suggestion.control": "note"},
        "codebook.toml: layers.defects.attributes.suggestion.control: layers.euphemisms.attributes.topic has "
        "the same control 'note': expected its kind choice, found text",
    ),
    "hotkeys": Bad(
        "codebook.toml",
        {"layers.cues.labels.FLAG.hotkey": "E"},
        "codebook.toml: layers.euphemisms.labels.EUPHEMISM.hotkey: the key 'e' already belongs to "
        "layers.cues.labels.FLAG",
    ),
    "hotkey-of-a-value": Bad(
        "codebook.toml",
        {f"{TOPIC}.values.war.hotkey": "l"},
        "codebook.toml: layers.euphemisms.attributes.topic.values.war.hotkey: the key 'l' already belongs to "
        "layers.entities.attributes.form.values.long",
    ),
    "hotkey-of-label-studio": Bad(
        "codebook.toml",
        {"layers.cues.labels.FLAG.hotkey": "U"},
        "codebook.toml: layers.cues.labels.FLAG.hotkey: expected a letter or digit (after ctrl+, alt+ or shift+, "
        "if need be) that Label Studio does not use itself, found 'U'",
    ),
    "hotkey-of-two-letters": Bad(
        "codebook.toml",
        {"layers.cues.labels.FLAG.hotkey": "fl"},
        "codebook.toml: layers.cues.labels.FLAG.hotkey: expected a letter or digit (after ctrl+, alt+ or shift+, "
        "if need be) that Label Studio does not use itself, found 'fl'",
    ),
    # ---- orders
    "order-without-a-label": Bad(
        "codebook.toml",
        {"layers.stances.ordered": ["AGAINST"]},
        "codebook.toml: layers.stances.ordered: expected each of FAVOR, AGAINST once, found AGAINST",
    ),
    "order-with-a-label-twice": Bad(
        "codebook.toml",
        {"layers.stances.ordered": ["AGAINST", "FAVOR", "AGAINST"]},
        "codebook.toml: layers.stances.ordered: expected each of FAVOR, AGAINST once, found AGAINST, FAVOR, AGAINST",
    ),
    "order-of-several-labels": Bad(
        "codebook.toml",
        {"layers.stances.multiple": True},
        "codebook.toml: layers.stances.ordered: expected none: the layer allows several labels for each region",
    ),
    "order-of-several-values": Bad(
        "codebook.toml",
        {"layers.stances.attributes.intensity.many": True},
        "codebook.toml: layers.stances.attributes.intensity.ordered: expected false: only a choice of one value can "
        "be ordered, but it allows several values",
    ),
    "order-of-a-text": Bad(
        "codebook.toml",
        {"layers.stances.attributes.proposition.ordered": True},
        "codebook.toml: layers.stances.attributes.proposition.ordered: expected false: only a choice of one value can "
        "be ordered, but the kind is text",
    ),
    # ---- examples
    "example-not-in-text": Bad(
        "codebook.toml",
        {"layers.cues.labels.FLAG.example.span": "so called"},
        "codebook.toml: layers.cues.labels.FLAG.example.span: expected a span that occurs once in the "
        "text, found 'so called' 0 times",
    ),
    "example-twice": Bad(
        "codebook.toml",
        {"layers.cues.labels.FLAG.example": {"text": "so-called, so-called", "span": "so-called"}},
        "codebook.toml: layers.cues.labels.FLAG.example.span: expected a span that occurs once in the "
        "text, found 'so-called' 2 times",
    ),
    "example-empty": Bad(
        "codebook.toml",
        {f"{TOPIC}.values.war.example.span": ""},
        "codebook.toml: layers.euphemisms.attributes.topic.values.war.example.span: expected a span that "
        "occurs once in the text, found '' 0 times",
    ),
    "near-miss-not-in-text": Bad(
        "codebook.toml",
        {f"{TOPIC}.values.war.near_miss.span": "Operation"},
        "codebook.toml: layers.euphemisms.attributes.topic.values.war.near_miss.span: expected a span "
        "that occurs once in the text, found 'Operation' 0 times",
    ),
    "near-miss-instead-unknown": Bad(
        "codebook.toml",
        {f"{TOPIC}.values.war.near_miss.instead": "quoted"},
        "codebook.toml: layers.euphemisms.attributes.topic.values.war.near_miss.instead: expected one of "
        "war, rule, other, nothing, found 'quoted'",
    ),
    # ---- files
    "codebook-missing": Bad(
        "codebook.toml", None, "codebook.toml: does not exist\n  expected at DIR/annotations/codebook.toml"
    ),
    "corpus-missing": Bad(
        "corpus.toml", None, "corpus.toml: does not exist\n  expected at DIR/annotations/corpus.toml"
    ),
    "articles-missing": Bad(
        "articles.toml",
        None,
        "seeds/articles.toml: does not exist"
        "\n  write seeds/articles.toml, or set `from_tasks = true` under [articles] in annotations/corpus.toml",
    ),
    "not-toml": Bad(
        "codebook.toml",
        b'[codebook]\nversion = "1"\ntitle: "x"\n',
        "codebook.toml: line 3, column 6: is not TOML: expected = after the key"
        "\n  put keys with characters other than A-Z a-z 0-9 _ - in quotation marks, and = before the "
        "value",
    ),
    "unquoted-text": Bad(
        "codebook.toml",
        b"[codebook]\nversion = one\n",
        "codebook.toml: line 2, column 11: is not TOML: expected a value\n  put text in quotation marks",
    ),
    "unquoted-key": Bad(
        "codebook.toml",
        '[codebook]\nversion = "1"\n[layers.äußerungen]\n'.encode(),
        "codebook.toml: line 3, column 9: is not TOML: expected a key"
        "\n  put keys with characters other than A-Z a-z 0-9 _ - in quotation marks, and = before the "
        "value",
    ),
    "key-twice": Bad(
        "codebook.toml",
        b'[codebook]\nversion = "1"\nversion = "2"\n',
        "codebook.toml: line 3, column 14: is not TOML: a key occurs twice",
    ),
    "table-twice": Bad(
        "codebook.toml",
        b'[layers."a b"]\n[layers."a b"]\n',
        'codebook.toml: line 2, column 14: is not TOML: a table occurs twice: layers."a b"',
    ),
    "list-open": Bad(
        "codebook.toml",
        b"[codebook]\nlayers = [1, 2\n",
        "codebook.toml: end of the file: is not TOML: a list has no ]",
    ),
    "not-utf8": Bad(
        "codebook.toml",
        '[codebook]\nversion = "1"\ntitle = "Häuser"\n'.encode("latin-1"),
        "codebook.toml: line 3 is not UTF-8 (byte 0xe4)\n  save the file as UTF-8",
    ),
    "utf16": Bad(
        "codebook.toml",
        '[codebook]\nversion = "1"\n'.encode("utf-16"),
        "codebook.toml: line 1 is not UTF-8 (byte 0xff)\n  save the file as UTF-8",
    ),
    "empty": Bad("codebook.toml", b"", "codebook.toml: the key codebook is missing; expected a table"),
    # ---- corpus.toml
    "version-not-semver": Bad(
        "corpus.toml", {"version": "0.1"}, "corpus.toml: version: expected MAJOR.MINOR.PATCH such as 0.1.0, found '0.1'"
    ),
    "corpus-version-unquoted": Bad(
        "corpus.toml",
        {"version": 1.0},
        'corpus.toml: version: expected text in quotation marks, found 1.0 (write "1.0")',
    ),
    "all-missing-keys": Bad(
        "corpus.toml",
        b'title = "no name, no version"',
        "corpus.toml: keys are missing: name (text in quotation marks), version (text in quotation marks)",
    ),
    "no-name": Bad("corpus.toml", {"name": ""}, "corpus.toml: name: expected a name, found ''"),
    "splits-zero": Bad(
        "corpus.toml",
        {"splits": {"train": 0, "test": 0}},
        "corpus.toml: splits: expected a split with a share above 0, found train = 0, test = 0",
    ),
    "splits-empty": Bad(
        "corpus.toml", {"splits": {}}, "corpus.toml: splits: expected a split with a share above 0, found none"
    ),
    "split-negative": Bad(
        "corpus.toml", {"splits.test": -1}, "corpus.toml: splits.test: expected a share of 0 or more, found -1"
    ),
    "split-not-a-word": Bad(
        "corpus.toml",
        {"splits.test-1": 1},
        "corpus.toml: splits.test-1: expected a split name of letters, digits and _, found 'test-1'",
    ),
    "split-all": Bad(
        "corpus.toml",
        {"splits.All": 1},
        "corpus.toml: splits.All: `datasets` reserves the name 'All' for all splits together; choose another",
    ),
    "split-too-long": Bad(
        "corpus.toml",
        {f"splits.{'x' * 101}": 1},
        f"corpus.toml: splits.{'x' * 101}: expected a name of at most 100 bytes, found 101",
    ),
    "split-not-whole": Bad(
        "corpus.toml", {"splits.train": 0.8}, "corpus.toml: splits.train: expected an integer, found 0.8"
    ),
    "gold-unknown": Bad(
        "corpus.toml", {"gold": "starred"}, 'corpus.toml: gold: expected one of adjudicated, majority, found "starred"'
    ),
    "from-tasks-and-seeds": Bad(
        "corpus.toml",
        {"articles.from_tasks": True},
        "corpus.toml: articles.from_tasks: from_tasks takes the articles from the tasks, but "
        "seeds/articles.toml exists"
        "\n  remove one of the two",
    ),
    "edge-spaces": Bad(
        "corpus.toml",
        {"offsets.edge_spaces": "cut"},
        'corpus.toml: offsets.edge_spaces: expected one of keep, trim, found "cut"',
    ),
    # ---- registries
    "annotators-one-id": Bad(
        "annotators.toml", {"m5.ids": [4]}, "annotators.toml: m5.ids: the id 4 already belongs to the annotator m4"
    ),
    "annotators-name-is-an-id": Bad(
        "annotators.toml",
        {"5": {"kind": "human"}},
        "annotators.toml: m5.ids: the id 5 already belongs to the annotator 5",
    ),
    "annotators-two-anonymous": Bad(
        "annotators.toml",
        {"m4.anonymous": True, "m5.anonymous": True},
        "annotators.toml: m5.anonymous: annotations without an annotator already belong to m4",
    ),
    "annotator-kind": Bad(
        "annotators.toml",
        {"m4.kind": "machine"},
        'annotators.toml: m4.kind: expected one of human, model, unknown, found "machine"',
    ),
    "annotator-without-kind": Bad(
        "annotators.toml",
        {"m4.kind": GONE},
        "annotators.toml: m4: the key kind is missing; expected one of human, model, unknown",
    ),
    "annotator-ids": Bad(
        "annotators.toml",
        {"m4.ids": 1},
        "annotators.toml: m4.ids: expected a list (each entry: an integer), found 1",
    ),
    "annotator-id-as-text": Bad(
        "annotators.toml", {"m4.ids": ["one"]}, 'annotators.toml: m4.ids.1: expected an integer, found "one"'
    ),
    "article-without-sha256": Bad(
        "articles.toml",
        {f"{SEED}.sha256": GONE},
        "articles.toml: 000_17c0edab667c03c9: the key sha256 is missing; expected text in quotation marks",
    ),
    "article-without-file": Bad(
        "articles.toml",
        {f"{SEED}.file": GONE},
        "articles.toml: 000_17c0edab667c03c9: the key file is missing; expected text in quotation marks",
    ),
    "article-date-unquoted": Bad(
        "articles.toml",
        f"[{SEED}]\nfile = 'a'\nsha256 = 'b'\npublished = 2024-01-21\n".encode(),
        "articles.toml: 000_17c0edab667c03c9.published: expected text in quotation marks, found 2024-01-21 "
        '(write "2024-01-21")',
    ),
    "block-kind": Bad(
        "articles.toml",
        {f"{SEED}.blocks.3.kind": "teaser"},
        "articles.toml: 000_17c0edab667c03c9.blocks.3.kind: expected one of body, byline, caption, "
        'dateline, headline, paragraph, promo, pull_quote, found "teaser"',
    ),
    "block-offset-as-text": Bad(
        "articles.toml",
        {f"{SEED}.blocks.1.start": "0"},
        'articles.toml: 000_17c0edab667c03c9.blocks.1.start: expected an integer, found "0"',
    ),
    "inferred-as-a-list": Bad(
        "articles.toml",
        {f"{SEED}.inferred": ["outlet"]},
        "articles.toml: 000_17c0edab667c03c9.inferred: expected a table, found a list",
    ),
    "entity-without-type": Bad(
        "entities.toml",
        {"russia.type": GONE},
        "entities.toml: russia: the key type is missing; expected text in quotation marks",
    ),
    "entity-key": Bad(
        "entities.toml",
        {"russia.wikidata": "Q159"},
        "entities.toml: russia: unknown key wikidata; expected one of type, description, qid, names",
    ),
    "entity-names": Bad(
        "entities.toml", {"russia.names": ["Russia"]}, "entities.toml: russia.names: expected a table, found a list"
    ),
    "waiver-without-reason": Bad(
        "waivers.toml",
        {"waivers": [{"code": "quote-mismatch"}]},
        "waivers.toml: waivers.1: the key reason is missing; expected text in quotation marks",
    ),
    "waiver-key": Bad(
        "waivers.toml",
        {"waivers": [{"code": "bad-qid", "reason": "x", "article": "a"}]},
        "waivers.toml: waivers.1: unknown key article; expected one of code, reason, file, "
        "article_id, task_id, annotation_id, region_id; did you mean article_id?",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_message(name, tmp_path):
    bad = CASES[name]
    with pytest.raises(NewsParallaxError) as caught:
        open_corpus(write(tmp_path, bad))
    assert str(caught.value).replace(str(tmp_path), "DIR") == bad.message


def test_the_files_are_fine_as_they_are(tmp_path):
    open_corpus(write(tmp_path, Bad("none", None, "")))


@pytest.mark.parametrize("name", CASES)
def test_a_message_names_file_and_key(name):
    bad = CASES[name]
    file, _, rest = bad.message.partition(": ")
    assert Path(file).name in FILES
    keys = list(bad.edit) if isinstance(bad.edit, dict) else []
    assert not keys or any(part in rest for part in keys[0].split("."))
    assert any(
        word in rest
        for word in ("expected", "already", "reserves", "column", "missing", "is not", "does not exist", "remove one")
    )


@pytest.mark.parametrize("name", ["unknown-key", "not-toml", "codebook-missing", "article-without-sha256"])
def test_a_script_says_it_in_one_message_and_ends_with_2(name, tmp_path):
    bad = CASES[name]
    corpus = write(tmp_path / "corpus", bad)
    before = sorted(corpus.rglob("*"))
    ran = run_script("check.py", "--corpus", corpus)
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert ran.stderr.replace(str(corpus), "DIR") == f"error: {bad.message}\n"
    assert sorted(corpus.rglob("*")) == before
