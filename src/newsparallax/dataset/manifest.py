"""Make and read the manifest, which lists the content of a build, its versions, its digests and its counts.

The sums of counts do not depend on order or grouping of the parts.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ..agreement import Agreement
from ..corpus import METHODS, CorpusSpec, schema
from ..errors import CorpusError, UsageError
from ..ids import DIGEST_MODULUS, short_hash


class Counts(msgspec.Struct):
    """The manifest's `counts`, in the order in which they are written; zero counts are written, too."""

    articles: Annotated[int, Meta(description="Articles.")] = 0
    events: Annotated[int, Meta(description="Events that the articles report.")] = 0
    tasks: Annotated[int, Meta(description="Tasks in the exports.")] = 0
    annotations: Annotated[int, Meta(description="Annotations that are not cancelled.")] = 0
    annotations_cancelled: Annotated[int, Meta(description="Cancelled (skipped) annotations.")] = 0
    drafts: Annotated[int, Meta(description="Drafts. They are not converted.")] = 0
    predictions: Annotated[int, Meta(description="Predictions. They are not converted.")] = 0
    results_in: Annotated[int, Meta(description="Items of `result` in the annotations that are not cancelled.")] = 0
    results_accepted: Annotated[int, Meta(description="Items that became part of a row unchanged.")] = 0
    results_repaired: Annotated[
        int,
        Meta(description="Items that became part of a row after a repair of their offsets."),
    ] = 0
    results_quarantined: Annotated[
        int,
        Meta(description="Items that were not converted. Each is in problems.jsonl."),
    ] = 0
    results_without_quote: Annotated[
        int,
        Meta(description="Spans whose items have no quote as proof of their place."),
    ] = 0
    annotations_edited_by_another: Annotated[
        int,
        Meta(description="Annotations that somebody other than the annotator changed last."),
    ] = 0
    problems_waived: Annotated[int, Meta(description="Problems that a waiver accepts.")] = 0
    problems_following: Annotated[int, Meta(description="Problems that another problem caused.")] = 0
    problems: Annotated[dict[str, int], Meta(description="Number of problems, by code.")] = {}
    repairs: Annotated[dict[str, int], Meta(description="Number of repairs, by method.")] = {}
    article_states: Annotated[
        dict[str, int],
        Meta(description="Number of articles, by state of their gold annotation."),
    ] = {}
    gold: Annotated[
        dict[str, int],
        Meta(description="Number of articles, by the way in which gold was chosen and by who made it."),
    ] = {}
    annotations_by: Annotated[dict[str, int], Meta(description="Number of annotations, by pseudonym.")] = {}
    tokens: Annotated[
        dict[str, int],
        Meta(description="Numbers of gold spans of the token layer, and of those that the BIO tags cannot show."),
    ] = {}


@dataclass
class BuildCounts:
    """Accumulated counts: plain ones, and counts by a name (problem code, repair method, label, annotator ...)."""

    counts: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    repairs: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    gold: Counter[str] = field(default_factory=Counter)
    rows: Counter[tuple[str, str]] = field(default_factory=Counter)
    labels: Counter[tuple[str, str]] = field(default_factory=Counter)
    annotators: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    texts: Counter[str] = field(default_factory=Counter)  # "total", and "reserved": those that may not be redistributed
    events: set[str] = field(default_factory=set)
    events_counted: int = 0  # distinct events that are counted without their ids; `events` has none of them
    shared: dict[str, int] = field(default_factory=dict)  # user number -> number of people who share it, if above 1
    agreement: Agreement = field(default_factory=Agreement)
    digests: dict[tuple[str, str], int] = field(
        default_factory=dict
    )  # sum of the digests of a config's and split's rows
    figures: dict[str, Any] | None = None  # cached result computed from `agreement`, which is slow

    def add(self, other: BuildCounts) -> None:
        """Add the counts of `other` to this tally."""
        for name in _COUNTERS:
            getattr(self, name).update(getattr(other, name))
        self.events |= other.events
        self.events_counted += other.events_counted
        self.shared |= other.shared
        self.agreement.add(other.agreement)
        self.figures = None
        for key, digest in other.digests.items():
            self.digests[key] = (self.digests.get(key, 0) + digest) % DIGEST_MODULUS

    @property
    def digest(self) -> int:
        """The sum of the digests of all rows."""
        return sum(self.digests.values()) % DIGEST_MODULUS

    def __add__(self, other: BuildCounts) -> BuildCounts:
        total = BuildCounts()
        total.add(self)
        total.add(other)
        return total

    def as_counts(self) -> Counts:
        """Return the manifest's `counts`."""
        named: dict[str, Counter[str]] = {
            "problems": self.problems,
            "repairs": self.repairs,
            "article_states": self.states,
            "gold": self.gold,
            "annotations_by": self.annotators,
            "tokens": self.tokens,
        }
        plain: dict[str, Any] = {name: self.counts[name] for name in Counts.__struct_fields__ if name not in named}
        by_name = {name: dict(sorted(counter.items())) for name, counter in named.items()}
        return Counts(**plain | by_name | {"events": len(self.events) + self.events_counted})


