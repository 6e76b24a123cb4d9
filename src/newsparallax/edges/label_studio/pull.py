"""Annotations back from a Label Studio server into annotations/exports/, one file an article.

Asked for is everything; what is kept is decided here (`core/exchange.py`), since the server's own filters drop good
work. What was pulled is remembered in a file that git ignores, so that the next pull asks only for tasks that changed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from ...core.errors import CorpusError, UsageError
from ...core.exchange import Keeper, Key, file_text, key, merge, sent_mark
from ...core.exports import ExportFolder, split_tasks
from ...core.ids import short_hash
from ...core.index import article_of, index_tasks
from ..engine import Progress
from ..folder import CorpusFolder
from ..whole_file import write_whole
from .client import Studio
from .home import home_of
from .people import People, Seen
from .projects import find_project, project_title, review_title

FILE = "pulled.json"
NOTED = 5  # seconds between notes of what was pulled
BATCH = 20  # tasks in one answer: some megabytes
HEAD = ("meta", "updated_at", "total_annotations", "cancelled_annotations")
WHOLE = (
    *("data", "meta", "updated_at", "total_annotations", "cancelled_annotations", "annotations", "drafts"),
    *("result", "completed_by", "updated_by", "was_cancelled", "ground_truth", "import_id", "lead_time"),
)


class Pulled(NamedTuple):
    """What a pull did: files written and removed by name, and counts."""

    changed: list[str]
    removed: list[str]
    tasks: int
    annotations: int
    drafts: int
    kept: int
    unstarred: int


_Head = tuple[str, int, int]  # of a task: when it was changed, how many annotations it has, how many are cancelled


class _Done(msgspec.Struct):
    """What was pulled of a project: task -> its head then; article -> the keys of the annotations it had there."""

    tasks: dict[str, _Head] = {}
    articles: dict[str, list[Key]] = {}


class _State:
    """What was pulled before, by server and project, in a file that git ignores."""

    def __init__(self, path: Path, work: Path):
        self._path, self._work = path, work
        try:
            content = self._path.read_bytes() if self._path.is_file() else b"{}"
            self.projects = msgspec.json.decode(content, type=dict[str, _Done])
        except (msgspec.DecodeError, UnicodeDecodeError):
            message = "is not what a pull wrote"
            raise CorpusError(
                message, file=str(self._path), hint="remove it: the next pull asks for everything"
            ) from None

    def save(self) -> None:
        """Remember."""
        write_whole(self._path, msgspec.json.encode(self.projects, order="sorted"), self._work, mode=0o600)


def pull(
    folder: CorpusFolder,
    studio: Studio,
    work: Path,
    say: Callable[[str], None],
    *,
    full: bool,
    replace: bool,
    progress: Progress | None,
) -> Pulled:
    """Write what the corpus's project, and its project for adjudication, hold into annotations/exports/.

    `work` is a folder for files that are being written. `full` asks for every task, changed or not; `replace` takes out
    of each file what the server does not have. Raises StudioError when the server cannot be reached and UsageError
    without such a project; files are whole at any moment.
    """
    name = folder.context.corpus.name
    title = project_title(name)
    project = find_project(studio, title)
    if project is None:
        hint = "`scripts/label_studio.py push` makes it"
        raise UsageError(f"{studio.url} has no project {title!r}", hint=hint)
    parts = []
    for found, adjudicated in ((project, False), (find_project(studio, review_title(name)), True)):
        if found is not None:
            own = replace and not adjudicated
            parts.append(_Project(folder, studio, work, say, found["id"], adjudicated=adjudicated, replace=own))
            parts[-1].run(full=full or replace, progress=progress)
    counts = sum((part.counts for part in parts), Counter())
    changed = sorted({name for part in parts for name in part.changed})
    removed = sorted({name for part in parts for name in part.removed})
    return Pulled(changed, removed, *(counts[name] for name in Pulled._fields[2:]))


class _Project:
    """One project on its way into the exports; of one for adjudication, only what is starred."""

    def __init__(
        self,
        folder: CorpusFolder,
        studio: Studio,
        work: Path,
        say: Callable[[str], None],
        project: int,
        *,
        adjudicated: bool,
        replace: bool,
    ):
        self._folder, self._studio, self._work, self._say = folder, studio, work, say
        self._id, self._adjudicated, self._replace = project, adjudicated, replace
        self._keeper = Keeper(folder.context)
        self._people = People(folder, work, say)
        self._users: dict[int, str] = {}
        self._exports = _Exports(folder)
        self._state = _State(home_of(folder.root) / FILE, work)
        self._done = self._state.projects.setdefault(f"{studio.url} {project}", _Done())
        self.counts: Counter[str] = Counter()
        self.changed: list[str] = []
        self.removed: list[str] = []

    def run(self, *, full: bool, progress: Progress | None) -> None:
        """Pull what changed since the last time; all tasks of an article together, since they go into one file."""
        heads: dict[int, _Head] = {}
        articles: dict[str, list[int]] = {}
        for article, task in self._articles():
            heads[task["id"]] = _head(task)
            articles.setdefault(article, []).append(task["id"])
        self._tell_gone(heads)
        changed = {i for i, head in heads.items() if full or self._done.tasks.get(str(i)) != head}
        wanted = {article: tasks for article, tasks in articles.items() if changed & set(tasks)}
        try:
            self._take_all(wanted, progress)
        finally:
            self._state.save()

    def _take_all(self, wanted: dict[str, list[int]], progress: Progress | None) -> None:
        """Pull these articles in batches. What was pulled is noted now and then, for a run that is killed."""
        done, noted = 0, time.monotonic()
        for batch in _batches(wanted):
            ids = [i for article in batch for i in wanted[article]]
            tasks = {task["id"]: task for task in self._studio.tasks(self._id, WHOLE, ids)}
            kept = self._kept(tasks)
            for article in batch:
                self._take(article, [kept[i] for i in wanted[article] if i in kept])
            self._done.tasks.update((str(i), _head(task)) for i, task in tasks.items())
            if time.monotonic() > noted + NOTED:
                self._state.save()
                noted = time.monotonic()
            done += len(ids)
            if progress:
                progress(done, sum(map(len, wanted.values())))

    def _articles(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The head of each task with the article that it is about; tasks that are not ours are looked into."""
        foreign = []
        for task in self._studio.tasks(self._id, HEAD):
            mark = sent_mark(task.get("meta"))
            if mark:
                yield mark.article, task
            else:
                foreign.append(task)
        for at in range(0, len(foreign), BATCH):
            part = foreign[at : at + BATCH]
            data = {task["id"]: task for task in self._studio.tasks(self._id, ("data",), [task["id"] for task in part])}
            for task in part:
                if task["id"] in data:
                    yield article_of(self._folder.context, data[task["id"]], self._folder.text_ids), task

    def _tell_gone(self, heads: dict[int, _Head]) -> None:
        """A task that is no longer there takes nothing with it: what it had stays in the files."""
        gone = [name for name in self._done.tasks if int(name) not in heads]
        for name in gone:
            self._say(f"task {name} is no longer on the server; what was pulled from it stays in annotations/exports/")
            del self._done.tasks[name]

    def _kept(self, tasks: dict[int, dict[str, Any]]) -> dict[int, dict[str, Any]]:
        """The tasks in the form kept, with the numbers of everybody who made or edited an annotation."""
        page: dict[int, bool] = {}
        for task in tasks.values():
            self.counts.update(tasks=1, drafts=len(task.get("drafts") or []))
            for one in task.get("annotations") or []:
                maker, editor = one.get("completed_by"), one.get("updated_by")
                page |= {user: page.get(user, False) for user in (maker, editor) if user is not None}
                if maker is not None and one.get("lead_time") is not None:
                    page[maker] = True
            if self._adjudicated:
                self._only_starred(task)
        if page.keys() - self._users.keys():
            self._users = {user["id"]: user["email"] or f"user {user['id']}" for user in self._studio.read("api/users")}
        seen = {user: Seen(self._users.get(user, f"user {user}"), on, self._adjudicated) for user, on in page.items()}
        numbers = self._people.numbers(seen)
        return {i: self._keeper.task(task, numbers) for i, task in tasks.items()}

    def _only_starred(self, task: dict[str, Any]) -> None:
        made = [one for one in task.get("annotations") or [] if not one["was_cancelled"]]
        task["annotations"] = [one for one in made if one["ground_truth"]]
        self.counts["unstarred"] += len(made) - len(task["annotations"])

    def _take(self, article: str, tasks: list[dict[str, Any]]) -> None:
        """Write the file of an article, or remove it when nothing is left in it."""
        path, before = self._exports.of(article)
        merged, elsewhere = merge([] if self._replace else before, tasks, self._done.articles.get(article, []))
        self.counts.update(annotations=sum(len(task["annotations"]) for task in tasks), kept=len(elsewhere))
        self._done.articles[article] = [key(one) for task in tasks for one in task["annotations"]]
        name = path.relative_to(self._folder.annotations / "exports").as_posix()
        if any(task["annotations"] for task in merged):
            if write_whole(path, file_text(merged), self._work):
                self.changed.append(name)
        elif before:
            path.unlink()
            self.removed.append(name)


