"""A task as Label Studio writes it, as types.

They name every field that it is known to write, read here or not, in its order: what is decoded into them and encoded
again has lost a key only if the key was there twice or is unknown (decode.py). A field that nothing reads is UNSET
where it is absent, so that a null is kept, and must decide about nothing: compared is `as_read`. Of fields that are
read a null is not told from absence, unless they are often null.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType


class Known(msgspec.Struct, omit_defaults=True, gc=False):  # JSON has no cycles for the collector to look for
    """An object with fields that are known; encoding leaves out those that were absent."""


class GlobalOffsets(Known):
    """Offsets into the rendered text of a HyperText region, code points."""

    start: int | float | str | None = None
    end: int | float | str | None = None


class RegionValue(Known):
    """`value` of a result item, with the keys that some control of ours reads; the others are of kinds not taken."""

    start: int | float | str | None = None
    end: int | float | str | None = None
    text: str | list[str] | None = None
    labels: list[str] | None = None
    hypertextlabels: list[str] | None = None
    choices: list[str] | None = None
    taxonomy: list[list[str]] | None = None
    rating: int | float | None = None
    number: int | float | None = None
    globalOffsets: GlobalOffsets | None = None  # noqa: N815 - Label Studio's spelling
    startOffset: int | float | None = None  # noqa: N815
    endOffset: int | float | None = None  # noqa: N815


class Item(Known):
    """A result item. Relations have `from_id` and `to_id` in the place of `id` and `value`."""

    id: str | int | None = None
    from_name: str | None = None
    to_name: str | None = None
    type: str | None = None
    origin: Any = UNSET
    value: RegionValue | None = None
    from_id: str | int | None = None
    to_id: str | int | None = None
    direction: str | None = None
    labels: list[str] | None = None
    meta: Any = None
    score: Any = None
    parentID: Any = None  # noqa: N815
    readonly: Any = UNSET
    hidden: Any = UNSET
    locked: Any = UNSET


class Completer(Known):
    """Who completed an annotation, in its long form; nothing personal is read."""

    id: int | str | None = None
    email: str | None = None
    first_name: Any = UNSET
    last_name: Any = UNSET


class Annotation(Known):
    """An annotation as it stands; `result` holds items, in some exports lists of them."""

    id: int | str | None = None
    completed_by: int | str | Completer | list[Any] | UnsetType | None = UNSET
    result: list[Item | list[Item]] | None = None
    was_cancelled: bool | None = None
    ground_truth: bool | None = None
    created_at: Any = UNSET
    updated_at: Any = UNSET
    draft_created_at: Any = UNSET
    lead_time: Any = UNSET
    prediction: Any = UNSET
    result_count: Any = UNSET
    unique_id: str | UnsetType | None = UNSET
    import_id: Any = UNSET
    last_action: Any = UNSET
    bulk_created: Any = UNSET
    task: Any = UNSET
    project: Any = UNSET
    updated_by: int | str | Completer | UnsetType | None = UNSET
    parent_prediction: Any = UNSET
    parent_annotation: Any = UNSET
    last_created_by: Any = UNSET
    state: Any = UNSET
    skipped: bool | None = None  # the old name of was_cancelled


class Task(Known):
    """A task as it stands; old exports say `completions` for annotations."""

    id: int | str | None = None
    annotations: list[Annotation] | None = None
    file_upload: Any = UNSET
    drafts: list[Any] | None = None
    predictions: list[Any] | None = None
    data: dict[str, Any] | None = None
    meta: Any = UNSET
    created_at: Any = UNSET
    updated_at: Any = UNSET
    allow_skip: Any = UNSET
    inner_id: Any = UNSET
    total_annotations: Any = UNSET
    cancelled_annotations: Any = UNSET
    total_predictions: Any = UNSET
    comment_count: Any = UNSET
    unresolved_comment_count: Any = UNSET
    last_comment_updated_at: Any = UNSET
    project: Any = UNSET
    updated_by: Any = UNSET
    comment_authors: Any = UNSET
    state: Any = UNSET
    completions: list[Annotation] | None = None


def as_read(value: Any) -> Any:
    """A value with tuples of what is read in the place of records of an item or of a person, to compare or to show."""
    if isinstance(value, Known):
        return tuple(as_read(getattr(value, name)) for name in _read_fields(type(value)))
    return [as_read(part) for part in value] if isinstance(value, list) else value


@cache
def _read_fields(kind: type[Known]) -> tuple[str, ...]:
    return tuple(field.name for field in msgspec.structs.fields(kind) if field.default is not UNSET)
