"""brat's stand-off format: FILE.txt and FILE.ann, and annotation.conf with the declared types.

T lines become spans, R and * lines relations, A and M lines attributes, N lines the attribute `normalization`, and
notes (#) attributes named after their type. The arguments of an event (E) become relations from its trigger. Offsets
count code points. A span in several fragments is refused, because a row has one start and one end.

Source: brat's documentation (standoff.html, configuration.html).
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
from .source import Source, decoded

LAYER = "spans"
CONFIGURATION = ("annotation.conf", "visual.conf", "tools.conf", "kb_shortcuts.conf", "stats_cache")
_LINE = re.compile(r"(?:T\d+\t\S+ \d+ \d+(?:;\d+ \d+)*\t|[REAMN]\d+\t\S+[ \t]?\S*|\*\t\S+ \S+|#\d*\t\S+ \S+)")
_TERM = re.compile(r"(\S+) (\d+ \d+(?:;\d+ \d+)*)")
_SECTION = re.compile(r"^\[(\w+)\]\s*$", re.MULTILINE)
_MACRO = re.compile(r"^<.*$", re.MULTILINE)


def recognise(source: Source) -> bool:
    """Whether the first line is one of brat's, or an empty .ann file has its text beside it: nothing is marked."""
    if not source.content.strip():
        return source.path is not None and source.path.suffix == ".ann" and _text_file(source.path).is_file()
    first = next((line for line in source.head.splitlines() if line.strip()), "")
    return bool(_LINE.match(first))


def companions(path: Path) -> list[Path]:
    """Return the other files of a document: its text, and the configuration of its folder or of one above it."""
    folders = [path.parent, path.parent.parent]
    configuration = [folder / name for folder in folders for name in CONFIGURATION]
    return [file for file in (_text_file(path), *configuration) if file.is_file()]


def read(source: Source) -> Iterator[Document]:
    """Yield the document of an .ann file. Raises ExportError where its text is missing or not UTF-8."""
    path = source.path and _text_file(source.path)
    if path is None or not path.is_file():
        name = path.name if path else "the .txt file"
        hint = "put the text beside the annotations; brat names both files alike"
        raise source.error("no-text", f"has no text: {name} is not beside it", hint)
    text = decoded(path.read_bytes(), str(Path(source.name).with_suffix(".txt")))
    yield Document(_name(source.name), text, [_Reader(text).read(source.text)])


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
        self._events: dict[str, str] = {}  # event -> trigger
        self._of_trigger: dict[str, str] = {}  # trigger -> the event that it holds
        self._relations: set[str] = set()
        self._markup = Markup()

    def read(self, content: str) -> Markup:
        """Return the annotations of all lines. A line that cannot be read is refused, never left out."""
        lines = [(number, line) for number, line in enumerate(re.split(r"\r\n|\n", content), 1) if line.strip()]
        steps = (("T", self._term), ("E", self._event), ("R", self._relation), ("*", self._equivalence))
        for kinds, take in (*steps, ("AM", self._attribute), ("N", self._normalization), ("#", self._note)):
            for number, line in lines:
                if line[0] in kinds:
                    self._take(take, number, line)
        for number, line in lines:
            if line[0] not in "TER*AMN#":
                self._refuse("bad-record", f"line {number}: unknown kind of line {line[:20]!r}", line)
        self._markup.marks = list(self._marks.values())
        place = self._events  # an event that is an argument or an end means its trigger
        self._markup.links = [
            Link(label, place.get(source, source), place.get(target, target), direction)
            for label, source, target, direction in self._markup.links
        ]
        return self._markup

    def _take(self, take: Any, number: int, line: str) -> None:
        fields = line.split("\t")
        if line[0] not in "*#" and fields[0] in self._known:
            self._refuse("bad-record", f"line {number}: the id {fields[0]} occurs twice", line)
            return
        self._known.add(fields[0])
        try:
            take(fields, line)
        except (ValueError, IndexError):
            self._refuse("bad-record", f"line {number} is not complete: {line[:60]!r}", line, fields[0])

    def _refuse(self, code: str, message: str, line: str, name: str | None = None) -> None:
        self._markup.refused.append(Refused(code, message, line, name))

    def _term(self, fields: list[str], line: str) -> None:
        match = _TERM.fullmatch(fields[1])
        if match is None:
            raise ValueError
        pieces = [tuple(map(int, piece.split())) for piece in match[2].split(";")]
        joined = all(ends[1] == next_[0] for ends, next_ in itertools.pairwise(pieces))
        if len(pieces) > 1 and not (joined or self._at_line_breaks(pieces)):
            message = f"{match[1]} {match[2]} has {len(pieces)} fragments; a span has one start and one end"
            self._refuse("discontinuous-span", message, line, fields[0])
            return
        start, end = pieces[0][0], pieces[-1][1]
        quote: str | None = "\t".join(fields[2:]) if len(fields) > 2 else None
        if quote is not None and _shown(self._text[start:end]) == _shown(quote):
            quote = None  # the same words, in which brat shows line breaks as spaces
        self._marks[fields[0]] = Mark(fields[0], LAYER, (match[1],), start, end, quote)

    def _at_line_breaks(self, pieces: list[tuple[int, ...]]) -> bool:
        """Whether only line breaks separate the fragments: brat splits a span over several lines so."""
        gaps = [self._text[one[1] : other[0]] for one, other in itertools.pairwise(pieces)]
        return all(gap and not gap.strip("\r\n") for gap in gaps)

    def _event(self, fields: list[str], line: str) -> None:
        named, *arguments = fields[1].split()
        label, trigger = named.split(":", 1)
        taken = self._of_trigger.setdefault(trigger, fields[0])
        if taken != fields[0] or trigger not in self._marks:
            why = f"its trigger {trigger} is also that of {taken}" if taken != fields[0] else f"{trigger} is no span"
            self._refuse("event-trigger", f"event {fields[0]} ({label}): {why}", line)
            return
        self._events[fields[0]] = trigger
        mark = self._marks[trigger]
        if label != mark.labels[0]:
            mark.attributes["event"] = Given("textarea", (label,))
        for argument in arguments:
            role, target = argument.split(":", 1)
            self._link(role, fields[0], target)

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
        key, target, *values = fields[1].split(" ")
        self._give(key, target, Given("choices", (" ".join(values) or "true",)), line)

    def _normalization(self, fields: list[str], line: str) -> None:
        _, target, reference = fields[1].split(" ", 2)
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
                    yield f"{name}\t{type_} {mark.start} {mark.end}\t{_shown(text[mark.start : mark.end])}"
                    self._describe(name, mark)
            for at, link in enumerate(markup.links, 1):
                label = self._names.plain(link.label)
                self.relations[label] = None
                yield f"R{at}\t{label} Arg1:{ids[link.source]} Arg2:{ids[link.target]}\t"
        yield from self._others

    def _describe(self, name: str, mark: Mark) -> None:
        for key, given in mark.attributes.items():
            word = self._names.plain(key)
            single = given.kind == "choices" and len(given.values) == 1 and not re.search(r"\s", str(given.values[0]))
            number = len(self._others) + 1
            if single:
                self.attributes.setdefault(word, {})[str(given.values[0])] = None
                self._others.append(f"A{number}\t{word} {name} {given.values[0]}")
                continue
            if given.kind != "textarea":
                self._losses["kind of an attribute, which becomes text"] += 1
            for at, value in enumerate(given.words()):
                self._losses["line break or tab in a note"] += bool(re.search(r"[\r\n]", value))
                note = re.sub(r"[\r\n]+", " ", value)
                self._others.append(f"#{number + at}\t{word} {name}\t{note}")
