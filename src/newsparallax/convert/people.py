"""Compare several annotations of an article by one person: find copies, and choose the newest annotation."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

import pyarrow as pa

from ..corpus import Annotated
from ..exports import DecodedAnnotation, Item, as_read
from ..ids import natural_order, short_hash
from ..problems import Rejection
from .model import ConvertedAnnotation

Order = tuple[int, int, tuple[int, int, str]]
Place = tuple[int, int]  # number of a task of the article, and place of an annotation in the task

_SECOND = 10**9  # nanoseconds
_MILLISECONDS = 10**11  # a number this high is in milliseconds: as seconds, it would be in the year 5138
_OLDEST = -(10**30)
_TIME = re.compile(r"\s*(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d+))?)?\s*(Z|UTC|[+-]\d\d(?::?\d\d)?)?\s*", re.I)  # fmt: skip  # noqa: E501
_REGION_IDS = ("id", "from_id", "to_id", "parentID")


class Candidate(NamedTuple):
    """An annotation that may be a copy: its place, its id, the texts that its task shows, and its annotator."""

    place: Place
    name: str
    shows: Any
    maker: Annotated
    annotation: DecodedAnnotation


def find_copies(candidates: Iterable[Candidate]) -> dict[Place, str]:
    """Map the place of each copied annotation to the id of the annotation that is kept.

    Copies are annotations of one person, of tasks that show the same texts, with the same items; region ids may differ.
    The starred copy is kept, else the newest, else the first. An annotation without an annotator is a copy only of an
    annotation with the same id.
    """
    by_person: defaultdict[Any, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        by_person[_maker(candidate)].append(candidate)
    copies: dict[Place, str] = {}
    for person in by_person.values():
        by_content: defaultdict[Any, list[Candidate]] = defaultdict(list)
        for candidate in person if len(person) > 1 else ():
            by_content[repr(candidate.shows), _content(candidate.annotation.items)].append(candidate)
        for same in by_content.values():
            kept = max(same, key=_preference)
            copies |= {candidate.place: kept.name for candidate in same if candidate is not kept}
    return copies


def newest_of_each(marked: Iterable[ConvertedAnnotation]) -> list[ConvertedAnnotation]:
    """Return each person's last annotation by `updated_at`, then `created_at`, then id; a missing time is oldest."""
    newest: dict[str, ConvertedAnnotation] = {}
    for annotation in marked:
        newer = newest.get(annotation.person)
        if newer is None or age(annotation.times, annotation.annotation_id) >= age(newer.times, newer.annotation_id):
            newest[annotation.person] = annotation
    return list(newest.values())


def name_people(marked: Iterable[ConvertedAnnotation]) -> None:
    """Set `person` of each annotation of an article; each annotation without a known person gets a separate one."""
    times: Counter[str] = Counter()
    for annotation in marked:
        annotation.person = annotation.annotator.person or f"{annotation.annotator.name} {annotation.annotation_id}"
        times[annotation.person] += 1
        if annotation.annotator.person is None and times[annotation.person] > 1:
            annotation.person += f" ({times[annotation.person]})"


def _maker(candidate: Candidate) -> Any:
    if candidate.maker.person is not None:
        return candidate.maker.person
    named = as_read(candidate.annotation.completed_by)
    return ("", candidate.name) if named in (None, "", (None, None)) else ("named", repr(named))


def _preference(candidate: Candidate) -> tuple[bool, Order]:
    return candidate.annotation.ground_truth, age(candidate.annotation.times, candidate.name)


def age(times: tuple[Any, Any], name: str) -> Order:
    """Return the sort key of one person's annotations, newest last: `updated_at`, `created_at` (missing first), id."""
    updated, created = times
    return _instant(updated), _instant(created), natural_order(name)


def _instant(value: Any) -> int:
    """Convert an ISO 8601 time (UTC if it names no zone) or a number of (milli)seconds to nanoseconds since 1970."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return int(value * (_SECOND if abs(value) < _MILLISECONDS else _SECOND // 1000))
    parts = _TIME.fullmatch(value) if isinstance(value, str) else None
    if parts is None:
        return _OLDEST
    date, time, fraction, zone = parts.groups()
    zone = "Z" if zone is None or zone.upper() in ("Z", "UTC") else zone
    try:
        seconds = pa.scalar(f"{date}T{time or '00:00'}{zone}").cast(pa.timestamp("s", "UTC")).value
    except pa.ArrowInvalid:  # an invalid day or hour
        return _OLDEST
    return int(seconds) * _SECOND + int((fraction or "")[:9].ljust(9, "0"))


def _content(items: list[Item | Rejection]) -> tuple[str, ...]:
    """Return a key that is equal for identical annotations: item order is ignored, digests replace region ids."""
    readable = [item for item in items if isinstance(item, Item)]
    own: defaultdict[str, list[str]] = defaultdict(list)
    arrows: defaultdict[str, list[str]] = defaultdict(list)
    for item in readable:
        own[str(item.id)].append(_without_ids(item))
    regions = {region: short_hash(sorted(parts)) for region, parts in own.items()}
    for item in readable:
        ends = (str(item.from_id), str(item.to_id))
        for number, end in enumerate(ends) if item.type == "relation" else ():
            arrows[end].append(repr((_without_ids(item), number, regions.get(ends[1 - number]))))
    regions = {region: short_hash(own, sorted(arrows[region])) for region, own in regions.items()}
    return tuple(
        sorted(
            repr((_without_ids(item), *(regions.get(str(getattr(item, name))) for name in _REGION_IDS)))
            if isinstance(item, Item)
            else repr(item)
            for item in items
        )
    )


def _without_ids(item: Item) -> str:
    return short_hash(as_read(item, without=_REGION_IDS))
