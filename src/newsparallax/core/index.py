"""Which tasks are about which article: the index over all exports by which a build goes article by article.

It holds a few words a task (article id, file, position), never a task; the tasks are read again when their turn comes.
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import msgspec

from .article import RawTask
from .context import Context
from .decode import decode_task
from .exports import ExportFolder
from .ids import natural_order, spelling_free


class Unit(NamedTuple):
    """One article and the places of its tasks: (file number, position)."""

    article_id: str
    tasks: tuple[tuple[int, int], ...]


class Subject(NamedTuple):
    """What a task is about: an article by its id; where none is named, a text by the digest of its data (`content`).

    Tasks with equal `content` are one article, called by the lowest of their ids (`own`).
    """

    article_id: str | None
    content: bytes = b""
    own: str = ""


class _Head(msgspec.Struct):
    """What of a task tells which article it is about."""

    id: int | str | None = None
    data: dict[str, Any] | None = None


_HEAD = msgspec.json.Decoder(_Head)


def index_tasks(context: Context, exports: ExportFolder, text_ids: dict[str, str]) -> list[Unit]:
    """All articles in order of their ids, each with its tasks; seeds without tasks too.

    `text_ids` maps the SHA-256 of a seed's text to its article's id: a task that names no article but shows the text of
    a seed is about that seed. Without seeds and without an id field, tasks with equal data are one article (a project
    imported twice), called by the lowest of their ids.
    """
    places: dict[str, list[tuple[int, int]]] = {}
    first_id: dict[bytes, str] = {}
    by_data: dict[bytes, list[tuple[int, int]]] = {}
    for file in range(len(exports.files)):
        for position, raw in enumerate(exports.tasks(file)):
            article_id, content, own = subject_of(context, raw, text_ids)
            if article_id is not None:
                places.setdefault(article_id, []).append((file, position))
                continue
            first_id[content] = min(first_id.get(content, own), own, key=natural_order)
            by_data.setdefault(content, []).append((file, position))
    for content, found in by_data.items():
        places.setdefault(first_id[content], []).extend(found)
    for article_id in context.articles:
        places.setdefault(article_id, [])
    return [Unit(article_id, tuple(places[article_id])) for article_id in sorted(places)]


def subject_of(context: Context, raw: memoryview, text_ids: dict[str, str]) -> Subject:
    """What a raw task is about; `text_ids` as in `index_tasks`."""
    given = _given(context, _data_at_end(raw)) if _id_key(context) else None
    if given is not None:
        return Subject(given)
    head = _head(raw)
    article_id = _named(context, head, text_ids)
    if article_id is not None:
        return Subject(article_id)
    content = _content(context, head, raw)
    by_content = f"task-{content.hex()}"
    if context.corpus.articles.id_from == "data":
        return Subject(by_content)
    return Subject(None, content, str(head.id) if head.id is not None else by_content)


def article_of(context: Context, task: dict[str, Any], text_ids: dict[str, str]) -> str:
    """The id of the article that a single task is about; of one that says nothing, the task's own id."""
    head = _Head(task["id"], task["data"])
    named = _named(context, head, text_ids)
    if named is None and context.corpus.articles.id_from == "data":
        return f"task-{_content(context, head, memoryview(b'')).hex()}"
    return str(task["id"]) if named is None else named


def unit_tasks(exports: ExportFolder, unit: Unit) -> list[RawTask]:
    """The tasks of an article, read."""
    return [RawTask(exports.name(file), exports.tasks(file)[position]) for file, position in unit.tasks]


def _head(raw: memoryview) -> _Head:
    try:
        return _HEAD.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        task = decode_task(raw)
        return _Head(task.id, task.data)


def _data_at_end(raw: memoryview) -> dict[str, Any]:
    """The data of a task that has them after its annotations, as Label Studio writes it; else none are found.

    The annotations, nearly all of a task, are not read through. What follows the key is the end of the task itself, not
    of an object within it, if a bracket before it makes it an object: then only the task was open where it begins.
    """
    content = bytes(raw)
    at = content.rfind(b'"data":', len(content) // 2)
    if at < 1 or content[at - 1 : at] == b"\\":  # a quotation mark within a string
        return {}
    try:
        return _HEAD.decode(b"{" + content[at:]).data or {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}


def _named(context: Context, head: _Head, text_ids: dict[str, str]) -> str | None:
    """The article that a task's data name, or whose text they show; None where the task's own id has to do."""
    data = head.data or {}
    given = _given(context, data)
    if given is not None or context.corpus.articles.from_tasks:
        return given
    for text in context.codebook.texts.values():
        shown = data.get(text.field)
        if isinstance(shown, str) and (known := text_ids.get(hashlib.sha256(shown.encode()).hexdigest())):
            return known
    return str(head.id) if head.id is not None else "(no article)"


def _id_key(context: Context) -> str:
    """The field of the data that names the article; empty if none does."""
    source = context.corpus.articles
    return source.id_field or ("" if source.from_tasks else "article_id")


def _given(context: Context, data: dict[str, Any]) -> str | None:
    """The article that a task's data name by its id."""
    given = data.get(_id_key(context))
    named = isinstance(given, str | int) and not isinstance(given, bool) and str(given).strip()
    return str(given) if named else None


def _content(context: Context, head: _Head, raw: memoryview) -> bytes:
    """A digest of a task's data; of the whole task where it shows nothing, so that such tasks stay apart."""
    data = head.data or {}
    shown = [data.get(text.field) for text in context.codebook.texts.values()] or list(data.values())
    if not any(isinstance(text, str) and text.strip() for text in shown):
        return hashlib.sha256(spelling_free(raw)).digest()[:8]
    try:
        content = msgspec.json.encode(data, order="sorted")
    except OverflowError:  # a number beyond 64 bits
        content = repr(sorted(data.items())).encode()
    except RecursionError:
        content = bytes(raw)
    return hashlib.sha256(content).digest()[:8]
