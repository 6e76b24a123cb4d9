"""Annotations back from a Label Studio server into annotations/exports/, one file an article.

Asked for is everything; what is kept is decided here (`core/exchange.py`), since the server's own filters drop good
work. What was pulled is remembered in a file that git ignores, so that the next pull asks only for tasks that changed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ...core.errors import CorpusError, UsageError
from ...core.exchange import Keeper, beginning, file_text, merge
from ...core.ids import short_hash
from ..engine import Progress
from ..folder import CorpusFolder
from ..whole_file import write_whole
from .client import PART, Studio
from .export_files import ExportFiles
from .home import home_of
from .people import People, Seen
from .projects import find_project, project_title, review_title, tasks_by_article

FILE = "pulled.json"
NOTED = 5  # seconds between notes of what was pulled
HEAD = ("updated_at", "total_annotations", "cancelled_annotations")
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
    """What was pulled of a project: the heads of its tasks, and the accounts of its users as first seen."""

    tasks: dict[str, _Head] = {}
    users: dict[str, str] = {}


class _State:
    """What was pulled before, by project, in a file that git ignores."""

    def __init__(self, path: Path, work: Path):
        self._path, self.work = path, work
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
        write_whole(self._path, msgspec.json.encode(self.projects, order="sorted"), self.work, mode=0o600)


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
    state = _State(home_of(folder.root) / FILE, work)
    people = People(folder, work, say)
    parts = [_Project(folder, studio, state, people, project, say, adjudicated=False, replace=replace)]
    review = find_project(studio, review_title(name))
    if review is not None:
        parts.append(_Project(folder, studio, state, people, review, say, adjudicated=True, replace=False))
    if replace:  # the files lose what the other project gave them, so whatever happens it is asked for again
        for part in parts:
            part.forget()
    for part in parts:
        part.run(full=full, progress=progress)
    counts = sum((part.counts for part in parts), Counter())
    reviewed = tuple(part.key for part in parts[1:])
    counts["kept"] = sum(not unique.startswith(reviewed) for unique in parts[0].kept)
    changed = sorted({name for part in parts for name in part.changed})
    removed = sorted({name for part in parts for name in part.removed})
    return Pulled(changed, removed, *(counts[name] for name in Pulled._fields[2:]))


class _Project:
    """One project on its way into the exports; of one for adjudication, only what is starred."""

    def __init__(
        self,
        folder: CorpusFolder,
        studio: Studio,
        state: _State,
        people: People,
        project: dict[str, Any],
        say: Callable[[str], None],
        *,
        adjudicated: bool,
        replace: bool,
    ):
        self._folder, self._studio, self._state, self._people, self._say = folder, studio, state, people, say
        self._id, self._adjudicated, self._replace = project["id"], adjudicated, replace
        self.key = short_hash(project["id"], project["created_at"])[:10]  # of this project alone, on any machine
        self._done = state.projects.setdefault(self.key, _Done())
        self._keeper = Keeper(folder.context)
        self._files: ExportFiles
        self.counts: Counter[str] = Counter()
        self.kept: list[str] = []
        self.changed: list[str] = []
        self.removed: list[str] = []

    def forget(self) -> None:
        """Ask for every task again."""
        self._done.tasks.clear()
        self._state.save()

    def run(self, *, full: bool, progress: Progress | None) -> None:
        """Pull what changed since the last time; all tasks of an article together, since they go into one file."""
        heads: dict[int, _Head] = {}
        articles: dict[str, list[int]] = {}
        for article, task, _, _ in tasks_by_article(self._folder, self._studio, self._id, HEAD):
            heads[task["id"]] = _head(task)
            articles.setdefault(article, []).append(task["id"])
        self._tell_gone(heads)
        self._files = ExportFiles(self._folder)  # another project may have made some
        changed = {i for i, head in heads.items() if full or self._done.tasks.get(str(i)) != head}
        if not self._adjudicated:  # a file that somebody took away is made again
            lost = [article for article in articles if not self._files.holds(article)]
            changed |= {i for article in lost for i in articles[article] if any(heads[i][1:])}
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
            tasks = {task["id"]: task for task in self._studio.tasks_with(self._id, WHOLE, ids)}
            kept = self._kept(tasks)
            for article in batch:
                self._take(article, {i: kept[i] for i in wanted[article] if i in kept})
            self._done.tasks.update((str(i), _head(task)) for i, task in tasks.items())
            if time.monotonic() > noted + NOTED:
                self._state.save()
                noted = time.monotonic()
            done += len(ids)
            if progress:
                progress(done, sum(map(len, wanted.values())))

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
            if self._adjudicated:
                self._only_starred(task)
            for one in task.get("annotations") or []:
                maker, editor = one.get("completed_by"), one.get("updated_by")
                page |= {user: page.get(user, False) for user in (maker, editor) if user is not None}
                if maker is not None and one.get("lead_time") is not None:
                    page[maker] = True
        self._learn(page)
        users = self._done.users
        numbers = self._people.numbers(
            {user: Seen(users[str(user)], on, self._adjudicated) for user, on in page.items()}
        )
        return {i: self._keeper.task(task, numbers, self.key) for i, task in tasks.items()}

    def _learn(self, users: Iterable[int]) -> None:
        """Note the accounts of users that are new. A removed member has no address any more, but is the same person."""
        new = [user for user in users if str(user) not in self._done.users]
        if not new:
            return
        addresses = {user["id"]: user["email"] for user in self._studio.read("api/users")}
        for user in new:
            address = addresses.get(user) or ""
            self._done.users[str(user)] = address if "@" in address else f"user {user} of {self._studio.url}"

    def _only_starred(self, task: dict[str, Any]) -> None:
        made = [one for one in task.get("annotations") or [] if not one["was_cancelled"]]
        task["annotations"] = [one for one in made if one["ground_truth"]]
        self.counts["unstarred"] += len(made) - len(task["annotations"])

    def _take(self, article: str, tasks: dict[int, dict[str, Any]]) -> None:
        """Write the file of an article, or remove it when nothing is left in it."""
        if not tasks:  # deleted since they were listed
            return
        for number, (identity, task) in enumerate(tasks.items()):
            task["id"] = identity if number else task["id"]  # only one of them is the corpus's own task
        path, before = self._files.of(article)
        here = [beginning(self.key, identity) for identity in tasks]
        merged, elsewhere = merge([] if self._replace else before, list(tasks.values()), here)
        self.counts.update(annotations=sum(len(task["annotations"]) for task in tasks.values()))
        self.kept += [str(one.get("unique_id", "")) for one in elsewhere]
        name = self._files.name(path)
        if any(task["annotations"] for task in merged):
            if write_whole(path, file_text(merged), self._state.work):
                self.changed.append(name)
        elif before:
            path.unlink()
            self.removed.append(name)


def _head(task: dict[str, Any]) -> _Head:
    return (task["updated_at"], task["total_annotations"], task["cancelled_annotations"])


def _batches(articles: dict[str, list[int]]) -> Iterator[list[str]]:
    """Articles in groups of about `PART` tasks."""
    batch: list[str] = []
    size = 0
    for article, tasks in articles.items():
        batch.append(article)
        size += len(tasks)
        if size >= PART:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