class _Exports:
    """The export files: which holds which article."""

    def __init__(self, folder: CorpusFolder):
        self._root = folder.annotations / "exports"
        exports = ExportFolder(self._root)
        units = index_tasks(folder.context, exports, folder.text_ids)
        self._files = {unit.article_id: sorted({exports.files[file] for file, _ in unit.tasks}) for unit in units}
        self._shared = {
            path for path, n in Counter(path for paths in self._files.values() for path in paths).items() if n > 1
        }

    def of(self, article: str) -> tuple[Path, list[dict[str, Any]]]:
        """The file of an article, there or to be, and the tasks that are in it.

        Raises UsageError where the article shares a file with another, or is in several files.
        """
        paths = self._files.setdefault(article, []) or [self._root / f"{file_name(article)}.json"]
        if len(paths) > 1 or paths[0] in self._shared:
            names = ", ".join(path.relative_to(self._root).as_posix() for path in paths)
            hint = "`pull --split` gives each article a file of its own first"
            raise UsageError(f"article {article} is not alone in one file of annotations/exports/: {names}", hint=hint)
        if not paths[0].exists():
            return paths[0], []
        name = paths[0].relative_to(self._root).as_posix()
        return paths[0], [msgspec.json.decode(task) for task in split_tasks(memoryview(paths[0].read_bytes()), name)]


