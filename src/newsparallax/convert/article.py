"""Convert the tasks of one article to a `Conversion`: texts, annotations, gold, problems and counts."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import msgspec

from ..corpus import Annotated, CorpusSpec, State, read_seed
from ..exports import DecodedAnnotation, DecodedTask, RawRecord, continues, decode_task
from ..ids import canonical_json, natural_order
from ..problems import Problem, Rejection, some
from ..text import TextIndex, address_messages
from .annotation import convert_annotation
from .checks import check_annotation, follow
from .gold import Gold, choose_gold
from .model import ArticleText, ConvertedAnnotation, Ledger, SourceRef
from .people import Candidate, Place, find_copies, name_people, newest_of_each
from .shown_texts import differing, shown_texts, texts_to_judge_by


@dataclass(frozen=True)
class RawTask:
    """The undecoded bytes of a task in a file; `clash` is the id of another article with a text of the same id."""

    file: str
    content: bytes | memoryview
    clash: str | None = None


@dataclass
class Conversion:
    """A converted article: its texts in the codebook's order, annotations, gold, problems and counts."""

    article_id: str
    event_id: str
    exists: bool = False  # False where all tasks are broken or name an unknown article
    texts: dict[str, ArticleText] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    marked: list[ConvertedAnnotation] = field(default_factory=list)
    cancelled: list[tuple[str | None, str | None, Annotated]] = field(default_factory=list)
    gold: Gold | None = None
    problems: list[Problem] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    repairs: Counter[str] = field(default_factory=Counter)

    @property
    def state(self) -> State:
        """The annotation state; "unannotated", "annotated_empty" and "cancelled" (all of them) are separate states."""
        if not self.marked:
            return "cancelled" if self.cancelled else "unannotated"
        return "annotated_empty" if all(marked.empty for marked in self.marked) else "annotated"


def convert_article(
    context: CorpusSpec, article_id: str, tasks: list[RawTask], read: Callable[[str], bytes | None]
) -> Conversion:
    """Convert one article from all tasks that are about it.

    `read` returns the bytes of a seed or of a referenced file by its name in the corpus folder, None if the file is
    missing. Tasks are processed in the order of their ids, so the order and the form of the files do not matter.
    """
    conversion = Conversion(article_id, article_id)
    seed = context.articles.get(article_id)
    if seed:
        conversion.exists, conversion.event_id = True, seed.event or article_id
        text, conversion.problems = read_seed(article_id, seed, read(f"seeds/{seed.file}"))
        main = context.codebook.main_text
        if text is not None and main:
            conversion.texts[main] = ArticleText(main, article_id, TextIndex(text))
    seed_is_wrong = bool(conversion.problems)
    good = _readable(conversion, tasks)
    clash = next((raw.clash for raw in tasks if raw.clash is not None), None)
    if good and context.from_tasks and clash is None:
        conversion.exists, conversion.event_id = True, _event(context, good[0][1], article_id)
    if good and conversion.exists:
        conversion.metadata = _metadata(context, good[0][1])
        messages = address_messages(((task.data, task.meta) for _, task, _ in good), context.public_addresses)
        conversion.problems += [good[0][2].problem("e-mail-address", message) for message in messages]
    shown = [
        ({}, []) if clash is not None else shown_texts(context, article_id, conversion.texts, task, where, read)
        for _, task, where in good
    ]
    judged: list[_Judged] = []
    for (raw, task, where), (mine, problems) in zip(good, shown, strict=True):
        known = conversion.texts if conversion.exists else None
        texts, refused = texts_to_judge_by(context, article_id, known, mine, clash, read)
        problems += [where.problem(*each) for each in (*differing(context, conversion.texts, mine), refused) if each]
        judged.append(_Judged(raw, task, where, problems, texts, refused))
    if conversion.exists:
        _tell_merged(article_id, [entry for entry in judged if not entry.refused])
    copies = _copies(context, conversion.article_id, judged)
    ids: set[str] = set()
    for number, entry in enumerate(judged):
        conversion.problems += entry.problems
        end = len(conversion.problems)
        _take_annotations(context, conversion, number, entry, copies, ids)
        for at in range(end - len(entry.problems), end):
            follow(conversion.problems, at, end)
    codes = [problem.code for problem in conversion.problems]
    if "duplicate-task" in codes:
        follow(conversion.problems, codes.index("duplicate-task"), 0, ("duplicate-annotation", "duplicate-task"))
    if seed_is_wrong:
        follow(conversion.problems, 0, 1)
    _decide(context, conversion)
    return conversion


