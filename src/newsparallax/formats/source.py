"""What a reader gets: the bytes of a file, its name in messages, and its path where other files belong to it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import ExportError

HEAD = 1 << 16  # bytes by which a format is recognised
LONG = 1 << 26  # bytes that are read where the first object of JSON is longer
BOM = "\ufeff"
TOKEN = "token"  # the name of the column of the words
IGNORED = "_"


class Source:
    """A file to read. `columns` has the names that the user gives to its columns: TOKEN, IGNORED, or that of a layer.

    `text` and `lines` raise ExportError for content that is not UTF-8.
    """

    def __init__(self, content: bytes, name: str, path: Path | None = None, columns: tuple[str, ...] = ()):
        self.content, self.name, self.path, self.columns = content, name, path, columns

    @cached_property
    def head(self) -> str:
        """The beginning of the file as text, without a byte order mark; bytes that are not UTF-8 are replaced."""
        return self.content[:HEAD].decode("utf-8", "replace").removeprefix(BOM)

    @cached_property
    def first(self) -> dict[str, Any] | None:
        """The first object of a list or of JSON Lines; None where there is none, or it is longer than LONG bytes."""
        begin = self.head.lstrip(" \t\r\n[")
        if not begin.startswith("{"):
            return None
        found = _first_object(begin)
        if found is None and len(self.content) >= HEAD:
            content = self.content[:LONG]
            if len(content) == HEAD and self.path is not None:
                with self.path.open("rb") as handle:
                    content = handle.read(LONG)
            found = _first_object(content.decode("utf-8", "replace").removeprefix(BOM).lstrip(" \t\r\n["))
        return found

    @cached_property
    def text(self) -> str:
        """The content as text, without a byte order mark."""
        return decoded(self.content, self.name).removeprefix(BOM)

    @property
    def stem(self) -> str:
        """The name without folders and suffix."""
        return Path(self.name).stem

    def error(self, code: str, message: str, hint: str, place: str | None = None) -> ExportError:
        """Return an error about this file."""
        return ExportError(code, message, file=self.name, place=place, hint=hint)


def decoded(content: bytes, name: str) -> str:
    """Return bytes as text, every character kept. Raises ExportError where they are not UTF-8."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        place = f"line {content[: error.start].count(10) + 1}, byte {error.start}"
        hint = "save the file as UTF-8"
        raise ExportError("not-utf8", "is not UTF-8", file=name, place=place, hint=hint) from None


class JsonLine(NamedTuple):
    """A JSON value of a file, with the line on which it begins."""

    line: int
    value: Any


def json_lines(source: Source) -> Iterator[JsonLine]:
    """Yield the objects of a JSON list, of one object or of JSON Lines.

    Raises ExportError for a line that is not JSON, or a value that is not an object.
    """
    text = source.text
    if text.lstrip()[:1] == "[":
        values = _whole(source, text)
        listed = [JsonLine(number, value) for number, value in enumerate(values, 1)]
        word = "entry"
    else:
        listed, word = list(_each(source, text)), "line"
    for line, value in listed:
        if not isinstance(value, dict):
            message, hint = "is not an object with a text and its annotations", "correct or remove it"
            raise source.error("unknown-shape", message, hint, f"{word} {line}")
        yield JsonLine(line, value)


def _whole(source: Source, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        place = f"line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else None
        raise source.error("not-json", "is not JSON", "export it again", place) from None


def _each(source: Source, text: str) -> Iterator[JsonLine]:
    try:  # one object, perhaps over several lines
        yield JsonLine(1, json.loads(text))
        return
    except (ValueError, RecursionError):
        pass
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), 1):
        if not line.strip():
            continue
        try:
            yield JsonLine(number, json.loads(line))
        except (ValueError, RecursionError):
            hint = "correct or remove the line"
            raise source.error("not-json", "this line is not a JSON value", hint, f"line {number}") from None


def _first_object(text: str) -> dict[str, Any] | None:
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
