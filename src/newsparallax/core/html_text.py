"""HTML -> the text that Label Studio's HyperText counts, and its XPaths -> offsets into that text.

Label Studio joins the text nodes of the body in document order, counts each `<br>` as one character and adds nothing
at the ends of blocks (its editor/src/tags/object/RichText/domManager.ts). Scripts, iframes and comments are taken out
before the page is shown (editor/src/utils/html.js), so the text on both sides of them is one text node. The page is
then read as a document: line ends become LF, and white space and metadata before the first content are not in the body.
All offsets are code points.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser


def _names(names: str) -> frozenset[str]:
    return frozenset(names.split())


TEXT = "text()"
VOID = _names("area base br col embed hr img input link meta param source track wbr")
DROPPED = frozenset({"script", "iframe"})
METADATA = frozenset({"base", "link", "meta", "style", "title"})
FOREIGN = frozenset({"svg", "math"})

# What ends an open <p>, and what an end tag or an implied end does not reach out of.
BLOCKS = _names(
    "address article aside blockquote center dd details dialog dir div dl dt fieldset figcaption figure footer form "
    "h1 h2 h3 h4 h5 h6 header hgroup hr li main menu nav ol p pre search section summary table ul"
)
TABLE_PARTS = _names("caption colgroup tbody td tfoot th thead tr")
SCOPE = _names("button caption object table td template th")

# Start tag -> (the open elements that it ends, those beyond which it does not look for them).
CELLS, LISTS, TABLE = frozenset({"td", "th"}), SCOPE | {"dir", "menu", "ol", "ul"}, frozenset({"table"})
SECTIONS = _names("caption colgroup tbody tfoot thead")
IMPLIED_ENDS = {
    **dict.fromkeys(BLOCKS, (frozenset({"p"}), SCOPE)),
    **dict.fromkeys(SECTIONS, (SECTIONS | {"tr"}, TABLE)),
    **dict.fromkeys(CELLS, (CELLS, TABLE | {"tr"})),
    **dict.fromkeys(("dd", "dt"), (frozenset({"dd", "dt", "p"}), SCOPE | {"dl"})),
    "li": (frozenset({"li", "p"}), LISTS),
    "option": (frozenset({"option"}), SCOPE | {"datalist", "optgroup", "select"}),
    "tr": (frozenset({"caption", "colgroup", "tr"}), TABLE),
}
STEP = re.compile(r"/(text\(\)|[A-Za-z][\w:.-]*)(?:\[([0-9]{1,9})\])?")


class Node:
    """An element or a text node; `start` and `end` are offsets into the whole text."""

    __slots__ = ("_named", "children", "end", "implied", "name", "start")

    def __init__(self, name: str, start: int, *, implied: bool = False):
        self.name, self.start, self.end, self.implied = name, start, start, implied
        self.children: list[Node] = []
        self._named: dict[str, list[Node]] | None = None

    def child(self, name: str, number: int) -> Node | None:
        """The `number`-th (from 1) child called `name`, also through a `<tbody>` that the source does not spell."""
        if self._named is None:
            self._named = {}
            for node in self.children:
                self._named.setdefault(node.name, []).append(node)
        found = self._named.get(name, [])
        if 0 < number <= len(found):
            return found[number - 1]
        if name == "tr":
            bodies = self._named.get("tbody", [])
            return next((row for body in bodies if body.implied and (row := body.child(name, number))), None)
        return self if self.name == "table" and name == "tbody" and number == 1 else None

    def position(self, offset: int) -> int | None:
        """The global offset of a DOM boundary point: a code point of a text node, a child's number of an element."""
        if self.name == TEXT:
            return self.start + offset if 0 <= offset <= self.end - self.start else None
        if 0 <= offset < len(self.children):
            return self.children[offset].start
        if offset == len(self.children):
            return self.end if self.children else self.start
        return None


