"""Render HTML to the text in which Label Studio's HyperText counts offsets, and resolve its XPaths to offsets.

Label Studio joins the text nodes of the body in document order, including those in `<style>`, `<title>` and
`<textarea>` elements. It counts each `<br>` as one character and adds nothing at the ends of blocks
(editor/src/tags/object/RichText/domManager.ts). It removes scripts, iframes and comments before it shows the page
(editor/src/utils/html.js), so the text before and after a removed part is one text node. It shows the rest in a frame
that runs scripts (RichText/view.jsx), so the content of `<noscript>` is text. All offsets are in code points.

lexbor builds the tree according to the HTML standard, as browsers do. Where tags are misnested (`<b><p></b></p>`),
Label Studio's clean-up moves elements before the browser reads the page. The text is then the same, but some XPaths
differ.
"""

from __future__ import annotations

import re
from functools import cached_property

from selectolax.lexbor import LexborHTMLParser, LexborNode

TEXT = "text()"
DROPPED = frozenset({"script", "iframe"})
STEP = re.compile(r"/(text\(\)|[A-Za-z][^\s/\[\]]*)(?:\[([0-9]{1,9})\])?")

# For each start tag, the parser searches the open elements. Without a limit, deep nesting takes quadratic time.
DEEPEST = 10_000  # browsers keep 512 levels
FLAT = re.compile(  # elements without content, or elements that end where the next element of their kind begins
    "area|base|br|caption|col|colgroup|dd|dt|embed|frame|hr|img|input|li|link|meta|optgroup|option|p|param|rp|rt|"
    "source|tbody|td|tfoot|th|thead|tr|track|wbr"
)
COUNTING = re.compile(  # removing these tags would change the text
    "br|iframe|noembed|noframes|noscript|script|style|template|textarea|title|xmp"
)
BODY = re.compile("<body", re.IGNORECASE)
TAG = re.compile(r"""<(/?)([A-Za-z][^\s/>]*)(?:[^<>"']|"[^"]*"|'[^']*')*+>""")


class Node:
    """An element or a text node; `start` and `end` are offsets into the complete rendered text."""

    __slots__ = ("_named", "children", "end", "name", "start")

    def __init__(self, name: str, start: int):
        self.name, self.start, self.end = name, start, start
        self.children: list[Node] = []
        self._named: dict[str, list[Node]] | None = None

    def child(self, name: str, number: int) -> Node | None:
        """Return child `number` (from 1) of the children called `name`, or None.

        A path may leave out `<tbody>` before a table row.
        """
        if self._named is None:
            self._named = {}
            for node in self.children:
                self._named.setdefault(node.name, []).append(node)
        same = self._named.get(name, [])
        if 0 < number <= len(same):
            return same[number - 1]
        return next((body.child(name, number) for body in self._named.get("tbody", []) if name == "tr"), None)

    def position(self, offset: int) -> int | None:
        """Return the offset into the rendered text of a DOM boundary point, or None if there is no such point.

        `offset` counts code points in a text node and children in an element.
        """
        if self.name == TEXT:
            return self.start + offset if 0 <= offset <= self.end - self.start else None
        if 0 <= offset < len(self.children):
            return self.children[offset].start
        if offset == len(self.children):
            return self.end if self.children else self.start
        return None


class RenderedHtml:
    """The rendered text and the positions of the DOM nodes in it."""

    def __init__(self, text: str, root: Node):
        self.text = text
        self._root = root

    @cached_property
    def seams(self) -> frozenset[int]:
        """The offsets at which nodes begin or end. There, a quote may have white space in place of markup."""
        seams: set[int] = set()
        nodes = [self._root]
        while nodes:
            node = nodes.pop()
            seams |= {node.start, node.end}
            nodes += node.children
        return frozenset(seams)

    def resolve(self, xpath: str, offset: int) -> int | None:
        """Return the offset into `text` of a point in Label Studio's notation, or None if there is no such point.

        `xpath` is relative to the body (`/div[1]/p[2]/text()[1]`). It may start with `/html[1]/body[1]`, and a missing
        index means 1. `offset` counts code points in a text node and child nodes in an element.
        """
        steps = _steps(xpath)
        node: Node | None = self._root if steps is not None else None
        for name, number in steps or ():
            node = node.child(name, number) if node else None
        return node.position(offset) if node else None


def render_html(html: str) -> RenderedHtml:
    """Render an HTML fragment or document as a browser does. Any input is accepted, including invalid HTML.

    Elements at more than DEEPEST levels are left out; their text is kept. A lone surrogate (half of a UTF-16 pair)
    becomes three U+FFFD, as in a browser's frame.
    """
    page = html.removeprefix("\ufeff")  # a frame decodes its document, which removes a byte order mark
    if page.count("<") > DEEPEST:
        page = _without_deepest(page)
    document = LexborHTMLParser(page.encode("utf-8", "surrogatepass"), scripting=True)
    return _copied(document.body or document.css_first("frameset"), page)


def _without_deepest(page: str) -> str:
    """Return the page without the tags of elements that are nested deeper than DEEPEST."""
    depth = 0

    def kept(tag: re.Match[str]) -> str:
        nonlocal depth
        name, ends = tag[2].lower(), bool(tag[1])
        level = depth
        if not FLAT.fullmatch(name):
            depth = max(0, depth - 1) if ends else depth + 1
            level = max(level, depth)
        return tag[0] if level <= DEEPEST or COUNTING.fullmatch(name) else ""

    return TAG.sub(kept, page)


def _steps(xpath: str) -> list[tuple[str, int]] | None:
    path = xpath.removeprefix(".")
    if path == "/":
        return []
    steps = [(match[1].lower(), int(match[2] or 1)) for match in STEP.finditer(path)]
    if not steps or STEP.sub("", path):
        return None
    for wrapper in ("html", "body"):
        if steps and steps[0] == (wrapper, 1):
            del steps[0]
    return steps


def _copied(body: LexborNode | None, page: str) -> RenderedHtml:
    """Copy the elements and text nodes of the body, with their offsets. No recursion, because nesting may be deep.

    For the parser, an iframe starts the body. Label Studio removes the iframe before parsing, so white space after the
    iframe is outside of the body.
    """
    root = Node("body", 0)
    outside = False
    parts: list[str] = []
    length = 0
    open_elements = [(root, body.iter(include_text=True))] if body else []
    while open_elements:
        element, rest = open_elements[-1]
        for source in rest:
            name = source.tag
            if source.is_text_node:
                text = source.text_content or ""
                if outside and not root.children and not (text := text.lstrip(" \t\n\f")):
                    continue
                if not element.children or element.children[-1].name != TEXT:
                    element.children.append(Node(TEXT, length))
                length += len(text)
                element.children[-1].end = length
                parts.append(text)
            elif source.is_element_node and name and name not in DROPPED:
                node = Node(name.lower(), length)
                element.children.append(node)
                if name == "br":
                    parts.append("\n")
                    length += 1
                open_elements.append((node, source.iter(include_text=True)))
                break
            elif name == "iframe" and not root.children:
                outside = not BODY.search(page)
        else:
            element.end = length
            open_elements.pop()
    return RenderedHtml("".join(parts), root)
