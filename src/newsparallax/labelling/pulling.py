"""Pull: fetch annotations from a Label Studio server into annotations/exports/, one file per article.

A pull asks for everything and decides itself what to keep (`labelling/exchange.py`), because the server's own filters
drop valid work. A file that git ignores records what was pulled, so the next pull asks only for changed tasks.

The module also maps articles to export files (`ExportFiles`) and splits exports into one file per article
(`split_exports`).
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

import msgspec

from .._util import write_whole
from ..building import Progress
from ..convert import index_tasks
from ..corpus import CorpusFolder
from ..errors import CorpusError, ExportError, UsageError
from ..exports import ExportFolder, Unpacker, split_tasks
from ..ids import short_hash
from .client import PART, Studio
from .exchange import Keeper, beginning, file_text, merge
from .home import home_of
from .people import People, Seen
from .projects import find_project, project_title, review_title, tasks_by_article

FILE = "pulled.json"
_T = TypeVar("_T")
NOTED = 5  # seconds between two saves of the state
HEAD = ("updated_at", "total_annotations", "cancelled_annotations")
WHOLE = (
    *("data", "meta", "updated_at", "total_annotations", "cancelled_annotations", "annotations", "drafts"),
    *("result", "completed_by", "updated_by", "was_cancelled", "ground_truth", "import_id", "lead_time"),
)


class Pulled(NamedTuple):
    """Result of a pull: names of the files written and removed, and counts."""

    changed: list[str]
    removed: list[str]
    tasks: int
    annotations: int
    drafts: int
    kept: int
    unstarred: int


_Head = tuple[str, int, int]  # of a task: time of last change, number of annotations, number of cancelled ones


class _Done(msgspec.Struct):
    """What was pulled of a project: the heads of its tasks, and the accounts of its users as first seen."""

    tasks: dict[str, _Head] = {}
    users: dict[str, str] = {}


class _State:
    """What was pulled before, by project; stored in a file that git ignores."""

    def __init__(self, path: Path, work: Path):
        self._path, self.work = path, work
        try:
            content = self._path.read_bytes() if self._path.is_file() else b"{}"
            self.projects = msgspec.json.decode(content, type=dict[str, _Done])
        except (msgspec.DecodeError, UnicodeDecodeError):
            message = "is not a file that a pull wrote"
            raise CorpusError(
                message, file=str(self._path), hint="remove it; the next pull then requests all tasks"
            ) from None

    def save(self) -> None:
        """Write the state to its file."""
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
    """Write the content of the corpus's project and of its adjudication project into annotations/exports/.

    `work` is a folder for files that are being written. `full` asks for every task, changed or not. `replace` removes
    from each file what the server does not have. Raises StudioError where the server cannot be reached, and UsageError
    where the project does not exist. Files are written atomically, so they are complete at any moment.
    """
    name = folder.context.corpus.name
    title = project_title(name)
    project = find_project(studio, title)
    if project is None:
        hint = "`newsparallax label-studio push` creates it"
        raise UsageError(f"{studio.url} has no project {title!r}", hint=hint)
    state = _State(home_of(folder.root) / FILE, work)
    people = People(folder, work, say)
    parts = [_Project(folder, studio, state, people, project, say, adjudicated=False, replace=replace)]
    review = find_project(studio, review_title(name))
    if review is not None:
        parts.append(_Project(folder, studio, state, people, review, say, adjudicated=True, replace=False))
    if replace:  # the files lose the adjudicated annotations, so they must be requested again
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
    """The pull of one project into the exports; of the adjudication project, only starred annotations are kept."""

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
        self.key = short_hash(project["id"], project["created_at"])[:10]  # unique, the same on any machine
        self._done = state.projects.setdefault(self.key, _Done())
        self._keeper = Keeper(folder.context)
        self._files: ExportFiles
        self.counts: Counter[str] = Counter()
        self.kept: list[str] = []
        self.changed: list[str] = []
        self.removed: list[str] = []

    def forget(self) -> None:
        """Forget what was pulled, so that every task is requested again."""
        self._done.tasks.clear()
        self._state.save()

    def run(self, *, full: bool, progress: Progress | None) -> None:
        """Pull what changed since the last pull; all tasks of an article together, because they go into one file."""
        heads: dict[int, _Head] = {}
        articles: dict[str, list[int]] = {}
        for article, task, _, _ in tasks_by_article(self._folder, self._studio, self._id, HEAD):
            heads[task["id"]] = _head(task)
            articles.setdefault(article, []).append(task["id"])
        self._tell_gone(heads)
        self._files = ExportFiles(self._folder)  # another project may have created files
        changed = {i for i, head in heads.items() if full or self._done.tasks.get(str(i)) != head}
        if not self._adjudicated:  # recreate files that somebody removed
            lost = [article for article in articles if not self._files.holds(article)]
            changed |= {i for article in lost for i in articles[article] if any(heads[i][1:])}
        wanted = {article: tasks for article, tasks in articles.items() if changed & set(tasks)}
        try:
            self._take_all(wanted, progress)
        finally:
            self._state.save()

    def _take_all(self, wanted: dict[str, list[int]], progress: Progress | None) -> None:
        """Pull these articles in batches. Saves the state at intervals, in case the run is killed."""
        done, noted = 0, time.monotonic()
        batches = [(batch, [i for article in batch for i in wanted[article]]) for batch in _batches(wanted)]
        requests = [partial(self._studio.tasks_with, self._id, WHOLE, ids) for _, ids in batches]
        for (batch, ids), answer in zip(batches, _one_ahead(requests), strict=True):
            tasks = {task["id"]: task for task in answer}
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
        """Report tasks that the server no longer has; what was pulled from them stays in the files."""
        gone = [name for name in self._done.tasks if int(name) not in heads]
        for name in gone:
            self._say(f"task {name} is no longer on the server; its pulled annotations stay in annotations/exports/")
            del self._done.tasks[name]

    def _kept(self, tasks: dict[int, dict[str, Any]]) -> dict[int, dict[str, Any]]:
        """Return the tasks in the stored form, with the numbers of everybody who made or edited an annotation."""
        page: dict[int, bool] = {}
        for task in tasks.values():
            self.counts.update(tasks=1, drafts=len(task.get("drafts") or []))
            if self._adjudicated:
                self._only_starred(task)
            for annotation in task.get("annotations") or []:
                maker, editor = annotation.get("completed_by"), annotation.get("updated_by")
                page |= {user: page.get(user, False) for user in (maker, editor) if user is not None}
                if maker is not None and annotation.get("lead_time") is not None:
                    page[maker] = True
        self._learn(page)
        users = self._done.users
        numbers = self._people.numbers(
            {user: Seen(users[str(user)], on, self._adjudicated) for user, on in page.items()}
        )
        return {i: self._keeper.task(task, numbers, self.key) for i, task in tasks.items()}

    def _learn(self, users: Iterable[int]) -> None:
        """Store the accounts of new users.

        The first account seen stays: a removed member has no address on the server any more.
        """
        new = [user for user in users if str(user) not in self._done.users]
        if not new:
            return
        addresses = {user["id"]: user["email"] for user in self._studio.read("api/users")}
        for user in new:
            address = addresses.get(user) or ""
            self._done.users[str(user)] = address if "@" in address else f"user {user} of {self._studio.url}"

    def _only_starred(self, task: dict[str, Any]) -> None:
        made = [annotation for annotation in task.get("annotations") or [] if not annotation["was_cancelled"]]
        task["annotations"] = [annotation for annotation in made if annotation["ground_truth"]]
        self.counts["unstarred"] += len(made) - len(task["annotations"])

    def _take(self, article: str, tasks: dict[int, dict[str, Any]]) -> None:
        """Write the file of an article, or remove the file if it has no annotations left."""
        if not tasks:  # the tasks were deleted after they were listed
            return
        for number, (identity, task) in enumerate(tasks.items()):
            task["id"] = identity if number else task["id"]  # only the first is the corpus's own task
        path, before = self._files.of(article)
        here = [beginning(self.key, identity) for identity in tasks]
        merged, elsewhere = merge([] if self._replace else before, list(tasks.values()), here)
        self.counts.update(annotations=sum(len(task["annotations"]) for task in tasks.values()))
        self.kept += [str(annotation.get("unique_id", "")) for annotation in elsewhere]
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
    """Yield articles in groups of about `PART` tasks."""
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


def _one_ahead(requests: Iterable[Callable[[], Iterable[_T]]]) -> Iterator[list[_T]]:
    """Yield the answers to requests, in order. The next request is under way while the caller works on an answer.

    More requests at a time do not help: the server answers in one process. A thread that waits for an answer does not
    keep the program from ending.
    """
    answers = map(_begin, requests)
    waiting = next(answers, None)
    while waiting is not None:
        answer = waiting.result()
        waiting = next(answers, None)
        yield answer


def _begin(request: Callable[[], Iterable[_T]]) -> Future[list[_T]]:
    answer: Future[list[_T]] = Future()

    def run() -> None:
        try:
            answer.set_result(list(request()))
        except BaseException as error:
            answer.set_exception(error)

    Thread(target=run, daemon=True).start()
    return answer


LONGEST = 200  # characters of a file name


class ExportFiles:
    """Index of the export files: which file holds which article."""

    def __init__(self, folder: CorpusFolder):
        self._root = folder.annotations / "exports"
        exports = ExportFolder(self._root, Unpacker())
        units = index_tasks(folder.context, exports, folder.text_ids).units
        self._files = {
            unit.article_id: sorted({exports.files[file] for file, _ in unit.tasks}) for unit in units if unit.tasks
        }
        self._uses = Counter(path for paths in self._files.values() for path in paths)

    def name(self, path: Path) -> str:
        """Return the name of a file as messages show it."""
        return path.relative_to(self._root).as_posix()

    def holds(self, article: str) -> bool:
        """Return whether there is a file of the article."""
        return article in self._files

    def of(self, article: str) -> tuple[Path, list[dict[str, Any]]]:
        """Return the file of an article, existing or not, and the tasks in it.

        Raises UsageError where the article shares its file with another article, is in several files, or is in a file
        that is not .json.
        """
        paths = self._files.get(article) or [self._new(article)]
        if len(paths) > 1 or self._uses[paths[0]] > 1 or paths[0].suffix.lower() != ".json":
            names = ", ".join(map(self.name, paths))
            hint = "run `newsparallax label-studio pull --split`, which first makes one file per article"
            raise UsageError(f"article {article} has no .json export of its own: {names}", hint=hint)
        if not paths[0].exists():
            return paths[0], []
        content = memoryview(paths[0].read_bytes())
        return paths[0], [_task(raw, self.name(paths[0])) for raw in split_tasks(content, self.name(paths[0]))]

    def _new(self, article: str) -> Path:
        path = self._root / f"{file_name(article)}.json"
        if path in self._uses:  # another article uses this name
            path = path.with_name(f"{file_name(article)[:LONGEST]}-{short_hash(article)}.json")
        self._files[article] = [path]
        self._uses[path] += 1
        return path


def _task(raw: memoryview, name: str) -> dict[str, Any]:
    """Return a task of a file, with its annotations under `annotations`. Raises ExportError where it is not a task."""
    try:
        task = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):  # a lone surrogate, or NaN: json accepts them
        task = json.loads(bytes(raw))
    made = [*(task.get("annotations") or []), *(task.pop("completions", None) or [])] if isinstance(task, dict) else [0]
    if not all(isinstance(annotation, dict) for annotation in made):
        hint = "correct the file; `newsparallax check` shows the place"
        raise ExportError("not-a-task", "contains an entry that is not a task or an annotation", file=name, hint=hint)
    return {**task, "annotations": made}


def split_exports(folder: CorpusFolder, work: Path, say: Callable[[str], None]) -> None:
    """Give each article a separate file in annotations/exports/.

    All new files are written in `work` before the first is moved into place. Only then are the old files removed.
    """
    exports = folder.exports
    root = folder.annotations / "exports"
    made: dict[Path, Path] = {}
    for number, unit in enumerate(index_tasks(folder.context, exports, folder.text_ids).units):
        if unit.tasks:
            parts = b",\n".join(bytes(exports.tasks(file)[position]) for file, position in unit.tasks)
            made[root / f"{file_name(unit.article_id)}.json"] = work / f"{number}.json"
            write_whole(work / f"{number}.json", b"[\n" + parts + b"\n]\n", work)
    for path, draft in made.items():
        write_whole(path, draft.read_bytes(), work)
        draft.unlink()
    for path in sorted(set(exports.files) - made.keys()):
        path.unlink()
        say(f"{path.name}: split by article")


def file_name(article: str) -> str:
    """Return a file name for an article id; characters that a file system may reject are percent-encoded."""
    name = quote(article, safe=" ")
    name = name if not name.startswith(".") else f"%2E{name[1:]}"  # files whose name begins with a dot are not read
    return name if len(name) <= LONGEST else f"{name[:180]}-{short_hash(article)}"
