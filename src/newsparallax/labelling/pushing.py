"""Push: send a corpus to a Label Studio server: project, labelling page, guidelines, one task per article, predictions.

Every task and prediction is created once. The push checks the server before it creates anything, so a repeated push
changes nothing: it identifies tasks by the article and the digest of their data, and predictions by their source. If
an answer is missing, the request may still have arrived. So the push checks the server again before it resends.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from itertools import count
from typing import Any, NamedTuple, TypeVar

from .._util import again
from ..building import Progress
from ..convert import RawTask, Unit, index_tasks, unit_tasks
from ..corpus import CorpusFolder
from ..errors import UsageError
from ..ids import short_hash
from ..render import guidelines_html, render_guidelines, render_label_config
from .client import PART, Studio
from .exchange import Outgoing, as_predictions, outgoing_task
from .prelabel import Matcher
from .projects import project_title, set_up, tasks_by_article


class Source(StrEnum):
    """A source of predictions."""

    ANNOTATIONS = "annotations"
    NAMES = "names"
    LEXICON = "lexicon"


class Pushed(NamedTuple):
    """Result of a push: project id, what was done with the project, the tasks, and the number of predictions made."""

    project: int
    setting: str
    tasks: Delivered
    predictions: int


def push(
    folder: CorpusFolder,
    studio: Studio,
    say: Callable[[str], None],
    *,
    articles: list[str],
    sources: list[Source],
    overlap: int,
    force: bool,
    progress: Progress | None,
) -> Pushed:
    """Update the corpus's project: `articles` (all if empty), with predictions from `sources`.

    `overlap` is the number of annotators per article in a new project. `force` allows the push to remove labels in use.
    Raises UsageError and StudioError. What was sent before an error stays on the server, and the next push continues
    there.
    """
    units, folder = chosen_units(folder, articles)
    context = folder.context
    matcher = None
    if Source.NAMES in sources or Source.LEXICON in sources:
        matcher = Matcher(context, folder.lexicon, names=Source.NAMES in sources, terms=Source.LEXICON in sources)
    config = render_label_config(context.codebook, context.entities)
    instructions = guidelines_html(render_guidelines(context.codebook, context.entities))
    title = project_title(context.corpus.name)
    project, setting = set_up(studio, title, config, instructions, say, overlap=overlap, force=force)
    delivery = Delivery(folder, studio, project, say)
    tasks = (task for unit in units if (task := task_of(folder, unit, unit_tasks(folder.exports, unit))))
    delivered = delivery.tasks(tasks, len(units), progress)
    current = [unit for unit in units if unit.article_id not in delivered.stale]
    made = _predict(folder, delivery, current, matcher, annotations=Source.ANNOTATIONS in sources) if sources else 0
    return Pushed(project, setting, delivered, made)


def chosen_units(folder: CorpusFolder, articles: list[str]) -> tuple[list[Unit], CorpusFolder]:
    """Return the articles of a corpus with these ids (all if empty), and the corpus as their conversion needs it.

    Raises UsageError for an unknown id.
    """
    units, shared = index_tasks(folder.context, folder.exports, folder.text_ids)
    unknown = sorted(set(articles) - {unit.article_id for unit in units})
    if unknown:
        known = ", ".join(unit.article_id for unit in units[:5])
        raise UsageError(
            f"no article {unknown[0]!r}", hint=f"the articles are {known}" + (", ..." if units[5:] else "")
        )
    chosen = [unit for unit in units if not articles or unit.article_id in articles]
    return chosen, folder.with_context(shared=shared)


def task_of(folder: CorpusFolder, unit: Unit, tasks: list[RawTask]) -> Outgoing | None:
    """Return the task to send for an article; None for stray tasks of exports, which belong to no article.

    Raises UsageError where the seed cannot be read, or the task holds a lone surrogate.
    """
    seed = folder.context.articles.get(unit.article_id)
    if seed is None and not folder.context.from_tasks:
        return None
    text = folder.read_text(f"seeds/{seed.file}") if seed else None
    if seed and text is None:
        hint = "`newsparallax check` shows the reason"
        raise UsageError(f"article {unit.article_id}: seeds/{seed.file} cannot be read", hint=hint)
    try:
        return outgoing_task(folder.context, unit.article_id, text, tasks)
    except UnicodeEncodeError:
        message = f"article {unit.article_id}: its task contains half of a UTF-16 surrogate pair, which cannot be sent"
        raise UsageError(message, hint="correct the export, or choose other articles with --article") from None


def _predict(
    folder: CorpusFolder, delivery: Delivery, units: list[Unit], matcher: Matcher | None, *, annotations: bool
) -> int:
    """Send predictions for every article; return how many were made."""
    ids = {article: task.id for article, task in delivery.there().items()}
    shown: Counter[str] = Counter()
    made = 0
    for part in parts(units, PART):
        wanted = {
            (ids[unit.article_id], version): items
            for unit in part
            if unit.article_id in ids
            for version, items in _predictions(folder, unit, matcher, annotations=annotations)
        }
        made += delivery.predictions(wanted)
        shown.update(version for _, version in wanted)
    if shown:  # a project starts with one source; annotators can select the others in the page
        delivery.begin_with(shown.most_common(1)[0][0])
    return made


def _predictions(
    folder: CorpusFolder, unit: Unit, matcher: Matcher | None, *, annotations: bool
) -> Iterator[tuple[str, Items]]:
    """Yield the predictions for an article as (source, items)."""
    tasks = unit_tasks(folder.exports, unit)
    if annotations:
        yield from as_predictions(folder.context, tasks)
    task, main = task_of(folder, unit, tasks), folder.context.codebook.main_text
    text = task.data.get(folder.context.codebook.texts[main].field) if task and main else None
    if matcher is not None and isinstance(text, str):
        items = [item for part in matcher.predict(text) for item in part.result]
        if items:
            yield " + ".join(matcher.sources), items


BATCH, BATCH_SIZE = 100, 8_000_000  # tasks and characters of data per request; one task may exceed it

_DIGEST = re.compile(r" [0-9a-f]{8}(?= \+|$)")

T = TypeVar("T")
Items = list[dict[str, Any]]


class Delivered(NamedTuple):
    """Counts of tasks by what was done with them.

    `stale` maps articles whose task could not be updated to the reason.
    """

    created: int
    updated: int
    unchanged: int
    stale: dict[str, str]


class There(NamedTuple):
    """A task on the server: its id, the digest of its data, and how much work is on it.

    `certain` is whether the task surely belongs to the article.
    """

    id: int
    sha256: str
    work: int
    certain: bool


class Delivery:
    """Sends tasks and predictions to one project of a server."""

    def __init__(self, folder: CorpusFolder, studio: Studio, project: int, say: Callable[[str], None]):
        self._folder, self._studio, self._project, self._say = folder, studio, project, say

    def there(self) -> dict[str, There]:
        """Return the project's tasks by article.

        Of several tasks of one article the first counts; the others are reported.
        """
        source = self._folder.context.corpus.articles
        named = not source.from_tasks or source.id_field is not None  # else another task may have the number
        known: dict[str, There] = {}
        fields = ("total_annotations", "cancelled_annotations", "drafts")
        for article, task, digest, ours in tasks_by_article(self._folder, self._studio, self._project, fields):
            if article in known:
                self._say(f"article {article} has two tasks on the server, {known[article].id} and {task['id']}")
            else:
                known[article] = There(task["id"], digest, _work(task), certain=ours or named)
        return known

    def tasks(self, tasks: Iterable[Outgoing], total: int, progress: Progress | None) -> Delivered:
        """Import the tasks that the project lacks; update outdated tasks that nobody has worked on."""
        there = self.there()
        new: list[Outgoing] = []
        stale: dict[str, str] = {}
        created = updated = unchanged = size = 0
        for task in tasks:
            known = there.get(task.article_id)
            if known is None:
                new.append(task)
                created += 1
                size += len(str(task.data))
            elif known.sha256 == task.mark.sha256:
                unchanged += 1
            elif known.work:
                stale[task.article_id] = f"task {known.id} is out of date, but has annotations or drafts"
            elif not known.certain:
                stale[task.article_id] = f"task {known.id} has different data and was not made by push"
            else:
                self._update(known.id, task)
                updated += 1
            if len(new) == BATCH or size > BATCH_SIZE:
                self._send(new)
                new, size = [], 0
                if progress:
                    progress(created + updated + unchanged, total)
        self._send(new)
        return Delivered(created, updated, unchanged, stale)

    def _update(self, identity: int, task: Outgoing) -> None:
        """Replace the data of a task, and delete its predictions, which were made for the old data."""
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
        """Create the predictions in `wanted` that the server lacks; return how many. Keys are (task, source).

        Older predictions of the same source are deleted.
        """

        def there() -> dict[int, tuple[int, str, str]]:
            ids = sorted({task for task, _ in wanted})
            tasks = self._studio.tasks_with(self._project, ("predictions", "model_version", "result"), ids)
            predictions = ((task["id"], prediction) for task in tasks for prediction in task["predictions"])
            return {
                prediction["id"]: (task, prediction["model_version"] or "", short_hash(prediction["result"]))
                for task, prediction in predictions
            }

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
        """Make new annotations start with the predictions of this source."""
        self._studio.write("PATCH", f"api/projects/{self._project}", {"model_version": version})

    def _until_there(self, content: list[T], send: Callable[[list[T]], None], missing: Callable[[], list[T]]) -> None:
        attempts = count()

        def attempt() -> None:
            left = missing() if next(attempts) else content
            if left:
                send(left)

        again(attempt, self._say)


def parts(content: list[T], size: int) -> Iterator[list[T]]:
    """Yield a list in pieces of at most `size` items."""
    for at in range(0, len(content), size):
        yield content[at : at + size]


def _work(task: dict[str, Any]) -> int:
    return int(task["total_annotations"]) + int(task["cancelled_annotations"]) + len(task.get("drafts") or [])


def _family(version: str) -> str:
    """Return the source of a prediction without the digests, so that all states of a list compare equal."""
    return _DIGEST.sub("", version)