def split_exports(folder: CorpusFolder, work: Path, say: Callable[[str], None]) -> None:
    """Give each article a file of its own in annotations/exports/; files that held several are removed at the end."""
    exports = folder.exports
    new: set[Path] = set()
    for unit in index_tasks(folder.context, exports, folder.text_ids):
        if unit.tasks:
            path = folder.annotations / "exports" / f"{file_name(unit.article_id)}.json"
            parts = b",\n".join(bytes(exports.tasks(file)[position]) for file, position in unit.tasks)
            new.add(path)
            write_whole(path, b"[\n" + parts + b"\n]\n", work)
    for path in sorted(set(exports.files) - new):
        path.unlink()
        say(f"{path.name}: split by article")


def file_name(article: str) -> str:
    """A file's name for an article's id: what a file system may not take is written with %."""
    name = quote(article, safe=" ")
    name = name if not name.startswith(".") else f"%2E{name[1:]}"  # a file that begins with a dot is not read
    return name if len(name) <= 200 else f"{name[:180]}-{short_hash(article)}"


def _head(task: dict[str, Any]) -> _Head:
    return (task["updated_at"], task["total_annotations"], task["cancelled_annotations"])


def _batches(articles: dict[str, list[int]]) -> Iterator[list[str]]:
    """Articles in groups of about `BATCH` tasks."""
    batch: list[str] = []
    size = 0
    for article, tasks in articles.items():
        batch.append(article)
        size += len(tasks)
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
