"""Records of input defects (`Problem`) and their stable codes (`CODES`).

A Problem never stops a run. `CODES` gives the severity and the hint of each `code`. Every code has a case file under
tests/cases/ that provokes it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import msgspec
from msgspec import Meta

Severity = Literal["error", "warning"]


class Rejection(NamedTuple):
    """The reason why an item, or a part of it, is not accepted: the code and message of a Problem."""

    code: str
    message: str


class Code(NamedTuple):
    """The severity of a problem code, and a hint how to resolve the problem."""

    severity: Severity
    hint: str


CODES: dict[str, Code] = {
    # files (these stop a build; ExportError has the code, so that a run that must continue can report it)
    "unreadable-file": Code("error", "check the permissions of the file"),
    "empty-file": Code("error", "the export is empty; export the project again"),
    "not-utf8": Code("error", "save the file as UTF-8"),
    "not-json": Code("error", "export as JSON (the full format of Label Studio), not as CSV, TSV, CoNLL or XML"),
    "truncated-json": Code("error", "the file is incomplete; export or copy it again"),
    "unknown-shape": Code("error", "export as JSON (the full format); JSON_MIN and other formats lose data"),
    # tasks
    "not-a-task": Code("error", "a task is an object with `data` and `annotations`; correct or remove this entry"),
    "duplicate-key": Code(
        "error", "a JSON object has the same key twice, and only one of the values is read; keep one"
    ),
    "lone-surrogate": Code(
        "error", "the text contains half of a UTF-16 surrogate pair; correct the text in its source"
    ),
    "nan-value": Code("warning", "JSON has no NaN and no Infinity; the value is read as missing"),
    "bad-field": Code("warning", "a field of the task or annotation has an unexpected type and is ignored; correct it"),
    "duplicate-task": Code("warning", "several tasks show the same article; their annotations are merged"),
    "article-conflict": Code(
        "error", "two tasks have the same article id but different texts; use one id for each text"
    ),
    "article-id-taken": Code("error", "rename one of the articles; a second text gets the id ARTICLE_ID.TEXT_NAME"),
    "unknown-article": Code("error", "add the article to seeds/articles.toml, or remove the task"),
    "no-text": Code(
        "error", "export the tasks with their data, and set the field of the text under [texts] in codebook.toml"
    ),
    "text-is-reference": Code("error", "assign a file to the reference under [articles.references] in corpus.toml"),
    "text-differs": Code(
        "warning",
        "add the article's id to the task (spans whose quotes occur in the seed are kept), or import the seed again",
    ),
    "e-mail-address": Code(
        "warning", "remove the address, or list it in `public_addresses` under [release] in corpus.toml"
    ),
    # annotations
    "bad-annotation": Code("error", "an annotation is an object with a list `result`"),
    "duplicate-annotation": Code("warning", "the annotation occurs twice; one copy is kept"),
    "duplicate-annotation-id": Code("warning", "two annotations of the article have the same id; both are kept"),
    "unknown-annotator": Code("error", "add the annotator's id to annotations/annotators.toml"),
    "shared-number": Code(
        "error",
        "each Label Studio server numbers its own users; run `newsparallax adopt` on the exports of all servers, which "
        "gives each person a different number",
    ),
    "annotator-twice": Code("warning", "mark the correct annotation as ground truth (the star in Label Studio)"),
    "gold-undecided": Code(
        "error",
        'mark one annotation as ground truth (the star in Label Studio), or set gold = "majority" in corpus.toml',
    ),
    "gold-conflict": Code("error", "keep the star (ground truth) of one annotation, and remove the others"),
    # result items
    "bad-item": Code("error", "a result item is an object with `type` and `value`"),
    "unknown-control": Code("error", "add the control to codebook.toml (`control` or `former_controls`)"),
    "unsupported-control": Code("error", "items of this kind are not converted; the item is kept in problems.jsonl"),
    "bad-record": Code("error", "correct the line or entry in the tool that wrote it; it is kept in problems.jsonl"),
    "discontinuous-span": Code(
        "error", "a span has one start and one end; mark the parts as spans with a relation between them, or waive it"
    ),
    "event-trigger": Code(
        "error", "an event needs a span as its trigger; correct the event or its trigger, or waive it"
    ),
    "unread-column": Code("warning", "only spans, their values and relations are read; waive it if that is enough"),
    "wrong-text": Code("error", "the item and its layer refer to different texts; see `text` in codebook.toml"),
    "unknown-label": Code("error", "add the label to codebook.toml, or list it under `former` of its new name"),
    "no-label": Code("error", "add a label to the region, or remove the region"),
    "several-labels": Code("error", "the layer allows one label for each region; see `multiple` in codebook.toml"),
    "no-offsets": Code("error", "export the regions with `start` and `end`"),
    "bad-offsets": Code("error", "offsets must be integers that count code points"),
    "offsets-out-of-range": Code(
        "error", "the region is outside of the text, and its quote is not near it; mark it again"
    ),
    "reversed-offsets": Code("error", "the region ends before it begins, and its quote is not near it; mark it again"),
    "empty-span": Code("error", "the region contains no visible character; remove it"),
    "quote-mismatch": Code(
        "error", "no unique occurrence of the quote is at or near the offsets; mark the region again"
    ),
    "ambiguous-offsets": Code("error", "mark the region again, or set `unit` under [offsets] in corpus.toml"),
    "unproven-offsets": Code(
        "error", "the quote does not confirm the position in the HTML text; mark the region again"
    ),
    "duplicate-region-id": Code(
        "warning", "all regions are kept with ids made from their content; use one id for each region"
    ),
    "duplicate-region": Code("warning", "the region occurs twice; one copy is kept"),
    "orphan-attribute": Code(
        "error", "the value belongs to a region that is missing or was not converted; correct the region first"
    ),
    "inapplicable-attribute": Code(
        "error", "remove the value, or allow the attribute for this label (`labels` in codebook.toml)"
    ),
    "unknown-value": Code("error", "add the value to codebook.toml, or list it under `former` of its new name"),
    "bad-value": Code("error", "the value must be of the attribute's `kind` in codebook.toml"),
    "several-values": Code("error", "the attribute allows one value; see `many` in codebook.toml"),
    "duplicate-value": Code("error", "the region or article has two different values for the attribute; keep one"),
    "unknown-reference": Code("error", "add the id to the registry (a TOML file), or correct the id"),
    "dangling-relation": Code(
        "error", "one end of the relation is missing or was not converted; correct that region first"
    ),
    "unknown-relation": Code("error", "add the relation to codebook.toml, or correct its label or its ends"),
    "duplicate-relation": Code("warning", "the relation occurs twice; one copy is kept"),
    # checks of the accepted annotations
    "invisible-characters": Code(
        "warning", "remove the characters from the text, or change the boundaries of the span"
    ),
    "overlap": Code("error", "the layer does not allow this overlap; see `overlap` in codebook.toml"),
    "missing-attribute": Code("error", "the codebook requires the attribute for this span; add it"),
    "missing-value": Code("error", "the codebook requires the value in every annotation of an article; add it"),
    "missing-relation": Code("error", "the codebook requires the relation for this span; add it"),
    "too-many-relations": Code("error", "the codebook limits the number of these relations (`max`); remove some"),
    "reference-type": Code(
        "error", "the entity's type in entities.toml must equal the span's label; correct one of them"
    ),
    "pattern-mismatch": Code("warning", "correct the value, or the `pattern` in codebook.toml"),
    # the corpus itself
    "no-articles": Code("error", "add exports to annotations/exports/, or texts to seeds/"),
    "export-ignored": Code("error", "export as JSON (the full format), or move the file out of annotations/exports/"),
    "seed-missing": Code("error", "articles.toml lists a file that is not in seeds/; add the file or remove the entry"),
    "seed-unlisted": Code("error", "the file in seeds/ is not in articles.toml; add an entry or remove the file"),
    "seed-digest": Code("error", "the seed was changed after its annotation; restore the file, or annotate it again"),
    "seed-not-utf8": Code("error", "save the seed as UTF-8"),
    "example-from-corpus": Code(
        "warning",
        "write an invented example, or move the passage to annotations/rulings.md, which annotators do not see",
    ),
    "bad-block": Code("error", "the text does not fit the block in articles.toml; correct start, end, head or tail"),
    "duplicate-qid": Code("error", "an entity has one id; merge the two entries, or correct the QID"),
    "bad-qid": Code("error", "a QID is Q followed by digits; correct it"),
    "name-ambiguous": Code(
        "warning", "two entities of the same type have this name; make the names distinct if you can"
    ),
    "stale-generated": Code("error", "run `newsparallax generate`"),
    "stale-waiver": Code("error", "the waived problem no longer occurs; remove the waiver"),
}


# What readers of other formats refuse: the type of such an item is the code of its problem.
REFUSED = frozenset(
    {"bad-record", "discontinuous-span", "event-trigger", "orphan-attribute", "unread-column", "unsupported-control"}
)


class Problem(msgspec.Struct, frozen=True, omit_defaults=False):
    """One input defect. Ids are strings, also where the export has numbers.

    A problem can cause others: no region of an article can be converted without the text of the article. `cause` names
    the problem that comes first. Commands list only problems without a cause; problems.jsonl and `check --json` have
    all problems.
    """

    code: Annotated[str, Meta(description="Code of the problem.")]
    severity: Annotated[Severity, Meta(description="Severity of the code.")]
    file: Annotated[str | None, Meta(description="File that has the problem.")]
    article_id: Annotated[str | None, Meta(description="Id of the article.")]
    task_id: Annotated[str | None, Meta(description="Id of the task.")]
    annotation_id: Annotated[str | None, Meta(description="Id of the annotation.")]
    region_id: Annotated[str | None, Meta(description="Id of the region.")]
    message: Annotated[str, Meta(description="What is wrong.")]
    hint: Annotated[str, Meta(description="What to do.")]
    raw: Annotated[Any, Meta(description="The affected item, as in the export.")] = None
    waived: Annotated[
        str | None,
        Meta(description="Reason of the waiver that accepts the problem; null if there is none."),
    ] = None
    cause: Annotated[
        str | None,
        Meta(description="Code of the problem that caused this one; null if there is none."),
    ] = None

    @property
    def open(self) -> bool:
        """Whether to list the problem: no waiver covers it, and no other problem caused it."""
        return self.waived is None and self.cause is None


def problem(
    code: str,
    message: str,
    *,
    file: str | None = None,
    article_id: str | None = None,
    task_id: str | None = None,
    annotation_id: str | None = None,
    region_id: str | None = None,
    raw: Any = None,
) -> Problem:
    """Return a Problem with the severity and hint of its code. Raises ValueError where CODES lacks the code."""
    if code not in CODES:
        raise ValueError(f"a check gives the code {code!r}, which CODES in problems.py does not have")
    severity, hint = CODES[code]
    return Problem(code, severity, file, article_id, task_id, annotation_id, region_id, message, hint, raw)


OF_FILES = frozenset({"seed-missing", "seed-unlisted", "stale-generated"})  # each file with one is a kind of its own
LISTED = 20  # kinds of open problems kept for messages; all problems are in problems.jsonl
NAMED = 10  # places or files that a message names
_FOLLOWED = re.compile(r" \(([0-9,]+) other problems? follows? from it\)$")


def counted(cause: Problem, followers: int) -> Problem:
    """Return the problem `cause`; its message states how many other problems (`followers`) it caused."""
    said = "1 other problem follows" if followers == 1 else f"{followers:,} other problems follow"
    return msgspec.structs.replace(cause, message=f"{cause.message} ({said} from it)") if followers else cause


def some(names: Sequence[str], most: int = NAMED) -> str:
    """Return the first `most` names, joined by commas, and the number of the remaining names."""
    return ", ".join([*names[:most], *([f"and {len(names) - most:,} more"] if len(names) > most else [])])


_Kind = tuple[str, str, str | None]


class OpenProblems:
    """Counts of open problems by kind, and the first problem of each kind for messages.

    A kind is a code and a message; for the codes OF_FILES, whose message is the same for each file, also the file.

    Each kind counts once. For example, a control that is missing from the codebook is listed and counted once,
    independent of the number of regions that use it. `alike` counts the repetitions. `following` counts the problems
    that the open problems caused. At most `most` kinds are listed; further kinds are only counted.
    """

    most: ClassVar[int] = LISTED

    def __init__(self) -> None:
        self.alike = self.following = 0
        self._first: dict[_Kind, Problem] = {}
        self._numbers: Counter[_Kind] = Counter()
        self.by_code: Counter[str] = Counter()  # counts all open problems, including the repetitions
        self._others: set[int] = set()  # kinds beyond `most`, as hashes: there can be many

    def add(self, problems: Iterable[Problem]) -> None:
        """Count the open problems among `problems`; skip the others."""
        for entry in problems:
            if not entry.open:
                continue
            self.by_code[entry.code] += 1
            followed = _FOLLOWED.search(entry.message)
            self.following += int(followed[1].replace(",", "")) if followed else 0
            message = entry.message[: followed.start()] if followed else entry.message
            kind = entry.code, message, entry.file if entry.code in OF_FILES else None
            if kind in self._first or len(self._first) < self.most:
                self.alike += kind in self._first
                self._first.setdefault(kind, entry)
                self._numbers[kind] += 1
            else:
                self.alike += hash(kind) in self._others
                self._others.add(hash(kind))

    @property
    def total(self) -> int:
        """The number of kinds of open problems."""
        return len(self._first) + self.unlisted

    @property
    def unlisted(self) -> int:
        """The number of kinds that are not listed."""
        return len(self._others)

    def listed(self) -> list[Problem]:
        """Return the first problem of each of the first `most` kinds; its message gives the number of repetitions."""
        return [self._with_number(entry, self._numbers[kind] - 1) for kind, entry in self._first.items()]

    @staticmethod
    def _with_number(entry: Problem, more: int) -> Problem:
        return (
            msgspec.structs.replace(entry, message=f"{entry.message} (and {more:,} more like this)") if more else entry
        )
