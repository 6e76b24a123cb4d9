"""The tasks of one article -> the article with its annotations, gold and problems."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import msgspec

from .annotation import convert_annotation
from .checks import check_annotation
from .context import Annotated, Context
from .decode import DecodedAnnotation, DecodedTask, decode_task
from .gold import Gold, Undecided, choose_gold
from .html_text import RenderedHtml, render_html
from .ids import natural_order, spelling_free
from .offsets import TextIndex
from .problems import Problem
from .raw import RawRecord
from .registry import is_reference
from .spans import Ledger, Marked, Shown, Where
from .task import as_read

State = Literal["annotated", "annotated_empty", "cancelled", "unannotated"]
STATES: tuple[State, ...] = ("annotated", "annotated_empty", "cancelled", "unannotated")


@dataclass(frozen=True)
class RawTask:
    """A task as it stands in a file."""

    file: str
    content: bytes | memoryview


@dataclass
class Conversion:
    """An article, converted: its texts in the codebook's order, annotations, gold, problems and counts."""

    article_id: str
    event_id: str
    exists: bool = False  # whether there is such an article, or only broken or stray tasks
    texts: dict[str, Shown] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    marked: list[Marked] = field(default_factory=list)
    cancelled: list[tuple[str | None, str | None, Annotated]] = field(default_factory=list)
    gold: Gold | None = None
    problems: list[Problem] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    repairs: Counter[str] = field(default_factory=Counter)

    @property
    def state(self) -> State:
        """Unannotated, annotated with nothing and all cancelled are three different things."""
        if not self.marked:
            return "cancelled" if self.cancelled else "unannotated"
        return "annotated_empty" if all(marked.empty for marked in self.marked) else "annotated"


def convert_article(
    context: Context, article_id: str, tasks: list[RawTask], read_text: Callable[[str], str | None]
) -> Conversion:
    """Convert one article from all tasks that are about it.

    `read_text` gives the text of a seed or of a referenced file by its name in the corpus folder, None if it is not
    there. Tasks are taken in the order of their ids, so that neither the order nor the form of files matters.
    """
    found = Conversion(article_id, article_id)
    seed = context.articles.get(article_id)
    if seed:
        found.exists, found.event_id = True, seed.event or article_id
        text = read_text(f"seeds/{seed.file}")
        main = context.codebook.main_text
        if text is not None and main:
            found.texts[main] = Shown(main, article_id, TextIndex(text))
    decoded = [(raw, decode_task(raw.content)) for raw in tasks]
    if len(decoded) > 1:
        decoded.sort(key=lambda entry: _order(*entry))
    good: list[tuple[RawTask, DecodedTask, Where]] = []
    for raw, task in decoded:
        where = Where(raw.file, article_id, task.id)
        for name, number in (("tasks", 1), ("predictions", task.predictions), ("drafts", task.drafts)):
            found.counts[name] += number
        if task.findings:
            found.problems += _findings(task, raw, where)
        if all(finding.code != "not-a-task" for finding in task.findings):
            good.append((raw, task, where))
    if good and context.from_tasks:
        found.exists, found.event_id = True, _event(context, good[0][1], article_id)
    if good and found.exists:
        found.metadata = _metadata(context, good[0][1])
    shown = [_shown_texts(context, found, task, where, read_text) for _, task, where in good]
    seen: dict[str, list[DecodedAnnotation]] = {}
    for number, ((raw, task, where), mine) in enumerate(zip(good, shown, strict=True)):
        if number and found.exists:
            found.problems.append(where.problem("duplicate-task", f"article {article_id} is in another task too"))
        texts, refused = _texts_to_judge_by(context, found, where, mine)
        _take_annotations(context, found, task, raw, where, texts, refused, seen)
    _decide(context, found)
    return found


def _order(raw: RawTask, task: DecodedTask) -> tuple[tuple[int, int, str], bytes]:
    """The lowest id first; then by content, so that neither the order nor the form of files matters."""
    return natural_order(task.id or ""), hashlib.sha256(spelling_free(raw.content)).digest()


