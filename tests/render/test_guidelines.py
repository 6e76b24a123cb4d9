"""What annotators are told: every constraint that the checks hold them to."""

from __future__ import annotations

import re

import pytest

from helpers import CORPORA
from newsparallax.corpus import Attribute, Codebook, Entity, RequiredWhen, open_corpus
from newsparallax.corpus.toml import parse_toml
from newsparallax.render import render_cheat_sheet, render_guidelines
from newsparallax.render.guidelines import CONTENTS

RULES = b"""
codebook.version = "1"
layers.a.labels = { X = { definition = "one | two\\nthree" }, Y = {} }
layers.a.attributes.sure = { kind = "choice", required = true, values = { yes = {}, no = {} } }
layers.a.attributes.why = { kind = "text", required_when = { attribute = "sure", values = ["no"] } }
layers.a.attributes.who = { kind = "ref", required_for = ["Y"], many = true }
layers.a.attributes.sort = { kind = "taxonomy", values = { v = {}, "v > w" = {} } }
layers.a.attributes.stars = { kind = "rating" }
layers.a.attributes.count = { kind = "number" }
layers.a.relations.to = { to = ["a"], min = 1, max = 3, required_when = { attribute = "sure", values = ["yes"] } }
document.tone = { kind = "rating", required = true }
"""


def section(text: str, heading: str) -> str:
    """What stands under a heading of a field."""
    return text.split(f"### `{heading}`", 1)[1].split("\n#", 1)[0]


def when(condition: RequiredWhen) -> str:
    return f"Required where `{condition.attribute}` is {', '.join(condition.values)}."


def arity(low: int, high: int | None) -> str:
    return {(0, None): "any number", (0, 1): "0 or 1", (1, 1): "1", (1, 3): "1 to 3", (1, None): "1 or more"}[low, high]


@pytest.mark.parametrize("name", ["own", "zeitung", "from_tasks", "rules"])
def test_every_constraint_is_told(name: str) -> None:
    if name == "rules":
        codebook, entities = parse_toml(RULES, Codebook, name="codebook.toml"), {}
    else:
        context = open_corpus(None if name == "own" else CORPORA / name).context
        codebook, entities = context.codebook, context.entities
    text = render_guidelines(codebook, entities)
    told = []
    for key, field in [(place.rpartition(".")[2], field) for place, field in codebook.fields()]:
        part = section(text, key)
        told += [(key, "Required." in part)] if field.required else []
        if isinstance(field, Attribute):
            told += [(key, f"Required for {', '.join(field.required_for)}." in part)] if field.required_for else []
            told += [(key, when(field.required_when) in part)] if field.required_when else []
    for key, relation in [pair for layer in codebook.layers.values() for pair in layer.relations.items()]:
        lines = [line for line in text.splitlines() if line.startswith(f"- `{key}` -> ")]
        told.append((key, any(f"({arity(relation.min, relation.max)})" in line for line in lines)))
        if relation.required_when:
            told.append((key, any(when(relation.required_when) in line for line in lines)))
    assert told
    assert [key for key, is_told in told if not is_told] == []


def test_what_to_give_is_told_for_every_kind() -> None:
    text = render_guidelines(parse_toml(RULES, Codebook, name="codebook.toml"), {})
    assert "Choose from the tree" in section(text, "sort")
    assert "stars" in section(text, "stars").lower().replace("`stars`", "")
    assert "A number" in section(text, "count")
    assert "Several may be given." in section(text, "who")


def test_a_cell_is_one_cell() -> None:
    codebook = parse_toml(RULES, Codebook, name="codebook.toml")
    text = render_guidelines(codebook, {"e|f": Entity("P|Q", "one\ntwo", names={"a|b": ""})})
    assert "| **X** | one \\| two three |  |  |" in text.splitlines()
    assert "| `e\\|f` | P\\|Q | one two | a\\|b |" in text.splitlines()


@pytest.mark.parametrize("name", ["own", "zeitung", "from_tasks"])
def test_the_contents_link_to_every_section_and_the_version_is_at_the_top(name: str) -> None:
    context = open_corpus(None if name == "own" else CORPORA / name).context
    text = render_guidelines(context.codebook, context.entities)
    head, contents, body = re.split(f"{CONTENTS[0]}|{CONTENTS[1]}", text)
    assert f"Version {context.codebook.codebook.version} of the codebook." in head
    sections = re.findall(r"^## (.+)$", body, re.MULTILINE)
    anchors = [re.sub(r"[^\w\- ]", "", section.lower()).replace(" ", "-") for section in sections]
    assert contents.split() == " ".join(f"- [{a}](#{b})" for a, b in zip(sections, anchors, strict=True)).split()


@pytest.mark.parametrize("name", ["own", "zeitung", "from_tasks"])
def test_the_cheat_sheet_has_every_label_key_attribute_and_relation_on_one_line(name: str) -> None:
    codebook = open_corpus(None if name == "own" else CORPORA / name).context.codebook
    lines = render_cheat_sheet(codebook).splitlines()
    sections = re.split(r"^## ", "\n".join(lines), flags=re.MULTILINE)
    assert all(section.count("\n") <= 30 for section in sections)  # one screen
    for layer in codebook.layers.values():
        for key, label in layer.labels.items():
            assert any(line.startswith(f"| **{key}** | {label.hotkey or ''}") for line in lines)
        for key in layer.attributes:
            assert any(line.startswith(f"- `{key}`") for line in lines)
        for key in layer.relations:
            assert any(line.startswith(f"- Relation `{key}` to ") for line in lines)
    for key in codebook.document:
        assert any(line.startswith(f"- `{key}`") for line in lines)


def test_the_cheat_sheet_has_the_steps_of_the_instructions() -> None:
    toml = b"""codebook.version = "1"
layers.a = { instructions = "Read.\\n\\n1. Is it a name?\\n   If so, mark it.\\n2. Which label?\\n\\n Then\\n9 marks.", labels.X.definition = "A." }
"""  # noqa: E501
    text = render_cheat_sheet(parse_toml(toml, Codebook, name="codebook.toml"))
    assert "\n\n1. Is it a name?\n   If so, mark it.\n2. Which label?\n\n|" in text
    assert "Read" not in text
    assert "Then" not in text
    assert "9 marks" not in text


def test_a_cheat_sheet_takes_the_first_sentence() -> None:
    toml = (
        b'codebook.version = "1"\nlayers.a.labels.X = { definition = "A state, e.g. Chad. Not a city.", hotkey = "x" }'
    )
    assert "| **X** | x | A state, e.g. Chad. |" in render_cheat_sheet(parse_toml(toml, Codebook, name="codebook.toml"))
