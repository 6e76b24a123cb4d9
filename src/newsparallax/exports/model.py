"""Types of a Label Studio task, with every field that Label Studio is known to write, in the same order.

The types also name the fields that this package does not use. So decoding and encoding a task loses a key only if the
key is a duplicate or unknown (decode.py). A missing field that is not used is UNSET, so that a null is kept; such
fields are not compared (`as_read`). For used fields, null and missing are the same, unless the field is often null.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType


class Known(msgspec.Struct, omit_defaults=True, gc=False):  # JSON values have no reference cycles
    """Base class of objects with known fields. Encoding leaves out fields that were missing."""


class GlobalOffsets(Known):
    """Offsets of a HyperText region in the rendered text."""

    start: int | float | str | None = None
    end: int | float | str | None = None


class RegionValue(Known):
    """The `value` of a result item, with the keys of the supported controls; other controls are not converted."""

    start: int | float | str | None = None
    end: int | float | str | None = None
    text: str | list[str] | None = None
    labels: list[str] | None = None
    hypertextlabels: list[str] | None = None
    choices: list[str | list[str]] | None = None  # nested choices are lists
    taxonomy: list[list[str]] | None = None
    rating: int | float | None = None
    number: int | float | None = None
    globalOffsets: GlobalOffsets | None = None  # noqa: N815 - Label Studio's spelling
    startOffset: int | float | None = None  # noqa: N815
    endOffset: int | float | None = None  # noqa: N815


class Item(Known):
    """A result item. Relations have `from_id` and `to_id` instead of `id` and `value`."""

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
    """The annotator who completed an annotation, in the long form. Names are not used."""

    id: int | str | None = None
    email: str | None = None
    first_name: Any = UNSET
    last_name: Any = UNSET


def address_of(who: Any) -> str:
    """Return the e-mail address of an annotator in the long form, in lower case, or "" if there is none."""
    return (who.email or "").strip().casefold() if isinstance(who, Completer) else ""


class Annotation(Known):
    """An annotation in an export; `result` has items, or in some exports lists of items."""

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
    """A task in an export; old exports have `completions` instead of `annotations`."""

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


def as_read(value: Any, without: tuple[str, ...] = ()) -> Any:
    """Return a value in which tuples of the used fields replace the records, for comparison or display.

    `without` names fields of the outermost record to leave out.
    """
    if isinstance(value, Known):
        return tuple(as_read(getattr(value, name)) for name in _read_fields(type(value)) if name not in without)
    return [as_read(part) for part in value] if isinstance(value, list) else value


@cache
def _read_fields(kind: type[Known]) -> tuple[str, ...]:
    return tuple(field.name for field in msgspec.structs.fields(kind) if field.default is not UNSET)
