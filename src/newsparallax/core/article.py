"""The tasks of one article -> the article with its annotations, gold and problems."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import msgspec

from .annotation import convert_annotation
from .checks import check_annotation
from .context import Annotated, Context
from .decode import DecodedAnnotation, DecodedTask, decode_task
from .gold import Gold, Undecided, choose_gold
from .html_text import render_html
from .ids import spelling_free
from .json_values import loads
from .offsets import TextIndex
from .problems import Problem
from .raw import raw_annotation, raw_items, raw_part
from .spans import Ledger, Marked, Shown, Where

State = Literal["annotated", "annotated_empty", "cancelled", "unannotated"]
STATES: tuple[State, ...] = ("annotated", "annotated_empty", "cancelled", "unannotated")

_REFERENCE = re.compile(r"(?:https?|s3|gs|azure-blob|file)://\S+|/data/\S+")


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
    there. Tasks are taken in the order of their digests, so that neither the order nor the form of files matters.
    """
    found = Conversion(article_id, article_id)
    seed = context.articles.get(article_id)
    if seed:
        found.exists, found.event_id = True, seed.event or article_id
        text = read_text(f"seeds/{seed.file}")
        main = context.codebook.main_text
        if text is not None and main:
            found.texts[main] = Shown(main, article_id, TextIndex(text))
    first, seen = True, dict[str, set[str]]()
    for raw in _in_order(tasks):
        task = decode_task(raw.content)
        where = Where(raw.file, article_id, task.id)
        found.counts += Counter(tasks=1, predictions=task.predictions, drafts=task.drafts)
        found.problems += _findings(task, raw, where)
        if any(finding.code == "not-a-task" for finding in task.findings):
            continue
        texts, refused = _texts_of_task(context, found, task, where, read_text, first=first)
        if not first and found.exists:
            found.problems.append(where.problem("duplicate-task", f"article {article_id} is in another task too"))
        elif first and context.from_tasks:
            found.exists, found.event_id = True, _event(context, task, article_id)
        if first:
            found.metadata = _metadata(context, task)
        first = False
        _take_annotations(context, found, task, raw, where, texts, refused, seen)
    _decide(context, found)
    return found


def _in_order(tasks: list[RawTask]) -> list[RawTask]:
    return sorted(tasks, key=lambda task: hashlib.sha256(spelling_free(task.content)).digest()) if tasks[1:] else tasks


def _findings(task: DecodedTask, raw: RawTask, where: Where) -> Iterator[Problem]:
    whole = loads(bytes(raw.content)) if task.findings else None
    names = {found.place: found.id or found.unique_id for found in task.annotations}
    for finding in task.findings:
        place = finding.path[1] if len(finding.path) > 1 and finding.path[0] == "annotations" else None
        at = where.at(names.get(place) if isinstance(place, int) else None)
        yield at.problem(finding.code, finding.message, raw=raw_part(whole, finding.path))


def _texts_of_task(
    context: Context,
    found: Conversion,
    task: DecodedTask,
    where: Where,
    read_text: Callable[[str], str | None],
    *,
    first: bool,
) -> tuple[dict[str, Shown], tuple[str, str] | None]:
    """The texts that the regions of a task are judged against, and why they cannot be judged, if so."""
    if not context.from_tasks and not found.exists:
        message = f"article {found.article_id!r} is not in seeds/articles.toml"
        found.problems.append(where.problem("unknown-article", message))
        return {}, ("unknown-article", message)
    texts: dict[str, Shown] = {}
    for name, source in context.codebook.texts.items():
        text, refusal = _shown_text(context, task.data.get(source.field), source.field, read_text)
        rendered = render_html(text) if text is not None and source.kind == "html" else None
        text = rendered.text if rendered else text
        if context.from_tasks and first and text is not None:
            identity = found.article_id if name == context.codebook.main_text else f"{found.article_id}.{name}"
            found.texts[name] = Shown(name, identity, TextIndex(text))
        elif context.from_tasks and first:
            found.problems.append(where.problem(*(refusal or ("no-text", f"no field {source.field!r}"))))
        known = found.texts.get(name)
        differs = (known.index.text if known else None) != text and not (
            known and text is None and not context.from_tasks
        )
        if differs and context.from_tasks:
            return {}, ("article-conflict", f"another task of article {found.article_id} shows another text {name!r}")
        if differs and known and text is not None:
            found.problems.append(where.problem("text-differs", _difference(known.index.text, text)))
        if known:
            texts[name] = replace(known, differs=differs, resolve=rendered.resolve if rendered else None)
    return texts, None


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
    if _REFERENCE.fullmatch(given.strip()):
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
    return str(value) if isinstance(value, str | int) else article_id


def _take_annotations(
    context: Context,
    found: Conversion,
    task: DecodedTask,
    raw: RawTask,
    where: Where,
    texts: dict[str, Shown],
    refused: tuple[str, str] | None,
    seen: dict[str, set[str]],
) -> None:
    """Convert the annotations of a task, or set them aside with `refused`; count every one of their items."""
    for annotation in task.annotations:
        name = annotation.id or annotation.unique_id
        at = where.at(name)
        if annotation.cancelled:
            found.counts["annotations_cancelled"] += 1
            found.cancelled.append((name, where.task_id, context.annotator(annotation.completed_by)))
            continue
        found.counts["annotations"] += 1
        reader = _raw_reader(raw, annotation.place)
        before = _known_before(annotation, seen)
        aside = refused or (("duplicate-annotation", f"annotation {name} is there twice") if before == "same" else None)
        if aside:
            ledger = Ledger(len(annotation.items), at, reader)
            ledger.quarantine_rest(*aside)
            found.problems.append(at.problem(*aside, raw=raw_annotation(raw.content, annotation.place)))
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


def _raw_reader(raw: RawTask, place: int) -> Callable[[], list[Any]]:
    return lambda: raw_items(raw.content, place)


def _known_before(annotation: DecodedAnnotation, seen: dict[str, set[str]]) -> Literal["same", "id"] | None:
    """Whether the article already has the same annotation, or another one with the same id."""
    content = repr((annotation.completed_by, annotation.ground_truth, annotation.items))
    digests = seen.setdefault(annotation.id or annotation.unique_id or "", set())
    digest = hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()
    named = bool(annotation.id or annotation.unique_id)
    verdict: Literal["same", "id"] | None = "same" if digest in digests else "id" if digests and named else None
    digests.add(digest)
    return verdict


def _count(found: Conversion, ledger: Ledger) -> None:
    found.counts += Counter(
        results_in=ledger.size,
        results_accepted=ledger.accepted,
        results_repaired=len(ledger.repaired),
        results_quarantined=len(ledger.quarantined),
    )
    found.repairs.update(ledger.repaired.values())
    found.problems += ledger.problems


def _decide(context: Context, found: Conversion) -> None:
    found.marked.sort(key=lambda marked: (marked.annotation_id, marked.annotator.name, not marked.ground_truth))
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
