"""Convert guidelines.md to HTML for Label Studio's instructions (`expert_instruction`).

The HTML is made for the behaviour of Label Studio 1.23.2, according to its source and to tests in a browser:

- The server keeps tags, `class` and the content of `<style>`. It removes `id`, `style`, `open` and comments, and writes
  `>` in a style as `&gt;` (bleach, constants.py). There is no length limit; 1 MB takes the server 10 s.
- The page removes the default styles of headings, lists and tables, and shows the instructions 536 to 616 pixels wide.
  The editor's dialog also shows the line breaks of the source (InstructionsModal.tsx).
- A link to an anchor scrolls to the anchor, but also leaves the open task. So the table of contents is left
  out. The sections fold instead, and the folded sections serve as contents.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .._util import require
from .guidelines import CONTENTS, MARK

if TYPE_CHECKING:
    from markdown_it.token import Token

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
