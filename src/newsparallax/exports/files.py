"""Split export files into the raw JSON of their tasks.

Supported forms are a list of tasks, one task, JSON Lines, lists wrapped in objects (`{"projects": [{"tasks": [...]}]}`)
and annotations that contain their task (`{"id", "result", "task": {...}}`, written by storage targets). The encoding is
UTF-8, with or without a byte order mark, plain or compressed. Files of other tools are recognised by their content and
read by the package `formats`, which makes tasks of them. For anything else, the error says what was found; the reader
does not guess.

For a large file, only the byte positions of the tasks are kept in memory. Each task is read on access (`Slices`).
"""

from __future__ import annotations

import codecs
import json
import mmap
import os
import re
import stat
import tomllib
import weakref
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
import pyarrow as pa

from .._util import parser_words
from ..errors import ExportError
from ..formats import (
    FORMATS,
    LOSSES,
    FormatName,
    Reading,
    companions,
    documents,
    recognised,
    recognised_file,
    task_json,
)
from .compressed import is_export, is_packed
from .decode import FAST, SCAN, SLOW, WRAPPERS, Cutter
from .formats import not_json, refuse_binary, unknown_shape
from .lenient_json import loads

LARGE = 1 << 20  # bytes; tasks of files from this size on are read on access, some smaller files are kept in memory
OPEN = 64  # large files kept open at a time; operating systems allow a process a few hundred
RESULTS = ("annotations", "completions", "predictions", "drafts")  # lists of objects with a `result`
SAMPLE = 100  # number of values of a file used to recognise its format

_RAW = msgspec.json.Decoder(msgspec.Raw)
_BOM = b"\xef\xbb\xbf"
_WIDE_BOMS = (b"\xff\xfe", b"\xfe\xff")
_CHUNK = 1 << 20
_LINE = re.compile(rb"\S[^\n]*")  # a line from its first non-blank character on


class ExportFolder:
    """The export files of a corpus, in the order of their names. A file number and a position identify a task.

    `unpack` takes a compressed file and its name in messages, and returns the path of a plain copy.
    """

    def __init__(self, root: Path, unpack: Callable[[Path, str], Path]):
        self.root = root
        self._formats = given_formats(root)
        self.files = sorted(export_files(root), key=lambda path: path.as_posix())
        self._names = [path.relative_to(root).as_posix() for path in self.files]
        self._large: dict[int, Sequence[memoryview]] = {}
        self._small = lru_cache(maxsize=64)(self._split)
        self._opened = lru_cache(maxsize=OPEN)(OpenFile)
        self._unpack = unpack
        self._plain: dict[int, Path] = {}  # file number -> plain copy of a compressed file

    def name(self, number: int) -> str:
        """Return the file's name for messages and records: relative to the folder, with forward slashes."""
        return self._names[number]

    def plain(self, number: int) -> Path:
        """Return the path of the file, or of its unpacked copy."""
        return self._plain.get(number, self.files[number])

    def tasks(self, number: int) -> Sequence[memoryview]:
        """Return the raw JSON of each task of a file. Raises ExportError with file, place and the expected content."""
        if number in self._large:
            return self._large[number]
        if number not in self._plain and _size(self.files[number], self.name(number)) < LARGE:
            return self._small(number)
        self._large[number] = self._split(number)
        return self._large[number]

    def _split(self, number: int) -> Sequence[memoryview]:
        content = read_mapped(self.plain(number), self.name(number))
        if is_packed(bytes(content[:4])) and number not in self._plain:
            self._plain[number] = self._unpack(self.files[number], self.name(number))
            return self.tasks(number)
        name = self.name(number)
        slices = split_tasks(content, name, self.plain(number), self._formats.get(name))
        if len(content) < LARGE:
            return slices
        return _located(partial(self._opened, self.plain(number)), content, slices)


def _located(opened: Callable[[], OpenFile], content: memoryview, slices: list[memoryview]) -> Sequence[memoryview]:
    """Return the slices as byte positions, so that the file need not stay in memory.

    If a slice is not part of `content`, return the slices unchanged.
    """
    base = pa.py_buffer(content).address
    starts = array("Q", [0]) * len(slices)
    ends = array("Q", starts)
    for number, piece in enumerate(slices):
        at = pa.py_buffer(piece).address - base
        if not 0 <= at <= len(content) - len(piece):
            return slices
        starts[number], ends[number] = at, at + len(piece)
    return Slices(opened, starts, ends)


GIVEN = "formats.toml"  # in the folder of the exports: the formats of files whose content does not decide


