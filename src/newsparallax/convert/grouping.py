"""Assign tasks to articles: an index over all exports, with which a build processes one article after the other.

The index holds a few fields per task (article id, file, position), never the task. The build reads the tasks again
when it processes their article.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

import msgspec

from ..corpus import CorpusSpec, is_reference
from ..exports import ExportFolder, SharedNumbers, Use, decode_task, shared_numbers, uses_in
from ..ids import canonical_json, natural_order, text_digest, text_id
from ..text import is_blank
from .article import RawTask

A = TypeVar("A")


class Unit(NamedTuple):
    """One article and the places of its tasks: (file number, position).

    `clash` is the id of another article that has a text with the same id as a text of this article. The complete
    article is then quarantined.
    """

    article_id: str
    tasks: tuple[tuple[int, int], ...]
    clash: str | None = None


class Subject(NamedTuple):
    """The subject of a task: an article id or, where the task names no article, the digest of its data (`content`).

    Tasks with equal `content` are one article. The lowest of their ids (`own`) is the article's id.
    """

    article_id: str | None
    content: bytes = b""
    own: str = ""


class _Head(msgspec.Struct):
    """The fields of a task that identify its article."""

    id: int | str | None = None
    data: dict[str, Any] | None = None


_HEAD = msgspec.json.Decoder(_Head)


class Index(NamedTuple):
    """All articles in order of their ids, and the user numbers that several people share."""

    units: list[Unit]
    shared: SharedNumbers


def index_tasks(context: CorpusSpec, exports: ExportFolder, text_ids: dict[str, str]) -> Index:
    """Index all articles with their tasks, including seeds without tasks.

    `text_ids` maps the SHA-256 of a seed's text to its article's id: a task that names no article but shows the text of
    a seed is about that seed. Without seeds and without an id field, tasks with equal data are one article (a project
    that was imported twice). The lowest of their ids is the article's id.
    """
    places: dict[str, list[tuple[int, int]]] = {}
    first_id: dict[bytes, str] = {}
    by_data: dict[bytes, list[tuple[int, int]]] = {}
    uses: set[Use] = set()
    for file in range(len(exports.files)):
        for position, raw in enumerate(exports.tasks(file)):
            uses |= uses_in(raw, exports.name(file))
            article_id, content, own = subject_of(context, raw, text_ids)
            if article_id is not None:
                places.setdefault(article_id, []).append((file, position))
                continue
            first_id[content] = min(first_id.get(content, own), own, key=natural_order)
            by_data.setdefault(content, []).append((file, position))
    for content, tasks in by_data.items():
        places.setdefault(first_id[content], []).extend(tasks)
    for article_id in context.articles:
        places.setdefault(article_id, [])
    units = [Unit(article_id, tuple(places[article_id])) for article_id in sorted(places)]
    shared = shared_numbers(uses)
    if not context.later_texts:
        return Index(units, shared)
    named = ((unit.article_id, unit) for unit in units)
    compared = with_clashes(context, named, lambda unit: unit_tasks(exports, unit))
    return Index([unit if clash is None else unit._replace(clash=clash) for unit, clash in compared], shared)


def with_clashes(
    context: CorpusSpec, articles: Iterable[tuple[str, A]], tasks_of: Callable[[A], list[RawTask]]
) -> Iterator[tuple[A, str | None]]:
    """Yield each article with the id of an article that has a text of the same id (nearly always None).

    The second text of the article "1" has the id "1.NAME". An article, or a text of another article, may have the same
    id. Two texts can share an id in no other way, because articles with equal ids are one article. `articles` are in
    order of their ids, so an article comes before all articles whose ids begin with its id. The function keeps only the
    few articles that can still clash with a later one, and reads tasks only where ids do clash.
    """
    earlier: list[tuple[str, A]] = []
    for article_id, article in articles:
        # "/" is the character after ".", so all ids that begin with the earlier id and a dot come before.
        earlier = [entry for entry in earlier if article_id < f"{entry[0]}/"]
        clash = None
        own = {article_id: ""} | {text_id(article_id, name): name for name in context.later_texts if earlier}
        for root, its in earlier:
            for name in context.later_texts:
                same = own.get(text_id(root, name))
                if same is None or not _shows(context, tasks_of(its), name):
                    continue
                clash = root if _shows(context, tasks_of(article), same) else clash
        yield article, clash
        if context.later_texts and clash is None:
            earlier.append((article_id, article))


def _shows(context: CorpusSpec, tasks: list[RawTask], name: str) -> bool:
    """Whether a task has the text `name`; the first text ("") counts as present, because it has the article's id."""
    return not name or any(_shows_text(context, raw, name) for raw in tasks)


