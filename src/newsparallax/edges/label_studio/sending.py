"""Tasks and predictions into a project, each once.

Everything is looked for before it is made, so that repeating it changes nothing: tasks by the article and the digest of
their data, predictions by what they were made from. An answer that does not come may mean that what was sent arrived;
so before anything is sent again, we look.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from ...core.ids import short_hash
from ...core.outgoing import Outgoing
from ..engine import Progress
from ..folder import CorpusFolder
from .client import PASSING, Studio, StudioError
from .projects import tasks_by_article

BATCH, BATCH_SIZE = 100, 8_000_000  # tasks sent at a time, and characters of their data, of which one may have more
ATTEMPTS = 4  # of a batch that did not arrive; each waits until the server answers again

_DIGEST = re.compile(r" [0-9a-f]{8}(?= \+|$)")

T = TypeVar("T")
Items = list[dict[str, Any]]


class Delivered(NamedTuple):
    """Tasks by what was done with them; `stale` are articles whose task could not be brought up to date, and why."""

    created: int
    updated: int
    unchanged: int
    stale: dict[str, str]


class There(NamedTuple):
    """A task on the server: its id, the digest of its data, how much work is on it, if it is surely of the article."""

    id: int
    sha256: str
    work: int
    certain: bool


class Delivery:
    """What goes into one project of a server."""

    def __init__(self, folder: CorpusFolder, studio: Studio, project: int, say: Callable[[str], None]):
        self._folder, self._studio, self._project, self._say = folder, studio, project, say

    def there(self) -> dict[str, There]:
        """The tasks that the project has, by article. Of several of one article the first; the others are told."""
        source = self._folder.context.corpus.articles
        named = not source.from_tasks or source.id_field is not None  # else a task's number may be that of another one
        found: dict[str, There] = {}
        fields = ("total_annotations", "cancelled_annotations", "drafts")
        for article, task, digest, ours in tasks_by_article(self._folder, self._studio, self._project, fields):
            if article in found:
                self._say(f"article {article} has two tasks on the server, {found[article].id} and {task['id']}")
            else:
                found[article] = There(task["id"], digest, _work(task), certain=ours or named)
        return found

    def tasks(self, tasks: Iterable[Outgoing], total: int, progress: Progress | None) -> Delivered:
        """Import the tasks that are not there; bring those up to date on which nobody has worked."""
        there = self.there()
        new: list[Outgoing] = []
        stale: dict[str, str] = {}
        created = updated = unchanged = size = 0
        for task in tasks:
            found = there.get(task.article_id)
            if found is None:
                new.append(task)
                created += 1
                size += len(str(task.data))
            elif found.sha256 == task.mark.sha256:
                unchanged += 1
            elif found.work:
                stale[task.article_id] = f"what task {found.id} shows is out of date, but there is work on it"
            elif not found.certain:
                stale[task.article_id] = f"what task {found.id} shows is something else, and no push made it"
            else:
                self._update(found.id, task)
                updated += 1
            if len(new) == BATCH or size > BATCH_SIZE:
                self._send(new)
                new, size = [], 0
                if progress:
                    progress(created + updated + unchanged, total)
        self._send(new)
        return Delivered(created, updated, unchanged, stale)

    def _update(self, identity: int, task: Outgoing) -> None:
        """Show something else in a task; predictions for what it showed before go."""
        for there in self._studio.tasks_with(self._project, ("predictions",), [identity]):
            for prediction in there["predictions"]:
                self._studio.write("DELETE", f"api/predictions/{prediction['id']}")
        self._studio.write("PATCH", f"api/tasks/{identity}", task.task())

    def _send(self, tasks: list[Outgoing]) -> None:
        def send(missing: list[Outgoing]) -> None:
            self._studio.once("POST", f"api/projects/{self._project}/import", [task.task() for task in missing])

        def missing() -> list[Outgoing]:
            there = self.there()
            return [task for task in tasks if task.article_id not in there]

        self._until_there(tasks, send, missing)

    def predictions(self, wanted: dict[tuple[int, str], Items]) -> int:
        """Make those predictions, by (task, what they were made from), that are not there; how many were made.

        Older ones of the same source are taken away.
        """

        def there() -> dict[int, tuple[int, str, str]]:
            ids = sorted({task for task, _ in wanted})
            tasks = self._studio.tasks_with(self._project, ("predictions", "model_version", "result"), ids)
            found = ((task["id"], one) for task in tasks for one in task["predictions"])
            return {one["id"]: (task, one["model_version"] or "", short_hash(one["result"])) for task, one in found}

        def missing() -> list[tuple[int, str]]:
            now = set(there().values())
            return [key for key in wanted if (*key, short_hash(wanted[key])) not in now]

        def send(keys: list[tuple[int, str]]) -> None:
            content = [{"task": key[0], "model_version": key[1], "result": wanted[key]} for key in keys]
            self._studio.once("POST", f"api/projects/{self._project}/import/predictions", content)

        if not wanted:
            return 0
        new = missing()
        self._until_there(new, send, missing)
        families = {(task, _family(version)) for task, version in wanted}
        for identity, (task, version, digest) in there().items():
            current = (task, version) in wanted and digest == short_hash(wanted[task, version])
            if not current and (task, _family(version)) in families:
                self._studio.write("DELETE", f"api/predictions/{identity}")
        return len(new)

    def begin_with(self, version: str) -> None:
        """Let new annotations begin with the predictions of this source."""
        self._studio.write("PATCH", f"api/projects/{self._project}", {"model_version": version})

    def _until_there(self, content: list[T], send: Callable[[list[T]], None], missing: Callable[[], list[T]]) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            if not content:
                return
            try:
                send(content)
            except StudioError as error:
                if attempt == ATTEMPTS or (error.status is not None and error.status not in PASSING):
                    raise
                self._say(f"{error.message}; looking what arrived")
                content = missing()
                continue
            return


def parts(content: list[T], size: int) -> Iterator[list[T]]:
    """A list in pieces of at most `size`."""
    for at in range(0, len(content), size):
        yield content[at : at + size]


def _work(task: dict[str, Any]) -> int:
    return int(task["total_annotations"]) + int(task["cancelled_annotations"]) + len(task.get("drafts") or [])


def _family(version: str) -> str:
    """What a prediction was made from, without the digest that tells one state of a list from another."""
    return _DIGEST.sub("", version)