def _readable(conversion: Conversion, tasks: list[RawTask]) -> list[tuple[RawTask, DecodedTask, SourceRef]]:
    """Return the readable tasks in order of their ids, and count all tasks."""
    decoded = [(raw, decode_task(raw.content)) for raw in tasks]
    if len(decoded) > 1:
        decoded.sort(key=lambda entry: _order(*entry))
    good: list[tuple[RawTask, DecodedTask, SourceRef]] = []
    for raw, task in decoded:
        where = SourceRef(raw.file, conversion.article_id, task.id)
        for name, number in (("tasks", 1), ("predictions", task.predictions), ("drafts", task.drafts)):
            conversion.counts[name] += number
        if task.findings:
            conversion.problems += _findings(task, raw, where)
        if task.shown:
            good.append((raw, task, where))
    return good


class _Judged(NamedTuple):
    """A task with the texts against which its regions are checked, or the Rejection that explains their absence."""

    raw: RawTask
    task: DecodedTask
    where: SourceRef
    problems: list[Problem]
    texts: dict[str, ArticleText]
    refused: Rejection | None


def _tell_merged(article_id: str, tasks: list[_Judged]) -> None:
    """Add a Problem to each later task of an article whose annotations are merged with those of the first task."""
    known = [task for _, task, *_ in tasks]
    again = [entry for number, entry in enumerate(tasks) if number and not continues(entry.task, known[:number])]
    if again:
        places = [f"task {where.task_id or '?'} in {where.file}" for _, _, where, *_ in (tasks[0], *again)]
        message = f"article {article_id} is in {len(places):,} tasks: {some(places)}"
        for entry in again:
            entry.problems.insert(0, entry.where.problem("duplicate-task", message))


def _copies(context: CorpusSpec, article_id: str, tasks: list[_Judged]) -> dict[Place, str]:
    """Map the place of each copied annotation to the id of its original; refused tasks are left out."""
    fields = [source.field for source in context.codebook.texts.values()]
    candidates = [
        Candidate(
            (number, made.place),
            made.name(task.id or article_id),
            [task.data.get(key) for key in fields],
            context.annotator(made.completed_by, raw.file),
            made,
        )
        for number, (raw, task, _, _, _, refused) in enumerate(tasks)
        for made in task.annotations
        if not made.cancelled and not refused
    ]
    return find_copies(candidates) if len(candidates) > 1 else {}


def _order(raw: RawTask, task: DecodedTask) -> tuple[tuple[int, int, str], bytes]:
    """Sort key: the id, then a digest of the content, so that the order and the form of the files do not matter."""
    return natural_order(task.id or ""), hashlib.sha256(canonical_json(raw.content)).digest()


def _findings(task: DecodedTask, raw: RawTask, where: SourceRef) -> Iterator[Problem]:
    record = RawRecord(raw.content)
    names = {annotation.place: annotation.id or annotation.unique_id for annotation in task.annotations}
    for finding in task.findings:
        position = finding.path[1] if len(finding.path) > 1 and finding.path[0] == "annotations" else None
        at = where.at(finding.annotation or (names.get(position) if isinstance(position, int) else None))
        yield at.problem(finding.code, finding.message, raw=record.part(finding.path))


def _metadata(context: CorpusSpec, task: DecodedTask) -> dict[str, Any]:
    """Return all other data of the task: fields that hold no text under "data", the task's `meta` under "meta"."""
    fields = {source.field for source in context.codebook.texts.values()}
    rest = {key: value for key, value in task.data.items() if key not in fields}
    return ({"data": rest} if rest else {}) | ({"meta": task.meta} if task.meta else {})


def _event(context: CorpusSpec, task: DecodedTask, article_id: str) -> str:
    value = task.data.get(context.corpus.articles.event_field or "")
    named = isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip()
    return str(value) if named else article_id


