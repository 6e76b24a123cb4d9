"""Codebook -> guidelines.md: what annotators read, in the order in which they work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..codebook import (
    LEVELS,
    Attribute,
    Codebook,
    Example,
    Field,
    Layer,
    NearMiss,
    RequiredWhen,
    Rule,
    Value,
    ValueKind,
)
from ..registry import Entity
from .markdown import table

MARK = "<!-- made from codebook.toml and entities.toml by scripts/generate.py; do not edit -->"
# What is to be given in a field.
KINDS: dict[ValueKind, tuple[str, ...]] = {
    "choice": (),
    "text": ("Free text.",),
    "ref": ("An id of the list of entities below.",),
    "taxonomy": (
        f"Choose from the tree, as far down as the text allows; `{LEVELS.strip()}` stands between its levels.",
    ),
    "rating": ("A number of stars, from 1 up.",),
    "number": ("A number, in digits.",),
}


def render_guidelines(codebook: Codebook, entities: dict[str, Entity]) -> str:
    """The annotators' guidelines as Markdown: one section a layer, then the list of entities."""
    lines = [MARK, "", f"# {codebook.codebook.title}: guidelines for annotators", ""]
    lines += [codebook.codebook.introduction.strip(), ""]
    lines += _rules(codebook.codebook.rules)
    for number, (name, layer) in enumerate(codebook.layers.items(), 1):
        lines += _layer(number, name, layer)
    if codebook.document:
        lines += ["## The article as a whole", ""]
        for name, document in codebook.document.items():
            lines += _field(name, document)
    if entities and any(field.kind == "ref" for _, field in codebook.fields()):
        lines += _entities(entities)
    return "\n".join(lines).rstrip() + "\n"


def _layer(number: int, name: str, layer: Layer) -> Iterator[str]:
    yield from (f"## {number}. {layer.title or name}: {layer.question}".rstrip(": "), "")
    yield from (layer.instructions.strip(), "") if layer.instructions else ()
    yield from _values(layer.labels, "label")
    yield from _rules(layer.rules)
    for key, attribute in layer.attributes.items():
        yield from _field(key, attribute)
    if layer.relations:
        yield from ("### Arrows", "")
        for key, relation in layer.relations.items():
            to = " or ".join(f"*{target}*" for target in relation.to)
            told = [f"- `{key}` -> {to} ({_arity(relation.min, relation.max)}).", relation.question]
            told += [_when(relation.required_when)] if relation.required_when else []
            yield " ".join(filter(None, told))
        yield ""


def _field(key: str, field: Field) -> Iterator[str]:
    yield from (f"### `{key}`: {field.question or field.title}".rstrip(": "), "")
    notes = list(_conditions(field))
    if notes:
        yield from (" ".join(notes), "")
    yield from _values(field.values, "value")
    yield from _rules(field.rules)


def _conditions(field: Field) -> Iterator[str]:
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
    """The example with its span in bold, as it would be marked on the page."""
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


def _arity(low: int, high: int | None) -> str:
    if high is None:
        return "any number" if low == 0 else f"{low} or more"
    return str(high) if low == high else f"{low} or {high}" if high - low == 1 else f"{low} to {high}"


def _listed(words: list[str]) -> str:
    return ", ".join(words)
