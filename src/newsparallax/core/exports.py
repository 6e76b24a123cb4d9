"""Export files -> the raw JSON of their tasks, without holding more than one file's list of slices.

Read are: a list of tasks, one task, JSON Lines, and lists wrapped in objects (`{"projects": [{"tasks": [...]}]}`), each
as UTF-8 with or without a byte order mark. Anything else is named in the error; nothing is guessed.
"""

from __future__ import annotations

import json
import mmap
from functools import lru_cache
from pathlib import Path

import msgspec

from .errors import ExportError

LARGE = 8 << 20  # bytes; a larger file stays mapped and split, a smaller one is read again when needed
TASK_KEYS = frozenset({"data", "annotations", "completions", "predictions", "drafts"})
WRAPPERS = ("projects", "tasks")

_SLICES = msgspec.json.Decoder(list[msgspec.Raw])
_TABLE = msgspec.json.Decoder(dict[str, msgspec.Raw])
_BOM = b"\xef\xbb\xbf"
_WIDE_BOMS = (b"\xff\xfe", b"\xfe\xff")


class ExportFolder:
    """The export files of a corpus, in order of their names; tasks are reached by file and position."""

    def __init__(self, root: Path, files: list[Path] | None = None):
        self.root = root
        self.files = sorted(export_files(root) if files is None else files, key=lambda path: path.as_posix())
        self._large: dict[int, list[memoryview]] = {}
        self._small = lru_cache(maxsize=64)(self._split)

    def name(self, number: int) -> str:
        """The file's name as messages and records call it: relative to the folder, with forward slashes."""
        path = self.files[number]
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.name

    def tasks(self, number: int) -> list[memoryview]:
        """The raw JSON of each task of a file. Raises ExportError naming file, place and what was expected."""
        if number in self._large:
            return self._large[number]
        if self.files[number].stat().st_size < LARGE:
            return self._small(number)
        self._large[number] = self._split(number)
        return self._large[number]

    def _split(self, number: int) -> list[memoryview]:
        return split_tasks(read_mapped(self.files[number], self.name(number)), self.name(number))


def export_files(root: Path) -> list[Path]:
    """All .json, .jsonl and .ndjson files below `root`, but for hidden ones."""
    suffixes = (".json", ".jsonl", ".ndjson")
    found = (path for path in root.rglob("*") if path.suffix.lower() in suffixes and path.is_file())
    return [path for path in found if not any(part.startswith(".") for part in path.relative_to(root).parts)]