_COUNTERS = ("counts", "problems", "repairs", "states", "gold", "rows", "labels", "annotators", "tokens", "texts")


FORMAT = 1
MARK = "manifest.json"  # marks a finished build and lists its files


class FileFacts(msgspec.Struct):
    """A file of a dataset: SHA-256 (hexadecimal), size in bytes; for a Parquet file also rows and Arrow bytes."""

    sha256: Annotated[str, Meta(description="SHA-256 of the file, in hexadecimal.")]
    bytes: Annotated[int, Meta(description="Size in bytes.")] = 0
    rows: Annotated[int | None, Meta(description="Number of rows of a Parquet file; null for other files.")] = None
    arrow_bytes: Annotated[
        int | UnsetType,
        Meta(description="Size of a Parquet file's rows as Arrow data, in bytes; missing for other files."),
    ] = UNSET


class Texts(msgspec.Struct):
    """Numbers of texts: in total, reserved (not redistributable) and withheld; digest of the dataset with all texts.

    `restored` is the number of withheld texts that a user has restored.
    """

    total: Annotated[int, Meta(description="Number of texts.")] = 0
    reserved: Annotated[int, Meta(description="Number of texts that may not be redistributed.")] = 0
    withheld: Annotated[int, Meta(description="Number of texts that this folder does not contain.")] = 0
    full_content_digest: Annotated[str, Meta(description="Content digest of the dataset with all texts.")] = ""
    restored: Annotated[
        int | UnsetType,
        Meta(description="Number of withheld texts that a user has restored; missing where none was restored."),
    ] = UNSET


class NearDuplicates(msgspec.Struct):
    """The similarity from which texts share a split, and the numbers of groups and of grouped events."""

    at_least: Annotated[
        float,
        Meta(description="The share of common three-word sequences from which two texts are near-duplicates."),
    ]
    groups: Annotated[
        int,
        Meta(description="Number of groups of events that share a split because of near-duplicates."),
    ]
    events: Annotated[int, Meta(description="Number of events in these groups.")]


class Splits(msgspec.Struct):
    """The rules by which articles were assigned to splits."""

    policy: Annotated[dict[str, int], Meta(description="The share of each split, from `splits` in corpus.toml.")] = {}
    by: Annotated[str, Meta(description="The column that decides the split of an article.")] = "event_id"
    near_duplicates: Annotated[
        NearDuplicates | UnsetType,
        Meta(description="The groups of near-duplicates; missing where the corpus does not group them."),
    ] = UNSET


class Manifest(msgspec.Struct):
    """The content of manifest.json."""

    name: Annotated[str, Meta(description="Name of the dataset.")]
    version: Annotated[str, Meta(description="Version of the dataset.")]
    content_digest: Annotated[
        str,
        Meta(
            description="Digest of all rows and of the features of all configs. It does not depend on the order of "
            "rows or on file formats."
        ),
    ]
    manifest_version: Annotated[int, Meta(description="Version of this format.")] = FORMAT
    codebook_version: Annotated[str | None, Meta(description="Version of the codebook.")] = None
    texts: Annotated[
        Texts | None,
        Meta(description="Numbers of texts; null if an early version of the program built the dataset."),
    ] = None
    human_gold: Annotated[int, Meta(description="Number of articles whose gold annotation a human made.")] = 0
    model_gold: Annotated[int, Meta(description="Number of articles whose gold annotation a model made.")] = 0
    counts: Annotated[
        Counts,
        Meta(description="Numbers of what was read and converted."),
    ] = msgspec.field(default_factory=Counts)
    rows: Annotated[dict[str, dict[str, int]], Meta(description="Number of rows, by config and split.")] = {}
    labels: Annotated[dict[str, dict[str, int]], Meta(description="Number of gold spans, by layer and label.")] = {}
    splits: Annotated[
        Splits,
        Meta(description="How articles were assigned to splits."),
    ] = msgspec.field(default_factory=Splits)
    annotators: Annotated[
        dict[str, str],
        Meta(description="Kind of each annotator (human, model or unknown), by pseudonym."),
    ] = {}
    tools: Annotated[dict[str, str], Meta(description="Versions of the tools that affect the bytes of the files.")] = {}
    files: Annotated[dict[str, FileFacts], Meta(description="Facts about each file, by its path in the folder.")] = {}

    def as_json(self) -> dict[str, Any]:
        """Return the manifest in its written form, with files sorted by path."""
        content: dict[str, Any] = msgspec.to_builtins(self)
        first = {name: content.pop(name) for name in ("manifest_version", "name", "version", "codebook_version")}
        return first | content | {"files": dict(sorted(content["files"].items()))}


