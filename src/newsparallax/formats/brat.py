"""brat's stand-off format: FILE.txt and FILE.ann, and annotation.conf with the declared types.

T lines become spans, R and * lines relations, A and M lines attributes, N lines the attribute `normalization`, and
notes (#) attributes named after their type. The arguments of an event (E) become relations from its trigger; where
several events share a trigger, each further one becomes a span of its own at the same place. Offsets count code points.
A span in several fragments is refused, because a row has one start and one end; fragments with only white space between
them are one, because brat divides a span at line breaks.

The shared tasks of BioNLP have FILE.a1 and FILE.a2 (and .rel, .co) instead of FILE.ann, which are read as one file.

Source: brat's documentation (standoff.html, configuration.html) and its parser (server/src/annotation.py).
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .document import Document, Given, Link, Mark, Markup, Refused
from .names import FileNames, LabelNames
from .source import BOM, Source, decoded

LAYER = "spans"
CONFIGURATION = ("annotation.conf", "visual.conf", "tools.conf", "kb_shortcuts.conf", "stats_cache")
PARTS = (".a1", ".a2", ".rel", ".co")  # files that together are one, in this order
_LINE = re.compile(r"(?:T\d+\t\S+ \d+ \d+(?:;\d+ \d+)*(?:\t|\s*$)|[REAMN]\d+\t\S+[ \t]?\S*|\*\t\S+ \S+|#\d*\t\S+ \S+)")
_BREAK = re.compile("[\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")  # what ends a line for one of brat's parsers
_ROLE = re.compile(r"(.*\D)([2-9]|[1-9]\d+)")
_TERM = re.compile(r"(\S+) (\d+ \d+(?:;\d+ \d+)*)")
_SECTION = re.compile(r"^\[(\w+)\]\s*$", re.MULTILINE)
_MACRO = re.compile(r"^<.*$", re.MULTILINE)


def recognise(source: Source) -> bool:
    """Whether the first line is one of brat's, or an empty .ann file has its text beside it: nothing is marked.

    A file that belongs to another one (FILE.a2 to FILE.a1) is read with that one.
    """
    path = source.path
    if path is not None and path.suffix in PARTS and path != next(iter(_parts(path)), path):
        return False
    if not source.content.strip():
        return path is not None and path.suffix in (".ann", ".a1") and _text_file(path).is_file()
    first = next((line for line in source.head.splitlines() if line.strip()), "")
    return bool(_LINE.match(first))


def companions(path: Path) -> list[Path]:
    """Return the other files of a document: its text, and the configuration of its folder or of one above it."""
    folders = [path.parent, path.parent.parent]
    configuration = [folder / name for folder in folders for name in CONFIGURATION]
    others = _parts(path)[1:] if path.suffix == PARTS[0] else []
    return [file for file in (_text_file(path), *others, *configuration) if file.is_file()]


def _parts(path: Path) -> list[Path]:
    """Return the files of the shared tasks of BioNLP that belong together, if the first one exists."""
    if not path.with_suffix(PARTS[0]).is_file():
        return []
    return [part for suffix in PARTS if (part := path.with_suffix(suffix)).is_file()]


def read(source: Source) -> Iterator[Document]:
    """Yield the document of an .ann file. Raises ExportError where its text is missing or not UTF-8."""
    path = source.path and _text_file(source.path)
    if path is None or not path.is_file():
        name = path.name if path else "the .txt file"
        hint = "put the text beside the annotations; brat names both files alike"
        raise source.error("no-text", f"has no text: {name} is not beside it", hint)
    text = decoded(path.read_bytes(), str(Path(source.name).with_suffix(".txt")))
    lines = list(_lines(source.text, "line"))
    for part in _parts(path)[1:] if source.path and source.path.suffix == PARTS[0] else ():
        lines += _lines(decoded(part.read_bytes(), part.name).removeprefix(BOM), f"{part.name}, line")
    yield Document(_name(source.name), text, [_Reader(text).read(lines)])


def _lines(content: str, what: str) -> Iterator[tuple[str, str]]:
    """Yield the lines that are not blank, each with its place."""
    for number, line in enumerate(re.split(r"\r\n|\n", content), 1):
        if line.strip():
            yield f"{what} {number}", line


def _name(name: str) -> str:
    return Path(name).with_suffix("").as_posix()


def _text_file(path: Path) -> Path:
    return path.with_suffix(".txt")


class _Reader:
    """Reads the lines of an .ann file. Lines may stand in any order, so those about others are kept for the end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._marks: dict[str, Mark] = {}
        self._known: set[str] = set()
        self._events: dict[str, str] = {}  # event -> the mark that stands for it
        self._triggers: set[str] = set()  # marks that stand for an event
        self._relations: set[str] = set()
        self._markup = Markup()

    def read(self, lines: list[tuple[str, str]]) -> Markup:
        """Return the annotations of all lines. A line that cannot be read is refused, never left out."""
        steps = (("T", self._term), ("E", self._event), ("R", self._relation), ("*", self._equivalence))
        for kinds, take in (*steps, ("AM", self._attribute), ("N", self._normalization), ("#", self._note)):
            for place, line in lines:
                if line[0] in kinds:
                    self._take(take, place, line)
        for place, line in lines:
            if line[0] not in "TER*AMN#":
                self._refuse("bad-record", f"{place}: unknown kind of line {line[:20]!r}", line)
        self._markup.marks = list(self._marks.values())
        marks = self._events  # an event that is an argument or an end means its mark
        self._markup.links = [
            Link(label, marks.get(source, source), marks.get(target, target), direction)
            for label, source, target, direction in self._markup.links
        ]
        return self._markup

    def _take(self, take: Any, place: str, line: str) -> None:
        fields = line.split("\t")
        if line[0] not in "*#" and fields[0] in self._known:
            self._refuse("bad-record", f"{place}: the id {fields[0]} occurs twice", line)
            return
        self._known.add(fields[0])
        try:
            take(fields, line)
        except (ValueError, IndexError):
            self._refuse("bad-record", f"{place} is not complete: {line[:60]!r}", line, fields[0])

    def _refuse(self, code: str, message: str, line: str, name: str | None = None) -> None:
        self._markup.refused.append(Refused(code, message, line, name))

    def _term(self, fields: list[str], line: str) -> None:
        match = _TERM.fullmatch(fields[1].rstrip())
        if match is None:
            raise ValueError
        pieces = [(int(start), int(end)) for start, end in (piece.split() for piece in match[2].split(";"))]
        gaps = [self._text[one[1] : other[0]] for one, other in itertools.pairwise(pieces)]
        joined = all(one[1] <= other[0] for one, other in itertools.pairwise(pieces))
        if not joined or "".join(gaps).strip():
            message = f"{match[1]} {match[2]} has {len(pieces)} fragments; a span has one start and one end"
            self._refuse("discontinuous-span", message, line, fields[0])
            return
        start, end = pieces[0][0], pieces[-1][1]
        quote: str | None = "\t".join(fields[2:]) if len(fields) > 2 else None
        if quote is not None and self._says(pieces, quote):
            quote = None  # the same words: brat joins fragments by a space, or by nothing before its version 1.3
        self._marks[fields[0]] = Mark(fields[0], LAYER, (match[1],), start, end, quote)

    def _says(self, pieces: list[tuple[int, int]], quote: str) -> bool:
        """Whether the text column has the words of the fragments; white space and more may follow them."""
        words = [_shown(self._text[start:end]) for start, end in pieces]
        shown = _shown(quote)
        for joined in (" ".join(words), "".join(words), _shown(self._text[pieces[0][0] : pieces[-1][1]])):
            if joined and shown.startswith(joined) and not shown[len(joined) :].strip():
                return True
        return False

    def _event(self, fields: list[str], line: str) -> None:
        named, *arguments = fields[1].split()
        label, trigger = named.split(":", 1)
        roles = [(role, target) for role, target in (argument.split(":", 1) for argument in arguments)]
        mark = self._marks.get(trigger)
        if mark is None:
            self._refuse("event-trigger", f"event {fields[0]} ({label}): its trigger {trigger} is no span", line)
            return
        if trigger in self._triggers:  # the span of another event: this one gets its own at the same place
            mark = Mark(fields[0], LAYER, mark.labels, mark.start, mark.end, mark.quote, {})
            self._marks[fields[0]] = mark
        self._triggers.add(trigger)
        self._events[fields[0]] = mark.id
        if label != mark.labels[0]:
            mark.attributes["event"] = Given("textarea", (label,))
        names = {role for role, _ in roles}
        numbered = {role: match for role in names if (match := _ROLE.fullmatch(role)) and f"{match[1]}1" not in names}
        pairs = Counter(match[2] for match in numbered.values())
        if any(many > 1 for many in pairs.values()):  # such as Theme2 and Site2, which belong together
            mark.attributes["arguments"] = Given("textarea", (" ".join(arguments),))
        for role, target in roles:
            self._link(numbered[role][1] if role in numbered else role, fields[0], target)

    def _link(self, label: str, source: str, target: str, direction: str = "right") -> None:
        self._markup.links.append(Link(label, source, target, direction))

    def _relation(self, fields: list[str], line: str) -> None:
        label, *arguments = fields[1].split()
        ends = [argument.split(":", 1)[1] for argument in arguments]
        if len(ends) != 2:
            raise ValueError
        self._relations.add(fields[0])
        self._link(label, ends[0], ends[1])

    def _equivalence(self, fields: list[str], line: str) -> None:
        label, *members = fields[1].split()
        if len(members) < 2:
            raise ValueError
        for source, target in itertools.pairwise(members):
            self._link(label, source, target, "bi")

    def _attribute(self, fields: list[str], line: str) -> None:
        key, target, *values = fields[1].rstrip().split(" ")
        self._give(key, target, Given("choices", (" ".join(values) or "true",)), line)

    def _normalization(self, fields: list[str], line: str) -> None:
        _, target, reference = fields[1].split(" ", 2)
        target, reference = target.removeprefix("Annotation:"), reference.removeprefix("Referent:")  # BioNLP 2013
        named = f"{reference} ({fields[2]})" if fields[2:] and fields[2] else reference
        self._give("normalization", target, Given("textarea", (named,)), line)

    def _note(self, fields: list[str], line: str) -> None:
        key, target = fields[1].split(" ", 1)
        self._give(key, target, Given("textarea", ("\t".join(fields[2:]),)), line)

    def _give(self, key: str, target: str, given: Given, line: str) -> None:
        mark = self._marks.get(self._events.get(target, target))
        if mark is None:
            if target in self._relations:
                message = f"{key} describes the relation {target}; a relation has no attributes"
                self._refuse("unsupported-control", message, line)
            else:
                self._refuse("orphan-attribute", f"{key} describes {target}, which is no span", line, target)
            return
        known = mark.attributes.get(key)
        if known is not None and known.kind != given.kind:
            key, known = f"{key}_{given.kind}", mark.attributes.get(f"{key}_{given.kind}")
        mark.attributes[key] = Given(given.kind, (*(known.values if known else ()), *given.values))


