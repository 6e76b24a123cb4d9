"""Records of the registries: corpus, articles, entities, annotators and waivers; and the split of an article."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ..ids import hash_number
from ..problems import CODES
from .toml import Record
from .versions import VERSION

_REFERENCE = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*://|data:|//|/[^/\s]+/)\S+\s*", re.IGNORECASE)

AnnotatorKind = Literal["human", "model", "unknown"]


class Entity(Record):
    """A canonical entity: one id, one type, one Wikidata QID. `names` maps each name to its kind."""

    type: Annotated[str, Meta(description="The type of the entity, such as a label of the layer that marks entities.")]
    description: Annotated[str, Meta(description="Who or what the entity is, for annotators.")] = ""
    qid: Annotated[
        str | None,
        Meta(description='The Wikidata item, such as "Q42".', extra_json_schema={"pattern": "^Q[1-9][0-9]*$"}),
    ] = None
    names: Annotated[dict[str, str], Meta(description='The names in the articles, each with its kind (or "").')] = {}


class Annotator(Record):
    """An annotator under a pseudonym.

    `ids` are the Label Studio user ids of this annotator. With `anonymous`, annotations without an annotator get this
    pseudonym; each of them counts as the work of a different person. `model`, `date`, `guidelines` and `same_model_as`
    describe the work of a model; the card shows what the file does not state as "not recorded".
    """

    kind: Annotated[AnnotatorKind, Meta(description="Whether the annotator is a human or a model.")]
    given: Annotated[
        str,
        Meta(description="What the annotator had at hand, such as the guidelines and the text."),
    ] = ""
    role: Annotated[
        Literal["annotator", "adjudicator"],
        Meta(description="Whether the annotator decides between the annotations of others (adjudicator)."),
    ] = "annotator"
    ids: Annotated[list[int], Meta(description="The user numbers in Label Studio (`completed_by` in exports).")] = []
    anonymous: Annotated[bool, Meta(description="Whether annotations without an annotator get this pseudonym.")] = False
    model: Annotated[str, Meta(description="For a model: its kind or name, and its version if known.")] = ""
    date: Annotated[str, Meta(description="The day of the annotation, or of its last one, as YYYY-MM-DD.")] = ""
    guidelines: Annotated[
        str,
        Meta(description="The version of the guidelines that the annotator had, or the SHA-256 of guidelines.md."),
    ] = ""
    same_model_as: Annotated[
        list[str],
        Meta(description="Pseudonyms of other annotators that are the same model. Their agreement is not independent."),
    ] = []


class Block(Record):
    """A part of the text, `[start, end)` in code points. `head` and `tail`, its first and last words, verify it."""

    kind: Annotated[
        Literal["byline", "dateline", "caption", "headline", "body", "promo", "pull_quote", "paragraph"],
        Meta(description="The kind of block."),
    ]
    start: Annotated[int, Meta(description="Offset of the first code point.")]
    end: Annotated[int, Meta(description="Offset after the last code point.")]
    head: Annotated[str, Meta(description="The words at the beginning of the block. They verify `start`.")] = ""
    tail: Annotated[str, Meta(description="The words at the end of the block. They verify `end`.")] = ""
    event: Annotated[
        str | None,
        Meta(description="The id of the event that the block reports, if it is not the article's event."),
    ] = None


class Article(Record):
    """A seed and its metadata. `inferred` maps fields that the file does not state to the reason for their value."""

    file: Annotated[str, Meta(description="The name of the text file in seeds/.")]
    sha256: Annotated[
        str,
        Meta(description="The SHA-256 of the file, in hexadecimal. It proves that the file is unchanged."),
    ]
    event: Annotated[
        str | None,
        Meta(
            description="The id of the event that the article reports (default: the id of the article). Articles of "
            "one event stay in one split."
        ),
    ] = None
    title: Annotated[str | None, Meta(description="The title of the article.")] = None
    outlet: Annotated[str | None, Meta(description="The publisher of the article.")] = None
    agency: Annotated[str | None, Meta(description="The news agency whose report the article uses.")] = None
    dateline: Annotated[str | None, Meta(description="The place names before the first sentence.")] = None
    published: Annotated[str | None, Meta(description="The date of publication, as YYYY-MM-DD.")] = None
    updated: Annotated[str | None, Meta(description="The date of the last update, as YYYY-MM-DD.")] = None
    language: Annotated[str | None, Meta(description='The language, as a code of ISO 639 such as "en".')] = None
    machine_translated: Annotated[bool | None, Meta(description="Whether a machine translated the text.")] = None
    url: Annotated[str | None, Meta(description="The address of the article.")] = None
    sources: Annotated[
        list[str],
        Meta(description="The addresses of texts that the article retells, such as a press release."),
    ] = []
    rights_holder: Annotated[str | None, Meta(description="Who holds the rights in the text.")] = None
    redistribute: Annotated[
        bool,
        Meta(
            description="Whether the licence of the text permits its publication. If not, releases withhold the text."
        ),
    ] = False
    inferred: Annotated[
        dict[str, str],
        Meta(description="The reasons for values that the file does not state, by key of this table."),
    ] = {}
    blocks: Annotated[
        list[Block],
        Meta(description="The blocks of the text. The rest of the text is divided into paragraphs."),
    ] = []


class FromTasks(Record):
    """The source of articles without seeds: fields of the tasks' data.

    Without `id_field`, an article has the id of its first task. With `id_from = "data"`, its id is a digest of its
    data; this is for exports of several projects, whose task ids collide. `references` maps a URL or path, which a
    task's data have in place of a text, to a file of the corpus folder.
    """

    from_tasks: Annotated[
        bool,
        Meta(description="Whether the articles come from the tasks. Then there is no seeds/articles.toml."),
    ] = False
    id_field: Annotated[str | None, Meta(description="The key of the article's id in the `data` of a task.")] = None
    id_from: Annotated[
        Literal["task", "data"],
        Meta(
            description="Without `id_field`: whether the id is that of the first task, or a digest of the task's data."
        ),
    ] = "task"
    event_field: Annotated[str | None, Meta(description="The key of the event in the `data` of a task.")] = None
    language: Annotated[
        str | None,
        Meta(description='The language of all articles, as a code of ISO 639 such as "en".'),
    ] = None
    rights_holder: Annotated[str | None, Meta(description="Who holds the rights in the texts.")] = None
    redistribute: Annotated[
        bool,
        Meta(
            description="Whether the licences of the texts permit their publication. If not, releases withhold the "
            "texts."
        ),
    ] = False
    references: Annotated[
        dict[str, str],
        Meta(description="Maps a URL or path, as in the task's data, to a file of the corpus folder."),
    ] = {}


def is_reference(text: str) -> bool:
    """Whether a text in a task's data is only a URL or path (HumanSignal/label-studio#1890, #5459)."""
    return bool(_REFERENCE.fullmatch(text))