def _shows_text(context: CorpusSpec, raw: RawTask, name: str) -> bool:
    """Whether a task has the text `name`, as text or as a known reference."""
    task = decode_task(raw.content)
    value = task.data.get(context.codebook.texts[name].field)
    if not isinstance(value, str) or any(finding.code == "not-a-task" for finding in task.findings):
        return False
    return value.strip() in context.corpus.articles.references or not is_reference(value)


def root_id(context: CorpusSpec, article_id: str) -> str:
    """Return the id without trailing text names; ids of articles that can clash share this root."""
    if any("." in name for name in context.later_texts):
        return article_id.partition(".")[0]
    while True:
        ending = next((f".{name}" for name in context.later_texts if article_id.endswith(f".{name}")), None)
        if ending is None:
            return article_id
        article_id = article_id.removesuffix(ending)


def subject_of(context: CorpusSpec, raw: memoryview, text_ids: dict[str, str]) -> Subject:
    """Return the subject of a raw task; `text_ids` as in `index_tasks`."""
    named = _given(context, _data_at_end(raw)) if _id_key(context) else None
    if named is not None:
        return Subject(named)
    head = _head(raw)
    article_id = _named(context, head, text_ids)
    if article_id is not None:
        return Subject(article_id)
    content = _content(context, head, raw)
    by_content = f"task-{content.hex()}"
    if context.corpus.articles.id_from == "data":
        return Subject(by_content)
    return Subject(None, content, str(head.id) if head.id is not None else by_content)


def article_of(context: CorpusSpec, task: dict[str, Any], text_ids: dict[str, str]) -> str:
    """Return the id of the article that a single task is about; the task's id where the task names no article."""
    head = _Head(task["id"], task["data"])
    named = _named(context, head, text_ids)
    if named is None and context.corpus.articles.id_from == "data":
        return f"task-{_content(context, head, memoryview(b'')).hex()}"
    return str(task["id"]) if named is None else named


def unit_tasks(exports: ExportFolder, unit: Unit) -> list[RawTask]:
    """Read the tasks of an article."""
    return [RawTask(exports.name(file), exports.tasks(file)[position], unit.clash) for file, position in unit.tasks]


def _head(raw: memoryview) -> _Head:
    try:
        return _HEAD.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        task = decode_task(raw)
        return _Head(task.id, task.data)


def _data_at_end(raw: memoryview) -> dict[str, Any]:
    """Return the data of a task without decoding its annotations; empty where the data are not at the end of the task.

    Label Studio writes the data after the annotations, which are nearly all of a task. The function decodes a bracket
    and the bytes from the last `"data":` on. If these are a valid object, then only the task itself was open at the
    key, and not an object within the task.
    """
    content = bytes(raw)
    at = content.rfind(b'"data":', len(content) // 2)
    if at < 1 or content[at - 1 : at] == b"\\":  # a quotation mark within a string
        return {}
    try:
        return _HEAD.decode(b"{" + content[at:]).data or {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}


def _named(context: CorpusSpec, head: _Head, text_ids: dict[str, str]) -> str | None:
    """Return the article that a task's data name or whose text they show; None if only the task's id identifies it."""
    data = head.data or {}
    named = _given(context, data)
    if named is not None or context.corpus.articles.from_tasks:
        return named
    for text in context.codebook.texts.values():
        shown = data.get(text.field)
        if isinstance(shown, str) and (known := text_ids.get(text_digest(shown))):
            return known
    return str(head.id) if head.id is not None else "(no article)"


def _id_key(context: CorpusSpec) -> str:
    """Return the field of the data that names the article; empty if there is no such field."""
    source = context.corpus.articles
    return source.id_field or ("" if source.from_tasks else "article_id")


def _given(context: CorpusSpec, data: dict[str, Any]) -> str | None:
    """Return the article id in a task's data, None if there is none."""
    value = data.get(_id_key(context))
    named = isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip()
    return str(value) if named else None


def _content(context: CorpusSpec, head: _Head, raw: memoryview) -> bytes:
    """Return a digest of a task's data; of the complete task if it shows no text, so that such tasks stay separate."""
    data = head.data or {}
    shown = [data.get(text.field) for text in context.codebook.texts.values()] or list(data.values())
    if all(not isinstance(text, str) or is_blank(text) for text in shown):
        return hashlib.sha256(canonical_json(raw)).digest()[:8]
    try:
        content = msgspec.json.encode(data, order="sorted")
    except OverflowError:  # a number beyond 64 bits
        content = repr(sorted(data.items())).encode()
    except RecursionError:
        content = bytes(raw)
    return hashlib.sha256(content).digest()[:8]