def _shown(words: str) -> str:
    return re.sub(r"[\r\n\t]", " ", words)


def declared(paths: Iterable[Path]) -> dict[str, list[str]]:
    """Return the types of entities and events that annotation.conf declares, by layer."""
    labels: dict[str, None] = {}
    for path in paths:
        if path.name != "annotation.conf":
            continue
        parts = _SECTION.split(_MACRO.sub("", path.read_text(encoding="utf-8", errors="replace")))
        for section, body in zip(parts[1::2], parts[2::2], strict=True):
            if section in ("entities", "events"):
                words = (line.split("#")[0].split() for line in body.splitlines())
                labels |= {line[0].lstrip("!"): None for line in words if line and not line[0].startswith("-")}
    return {LAYER: list(labels)} if labels else {}


def write(documents: Iterable[Document], folder: Path, losses: Counter[str]) -> None:
    """Write a .txt and an .ann file for each document, and annotation.conf with the types and names that occur."""
    files, names = FileNames(), LabelNames(r"[^\w.-]", losses)
    types: dict[str, None] = {}
    attributes: dict[str, dict[str, None]] = {}
    relations: dict[str, None] = {}
    for document in documents:
        stem = files.of(document.id, losses)
        (folder / f"{stem}.txt").write_bytes((document.text or "").encode())
        writer = _Writer(document, names, losses)
        (folder / f"{stem}.ann").write_bytes("".join(f"{line}\n" for line in writer.lines()).encode())
        types |= writer.types
        relations |= writer.relations
        for key, values in writer.attributes.items():
            attributes.setdefault(key, {}).update(values)
    lines = ["[entities]", *types, "", "[relations]"]
    lines += [f"{name}\tArg1:<ANY>, Arg2:<ANY>" for name in relations]
    lines += ["", "[events]", "", "[attributes]"]
    lines += [f"{key}\tArg:<ANY>, Value:{'|'.join(values)}" for key, values in attributes.items()]
    (folder / "annotation.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")