class Offsets(Record):
    """How to read offsets: white space at the edges of spans, and the unit in which the exports count.

    `unit` applies only where the units give different spans and neither the region's quote nor the other regions of
    the annotation determine the span. With "proved" (the default), such a region is quarantined.
    """

    edge_spaces: Annotated[
        Literal["trim", "keep"],
        Meta(description="Whether white space at the edges of a span is removed (trim) or stays (keep)."),
    ] = "trim"
    unit: Annotated[
        Literal["proved", "code points", "utf16", "crlf", "crlf+utf16"],
        Meta(
            description="The unit in which the exports count offsets, for spans that nothing else determines. With "
            '"proved", such spans are quarantined.'
        ),
    ] = "proved"


class Citation(Record):
    """How to cite the corpus: author, year and URL."""

    author: Annotated[str, Meta(description="The author or authors.")]
    year: Annotated[int, Meta(description="The year of publication.")]
    url: Annotated[str | None, Meta(description="The address of the corpus.")] = None


class Release(Record):
    """What a release may publish. `public_addresses` are e-mail addresses already public, such as a newsroom's."""

    public_addresses: Annotated[
        list[str],
        Meta(description="E-mail addresses in the texts that are already public. They do not block a release."),
    ] = []


class Corpus(Record):
    """The corpus: name, version, splits, choice of gold, and citation.

    `near_duplicates`, a share such as 0.3, keeps near-duplicate articles of different events (an agency report in two
    papers) in one split. Two articles are near-duplicates if at least this share of all their three-word sequences
    occurs in both. By default it is None, and only the event decides. The reason is the cost: the search takes a pass
    over all texts and the extra `scale`, and a corpus with one split does not need it.
    """

    name: Annotated[str, Meta(description="The name of the dataset.")]
    version: Annotated[
        str,
        Meta(
            description="The version of the dataset, as MAJOR.MINOR.PATCH.",
            extra_json_schema={"pattern": f"^{VERSION.pattern}$"},
        ),
    ]
    title: Annotated[str, Meta(description="The heading of the dataset card.")] = ""
    license: Annotated[
        str,
        Meta(description='The licence of the annotations, as an id of the hub such as "cc-by-4.0".'),
    ] = ""
    languages: Annotated[
        list[str],
        Meta(description='The languages of the articles, as codes of ISO 639 such as "en".'),
    ] = []
    gold: Annotated[
        Literal["adjudicated", "majority"],
        Meta(
            description="How the gold annotation of an article is chosen: the annotation marked as ground truth "
            "(adjudicated), or the majority of the annotators."
        ),
    ] = "adjudicated"
    splits: Annotated[
        dict[str, int],
        Meta(description="The shares of the splits, such as train = 8 and test = 2. Whole numbers in any proportion."),
    ] = msgspec.field(default_factory=lambda: {"train": 1})
    near_duplicates: Annotated[
        float | None,
        Meta(
            description="The share of three-word sequences, from 0.25 to 1, from which two articles count as "
            "near-duplicates and share a split (default: no search)."
        ),
    ] = None
    articles: Annotated[
        FromTasks,
        Meta(description="Where the articles come from, if there are no seeds."),
    ] = msgspec.field(default_factory=FromTasks)
    offsets: Annotated[Offsets, Meta(description="How offsets are read.")] = msgspec.field(default_factory=Offsets)
    citation: Annotated[
        Citation | None,
        Meta(description="How to cite the corpus. It appears in the card and in the Croissant metadata."),
    ] = None
    release: Annotated[
        Release,
        Meta(description="What a release may publish."),
    ] = msgspec.field(default_factory=Release)


