"""Columns of tokens, as in CoNLL-2003: a token on each line, an empty line after each sentence.

Every column whose values are all tags (O, B-X, I-X, also E-, S-, L-, U-, M- and W-) is a layer: `entities` for the last
one. The user may name the columns instead. IOB1, IOB2, IOBES, BILOU and BMEWO need not be told apart: I- after another
label begins a span in all of them, and B-, S-, U- and W- always do. The text is put together from the tokens, with a
space between them and a line break after each sentence, because the file does not have it. Other columns are reported
once for each document, and are not read.

Source: the description of the shared task of CoNLL-2003.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..text import token_edges
from .document import Document, Mark, Markup, Refused, crossing
from .names import LabelNames
from .source import IGNORED, TOKEN, Source

LAYER = "entities"
START = "-DOCSTART-"
TAG = re.compile(r"O|[BIESLUMW]-\S+")
_OF_OTHER_SCHEMES = {"M": "I", "W": "S"}  # BMEWO
_SAMPLE = 2000  # lines by which tag columns are recognised


def recognise(source: Source) -> bool:
    """Whether the lines are tokens with the same number of columns, one of which has tags.

    A file that begins like JSON, such as a truncated export, is no such file, even if its last word is a tag.
    """
    if re.match(r"\s*[\[{]\S", source.head):
        return False
    rows = [_columns(line) for line in re.split(r"\r?\n", source.head)[:_SAMPLE] if line.strip()]
    if len(source.content) > len(source.head):
        rows = rows[:-1]  # the head may end within a line
    rows = [row for row in rows if not row[0].startswith(("#", START))]
    whole = [row for row in rows if len(row) == len(rows[0])]  # a short line is an error with its place
    if not rows or len(rows[0]) < 2 or 2 * len(whole) <= len(rows):
        return False
    rows = whole
    if source.columns:
        return len(rows[0]) == len(source.columns)
    if len(rows[0]) == 10 and all(row[0].replace("-", "").replace(".", "").isdigit() for row in rows):
        return False  # CoNLL-U
    tags = _tag_columns(rows)
    return bool(tags) and (len(rows) > 1 or any(rows[0][at] != "O" for at in tags))  # a line may end with the word O


def _is_comment(line: str) -> bool:
    """Whether a line is a comment, and not the token # with its tags."""
    named = line.startswith(("# ", "#\t")) and not TAG.fullmatch(_columns(line)[-1])
    return line.startswith("# id = ") or named


def _columns(line: str) -> list[str]:
    return line.strip("\r\n").split("\t") if "\t" in line else re.split(" +", line.strip("\r\n "))


def _word_column(rows: list[list[str]]) -> int:
    """Return the column of the words: the second if the first one numbers them, as in GermEval."""
    numbered = all(row[0].isascii() and row[0].isdigit() for row in rows) and rows[0][0] == "1"
    return 1 if numbered and min(map(len, rows)) > 2 else 0


def _tag_columns(rows: list[list[str]]) -> list[int]:
    width = min(map(len, rows))
    fits = [at for at in range(1, width) if all(TAG.fullmatch(row[at]) for row in rows)]
    return [at for at in fits if any(row[at] != "O" for row in rows)] or fits[-1:]


class Tags:
    """Reads the tags of one column of a document into spans; `end` closes the last one."""

    def __init__(self, layer: str, markup: Markup) -> None:
        self._layer, self._markup = layer, markup
        self._open: tuple[str, int, int] | None = None

    def take(self, tag: str, start: int, end: int) -> None:
        """Take the tag of the token at `[start, end)`; I- without a span of its type before it begins one."""
        prefix, _, label = tag.partition("-")
        prefix = _OF_OTHER_SCHEMES.get(prefix, prefix)
        if tag == "O" or tag in ("_", "-", ""):
            self.end()
            return
        if prefix not in "BIESLU" or not label:
            self._markup.refused.append(Refused("bad-record", f"{tag!r} is not a tag", tag))
            self.end()
            return
        if prefix in "IEL" and self._open and self._open[0] == label:
            self._open = (label, self._open[1], end)
        else:
            self.end()
            self._open = (label, start, end)
        if prefix in "ESLU":
            self.end()

    def end(self) -> None:
        """Close the open span."""
        if self._open:
            label, start, end = self._open
            self._markup.marks.append(
                Mark(f"{self._layer}-{len(self._markup.marks) + 1}", self._layer, (label,), start, end)
            )
        self._open = None


def read(source: Source) -> Iterator[Document]:
    """Yield the documents between the lines -DOCSTART-, or the whole file. Raises ExportError where a line is short."""
    lines = re.split(r"\r\n|\n", source.text)
    rows = [_columns(line) for line in lines if line.strip() and not line.startswith(START) and not _is_comment(line)]
    rows = [row for row in rows if len(row) == len(rows[0])]
    if source.columns:
        layers, word = _named_columns(source, rows)
    else:
        columns = _tag_columns(rows) if rows else []
        layers = {at: LAYER if at == columns[-1] else f"column_{at + 1}" for at in columns}
        word = _word_column(rows) if rows else 0
    if not layers:
        hint = "every token needs a tag such as O, B-PER or I-PER in one column; --columns names the columns"
        raise source.error("unknown-shape", "has no column of tags", hint)
    part: list[tuple[int, str]] = []
    number = 0
    for at, line in enumerate(lines, 1):
        if line.startswith(START):
            if part and any(text.strip() for _, text in part):
                number += 1
                yield _document(source, number, part, layers, word)
            part = []
        else:
            part.append((at, line))
    if any(text.strip() for _, text in part):
        yield _document(source, number + 1, part, layers, word)


