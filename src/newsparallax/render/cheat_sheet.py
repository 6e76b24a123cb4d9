"""Render the codebook as cheat_sheet.md: labels, keys and values on one page, one line each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from .._util import table
from ..corpus import Codebook, Field, Layer, Value
from .guidelines import MARK, arity, conditions_of, layer_heading, version_line

MOST = 12  # values that are listed of a field
_SENTENCE = re.compile(r"(?<=[^\W\d_]{3}[.!?])\s+(?=[^\W\d_a-z])")  # a capital letter follows the end of a sentence


def render_cheat_sheet(codebook: Codebook) -> str:
    """Return the cheat sheet as Markdown: for each layer its labels, attributes and relations; then the article."""
    lines = [MARK, "", f"# {codebook.codebook.title}: cheat sheet", ""]
    lines += [f"{version_line(codebook)} Rules and examples are in [guidelines.md](guidelines.md).", ""]
    for number, (name, layer) in enumerate(codebook.layers.items(), 1):
        lines += _layer(layer_heading(number, name, layer), layer)
    if codebook.document:
        lines += ["## The article as a whole", ""]
        lines += [_field(key, field) for key, field in codebook.document.items()]
    return "\n".join(lines).rstrip() + "\n"


def _layer(heading: str, layer: Layer) -> Iterator[str]:
    yield from (f"## {heading}", "")
    keys = ["key"] if any(label.hotkey for label in layer.labels.values()) else []
    rows = (
        (f"**{key}**", *(label.hotkey or "" for _ in keys), _SENTENCE.split(label.definition, maxsplit=1)[0])
        for key, label in layer.labels.items()
    )
    yield from (*table(("label", *keys, "meaning"), rows), "")
    given = [_field(key, attribute) for key, attribute in layer.attributes.items()]
    for key, relation in layer.relations.items():
        to = " or ".join(f"*{target}*" for target in relation.to)
        given.append(f"- Relation `{key}` to {to}, {arity(relation.min, relation.max)}. {relation.question}".rstrip())
    yield from (*given, "") if given else ()


def _field(key: str, field: Field) -> str:
    """Return one line about a field: when it is given, and its values with their keys."""
    parts = [field.question or field.title, *conditions_of(field), _values(field.values)]
    return f"- `{key}`: {' '.join(filter(None, parts))}".rstrip(": ")


def _values(values: Mapping[str, Value]) -> str:
    if len(values) > MOST:
        return f"One of {len(values)} values."
    return ", ".join(f"**{key}** ({value.hotkey})" if value.hotkey else f"**{key}**" for key, value in values.items())
