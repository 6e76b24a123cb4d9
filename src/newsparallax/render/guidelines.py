"""Render the codebook as guidelines.md: the annotators' guidelines, in the order in which annotators work."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from .._util import table
from ..corpus import (
    LEVELS,
    Attribute,
    Codebook,
    Entity,
    Example,
    Field,
    Layer,
    NearMiss,
    RequiredWhen,
    Rule,
    Value,
    ValueKind,
)

MARK = "<!-- made from codebook.toml and entities.toml by newsparallax generate; do not edit -->"
CONTENTS = ("<!-- contents -->", "<!-- end of contents -->")
# Instructions for the value of a field, by kind.
KINDS: dict[ValueKind, tuple[str, ...]] = {
    "choice": (),
    "text": ("Free text.",),
    "ref": ("An id of the list of entities.",),
    "taxonomy": (
        f"Choose from the tree, as far down as the text allows; `{LEVELS.strip()}` stands between its levels.",
    ),
    "rating": ("A number of stars, from 1 up.",),
    "number": ("A number, in digits.",),
}


def render_guidelines(codebook: Codebook, entities: dict[str, Entity]) -> str:
    """Return the guidelines as Markdown: one section per layer, the values about the article, the list of entities."""
    lines = list(_rules(codebook.codebook.rules))
    for number, (name, layer) in enumerate(codebook.layers.items(), 1):
        lines += _layer(number, name, layer)
    if codebook.document:
        lines += ["## The article as a whole", ""]
        for name, document in codebook.document.items():
            lines += _field(name, document)
    if entities and any(field.kind == "ref" for _, field in codebook.fields()):
        lines += _entities(entities)
    head = [MARK, "", f"# {codebook.codebook.title}: guidelines for annotators", "", version_line(codebook), ""]
    head += [*_contents(lines), codebook.codebook.introduction.strip(), ""]
    return "\n".join(head + lines).rstrip() + "\n"


def version_line(codebook: Codebook) -> str:
    """Return the sentence that names the version of the codebook."""
    return f"Version {codebook.codebook.version} of the codebook."


def layer_heading(number: int, name: str, layer: Layer) -> str:
    """Return the heading of a layer, `number` being its place among the layers."""
    return f"{number}. {layer.title or name}: {layer.question}".rstrip(": ")


def _contents(lines: list[str]) -> Iterator[str]:
    """Yield a list of links to the sections, between marks at which `guidelines_page` removes it."""
    yield CONTENTS[0]
    for heading in (line.removeprefix("## ") for line in lines if line.startswith("## ")):
        anchor = re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")  # as GitHub and GitLab make it
        shown = heading.replace("[", "\\[").replace("]", "\\]")
        yield f"- [{shown}](#{anchor})"
    yield from (CONTENTS[1], "")


def _layer(number: int, name: str, layer: Layer) -> Iterator[str]:
    yield from (f"## {layer_heading(number, name, layer)}", "")
    yield from (layer.instructions.strip(), "") if layer.instructions else ()
    yield from _values(layer.labels, "label")
    yield from _rules(layer.rules)
    for key, attribute in layer.attributes.items():
        yield from _field(key, attribute)
    if layer.relations:
        yield from ("### Relations", "")
        for key, relation in layer.relations.items():
            to = " or ".join(f"*{target}*" for target in relation.to)
            lines = [f"- `{key}` -> {to} ({arity(relation.min, relation.max)}).", relation.question]
            lines += [_when(relation.required_when)] if relation.required_when else []
            yield " ".join(filter(None, lines))
        yield ""


def _field(key: str, field: Field) -> Iterator[str]:
    yield from (f"### `{key}`: {field.question or field.title}".rstrip(": "), "")
    notes = list(conditions_of(field))
    if notes:
        yield from (" ".join(notes), "")
    yield from _values(field.values, "value")
    yield from _rules(field.rules)


def conditions_of(field: Field) -> Iterator[str]:
    """Yield sentences about when a value is given, and what is given."""
    if isinstance(field, Attribute):
        if field.labels:
            yield f"For {_listed(field.labels)}."
        if field.required_for:
            yield f"Required for {_listed(field.required_for)}."
        if field.required_when:
            yield _when(field.required_when)
    if field.required:
        yield "Required."
    yield from KINDS[field.kind]
    if field.many:
        yield "Several may be given."


def _when(when: RequiredWhen) -> str:
    return f"Required where `{when.attribute}` is {_listed(when.values)}."


def _values(values: Mapping[str, Value], what: str) -> Iterator[str]:
    if not values:
        return
    keys = ["key"] if any(value.hotkey for value in values.values()) else []
    rows = (
        (
            f"**{key}**",
            *(value.hotkey or "" for _ in keys),
            value.definition,
            _shown(value.example),
            _missed(value.near_miss),
        )
        for key, value in values.items()
    )
    yield from (*table((what, *keys, "meaning", "like this", "not like this"), rows), "")


def _shown(example: Example | None) -> str:
    return _in_context(example.text, example.span) if example else ""


def _missed(near_miss: NearMiss | None) -> str:
    if not near_miss:
        return ""
    verdict = "not marked" if near_miss.instead == "nothing" else f"`{near_miss.instead}`"
    return f"{_in_context(near_miss.text, near_miss.span)} ({verdict}: {near_miss.why})"


def _in_context(text: str, span: str) -> str:
    """Return the example with its span in bold and in brackets."""
    before, _, after = text.partition(span)
    return f"{before}**[{span}]**{after}"


def _rules(rules: list[Rule]) -> Iterator[str]:
    for rule in rules:
        yield f"- **{rule.ask}** {rule.answer}"
    if rules:
        yield ""


def _entities(entities: dict[str, Entity]) -> Iterator[str]:
    rows = ((f"`{key}`", entity.type, entity.description, _names(entity)) for key, entity in entities.items())
    yield from ("## The list of entities", "")
    yield from (*table(("id", "type", "who or what", "names, with the sort of name"), rows), "")


def _names(entity: Entity) -> str:
    return ", ".join(f"{name} ({sort})" if sort else name for name, sort in entity.names.items())


def arity(low: int, high: int | None) -> str:
    """Return the allowed number of relations in words."""
    if high is None:
        return "any number" if low == 0 else f"{low} or more"
    return str(high) if low == high else f"{low} or {high}" if high - low == 1 else f"{low} to {high}"


def _listed(words: list[str]) -> str:
    return ", ".join(words)