class Waiver(Record):
    """An accepted problem, with the reason. A waiver that covers no problem is an error."""

    code: Annotated[
        str,
        Meta(
            description="The code of the problem.", extra_json_schema={"enum": sorted(CODES.keys() - {"stale-waiver"})}
        ),
    ]
    reason: Annotated[str, Meta(description="Why the problem is accepted.")]
    file: Annotated[str | None, Meta(description="Limits the waiver to problems of this file.")] = None
    article_id: Annotated[str | None, Meta(description="Limits the waiver to problems of this article.")] = None
    task_id: Annotated[str | None, Meta(description="Limits the waiver to problems of this task.")] = None
    annotation_id: Annotated[str | None, Meta(description="Limits the waiver to problems of this annotation.")] = None
    region_id: Annotated[str | None, Meta(description="Limits the waiver to problems of this region.")] = None


class Waivers(Record):
    """The content of waivers.toml."""

    waivers: Annotated[list[Waiver], Meta(description="The waivers, each as a table.")] = []


def split_of(event_id: str, policy: dict[str, int]) -> str:
    """Return the split of an event, chosen by the hash of its id. So all articles of an event are in one split.

    `policy` maps each split to its weight.
    """
    total = sum(policy.values())
    position = hash_number(event_id.encode()) * total >> 64
    ends = accumulate(policy.values())
    return next(split for split, end in zip(policy, ends, strict=True) if position < end)