def _findings(task: DecodedTask, raw: RawTask, where: Where) -> Iterator[Problem]:
    record = RawRecord(raw.content)
    names = {found.place: found.id or found.unique_id for found in task.annotations}
    for finding in task.findings:
        place = finding.path[1] if len(finding.path) > 1 and finding.path[0] == "annotations" else None
        at = where.at(names.get(place) if isinstance(place, int) else None)
        yield at.problem(finding.code, finding.message, raw=record.part(finding.path))


def _shown_texts(
    context: Context, found: Conversion, task: DecodedTask, where: Where, read_text: Callable[[str], str | None]
) -> dict[str, RenderedHtml | str]:
    """The texts that a task shows. Without seeds, the first task that shows a text gives it to the article."""
    shown: dict[str, RenderedHtml | str] = {}
    for name, source in context.codebook.texts.items():
        text, refusal = _shown_text(context, task.data.get(source.field), source.field, read_text)
        if text is None:
            if context.from_tasks:
                found.problems.append(where.problem(*(refusal or ("no-text", f"no field {source.field!r}"))))
            continue
        shown[name] = render_html(text) if source.kind == "html" else text
        if context.from_tasks and name not in found.texts:
            identity = found.article_id if name == context.codebook.main_text else f"{found.article_id}.{name}"
            found.texts[name] = Shown(name, identity, TextIndex(_plain_text(shown[name])))
    return shown


def _texts_to_judge_by(
    context: Context, found: Conversion, where: Where, mine: dict[str, RenderedHtml | str]
) -> tuple[dict[str, Shown], tuple[str, str] | None]:
    """The article's texts for the regions of a task that shows `mine`; or why they cannot be judged."""
    refused = None
    if not found.exists:
        refused = ("unknown-article", f"article {found.article_id!r} is not in seeds/articles.toml")
    texts: dict[str, Shown] = {}
    for name, known in found.texts.items():
        text = _plain_text(mine[name]) if name in mine else None
        differs = text is not None and text != known.index.text
        if differs and context.from_tasks:
            message = f"another task of article {found.article_id} shows another text {name!r}"
            refused = ("article-conflict", message)
        elif differs and text is not None:
            found.problems.append(where.problem("text-differs", _difference(known.index.text, text)))
        rendered = mine.get(name)
        resolve = rendered.resolve if isinstance(rendered, RenderedHtml) else None
        unseen = text is None and context.from_tasks  # this task did not show the text that another one gave
        differs = differs or unseen
        texts[name] = replace(known, differs=differs, resolve=resolve) if differs or resolve else known
    if refused:
        found.problems.append(where.problem(*refused))
    return ({}, refused) if refused else (texts, None)


def _plain_text(shown: RenderedHtml | str) -> str:
    return shown.text if isinstance(shown, RenderedHtml) else shown


def _shown_text(
    context: Context, given: Any, name: str, read_text: Callable[[str], str | None]
) -> tuple[str | None, tuple[str, str] | None]:
    """The text in a task's data, through the corpus's map of references; or None and the Problem's code and message."""
    if given is None:
        return None, ("no-text", f"the task's data have no field {name!r}")
    if not isinstance(given, str):
        return None, ("no-text", f"field {name!r} of the task's data holds no text")
    path = context.corpus.articles.references.get(given.strip())
    if path is not None:
        text = read_text(path)
        return text, None if text is not None else ("no-text", f"{path}, to which {given!r} refers, is not there")
    if is_reference(given):
        return None, ("text-is-reference", f"field {name!r} holds {given.strip()[:200]!r} instead of a text")
    return given, None


def _difference(seed: str, shown: str) -> str:
    at = next((n for n, (a, b) in enumerate(zip(seed, shown, strict=False)) if a != b), min(len(seed), len(shown)))
    return (
        f"the task's text ({len(shown)} code points) differs from the seed ({len(seed)}) "
        f"from {at} on: {shown[at : at + 20]!r} instead of {seed[at : at + 20]!r}"
    )


def _metadata(context: Context, task: DecodedTask) -> dict[str, Any]:
    """Everything else that the task says of the article, in name spaces of its own."""
    fields = {source.field for source in context.codebook.texts.values()}
    rest = {key: value for key, value in task.data.items() if key not in fields}
    return ({"data": rest} if rest else {}) | ({"meta": task.meta} if task.meta else {})