def _named_columns(source: Source, rows: list[list[str]]) -> tuple[dict[int, str], int]:
    """Return the columns of tags with their layers, and the column of the words, as the user names them."""
    names = source.columns
    if rows and len(rows[0]) != len(names):
        hint = f"name each column, and those to leave out `{IGNORED}`"
        message = f"has {len(rows[0])} columns; {len(names)} are named"
        raise source.error("unknown-shape", message, hint, f"the line {' '.join(rows[0])[:60]!r}")
    layers = {at: name for at, name in enumerate(names) if name not in (TOKEN, IGNORED)}
    for at, name in layers.items():
        wrong = next((row[at] for row in rows if not TAG.fullmatch(row[at])), None)
        if wrong is not None and not any(TAG.fullmatch(row[at]) for row in rows):
            hint = f"expected tags such as O, B-PER or I-PER; name the column `{IGNORED}` to leave it out"
            raise source.error("unknown-shape", f"column {at + 1} ({name}) has {wrong!r}, which is no tag", hint)
    return layers, names.index(TOKEN)


def _document(source: Source, number: int, lines: list[tuple[int, str]], layers: dict[int, str], word: int) -> Document:
    markup = Markup()
    width = max(*layers, word) + 1
    tags = {at: Tags(name, markup) for at, name in layers.items()}
    pieces: list[str] = []
    length = 0
    unread: set[int] = set()
    name = f"{source.stem}-{number}"
    for at, line in lines:
        if line.startswith("# id = "):
            name = line.partition("=")[2].strip()
            continue
        row = _columns(line) if line.strip() else []
        if not row:
            if pieces and pieces[-1] == " ":
                pieces[-1] = "\n"
                for column in tags.values():
                    column.end()
            continue
        if _is_comment(line):
            continue
        named = len(source.columns)
        if len(row) < width or (named and len(row) != named):
            hint = "correct the line; an empty line ends a sentence"
            expected = f"{named} are named" if named else f"at least {width} are needed"
            raise source.error("unknown-shape", f"number of columns: {len(row)}; {expected}", hint, f"line {at}")
        for place, reader in tags.items():
            reader.take(row[place], length, length + len(row[word]))
        if not source.columns:
            others = (other for other in range(word + 1, len(row)) if other not in tags)
            unread |= {other for other in others if row[other] not in ("_", "-X-")}
        pieces += [row[word], " "]
        length += len(row[word]) + 1
    for column in tags.values():
        column.end()
    for other in sorted(unread):
        message = f"column {other + 1} is not read: its values are not tags of spans"
        markup.refused.append(Refused("unread-column", message, other + 1))
    return Document(name, "".join(pieces[:-1]), [markup])


def flat(
    document: Document, names: LabelNames, losses: Counter[str], layer: str | None = None
) -> list[tuple[int, int, str]]:
    """Return the tokens of a document, cut at the edges of spans, as (start, end, tag), and count what tags lose."""
    text = document.text or ""
    marks = [mark for markup in document.markups for mark in markup.marks]
    out: dict[str, str] = {mark.id: why for mark, why in crossing(marks)}
    for why in out.values():
        losses[f"{why} span"] += 1
    kept = [mark for mark in marks if mark.id not in out]
    for markup in document.markups:
        losses["value about the document"] += len(markup.values)
        losses["relation"] += len(markup.links)
    for mark in marks:
        losses["several labels of a span"] += len(mark.labels) > 1
        losses["attribute"] += len(mark.attributes)
    starts, ends = (
        edges.tolist() for edges in token_edges(text, [edge for mark in kept for edge in (mark.start, mark.end)])
    )
    tags = ["O"] * len(starts)
    begins = {start: number for number, start in enumerate(starts)}
    for mark in kept:
        at = next((begins[place] for place in range(mark.start, mark.end) if place in begins), None)
        name = names.of(mark.layer, mark.labels[0])
        exact = False
        prefix = "B"
        while at is not None and at < len(starts) and ends[at] <= mark.end:
            tags[at], prefix = f"{prefix}-{name}", "I"
            exact = ends[at] == mark.end
            at += 1
        losses["span with white space at its edge"] += not (exact and mark.start in begins)
    return list(zip(starts, ends, tags, strict=True))


def write(documents: Iterable[Document], folder: Path, losses: Counter[str]) -> None:
    """Write `all.conll` with four columns; the text cannot be put together from it exactly."""
    names = LabelNames(r"\s", losses)
    with (folder / "all.conll").open("w", encoding="utf-8", newline="\n") as sink:
        for document in documents:
            text = document.text or ""
            sink.write(f"{START} -X- -X- O\n\n# id = {document.id}\n")
            losses["exact text of a document"] += 1
            end = 0
            for start, stop, tag in flat(document, names, losses):
                if end and re.search(r"[\n\r]", text[end:start]) and not tag.startswith("I-"):
                    sink.write("\n")
                sink.write(f"{text[start:stop]} _ _ {tag}\n")
                end = stop
            sink.write("\n")
