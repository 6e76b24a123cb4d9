"""Export files -> the raw JSON of their tasks, without holding more than the places of the tasks.

Read are: a list of tasks, one task, JSON Lines, and lists wrapped in objects (`{"projects": [{"tasks": [...]}]}`), each
as UTF-8 with or without a byte order mark. Anything else is named in the error; nothing is guessed.
"""

from __future__ import annotations

import codecs
import json
import mmap
import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import msgspec
import pyarrow as pa

from .errors import ExportError
from .slices import OpenFile, Slices

LARGE = 1 << 20  # bytes; of a larger file, places are kept and tasks read one by one; some smaller ones are kept whole
OPEN = 64  # large files kept open at a time; systems allow a process a few hundred
TASK_KEYS = frozenset({"data", "annotations", "completions", "predictions", "drafts"})
WRAPPERS = ("projects", "tasks")
SUFFIXES = (".json", ".jsonl", ".ndjson")

_SLICES = msgspec.json.Decoder(list[msgspec.Raw])
_TABLE = msgspec.json.Decoder(dict[str, msgspec.Raw])
_RAW = msgspec.json.Decoder(msgspec.Raw)
_SCAN = json.JSONDecoder(parse_int=str)  # finds where values end; a number may have any number of digits
_BOM = b"\xef\xbb\xbf"
_WIDE_BOMS = (b"\xff\xfe", b"\xfe\xff")
_CHUNK = 1 << 20
_GAP = re.compile(r"[ \t\r\n,:]*")  # what stands between the values of a list or object
_LINE = re.compile(rb"\S[^\n]*")  # a line from its first character that is no white space
_WRAPPER_KEY = re.compile(rb'"(?:projects|tasks)"')


class ExportFolder:
    """The export files of a corpus, in order of their names; tasks are reached by file and position."""

    def __init__(self, root: Path):
        self.root = root
        self.files = sorted(export_files(root), key=lambda path: path.as_posix())
        self._names = [path.relative_to(root).as_posix() for path in self.files]
        self._large: dict[int, Sequence[memoryview]] = {}
        self._small = lru_cache(maxsize=64)(self._split)
        self._opened = lru_cache(maxsize=OPEN)(OpenFile)

    def name(self, number: int) -> str:
        """The file's name as messages and records call it: relative to the folder, with forward slashes."""
        return self._names[number]

    def tasks(self, number: int) -> Sequence[memoryview]:
        """The raw JSON of each task of a file. Raises ExportError naming file, place and what was expected."""
        if number in self._large:
            return self._large[number]
        if _size(self.files[number], self.name(number)) < LARGE:
            return self._small(number)
        self._large[number] = self._split(number)
        return self._large[number]

    def _split(self, number: int) -> Sequence[memoryview]:
        content = read_mapped(self.files[number], self.name(number))
        slices = split_tasks(content, self.name(number))
        if len(content) < LARGE:
            return slices
        return _located(partial(self._opened, self.files[number]), content, slices)


def _located(opened: Callable[[], OpenFile], content: memoryview, slices: list[memoryview]) -> Sequence[memoryview]:
    """The slices by their places in the file, so that it need not stay in memory, if they are slices of it."""
    base = pa.py_buffer(content).address
    starts = array("Q", [0]) * len(slices)
    ends = array("Q", starts)
    for number, piece in enumerate(slices):
        at = pa.py_buffer(piece).address - base
        if not 0 <= at <= len(content) - len(piece):
            return slices
        starts[number], ends[number] = at, at + len(piece)
    return Slices(opened, starts, ends)


def export_files(root: Path) -> list[Path]:
    """All files below `root` that are read as exports, but for hidden ones; links that lead nowhere too."""
    return [path for path in _files(root) if path.suffix.lower() in SUFFIXES]


def ignored_files(root: Path) -> list[Path]:
    """All other files below `root` that are not hidden."""
    return [path for path in _files(root) if path.suffix.lower() not in SUFFIXES]


def _files(root: Path) -> list[Path]:
    found = (path for path in sorted(root.rglob("*")) if not path.is_dir())
    return [path for path in found if not any(part.startswith(".") for part in path.relative_to(root).parts)]