def given_formats(root: Path) -> dict[str, Reading]:
    """Return the formats that formats.toml gives, by file. Raises ExportError where it cannot be read."""
    try:
        given = tomllib.loads((root / GIVEN).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        hint = 'expected lines such as "FILE" = "brat"'
        raise ExportError("unreadable-file", f"cannot be read: {error}", file=GIVEN, hint=hint) from None
    return {name: _reading(name, value) for name, value in given.items()}


def _reading(name: str, value: Any) -> Reading:
    format_, columns = (value.get("format"), value.get("columns")) if isinstance(value, dict) else (value, [])
    if format_ not in FORMATS:
        hint = f"expected one of {', '.join(FORMATS)}"
        raise ExportError("unknown-shape", f"{format_!r} is not a format", file=GIVEN, place=name, hint=hint)
    if not isinstance(columns, list) or not all(isinstance(column, str) for column in columns):
        hint = 'expected a list such as ["token", "_", "ner"]'
        raise ExportError("unknown-shape", f"{columns!r} are no columns", file=GIVEN, place=name, hint=hint)
    return Reading(format_, tuple(columns))


def export_files(root: Path) -> list[Path]:
    """Return all files below `root` that are read as exports, without hidden files. Broken links are included."""
    return _sorted_out(root)[0]


def ignored_files(root: Path) -> list[Path]:
    """Return all files below `root` that are neither hidden, nor read as exports, nor belong to a file that is read."""
    return _sorted_out(root)[1]


def _sorted_out(root: Path) -> tuple[list[Path], list[Path]]:
    """Return the files that are read, and those that are ignored. Files that only belong to a read file are neither."""
    given = given_formats(root)
    files = [path for path in _files(root) if path.name not in (GIVEN, LOSSES)]
    named = {path for path in files if is_export(path.name) or path.relative_to(root).as_posix() in given}
    if len(named) == len(files):
        return files, []
    formats = {path: _format_of(path, given.get(path.relative_to(root).as_posix())) for path in files}
    beside = {other for others in _beside(formats).values() for other in others}
    read = [path for path in files if path in named or (formats[path] and path not in beside)]
    return read, [path for path in files if path not in beside and path not in {*read}]


def _beside(formats: dict[Path, FormatName | None]) -> dict[Path, list[Path]]:
    return {path: companions(format_, path) for path, format_ in formats.items() if format_}


def files_beside(paths: Iterable[Path]) -> dict[Path, list[Path]]:
    """Return the files that belong to each file of another tool, such as its text."""
    return _beside({path: recognised_file(path) for path in paths})


def _format_of(path: Path, given: Reading | None) -> FormatName | None:
    return given.format if given else recognised_file(path)


def _files(root: Path) -> list[Path]:
    paths = (path for path in sorted(root.rglob("*")) if not path.is_dir())
    return [path for path in paths if not any(part.startswith(".") for part in path.relative_to(root).parts)]


def read_mapped(path: Path, name: str) -> memoryview:
    """Return the bytes of a file, memory-mapped if the file is large. Raises ExportError where it cannot be read."""
    small = _size(path, name) < LARGE
    try:
        if small:
            return memoryview(path.read_bytes())
        with path.open("rb") as handle:
            return memoryview(mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise _unreadable(error, name) from None


def _size(path: Path, name: str) -> int:
    """Return the size of a file in bytes. Raises ExportError for a pipe or device: to read one could wait for ever."""
    try:
        status = path.stat()
    except OSError as error:
        raise _unreadable(error, name) from None
    if not stat.S_ISREG(status.st_mode):
        hint = "write its content to a file"
        raise ExportError("unreadable-file", "is a pipe or device; expected a file", file=name, hint=hint)
    return status.st_size


def _unreadable(error: OSError, name: str) -> ExportError:
    hint = "check the permissions of the file, or the target of its link"
    return ExportError("unreadable-file", f"cannot be read: {error.strerror}", file=name, hint=hint)


def split_tasks(
    content: memoryview, name: str, path: Path | None = None, given: Reading | None = None
) -> list[memoryview]:
    """Return the tasks of `split_export`."""
    return split_export(content, name, path, given).tasks


class Split(NamedTuple):
    """The raw JSON of the tasks of a file, and the name of its format in `formats`; None for Label Studio."""

    tasks: list[memoryview]
    format: FormatName | None = None


def split_export(content: memoryview, name: str, path: Path | None = None, given: Reading | None = None) -> Split:
    """Split an export into the raw JSON of its tasks, in order; a file of another tool gives the tasks made from it.

    `path` is the place of the file, where others may lie beside it. `given` is its format; None means that the content
    decides. Raises ExportError (`empty-file`, `not-utf8`, `not-json`, `truncated-json`,
    `unknown-shape`, `no-text`).
    """
    if given is None:
        try:
            return Split(_split_tasks(content, name))
        except ExportError:
            format_ = recognised(bytes(content), name, path)
            if format_ is None:
                raise
            given = Reading(format_)
    made = documents(given.format, bytes(content), name, path, given.columns)
    return Split([memoryview(task_json(document)) for document in made], given.format)


def _split_tasks(content: memoryview, name: str) -> list[memoryview]:
    """Split an export of Label Studio."""
    refuse_binary(bytes(content[:512]), name)
    if bytes(content[:2]) in _WIDE_BOMS or 0 in bytes(content[:2]):
        raise ExportError("not-utf8", "is UTF-16, expected UTF-8", file=name, hint="save the file as UTF-8")
    if bytes(content[:3]) == _BOM:
        content = content[3:]
    if not bytes(content[:4096]).strip() and not bytes(content).strip():
        raise ExportError("empty-file", "is empty", file=name, hint="export the project again, as JSON")
    _require_utf8(content, name)
    try:
        return _tasks(content, name, FAST)
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        return _split_slowly(content, name)
    except RecursionError as error:
        raise _broken("", error, name) from None


def _require_utf8(content: memoryview, name: str) -> None:
    ends = pa.array([0, len(content)], pa.int64()).buffers()[1]
    try:  # Arrow validates without copying or decoding, but does not report the position of the invalid byte
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


def _tasks(document: memoryview, name: str, cut: Cutter) -> list[memoryview]:
    """Return the tasks of a document: a list of tasks, a single task, or lists of tasks wrapped in objects."""
    first = _first(document)
    if first not in (b"[", b"{"):
        raise msgspec.DecodeError("not a document")
    return _listed(cut.elements(document) if first == b"[" else [document], name, cut)


def _listed(values: list[memoryview], name: str, cut: Cutter) -> list[memoryview]:
    """Return the tasks among the values. The first value that is a task, or contains tasks, decides on the form.

    Raises ExportError where no value is or contains a task.
    """
    members = (cut.members(value) for value in values if _first(value) == b"{")
    first = next((kind for member in members if (kind := _kind(member, cut)) is not None), None)
    if first is None and values:
        objects = ([key for key, _ in cut.members(value)] for value in values if _first(value) == b"{")
        others = (loads(bytes(value)) for value in values if _first(value) != b"{")
        raise unknown_shape(islice(objects, SAMPLE), islice(others, SAMPLE), name)
    if first == "task":  # other values in the list become Problems
        return values
    return [task for value in values for task in _opened(value, name, cut)]


def _kind(members: list[tuple[str, memoryview]], cut: Cutter) -> Literal["wrapper", "task", "storage"] | None:
    """Return the kind of an object: lists of tasks, a task, or an annotation that contains its task; else None."""
    if any(key in WRAPPERS and _first(value) == b"[" for key, value in members):
        return "wrapper"
    if any(key == "data" and _first(value) == b"{" for key, value in members):
        return "task"
    if any(key in RESULTS and _holds_results(value, cut) for key, value in members):
        return "task"
    keys = dict(members)
    inner = keys.get("task")
    if "result" in keys and inner and _first(inner) == b"{" and "data" in dict(cut.members(inner)):
        return "storage"
    return None


def _holds_results(value: memoryview, cut: Cutter) -> bool:
    """Whether a list contains an annotation or prediction of Label Studio with at least one item."""
    elements = cut.elements(value) if _first(value) == b"[" else []
    results = (dict(cut.members(part)).get("result") for part in elements if _first(part) == b"{")
    return any(_first(result) == b"[" and cut.elements(result) for result in results if result)


def _opened(value: memoryview, name: str, cut: Cutter) -> list[memoryview]:
    """Return the tasks of one entry in a list of wrappers or of annotations that contain their tasks."""
    members = cut.members(value) if _first(value) == b"{" else []
    kind = _kind(members, cut)
    if kind == "wrapper":
        wrapped = [part for key, part in members if key in WRAPPERS and _first(part) == b"["]
        return [task for part in wrapped for task in _tasks(part, name, cut)]
    return [_with_annotation(members, cut)] if kind == "storage" else [value]


def _with_annotation(members: list[tuple[str, memoryview]], cut: Cutter) -> memoryview:
    """Return the task inside an annotation, with the annotation added. Storage targets of Label Studio nest them so.

    Source: StorageAnnotationSerializer in label_studio/io_storages/serializers.py.
    """
    task = cut.members(dict(members)["task"])
    own = _object((key, bytes(value)) for key, value in members if key != "task")
    inner = [bytes(part) for key, value in task if key == "annotations" for part in cut.elements(value)]
    rest = [(key, bytes(value)) for key, value in task if key != "annotations"]
    return memoryview(_object([*rest, ("annotations", b"[" + b",".join([*inner, own]) + b"]")]))


def _object(members: Iterable[tuple[str, bytes]]) -> bytes:
    return b"{" + b",".join(json.dumps(key).encode() + b":" + value for key, value in members) + b"}"


def _first(raw: memoryview) -> bytes:
    return bytes(raw[:64]).lstrip()[:1]


def _split_slowly(content: memoryview, name: str) -> list[memoryview]:
    """Split content that msgspec rejects as one document: JSON Lines, NaN, lone surrogates.

    Raises ExportError with the position where the content is not JSON.
    """
    first = _LINE.search(content)
    if first and _LINE.search(content, first.end()) and first[0][:1] == b"{" and _is_json(first[0]):
        return _listed(list(_lines(content, name)), name, SLOW)
    text = bytes(content).decode("utf-8").rstrip()
    begin = len(text) - len(text.lstrip())
    try:
        _, end = SCAN.raw_decode(text, begin)
        if end < len(text):
            raise json.JSONDecodeError("Extra data", text, end)
    except (json.JSONDecodeError, RecursionError) as error:
        raise _broken(text, error, name) from None
    if text[begin : begin + 1] not in ("[", "{"):
        raise unknown_shape([], [], name)
    return _tasks(memoryview(text.encode()), name, SLOW)


def _lines(content: memoryview, name: str) -> Iterator[memoryview]:
    """Yield the values of JSON Lines as slices, without blank lines."""
    for line in _LINE.finditer(content):
        if not _is_json(line[0]):
            code, hint = "not-json", "correct or remove the line"
            if not _LINE.search(content, line.end()):
                code, hint = "truncated-json", "the file is incomplete; export or copy it again"
            place = f"line {bytes(content[: line.start()]).count(10) + 1}"
            raise ExportError(code, "this line is not a JSON value", file=name, place=place, hint=hint)
        yield content[line.start() : line.end()]


def _is_json(line: bytes) -> bool:
    try:
        _RAW.decode(line)
    except (msgspec.DecodeError, RecursionError):
        try:
            SCAN.decode(line.decode())
        except (ValueError, RecursionError):
            return False
    return True


def _broken(text: str, error: Exception, name: str) -> ExportError:
    """Return the error for content that is not JSON, ends too early, or is invalid in the middle."""
    if not isinstance(error, json.JSONDecodeError):
        return ExportError(
            "not-json", "is nested too deeply", file=name, hint="no export of Label Studio is so deep; check the file"
        )
    place = f"line {error.lineno}, column {error.colno}"
    if text.lstrip()[:1] not in "[{":
        return not_json(text, name)
    rest = text[error.pos :]
    cut_off = len(rest) < 10 and not re.search(r'[\]}"]', rest) and error.msg != "Extra data"
    if cut_off or "Unterminated" in error.msg:
        return ExportError(
            "truncated-json", "ends in the middle of a value", file=name, place=place, hint="export or copy it again"
        )
    return ExportError(
        "not-json", f"is not JSON: {parser_words(error.msg)}", file=name, place=place, hint="export it again"
    )


Version = tuple[int, int, int, int]  # version of a file: device, inode, size in bytes, modification time in ns


class OpenFile:
    """A file kept open for reading until no reference is left. `version` distinguishes it from later versions."""

    def __init__(self, path: Path):
        self._path = path
        self._number = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._number)
        status = os.fstat(self._number)
        self.version: Version = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)

    def read(self, start: int, end: int, version: Version) -> bytes:
        """Return the bytes `[start, end)`.

        `version` is the version in which these positions were found. Raises ExportError if the open file has another
        version or became shorter.
        """
        pieces = []
        while self.version == version and start < end and (piece := os.pread(self._number, end - start, start)):
            pieces.append(piece)  # one call reads at most 2 GiB
            start += len(piece)
        if start < end:
            hint = "run the command again when the file is complete"
            raise ExportError("unreadable-file", "changed while it was read", file=str(self._path), hint=hint)
        return b"".join(pieces)


class Slices(Sequence[memoryview]):
    """Parts of a file, each stored as two byte positions and read on access. `opened` returns the open file."""

    def __init__(self, opened: Callable[[], OpenFile], starts: array[int], ends: array[int]):
        self._opened, self._starts, self._ends = opened, starts, ends
        self.version = opened().version

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, number: Any) -> Any:
        return memoryview(self._opened().read(*self.place(number), self.version))

    def place(self, number: int) -> tuple[int, int]:
        """Return the start and end of a part in the file, in bytes, so that another process can read it."""
        return self._starts[number], self._ends[number]