def _take_annotations(
    context: CorpusSpec, conversion: Conversion, number: int, judged: _Judged, copies: dict[Place, str], ids: set[str]
) -> None:
    """Convert the annotations of the article's task at `number`, and count all their items.

    Copies (`copies`) and annotations of a refused task are quarantined. `ids` are the ids of previous annotations.
    """
    raw, task, where, _, texts, refused = judged
    record = RawRecord(raw.content)
    for annotation in task.annotations:
        name = annotation.id or annotation.unique_id
        at = where.at(name)
        if annotation.cancelled:
            conversion.counts["annotations_cancelled"] += 1
            conversion.cancelled.append((name, where.task_id, context.annotator(annotation.completed_by, raw.file)))
            continue
        conversion.counts["annotations"] += 1
        reader = partial(record.items, annotation.place)
        reason = refused or _why_quarantined(context, judged, annotation, copies.get((number, annotation.place)))
        if reason:
            ledger = Ledger(len(annotation.items), at, reader)
            ledger.quarantine_rest(*reason)
            begin = len(conversion.problems)
            if not refused:  # the problem of a refused task is reported once, for the task
                conversion.problems.append(at.problem(*reason, raw=record.annotation(annotation.place)))
            _count(conversion, ledger)
            if not refused:
                follow(conversion.problems, begin, begin + 1)
            continue
        if name in ids:
            message = f"two different annotations have the id {name}"
            conversion.problems.append(at.problem("duplicate-annotation-id", message))
        ids |= {name} if name else set()
        marked = convert_annotation(context, texts, annotation, at, reader)
        _count(conversion, marked.ledger)
        _accept(context, conversion, annotation.completed_by, marked, at)


def _why_quarantined(
    context: CorpusSpec, judged: _Judged, annotation: DecodedAnnotation, kept: str | None
) -> Rejection | None:
    """Return why no item of an annotation is converted, or None; `kept` names the annotation that it copies."""
    if kept:
        return Rejection("duplicate-annotation", _copy_of(annotation.name(judged.where.task_id), kept))
    no_text = context.from_tasks and bool(context.codebook.texts) and not judged.task.data  # the annotator saw no text
    if no_text and not annotation.items:
        message = f"annotation {annotation.place + 1} is empty, and its task has no `data`"
        return Rejection("bad-annotation", message)
    return None


def _accept(
    context: CorpusSpec, conversion: Conversion, completed_by: Any, marked: ConvertedAnnotation, at: SourceRef
) -> None:
    """Add a converted annotation, with its problems, to the conversion of its article."""
    edited = marked.editor is not None and marked.editor != marked.annotator
    conversion.counts["results_without_quote"] += marked.without_quote
    conversion.counts["annotations_edited_by_another"] += edited
    conversion.marked.append(marked)
    conversion.problems += check_annotation(context, marked)
    if not marked.annotator.known and not context.is_shared(completed_by):
        who = "no annotator" if completed_by is None else f"annotator {marked.annotator.name!r}"
        message = f"the annotation names {who}; expected an id that is in annotators.toml"
        conversion.problems.append(at.problem("unknown-annotator", message))


def _copy_of(name: str, kept: str) -> str:
    return f"annotation {name} occurs twice" if name == kept else f"annotation {name} is the same as {kept}"


def _count(conversion: Conversion, ledger: Ledger) -> None:
    counts = conversion.counts
    counts["results_in"] += ledger.size
    counts["results_accepted"] += ledger.accepted
    counts["results_repaired"] += len(ledger.repaired)
    counts["results_quarantined"] += len(ledger.quarantined)
    if ledger.repaired:
        conversion.repairs.update(ledger.repaired.values())
    conversion.problems += ledger.problems


def _decide(context: CorpusSpec, conversion: Conversion) -> None:
    conversion.marked.sort(key=lambda m: (natural_order(m.annotation_id), m.annotator.name, not m.ground_truth))
    name_people(conversion.marked)
    if len(conversion.marked) > 1:
        conversion.problems += _several_of_one(conversion.marked)
    ids = {name: shown.article_id for name, shown in conversion.texts.items()}
    gold = choose_gold(conversion.marked, context.corpus.gold, ids)
    if isinstance(gold, Rejection):
        where = SourceRef(conversion.marked[0].where.file, conversion.article_id)
        conversion.problems.append(where.problem(gold.code, gold.message))
    else:
        conversion.gold = gold


def _several_of_one(marked: list[ConvertedAnnotation]) -> Iterator[Problem]:
    """Yield a Problem for each person who has several different annotations of the article."""
    for newest in newest_of_each(marked):
        own = [each for each in marked if each.person == newest.person]
        if len(own) > 1:
            ids = f"({', '.join(each.annotation_id for each in own)}); the newest is {newest.annotation_id}"
            message = f"{newest.person} has {len(own)} different annotations of the article {ids}"
            yield own[0].where.at(None).problem("annotator-twice", message)


def sorted_json(value: Any) -> str | None:
    """Return the JSON text of a value with sorted keys; None for an empty value."""
    return msgspec.json.encode(value, order="sorted").decode() if value else None
