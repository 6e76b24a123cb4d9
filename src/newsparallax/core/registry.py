"""The registries beside the codebook: corpus, articles, entities, annotators, waivers, as records."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from .codebook import Record

_REFERENCE = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*://|data:|//|/[^/\s]+/)\S+\s*", re.IGNORECASE)

AnnotatorKind = Literal["human", "model", "unknown"]


class Entity(Record):
    """A canonical entity: one id, one type, one Wikidata QID; `names` maps a name to the sort of name that it is."""

    type: str
    description: str = ""
    qid: str | None = None
    names: dict[str, str] = {}


class Annotator(Record):
    """Who annotated, under a pseudonym.

    `ids` are the Label Studio user ids that mean this annotator; `anonymous` says that annotations which name nobody
    are theirs.
    """

    kind: AnnotatorKind
    given: str = ""
    role: Literal["annotator", "adjudicator"] = "annotator"
    ids: list[int] = []
    anonymous: bool = False


class Block(Record):
    """A part of the text, `[start, end)` in code points; `head` and `tail` are its first and last words, as proof."""

    kind: Literal["byline", "dateline", "caption", "headline", "body", "promo", "pull_quote", "paragraph"]
    start: int
    end: int
    head: str = ""
    tail: str = ""


class Article(Record):
    """A seed and what is known of it. Keys of `inferred` are fields that the file does not state, with the reason."""

    file: str
    sha256: str
    event: str | None = None
    title: str | None = None
    outlet: str | None = None
    agency: str | None = None
    dateline: str | None = None
    date: str | None = None
    language: str | None = None
    machine_translated: bool | None = None
    url: str | None = None
    rights_holder: str | None = None
    redistribute: bool = False
    inferred: dict[str, str] = {}
    blocks: list[Block] = []


class FromTasks(Record):
    """Where articles come from when there are no seeds: fields of the tasks' own data.

    Without `id_field`, an article is called as its first task is, or with `id_from = "data"` by a digest of its data
    (for exports of several projects, whose task ids collide). `references` maps what a task's data says instead of a
    text (a URL or path) to a file of the corpus folder.
    """

    from_tasks: bool = False
    id_field: str | None = None
    id_from: Literal["task", "data"] = "task"
    event_field: str | None = None
    language: str | None = None
    rights_holder: str | None = None
    redistribute: bool = False
    references: dict[str, str] = {}


def is_reference(text: str) -> bool:
    """Whether a task's data hold a URL or path in the place of a text (HumanSignal/label-studio#1890, #5459)."""
    return bool(_REFERENCE.fullmatch(text))


class Offsets(Record):
    """Explicit policy for spans with white space at their edges."""

    edge_spaces: Literal["trim", "keep"] = "trim"


class Citation(Record):
    """How to cite the corpus: whom, since when, and where it is found."""

    author: str
    year: int
    url: str | None = None


class Release(Record):
    """What may be published: `public_addresses` are e-mail addresses that are public already, as of a newsroom."""

    public_addresses: list[str] = []


class Corpus(Record):
    """The corpus: what it is called, which version it is, how it is split, how gold is chosen, how to cite it.

    `near_duplicates`, a share such as 0.3, keeps near-duplicate articles of different events in one split (an agency
    report in two papers): those of whose sequences of three words, both articles' taken together, at least this share
    is in both. Without it, which is the default, only the event decides: finding them takes a pass over all texts and
    the extra `scale`, and a corpus of one split has no use for it.
    """

    name: str
    version: str
    title: str = ""
    license: str = ""
    languages: list[str] = []
    gold: Literal["adjudicated", "majority"] = "adjudicated"
    splits: dict[str, int] = msgspec.field(default_factory=lambda: {"train": 1})
    near_duplicates: float | None = None
    articles: FromTasks = msgspec.field(default_factory=FromTasks)
    offsets: Offsets = msgspec.field(default_factory=Offsets)
    citation: Citation | None = None
    release: Release = msgspec.field(default_factory=Release)


class Waiver(Record):
    """A known problem that is accepted, with its reason; a waiver that covers nothing is an error."""

    code: str
    reason: str
    file: str | None = None
    article_id: str | None = None
    task_id: str | None = None
    annotation_id: str | None = None
    region_id: str | None = None


class Waivers(Record):
    """The content of waivers.toml."""

    waivers: list[Waiver] = []