class _Writer:
    """The lines of one document, and the types, attributes and relations in them."""

    def __init__(self, document: Document, names: LabelNames, losses: Counter[str]) -> None:
        self._document, self._names, self._losses = document, names, losses
        self.types: dict[str, None] = {}
        self.relations: dict[str, None] = {}
        self.attributes: dict[str, dict[str, None]] = {}
        self._others: list[str] = []

    def lines(self) -> Iterator[str]:
        text = self._document.text or ""
        ids: dict[str, str] = {}
        number = 0
        for markup in self._document.markups:
            self._losses["value about the document"] += len(markup.values)
            for mark in markup.marks:
                self._losses["several labels of a span"] += len(mark.labels) > 1
                for label in mark.labels[:1]:
                    number += 1
                    ids[mark.id] = name = f"T{number}"
                    type_ = self._names.of(mark.layer, label)
                    self.types[type_] = None
                    yield f"{name}\t{type_} {self._place(text, mark)}"
                    self._describe(name, mark)
            for at, link in enumerate(markup.links, 1):
                label = self._names.plain(link.label)
                self.relations[label] = None
                yield f"R{at}\t{label} Arg1:{ids[link.source]} Arg2:{ids[link.target]}\t"
        yield from self._others

    def _place(self, text: str, mark: Mark) -> str:
        """Return the offsets and the words: fragments without line breaks, because a line of brat has none."""
        breaks = [match.span() for match in _BREAK.finditer(text, mark.start, mark.end)]
        edges = [mark.start, *itertools.chain.from_iterable(breaks), mark.end]
        pieces = [(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end]
        pieces = pieces or [(mark.start, mark.end)]
        self._losses["span with white space at its edge"] += (pieces[0][0], pieces[-1][1]) != (mark.start, mark.end)
        words = " ".join(text[start:end] for start, end in pieces)
        return f"{';'.join(f'{start} {end}' for start, end in pieces)}\t{words}"

    def _describe(self, name: str, mark: Mark) -> None:
        for key, given in mark.attributes.items():
            word = self._names.plain(key)
            number = len(self._others) + 1
            if given.kind == "choices" and not any(re.search(r"\s", str(value)) for value in given.values):
                for at, value in enumerate(given.values):
                    self.attributes.setdefault(word, {})[str(value)] = None
                    self._others.append(f"A{number + at}\t{word} {name} {value}")
                continue
            if given.kind != "textarea":
                self._losses["kind of an attribute, which becomes text"] += 1
            for at, value in enumerate(given.words()):
                self._losses["line break in a note"] += bool(_BREAK.search(value))
                self._others.append(f"#{number + at}\t{word} {name}\t{_BREAK.sub(' ', value)}")