class RenderedHtml:
    """The rendered text, and where its nodes lie in it."""

    def __init__(self, text: str, root: Node):
        self.text = text
        self._root = root

    def resolve(self, xpath: str, offset: int) -> int | None:
        """The offset into `text` of a point given as Label Studio does, or None if there is no such point.

        `xpath` is relative to the body (`/div[1]/p[2]/text()[1]`); `/html[1]/body[1]` may stand before it, and a
        missing index means 1. `offset` counts code points in a text node and child nodes in an element.
        """
        steps = _steps(xpath)
        node: Node | None = self._root if steps is not None else None
        for name, number in steps or ():
            node = node.child(name, number) if node else None
        return node.position(offset) if node else None


def render_html(html: str) -> RenderedHtml:
    """Render an HTML fragment or document, in time linear in its length; broken HTML is read as well as it can be."""
    builder = _Builder()
    builder.feed(html.replace("\r\n", "\n").replace("\r", "\n"))
    builder.close()
    return builder.rendered()


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


class _Builder(HTMLParser):
    """Builds the tree. `_open` is the stack of open elements, `_places` the places in it of each tag name."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._length = 0
        self._open = [Node("body", 0)]
        self._places: dict[str, list[int]] = {}
        self._skipping: str | None = None
        self._in_body = False

    def rendered(self) -> RenderedHtml:
        root = self._open[0]
        self._pop_to(0)
        root.end = self._length
        return RenderedHtml("".join(self._parts), root)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._skipping:
            return
        if tag in DROPPED or (tag in METADATA and not self._in_body):
            self._skipping = tag if tag not in VOID else None
        elif tag not in ("html", "head"):
            self._in_body = True
            if tag != "body":
                self._start(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        # HTML has no self-closing elements, but SVG and MathML have.
        if any(self._places.get(name) for name in FOREIGN):
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._skipping:
            if tag == self._skipping:
                self._skipping = None
            return
        barrier = SCOPE if tag in BLOCKS else TABLE if tag in TABLE_PARTS else BLOCKS | SCOPE
        place = self._place({tag}, barrier - {tag})
        if place:
            self._pop_to(place - 1)
        elif tag == "p":
            # A stray </p> is an empty paragraph, which counts in paths.
            self._start("p")
            self._pop_to(len(self._open) - 2)

    def handle_data(self, data: str) -> None:
        if self._skipping:
            return
        if not self._in_body:
            data = data.lstrip(" \t\n\f")
            self._in_body = bool(data)
        if data:
            self._add_text(data)

    def _start(self, tag: str) -> None:
        if tag in IMPLIED_ENDS:
            self._end_implied(*IMPLIED_ENDS[tag])
        if tag in CELLS and self._open[-1].name in ("table", "tbody", "thead", "tfoot"):
            self._start("tr")
        if tag == "tr" and self._open[-1].name == "table":
            self._push(Node("tbody", self._length, implied=True))
        node = Node(tag, self._length)
        if tag not in VOID:
            self._push(node)
            self._skipping = tag if tag == "style" else None
            return
        self._open[-1].children.append(node)
        if tag == "br":
            self._write("\n")

    def _end_implied(self, tags: frozenset[str], barrier: frozenset[str]) -> None:
        while place := self._place(tags, barrier - tags):
            self._pop_to(place - 1)

    def _place(self, tags: frozenset[str] | set[str], barrier: frozenset[str]) -> int:
        """The place on the stack of the innermost of `tags`, or 0 if none is open within the nearest `barrier`."""
        place = max((self._places[tag][-1] for tag in tags if self._places.get(tag)), default=0)
        if not place:
            return 0
        return place if all(self._places[tag][-1] < place for tag in barrier if self._places.get(tag)) else 0

    def _push(self, node: Node) -> None:
        self._open[-1].children.append(node)
        self._places.setdefault(node.name, []).append(len(self._open))
        self._open.append(node)

    def _pop_to(self, place: int) -> None:
        """End the elements above `place` on the stack."""
        while len(self._open) > place + 1:
            node = self._open.pop()
            node.end = self._length
            self._places[node.name].pop()

    def _add_text(self, data: str) -> None:
        siblings = self._open[-1].children
        if not siblings or siblings[-1].name != TEXT:
            siblings.append(Node(TEXT, self._length))
        self._write(data)
        siblings[-1].end = self._length

    def _write(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)
