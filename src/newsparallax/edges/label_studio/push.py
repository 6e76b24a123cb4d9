"""Articles out to a Label Studio server: project, labelling page, guidelines, a task an article, predictions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import NamedTuple

from ...core.article import RawTask
from ...core.errors import UsageError
from ...core.index import Unit, index_tasks, unit_tasks
from ...core.outgoing import Outgoing, as_predictions, outgoing_task
from ...core.render.guidelines import render_guidelines
from ...core.render.label_config import render_label_config
from ..engine import Progress
from ..folder import CorpusFolder
from ..guidelines_html import guidelines_html
from ..matcher import Matcher
from .client import PART, Studio
from .projects import project_title, set_up
from .sending import Delivered, Delivery, Items, parts


class Source(StrEnum):
    """What predictions are made from."""

    ANNOTATIONS = "annotations"
    NAMES = "names"
    LEXICON = "lexicon"


class Pushed(NamedTuple):
    """What a push did: the project's id and what became of it, the tasks, and how many predictions were made."""

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
    """Bring the corpus's project up to date: `articles` (all if empty), with predictions from `sources`.

    `overlap` is how many annotators a new project asks for an article; `force` lets labels in use go. Raises UsageError
    and StudioError; what was sent before an error stays, and the next push goes on from there.
    """
    context = folder.context
    units = chosen_units(folder, articles)
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


def chosen_units(folder: CorpusFolder, articles: list[str]) -> list[Unit]:
    """The articles of a corpus with these ids; all if none is given. Raises UsageError for an unknown id."""
    units = index_tasks(folder.context, folder.exports, folder.text_ids)
    unknown = sorted(set(articles) - {unit.article_id for unit in units})
    if unknown:
        known = ", ".join(unit.article_id for unit in units[:5])
        raise UsageError(f"no article {unknown[0]!r}", hint=f"the corpus has {known}" + (", ..." if units[5:] else ""))
    return [unit for unit in units if not articles or unit.article_id in articles]


def task_of(folder: CorpusFolder, unit: Unit, tasks: list[RawTask]) -> Outgoing | None:
    """The task to be sent for an article; None for stray tasks of exports, which belong to no article."""
    seed = folder.context.articles.get(unit.article_id)
    if seed is None and not folder.context.from_tasks:
        return None
    text = folder.read_text(f"seeds/{seed.file}") if seed else None
    if seed and text is None:
        hint = "`scripts/check.py` says what is wrong with it"
        raise UsageError(f"article {unit.article_id}: seeds/{seed.file} cannot be read", hint=hint)
    try:
        return outgoing_task(folder.context, unit.article_id, text, tasks)
    except UnicodeEncodeError:
        message = f"article {unit.article_id}: its task holds half a UTF-16 pair, which cannot be sent"
        raise UsageError(message, hint="mend the export, or leave the article out with --article") from None


def _predict(
    folder: CorpusFolder, delivery: Delivery, units: list[Unit], matcher: Matcher | None, *, annotations: bool
) -> int:
    """Send predictions for every article; how many were made."""
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
    if shown:  # a project begins with one sort; those of the others can be chosen in the page
        delivery.begin_with(shown.most_common(1)[0][0])
    return made


def _predictions(
    folder: CorpusFolder, unit: Unit, matcher: Matcher | None, *, annotations: bool
) -> Iterator[tuple[str, Items]]:
    """The predictions for an article, as (where it comes from, items)."""
    tasks = unit_tasks(folder.exports, unit)
    if annotations:
        yield from as_predictions(folder.context, tasks)
    task, main = task_of(folder, unit, tasks), folder.context.codebook.main_text
    text = task.data.get(folder.context.codebook.texts[main].field) if task and main else None
    if matcher is not None and isinstance(text, str):
        items = [item for part in matcher.predict(text) for item in part.result]
        if items:
            yield " + ".join(matcher.sources), items
