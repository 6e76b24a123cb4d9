"""Parse the values of attributes and document layers: from the export's form to the form that the codebook declares.

Kinds and their Python values: choice and ref -> the key (a list of keys with `many`), text -> str (list with `many`),
taxonomy -> a list of paths, each a list of str, rating -> int, number -> float.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..corpus import LEVELS, Entity, Field
from ..exports import RegionValue
from ..problems import Rejection
from ..text import did_you_mean


def parse_value(field: Field, value: RegionValue | None, entities: Mapping[str, Entity]) -> Any:
    """Return the value of `field` in a result item's `value`, or a Rejection; None where the item is empty."""
    if value is None:
        return Rejection("bad-value", "the item has no `value`")
    chosen = value.choices
    if chosen is not None and len(chosen) == 1 and type(word := chosen[0]) is str:  # the usual case
        kind = field.kind
        known = field.known.get(word) if kind == "choice" else word if kind == "ref" and word in entities else None
        if known is not None:  # the parsers give the same result
            return [known] if field.many else known
    return _PARSERS[field.kind](field, value, entities)


def _choice(field: Field, value: RegionValue, entities: Mapping[str, Entity]) -> Any:
    if value.choices is None:
        return Rejection("bad-value", "the item has no `choices`")
    chosen = [LEVELS.join(path) for path in _paths(value.choices)]
    known = field.known
    try:
        return _one_or_many(field, [known[word] for word in chosen])
    except KeyError:
        unknown = [word for word in chosen if word not in known]
        return Rejection("unknown-value", _unknown(unknown, field))


def _text(field: Field, value: RegionValue, entities: Mapping[str, Entity]) -> Any:
    if value.text is None:
        return Rejection("bad-value", "the item has no `text`")
    return _one_or_many(field, [value.text] if isinstance(value.text, str) else value.text)


def _ref(field: Field, value: RegionValue, entities: Mapping[str, Entity]) -> Any:
    chosen = None if value.choices is None else [LEVELS.join(path) for path in _paths(value.choices)]
    reference = chosen if chosen is not None else value.text
    if reference is None:
        return Rejection("bad-value", "the item has no `choices` and no `text` with ids of the registry")
    ids = [part.strip() for part in ([reference] if isinstance(reference, str) else reference)]
    unknown = [part for part in ids if part not in entities]
    if unknown:
        message = f"{_listed(unknown)} is not in {field.registry}.toml{did_you_mean(unknown[0], entities)}"
        return Rejection("unknown-reference", message)
    return _one_or_many(field, ids)


def _taxonomy(field: Field, value: RegionValue, entities: Mapping[str, Entity]) -> Any:
    nested = value.taxonomy if value.taxonomy is not None else value.choices
    if nested is None:
        return Rejection("bad-value", "the item has no `taxonomy` and no nested `choices`")
    if not field.values:  # the codebook leaves the tree open
        return _paths(nested)
    known = field.known
    paths = [LEVELS.join(path) for path in _paths(nested)]
    unknown = [path for path in paths if path not in known]
    if unknown:
        return Rejection("unknown-value", _unknown(unknown, field))
    return [known[path].split(LEVELS) for path in paths]


def _rating(field: Field, value: RegionValue, entities: Mapping[str, Entity]) -> Any:
    if value.rating is None or value.rating != int(value.rating) or abs(value.rating) >= 2**63:
        return Rejection("bad-value", f"`rating` is {value.rating}; expected an integer")
    return int(value.rating)


def _number(field: Field, value: RegionValue, entities: Mapping[str, Entity]) -> Any:
    return Rejection("bad-value", "the item has no `number`") if value.number is None else float(value.number)


_PARSERS = {
    "choice": _choice,
    "text": _text,
    "ref": _ref,
    "taxonomy": _taxonomy,
    "rating": _rating,
    "number": _number,
}


def _paths(chosen: Sequence[str | list[str]]) -> list[list[str]]:
    """Return choices as paths; with `allowNested`, Label Studio writes the path to a choice instead of its name."""
    return [[word] if isinstance(word, str) else word for word in chosen]


def _one_or_many(field: Field, values: list[str]) -> Any:
    if field.many:
        return values
    if len(values) == 1:
        return values[0]
    return Rejection("several-values", f"allows one value; found {_listed(values)}") if values else None


def _unknown(unknown: list[str], field: Field) -> str:
    return f"{_listed(unknown)} is not one of {_listed(list(field.values))}{did_you_mean(unknown[0], field.known)}"


def _listed(words: list[str], limit: int = 8) -> str:
    shown = ", ".join(map(repr, words[:limit]))
    return f"{shown}, ... ({len(words)} in all)" if len(words) > limit else shown