def read_mapped(path: Path, name: str) -> memoryview:
    """The file's bytes, mapped into memory when it is large."""
    small = _size(path, name) < LARGE
    try:
        if small:
            return memoryview(path.read_bytes())
        with path.open("rb") as handle:
            return memoryview(mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise _unreadable(error, name) from None


def _size(path: Path, name: str) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise _unreadable(error, name) from None


def _unreadable(error: OSError, name: str) -> ExportError:
    hint = "look at the file's permissions, or where its link leads"
    return ExportError("unreadable-file", f"cannot be read: {error.strerror}", file=name, hint=hint)


def split_tasks(content: memoryview, name: str) -> list[memoryview]:
    """Split an export into the raw JSON of its tasks, in order.

    Raises ExportError (`empty-file`, `not-utf8`, `not-json`, `truncated-json`, `unknown-shape`).
    """
    if bytes(content[:2]) in _WIDE_BOMS or 0 in bytes(content[:2]):
        raise ExportError("not-utf8", "is UTF-16, expected UTF-8", file=name, hint="save the file as UTF-8")
    if bytes(content[:3]) == _BOM:
        content = content[3:]
    if not bytes(content[:4096]).strip() and not bytes(content).strip():
        raise ExportError("empty-file", "is empty", file=name, hint="export the project again, as JSON")
    _require_utf8(content, name)
    try:
        return _tasks(content, name, _FAST)
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        return _split_slowly(content, name)
    except RecursionError as error:
        raise _broken("", error, name) from None


def _require_utf8(content: memoryview, name: str) -> None:
    ends = pa.array([0, len(content)], pa.int64()).buffers()[1]
    try:  # Arrow's check neither copies nor decodes, but does not say where the text breaks
        pa.Array.from_buffers(pa.large_string(), 1, [None, ends, pa.py_buffer(content)]).validate(full=True)
    except pa.ArrowInvalid:
        _refuse_utf8(content, name)


def _refuse_utf8(content: memoryview, name: str) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    for at in range(0, len(content), _CHUNK):
        try:
            decoder.decode(content[at : at + _CHUNK], final=at + _CHUNK >= len(content))
        except UnicodeDecodeError as error:
            byte = at + error.start - (len(error.object) - len(content[at : at + _CHUNK]))
            place = f"line {bytes(content[:byte]).count(10) + 1}, byte {byte}"
            hint = "save the file as UTF-8"
            raise ExportError("not-utf8", "is not UTF-8", file=name, place=place, hint=hint) from None


class _Cutter(NamedTuple):
    """Cuts a JSON list or object into the raw JSON of its values."""

    elements: Callable[[memoryview], list[memoryview]]
    members: Callable[[memoryview], list[tuple[str, memoryview]]]


def _tasks(document: memoryview, name: str, cut: _Cutter) -> list[memoryview]:
    """The tasks of a document: a list of them, one alone, or lists of them wrapped in objects."""
    first = _first(document)
    if first == b"[":
        return _listed(cut.elements(document), name, cut)
    if first != b"{":
        raise msgspec.DecodeError("not a document")
    members = cut.members(document)
    wrapped = [value for key, value in members if key in WRAPPERS and _first(value) == b"["]
    if wrapped:
        return [task for value in wrapped for task in _tasks(value, name, cut)]
    if not TASK_KEYS & {key for key, _ in members}:
        raise _unknown_shape([key for key, _ in members], name)
    return [document]


def _listed(values: list[memoryview], name: str, cut: _Cutter) -> list[memoryview]:
    """The tasks of a list. Its first object says whether it is one: other formats must not become an empty corpus."""
    first = next((value for value in values if _first(value) == b"{"), None)
    if first is None or _tasks(first, name, cut) == [first]:
        return values
    return [task for value in values for task in (_tasks(value, name, cut) if _first(value) == b"{" else [value])]


def _first(raw: memoryview | msgspec.Raw) -> bytes:
    return bytes(memoryview(raw)[:64]).lstrip()[:1]


def _unknown_shape(keys: list[str], name: str) -> ExportError:
    what = ", ".join(sorted(keys)[:8]) or "no keys"
    flat = "; this looks like JSON_MIN, which loses regions" if "annotation_id" in keys or "annotator" in keys else ""
    return ExportError(
        "unknown-shape",
        f"expected tasks with `data` and `annotations`, found objects with {what}{flat}",
        file=name,
        hint="export the project as JSON (the full format of Label Studio)",
    )


def _fast_elements(raw: memoryview) -> list[memoryview]:
    return [memoryview(value) for value in _SLICES.decode(raw)]


def _fast_members(raw: memoryview) -> list[tuple[str, memoryview]]:
    table = _TABLE.decode(raw)
    wrappers = sum(key in WRAPPERS for key in table)
    if wrappers and len(_WRAPPER_KEY.findall(raw)) > wrappers:
        raise msgspec.DecodeError("a key may be there twice")
    return [(key, memoryview(value)) for key, value in table.items()]


def _slow_elements(raw: memoryview) -> list[memoryview]:
    return [memoryview(value.encode()) for _, value in _parts(bytes(raw).decode().strip(), "]")]


def _slow_members(raw: memoryview) -> list[tuple[str, memoryview]]:
    return [(key, memoryview(value.encode())) for key, value in _parts(bytes(raw).decode().strip(), "}")]


def _parts(text: str, end: str) -> Iterator[tuple[str, str]]:
    """Key (empty in a list) and raw value of every part of a JSON list or object, also of keys that repeat."""
    at = _past_gap(text, 1)
    while text[at] != end:
        key = ""
        if end == "}":
            key, at = _SCAN.raw_decode(text, at)
            at = _past_gap(text, at)
        _, stop = _SCAN.raw_decode(text, at)
        yield key, text[at:stop]
        at = _past_gap(text, stop)


def _past_gap(text: str, at: int) -> int:
    gap = _GAP.match(text, at)
    return gap.end() if gap else at


_FAST = _Cutter(_fast_elements, _fast_members)
_SLOW = _Cutter(_slow_elements, _slow_members)


def _split_slowly(content: memoryview, name: str) -> list[memoryview]:
    """What msgspec refuses as one document: JSON Lines, NaN, lone surrogates; else say where it breaks."""
    first = _LINE.search(content)
    if first and _LINE.search(content, first.end()) and first[0][:1] == b"{" and _is_json(first[0]):
        return _listed(list(_lines(content, name)), name, _SLOW)
    text = bytes(content).decode("utf-8").rstrip()
    begin = len(text) - len(text.lstrip())
    try:
        _, end = _SCAN.raw_decode(text, begin)
        if end < len(text):
            raise json.JSONDecodeError("Extra data", text, end)
    except (json.JSONDecodeError, RecursionError) as error:
        raise _broken(text, error, name) from None
    if text[begin : begin + 1] not in ("[", "{"):
        raise _unknown_shape([], name)
    return _tasks(memoryview(text.encode()), name, _SLOW)


def _lines(content: memoryview, name: str) -> Iterator[memoryview]:
    """The values of JSON Lines, as slices; blank lines are none."""
    for line in _LINE.finditer(content):
        if not _is_json(line[0]):
            code, hint = "not-json", "mend or remove the line"
            if not _LINE.search(content, line.end()):
                code, hint = "truncated-json", "the file ends too early; export or copy it again"
            place = f"line {bytes(content[: line.start()]).count(10) + 1}"
            raise ExportError(code, "this line is not a JSON value", file=name, place=place, hint=hint)
        yield content[line.start() : line.end()]


def _is_json(line: bytes) -> bool:
    try:
        _RAW.decode(line)
    except (msgspec.DecodeError, RecursionError):
        try:
            _SCAN.decode(line.decode())
        except (ValueError, RecursionError):
            return False
    return True


def _broken(text: str, error: Exception, name: str) -> ExportError:
    """Not JSON at all, or JSON that ends too early or breaks in the middle."""
    if not isinstance(error, json.JSONDecodeError):
        return ExportError("not-json", "is nested too deeply", file=name, hint="no export is; look at the file")
    place = f"line {error.lineno}, column {error.colno}"
    if text.lstrip()[:1] not in "[{":
        return ExportError(
            "not-json",
            f"expected JSON, which begins with [ or {{, found {text.lstrip()[:20]!r}",
            file=name,
            hint="export the project as JSON (the full format), not as CSV, TSV, CoNLL or XML",
        )
    rest = text[error.pos :]
    cut_off = len(rest) < 10 and not re.search(r'[\]}"]', rest) and error.msg != "Extra data"
    if cut_off or "Unterminated" in error.msg:
        return ExportError(
            "truncated-json", "ends in the middle of a value", file=name, place=place, hint="export or copy it again"
        )
    return ExportError("not-json", f"is not JSON: {error.msg}", file=name, place=place, hint="export it again")