def read_mapped(path: Path, name: str) -> memoryview:
    """The file's bytes, mapped into memory when it is large."""
    try:
        if path.stat().st_size < LARGE:
            return memoryview(path.read_bytes())
        with path.open("rb") as handle:
            return memoryview(mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise ExportError("unreadable-file", f"cannot be read: {error.strerror}", file=name) from None


def split_tasks(content: memoryview, name: str) -> list[memoryview]:
    """Split an export into the raw JSON of its tasks, in order.

    Raises ExportError (`empty-file`, `not-utf8`, `not-json`, `truncated-json`, `unknown-shape`).
    """
    if bytes(content[:2]) in _WIDE_BOMS:
        raise ExportError("not-utf8", "is UTF-16, expected UTF-8", file=name, hint="save the file as UTF-8")
    if bytes(content[:3]) == _BOM:
        content = content[3:]
    if not bytes(content[:4096]).strip() and not bytes(content).strip():
        raise ExportError("empty-file", "is empty", file=name, hint="export the project again, as JSON")
    try:
        slices = _from_document(content, name)
    except (msgspec.DecodeError, RecursionError):
        return _split_slowly(content, name)
    return slices


def _from_document(content: memoryview, name: str) -> list[memoryview]:
    first = bytes(content[:64]).lstrip()[:1]
    if first == b"[":
        slices = [memoryview(raw) for raw in _SLICES.decode(content)]
        return _checked(slices, name)
    if first == b"{":
        return _from_object(content, name)
    raise msgspec.DecodeError("not a document")


def _from_object(content: memoryview, name: str) -> list[memoryview]:
    """One task, or tasks wrapped in objects."""
    table = _TABLE.decode(content)
    if TASK_KEYS & table.keys() and not any(key in table and _is_list(table[key]) for key in WRAPPERS):
        return [content]
    found: list[memoryview] = []
    for key in WRAPPERS:
        if key in table and _is_list(table[key]):
            for raw in _SLICES.decode(table[key]):
                inner = memoryview(raw)
                found += _from_object(inner, name) if key == "projects" else [inner]
            return _checked(found, name) if key == "tasks" else found
    raise _unknown_shape(list(table), name)


def _is_list(raw: msgspec.Raw) -> bool:
    return bytes(memoryview(raw)[:64]).lstrip()[:1] == b"["


def _checked(slices: list[memoryview], name: str) -> list[memoryview]:
    """Refuse a list in which the first object is no task: other formats must not become an empty corpus."""
    for piece in slices[:1]:
        try:
            table = _TABLE.decode(piece)
        except msgspec.DecodeError:
            continue
        if not TASK_KEYS & table.keys():
            if any(key in table and _is_list(table[key]) for key in WRAPPERS):
                return [task for inner in slices for task in _from_object(inner, name)]
            raise _unknown_shape(list(table), name)
    return slices


def _unknown_shape(keys: list[str], name: str) -> ExportError:
    what = ", ".join(sorted(keys)[:8]) or "no keys"
    flat = "; this looks like JSON_MIN, which loses regions" if "annotation_id" in keys or "annotator" in keys else ""
    return ExportError(
        "unknown-shape",
        f"expected tasks with `data` and `annotations`, found objects with {what}{flat}",
        file=name,
        hint="export the project as JSON (the full format of Label Studio)",
    )


def _split_slowly(content: memoryview, name: str) -> list[memoryview]:
    """What msgspec refuses as one document: JSON Lines, NaN, lone surrogates; else say where it breaks."""
    data = bytes(content)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        place = f"line {line}, byte {error.start}"
        raise ExportError("not-utf8", "is not UTF-8", file=name, place=place, hint="save the file as UTF-8") from None
    lines = [line for line in text.splitlines() if line.strip()] if "\n" in text.strip() else []
    if len(lines) > 1 and lines[0].lstrip()[:1] == "{" and _is_json(lines[0]):
        return _split_lines(text, name)
    try:
        document = _Elements(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise _broken(text, error, name) from None
    if text.lstrip()[:1] not in "[{":
        raise _unknown_shape([], name)
    return _checked([memoryview(piece.encode()) for piece in document.pieces], name)


def _split_lines(text: str, name: str) -> list[memoryview]:
    slices: list[memoryview] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        if not _is_json(line):
            last = not text.split("\n", number)[-1].strip() if text.count("\n") >= number else True
            code = "truncated-json" if last else "not-json"
            raise ExportError(code, "this line is not a JSON value", file=name, place=f"line {number}", hint=None)
        slices.append(memoryview(line.strip().encode()))
    return _checked(slices, name)


class _Elements:
    """The elements of a JSON array, or the one object, cut by the standard library, which allows NaN."""

    def __init__(self, text: str):
        decoder = json.JSONDecoder()
        stripped = text.strip()
        _, end = decoder.raw_decode(stripped)
        if stripped[end:].strip():
            raise json.JSONDecodeError("Extra data", stripped, end)
        self.pieces = [stripped] if stripped.startswith("{") else []
        at = 1
        while stripped.startswith("["):
            while stripped[at] in " \t\r\n,":
                at += 1
            if stripped[at] == "]":
                break
            _, stop = decoder.raw_decode(stripped, at)
            self.pieces.append(stripped[at:stop])
            at = stop


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _broken(text: str, error: Exception, name: str) -> ExportError:
    """Not JSON at all, or JSON that ends too early or breaks in the middle."""
    if not isinstance(error, json.JSONDecodeError):
        return ExportError("not-json", "is nested too deeply", file=name)
    place = f"line {error.lineno}, column {error.colno}"
    if text.lstrip()[:1] not in "[{":
        start = text.strip()[:20]
        return ExportError(
            "not-json",
            f"expected JSON, which begins with [ or {{, found {start!r}",
            file=name,
            hint="export the project as JSON (the full format), not as CSV, TSV, CoNLL or XML",
        )
    if error.pos >= len(text.rstrip()) or "Unterminated" in error.msg:
        return ExportError(
            "truncated-json", "ends in the middle of a value", file=name, place=place, hint="export or copy it again"
        )
    return ExportError("not-json", f"is not JSON: {error.msg}", file=name, place=place, hint="export it again")
