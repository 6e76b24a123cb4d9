"""What is wrong with an input, as records with stable codes.

A Problem never stops a run. Its `code` is looked up in `CODES`, which says how bad it is and what to do about it; every
code has a case file under tests/cases/ that provokes it.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec

Severity = Literal["error", "warning"]


class Code(NamedTuple):
    """How bad a finding is, and what to do about it."""

    severity: Severity
    hint: str


CODES: dict[str, Code] = {
    # files (these stop a build; ExportError has the code, so that a run that must go on can report it)
    "unreadable-file": Code("error", "look at the file's permissions"),
    "empty-file": Code("error", "export the project again; an empty file is no export"),
    "not-utf8": Code("error", "save the file as UTF-8"),
    "not-json": Code("error", "export as JSON (the full format of Label Studio), not as CSV, TSV or CoNLL"),
    "truncated-json": Code("error", "the file ends too early; export or copy it again"),
    "unknown-shape": Code("error", "export as JSON (the full format); JSON_MIN and formats of other tools lose data"),
    # tasks
    "not-a-task": Code("error", "a task is an object with `data` and `annotations`; remove or mend this entry"),
    "duplicate-key": Code("error", "a JSON object has the same key twice; only one of the values can be read"),
    "lone-surrogate": Code("error", "half of a UTF-16 pair stands alone; repair the text where it came from"),
    "nan-value": Code("warning", "NaN and Infinity are not JSON; they are read as missing"),
    "bad-field": Code("warning", "a field of the task or annotation has an unexpected type and was not used"),
    "duplicate-task": Code("warning", "the same article is in several tasks; their annotations were merged"),
    "article-conflict": Code("error", "two tasks give different texts to one article id; give each text its own id"),
    "unknown-article": Code("error", "add the article to seeds/articles.toml, or remove the task"),
    "no-text": Code("error", "the task's data lack the text field that the codebook names"),
    "text-is-reference": Code("error", "map the reference to a file under [articles.references] in corpus.toml"),
    "text-differs": Code("warning", "the task shows another text than the seed; spans are kept only where proved"),
    # annotations
    "bad-annotation": Code("error", "an annotation is an object with a list `result`"),
    "duplicate-annotation": Code("warning", "the same annotation is there twice; one copy is kept"),
    "duplicate-annotation-id": Code("warning", "two annotations of the article have one id; both are kept"),
    "unknown-annotator": Code("error", "add the annotator's id to annotations/annotators.toml"),
    "annotator-twice": Code("warning", "one annotator has several annotations of the article; star the right one"),
    "gold-undecided": Code("error", "several annotations and none starred: adjudicate one, or choose gold = majority"),
    "gold-conflict": Code("error", "several annotations are starred as ground truth; leave one star"),
    # result items
    "bad-item": Code("error", "a result item is an object with `type` and `value`"),
    "unknown-control": Code("error", "name the control in codebook.toml (`control`, `former_controls`)"),
    "unsupported-control": Code("error", "controls of this kind are not converted; the item is kept here"),
    "wrong-text": Code("error", "the item is about another text than its layer; see `text` in codebook.toml"),
    "unknown-label": Code("error", "add the label to codebook.toml, or map the old name with `former`"),
    "no-label": Code("error", "give the region a label, or remove it"),
    "several-labels": Code("error", "the layer takes one label a region (see `multiple` in codebook.toml)"),
    "no-offsets": Code("error", "the region does not say where it is; export with offsets"),
    "bad-offsets": Code("error", "offsets are whole numbers counted in code points"),
    "offsets-out-of-range": Code("error", "the region lies outside of the text, and its quote is not close by"),
    "reversed-offsets": Code("error", "the region ends before it begins, and its quote is not close by"),
    "empty-span": Code("error", "the region holds no character but white space; remove it"),
    "quote-mismatch": Code("error", "the quote is not what the offsets hold, nor alone close by; mark it again"),
    "unproven-offsets": Code("error", "the region's position in the shown HTML cannot be proved by its quote"),
    "duplicate-region-id": Code("error", "two different regions have one id, so notes and arrows cannot be told apart"),
    "duplicate-region": Code("warning", "the same region is marked twice; one is kept"),
    "orphan-attribute": Code("error", "the note or choice belongs to a region that is not there or was not accepted"),
    "inapplicable-attribute": Code("error", "the attribute does not go with the region's label"),
    "unknown-value": Code("error", "add the value to codebook.toml, or map the old name with `former`"),
    "bad-value": Code("error", "the value is not of the kind that the codebook says"),
    "several-values": Code("error", "the attribute takes one value (see `many` in codebook.toml)"),
    "duplicate-value": Code("error", "the attribute is given twice for the same region or article, differently"),
    "unknown-reference": Code("error", "add the id to the registry, or correct it"),
    "dangling-relation": Code("error", "one end of the arrow is not there or was not accepted"),
    "unknown-relation": Code("error", "add the relation to codebook.toml, or correct its label or its ends"),
    "duplicate-relation": Code("warning", "the same arrow is drawn twice; one is kept"),
    # checks of what was accepted
    "overlap": Code("error", "spans of this layer may not overlap so; see `overlap` in codebook.toml"),
    "missing-attribute": Code("error", "the codebook requires the attribute for this span"),
    "missing-relation": Code("error", "the codebook requires the arrow for this span"),
    "too-many-relations": Code("error", "the codebook allows fewer arrows of this kind"),
    "reference-type": Code("error", "the entity's type in the registry is not the span's label"),
    # the corpus itself
    "no-articles": Code("error", "put exports into annotations/exports/, or seeds into seeds/"),
    "export-ignored": Code("error", "export as JSON (the full format), or move the file out of annotations/exports/"),
    "seed-missing": Code("error", "articles.toml names a file that is not in seeds/"),
    "seed-unlisted": Code("error", "the file in seeds/ is not in articles.toml"),
    "seed-digest": Code("error", "the seed is not the file that was annotated; restore it, or annotate it anew"),
    "seed-not-utf8": Code("error", "seeds are UTF-8"),
    "bad-block": Code("error", "the block does not lie where articles.toml says; correct start, end, head or tail"),
    "duplicate-qid": Code("error", "one entity has one id: merge the two entries, or correct the QID"),
    "bad-qid": Code("error", "a QID is Q and digits"),
    "name-ambiguous": Code("warning", "two entities of the same type go by this name"),
    "stale-generated": Code("error", "run scripts/generate.py"),
    "stale-waiver": Code("error", "the waived problem no longer happens: remove the waiver"),
}


class Problem(msgspec.Struct, frozen=True, omit_defaults=False):
    """One finding. Ids are strings as they stand in the export; `raw` is the item itself, as JSON values."""

    code: str
    severity: Severity
    file: str | None
    article_id: str | None
    task_id: str | None
    annotation_id: str | None
    region_id: str | None
    message: str
    hint: str
    raw: Any = None
    waived: str | None = None


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
    """A Problem with the severity and hint of its code; an unknown code is a programming error (KeyError)."""
    severity, hint = CODES[code]
    return Problem(code, severity, file, article_id, task_id, annotation_id, region_id, message, hint, raw)
