"""The keys of the JSON output of `agreement --json`: the types describe it for docs/reference/ and for a test.

The output is not made from these types, because it is written in pieces (`building/run.py`).
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType


class _Object(msgspec.Struct, forbid_unknown_fields=True):
    """An object of the output."""


class CorpusVersion(_Object):
    """The corpus that was measured."""

    name: Annotated[str, Meta(description="Name of the dataset.")]
    version: Annotated[str, Meta(description="Version of the dataset.")]
    codebook_version: Annotated[str | None, Meta(description="Version of the codebook.")]


class AnnotatorInfo(_Object):
    """An annotator, as described in annotators.toml."""

    kind: Annotated[str, Meta(description="`human`, `model` or `unknown`.")]
    role: Annotated[str | None, Meta(description="Role of the annotator, such as `adjudicator`.")]
    given: Annotated[str | None, Meta(description="What the annotator received, such as the guidelines.")]


class Bootstrap(_Object):
    """How intervals are computed: the units are resampled, and the measure is computed for each resample."""

    resamples: Annotated[int, Meta(description="Number of resamples.")]
    share: Annotated[float, Meta(description="Share of the resamples inside an interval, such as 0.95.")]
    least_units: Annotated[int, Meta(description="Minimum number of units for an interval.")]
    articles_for_articles_as_units: Annotated[
        int, Meta(description="Minimum number of articles for which the units are articles; below it, they are blocks.")
    ]


class LeftOut(_Object):
    """What was not compared."""

    results_quarantined: Annotated[int, Meta(description="Number of result items that were not converted.")]
    annotations_cancelled: Annotated[int, Meta(description="Number of cancelled annotations.")]


class Measure(_Object):
    """A measure with its bootstrap interval."""

    value: Annotated[float | None, Meta(description="The measure; null if it is undefined.")]
    interval: Annotated[list[float] | None, Meta(description="Lower and upper end; null if there is none.")]
    reason: Annotated[str | UnsetType, Meta(description="Why a value above is null; missing if none is.")] = UNSET


class CommonItems(_Object):
    """How many items, such as ids or relations, both annotators have."""

    n: Annotated[
        dict[str, float],
        Meta(description="Items of annotator a, of annotator b, and of both; `a_and_b` is the sum of a and b."),
    ]
    f1: Annotated[Measure, Meta(description="F1 of the common items.")]


class ValueFigures(_Object):
    """Agreement on labels, on an attribute, or on a value about the article. The keys depend on the kind of value."""

    n: Annotated[
        int | dict[str, float],
        Meta(
            description="Labels, `choice`, `rating`, `number`: number of compared pairs of values. `ref`, `taxonomy`: "
            "as in CommonItems. `text`: number of places where both wrote something, only a, only b, or none."
        ),
    ]
    kind: Annotated[str | UnsetType, Meta(description="Kind of the field in codebook.toml; missing for labels.")] = (
        UNSET
    )
    level: Annotated[
        str | UnsetType, Meta(description="How alpha weighs differences: `nominal`, `ordinal`, `interval` or `masi`.")
    ] = UNSET
    equal: Annotated[Measure | UnsetType, Meta(description="Share of equal values.")] = UNSET
    alpha: Annotated[
        Measure | UnsetType,
        Meta(
            description="Krippendorff's alpha. In `overall`, it covers all annotators of the kind at once, on items "
            "that they marked at exactly the same places."
        ),
    ] = UNSET
    looked_up: Annotated[
        bool | UnsetType,
        Meta(description="True where annotators find the value in the list of entities; alpha and kappa are left out."),
    ] = UNSET
    kappa: Annotated[Measure | UnsetType, Meta(description="Cohen's kappa; only for two annotators.")] = UNSET
    values: Annotated[int | UnsetType, Meta(description="Number of values that alpha covers in `overall`.")] = UNSET
    f1: Annotated[Measure | UnsetType, Meta(description="F1 of the ids or paths of `ref` and `taxonomy`.")] = UNSET
    table: Annotated[
        list[list[str | int | None]] | UnsetType,
        Meta(description="Entries [value of a, value of b, count]; null where an annotator gave no value."),
    ] = UNSET


class LayerFigures(_Object):
    """Agreement on the spans of a layer."""

    n: Annotated[
        dict[str, int], Meta(description="Spans of a, of b, and matched ones; `a_and_b` is the sum of a and b.")
    ]
    exact: Annotated[Measure, Meta(description="F1 of spans with the same offsets.")]
    exact_label: Annotated[Measure, Meta(description="F1 of spans with the same offsets and labels.")]
    overlap: Annotated[Measure, Meta(description="F1 of spans that overlap.")]
    labels: Annotated[ValueFigures, Meta(description="Labels of matched spans.")]
    attributes: Annotated[dict[str, ValueFigures], Meta(description="Attributes of matched spans, by name.")]
    relations: Annotated[dict[str, CommonItems], Meta(description="Relations of matched spans, by name.")]
    tuples: Annotated[
        CommonItems | UnsetType,
        Meta(
            description="Spans together with the targets of all their relations, compared by labels and by the share "
            "of common code points; missing for a layer without relations."
        ),
    ] = UNSET


class GroupFigures(_Object):
    """Agreement of two annotators (a and b, in this order), or of all pairs of two kinds of annotators."""

    annotators: Annotated[list[str], Meta(description="The two annotators; empty in `overall`.")]
    kinds: Annotated[list[str], Meta(description="The kinds of the two annotators.")]
    between: Annotated[str, Meta(description="The kinds in words.")]
    articles: Annotated[int, Meta(description="Number of articles that were compared.")]
    unit: Annotated[str, Meta(description="What is resampled for intervals: articles, blocks, or groups of them.")]
    units: Annotated[int, Meta(description="Number of these units.")]
    layers: Annotated[dict[str, LayerFigures], Meta(description="Figures by layer.")]
    document: Annotated[dict[str, ValueFigures], Meta(description="Figures of values about the article, by name.")]


class RelationTarget(_Object):
    """A relation of a disputed span, with the span to which it leads."""

    name: Annotated[str, Meta(description="Name of the relation.")]
    layer: Annotated[str, Meta(description="Layer of the target.")]
    start: Annotated[int, Meta(description="Offset of the target.")]
    end: Annotated[int, Meta(description="Offset after the target.")]
    quote: Annotated[str, Meta(description="Text of the target.")]
    labels: Annotated[list[str], Meta(description="Labels of the target.")]


class DisputedMark(_Object):
    """What one annotator marked: a span (all keys but `value`), or a value about the article (`value`)."""

    annotation_id: Annotated[str | None, Meta(description="Id of the annotation.")]
    region_id: Annotated[str | UnsetType | None, Meta(description="Id of the region in the export.")] = UNSET
    span_id: Annotated[str | UnsetType | None, Meta(description="Id of the span in the dataset.")] = UNSET
    start: Annotated[int | UnsetType, Meta(description="Offset of the span.")] = UNSET
    end: Annotated[int | UnsetType, Meta(description="Offset after the span.")] = UNSET
    quote: Annotated[str | UnsetType, Meta(description="Text of the span.")] = UNSET
    labels: Annotated[list[str] | UnsetType, Meta(description="Labels of the span.")] = UNSET
    attributes: Annotated[dict[str, Any] | UnsetType, Meta(description="Attributes of the span.")] = UNSET
    relations: Annotated[list[RelationTarget] | UnsetType, Meta(description="Relations of the span.")] = UNSET
    value: Annotated[Any, Meta(description="The value about the article; null if the annotator gave none.")] = UNSET


class DisputeContext(_Object):
    """The text around a disputed span."""

    start: Annotated[int, Meta(description="Offset of `text` in the text of the article.")]
    end: Annotated[int, Meta(description="Offset after `text`.")]
    text: Annotated[str, Meta(description="The text.")]
    block_starts: Annotated[list[int], Meta(description="Offsets at which blocks begin in `text`.")]


class Dispute(_Object):
    """A place where two annotators differ."""

    annotators: Annotated[list[str], Meta(description="The two annotators.")]
    article_id: Annotated[str, Meta(description="Id of the article.")]
    text: Annotated[str | None, Meta(description="Name of the text in codebook.toml.")]
    layer: Annotated[str, Meta(description="The layer, or the name of a value about the article.")]
    differs: Annotated[
        list[str],
        Meta(
            description="What differs: `marked` (only one annotator has a span), `span` (the offsets), `labels`, "
            "`attributes.NAME`, `relations.NAME`, or `value` (about the article). Notes are not compared."
        ),
    ]
    marks: Annotated[
        list[DisputedMark | None], Meta(description="What each annotator marked; null for an annotator without a span.")
    ]
    context: Annotated[
        DisputeContext | None, Meta(description="The text around the spans; null for a value about the article.")
    ]


class AgreementReport(_Object):
    """The agreement of the annotators of a corpus. Offsets count code points of the article's text, end excluded."""

    schema: Annotated[str, Meta(description="Name and version of this format.")]
    corpus: Annotated[CorpusVersion, Meta(description="The corpus.")]
    annotators: Annotated[dict[str, AnnotatorInfo], Meta(description="The compared annotators, by pseudonym.")]
    bootstrap: Annotated[Bootstrap, Meta(description="How intervals are computed.")]
    overall: Annotated[
        list[GroupFigures], Meta(description="All pairs together: one entry for each combination of two kinds.")
    ]
    pairs: Annotated[list[GroupFigures], Meta(description="One entry for each pair of annotators.")]
    against_gold: Annotated[
        list[GroupFigures],
        Meta(
            description="One entry for each annotator (a), compared with the annotator (b) of the annotations that are "
            "starred as ground truth."
        ),
    ]
    pairs_dropped: Annotated[
        bool, Meta(description="Whether some pairs have no entry, because there are too many pairs.")
    ]
    left_out: Annotated[LeftOut, Meta(description="What was not compared.")]
    disputes_total: Annotated[int, Meta(description="Number of disputes.")]
    disputes: Annotated[list[Dispute], Meta(description="All disputes.")]