class _Versioned(msgspec.Struct):
    manifest_version: int = FORMAT


def decode_manifest(content: bytes, name: str = MARK) -> Manifest:
    """Decode manifest.json, called `name` in messages.

    Raises ValueError, with the position, for content that is not a manifest. Raises UsageError for a manifest of
    another format version.
    """
    version = msgspec.json.decode(content, type=_Versioned).manifest_version
    if version != FORMAT:
        message = f"has manifest_version {version}; this program reads version {FORMAT}"
        raise UsageError(message, file=name, hint="use the version of newsparallax that wrote it, or a later one")
    return msgspec.json.decode(content, type=Manifest)


def files_listed(content: bytes, name: str = MARK) -> set[str]:
    """Return the files that a manifest lists, and the manifest itself; empty for no manifest of a finished build.

    Raises UsageError as `decode_manifest`.
    """
    try:
        manifest = decode_manifest(content, name)
    except ValueError:
        return set()
    return {MARK, *manifest.files} if manifest.content_digest else set()


def make_manifest(
    context: CorpusSpec, tally: BuildCounts, files: dict[str, FileFacts], tools: dict[str, str]
) -> Manifest:
    """Return the manifest of a build; the same inputs and tools give the same manifest.

    `files` are by path; `tools` has the versions of the tools that affect the bytes of the files.
    """
    corpus, codebook = context.corpus, context.codebook
    shapes = {name: schema.features(struct) for name, struct in schema.configs(codebook).items()}
    digest = content_digest(shapes, tally.digest)
    return Manifest(
        name=corpus.name,
        version=corpus.version,
        content_digest=digest,
        codebook_version=codebook.codebook.version,
        texts=Texts(tally.texts["total"], tally.texts["reserved"], 0, digest),
        human_gold=tally.gold["by_human"],
        model_gold=tally.gold["by_model"],
        counts=tally.as_counts(),
        rows={
            config: {split: count for (name, split), count in sorted(tally.rows.items()) if name == config}
            for config in shapes
        },
        labels={
            name: {label: tally.labels[name, label] for label in layer.labels}
            for name, layer in codebook.layers.items()
        },
        splits=Splits(corpus.splits, "event_id", _near_duplicates(context)),
        annotators={name: annotator.kind for name, annotator in context.annotators.items()},
        tools=tools,
        files=dict(sorted(files.items())),
    )


def _near_duplicates(context: CorpusSpec) -> NearDuplicates | UnsetType:
    """Return the facts about near-duplicate groups, UNSET where the corpus does not group near-duplicates."""
    at_least = context.corpus.near_duplicates
    if at_least is None:
        return UNSET
    return NearDuplicates(at_least, len(set(context.split_as.values())), len(context.split_as))


def require_adjudication(context: CorpusSpec, tally: BuildCounts) -> None:
    """Raise CorpusError for a version from 1.0.0 on where any gold has no human adjudicator."""
    version = context.corpus.version
    lacking = sum(tally.gold[method] for method in METHODS) - tally.gold["adjudicated_by_human"]
    if lacking and int(version.split(".")[0]) >= 1:
        message = f"{version} requires human adjudication, but the gold of {lacking} articles has none"
        hint = "a human must star the adjudicated annotations; otherwise use a version below 1.0.0"
        raise CorpusError(message, file="corpus.toml", place="version", hint=hint)


def content_digest(shapes: dict[str, Any], rows: int) -> str:
    """Return the content digest of a dataset, from the sum of its rows' digests and the features of its configs."""
    return f"{rows:064x}-{short_hash(shapes)}"
