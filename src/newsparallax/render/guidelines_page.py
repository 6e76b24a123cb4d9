"""guidelines.md -> HTML for Label Studio's instructions (`expert_instruction`).

What holds in Label Studio 1.23.2, read off its source and looked at in a browser:

- The server keeps tags, `class` and the content of `<style>`; it drops `id`, `style`, `open` and comments, and writes
  `>` in a style as `&gt;` (bleach, constants.py). There is no limit of length; 1 MB takes it 10 s.
- The page takes away the looks of headings, lists and tables, and shows the instructions 536 to 616 pixels wide; the
  editor's own dialog also shows line breaks of the source as they are (InstructionsModal.tsx).
- A link to an anchor scrolls to it, but also leaves the task that is open. So sections fold: closed, they are the
  table of contents.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..core.errors import UsageError
from ..core.render.guidelines import MARK

if TYPE_CHECKING:
    from markdown_it.token import Token

CLASS = "np-guidelines"
# None of the selectors needs `>`. Half transparent greys are seen on a white page and on a dark one.
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


def guidelines_html(markdown: str) -> str:
    """The guidelines as HTML: each section folds under its heading, tables that are too wide scroll by themselves.

    Only Markdown is read: HTML in it is shown as the characters that it is made of, so nothing is executed. Raises
    UsageError where markdown-it-py is not installed.
    """
    try:
        from markdown_it import MarkdownIt
    except ImportError:
        raise UsageError("markdown-it-py is not installed", hint="`make .venv/annotate` installs it") from None
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(markdown.removeprefix(MARK))
    body: str = parser.renderer.render(list(_folding(tokens)), parser.options, {})
    looks = "\n".join(f".{CLASS} {element} {{ {rules} }}" for element, rules in LOOKS.items())
    return f'<style>\n{looks}\n</style>\n<div class="{CLASS}">\n{body}</div>\n'


def _folding(tokens: list[Token]) -> Iterator[Token]:
    """The tokens with a fold around each section (a heading of the second level) and a box around each table."""
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