def _event(context: Context, task: DecodedTask, article_id: str) -> str:
    value = task.data.get(context.corpus.articles.event_field or "")
    named = isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip()
    return str(value) if named else article_id


def _take_annotations(
    context: Context,
    found: Conversion,
    task: DecodedTask,
    raw: RawTask,
    where: Where,
    texts: dict[str, Shown],
    refused: tuple[str, str] | None,
    seen: dict[str, list[DecodedAnnotation]],
) -> None:
    """Convert the annotations of a task, or set them aside with `refused`; count every one of their items."""
    record = RawRecord(raw.content)
    for annotation in task.annotations:
        name = annotation.id or annotation.unique_id
        at = where.at(name)
        if annotation.cancelled:
            found.counts["annotations_cancelled"] += 1
            found.cancelled.append((name, where.task_id, context.annotator(annotation.completed_by)))
            continue
        found.counts["annotations"] += 1
        reader = partial(record.items, annotation.place)
        before = _known_before(annotation, seen)
        aside = refused or (("duplicate-annotation", f"annotation {name} is there twice") if before == "same" else None)
        if aside:
            ledger = Ledger(len(annotation.items), at, reader)
            ledger.quarantine_rest(*aside)
            if not refused:
                found.problems.append(at.problem(*aside, raw=record.annotation(annotation.place)))
            _count(found, ledger)
            continue
        if before == "id":
            found.problems.append(at.problem("duplicate-annotation-id", f"two annotations have the id {name}"))
        marked = convert_annotation(context, texts, annotation, at, reader)
        _count(found, marked.ledger)
        found.counts["results_without_quote"] += marked.without_quote
        found.counts["annotations_edited_by_another"] += marked.editor is not None and marked.editor != marked.annotator
        found.marked.append(marked)
        found.problems += check_annotation(context, marked)
        if not marked.annotator.known:
            who = "nobody" if annotation.completed_by is None else f"annotator {marked.annotator.name!r}"
            found.problems.append(at.problem("unknown-annotator", f"names {who}, who is not in annotators.toml"))


def _known_before(
    annotation: DecodedAnnotation, seen: dict[str, list[DecodedAnnotation]]
) -> Literal["same", "id"] | None:
    """Whether the article already has the same annotation, or another one with the same id."""
    name = annotation.id or annotation.unique_id or ""
    others = seen.setdefault(name, [])
    content = _content(annotation) if others else ""  # which takes a while, and hardly any id comes twice
    same = any(_content(other) == content for other in others)
    known: Literal["same", "id"] | None = "same" if same else "id" if others and name else None
    if not same:
        others.append(annotation)
    return known


def _content(annotation: DecodedAnnotation) -> str:
    return repr((as_read(annotation.completed_by), annotation.ground_truth, as_read(annotation.items)))


def _count(found: Conversion, ledger: Ledger) -> None:
    counts = found.counts
    counts["results_in"] += ledger.size
    counts["results_accepted"] += ledger.accepted
    counts["results_repaired"] += len(ledger.repaired)
    counts["results_quarantined"] += len(ledger.quarantined)
    if ledger.repaired:
        found.repairs.update(ledger.repaired.values())
    found.problems += ledger.problems


def _decide(context: Context, found: Conversion) -> None:
    found.marked.sort(key=lambda m: (natural_order(m.annotation_id), m.annotator.name, not m.ground_truth))
    where = Where("", found.article_id)
    names = Counter(marked.annotator.name for marked in found.marked if marked.annotator.known)
    for marked in found.marked:
        if names[marked.annotator.name] > 1:
            count = names.pop(marked.annotator.name)
            message = f"{marked.annotator.name} has {count} annotations of the article"
            found.problems.append(marked.where.at(None).problem("annotator-twice", message))
    ids = {name: shown.article_id for name, shown in found.texts.items()}
    gold = choose_gold(found.marked, context.corpus.gold, ids)
    if isinstance(gold, Undecided):
        file = found.marked[0].where.file
        found.problems.append(replace(where, file=file).problem(gold.code, gold.message))
    else:
        found.gold = gold


def canonical_json(value: Any) -> str | None:
    """JSON text of a value with sorted keys; None for nothing."""
    return msgspec.json.encode(value, order="sorted").decode() if value else None
