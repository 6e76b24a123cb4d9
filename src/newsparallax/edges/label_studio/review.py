"""Disputed articles out to a project for adjudication; `pull` brings back what the adjudicator starred."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from msgspec import structs

from ...core.article import convert_article
from ...core.exchange import REVIEW
from ...core.index import Unit, unit_tasks
from ...core.outgoing import Outgoing, data_digest
from ...core.render.guidelines import render_guidelines
from ...core.render.label_config import render_label_config
from ...core.review import Review, dispute_items, review, review_config, to_review
from ..engine import Progress
from ..folder import CorpusFolder
from ..guidelines_html import guidelines_html
from .client import PART, Studio
from .projects import review_title, set_up
from .push import chosen_units, task_of
from .sending import Delivered, Delivery, parts

AGREED = "what the annotators agree on"
HEAD = """<p><b>Adjudication.</b> What the annotators agree on is marked already. Each stretch marked DISPUTED, and each
line of the list above the text, is a place where they differ: decide it by the guidelines, then delete the mark
DISPUTED. When none is left, submit, and star your annotation as ground truth.</p>
"""


class Sent(NamedTuple):
    """What a review sent: the project and what became of it, the tasks, how many disputes they hold."""

    project: int
    setting: str
    tasks: Delivered
    disputes: int


def send_reviews(
    folder: CorpusFolder,
    studio: Studio,
    say: Callable[[str], None],
    *,
    articles: list[str],
    force: bool,
    progress: Progress | None,
) -> Sent | None:
    """Send the articles that several annotated and nobody decided (those in `articles` even if decided).

    None where there is nothing to adjudicate. Raises as `push` does.
    """
    context = folder.context
    units = list(_reviews(folder, chosen_units(folder, articles), named=bool(articles)))
    if not units:
        return None
    config = review_config(render_label_config(context.codebook, context.entities), context)
    instructions = HEAD + guidelines_html(render_guidelines(context.codebook, context.entities))
    title = review_title(context.corpus.name)
    project, setting = set_up(studio, title, config, instructions, say, overlap=1, force=force)
    delivery = Delivery(folder, studio, project, say)
    delivered = delivery.tasks((task for task, _ in units), len(units), progress)
    ids = {article: task.id for article, task in delivery.there().items()}
    current = [(task, found) for task, found in units if task.article_id not in delivered.stale]
    for part in parts(current, PART):
        there = [(ids[task.article_id], found) for task, found in part if task.article_id in ids]
        delivery.predictions({(task, AGREED): [*found.items, *dispute_items(found, context)] for task, found in there})
    if current:
        delivery.begin_with(AGREED)
    return Sent(project, setting, delivered, sum(len(found.disputes) for _, found in units))


def _reviews(folder: CorpusFolder, units: list[Unit], *, named: bool) -> Iterator[tuple[Outgoing, Review]]:
    """The articles to adjudicate, each as a task that lists its disputes."""
    annotators = folder.context.annotators
    adjudicators = {name for name, annotator in annotators.items() if annotator.role == "adjudicator"}
    for unit in units:
        tasks = unit_tasks(folder.exports, unit)
        task = task_of(folder, unit, tasks)
        converted = convert_article(folder.context, unit.article_id, tasks, folder.read_text)
        marked = to_review(converted.marked, adjudicators, named=named)
        if task is None or not marked:
            continue
        texts = {name: shown.index.text for name, shown in converted.texts.items()}
        found = review(folder.context, marked, texts)
        names = ", ".join(one.annotator.name for one in marked)
        what = "dispute" if len(found.disputes) == 1 else "disputes"
        lines = [f"{len(found.disputes)} {what} between {names}", *(one.line() for one in found.disputes)]
        data = {**task.data, REVIEW: "\n".join(lines)}
        yield Outgoing(task.article_id, data, structs.replace(task.mark, sha256=data_digest(data))), found
