"""Render the codebook as the annotators' guidelines: guidelines.md, cheat_sheet.md, and HTML for Label Studio.

guidelines.md has everything, in the order in which annotators work. cheat_sheet.md has labels, keys and values on one
page, one line each. `guidelines_html` converts guidelines.md to Label Studio's instructions (`expert_instruction`). The
HTML is made for the behaviour of Label Studio 1.23.2, according to its source and to tests in a browser:

- The server keeps tags, `class` and the content of `<style>`. It removes `id`, `style`, `open` and comments, and writes
  `>` in a style as `&gt;` (bleach, constants.py). There is no length limit; 1 MB takes the server 10 s.
- The page removes the default styles of headings, lists and tables, and shows the instructions 536 to 616 pixels wide.
  The editor's dialog also shows the line breaks of the source (InstructionsModal.tsx).
- A link to an anchor scrolls to the anchor, but also leaves the open task. So the table of contents is left
  out. The sections fold instead, and the folded sections serve as contents.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from .._util import require, table
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
    WorkedExample,
    WorkedMark,
)

if TYPE_CHECKING:
    from markdown_it.token import Token

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
MOST = 12  # values of a field that the cheat sheet lists
_SENTENCE = re.compile(r"(?<=[^\W\d_]{3}[.!?])\s+(?=[^\W\d_a-z])")  # a capital letter follows the end of a sentence
_STEP = re.compile(r"\d+[.)] ")
CLASS = "np-guidelines"
# The selectors must not need `>`. Half-transparent greys are visible on a white page and on a dark page.
_CELL = "border: 1px solid #8888; padding: .25em .45em; vertical-align: top;"
LOOKS = {
    "": "white-space: normal; line-height: 1.45; overflow-wrap: break-word;",
    "h1": "font-size: 1.5em; font-weight: 600; margin: 0 0 .6em;",
    "h2": "display: inline; font-size: 1.1em; font-weight: 600;",
    "h3": "font-size: 1em; font-weight: 600; margin: 1.3em 0 .4em;",
    "details": "border-top: 1px solid #8888;",
    "summary": "display: list-item; cursor: pointer; padding: .5em 0;",
    "p": "margin: 0 0 .8em;",
    "ul": "list-style: disc; margin: 0 0 .8em; padding-left: 1.4em;",
    "ol": "list-style: decimal; margin: 0 0 .8em; padding-left: 1.8em;",
    "li": "margin: 0 0 .35em;",
    "a": "text-decoration: underline;",
    "code": "font-family: monospace; font-size: .93em; background: #8882; padding: 0 .2em; border-radius: 3px;",
    "div": "overflow-x: auto; margin: 0 0 1em;",
    "table": "width: 100%; border-collapse: collapse; font-size: .9em;",
    "th": f"{_CELL} text-align: left; font-weight: 600; background: #8882;",
    "td": _CELL,
}


def render_guidelines(codebook: Codebook, entities: dict[str, Entity]) -> str:
    """Return the guidelines as Markdown.

    There is one section per layer, then the values about the article, the worked example and the list of entities.
    """
    lines = list(_rules(codebook.codebook.rules))
    for number, (name, layer) in enumerate(codebook.layers.items(), 1):
        lines += _layer(number, name, layer)
    if codebook.document:
        lines += ["## The article as a whole", ""]
        for name, document in codebook.document.items():
            lines += _field(name, document)
    if codebook.worked_example:
        lines += _worked(codebook.worked_example, codebook)
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
    """Yield a list of links to the sections, between marks at which `guidelines_html` removes it."""
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


def _worked(worked: WorkedExample, codebook: Codebook) -> Iterator[str]:
    """Yield the section of the worked example: the paragraph, then a table of its marks for each layer."""
    yield from ("## A worked example", "", *(f"> {line}".rstrip() for line in worked.text.strip().splitlines()), "")
    heads = ("words", "label", "values", "relations", "why")
    for name, layer in codebook.layers.items():
        rows = [_worked_row(mark) for mark in worked.marks if mark.layer == name]
        if rows:
            used = [at for at, _ in enumerate(heads) if any(row[at] for row in rows)]
            yield from (f"### {layer.title or name}", "")
            yield from (*table((heads[at] for at in used), ([row[at] for at in used] for row in rows)), "")


def _worked_row(mark: WorkedMark) -> tuple[str, ...]:
    return (
        f"**{mark.span}**" + (f" (occurrence {mark.occurrence})" if mark.occurrence > 1 else ""),
        mark.label,
        "; ".join(f"`{key}` {_listed(mark.given(key))}" for key in mark.values),
        "; ".join(f"`{key}` -> {', '.join(f'*{span}*' for span in ends)}" for key, ends in mark.relations.items()),
        mark.why,
    )


def arity(low: int, high: int | None) -> str:
    """Return the allowed number of relations in words."""
    if high is None:
        return "any number" if low == 0 else f"{low} or more"
    return str(high) if low == high else f"{low} or {high}" if high - low == 1 else f"{low} to {high}"


def _listed(words: list[str]) -> str:
    return ", ".join(words)


def render_cheat_sheet(codebook: Codebook) -> str:
    """Return the cheat sheet as Markdown: one screen a layer, then the values about the article.

    A layer has the numbered steps of its instructions, its labels, its attributes and its relations.
    """
    lines = [MARK, "", f"# {codebook.codebook.title}: cheat sheet", ""]
    lines += [f"{version_line(codebook)} Rules and examples are in [guidelines.md](guidelines.md).", ""]
    for number, (name, layer) in enumerate(codebook.layers.items(), 1):
        lines += _layer_in_short(layer_heading(number, name, layer), layer)
    if codebook.document:
        lines += ["## The article as a whole", ""]
        lines += [_field_in_short(key, field) for key, field in codebook.document.items()]
    return "\n".join(lines).rstrip() + "\n"


def _layer_in_short(heading: str, layer: Layer) -> Iterator[str]:
    yield from (f"## {heading}", "")
    yield from (*steps, "") if (steps := list(_steps(layer.instructions))) else ()
    keys = ["key"] if any(label.hotkey for label in layer.labels.values()) else []
    rows = (
        (f"**{key}**", *(label.hotkey or "" for _ in keys), _SENTENCE.split(label.definition, maxsplit=1)[0])
        for key, label in layer.labels.items()
    )
    yield from (*table(("label", *keys, "meaning"), rows), "")
    given = [_field_in_short(key, attribute) for key, attribute in layer.attributes.items()]
    for key, relation in layer.relations.items():
        to = " or ".join(f"*{target}*" for target in relation.to)
        given.append(f"- Relation `{key}` to {to}, {arity(relation.min, relation.max)}. {relation.question}".rstrip())
    yield from (*given, "") if given else ()


def _steps(instructions: str) -> Iterator[str]:
    """Yield the lines of the numbered lists of the instructions: what is decided in which order."""
    inside = False
    for line in instructions.splitlines():
        inside = bool(_STEP.match(line) or (inside and line.startswith(" ")))
        if inside:
            yield line


def _field_in_short(key: str, field: Field) -> str:
    """Return one line about a field: when it is given, and its values with their keys."""
    parts = [field.question or field.title, *conditions_of(field), _values_in_short(field.values)]
    return f"- `{key}`: {' '.join(filter(None, parts))}".rstrip(": ")


def _values_in_short(values: Mapping[str, Value]) -> str:
    if len(values) > MOST:
        return f"One of {len(values)} values."
    return ", ".join(f"**{key}** ({value.hotkey})" if value.hotkey else f"**{key}**" for key, value in values.items())


def guidelines_html(markdown: str) -> str:
    """Return the guidelines as HTML: each section folds under its heading, and tables that are too wide scroll.

    The parser reads only Markdown and escapes HTML, so no HTML of the guidelines is executed. Raises UsageError where
    markdown-it-py is not installed.
    """
    require("markdown-it-py")
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    before, _, rest = markdown.removeprefix(MARK).partition(CONTENTS[0])
    tokens = parser.parse(before + rest.partition(CONTENTS[1])[2] if rest else before)
    body: str = parser.renderer.render(list(_folding(tokens)), parser.options, {})
    looks = "\n".join(f".{CLASS} {element} {{ {rules} }}" for element, rules in LOOKS.items())
    return f'<style>\n{looks}\n</style>\n<div class="{CLASS}">\n{body}</div>\n'


def _folding(tokens: list[Token]) -> Iterator[Token]:
    """Add a fold around each section (a heading of the second level) and a box around each table."""
    sections = 0
    for token in tokens:
        if token.type == "heading_open" and token.tag == "h2":
            yield _html("</details>\n<details><summary>" if sections else "<details><summary>")
            sections += 1
        elif token.type == "table_open":
            yield _html("<div>\n")
        yield token
        if token.type == "heading_close" and token.tag == "h2":
            yield _html("</summary>\n")
        elif token.type == "table_close":
            yield _html("</div>\n")
    if sections:
        yield _html("</details>\n")


def _html(content: str) -> Token:
    from markdown_it.token import Token

    return Token("html_block", "", 0, content=content)
