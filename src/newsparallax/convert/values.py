"""Values of attributes and document layers: from what an export holds to what the codebook declares.

Kinds and their Python values: choice and ref -> the key (a list of keys with `many`), text -> str (list with `many`),
taxonomy -> a list of paths, each a list of str, rating -> int, number -> float.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .codebook import LEVELS, Field
from .registry import Entity
from .task import RegionValue


class Refused(NamedTuple):
    """Why a value cannot be taken."""

    code: str
    message: str


def parse_value(field: Field, value: RegionValue | None, entities: Mapping[str, Entity]) -> Any:
    """The value of `field` in a result item's `value`, or Refused; None where the item holds nothing."""
    if value is None:
        return Refused("bad-value", "the item has no `value`")
    chosen = value.choices
    if chosen is not None and len(chosen) == 1:  # as nearly all values are; the parsers come to the same
        word = chosen[0]
        known = field.known.get(word) if field.kind == "choice" else word if word in entities else None
        if known is not None and field.kind in ("choice", "ref"):
            return [known] if field.many else known
    return _PARSERS[field.kind](field, value, entities)


def _choice(field: Field, value: RegionValue, entities: Mapping[str, Entity]) -> Any:
    chosen = value.choices
    if chosen is None:
        return Refused("bad-value", "expected `choices`")
    known = field.known
    try:
        return _one_or_many(field, [known[word] for word in chosen])
    except KeyError:
        unknown = [word for word in chosen if word not in known]
        return Refused("unknown-value", f"{_listed(unknown)} not among {_listed(list(field.values))}")


def _text(field: Field, value: RegionValue, entities: Mapping[str, Entity]) -> Any:
    if value.text is None:
        return Refused("bad-value", "expected `text`")
    return _one_or_many(field, [value.text] if isinstance(value.text, str) else value.text)


def _ref(field: Field, value: RegionValue, entities: Mapping[str, Entity]) -> Any:
    given = value.choices if value.choices is not None else value.text
    if given is None:
        return Refused("bad-value", "expected `choices` or `text` with ids of the registry")
    ids = [part.strip() for part in ([given] if isinstance(given, str) else given)]
    unknown = [part for part in ids if part not in entities]
    if unknown:
        return Refused("unknown-reference", f"{_listed(unknown)} not in {field.registry}.toml")
    return _one_or_many(field, ids)


def _taxonomy(field: Field, value: RegionValue, entities: Mapping[str, Entity]) -> Any:
    if value.taxonomy is None:
        return Refused("bad-value", "expected `taxonomy`")
    if not field.values:  # the codebook leaves the tree open
        return value.taxonomy
    known = field.known
    paths = [LEVELS.join(path) for path in value.taxonomy]
    unknown = [path for path in paths if path not in known]
    if unknown:
        return Refused("unknown-value", f"{_listed(unknown)} not among {_listed(list(field.values))}")
    return [known[path].split(LEVELS) for path in paths]


def _rating(field: Field, value: RegionValue, entities: Mapping[str, Entity]) -> Any:
    if value.rating is None or value.rating != int(value.rating) or abs(value.rating) >= 2**63:
        return Refused("bad-value", f"expected a whole number as `rating`, found {value.rating}")
    return int(value.rating)


def _number(field: Field, value: RegionValue, entities: Mapping[str, Entity]) -> Any:
    return Refused("bad-value", "expected `number`") if value.number is None else float(value.number)


_PARSERS = {
    "choice": _choice,
    "text": _text,
    "ref": _ref,
    "taxonomy": _taxonomy,
    "rating": _rating,
    "number": _number,
}


def _one_or_many(field: Field, values: list[str]) -> Any:
    if field.many:
        return values
    if len(values) == 1:
        return values[0]
    return Refused("several-values", f"takes one value, found {_listed(values)}") if values else None


def _listed(words: list[str], limit: int = 8) -> str:
    shown = ", ".join(map(repr, words[:limit]))
    return f"{shown}, ... ({len(words)} in all)" if len(words) > limit else shown
